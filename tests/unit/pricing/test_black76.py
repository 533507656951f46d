"""Black-76 and its Greeks against mpmath, QuantLib and each other, and implied volatility as the inverse."""

import subprocess
import sys

import mpmath
import numpy as np
import pytest
import QuantLib
from hypothesis import assume, given
from hypothesis import strategies as st

from peersettle.errors import InvalidField
from peersettle.pricing import black76
from peersettle.pricing.black76 import Greeks

FORWARDS = st.floats(0.5, 5_000)
MONEYNESS = st.floats(-2, 2)
YEARS = st.floats(1 / 8_760, 3)
VOLATILITIES = st.floats(0.05, 3)

# What options on crypto can be: strikes of 0.3 to 3 forwards, an hour to two years, 10 to 300 %.
LISTED = (FORWARDS, st.floats(float(np.log(0.3)), float(np.log(3))), st.floats(1 / 8_760, 2), st.floats(0.1, 3))
NAMES = Greeks._fields


def exact(forward, strike, years, volatility, is_call):
    with mpmath.workdps(60):
        f, k, s = mpmath.mpf(forward), mpmath.mpf(strike), mpmath.mpf(volatility) * mpmath.sqrt(mpmath.mpf(years))
        sign = 1 if is_call else -1
        d1 = mpmath.log(f / k) / s + s / 2
        return sign * (f * mpmath.ncdf(sign * d1) - k * mpmath.ncdf(sign * (d1 - s)))


def exact_greeks(forward, strike, years, volatility, is_call):
    with mpmath.workdps(40):
        f, k, t, s = (mpmath.mpf(value) for value in (forward, strike, years, volatility))
        deviation = s * mpmath.sqrt(t)
        d1 = mpmath.log(f / k) / deviation + deviation / 2
        density = mpmath.npdf(d1)
        return (
            exact(forward, strike, years, volatility, is_call),
            mpmath.ncdf(d1) if is_call else -mpmath.ncdf(-d1),
            density / (f * deviation),
            f * density * mpmath.sqrt(t),
            -f * density * s / (2 * mpmath.sqrt(t)),
        )


def natural_units(forward, years, volatility):
    """What each Greek is measured in: it is at most about one of these. In the order of `Greeks`."""
    root = np.sqrt(years)
    return (forward, 1.0, 1 / (forward * volatility * root), forward * root, forward * volatility / root)


def book(count, seed=76):
    draw = np.random.default_rng(seed)
    forward = draw.uniform(0.5, 5_000, count)
    strike = forward * np.exp(draw.uniform(np.log(0.3), np.log(3), count))
    years = np.exp(draw.uniform(np.log(1 / 8_760), np.log(2), count))
    return forward, strike, years, draw.uniform(0.1, 3, count), draw.random(count) < 0.5


@given(*LISTED, st.booleans())
def test_prices_and_greeks_are_within_1e_13_of_those_of_mpmath(forward, k, years, volatility, is_call):
    strike = forward * float(np.exp(k))
    option = (forward, strike, years, volatility, is_call)
    found, right = black76.greeks(*option), exact_greeks(*option)
    for name, one, other, unit in zip(NAMES, found, right, natural_units(forward, years, volatility), strict=True):
        assert abs(float(mpmath.mpf(float(one)) - other)) <= 1e-13 * unit, name
    assert abs(float(mpmath.mpf(float(black76.price(*option))) - right[0])) <= 1e-13 * forward


@given(FORWARDS, MONEYNESS, YEARS, VOLATILITIES)
def test_a_tiny_price_has_its_digits(forward, k, years, volatility):
    strike, is_call = forward * float(np.exp(k)), k >= 0
    right = exact(forward, strike, years, volatility, is_call)
    assume(right > 1e-290)
    assert float(mpmath.mpf(float(black76.price(forward, strike, years, volatility, is_call))) / right) == (
        pytest.approx(1, abs=1e-10)
    )


def test_prices_and_greeks_are_those_of_quantlib():
    options = book(2_000)
    found = black76.greeks(*options)
    for i, (f, k, t, s, is_call) in enumerate(zip(*options, strict=True)):
        kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
        other = QuantLib.BlackCalculator(QuantLib.PlainVanillaPayoff(kind, k), f, s * np.sqrt(t))
        theirs = (other.value(), other.deltaForward(), other.gammaForward(), other.vega(t), other.theta(f, t))
        for name, ours, their, unit in zip(NAMES, found, theirs, natural_units(f, t, s), strict=True):
            assert ours[i] == pytest.approx(their, rel=0, abs=1e-12 * unit), (name, f, k, t, s, is_call)


