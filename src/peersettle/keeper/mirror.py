"""All accounts in flat arrays, and the look over them that finds those below maintenance.

A row is an account. Per market there is a table with one line for each row that has something there: units, additions,
and up to 32 positions. Lines change one by one; the packed arrays that a scan runs over are made anew only after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.errors import InvalidField
from peersettle.keeper.doubts import Doubts
from peersettle.keeper.estimates import Floats, estimate
from peersettle.risk.books import MOST_UNITS, Book, Books, SeriesTable
from peersettle.risk.margin import MarginAccount
from peersettle.types import WAD

Ints = NDArray[np.int64]

_WIDTH: Final = 32
_FIRST_ROOM: Final = 256


@dataclass(frozen=True)
class Scan:
    """Estimates of m accounts, in settlement currency."""

    accounts: list[int]
    equity: Floats
    maintenance: Floats
    initial: Floats
    skipped: tuple[int, ...] = ()
    """Accounts in a market that could not be valued."""

    def __len__(self) -> int:
        return len(self.accounts)

    def below(self, tolerance: float = 0.01) -> list[int]:
        """Accounts whose equity is below maintenance, or above it by less than a part of it; the worst first.

        An estimate may be off by the rounding of arrays, so that the tolerance must not be zero.
        """
        spare = self.equity - self.maintenance * (1 + tolerance)
        places = np.flatnonzero((spare < 0) & ((self.maintenance > 0) | (self.equity < 0)))
        worst = places[np.argsort(spare[places])]
        return [self.accounts[place] for place in worst.tolist()]


class _Lines:
    """One market's part: lines of [row, units, addition, count, series and lots]."""

    def __init__(self, lot: int) -> None:
        self.lot = lot
        self.used = 0
        self.lines: dict[int, int] = {}  # by row
        self._room(_FIRST_ROOM)
        self._packed: tuple[Ints, Ints, Ints, Ints, NDArray[np.int32], Ints] | None = None
        self._books: tuple[bytes, Books] | None = None
        self._held: list[int] | None = None

    def put(self, row: int, book: Book) -> None:
        line = self.lines.get(row)
        if line is None:
            line = self.lines[row] = self.used
            self.used += 1
            if line >= len(self.rows):
                self._room(2 * len(self.rows))
        count = len(book.positions)
        self.rows[line], self.counts[line] = row, count
        self.units[line] = min(book.collateral // self.lot, MOST_UNITS)
        self.additions[line] = book.addition
        if count:
            held = np.array(book.positions, np.int64)
            self.series[line, :count], self.lots[line, :count] = held[:, 0], held[:, 1]
        self._changed()

    def drop(self, row: int) -> None:
        """Its line is filled with the last one."""
        line = self.lines.pop(row, None)
        if line is None:
            return
        self.used -= 1
        last = self.used
        if line != last:
            for array in (self.rows, self.counts, self.units, self.additions, self.series, self.lots):
                array[line] = array[last]
            self.lines[int(self.rows[line])] = line
        self._changed()

    def held(self) -> list[int]:
        """Every series that somebody has, in descending order."""
        if self._held is None:
            self._held = np.unique(self._pack()[3])[::-1].tolist()
        return self._held

    def books(self, table: SeriesTable) -> Books:
        """The packed books, whose places are those of a table."""
        _, units, additions, series, lots, offsets = self._pack()
        key = table.series.tobytes()
        if self._books is None or self._books[0] != key:
            places = table.place(series) if len(series) else np.zeros(0, np.int32)
            self._books = (key, Books(offsets, places, lots, units, additions))
        return self._books[1]

    def packed_rows(self) -> Ints:
        return self._pack()[0]

    def _pack(self) -> tuple[Ints, Ints, Ints, Ints, NDArray[np.int32], Ints]:
        if self._packed is None:
            counts = self.counts[: self.used]
            filled = np.arange(_WIDTH) < counts[:, None]
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            series, lots = self.series[: self.used][filled], self.lots[: self.used][filled]
            head = (self.rows[: self.used].copy(), self.units[: self.used].copy(), self.additions[: self.used].copy())
            self._packed = (*head, series, lots, offsets)
        return self._packed

    def _changed(self) -> None:
        self._packed = self._books = self._held = None

    def _room(self, lines: int) -> None:
        for name, shape, kind in (
            ("rows", (lines,), np.int64),
            ("counts", (lines,), np.int64),
            ("units", (lines,), np.int64),
            ("additions", (lines,), np.int64),
            ("series", (lines, _WIDTH), np.int64),
            ("lots", (lines, _WIDTH), np.int32),
        ):
            grown = np.zeros(shape, kind)
            if self.used > 0 and hasattr(self, name):
                old = getattr(self, name)
                grown[: len(old)] = old
            setattr(self, name, grown)

    rows: Ints
    counts: Ints
    units: Ints
    additions: Ints
    series: Ints
    lots: NDArray[np.int32]


class Mirror:
    """Every account that was ever seen. `lots` are the lots of the markets, wad, by number."""

    def __init__(self, lots: Mapping[int, int]) -> None:
        self._lots = dict(lots)
        self._rows: dict[int, int] = {}
        self._accounts: list[int] = []
        self._cash: Floats = np.zeros(_FIRST_ROOM)
        self._markets: dict[int, _Lines] = {}
        self._kept: dict[int, MarginAccount] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def __contains__(self, account: int) -> bool:
        return account in self._rows

    @property
    def accounts(self) -> list[int]:
        """Their ids, in the order in which they were seen."""
        return self._accounts

    def list_market(self, market: int, lot: int) -> None:
        """A market that was listed since."""
        self._lots[market] = lot

    def put(self, account: int, margin: MarginAccount) -> None:
        """What an account holds now.

        Raises:
            InvalidField: a market that is not listed.
        """
        row = self._row(account)
        self._cash[row] = margin.cash / WAD
        before = self._kept.get(account)
        for market in before.books if before else ():
            if market not in margin.books:
                self._markets[market].drop(row)
        for market, book in margin.books.items():
            self._lines(market).put(row, book)
        if margin.books or margin.cash:
            self._kept[account] = margin
        else:
            self._kept.pop(account, None)

    def get(self, account: int) -> MarginAccount:
        """What an account held when it was read last; nothing for one that was never seen."""
        return self._kept.get(account, MarginAccount())

    def load(self, cash: Floats, books: Mapping[int, tuple[SeriesTable, Books]]) -> None:
        """Fill an empty mirror with accounts 0, 1, … at once: cash in settlement currency, one book for each in every
        market given. `get` does not know these."""
        count = len(cash)
        self._accounts = list(range(count))
        self._rows = {account: account for account in self._accounts}
        self._cash = np.asarray(cash, np.float64).copy()
        for market, (table, packed) in books.items():
            lines = self._lines(market)
            lines._room(count)
            lines.used, lines.lines = count, dict(self._rows)
            counts = np.diff(packed.offsets)
            lines.rows[:], lines.counts[:] = np.arange(count), counts
            lines.units[:], lines.additions[:] = packed.units, packed.additions
            filled = np.arange(_WIDTH) < counts[:, None]
            lines.series[filled], lines.lots[filled] = table.series[packed.places], packed.lots
            lines._changed()

    def series(self) -> dict[int, list[int]]:
        """What anybody holds, by market, the latest expiry first; maybe nothing but collateral in a market."""
        return {market: lines.held() for market, lines in self._markets.items() if lines.used}

    def holders(self, market: int, series: Iterable[int]) -> list[int]:
        """The accounts with a position in one of these series."""
        lines = self._markets.get(market)
        if lines is None:
            return []
        used = lines.used
        filled = np.arange(_WIDTH) < lines.counts[:used, None]
        found = (np.isin(lines.series[:used], np.array(list(series), np.int64)) & filled).any(axis=1)
        return [self._accounts[row] for row in lines.rows[:used][found].tolist()]

    def scan(
        self, tables: Mapping[int, SeriesTable], threads: int = 2, doubts: Mapping[int, Doubts] | None = None
    ) -> Scan:
        """Equity and requirements of all accounts. What has no price now counts at its last mark, as in an auction.

        `doubts` are of the markets in which somebody in run-off owes. Accounts in a market without a table are left
        out, and named in `skipped`.

        Raises:
            InvalidField: a table lacks a series that somebody has.
        """
        count = len(self._accounts)
        equity, maintenance, initial = self._cash[:count].copy(), np.zeros(count), np.zeros(count)
        unknown = np.zeros(count, np.bool_)
        for market, lines in self._markets.items():
            if not lines.used:
                continue
            rows = lines.packed_rows()
            table = tables.get(market)
            if table is None:
                unknown[rows] = True
                continue
            worth, needed, asked = estimate(table, lines.books(table), threads, (doubts or {}).get(market))
            equity[rows] += worth
            maintenance[rows] += needed
            initial[rows] += asked
        if not unknown.any():
            return Scan(self._accounts, equity, maintenance, initial)
        kept = np.flatnonzero(~unknown)
        accounts = [self._accounts[row] for row in kept.tolist()]
        skipped = tuple(self._accounts[row] for row in np.flatnonzero(unknown).tolist())
        return Scan(accounts, equity[kept], maintenance[kept], initial[kept], skipped)

    def _row(self, account: int) -> int:
        row = self._rows.get(account)
        if row is None:
            row = self._rows[account] = len(self._accounts)
            self._accounts.append(account)
            if row >= len(self._cash):
                self._cash = np.concatenate([self._cash, np.zeros(len(self._cash))])
        return row

    def _lines(self, market: int) -> _Lines:
        if market not in self._lots:
            raise InvalidField("market", market, "is not listed")
        if market not in self._markets:
            self._markets[market] = _Lines(self._lots[market])
        return self._markets[market]
