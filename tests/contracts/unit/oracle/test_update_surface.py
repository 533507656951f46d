"""`update_surface`: a surface is taken whole and free of arbitrage, or not at all; one that jumps waits."""

import pytest
from tests.contracts.unit.oracle.scene import DAY, SURFACE, smile

from peersettle.spec.oracle_events import SurfaceCandidateOpened, SurfaceUpdated

NEAR, FAR = 1_800_000_000 + 30 * DAY, 1_800_000_000 + 60 * DAY


def send(oracle, *slices, after=0):
    oracle.warp(after)
    words = [item if isinstance(item, int) else item.packed for item in slices]
    return oracle.do("update_surface", *oracle.surface(SURFACE, oracle.now, words))


def show(oracle, expiry=NEAR):
    return oracle.view("surface_slice", SURFACE, expiry).output


def shown(item, time):
    return (item.a, item.b, item.rho, item.m, item.sigma, item.forward_ratio, time)


def test_every_expiry_is_kept_with_its_slot(oracle):
    near, far = smile(NEAR), smile(FAR, 200, rho=-(10**8), m=-5)
    assert send(oracle, near, far).events == (SurfaceUpdated(SURFACE, oracle.now, (NEAR, FAR)),)
    assert show(oracle)[0] == shown(near, oracle.now)
    assert show(oracle, FAR) == (shown(far, oracle.now), (0,) * 7)
    assert show(oracle, FAR + 1) == ((0,) * 7,) * 2


def test_an_expiry_that_is_left_out_is_gone(oracle):
    send(oracle, smile(NEAR), smile(FAR, 200))
    send(oracle, smile(FAR, 200), after=15)
    assert show(oracle)[0] == (0,) * 7
    assert show(oracle, FAR)[0] == shown(smile(FAR, 200), oracle.now)


def test_a_jump_of_variance_waits_beside_the_confirmed_surface(oracle):
    send(oracle, smile(NEAR))
    before = oracle.now
    (opened,) = send(oracle, smile(NEAR, 150), after=15).events
    assert isinstance(opened, SurfaceCandidateOpened)
    assert 500_000 <= opened.move <= 500_100
    assert show(oracle) == (shown(smile(NEAR), before), shown(smile(NEAR, 150), oracle.now))
    oracle.warp(121)
    assert show(oracle)[1] == (0,) * 7, "after max_age it no longer shows"


@pytest.mark.parametrize(("first", "second", "confirmed"), [(150, 180, 150), (180, 150, 150), (150, 150, 150)])
def test_a_second_jump_on_the_same_side_confirms_the_nearer(oracle, first, second, confirmed):
    send(oracle, smile(NEAR))
    send(oracle, smile(NEAR, first), after=15)
    send(oracle, smile(NEAR, second), after=15)
    assert show(oracle) == (shown(smile(NEAR, confirmed), oracle.now), (0,) * 7)


@pytest.mark.parametrize(("first", "second", "confirmed"), [(60, 50, 60), (50, 60, 60)])
def test_downwards_too(oracle, first, second, confirmed):
    send(oracle, smile(NEAR))
    send(oracle, smile(NEAR, first), after=15)
    send(oracle, smile(NEAR, second), after=15)
    assert show(oracle) == (shown(smile(NEAR, confirmed), oracle.now), (0,) * 7)


def test_a_move_within_the_bound_is_confirmed_and_the_candidate_dies(oracle):
    send(oracle, smile(NEAR))
    send(oracle, smile(NEAR, 150), after=15)
    send(oracle, smile(NEAR, 101), after=15)
    assert show(oracle) == (shown(smile(NEAR, 101), oracle.now), (0,) * 7)


def test_what_follows_too_late_or_elsewhere_waits_anew(oracle):
    send(oracle, smile(NEAR))
    send(oracle, smile(NEAR, 150), after=15)
    assert isinstance(send(oracle, smile(NEAR, 150), after=135).events[0], SurfaceCandidateOpened)
    assert isinstance(send(oracle, smile(NEAR, 150), smile(FAR, 300), after=15).events[0], SurfaceCandidateOpened)
    assert isinstance(send(oracle, smile(NEAR, 150), after=15).events[0], SurfaceCandidateOpened)


