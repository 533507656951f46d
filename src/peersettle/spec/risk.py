"""What `Risk.vy` does, call by call, check by check, in the contract's order.

A call that the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing. Time
is passed in, in Unix seconds; whatever stands behind the Oracle must be at the same moment. That only the Ledger may
commit, forget and fix is not modelled: here it is who calls. Nor are gas, and series, days or words beyond their bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol, TypeAlias

from peersettle.risk.assessments import Assessment
from peersettle.risk.instruments import Fixing
from peersettle.spec import oracle, requirements, snapshots
from peersettle.spec.oracle import OracleState, Reading
from peersettle.spec.oracle_surfaces import Dated
from peersettle.spec.requirements import Book
from peersettle.spec.rollback import Kept
from peersettle.spec.snapshots import (
    MAX_DAY,
    WINDOW,
    Backstop,
    Oracle,
    Parameters,
    Snapshot,
    Sources,
    expiry_of,
    require,
)
from peersettle.types import Hash32

__all__ = [
    "Assessment",
    "Backstop",
    "Book",
    "Event",
    "Fixed",
    "Oracle",
    "OracleReader",
    "Parameters",
    "Risk",
    "Rolled",
]

PATIENCE: Final = 7 * 86_400
"""When an average cannot be had for so long after an expiry, the last confirmed price will do."""


@dataclass(frozen=True)
class Rolled:
    """A market's new epoch has begun, at this price."""

    market: int
    epoch: int
    reference: int


@dataclass(frozen=True)
class Fixed:
    """An expiry has its price."""

    market: int
    day: int
    price: int


Event: TypeAlias = Rolled | Fixed


@dataclass(frozen=True)
class OracleReader:
    """The Oracle's specification as Risk reads it, at the moment that its state is at."""

    state: OracleState

    def read(self, feed: Hash32) -> Reading:
        """As `oracle.read`."""
        return oracle.read(self.state, feed)

    def twap(self, feed: Hash32, start: int, end: int) -> int:
        """As `oracle.twap`."""
        return oracle.twap(self.state, feed, start, end)

    def observed_since(self, feed: Hash32, start: int) -> tuple[int, int, int]:
        """As `oracle.observed_since`."""
        return oracle.observed_since(self.state, feed, start)

    def surface_slice(self, feed: Hash32, expiry: int) -> tuple[Dated | None, Dated | None]:
        """As `oracle.surface_slice`."""
        return oracle.surface_slice(self.state, feed, expiry)


class Doubts(Protocol):
    """What Risk asks of the Auction."""

    def doubtful(self, market: int, positions: Sequence[tuple[int, int]], now: int) -> int:
        """How much of what the positions of a book are worth, wad, is owed by accounts in run-off."""
        ...


