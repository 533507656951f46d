"""Risk arrays by integers, as `contracts/modules/risk_arrays.vy` makes them, bit for bit.

All money is in units of the epoch's reference price. Strikes, forwards and prices are Q48, logarithms Q64, deviations
(volatility times the square root of the time to expiry) Q32, shocks of volatility Q16; Qn counts 2**-n. Shifts and
divisions of positive numbers round down, divisions of signed ones towards zero.

The scenarios are those of CME SPAN, finer: SPAN scans 7 price moves (0, ±1/3, ±2/3, ±1 of the range) with volatility
up and down, and an extreme move of twice the range of which a third is covered (CME Group, "CME SPAN: Standard
Portfolio Analysis of Risk").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from peersettle.spec.black76 import exp_small, ln, word

ONE: Final = 1 << 48
LEAST_STRIKE: Final = ONE // 1000
MOST_STRIKE: Final = ONE * 1000
LEAST_FORWARD: Final = ONE // 2
MOST_FORWARD: Final = ONE * 2
LEAST_DEVIATION: Final = 1 << 12
MOST_DEVIATION: Final = (1 << 34) - 1
MOST_SHOCK: Final = 59_999
LANE_MAX: Final = 16_383
LANE_ZERO: Final = 8_192
MARK_ZERO: Final = 1 << 27
PRICE_ERROR: Final = 1 << 22
"""Q48: no price within the scan is off by more, none at twice the scan by twice as much."""
CODE_MAX: Final = 63

UP_LANES: Final = (0, 1, 2, 3, 4, 5, 6)
"""Volatility up, spot at -1, -2/3, -1/3, 0, 1/3, 2/3 and 1 of the scan."""
DOWN_LANES: Final = (7, 8, 9, 11, 12, 13)
"""Volatility down, spot at -5/6, -1/2, -1/6, 1/6, 1/2 and 5/6 of the scan."""
MIDDLE_LANE: Final = 10
"""Volatility down, spot unmoved."""

NANO: Final = 10**9
REFERENCE_TENOR: Final = 30 * 86_400
LN2_Q64: Final = 12786308645202655660
FURTHEST: Final = 9 << 32
"""exp(-9²/2) is 2**-58."""

QUICK_NUMERATOR: Final = (
    549755815122,
    466674261636,
    190368657396,
    40981299999,
    3988436204,
)
"""Of Mills' ratio R(z), from the constant term up, Q40."""

QUICK_DENOMINATOR: Final = (
    1099511627776,
    1810632061831,
    1275654563809,
    486910563100,
    102738742697,
    9997209387,
)
"""Of Mills' ratio R(z), from the constant term up, Q40."""

DECAY: Final = (
    1099511626259,
    -1099511413075,
    549750834706,
    -183208434367,
    45630701298,
    -8765297274,
    1083882324,
)
"""exp(-r), r from 0 to ln(2), from the constant term up, Q40."""


class Kind(IntEnum):
    """What a series is."""

    CALL = 0
    PUT = 1
    FORWARD = 2


@dataclass(frozen=True)
class Scan:
    """What the arrays of one expiry share."""

    shock: int
    """Relative move of volatility, Q16, at most 59,999."""
    step: int
    """A third of the scan in use, Q64; at most a third of `full`."""
    full: int
    """The market's scan, a move of the logarithm, Q64, above zero and at most 0.6."""
    lane_bits: int
    """A lane counts 2**-lane_bits of the reference price: 12, 13 or 14."""

    @property
    def rise(self) -> int:
        """exp(step / 2), Q64."""
        return exp_small(self.step >> 1)

    @property
    def fall(self) -> int:
        """exp(-step / 2), Q64."""
        return (1 << 128) // self.rise


def array(kind: Kind, strike: int, forward: int, parameters: int, scan: Scan) -> int:
    """The array of one series: 14 lanes of 14 bits | mark 28 | short code 6 | long code 6, from bit 0.

    `forward` is from 1/2 to 2, a strike beyond 1/1000 or 1000 is taken as that; `parameters` as `deviation_of` takes
    them.
    """
    if kind == Kind.FORWARD:
        return forward_array(forward, scan)
    strike = min(max(strike, LEAST_STRIKE), MOST_STRIKE)
    moneyness = log_moneyness(strike, forward)
    return option_array(kind == Kind.PUT, strike, forward, moneyness, deviation_of(parameters, moneyness), scan)


