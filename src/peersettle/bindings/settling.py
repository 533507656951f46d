"""Settling a document: what stands in the way, the transactions that it takes, and never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from peersettle.bindings.margin import MarginDesk, Plan
from peersettle.bindings.settlement import Settlement
from peersettle.chain.views import RpcWalletView
from peersettle.errors import NotSettleable, RpcError, RpcUnavailable
from peersettle.risk.instruments import CASH_ID, SERIES_BITS
from peersettle.signing import Signer, sign_as
from peersettle.store import SettlementRecord, SettlementStatus
from peersettle.trades import Document, LegKind, Problem, Quote, SignedTrade, WalletView, check_swap, check_trade
from peersettle.trades.documents import dump
from peersettle.types import ZERO_ADDRESS, Account, Address

if TYPE_CHECKING:
    from peersettle.chain.calls import Call, Sent
    from peersettle.chain.client import Chain
    from peersettle.chain.deployments import Deployment
    from peersettle.chain.sender import TransactionSender
    from peersettle.chain.tracker import SettlementTracker
    from peersettle.store import Store

Updates: TypeAlias = "Callable[[Iterable[int]], Sequence[Call]]"
"""The oracle updates that these markets need in front of a trade in them."""

ENDED: Final = (SettlementStatus.DROPPED, SettlementStatus.REVERTED)
"""An attempt that has come to nothing: it may be tried again."""
_SESSION: Final = 1 << 95


class SettlementDesk:
    """Settles documents of one deployment, on record in one store.

    Args:
        updates: asked when a trade moves positions; without it somebody else keeps the prices fresh.
    """

    def __init__(
        self,
        chain: Chain,
        deployment: Deployment,
        store: Store,
        tracker: SettlementTracker,
        *,
        margin: MarginDesk | None = None,
        updates: Updates | None = None,
    ) -> None:
        self._chain = chain
        self._deployment = deployment
        self._store = store
        self._tracker = tracker
        self._margin = margin
        self._updates = updates
        self.settlement: Final = Settlement(chain, deployment)

    def view(self) -> RpcWalletView:
        """The chain as the pre-flight check reads it, now."""
        return RpcWalletView(self._chain, self._deployment)

    def call(self, document: Document, sender: Address) -> Call:
        """The cheapest call that settles a document when `sender` sends it."""
        if isinstance(document, Quote):
            return self.settlement.for_quote(document, sender)
        return self.settlement.settle(document)

    def plan(self, document: Document, sender: Address) -> Plan:
        """The transactions that settle a document when `sender` sends it: refreshes of every series that its margin
        accounts hold or come to hold are put in front.
        """
        call = self.call(document, sender)
        ledger = self._deployment.ledger
        if isinstance(document, Quote) or ledger is None:
            return Plan((call,))
        trade = document.trade
        legs = [leg for leg in trade.legs if leg.kind is LegKind.POSITION and leg.token == ledger]
        if not legs:
            return Plan((call,))
        margin = self._margin = self._margin or MarginDesk(self._chain, self._deployment)
        sides = [pair for leg in legs for pair in zip((leg.giver, leg.receiver), leg.sub_accounts, strict=True)]
        accounts = list(dict.fromkeys(Account(who, sub) for who, sub in sides if sub < _SESSION))
        trading = [leg.id for leg in legs]
        markets = {number for account in accounts for number in margin.ledger.head(account).markets}
        markets |= {move >> SERIES_BITS for move in trading if move != CASH_ID}
        updates = self._updates(markets) if self._updates else ()
        alone = not document.missing and trade.submitter == ZERO_ADDRESS and not trade.native_amount
        return margin.plan(call, sender, accounts, anybodys=alone, trading=trading, updates=updates)

    def problems(self, document: Document, sender: Address) -> tuple[Problem, ...]:
        """The pre-flight check."""
        if isinstance(document, Quote):
            return check_swap(document, self.view(), sender)
        return check_trade(document, self.view(), sender)

    def standing(self, document: Document) -> SettlementRecord | None:
        """The settlement of a document if there is one that counts: ours or somebody else's, waiting or done."""
        known = self._store.settlement(self._chain.chain_id, document.digest)
        if known is None or known.status in ENDED:
            self.discover([document])
        self._tracker.poll(document.digest)
        known = self._store.settlement(self._chain.chain_id, document.digest)
        return None if known is None or known.status in ENDED else known

    def discover(self, documents: Sequence[Document]) -> list[str]:
        """Follow the settlements that others sent, found by their events; returns what the node refused.

        A netting's event does not name its digests so that they can be searched: what it settled shows as retired.
        """
        view = self.view()
        for document in documents:
            if not is_used(document, view):
                continue
            digest = "0x" + document.digest.hex()
            try:
                found = self._chain.logs(self.settlement.address, [None, digest], self._deployment.block)
            except RpcUnavailable:
                raise
            except RpcError as error:  # a node that limits searches
                return [error.message]
            if found:
                self._tracker.track(digest, found[-1][1])
        return []

    def submit(
        self, document: Document, signer: Signer, sender: TransactionSender, *, force: bool = False
    ) -> tuple[SettlementRecord | None, list[Sent]]:
        """Send what settles a document, unless that is done or on its way; signed by us where that is missing.

        Returns the settlement that there was already, and the transactions to wait for. One caller at a time.

        Raises:
            NotSettleable: the pre-flight check found problems, and `force` is not given.
            Reverted, InsufficientFunds, RpcError: as sending does.
        """
        waiting = sender.resume()
        record = self.standing(document)
        if record is not None:
            return record, waiting
        problems = self.problems(document, signer.address)
        if problems and not force:
            raise NotSettleable(problems)
        if isinstance(document, SignedTrade) and signer.address in document.missing:
            document = sign_as(signer, document)  # signed by all, anybody may send it, so it may be bundled
        *first, last = self.plan(document, signer.address).calls
        for call in first:
            sender.send(call)
        return None, [sender.send(last, wait=False)]


def keep(store: Store, document: Document, role: str, party: Address) -> None:
    """Record a document with our side of it."""
    store.put_document(
        document.digest,
        document.kind,
        dump(document),
        document.domain.chain_id,
        document.domain.settlement,
        role,
        party,
    )


def is_used(document: Document, view: WalletView) -> bool:
    """Whether any of its nonce bits is used: it has settled, or never can."""
    if isinstance(document, Quote):
        swap = document.swap
        return bool(view.used_swaps(swap.maker, swap.nonce_word) & swap.nonce_mask)
    trade = document.trade
    return bool(view.used_trades(trade.parties, trade.nonce_word) & trade.nonce_mask)
