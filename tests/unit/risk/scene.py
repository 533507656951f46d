"""A market as the specification of Risk makes it, and the same as `peersettle.risk` reads it."""

# ruff: noqa: ARG002 - stubs take what they need not look at
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from tests.risk_parameters import usual

from peersettle.cli.demo_margin import smile
from peersettle.reports import SurfaceSlice
from peersettle.risk.books import Reading, Snapshot
from peersettle.risk.instruments import DAY, Kind, Market, expiry, next_day
from peersettle.risk.parameters import MarketTerms, RiskParameters
from peersettle.spec import oracle
from peersettle.spec.oracle_surfaces import Dated, Slice
from peersettle.spec.risk import Risk
from peersettle.types import WAD, Address, keccak

START = 1_800_000_000
SPOT = 3_000
TOKEN = Address("0x" + "11" * 20)
PARAMETERS = usual(risk_scale=10**7, gain_cap=10**5)

EXAMPLES = (settings.default or settings()).max_examples


def changed(**percentages):
    """The usual parameters with these changes, as people write them."""
    written: dict[str, Any] = {**PARAMETERS.to_percentages(), **percentages}
    return RiskParameters.from_percentages(**written)


@dataclass
class StubOracle:
    """What Risk reads, as a test sets it."""

    reading: oracle.Reading = field(default_factory=oracle.Reading)
    surface: dict[int, SurfaceSlice] = field(default_factory=dict)
    observed_at: int = 0

    def read(self, feed):
        return self.reading

    def twap(self, feed, start, end):
        return self.reading.value

    def observed_since(self, feed, start):
        return self.reading.value * 99, 100, 100

    def surface_slice(self, feed, when):
        found = self.surface.get(when)
        if found is None:
            return None, None
        parts = (when, found.a, found.b, found.rho, found.m, found.sigma, found.forward_ratio)
        return Dated(Slice(*parts), self.observed_at), None


@dataclass
class Scene:
    """One market, numbered 3. Times in seconds after START, prices in whole units."""

    parameters: RiskParameters = PARAMETERS
    lot: int = 10**16
    tick: int = 10**18
    capital: int = 10**8
    now: int = START
    oracle: StubOracle = field(default_factory=StubOracle)

    def __post_init__(self):
        self.market = Market(3, "ETH", self.lot, self.tick)
        terms = MarketTerms(keccak(b"spot"), keccak(b"surface"), TOKEN, 1, self.lot, self.tick)
        self.listed = Listed(terms, self.parameters)
        self.risk = Risk(self.oracle, self.listed, Backstop(self.capital * WAD))
        self.today = next_day(self.now)

    def price(self, price, candidate=0):
        self.oracle.reading = oracle.Reading(round(price * WAD), self.now, 0, round(candidate * WAD), self.now)

    def surface(self, days, volatility=0.8):
        for day in days:
            self.oracle.surface[expiry(day)] = smile(expiry(day), self.now, volatility)
        self.oracle.observed_at = self.now

    def series(self, day, strike, kind=Kind.CALL):
        return day << 22 | strike * WAD // self.tick << 2 | kind

    def refresh(self, series):
        self.risk.refresh(3, sorted(set(series)), self.now)

    @property
    def snapshot(self) -> Snapshot:
        """As it would be read from the chain now."""
        of = self.risk.markets[3]
        state, terms, ones = of.words
        reading = self.oracle.reading
        return Snapshot(
            market=self.market,
            state=state,
            terms=terms,
            ones=ones,
            time=self.now,
            reading=Reading(reading.value, reading.observed_at, reading.candidate),
            slices={day: curve.word for day, curve in of.curves.items()},
            arrays=dict(of.arrays),
            fixings=dict(self.risk.fixings.get(3, {})),
            quoted_at={(when - expiry(0)) // DAY: self.oracle.observed_at for when in self.oracle.surface},
        )


@dataclass
class Listed:
    terms: MarketTerms
    parameters: RiskParameters

    def market(self, market):
        return self

    def risk_parameters(self, market, now):
        return self.parameters


@dataclass
class Backstop:
    amount: int

    def capital(self):
        return self.amount


def staged(days=(1, 8, 29, 92), strikes=(2_400, 2_700, 3_000, 3_300, 3_600), kinds=tuple(Kind), **options) -> Scene:
    """A scene whose arrays are all fresh; days count from the next expiry."""
    scene = Scene(**options)
    scene.price(SPOT)
    scene.surface([scene.today + day for day in days])
    scene.refresh(grid(scene, days, strikes, kinds))
    return scene


def grid(scene, days, strikes, kinds=tuple(Kind)):
    return [scene.series(scene.today + day, strike, kind) for day in days for strike in strikes for kind in kinds]
