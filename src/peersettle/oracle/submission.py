"""What is submitted, to whom, when, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from peersettle.chain.calls import Call
from peersettle.oracle.cosignatures import Answer
from peersettle.oracle.metrics import Reading
from peersettle.reports import CoSigned, Feed, ReporterSet, Round, SurfaceSlice
from peersettle.reports.feed import PPM

TimedSlice: TypeAlias = tuple[SurfaceSlice, int] | None


class OracleContract(Protocol):
    """What we need of the contract; `peersettle.bindings.Oracle` is one."""

    def read(self, feed: Feed) -> Reading:
        """What is confirmed, and what waits."""
        ...

    def update(self, round: Round) -> Call:
        """The call that takes a round."""
        ...

    def update_batch(self, signed: CoSigned, reporters: ReporterSet) -> Call:
        """The call that takes a batch."""
        ...

    def update_surface(self, signed: CoSigned, reporters: ReporterSet) -> Call:
        """The call that takes a surface."""
        ...

    def surface_slice(self, feed: Feed, expiry: int) -> tuple[TimedSlice, TimedSlice]:
        """One expiry that is confirmed, and one that waits, each with its time."""
        ...

    def reporter_set(self) -> ReporterSet:
        """The members in force."""
        ...


class Sender(Protocol):
    """What we need of whoever sends; `peersettle.chain.TransactionSender` is one."""

    def send(self, call: Call) -> Any:
        """Send and wait until it is included."""
        ...


class Outcome(StrEnum):
    """What came of one look at a feed."""

    SENT = "sent"
    TAKEN = "taken"  # another submitter was first
    NOT_DUE = "not_due"
    NO_ROUND = "no_round"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a feed's round is due: after `heartbeat` seconds, or `deviation` ppm from the confirmed value."""

    heartbeat: int = 60
    deviation: int = 2_000

    def reason(self, reading: Reading, value: int, slot: int) -> str | None:
        """Why a round of this median and slot is due; None when it is not."""
        if reading.observed_at == 0:
            return "first"
        if reading.candidate:
            return "candidate"
        if slot - reading.observed_at >= self.heartbeat:
            return "heartbeat"
        if abs(value - reading.value) * PPM >= reading.value * self.deviation:
            return "deviation"
        return None


@dataclass(frozen=True, slots=True)
class Submission:
    """One look at one feed: what came of it, and why. `answers` are those of the reporters asked to co-sign."""

    feed: Feed
    outcome: Outcome
    why: str
    slot: int | None = None
    value: int | None = None
    tx_hash: str | None = None
    answers: tuple[Answer, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "feed": self.feed.name,
            "outcome": str(self.outcome),
            "why": self.why,
            "slot": self.slot,
            "value": None if self.value is None else str(self.value),
            "tx_hash": self.tx_hash,
            "cosigners": [answer.to_json() for answer in self.answers],
        }
