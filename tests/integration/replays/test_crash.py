"""The crash of 12-13 March 2020: the feed follows, is open to doubt only briefly, and never freezes."""

import csv
import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from statistics import mean, median

import pytest
from tests.integration.replays.replaying import (
    Candle,
    Noise,
    Points,
    Replay,
    Step,
    Waiting,
    candles,
    confirmed_by_rule,
    figure,
    gas_figure,
    percent,
)
from tests.shared_data import shared_data

from peersettle.reports import Feed
from peersettle.spec.oracle_feeds import Terms, is_beyond

DEFAULT = Feed("BTC/USD")
MINUTES = Feed("BTC/USD", slot=60)
TEN_MINUTES = Feed("ETH/USD", slot=600, max_age=1_200)
FOLLOWED = Feed("ETH/USD", slot=60)
BTC_MINUTES = "BTC_perp_1m_2020-03-13.csv"
ETH_TEN_MINUTES = "ETH_10m_with_gas_2020-03-12.csv"
HOURLY = ("BTC_1h_2017-08_2021-03.csv.gz", "ETH_1h_2017-08_2021-03.csv.gz")
LOW_FIRST, HIGH_FIRST = ("open", "low", "high", "close"), ("open", "high", "low", "close")
RING_SECONDS = 2_048 * 300

Played = tuple[Feed, list[Step]]


def closes(rows: Sequence[Candle], seconds: int) -> Points:
    return [(row.begins + seconds, row.close) for row in rows]


def swings(rows: Sequence[Candle], order: Sequence[str]) -> Points:
    """The four prices of each minute, 15 seconds apart: no path through them is longer."""
    return [(row.begins + 15 * place, getattr(row, name)) for row in rows for place, name in enumerate(order)]


@pytest.fixture(scope="module")
def minutes(replay_from: Callable[[int], Replay]) -> Played:
    rows = candles(BTC_MINUTES)
    return MINUTES, replay_from(rows[0].begins).play(MINUTES, closes(rows, 60), Noise(1))


@pytest.fixture(scope="module")
def ten_minutes(replay_from: Callable[[int], Replay]) -> Played:
    rows = candles(ETH_TEN_MINUTES)
    return TEN_MINUTES, replay_from(rows[0].begins).play(TEN_MINUTES, closes(rows, 600), Noise(2))


@pytest.fixture(scope="module")
def followed(replay_from: Callable[[int], Replay]) -> Played:
    """As submitters do it: a candidate is followed by a round of the next slot, at the price that came next."""
    rows = candles(ETH_TEN_MINUTES)
    replay, seen = replay_from(rows[0].begins), Noise(3)
    for row, following in pairwise(rows):
        if replay.round(FOLLOWED, row.begins + 600, seen(row.close)).opened:
            replay.round(FOLLOWED, row.begins + 660, seen(following.open))
    return FOLLOWED, replay.steps


@pytest.fixture(scope="module")
def low_first(replay_from: Callable[[int], Replay]) -> Played:
    rows = candles(BTC_MINUTES)
    return DEFAULT, replay_from(rows[0].begins).play(DEFAULT, swings(rows, LOW_FIRST), Noise(4))


@pytest.fixture(scope="module")
def high_first(replay_from: Callable[[int], Replay]) -> Played:
    rows = candles(BTC_MINUTES)
    return DEFAULT, replay_from(rows[0].begins).play(DEFAULT, swings(rows, HIGH_FIRST), Noise(5))


@pytest.fixture(params=["minutes", "ten_minutes", "followed", "low_first", "high_first"])
def played(request: pytest.FixtureRequest) -> Played:
    found: Played = request.getfixturevalue(request.param)
    return found


def test_a_move_is_confirmed_one_round_later_as_far_as_both_rounds_agree(played: Played) -> None:
    feed, steps = played
    checked = 0
    for first, second in pairwise(steps):
        reference, since = first.before.value, first.before.observed_at
        if (
            not since
            or not is_beyond(Terms.of(feed.id), first.median, reference, first.at - since)
            or first.before.candidate
        ):
            continue
        checked += 1
        assert first.opened
        assert (first.after.candidate, first.after.candidate_at) == (first.median, first.at)
        assert first.after.value == reference
        down = first.median < reference
        if not is_beyond(Terms.of(feed.id), second.median, reference, second.at - since):
            assert second.after.value == second.median
        elif (second.median < reference) == down:
            assert second.after.value == (max if down else min)(first.median, second.median)
        else:
            assert second.after.candidate == second.median
    assert checked > 0


def test_a_move_within_the_bound_is_confirmed_at_once(played: Played) -> None:
    feed, steps = played
    for step in steps[1:]:
        if not is_beyond(Terms.of(feed.id), step.median, step.before.value, step.at - step.before.observed_at):
            assert (step.after.value, step.after.observed_at) == (step.median, step.at)


