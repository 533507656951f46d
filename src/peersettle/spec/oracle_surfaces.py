"""One volatility surface of the Oracle: raw SVI slices, what must hold of them, and the surface that waits.

All numbers are in wad unless said, as in the contract, whose divisions round towards zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from peersettle.errors import (
    BadItems,
    BadSurface,
    ButterflyArbitrage,
    CalendarArbitrage,
    NegativeVariance,
    NotAscending,
    OldRound,
)
from peersettle.spec.chain import require, uint256
from peersettle.spec.oracle_feeds import PPM, Terms, is_beyond

WAD: Final = 10**18
UNIT: Final = 10**9
"""A parameter travels in whole 1e-9."""
FIELD_BITS: Final = 37
NODES: Final = range(-4, 5)
"""Where arbitrage is looked for, in deviations from the forward."""


@dataclass(frozen=True)
class Slice:
    """One expiry: w(k) = a + b · (rho · (k - m) + √((k - m)² + sigma²)), and forward / spot; all in 1e-9."""

    expiry: int
    a: int
    b: int
    rho: int
    m: int
    sigma: int
    forward_ratio: int

    @classmethod
    def of(cls, word: int) -> Slice:
        """`expiry 34 | forward_ratio 37 | sigma 37 | m 37 | rho 37 | b 37 | a 37` bits, two's complement."""
        fields = [word >> FIELD_BITS * place & (1 << FIELD_BITS) - 1 for place in range(6)]
        return cls(word >> 6 * FIELD_BITS, *(raw - (raw >> FIELD_BITS - 1 << FIELD_BITS) for raw in fields))


@dataclass(frozen=True)
class Dated:
    """A slice with the slot of its surface."""

    slice: Slice
    observed_at: int


@dataclass(frozen=True)
class Confirmed:
    """The confirmed surface: its slices by expiry, and its slot, Unix seconds."""

    slices: Mapping[int, Slice] = field(default_factory=dict)
    observed_at: int = 0


@dataclass(frozen=True)
class Candidate:
    """A surface that waits. `move` is its largest relative move of at-the-money variance, signed, in 1e-6."""

    slices: Mapping[int, Slice]
    observed_at: int
    move: int


@dataclass(frozen=True)
class SurfaceState:
    """All that a surface feed is."""

    confirmed: Confirmed = Confirmed()
    candidate: Candidate | None = None


def take(surface: SurfaceState, terms: Terms, words: Sequence[int], observed_at: int) -> SurfaceState:
    """The feed after a round that is timely: the new surface is confirmed, or becomes the candidate.

    A jump confirms what a candidate of the same expiries has said as well, on the same side and at most
    `max_age` ago: the one of the two that moved less, whole.
    """
    require(len(words) != 0, BadItems)
    last, candidate = surface.confirmed, surface.candidate
    newest = max(last.observed_at, candidate.observed_at if candidate else 0)
    require(observed_at > newest, OldRound, observed_at=observed_at, newest=newest)
    slices = [Slice.of(word) for word in words]
    require_free_of_arbitrage(slices, observed_at)
    move = largest_move(last, slices, observed_at)
    fresh = {item.expiry: item for item in slices}
    elapsed = observed_at - last.observed_at
    if not last.observed_at or not is_beyond(terms, PPM + abs(move), PPM, elapsed):
        return SurfaceState(Confirmed(fresh, observed_at))
    if (
        candidate
        and observed_at - candidate.observed_at <= terms.max_age
        and (candidate.move > 0) == (move > 0)
        and candidate.slices.keys() == fresh.keys()
    ):
        nearer = candidate.slices if abs(candidate.move) < abs(move) else fresh
        return SurfaceState(Confirmed(nearer, observed_at))
    return SurfaceState(last, Candidate(fresh, observed_at, move))


def slice_of(surface: SurfaceState, terms: Terms, expiry: int, now: int) -> tuple[Dated | None, Dated | None]:
    """The confirmed slice of an expiry, and the candidate's while that is at most `max_age` old."""
    last, candidate = surface.confirmed, surface.candidate
    confirmed = Dated(last.slices[expiry], last.observed_at) if expiry in last.slices else None
    if candidate and expiry in candidate.slices and now <= candidate.observed_at + terms.max_age:
        return confirmed, Dated(candidate.slices[expiry], candidate.observed_at)
    return confirmed, None


