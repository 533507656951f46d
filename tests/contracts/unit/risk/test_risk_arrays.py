"""`risk_arrays`: every lane, mark and code against Black-76 in forty digits."""

from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, floor

import boa
import mpmath
import pytest
from tests.contracts.mocks import load

from peersettle.spec import risk_arrays as spec

CALL, PUT, FORWARD = 0, 1, 2
UP = tuple(Fraction(i, 3) for i in range(-3, 4))
DOWN = tuple(Fraction(i, 6) for i in (-5, -3, -1, 0, 1, 3, 5))
DAY = 86_400
GAS = 25_000


@pytest.fixture(scope="session")
def harness():
    return load("RiskArraysHarness")


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(40):
        yield


def svi(a, b=0, rho=0, m=0, sigma=1, forward_ratio=10**9):
    """The parameters in 1e-9, two's complement, as the Oracle keeps them."""
    fields = (a, b, rho, m, sigma, forward_ratio)
    return sum(raw % 2**37 << 37 * place for place, raw in enumerate(fields))


def flat(deviation):
    """A surface of this deviation at every strike."""
    return svi(round(deviation**2 * 10**9))


@dataclass(frozen=True)
class Array:
    """An array taken apart."""

    lanes: tuple[int, ...]
    mark: int
    short: int
    long: int

    @classmethod
    def of(cls, word):
        lanes = tuple((word >> 14 * i & 16_383) - 8_192 for i in range(14))
        assert word >> 236 == 0, "the caller's bits"
        return cls(lanes, (word >> 196 & 2**28 - 1) - 2**27, word >> 224 & 63, word >> 230 & 63)


