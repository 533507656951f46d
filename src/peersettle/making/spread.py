"""The built-in strategy: mid, spread, skew and limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

from peersettle.making.book import Book
from peersettle.making.limits import Limit, breach
from peersettle.making.policy import Policy, wad
from peersettle.making.pricing import Ages, Sort, Valuation, Worth, divides, to_price, value
from peersettle.making.strategy import Answer, Inquiry, No, Price, Quotation
from peersettle.rfq.messages import WHOLE, Item, Request, Side
from peersettle.trades import LegKind
from peersettle.types import WAD


class SpreadStrategy:
    """Quotes around the mid, from a policy alone: the same request and book give the same answer.

    A price is the worth of what was asked for, plus a margin for us, rounded up for the taker to pay. The margin is the
    half spread of every item, wider with size, moved by what our inventory would lose or gain of its distance from
    its target. Inventory never takes off more than the spread: no side is quoted through the worth itself.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy: Final = policy
        self._ages: Final = Ages(float(policy.max_spot_age), float(policy.max_surface_age))
        self._spread: Final = float(policy.spread_basis_points) / 10_000
        self._points: Final = float(policy.vol_spread_points)
        self._premium: Final = float(policy.premium_spread_percent) / 100
        self._size: Final = float(policy.size_skew_percent) / 100 / max(wad(policy.max_notional), 1)
        self._shift: Final = float(policy.inventory_skew_basis_points) / 10_000
        self._vol_shift: Final = float(policy.inventory_skew_vol_points)
        self._tolerance: Final = Fraction(Decimal(policy.last_look_tolerance_basis_points)) / 10_000
        self._limit: Final = Limit(
            max_delta=wad(policy.max_delta),
            max_vega=wad(policy.max_vega),
            max_exposure=wad(policy.max_exposure),
            max_total_exposure=wad(policy.max_total_exposure),
            min_notional=wad(policy.min_notional),
            max_notional=wad(policy.max_notional),
            margin_percent=Fraction(Decimal(policy.margin_percent)),
            targets={symbol: wad(units) for symbol, units in policy.targets.items()},
        )

    def quote(self, inquiry: Inquiry, book: Book) -> Answer:
        """The whole, and parts where the request takes them, as far as the limits allow; or the first reason why not.

        Codes: those of `pricing.value`, and `taker`, `market`, `token`, `native`, `tenor`, `premium`, `too_small`,
        `too_large`, `delta`, `vega`, `exposure`, `inventory` and `margin`.
        """
        request = inquiry.request
        if self.policy.takers is not None and inquiry.taker not in self.policy.takers:
            return No("taker", f"we do not trade with {inquiry.taker}")
        valuation = value(request, book, self._ages)
        if isinstance(valuation, No):
            return valuation
        if (refusal := self._refusal(request, valuation, book)) is not None:
            return refusal
        prices: list[Price] = []
        refused: No | None = None
        for part in self.policy.parts if request.partial else (WHOLE,):
            if part != WHOLE and not divides(request, part):
                continue
            price = to_price(valuation, part, self._margin(valuation, part, book))
            problem = price if isinstance(price, No) else breach(self._limit, inquiry, price, valuation, book)
            if isinstance(price, Price) and problem is None:
                prices.append(price)
            refused = refused or problem
        if not prices:
            assert refused is not None
            return refused
        return Quotation(tuple(prices), self.policy.quote_life, self.policy.settle_within)

    def last_look(self, inquiry: Inquiry, price: Price, book: Book) -> No | None:
        """Refuses with `moved` where the price that we would make now is further from the quoted one than the
        tolerance, to whoever's good, and where none can be made. Limits have counted the offer since it was made.
        """
        valuation = value(inquiry.request, book, self._ages)
        if isinstance(valuation, No):
            return valuation
        now = to_price(valuation, price.part, self._margin(valuation, price.part, book))
        if isinstance(now, No):
            return now
        moved = abs(now.price - price.price) * valuation.currency.value
        if moved > self._tolerance * valuation.notional_of(price.part):
            return No("moved", f"the price is {now.price} now; {price.price} was quoted")
        return None

    # Margin

    def _margin(self, valuation: Valuation, part: int, book: Book) -> int:
        """What the taker pays beyond the worth of a part: a wad of settlement currency, never below zero."""
        share = part / WHOLE
        wider = 1 + self._size * valuation.notional * share
        spread = wider * share * sum(self._half_spread(worth, valuation) for _, worth in valuation.items)
        return math.ceil(max(0.0, spread + self._skew(valuation, part, book)))

    def _half_spread(self, worth: Worth, valuation: Valuation) -> float:
        if worth.sort is Sort.OPTION:
            return max(self._points * abs(worth.vega), self._premium * abs(float(worth.value)))
        if worth.sort is Sort.CASH and valuation.currency.market is None:
            return 0.0  # cash for cash, beside what is priced
        return self._spread * worth.notional

    def _skew(self, valuation: Valuation, part: int, book: Book) -> float:
        """What the taker pays for adding to our inventory; below zero, what it gets for taking from it."""
        total = 0.0
        paid = Price(0, part) if valuation.currency.market is None else to_price(valuation, part)
        for market, (delta, vega) in valuation.risks(paid).items() if isinstance(paid, Price) else ():
            risks, spot = book.risk(market), book.spot(market)
            if risks is None or spot is None:
                continue  # the limits refuse it
            held = self._limit.off_target(market, risks.delta.held, book) * spot.price / WAD
            total += delta * spot.price / WAD * self._shift * _share(held, self._limit.max_delta)
            total += vega * self._vol_shift * _share(risks.vega.held, self._limit.max_vega)
        return total

    # What is not traded at all

    def _refusal(self, request: Request, valuation: Valuation, book: Book) -> No | None:
        return next((problem for problem in self._refusals(request, valuation, book) if problem is not None), None)

    def _refusals(self, request: Request, valuation: Valuation, book: Book) -> Iterator[No | None]:
        assets = [item.asset for item in request.items]
        numbers = {worth.market for _, worth in valuation.items} | {valuation.currency.market}
        for number in sorted(number for number in numbers if number is not None):
            yield self._market_refusal(number, book)
        if self.policy.tokens is not None:
            for asset in (*assets, request.currency):
                view = book.token(asset.token) if asset.kind is not LegKind.POSITION else None
                if view is not None and view.symbol.upper() not in self.policy.tokens:
                    yield No("token", f"we do not trade {view.symbol}")
        for item, worth in valuation.items:
            if item.asset.kind is LegKind.NATIVE and (request.submitter is Side.MAKER) != item.to_taker:
                yield No("native", "the native asset can only be paid by whoever sends the transaction")
            yield self._series_refusal(item, worth, book)

    def _market_refusal(self, number: int, book: Book) -> No | None:
        market = book.markets.get(number)
        symbol = market.symbol if market else f"market {number}"
        if self.policy.markets is not None and symbol not in self.policy.markets:
            return No("market", f"we do not trade {symbol}")
        if book.risk(number) is None:
            return No("stale", f"what we hold in {symbol} could not be valued")
        return None

    def _series_refusal(self, item: Item, worth: Worth, book: Book) -> No | None:
        instrument = worth.instrument
        if instrument is None:
            return None
        left = instrument.expiry - book.now
        if left < self._min_tenor:
            return No("tenor", f"{instrument.name} has {left:.0f} s left; at least {self.policy.min_tenor} s must be")
        units = Fraction(item.amount * instrument.market.lot, WAD)
        least = wad(self.policy.min_premium)
        if worth.sort is Sort.OPTION and item.to_taker and worth.value < least * units:
            unit = float(worth.value / units / WAD)
            return No("premium", f"{instrument.name} is worth {unit:.6g}; at least {self.policy.min_premium} must be")
        return None

    @property
    def _min_tenor(self) -> float:
        return float(self.policy.min_tenor)


def _share(amount: float, limit: int) -> float:
    """Of the limit that is used, from -1 to 1. Without a limit nothing is."""
    return max(-1.0, min(1.0, amount / limit)) if limit else 0.0
