"""The chain's side of a node: submits what is agreed, and tells where on the chain everything stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peersettle.bindings.settling import ENDED, SettlementDesk, is_used
from peersettle.chain.events import settled_in
from peersettle.errors import NotSettleable, PeerSettleError, Reverted, RpcUnavailable
from peersettle.rfq import Standing
from peersettle.store import SettlementRecord, SettlementStatus
from peersettle.trades import Document, Problem, Quote

if TYPE_CHECKING:
    from peersettle.chain.client import Chain
    from peersettle.chain.sender import TransactionSender
    from peersettle.chain.tracker import SettlementTracker
    from peersettle.signing import Signer
    from peersettle.store import Store

CERTAIN: Final = 60
"""Seconds of block time after a deadline, when it is taken for certain that no reorganisation brings it back."""
_MOST_BLOCKS: Final = 2_000
"""That the node is asked for events of at once."""


class NotNow(PeerSettleError):
    """It cannot be settled now. `code` is one word for why."""

    exit_code = 4

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a document stands."""

    standing: Standing
    tx_hash: str = ""


class Settler:
    """All methods ask the chain and may take a while: they are for threads. One caller submits at a time.

    Args:
        exclusive: keeps other programs with the same key and record from sending meanwhile.
    """

    def __init__(
        self,
        chain: Chain,
        store: Store,
        desk: SettlementDesk,
        tracker: SettlementTracker,
        sender: TransactionSender,
        signer: Signer,
        exclusive: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._chain = chain
        self._store = store
        self._desk = desk
        self._tracker = tracker
        self._sender = sender
        self._signer = signer
        self._exclusive = exclusive
        self._lock = threading.Lock()
        self._seen_to: int | None = None
        self._seen_head = ""

    def submit(self, document: Document) -> str:
        """Send what settles it, unless that is done or on its way; the transaction's hash.

        Raises:
            NotNow: something stands in the way; it may go away.
            RpcUnavailable: the node does not answer.
        """
        with self._alone():
            try:
                record, sent = self._desk.submit(document, self._signer, self._sender)
            except NotSettleable as error:
                first = next((item for item in error.problems if isinstance(item, Problem)), None)
                code = first.code.name.lower() if first else "unsettleable"
                raise NotNow(code, "; ".join(problem.explain() for problem in error.problems)) from error
            except RpcUnavailable:
                raise
            except Reverted as error:
                raise NotNow("reverted", error.message) from error
            except PeerSettleError as error:
                raise NotNow("failed", error.message) from error
        return record.tx_hash if record is not None else sent[-1].tx_hash

    def cancel(self, document: Document) -> None:
        """Cancel a document of ours on chain: at once for a quote, after its notice for a trade.

        Raises:
            PeerSettleError: it cannot be.
        """
        with self._alone():
            if is_used(document, self._desk.view()):
                return
            settlement = self._desk.settlement
            if isinstance(document, Quote):
                call = settlement.cancel(document.swap.nonce_word, document.swap.nonce_mask)
            else:
                trade = document.trade
                call = settlement.cancel_trade(trade.parties, trade.nonce_word, trade.nonce_mask)
            self._sender.send(call)

    def resume(self, documents: Iterable[Document]) -> None:
        """After a restart: what was under way is put in order, and what others have settled meanwhile is found.

        Raises:
            RpcError: the node does not answer.
        """
        with self._alone():
            self._sender.resume()
        self._desk.discover(list(documents))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock, self._exclusive():
            yield

    def look(self, documents: Iterable[Document]) -> dict[bytes, Sight]:
        """Where each document stands, by digest; nothing where there is no new block since the last look.

        Raises:
            RpcError: the node does not answer.
        """
        head = self._chain.block()
        if head.hash == self._seen_head:
            return {}
        wanted = {bytes(document.digest): document for document in documents}
        self._follow(wanted.keys(), head.number)
        self._tracker.poll()
        records = self._store.settlements_of(self._chain.chain_id, wanted)
        sights = {
            digest: self._sight(document, records.get("0x" + digest.hex()), head.timestamp)
            for digest, document in wanted.items()
        }
        self._seen_head = head.hash
        return sights

    def _sight(self, document: Document, record: SettlementRecord | None, now: int) -> Sight:
        if record is not None and record.status.has_settled:
            final = record.status is SettlementStatus.FINALIZED
            return Sight(Standing.FINAL if final else Standing.INCLUDED, record.tx_hash)
        if now <= _deadline(document) + CERTAIN:
            return Sight(Standing.WAITING)
        if _is_agreed(document) and self._is_retired(document):
            return Sight(Standing.RETIRED)
        return Sight(Standing.ABSENT)

    def _is_retired(self, document: Document) -> bool:
        if not is_used(document, self._desk.view()):
            return False
        self._desk.discover([document])  # somebody may have settled it where we did not look
        record = self._store.settlement(self._chain.chain_id, document.digest)
        return record is None or record.status in ENDED

    def _follow(self, wanted: Collection[bytes], head: int) -> None:
        """Track what others have settled, from their events since the last look."""
        first = head if self._seen_to is None else min(self._seen_to, head)
        settlement = self._desk.settlement.address
        for start in range(first, head + 1, _MOST_BLOCKS):
            found = self._chain.logs(settlement, [], start, min(start + _MOST_BLOCKS - 1, head))
            for tx_hash in dict.fromkeys(tx_hash for _, tx_hash in found):
                receipt = self._chain.receipt(tx_hash)
                if receipt is None:
                    continue
                for digest in settled_in(receipt, settlement).digests:
                    if bytes(digest) in wanted:
                        self._tracker.track(digest, tx_hash)
        self._seen_to = max(0, head - 1)  # one block again, in case of a small reorganisation


def _deadline(document: Document) -> int:
    return document.swap.deadline if isinstance(document, Quote) else document.trade.deadline


def _is_agreed(document: Document) -> bool:
    return bool(document.taker_signature) if isinstance(document, Quote) else not document.missing
