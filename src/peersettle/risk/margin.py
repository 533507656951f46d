"""One margin account: its health, what a trade would do to it, where it would be liquidated, and its Greeks.

Money is in wad of settlement currency, as the contract counts it, unless a name or a docstring says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from peersettle.errors import InvalidField
from peersettle.risk._book import UNIT, Book
from peersettle.risk._exposures import Exposure, days_without_smile, exposures
from peersettle.risk._scenarios import LANES, MOVES
from peersettle.risk._series import SeriesTable
from peersettle.risk._snapshot import BEYOND, DEAD, UNUSABLE, Reading, Snapshot
from peersettle.risk.assessments import Assessment
from peersettle.risk.books import MOST_UNITS, Books, requirements
from peersettle.risk.instruments import CASH_ID, SERIES_BITS, expiry, payoff
from peersettle.types import WAD, uint

__all__ = [
    "BEYOND",
    "DEAD",
    "UNUSABLE",
    "Assessment",
    "Book",
    "Exposure",
    "Health",
    "LiquidationPrices",
    "MarginAccount",
    "Position",
    "Preview",
    "Reading",
    "Scenario",
    "Snapshot",
    "assess",
    "exposure",
    "greeks",
    "health",
    "ladder",
    "liquidation_prices",
    "positions",
    "preview",
]

CASH_UNIT: Final = 10**12
"""A move's unit of cash, wad."""
COLLATERAL_UNIT: Final = 10**9
"""A move's unit of collateral, wad."""
MOST_MARKETS: Final = 8
"""In one account."""

_SERIES_MASK: Final = (1 << SERIES_BITS) - 1
_SEARCH_STEP: Final = 1.05
_SEARCH_STEPS: Final = 44
"""Liquidation prices are looked for up to 1.05**44, about 8.6 times higher and lower."""
_HALVINGS: Final = 20


@dataclass(frozen=True, slots=True)
class MarginAccount:
    """Cash (wad, negative when it owes) and a book for each market, by the market's number."""

    cash: int = 0
    books: Mapping[int, Book] = field(default_factory=dict)

    @classmethod
    def unpack(cls, cash: int, books: Mapping[int, tuple[int, Sequence[int]]]) -> MarginAccount:
        """From what the Ledger's `head` and `book` answer; headers and words by market.

        Raises:
            InvalidField: as `Book.unpack`.
        """
        return cls(cash, {market: Book.unpack(header, words) for market, (header, words) in books.items()})

    def moved(self, moves: Mapping[int, int]) -> MarginAccount:
        """After these changes, by id as moves have it: `market << 36 | series` in lots, positive to receive; a market's
        series zero is its collateral in 1e-9 of a unit, and `CASH_ID` is cash in 1e-6.

        The books' requirement and addition stay as they were: see `health`.

        Raises:
            InvalidField: what no account can hold: collateral below zero, a 33rd position, a ninth market.
        """
        cash, books = self.cash, dict(self.books)
        for move, amount in moves.items():
            if move == CASH_ID:
                cash += amount * CASH_UNIT
                continue
            market, series = divmod(uint(move, "series", SERIES_BITS + 6), 1 << SERIES_BITS)
            book = books.get(market, Book())
            if series == 0:
                collateral = book.collateral + amount * COLLATERAL_UNIT
                books[market] = Book(collateral, book.positions, book.requirement, book.addition)
            else:
                books[market] = book.moved(series, amount)
        if len(books) > MOST_MARKETS:
            raise InvalidField("markets", len(books), f"an account is in at most {MOST_MARKETS}")
        return MarginAccount(cash, books)


