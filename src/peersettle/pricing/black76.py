"""Black-76 without discounting: price, vega and implied volatility of European options on a forward.

Everything is vectorised over numpy's broadcasting rules. Prices and strikes are in the forward's currency, `years` is
time to expiry in years, volatility is per square root of a year as a fraction (0.5 is 50 %).

Source: F. Black, "The pricing of commodity contracts", 1976, with a rate of zero.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, ndtr

Floats = NDArray[np.float64]

_ITERATIONS: Final = 64
_TOLERANCE: Final = 1e-13
_WIDEST: Final = 64.0  # standard deviations in logarithm; more cannot be told from infinity in doubles


def price(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, is_call: ArrayLike) -> Floats:
    """The undiscounted value of an option, in the forward's currency; intrinsic at zero years or volatility."""
    f, k = np.asarray(forward, dtype=float), np.asarray(strike, dtype=float)
    deviation = np.asarray(volatility, dtype=float) * np.sqrt(np.asarray(years, dtype=float))
    outside = np.sqrt(f * k) * _normalised(-np.abs(np.log(f / k)), deviation)
    return np.asarray(outside + _intrinsic(f, k, is_call))


def vega(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike) -> Floats:
    """The change of an option's value per unit (1.00) of volatility, the same for calls and puts."""
    f, k, t = (np.asarray(value, dtype=float) for value in (forward, strike, years))
    deviation = np.asarray(volatility, dtype=float) * np.sqrt(t)
    return np.asarray(np.sqrt(f * k * t) * _density(np.log(f / k), deviation))


def implied_volatility(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> Floats:
    """The volatility at which Black-76 gives this price; NaN where none does.

    None does for a price at or below the intrinsic value, at or above the most that an option can be worth (the forward
    for a call, the strike for a put), or where an input is not finite and positive. Newton's method on the logarithm of
    the out-of-the-money price, held inside a bracket that every step shrinks.
    """
    p, f, k, t, call = np.broadcast_arrays(
        *(np.asarray(value, dtype=float) for value in (price, forward, strike, years)), np.asarray(is_call, dtype=bool)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        target = (p - _intrinsic(f, k, call)) / np.sqrt(f * k)
        x = -np.abs(np.log(f / k))
        known = np.isfinite(p) & np.isfinite(x) & (t > 0) & (target > 0) & (target < np.exp(x / 2))
    answer = np.full(p.shape, np.nan)
    answer[known] = _solve(x[known], target[known]) / np.sqrt(t[known])
    return answer


def _solve(x: Floats, target: Floats) -> Floats:
    """The standard deviation at which the normalised out-of-the-money price reaches the target; NaN beyond doubles."""
    wanted = np.log(target)
    low, high = np.zeros_like(x), np.full_like(x, _WIDEST)
    guess = np.maximum(np.sqrt(2 * np.abs(x)), np.minimum(np.sqrt(2 * np.pi) * target, 1.0))
    for _ in range(_ITERATIONS):
        value = _normalised(x, guess)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.log(value) - wanted
            step = error * value / _density(x, guess)
        low, high = np.where(error < 0, guess, low), np.where(error < 0, high, guess)
        following = guess - step
        inside = (following > low) & (following < high)  # false for NaN, too
        following = np.where(inside, following, (low + high) / 2)
        if np.all(np.abs(following - guess) <= _TOLERANCE * following):
            return following
        guess = following
    return np.where(high - low < 1e-6 * high, guess, np.where(np.abs(step) < 1e-9 * guess, guess, np.nan))


def _normalised(x: Floats, deviation: Floats) -> Floats:
    """Out-of-the-money price over the root of forward times strike, for x = -|ln(F/K)|.

    With scaled complementary error functions, the two terms share the exponential that both would underflow by.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        centre = x / deviation
        d1, d2 = centre + deviation / 2, centre - deviation / 2
        shared = np.exp(-(centre**2 + deviation**2 / 4) / 2)
        far = shared / 2 * (erfcx(-np.minimum(d1, 1) / np.sqrt(2)) - erfcx(-d2 / np.sqrt(2)))
        near = np.exp(x / 2) * ndtr(d1) - np.exp(-x / 2) * ndtr(d2)
        value = np.where(d1 < 1, far, near)
    return np.asarray(np.where(deviation > 0, np.maximum(value, 0.0), 0.0))


def _density(x: Floats, deviation: Floats) -> Floats:
    """The derivative of the normalised price by the standard deviation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.exp(-((x / deviation) ** 2 + deviation**2 / 4) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(np.where(deviation > 0, value, np.where(x == 0, 1 / np.sqrt(2 * np.pi), 0.0)))


def _intrinsic(forward: Floats, strike: Floats, is_call: ArrayLike) -> Floats:
    return np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
