"""USDC loses its peg: one venue moves nothing, all venues move the feed."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from tests.integration.replays.replaying import (
    Noise,
    Points,
    Replay,
    Step,
    Waiting,
    candles,
    confirmed_by_rule,
    figure,
    percent,
    wad,
)

from peersettle.oracle.combine import Combined, Drop, Heard, combine
from peersettle.oracle.sources.base import Sample
from peersettle.reports import Feed

USDC = Feed("USDC/USD", slot=450, max_age=900)
FIRST, LAST = 1_678_492_800, 1_678_568_400
"""2023-03-11, 00:00 to 21:00 UTC."""
VENUES = ("north", "east", "south", "west")
PAR = {"east": "0.9999", "south": "1", "west": "1.0001"}
LOWEST = wad("0.9999")
HIGHEST = wad("1.0001")


@pytest.fixture(scope="module")
def points() -> Points:
    """Of each quarter of an hour the low in its middle and the close at its end."""
    found = []
    for row in candles("USDC_15m_2023-03-09.csv"):
        if FIRST <= row.begins < LAST:
            found += [(row.begins + 450, row.low), (row.begins + 900, row.close)]
    return found


def heard(prices: dict[str, Decimal], at: int) -> Combined:
    return combine([Heard(f"{venue}:usdc", venue, Sample(price, at), 60) for venue, price in prices.items()], at)


def dollars(value: int) -> Decimal:
    return Decimal(value).scaleb(-18)


def at_par(venues: Sequence[str]) -> dict[str, Decimal]:
    return {venue: Decimal(PAR[venue]) for venue in venues}


def test_one_venue_that_loses_the_peg_does_not_move_what_a_reporter_makes_of_four(
    points: Points, replay_from: Callable[[int], Replay]
) -> None:
    replay = replay_from(points[0][0])
    for at, value in points:
        combined = heard({"north": dollars(value), **at_par(VENUES[1:])}, at)
        assert combined.value is not None
        assert LOWEST <= combined.value <= HIGHEST
        step = replay.round(USDC, at, [combined.value] * 5)
        assert not step.opened
        assert LOWEST <= step.after.value <= HIGHEST
    low = min(step.after.value for step in replay.steps)
    figure("USDC, one venue of four: lowest confirmed", f"{dollars(low):.5f}")


def test_the_venue_that_is_far_off_is_named(points: Points) -> None:
    at, low = min(points, key=lambda point: point[1])
    combined = heard({"north": dollars(low), **at_par(VENUES[1:])}, at)
    assert [(drop.source_class, drop.reason) for drop in combined.dropped] == [("north", Drop.OUTLIER)]


def test_one_venue_of_three_makes_a_reporter_silent_or_leaves_the_range_of_the_other_two(points: Points) -> None:
    silent = 0
    for at, value in points:
        combined = heard({"north": dollars(value), **at_par(["east", "west"])}, at)
        silent += combined.value is None
        assert combined.value is None or LOWEST <= combined.value <= HIGHEST
    assert silent > 0


@pytest.mark.parametrize("followers", [1, 2])
def test_reporters_that_follow_one_venue_do_not_move_the_median(
    followers: int, points: Points, replay_from: Callable[[int], Replay]
) -> None:
    """As many as may lie, seen from the contract."""
    replay, seen = replay_from(points[0][0]), Noise(4, ppm=50)
    for at, value in points:
        honest = seen(wad("1"))[followers:]
        step = replay.round(USDC, at, [value] * followers + honest)
        assert min(honest) <= step.after.value <= max(honest)
        assert not step.opened


def test_one_reporter_more_than_may_lie_moves_it(points: Points, replay_from: Callable[[int], Replay]) -> None:
    replay, seen = replay_from(points[0][0]), Noise(5, ppm=50)
    for at, value in points:
        replay.round(USDC, at, [value] * 3 + seen(wad("1"))[3:])
    assert min(step.after.value for step in replay.steps) < wad("0.91")


@pytest.fixture(scope="module")
def broad(points: Points, replay_from: Callable[[int], Replay]) -> list[Step]:
    """Every venue loses the peg; each reporter hears each of them a little off."""
    replay, seen = replay_from(points[0][0]), Noise(6, ppm=300)
    for at, value in points:
        values = []
        for voices in zip(*(seen(value) for _ in VENUES), strict=True):
            combined = heard(dict(zip(VENUES, map(dollars, voices), strict=True)), at)
            assert combined.value is not None
            values.append(combined.value)
        replay.round(USDC, at, values)
    return replay.steps


def test_a_peg_that_all_venues_lose_is_lost_on_chain_too(points: Points, broad: list[Step]) -> None:
    lowest_close = min(value for _, value in points[1::2])
    lowest = min(step.after.value for step in broad)
    assert lowest < lowest_close
    waiting = Waiting.measured(USDC, broad)
    assert waiting.in_a_row == 1
    figure("USDC, all venues: lowest confirmed", f"{dollars(lowest):.4f}")
    candidates = f"{waiting.opened} of {waiting.rounds} rounds, {percent(waiting.share)} of the time"
    figure("USDC, all venues: candidates", candidates)


def test_a_peg_that_all_venues_lose_is_followed_within_one_round(broad: list[Step]) -> None:
    for first, second in pairwise(broad):
        if first.opened:
            nearer = max if first.median < first.before.value else min
            assert second.after.value in (second.median, nearer(first.median, second.median))
        else:
            assert first.after.value == first.median


@pytest.mark.parametrize(("rate", "cap"), [(2_000, 100_000), (1_000, 50_000), (500, 20_000), (200, 20_000)])
def test_tighter_rules_for_a_stablecoin_follow_it_as_well(rate: int, cap: int) -> None:
    feed = Feed("USDC/USD", slot=450, max_age=900, jump_rate=rate, jump_cap=cap)
    points = []
    for row in candles("USDC_15m_2023-03-09.csv"):
        points += [(row.begins + 450, row.low), (row.begins + 900, row.close)]
    confirmed = confirmed_by_rule(feed, points)
    waiting = Waiting.of(feed, points, confirmed)
    lowest = dollars(min(value for value, _ in confirmed))
    assert lowest < Decimal("0.9")
    figure(
        f"stablecoin, {rate:,} / {cap:,}",
        f"{waiting.opened} of {waiting.rounds:,}",
        percent(waiting.share),
        str(waiting.in_a_row),
        f"{waiting.longest} s",
        f"{lowest:.4f}",
    )
