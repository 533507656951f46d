"""What a request is worth in settlement currency, its delta and vega, and how a worth becomes a whole price.

Spot is worth the oracle's price, exactly. Options are worth Black-76 on the spot at the surface's carry, with the
surface's volatility, to the nearest wad for each unit of the underlying; a forward is worth its forward less its price.
From there on everything is exact until `to_price`, which rounds up: what the taker pays, and so against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final

from peersettle.making.book import Book, Promise, Spot
from peersettle.making.strategy import No, Price
from peersettle.pricing import black76
from peersettle.pricing.chain import YEAR
from peersettle.rfq.messages import WHOLE, Asset, Item, Request
from peersettle.risk.instruments import CASH_ID, SERIES_BITS, Instrument, Kind
from peersettle.trades import LegKind
from peersettle.types import WAD

AVERAGED: Final = 1_800
"""Seconds before an expiry in which its fixing is an average, and Black-76 on the spot too much: good for our own risk,
not for a price."""
_UNIQUE: Final = (LegKind.ERC721, LegKind.ERC1155)
_MOST: Final = 2**255


class Sort(Enum):
    """What a thing's worth hangs on."""

    CASH = "cash"
    SPOT = "spot"
    FORWARD = "forward"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds after which a price, and a surface, are not used."""

    spot: float = math.inf
    surface: float = math.inf


@dataclass(frozen=True, slots=True)
class Worth:
    """What an amount of something is worth to whoever has it. Money is settlement currency, a wad."""

    asset: Asset
    sort: Sort
    market: int | None
    value: Fraction
    """Below zero for a forward that has lost."""
    notional: int
    """Of the underlying, at the spot; of cash, the cash. Never below zero, rounded up."""
    delta: int = 0
    """Units of the underlying, a wad, for a small move of the spot."""
    vega: int = 0
    """For a percentage point of volatility."""
    instrument: Instrument | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What one smallest unit of a token, of cash or of collateral is worth. Both numbers are wads."""

    market: int | None
    value: Fraction
    delta: Fraction


