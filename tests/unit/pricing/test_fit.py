"""A fit gives back what made the chain, and never anything that can be arbitraged."""

import math
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.pricing.chains import DAY, NOW, STRIKES, chain_of, known_surface, slices

from peersettle.errors import InputError
from peersettle.pricing import SviSlice, arbitrage, fit, fit_surface, joint, quantise
from peersettle.pricing.fit import BUTTERFLY_MARGIN, CALENDAR_MARGIN, read_smiles

NODES = range(-4, 5)
FINER = np.concatenate([np.linspace(-6, 6, 24_001), np.linspace(-0.3, 0.3, 6_001), np.linspace(-1e3, 1e3, 2_001)])


def assert_sound(surface):
    """Nothing to arbitrage on a grid other than that of the fit, finer and wider; and every parameter storable."""
    assert arbitrage(surface, np.unique(FINER)) == []
    previous = None
    for part in surface.slices:
        svi = part.svi
        assert quantise(svi) == svi
        assert svi.total_variance(FINER).min() > 0
        assert svi.durrleman(FINER).min() >= BUTTERFLY_MARGIN * 0.99
        assert max(svi.slopes) < 2
        deviations = [math.sqrt(float(each.total_variance(0.0))) for each in (svi, previous or svi)]
        for k in [node * deviation for node in NODES for deviation in deviations]:
            assert float(svi.durrleman(k)) > 0
            assert previous is None or float(svi.total_variance(k)) > float(previous.total_variance(k))
        if previous is not None:
            assert (svi.total_variance(FINER) - previous.total_variance(FINER)).min() >= CALENDAR_MARGIN * 0.99
        previous = svi


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=4, unique=True),
    st.floats(0.2, 1.5),
    st.floats(-0.6, 0.6),
)
@settings(max_examples=10)
def test_a_chain_made_from_a_surface_gives_that_surface_back(days, volatility, skew):
    known = known_surface(sorted(days), round(volatility, 3), round(skew, 3))
    assert arbitrage(known) == []
    found = fit_surface(chain_of(known))
    assert found.median_error < 0.02
    for part, right in zip(found.surface.slices, known.slices, strict=True):
        assert part.expiry == right.expiry
        assert part.forward_ratio == pytest.approx(right.forward_ratio, abs=1e-9)
        k = np.array(STRIKES) * math.sqrt(float(right.svi.total_variance(0.0)))
        assert part.svi.total_variance(k) == pytest.approx(right.svi.total_variance(k), rel=2e-3)
    assert_sound(found.surface)


def test_the_parameters_come_back_too():
    known = known_surface((30,))
    (found,) = fit_surface(chain_of(known)).surface.slices
    for name in ("a", "b", "rho", "m", "sigma"):
        assert getattr(found.svi, name) == pytest.approx(getattr(known.slices[0].svi, name), abs=1e-4)


NOISE = st.lists(st.lists(st.floats(0.5, 2.0), min_size=len(STRIKES), max_size=len(STRIKES)), min_size=3, max_size=3)


@given(NOISE, st.sampled_from([(0.2, 1, 2), (1, 8, 30), (30, 31, 360)]))
@settings(max_examples=10)
def test_a_noisy_chain_gives_a_surface_without_arbitrage(noise, days):
    known = known_surface(days)
    assert_sound(fit_surface(chain_of(replace_expiries(known, days), noise=noise, digits=6)).surface)


def replace_expiries(surface, days):
    return replace(
        surface,
        slices=tuple(
            replace(part, expiry=NOW + int(each * DAY)) for part, each in zip(surface.slices, days, strict=True)
        ),
    )


WILD = st.builds(
    lambda *fields: np.array(fields),
    st.floats(-5, 5),
    st.floats(0, 5),
    st.floats(-1, 1),
    st.floats(-100, 100),
    st.floats(1e-12, 100),
)


@given(st.lists(WILD, min_size=4, max_size=4))
@settings(max_examples=40)
def test_whatever_the_optimiser_says_only_sound_surfaces_come_out(rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "fit_jointly", lambda *_: np.array(rows))
        found = fit_surface(CLEAN)
    assert_sound(found.surface)


CLEAN = chain_of(known_surface())


def test_a_slice_that_had_to_be_moved_is_marked(monkeypatch):
    crossing = np.array([[0.1, 0.1, 0.0, 0.0, 0.2]] * 3 + [[0.05, 0.1, 0.0, 0.0, 0.2]])
    crossing[:3, 0] += [0, 0.01, 0.02]
    monkeypatch.setattr(fit, "fit_jointly", lambda *_: crossing)
    assert [each.repaired for each in fit_surface(CLEAN).errors] == [False, False, False, True]


