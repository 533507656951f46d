"""A fixing over the crash equals the exact integral of the confirmed path, to the last unit."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import pytest
from tests.integration.replays.replaying import Noise, Points, Replay, between, candles, figure, percent

from peersettle.bindings.oracle import GRID, MAX_WINDOW
from peersettle.errors import Unobserved
from peersettle.reports import Feed
from peersettle.spec.oracle_feeds import Confirmed, FeedState, twap

OPENS, CLOSES = 1_584_064_800, 1_584_066_600
"""2020-03-13, 02:00 to 02:30 UTC, with the bottom of the crash in the middle."""
SPEAKS = 30
COVERS = 150


@dataclass(frozen=True)
class Pace:
    """When rounds come."""

    slot: int
    times: tuple[int, ...]
    opens_candidates: bool = True


def every(seconds: int, *, opens_candidates: bool = True) -> Pace:
    margin = 15 if seconds == 1 else 600
    return Pace(seconds, tuple(range(OPENS - margin, CLOSES + margin, seconds)), opens_candidates)


def irregular(seed: int, slot: int, longest: int, silence: int = 0) -> Pace:
    """Gaps of 1 to `longest` slots, drawn at random, and one long silence."""
    draw, times, time = random.Random(seed), [], OPENS - 840
    while time < CLOSES + 600:
        times.append(time)
        gap = draw.randint(1, longest) * slot
        time += max(gap, silence) if time <= OPENS + 900 < time + gap else gap
    return Pace(slot, tuple(times))


PACES = {
    "1 s": every(1, opens_candidates=False),
    "15 s": every(15),
    "60 s": every(60),
    "5 min": every(300),
    "irregular, 1 to 90 s": irregular(1, 1, 90),
    "irregular, 1 to 5 min": irregular(2, 60, 5),
    "irregular, with 11 minutes of silence": irregular(3, 15, 8, silence=660),
}

COARSE = ("5 min", "irregular, 1 to 5 min", "irregular, with 11 minutes of silence")


@dataclass
class Fixed:
    name: str
    pace: Pace
    feed: Feed
    replay: Replay
    rounds: int
    closes: Points

    @property
    def candidates(self) -> int:
        return self.rounds - len(self.replay.confirmed)

    @property
    def state(self) -> FeedState:
        return FeedState(tuple(Confirmed(value, 0, time) for time, value in self.replay.confirmed))


@pytest.fixture(scope="module", params=list(PACES))
def fixed(request: pytest.FixtureRequest, replay_from: Callable[[int], Replay]) -> Fixed:
    """The minutes' closes, joined by straight lines, reported at this pace; the next slot follows a candidate."""
    rows = candles("BTC_perp_1m_2020-03-13.csv")
    closes = [(row.begins + 60, row.close) for row in rows]
    pace = PACES[request.param]
    feed = Feed("BTC/USD", slot=pace.slot, max_age=600)
    replay, seen = replay_from(pace.times[0]), Noise(7)
    rounds = 0
    for time, following in pairwise((*pace.times, 2**32)):
        for at in range(time, following, pace.slot):
            rounds += 1
            replay.submit(feed, at, seen(between(closes, at)))
            if replay.confirmed[-1][0] == at:
                break
    return Fixed(request.param, pace, feed, replay, rounds, closes)


def spoken(path: Points, start: int, end: int, longest: int) -> tuple[Fraction, Fraction]:
    """The integral of the confirmed path over a window and the seconds that it speaks for, where each observation
    speaks for the time nearest to it, at most `longest` seconds on either side."""
    total = seconds = Fraction(0)
    for (earlier, older), (later, newer) in pairwise(path):
        if later <= start or earlier >= end:
            continue
        reach = min(Fraction(later - earlier, 2), Fraction(longest))
        for value, since, until in (
            (older, Fraction(earlier), earlier + reach),
            (newer, later - reach, Fraction(later)),
        ):
            span = max(min(until, Fraction(end)) - max(since, Fraction(start)), Fraction(0))
            total += value * span
            seconds += span
    return total, seconds


def windows(path: Points) -> list[tuple[int, int]]:
    """Every window that begins after the first observation and ends by the last."""
    first, last = (path[0][0] // GRID + 1) * GRID, path[-1][0] // GRID * GRID
    starts = range(first, last, GRID)
    return [(start, end) for start in starts for end in range(start + GRID, min(start + MAX_WINDOW, last) + 1, GRID)]


def test_a_fixing_is_the_exact_integral_of_the_confirmed_path_rounded_down(fixed: Fixed) -> None:
    path, state, oracle = fixed.replay.confirmed, fixed.state, fixed.replay.oracle
    assert (OPENS, CLOSES) in windows(path)
    for start, end in windows(path):
        total, seconds = spoken(path, start, end, SPEAKS)
        _, covered = spoken(path, start, end, COVERS)
        if 3 * covered >= 2 * (end - start):
            assert oracle.twap(fixed.feed, start, end) == total // seconds == twap(state, start, end)
        else:
            with pytest.raises(Unobserved):
                oracle.twap(fixed.feed, start, end)
            with pytest.raises(Unobserved):
                twap(state, start, end)


def test_a_running_average_is_the_exact_integral_so_far(fixed: Fixed) -> None:
    path = fixed.replay.confirmed
    last = path[-1][0]
    for start in range(-(-(last - MAX_WINDOW) // GRID) * GRID, last, GRID):
        if start <= path[0][0]:
            continue
        running = fixed.replay.oracle.observed_since(fixed.feed, start)
        total, seconds = spoken(path, start, last, SPEAKS)
        assert running.total == 2 * total
        assert running.weight == 2 * seconds
        assert running.coverage == 2 * spoken(path, start, last, COVERS)[1]


def test_the_path_has_candidates_to_skip(fixed: Fixed) -> None:
    assert (fixed.candidates > 0) == fixed.pace.opens_candidates


def test_a_fixing_is_near_the_true_average(fixed: Fixed) -> None:
    """True is the average of every second of the line that was reported from; candidates and noise come between."""
    value = fixed.replay.oracle.twap(fixed.feed, OPENS, CLOSES)
    true = Fraction(sum(between(fixed.closes, time) for time in range(OPENS, CLOSES)), CLOSES - OPENS)
    off = float(abs(value - true) / true)
    assert off < (0.02 if fixed.name in COARSE else 0.002)
    cells = [f"{value / 1e18:,.2f}", percent(off, 2), f"{fixed.candidates} of {fixed.rounds:,}"]
    figure(f"fixing, {fixed.name}", *cells)


def test_a_window_that_is_hardly_observed_has_no_fixing(replay_from: Callable[[int], Replay]) -> None:
    """Without the market's data: two rounds, ten minutes apart, cover five minutes between them."""
    feed = Feed("BTC/USD", slot=300, max_age=600)
    replay = replay_from(OPENS)
    for time in (OPENS - 300, OPENS, OPENS + 600):
        replay.submit(feed, time, [4_000 * 10**18] * 5)
    with pytest.raises(Unobserved):
        replay.oracle.twap(feed, OPENS, OPENS + 600)
    replay.submit(feed, OPENS + 900, [4_000 * 10**18] * 5)
    assert replay.oracle.twap(feed, OPENS, OPENS + 900) == 4_000 * 10**18
