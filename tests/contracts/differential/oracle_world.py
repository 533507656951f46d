"""The Oracle on a chain and its specification beside it. A call made here is made on both, and both must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import astuple, dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any, Final

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_abi import decode
from tests.contracts.differential.world import Actor, actor, as_address, contract, reason_of
from tests.contracts.mocks import load, rolled_back

from peersettle.errors import Reverted, TokenReverted
from peersettle.reports import OracleDomain, ReporterSet
from peersettle.reports.typed_data import BATCH_TYPE, REPORT_TYPE, SURFACE_TYPE
from peersettle.spec import oracle as spec
from peersettle.spec import oracle_events as events
from peersettle.spec.oracle_feeds import GRID, Confirmed
from peersettle.spec.oracle_surfaces import Dated
from peersettle.types import Address, Hash32, address, keccak

START: Final = 1_800_000_000
GAS: Final = 30_000_000
DELAY: Final = 2 * 86400
THRESHOLD: Final = 3
steward: Final = actor("steward")
anybody: Final = actor("anybody")
outsider: Final = actor("outsider")
KEYS: Final = tuple(actor(f"reporter {place}") for place in range(12))


class AttesterMode(IntEnum):
    """What the mock `Attester` answers."""

    HONEST = 0
    YES = 1
    REVERT = 2
    BARE_REVERT = 3
    NOTHING = 4
    TWO = 5


@dataclass
class Attester:
    """The mock of that name, in the specification."""

    mode: AttesterMode = AttesterMode.YES
    price: int = 0

    def attests(self, feed: Hash32, value: int, observed_at: int) -> bool:
        del feed, observed_at
        if self.mode == AttesterMode.REVERT:
            raise TokenReverted("offline", reason="offline")
        if self.mode not in (AttesterMode.HONEST, AttesterMode.YES):
            raise Reverted("no answer")
        return self.mode == AttesterMode.YES or value == self.price


@dataclass(frozen=True)
class Outcome:
    """What came of a call. A revert's `reason` is None when there was none."""

    done: bool
    reason: str | None
    output: tuple[Any, ...]
    events: tuple[events.Event, ...] = ()


@dataclass(frozen=True)
class Stage:
    """What is deployed once, and the state of the specification that equals it."""

    oracle: VyperContract
    attester: VyperContract
    members: dict[Address, Actor]
    state: spec.OracleState


VERBS: Final[dict[str, Callable[..., Any]]] = {
    "update": spec.update,
    "update_batch": spec.update_batch,
    "update_surface": spec.update_surface,
    "propose_reporters": spec.propose_reporters,
    "withdraw_proposal": spec.withdraw_proposal,
    "activate_reporters": spec.activate_reporters,
}
STEWARDS: Final = ("propose_reporters", "withdraw_proposal")
SLICE: Final = "(int256,int256,int256,int256,int256,int256,uint256)"


def _slices(state: spec.OracleState, feed: Hash32, expiry: int) -> tuple[Any, ...]:
    def flat(dated: Dated | None) -> tuple[int, ...]:
        return (*astuple(dated.slice)[1:], dated.observed_at) if dated else (0,) * 7

    return tuple(map(flat, spec.surface_slice(state, feed, expiry)))


VIEWS: Final[dict[str, tuple[Callable[..., Any], list[str]]]] = {
    "read": (lambda *given: (astuple(spec.read(*given)),), ["(uint256,uint256,uint256,uint256,uint256)"]),
    "twap": (lambda *given: (spec.twap(*given),), ["uint256"]),
    "observed_since": (spec.observed_since, ["uint256"] * 3),
    "surface_slice": (_slices, [SLICE, SLICE]),
    "reporter_set": (spec.reporter_set, ["uint256", "uint256", "bytes32", "uint256"]),
    "proposal": (
        lambda state: (astuple_of(state.proposal),),
        ["(uint256,uint256)"],
    ),
}


def astuple_of(proposal: spec.Proposal | None) -> tuple[int, int]:
    return (proposal.reporters.commitment, proposal.ready_at) if proposal else (0, 0)


def deployed(threshold: int, members: Sequence[Address], delay: int = DELAY) -> VyperContract:
    return contract("Oracle").deploy(steward.address, delay, threshold, list(members))


@cache
def stage() -> Stage:
    """Four keys and a contract, of which three make a round."""
    boa.env.timestamp = START
    attester = load("Attester")
    attester.set_mode(AttesterMode.YES)
    who: dict[Address, Actor] = {one.address: one for one in KEYS}
    home = address(attester.address)
    first = ReporterSet.of(THRESHOLD, [*(one.address for one in KEYS[:4]), home])
    oracle = deployed(first.threshold, first.members)
    domain = OracleDomain(boa.env.evm.patch.chain_id, address(oracle.address))
    state = spec.deploy(domain, START, steward.address, DELAY, first.threshold, first.members)
    state.attesters[home] = Attester()
    return Stage(oracle, attester, who, state)


