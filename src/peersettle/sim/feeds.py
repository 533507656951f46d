"""The Oracle of a replay: its rules for rounds and surfaces, without the signatures, which only a chain checks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from peersettle.reports import Feed, SurfaceSlice
from peersettle.spec import oracle_feeds, oracle_surfaces
from peersettle.spec.oracle import Reading
from peersettle.spec.oracle_feeds import Confirmed, FeedState, Terms
from peersettle.spec.oracle_surfaces import Dated, SurfaceState
from peersettle.types import Hash32

Floats = NDArray[np.float64]

YEAR: Final = 365 * 86_400
_MEMORY: Final = 6 * 3_600
"""Seconds in which what a smile makes of a move has halved."""
_SHARE: Final = 0.6
_LEAST, _MOST = 0.3, 3.5
_SLOPE, _CURVATURE, _SKEW = 0.2, 0.3, -0.1
_KEPT: Final = 4_096
"""So many confirmed values are enough for every average that is asked for."""


@dataclass
class ReplayOracle:
    """One price and one surface."""

    spot: Feed
    surface: Feed
    now: int = 0
    prices: FeedState = field(default_factory=FeedState)
    smiles: SurfaceState = field(default_factory=SurfaceState)

    def report(self, value: int, observed_at: int, spread: int) -> None:
        """Take a round.

        Raises:
            Reverted: it is not timely.
        """
        terms = Terms.of(self.spot.id)
        oracle_feeds.require_timely(terms, observed_at, self.now)
        after = oracle_feeds.take(self.prices, terms, Confirmed(value, spread, observed_at))
        if len(after.path) > 2 * _KEPT:
            after = FeedState(after.path[-_KEPT:], after.candidate)
        self.prices = after

    def quote(self, slices: Sequence[SurfaceSlice], observed_at: int) -> None:
        """Take a surface.

        Raises:
            Reverted: it is not timely, or allows arbitrage.
        """
        terms = Terms.of(self.surface.id)
        oracle_feeds.require_timely(terms, observed_at, self.now)
        words = [item.packed for item in slices]
        self.smiles = oracle_surfaces.take(self.smiles, terms, words, observed_at)

    # As Risk reads it

    def read(self, _feed: Hash32) -> Reading:
        """The confirmed price and what waits."""
        if not self.prices.path:
            return Reading()
        last, waits = self.prices.path[-1], self.prices.candidate
        if waits and oracle_feeds.is_open(waits, Terms.of(self.spot.id), self.now):
            return Reading(last.value, last.observed_at, last.spread, waits.value, waits.observed_at)
        return Reading(last.value, last.observed_at, last.spread)

    def twap(self, _feed: Hash32, start: int, end: int) -> int:
        """As `oracle_feeds.twap`."""
        return oracle_feeds.twap(self.prices, start, end)

    def observed_since(self, _feed: Hash32, start: int) -> tuple[int, int, int]:
        """As `oracle_feeds.observed_since`."""
        return oracle_feeds.observed_since(self.prices, start)

    def surface_slice(self, _feed: Hash32, expiry: int) -> tuple[Dated | None, Dated | None]:
        """The confirmed slice of an expiry, and the candidate's."""
        return oracle_surfaces.slice_of(self.smiles, Terms.of(self.surface.id), expiry, self.now)


def volatilities(prices: Floats, step: int, usual: float) -> Floats:
    """At-the-money volatility at each step, a year: the usual one, and what the path so far has done beyond it."""
    returns = np.diff(np.log(prices), prepend=math.log(prices[0]))
    kept = 0.5 ** (step / _MEMORY)
    level, found = usual**2, np.empty(len(prices))
    for place, move in enumerate(returns.tolist()):
        level = kept * level + (1 - kept) * move * move * YEAR / step
        found[place] = level
    mixed = np.sqrt((1 - _SHARE) * usual**2 + _SHARE * np.maximum(found, 0.25 * usual**2))
    return np.asarray(mixed.clip(_LEAST, _MOST))


def smile(expiry: int, now: int, volatility: float) -> SurfaceSlice:
    """A smile with this volatility at the money."""
    years = (expiry - now) / YEAR
    slope = _SLOPE * math.sqrt(years) * volatility
    level = volatility**2 * years - slope * _CURVATURE
    numbers = (round(number * 1e9) for number in (level, slope, _SKEW, 0.0, _CURVATURE, 1.0005))
    return SurfaceSlice(expiry, *numbers)
