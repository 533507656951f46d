"""`risk_arrays` and its specification agree to the bit on all that they are documented for, and none of it reverts."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.contracts.mocks import load

from peersettle.spec import black76 as black76_spec
from peersettle.spec import risk_arrays as spec

BILLION = 10**9


@pytest.fixture(scope="session")
def harness():
    return load("RiskArraysHarness")


@pytest.fixture(scope="session")
def black76():
    return load("Black76Harness")


def powers(low, high):
    """Whole numbers of every size."""
    bits = st.integers(low.bit_length(), high.bit_length())
    return bits.flatmap(lambda n: st.integers(max(low, 1 << n - 1 if n else 0), min(high, (1 << n) - 1)))


@st.composite
def surfaces(draw):
    """Mostly what an Oracle would hold, of a second to years; now and then any bits at all."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.integers(0, 2**256 - 1))
    fields = (
        draw(st.one_of(powers(0, 16 * BILLION), st.integers(-BILLION, -1))),
        draw(powers(0, 2 * BILLION)),
        draw(st.integers(1 - BILLION, BILLION - 1)),
        draw(st.integers(-2 * BILLION, 2 * BILLION)),
        draw(powers(1, 4 * BILLION)),
        draw(st.integers(BILLION // 2, 2 * BILLION)),
    )
    return sum(raw % 2**37 << 37 * place for place, raw in enumerate(fields))


@st.composite
def scans(draw):
    """A scan of up to 0.6, in use whole or in part."""
    full = draw(powers(1, 6 * 2**64 // 10))
    step = draw(st.one_of(st.just(full // 3), st.integers(0, full // 3)))
    return spec.Scan(draw(st.integers(0, spec.MOST_SHOCK)), step, full, draw(st.integers(12, 14)))


@st.composite
def strikes(draw, forward):
    """Near the forward, or of any size."""
    near = st.integers(-(2**44), 2**44).map(lambda distance: forward + distance)
    return draw(st.one_of(near, powers(0, 2**60)))


@st.composite
def arrays(draw):
    """The arguments of an array."""
    parameters = draw(surfaces())
    forward = spec.forward_of(parameters)
    return draw(st.sampled_from(spec.Kind)), draw(strikes(forward)), forward, parameters, draw(scans())


def test_arrays(harness, examples):
    """The specification asserts that no word overflows, so the contract's unchecked arithmetic does not either."""

    @settings(max_examples=examples(400))
    @given(arrays())
    @example((spec.Kind.CALL, 0, 2**47, 0, spec.Scan(59_999, 2 * 2**64 // 10, 6 * 2**64 // 10, 14)))
    @example((spec.Kind.PUT, 2**80, 2**49, 2**222 - 1, spec.Scan(59_999, 0, 1, 12)))
    @example((spec.Kind.CALL, 2**48, 2**48, 0, spec.Scan(0, 0, 1, 14)))
    def agree(arguments):
        kind, strike, forward, parameters, scan = arguments
        assert harness.forward_of(parameters) == spec.forward_of(parameters)
        found = harness.array(kind, strike, forward, parameters, scan.shock, scan.step, scan.full, scan.lane_bits)
        assert found == spec.array(kind, strike, forward, parameters, scan)
        assert found < 1 << 236

    agree()


def test_deviations_and_shocks(harness, examples):
    @settings(max_examples=examples(200))
    @given(
        st.one_of(surfaces(), st.integers(0, 2**256 - 1)),
        st.integers(-(2**68), 2**68),
        powers(0, 2**63),
        powers(0, 2**64),
    )
    def agree(parameters, moneyness, shock, seconds_left):
        assert harness.deviation(parameters, moneyness) == spec.deviation_of(parameters, moneyness)
        assert harness.tenor_shock(shock, seconds_left) == spec.tenor_shock(shock, seconds_left)

    agree()


def test_prices(black76, examples):
    @st.composite
    def options(draw):
        forward = draw(powers(1, 2**120 - 1))
        strike = draw(st.integers((forward >> 32) + 1, min(2**120, forward << 32) - 1))
        return draw(st.booleans()), forward, strike, draw(powers(0, 2**128 - 1))

    @settings(max_examples=examples(200))
    @given(options())
    def agree(option):
        assert black76.price_of_deviation(*option) == black76_spec.price(*option)

    agree()
