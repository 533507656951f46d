"""Each preset reads the price out of an answer of the shape that its venue documents, and asks for the right pair."""

import asyncio
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from tests.unit.oracle.world import SLOT, ManualClock

from peersettle.config import PresetSource
from peersettle.errors import ConfigError
from peersettle.oracle.sources import PRESETS, Surroundings, build_sources, preset

# As the venues' references show them, shortened, with our price and time.
RECORDED = {
    "binance": (
        "/api/v3/ticker/24hr?symbol=ETHUSDT",
        {
            "symbol": "ETHUSDT",
            "priceChange": "-94.99999800",
            "lastPrice": "2000.25000000",
            "bidPrice": "4.00000000",
            "askPrice": "4.00000200",
            "openTime": 1499783499040,
            "closeTime": SLOT * 1000 + 40,
            "count": 76,
        },
    ),
    "coinbase": (
        "/products/ETH-USDT/ticker",
        {
            "trade_id": 86326522,
            "price": "2000.25",
            "size": "0.00698254",
            "time": "2023-11-14T22:13:30.983Z",
            "bid": "6265.15",
            "ask": "6267.71",
            "volume": "53602.03940154",
        },
    ),
    "kraken": (
        "/0/public/Ticker?pair=ETHUSDT",
        {
            "error": [],
            "result": {
                "XETHZUSDT": {
                    "a": ["30300.10000", "1", "1.000"],
                    "b": ["30300.00000", "1", "1.000"],
                    "c": ["2000.25000", "0.00067643"],
                    "t": [34619, 38907],
                    "o": "30502.80000",
                }
            },
        },
    ),
    "bitstamp": (
        "/api/v2/ticker/ethusdt/",
        {"high": "8069.34", "last": "2000.25", "timestamp": str(SLOT), "bid": "7675.00", "ask": "7675.01"},
    ),
    "okx": (
        "/api/v5/market/ticker?instId=ETH-USDT",
        {
            "code": "0",
            "msg": "",
            "data": [{"instType": "SPOT", "instId": "ETH-USDT", "last": "2000.25", "ts": str(SLOT * 1000 + 157)}],
        },
    ),
    "gemini": (
        "/v1/pubticker/ethusdt",
        {"bid": "977.59", "ask": "977.35", "last": "2000.25", "volume": {"ETH": "2210.5", "timestamp": SLOT * 1000}},
    ),
    "bybit": (
        "/v5/market/tickers?category=spot&symbol=ETHUSDT",
        {
            "retCode": 0,
            "retMsg": "OK",
            "result": {"category": "spot", "list": [{"symbol": "ETHUSDT", "lastPrice": "2000.25"}]},
            "time": SLOT * 1000 + 900,
        },
    ),
    "bitfinex": ("/v2/ticker/tETHUST", [1999.9, 50.2, 2000.1, 30.4, -12.5, -0.0062, 2000.25, 9100.4, 2050, 1950]),
    "kucoin": (
        "/api/v1/market/orderbook/level1?symbol=ETH-USDT",
        {"code": "200000", "data": {"time": SLOT * 1000, "sequence": "1550467636704", "price": "2000.25"}},
    ),
}


def no_chain():
    raise AssertionError("a ticker needs no chain")


def test_every_preset_has_a_recorded_answer():
    assert set(RECORDED) == set(PRESETS)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_reads_its_venue(name):
    route, answer = RECORDED[name]
    asked = []

    async def ask():
        async def handler(request):
            asked.append(request.raw_path)
            return web.json_response(answer)

        app = web.Application()
        app.router.add_get("/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as session:
                url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                settings = PresetSource(kind="preset", preset=name, base="ETH", quote="USDT", url=url)
                around = Surroundings(session, ManualClock(), lambda: 0.0, no_chain)
                (source,) = build_sources((settings,), around)
                assert source.source_class == name
                return await source.observe(SLOT)
        finally:
            await runner.cleanup()

    sample = asyncio.run(ask())
    assert asked == [route]
    assert sample.value == Decimal("2000.25")
    assert sample.observed_at == SLOT


def test_venues_spell_currencies_their_own_way():
    assert preset("kraken").url("btc", "usd").endswith("pair=XBTUSD")
    assert preset("bitfinex").url("BTC", "USDC").endswith("tBTCUDC")
    assert preset("bitstamp").url("BTC", "USD").endswith("/btcusd/")
    assert all(PRESETS[name].url("ETH", "USD").startswith("https://") for name in PRESETS)


def test_an_unknown_venue_is_named_with_those_there_are():
    with pytest.raises(ConfigError, match=r"mtgox.*binance"):
        preset("mtgox")
