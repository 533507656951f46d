"""The chain's side of a node: submits what is agreed, and tells where on the chain everything stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.bindings.settling import ENDED, SettlementDesk, is_used
from peersettle.chain.events import settled_in
from peersettle.errors import NotSettleable, PeerSettleError, Reverted, RpcError
from peersettle.rfq import Standing
from peersettle.store import SettlementStatus
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
_AGAIN: Final = 32
"""Blocks before the last look that are looked at again: a reorganisation may have changed them."""
_MOST_KNOWN: Final = 10_000
_log = structlog.get_logger("peersettle.node")


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
        self._known: dict[str, tuple[bytes, ...]] = {}

    def check(self, document: Document) -> None:
        """Look before we sign it: could it settle now, whoever sends it?

        Raises:
            NotSettleable: one of the parties has not, or has not allowed, what it is to give; or it is too late.
            RpcError: the node does not answer.
        """
        found = self._desk.problems(document, self._signer.address)
        if problems := [problem for problem in found if not problem.code.is_of_sending]:
            raise NotSettleable(problems)

    def submit(self, document: Document) -> str:
        """Send what settles it, unless that is done or on its way; the transaction's hash.

        Raises:
            NotNow: something stands in the way; it may go away.
        """
        with self._alone():
            try:
                record, sent = self._desk.submit(document, self._signer, self._sender)
            except NotSettleable as error:
                first = next((item for item in error.problems if isinstance(item, Problem)), None)
                code = first.code.name.lower() if first else "unsettleable"
                raise NotNow(code, "; ".join(problem.explain() for problem in error.problems)) from error
            except Reverted as error:
                raise NotNow("reverted", error.message) from error
            except RpcError as error:  # says where our node is, and maybe its key
                _log.warning("the chain was not reached", why=error.message)
                raise NotNow("unreachable", "our node does not answer, or refuses; the log says more") from error
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
        sights: dict[bytes, Sight] = {}
        late = []
        for digest, document in wanted.items():
            record = records.get("0x" + digest.hex())
            if record is not None and record.status.has_settled:
                final = record.status is SettlementStatus.FINALIZED
                sights[digest] = Sight(Standing.FINAL if final else Standing.INCLUDED, record.tx_hash)
            elif head.timestamp > document.deadline + CERTAIN:
                late.append(document)
            else:
                sights[digest] = Sight(Standing.WAITING)
        self._seen_head = "" if late else head.hash  # what is found now is followed at the next look
        return sights | self._ended(late)

    def _ended(self, documents: Iterable[Document]) -> dict[bytes, Sight]:
        """What can be settled no more: it never was, or its nonce was used; unless it was, where nobody looked."""
        view = self._desk.view()  # one for all: nonces share words
        sights = {}
        for document in documents:
            digest = bytes(document.digest)
            if not is_used(document, view):
                sights[digest] = Sight(Standing.ABSENT)
                continue
            refused = self._desk.discover([document])
            record = self._store.settlement(self._chain.chain_id, document.digest)
            is_found = record is not None and record.status not in ENDED
            sights[digest] = Sight(Standing.WAITING if is_found or refused else Standing.RETIRED)
        return sights

    def _follow(self, wanted: Collection[bytes], head: int) -> None:
        """Track what others have settled, from their events since the last look and a while before: blocks change."""
        first = head if self._seen_to is None else min(self._seen_to, head)
        settlement = self._desk.settlement.address
        for start in range(max(0, first - _AGAIN), head + 1, _MOST_BLOCKS):
            found = self._chain.logs(settlement, [], start, min(start + _MOST_BLOCKS - 1, head))
            for tx_hash in dict.fromkeys(tx_hash for _, tx_hash in found):
                for digest in self._settled(tx_hash):
                    if digest in wanted:
                        self._tracker.track("0x" + digest.hex(), tx_hash)
        self._seen_to = head

    def _settled(self, tx_hash: str) -> tuple[bytes, ...]:
        """The digests that a transaction has settled, wherever it is."""
        if tx_hash not in self._known:
            receipt = self._chain.receipt(tx_hash)
            if receipt is None:
                return ()
            self._known[tx_hash] = tuple(map(bytes, settled_in(receipt, self._desk.settlement.address).digests))
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]
        return self._known[tx_hash]
