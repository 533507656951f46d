"""All SVI slices of a surface fitted at once: least squares in volatility, with every arbitrage made expensive.

Where slices are fitted one after the other, all later ones pay for one steep wing of an early one; so they move
together. The penalties are squared hinges on a common grid; their weight grows from round to round. This only *aims* at
a surface without arbitrage; `fit` certifies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS: Final = (1.0, 30.0, 1_000.0)  # weights of the penalties
_STEPS: Final = 300
_TOLERANCE: Final = 1e-7
_SETTLED: Final = 3  # steps in a row that gain less than the tolerance
_SKEWS: Final = (0.0, -0.5, 0.5)  # a start for each
_GRID: Final = 241
_REACH: Final = 3.0
_BEYOND: Final = 1.2  # how far the grid goes beyond the outermost strike
_STEEPEST_SKEW: Final = 0.9999
_BUTTERFLY: Final = 2e-3  # what Durrleman's g should keep
_CALENDAR: Final = 1e-4  # what total variance should gain, as a share of itself, and in any case
_CALENDAR_LEAST: Final = 2e-7
_WING: Final = 1.95
_WING_RISE: Final = 1e-4
_POSITIVE: Final = 0.02  # least total variance, as a share of that at the money
_LARGEST: Final = 10.0  # of |m| and sigma


@dataclass(frozen=True)
class Smiles:
    """What the market shows, one row per expiry, ascending; rows of unequal length are filled up with weight zero."""

    years: Floats
    """(n,) years to expiry."""
    k: Floats
    """(n, p) log-moneyness."""
    volatility: Floats
    """(n, p) implied volatility as a fraction."""
    weight: Floats
    """(n, p) weight of each squared error; each row sums to one."""
    deviation: Floats
    """(n,) at-the-money volatility times the root of the years."""


def fit_jointly(smiles: Smiles, stiffness: float = 1.0) -> Floats:
    """The raw SVI parameters (n, 5) with the least weighted squared error in volatility, all penalties counted.

    `stiffness` multiplies the weight and the margin of the penalties. Deterministic.
    """
    problem = _Problem(smiles, stiffness)
    fits = [problem.solve(problem.start(skew), _ROUNDS[:1]) for skew in _SKEWS]
    _, best = min(fits, key=lambda fit: fit[0])
    _, theta = problem.solve(best, _ROUNDS[1:])
    return problem.raw(theta)


@dataclass(frozen=True)
class _Shape:
    """Total variance at (n, p) points: value, first and second derivative in k, and (n, p, 5) how each moves with
    (a, b, rho, m, sigma)."""

    w: Floats
    slope: Floats
    curve: Floats
    w_by: Floats
    slope_by: Floats
    curve_by: Floats

    @classmethod
    def of(cls, raw: Floats, k: Floats) -> _Shape:
        a, b, rho, m, sigma = (raw[:, i, None] for i in range(5))
        x = k - m
        root = np.hypot(x, sigma)
        lean, bend = rho + x / root, sigma**2 / root**3
        zero, one = np.zeros_like(x), np.ones_like(x)
        return cls(
            w=a + b * (rho * x + root),
            slope=b * lean,
            curve=b * bend,
            w_by=np.stack([one, rho * x + root, b * x, -b * lean, b * sigma / root], -1),
            slope_by=np.stack([zero, lean, b * one, -b * bend, -b * x * sigma / root**3], -1),
            curve_by=np.stack(
                [zero, bend, zero, 3 * b * bend * x / root**2, b * (2 - 3 * (sigma / root) ** 2) * sigma / root**3], -1
            ),
        )


@dataclass(frozen=True)
class _Terms:
    """Residuals (n, p) and how they move with the parameters (n, p, 5) of their own slice, and of the one before it."""

    residual: Floats
    own: Floats
    before: Floats | None = None


class _Problem:
    """Residuals in vol points over theta (n, 5) = (a, ln b, artanh rho, m, ln(sigma - floor)), without bounds."""

    def __init__(self, smiles: Smiles, stiffness: float) -> None:
        self.smiles = smiles
        self.stiffness = stiffness
        self.size = len(smiles.years)
        self.floor = smiles.deviation / 10

    @cached_property
    def grid(self) -> Floats:
        """Where penalties look: dense around the money of the shortest expiry; the wings beyond have their own."""
        scale = float(self.smiles.deviation.min())
        reach = max(_REACH, _BEYOND * float(np.abs(self.smiles.k).max()))
        return np.asarray(scale * np.sinh(np.linspace(-1, 1, _GRID) * np.arcsinh(reach / scale)))

    @cached_property
    def to_points(self) -> Floats:
        """(n, grid): vol points per total variance, for a smile of typical width, over the root of the grid's size."""
        deviation = self.smiles.deviation[:, None]
        typical = deviation * np.hypot(deviation, self.grid / 4)
        return np.asarray(100 / (2 * np.sqrt(typical * self.smiles.years[:, None] * _GRID)))

    def start(self, skew: float) -> Floats:
        """Symmetric around the money but for the skew, twice as wide as the deviation."""
        variance, width = self.smiles.deviation**2, 2 * self.smiles.deviation
        wing = variance / 2 / width
        lean = np.full(self.size, np.arctanh(skew))
        level = variance - wing * width
        return np.stack([level, np.log(wing), lean, np.zeros(self.size), np.log(width - self.floor)], 1)

    def raw(self, theta: Floats) -> Floats:
        """(n, 5) a, b, rho, m, sigma."""
        level, wing, lean, m, width = theta.T
        return np.stack([level, np.exp(wing), _STEEPEST_SKEW * np.tanh(lean), m, self.floor + np.exp(width)], 1)

    def solve(self, theta: Floats, weights: tuple[float, ...]) -> tuple[float, Floats]:
        """Cost and theta after one round of Levenberg and Marquardt's method for each weight of the penalties."""
        cost = np.inf
        for weight in weights:
            cost, theta = self._descend(theta, weight * self.stiffness)
        return cost, theta

    def _descend(self, theta: Floats, weight: float) -> tuple[float, Floats]:
        cost, normal, gradient = self._evaluate(theta, weight)
        damping, settled = 1e-3, 0
        for _ in range(_STEPS):
            scale = np.diag(normal) + 1e-12
            step = np.linalg.solve(normal + np.diag(damping * scale), -gradient)
            tried = theta + np.clip(step, -1, 1).reshape(theta.shape)
            following = self._evaluate(tried, weight)
            if following[0] < cost:
                settled = settled + 1 if cost - following[0] < _TOLERANCE * cost else 0
                theta, (cost, normal, gradient) = tried, following
                damping = max(damping / 3, 1e-12)
            else:
                damping *= 4
            if settled == _SETTLED or damping > 1e9 or cost < 1e-20:
                break
        return cost, theta

    def _evaluate(self, theta: Floats, weight: float) -> tuple[float, Floats, Floats]:
        """Cost Σr², normal matrix JᵀJ (5n, 5n), and Jᵀr (5n,), which is half the gradient."""
        raw = self.raw(theta)
        chain = self._chain(theta, raw)[:, None, :]
        n, cost = self.size, 0.0
        normal, gradient = np.zeros((n, 5, n, 5)), np.zeros((n, 5))
        here = np.arange(n)
        for terms in self._terms(raw, weight):
            cost += float(np.sum(terms.residual**2))
            own, at = terms.own * chain[n - len(terms.own) :], here[n - len(terms.own) :]
            own_t = np.swapaxes(own, 1, 2)
            normal[at, :, at, :] += own_t @ own
            gradient[at] += (own_t @ terms.residual[..., None])[..., 0]
            if terms.before is not None:
                before = terms.before * chain[:-1]
                before_t, cross = np.swapaxes(before, 1, 2), own_t @ before
                normal[at - 1, :, at - 1, :] += before_t @ before
                normal[at, :, at - 1, :] += cross
                normal[at - 1, :, at, :] += np.swapaxes(cross, 1, 2)
                gradient[at - 1] += (before_t @ terms.residual[..., None])[..., 0]
        return cost, normal.reshape(5 * n, 5 * n), gradient.ravel()

    def _chain(self, theta: Floats, raw: Floats) -> Floats:
        """(n, 5): d raw / d theta, which is diagonal."""
        one = np.ones(self.size)
        lean = _STEEPEST_SKEW * (1 - np.tanh(theta[:, 2]) ** 2)
        return np.stack([one, raw[:, 1], lean, one, raw[:, 4] - self.floor], 1)

    def _terms(self, raw: Floats, weight: float) -> Iterator[_Terms]:
        smiles = self.smiles
        lowest = (_POSITIVE / 20 * smiles.deviation**2)[:, None]
        yield self._market(raw, lowest)
        shape = _Shape.of(raw, self.grid)
        yield self._butterfly(shape, lowest, 10 * weight / np.sqrt(_GRID))
        yield _hinge((_POSITIVE * smiles.deviation**2)[:, None] - shape.w, -shape.w_by, 10 * weight * self.to_points)
        yield from self._bounds(raw, weight)
        gain = 1 + _CALENDAR * self.stiffness
        missing = shape.w[:-1] * gain + _CALENDAR_LEAST - shape.w[1:]
        yield _hinge(missing, -shape.w_by[1:], weight * self.to_points[1:], gain * shape.w_by[:-1])
        slopes, slopes_by = _slopes(raw)
        yield _hinge(slopes - _WING, slopes_by, 10 * weight)
        yield _hinge(slopes[:-1] + _WING_RISE - slopes[1:], -slopes_by[1:], 10 * weight, slopes_by[:-1])

    def _market(self, raw: Floats, lowest: Floats) -> _Terms:
        """The errors in volatility, in vol points, times the root of their weights."""
        smiles = self.smiles
        shape = _Shape.of(raw, smiles.k)
        fitted = np.sqrt(np.maximum(shape.w, lowest) / smiles.years[:, None])
        scale = 100 * np.sqrt(smiles.weight)
        by = scale / (2 * fitted * smiles.years[:, None]) * (shape.w > lowest)
        return _Terms(scale * (fitted - smiles.volatility), by[..., None] * shape.w_by)

    def _butterfly(self, shape: _Shape, lowest: Floats, weight: float) -> _Terms:
        w = np.maximum(shape.w, lowest)
        tilt = 1 - self.grid * shape.slope / (2 * w)
        g = tilt**2 - shape.slope**2 / 4 * (1 / w + 0.25) + shape.curve / 2
        by_w = (tilt * self.grid * shape.slope + shape.slope**2 / 4) / w**2 * (shape.w > lowest)
        by_slope = -tilt * self.grid / w - shape.slope / 2 * (1 / w + 0.25)
        g_by = by_w[..., None] * shape.w_by + by_slope[..., None] * shape.slope_by + shape.curve_by / 2
        return _hinge(_BUTTERFLY * self.stiffness - g, -g_by, weight)

    def _bounds(self, raw: Floats, weight: float) -> Iterator[_Terms]:
        """Keep the vertex and the width where they mean something, and where the chain can store them."""
        for column in (3, 4):
            value = raw[:, column : column + 1]
            by = np.zeros((self.size, 1, 5))
            by[:, 0, column] = np.sign(value[:, 0])
            yield _hinge(np.abs(value) - _LARGEST, by, weight)


def _hinge(missing: Floats, own: Floats, weight: float | Floats, before: Floats | None = None) -> _Terms:
    """Nothing where nothing is missing; else what is, weighted."""
    active = (missing > 0) * weight
    return _Terms(missing * active, own * active[..., None], None if before is None else before * active[..., None])


def _slopes(raw: Floats) -> tuple[Floats, Floats]:
    """(n, 2) left and right wing slopes, and (n, 2, 5) how they move."""
    b, rho = raw[:, 1], raw[:, 2]
    zero = np.zeros_like(b)
    by = [np.stack([zero, 1 + side * rho, side * b, zero, zero], -1) for side in (-1, 1)]
    return np.stack([b * (1 - rho), b * (1 + rho)], -1), np.stack(by, 1)
