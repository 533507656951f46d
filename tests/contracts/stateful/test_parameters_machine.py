"""After any sequence of calls the contract is where the specification is, and nobody was surprised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import cache
from typing import Any, Final

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_abi import decode
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.contracts.differential.world import actor, as_address, contract, reason_of
from tests.contracts.mocks import load, rolled_back

from peersettle.errors import Reverted
from peersettle.reports import Feed
from peersettle.risk.parameters import FIELDS, MarketTerms, RiskParameters
from peersettle.spec import parameters as spec
from peersettle.types import ZERO_ADDRESS, Address, Hash32, address, keccak

START: Final = 1_800_000_000
DELAY, RAMP = 86_400, 2 * 86_400
GAS: Final = 10_000_000
DECIMALS: Final = (0, 6, 18, 19)
SPOT, SURFACE = Feed("ETH/USD").id, Feed("ETH/SVI").id
steward = actor("steward").address
anybody = actor("anybody").address


# The contract and its specification


@dataclass(frozen=True)
class Stage:
    """What is deployed once."""

    parameters: VyperContract
    tokens: dict[Address, int]


@cache
def stage() -> Stage:
    boa.env.timestamp = START
    tokens = {address(load("Token", "Coin", "COIN", decimals).address): decimals for decimals in DECIMALS}
    return Stage(contract("Parameters").deploy(steward, DELAY, RAMP), tokens)


@pytest.fixture(scope="module", autouse=True)
def _deployed() -> Stage:
    """titanoboa undoes what an example deploys, so it must be there before."""
    return stage()


@dataclass(frozen=True)
class Outcome:
    """What came of a call."""

    reason: str | None
    output: tuple[Any, ...] = ()
    events: tuple[spec.Event, ...] = ()


class ParametersWorld:
    """Both, changed together. A call made here must come to the same on both."""

    def __init__(self) -> None:
        self.stage = stage()
        self.state = spec.ParametersSpec(steward, DELAY, RAMP, self.stage.tokens)
        self.now = START

    @classmethod
    @contextmanager
    def fresh(cls) -> Iterator[ParametersWorld]:
        with rolled_back():
            boa.env.timestamp = START
            yield cls()

    def warp_to(self, time: int) -> None:
        boa.env.timestamp = self.now = max(time, self.now)

    def warp(self, seconds: int) -> None:
        self.warp_to(self.now + seconds)

    def do(self, verb: str, *arguments: Any, sender: Address = steward) -> Outcome:
        happened = self._on_chain(verb, arguments, sender, [])
        logged = len(self.state.log)
        given = arguments if verb == "activate" else (sender, *arguments)
        time = () if verb == "withdraw_proposal" else (self.now,)
        expected = in_spec(lambda: getattr(self.state, verb)(*given, *time) or ())
        expected = Outcome(expected.reason, (), tuple(self.state.log[logged:]))
        assert happened == expected, f"{verb}{arguments}: {happened} is not {expected}"
        return happened

    def view(self, name: str, *arguments: Any) -> Outcome:
        answer, types = VIEWS[name]
        happened = self._on_chain(name, arguments, anybody, types)
        expected = in_spec(lambda: answer(self.state, self.now, *arguments))
        assert happened == expected, f"{name}{arguments}: {happened} is not {expected}"
        return happened

    def in_force(self, market: int) -> RiskParameters:
        return RiskParameters.unpack(self.view("risk_parameters", market).output[0])

    def assert_views_equal(self) -> None:
        self.view("market_count")
        self.view("proposed_terms")
        for token in (*self.stage.tokens, ZERO_ADDRESS, anybody):
            self.view("market_of", token)
        for market in (*range(len(self.state.markets) + 2), 2**256 - 1):
            for name in ("terms", "risk_parameters", "ramp_target", "proposal"):
                self.view(name, market)

    def _on_chain(self, verb: str, arguments: tuple[Any, ...], sender: Address, types: list[str]) -> Outcome:
        target = self.stage.parameters
        data = getattr(target, verb).prepare_calldata(*arguments)
        done = boa.env.execute_code(to_address=target.address, sender=sender, data=data, gas=GAS)
        output = bytes(done.output)
        if done.is_error:
            reason = reason_of(output)
            assert reason, f"{verb}{arguments} reverts without a reason"
            return Outcome(reason)
        logged = tuple(event_of(topics, data) for _, topics, data in done.get_log_entries())
        return Outcome(None, decode(types, output), logged)


def in_spec(call: Callable[[], tuple[Any, ...]]) -> Outcome:
    try:
        return Outcome(None, call())
    except Reverted as refusal:
        return Outcome(refusal.values.get("reason", refusal.reason))


TERMS: Final = "(bytes32,bytes32,address,uint256,uint256,uint256)"


def as_decoded(terms: MarketTerms) -> tuple[Any, ...]:
    spot, surface, token, *numbers = astuple(terms)
    return spot, surface, token.lower(), *numbers


def proposal_of(state: spec.ParametersSpec, _: int, market: int) -> tuple[Any, ...]:
    found = state.proposals.get(market)
    return ((found.parameters.pack(), found.ready_at) if found else (0, 0),)


def target_of(state: spec.ParametersSpec, _: int, market: int) -> tuple[int, int]:
    target, ramped_at = state.ramp_target(market)
    return target.pack(), ramped_at


VIEWS: Final[dict[str, tuple[Callable[..., tuple[Any, ...]], list[str]]]] = {
    "market_count": (lambda state, _: (len(state.markets),), ["uint256"]),
    "terms": (lambda state, _, market: (as_decoded(state.market(market).terms),), [TERMS]),
    "proposed_terms": (lambda state, _: (as_decoded(state.proposed_terms()),), [TERMS]),
    "market_of": (lambda state, _, token: state.market_of(token), ["uint256", "uint256"]),
    "risk_parameters": (lambda state, now, market: (state.risk_parameters(market, now).pack(),), ["uint256"]),
    "ramp_target": (target_of, ["uint256", "uint256"]),
    "proposal": (proposal_of, ["(uint256,uint256)"]),
}


def event_of(topics: list[int], data: bytes) -> spec.Event:
    words = [topic.to_bytes(32, "big") for topic in topics]
    name = next(name for name in EVENTS if keccak(name.encode()) == words[0])
    types, read = EVENTS[name]
    found: spec.Event = read([int.from_bytes(word, "big") for word in words[1:]], decode(types, data))
    return found


def _terms(words: tuple[Any, ...]) -> MarketTerms:
    return MarketTerms(*words)


EVENTS: Final[dict[str, tuple[list[str], Callable[..., spec.Event]]]] = {
    f"MarketProposed(uint256,{TERMS},uint256,uint256)": (
        ["uint256", TERMS, "uint256", "uint256"],
        lambda _, d: spec.MarketProposed(d[0], _terms(d[1]), RiskParameters.unpack(d[2]), d[3]),
    ),
    "MarketListed(uint256,bytes32,address)": (
        ["bytes32", "address"],
        lambda t, d: spec.MarketListed(t[0], Hash32(d[0]), as_address(bytes.fromhex(d[1][2:]))),
    ),
    "ParametersProposed(uint256,uint256,uint256)": (
        ["uint256", "uint256"],
        lambda t, d: spec.ParametersProposed(t[0], RiskParameters.unpack(d[0]), d[1]),
    ),
    "ParametersActivated(uint256,uint256,uint256)": (
        ["uint256", "uint256"],
        lambda t, d: spec.ParametersActivated(t[0], RiskParameters.unpack(d[0]), d[1]),
    ),
    "ProposalWithdrawn(uint256)": (["uint256"], lambda _, d: spec.ProposalWithdrawn(d[0])),
}


# What is seen at one time bounds what may be in force until the delay after it is over


@dataclass(frozen=True)
class Sighting:
    """What anybody could read of a market: for each field the least and the greatest it can be for now."""

    market: int
    at: int
    hull: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, world: ParametersWorld, market: int) -> Sighting:
        """From what is in force, what it moves to, and what is announced."""
        words = [world.view("risk_parameters", market).output[0], world.view("ramp_target", market).output[0]]
        announced = world.view("proposal", market).output[0][0]
        seen = [astuple(RiskParameters.unpack(word)) for word in (*words, *[announced] * (announced > 0))]
        return cls(market, world.now, tuple((min(values), max(values)) for values in zip(*seen, strict=True)))

    def assert_holds(self, world: ParametersWorld) -> None:
        if world.now < self.at + DELAY:
            fields = zip(FIELDS, astuple(world.in_force(self.market)), self.hull, strict=True)
            for field, value, (least, most) in fields:
                assert least <= value <= most, f"{field.name} is {value}, and {world.now - self.at} s ago: {self}"


# What is drawn

words = st.builds(RiskParameters, *(st.integers(field.least, field.most) for field in FIELDS)).map(RiskParameters.pack)
"""Good ones."""


@st.composite
def bad_words(draw: st.DrawFn) -> int:
    """One field is just out of its bounds, or a bit without a meaning is set, or nothing is as it should be."""
    word, place = draw(words), 0
    broken = draw(st.sampled_from([*FIELDS, None]))
    for field in FIELDS:
        if field is broken:
            value = draw(st.sampled_from([field.least - 1, field.most + 1]))
            word = word & ~((2**field.bits - 1) << place) | (value % 2**field.bits) << place
        place += field.bits
    if broken:
        return word
    beyond = word | 1 << draw(st.integers(248, 255))
    return draw(st.one_of(st.just(beyond), st.integers(0, 2**256 - 1)))


@st.composite
def good_terms(draw: st.DrawFn) -> tuple[Any, ...]:
    """With a token or without."""
    token, decimals = draw(st.sampled_from([(ZERO_ADDRESS, 18), *list(stage().tokens.items())[:3]]))
    scale = 0 if token == ZERO_ADDRESS else 10 ** (18 - decimals)
    return SPOT, SURFACE, token, scale, 10 ** draw(st.integers(6, 24)), 10 ** draw(st.integers(8, 21))


@st.composite
def terms(draw: st.DrawFn) -> tuple[Any, ...]:
    """Mostly good ones; else one field is not."""
    drawn = list(draw(good_terms()))
    place = draw(st.integers(0, 18))
    if place < 2:
        drawn[place] = bytes(32)
    elif place == 2:
        drawn[place] = draw(st.sampled_from([anybody, list(stage().tokens)[3], "0x" + "00" * 19 + "02"]))
    elif place < 6:
        numbers = [0, 1, 11, 10**5, 10**7, 10**12, 10**18 + 1, 10**22, 10**25, 2**256 - 1]
        drawn[place] = draw(st.sampled_from(numbers))
    return tuple(drawn)


pauses = st.sampled_from([1, 3_600, RAMP // 3, DELAY - 1, DELAY, RAMP, spec.LAPSE, spec.LAPSE + DELAY])
senders = st.sampled_from([steward] * 7 + [anybody])


class ParametersMachine(RuleBasedStateMachine):
    """The steward announces good and bad things; anybody puts them in force, early, in time and late."""

    def __init__(self) -> None:
        super().__init__()
        self._fresh = ParametersWorld.fresh()
        self.world = self._fresh.__enter__()
        self.sightings: list[Sighting] = []
        self.terms: list[tuple[Any, ...]] = []

    def teardown(self) -> None:
        self._fresh.__exit__(None, None, None)

    def make(self, verb: str, *arguments: Any, sender: Address = steward) -> Outcome:
        outcome = self.world.do(verb, *arguments, sender=sender)
        event(f"{verb}: {outcome.reason or 'done'}")
        return outcome

    def some_market(self, data: st.DataObject) -> int:
        """One that is listed or announced, or one of the next numbers."""
        known = [*range(len(self.world.state.markets)), *self.world.state.proposals]
        market: int = data.draw(st.sampled_from([*known, *known, len(known), len(known) + 1]))
        return market

    @initialize(terms=good_terms(), word=words)
    def first_market(self, terms: tuple[Any, ...], word: int) -> None:
        self.list_market_of(terms, word)

    def list_market_of(self, terms: tuple[Any, ...], word: int) -> None:
        if self.make("propose_market", terms, word).reason is None:
            self.world.warp(DELAY)
            assert self.make("activate", len(self.world.state.markets), sender=anybody).reason is None

    @rule(terms=terms(), word=words, sender=senders)
    def propose_market(self, terms: tuple[Any, ...], word: int, sender: Address) -> None:
        self.make("propose_market", terms, word, sender=sender)

    @rule(terms=terms(), word=words)
    def list_market(self, terms: tuple[Any, ...], word: int) -> None:
        self.list_market_of(terms, word)

    @rule(data=st.data(), word=words, seconds=st.integers(0, RAMP))
    def change(self, data: st.DataObject, word: int, seconds: int) -> None:
        """From announcement to somewhere in the ramp."""
        market = data.draw(st.integers(0, len(self.world.state.markets) - 1))
        self.make("propose_parameters", market, word)
        self.world.warp(DELAY)
        self.make("activate", market, sender=anybody)
        self.world.warp(seconds)

    @rule(data=st.data(), word=words, sender=senders)
    def propose_parameters(self, data: st.DataObject, word: int, sender: Address) -> None:
        self.make("propose_parameters", self.some_market(data), word, sender=sender)

    @rule(terms=terms(), word=bad_words())
    def propose_out_of_bounds(self, terms: tuple[Any, ...], word: int) -> None:
        self.make("propose_market", terms, word)
        self.make("propose_parameters", 0, word)

    @rule(data=st.data(), sender=senders)
    def withdraw(self, data: st.DataObject, sender: Address) -> None:
        self.make("withdraw_proposal", self.announced(data), sender=sender)

    @rule(data=st.data(), sender=senders)
    def activate(self, data: st.DataObject, sender: Address) -> None:
        self.make("activate", self.announced(data), sender=sender)

    def announced(self, data: st.DataObject) -> int:
        """Mostly a market for which something is."""
        market: int = data.draw(st.sampled_from([*self.world.state.proposals] * 5 + [0]))
        return market

    @rule(data=st.data(), word=words, late=st.sampled_from([0, spec.LAPSE]), seconds=st.sampled_from([-1, 0, 1]))
    def activate_on_the_second(self, data: st.DataObject, word: int, late: int, seconds: int) -> None:
        """Just before, at and just after a proposal is ready, and lapses."""
        market = self.some_market(data)
        if self.make("propose_parameters", market, word).reason is None:
            self.world.warp(DELAY + late + seconds)
            self.make("activate", market, sender=anybody)

    @rule(seconds=pauses)
    def wait(self, seconds: int) -> None:
        self.world.warp(seconds)

    @rule(data=st.data(), seconds=st.integers(0, RAMP))
    def stop_in_a_ramp(self, data: st.DataObject, seconds: int) -> None:
        ends = [one.ramped_at for one in self.world.state.markets if one.ramped_at and one.ramped_at > self.world.now]
        if ends:
            self.world.warp_to(data.draw(st.sampled_from(ends)) - seconds)

    # What holds after every step

    @invariant()
    def every_view_is_the_specifications(self) -> None:
        self.world.assert_views_equal()

    @invariant()
    def no_path_changes_parameters_in_force_without_the_delay(self) -> None:
        for sighting in self.sightings:
            sighting.assert_holds(self.world)
        count = len(self.world.state.markets)
        self.sightings = [one for one in self.sightings if self.world.now < one.at + DELAY]
        self.sightings += [Sighting.of(self.world, market) for market in range(count)]

    @invariant()
    def terms_never_change(self) -> None:
        now = [self.world.view("terms", market).output[0] for market in range(len(self.world.state.markets))]
        assert now[: len(self.terms)] == self.terms
        self.terms = now

    @invariant()
    def a_token_is_the_collateral_of_one_market_at_most(self) -> None:
        tokens = [terms[2] for terms in self.terms if int(terms[2], 16)]
        assert len(set(tokens)) == len(tokens)


def test_any_sequence_of_calls(examples):
    run_state_machine_as_test(ParametersMachine, settings=settings(max_examples=examples(40)))


steps = st.one_of(
    st.tuples(st.just("propose_parameters"), words),
    st.tuples(st.just("withdraw_proposal"), st.none()),
    st.tuples(st.just("activate"), st.none()),
    st.tuples(st.just("wait"), st.integers(0, DELAY) | pauses),
)


@given(word=words, before=st.lists(steps, max_size=8), after=st.lists(steps, min_size=1, max_size=8))
def test_no_path_changes_parameters_in_force_without_the_delay(word, before, after):
    """Whatever was done and is done, what can be read at one time bounds what is in force until the delay is over."""
    with ParametersWorld.fresh() as world:
        world.do("propose_market", (SPOT, SURFACE, ZERO_ADDRESS, 0, 10**15, 10**19), word)
        world.warp(DELAY)
        world.do("activate", 0)
        seen: Sighting | None = None
        for place, (verb, argument) in enumerate([*before, *after]):
            if place == len(before):
                seen = Sighting.of(world, 0)
            if verb == "wait":
                world.warp(argument)
            else:
                world.do(verb, 0, *([argument] if argument is not None else []))
            if seen is not None:
                seen.assert_holds(world)
