"""Risk on a chain and its specification beside it, with an Oracle and a backstop that a test scripts.

A call made here is made on both, and both must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from tests.contracts.differential.world import contract, reason_of
from tests.contracts.margin.stage import START, packed
from tests.contracts.mocks import load, rolled_back

from peersettle.errors import Reverted, reverted
from peersettle.spec.oracle import Reading
from peersettle.spec.oracle_surfaces import Dated, Slice
from peersettle.spec.parameters import ParametersSpec
from peersettle.spec.risk import Assessment, Book, Risk
from peersettle.spec.snapshots import WINDOW, expiry_of
from peersettle.types import ZERO_ADDRESS, Hash32, address

DELAY: Final = 3_600
RAMP: Final = 3_600

MARKETS: Final = (
    # lot, tick, what is not usual
    (10**16, 10**18, {}),
    (10**15, 10**19, {"scan": 30_000, "band": 3_276, "basis": 3_276, "gain_cap": 0, "risk_scale": 1_000}),
    (10**18, 10**14, {"scan": 1_311, "band": 66, "shock": 3_277, "gain_cap": 10**9, "position_charge": 0}),
    (10**24, 10**8, {"initial_factor": 3_000, "risk_rate": 65_535, "risk_scale": 10**6, "position_charge": 10**6}),
)
"""Everyday, wide (coarse lanes), narrow, and a coin of many to the dollar."""


@dataclass
class ScriptedOracle:
    """As the mock of that name."""

    readings: dict[Hash32, Reading] = field(default_factory=dict)
    slices: dict[tuple[Hash32, int], Dated] = field(default_factory=dict)
    averages: dict[tuple[Hash32, int], int] = field(default_factory=dict)
    observed: dict[Hash32, tuple[int, int, int]] = field(default_factory=dict)

    def read(self, feed: Hash32) -> Reading:
        return self.readings.get(feed, Reading())

    def twap(self, feed: Hash32, start: int, end: int) -> int:
        average = self.averages.get((feed, end), 0)
        if not average or end - start != WINDOW:
            raise reverted("unobserved")
        return average

    def observed_since(self, feed: Hash32, start: int) -> tuple[int, int, int]:
        assert start % 300 == 0
        return self.observed.get(feed, (0, 0, 0))

    def surface_slice(self, feed: Hash32, expiry: int) -> tuple[Dated | None, Dated | None]:
        return self.slices.get((feed, expiry)), None


@dataclass
class Pool:
    """The backstop."""

    wealth: int = 10**25

    def capital(self) -> int:
        return self.wealth


DOUBTS: Final = """
# pragma version 0.4.3
# pragma evm-version cancun
amount: uint256

@external
def set_amount(amount: uint256):
    self.amount = amount

@external
@view
def doubtful(market: uint256, words: DynArray[uint256, 8]) -> uint256:
    return self.amount
