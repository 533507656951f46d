"""What the next refresh would leave is known before anybody pays for it."""

from dataclasses import replace

import pytest
from tests.unit.risk.scene import grid, staged

from peersettle.keeper.estimates import anticipated, lacks_words, must_roll
from peersettle.risk.books import SeriesTable
from peersettle.risk.instruments import expiry

DAYS = (1, 8, 29)
STRIKES = (2_700, 3_000, 3_300)


def read(scene):
    """The snapshot as it is read off a chain, and the Oracle's surface by day."""
    snapshot = scene.snapshot
    surface = {
        (when - expiry(0)) // 86_400: (quoted, scene.oracle.observed_at)
        for when, quoted in scene.oracle.surface.items()
    }
    return snapshot, surface


def assert_foreseen(scene, series):
    """Rows, marks and charges are those of the contract once it has refreshed, but for a unit of rounding."""
    found = SeriesTable.of(anticipated(*read(scene)), series)
    scene.refresh(series)
    wanted = SeriesTable.of(scene.snapshot, series)
    assert wanted.computed == ()
    assert found.snapshot.reference == wanted.snapshot.reference
    assert abs(found.rows - wanted.rows).max() <= 1
    assert abs(found.short_codes - wanted.short_codes).max() <= 1


def test_a_new_epoch_is_foreseen():
    scene = staged(days=DAYS, strikes=STRIKES)
    scene.now += 60
    scene.price(3_200)
    assert must_roll(scene.snapshot)
    assert_foreseen(scene, grid(scene, DAYS, STRIKES))


def test_nothing_is_foreseen_where_nothing_is_due():
    scene = staged(days=DAYS, strikes=STRIKES)
    scene.now += 30
    snapshot, surface = read(scene)
    assert not must_roll(snapshot)
    assert lacks_words(snapshot) == frozenset()
    series = grid(scene, DAYS, STRIKES)
    assert SeriesTable.of(anticipated(snapshot, surface), series).computed == ()


def test_arrays_that_were_left_behind_by_an_epoch_are_foreseen():
    scene = staged(days=DAYS, strikes=STRIKES)
    scene.now += 60
    scene.price(3_200)
    scene.refresh([scene.series(scene.today + 1, 3_000)])
    assert not must_roll(scene.snapshot)
    assert lacks_words(scene.snapshot) == {scene.today + 8, scene.today + 29}
    assert_foreseen(scene, grid(scene, DAYS, STRIKES))


def test_in_the_averaging_window_an_epoch_lasts_a_minute():
    scene = staged(days=(0, *DAYS), strikes=STRIKES)
    scene.now = expiry(scene.today) - 900
    scene.price(3_000)
    scene.surface([scene.today + day for day in (0, *DAYS)])
    scene.refresh(grid(scene, (0, *DAYS), STRIKES))
    scene.now += 61
    scene.price(3_000)
    assert must_roll(scene.snapshot)


def test_an_old_array_serves_where_the_surface_is_too_old():
    scene = staged(days=DAYS, strikes=STRIKES)
    scene.now += scene.parameters.surface_age + 60
    scene.price(3_200)
    series = grid(scene, DAYS, STRIKES)
    table = SeriesTable.of(anticipated(*read(scene)), series)
    assert table.computed == ()
    assert table.snapshot.reference == 3_200 * 10**18


def test_an_unusable_price_begins_no_epoch():
    scene = staged(days=DAYS, strikes=STRIKES)
    scene.now += 10_000
    snapshot, surface = read(scene)
    assert not must_roll(snapshot)
    assert replace(anticipated(snapshot, surface), quoted_at={}) == replace(snapshot, quoted_at={})


@pytest.mark.parametrize("seconds", [10, 40_000])
def test_what_has_expired_needs_no_word(seconds):
    scene = staged(days=(0, *DAYS), strikes=STRIKES)
    scene.now = expiry(scene.today) + seconds
    scene.price(3_000)
    assert scene.today not in lacks_words(scene.snapshot)
