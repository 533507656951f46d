"""Raw SVI: its derivatives, its density, and the form in which the chain stores it."""

import math
from dataclasses import astuple, replace

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.unit.pricing.chains import slices

from peersettle.errors import InvalidField
from peersettle.pricing import SviSlice, decode, encode, quantise

POINTS = st.floats(-3, 3)


def exact(svi, k):
    a, b, rho, m, sigma = map(mpmath.mpf, astuple(svi))
    return a + b * (rho * (k - m) + mpmath.sqrt((k - m) ** 2 + sigma**2))


@given(slices(), POINTS)
def test_variance_and_derivatives_are_those_of_mpmath(svi, k):
    with mpmath.workdps(50):
        right = [float(mpmath.diff(lambda x: exact(svi, x), mpmath.mpf(k), order)) for order in range(3)]
    assert float(svi.total_variance(k)) == pytest.approx(right[0], rel=1e-9, abs=1e-12)
    assert float(svi.first_derivative(k)) == pytest.approx(right[1], rel=1e-9, abs=1e-12)
    assert float(svi.second_derivative(k)) == pytest.approx(right[2], rel=1e-9, abs=1e-12)


@given(slices(least_width=0.1), st.floats(-0.8, 0.8))
def test_g_is_the_convexity_of_call_prices(svi, k):
    """d²C/dK² = g(k) · exp(-d2²/2) / (K sqrt(2 pi w)), with the forward at one."""

    def call(strike):
        at = mpmath.log(strike)
        deviation = mpmath.sqrt(exact(svi, at))
        d1 = -at / deviation + deviation / 2
        return mpmath.ncdf(d1) - strike * mpmath.ncdf(d1 - deviation)

    with mpmath.workdps(60):
        strike = mpmath.exp(mpmath.mpf(k))
        w = exact(svi, mpmath.mpf(k))
        d2 = -mpmath.mpf(k) / mpmath.sqrt(w) - mpmath.sqrt(w) / 2
        assume(abs(d2) < 8)  # further out, differences of prices have no digits left
        density = mpmath.exp(-(d2**2) / 2) / (strike * mpmath.sqrt(2 * mpmath.pi * w))
        g = float(mpmath.diff(call, strike, 2) / density)
    assert float(svi.durrleman(k)) == pytest.approx(g, rel=1e-6, abs=1e-9)


@given(slices())
def test_the_minimum_and_the_slopes_are_reached(svi):
    k = svi.m + svi.sigma * np.linspace(-40, 40, 40_001)
    w = svi.total_variance(k)
    assert svi.minimum <= w.min() + 1e-12
    assert w.min() == pytest.approx(svi.minimum, abs=1e-3 * svi.b * svi.sigma + 1e-12)
    left, right = (float(svi.first_derivative(at)) for at in (-1e7, 1e7))
    assert (-left, right) == pytest.approx(svi.slopes, abs=1e-9)


@given(
    st.integers(-(2**36), 2**36 - 1),
    st.integers(0, 2**36 - 1),
    st.integers(-(10**9), 10**9),
    st.integers(-(2**36), 2**36 - 1),
    st.integers(1, 2**36 - 1),
)
def test_what_is_stored_reads_back_as_it_was(a, b, rho, m, sigma):
    stored = (a, b, rho, m, sigma)
    assert encode(decode(*stored)) == stored


@given(slices())
def test_a_quantised_slice_is_near_and_stays_as_it_is(svi):
    near = quantise(svi)
    assert all(abs(x - y) <= 0.5000001e-9 for x, y in zip(astuple(svi), astuple(near), strict=True))
    assert quantise(near) == near
    assert all(round(x * 10**9) / 10**9 == x for x in astuple(near))


SOUND = SviSlice(0.04, 0.4, -0.4, 0.1, 0.2)


@pytest.mark.parametrize(
    ("field", "value"),
    [("a", math.nan), ("m", math.inf), ("b", -0.1), ("rho", 1.1), ("rho", -1.1), ("sigma", 0.0), ("sigma", -1.0)],
)
def test_a_parameter_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(InvalidField, match=f"^{field} is"):
        replace(SOUND, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("a", 68.8), ("a", -68.8), ("m", 100.0), ("sigma", 69.0), ("sigma", 1e-10)]
)
def test_what_does_not_fit_into_storage_is_refused_by_name(field, value):
    with pytest.raises(InvalidField, match=f"^{field} is"):
        encode(replace(SOUND, **{field: value}))