@given(FORWARDS, st.floats(-1, 1), st.floats(0.01, 2), st.floats(0.1, 3), st.booleans())
def test_greeks_are_the_slopes_of_the_price(forward, k, years, volatility, is_call):
    strike = forward * float(np.exp(k))
    assume(abs(k) < 4 * volatility * np.sqrt(years))
    nudge = 1e-4 * volatility * np.sqrt(years)

    def slope(of, at, way):
        up, down = (float(of(at + side * way)) for side in (1, -1))
        return (up - down) / (2 * way)

    def delta(f):
        return black76.greeks(f, strike, years, volatility, is_call).delta

    found = black76.greeks(forward, strike, years, volatility, is_call)
    slopes = (
        found.price,
        slope(lambda f: black76.price(f, strike, years, volatility, is_call), forward, nudge * forward),
        slope(delta, forward, nudge * forward),
        slope(lambda s: black76.price(forward, strike, years, s, is_call), volatility, 1e-4 * volatility),
        -slope(lambda t: black76.price(forward, strike, t, volatility, is_call), years, 1e-4 * years),
    )
    for name, one, other, unit in zip(NAMES, found, slopes, natural_units(forward, years, volatility), strict=True):
        assert float(one) == pytest.approx(float(other), rel=0, abs=1e-5 * unit), name


@given(*LISTED)
def test_a_call_and_a_put_share_their_curvature_and_differ_by_a_forward(forward, k, years, volatility):
    strike = forward * float(np.exp(k))
    both = black76.greeks(forward, strike, years, volatility, [True, False])
    assert both.price[0] - both.price[1] == pytest.approx(forward - strike, rel=0, abs=1e-13 * max(forward, strike))
    assert both.delta[0] - both.delta[1] == pytest.approx(1, abs=1e-15)
    for shared in (both.gamma, both.vega, both.theta):
        assert shared[0] == shared[1]


@given(*LISTED, st.booleans())
def test_prices_and_greeks_keep_their_bounds(forward, k, years, volatility, is_call):
    strike = forward * float(np.exp(k))
    found = black76.greeks(forward, strike, years, volatility, is_call)
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    room = 1e-15 * max(forward, strike)
    assert intrinsic - room <= found.price <= (forward if is_call else strike) + room
    assert 0 <= found.delta * (1 if is_call else -1) <= 1
    assert found.gamma >= 0
    assert found.vega >= 0
    assert found.theta <= 0


@given(FORWARDS, st.floats(1 / 8_760, 2), st.floats(0.1, 3))
def test_prices_rise_with_volatility_and_time_and_calls_fall_with_the_strike(forward, years, volatility):
    strikes = forward * np.linspace(0.3, 3, 271)
    room = 2e-15 * forward
    calls, puts = (black76.price(forward, strikes, years, volatility, kind) for kind in (True, False))
    assert (np.diff(calls) <= room).all()
    assert (np.diff(puts) >= -room).all()
    for more in ((years * 1.01, volatility), (years, volatility * 1.01)):
        assert (black76.price(forward, strikes, *more, True) >= calls - room).all()


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


@pytest.mark.parametrize("is_call", [True, False])
def test_without_time_or_volatility_greeks_have_their_limits(is_call):
    sign = 1 if is_call else -1
    for years, volatility in ((0.0, 0.5), (1.0, 0.0), (0.0, 0.0)):
        found = black76.greeks(1.0, [0.8, 1.0, 1.2], years, volatility, is_call)
        assert found.price.tolist() == black76.price(1.0, [0.8, 1.0, 1.2], years, volatility, is_call).tolist()
        assert found.delta.tolist() == ([1, 0.5, 0] if is_call else [0, -0.5, -1])
        assert sign * found.delta[1] == 0.5
        assert found.gamma.tolist() == [0, np.inf, 0]
        assert found.vega == pytest.approx([0, np.sqrt(years / (2 * np.pi)), 0], rel=1e-15)
        assert found.theta.tolist() == [0, -np.inf if volatility else 0, 0]


def test_intrinsic_values_are_exact():
    assert black76.price(2.0, [1.5, 2.0, 2.5], 0.0, 0.5, True).tolist() == [0.5, 0, 0]
    assert black76.price(2.0, [1.5, 2.0, 2.5], 1.0, 0.0, False).tolist() == [0, 0, 0.5]


def test_without_end_an_option_is_worth_its_most():
    for years, volatility in ((np.inf, 0.5), (1.0, np.inf)):
        found = black76.greeks(1.5, 2.0, years, volatility, [True, False])
        assert found.price.tolist() == [1.5, 2.0]
        assert found.delta.tolist() == [1, 0]
        assert not np.any([found.gamma, found.vega, found.theta])


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("is_call", [True, False])
def test_what_is_no_option_is_nan_and_spoils_no_other(place, is_call):
    good = (1.0, 0.9, 0.5, 0.6)
    bad = [np.nan, -1.0, -np.inf] + ([0.0, np.inf] if place < 2 else [])
    forward, strike, years, volatility = columns = np.repeat(np.array(good)[:, None], 11, axis=1)
    columns[place][: len(bad)] = bad
    right = black76.greeks(*good, is_call)
    found = black76.greeks(forward, strike, years, volatility, is_call)
    expected = [True] * len(bad) + [False] * (11 - len(bad))
    for name, values, one in zip(NAMES, found, right, strict=True):
        assert np.isnan(values).tolist() == expected, name
        assert values[len(bad) :] == pytest.approx(float(one), rel=1e-14), name
    assert np.isnan(black76.price(forward, strike, years, volatility, is_call)).tolist() == expected
    assert np.isnan(black76.vega(forward, strike, years, volatility)).tolist() == expected