def test_a_fall_after_a_rise_waits_anew(oracle):
    send(oracle, smile(NEAR))
    send(oracle, smile(NEAR, 150), after=15)
    (opened,) = send(oracle, smile(NEAR, 60), after=15).events
    assert isinstance(opened, SurfaceCandidateOpened)
    assert opened.move < 0
    assert show(oracle)[1] == shown(smile(NEAR, 60), oracle.now)


def test_new_expiries_have_no_variance_to_move_from(oracle):
    """A surface that shares no expiry with the confirmed one is confirmed at once."""
    send(oracle, smile(NEAR))
    assert isinstance(send(oracle, smile(FAR, 500), after=15).events[0], SurfaceUpdated)


def test_time_never_goes_back_nor_behind_a_candidate(oracle):
    send(oracle, smile(NEAR))
    assert send(oracle, smile(NEAR)).reason == "old"
    send(oracle, smile(NEAR, 150), after=15)
    assert send(oracle, smile(NEAR, 150)).reason == "old"


@pytest.mark.parametrize(("shift", "reason"), [(15, "future"), (-1, "slot"), (-135, "stale"), (-120, None)])
def test_a_surface_is_of_a_slot_that_runs_or_ran(oracle, shift, reason):
    arguments = oracle.surface(SURFACE, oracle.now + shift, [smile(NEAR).packed])
    assert oracle.do("update_surface", *arguments).reason == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"b": -1}, "surface"),
        ({"sigma": 0}, "surface"),
        ({"sigma": -1}, "surface"),
        ({"rho": 10**9}, "surface"),
        ({"rho": -(10**9)}, "surface"),
        ({"forward_ratio": 0}, "surface"),
        ({"forward_ratio": -1}, "surface"),
        ({"b": 2 * 10**9, "rho": 1}, "butterfly"),
        ({"a": 0, "b": 0}, "variance"),
        ({"a": 1, "b": 0}, None),
        ({"a": -(10**9)}, "variance"),
        ({"a": 10**6, "b": 10**9, "rho": -900_000_000, "sigma": 10**6, "m": 10**8}, "butterfly"),
    ],
)
def test_a_slice_is_sound_by_itself(oracle, change, reason):
    assert send(oracle, smile(NEAR, **change)).reason == reason


def test_the_negative_minimum_is_found_far_from_the_forward(oracle):
    """Between and beyond the nodes too: the minimum is known in closed form."""
    assert send(oracle, smile(NEAR, a=-(10**8), b=10**8, rho=0, m=60 * 10**9, sigma=10**8)).reason == "variance"


def test_a_later_expiry_lies_nowhere_below_an_earlier_one(oracle):
    assert send(oracle, smile(NEAR), smile(FAR)).done
    assert send(oracle, smile(NEAR), smile(FAR, a=29_999_999), after=15).reason == "calendar"
    tilted = smile(FAR, rho=-900_000_000)
    assert send(oracle, smile(NEAR, rho=900_000_000), tilted).reason == "calendar"


def test_expiries_ascend_after_the_slot(oracle):
    for slices in ([smile(FAR, 200), smile(NEAR)], [smile(NEAR)] * 2, [smile(oracle.now)], [smile(oracle.now - 1)]):
        assert send(oracle, *slices).reason == "ascending"


def test_a_surface_has_one_to_sixteen_expiries(oracle):
    assert send(oracle).reason == "items"
    slices = [smile(NEAR + place * DAY, 100 + place).packed for place in range(17)]
    assert send(oracle, *slices[:16], after=15).done
    arguments = oracle.surface(SURFACE, oracle.now, slices)
    assert not oracle._on_chain("update_surface", arguments, oracle.attester, []).done


def test_the_signatures_are_of_exactly_these_slices(oracle):
    feed, time, words, signatures, others = oracle.surface(SURFACE, oracle.now, [smile(NEAR).packed])
    assert oracle.do("update_surface", feed, time, [words[0] + 1], signatures, others).reason == "reporters"
    assert oracle.do("update_surface", feed, time, words, signatures[:2], others).reason == "quorum"
    assert oracle.do("update_surface", feed, time, words * 2, signatures, others).reason == "reporters"
    assert oracle.do("update_surface", feed, time, words, signatures, others).done
