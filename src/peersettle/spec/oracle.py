"""What `Oracle.vy` does, call by call, check by check, in the contract's order.

Every function takes the state first, then the caller where it counts, then the call's arguments. A call that
the contract would revert raises the `Reverted` of that reason, with the values, and changes nothing.

What becomes of a round is in `oracle_feeds` and `oracle_surfaces`; here is who may bring one.
Not modelled: gas, and the limits on the length of lists (13 members, 24 feeds …), which the ABI decoder holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol, TypeAlias

from peersettle.errors import (
    BadItems,
    DelayNotOver,
    NoQuorum,
    NoSuchProposal,
    NotAscending,
    NotAttested,
    NotReporters,
    NotSteward,
    OutOfRange,
    Reverted,
    WrongChainId,
)
from peersettle.reports import OracleDomain, ReporterSet, spread_of
from peersettle.reports.typed_data import BATCH_TYPE, REPORT_TYPE, SURFACE_TYPE, domain_separator
from peersettle.spec import oracle_feeds, oracle_surfaces
from peersettle.spec.chain import ecrecover, require, uint256
from peersettle.spec.oracle_events import (
    BatchUpdated,
    CandidateOpened,
    Event,
    ProposalWithdrawn,
    ReportersActivated,
    ReportersProposed,
    SurfaceCandidateOpened,
    SurfaceUpdated,
    Updated,
)
from peersettle.spec.oracle_feeds import FeedState, Terms
from peersettle.spec.oracle_surfaces import SurfaceState
from peersettle.types import Address, Hash32, checksummed, keccak

MIN_DELAY: Final = 2 * 86400
MAX_DELAY: Final = 30 * 86400
MAX_MEMBERS: Final = 13
MAX_VALUE: Final = 2**87 - 1
MAX_SPREAD: Final = 2**11 - 1
ITEM_BYTES: Final = 49
"""A feed's id and its observation."""

Signed: TypeAlias = tuple[int, int, int]
"""`value | place << 128, r, vs`: one report as the contract takes it; a batch and a surface have no value here.

A contract that is a member has r = 0 and its address in vs.
"""


class Attester(Protocol):
    """A member of the set that is a contract."""

    def attests(self, feed: Hash32, value: int, observed_at: int) -> bool:
        """Whether it stands by this value now; raises `Reverted` where it fails or answers nothing."""
        ...


@dataclass(frozen=True)
class Proposal:
    """The next set of reporters, and when it may take its place."""

    reporters: ReporterSet
    ready_at: int


@dataclass(frozen=True)
class Reading:
    """What is confirmed and what waits to be; zero where there is nothing."""

    value: int = 0
    observed_at: int = 0
    spread: int = 0
    candidate: int = 0
    candidate_at: int = 0


@dataclass
class OracleState:
    """All that a call of the Oracle can read or change. `now` in Unix seconds.

    Each value is frozen and replaced whole, at the end of a call that succeeds.
    """

    domain: OracleDomain
    """The Oracle's own address, and the chain id on the day it was deployed."""
    chain_id: int
    now: int
    steward: Address
    delay: int
    reporters: ReporterSet
    attesters: dict[Address, Attester] = field(default_factory=dict)
    """Every contract that a report may name."""

    epoch: int = 0
    proposal: Proposal | None = None
    feeds: dict[Hash32, FeedState] = field(default_factory=dict)
    surfaces: dict[Hash32, SurfaceState] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)


def deploy(
    domain: OracleDomain, now: int, steward: Address, delay: int, threshold: int, members: Sequence[Address]
) -> OracleState:
    """The Oracle with its first set of reporters."""
    require(MIN_DELAY <= delay <= MAX_DELAY, DelayNotOver, delay=delay)
    reporters = reporters_of(threshold, members)
    return OracleState(domain, domain.chain_id, now, steward, delay, reporters, log=[ReportersActivated(0, reporters)])


# Rounds: anybody may bring what reporters have signed


