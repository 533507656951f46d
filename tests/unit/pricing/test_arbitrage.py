"""Planted arbitrage is found, where it is; what has none is left in peace."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from tests.unit.pricing.chains import NOW, known_surface, slices

from peersettle.pricing import Arbitrage, Surface, SurfaceSlice, SviSlice, arbitrage, margins

VOGT = SviSlice(a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)
"""Axel Vogt's slice: variance is positive, density is not (Gatheral and Jacquier 2014, example 3.1)."""


def surface_of(*parts):
    return Surface(NOW, tuple(SurfaceSlice(NOW + 86_400 * (i + 1), 1.0, svi) for i, svi in enumerate(parts)))


def changed(surface, index, **fields):
    parts = list(surface.slices)
    parts[index] = replace(parts[index], svi=replace(parts[index].svi, **fields))
    return replace(surface, slices=tuple(parts))


def test_a_sound_surface_has_none():
    assert arbitrage(known_surface()) == []


def test_a_negative_density_is_found_where_it_is():
    (found,) = arbitrage(surface_of(VOGT))
    assert found.kind is Arbitrage.BUTTERFLY
    assert 0.6 < found.k < 1.2
    assert float(VOGT.durrleman(found.k)) == pytest.approx(-found.amount)


def test_negative_variance_is_found():
    found = arbitrage(surface_of(SviSlice(-0.02, 0.1, 0.0, 0.3, 0.1)))
    assert found[0].kind is Arbitrage.NEGATIVE_VARIANCE
    assert (found[0].k, found[0].amount) == pytest.approx((0.3, 0.01))


@pytest.mark.parametrize(("rho", "wing"), [(0.5, float("inf")), (-0.5, float("-inf"))])
def test_a_wing_steeper_than_two_is_found_though_no_grid_shows_it(rho, wing):
    steep = SviSlice(4.0, 1.4, rho, 0.0, 0.5)
    found = arbitrage(surface_of(steep), np.linspace(-1, 1, 101))
    assert [(each.kind, each.k) for each in found] == [(Arbitrage.BUTTERFLY, wing)]
    assert found[0].amount == pytest.approx(0.1)


def test_a_later_expiry_below_an_earlier_one_is_found():
    sound = known_surface()
    lowered = changed(sound, 2, a=sound.slices[2].svi.a - 0.05)
    found = [each for each in arbitrage(lowered) if each.kind is Arbitrage.CALENDAR]
    assert [each.expiry for each in found] == [sound.slices[2].expiry]


@pytest.mark.parametrize(("rho", "wing"), [(0.3, float("-inf")), (-0.3, float("inf"))])
def test_wings_that_would_cross_beyond_every_strike_are_found(rho, wing):
    early, late = SviSlice(0.1, 0.3, 0.0, 0.0, 0.2), SviSlice(50.0, 0.3, rho, 0.0, 0.2)
    (found,) = arbitrage(surface_of(early, late), np.linspace(-5, 5, 101))
    assert (found.kind, found.k) == (Arbitrage.CALENDAR, wing)
    assert found.amount == pytest.approx(0.3 * 0.3)


def test_parallel_wings_that_would_cross_far_out_are_found():
    early, late = SviSlice(1.0, 0.5, 0.0, 0.0, 0.1), SviSlice(1.00001, 0.5, 0.0, -28.0, 60.0)
    (found,) = arbitrage(surface_of(early, late), np.linspace(-20, 20, 101))
    assert (found.kind, found.k) == (Arbitrage.CALENDAR, float("-inf"))
    assert found.amount == pytest.approx(14 - 0.00001)


def test_a_crossing_between_the_points_of_the_grid_is_found():
    early = SviSlice(0.0, 0.2, 0.0, 0.0, 0.2)
    late = SviSlice(0.0, 0.2, 0.0, 0.005, 0.2)  # the same, moved: crosses once
    touching = SviSlice(0.04 - 0.5 * 1e-4 - 1e-7, 0.5, 0.0, 0.03, 1e-4)  # a needle that dips below
    assert any(each.kind is Arbitrage.CALENDAR for each in arbitrage(surface_of(early, late)))
    coarse = np.array([-1, -0.5, -0.02, 0.01, 0.07, 0.5, 1])
    flat = SviSlice(0.04, 0.0, 0.0, 0.0, 1.0)
    assert touching.total_variance(coarse).min() > 0.04
    (found,) = [each for each in arbitrage(surface_of(flat, touching), coarse) if each.kind is Arbitrage.CALENDAR]
    assert found.k == pytest.approx(0.03, abs=1e-4)


@given(slices(), slices())
def test_a_verdict_holds_on_a_grid_that_is_finer_and_wider(early, late):
    surface = surface_of(early, late)
    found = {(each.kind, each.expiry) for each in arbitrage(surface)}
    k = np.concatenate([np.linspace(-4, 4, 20_001), np.linspace(-1e4, 1e4, 2_001)])
    for part in surface.slices:
        if (Arbitrage.BUTTERFLY, part.expiry) not in found:
            assert part.svi.durrleman(k).min() >= -1e-9
    if (Arbitrage.CALENDAR, surface.slices[1].expiry) not in found:
        assert (late.total_variance(k) - early.total_variance(k)).min() >= -1e-9


@given(slices(), slices())
def test_findings_and_margins_agree(early, late):
    kinds = {each.kind for each in arbitrage(surface_of(early, late)) if each.expiry == NOW + 2 * 86_400}
    found = margins(late, early)
    assert (Arbitrage.BUTTERFLY in kinds) == (found.butterfly < 0 or found.wing < 0)
    assert (Arbitrage.CALENDAR in kinds) == (found.calendar < 0 or found.calendar_wing < 0)
    assert margins(late).calendar == float("inf")
