"""What a strategy may read: prices, surfaces, what tokens and series are, what we hold and have promised.

A `Book` is an immutable snapshot that shares its parts with the next one. Whoever runs a strategy makes one as prices
or the inventory change, with `dataclasses.replace`, and asks with the latest.

Markets go by their number. Signs are ours: what we own, or are to get, is positive.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from peersettle.errors import InvalidField
from peersettle.pricing import Surface
from peersettle.rfq.messages import Asset
from peersettle.risk.instruments import CASH_ID, SERIES_BITS, Instrument, Market
from peersettle.trades import LegKind
from peersettle.types import WAD, Address

CASH_UNITS: Final = 10**6
"""Of a ledger's cash in one of the settlement currency, as moves count it."""
COLLATERAL_UNITS: Final = 10**9
"""Of a ledger's collateral in one unit of the underlying."""
_SERIES: Final = (1 << SERIES_BITS) - 1
_TOKENS: Final = (LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.NATIVE)
_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


class Spot(NamedTuple):
    """A market's price now."""

    price: int
    """Settlement currency for one unit of the underlying, a wad."""
    at: float
    """When it was observed."""
    usable: bool = True
    """False while the oracle does not stand by it: too old on chain, or a jump that nobody has confirmed."""


class TokenView(NamedTuple):
    """What a token is. `market` is the one whose underlying it is, one for one."""

    symbol: str
    decimals: int
    market: int | None = None
    is_currency: bool = False
    """It is the settlement currency, one for one."""


class Range(NamedTuple):
    """Something that live offers, and trades that are agreed but not settled, may still change.

    A signed trade may fail to settle as an offer may not be accepted: what is on its way to us is not ours yet.
    """

    held: int
    """Settled and agreed: where we expect to be without another word."""
    low: int
    """Once all that lowers it has come, and nothing that raises it."""
    high: int
    """Once all that raises it has come, and nothing that lowers it."""


NONE: Final = Range(0, 0, 0)


class Risks(NamedTuple):
    """What our holdings in one market gain, at the prices of the last revaluation."""

    delta: Range
    """Units of the underlying that would gain as much for a small move of the spot; a wad."""
    vega: Range
    """Settlement currency for a percentage point of volatility, a wad."""


FLAT: Final = Risks(NONE, NONE)