@dataclass(frozen=True, slots=True)
class Health:
    """An account over all of its markets, as the Ledger adds them up."""

    equity: int
    maintenance: int
    initial: int
    requirement: int
    candidate_loss: int
    status: int
    """Bits of all markets together."""
    markets: Mapping[int, Assessment]
    computed: tuple[int, ...]
    """Ids whose arrays were computed here, for want of a current one on chain: money may be off by what one unit of a
    lane, of a mark and of a charge is worth for each lot of these."""

    @property
    def is_above_initial(self) -> bool:
        """At the confirmed price and at a candidate, wherever that can be told."""
        return self.status & BEYOND == 0 and self.equity >= self.initial + self.candidate_loss

    @property
    def is_above_maintenance(self) -> bool:
        """At the confirmed price."""
        return self.equity >= self.maintenance


@dataclass(frozen=True, slots=True)
class LiquidationPrices:
    """The nearest prices (wad), below and above the reference, at which maintenance is no longer met.

    None: no such price within a factor of eight. Both are the reference where it is not met already.
    """

    down: int | None
    up: int | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What changes would do to an account."""

    before: Health
    after: Health
    account: MarginAccount
    """Afterwards, with requirement and addition as the Ledger will count them."""
    liquidation_before: Mapping[int, LiquidationPrices]
    """By market."""
    liquidation: Mapping[int, LiquidationPrices]
    """Afterwards."""
    traded: frozenset[int]
    """The markets that change."""

    @property
    def equity(self) -> int:
        """Afterwards."""
        return self.after.equity

    @property
    def initial(self) -> int:
        """Afterwards."""
        return self.after.initial

    @property
    def maintenance(self) -> int:
        """Afterwards."""
        return self.after.maintenance

    @property
    def meets_initial_margin(self) -> bool:
        """Whether the Ledger lets it through without asking whether the account became riskier."""
        traded = (self.after.markets[market].status for market in self.traded if market in self.after.markets)
        is_priced = not any(status & UNUSABLE for status in traded)
        return self.account.cash >= 0 and is_priced and self.after.is_above_initial


@dataclass(frozen=True, slots=True)
class Scenario:
    """One rung of the ladder."""

    is_volatility_up: bool
    move: float
    """Of the spot, in parts of the scan: -1 to 1."""
    price: int
    """The spot, wad."""
    change: int
    """Of the book's worth, wad, rounded as its requirement is; each short lot counts one lane unit against it."""


@dataclass(frozen=True, slots=True)
class Position:
    """One position at the snapshot."""

    series: int
    lots: int
    mark: int
    """What one unit of it is worth, wad; its payoff once it has expired."""
    value: int
    """What all of it is worth, wad, rounded down; without the lane unit that each short lot is rounded by."""
    volatility: float | None
    """Per square root of a year, as a fraction; None for a forward, and for what has expired."""
    exposure: Exposure


def assess(snapshot: Snapshot, book: Book) -> Assessment:
    """One book, as `Risk.assess` answers.

    Raises:
        InvalidField: a new epoch is due, or an array is missing that cannot be computed.
    """
    return _assessed(snapshot, book)[0]


def health(account: MarginAccount, snapshots: Mapping[int, Snapshot]) -> Health:
    """An account as it is. `snapshots` are by market.

    Raises:
        InvalidField: a market without a snapshot, or as `assess`.
    """
    markets, computed = {}, []
    for market, book in sorted(account.books.items()):
        markets[market], lacking = _assessed(_snapshot(snapshots, market), book)
        computed += [market << SERIES_BITS | series for series in lacking]
    return _together(account.cash, markets, tuple(computed))


