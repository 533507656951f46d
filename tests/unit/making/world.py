"""A small market to quote in: ETH and BTC, dollars and ether as tokens, a ledger with cash and options."""

from dataclasses import replace
from typing import Any

from peersettle.making import Book, Inquiry, Policy, Spot, TokenView
from peersettle.pricing import Surface, SurfaceSlice, SviSlice
from peersettle.rfq.messages import Asset, Item, Request
from peersettle.risk.instruments import CASH_ID, Instrument, Kind, Market, expiry
from peersettle.trades import Domain, LegKind
from peersettle.types import WAD, ZERO_ADDRESS, Address, address

DAY_0 = 900
"""2026-06-19."""
NOW = expiry(DAY_0) + 3_600
ETH, BTC = Market(0, "ETH", WAD // 100, 10 * WAD), Market(1, "BTC", WAD // 1000, 100 * WAD)
TAKER, OTHER = address("0x" + "a1" * 20), address("0x" + "a2" * 20)
USD, WETH, WBTC, ODD = (address("0x" + f"b{n}" * 20) for n in range(1, 5))
LEDGER = address("0x" + "c1" * 20)
DOMAIN = Domain(31337, address("0x" + "d1" * 20))
CASH = Asset(LegKind.POSITION, LEDGER, CASH_ID)
COLLATERAL = Asset(LegKind.POSITION, LEDGER, ETH.collateral_id)
DOLLARS, ETHER, BITCOIN, NATIVE = (
    Asset(LegKind.ERC20, USD),
    Asset(LegKind.ERC20, WETH),
    Asset(LegKind.ERC20, WBTC),
    Asset(LegKind.NATIVE, ZERO_ADDRESS),
)
TOKENS = {
    USD: TokenView("USD", 6, None, True),
    WETH: TokenView("WETH", 18, 0),
    WBTC: TokenView("WBTC", 8, 1),
    ODD: TokenView("ODD", 2),
    ZERO_ADDRESS: TokenView("ETH", 18, 0),
}
SURFACE = Surface(
    NOW - 60,
    (
        SurfaceSlice(expiry(DAY_0 + 7), 1.001, SviSlice(0.004, 0.05, -0.3, 0.01, 0.1)),
        SurfaceSlice(expiry(DAY_0 + 35), 1.004, SviSlice(0.02, 0.11, -0.25, 0.02, 0.2)),
    ),
)
ROOM = Policy(
    max_delta=1_000_000, max_vega=20_000, max_exposure=2_000_000, max_notional=1_000_000, spread_basis_points="12.5"
)
"""A policy that trades."""


def book(eth: int = 3000 * WAD, **changes: Any) -> Book:
    made = Book(
        NOW,
        {0: Spot(eth, NOW - 2), 1: Spot(60_000 * WAD, NOW - 2)},
        {0: SURFACE, 1: SURFACE},
        TOKENS,
        {0: ETH, 1: BTC},
        LEDGER,
    )
    return replace(made, **changes)


def option(ticks: int = 310, kind: Kind = Kind.CALL, day: int = DAY_0 + 7, market: Market = ETH) -> Instrument:
    return Instrument(market, day, ticks, kind)


def position(instrument: Instrument) -> Asset:
    return Asset(LegKind.POSITION, LEDGER, instrument.move_id)


def request(*items: Item, currency: Asset = DOLLARS, taker: Address = TAKER, **options: Any) -> Request:
    return Request("0" * 32, DOMAIN, taker, items, currency, int(NOW) + 60, **options)


def buys(asset: Asset, amount: int = 100, currency: Asset = DOLLARS, **options: Any) -> Request:
    return request(Item(asset, amount, True), currency=currency, **options)


def sells(asset: Asset, amount: int = 100, currency: Asset = DOLLARS, **options: Any) -> Request:
    return request(Item(asset, amount, False), currency=currency, **options)


def inquiry(asked: Request) -> Inquiry:
    return Inquiry(asked, asked.taker, True, NOW)
