"""Few elements are interpreted and many compiled: both ways give the same, but for the last bits."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pricing.compiling import WAYS, running

from peersettle.pricing import black76
from peersettle.pricing._compiling import FEW

ODD = st.sampled_from([0.0, -0.0, -1.0, 1e-320, 1e-300, 1e-9, 1.0, 1e300, np.inf, -np.inf, np.nan])
ANY = st.one_of(ODD, st.floats(1e-3, 1e6), st.floats())
OPTIONS = st.lists(st.tuples(ANY, ANY, ANY, ANY, st.booleans()), min_size=1, max_size=4)


@given(OPTIONS)
def test_both_ways_give_the_same_for_whatever_they_are_given(options):
    forward, strike, years, volatility, is_call = (np.array(column) for column in zip(*options, strict=True))
    found = []
    for way in WAYS:
        with running(way):
            greeks = black76.greeks(forward, strike, years, volatility, is_call)
            found.append([*greeks, black76.price(forward, strike, years, volatility, is_call)])
            black76.implied_volatility(volatility, forward, strike, years, is_call)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-290)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(1 / 365, 2), st.floats(0.1, 3)), min_size=1, max_size=4))
def test_both_ways_find_the_same_volatility(options):
    moneyness, years, volatility = (np.array(column) for column in zip(*options, strict=True))
    strike = 3_000 * np.exp(moneyness)
    price = black76.price(3_000.0, strike, years, volatility, strike >= 3_000)
    found = []
    for way in WAYS:
        with running(way):
            found.append(black76.implied_volatility(price, 3_000.0, strike, years, strike >= 3_000))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize(("count", "loaded"), [(FEW, "[]"), (FEW + 1, "['numba']")])
def test_the_compiler_is_loaded_for_many_elements_only(count, loaded):
    code = (
        "import sys, numpy; from peersettle.pricing import black76; "
        f"value = black76.price(numpy.full({count}, 2.0), 1.5, 0.0, 0.5, True); assert (value == 0.5).all(); "
        "print([m for m in ('numba',) if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == loaded
