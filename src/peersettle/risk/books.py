"""The requirement of many books in one market, as the contract computes it, to the wei.

A `SeriesTable` unpacks each series' array once for all who hold it; `Books` has the positions of many accounts in flat
arrays; `requirements` sums lanes and charges on all cores that it is given, then scales to money by whole numbers of
any size. Nothing here compiles or loads numba before it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.errors import InvalidField
from peersettle.risk import _layout as layout
from peersettle.risk._book import MOST_POSITIONS, UNIT, Book
from peersettle.risk._scenarios import LANES
from peersettle.risk._series import SeriesTable
from peersettle.risk._snapshot import BEYOND, RUN_DOWN, UNUSABLE, Reading, Snapshot
from peersettle.risk.assessments import Assessment
from peersettle.risk.instruments import MOST_LOTS, expiry
from peersettle.types import WAD

__all__ = [
    "Assessment",
    "Book",
    "Books",
    "Reading",
    "Requirements",
    "SeriesTable",
    "Snapshot",
    "requirements",
    "sums",
]

Ints = NDArray[np.int64]
Money = NDArray[np.object_]
"""Python integers, in wad."""

MOST_UNITS: Final = 2**40
"""So many lots of collateral count: the contract's 56-bit sums have room for no more beside a full book."""
ACCOUNT_POSITIONS: Final = 2
"""An account costs a keeper as much as so many positions."""

_STORED: Final = (1 << 56) - 1
_MARK_BITS: Final = 24
_CODE_UNIT: Final = 7_560


