"""How far settlements have come: pending, included, safe, finalized, and back when the chain reorganises.

Every `poll` asks the chain anew where each open settlement is, and compares block number *and* hash with what
the store remembers; nothing is assumed to stay until it is final.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peersettle.chain.calls import Block, Receipt
from peersettle.chain.events import settled_in
from peersettle.chain.outcomes import broadcast
from peersettle.chain.replay import why_reverted
from peersettle.chain.reverts import decode_revert, reason_of
from peersettle.errors import InputError, RpcError, RpcUnavailable, TransactionLost, TransactionStuck
from peersettle.store.records import OutboxStatus, SettlementRecord, SettlementStatus
from peersettle.types import Address, Hash32, hash32

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.config.settings import ChainSettings
    from peersettle.store import Store

Status = SettlementStatus
_LOOK_BACK: Final = 5_000  # blocks; nodes limit searches


@dataclass(frozen=True, slots=True)
class Finality:
    """When a block counts as safe and as finalized.

    The chain's own tags decide where it has them and `tags` is true; else the number of blocks on top.
    """

    tags: bool = True
    safe_depth: int = 12
    finalized_depth: int = 64

    @classmethod
    def of(cls, settings: ChainSettings) -> Finality | None:
        """The depths that the settings name; None where they leave it to the chain."""
        safe, finalized = settings.safe_depth, settings.finalized_depth
        if safe is None and finalized is None:
            return None
        usual = cls()
        return cls(
            tags=False,
            safe_depth=usual.safe_depth if safe is None else safe,
            finalized_depth=usual.finalized_depth if finalized is None else finalized,
        )


AT_ONCE: Final = Finality(tags=False, safe_depth=0, finalized_depth=0)


@dataclass(frozen=True, slots=True)
class Change:
    """One settlement that is not where it was.

    `reorged` says that the block it was in is no longer of the chain.
    """

    digest: str
    tx_hash: str
    before: SettlementStatus
    after: SettlementStatus
    block_number: int | None
    block_hash: str | None
    error: str | None
    reorged: bool


@dataclass(frozen=True, slots=True)
class _Heads:
    latest: Block
    safe: int
    finalized: int

    def status(self, number: int) -> SettlementStatus:
        """Of what is in a block of this chain."""
        if number <= self.finalized:
            return Status.FINALIZED
        return Status.SAFE if number <= self.safe else Status.INCLUDED


class SettlementTracker:
    """Follows the settlements that the store has open on one chain.

    `settlement` is the contract, so that a batch that skipped an entry is not taken for its settlement and a
    trade that somebody else sent is found. By default an embedded chain is final at once. A transaction that
    no node knows any more is broadcast again from the outbox; without one it counts as dropped after
    `dropped_after` seconds.
    """

    def __init__(
        self,
        chain: Chain,
        store: Store,
        settlement: Address | None = None,
        *,
        finality: Finality | None = None,
        dropped_after: float = 600.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._chain = chain
        self._store = store
        self._settlement = settlement
        self._finality = finality or (AT_ONCE if chain.is_embedded else Finality())
        self._dropped_after = dropped_after
        self._clock = clock
        self._sleep = sleep
        self._seen: tuple[Block, dict[str, str]] | None = None

    def track(self, digest: Hash32 | str, tx_hash: str) -> SettlementRecord:
        """Follow a settlement from now on.

        What a `TransactionSender` with the same store sends is followed already.
        """
        known = self._store.settlement(self._chain.chain_id, digest)
        if known is not None and known.tx_hash == tx_hash:
            return known
        return self._store.put_settlement(self._chain.chain_id, digest, tx_hash)

    def status(self, digest: Hash32 | str) -> SettlementRecord:
        """What is known of a settlement, without asking the chain.

        Raises:
            InputError: nobody tried to settle it here.
        """
        record = self._store.settlement(self._chain.chain_id, digest)
        if record is None:
            raise InputError(f"0x{hash32(digest).hex()} is not being settled on chain {self._chain.chain_id}")
        return record

    def poll(self, only: Hash32 | str | None = None) -> list[Change]:
        """Ask the chain once about every open settlement, or one; what has changed.

        Raises:
            RpcUnavailable: the node does not answer.
        """
        records = self._store.open_settlements(self._chain.chain_id)
        if only is not None:
            digest = "0x" + hash32(only).hex()
            records = [record for record in records if record.digest == digest]
        if not records:
            return []
        heads = self._heads()
        hashes: dict[int, str | None] = {heads.latest.number: heads.latest.hash}
        # The last head is still of the chain: so are all blocks before it, and what was seen in them.
        anchor, placed = self._seen or (heads.latest, {})
        if self._hash(anchor.number, hashes) != anchor.hash:
            placed = {}
        changes = [
            self._follow(record, heads, hashes)
            for record in records
            if not _is_where_it_was(record, placed.get(record.digest), heads)
        ]
        if only is None:
            self._remember(heads.latest, {record.digest for record in records})
        return [change for change in changes if change is not None]

    def wait(
        self,
        digest: Hash32 | str,
        until: SettlementStatus | str = Status.INCLUDED,
        timeout: float = 120.0,
        interval: float = 0.25,
    ) -> SettlementRecord:
        """Poll until a settlement is as far as `until`: "included", "safe" or "finalized". Times in seconds.

        Raises:
            Reverted: the chain refused it.
            TransactionLost: its transaction will never be included.
            TransactionStuck: not so far in time.
        """
        goal = Status(until)
        deadline = time.monotonic() + timeout
        while True:
            self.poll()
            record = self.status(digest)
            if record.status.reaches(goal):
                return record
            if record.status is Status.REVERTED:
                raise decode_revert(record.error or "", tx_hash=record.tx_hash, block_number=record.block_number)
            if record.status is Status.DROPPED:
                raise TransactionLost(
                    f"{record.digest} did not settle: {record.error or 'its transaction was dropped'}",
                    tx_hash=record.tx_hash,
                )
            if time.monotonic() >= deadline:
                raise TransactionStuck(
                    f"{record.digest} is {record.status}, not {goal}, after {timeout:g} s; it may still be",
                    hashes=[record.tx_hash],
                )
            self._sleep(interval)

    # Where the chain is

    def _heads(self) -> _Heads:
        latest = self._chain.block()
        policy = self._finality
        safe, finalized = latest.number - policy.safe_depth, latest.number - policy.finalized_depth
        if policy.tags:
            try:
                tagged = self._chain.block("safe").number, self._chain.block("finalized").number
            except RpcUnavailable:
                raise
            except RpcError:
                pass
            else:
                safe, finalized = tagged
        return _Heads(latest, safe, finalized)

    def _is_canonical(self, receipt: Receipt, hashes: dict[int, str | None]) -> bool:
        """Whether the receipt's block is the chain's at its height; a node may answer from an abandoned branch."""
        return self._hash(receipt.block_number, hashes) == receipt.block_hash

    def _hash(self, number: int, hashes: dict[int, str | None]) -> str | None:
        """Of the chain's block at a height; None where there is none."""
        if number not in hashes:
            try:
                hashes[number] = self._chain.block(number).hash
            except RpcUnavailable:
                raise
            except RpcError:
                hashes[number] = None
        return hashes[number]

    def _remember(self, head: Block, looked_at: set[str]) -> None:
        """In which blocks things are, all of the chain whose head was this before anything was asked."""
        placed = {
            record.digest: record.block_hash
            for record in self._store.open_settlements(self._chain.chain_id)
            if record.digest in looked_at
            and record.block_hash is not None
            and record.block_number is not None
            and record.block_number <= head.number
        }
        self._seen = head, placed

    # Where one settlement is

    def _follow(self, record: SettlementRecord, heads: _Heads, hashes: dict[int, str | None]) -> Change | None:
        # Read before the receipts: a nonce used by then with no receipt after is another transaction's.
        is_taken, is_taken_for_good = self._nonce_taken(record, heads)
        receipt = self._receipt(record, hashes)
        status, error, closed = Status.PENDING, None, False
        if receipt is None:
            status, error = self._missing(record, is_taken)
            closed = status is Status.DROPPED and (is_taken_for_good or not is_taken)
        elif not self._settles(receipt, record.digest):
            status, error, closed = Status.REVERTED, "", receipt.block_number <= heads.finalized
        if status is not Status.PENDING and (other := self._settled_by_another(record, heads, hashes)):
            receipt, status = other, Status.PENDING
        if receipt is not None and status is Status.PENDING:
            status = heads.status(receipt.block_number)
            closed = status is Status.FINALIZED
            error = None
        elif receipt is not None and status is Status.REVERTED:
            known = (record.status, record.block_hash) == (status, receipt.block_hash)
            error = record.error if known else self._why(receipt)
        return self._write(record, status, receipt, error, closed)

    def _nonce_taken(self, record: SettlementRecord, heads: _Heads) -> tuple[bool, bool]:
        """Whether the nonce of the transaction is used, and whether it is so in a finalized block."""
        entry = self._store.outbox_entry(record.chain_id, record.tx_hash)
        if entry is None or self._chain.nonce(Address(entry.sender)) <= entry.nonce:
            return False, False
        if heads.finalized < 0:
            return True, False
        try:
            return True, self._chain.nonce(Address(entry.sender), heads.finalized) > entry.nonce
        except RpcUnavailable:
            raise
        except RpcError:
            return True, False  # the node has no state so old

    def _receipt(self, record: SettlementRecord, hashes: dict[int, str | None]) -> Receipt | None:
        """The receipt of the transaction, or of whichever fee bump of it got in."""
        for tx_hash in self._versions(record):
            receipt = self._chain.receipt(tx_hash)
            if receipt is not None and self._is_canonical(receipt, hashes):
                return receipt
        return None

    def _versions(self, record: SettlementRecord) -> Sequence[str]:
        entry = self._store.outbox_entry(record.chain_id, record.tx_hash)
        if entry is None:
            return [record.tx_hash]
        entries = self._store.outbox(record.chain_id, entry.sender, nonce=entry.nonce)
        return [record.tx_hash, *(e.tx_hash for e in reversed(entries) if e.tx_hash != record.tx_hash)]

    def _settles(self, receipt: Receipt, digest: str) -> bool:
        if not receipt.succeeded:
            return False
        if self._settlement is None:
            return True
        return hash32(digest) in settled_in(receipt, self._settlement).digests

    def _settled_by_another(
        self, record: SettlementRecord, heads: _Heads, hashes: dict[int, str | None]
    ) -> Receipt | None:
        """The transaction, of whomever, that settled it, as far back as a node can be asked in one search."""
        if self._settlement is None:
            return None
        first = max(0, heads.finalized - _LOOK_BACK)
        try:
            found = self._chain.logs(self._settlement, [None, record.digest], first)
        except RpcUnavailable:
            raise
        except RpcError:
            return None  # a node that limits searches; our own transaction is what we then know
        for _log, tx_hash in found:
            receipt = self._chain.receipt(tx_hash)
            if receipt is not None and self._is_canonical(receipt, hashes):
                return receipt
        return None

    def _missing(self, record: SettlementRecord, is_taken: bool) -> tuple[SettlementStatus, str | None]:
        """What it means that no block has the transaction; bring it back where that is possible."""
        if is_taken:
            return Status.DROPPED, "another transaction took its nonce"
        if any(self._chain.knows(tx_hash) for tx_hash in self._versions(record)):
            return Status.PENDING, None
        entry = self._store.outbox_entry(record.chain_id, record.tx_hash)
        if entry is None and self._clock() - record.updated_at >= self._dropped_after:
            return Status.DROPPED, f"no node has known its transaction for {self._dropped_after:g} s"
        if entry is not None and entry.status not in (OutboxStatus.SIGNED, OutboxStatus.ABANDONED):
            broadcast(self._chain, entry)
        return Status.PENDING, None

    def _why(self, receipt: Receipt) -> str:
        """The reason, in the words of the contract where it can be learnt."""
        if receipt.succeeded and self._settlement is not None:
            skipped = settled_in(receipt, self._settlement).skipped
            if len(skipped) == 1:
                return reason_of(skipped[0].error)
            return "skipped in its batch" if skipped else "its transaction did something else"
        return reason_of(why_reverted(self._chain, self._store, receipt))

    def _write(
        self,
        record: SettlementRecord,
        status: SettlementStatus,
        receipt: Receipt | None,
        error: str | None,
        closed: bool,
    ) -> Change | None:
        tx_hash = receipt.tx_hash if receipt else record.tx_hash
        number = receipt.block_number if receipt else None
        block_hash = receipt.block_hash if receipt else None
        same = (status, block_hash, tx_hash) == (record.status, record.block_hash, record.tx_hash)
        if same and closed == record.closed:
            return None
        self._store.put_settlement(
            record.chain_id,
            record.digest,
            tx_hash,
            status,
            block_number=number,
            block_hash=block_hash,
            error=error,
            closed=closed,
        )
        if same:
            return None
        reorged = record.block_hash is not None and record.block_hash != block_hash
        return Change(record.digest, tx_hash, record.status, status, number, block_hash, error, reorged)


def _is_where_it_was(record: SettlementRecord, block_hash: str | None, heads: _Heads) -> bool:
    """Whether it was seen in a block that is known to be of the chain, and has come no further since."""
    if record.block_number is None or block_hash is None or record.block_hash != block_hash:
        return False
    return heads.status(record.block_number) is record.status
