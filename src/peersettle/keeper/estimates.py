"""What many books come to in floating point: fast, and near enough to say which accounts are worth a closer look.

The same sums as `peersettle.risk.books.requirements`, scaled to money without whole numbers of any size. Money is in
settlement currency, not in wad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from peersettle.keeper.doubts import Doubts, estimated
from peersettle.reports import SurfaceSlice
from peersettle.risk import _layout as layout
from peersettle.risk.books import ACCOUNT_POSITIONS, Books, SeriesTable, Snapshot, sums
from peersettle.risk.instruments import DAY, expiry
from peersettle.types import WAD

Floats = NDArray[np.float64]

_CODES = 7_560 << 16
_CHARGE = 1e-4
_WINDOW, _WINDOW_AGE = 1_800, 60
_EPOCH = (1 << 20) - 1


def estimate(
    table: SeriesTable, books: Books, threads: int = 2, doubts: Doubts | None = None
) -> tuple[Floats, Floats, Floats]:
    """Worth, maintenance and initial requirement of each book, in settlement currency.

    `doubts` are there where somebody in run-off owes in the market.

    Raises:
        InvalidField: as `sums`.
    """
    snapshot, found = table.snapshot, sums(table, books, threads)
    reference, lot = snapshot.reference / WAD, snapshot.market.lot / WAD
    parameters, counts = snapshot.parameters, np.diff(books.offsets)
    required = np.maximum(_required(snapshot, found, layout.LOSS), _weighted_far(snapshot, found))
    charge = parameters.position_charge * _CHARGE
    required += np.where(counts > 0, (counts + ACCOUNT_POSITIONS) * charge, 0.0)
    limbs = np.zeros(len(books))
    for place in range(3):
        limbs += found[:, layout.LIMBS + place] * float(1 << layout.LIMB_BITS * place)
    gains = (found[:, layout.MARKS] * (reference / 2**24) + limbs / WAD) * lot
    excess = gains - parameters.gain_cap
    if doubts is not None:
        counted = np.minimum(gains, required + estimated(table, books, doubts))
        excess = np.where(gains > required, np.maximum(excess, counted), excess)
    initial = required * (parameters.initial_factor / 1_000) + books.additions * _CHARGE
    worth = gains + books.units * (reference * lot)
    return worth, np.maximum(required, excess), np.maximum(initial, excess)


def anticipated(snapshot: Snapshot, surface: Mapping[int, tuple[SurfaceSlice, int]]) -> Snapshot:
    """The snapshot as the next refresh would leave it: a new epoch where one is due, and words of expiries that have
    none of this epoch.

    `surface` are the Oracle's slices by day, each with the time that it was observed at.
    """
    days = {item >> 22 for item in snapshot.arrays}
    fresh = {
        day: quoted
        for day, quoted in surface.items()
        if expiry(day) > snapshot.time and snapshot.time <= quoted[1] + snapshot.parameters.surface_age
    }
    found = snapshot
    if must_roll(snapshot):
        found = replace(snapshot.rolled((), 0), arrays=snapshot.arrays)
    for day, (quoted, observed_at) in fresh.items():
        if found.slices.get(day, 0) >> 222 & _EPOCH != found.epoch:
            found = found.with_slice(quoted, observed_at)
    return replace(found, quoted_at={**dict.fromkeys(days, 0), **snapshot.quoted_at, **found.quoted_at})


def must_roll(snapshot: Snapshot) -> bool:
    """Whether nothing can be judged before a new epoch has begun."""
    if not snapshot.is_usable:
        return False
    is_old = snapshot.time - snapshot.started >= _WINDOW_AGE
    live = [left for item in snapshot.arrays if (left := expiry(item >> 22) - snapshot.time) > 0]
    return snapshot.is_due or (is_old and min(live, default=DAY) < _WINDOW)


def lacks_words(snapshot: Snapshot) -> frozenset[int]:
    """The live expiries that have no word of the epoch in which they would be judged."""
    days = {item >> 22 for item in snapshot.arrays if expiry(item >> 22) > snapshot.time}
    if must_roll(snapshot):
        return frozenset(days)
    return frozenset(day for day in days if snapshot.slices.get(day, 0) >> 222 & _EPOCH != snapshot.epoch)


def _weighted_far(snapshot: Snapshot, found: NDArray[np.int64]) -> Floats:
    today = max(0, (snapshot.time - expiry(0)) // DAY)
    weights = [snapshot.run_down(day) for day in range(today, today + 3)]
    weight = next((weight for weight in weights if weight is not None), 0)
    return _required(snapshot, found, layout.FAR) * (weight / DAY)


def _required(snapshot: Snapshot, found: NDArray[np.int64], first: int) -> Floats:
    reference, lot, lanes = snapshot.reference / WAD, snapshot.market.lot / WAD, snapshot.unit_lanes
    needed = found[:, first] * (reference / 2**snapshot.lane_bits)
    needed += found[:, first + 1] * (snapshot.scan * reference / _CODES)
    needed += found[:, first + 2] * (snapshot.parameters.basis * reference / ((lanes[4] - lanes[2]) << 16))
    return np.asarray(needed * lot)