@dataclass(frozen=True)
class Books:
    """The books of m accounts in one market, with k positions in all.

    Args:
        offsets: [m + 1]; book i has positions offsets[i] to offsets[i + 1].
        places: [k] of the series in a table, ascending within a book: the latest expiry first.
        lots: [k] long or short, none of them zero.
        units: [m] whole lots of collateral.
        additions: [m] what initial margin adds for open risk, 1e-4 of settlement currency.

    Raises:
        InvalidField: arrays that do not fit one another, or a value out of range.
    """

    offsets: Ints
    places: NDArray[np.int32]
    lots: NDArray[np.int32]
    units: Ints
    additions: Ints

    def __post_init__(self) -> None:
        types = {"offsets": "i8", "places": "i4", "lots": "i4", "units": "i8", "additions": "i8"}
        for name, kind in types.items():
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.dtype(kind)))
        counts = np.diff(self.offsets)
        whole = len(self.offsets) > 0 and self.offsets[0] == 0 and self.offsets[-1] == len(self.places)
        if not whole or counts.min(initial=0) < 0 or len(self.lots) != len(self.places):
            raise InvalidField("offsets", f"{len(self.offsets)} numbers", "must lead from 0 to the number of positions")
        if counts.max(initial=0) > MOST_POSITIONS:
            raise InvalidField("offsets", int(counts.max()), f"a book holds at most {MOST_POSITIONS}")
        if not len(self.units) == len(self.additions) == len(counts):
            raise InvalidField("units", len(self.units), f"give one for each of {len(counts)} books, as of additions")
        if len(self.lots) and (np.abs(self.lots.astype(np.int64)).max() > MOST_LOTS or not self.lots.all()):
            raise InvalidField("lots", "a position", f"has none, or more than {MOST_LOTS}")
        if self.units.min(initial=0) < 0 or self.units.max(initial=0) > MOST_UNITS:
            raise InvalidField("units", int(self.units.max()), f"must lie in 0 .. {MOST_UNITS}")
        if self.additions.min(initial=0) < 0 or self.additions.max(initial=0) > _STORED:
            raise InvalidField("additions", int(self.additions.max()), f"must lie in 0 .. {_STORED}")
        starts = np.zeros(len(self.places), np.bool_)
        starts[self.offsets[:-1][counts > 0]] = True
        if len(self.places) and (self.places.min() < 0 or not (starts[1:] | (np.diff(self.places) > 0)).all()):
            raise InvalidField("places", "a book", "must name each series once, the latest expiry first")

    def __len__(self) -> int:
        return len(self.units)

    @classmethod
    def of(cls, table: SeriesTable, books: Sequence[Book]) -> Books:
        """From books one by one.

        Raises:
            InvalidField: a position's series is not in the table.
        """
        counts = [len(book.positions) for book in books]
        positions = np.array([held for book in books for held in book.positions], np.int64).reshape(-1, 2)
        lot = table.snapshot.market.lot
        units = [min(book.collateral // lot, MOST_UNITS) for book in books]
        return cls(
            offsets=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            places=table.place(positions[:, 0]) if len(positions) else np.zeros(0, np.int32),
            lots=positions[:, 1].astype(np.int32),
            units=np.array(units, np.int64),
            additions=np.array([book.addition for book in books], np.int64),
        )


@dataclass(frozen=True)
class Requirements:
    """Of m books: the fields of `Assessment`, as arrays."""

    status: Ints
    worth: Money
    requirement: Money
    maintenance: Money
    initial: Money
    candidate_loss: Money
    short_lots: Ints

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, place: int) -> Assessment:
        return Assessment(
            status=int(self.status[place]),
            worth=self.worth[place],
            requirement=self.requirement[place],
            maintenance=self.maintenance[place],
            initial=self.initial[place],
            candidate_loss=self.candidate_loss[place],
            short_lots=int(self.short_lots[place]),
        )


def requirements(table: SeriesTable, books: Books, threads: int = 2) -> Requirements:
    """What each book is worth and must be covered with, as the contract has it at the table's snapshot, to the wei.

    Exact where the contract's own arrays are: `table.computed` names the series for which they are not.
    """
    return _scaled(table.snapshot, books, sums(table, books, threads))


def sums(table: SeriesTable, books: Books, threads: int = 2, out: Ints | None = None) -> Ints:
    """The worst scenario and all charges of each book, in lane units and codes: what `requirements` scales to money.

    Args:
        table: the series.
        books: the positions.
        threads: at most so many at once; small work takes one.
        out: an array that an earlier call returned for as many books, to write into.

    Raises:
        InvalidField: a position's place is not in the table.
    """
    from peersettle.risk import _kernels

    if len(books.places) and int(books.places.max()) >= len(table.series):
        raise InvalidField("places", int(books.places.max()), f"the table has {len(table.series)} series")
    result = np.empty((len(books), layout.COLUMNS), np.int64) if out is None else out
    lanes = table.snapshot.candidate_lanes() or (False,) * LANES
    shared = (
        books.offsets,
        books.places,
        books.lots,
        books.units,
        table.rows,
        table.limbs,
        table.strikes,
        table.flags,
        table.long_codes,
        table.short_codes,
        np.array(table.snapshot.unit_lanes, np.int64),
        np.array(lanes, np.bool_),
    )
    parts = min(threads, 1 + len(books.places) // 10_000)
    goals = np.arange(1, parts) * len(books.places) // parts
    bounds = [0, *np.searchsorted(books.offsets, goals).tolist(), len(books)]
    waiting = [_pool().submit(_kernels.sums, *shared, first, last, result) for first, last in pairwise(bounds[1:])]
    _kernels.sums(*shared, bounds[0], bounds[1], result)
    for part in waiting:
        part.result()
    return result


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Kept, since starting a thread takes as long as thousands of positions. Compiled loops hold no lock."""
    return ThreadPoolExecutor(thread_name_prefix="peersettle-risk")


def _scaled(snapshot: Snapshot, books: Books, found: Ints) -> Requirements:
    """Lane units and codes to money, each rounded where and as the contract rounds it."""
    reference, lot, parameters = snapshot.reference, snapshot.market.lot, snapshot.parameters
    exact = found.astype(object)
    counts = np.diff(books.offsets).astype(object)
    units = books.units.astype(object)

    required = _required(snapshot, exact, layout.LOSS)
    weights = [snapshot.run_down(day) for day in range(_day_of(snapshot.time), _day_of(snapshot.time) + 3)]
    weight = next((weight for weight in weights if weight is not None), 0)
    far = _required(snapshot, exact, layout.FAR) * weight // RUN_DOWN
    required = np.maximum(required, far)
    charges = (counts + ACCOUNT_POSITIONS) * (parameters.position_charge * UNIT)
    required = required + np.where(counts > 0, charges, 0)
    initial = required * parameters.initial_factor // 1_000 + books.additions.astype(object) * UNIT

    limbs = (exact[:, layout.LIMBS + place] << layout.LIMB_BITS * place for place in range(3))
    gains = ((exact[:, layout.MARKS] * reference >> _MARK_BITS) + sum(limbs)) * lot // WAD
    excess = gains - parameters.gain_cap * WAD

    status = np.full(len(books), snapshot.status, np.int64) | found[:, layout.STATUS]
    loss = exact[:, layout.CANDIDATE] * reference >> snapshot.lane_bits
    loss = np.asarray(np.where(status & UNUSABLE == 0, -(-loss * lot // WAD), 0), object)
    if snapshot.candidate_lanes() is None:
        status = np.where(status & UNUSABLE == 0, status | BEYOND, status)
    return Requirements(
        status=status,
        worth=gains + units * reference * lot // WAD,
        requirement=required,
        maintenance=np.maximum(required, excess),
        initial=np.maximum(initial, excess),
        candidate_loss=np.asarray(loss, object),
        short_lots=found[:, layout.SHORT_LOTS],
    )


def _required(snapshot: Snapshot, exact: Money, first: int) -> Money:
    """The worst scenario and the charges, wad, rounded up."""
    reference, lanes = snapshot.reference, snapshot.unit_lanes
    one = lanes[4] - lanes[2]
    needed = exact[:, first] * reference >> snapshot.lane_bits
    needed = needed + exact[:, first + 1] * (snapshot.scan * reference) // (_CODE_UNIT << 16)
    needed = needed + exact[:, first + 2] * (snapshot.parameters.basis * reference) // (one << 16)
    return np.asarray(-(-needed * snapshot.market.lot // WAD), object)


def _day_of(time: int) -> int:
    return max(0, (time - expiry(0)) // 86_400)
