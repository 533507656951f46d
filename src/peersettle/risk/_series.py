"""Series with their risk arrays, unpacked once for all who hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from peersettle.errors import InvalidField
from peersettle.risk import _layout as layout
from peersettle.risk._scenarios import LANE_ZERO, LANES, Arrays, Curve, arrays, curve_of, forward_arrays
from peersettle.risk._snapshot import RECEIVABLE, WINDOW, WINDOW_EPOCH_AGE, Snapshot
from peersettle.risk.instruments import LAST_STRIKE, Kind, date_text, expiry, payoff

Ints = NDArray[np.int64]

_MARK_ZERO: Final = 1 << 27


@dataclass(frozen=True)
class SeriesTable:
    """The series of a market that anybody holds, each with what one lot of it adds to a book's sums.

    Made by `of`; the columns of `rows` are described in the kernel.
    """

    snapshot: Snapshot
    series: Ints
    """In descending order."""
    rows: NDArray[np.int32]
    limbs: Ints
    strikes: Ints
    """Day and strike: call and put of one strike share it."""
    flags: Ints
    long_codes: Ints
    short_codes: Ints
    computed: tuple[int, ...]
    """Series whose array was computed here by floating point, for want of a current one of the contract."""

    @classmethod
    def of(cls, snapshot: Snapshot, series: Iterable[int]) -> SeriesTable:
        """Every series once, in order.

        An array that the contract has not, or has of an older epoch, is computed from the snapshot's word of its
        expiry. Where the market, or the expiry's surface, is unusable, an old array serves, as in the contract.

        Raises:
            InvalidField: a new epoch is due, or there is nothing that an array can be computed from.
        """
        wanted = sorted(set(series), reverse=True)
        count = len(wanted)
        _assert_current(snapshot, wanted)
        parts = Arrays(*(np.zeros(shape, np.int64) for shape in ((count, LANES), count, count, count)))
        flags = np.zeros(count, np.int64)
        smiles = {day: curve(snapshot, day) for day in {item >> 22 for item in wanted} if expiry(day) > snapshot.time}
        payoffs, computed = [], []
        for place, item in enumerate(wanted):
            day = item >> 22
            price, is_expired = snapshot.reference, expiry(day) <= snapshot.time
            fixing = snapshot.fixings.get(day)
            if is_expired:
                flags[place] |= 0 if fixing else layout.UNPRICED
                price = fixing.price if fixing else price
            payoffs.append(payoff(item, price, snapshot.market.tick))
            if is_expired:
                is_late = fixing is not None and snapshot.time >= fixing.fixed_at + RECEIVABLE
                flags[place] |= _expired_flags(payoffs[-1], is_late)
                continue
            flags[place] |= layout.NETTED if item & 3 != Kind.FORWARD else 0
            flags[place] |= 0 if snapshot.run_down(day) is None else layout.RUNNING_DOWN
            source, is_stale = _source(snapshot, item, smiles[day] is not None)
            flags[place] |= layout.UNPRICED if is_stale else 0
            if source is None:
                computed.append(place)
            else:
                _unpack_array(source, item & 3 == Kind.FORWARD, parts, place)
        _compute(snapshot, wanted, computed, smiles, parts)
        return cls(
            snapshot=snapshot,
            series=np.array(wanted, np.int64),
            rows=_rows(parts),
            limbs=_limbs(payoffs),
            strikes=np.array(wanted, np.int64) >> 2,
            flags=flags,
            long_codes=parts.long_codes,
            short_codes=parts.short_codes,
            computed=tuple(wanted[place] for place in computed),
        )

    @property
    def marks(self) -> NDArray[np.int32]:
        """Time values of one unit, in 2**-24 of the reference."""
        return self.rows[:, layout.MARK]

    def place(self, series: NDArray[Any]) -> NDArray[np.int32]:
        """Where series stand in the table.

        Raises:
            InvalidField: one is not in it.
        """
        ascending = self.series[::-1]
        found = np.searchsorted(ascending, series).clip(max=len(ascending) - 1)
        if not len(ascending) or not np.array_equal(ascending[found], series):
            raise InvalidField("series", "a position", "is in none of the table's series")
        return (len(ascending) - 1 - found).astype(np.int32)


def curve(snapshot: Snapshot, day: int) -> Curve | None:
    """An expiry's smile, forward and scan in a snapshot; None where it has no word of it."""
    word = snapshot.slices.get(day, 0)
    if word == 0 or word >> 222 & (1 << 20) - 1 != snapshot.epoch:
        return None
    left = expiry(day) - snapshot.started
    return curve_of(word, snapshot.parameters.shock, snapshot.scan << 48, snapshot.lane_bits, left)


