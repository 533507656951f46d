"""Black-76 on arrays.

Loops have no branch and call no library, so that LLVM computes several options at once. Every array is contiguous, of
one dimension and of one length; outputs come last. For each option, with m the lower and M the higher of forward and
strike, x = ln(M/m), v the volatility times the root of years, d1 = v/2 - x/v and e2 = v/2 + x/v, the out-of-the-money
value is

    m (N(d1) - M/m N(-e2)) = m E (R(-d1) - R(e2)),    E = exp(-d1²/2),    R(z) = N(-z) exp(z²/2)

as M/m exp(-e2²/2) = E: one exponential serves both normal distributions. R is Mills' ratio over the root of 2π, here a
rational minimax approximation of degree 9 over 10. Coefficients are Lawson-weighted least squares and Chebyshev fits,
computed with 40 digits and more.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.pricing._compiling import inlined, kernel

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NAN: Final = math.nan
_PEAK: Final = 1 / math.sqrt(2 * math.pi)  # of the normal density
_FAR: Final = 37.5  # exp(-37.5²/2) is about the last power that is a normal double; beyond, it counts as zero
_HUGE: Final = 1e300
_SHIFT: Final = 6755399441055744.0  # 1.5 · 2^52: a number added to it is rounded to an integer, left in the low bits
_TOP: Final = 1e9  # where R is as good as zero, and its polynomials do not overflow
_LOG2_E: Final = 1 / math.log(2)
_LN2_HIGH: Final = 0.6931471526622772  # 25 bits, so that its multiples are exact
_LN2_LOW: Final = 2.7897668087737544621e-8
_COUNT: Final = 2.0**52  # an integer less than 2^52 in the low bits of this is that much more
_COUNT_BITS: Final = np.uint64(0x4330000000000000)
_HALF_EXPONENT: Final = np.uint64(1 << 51)
_EXPONENT: Final = np.uint64(52)

_BLOCK: Final = 128  # options solved together, few enough for the cache
_ITERATIONS: Final = 64
_CLOSE: Final = 1e-6  # the next step, were it taken, would be about the cube of this: convergence is cubic
_NEAR: Final = 1e-3  # and the error, too, is small
_TINY: Final = 1e-300
_LIFTED: Final = 1e-290  # below, a logarithm is taken of _LIFT times as much
_LIFT: Final = 2.0**64
_LOG_LIFT: Final = math.log(_LIFT)
_WIDEST: Final = 64.0  # standard deviations in logarithm; more cannot be told from infinity in doubles


@inlined
def _mills_fraction(z: float) -> tuple[float, float]:
    """R(z) as numerator and denominator; relative error 1e-16 for z of 0 to 55, and rounding."""
    p = 4.0311893785476296489e-5 + z * 1.5229733903563745672e-6
    p = 4.3193287375721873028e-3 + z * (5.2386684023534349004e-4 + z * p)
    p = 0.10121010748877266993 + z * (2.4699972672274661727e-2 + z * p)
    p = 0.60490123974234273182 + z * (0.29712022242120448194 + z * p)
    p = 0.5 + z * (0.78232881244913160986 + z * p)
    q = 1.0104693276582433332e-4 + z * 3.8175281617810389627e-6
    q = 1.0927998468325527613e-2 + z * (1.3169569621219137927e-3 + z * q)
    q = 0.26432096761703436444 + z * (6.3219154495127696374e-2 + z * q)
    q = 1.7493123803234177769 + z * (0.80409565985712958973 + z * q)
    q = 2.3625421857011109976 + z * (2.5948384137016105691 + z * q)
    return p, 1.0 + z * q


@inlined
def _mills(z: float, other: float) -> tuple[float, float]:
    """R at two places, for the price of one division."""
    z_top, z_bottom = _mills_fraction(z)
    other_top, other_bottom = _mills_fraction(other)
    both = 1.0 / (z_bottom * other_bottom)
    return z_top * other_bottom * both, other_top * z_bottom * both


@inlined
def _log_ratio(high: float, low: float) -> float:
    """ln(high / low) for high >= low > 0, both normal doubles.

    With high brought near low by a power of two, ln = 2 artanh((high - low) / (high + low)): keeps its digits where the
    two are almost equal. The polynomial is minimax, relative error 1e-18.
    """
    bits = np.float64(high).view(np.uint64)
    power = (bits - np.float64(low).view(np.uint64) + _HALF_EXPONENT) >> _EXPONENT
    near = np.uint64(bits - (power << _EXPONENT)).view(np.float64)
    count = np.uint64(power | _COUNT_BITS).view(np.float64) - _COUNT
    s = (near - low) / (near + low)
    u = s * s
    p = 0.13207740003392105522 + u * 0.13624087269433216611
    p = 0.18181735101382977888 + u * (0.15388968272898044294 + u * p)
    p = 0.28571428567081208736 + u * (0.22222223080650142415 + u * p)
    p = 0.66666666666666664022 + u * (0.400000000000083757 + u * p)
    return count * _LN2_HIGH + (2 * s + (s * u * p + count * _LN2_LOW))


@inlined
def _exp(y: float) -> float:
    """exp(y) for y of -708 to 0. The polynomial is minimax, absolute error 3e-17."""
    shifted = y * _LOG2_E + _SHIFT
    count = shifted - _SHIFT
    r = (y - count * _LN2_HIGH) - count * _LN2_LOW
    p = 2.7613806861538288093e-7 + r * 2.509555467711111097e-8
    p = 2.4801536388690767814e-5 + r * (2.7557280067016979588e-6 + r * p)
    p = 1.3888888905881542497e-3 + r * (1.9841269854338611409e-4 + r * p)
    p = 0.041666666666651355025 + r * (8.333333333332155748e-3 + r * p)
    p = 1.0 + (r + r * r * (0.5 + r * (0.16666666666666666667 + r * p)))
    power = np.float64(shifted).view(np.uint64) << _EXPONENT
    return np.uint64(np.float64(p).view(np.uint64) + power).view(np.float64)


@inlined
def _parts(f: float, k: float, t: float, sigma: float) -> tuple[float, float, float, float, float, float]:
    """Root of years, inverse of v, d1, E, N(-|d1|) and E R(e2) of the head of this module."""
    low, high = (f, k) if f < k else (k, f)
    root = np.sqrt(t)
    v = sigma * root
    inverse = 1.0 / v
    c = _log_ratio(high, low) * (_HUGE if inverse > _HUGE else inverse)
    d1 = 0.5 * v - c
    e2 = 0.5 * v + c
    a = abs(d1)
    near = a <= _FAR
    a = a if near else _FAR
    e = _exp(-0.5 * (a * a))
    e = e if near else 0.0
    near_mills, far_mills = _mills(a, e2 if e2 < _TOP else _TOP)
    return root, inverse, d1, e, e * near_mills, e * far_mills


@inlined
def _value(f: float, k: float, call: bool, d1: float, far: float, beyond: float) -> float:
    low = f if f < k else k
    gain = f - k if call else k - f
    outside = (1.0 - far if d1 > 0.0 else far) - beyond
    return low * outside + (gain if gain > 0.0 else 0.0)


@inlined
def _valid(f: float, k: float, t: float, sigma: float) -> bool:
    return (f > 0.0) & (k > 0.0) & (f < math.inf) & (k < math.inf) & (t >= 0.0) & (sigma >= 0.0)


@kernel
def price(forward: Floats, strike: Floats, years: Floats, volatility: Floats, is_call: Bools, value: Floats) -> None:
    """Undiscounted values."""
    for i in range(value.size):
        f, k, t, sigma = forward[i], strike[i], years[i], volatility[i]
        _, _, d1, _, far, beyond = _parts(f, k, t, sigma)
        value[i] = _value(f, k, is_call[i], d1, far, beyond) if _valid(f, k, t, sigma) else _NAN


@kernel
def greeks(
    forward: Floats,
    strike: Floats,
    years: Floats,
    volatility: Floats,
    is_call: Bools,
    value: Floats,
    delta: Floats,
    gamma: Floats,
    vega: Floats,
    theta: Floats,
) -> None:
    """Values and their derivatives by forward, twice by forward, by volatility, and by time as it passes."""
    for i in range(value.size):
        f, k, t, sigma = forward[i], strike[i], years[i], volatility[i]
        root, inverse, d1, e, far, beyond = _parts(f, k, t, sigma)
        valid = _valid(f, k, t, sigma)
        per_forward = 1.0 / f
        low = f if f < k else k
        density = low * e * _PEAK  # forward times the normal density at the textbook's d1
        live = density > 0.0
        tail = far if f < k else beyond * (k * per_forward)  # N(-|textbook's d1|)
        above = (d1 > 0.0) | (f > k)
        call = is_call[i]
        chance = 1.0 - tail if above == call else tail
        value[i] = _value(f, k, call, d1, far, beyond) if valid else _NAN
        delta[i] = (chance if call else 0.0 - chance) if valid else _NAN
        gamma[i] = (density * inverse * per_forward * per_forward if live else 0.0) if valid else _NAN
        vega[i] = (density * root if live else 0.0) if valid else _NAN
        theta[i] = (-0.5 * density * sigma * sigma * inverse if live & (sigma > 0.0) else 0.0) if valid else _NAN


@inlined
def _posed(
    price: float, f: float, k: float, t: float, call: bool
) -> tuple[bool, float, float, float, float, float, float]:
    """What to solve: whether a v exists, the side of the inflection, x, the target, bounds of v, and a first guess.

    Below the inflection, v is a monotone rational function of 1 / sqrt(-ln c) that has the right ends and slopes there;
    above, v is taken from a quadratic for -ln(1 - c) at x = 0.
    """
    low, high = (f, k) if f < k else (k, f)
    gain = f - k if call else k - f
    c = (price - (gain if gain > 0.0 else 0.0)) / low
    known = (c > 0.0) & (c < 1.0) & (low > 0.0) & (high < math.inf) & (t > 0.0)
    c = c if known else 0.5
    x = _log_ratio(high, low)
    x = x if known else 1.0

    bend = np.sqrt(2.0 * x)
    numerator, denominator = _mills_fraction(bend)
    middle = 0.5 - numerator / denominator  # c at the inflection
    below = c < middle
    lifted = c < _LIFTED
    target = _log_ratio(1.0, (c * _LIFT if lifted else c) if below else 1.0 - c)
    target = target + _LOG_LIFT if lifted & below else target

    ceiling = _log_ratio(1.0, middle if middle > _TINY else _TINY)
    share = np.sqrt(ceiling / target)
    curve = share * (1.0 - share)
    first = x / (bend * np.sqrt(2.0 * ceiling))
    last = 2.0 * ceiling * middle / (bend * _PEAK)
    outer = bend * (share * share + first * curve) / (1.0 + (first + last - 2.0) * curve)
    inner = 1.7678 * (np.sqrt(1.2732 + 3.2 * target) - 1.1284)
    guess = outer if below else np.sqrt(bend * bend + inner * inner)
    return known, -1.0 if below else 1.0, x, target, 0.0 if below else bend, bend if below else _WIDEST, guess


@inlined
def _halley(v: float, side: float, x: float, target: float) -> tuple[float, float]:
    """The step that leads from v, to be subtracted, and the relative error at v, negative where v is too low.

    With c' = E / √2π, and r = c' / c below the inflection and c' / (1 - c) above it, the logarithm's slope in v is -r
    or r, and that of ln r is -d1 e2 / v - r or + r.
    """
    below = side < 0.0
    inverse = 1.0 / v
    d1, e2 = 0.5 * v - x * inverse, 0.5 * v + x * inverse
    a = abs(d1)
    near, far = _mills(a if a < _TOP else _TOP, e2 if e2 < _TOP else _TOP)
    mills = near + side * far
    mills = mills if mills > _TINY else _TINY
    reached = 0.5 * a * a + _log_ratio(1.0, mills)
    rate = _PEAK / mills
    ratio = reached / target
    error = 1.0 - np.sqrt(ratio) if below else ratio - 1.0
    newton = error * (2.0 * reached if below else target) / rate
    curvature = side * rate - d1 * e2 * inverse + (1.5 * rate / reached if below else 0.0)
    damping = 1.0 - 0.5 * newton * curvature
    return newton / damping if damping > 0.5 else newton, error


@kernel
def implied_volatility(
    price: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Bools, volatility: Floats
) -> None:
    """Halley's method in a bracket that every step shrinks, on blocks of options that end together.

    With c the out-of-the-money value over m, the unknown is v. It is sought from 1 / sqrt(-ln c) below the inflection
    of c, at v² = 2x, and from -ln(1 - c) above it: both are nearly straight in v. Either logarithm is
    -ln E - ln(R(|d1|) ∓ R(e2)), where nothing underflows.
    """
    known, settled = np.empty(_BLOCK, np.bool_), np.empty(_BLOCK, np.bool_)
    side, x, target = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    bottom, top, guess = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, volatility.size, _BLOCK):
        count = min(_BLOCK, volatility.size - start)
        for j in range(count):
            i = start + j
            known[j], side[j], x[j], target[j], bottom[j], top[j], guess[j] = _posed(
                price[i], forward[i], strike[i], years[i], is_call[i]
            )
            settled[j] = not known[j]
        for _ in range(_ITERATIONS):
            pending = 0
            for j in range(count):
                v, done = guess[j], settled[j]
                step, error = _halley(v, side[j], x[j], target[j])
                least, most = v if error < 0.0 else bottom[j], top[j] if error < 0.0 else v
                following = v - step
                close = (abs(step) <= _CLOSE * v) & (abs(error) < _NEAR)
                kept = close | ((following > least) & (following < most))
                following = following if kept else 0.5 * (least + most)
                guess[j] = v if done else following
                bottom[j], top[j] = least, most
                settled[j] = done | close
                pending += 0 if done | close else 1
            if pending == 0:
                break
        for j in range(count):
            found = known[j] & (settled[j] | (top[j] - bottom[j] < _CLOSE * top[j]))
            volatility[start + j] = guess[j] / np.sqrt(years[start + j]) if found else _NAN