def option_array(is_put: bool, strike: int, forward: int, moneyness: int, deviation: int, scan: Scan) -> int:
    """The array of an option whose ln(strike / forward) and deviation are known.

    Whichever of call and put is out of the money is charged for: of one strike both bend alike, and one can stand for
    the other. The walk goes upwards from a strike below which that is the call, else downwards, so that it ends at the
    worst node and goes on to the extreme move.
    """
    downwards = strike < forward
    inwards, outwards, step = (scan.rise, scan.fall, -scan.step) if downwards else (scan.fall, scan.rise, scan.step)
    factor, back = word(outwards * outwards) >> 64, word(inwards * inwards) >> 64
    order = -1 if downwards else 1

    def otm(value: int, f: int) -> int:
        """The price of the one out of the money, by put-call parity."""
        if is_put == downwards:
            return value
        return max(value + strike - f if downwards else value + f - strike, 0)

    def at(f: int, c: int, half: int) -> int:
        return price(is_put, f, strike, c, half)

    def walk(lanes: Sequence[int], f: int, c: int, c_step: int, half: int) -> tuple[int, int]:
        """Through the lanes; the last node's forward and distance in deviations."""
        for i, lane in enumerate(lanes[::order]):
            if i:
                f, c = word(f * factor) >> 64, c - c_step
            found[lane] = at(f, c, half)
        return f, c

    found: dict[int, int] = {}
    now = at(forward, towards_zero(moneyness, deviation), deviation >> 1)

    down = word(deviation * (65_536 - scan.shock)) >> 16
    c, c_step = towards_zero(moneyness, down), towards_zero(step, down)
    found[MIDDLE_LANE] = at(forward, c, down >> 1)
    start = scaled(scaled(scaled(forward, back), back), inwards)
    walk(DOWN_LANES, start, c + (5 * c_step >> 1), c_step, down >> 1)

    up = word(deviation * (65_536 + scan.shock)) >> 16
    c, c_step = towards_zero(moneyness + 3 * step, up), towards_zero(step, up)
    start = scaled(scaled(scaled(forward, back), back), back)
    f, c = walk(UP_LANES, start, c, c_step, up >> 1)
    worst = otm(found[UP_LANES[::order][-1]], f)
    far = scaled(scaled(scaled(f, factor), factor), factor)
    extreme = otm(at(far, c - 3 * c_step, up >> 1), far)

    intrinsic = max(strike - ONE if is_put else ONE - strike, 0)
    short, long = short_code(otm(now, forward), worst, extreme, scan), long_code(deviation, scan)
    return (
        packed({i: found[i] - now for i in found}, scan.lane_bits)
        | mark(now, intrinsic) << 196
        | short << 224
        | long << 230
    )


def forward_array(forward: int, scan: Scan) -> int:
    """The array of a dated forward, which gains what its forward does, whatever volatility does, and bears no codes."""
    found = {3: forward, MIDDLE_LANE: forward}
    for order, half in ((1, scan.rise), (-1, scan.fall)):
        factor = word(half * half) >> 64
        third, sixth = forward, scaled(forward, half)
        for i in (1, 2, 3):
            third = found[3 + order * i] = scaled(third, factor)
            found[MIDDLE_LANE + order * i] = sixth
            sixth = scaled(sixth, factor)
    return packed({i: found[i] - forward for i in found}, scan.lane_bits) | mark(forward, ONE) << 196


def price(is_put: bool, f: int, strike: int, c: int, half: int) -> int:
    """The price of an option, Q48: `c` is ln(strike / f) in deviations and `half` half the deviation, Q32.

    Off by less than 2**-28 of the smaller of forward and strike.
    """
    q = abs(c)
    least = strike if c < 0 else f
    value = 0 if is_put == (c < 0) else exercise_gain(is_put, f, strike)
    d1 = abs(q - half)
    if d1 >= FURTHEST:
        return value + least if q < half else value
    exponent = d1 * d1 >> 1
    density = word(least * (decay(exponent % LN2_Q64 >> 32) >> 168)) >> exponent // LN2_Q64
    r, s = mills(d1), mills(q + half)
    if q < half:
        return value + least - (word(density * (r + s)) >> 104)
    return value + (word(density * max(r - s, 0)) >> 104)


def exercise_gain(is_put: bool, f: int, strike: int) -> int:
    """What exercise at the forward would gain."""
    return strike - f if is_put else f - strike


def mills(z: int) -> int:
    """R(z) = N(-z)·exp(z²/2) of a Q32 number below 2**37, Q40."""
    return word(unshifted(QUICK_NUMERATOR, z) << 72) // unshifted(QUICK_DENOMINATOR, z)


def decay(r: int) -> int:
    """exp(-r) of a Q32 number from 0 to ln(2), Q232."""
    return unshifted(DECAY, r)


