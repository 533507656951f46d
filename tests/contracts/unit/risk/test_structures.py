"""What well-known structures ask for, against the same 14 scenarios in floating point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.differential.risk_drawing import smile
from tests.contracts.differential.risk_world import World, stage
from tests.contracts.margin.stage import CALL, FORWARD, PUT, USUAL, WAD, YEAR, day_of, expiry, series

from peersettle.spec.risk import Book

SPOT, VOLATILITY, RATIO = 3_000, 0.8, 1.002
NEAR, FAR = 7, 35
STRIKES = (2_400, 2_700, 3_000, 3_300, 3_900)
LOT = 0.01
LANE = 2**-14
SCAN = (USUAL["scan"] + USUAL["band"]) / 2**16
UP = [(i / 3, 1) for i in range(-3, 4)]
DOWN = [(i / 6, -1) for i in (-5, -3, -1, 0, 1, 3, 5)]
UNMOVED = [(0, 1), (0, -1)]
BESIDE = [(1 / 3, 1), (-1 / 3, 1)]
"""Where the tilt is measured."""


@dataclass(frozen=True)
class Exact:
    """Black-76 of one series, money in units of the spot."""

    kind: int
    strike: float
    left: int

    @property
    def deviation(self):
        """The surface's at this strike."""
        years = self.left / YEAR
        b, sigma, x = 0.2 * VOLATILITY * math.sqrt(years), 0.3, math.log(self.strike / RATIO)
        return math.sqrt(VOLATILITY**2 * years - b * sigma + b * (-0.1 * x + math.hypot(x, sigma)))

    @property
    def shock(self):
        return math.ceil(USUAL["shock"] / 256) / 256 * min(max((30 * 86_400 / self.left) ** 0.3, 0.5), 2)

    def price(self, move=0.0, direction=0):
        """At so much of the scan, volatility up, down or as it is."""
        f, k, s = RATIO * math.exp(move * SCAN), self.strike, self.deviation * (1 + direction * self.shock)
        if self.kind == FORWARD:
            return f - k
        d1, sign = math.log(f / k) / s + s / 2, 1 if self.kind == CALL else -1
        return sign * (f * below(sign * d1) - k * below(sign * (d1 - s)))

    def gain(self, scenario):
        return self.price(*scenario) - self.price()


def below(z):
    """The normal distribution."""
    return math.erfc(-z / math.sqrt(2)) / 2


@pytest.fixture(scope="session")
def risk_stage():
    """Deployed before any test, which undoes what it deploys."""
    return stage()


@pytest.fixture(scope="module")
def scene(risk_stage):
    """One market with two expiries, all arrays computed."""
    with World.fresh(risk_stage) as scene:
        scene.price(0, SPOT * WAD)
        today = day_of(scene.now)
        for day in (NEAR, FAR):
            years = (expiry(today + day) - scene.now) / YEAR
            scene.surface(0, today + day, smile(VOLATILITY, years, round(RATIO * 10**9)))
            wanted = [series(today + day, k, kind) for k in STRIKES for kind in (CALL, PUT, FORWARD)]
            assert scene.refresh(0, wanted) is None
        yield scene