def test_the_confirmed_time_advances_with_every_two_rounds(
    minutes: Played, ten_minutes: Played, followed: Played
) -> None:
    for _, steps in (minutes, ten_minutes, followed):
        for first, second in pairwise(steps):
            assert second.after.observed_at > first.before.observed_at


def test_even_the_wildest_path_through_the_minutes_is_confirmed_with_the_fourth_round(
    low_first: Played, high_first: Played
) -> None:
    for _, steps in (low_first, high_first):
        for first, fourth in zip(steps, steps[3:], strict=False):
            assert fourth.after.observed_at > first.before.observed_at


def test_the_contract_does_what_the_specification_says(played: Played) -> None:
    feed, steps = played
    expected = confirmed_by_rule(feed, [(step.at, step.median) for step in steps])
    assert [(step.after.value, step.after.observed_at) for step in steps] == expected


def test_the_one_minute_file_leaves_little_time_in_doubt(minutes: Played) -> None:
    waiting = Waiting.measured(*minutes)
    assert waiting.share <= 0.45
    assert waiting.longest <= 60
    assert waiting.lag <= 60
    assert waiting.off <= 0.1
    show("BTC, one-minute, 60 s rounds", waiting)


def test_the_ten_minute_file_leaves_little_time_in_doubt(ten_minutes: Played, followed: Played) -> None:
    waiting, sooner = Waiting.measured(*ten_minutes), Waiting.measured(*followed)
    assert waiting.share <= 0.05
    assert waiting.longest <= 600
    assert sooner.share <= 0.05
    assert sooner.longest <= 60
    assert max(waiting.lag, sooner.lag) <= 600
    assert max(waiting.off, sooner.off) <= 0.16
    show("ETH, ten-minute, 600 s rounds", waiting)
    show("ETH, ten-minute, candidates followed after 60 s", sooner)


def test_the_wildest_path_through_the_minutes_leaves_little_time_in_doubt(
    low_first: Played, high_first: Played
) -> None:
    for name, swinging in (("low first", low_first), ("high first", high_first)):
        waiting = Waiting.measured(*swinging)
        assert waiting.share <= 0.45
        assert waiting.longest <= 60
        show(f"BTC, extremes of each minute 15 s apart, {name}", waiting)


def test_no_round_moves_the_confirmed_value_farther_than_the_rule_allows(minutes: Played) -> None:
    """Farther than the bound only where two rounds agree."""
    feed, steps = minutes
    for first, second in pairwise(steps):
        jumped = is_beyond(
            Terms.of(feed.id), second.after.value, second.before.value, second.at - second.before.observed_at
        )
        assert not jumped or first.opened


def test_a_candidate_that_nothing_follows_shows_for_two_slots(replay_from: Callable[[int], Replay]) -> None:
    """Which is how time with an open candidate is counted. No market data."""
    first = 1_584_063_900
    replay = replay_from(first)
    replay.submit(MINUTES, first, [4_000 * 10**18] * 5)
    replay.submit(MINUTES, first + 60, [3_000 * 10**18] * 5)
    for after, shown in ((61, 3_000 * 10**18), (180, 3_000 * 10**18), (181, 0)):
        replay.mine(first + after)
        assert replay.oracle.read(MINUTES).candidate == shown


@pytest.mark.parametrize("rate", [500, 1_000, 1_500, 2_000, 3_000, 5_000])
def test_the_default_rate_leaves_ordinary_hours_alone_and_the_crash_little_in_doubt(rate: int) -> None:
    rows = candles(BTC_MINUTES)
    feed = Feed("BTC/USD", slot=60, jump_rate=rate)
    waiting = _by_rule(feed, closes(rows, 60))
    wild = max(
        _by_rule(Feed("BTC/USD", jump_rate=rate), swings(rows, order)).share for order in (LOW_FIRST, HIGH_FIRST)
    )
    ordinary = [mean(beyond(_hours(name), rate)) for name in HOURLY]
    moves = f"{rate * math.sqrt(15) / 10_000:.2f} % / {rate * math.sqrt(60) / 10_000:.2f} %"
    cells = [moves, percent(waiting.share), percent(wild), *(percent(share, 3) for share in ordinary)]
    figure(f"{rate:,}", *cells)
    if rate == DEFAULT.jump_rate:
        assert waiting.share <= 0.3
        assert max(ordinary) < 0.001
        assert all(wildest_share(_hours(name), rate) > 0.95 for name in HOURLY)


