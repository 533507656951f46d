"""One feed of the Oracle: the path of its confirmed values, the jump that waits, and the average over a window.

The path is kept whole here. The contract keeps running sums of it, and that it has few places for them is
what `checkpoints` says: an average reaches only from one kept checkpoint to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from peersettle.errors import (
    BadWindow,
    FromTheFuture,
    OldRound,
    OutOfRange,
    Reverted,
    StaleRound,
    Unobserved,
    WrongSlot,
)
from peersettle.spec.chain import require, uint256
from peersettle.types import Hash32

PPM: Final = 10**6
GRID: Final = 300
"""Seconds between two times at which the sums of a path may be kept."""
RING: Final = 2048
"""Places for them: each is used again by the multiple of GRID that comes 2048 later."""
KEPT_OF_SILENCE: Final = 3
"""How many checkpoints are kept at either end of a silence."""
MAX_WINDOW: Final = 1800
"""Seconds."""
MAX_WEIGHT: Final = 60
"""Half-seconds that an observation weighs on either side of its time."""
MAX_COVERAGE: Final = 300
"""Half-seconds that it covers on either side."""


@dataclass(frozen=True)
class Terms:
    """The rules that a feed's id spells out: `name 160 | slot 16 | max_age 32 | jump_rate 24 | jump_cap 24` bits."""

    slot: int
    max_age: int
    jump_rate: int
    jump_cap: int

    @classmethod
    def of(cls, feed: Hash32) -> Terms:
        """Any 32 bytes are some feed's id."""
        fields = (feed[20:22], feed[22:26], feed[26:29], feed[29:32])
        return cls(*(int.from_bytes(field, "big") for field in fields))


@dataclass(frozen=True)
class Confirmed:
    """A confirmed value in wad, its slot in Unix seconds, and the spread of its round in 1/10,000."""

    value: int
    spread: int
    observed_at: int


@dataclass(frozen=True)
class Candidate:
    """A jump that waits for a second round."""

    value: int
    observed_at: int


@dataclass(frozen=True)
class FeedState:
    """All that a feed is: every value that was ever confirmed, oldest first, and the candidate."""

    path: tuple[Confirmed, ...] = ()
    candidate: Candidate | None = None


# A round


def require_timely(terms: Terms, observed_at: int, now: int) -> None:
    """A round is of a slot that has begun, at most `max_age` seconds ago."""
    require(observed_at <= now, FromTheFuture, observed_at=observed_at, now=now)
    if terms.slot == 0:
        raise Reverted("division by zero", observed_at=observed_at)
    require(observed_at % terms.slot == 0, WrongSlot, observed_at=observed_at, slot=terms.slot)
    require(now - observed_at <= terms.max_age, StaleRound, observed_at=observed_at, now=now, max_age=terms.max_age)


def take(feed: FeedState, terms: Terms, round_: Confirmed) -> FeedState:
    """The feed after a round that is timely: its value is confirmed, or becomes the candidate.

    A value within the bound is confirmed, and a candidate that was there dies. One beyond it confirms only
    what a candidate on the same side, at most `max_age` old, has said as well: the nearer of the two.
    """
    require(round_.value != 0, OutOfRange, value=0)
    if not feed.path:
        require(round_.observed_at > 0, OldRound, observed_at=0)
        return FeedState((round_,))
    last, candidate = feed.path[-1], feed.candidate
    newest = max(last.observed_at, candidate.observed_at if candidate else 0)
    require(round_.observed_at > newest, OldRound, observed_at=round_.observed_at, newest=newest)
    if not is_beyond(terms, round_.value, last.value, round_.observed_at - last.observed_at):
        return FeedState((*feed.path, round_))
    if candidate and is_open(candidate, terms, round_.observed_at):
        if candidate.value > last.value and round_.value > last.value:
            return FeedState((*feed.path, replace(round_, value=min(candidate.value, round_.value))))
        if candidate.value < last.value and round_.value < last.value:
            return FeedState((*feed.path, replace(round_, value=max(candidate.value, round_.value))))
    return FeedState(feed.path, Candidate(round_.value, round_.observed_at))


def is_beyond(terms: Terms, value: int, reference: int, elapsed: int) -> bool:
    """Whether a move is beyond min(cap, rate · √elapsed), both in millionths of the reference."""
    move = abs(value - reference) * PPM
    return move > reference * terms.jump_cap or move**2 > (reference * terms.jump_rate) ** 2 * elapsed


def is_open(candidate: Candidate, terms: Terms, time: int) -> bool:
    """A candidate lives for `max_age`."""
    return time <= candidate.observed_at + terms.max_age


# Averages


def integral(path: Sequence[Confirmed], start: int, end: int) -> tuple[int, int, int]:
    """Value times half-seconds that the path speaks for between two times, their number, and how many are covered."""
    first, last = 2 * start, 2 * end
    total = weight = coverage = 0
    for value, since, until in spoken_for(path, MAX_WEIGHT):
        length = max(0, min(until, last) - max(since, first))
        total += value * length
        weight += length
    for _, since, until in spoken_for(path, MAX_COVERAGE):
        coverage += max(0, min(until, last) - max(since, first))
    return total, weight, coverage


def spoken_for(path: Sequence[Confirmed], reach: int) -> Iterator[tuple[int, int, int]]:
    """Each value with the time it speaks for, in half-seconds: what is nearer to it than to any other, within reach.

    What follows the newest observation is nobody's before the next one has come.
    """
    for older, newer in pairwise(path):
        length = min(newer.observed_at - older.observed_at, reach)
        yield older.value, 2 * older.observed_at, 2 * older.observed_at + length
        yield newer.value, 2 * newer.observed_at - length, 2 * newer.observed_at


def checkpoints(path: Sequence[Confirmed]) -> Mapping[int, int]:
    """The multiples of GRID at which the contract still knows the path's sums, by their place in the ring.

    They are written when an observation at or after them comes, if one before them was there; of a silence
    only the first three and the last three. A place that was never written says the same as the time zero.
    """
    ring = dict.fromkeys(range(RING), 0)
    for older, newer in pairwise(path):
        crossed = range(older.observed_at // GRID + 1, newer.observed_at // GRID + 1)
        for number in (*crossed[:KEPT_OF_SILENCE], *crossed[-KEPT_OF_SILENCE:]):
            ring[number % RING] = number
    return ring


def require_kept(path: Sequence[Confirmed], *times: int) -> None:
    """Each of the times has a checkpoint that is not overwritten."""
    ring = checkpoints(path)
    for time in times:
        require(ring[time // GRID % RING] == time // GRID, Unobserved, time=time)


def twap(feed: FeedState, start: int, end: int) -> int:
    """The average confirmed value over a window of at most 30 minutes, two thirds of it covered. Rounded down."""
    on_grid = start % GRID == 0 and end % GRID == 0
    require(on_grid and start < end and end - start <= MAX_WINDOW, BadWindow, start=start, end=end)
    require_kept(feed.path, start, end)
    total, weight, coverage = integral(feed.path, start, end)
    enough = weight != 0 and 3 * coverage >= 2 * 2 * (end - start)
    require(enough, Unobserved, start=start, end=end, weight=weight, coverage=coverage)
    return total // weight


def observed_since(feed: FeedState, start: int) -> tuple[int, int, int]:
    """The `integral` from a checkpoint to the newest observation, which is at most 30 minutes later."""
    newest = feed.path[-1].observed_at if feed.path else 0
    require(start % GRID == 0 and newest <= uint256(start + MAX_WINDOW), BadWindow, start=start, newest=newest)
    require_kept(feed.path, start)
    return integral(feed.path, start, newest)