"""
"""An Auction reduced to what it calls doubtful, wad."""


@dataclass
class Doubts:
    """As that."""

    amount: int = 0

    def doubtful(self, _market: int, _positions: Sequence[tuple[int, int]], _now: int) -> int:
        return self.amount


@dataclass(frozen=True)
class Refused:
    """A call reverted, and why."""

    reason: str | None


@dataclass(frozen=True)
class Stage:
    """What is deployed once, with the markets listed, and the specification that equals it."""

    oracle: VyperContract
    rules: VyperContract
    pool: VyperContract
    auction: VyperContract
    risk: VyperContract
    ledger: str
    steward: str
    spec: Risk


@cache
def stage() -> Stage:
    """Four markets, none of them refreshed."""
    boa.env.evm.patch.timestamp = START
    steward, ledger = boa.env.generate_address(), boa.env.generate_address()
    oracle, rules, pool = (
        load("ScriptedOracle"),
        contract("Parameters").deploy(steward, DELAY, RAMP),
        load("SimplePool", ledger),
    )
    auction = boa.loads(DOUBTS)
    risk = contract("Risk").deploy(ledger, oracle, rules, pool, auction)
    listed = ParametersSpec(address(steward), DELAY, RAMP)
    for number, (lot, tick, changes) in enumerate(MARKETS):
        terms = (bytes([1, number]) * 16, bytes([2, number]) * 16, ZERO_ADDRESS, 0, lot, tick)
        rules.propose_market(terms, packed(**changes), sender=steward)
        listed.propose_market(address(steward), terms, packed(**changes), boa.env.evm.patch.timestamp)
        boa.env.evm.patch.timestamp += DELAY
        rules.activate(number)
        listed.activate(number, boa.env.evm.patch.timestamp)
    spec = Risk(ScriptedOracle(), listed, Pool(), Doubts())
    return Stage(oracle, rules, pool, auction, risk, ledger, steward, spec)


class World:
    """The chain and the specification, changed together."""

    def __init__(self, stage: Stage, spec: Risk) -> None:
        self.stage = stage
        self.spec = spec

    @classmethod
    @contextmanager
    def fresh(cls, here: Stage) -> Iterator[World]:
        """A world as the stage is set; undone in the end."""
        world = cls(here, here.spec)
        with world.branch() as branch:
            yield branch

    @contextmanager
    def branch(self) -> Iterator[World]:
        """The world as it is, for trying something; undone in the end."""
        now = self.now
        try:
            with rolled_back():
                yield World(self.stage, deepcopy(self.spec))
        finally:
            boa.env.evm.patch.timestamp = now

    @property
    def now(self) -> int:
        return int(boa.env.evm.patch.timestamp)

    @now.setter
    def now(self, time: int) -> None:
        boa.env.evm.patch.timestamp = time

    def feeds(self, market: int) -> tuple[Hash32, Hash32]:
        terms = self.spec.parameters.market(market).terms
        return terms.spot_feed, terms.surface_feed

    def reference(self, market: int) -> int:
        return self.spec.markets[market].reference

    # What happens around Risk, on both sides

    def price(self, market: int, value: int, candidate: int = 0, age: int = 0) -> None:
        """What the Oracle says of spot, wad."""
        feed, _ = self.feeds(market)
        reading = Reading(value, max(self.now - age, 0), 0, candidate, self.now if candidate else 0)
        self.spec.oracle.readings[feed] = reading
        self.stage.oracle.set_reading(feed, tuple(vars(reading).values()))

    def surface(self, market: int, day: int, parameters: Sequence[int], age: int = 0) -> None:
        """What it says of an expiry's variance and forward: a, b, rho, m, sigma, forward ratio in 1e-9."""
        _, feed = self.feeds(market)
        expiry, observed_at = expiry_of(day), self.now - age
        self.spec.oracle.slices[feed, expiry] = Dated(Slice(expiry, *parameters), observed_at)
        self.stage.oracle.set_slice(feed, expiry, (*parameters, observed_at))

    def no_surface(self, market: int, day: int) -> None:
        _, feed = self.feeds(market)
        self.spec.oracle.slices.pop((feed, expiry_of(day)), None)
        self.stage.oracle.set_slice(feed, expiry_of(day), (0,) * 7)

    def observed(self, market: int, total: int, weight: int) -> None:
        feed, _ = self.feeds(market)
        self.spec.oracle.observed[feed] = (total, weight, weight)
        self.stage.oracle.set_observed(feed, (total, weight, weight))

    def average(self, market: int, day: int, price: int) -> None:
        feed, _ = self.feeds(market)
        self.spec.oracle.averages[feed, expiry_of(day)] = price
        self.stage.oracle.set_twap(feed, expiry_of(day), price)

    def capital(self, amount: int) -> None:
        self.spec.backstop.wealth = amount
        self.stage.pool.set_capital(amount)

    def doubt(self, market: int, on: bool, amount: int) -> None:
        """Accounts in run-off owe in a market, or not any more; so much of every book's gains, wad."""
        assert isinstance(self.spec.auction, Doubts)
        self.stage.auction.set_amount(amount)
        self.spec.auction.amount = amount
        assert self.on_chain("doubt", (market, on), self.stage.auction.address) is None
        self.spec.doubt(market, on)

    def tighten(self, market: int, changes: dict[str, int]) -> None:
        """Announce other parameters and put them in force, half of the way: two delays go by."""
        word = packed(**{**MARKETS[market][2], **changes})
        steward = address(self.stage.steward)
        self.stage.rules.propose_parameters(market, word, sender=steward)
        self.spec.parameters.propose_parameters(steward, market, word, self.now)
        self.now += DELAY
        self.stage.rules.activate(market)
        self.spec.parameters.activate(market, self.now)
        self.now += RAMP // 2

    # Calls on both sides

    def refresh(self, market: int, series: Sequence[int]) -> Refused | None:
        """Compute arrays; afterwards every word of the market is the same."""
        done: Refused | None = self.both(
            "refresh", (market, list(series)), lambda: self.spec.refresh(market, series, self.now)
        )
        self.assert_equal(market, series)
        if market < len(MARKETS):
            assert self.stage.risk.spot(market) == self.spec.spot(market, self.now)
        return done

    def assert_equal(self, market: int, series: Sequence[int] = ()) -> None:
        """Snapshot, and of these series the arrays and curves."""
        if market < len(MARKETS):
            assert tuple(self.stage.risk.snapshot(market)) == self.spec.snapshot(market)
        for one in set(series):
            if one < 1 << 36:
                assert self.stage.risk.array(market, one) == self.spec.array(market, one), hex(one)
        for day in {one >> 22 for one in series}:
            if day < 1 << 14:
                assert self.stage.risk.slice(market, day) == self.spec.slice(market, day), day

    def assess(self, market: int, book: Book) -> Assessment | Refused:
        done: Assessment | Refused = self.both(
            "assess",
            (market, book.header, book.words),
            lambda: self.spec.assess(market, book, self.now),
            lambda found: Assessment(*found),
        )
        return done

    def commit(self, market: int, book: Book) -> tuple[Assessment, Book] | Refused:
        """The assessment and the book as it is afterwards."""
        counted = book

        def in_spec() -> tuple[Assessment, int]:
            nonlocal counted
            assessment, counted = self.spec.commit(market, book, self.now)
            return assessment, counted.header

        done = self.both(
            "commit",
            (market, book.header, book.words),
            in_spec,
            lambda found: (Assessment(*found[0]), found[1]),
            sender=self.stage.ledger,
        )
        self.assert_equal(market)
        return done if isinstance(done, Refused) else (done[0], counted)

    def forget(self, market: int, book: Book) -> Book | Refused:
        counted = book

        def in_spec() -> int:
            nonlocal counted
            counted = self.spec.forget(market, book)
            return counted.header

        done = self.both("forget", (market, book.header), in_spec, sender=self.stage.ledger)
        self.assert_equal(market)
        return done if isinstance(done, Refused) else counted

    def sides(self, market: int, book: Book) -> tuple[int, int]:
        done: tuple[int, int] = self.both(
            "sides", (market, book.header, book.words), lambda: self.spec.sides(market, book, self.now), tuple
        )
        return done

    def fix(self, market: int, day: int) -> int | Refused:
        done: int | Refused = self.both(
            "fix", (market, day), lambda: self.spec.fix(market, day, self.now), sender=self.stage.ledger
        )
        if day < 1 << 14:
            assert self.stage.risk.fixing(market, day) == self.spec.fixing(market, day)
        return done

    def both(
        self,
        verb: str,
        arguments: tuple[Any, ...],
        in_spec: Callable[[], Any],
        read: Callable[[Any], Any] = lambda found: found,
        sender: str | None = None,
    ) -> Any:
        """Make a call on both, which must agree in what it answers or why it refuses."""
        happened = self.on_chain(verb, arguments, sender)
        happened = happened if isinstance(happened, Refused) else read(happened)
        try:
            expected = in_spec()
        except Reverted as refusal:
            expected = Refused(refusal.values.get("reason", refusal.reason))
        assert happened == expected, f"{verb}{arguments}: {happened} is not {expected}"
        return happened

    def on_chain(self, verb: str, arguments: tuple[Any, ...], sender: str | None = None) -> Any:
        """What Risk answers, or a `Refused`. Nothing of a refused call remains."""
        risk = self.stage.risk
        function = getattr(risk, verb)
        data = function.prepare_calldata(*arguments)
        done = boa.env.execute_code(
            to_address=risk.address, data=data, sender=sender or self.stage.steward, gas=100_000_000
        )
        if done.is_error:
            return Refused(reason_of(bytes(done.output)))
        answers = function.fn_ast._metadata["func_type"].return_type
        return None if answers is None else risk.marshal_to_python(done, answers)