def test_the_optimiser_s_gradient_is_that_of_its_cost():
    smiles, _ = read_smiles(CLEAN)
    problem = joint._Problem(fit._pack(smiles), 1.0)
    draw = np.random.default_rng(7)
    for _ in range(5):
        theta = problem.start(0.3) + draw.normal(0, 0.3, (4, 5)) * [0.02, 1, 1, 0.3, 1]
        _, _, gradient = problem._evaluate(theta, 3.0)
        for place in range(theta.size):
            step = np.zeros(theta.size)
            step[place] = 1e-6
            up, down = (problem._evaluate(theta + sign * step.reshape(theta.shape), 3.0)[0] for sign in (1, -1))
            assert (up - down) / 4e-6 == pytest.approx(gradient[place], rel=1e-3, abs=1e-3 * np.abs(gradient).max())


@given(slices(), st.floats(-2, 2))
def test_the_optimiser_s_derivatives_are_those_of_the_slice(svi, k):
    raw, at = np.array([astuple(svi)]), np.array([k])
    shape = joint._Shape.of(raw, at)
    assert shape.w == pytest.approx(svi.total_variance([[k]]))
    assert shape.slope == pytest.approx(svi.first_derivative([[k]]))
    assert shape.curve == pytest.approx(svi.second_derivative([[k]]))
    for column in range(5):
        step = np.zeros((1, 5))
        step[0, column] = 1e-4 * svi.sigma
        up, down = (joint._Shape.of(raw + sign * step, at) for sign in (1, -1))
        for value in ("w", "slope", "curve"):
            numeric = (getattr(up, value) - getattr(down, value)) / (2e-4 * svi.sigma)
            by = getattr(shape, f"{value}_by")[..., column]
            assert by == pytest.approx(numeric, rel=1e-3, abs=1e-4 * (1 + svi.b / svi.sigma**2))


def test_options_in_the_money_do_not_count_where_the_other_is_known():
    marks = [q.mark * (1 if q.is_call == (q.strike >= q.forward) else 1.02) for q in CLEAN.quotes]
    quotes = tuple(replace(quote, mark=mark) for quote, mark in zip(CLEAN.quotes, marks, strict=True))
    assert fit_surface(replace(CLEAN, quotes=quotes)).surface == fit_surface(CLEAN).surface


def test_the_same_chain_gives_the_same_surface_whatever_the_order_of_its_rows():
    assert fit_surface(replace(CLEAN, quotes=CLEAN.quotes[::-1])).surface == fit_surface(CLEAN).surface


def test_errors_are_weighted_by_vega_and_in_vol_points():
    found = fit_surface(CLEAN)
    for part, quality in zip(found.surface.slices, found.errors, strict=True):
        smile = quality.smile
        errors = 100 * (found.surface.implied_volatility(part.expiry, smile.k) - smile.volatility)
        assert quality.rms_error == pytest.approx(math.sqrt(float(np.average(errors**2, weights=smile.vega))))
        assert quality.worst_error == pytest.approx(float(np.abs(errors).max()))
        assert quality.at_the_money == pytest.approx(float(found.surface.implied_volatility(part.expiry, 0.0)))


def test_an_expiry_with_too_few_strikes_or_in_the_past_is_skipped_with_the_reason():
    first, *others = CLEAN.expiries
    few = [quote for quote in CLEAN.quotes if quote.expiry == first][:10]  # five strikes
    rest = [quote for quote in CLEAN.quotes if quote.expiry != first]
    past = [replace(quote, expiry=NOW) for quote in CLEAN.quotes if quote.expiry == first]
    found = fit_surface(replace(CLEAN, quotes=(*few, *rest, *past)))
    assert [part.expiry for part in found.surface.slices] == others
    assert [(each.expiry, each.reason) for each in found.skipped] == [
        (NOW, "has expired"),
        (first, "has 5 usable strikes; 6 are needed"),
    ]


def test_a_mark_that_says_nothing_of_volatility_does_not_count():
    first = CLEAN.expiries[0]
    zeroed = [replace(q, mark=0.0) if q.expiry == first and q.strike > q.forward else q for q in CLEAN.quotes]
    before, after = (fit_surface(each).errors[0].smile for each in (CLEAN, replace(CLEAN, quotes=tuple(zeroed))))
    assert after.left_out > before.left_out
    assert len(after.k) + after.left_out == len(before.k) + before.left_out


def test_a_chain_without_a_usable_expiry_is_refused_with_the_reasons():
    with pytest.raises(InputError, match="has 1 usable strikes"):
        fit_surface(replace(CLEAN, quotes=CLEAN.quotes[14:16]))


def test_a_slice_of_nonsense_is_never_certified():
    assert not fit.certified(SviSlice(-0.02, 0.1, 0.0, 0.3, 0.1), None)
    assert not fit.certified(SviSlice(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153), None)
    assert not fit.certified(SviSlice(4.0, 1.4, 0.5, 0.0, 0.5), None)
    early, late = SviSlice(0.1, 0.3, 0.0, 0.0, 0.2), SviSlice(60.0, 0.3, 0.001, 0.0, 0.2)
    assert fit.certified(late, None)
    assert not fit.certified(late, early)  # they cross at k = -200,000