@dataclass(frozen=True, slots=True)
class Valuation:
    """What a request is worth as a whole. Money is settlement currency, a wad."""

    items: tuple[tuple[Item, Worth], ...]
    currency: Rate
    value: Fraction
    """Of everything that goes to the taker less everything that comes from it."""
    notional: int
    """Of all items together, whichever way they go."""

    def risks(self, price: Price) -> dict[int, tuple[int, int]]:
        """By market: how our delta and vega (wads) change once a price's part is settled. Rounded away from zero."""
        sums: dict[int, tuple[int, int]] = {}  # in parts of a wad
        for item, worth in self.items:
            if worth.market is not None:
                delta, vega = sums.get(worth.market, (0, 0))
                share = -price.part if item.to_taker else price.part
                sums[worth.market] = delta + share * worth.delta, vega + share * worth.vega
        if self.currency.market is not None:
            delta, vega = sums.get(self.currency.market, (0, 0))
            sums[self.currency.market] = delta + _outwards(price.price * self.currency.delta * WHOLE), vega
        return {market: (_over(delta, WHOLE), _over(vega, WHOLE)) for market, (delta, vega) in sums.items()}

    def notional_of(self, part: int) -> int:
        """Of a part, rounded up."""
        return -(-self.notional * part // WHOLE)

    def mid(self, part: int = WHOLE) -> Fraction:
        """The worth of a part in smallest units of the request's currency: a price without spread or rounding."""
        return self.value * part / WHOLE / self.currency.value


def value(request: Request, book: Book, ages: Ages = Ages()) -> Valuation | No:
    """What a request is worth now, or why that cannot be said: `stale`, `no_price`, `no_surface`, `unknown_asset`,
    `unsupported`, `expired` or `averaging`.
    """
    found = worths([(item.asset, item.amount) for item in request.items], book, ages)
    if isinstance(found, No):
        return found
    if request.currency.kind is LegKind.POSITION and request.currency.id != CASH_ID:
        return No("unsupported", "prices on a ledger are in its cash")
    currency = rate(request.currency, book, ages)
    if isinstance(currency, No):
        return currency
    for worth in found:
        if worth.instrument is not None and worth.instrument.expiry - book.now < AVERAGED:
            name = worth.instrument.name
            return No("averaging", f"the fixing of {name} is being averaged, which is not priced here")
    items = tuple(zip(request.items, found, strict=True))
    total = sum((worth.value if item.to_taker else -worth.value for item, worth in items), Fraction(0))
    return Valuation(items, currency, total, sum(worth.notional for worth in found))


def worths(amounts: Sequence[tuple[Asset, int]], book: Book, ages: Ages = Ages()) -> list[Worth] | No:
    """What amounts of assets are worth, all options by one call; or why not, as `value`."""
    found: list[Worth | None] = []
    derivatives: list[tuple[int, Instrument]] = []
    for asset, amount in amounts:
        instrument = _instrument(asset, book)
        if isinstance(instrument, No):
            return instrument
        if instrument is not None:
            derivatives.append((len(found), instrument))
            found.append(None)
            continue
        worth = _plain(asset, amount, book, ages)
        if isinstance(worth, No):
            return worth
        found.append(worth)
    if derivatives:
        priced = _derivatives([instrument for _, instrument in derivatives], book, ages)
        if isinstance(priced, No):
            return priced
        for (place, instrument), unit in zip(derivatives, priced, strict=True):
            found[place] = _times(unit, *amounts[place], instrument, book)
    return [worth for worth in found if worth is not None]


def to_price(valuation: Valuation, part: int = WHOLE, margin: int = 0) -> Price | No:
    """The price of a part at its worth and a margin of ours (a wad), rounded up: against the taker, whichever way it
    pays. `too_large` where no message could say it.

    With a margin of zero or more the taker never pays less, nor gets more, than the part is worth.
    """
    worth, unit = valuation.value, valuation.currency.value
    price = -(
        -(worth.numerator * part + margin * WHOLE * worth.denominator)
        * unit.denominator
        // (worth.denominator * WHOLE * unit.numerator)
    )
    if abs(price) >= _MOST:
        return No("too_large", f"a price of {price.bit_length()} bits cannot be said")
    return Price(price, part)


def divides(request: Request, part: int) -> bool:
    """Whether a part is a whole amount of each item: only then can it be settled."""
    return all(item.amount * part % WHOLE == 0 for item in request.items)


def changes_of(request: Request, price: Price) -> dict[Asset, int]:
    """What we get (positive) and give of each asset once a price's part is settled; whole amounts, rounded outwards."""
    found = {}
    for item in request.items:
        amount = -(-item.amount * price.part // WHOLE)
        found[item.asset] = -amount if item.to_taker else amount
    if price.price:
        found[request.currency] = price.price
    return found


def promise_of(request: Request, prices: Sequence[Price], valuation: Valuation) -> Promise:
    """What we bind ourselves to with these prices, of which at most one will be settled: the largest part, at the
    price that is largest.
    """
    most = Price(max((price.price for price in prices), key=abs), max(price.part for price in prices))
    return Promise(request.taker, changes_of(request, most), valuation.risks(most), valuation.notional_of(most.part))


# Tokens, collateral and cash


def fresh_spot(market: int, book: Book, ages: Ages) -> Spot | No:
    """A market's price, or why it cannot be used: `no_price` or `stale`."""
    symbol, spot = _symbol(market, book), book.spot(market)
    if spot is None or spot.price <= 0:
        return No("no_price", f"there is no price of {symbol}")
    if not spot.usable:
        return No("stale", f"the oracle does not stand by its price of {symbol} now")
    if book.now - spot.at > ages.spot:
        return No("stale", f"the price of {symbol} is {book.now - spot.at:.0f} s old; at most {ages.spot:g} s will do")
    return spot


def rate(asset: Asset, book: Book, ages: Ages) -> Rate | No:
    """What a smallest unit of something fungible that is no option or forward is worth; or why not, as `value`."""
    if asset.kind in _UNIQUE:
        return No("unsupported", f"nothing is known of what {asset.kind.name} {asset.token} #{asset.id} is worth")
    scale = book.units(asset)
    if scale is None:
        return No("unknown_asset", f"{asset.kind.name} {asset.token} is not known here")
    market = book.market_of(asset)
    if market is None:
        view = book.token(asset.token)
        if asset.kind is not LegKind.POSITION and not (view and view.is_currency):
            return No("unknown_asset", f"{view.symbol if view else asset.token} has no price here")
        return Rate(None, WAD / scale, Fraction(0))
    spot = fresh_spot(market, book, ages)
    return spot if isinstance(spot, No) else Rate(market, spot.price / scale, WAD / scale)


def _plain(asset: Asset, amount: int, book: Book, ages: Ages) -> Worth | No:
    found = rate(asset, book, ages)
    if isinstance(found, No):
        return found
    worth = amount * found.value
    sort = Sort.CASH if found.market is None else Sort.SPOT
    return Worth(asset, sort, found.market, worth, math.ceil(worth), delta=_outwards(amount * found.delta))


# Options and forwards


@dataclass(frozen=True, slots=True)
class _Unit:
    """What an option or forward on one unit of the underlying is worth; settlement currency, `spot` a wad of it."""

    value: float
    delta: float
    vega: float
    spot: int


def _instrument(asset: Asset, book: Book) -> Instrument | No | None:
    if asset.kind is not LegKind.POSITION:
        return None
    if asset.token != book.ledger:
        return No("unknown_asset", f"there is no ledger {asset.token} here")
    if asset.id == CASH_ID:
        return None
    if book.market_of(asset) is None:
        return No("unknown_asset", f"position {asset.id} is of no market that is known here")
    found = book.instrument(asset.id)
    if found is None and asset.id & ((1 << SERIES_BITS) - 1):
        return No("unknown_asset", f"position {asset.id} is no series")
    return found


def _derivatives(instruments: Sequence[Instrument], book: Book, ages: Ages) -> list[_Unit] | No:
    """One unit of each, with one call for all options: it costs hardly more than for one."""
    inputs = [_inputs(instrument, book, ages) for instrument in instruments]
    known = [found for found in inputs if not isinstance(found, No)]
    if len(known) < len(inputs):
        return next(found for found in inputs if isinstance(found, No))
    units = [
        _Unit(found.forward - found.strike, found.carry, 0.0, found.spot)
        for found in known  # as forwards; options are put in their place
    ]
    places = [place for place, instrument in enumerate(instruments) if instrument.kind is not Kind.FORWARD]
    if not places:
        return units
    options = [known[place] for place in places]
    greeks = black76.greeks(
        [found.forward for found in options],
        [found.strike for found in options],
        [(instruments[place].expiry - book.now) / YEAR for place in places],
        [found.volatility for found in options],
        [instruments[place].kind is Kind.CALL for place in places],
    )
    for place, found, price, delta, vega in zip(
        places, options, greeks.price.tolist(), greeks.delta.tolist(), greeks.vega.tolist(), strict=True
    ):
        if not (math.isfinite(price) and math.isfinite(delta) and math.isfinite(vega)):
            return No("no_surface", f"{instruments[place].name} cannot be priced at volatility {found.volatility:g}")
        units[place] = _Unit(price, delta * found.carry, vega / 100, found.spot)
    return units


@dataclass(frozen=True, slots=True)
class _Inputs:
    spot: int
    carry: float
    forward: float
    strike: float
    volatility: float


def _inputs(instrument: Instrument, book: Book, ages: Ages) -> _Inputs | No:
    market, expiry, strike = instrument.market.number, instrument.expiry, instrument.strike / WAD
    spot = fresh_spot(market, book, ages)
    if isinstance(spot, No):
        return spot
    if (problem := _surface_problem(instrument, book, ages)) is not None:
        return problem
    forward, volatility = book.forward(market, expiry), 0.0 if instrument.kind is Kind.FORWARD else None
    if volatility is None:
        volatility = book.volatility(market, expiry, strike)
    if forward is None or volatility is None or not math.isfinite(forward):
        return No("no_surface", f"the surface of {instrument.market.symbol} has nothing for {instrument.name}")
    return _Inputs(spot.price, forward / (spot.price / WAD), forward, strike, volatility)


def _surface_problem(instrument: Instrument, book: Book, ages: Ages) -> No | None:
    symbol = instrument.market.symbol
    if instrument.expiry <= book.now:
        return No("expired", f"{instrument.name} has expired")
    surface = book.surfaces.get(instrument.market.number)
    if surface is None:
        return No("no_surface", f"there is no volatility surface of {symbol}")
    age = book.now - surface.observed_at
    if age > ages.surface:
        return No("stale", f"the surface of {symbol} is {age:.0f} s old; at most {ages.surface:g} s will do")
    return None


def _times(unit: _Unit, asset: Asset, lots: int, instrument: Instrument, book: Book) -> Worth:
    quantity = lots * instrument.market.lot  # a wad of the underlying
    is_forward = instrument.kind is Kind.FORWARD
    return Worth(
        asset,
        Sort.FORWARD if is_forward else Sort.OPTION,
        book.market_of(asset),
        Fraction(quantity * round(unit.value * WAD), WAD),
        -(-abs(quantity) * unit.spot // WAD),
        delta=_over(quantity * round(unit.delta * WAD), WAD),
        vega=_over(quantity * round(unit.vega * WAD), WAD),
        instrument=instrument,
    )


def _symbol(market: int, book: Book) -> str:
    found = book.markets.get(market)
    return found.symbol if found else f"market {market}"


def _over(numerator: int, denominator: int) -> int:
    """A quotient, rounded away from zero: no risk is rounded away."""
    return -(-numerator // denominator) if numerator > 0 else numerator // denominator


def _outwards(number: Fraction) -> int:
    return _over(number.numerator, number.denominator)
