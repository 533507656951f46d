"""Whether a price could take us beyond our limits, whichever of our offers are accepted and of our trades settle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from peersettle.making.book import Book, Range
from peersettle.making.pricing import Valuation, changes_of
from peersettle.making.strategy import Inquiry, No, Price
from peersettle.rfq.messages import Asset, Request
from peersettle.risk.instruments import CASH_ID, SERIES_BITS
from peersettle.trades import LegKind
from peersettle.types import WAD, from_units

_SERIES: Final = (1 << SERIES_BITS) - 1


@dataclass(frozen=True, slots=True)
class Limit:
    """How far we go. Wads of settlement currency, and targets wads of the underlying by symbol; as `policy.Policy`."""

    max_delta: int
    max_vega: int
    max_exposure: int
    max_total_exposure: int
    min_notional: int
    max_notional: int
    margin_percent: Fraction = Fraction(0)
    targets: Mapping[str, int] = field(default_factory=dict)

    def off_target(self, market: int, delta: int, book: Book) -> int:
        """A delta less what we want to have of the underlying."""
        found = book.markets.get(market)
        return delta - self.targets.get(found.symbol, 0) if found else delta


def breach(limit: Limit, inquiry: Inquiry, price: Price, valuation: Valuation, book: Book) -> No | None:
    """The first limit that this price would break; None when it keeps to all.

    What brings delta or vega nearer to its target is allowed from beyond a limit, too.
    """
    return next((problem for problem in _breaches(limit, inquiry, price, valuation, book) if problem is not None), None)


def _breaches(limit: Limit, inquiry: Inquiry, price: Price, valuation: Valuation, book: Book) -> Iterator[No | None]:
    notional = valuation.notional_of(price.part)
    if notional < limit.min_notional:
        yield No("too_small", f"this is {_money(notional)}; we trade {_money(limit.min_notional)} and more")
    if notional > limit.max_notional:
        yield No("too_large", f"this is {_money(notional)}; we trade at most {_money(limit.max_notional)}")
    yield _exposed(notional, book.exposure(inquiry.taker), limit.max_exposure, f"with {inquiry.taker}")
    yield _exposed(notional, book.total_exposure, limit.max_total_exposure, "with all counterparties")
    for market, (delta, vega) in valuation.risks(price).items():
        risks, spot, known = book.risk(market), book.spot(market), book.markets.get(market)
        symbol = known.symbol if known else f"market {market}"
        if risks is None or spot is None:
            yield No("stale", f"what we hold in {symbol} could not be valued")
            continue
        low, high = (limit.off_target(market, bound, book) for bound in (risks.delta.low, risks.delta.high))
        bound = limit.max_delta * WAD // spot.price
        yield _beyond("delta", f"units of {symbol}", delta, low, high, bound)
        yield _beyond("vega", "for a point", vega, risks.vega.low, risks.vega.high, limit.max_vega)
    changes = changes_of(inquiry.request, price)
    for asset, change in changes.items():
        yield _lacking(asset, change, book.holding(asset), book)
    yield _margin(limit, inquiry.request, changes, valuation, price, book)


def _exposed(notional: int, before: int, most: int, whom: str) -> No | None:
    if before + notional <= most:
        return None
    detail = f"{_money(before + notional)} would be unsettled {whom}; at most {_money(most)} may be"
    return No("exposure", "too much between us would be unsettled: settle first, or ask for less", detail)


def _beyond(code: str, unit: str, change: int, low: int, high: int, most: int) -> No | None:
    after = high + change if change > 0 else low + change
    if not change or (after <= most if change > 0 else after >= -most):
        return None
    detail = f"{code} could become {_money(after)} {unit}; {_money(most)} either way is our limit"
    return No(code, "this is more risk of this kind than we take now: ask for less, or for the other side", detail)


def _lacking(asset: Asset, change: int, held: Range, book: Book) -> No | None:
    """Tokens, cash and collateral can only be given while they are there; positions can go short."""
    is_series = asset.kind is LegKind.POSITION and asset.id != CASH_ID and asset.id & _SERIES
    if change >= 0 or is_series or held.low + change >= 0:
        return None
    view = book.token(asset.token) if asset.kind is not LegKind.POSITION else None
    name = view.symbol if view else ("cash" if asset.id == CASH_ID else "collateral")
    detail = f"{max(held.low, 0)} units of {name} are not promised; this would need {-change}"
    return No("inventory", f"this is more {name} than we can deliver now: ask for less", detail)


def _margin(
    limit: Limit, request: Request, changes: Mapping[Asset, int], valuation: Valuation, price: Price, book: Book
) -> No | None:
    """An estimate: what a position that grows needs, and cash and collateral that leave the account."""
    room = book.margin_room
    assets = (request.currency, *(item.asset for item in request.items))
    if room is None or not any(asset.kind is LegKind.POSITION for asset in assets):
        return None
    need = Fraction(0)
    for item, worth in valuation.items:
        change = changes[item.asset]
        if item.asset.kind is not LegKind.POSITION:
            continue
        if worth.instrument is None:
            need -= Fraction(change, item.amount) * worth.value
            continue
        held = book.holding(item.asset)
        opened = max(abs(held.low + change) - abs(held.low), abs(held.high + change) - abs(held.high), 0)
        need += Fraction(opened, item.amount) * worth.notional * limit.margin_percent / 100
    if request.currency.kind is LegKind.POSITION:
        need -= price.price * valuation.currency.value
    if need <= max(room, 0):
        return None
    detail = f"this takes about {_money(int(need))} of margin; there is {_money(room)}"
    return No("margin", "this is more than we can margin now: ask for less", detail)


def _money(wad: int) -> str:
    sign = "-" if wad < 0 else ""
    return sign + from_units(abs(wad) // 10**12, 6)
