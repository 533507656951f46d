"""A real bad tick: LINK at 0.0001 between 3.06 and 2.47. No one round confirms it, so it moves nobody's equity."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
from tests.integration.replays.replaying import Noise, Points, Replay, Step, candles, figure, wad

from peersettle.bindings.oracle import Reading
from peersettle.reports import Feed

LINK = Feed("LINK/USD", slot=1_800, max_age=3_600)
BAD = wad("0.0001")
AT = 1_584_009_000
"""In the middle of the hour of 2020-03-12 10:00 UTC."""


@dataclass(frozen=True)
class Position:
    """So many LINK against cash, with 10 % of their value as maintenance margin; all in wad."""

    quantity: int
    cash: int

    def equity(self, value: int) -> int:
        return self.cash + self.quantity * value // 10**18

    def is_below_maintenance(self, value: int) -> bool:
        return self.equity(value) * 10 < abs(self.quantity) * value // 10**18

    def can_be_auctioned(self, reading: Reading) -> bool:
        """Only where it is below maintenance at the confirmed value and at the candidate."""
        return all(self.is_below_maintenance(value) for value in reading.values)


LONG = Position(1_000 * 10**18, -1_000 * 10**18)
SHORT = Position(-1_000 * 10**18, 5_000 * 10**18)


def hours(*, first: int = 0, last: int = 2**32) -> Points:
    """Of each hour the low in its middle and the close at its end: every low that the file has was a price once."""
    points = []
    for row in candles("LINK_1h_2020-03-11_bad_tick.csv"):
        points += [(row.begins + 1_800, row.low), (row.begins + 3_600, row.close)]
    return [point for point in points if first <= point[0] <= last]


@pytest.fixture(scope="module")
def steps(replay_from: Callable[[int], Replay]) -> list[Step]:
    """All reporters report the bad tick."""
    points = hours()
    assert dict(points)[AT] == BAD
    return replay_from(points[0][0]).play(LINK, points, Noise(1))


def at(steps: Iterable[Step], time: int) -> Step:
    return next(step for step in steps if step.at == time)


def test_a_bad_tick_that_every_reporter_reports_is_a_candidate_and_never_confirmed(steps: list[Step]) -> None:
    bad = at(steps, AT)
    assert bad.opened
    assert bad.after.candidate == bad.median < wad("0.00011")
    lowest = min(step.after.value for step in steps)
    assert lowest > wad("1.3")  # of 13 March, and real
    figure("LINK, lowest value ever confirmed", f"{lowest / 1e18:.2f}")


def test_the_round_after_a_bad_tick_confirms_the_real_price(steps: list[Step]) -> None:
    following = at(steps, AT + 1_800)
    assert following.after.candidate == 0
    assert following.after.value == following.median
    assert abs(following.after.value - wad("2.4693")) < wad("0.003")


def test_a_bad_tick_moves_nobodys_equity(steps: list[Step]) -> None:
    bad = at(steps, AT)
    for position in (LONG, SHORT):
        assert position.equity(bad.after.value) == position.equity(bad.before.value)


def test_a_bad_tick_lets_nobody_be_auctioned(steps: list[Step]) -> None:
    bad = at(steps, AT)
    assert LONG.is_below_maintenance(bad.after.candidate)
    assert not any(LONG.can_be_auctioned(step.after) for step in steps)


def test_a_bad_tick_saves_nobody_from_an_auction_but_while_it_is_a_candidate(steps: list[Step]) -> None:
    """The price of needing both values: who is below maintenance in truth waits one round."""
    failing = Position(-1_000 * 10**18, 3_000 * 10**18)
    bad = at(steps, AT)
    assert failing.can_be_auctioned(bad.before)
    assert not failing.can_be_auctioned(bad.after)


def test_a_bad_tick_of_as_many_reporters_as_may_lie_is_not_even_a_candidate(
    replay_from: Callable[[int], Replay],
) -> None:
    points = hours(first=AT - 5 * 3_600, last=AT + 5 * 3_600)
    replay, seen = replay_from(points[0][0]), Noise(2)
    for time, value in points:
        real = wad("2.7") if value == BAD else value
        values = seen(real)
        replay.round(LINK, time, [BAD, BAD, *values[2:]] if value == BAD else values)
    bad = at(replay.steps, AT)
    assert min(step.median for step in replay.steps) > wad("1.3")
    assert wad("2.69") < bad.median < wad("2.71")
    assert bad.after.candidate in (0, bad.median)


def test_a_bad_tick_that_lasts_for_two_rounds_is_a_price(replay_from: Callable[[int], Replay]) -> None:
    """The limit of the rule: a majority that insists is believed."""
    points = hours(last=AT)
    replay, seen = replay_from(points[0][0]), Noise(3)
    steps = replay.play(LINK, [*points[-4:], (AT + 1_800, BAD)], seen)
    assert steps[-1].after.value == max(steps[-2].median, steps[-1].median) < wad("0.00011")
