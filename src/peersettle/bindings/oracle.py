"""Oracle, and Bundle which puts its updates in front of another call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from peersettle.bindings.multicall import Question, ask
from peersettle.chain.artifacts import artifact, decode
from peersettle.chain.calls import Call
from peersettle.errors import InputError, InvalidField, NotDeployed
from peersettle.pricing import Surface, SviSlice
from peersettle.pricing import SurfaceSlice as Slice
from peersettle.reports import (
    CoSigned,
    Feed,
    OracleDomain,
    ReporterSet,
    Round,
    SurfaceReport,
    SurfaceSlice,
    signatures_to_abi,
)
from peersettle.reports.messages import MAX_SPREAD, MAX_VALUE
from peersettle.types import Address, checksummed

if TYPE_CHECKING:
    from peersettle.chain.client import BlockId, Chain
    from peersettle.chain.deployments import Deployment

GRID: Final = 300
"""Windows of `twap` begin and end at multiples of so many seconds."""
MAX_WINDOW: Final = 1800
MAX_UPDATES: Final = 8
_TIME_MASK: Final = 2**32 - 1
_UNIT: Final = 10**9
"""Of a surface's parameters."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A feed as the contract shows it. Values are wad, times Unix seconds, zero where there is none.

    `spread` is that of the confirmed round, in 1/10,000 of the median. `candidate` waits for its confirmation.
    """

    value: int
    observed_at: int
    spread: int
    candidate: int
    candidate_at: int

    def age(self, now: int) -> int:
        """Seconds since the confirmed value was observed."""
        return now - self.observed_at

    @property
    def values(self) -> tuple[int, ...]:
        """The values at which a margin check must hold: the confirmed one, and the candidate if there is one."""
        return (self.value, self.candidate) if self.candidate else (self.value,)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One round that the contract took."""

    kind: Literal["confirmed", "candidate"]
    value: int
    observed_at: int
    spread: int | None
    block: int
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Running:
    """The average so far since the start of a window: sum of value times half-seconds, and half-seconds."""

    total: int
    weight: int
    coverage: int

    @property
    def average(self) -> int:
        """The average value, rounded down; zero before anything was weighed."""
        return self.total // self.weight if self.weight else 0