def unshifted(coefficients: Sequence[int], z: int) -> int:
    """Horner's form at a Q32 number without rounding: degree n of Q40 coefficients gives Q(40 + 32n)."""
    total = 0
    for i, coefficient in enumerate(reversed(coefficients)):
        total = total * z + (coefficient << 32 * i)
        assert abs(total) < 1 << 256
    return word(total)


def short_code(now: int, worst: int, extreme: int, scan: Scan) -> int:
    """What a short is charged beside the lanes, in sixtieths of the full scan, rounded up, at most 63.

    It is the larger of a fifteenth of the scan in use, and of a third of the loss at twice that scan less the whole
    loss at its own worst node. The prices' errors count against the short.
    """
    third = 5 * (max(extreme - now, 0) + 16 * PRICE_ERROR)
    covered = 15 * max(worst - now, 0)
    charge = max(3 * scan.step, third - covered << 16)
    return min(-(-4 * charge // scan.full), CODE_MAX)


def long_code(deviation: int, scan: Scan) -> int:
    """What a long is charged beside the lanes, in 1/63 of a 24th of the full scan, rounded up.

    It is min(h / 4, h² / (20 · deviation)) with h = step / 2: what an option can lose between two nodes.
    """
    if 10 * deviation << 32 <= scan.step:
        return -(-189 * scan.step // scan.full)
    return -(-189 * scan.step * scan.step // word((10 * deviation << 32) * scan.full))


def mark(price_now: int, intrinsic: int) -> int:
    """The time value in 2**-24, above 2**27. The contract reverts with "mark" where it does not fit 28 bits."""
    found = MARK_ZERO + (price_now - intrinsic >> 24)
    assert 0 <= found < 2 * MARK_ZERO, "mark"
    return found


def packed(changes: dict[int, int], lane_bits: int) -> int:
    """The lanes of these changes of price, Q48: 8192 + floor(change · 2**lane_bits), saturated."""
    lanes = {i: min(max(LANE_ZERO + (change >> 48 - lane_bits), 0), LANE_MAX) for i, change in changes.items()}
    return sum(lane << 14 * i for i, lane in lanes.items())


def log_moneyness(strike: int, forward: int) -> int:
    """ln(strike / forward), Q64, rounded towards zero."""
    if strike < forward:
        return -(ln((forward << 96) // strike) >> 32)
    return ln((strike << 96) // forward) >> 32


def forward_of(parameters: int) -> int:
    """The forward as a part of the spot, Q48: 1e-9 in the 37 bits from bit 185, held between 1/2 and 2."""
    return min(max(((parameters >> 185 & (1 << 37) - 1) << 48) // NANO, LEAST_FORWARD), MOST_FORWARD)


def deviation_of(parameters: int, x: int) -> int:
    """√(a + b·(rho·(x - m) + √((x - m)² + sigma²))), raw SVI, Q32, rounded down and held from 2**-20 to just below 4.

    `parameters` are a, b, rho, m and sigma, 37 bits each from bit 0, two's complement of 1e-9; `x` = ln(strike /
    forward), Q64. A variance that is not above zero is taken as the least.
    """
    fields = (parameters >> 37 * place & (1 << 37) - 1 for place in range(5))
    a, b, rho, m, sigma = (raw - (raw >> 36 << 37) for raw in fields)
    distance = (x * NANO >> 32) - (m << 32)
    root = math.isqrt(word(distance * distance + (sigma << 32) ** 2))
    variance = (a * NANO * NANO << 32) + b * (rho * distance + NANO * root)
    if variance <= 0:
        return LEAST_DEVIATION
    return min(max(math.isqrt(word(variance << 32) // 10**27), LEAST_DEVIATION), MOST_DEVIATION)


def tenor_shock(shock: int, seconds_left: int) -> int:
    """shock · (30 days / seconds_left)^0.3, the factor from 1/2 to 2; Q16, rounded down, at most 59,999."""
    time = min(max(seconds_left, REFERENCE_TENOR // 11), REFERENCE_TENOR * 11)
    near, far = sorted((time, REFERENCE_TENOR))
    root = exp_small((3 * ln((far << 96) // near) >> 32) // 20)
    factor = min(root * root >> 64, 2 << 64)
    moved = word(shock * factor) >> 64 if time < REFERENCE_TENOR else (shock << 64) // factor
    return min(moved, MOST_SHOCK)


def scaled(forward: int, factor: int) -> int:
    """A Q48 number times a Q64 one, Q48."""
    return word(forward * factor) >> 64


def towards_zero(numerator: int, denominator: int) -> int:
    """The quotient of a signed number by a positive one, as the EVM divides."""
    return abs(numerator) // denominator * (1 if numerator >= 0 else -1)