def update(
    state: OracleState, feed: Hash32, observed_at: int, reports: Sequence[Signed], others: Sequence[int]
) -> None:
    """Take one round: at least k reports of one slot, each signed by another member, ascending by value.

    The value is the median, of an even number the upper one. `others` are the members that did not report,
    `address | place << 160`.
    """
    terms = Terms.of(feed)
    oracle_feeds.require_timely(terms, observed_at, state.now)
    places = silent(others)
    values = [head % 2**128 for head, _, _ in reports]
    for (head, r, vs), value, before in zip(reports, values, [0, *values], strict=False):
        require(value >= before, NotAscending, value=value, after=before)
        if r:
            digest = signed_digest(state, REPORT_TYPE, feed, word(value), word(observed_at))
            who = signer(digest, r, vs)
        else:
            who = attester(state, vs, feed, value, observed_at)
        put(places, head >> 128, who)
    require(all(value <= MAX_VALUE for value in values), OutOfRange, value=max(values, default=0))
    require_quorum(state, places, len(reports), len(others))
    median = values[len(values) // 2]
    spread = spread_of(values) if median else 0
    round_ = oracle_feeds.Confirmed(median, spread, observed_at)
    after = oracle_feeds.take(state.feeds.get(feed, FeedState()), terms, round_)
    state.feeds[feed] = after
    state.log.append(opened(feed, after) or Updated(feed, after.path[-1]))


def update_batch(
    state: OracleState, observed_at: int, items: bytes, signatures: Sequence[Signed], others: Sequence[int]
) -> None:
    """Take one slot of many feeds, on which k members have agreed and signed one digest; all of them or none.

    `items` has 49 bytes for each: the id, and `free 6 | spread 11 | free 32 | value 87` bits.
    """
    digest = signed_digest(state, BATCH_TYPE, keccak(items), word(observed_at))
    require_signed(state, digest, signatures, others)
    require(len(items) > 0 and len(items) % ITEM_BYTES == 0, BadItems, length=len(items))
    feeds, events = dict(state.feeds), list[Event]()
    for start in range(0, len(items), ITEM_BYTES):
        feed = Hash32(items[start : start + 32])
        observation = int.from_bytes(items[start + 32 : start + ITEM_BYTES], "big")
        value, spread = observation & MAX_VALUE, observation >> 119 & MAX_SPREAD
        terms = Terms.of(feed)
        oracle_feeds.require_timely(terms, observed_at, state.now)
        round_ = oracle_feeds.Confirmed(value, spread, observed_at)
        feeds[feed] = oracle_feeds.take(feeds.get(feed, FeedState()), terms, round_)
        if event := opened(feed, feeds[feed]):
            events.append(event)
    state.feeds = feeds
    state.log += [*events, BatchUpdated(observed_at)]


def update_surface(
    state: OracleState,
    feed: Hash32,
    observed_at: int,
    slices: Sequence[int],
    signatures: Sequence[Signed],
    others: Sequence[int],
) -> None:
    """Take a volatility surface, on which k members have agreed and signed one digest."""
    hashed = keccak(b"".join(map(word, slices)))
    require_signed(state, signed_digest(state, SURFACE_TYPE, feed, hashed, word(observed_at)), signatures, others)
    terms = Terms.of(feed)
    oracle_feeds.require_timely(terms, observed_at, state.now)
    after = oracle_surfaces.take(state.surfaces.get(feed, SurfaceState()), terms, slices, observed_at)
    state.surfaces[feed] = after
    if after.candidate:
        state.log.append(SurfaceCandidateOpened(feed, observed_at, after.candidate.move))
    else:
        expiries = tuple(oracle_surfaces.Slice.of(item).expiry for item in slices)
        state.log.append(SurfaceUpdated(feed, observed_at, expiries))


def opened(feed: Hash32, after: FeedState) -> Event | None:
    """What is logged of a round that became a candidate."""
    waits = after.candidate
    return CandidateOpened(feed, waits.value, waits.observed_at) if waits else None


# Who has signed


def signed_digest(state: OracleState, kind: str, *words: bytes) -> Hash32:
    """EIP-712: what a member signs."""
    struct = keccak(keccak(kind.encode()) + b"".join(words))
    return keccak(b"\x19\x01" + domain_separator(state.domain) + struct)


def require_signed(state: OracleState, digest: Hash32, signatures: Sequence[Signed], others: Sequence[int]) -> None:
    """At least k different members have signed the digest; contracts cannot."""
    places = silent(others)
    for head, r, vs in signatures:
        put(places, head >> 128, signer(digest, r, vs))
    require_quorum(state, places, len(signatures), len(others))


def require_quorum(state: OracleState, places: Sequence[Address | None], reported: int, silent: int) -> None:
    """Those who reported, at least k, and those who did not are the set: every member once, in its place.

    As many entries as there are members fill all their places only if none is filled twice.
    """
    require(state.chain_id == state.domain.chain_id, WrongChainId, chain_id=state.chain_id)
    members, threshold = state.reporters.members, state.reporters.threshold
    require(reported >= threshold, NoQuorum, reported=reported, threshold=threshold)
    in_place = [*members, *[None] * (MAX_MEMBERS - len(members))]
    everybody = list(places) == in_place and reported + silent == len(members)
    require(everybody, NotReporters, given=tuple(places), members=members)


def silent(others: Sequence[int]) -> list[Address | None]:
    """The members that did not report, in their places; the others' are still empty."""
    places: list[Address | None] = [None] * MAX_MEMBERS
    for other in others:
        put(places, other >> 160, account(other % 2**160))
    return places


def put(places: list[Address | None], place: int, who: Address | None) -> None:
    """Fill a place, whatever was there.

    Raises:
        Reverted: there is no such place; bounds checks give no reason.
    """
    if place >= MAX_MEMBERS:
        raise Reverted("index out of range", index=place, length=MAX_MEMBERS)
    places[place] = who


def signer(digest: Hash32, r: int, vs: int) -> Address | None:
    """Who made an ERC-2098 signature; None where nobody did. A high s is good: a signature is no identity here."""
    return ecrecover(digest, 27 + (vs >> 255), r, vs % 2**255)


def attester(state: OracleState, member: int, feed: Hash32, value: int, observed_at: int) -> Address:
    """The member that is a contract, if it stands by the value."""
    if member >= 2**160:
        raise Reverted("does not fit an address", member=member)
    who = checksummed(member.to_bytes(20, "big"))
    if who not in state.attesters:
        raise Reverted("no code", account=who)
    stands = state.attesters[who].attests(feed, value, observed_at)
    require(stands, NotAttested, reporter=who, value=value)
    return who


def account(number: int) -> Address | None:
    """An address from its number; the zero address is nobody."""
    return checksummed(number.to_bytes(20, "big")) if number else None


def word(value: int) -> bytes:
    """An unsigned number as the ABI has it."""
    return value.to_bytes(32, "big")


# Reading


def read(state: OracleState, feed: Hash32) -> Reading:
    """The confirmed value whatever its age, and the candidate while it is at most `max_age` old."""
    found = state.feeds.get(feed, FeedState())
    if not found.path:
        return Reading()
    last, candidate = found.path[-1], found.candidate
    if candidate and oracle_feeds.is_open(candidate, Terms.of(feed), state.now):
        return Reading(last.value, last.observed_at, last.spread, candidate.value, candidate.observed_at)
    return Reading(last.value, last.observed_at, last.spread)


def twap(state: OracleState, feed: Hash32, start: int, end: int) -> int:
    """As `oracle_feeds.twap`."""
    return oracle_feeds.twap(state.feeds.get(feed, FeedState()), start, end)


def observed_since(state: OracleState, feed: Hash32, start: int) -> tuple[int, int, int]:
    """As `oracle_feeds.observed_since`: sum, weight, coverage."""
    return oracle_feeds.observed_since(state.feeds.get(feed, FeedState()), start)


def surface_slice(
    state: OracleState, feed: Hash32, expiry: int
) -> tuple[oracle_surfaces.Dated | None, oracle_surfaces.Dated | None]:
    """The confirmed slice of an expiry, and the candidate's."""
    surface = state.surfaces.get(feed, SurfaceState())
    return oracle_surfaces.slice_of(surface, Terms.of(feed), expiry, state.now)


def reporter_set(state: OracleState) -> tuple[int, int, Hash32, int]:
    """Epoch, threshold, the hash that the set is kept as (240 bits), and how many members it has."""
    reporters = state.reporters
    commitment = word(reporters.commitment >> 16 << 16)
    return state.epoch, reporters.threshold, Hash32(commitment), len(reporters.members)


# Reporters


def propose_reporters(state: OracleState, caller: Address, threshold: int, members: Sequence[Address]) -> None:
    """Steward only: announce the next set. Another announcement takes its place, and waits anew."""
    require(caller == state.steward, NotSteward, caller=caller)
    proposal = Proposal(reporters_of(threshold, members), state.now + state.delay)
    state.proposal = proposal
    state.log.append(ReportersProposed(state.epoch + 1, proposal.reporters, proposal.ready_at))


def withdraw_proposal(state: OracleState, caller: Address) -> None:
    """Steward only: take back what is announced."""
    require(caller == state.steward, NotSteward, caller=caller)
    state.proposal = None
    state.log.append(ProposalWithdrawn(state.epoch + 1))


def activate_reporters(state: OracleState, threshold: int, members: Sequence[Address]) -> None:
    """Anybody: put the announced set in place, once its time has come."""
    proposal = state.proposal
    if proposal is None:
        raise NoSuchProposal
    require(proposal.reporters == reporters_of(threshold, members), NoSuchProposal)
    require(state.now >= proposal.ready_at, DelayNotOver, now=state.now, ready_at=proposal.ready_at)
    state.reporters, state.epoch, state.proposal = proposal.reporters, state.epoch + 1, None
    state.log.append(ReportersActivated(state.epoch, state.reporters))


def reporters_of(threshold: int, members: Sequence[Address]) -> ReporterSet:
    """Members that ascend strictly; the honest ones alone reach the threshold while the tolerated liars are silent."""
    require(threshold >= 3, NoQuorum, threshold=threshold)
    least = uint256(threshold + (threshold - 1) // 2)
    require(len(members) >= least, NoQuorum, members=len(members), least=least)
    numbers = [int(member, 16) for member in members]
    for before, number in pairwise([0, *numbers]):
        require(number > before, NotAscending, member=number, after=before)
    return ReporterSet(threshold, tuple(members))
