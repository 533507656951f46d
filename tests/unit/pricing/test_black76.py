"""Black-76 against mpmath, and implied volatility as its inverse."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from peersettle.pricing import black76

FORWARDS = st.floats(0.5, 5_000)
MONEYNESS = st.floats(-2, 2)
YEARS = st.floats(1 / 8_760, 3)
VOLATILITIES = st.floats(0.05, 3)


def exact(forward, strike, years, volatility, is_call):
    with mpmath.workdps(60):
        f, k, s = mpmath.mpf(forward), mpmath.mpf(strike), mpmath.mpf(volatility) * mpmath.sqrt(mpmath.mpf(years))
        sign = 1 if is_call else -1
        d1 = mpmath.log(f / k) / s + s / 2
        return sign * (f * mpmath.ncdf(sign * d1) - k * mpmath.ncdf(sign * (d1 - s)))


@given(FORWARDS, MONEYNESS, YEARS, VOLATILITIES, st.booleans())
def test_prices_and_vegas_are_those_of_mpmath(forward, k, years, volatility, is_call):
    strike = forward * float(np.exp(k))
    right = exact(forward, strike, years, volatility, is_call)
    assert float(black76.price(forward, strike, years, volatility, is_call)) == pytest.approx(float(right), rel=1e-9)
    with mpmath.workdps(60):
        slope = mpmath.diff(lambda v: exact(forward, strike, years, v, is_call), volatility, h=mpmath.mpf("1e-20"))
    assert float(black76.vega(forward, strike, years, volatility)) == pytest.approx(float(slope), rel=1e-9)


@given(FORWARDS, MONEYNESS, YEARS, VOLATILITIES)
def test_an_out_of_the_money_price_gives_its_volatility_back(forward, k, years, volatility):
    strike, is_call = forward * float(np.exp(k)), k >= 0
    price = float(black76.price(forward, strike, years, volatility, is_call))
    assume(price > 1e-250)
    assert float(black76.implied_volatility(price, forward, strike, years, is_call)) == pytest.approx(
        volatility, rel=1e-9
    )


@given(FORWARDS, st.floats(-0.3, 0.3), st.floats(0.01, 3), st.floats(0.3, 3))
def test_a_call_less_a_put_is_forward_less_strike_and_both_have_one_volatility(forward, k, years, volatility):
    strike = forward * float(np.exp(k))
    call, put = (float(black76.price(forward, strike, years, volatility, kind)) for kind in (True, False))
    assert call - put == pytest.approx(forward - strike, abs=1e-9 * forward)
    assume(float(black76.vega(forward, strike, years, volatility)) > 1e-6 * forward)  # else the sum has lost its digits
    both = black76.implied_volatility([call, put], forward, strike, years, [True, False])
    assert both == pytest.approx([volatility] * 2, rel=1e-6)


@pytest.mark.parametrize(
    ("price", "is_call"),
    [(0.0, True), (-0.1, True), (float("nan"), True), (float("inf"), True), (1.0, True), (0.9, False), (1.5, False)],
)
def test_a_price_that_no_volatility_explains_gives_nan(price, is_call):
    assert np.isnan(black76.implied_volatility(price, 1.0, 0.9, 0.5, is_call))
    assert np.isnan(black76.implied_volatility(0.1 - 1e-12, 1.0, 0.9, 0.5, True))


def test_an_option_that_has_expired_has_no_volatility():
    assert np.isnan(black76.implied_volatility([0.1, 0.1], 1.0, 1.0, [0.0, -1.0], True)).all()


def test_inputs_broadcast():
    prices = black76.price(1.0, np.array([[0.8], [1.2]]), np.array([0.1, 0.2, 0.3]), 0.5, True)
    assert prices.shape == (2, 3)
    assert black76.implied_volatility(prices, 1.0, [[0.8], [1.2]], [0.1, 0.2, 0.3], True) == pytest.approx(
        np.full((2, 3), 0.5)
    )


def test_without_time_or_volatility_an_option_is_worth_its_intrinsic_value():
    assert black76.price(1.0, [0.8, 1.0, 1.2], 0.0, 0.5, True) == pytest.approx([0.2, 0.0, 0.0])
    assert black76.price(1.0, [0.8, 1.0, 1.2], 1.0, 0.0, False) == pytest.approx([0.0, 0.0, 0.2])
