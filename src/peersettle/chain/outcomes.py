"""What nodes say to a transaction, in the words of geth, Nethermind, Erigon, Besu, reth, anvil and py-evm."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peersettle.errors import InsufficientFunds, Reverted, RpcError, RpcUnavailable

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.store.records import OutboxRecord


class Broadcast(Enum):
    """How a broadcast ended."""

    TAKEN = auto()  # the node has it, now or from before
    NONCE_USED = auto()  # another transaction has this nonce
    OCCUPIED = auto()  # another waits with this nonce, and pays too much to be replaced by this one
    UNDERPRICED = auto()
    NO_FUNDS = auto()
    REFUSED = auto()


_KNOWN: Final = ("already known", "known transaction", "already imported", "alreadyknown", "already exists")
_NONCE_LOW: Final = (
    "nonce too low",
    "nonce is too low",
    "invalid transaction nonce",
    "oldnonce",
    "nonce_too_low",
)
_REPLACES: Final = ("replacement transaction underpriced", "replacement underpriced", "could not replace")
_FEE_LOW: Final = (
    "underpriced",
    "less than block base fee",
    "fee cap less than",
    "lower than the current base fee",
    "fee too low",
    "feetoolow",
)


def broadcast(chain: Chain, entry: OutboxRecord) -> tuple[Broadcast, str]:
    """Hand a stored transaction to the node; how it ended, and what was said.

    Raises:
        RpcUnavailable: no answer; it may have arrived.
    """
    try:
        chain.send_raw(entry.raw)
    except RpcUnavailable:
        raise
    except InsufficientFunds as error:
        return Broadcast.NO_FUNDS, error.message
    except (RpcError, Reverted) as error:
        said = str(error.values.get("detail") or error.message)
        return _judge(chain, entry, said.lower()), said
    return Broadcast.TAKEN, ""


def _judge(chain: Chain, entry: OutboxRecord, said: str) -> Broadcast:
    if any(word in said for word in _KNOWN):
        return Broadcast.TAKEN
    if any(word in said for word in _NONCE_LOW):
        # Perhaps it is this very transaction, whose first answer was lost.
        return Broadcast.TAKEN if chain.knows(entry.tx_hash) else Broadcast.NONCE_USED
    if any(word in said for word in _REPLACES):
        return Broadcast.TAKEN if chain.knows(entry.tx_hash) else Broadcast.OCCUPIED
    if any(word in said for word in _FEE_LOW):
        return Broadcast.UNDERPRICED
    return Broadcast.REFUSED
