"""Venues whose public tickers we know. None needs a key.

`{base}` and `{quote}` stand for the pair. Where a ticker tells the time of its last trade or of the snapshot, that
counts.
Sources: the venues' own API references, named beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from peersettle.errors import ConfigError
from peersettle.oracle.sources.http import TimeUnit


@dataclass(frozen=True, slots=True)
class Preset:
    """One venue's ticker: `host` and `route` make the URL, `path` leads to the last price."""

    host: str
    route: str
    path: str
    time_path: str | None = None
    time_unit: TimeUnit = "s"
    spell: Callable[[str], str] = str.upper

    def url(self, base: str, quote: str, host: str | None = None) -> str:
        """The ticker of one pair."""
        return (host or self.host).rstrip("/") + self.route.format(base=self.spell(base), quote=self.spell(quote))


def _kraken(currency: str) -> str:
    return {"BTC": "XBT", "DOGE": "XDG"}.get(currency.upper(), currency.upper())


def _bitfinex(currency: str) -> str:
    return {"USDT": "UST", "USDC": "UDC"}.get(currency.upper(), currency.upper())


PRESETS: Final[dict[str, Preset]] = {
    # developers.binance.com: 24hr ticker of one symbol; closeTime is when the rolling window ends
    "binance": Preset(
        "https://api.binance.com", "/api/v3/ticker/24hr?symbol={base}{quote}", "lastPrice", "closeTime", "ms"
    ),
    # docs.cdp.coinbase.com, Exchange: product ticker; time is the last trade's
    "coinbase": Preset("https://api.exchange.coinbase.com", "/products/{base}-{quote}/ticker", "price", "time", "iso"),
    # docs.kraken.com: c is [price, lot volume] of the last trade; the pair's key is not the one asked for
    "kraken": Preset("https://api.kraken.com", "/0/public/Ticker?pair={base}{quote}", "result.*.c.0", spell=_kraken),
    # www.bitstamp.net/api
    "bitstamp": Preset(
        "https://www.bitstamp.net", "/api/v2/ticker/{base}{quote}/", "last", "timestamp", spell=str.lower
    ),
    # www.okx.com/docs-v5
    "okx": Preset(
        "https://www.okx.com", "/api/v5/market/ticker?instId={base}-{quote}", "data.0.last", "data.0.ts", "ms"
    ),
    # docs.gemini.com: the time of the snapshot is inside volume
    "gemini": Preset(
        "https://api.gemini.com", "/v1/pubticker/{base}{quote}", "last", "volume.timestamp", "ms", spell=str.lower
    ),
    # bybit-exchange.github.io/docs/v5: time is the answer's
    "bybit": Preset(
        "https://api.bybit.com",
        "/v5/market/tickers?category=spot&symbol={base}{quote}",
        "result.list.0.lastPrice",
        "time",
        "ms",
    ),
    # docs.bitfinex.com v2: a list, the last price at index 6
    "bitfinex": Preset("https://api-pub.bitfinex.com", "/v2/ticker/t{base}{quote}", "6", spell=_bitfinex),
    # www.kucoin.com/docs: time is the last trade's
    "kucoin": Preset(
        "https://api.kucoin.com",
        "/api/v1/market/orderbook/level1?symbol={base}-{quote}",
        "data.price",
        "data.time",
        "ms",
    ),
}


def preset(name: str) -> Preset:
    """The preset of a venue.

    Raises:
        ConfigError: we have none of that name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise ConfigError(f"there is no preset {name!r}; there is {', '.join(PRESETS)}", preset=name) from None