@pytest.mark.parametrize("place", range(4))
def test_a_volatility_that_is_not_known_is_nan_and_spoils_no_other(place):
    good = (0.2, 1.0, 0.9, 0.5)
    bad = [np.nan, -1.0, 0.0, -np.inf] + ([np.inf] if place < 3 else [])
    price, forward, strike, years = columns = np.repeat(np.array(good)[:, None], 300, axis=1)
    columns[place][100 : 100 + len(bad)] = bad
    found = black76.implied_volatility(price, forward, strike, years, True)
    right = float(black76.implied_volatility(*good, True))
    assert np.flatnonzero(np.isnan(found)).tolist() == list(range(100, 100 + len(bad)))
    assert found[~np.isnan(found)] == pytest.approx(right, rel=1e-14)


def test_scalars_arrays_and_broadcasts_give_the_same():
    options = book(133)
    whole = black76.greeks(*options)
    forward, strike, years, _, kinds = options
    volatilities = black76.implied_volatility(whole.price, forward, strike, years, kinds)
    for i, option in enumerate(zip(*options, strict=True)):
        f, k, t, s, is_call = option
        single, spread = black76.greeks(*option), black76.greeks([[f]], k, [t] * 5, s, [[is_call], [is_call]])
        for among, one, many, unit in zip(whole, single, spread, natural_units(f, t, s), strict=True):
            assert one.shape == ()
            assert many.shape == (2, 5)
            for value in (one, many):
                assert np.abs(value - among[i]).max() <= 1e-15 * unit
        volatility = black76.implied_volatility(whole.price[i], f, k, t, is_call)
        assert volatility == pytest.approx(volatilities[i], rel=1e-6, nan_ok=True)


def test_lists_integers_slices_and_arrays_that_cannot_be_written_are_taken_and_left_alone():
    strikes = np.arange(80.0, 121.0)
    every_other, locked = strikes[::2], strikes[::2].copy()
    locked.flags.writeable = False
    right = black76.price(100.0, every_other.tolist(), 1.0, 0.5, True)
    for given_strikes in (every_other, locked, np.arange(80, 121, 2), np.asfortranarray(every_other)):
        assert black76.price(100, given_strikes, 1, 0.5, True).tolist() == right.tolist()
    assert strikes.flags.writeable
    assert strikes.tolist() == list(range(80, 121))
    square = strikes[:36].reshape(6, 6)
    assert black76.price(100, square.T, 1, 0.5, True).tolist() == black76.price(100, square, 1, 0.5, True).T.tolist()


def test_of_nothing_nothing_is_computed():
    assert black76.price([], 1.0, 1.0, 0.5, True).shape == (0,)
    assert black76.implied_volatility(np.empty((0, 3)), 1.0, 1.0, 0.5, True).shape == (0, 3)


def test_shapes_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="shape"):
        black76.greeks([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, 0.5, True)


def test_greeks_are_written_into_arrays_that_are_given():
    options = book(50)
    out = Greeks(*(np.full(50, np.nan) for _ in NAMES))
    assert black76.greeks(*options, out=out) is out
    assert np.array_equal(out, black76.greeks(*options))


@pytest.mark.parametrize(
    "wrong", [np.empty(49), np.empty((50, 1)), np.empty(100)[::2], np.empty(50, np.float32), np.zeros(50).view()]
)
def test_arrays_that_cannot_hold_the_greeks_are_refused(wrong):
    if wrong.shape == (50,) and wrong.dtype == float and wrong.flags.c_contiguous:
        wrong.flags.writeable = False
    out = Greeks(*(np.empty(50) for _ in NAMES))._replace(vega=wrong)
    with pytest.raises(InvalidField, match=r"out\.vega"):
        black76.greeks(*book(50), out=out)


def test_every_listed_option_that_has_a_price_has_its_volatility():
    forward, strike, years, volatility, _ = book(20_000)
    is_call = strike >= forward
    found = black76.greeks(forward, strike, years, volatility, is_call)
    known = found.price > 1e-290 * forward
    back = black76.implied_volatility(found.price, forward, strike, years, is_call)
    assert back[known] == pytest.approx(volatility[known], rel=1e-11)


def test_the_least_and_the_greatest_prices_have_a_volatility():
    for price, strike in ((1e-307, 1.5), (1e-290, 3.0), (1e-8, 1.0), (1e-12, 1.0), (1 - 1e-13, 1.0), (1 - 1e-13, 20.0)):
        volatility = float(black76.implied_volatility(price, 1.0, strike, 1.0, True))
        assert float(black76.price(1.0, strike, 1.0, volatility, True)) == pytest.approx(price, rel=1e-3, abs=0)


def test_prices_are_computed_where_nothing_can_be_kept_on_disk():
    code = (
        "from numba.core import caching; caching.CacheImpl._locator_classes = []; "
        "from peersettle.pricing import black76; print(black76.price([2.0] * 1_000, 1.5, 0.0, 0.5, True)[-1])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "0.5"