def largest_move(last: Confirmed, slices: Sequence[Slice], observed_at: int) -> int:
    """Of all expiries that the confirmed surface has too: the first one's whose variance per second moved most."""
    largest = 0
    for item in slices:
        if before := last.slices.get(item.expiry):
            then = quotient(total_variance(before, 0) * WAD, item.expiry - last.observed_at)
            now = quotient(total_variance(item, 0) * WAD, item.expiry - observed_at)
            move = quotient((now - then) * PPM, then)
            largest = move if abs(move) > abs(largest) else largest
    return largest


# What must hold of a surface


def require_free_of_arbitrage(slices: Sequence[Slice], observed_at: int) -> None:
    """Every slice by itself, beside the one before it, in the order in which they stand."""
    times = [observed_at, *(item.expiry for item in slices)]
    for place, item in enumerate(slices):
        require(times[place + 1] > times[place], NotAscending, expiry=item.expiry, after=times[place])
        require_variance(item)
        require_no_butterfly(item)
        if place:
            require_no_calendar(slices[place - 1], item)


def require_variance(item: Slice) -> None:
    """Parameters within their ranges, wings no steeper than 2 (Lee, 2004), and a positive minimum of the variance."""
    sound = item.b >= 0 and item.sigma > 0 and abs(item.rho) < UNIT and item.forward_ratio > 0
    require(sound, BadSurface, slice=item)
    require(item.b * (UNIT + abs(item.rho)) <= 2 * UNIT * UNIT, ButterflyArbitrage, slice=item)
    a, b, rho, _, sigma = wads(item)
    lowest = a + quotient(quotient(b * root(WAD * WAD - rho * rho), WAD) * sigma, WAD)
    require(lowest > 0, NegativeVariance, slice=item, lowest=lowest)


def require_no_butterfly(item: Slice) -> None:
    """Durrleman's condition: g = (1 - k·w' / 2w)² - w'² / 4 · (1/w + 1/4) + w'' / 2 ≥ 0.

    Source: Gatheral and Jacquier, Arbitrage-free SVI volatility surfaces, 2014.
    """
    _, b, rho, m, sigma = wads(item)
    for k in nodes(item):
        x = k - m
        distance = root(x * x + sigma * sigma)
        w = total_variance(item, k)
        require(w > 0, NegativeVariance, slice=item, k=k, w=w)
        first = quotient(b * (rho + quotient(x * WAD, distance)), WAD)
        bend = quotient(quotient(sigma * sigma, distance) * WAD, distance)
        second = quotient(b * bend, distance)
        slope = WAD - quotient(k * first, 2 * w)
        squared = quotient(quotient(first * first, 4), w) + quotient(quotient(first * first, WAD), 16)
        g = quotient(slope * slope, WAD) - squared + quotient(second, 2)
        require(g >= 0, ButterflyArbitrage, slice=item, k=k, g=g)


def require_no_calendar(earlier: Slice, later: Slice) -> None:
    """Total variance does not fall from one expiry to the next, at the nodes of both."""
    for at_earlier, at_later in zip(nodes(earlier), nodes(later), strict=True):
        for k in (at_earlier, at_later):
            rises = total_variance(later, k) >= total_variance(earlier, k)
            require(rises, CalendarArbitrage, earlier=earlier.expiry, later=later.expiry, k=k)


def nodes(item: Slice) -> Iterator[int]:
    """-4 to 4 deviations of the logarithm, √w(0)."""
    deviation = root(total_variance(item, 0) * WAD)
    return (z * deviation for z in NODES)


def total_variance(item: Slice, k: int) -> int:
    """w(k)."""
    a, b, rho, m, sigma = wads(item)
    x = k - m
    return a + quotient(b * (quotient(rho * x, WAD) + root(x * x + sigma * sigma)), WAD)


def wads(item: Slice) -> tuple[int, int, int, int, int]:
    """a, b, rho, m, sigma."""
    return item.a * UNIT, item.b * UNIT, item.rho * UNIT, item.m * UNIT, item.sigma * UNIT


def root(square: int) -> int:
    """Rounded down.

    Raises:
        Reverted: of a negative number; the conversion gives no reason.
    """
    return math.isqrt(uint256(square))


def quotient(numerator: int, denominator: int) -> int:
    """Rounded towards zero, as the machine divides."""
    size = abs(numerator) // abs(denominator)
    return size if (numerator < 0) == (denominator < 0) else -size
