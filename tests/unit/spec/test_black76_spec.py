"""The integers of Black-76 against mpmath, QuantLib and the fit that they come from."""

import math
import runpy
from itertools import product
from pathlib import Path

import mpmath
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from peersettle.spec import black76, risk_arrays

ROOT = Path(__file__).resolve().parents[3]
HOUR, YEAR = 3_600, 365 * 86_400
FORWARD = 10**18
MONEYNESS = (0.3, 0.5, 0.7, 0.85, 0.95, 0.99, 1, 1.01, 1.05, 1.15, 1.5, 2, 3)
VOLATILITIES = (10, 25, 50, 80, 120, 200, 300)
TIMES = (HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, YEAR // 2, YEAR, 2 * YEAR)


def exact(is_put, forward, strike, deviation):
    sign = -1 if is_put else 1
    d1 = mpmath.log(mpmath.mpf(forward) / strike) / deviation + deviation / 2
    return sign * (forward * mpmath.ncdf(sign * d1) - strike * mpmath.ncdf(sign * (d1 - deviation)))


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(40):
        yield


@pytest.fixture(scope="module")
def fits():
    return {fit.name: fit for fit in runpy.run_path(str(ROOT / "tools/fit_black76.py"))["fits"]()}


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [
        (black76, "LOGARITHM", 4e-16),
        (black76, "MILLS_NUMERATOR", 3e-15),
        (black76, "MILLS_DENOMINATOR", 3e-15),
        (risk_arrays, "QUICK_NUMERATOR", 3e-9),
        (risk_arrays, "QUICK_DENOMINATOR", 3e-9),
        (risk_arrays, "DECAY", 2e-9),
    ],
)
def test_coefficients_are_what_the_fit_computes(fits, module, name, error):
    assert getattr(module, name) == fits[name].coefficients
    assert fits[name].error < error


def test_constants_are_those_of_mathematics():
    assert mpmath.nint(mpmath.log(2) * 2**96) == black76.LN2
    assert mpmath.nint(mpmath.log(2) * 2**64) == risk_arrays.LN2_Q64
    assert mpmath.nint(mpmath.sqrt(2) * 2**96) == black76.SQRT2


def test_prices_are_those_of_mpmath():
    """From moneyness 0.3 to 3, 10 % to 300 % and an hour to two years, far within 1e-9 of the forward."""
    worst = 0
    for moneyness, volatility, time, is_put in product(MONEYNESS, VOLATILITIES, TIMES, (False, True)):
        strike, sigma = int(FORWARD * moneyness), volatility * 10**16
        right = exact(is_put, FORWARD, strike, mpmath.mpf(volatility) / 100 * mpmath.sqrt(mpmath.mpf(time) / YEAR))
        found = black76.price(is_put, FORWARD, strike, black76.deviation_over(sigma, time))
        worst = max(worst, abs(found - right) / FORWARD)
    assert worst < 3e-15


def test_prices_are_those_of_quantlib():
    for moneyness, volatility, time, is_put in product(MONEYNESS, VOLATILITIES, TIMES, (False, True)):
        strike, deviation = int(FORWARD * moneyness), volatility / 100 * math.sqrt(time / YEAR)
        kind = QuantLib.Option.Put if is_put else QuantLib.Option.Call
        right = QuantLib.blackFormula(kind, strike / FORWARD, 1.0, deviation)
        found = black76.price(is_put, FORWARD, strike, black76.deviation_over(volatility * 10**16, time))
        assert found / FORWARD == pytest.approx(right, abs=1e-14)


PRICES = st.integers(1, 2**120 - 1)


@st.composite
def options(draw):
    """Any forward, strike and deviation within the stated bounds."""
    forward = draw(PRICES)
    strike = draw(st.integers(max(1, (forward >> 32) + 1), min(2**120, forward << 32) - 1))
    return forward, strike, draw(st.one_of(st.integers(0, 2**128 - 1), st.integers(0, 12 * 2**96)))


@given(options())
def test_call_less_put_is_forward_less_strike_to_the_unit(option):
    forward, strike, _ = option
    assert black76.price(False, *option) - black76.price(True, *option) == forward - strike


@given(options(), st.booleans())
def test_a_price_is_within_its_bounds(option, is_put):
    forward, strike, _ = option
    intrinsic, most = (strike - forward, strike) if is_put else (forward - strike, forward)
    slack = 2 + min(forward, strike) * 3 // 10**15
    assert max(intrinsic, 0) - slack <= black76.price(is_put, *option) <= most + slack


@given(options(), st.booleans(), st.integers(0, 2**128 - 1))
def test_more_deviation_is_never_worth_less(option, is_put, other):
    forward, strike, deviation = option
    low, high = sorted((deviation, other))
    slack = 2 + min(forward, strike) * 6 // 10**15
    prices = [black76.price(is_put, forward, strike, each) for each in (low, high)]
    assert prices[0] <= prices[1] + slack


def test_the_parts_are_those_of_mpmath():
    for i in range(200):
        ratio, z, x = int(2**96 * 1.117**i), int(i * 9.5 / 200 * 2**96), int(i * 0.0018 * 2**64)
        assert abs(mpmath.mpf(black76.ln(ratio)) / 2**96 - mpmath.log(mpmath.mpf(ratio) / 2**96)) < 1e-16
        root = mpmath.mpf(z) / 2**96
        mills = mpmath.ncdf(-root) * mpmath.exp(root * root / 2)
        assert abs(mpmath.mpf(black76.mills(z)) / 2**96 / mills - 1) < 3e-15
        assert abs(mpmath.mpf(black76.exp_small(x)) / 2**64 / mpmath.exp(mpmath.mpf(x) / 2**64) - 1) < 8e-9


def test_without_deviation_an_option_is_worth_its_exercise():
    assert [black76.price(put, 10, 7, 0) for put in (False, True)] == [3, 0]
    assert [black76.price(put, 7, 10, 0) for put in (False, True)] == [0, 3]
    assert [black76.price(put, 7, 7, 0) for put in (False, True)] == [0, 0]


def test_a_number_that_does_not_fit_the_contracts_words_is_refused():
    with pytest.raises(AssertionError, match="256 bits"):
        black76.price(False, 2**200, 2**199, 2**96)