class Oracle:
    """The Oracle contract at an address. Methods that build a `Call` make no request.

    `deployed_at` is the block from which on its events are searched.
    """

    def __init__(self, chain: Chain, deployment: Deployment | Address, deployed_at: int = 0) -> None:
        self._chain = chain
        self._contract = artifact("Oracle")
        found, first = (deployment, deployed_at) if isinstance(deployment, str) else _home(deployment)
        self.address: Final = found
        self._first = first
        self._sets: dict[int, ReporterSet] = {}

    @property
    def domain(self) -> OracleDomain:
        """Where reports for this contract count."""
        return OracleDomain(self._chain.chain_id, self.address)

    # Updating

    def update(self, round: Round) -> Call:
        """Submit a round of one feed."""
        for item in round.reports:
            self._assert_domain(item.domain)
        report = round.report
        what = f"report {report.feed.name} {report.price:f} of {report.observed_at}"
        return self._call("update", *round.to_abi(), what=what)

    def raw_update(
        self, feed: bytes, observed_at: int, reports: Sequence[tuple[int, int, int]], others: Sequence[int]
    ) -> Call:
        """As `update`, from the contract's own arguments and unchecked."""
        return self._call("update", feed, observed_at, list(reports), list(others), what="report")

    def update_batch(self, signed: CoSigned, reporters: ReporterSet) -> Call:
        """Submit one slot of many feeds that k reporters have signed alike."""
        self._assert_domain(signed.domain)
        if isinstance(signed.message, SurfaceReport):
            raise InputError("this is a surface, not a batch: use update_surface")
        batch = signed.message
        words, others = signatures_to_abi(reporters, signed)
        what = f"report {len(batch.observations)} feeds of {batch.observed_at}"
        return self._call("update_batch", batch.observed_at, batch.items, words, others, what=what)

    def update_surface(self, signed: CoSigned, reporters: ReporterSet) -> Call:
        """Submit a volatility surface that k reporters have signed alike."""
        self._assert_domain(signed.domain)
        if not isinstance(signed.message, SurfaceReport):
            raise InputError("this is a batch, not a surface: use update_batch")
        surface = signed.message
        words, others = signatures_to_abi(reporters, signed)
        packed = [item.packed for item in surface.slices]
        what = f"report {surface.feed.name} of {surface.observed_at}"
        return self._call("update_surface", surface.feed.id, surface.observed_at, packed, words, others, what=what)

    # Reading

    def read(self, feed: Feed, at: BlockId = "latest") -> Reading:
        """The confirmed value and the candidate, if any; zeros for a feed that nobody has reported yet."""
        return Reading(*self._view("read", feed.id, at=at)[0])

    def twap(self, feed: Feed, start: int, end: int, at: BlockId = "latest") -> int:
        """The average confirmed value over a window, in wad, rounded down.

        Raises:
            BadWindow, Unobserved: as IOracle says.
        """
        return int(self._view("twap", feed.id, start, end, at=at)[0])

    def observed_since(self, feed: Feed, start: int, at: BlockId = "latest") -> Running:
        """The average so far since `start`, a multiple of 300 seconds at most 30 minutes before the newest value."""
        return Running(*self._view("observed_since", feed.id, start, at=at))

    def surface_slice(
        self, feed: Feed, expiry: int, at: BlockId = "latest"
    ) -> tuple[tuple[SurfaceSlice, int] | None, tuple[SurfaceSlice, int] | None]:
        """One expiry's confirmed slice with its time, and the candidate's; None where there is none."""
        confirmed, candidate = self._view("surface_slice", feed.id, expiry, at=at)
        return _slice(expiry, confirmed), _slice(expiry, candidate)

    def surface(self, feed: Feed, expiries: Sequence[int]) -> Surface | None:
        """The confirmed slices of these expiries, ascending, as one surface; None where there is none."""
        questions = [self.question("surface_slice", feed.id, expiry) for expiry in expiries]
        slices, times = [], []
        for expiry, answer in zip(expiries, ask(self._chain, questions) if questions else [], strict=True):
            found = None if answer is None else _slice(expiry, answer[0])
            if found is not None:
                part, observed_at = found
                svi = SviSlice(*(value / _UNIT for value in (part.a, part.b, part.rho, part.m, part.sigma)))
                slices.append(Slice(expiry, part.forward_ratio / _UNIT, svi))
                times.append(observed_at)
        alive = [part for part in slices if part.expiry > max(times)]
        return Surface(max(times), tuple(alive)) if alive else None

    def history(self, feed: Feed, first: int | None = None, last: BlockId = "latest") -> list[HistoryEntry]:
        """Every round of a feed from block `first` on, oldest first.

        What a batch confirmed is asked of the state at its block, which a node may have pruned.
        """
        topic = "0x" + feed.id.hex()
        events = self._contract.events
        start = self._first if first is None else first
        found: list[HistoryEntry] = []
        names: list[tuple[str, str | None]] = [("Updated", topic), ("CandidateOpened", topic), ("BatchUpdated", None)]
        for name, wanted in names:
            topics: list[str | None] = ["0x" + events[name].hex(), *([wanted] if wanted else [])]
            for log, tx_hash in self._chain.logs(self.address, topics, start, last):
                words = [int.from_bytes(log.data[i : i + 32], "big") for i in range(0, len(log.data), 32)]
                if name == "Updated":
                    word = words[0]
                    time, spread = word >> 87 & _TIME_MASK, word >> 119 & MAX_SPREAD
                    found.append(HistoryEntry("confirmed", word & MAX_VALUE, time, spread, log.block, tx_hash))
                elif name == "CandidateOpened":
                    found.append(HistoryEntry("candidate", words[0], words[1], None, log.block, tx_hash))
                else:
                    then = self.read(feed, at=log.block)
                    if then.observed_at == words[0]:
                        entry = HistoryEntry("confirmed", then.value, words[0], then.spread, log.block, tx_hash)
                        found.append(entry)
        return sorted(found, key=lambda entry: (entry.block, entry.observed_at))

    # Reporters

    def epoch(self, at: BlockId = "latest") -> int:
        """How often the set of reporters has been replaced."""
        return int(self._view("reporter_set", at=at)[0])

    def reporter_set(self) -> ReporterSet:
        """The set in place, from the event that activated it, checked against the contract's commitment.

        Raises:
            InputError: the event is not to be found from the deployment's block on, or does not fit.
        """
        epoch, threshold, commitment, count = self._view("reporter_set")
        if epoch not in self._sets:
            topics: list[str | None] = ["0x" + self._contract.events["ReportersActivated"].hex()]
            for log, _ in self._chain.logs(self.address, topics, self._first):
                at, k, members = decode(["uint256", "uint256", "address[]"], log.data)
                self._sets[at] = ReporterSet(k, tuple(checksummed(bytes.fromhex(m[2:])) for m in members))
        found = self._sets.get(epoch)
        word = int.from_bytes(commitment, "big") | count << 8 | threshold
        if found is None or found.commitment != word:
            raise InputError(
                f"the reporters of epoch {epoch} are not in the events of {self.address} from block {self._first} on",
                oracle=self.address,
                epoch=epoch,
            )
        return found

    def steward(self) -> Address | None:
        """Who may propose reporters; None when nobody may."""
        raw = bytes.fromhex(str(self._view("steward")[0])[2:])
        return checksummed(raw) if any(raw) else None

    def proposed_at(self) -> int | None:
        """When the proposed set may be activated; None when none is proposed."""
        proposal = self._view("proposal")[0]
        return int(proposal[1]) if proposal[0] else None

    def propose_reporters(self, reporters: ReporterSet) -> Call:
        """Announce the next set; the steward's call."""
        return self._call(
            "propose_reporters", reporters.threshold, list(reporters.members), what="propose a set of reporters"
        )

    def withdraw_proposal(self) -> Call:
        """Take the announced set back; the steward's call."""
        return self._call("withdraw_proposal", what="withdraw the proposed reporters")

    def activate_reporters(self, reporters: ReporterSet) -> Call:
        """Put the announced set in place once its time has come; anybody's call."""
        return self._call(
            "activate_reporters", reporters.threshold, list(reporters.members), what="activate a set of reporters"
        )

    def question(self, name: str, *arguments: object) -> Question:
        """A view as a question for `ask`."""
        function = self._contract.functions[name]
        return Question(self.address, function.encode(*arguments), function)

    # Inside

    def _call(self, name: str, *arguments: object, what: str) -> Call:
        return Call(self.address, self._contract.functions[name].encode(*arguments), what=what)

    def _view(self, name: str, *arguments: object, at: BlockId = "latest") -> tuple[Any, ...]:
        function = self._contract.functions[name]
        return function.decode(self._chain.call(self.address, function.encode(*arguments), at=at))

    def _assert_domain(self, domain: OracleDomain) -> None:
        if domain != self.domain:
            raise InvalidField(
                "domain",
                f"chain {domain.chain_id}, oracle {domain.oracle}",
                f"this is chain {self.domain.chain_id}, oracle {self.address}",
            )