def preview(account: MarginAccount, snapshots: Mapping[int, Snapshot], moves: Mapping[int, int]) -> Preview:
    """What these changes would leave, judged as the Ledger judges a trade. `moves` as `MarginAccount.moved` takes them.

    A series that has no array on chain yet gets one computed from the snapshot: `Health.computed` names it.

    Raises:
        InvalidField: a series that has expired, or as `MarginAccount.moved` and `health`.
    """
    for move in moves:
        if (
            move & _SERIES_MASK
            and expiry((move & _SERIES_MASK) >> 22) <= _snapshot(snapshots, move >> SERIES_BITS).time
        ):
            raise InvalidField("series", move, "has expired")
    traded = frozenset(move >> SERIES_BITS for move in moves if move)
    before, after = health(account, snapshots), account.moved(moves)
    plain = health(after, snapshots)
    books, markets = dict(after.books), dict(plain.markets)
    for market in traded & books.keys():
        books[market] = after.books[market].counted(markets[market].requirement, snapshots[market])
        more = max(books[market].addition - after.books[market].addition, 0) * UNIT
        markets[market] = replace(markets[market], initial=markets[market].initial + more)
    after = MarginAccount(after.cash, books)
    counted = _together(after.cash, markets, plain.computed)
    return Preview(
        before=before,
        after=counted,
        account=after,
        liquidation_before=_all_liquidation_prices(account, snapshots, before),
        liquidation=_all_liquidation_prices(after, snapshots, counted),
        traded=traded,
    )


def liquidation_prices(account: MarginAccount, snapshots: Mapping[int, Snapshot], market: int) -> LiquidationPrices:
    """Where the spot of one market must go, all else unmoved, for the account to fall below maintenance.

    An approximation: a new epoch at each price is taken to have the smiles and forward ratios of today's, so volatility
    goes with the strike's distance from the forward; no time passes; and arrays are computed by floating point. The
    price is searched in steps of 5 %, then by bisection to about 1e-7: where margin fails and recovers within one step,
    that is not seen.

    Raises:
        InvalidField: as `health`; or the snapshot has no surface of an expiry that the book holds.
    """
    return _liquidation_prices(account, snapshots, health(account, snapshots), market)


