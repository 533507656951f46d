"""`read`, `twap` and `observed_since`: what is known, and the average over what was observed."""

import pytest
from tests.contracts.unit.oracle.scene import ETH, PRICE, UP

from peersettle.reports import Feed
from peersettle.spec.oracle_feeds import GRID, RING

FINE = Feed("FINE", slot=1, max_age=600, jump_rate=2**24 - 1, jump_cap=2**24 - 1).id
ZERO = 1_800_000_000


def observe(oracle, time, value):
    oracle.warp_to(time)
    assert oracle.do("update", *oracle.round(FINE, time, value)).done


def path(oracle, *points):
    """Observations at seconds after ZERO."""
    for seconds, value in points:
        observe(oracle, ZERO + seconds, value)


def twap(oracle, start, end):
    outcome = oracle.view("twap", FINE, ZERO + start, ZERO + end)
    return outcome.output[0] if outcome.done else outcome.reason


def since(oracle, start):
    outcome = oracle.view("observed_since", FINE, ZERO + start)
    return outcome.output if outcome.done else outcome.reason


def test_a_feed_without_a_round_reads_zero(oracle):
    assert oracle.view("read", ETH).output == ((0,) * 5,)


@pytest.mark.parametrize(("later", "shows"), [(0, True), (31, True), (120, True), (121, False), (10**6, False)])
def test_a_candidate_shows_for_max_age(oracle, later, shows):
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    oracle.warp(15)
    oracle.do("update", *oracle.round(ETH, oracle.now, UP))
    at = oracle.now
    oracle.warp(later)
    assert oracle.view("read", ETH).output[0] == (PRICE, at - 15, 0, *((UP, at) if shows else (0, 0)))


# Averages


def test_each_observation_speaks_for_the_time_nearest_to_it(oracle):
    """From 290 to 310 the values meet at 300; a window of 300 s at 10 s steps is a trapezoid."""
    path(oracle, *((seconds, 1000 + seconds) for seconds in range(-10, 330, 10)))
    halves = [5 * 2 if edge in (0, 300) else 10 * 2 for edge in range(0, 301, 10)]
    total = sum((1000 + seconds) * half for seconds, half in zip(range(0, 301, 10), halves, strict=True))
    assert twap(oracle, 0, 300) == total // 600
    assert since(oracle, 0)[1:] == (640, 640)


def test_an_observation_weighs_at_most_thirty_seconds_on_either_side(oracle):
    """Ten values, one of them for 20 s only: the rest is nobody's."""
    path(oracle, (-150, 100), (0, 200), (150, 300), (300, 400), (450, 500))
    weights = {200: 60, 300: 120, 400: 60}
    assert twap(oracle, 0, 300) == sum(v * w for v, w in weights.items()) // sum(weights.values())


def test_rounded_down(oracle):
    path(oracle, (-60, 1), (0, 1), (60, 1), (120, 1), (180, 2), (240, 2), (300, 2), (301, 2))
    assert twap(oracle, 0, 300) == 1


@pytest.mark.parametrize(("last", "answer"), [(380, 5), (381, "unobserved")])
def test_two_thirds_of_the_window_are_covered(oracle, last, answer):
    """The one at -20 covers until 130, the one at 380 from 230 on: 200 of 300 seconds."""
    path(oracle, (-20, 5), (last, 9))
    assert twap(oracle, 0, 300) == answer


def test_a_window_in_which_nothing_weighs_has_no_average(oracle):
    """It is covered enough, but the values around it speak for 30 s only."""
    path(oracle, (-50, 5), (350, 9))
    assert twap(oracle, 0, 300) == "unobserved"


def test_the_window_needs_an_observation_before_and_one_at_or_after_its_end(oracle):
    path(oracle, (0, 5), *((seconds, 5) for seconds in range(60, 600, 60)), (599, 5))
    assert twap(oracle, 0, 300) == "unobserved", "the first observation is no crossing"
    assert twap(oracle, 300, 600) == "unobserved", "the end has not been seen"
    path(oracle, (600, 5))
    assert twap(oracle, 300, 600) == 5


@pytest.mark.parametrize(("start", "end"), [(1, 300), (0, 299), (0, 0), (300, 0), (0, 2100), (150, 450)])
def test_windows_are_on_the_grid_and_at_most_thirty_minutes(oracle, start, end):
    assert twap(oracle, start, end) == "window"


def test_a_window_that_began_a_ring_ago_is_forgotten(oracle):
    path(oracle, (-10, 5), *((seconds, 5) for seconds in range(10, 700, 60)))
    assert twap(oracle, 0, 300) == 5
    path(oracle, (RING * GRID - 1, 7))
    assert twap(oracle, 0, 300) == 5
    path(oracle, (RING * GRID, 7))
    assert twap(oracle, 0, 300) == "unobserved"
    assert twap(oracle, 300, 600) == 5


def test_of_a_long_silence_both_ends_are_kept(oracle):
    path(oracle, (-10, 5), (10, 5), (20_000, 9), (20_101, 9))
    assert since(oracle, 300) == "window"
    assert since(oracle, 19_800)[0] == 9 * 3 * 60
    assert since(oracle, 18_900) == "unobserved"
    assert twap(oracle, 900, 19_800) == "window"


def test_a_candidate_is_no_part_of_the_path(oracle):
    for step in range(30):
        oracle.warp_to(ZERO + 15 * step)
        oracle.do("update", *oracle.round(ETH, oracle.now, UP * 3 if step % 2 else PRICE))
    assert oracle.view("twap", ETH, ZERO, ZERO + 300).reason == "unobserved"
    oracle.do("update", *oracle.round(ETH, oracle.now, PRICE))
    assert oracle.view("observed_since", ETH, ZERO + 300).output[0] % PRICE == 0


def test_the_largest_value_for_thirty_minutes_fits(oracle):
    top = 2**87 - 1
    path(oracle, *((seconds, top) for seconds in range(-60, 1861, 60)))
    assert twap(oracle, 0, 1800) == top
    assert since(oracle, 300)[0] == top * 2 * (1860 - 300)


def test_a_running_average_reaches_thirty_minutes_back(oracle):
    path(oracle, *((seconds, 5) for seconds in range(-60, 1801, 60)))
    assert since(oracle, 0) == (5 * 3600, 3600, 3600)
    path(oracle, (1801, 5))
    assert since(oracle, 0) == "window"
    assert since(oracle, 300)[1] == 3002
    assert since(oracle, 301) == "window"
    assert since(oracle, 2100) == "unobserved"