def _expired_flags(gain: int, is_old: bool) -> int:
    flags = layout.EXPIRED
    if is_old and gain > 0:
        flags |= layout.ASSET_WHEN_LONG
    if is_old and gain < 0:
        flags |= layout.ASSET_WHEN_SHORT
    return flags


def _assert_current(snapshot: Snapshot, wanted: Sequence[int]) -> None:
    if snapshot.is_due:
        raise InvalidField("epoch", snapshot.epoch, "is over: refresh a series, or roll the snapshot, to begin another")
    if not snapshot.is_usable or snapshot.time - snapshot.started < WINDOW_EPOCH_AGE:
        return
    for day in {item >> 22 for item in wanted}:
        if 0 < expiry(day) - snapshot.time < WINDOW:
            rule = f"is over: in the {WINDOW} s before an expiry ({date_text(day)}) it lasts {WINDOW_EPOCH_AGE} s"
            raise InvalidField("epoch", snapshot.epoch, rule)


def _source(snapshot: Snapshot, item: int, has_smile: bool) -> tuple[int | None, bool]:
    """A series' word, None when it must be computed; and whether it is stale for good."""
    word, day = snapshot.arrays.get(item, 0), item >> 22
    if word and word >> 236 == snapshot.epoch:
        return word, False
    if word and (not snapshot.is_usable or (snapshot.quoted_at and not snapshot.is_quoted(day))):
        return word, True
    if not has_smile:
        rule = f"has no array of this epoch, and the snapshot no surface of {date_text(day)}: refresh it first"
        raise InvalidField("series", item, rule)
    return None, False


def _unpack_array(word: int, is_forward: bool, parts: Arrays, place: int) -> None:
    parts.lanes[place] = [(word >> 14 * lane & 2 * LANE_ZERO - 1) - LANE_ZERO for lane in range(LANES)]
    parts.marks[place] = (word >> 196 & 2 * _MARK_ZERO - 1) - _MARK_ZERO
    if not is_forward:
        parts.short_codes[place] = word >> 224 & 63
        parts.long_codes[place] = word >> 230 & 63


def _compute(
    snapshot: Snapshot, wanted: Sequence[int], places: Sequence[int], smiles: Mapping[int, Curve | None], parts: Arrays
) -> None:
    """Fill in arrays, those of one expiry and sort together."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for place in places:
        groups.setdefault((wanted[place] >> 22, wanted[place] & 3 == Kind.FORWARD), []).append(place)
    for (day, are_forwards), chosen in groups.items():
        smile = smiles[day]
        assert smile is not None
        items = [wanted[place] for place in chosen]
        if are_forwards:
            found = forward_arrays(len(chosen), smile)
        else:
            is_call = np.array([item & 3 == Kind.CALL for item in items])
            found = arrays(strikes_over_reference(snapshot, items), is_call, smile)
        parts.lanes[chosen] = found.lanes
        parts.marks[chosen] = found.marks
        parts.long_codes[chosen] = found.long_codes
        parts.short_codes[chosen] = found.short_codes


def strikes_over_reference(snapshot: Snapshot, series: Sequence[int]) -> NDArray[np.float64]:
    """Strikes as parts of the reference price."""
    tick, reference = snapshot.market.tick, snapshot.reference
    return np.array([(item >> 2 & LAST_STRIKE) * tick / reference for item in series])


def _rows(parts: Arrays) -> NDArray[np.int32]:
    rows = np.zeros((len(parts.marks), layout.ROW), np.int32)
    rows[:, :LANES] = parts.lanes
    rows[:, layout.MARK] = parts.marks
    return rows


def _limbs(payoffs: Sequence[int]) -> Ints:
    bits, mask = layout.LIMB_BITS, (1 << layout.LIMB_BITS) - 1
    return np.array([(gain & mask, gain >> bits & mask, gain >> 2 * bits) for gain in payoffs], np.int64).reshape(-1, 3)
