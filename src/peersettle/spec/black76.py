"""Black-76 by integers, as `contracts/modules/black76.vy` does it, bit for bit.

Numbers are fixed-point: Qn counts 2**-n. Divisions and shifts round down. Every intermediate result is held to 256
bits, as the contract's unchecked arithmetic needs.

Source: F. Black, "The pricing of commodity contracts", 1976. With Mills' ratio R(z) = N(-z)·exp(z²/2) and F·φ(d1) =
K·φ(d2), an option that is out of the money is worth min(F, K)·exp(-d1²/2)·(R(-d1) - R(-d2)): one exponential serves
both normal distributions. The coefficients come from `tools/fit_black76.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from peersettle.types import UINT256_MAX

YEAR: Final = 365 * 86_400
WAD: Final = 10**18
ONE: Final = 1 << 96
LN2: Final = 54916777467707473351141471128
"""ln(2), Q96."""
SQRT2: Final = 112045541949572279837463876455
"""√2, Q96: where the logarithm's reduction turns."""
FURTHEST: Final = 13 << 96
"""exp(-13²/2) is 2**-122."""

LOGARITHM: Final = (
    158456325028528702264823706510,
    52818775009419437418139992507,
    31691265054622482263372612229,
    22636607917829743575697099488,
    17607218839558652537656218543,
    14357675661891614706576672509,
    13340168605169970281300806668,
)
"""2·atanh(u)/u in the square of u, from the constant term up, Q96."""

MILLS_NUMERATOR: Final = (
    39614081257132086979585602332,
    48495435649011496574843811883,
    29485133119277234446913593674,
    11064029840897302637835982833,
    2731201965415885729690921460,
    441731109451607576430151438,
    43474548829227979311081531,
    2030719093673215879438208,
)
"""Of R(z), from the constant term up, Q96."""

MILLS_DENOMINATOR: Final = (
    79228162514264337593543950336,
    160205798948908524228360945277,
    147181918514565353314842655216,
    80530983162003278366260266913,
    28830930378635124870036024419,
    6955055152369812615615060736,
    1112347145227951958871755601,
    108974500381289119532291009,
    5090258325106870615860940,
)
"""Of R(z), from the constant term up, Q96."""


def price(is_put: bool, forward: int, strike: int, deviation: int) -> int:
    """The undiscounted price of an option, in the unit of forward and strike.

    `forward` and `strike` are positive, below 2**120 and within a factor of 2**32; `deviation` is volatility times
    the square root of the time, Q96, below 2**128.
    """
    least, most = sorted((forward, strike))
    intrinsic = most - least if is_put == (forward < strike) else 0
    if deviation == 0:
        return intrinsic
    distance = word(ln((most << 96) // least) << 96) // deviation
    half = deviation >> 1
    is_far = distance >= half
    d1 = abs(distance - half)
    if d1 > FURTHEST:
        return intrinsic if is_far else intrinsic + least
    d2 = distance + half
    density, halvings = exp_minus(word(d1 * d1) >> 97)
    if is_far:
        tail = word(density * (mills(d1) - mills(d2))) >> 96
        return intrinsic + (word(least * tail) >> 96 + halvings)
    tails = word(density * (mills(d1) + mills(d2))) >> 96
    return intrinsic + least - (word(least * tails) >> 96 + halvings)


def deviation_over(volatility: int, time: int) -> int:
    """Wad volatility, below 2**67, times the root of seconds, below 2**30, in years of 365 days; Q96, rounded down."""
    return word(math.isqrt(word(volatility * volatility * time << 64) // YEAR) << 64) // WAD


def ln(ratio: int) -> int:
    """The natural logarithm of a Q96 number from 1 to below 2**32, Q96."""
    doublings = ratio.bit_length() - 97
    y = ratio >> doublings
    is_low = y < SQRT2
    u = (y - ONE << 96) // (y + ONE) if is_low else (2 * ONE - y << 96) // (y + 2 * ONE)
    part = word(u * polynomial(LOGARITHM, word(u * u) >> 96)) >> 96
    return doublings * LN2 + part if is_low else (doublings + 1) * LN2 - part


def mills(z: int) -> int:
    """R(z) = N(-z)·exp(z²/2) of a Q96 number from 0 to 40, Q96."""
    return word(polynomial(MILLS_NUMERATOR, z) << 96) // polynomial(MILLS_DENOMINATOR, z)


def exp_minus(exponent: int) -> tuple[int, int]:
    """exp(-exponent) of a Q96 number by its (6, 6) Padé form: a Q96 number about 1, and the halvings it still needs."""
    halvings = (exponent + (LN2 >> 1)) // LN2
    x = halvings * LN2 - exponent
    square = x * x >> 96
    even = ((square + (840 << 96)) * square >> 96) + (75600 << 96)
    even = (even * square >> 96) + (665280 << 96)
    odd = ((42 * square + (10080 << 96)) * square >> 96) + (332640 << 96)
    odd = odd * x >> 96
    return word(even + odd << 96) // (even - odd), halvings


def exp_small(x: int) -> int:
    """exp of a Q64 number from 0 to 0.36, Q64: the (3, 3) Padé form, relative error x⁷/100,800."""
    square = x * x >> 64
    even = 12 * square + (120 << 64)
    odd = x * (square + (60 << 64)) >> 64
    return word(even + odd << 64) // (even - odd)


def polynomial(coefficients: Sequence[int], z: int) -> int:
    """Horner's form at a Q96 number, rounded down after each multiplication."""
    total = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        total = (word(total * z) >> 96) + coefficient
    return total


def word(number: int) -> int:
    """The number itself, if it fits the 256 bits that the contract has for it."""
    assert 0 <= number <= UINT256_MAX, f"{number} does not fit 256 bits"
    return number