def ladder(snapshot: Snapshot, book: Book) -> tuple[Scenario, ...]:
    """What the book would gain in each of the 14 scenarios. The largest loss is what the requirement starts from.

    Raises:
        InvalidField: as `assess`.
    """
    table = SeriesTable.of(snapshot, [series for series, _ in book.positions])
    lots = dict(book.positions)
    quantities = [lots[series] for series in table.series.tolist()]
    is_live = [expiry(series >> 22) > snapshot.time for series in table.series.tolist()]
    short_legs = sum(max(-quantity, 0) for quantity, live in zip(quantities, is_live, strict=True) if live)
    units, unit_lanes = min(book.collateral // snapshot.market.lot, MOST_UNITS), snapshot.unit_lanes
    rungs = []
    for lane in range(LANES):
        column = table.rows[:, lane].tolist()
        gain = sum(quantity * each for quantity, each in zip(quantities, column, strict=True))
        gain += units * unit_lanes[lane] - short_legs
        rungs.append(
            Scenario(
                is_volatility_up=lane < LANES // 2,
                move=MOVES[lane],
                price=int(snapshot.reference * math.exp(MOVES[lane] * snapshot.scan / 65_536)),
                change=-(-gain * snapshot.reference >> snapshot.lane_bits) * snapshot.market.lot // WAD,
            )
        )
    return tuple(rungs)


def positions(snapshot: Snapshot, book: Book) -> tuple[Position, ...]:
    """Each position with its mark and Greeks, in the book's order.

    Raises:
        InvalidField: as `assess`; or the snapshot has no surface of an expiry that the book holds.
    """
    table = SeriesTable.of(snapshot, [series for series, _ in book.positions])
    marks = dict(zip(table.series.tolist(), table.marks.tolist(), strict=True))
    exposed_by_series = exposures(snapshot, book)
    found = []
    for series, lots in book.positions:
        day, price = series >> 22, snapshot.reference
        if expiry(day) <= snapshot.time and day in snapshot.fixings:
            price = snapshot.fixings[day].price
        mark = payoff(series, price, snapshot.market.tick) + (marks[series] * snapshot.reference >> 24)
        volatility, exposed = exposed_by_series[series]
        value = mark * lots * snapshot.market.lot // WAD
        found.append(Position(series, lots, mark, value, volatility, exposed))
    return tuple(found)


def exposure(snapshot: Snapshot, book: Book) -> Exposure:
    """The Greeks of a whole book, its collateral included.

    Raises:
        InvalidField: as `positions`.
    """
    units = book.collateral / WAD
    held = (exposed for _, exposed in exposures(snapshot, book).values())
    return sum(held, Exposure(delta=units, delta_value=units * snapshot.reference / WAD))


def greeks(account: MarginAccount, snapshots: Mapping[int, Snapshot]) -> dict[int, Exposure]:
    """The Greeks of each market's book. Vega and theta add up over markets; deltas of different underlyings do not.

    Raises:
        InvalidField: as `health` and `positions`.
    """
    return {market: exposure(_snapshot(snapshots, market), book) for market, book in sorted(account.books.items())}


def _snapshot(snapshots: Mapping[int, Snapshot], market: int) -> Snapshot:
    if market not in snapshots:
        raise InvalidField("market", market, "give its snapshot, too")
    return snapshots[market]


def _assessed(snapshot: Snapshot, book: Book) -> tuple[Assessment, tuple[int, ...]]:
    """And the series whose arrays were computed here."""
    table = SeriesTable.of(snapshot, [series for series, _ in book.positions])
    return requirements(table, Books.of(table, [book]))[0], table.computed


def _together(cash: int, markets: Mapping[int, Assessment], computed: tuple[int, ...]) -> Health:
    """Add markets up. What cannot be priced counts against the account only."""
    status = 0
    for each in markets.values():
        status |= each.status
    return Health(
        equity=cash + sum(_counted_worth(each.worth, each.status) for each in markets.values()),
        maintenance=sum(each.maintenance for each in markets.values()),
        initial=sum(each.initial for each in markets.values()),
        requirement=sum(each.requirement for each in markets.values()),
        candidate_loss=sum(each.candidate_loss for each in markets.values()),
        status=status,
        markets=markets,
        computed=computed,
    )


def _counted_worth(worth: int, status: int) -> int:
    return min(worth, 0) if status & UNUSABLE else worth


def _all_liquidation_prices(
    account: MarginAccount, snapshots: Mapping[int, Snapshot], now: Health
) -> dict[int, LiquidationPrices]:
    """Of the markets where they can be told: those whose smiles the snapshot has."""
    return {
        market: _liquidation_prices(account, snapshots, now, market)
        for market, book in sorted(account.books.items())
        if not days_without_smile(snapshots[market], book)
    }


def _liquidation_prices(
    account: MarginAccount, snapshots: Mapping[int, Snapshot], now: Health, market: int
) -> LiquidationPrices:
    if market not in account.books:
        raise InvalidField("market", market, "the account has nothing in it")
    snapshot, book, here = snapshots[market], account.books[market], now.markets[market]
    elsewhere = now.equity - _counted_worth(here.worth, here.status) - now.maintenance + here.maintenance

    def spare(price: int) -> int:
        """Equity less maintenance."""
        there, _ = _assessed(snapshot.moved(price), book)
        return elsewhere + _counted_worth(there.worth, here.status) - there.maintenance

    start = snapshot.reference
    if spare(start) < 0:
        return LiquidationPrices(start, start)
    return LiquidationPrices(_nearest(spare, start, 1 / _SEARCH_STEP), _nearest(spare, start, _SEARCH_STEP))


def _nearest(spare: Callable[[int], int], start: int, step: float) -> int | None:
    """The nearest price in one direction at which nothing is spare."""
    good = start
    for place in range(1, _SEARCH_STEPS + 1):
        bad = int(start * step**place)
        if spare(bad) >= 0:
            good = bad
            continue
        for _ in range(_HALVINGS):
            middle = (good + bad) // 2
            good, bad = (middle, bad) if spare(middle) >= 0 else (good, middle)
        return bad
    return None