@dataclass(frozen=True)
class Case:
    """Legs (days, strike, kind, lots), and collateral in whole units."""

    legs: tuple[tuple[int, int, int, int], ...]
    collateral: int = 0

    def times(self, count):
        return Case(tuple((day, k, kind, lots * count) for day, k, kind, lots in self.legs), self.collateral * count)

    def assess(self, scene):
        today = day_of(scene.now)
        positions = sorted(((series(today + day, k, kind), lots) for day, k, kind, lots in self.legs), reverse=True)
        found = scene.assess(0, Book(self.collateral * WAD, 0, 0, tuple(positions)))
        assert found.status == 0
        return found

    # In units of the spot times one of the underlying

    def exacts(self, scene):
        today = day_of(scene.now)
        return [
            (day, Exact(kind, k / SPOT, expiry(today + day) - scene.now), lots * LOT)
            for day, k, kind, lots in self.legs
        ]

    def gain(self, scene, scenario):
        """Of everything, in one scenario."""
        options = sum(size * exact.gain(scenario) for _, exact, size in self.exacts(scene))
        return options + self.collateral * (math.exp(scenario[0] * SCAN) - 1)

    def worst(self, scene):
        return max(0.0, *(-self.gain(scene, scenario) for scenario in UP + DOWN))

    def by_expiry(self, scene, scenario):
        """Gains of the positions alone."""
        held = sorted(self.exacts(scene), key=lambda one: one[0])
        return [
            sum(size * exact.gain(scenario) for _, exact, size in of) for _, of in groupby(held, lambda one: one[0])
        ]

    def volatility_charge(self, scene):
        """What expiries lose when the volatility of each goes its own way, beyond what they lose when all go one."""
        up, down = (self.by_expiry(scene, scenario) for scenario in UNMOVED)
        apart = sum(max(0, -u, -d) for u, d in zip(up, down, strict=True))
        return apart - max(0, -sum(up), -sum(down))

    def basis_charge(self, scene):
        """What forwards that offset one another or spot lose when the basis moves."""
        above, under = (self.by_expiry(scene, scenario) for scenario in BESIDE)
        tilts = [a - u for a, u in zip(above, under, strict=True)]
        one = math.exp(SCAN / 3) - math.exp(-SCAN / 3)
        offset = sum(map(abs, tilts)) - abs(sum(tilts) + one * self.collateral)
        return max(0, offset) / one * USUAL["basis"] / 2**16

    def code_charge(self, scene):
        """By the codes of the arrays, which are tested by themselves."""
        today, charge = day_of(scene.now), 0.0
        options = sorted(leg for leg in self.legs if leg[2] != FORWARD)
        for (day, k), at_strike in groupby(options, lambda leg: leg[:2]):
            legs = list(at_strike)
            words = [scene.stage.risk.array(0, series(today + day, k, kind)) for _, _, kind, _ in legs]
            net = sum(lots for *_, lots in legs) * LOT
            if net > 0:
                charge += net * (words[0] >> 230 & 63) / 63 / 24 * SCAN
            else:
                charge -= net * max(word >> 224 & 63 for word in words) / 60 * SCAN
        return charge

    def fixed_charge(self):
        """Of a book with positions."""
        return (len(self.legs) + 2) * USUAL["position_charge"] / 10_000 / SPOT if self.legs else 0

    def charges(self, scene):
        return self.volatility_charge(scene) + self.basis_charge(scene) + self.code_charge(scene) + self.fixed_charge()

    @property
    def lane(self):
        """A lane unit for each lot of positions and collateral."""
        return (sum(abs(lots) for *_, lots in self.legs) * LOT + self.collateral) * LANE

    @property
    def expiries(self):
        return len({day for day, *_ in self.legs})


STRUCTURES = {
    "covered call": Case(((NEAR, 3_300, CALL, -100),), 1),
    "protective put": Case(((NEAR, 2_700, PUT, 100),), 1),
    "vertical": Case(((NEAR, 3_000, CALL, 100), (NEAR, 3_300, CALL, -100))),
    "calendar": Case(((NEAR, 3_000, CALL, -100), (FAR, 3_000, CALL, 100))),
    "box": Case(
        ((NEAR, 2_700, CALL, 100), (NEAR, 2_700, PUT, -100), (NEAR, 3_300, CALL, -100), (NEAR, 3_300, PUT, 100))
    ),
    "conversion": Case(((NEAR, 3_000, CALL, -100), (NEAR, 3_000, PUT, 100)), 1),
    "reversal against a forward": Case(((FAR, 2_700, CALL, 100), (FAR, 2_700, PUT, -100), (FAR, 3_000, FORWARD, -100))),
    "forwards apart": Case(((NEAR, 3_000, FORWARD, -100), (FAR, 3_000, FORWARD, 100))),
    "cash and carry": Case(((FAR, 3_000, FORWARD, -100),), 1),
    "short strangle": Case(((NEAR, 2_700, PUT, -100), (NEAR, 3_300, CALL, -100))),
    "butterfly": Case(((FAR, 2_700, CALL, 100), (FAR, 3_000, CALL, -200), (FAR, 3_300, CALL, 100))),
    "diagonal": Case(((NEAR, 3_300, PUT, 100), (FAR, 2_700, PUT, -100))),
}


def units(amount):
    """Of the spot times one of the underlying."""
    return amount / WAD / SPOT


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_requirement_is_the_worst_scenario_and_the_charges(scene, name):
    case = STRUCTURES[name]
    over = units(case.assess(scene).requirement) - case.charges(scene) - case.worst(scene)
    least = -1e-7 if case.expiries == 1 else -case.lane
    assert least <= over <= 2 * case.lane