class OracleWorld:
    """The chain and the specification, changed together."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.oracle = stage.oracle
        self.state = deepcopy(stage.state)

    @classmethod
    @contextmanager
    def fresh(cls, here: Stage | None = None) -> Iterator[OracleWorld]:
        """A world as the stage is set; undone in the end."""
        here = here or stage()
        chain_id = boa.env.evm.patch.chain_id
        with rolled_back():
            boa.env.timestamp = START
            try:
                yield cls(here)
            finally:
                boa.env.evm.patch.chain_id = chain_id

    @property
    def now(self) -> int:
        return self.state.now

    @property
    def attester(self) -> Address:
        return address(self.stage.attester.address)

    @property
    def members(self) -> tuple[Address, ...]:
        return self.state.reporters.members

    # What happens around it, on both sides

    def warp_to(self, time: int) -> None:
        boa.env.timestamp = self.state.now = time

    def warp(self, seconds: int) -> None:
        self.warp_to(self.now + seconds)

    def fork(self, chain_id: int) -> None:
        boa.env.evm.patch.chain_id = self.state.chain_id = chain_id

    def set_attester(self, mode: AttesterMode, price: int = 0) -> None:
        self.stage.attester.set_mode(mode)
        self.stage.attester.set_price(price)
        self.state.attesters[self.attester] = Attester(mode, price)

    # Signing, good or not

    def sign(
        self, who: Address, digest: Hash32, place: int | None = None, value: int = 0, signer: Actor | None = None
    ) -> spec.Signed:
        """One entry of a call; a contract gives none but its address."""
        place = self.members.index(who) if place is None else place
        if who == self.attester and signer is None:
            return value | place << 128, 0, int(who, 16)
        signature = (signer or self.stage.members[who]).sign(digest)
        return value | place << 128, signature.r, signature.vs

    def report(
        self, who: Address, feed: Hash32, value: int, observed_at: int, domain: OracleDomain | None = None, **how: Any
    ) -> spec.Signed:
        state = replace(self.state, domain=domain or self.state.domain)
        digest = spec.signed_digest(state, REPORT_TYPE, feed, spec.word(value), spec.word(observed_at))
        return self.sign(who, digest, value=value, **how)

    def others(self, reported: Sequence[Address]) -> list[int]:
        return self.state.reporters.others(reported)

    def round(
        self, feed: Hash32, observed_at: int, values: Sequence[int] | int, members: Sequence[Address] | None = None
    ) -> tuple[Any, ...]:
        """The arguments of `update`: these members, the first k without more said, give these values, in this order."""
        who = list(members or self.members[: self.state.reporters.threshold])
        given = [values] * len(who) if isinstance(values, int) else list(values)
        reports = [self.report(one, feed, value, observed_at) for one, value in zip(who, given, strict=True)]
        reports.sort(key=lambda report: report[0] % 2**128)
        return feed, observed_at, reports, self.others(who)

    def batch_digest(self, observed_at: int, items: bytes) -> Hash32:
        return spec.signed_digest(self.state, BATCH_TYPE, keccak(items), spec.word(observed_at))

    def surface_digest(self, feed: Hash32, observed_at: int, slices: Sequence[int]) -> Hash32:
        hashed = keccak(b"".join(map(spec.word, slices)))
        return spec.signed_digest(self.state, SURFACE_TYPE, feed, hashed, spec.word(observed_at))

    def signed(self, digest: Hash32, members: Sequence[Address] | None = None) -> tuple[list[spec.Signed], list[int]]:
        """Signatures of k members with keys, and the others."""
        keys = [one for one in self.members if one != self.attester]
        who = list(members or keys[: self.state.reporters.threshold])
        return [self.sign(one, digest) for one in who], self.others(who)

    def batch(self, observed_at: int, items: Sequence[tuple[Hash32, int]]) -> tuple[Any, ...]:
        """The arguments of `update_batch`; an item is a feed and its observation's 136 bits."""
        data = b"".join(feed + observation.to_bytes(17, "big") for feed, observation in items)
        return observed_at, data, *self.signed(self.batch_digest(observed_at, data))

    def surface(self, feed: Hash32, observed_at: int, slices: Sequence[int]) -> tuple[Any, ...]:
        """The arguments of `update_surface`."""
        return feed, observed_at, list(slices), *self.signed(self.surface_digest(feed, observed_at, slices))

    # A call on both sides

    def do(self, verb: str, *arguments: Any, sender: Address = anybody.address) -> Outcome:
        """Make the call on both, which must agree in outcome, reason and events."""
        happened = self._on_chain(verb, arguments, sender, [])
        logged = len(self.state.log)
        given = (sender, *arguments) if verb in STEWARDS else arguments
        expected = self._in_spec(lambda: VERBS[verb](self.state, *given))
        expected = replace(expected, events=tuple(self.state.log[logged:]))
        assert happened == expected, f"{verb}{arguments}: {happened} is not {expected}"
        return happened

    def view(self, name: str, *arguments: Any) -> Outcome:
        """Ask both, which must answer the same."""
        answer, types = VIEWS[name]
        happened = self._on_chain(name, arguments, anybody.address, types)
        expected = self._in_spec(lambda: answer(self.state, *arguments))
        assert happened == expected, f"{name}{arguments}: {happened} is not {expected}"
        return happened

    def _on_chain(self, verb: str, arguments: Sequence[Any], sender: Address, types: list[str]) -> Outcome:
        data = getattr(self.oracle, verb).prepare_calldata(*arguments)
        done = boa.env.execute_code(to_address=self.oracle.address, sender=sender, data=data, gas=GAS)
        output = bytes(done.output)
        if done.is_error:
            return Outcome(False, reason_of(output), ())
        home = bytes.fromhex(self.state.domain.oracle[2:])
        logged = tuple(event_of(topics, data) for where, topics, data in done.get_log_entries() if where == home)
        return Outcome(True, None, decode(types, output), logged)

    def _in_spec(self, call: Callable[[], Any]) -> Outcome:
        try:
            answer = call()
        except Reverted as refusal:
            return Outcome(False, refusal.values.get("reason", refusal.reason), ())
        return Outcome(True, None, answer or ())

    # Equality of everything that can be read

    def assert_views_equal(self) -> None:
        """Every reader says what the specification says, of every feed and surface there is, now and near the grid."""
        self.view("reporter_set")
        self.view("proposal")
        for feed, found in self.state.feeds.items():
            self.view("read", feed)
            newest = found.path[-1].observed_at // GRID * GRID
            for steps in (-1, 0, 1, 5, 6, 7):
                self.view("observed_since", feed, newest - steps * GRID)
            for end, length in ((0, 1), (0, 6), (1, 1), (1, 6), (-1, 1), (2, 6)):
                self.view("twap", feed, newest - (end + length) * GRID, newest - end * GRID)
        for feed, surface in self.state.surfaces.items():
            waits = surface.candidate.slices if surface.candidate else {}
            for expiry in {*surface.confirmed.slices, *waits}:
                self.view("surface_slice", feed, expiry)


