"""Which trades a receipt settled, and which entries of a batch it skipped."""

from __future__ import annotations

from dataclasses import dataclass

from peersettle.chain.artifacts import artifact, decode
from peersettle.chain.calls import Receipt
from peersettle.chain.reverts import decode_revert
from peersettle.errors import Reverted
from peersettle.types import Address, Hash32


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry of `settle_batch` that did not settle, with the reason why."""

    entry: int
    error: Reverted


@dataclass(frozen=True, slots=True)
class Settled:
    """What Settlement did in one transaction."""

    digests: tuple[Hash32, ...]
    skipped: tuple[SkippedEntry, ...]


def settled_in(receipt: Receipt, settlement: Address) -> Settled:
    """The digests that `settlement` settled in a transaction, in its order, and the entries it skipped."""
    events = artifact("Settlement").events
    digests: list[Hash32] = []
    skipped = []
    for log in receipt.logs:
        if log.address != settlement or not log.topics:
            continue
        event = log.topics[0]
        if event in (events["SwapSettled"], events["TradeSettled"]):
            digests.append(log.topics[1])
        elif event == events["NetSettled"]:
            digests += [Hash32(digest) for digest in decode(["bytes32[]"], log.data)[0]]
        elif event == events["EntrySkipped"]:
            reason = decode(["bytes"], log.data)[0]
            skipped.append(SkippedEntry(int.from_bytes(log.topics[1], "big"), decode_revert(_whole(reason) or "")))
    return Settled(tuple(digests), tuple(skipped))


def _whole(reason: bytes) -> bytes:
    """The contract copies 100 bytes at most: a longer reason is cut, and reads on as far as it goes."""
    if reason[:4] != bytes.fromhex("08c379a0") or len(reason) < 68:
        return reason
    length = int.from_bytes(reason[36:68], "big")
    text = reason[68:].decode(errors="ignore") if length > len(reason) - 68 else None
    if text is None:
        return reason
    body = (text + "…").encode()
    padded = body + bytes(-len(body) % 32)
    return reason[:36] + len(body).to_bytes(32, "big") + padded