@dataclass(eq=False)
class Risk(Kept):
    """The contract."""

    oracle: Oracle
    parameters: Parameters
    backstop: Backstop
    auction: Doubts | None = None
    """Asked only of a market that it has called doubted."""

    markets: dict[int, Snapshot] = field(default_factory=dict)
    """Those that were ever refreshed."""
    fixings: dict[int, dict[int, Fixing]] = field(default_factory=dict)
    """Wad, by market and day."""
    doubted: set[int] = field(default_factory=set)
    """Markets in which an account in run-off owes."""
    log: list[Event] = field(default_factory=list)

    @property
    def sources(self) -> Sources:
        """All that is read."""
        return Sources(self.oracle, self.parameters, self.backstop)

    # Arrays

    def refresh(self, market: int, series: Sequence[int], now: int) -> None:
        """Begin a new epoch when it is due, then compute the arrays of these series.

        Raises:
            Reverted: "market", "feed", "series", "surface", "matured".
        """
        before = self.markets.get(market)
        after = snapshots.refreshed(self.sources, before, market, series, now)
        self.markets[market] = after
        if before is None or before.epoch != after.epoch:
            self.log.append(Rolled(market, after.epoch, after.reference))

    def array(self, market: int, series: int) -> int:
        """The word of one array; zero when never computed."""
        return self.markets[market].arrays.get(series, 0) if market in self.markets else 0

    def slice(self, market: int, day: int) -> int:
        """The word of one expiry's curve; zero when it was never asked for."""
        curve = self.markets[market].curves.get(day) if market in self.markets else None
        return curve.word if curve else 0

    def snapshot(self, market: int) -> tuple[int, int, int]:
        """The three words of a market; zeros when it was never refreshed."""
        return self.markets[market].words if market in self.markets else (0, 0, 0)

    def spot(self, market: int, now: int) -> int:
        """The confirmed price; zero when it is too old, or the market was never refreshed."""
        if market not in self.markets:
            return 0
        snapshot = self.markets[market]
        reading = self.oracle.read(snapshot.terms.spot_feed)
        return reading.value if snapshots.usable(reading, snapshot.parameters, now) else 0

    # The requirement

    def assess(self, market: int, book: Book, now: int) -> Assessment:
        """One account's book in one market.

        Raises:
            Reverted: "market", "epoch", "array".
        """
        doubtful = self._doubtful(market, book, now)
        return requirements.assess(
            self.sources, self._market(market), self.fixings.get(market, {}), book, now, doubtful
        )

    def commit(self, market: int, book: Book, now: int) -> tuple[Assessment, Book]:
        """Ledger only: as `assess`, and count the requirement into the market's open risk. The book has it, too.

        What the addition grows by is in `initial` already.

        Raises:
            Reverted: "market", "epoch", "array".
        """
        assessment = self.assess(market, book, now)
        counted = self._count(market, book, assessment.requirement)
        more = max(counted.addition - book.addition, 0) * requirements.UNIT
        return replace(assessment, initial=assessment.initial + more), counted

    def forget(self, market: int, book: Book) -> Book:
        """Ledger only: take a book that has no positions any more out of the open risk.

        Raises:
            Reverted: "positions".
        """
        require(not book.positions, "positions", positions=len(book.positions))
        if market not in self.markets:
            return replace(book, requirement=0, addition=0 if book.requirement else book.addition)
        return self._count(market, book, 0)

    def sides(self, market: int, book: Book, now: int) -> tuple[int, int]:
        """What the book's assets and its liabilities are worth. Nothing in a market that was never refreshed, which
        nobody has positions in."""
        if market not in self.markets:
            return 0, 0
        return requirements.sides(self.sources, self.markets[market], self.fixings.get(market, {}), book, now)

    # Liquidation

    def doubt(self, market: int, on: bool) -> None:
        """Auction only: whether an account in run-off owes in this market. If so, what books gain there counts outside
        it only as far as it is not `doubtful`."""
        self.doubted = self.doubted | {market} if on else self.doubted - {market}

    def candidate(self, market: int) -> int:
        """The price that waits for its confirmation, wad; zero when there is none, or the market was never
        refreshed."""
        if market not in self.markets:
            return 0
        return self.oracle.read(self.markets[market].terms.spot_feed).candidate

    # Fixings

    def fix(self, market: int, day: int, now: int) -> int:
        """Ledger only: the average price of the 30 minutes before an expiry becomes its fixing.

        Raises:
            Reverted: "market", "fixed", "unexpired", and what the Oracle refuses.
        """
        snapshot = self._market(market)
        require(self.fixing(market, day) == 0, "fixed", market=market, day=day)
        expiry = expiry_of(day)
        require(day < MAX_DAY and now >= expiry, "unexpired", market=market, day=day)
        feed = snapshot.terms.spot_feed
        waits = now < expiry + PATIENCE
        price = self.oracle.twap(feed, expiry - WINDOW, expiry) if waits else self.oracle.read(feed).value
        self.fixings.setdefault(market, {})[day] = Fixing(price, now)
        self.log.append(Fixed(market, day, price))
        return price

    def fixing(self, market: int, day: int) -> int:
        """Wad; zero when there is none yet."""
        fixing = self.fixings.get(market, {}).get(day)
        return fixing.price if fixing else 0

    def fixed_at(self, market: int, day: int) -> int:
        """When an expiry was fixed; zero when it is not."""
        fixing = self.fixings.get(market, {}).get(day)
        return fixing.fixed_at if fixing else 0

    def _market(self, market: int) -> Snapshot:
        require(market in self.markets, "market", market=market)
        return self.markets[market]

    def _doubtful(self, market: int, book: Book, now: int) -> Callable[[], int] | None:
        """What to ask how much of a book's gains is doubtful; nobody where nothing is."""
        if market not in self.doubted or self.auction is None:
            return None
        return partial(self.auction.doubtful, market, book.positions, now)

    def _count(self, market: int, book: Book, requirement: int) -> Book:
        snapshot = self.markets[market]
        open_risk, after, addition = requirements.count(snapshot, book, requirement)
        self.markets[market] = replace(snapshot, open_risk=open_risk)
        return replace(book, requirement=after, addition=addition)