@dataclass(frozen=True, slots=True)
class Promise:
    """What one offer, or one agreed trade, would change for us."""

    taker: Address
    changes: Mapping[Asset, int]
    """In smallest units, or lots; what we get is positive."""
    risks: Mapping[int, tuple[int, int]]
    """By market: delta and vega, as `Risks` counts them."""
    notional: int
    """A wad of settlement currency."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What we hold and have promised. `Tally` makes it."""

    holdings: Mapping[Asset, Range] = field(default_factory=lambda: _NOTHING)
    risks: Mapping[int, Risks] = field(default_factory=lambda: _NOTHING)
    unvalued: Mapping[int, str] = field(default_factory=lambda: _NOTHING)
    """Markets in which something is held whose risk is not known, and why."""
    exposures: Mapping[Address, int] = field(default_factory=lambda: _NOTHING)
    """By counterparty: notional of live offers and unsettled trades, a wad of settlement currency."""
    total_exposure: int = 0
    is_valued: bool = True
    """False before the first revaluation, where something is held."""


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that a strategy may know, at one moment.

    Args:
        now: the time.
        spots: by market number; replaced as prices come, every second or so.
        surfaces: by market number; replaced as they come.
        tokens: by address; the native asset at the zero address.
        markets: by number: symbols, lots and ticks.
        ledger: whose positions can be priced.
        inventory: what we hold and have promised.
        margin_room: equity over initial margin of the account that trades, a wad; None when not known.
    """

    now: float
    spots: Mapping[int, Spot]
    surfaces: Mapping[int, Surface] = field(default_factory=lambda: _NOTHING)
    tokens: Mapping[Address, TokenView] = field(default_factory=lambda: _NOTHING)
    markets: Mapping[int, Market] = field(default_factory=lambda: _NOTHING)
    ledger: Address | None = None
    inventory: Inventory = field(default_factory=Inventory)
    margin_room: int | None = None

    # The market

    def spot(self, market: int) -> Spot | None:
        """A market's price; None where there was none yet."""
        return self.spots.get(market)

    def forward(self, market: int, expiry: int) -> float | None:
        """The price of the underlying for an expiry: the spot at the surface's carry, which is linear in time between
        expiries. None without a spot or a surface, and as `volatility`.
        """
        spot, ratio = self.spots.get(market), self._carry(market, expiry)
        return None if spot is None or ratio is None else spot.price / WAD * ratio

    def volatility(self, market: int, expiry: int, strike: float) -> float | None:
        """From the surface: per square root of a year, as a fraction; the strike in settlement currency.

        None without a spot or a surface, for an expiry in the past, and for one beyond the surface's last.
        """
        forward = self.forward(market, expiry)
        if forward is None or not 0 < forward < math.inf or not 0 < strike < math.inf:
            return None
        found = float(self.surfaces[market].implied_volatility(expiry, math.log(strike / forward)))
        return found if math.isfinite(found) else None

    def _carry(self, market: int, expiry: int) -> float | None:
        surface = self.surfaces.get(market)
        if surface is None or not max(self.now, surface.observed_at) < expiry <= surface.slices[-1].expiry:
            return None
        place = bisect_left(surface.slices, expiry, key=lambda part: part.expiry)
        late = surface.slices[place]
        if late.expiry == expiry:
            return late.forward_ratio
        begin, before = surface.observed_at, 0.0
        if place:
            early = surface.slices[place - 1]
            begin, before = early.expiry, math.log(early.forward_ratio)
        share = (expiry - begin) / (late.expiry - begin)
        return math.exp((1 - share) * before + share * math.log(late.forward_ratio))

    # What things are

    def token(self, token: Address) -> TokenView | None:
        """What a token is; None where that is not known."""
        return self.tokens.get(token)

    def instrument(self, series: int) -> Instrument | None:
        """The option or forward that a move names with its market; None for cash, collateral and what is not there."""
        market = self.markets.get(series >> SERIES_BITS)
        if market is None or not series & _SERIES:
            return None
        try:
            return market.instrument(series & _SERIES)
        except InvalidField:
            return None

    def market_of(self, asset: Asset) -> int | None:
        """The market whose price an asset hangs on; None for cash, and for what is not known."""
        if asset.kind is LegKind.POSITION:
            market = asset.id >> SERIES_BITS
            return market if asset.token == self.ledger and asset.id != CASH_ID and market in self.markets else None
        view = self.tokens.get(asset.token) if asset.kind in _TOKENS else None
        return view.market if view else None

    def units(self, asset: Asset) -> Fraction | None:
        """How many smallest units, or lots, are one unit of a token, of the settlement currency or of the underlying.

        Below one where a lot is more than a unit. None for what is not known, and for tokens that are not fungible.
        """
        if asset.kind is LegKind.POSITION:
            if asset.token != self.ledger:
                return None
            if asset.id == CASH_ID:
                return Fraction(CASH_UNITS)
            market = self.markets.get(asset.id >> SERIES_BITS)
            if market is None:
                return None
            return Fraction(WAD, market.lot) if asset.id & _SERIES else Fraction(COLLATERAL_UNITS)
        view = self.tokens.get(asset.token) if asset.kind in _TOKENS else None
        return Fraction(10**view.decimals) if view else None

    # What is ours

    def holding(self, asset: Asset) -> Range:
        """What we have of an asset, in smallest units; in lots, for a position."""
        return self.inventory.holdings.get(asset, NONE)

    def risk(self, market: int) -> Risks | None:
        """Delta and vega of what we hold in a market; None while something there could not be valued."""
        if market in self.inventory.unvalued or not self.inventory.is_valued:
            return None
        return self.inventory.risks.get(market, FLAT)

    def exposure(self, taker: Address) -> int:
        """Notional that is promised to a counterparty and not settled, a wad of settlement currency."""
        return self.inventory.exposures.get(taker, 0)

    @property
    def total_exposure(self) -> int:
        """The same, of all counterparties together."""
        return self.inventory.total_exposure
