"""What the Oracle logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from peersettle.reports import ReporterSet
from peersettle.spec.oracle_feeds import Confirmed
from peersettle.types import Hash32


@dataclass(frozen=True)
class Updated:
    """A round has moved the confirmed value."""

    feed: Hash32
    confirmed: Confirmed


@dataclass(frozen=True)
class CandidateOpened:
    """A round lies beyond the bound, and waits."""

    feed: Hash32
    value: int
    observed_at: int


@dataclass(frozen=True)
class BatchUpdated:
    """One slot of many feeds was taken."""

    observed_at: int


@dataclass(frozen=True)
class SurfaceUpdated:
    """The confirmed surface is now that of this slot."""

    feed: Hash32
    observed_at: int
    expiries: tuple[int, ...]


@dataclass(frozen=True)
class SurfaceCandidateOpened:
    """A surface jumped, and waits."""

    feed: Hash32
    observed_at: int
    move: int


@dataclass(frozen=True)
class ReportersProposed:
    """The steward has announced the set of this epoch."""

    epoch: int
    reporters: ReporterSet
    ready_at: int


@dataclass(frozen=True)
class ProposalWithdrawn:
    """The steward has taken back what it announced for this epoch."""

    epoch: int


@dataclass(frozen=True)
class ReportersActivated:
    """A set is in place."""

    epoch: int
    reporters: ReporterSet


Event: TypeAlias = (
    Updated
    | CandidateOpened
    | BatchUpdated
    | SurfaceUpdated
    | SurfaceCandidateOpened
    | ReportersProposed
    | ProposalWithdrawn
    | ReportersActivated
)