def test_worth_is_the_sum_of_prices_and_a_mark_never_flatters(scene):
    for case in STRUCTURES.values():
        exact = sum(size * one.price() for _, one, size in case.exacts(scene)) + case.collateral
        lots = case.lane / LANE
        assert -2 * lots * 2**-24 <= units(case.assess(scene).worth) - exact <= 1e-8 * lots


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("covered call", 0.55),
        ("protective put", 0.6),
        ("vertical", 0.4),
        ("calendar", 0.4),
        ("box", 0.001),
        ("conversion", 0.015),
        ("cash and carry", 0.03),
    ],
)
def test_what_covers_one_another_asks_for_less_than_each_alone(scene, name, share):
    case = STRUCTURES[name]
    alone = [Case((leg,)) for leg in case.legs] + [Case((), 1)] * case.collateral
    together, *parts = (units(one.assess(scene).requirement) - one.fixed_charge() for one in (case, *alone))
    assert together <= share * sum(parts)


@pytest.mark.parametrize("count", [1, 1_000])
def test_a_box_costs_nearly_nothing(scene, count):
    """At most four lane units for a unit's lots: a 40th of a per cent of the notional, beside the fixed charge."""
    case = STRUCTURES["box"].times(count)
    over = units(case.assess(scene).requirement) - case.fixed_charge()
    assert 0 <= over <= 0.00025 * count
    assert case.code_charge(scene) == case.basis_charge(scene) == case.volatility_charge(scene) == 0


def test_margin_grows_with_what_is_uncovered_and_never_slower(scene):
    """More short calls beside one unit: free as long as they are covered, then more for each than for the last."""
    for kind, strike, collateral in ((CALL, 3_300, 1), (CALL, 3_900, 0), (PUT, 2_700, 0), (FORWARD, 3_000, 1)):
        found = [
            Case(((NEAR, strike, kind, -lots),), collateral).assess(scene).requirement
            for lots in (100, 200, 300, 400, 800, 1_600, 10**5, 2**27 - 1)
        ]
        assert all(one < other for one, other in pairwise(found))
        steps = [more - less for less, more in pairwise(found[:4])]
        assert all(one <= other + 1 for one, other in pairwise(steps))


@st.composite
def cases(draw, days=(NEAR, FAR)):
    """Any legs of different series."""
    where = st.tuples(st.sampled_from(days), st.sampled_from(STRIKES), st.sampled_from((CALL, PUT, FORWARD)))
    lots = st.one_of(st.integers(-100, 100), st.integers(-(10**6), 10**6)).filter(bool)
    legs = draw(st.dictionaries(where, lots, min_size=1, max_size=8))
    return Case(tuple((*leg, size) for leg, size in legs.items()), draw(st.sampled_from((0, 0, 1, 1_000))))


def test_rounding_never_favours_the_account(scene, examples):
    """Of one expiry; nor is it ever more than two lane units for each lot."""

    @settings(max_examples=examples(80))
    @given(st.sampled_from((NEAR, FAR)).flatmap(lambda day: cases((day,))))
    def holds(case):
        size = case.lane / LANE
        over = units(case.assess(scene).requirement) - case.charges(scene) - case.worst(scene)
        assert -1e-8 * size <= over <= 2 * case.lane

    holds()


def test_between_expiries_rounding_is_within_a_lane(scene, examples):
    """The charge for volatilities that move apart is a difference of lanes rounded down, so it may be a unit short."""

    @settings(max_examples=examples(80))
    @given(cases())
    def holds(case):
        over = units(case.assess(scene).requirement) - case.charges(scene) - case.worst(scene)
        assert -case.lane <= over <= 3 * case.lane

    holds()


def test_twice_the_book_asks_for_twice_as_much(scene, examples):
    """Beside the fixed charge, which is each book's."""

    @settings(max_examples=examples(40))
    @given(cases(), st.integers(2, 100))
    def holds(case, count):
        fixed = (len(case.legs) + 2) * USUAL["position_charge"] * 10**14
        once, often = (one.assess(scene).requirement - fixed for one in (case, case.times(count)))
        assert abs(once * count - often) <= 3 * count

    holds()
