"""Raw SVI: one expiry's total implied variance as a hyperbola in log-moneyness.

    w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)),    k = ln(strike / forward)

w is implied variance times years to expiry, without unit. Sources: J. Gatheral, "A parsimonious arbitrage-free implied
volatility parameterization", 2004; J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative
Finance 14 (2014).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peersettle.errors import InvalidField

Floats = NDArray[np.float64]

UNIT: Final = 10**9
"""Parameters are stored on chain as whole multiples of 1 / UNIT."""

BITS: Final = 37
"""A stored parameter is a signed integer of this many bits, so its magnitude stays below 68.72."""


@dataclass(frozen=True, slots=True)
class SviSlice:
    """Raw SVI parameters. Nothing but their own ranges is checked here; `arbitrage` judges the smile.

    Raises:
        InvalidField: a parameter is not finite, b is negative, |rho| is above one, or sigma is not positive.
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise InvalidField(field.name, getattr(self, field.name), "must be finite")
        if self.b < 0:
            raise InvalidField("b", self.b, "must not be negative")
        if abs(self.rho) > 1:
            raise InvalidField("rho", self.rho, "must lie in -1 .. 1")
        if self.sigma <= 0:
            raise InvalidField("sigma", self.sigma, "must be positive")

    @property
    def slopes(self) -> tuple[float, float]:
        """How steeply total variance rises in the far left and in the far right wing, both counted outwards."""
        return self.b * (1 - self.rho), self.b * (1 + self.rho)

    @property
    def minimum(self) -> float:
        """The lowest total variance over all k."""
        return self.a + self.b * self.sigma * math.sqrt(1 - self.rho**2)

    def total_variance(self, k: ArrayLike) -> Floats:
        """Implied variance times years, at each k."""
        x, root = self._hyperbola(k)
        return np.asarray(self.a + self.b * (self.rho * x + root))

    def first_derivative(self, k: ArrayLike) -> Floats:
        """dw/dk."""
        x, root = self._hyperbola(k)
        return np.asarray(self.b * (self.rho + x / root))

    def second_derivative(self, k: ArrayLike) -> Floats:
        """d²w/dk²."""
        _, root = self._hyperbola(k)
        return np.asarray(self.b * self.sigma**2 / root**3)

    def durrleman(self, k: ArrayLike) -> Floats:
        """Durrleman's g: the density of the underlying at k over a positive factor, so g < 0 is butterfly arbitrage.

        g = (1 - k w' / 2w)² - w'² / 4 · (1/w + 1/4) + w'' / 2 (Gatheral and Jacquier 2014, equation 2.1). Says nothing
        where w is not positive.
        """
        at = np.asarray(k, dtype=float)
        w, slope = self.total_variance(at), self.first_derivative(at)
        with np.errstate(divide="ignore", invalid="ignore"):
            g = (1 - at * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + self.second_derivative(at) / 2
        return np.asarray(g)

    def _hyperbola(self, k: ArrayLike) -> tuple[Floats, Floats]:
        x = np.asarray(k, dtype=float) - self.m
        return x, np.hypot(x, self.sigma)


def encode(svi: SviSlice) -> tuple[int, int, int, int, int]:
    """a, b, rho, m, sigma as the chain stores them: nearest whole multiples of 1e-9.

    Raises:
        InvalidField: a parameter does not fit into 37 bits, or sigma rounds to zero.
    """
    stored = tuple(round(value * UNIT) for value in astuple(svi))
    for field, value in zip(fields(svi), stored, strict=True):
        if not -(2 ** (BITS - 1)) <= value < 2 ** (BITS - 1):
            raise InvalidField(field.name, value, f"does not fit into a signed integer of {BITS} bits")
    a, b, rho, m, sigma = stored
    if sigma == 0:
        raise InvalidField("sigma", svi.sigma, "must be at least 1e-9")
    return a, b, rho, m, sigma


def decode(a: int, b: int, rho: int, m: int, sigma: int) -> SviSlice:
    """The slice that five stored integers stand for.

    Raises:
        InvalidField: as `SviSlice`.
    """
    return SviSlice(a / UNIT, b / UNIT, rho / UNIT, m / UNIT, sigma / UNIT)


def quantise(svi: SviSlice) -> SviSlice:
    """The nearest slice that the chain can store; storing it and reading it back gives it again.

    Raises:
        InvalidField: as `encode`.
    """
    return decode(*encode(svi))
