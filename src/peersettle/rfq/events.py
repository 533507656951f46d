"""What happens to a negotiation, and what it wants done.

A negotiation is what its events make of it: they are written down before anything is done because of them, and read
back after a restart. `at` is when it happened, in Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from peersettle.rfq.messages import (
    Acceptance,
    Alternative,
    Ask,
    Cancellation,
    Confirmation,
    Decline,
    Indication,
    Message,
    Offer,
    Rejection,
    Request,
    Submission,
    Trouble,
    Withdrawal,
)
from peersettle.trades import Document


class Standing(StrEnum):
    """Where a settlement stands on the chain, as last seen."""

    ABSENT = "absent"
    """Not there, and a block later than its deadline is: it cannot come any more."""
    WAITING = "waiting"
    """Not there, or not there any more after a reorganisation."""
    INCLUDED = "included"
    FINAL = "final"
    RETIRED = "retired"
    """Its nonce was used for something else, for good."""


@dataclass(frozen=True, slots=True)
class Begun:
    """By us: a taker asks these peers; everybody, when there are none."""

    request: Request
    peers: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a peer whose right to speak for its address has been checked."""

    peer: str
    message: Message
    at: float


@dataclass(frozen=True, slots=True)
class Indicated:
    """Maker: the strategy would do it about so."""

    price: int
    part: int
    at: float


@dataclass(frozen=True, slots=True)
class Offered:
    """Maker: the strategy offers this; the alternatives are signed unless there is a last look."""

    maker: str
    alternatives: tuple[Alternative, ...]
    expires_at: int
    at: float


@dataclass(frozen=True, slots=True)
class Declined:
    """Maker: the strategy does not want it."""

    code: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Decided:
    """Maker: the last look; an empty signature says no."""

    signature: bytes
    code: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Maker: we do not offer it any more."""

    at: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Taker: a firm offer from this peer, please."""

    peer: str
    at: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taker: this alternative of this peer's offer, signed by us."""

    peer: str
    number: int
    choice: int
    signature: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Taker: we do not want it any more."""

    at: float


@dataclass(frozen=True, slots=True)
class Submitted:
    """We have signed and recorded this transaction."""

    tx_hash: str
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be settled now; trying again may help."""

    code: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the chain says. `choice` is which alternative, where there are several."""

    standing: Standing
    tx_hash: str
    choice: int
    at: float


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""

    at: float


Event: TypeAlias = (
    Begun
    | Received
    | Indicated
    | Offered
    | Declined
    | Decided
    | Withdrawn
    | Wanted
    | Accepted
    | Cancelled
    | Submitted
    | Refused
    | Seen
    | Ticked
)


# What a negotiation wants done. Every effect may be done twice without harm.


@dataclass(frozen=True, slots=True)
class Send:
    """Tell a peer, again and again until it has it; not after `until`."""

    peer: str
    message: Message
    until: float


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell everybody."""

    message: Request


@dataclass(frozen=True, slots=True)
class Price:
    """Maker: ask the strategy."""

    request: Request
    peer: str
    firm: bool


@dataclass(frozen=True, slots=True)
class Decide:
    """Maker: ask the strategy for its last look at what was accepted."""

    document: Document
    request: Request
    peer: str


@dataclass(frozen=True, slots=True)
class Submit:
    """Settle this, unless it is settled or on its way."""

    document: Document


@dataclass(frozen=True, slots=True)
class Void:
    """Cancel this on chain."""

    document: Document


Effect: TypeAlias = Send | Announce | Price | Decide | Submit | Void

MESSAGES = (
    Request,
    Ask,
    Indication,
    Decline,
    Offer,
    Acceptance,
    Confirmation,
    Rejection,
    Withdrawal,
    Cancellation,
    Submission,
    Trouble,
)
EVENTS = (
    Begun,
    Indicated,
    Offered,
    Declined,
    Decided,
    Withdrawn,
    Wanted,
    Accepted,
    Cancelled,
    Submitted,
    Refused,
    Seen,
    Ticked,
)