@pytest.mark.parametrize("cap", [50_000, 100_000, 150_000])
def test_the_default_cap_leaves_four_years_of_hourly_rounds_alone(cap: int) -> None:
    feed = Feed("BTC/USD", slot=3_600, max_age=7_200, jump_cap=cap)
    hours = [_by_rule(feed, closes(_hours(name), 3_600)) for name in HOURLY]
    cells = [f"{waiting.opened} of {waiting.rounds:,}" for waiting in hours]
    figure(f"cap {cap // 10_000} %", *cells, str(max(waiting.in_a_row for waiting in hours)))
    if cap == DEFAULT.jump_cap:
        assert all(waiting.in_a_row == 1 and waiting.share < 0.001 for waiting in hours)


def test_a_candidate_must_be_followed_within_max_age() -> None:
    """Rounds slower than the slots confirm as well; rounds slower than max_age confirm late."""
    points = closes(candles(BTC_MINUTES), 60)
    for max_age, text in ((120, "60 s rounds"), (45, "60 s rounds but max_age 45 s")):
        waiting = _by_rule(Feed("BTC/USD", slot=15, max_age=max_age), points)
        assert (waiting.lag <= 60) == (max_age >= 60)
        stuck = f"{waiting.lag:,} s, and {percent(waiting.off)} off"
        figure(f"BTC, one-minute, 15 s slots, {text}: longest without a new value", stuck)


def test_an_update_costs_what_the_document_says(minutes: Played) -> None:
    _, steps = minutes
    later = steps[1:]
    fresh = [s for s in later if not s.opened and not s.before.candidate]
    crossing = [s.gas for s in fresh if s.before.observed_at // 300 != s.at // 300]
    plain = [s.gas for s in fresh if s.before.observed_at // 300 == s.at // 300]
    answered = [
        s.gas for s in later if s.before.candidate and not s.opened and s.before.observed_at // 300 == s.at // 300
    ]
    gas_figure("gas of an update, median", int(median(s.gas for s in later)))
    gas_figure("gas of an update, largest", max(s.gas for s in later))
    gas_figure("gas of an update, plain, median", int(median(plain)))
    gas_figure("gas of an update that opens a candidate, median", int(median(s.gas for s in later if s.opened)))
    gas_figure("gas of an update that answers a candidate, median", int(median(answered)))
    gas_figure("gas of an update that crosses 300 s, median", int(median(crossing)))
    gas_figure("gas of an update, mean", sum(s.gas for s in later) // len(later))


def test_a_checkpoint_is_cheaper_once_the_ring_is_full(replay_from: Callable[[int], Replay]) -> None:
    first = 1_584_063_900
    replay = replay_from(first)
    value = [4_000 * 10**18] * 5
    taken = [replay.submit(DEFAULT, first + time, value).gas_used for time in (0, 285, 300)]
    taken += [replay.submit(DEFAULT, first + RING_SECONDS + time, value).gas_used for time in (-15, 285, 300)]
    assert taken[5] < taken[2] - 15_000
    gas_figure("gas of an update that crosses 300 s, after seven days", taken[5])


def test_the_price_of_an_update_at_the_peak(minutes: Played) -> None:
    _, steps = minutes
    gas = int(median(s.gas for s in steps[1:]))
    with shared_data(f"prices/{ETH_TEN_MINUTES}").open(newline="") as file:
        dearest = max(float(row["gas_p90"]) * float(row["close"]) for row in csv.DictReader(file))
    figure("price of an update at the peak", f"{gas * dearest / 1e18:.2f} USD")


def show(name: str, waiting: Waiting) -> None:
    figure(
        name,
        f"{waiting.opened} of {waiting.rounds}",
        percent(waiting.share),
        f"{waiting.longest} s",
        f"{waiting.lag} s",
        percent(waiting.off),
    )


def beyond(rows: Sequence[Candle], rate: int) -> list[float]:
    """For each hour the share of rounds beyond the rate: moves taken as normal within it, as wide as its range says.

    Source of the estimate: Parkinson 1980, variance = ln(high / low)^2 / (4 ln 2).
    """
    deviations = [math.log(row.high / row.low) / math.sqrt(4 * math.log(2) * 3_600) * 10**6 for row in rows]
    return [math.erfc(rate / one / math.sqrt(2)) if one else 0.0 for one in deviations]


def wildest_share(rows: Sequence[Candle], rate: int) -> float:
    """How much of what is beyond the rate falls in the hundredth of hours that have most of it."""
    shares = sorted(beyond(rows, rate), reverse=True)
    return sum(shares[: len(shares) // 100]) / sum(shares)


def _by_rule(feed: Feed, points: Points) -> Waiting:
    return Waiting.of(feed, points, confirmed_by_rule(feed, points))


@cache
def _hours(name: str) -> list[Candle]:
    return candles(name)
