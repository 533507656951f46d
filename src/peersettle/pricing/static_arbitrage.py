"""Whether a surface can be traded against without risk: negative variance, butterflies and calendars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from peersettle.pricing.surface import Surface
from peersettle.pricing.svi import SviSlice

Floats = NDArray[np.float64]

LARGEST_SLOPE: Final = 2.0
"""Total variance cannot rise faster than this in log-moneyness (R. Lee, "The moment formula", 2004)."""

NODES: Final = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
"""Where the Oracle contract looks: k = node · sqrt(w(0)) of each slice."""

_REACH: Final = 2.5
_EVEN: Final = 1_001
_FAR: Final = 10_000.0
_AROUND: Final = 300
_CLOSER: Final = 33  # points between two neighbours of a low, three times over
_LOWS: Final = 8


class Arbitrage(StrEnum):
    """What makes a surface worth money to whoever trades against it."""

    NEGATIVE_VARIANCE = "negative variance"
    BUTTERFLY = "butterfly"
    """A negative density, or a wing that rises faster than prices can."""
    CALENDAR = "calendar"
    """An earlier expiry with more total variance than a later one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The worst arbitrage of one kind in one slice."""

    kind: Arbitrage
    expiry: int
    k: float
    """Log-moneyness; infinite where it is the wing itself."""
    amount: float
    """By how much it misses what is required: of variance, of Durrleman's g, or of the wing's slope at infinity."""


@dataclass(frozen=True, slots=True)
class Margins:
    """How far one slice is from each arbitrage, at its closest; none is present while none is negative."""

    variance: float
    """The lowest total variance, over all k."""
    butterfly: float
    """The lowest Durrleman g; minus infinity where variance is not positive."""
    wing: float
    """What is left below the largest slope, in the steeper wing."""
    calendar: float
    """The least total variance above the previous slice; infinite in the first slice."""
    calendar_wing: float
    """How much steeper the wings are than the previous slice's, in the closer wing. Infinite in the first slice."""


def arbitrage(surface: Surface, grid: ArrayLike | None = None) -> list[Finding]:
    """Every static arbitrage of a surface, in order of expiry: the worst of each kind in each slice; empty if none.

    Looks at each k of an ascending grid, by default `check_grid`, between its points wherever there is a low, and at
    both wings in the limit.
    """
    found: list[Finding] = []
    previous: SviSlice | None = None
    for part in surface.slices:
        at = check_grid(part.svi, previous) if grid is None else np.asarray(grid, dtype=float)
        found += [Finding(kind, part.expiry, k, amount) for kind, k, amount in _faults(part.svi, previous, at)]
        previous = part.svi
    return found


def margins(svi: SviSlice, previous: SviSlice | None = None, grid: ArrayLike | None = None) -> Margins:
    """How far a slice is from arbitrage, alone and against the slice of the expiry before it; looks as `arbitrage`."""
    at = check_grid(svi, previous) if grid is None else np.asarray(grid, dtype=float)
    gap, rise = float("inf"), float("inf")
    if previous is not None:
        _, gap = _closest(svi, previous, at)
        rise = min(new - old for new, old in zip(svi.slopes, previous.slopes, strict=True))
    _, g = _lowest(_density(svi), at)
    return Margins(svi.minimum, g, LARGEST_SLOPE - max(svi.slopes), gap, rise)


def check_grid(svi: SviSlice, previous: SviSlice | None = None) -> Floats:
    """Where to look for arbitrage: some 2,200 values of k, ascending.

    Evenly from -2.5 to 2.5; around each slice's vertex, dense to a fraction of its own width and out to ±10,000;
    and the nodes at which the Oracle contract looks.
    """
    parts = [np.linspace(-_REACH, _REACH, _EVEN)]
    for known in (svi, previous):
        if known is not None:
            around = known.sigma * np.sinh(np.linspace(0, np.arcsinh(_FAR / known.sigma), _AROUND))
            deviation = np.sqrt(max(float(known.total_variance(0.0)), 0.0))
            parts += [known.m + around, known.m - around, deviation * np.asarray(NODES)]
    return np.unique(np.concatenate(parts))


def _faults(svi: SviSlice, previous: SviSlice | None, at: Floats) -> Iterator[tuple[Arbitrage, float, float]]:
    if svi.minimum <= 0:
        place, _ = _lowest(svi.total_variance, at)
        yield Arbitrage.NEGATIVE_VARIANCE, place, -svi.minimum
    place, g = _lowest(_density(svi, outside=np.inf), at)
    if g < 0:
        yield Arbitrage.BUTTERFLY, place, -g
    elif (excess := max(svi.slopes) - LARGEST_SLOPE) > 0:
        yield Arbitrage.BUTTERFLY, float("-inf") if svi.rho < 0 else float("inf"), excess
    if previous is None:
        return
    place, gap = _closest(svi, previous, at)
    left, right = (old - new for new, old in zip(svi.slopes, previous.slopes, strict=True))
    if gap < 0:
        yield Arbitrage.CALENDAR, place, -gap
    elif max(left, right) > 0:
        yield Arbitrage.CALENDAR, float("inf") if right > left else float("-inf"), max(left, right)


def _density(svi: SviSlice, outside: float = -np.inf) -> Callable[[ArrayLike], Floats]:
    """Durrleman's g, with a value for where variance is not positive and g says nothing."""
    return lambda k: np.where(svi.total_variance(k) > 0, svi.durrleman(k), outside)


def _closest(svi: SviSlice, previous: SviSlice, at: Floats) -> tuple[float, float]:
    """Where a slice is least above the one before it, and by how much; infinite k for wings that stay parallel."""
    lows = [_lowest(lambda k: svi.total_variance(k) - previous.total_variance(k), at)]
    for side, new, old in zip((-1, 1), svi.slopes, previous.slopes, strict=True):
        if new == old:
            lows.append((side * float("inf"), svi.a - previous.a - side * (new * svi.m - old * previous.m)))
    return min(lows, key=lambda low: low[1])


def _lowest(function: Callable[[ArrayLike], Floats], at: Floats) -> tuple[float, float]:
    """Where a function is lowest, and its value: on an ascending grid, and closer around the grid's lowest lows."""
    values = function(at)
    best = int(np.argmin(values))
    place, lowest = float(at[best]), float(values[best])
    lows = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:])) + 1
    lows = lows[np.argsort(values[lows])[:_LOWS]]
    left, right = at[lows - 1], at[lows + 1]
    for _ in range(3 if lows.size else 0):
        closer = np.linspace(left, right, _CLOSER)
        values = function(closer)
        row, column = np.unravel_index(int(np.argmin(values)), values.shape)
        if values[row, column] < lowest:
            place, lowest = float(closer[row, column]), float(values[row, column])
        rows, columns = np.argmin(values, axis=0), np.arange(lows.size)
        left = closer[np.maximum(rows - 1, 0), columns]
        right = closer[np.minimum(rows + 1, _CLOSER - 1), columns]
    return place, lowest
