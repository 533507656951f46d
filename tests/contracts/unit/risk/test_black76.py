"""`black76`: prices by integers, the same in the contract as in the specification, and cheap."""

import re
from itertools import product

import mpmath
import pytest
from tests.contracts.mocks import SOURCE, load
from tests.unit.spec.test_black76_spec import FORWARD, HOUR, MONEYNESS, YEAR, exact

from peersettle.spec import black76 as spec
from peersettle.spec import risk_arrays as arrays_spec

MODULES = SOURCE / "peersettle/contracts/modules"
GAS = 3_000


@pytest.fixture(scope="session")
def harness():
    return load("Black76Harness")


def constants(module, prefix):
    """The numbered constants of a module's source, as {number: factor · 2**shift}."""
    pattern = rf"^{prefix}_(\d+): constant\(uint256\) = (\d+)(?: \* 2\*\*(\d+))?$"
    found = re.findall(pattern, (MODULES / f"{module}.vy").read_text(), re.MULTILINE)
    return {int(i): (int(factor), int(shift or 0)) for i, factor, shift in found}


@pytest.mark.parametrize(
    ("module", "prefix", "coefficients", "is_unshifted"),
    [
        ("black76", "LOG", spec.LOGARITHM, False),
        ("black76", "MILLS_TOP", spec.MILLS_NUMERATOR, False),
        ("black76", "MILLS_BOTTOM", spec.MILLS_DENOMINATOR, False),
        ("risk_arrays", "TOP", arrays_spec.QUICK_NUMERATOR, True),
        ("risk_arrays", "BOTTOM", arrays_spec.QUICK_DENOMINATOR, True),
        ("risk_arrays", "DECAY", arrays_spec.DECAY, True),
    ],
)
def test_the_source_holds_the_fitted_coefficients(module, prefix, coefficients, is_unshifted):
    """Those of the specification, which its own test holds equal to the fit. DECAY alternates its signs by its form."""
    degree = len(coefficients) - 1
    assert constants(module, prefix) == {
        i: (abs(c), 32 * (degree - i) if is_unshifted else 0) for i, c in enumerate(coefficients)
    }


def test_prices_are_those_of_mpmath_and_to_the_unit_those_of_the_specification(harness):
    with mpmath.workdps(40):
        for moneyness, volatility, time in product(MONEYNESS[::2], (10, 50, 300), (HOUR, 30 * 24 * HOUR, 2 * YEAR)):
            strike, sigma = int(FORWARD * moneyness), volatility * 10**16
            deviation = mpmath.mpf(volatility) / 100 * mpmath.sqrt(mpmath.mpf(time) / YEAR)
            for is_put in (False, True):
                found = harness.price(is_put, FORWARD, strike, sigma, time)
                assert found == spec.price(is_put, FORWARD, strike, spec.deviation_over(sigma, time))
                assert abs(found - exact(is_put, FORWARD, strike, deviation)) / FORWARD < 3e-15


@pytest.mark.parametrize("is_put", [False, True])
def test_the_ends_of_the_domain(harness, is_put):
    most = 2**120 - 1
    for forward, strike in product((1, 2**88, most), repeat=2):
        if max(forward, strike) < min(forward, strike) << 32:
            for deviation in (0, 1, 2**64, 2**96, 26 * 2**96, 27 * 2**96, 2**128 - 1):
                found = harness.price_of_deviation(is_put, forward, strike, deviation)
                assert found == spec.price(is_put, forward, strike, deviation)


def test_the_parts_are_those_of_the_specification(harness):
    for i in range(60):
        ratio, z, x = int(2**96 * 1.44**i), int(i * 40 / 59 * 2**96), int(i * 0.36 / 59 * 2**64)
        assert harness.ln(ratio) == spec.ln(ratio)
        assert harness.mills(z) == spec.mills(z)
        assert harness.exp_small(x) == spec.exp_small(x)
    for volatility, time in ((0, 0), (1, 1), (2**67 - 1, 2**30 - 1), (10**18, YEAR)):
        assert harness.deviation_over(volatility, time) == spec.deviation_over(volatility, time)


def test_a_price_takes_little_gas(harness):
    """Beyond the call itself; from wad volatility and seconds, the square root included."""

    def gas(function, *option):
        function(*option)
        return harness._computation.get_gas_used()

    for moneyness, time, is_put in product(MONEYNESS, (HOUR, 90 * 24 * HOUR), (False, True)):
        option = (is_put, FORWARD, int(FORWARD * moneyness), 6 * 10**17, time)
        assert gas(harness.price, *option) - gas(harness.base, *option) <= GAS
        assert gas(harness.loop, *option, 10) - gas(harness.loop, *option, 0) <= 10 * GAS
