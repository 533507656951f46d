"""Why a transaction failed on chain, by calling the same again on the state it met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peersettle.chain.calls import Call, Receipt
from peersettle.chain.reverts import decode_revert
from peersettle.errors import Reverted, RpcError
from peersettle.types import Address

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.store import Store
    from peersettle.store.records import OutboxRecord


def call_of(entry: OutboxRecord) -> Call:
    """The call that a stored transaction makes."""
    fields: dict[str, Any] = entry.transaction
    to = fields.get("to")
    return Call(Address(to) if to else None, bytes.fromhex(str(fields["data"])[2:]), int(fields["value"]), entry.what)


def why_reverted(chain: Chain, store: Store, receipt: Receipt) -> Reverted:
    """Why a transaction failed that `store` has in its outbox; no reason where it cannot be learnt."""
    values: dict[str, Any] = {"tx_hash": receipt.tx_hash, "block_number": receipt.block_number}
    entry = store.outbox_entry(chain.chain_id, receipt.tx_hash)
    call = call_of(entry) if entry else None
    if call is None or call.to is None:
        return decode_revert("", **values)
    # The state before its block first; if it would have passed there, what came before it in the block did
    # it.
    for at in (receipt.block_number - 1, receipt.block_number):
        try:
            chain.call(call.to, call.data, sender=receipt.sender, value=call.value, at=at)
        except Reverted as error:
            error.values.update(values)
            return error
        except RpcError:
            break
    return decode_revert("", **values)
