"""What is sent to a chain and what comes back, as frozen values. Amounts are wei, hashes 0x-hex text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peersettle.types import Address, Hash32


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a contract, not signed yet. `to` is None for a deployment.

    `what` says for a person what it does. `settles` are the digests that it is to settle, so that they are
    recorded with the transaction. `minimum_gas` is for calls that need more gas at hand than they use.
    """

    to: Address | None
    data: bytes
    value: int = 0
    what: str = "transaction"
    settles: tuple[Hash32, ...] = ()
    minimum_gas: int = 0

    def to_transaction(self, sender: Address) -> dict[str, Any]:
        """The fields that a simulation needs."""
        fields: dict[str, Any] = {"from": sender, "data": "0x" + self.data.hex(), "value": self.value}
        return fields if self.to is None else {**fields, "to": self.to}


@dataclass(frozen=True, slots=True)
class Log:
    """One event, and the number of its block."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    block: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """An included transaction. `contract` is what a deployment created."""

    tx_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    sender: Address
    gas_used: int
    gas_price: int
    logs: tuple[Log, ...]
    contract: Address | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that the node has taken; a fee bump may replace `tx_hash` before it is included."""

    tx_hash: str
    nonce: int
    sender: Address
    what: str


@dataclass(frozen=True, slots=True)
class Block:
    """The head of a block. `base_fee` is None before EIP-1559; time in Unix seconds."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee: int | None
    gas_limit: int
