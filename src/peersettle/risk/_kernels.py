"""The sums of many books over one market's risk arrays.

The contract moves four lanes at once in 56-bit fields; here each lane is its own 64-bit sum, without a bias. With the
bounds that `books` holds, nothing overflows.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from peersettle.pricing._compiling import inlined, kernel
from peersettle.risk._layout import (
    ASSET_WHEN_LONG,
    ASSET_WHEN_SHORT,
    CANDIDATE,
    EXPIRED,
    FAR,
    LANES,
    LIMBS,
    LOSS,
    MARK,
    MARKS,
    NETTED,
    RUNNING_DOWN,
    SHORT_LOTS,
    STATUS,
    UNPRICED,
)

Ints = NDArray[np.int64]

# Lanes whose spot is unmoved, volatility up and down, and those a third up and down.
_VOLATILITY_UP: Final = 3
_VOLATILITY_DOWN: Final = 10
_HIGHER: Final = 4
_LOWER: Final = 2
_LONG_CODE: Final = 5
_SHORT_CODE: Final = 126
_NOWHERE: Final = np.int64(-(2**40))  # a strike of no expiry, which closes the last


@inlined
def _larger_loss(up: Any, down: Any) -> Any:
    """The larger of two losses, zero when both gain."""
    return max(np.int64(0), max(-up, -down))


@kernel
def sums(
    offsets: Ints,
    places: NDArray[np.int32],
    lots: NDArray[np.int32],
    units: Ints,
    rows: NDArray[np.int32],
    limbs: Ints,
    strikes: Ints,
    flags: Ints,
    long_codes: Ints,
    short_codes: Ints,
    ones: Ints,
    candidate_lanes: NDArray[np.bool_],
    first: int,
    last: int,
    result: Ints,
) -> None:
    """Books `first` to `last`, one row of `result` each. Positions of a book come in descending order of series.

    Indices are unsigned, so that none is checked for being negative, and signs are told apart by minima and maxima,
    which the processor need not predict. After a book's last position comes one of no strike, which closes the sums.
    """
    zero = np.int64(0)
    width = rows.shape[1]
    total = np.zeros(width, np.int64)
    has_candidate = candidate_lanes.any()
    one = ones[_HIGHER] - ones[_LOWER]
    for book in range(first, last):
        for j in range(width):
            total[j] = 0
        limb_0 = limb_1 = limb_2 = zero
        held = units[book]
        short_legs = long_charge = short_charge = short_lots = zero
        apart = up = down = tilts = tilt = gross = gross_before = expiries = zero
        net = long_code = short_code = status = zero
        up_before = down_before = tilt_before = zero
        strike = np.int64(-1)
        result[book, FAR] = 0
        result[book, FAR + 1] = 0
        result[book, FAR + 2] = 0
        end = np.uint64(offsets[book + 1])
        for i in range(np.uint64(offsets[book]), end + np.uint64(1)):
            place = np.uint64(places[i]) if i < end else np.uint64(0)
            following = strikes[place] if i < end else _NOWHERE
            if following != strike:
                long_charge += max(net, zero) * long_code
                short_charge += max(-net, zero) * short_code
                short_lots += max(-net, zero)
                net = long_code = short_code = zero
                if following >> 20 != strike >> 20:
                    moved_up = total[_VOLATILITY_UP] - up_before
                    moved_down = total[_VOLATILITY_DOWN] - down_before
                    moved = total[_HIGHER] - total[_LOWER] - tilt_before
                    expiries += 1 if gross != gross_before else 0
                    gross_before = gross
                    apart += _larger_loss(moved_up, moved_down)
                    up += moved_up
                    down += moved_down
                    tilts += abs(moved)
                    tilt += moved
                    up_before = total[_VOLATILITY_UP]
                    down_before = total[_VOLATILITY_DOWN]
                    tilt_before = total[_HIGHER] - total[_LOWER]
                    at_end = i == end
                    if at_end or flags[place] & RUNNING_DOWN != 0:
                        worst = total[0] + held * ones[0]
                        for j in range(1, LANES):
                            worst = min(worst, total[j] + held * ones[j])
                        column = LOSS if at_end else FAR
                        loss = max(zero, short_legs - worst) + apart - _larger_loss(up, down)
                        loss += gross if expiries > 1 else zero
                        result[book, column] = loss
                        result[book, column + 1] = _LONG_CODE * long_charge + _SHORT_CODE * short_charge
                        result[book, column + 2] = max(zero, tilts - abs(tilt + one * held))
                    if at_end:
                        break
                strike = following
            lot = np.int64(lots[i])
            flag = flags[place]
            if flag & (EXPIRED | UNPRICED) != 0:
                status |= flag & UNPRICED
                if flag & (ASSET_WHEN_LONG if lot > 0 else ASSET_WHEN_SHORT) != 0:
                    continue
            for j in range(width):
                total[j] += lot * np.int64(rows[place, j])
            limb_0 += lot * limbs[place, 0]
            limb_1 += lot * limbs[place, 1]
            limb_2 += lot * limbs[place, 2]
            short_legs += max(-lot, zero) if flag & EXPIRED == 0 else zero
            gross += abs(lot) if flag & EXPIRED == 0 else zero
            net += lot if flag & NETTED != 0 else zero
            # as the contract compares the two fields, the long code above the short
            if long_codes[place] > long_code or (long_codes[place] == long_code and short_codes[place] > short_code):
                long_code, short_code = long_codes[place], short_codes[place]
        result[book, MARKS] = total[MARK] - short_legs
        result[book, LIMBS] = limb_0
        result[book, LIMBS + 1] = limb_1
        result[book, LIMBS + 2] = limb_2
        result[book, SHORT_LOTS] = short_lots
        result[book, CANDIDATE] = 0
        if has_candidate:
            worst = short_legs
            for j in range(LANES):
                if candidate_lanes[j]:
                    worst = min(worst, total[j] + held * ones[j])
            result[book, CANDIDATE] = short_legs - worst
        result[book, STATUS] = 1 if status != 0 else 0