@dataclass(frozen=True)
class Series:
    """The arguments of an array, as a user would say them."""

    kind: int
    strike: float
    deviation: float
    forward: float = 1.0
    shock: float = 0.25
    scan: float = 0.18
    weight: float = 1.0
    lane_bits: int = 13
    parameters: int | None = None

    @property
    def word(self):
        return flat(self.deviation) if self.parameters is None else self.parameters

    @property
    def arguments(self):
        full = int(self.scan * 2**64)
        step = int(full // 3 * self.weight)
        fixed = int(self.strike * 2**48), int(self.forward * 2**48)
        return (self.kind, *fixed, self.word, int(self.shock * 2**16), step, full, self.lane_bits)

    def array(self, harness):
        return Array.of(harness.array(*self.arguments))


class Exact:
    """The same series in forty digits, from the integers that the contract is given."""

    def __init__(self, series):
        self.kind, strike, forward, parameters, shock, step, full, self.lane_bits = series.arguments
        self.strike, self.forward = (mpmath.mpf(x) / 2**48 for x in (strike, forward))
        self.shock, self.step, self.full = mpmath.mpf(shock) / 2**16, mpmath.mpf(step) / 2**64, mpmath.mpf(full) / 2**64
        self.deviation = mpmath.sqrt(max(total_variance(parameters, mpmath.log(self.strike / self.forward)), 0))

    def price(self, move=Fraction(0), volatility=1):
        """At so much of the scan in use, the deviation times this."""
        f = self.forward * mpmath.exp(3 * self.step * move.numerator / move.denominator)
        if self.kind == FORWARD:
            return f - self.strike
        sign, k, s = 1 if self.kind == CALL else -1, self.strike, self.deviation * volatility
        d1 = mpmath.log(f / k) / s + s / 2
        return sign * (f * mpmath.ncdf(sign * d1) - k * mpmath.ncdf(sign * (d1 - s)))

    @property
    def scenarios(self):
        return [self.price(move, 1 + self.shock) for move in UP] + [self.price(move, 1 - self.shock) for move in DOWN]

    @property
    def lanes(self):
        now = self.price()
        units = [floor((there - now) * 2**self.lane_bits) for there in self.scenarios]
        return [min(max(unit, -8_192), 8_191) for unit in units]

    @property
    def mark(self):
        sign = {CALL: 1, PUT: -1, FORWARD: 1}[self.kind]
        exercise = sign * (1 - self.strike)
        return floor((self.price() - (exercise if self.kind == FORWARD else max(exercise, 0))) * 2**24)

    @property
    def short(self):
        """In sixtieths of the scan, before rounding; of whichever of call and put is out of the money."""
        otm = copy(self)
        otm.kind = CALL if self.strike >= self.forward else PUT
        node = Fraction(1 if otm.kind == CALL else -1)
        loss, extreme = (otm.price(move, 1 + self.shock) - otm.price() for move in (node, 2 * node))
        return 60 * max(self.step * 3 / 15, extreme / 3 - max(loss, 0)) / self.full

    @property
    def long(self):
        """In 1/63 of a 24th of the scan, before rounding."""
        h = self.step / 2
        return 63 * min(h / 4, h * h / (20 * self.deviation)) / (self.full / 24)


def total_variance(parameters, x):
    raw = (parameters >> 37 * place & 2**37 - 1 for place in range(5))
    a, b, rho, m, sigma = (mpmath.mpf(field - (field >> 36 << 37)) / 10**9 for field in raw)
    return a + b * (rho * (x - m) + mpmath.sqrt((x - m) ** 2 + sigma**2))


SMILE = svi(a=4 * 10**7, b=10**8, rho=-3 * 10**8, m=5 * 10**7, sigma=2 * 10**8)
GRID = [
    Series(kind, strike, deviation, forward)
    for kind, strike, deviation, forward in product(
        (CALL, PUT), (0.3, 0.7, 0.9, 1, 1.1, 1.4, 3), (0.005, 0.04, 0.2, 0.7, 2.5), (0.97, 1, 1.06)
    )
] + [
    Series(kind, 1.07, 0.15, 1.01, shock, scan, weight, lane_bits, SMILE)
    for kind, shock, scan, weight, lane_bits in product(
        (CALL, PUT), (0, 0.5, 0.91), (0.02, 0.3, 0.6), (0.05, 1), (12, 14)
    )
]
GRID += [
    Series(kind, strike**order, 0.05, scan=scan, lane_bits=12)
    for (kind, order), strike, scan in product(((CALL, 1), (PUT, -1)), (1.2, 1.3, 1.4, 1.6), (0.1, 0.25, 0.4))
]


def test_every_lane_and_mark_is_black_76s_within_a_unit(harness):
    for series in GRID:
        found, right = series.array(harness), Exact(series)
        assert all(abs(one - other) <= 1 for one, other in zip(found.lanes, right.lanes, strict=True)), series
        assert abs(found.mark - right.mark) <= 1, series


def test_a_series_at_the_ends_of_the_domain_too(harness):
    """Strikes of a thousandth of the spot and a thousand times it, forwards of a half and twice it."""
    for kind, strike, deviation, forward in product((CALL, PUT), (0.001001, 999), (0.0001, 1, 3.9), (0.5, 2)):
        series = Series(kind, strike, deviation, forward, 0.9, 0.6, lane_bits=12)
        found, right = series.array(harness), Exact(series)
        assert all(abs(one - other) <= 1 for one, other in zip(found.lanes, right.lanes, strict=True)), series
        assert abs(found.mark - right.mark) <= 1, series


def test_codes_never_understate_a_charge_nor_overstate_it_by_more_than_a_unit(harness):
    seen = set()
    for series in GRID:
        found, right = series.array(harness), Exact(series)
        seen |= {found.short, -found.long}
        for code, charge in ((found.short, right.short), (found.long, right.long)):
            assert min(charge, 63) <= code <= min(ceil(charge) + 1, 63), series
    assert len(seen) > 20, "the grid has charges of many sizes"


def test_call_and_put_of_one_strike_are_charged_alike(harness):
    """Both are the same but for a forward, so selling the one in the money is no cheaper."""
    seen = set()
    for series in GRID:
        call, put = (replace(series, kind=kind).array(harness) for kind in (CALL, PUT))
        assert abs(call.short - put.short) <= 1, series
        assert call.long == put.long, series
        seen.add((series.strike >= series.forward, min(call.short, put.short) > 4))
    assert len(seen) == 4, "on both sides of the forward some are charged for the extreme move"


def test_a_short_far_from_the_money_is_charged_for_the_extreme_move(harness):
    """SPAN's extreme move: twice the scan, a third of it covered, beyond what the lanes already charge."""
    far = Series(CALL, 1.5, 0.05, scan=0.3).array(harness)
    assert far.short > Series(CALL, 1, 0.05, scan=0.3).array(harness).short == 4, "60/15 where the lanes charge it"


def test_the_error_of_prices_counts_against_the_short(harness):
    """A third of the extreme loss is here just 20 sixtieths of the scan, of which the last bits are not known."""
    full = 2**62
    assert harness.short_code(0, 0, full >> 16, full) == 21
    assert harness.short_code(0, 0, (full >> 16) - 2**30, full) == 20
    assert harness.short_code(2**40, 2**40 + (full >> 20), 2**40 + (full >> 16), full) == ceil(20 - 60 / 16)
    assert harness.short_code(0, full >> 16, full >> 16, full) == 0
    assert harness.short_code(0, 0, full >> 10, full) == 63


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_less_scan_in_use_is_charged_less(harness, weight):
    series = Series(CALL, 1, 0.05, scan=0.3, weight=weight)
    found = series.array(harness)
    assert found.short == ceil(4 * weight)
    assert found.long == ceil(Exact(series).long)


def test_a_long_future_has_the_published_array(harness):
    """CME's, with a price range of 10,000: 0, 0, ±3,330, ±6,670, ±10,000, whatever volatility does.

    Source: CME Group, "CME SPAN: Standard Portfolio Analysis of Risk": 0, 1/3, 2/3 and 3/3 of the range, up and
    down. Ours are moves of the logarithm, so what is compared is half the difference of opposite moves, of a small
    scan; and with volatility down they are sixths.
    """
    scan = 0.05
    found = Series(FORWARD, 0.8, 0.3, scan=scan, lane_bits=14).array(harness)
    in_range = 10_000 / (scan * 2**14)
    up, down = found.lanes[:7], found.lanes[7:]
    assert up[3] == down[3] == 0
    published = {3: 10_000, 2: 6_670, 1: 3_330}
    for distance, gain in published.items():
        assert (up[3 + distance] - up[3 - distance]) / 2 * in_range == pytest.approx(gain, abs=12)
    for distance, gain in {3: 8_333, 2: 5_000, 1: 1_667}.items():
        assert (down[3 + distance] - down[3 - distance]) / 2 * in_range == pytest.approx(gain, abs=12)
    assert (found.short, found.long) == (0, 0)


def test_a_forwards_lanes_are_its_forwards_moves_and_its_mark_what_it_is_above_the_spot(harness):
    for forward, scan, weight in product((0.5, 0.97, 1, 2), (0.02, 0.6), (0.4, 1)):
        series = Series(FORWARD, 1.3, 0.2, forward, scan=scan, weight=weight, lane_bits=12)
        found, right = series.array(harness), Exact(series)
        assert all(abs(one - other) <= 1 for one, other in zip(found.lanes, right.lanes, strict=True)), series
        assert found.lanes[3] == found.lanes[10] == 0, "nothing moves, nothing is gained"
        assert found.mark == right.mark == floor((int(forward * 2**48) - 2**48) * 2.0**-24)


def test_call_less_put_is_the_forward_in_every_lane_and_in_the_mark(harness):
    """So a box, long call and short put at one strike against the reverse at another, nets to nearly nothing."""
    for strike, deviation, forward, lane_bits in product(
        (0.5, 0.9, 1, 1.2, 2), (0.01, 0.3, 1), (0.95, 1.1), (12, 13, 14)
    ):
        call, put, one = (
            Series(kind, strike, deviation, forward, lane_bits=lane_bits).array(harness)
            for kind in (CALL, PUT, FORWARD)
        )
        for c, p, f in zip(call.lanes, put.lanes, one.lanes, strict=True):
            assert abs(c - p - f) <= 1
        assert abs(call.mark - put.mark - one.mark) <= 1


def test_gains_rise_with_the_spot_for_a_call_and_fall_for_a_put(harness):
    for strike, deviation in product((0.6, 1, 1.5), (0.01, 0.2, 2)):
        for kind, order in ((CALL, 1), (PUT, -1)):
            lanes = Series(kind, strike, deviation).array(harness).lanes
            for row in (lanes[:7], lanes[7:]):
                assert list(row[::order]) == sorted(row)


def test_gains_rise_with_volatility(harness):
    for kind, strike, deviation in product((CALL, PUT), (0.6, 1, 1.5), (0.01, 0.2, 2)):
        calm, wild = (Series(kind, strike, deviation, shock=shock).array(harness).lanes for shock in (0.1, 0.5))
        assert all(one <= other for one, other in zip(calm[:7], wild[:7], strict=True))
        assert all(one >= other for one, other in zip(calm[7:], wild[7:], strict=True))
        assert calm[10] <= 0 <= calm[3] + 1


def test_the_mark_rises_with_deviation_and_falls_away_from_the_money(harness):
    for kind in (CALL, PUT):
        for marks in (
            [Series(kind, 1.1, deviation).array(harness).mark for deviation in (0.01, 0.05, 0.2, 0.8, 3)],
            [Series(kind, strike, 0.3).array(harness).mark for strike in (0.3, 0.6, 0.8, 1)],
            [Series(kind, strike, 0.3).array(harness).mark for strike in (4, 2, 1.3, 1)],
        ):
            assert all(one < other for one, other in pairwise(marks))


def test_a_gain_beyond_the_lane_saturates(harness):
    call = Series(CALL, 0.1, 0.1, forward=2, scan=0.6, lane_bits=14)
    assert Series(CALL, 0.1, 0.1, forward=2, scan=0.6, lane_bits=12).array(harness).lanes[6] == pytest.approx(
        6_735, abs=2
    )
    assert call.array(harness).lanes[6] == 8_191
    assert call.array(harness).lanes[0] == -8_192
    assert Series(PUT, 10, 0.1, 2, scan=0.6, lane_bits=14).array(harness).lanes[0] == 8_191
    forward = Series(FORWARD, 1, 0.1, 2, scan=0.6, lane_bits=14).array(harness).lanes
    assert (forward[0], forward[6]) == (-8_192, 8_191)


def test_a_strike_beyond_a_thousand_times_is_taken_as_one_there(harness):
    sides = ((spec.LEAST_STRIKE, (0, 1e-6, 0.0005)), (spec.MOST_STRIKE, (2_000, 2.0**70)))
    for kind, deviation, (bound, beyond) in product((CALL, PUT), (0.5, 3.9), sides):
        for strike in beyond:
            series = Series(kind, strike, deviation)
            there = (kind, bound, *series.arguments[2:])
            assert series.array(harness) == Array.of(harness.array(*there))


def test_a_mark_that_does_not_fit_reverts(harness):
    assert harness.mark(2**48 * 8 - 1, 0) == 2**28 - 1
    assert harness.mark(0, 2**48 * 8) == 0
    for price, intrinsic in ((2**48 * 8, 0), (0, 2**48 * 8 + 1)):
        with boa.reverts("mark"):
            harness.mark(price, intrinsic)


def test_the_deviation_is_the_root_of_svi(harness):
    words = [SMILE, svi(10**6), svi(-(10**6), 10**8, 0, -(10**8), 3 * 10**8), svi(1, 1, 10**8, 3, 5)]
    for word, x in product(words, (-7.5, -1, -0.2, 0, 0.05, 0.7, 7.5)):
        found, right = harness.deviation(word, int(x * 2**64)), total_variance(word, x)
        assert right > 0
        assert -1.01 <= found - mpmath.sqrt(right) * 2**32 <= 0.01 or found == spec.LEAST_DEVIATION


def test_a_variance_out_of_bounds_is_taken_as_the_bound(harness):
    for word in (svi(0), svi(-1), svi(-(2**36)), svi(0, -(10**9), 0, 0, 10**9)):
        assert harness.deviation(word, 0) == spec.LEAST_DEVIATION == 2**12
    for word in (svi(16 * 10**9), svi(2**36 - 1), svi(0, 2**36 - 1, 2**36 - 1, -(2**36), 2**36 - 1)):
        assert harness.deviation(word, 2**66) == spec.MOST_DEVIATION == 2**34 - 1
    assert harness.deviation(svi(16 * 10**9 - 1_000), 0) < spec.MOST_DEVIATION


def test_the_callers_bits_above_the_parameters_are_ignored(harness):
    series = Series(CALL, 1.1, 0.3, parameters=SMILE)
    dirty = Series(CALL, 1.1, 0.3, parameters=SMILE | (2**34 - 1) << 222)
    assert series.array(harness) == dirty.array(harness)
    assert harness.forward_of(dirty.word) == harness.forward_of(SMILE) == 2**48


def test_the_forward_is_the_surfaces_ratio_held_between_a_half_and_twice_the_spot(harness):
    for ratio, forward in (
        (1, 0.5),
        (5 * 10**8, 0.5),
        (10**9, 1),
        (1_250_000_000, 1.25),
        (2 * 10**9, 2),
        (2**37 - 1, 2),
    ):
        assert harness.forward_of(svi(1, forward_ratio=ratio)) == int(forward * 2**48)


def test_the_shock_scales_with_the_tenor(harness):
    shock = 16_384
    for days in (1, 2.9, 3, 5, 7, 14, 29, 30, 31, 90, 180, 302, 303, 365, 1095):
        right = shock * min(max((30 / days) ** 0.3, 0.5), 2)
        assert 0 <= right - harness.tenor_shock(shock, int(days * DAY)) < 1.01
    assert harness.tenor_shock(shock, 0) == harness.tenor_shock(shock, 1) == 2 * shock
    assert harness.tenor_shock(shock, 30 * DAY) == shock
    assert harness.tenor_shock(shock, 2**63) == shock // 2
    assert harness.tenor_shock(32_768, 1) == 59_999, "some volatility is left"
    shocks = [harness.tenor_shock(shock, int(2**i)) for i in range(30)]
    assert shocks == sorted(shocks, reverse=True)


def test_what_an_expiry_shares_is_the_exponential_of_half_a_step(harness):
    for scan in (1e-6, 0.1, 0.6):
        full = int(scan * 2**64)
        shared = harness.scan_of(1, full // 3, full, 12)
        for factor, sign in ((shared.rise, 1), (shared.fall, -1)):
            assert abs(mpmath.mpf(factor) / 2**64 / mpmath.exp(sign * mpmath.mpf(full // 3) / 2**65) - 1) < 1e-11


def test_an_array_takes_little_gas(harness):
    """Beyond what its expiry shares: the logarithm, the surface and sixteen prices."""
    for series in GRID[::7]:
        harness.array(*series.arguments)
        gas = harness._computation.get_gas_used()
        harness.base(*series.arguments)
        assert gas - harness._computation.get_gas_used() <= GAS
