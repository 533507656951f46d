"""What accounts in run-off owe, and how much less the gains of those on the other side count for that.

As `Auction.doubtful` and `Risk.assess` reckon it: what a book gains in a market in which an account in run-off owes
counts outside that market only as far as others stand behind it. Money is in wad where it is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from peersettle.risk.books import MOST_UNITS, Assessment, Book, Books, SeriesTable, Snapshot
from peersettle.risk.instruments import Kind, expiry, payoff
from peersettle.risk.margin import Health, MarginAccount
from peersettle.types import WAD

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Doubts:
    """Of one market.

    Args:
        payers: lots in run-off by series and whether they are long: those held short, and forwards.
        totals: the open interest of these series, lots.
    """

    payers: Mapping[tuple[int, bool], int] = field(default_factory=dict)
    totals: Mapping[int, int] = field(default_factory=dict)

    @property
    def series(self) -> frozenset[int]:
        """Of which somebody in run-off owes."""
        return frozenset(series for series, _ in self.payers)

    def part(self, series: int, is_long: bool) -> tuple[int, int]:
        """How many of so many lots those on the other side of such a position hold in run-off."""
        total = max(self.totals.get(series, 0), 1)
        return min(self.payers.get((series, not is_long), 0), total), total


def in_run_off(accounts: Mapping[int, MarginAccount]) -> dict[int, dict[tuple[int, bool], int]]:
    """The lots of all accounts in run-off that may have to be paid for, by market."""
    found: dict[int, dict[tuple[int, bool], int]] = {}
    for margin in accounts.values():
        for market, book in margin.books.items():
            for series, lots in book.positions:
                if lots < 0 or series & 3 == Kind.FORWARD:
                    payers = found.setdefault(market, {})
                    payers[series, lots > 0] = payers.get((series, lots > 0), 0) + abs(lots)
    return found


def doubtful(table: SeriesTable, book: Book, doubts: Doubts) -> int:
    """How much of what the positions of a book are worth is owed by accounts in run-off, rounded down."""
    each, owed = _worth(table, doubts), 0
    for series, held in book.positions:
        if (worth := each.get(series, 0) * held) > 0:
            lots, total = doubts.part(series, held > 0)
            owed += worth * table.snapshot.market.lot // WAD * lots // total
    return owed


def under_doubt(
    found: Health, account: MarginAccount, snapshots: Mapping[int, Snapshot], doubts: Mapping[int, Doubts]
) -> Health:
    """An account's health with what its gains do not count for."""
    markets = dict(found.markets)
    for market in doubts.keys() & markets.keys():
        markets[market] = _doubted(markets[market], account.books[market], snapshots[market], doubts[market])
    return replace(
        found,
        maintenance=sum(item.maintenance for item in markets.values()),
        initial=sum(item.initial for item in markets.values()),
        markets=markets,
    )


def estimated(table: SeriesTable, books: Books, doubts: Doubts) -> Floats:
    """`doubtful` of many books, in settlement currency."""
    each, bought, sold = (np.zeros(len(table.series)) for _ in range(3))
    worth = _worth(table, doubts)
    for place, series in enumerate(table.series.tolist()):
        if series in worth:
            each[place] = worth[series] / WAD * (table.snapshot.market.lot / WAD)
            for column, is_long in ((bought, True), (sold, False)):
                lots, total = doubts.part(series, is_long)
                column[place] = lots / total
    worths = each[books.places] * books.lots
    owed = np.maximum(worths, 0) * np.where(books.lots > 0, bought[books.places], sold[books.places])
    whose = np.repeat(np.arange(len(books)), np.diff(books.offsets))
    return np.asarray(np.bincount(whose, owed, len(books)), np.float64)


def _worth(table: SeriesTable, doubts: Doubts) -> dict[int, int]:
    """What one unit of each doubted series that is alive is worth."""
    snapshot, found = table.snapshot, {}
    for place, series in enumerate(table.series.tolist()):
        if series in doubts.series and expiry(series >> 22) > snapshot.time:
            time_value = int(table.marks[place]) * snapshot.reference >> 24
            found[series] = time_value + payoff(series, snapshot.reference, snapshot.market.tick)
    return found


def _doubted(assessed: Assessment, book: Book, snapshot: Snapshot, doubts: Doubts) -> Assessment:
    units = min(book.collateral // snapshot.market.lot, MOST_UNITS)
    gains = assessed.worth - units * snapshot.reference * snapshot.market.lot // WAD
    if gains <= assessed.requirement or not any(series in doubts.series for series, _ in book.positions):
        return assessed
    table = SeriesTable.of(snapshot, [series for series, _ in book.positions])
    excess = min(gains, assessed.requirement + doubtful(table, book, doubts))
    return replace(assessed, maintenance=max(assessed.maintenance, excess), initial=max(assessed.initial, excess))