def event_of(topics: Sequence[int], data: bytes) -> events.Event:
    words = [topic.to_bytes(32, "big") for topic in topics]
    name = next(name for name in EVENTS if keccak(name.encode()) == words[0])
    types = name.partition("(")[2].removesuffix(")").split(",")
    event: events.Event = EVENTS[name](words[1:], decode(types[len(words) - 1 :], data))
    return event


def _updated(topics: Sequence[bytes], data: tuple[Any, ...]) -> events.Updated:
    observation = data[0]
    assert observation >> 130 == 0
    value, time, spread = observation % 2**87, observation >> 87 & 2**32 - 1, observation >> 119
    return events.Updated(Hash32(topics[0]), Confirmed(value, spread, time))


def _set(threshold: int, members: Sequence[str]) -> ReporterSet:
    return ReporterSet(threshold, tuple(as_address(bytes.fromhex(member[2:])) for member in members))


EVENTS: Final[dict[str, Callable[[Sequence[bytes], tuple[Any, ...]], events.Event]]] = {
    "Updated(bytes32,uint256)": _updated,
    "CandidateOpened(bytes32,uint256,uint256)": lambda t, d: events.CandidateOpened(Hash32(t[0]), *d),
    "BatchUpdated(uint256)": lambda _, d: events.BatchUpdated(*d),
    "SurfaceUpdated(bytes32,uint256,uint256[])": lambda t, d: events.SurfaceUpdated(Hash32(t[0]), d[0], tuple(d[1])),
    "SurfaceCandidateOpened(bytes32,uint256,int256)": lambda t, d: events.SurfaceCandidateOpened(Hash32(t[0]), *d),
    "ReportersProposed(uint256,uint256,address[],uint256)": lambda _, d: events.ReportersProposed(
        d[0], _set(d[1], d[2]), d[3]
    ),
    "ProposalWithdrawn(uint256)": lambda _, d: events.ProposalWithdrawn(*d),
    "ReportersActivated(uint256,uint256,address[])": lambda _, d: events.ReportersActivated(d[0], _set(d[1], d[2])),
}
