"""Black-76 without discounting: price, Greeks and implied volatility of European options on a forward.

Everything is vectorised over numpy's broadcasting rules. Prices and strikes are in the forward's currency, `years` is
time to expiry in years, volatility is per square root of a year as a fraction (0.5 is 50 %). Prices are exact to 1e-15
of the forward. A process's first call loads compiled code; the first after an installation compiles it, in a second.

Source: F. Black, "The pricing of commodity contracts", 1976, with a rate of zero.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peersettle.errors import InvalidField

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


class Greeks(NamedTuple):
    """An option's undiscounted value and its derivatives: arrays of one shape, that of the inputs broadcast together.

    With d1 = ln(F/K) / (s√t) + s√t / 2 and n, N the normal density and distribution: as J. Hull, "Options, Futures, and
    Other Derivatives", gives them for options on futures, with a rate of zero.
    """

    price: Floats
    """In the forward's currency."""
    delta: Floats
    """By forward: N(d1) for a call, N(d1) - 1 for a put."""
    gamma: Floats
    """By forward twice, per unit of the forward's currency: n(d1) / (F s√t)."""
    vega: Floats
    """By volatility, per 1.00 (100 percentage points): F n(d1) √t. A point's worth is a hundredth."""
    theta: Floats
    """By time as it passes, per year: -F n(d1) s / (2√t), so never positive. Over 365 for a day's decay."""


def price(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, is_call: ArrayLike) -> Floats:
    """The undiscounted value of an option, in the forward's currency; intrinsic at zero years or volatility.

    NaN where an input is NaN, forward or strike is not finite and positive, or years or volatility are negative.
    """
    from peersettle.pricing import _kernels

    shape, inputs = _aligned(forward, strike, years, volatility, is_call)
    value = np.empty(shape)
    _kernels.price(*inputs, value.reshape(-1))
    return value


def greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    *,
    out: Greeks | None = None,
) -> Greeks:
    """The undiscounted value of an option and its derivatives, NaN where `price` is.

    At zero years or volatility, each has its limit. At the money that is half for a call's delta, infinity for gamma,
    F √(t/2π) for vega and, with no time left, minus infinity for theta; elsewhere gamma, vega and theta are zero.

    Args:
        forward: in the currency that the results have, too.
        strike: in the same currency.
        years: to expiry.
        volatility: per square root of a year, as a fraction.
        is_call: false for a put.
        out: arrays to write into and return; keeping them spares about half of the time of a large book. None may share
            memory with another or with an input.

    Raises:
        InvalidField: an array of `out` is not of the inputs' shape, contiguous, writeable and of doubles.
    """
    from peersettle.pricing import _kernels

    shape, inputs = _aligned(forward, strike, years, volatility, is_call)
    if out is None:
        out = Greeks(*(np.empty(shape) for _ in Greeks._fields))
    for name, array in zip(Greeks._fields, out, strict=True):
        if array.shape != shape or array.dtype != np.float64 or not array.flags.carray:
            found = f"{array.dtype} of shape {array.shape}"
            raise InvalidField(f"out.{name}", found, f"must be writeable, contiguous, float64, of shape {shape}")
    _kernels.greeks(*inputs, *(array.reshape(-1) for array in out))
    return out


def vega(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike) -> Floats:
    """The change of an option's value per unit (1.00) of volatility, the same for calls and puts. NaN as `price`."""
    return greeks(forward, strike, years, volatility, True).vega


def implied_volatility(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> Floats:
    """The volatility at which Black-76 gives this price; NaN where none does.

    None does for a price at or below the intrinsic value, at or above the most that an option can be worth (the forward
    for a call, the strike for a put), or where an input is not finite and positive. Exact but for the price's own
    rounding: an option in the money shows its time value in the last digits only.
    """
    from peersettle.pricing import _kernels

    shape, inputs = _aligned(price, forward, strike, years, is_call)
    volatility = np.empty(shape)
    _kernels.implied_volatility(*inputs, volatility.reshape(-1))
    return volatility


def _aligned(
    first: ArrayLike, second: ArrayLike, third: ArrayLike, fourth: ArrayLike, is_call: ArrayLike
) -> tuple[tuple[int, ...], tuple[Floats, Floats, Floats, Floats, Bools]]:
    """The common shape, and each input at that shape, flat, contiguous and read-only: one type, compiled once."""
    a, b, c, d = (np.asarray(number, dtype=np.float64) for number in (first, second, third, fourth))
    call = np.asarray(is_call, dtype=np.bool_)
    shape = np.broadcast_shapes(a.shape, b.shape, c.shape, d.shape, call.shape)
    return shape, (_flat(a, shape), _flat(b, shape), _flat(c, shape), _flat(d, shape), _flat(call, shape))


def _flat(array: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    flat = np.ascontiguousarray(np.broadcast_to(array, shape)).reshape(-1)
    flat.flags.writeable = False
    return flat
