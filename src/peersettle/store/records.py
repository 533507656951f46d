"""What the store keeps, as frozen values. Hashes are 0x-hex text, times Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SettlementStatus(StrEnum):
    """How far a settlement has come: four steps in this order, which a reorganisation may turn back."""

    PENDING = "pending"
    INCLUDED = "included"
    SAFE = "safe"
    FINALIZED = "finalized"
    REVERTED = "reverted"
    DROPPED = "dropped"

    @property
    def has_settled(self) -> bool:
        """Whether it is in a block of the chain as last seen."""
        return self in (SettlementStatus.INCLUDED, SettlementStatus.SAFE, SettlementStatus.FINALIZED)

    def reaches(self, until: SettlementStatus) -> bool:
        """Whether it is as far as `until`, one of the four steps of a settlement."""
        steps = list(SettlementStatus)[:4]
        return self in steps and steps.index(self) >= steps.index(until)


class OutboxStatus(StrEnum):
    """What became of a signed transaction."""

    SIGNED = "signed"  # stored; whether the node has it is unknown
    SENT = "sent"  # the node has taken it
    INCLUDED = "included"
    REPLACED = "replaced"  # another of the same nonce was included
    ABANDONED = "abandoned"  # refused, or of no use any more; never to be sent again


IN_FLIGHT = (OutboxStatus.SIGNED, OutboxStatus.SENT)


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A quote or a trade with the signatures known so far. `role` and `party` say whose side we are on."""

    digest: str
    kind: str
    text: str
    chain_id: int
    settlement: str
    role: str
    party: str
    note: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class SettlementRecord:
    """The settlement of one digest. `block_hash` is what a reorganisation is recognised by."""

    digest: str
    chain_id: int
    tx_hash: str
    status: SettlementStatus
    block_number: int | None
    block_hash: str | None
    error: str | None
    closed: bool
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """One signed transaction. Fee bumps share chain, sender and nonce; at most one of them is ever included.

    `raw` is what is broadcast, `transaction` the fields that it signs, for signing again with higher fees.
    """

    chain_id: int
    sender: str
    nonce: int
    tx_hash: str
    raw: bytes
    transaction: dict[str, object]
    what: str
    status: OutboxStatus
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """A document with its settlement, if one was tried: one row of a list of trades."""

    digest: str
    kind: str
    parties: tuple[str, ...]
    chain_id: int
    role: str
    note: str
    status: SettlementStatus | None
    tx_hash: str | None
    block_number: int | None
    error: str | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document that an event has brought about, to be kept with it. As the arguments of `Store.put_document`."""

    digest: str
    kind: str
    text: str
    settlement: str
    role: str = ""
    party: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a negotiation, and what the negotiation has become by it.

    `key` names the negotiation, `number` its events: 0, 1, 2 and so on. `text` is the event as JSON, `at` when it
    happened. An empty `peer` and a `digest` of None leave what was there.
    """

    key: str
    side: str
    request_id: str
    peer: str
    chain_id: int
    status: str
    is_over: bool
    digest: str | None
    number: int
    text: str
    at: float
    document: SignedDocument | None = None


@dataclass(frozen=True, slots=True)
class NegotiationRecord:
    """A negotiation as its last event has left it. `created_at` and `updated_at` are its first and last event's."""

    key: str
    side: str
    request_id: str
    peer: str
    chain_id: int
    status: str
    is_over: bool
    digest: str | None
    last_number: int
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class BanRecord:
    """A peer that is not to be heard before `until`."""

    peer: str
    until: float
    why: str


@dataclass(frozen=True, slots=True)
class CardRecord:
    """What a peer last said about itself."""

    peer: str
    text: str
    seen_at: float