def bundle(address: Address, updates: Sequence[Call], call: Call) -> Call:
    """The updates and the call as one transaction through the Bundle at `address`.

    The call is made by the Bundle, not by the sender, so it must be one that anybody may make, as `swap_relayed` or
    `settle` with all signatures; or `address` is the sender's own, which carries the Bundle's code (EIP-7702).

    Raises:
        InputError: more than eight updates, or a call that deploys.
    """
    if call.to is None:
        raise InputError("a bundle makes a call; it cannot deploy")
    if len(updates) > MAX_UPDATES:
        raise InputError(f"a bundle takes {MAX_UPDATES} updates, not {len(updates)}; use a batch")
    data = artifact("Bundle").functions["execute"].encode([update.data for update in updates], call.to, call.data)
    what = f"{call.what}, behind {len(updates)} price updates"
    return Call(address, data, call.value, what, call.settles, call.minimum_gas)


def _home(deployment: Deployment) -> tuple[Address, int]:
    if deployment.oracle is None:
        raise NotDeployed(
            f"chain {deployment.chain_id} has no Oracle on record; run `peersettle oracle deploy`",
            chain_id=deployment.chain_id,
        )
    return deployment.oracle, deployment.oracle_block


def _slice(expiry: int, fields: tuple[int, ...]) -> tuple[SurfaceSlice, int] | None:
    *parameters, observed_at = fields
    return (SurfaceSlice(expiry, *parameters), observed_at) if observed_at else None
