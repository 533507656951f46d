"""Negotiations and trades as the API shows them. May ask the chain for names, and the store: for threads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from peersettle.api.assets import Assets
from peersettle.api.models import (
    ChangeView,
    DealView,
    DeclineView,
    NegotiationView,
    QuoteView,
    SummaryView,
    TradeView,
)
from peersettle.bindings.amounts import leg_text
from peersettle.making import Candidate, Requirement, candidates, ranked
from peersettle.rfq import (
    WHOLE,
    Deal,
    Decline,
    Indication,
    Negotiation,
    Offer,
    Received,
    Request,
    TakerState,
)
from peersettle.trades import Document, Leg, Quote, load
from peersettle.types import Address

if TYPE_CHECKING:
    from peersettle.node.hub import Change
    from peersettle.store import NegotiationRecord, Store, TradeRecord

_ANY: Requirement = Requirement(minimum_part=1)


class Views:
    """Shows what a node has. `owner` is our address."""

    def __init__(self, assets: Assets, store: Store, chain_id: int, owner: Address) -> None:
        self._assets = assets
        self._store = store
        self._chain_id = chain_id
        self._owner = owner

    def negotiation(self, key: str, state: Negotiation, now: float) -> NegotiationView:
        """All of one."""
        request = state.request
        is_ours = isinstance(state, TakerState)
        return NegotiationView(
            key=key,
            request_id=request.request_id,
            side="taker" if is_ours else "maker",
            status=state.status,
            is_over=state.is_over,
            taker=request.taker,
            items=[self._assets.item_view(item) for item in request.items],
            currency=self._assets.parts(request.currency, 0)[1],
            expires_at=request.expires_at,
            firm=request.firm,
            last_look=request.last_look,
            partial=request.partial,
            submitter=str(request.submitter),
            peers=list(state.peers) if isinstance(state, TakerState) else [state.peer],
            quotes=list(self._quotes(key, state, now)),
            declines=list(_declines(state)),
            deal=self._deal(state.deal) if state.deal is not None else None,
            note=state.note if isinstance(state, TakerState) else "",
        )

    def trade(self, record: TradeRecord) -> TradeView:
        """A document of the record."""
        document = load(self._store.get_document(record.digest).text)
        gives, gets = self._flows(document)
        found = self._store.negotiations.list(digest=record.digest, chain_id=self._chain_id, limit=1)
        return TradeView(
            digest=record.digest,
            kind=record.kind,
            role=record.role,
            parties=list(record.parties),
            gives=gives,
            gets=gets,
            status=str(record.status) if record.status else None,
            tx_hash=record.tx_hash,
            block_number=record.block_number,
            error=record.error,
            key=found[0].key if found else None,
            peer=found[0].peer if found else None,
            created_at=record.created_at,
            updated_at=record.updated_at,
        )

    def settlement(self, deal: Deal) -> str | None:
        """How far the chain is with it: pending, included, safe, finalized, reverted or dropped."""
        record = self._store.settlement(self._chain_id, deal.document.digest)
        return None if record is None else str(record.status)

    def _quotes(self, key: str, state: Negotiation, now: float) -> Iterable[QuoteView]:
        request = state.request
        if not isinstance(state, TakerState):
            if state.offer is not None:
                yield from (
                    self._offered(key, request, state.peer, state.offer, each.choice, is_open=False)
                    for each in candidates(state.peer, state.offer)
                )
            elif isinstance(state.answer, Indication):
                yield self._indicated(key, request, state.peer, state.answer)
            return
        live = state.phase == "open"
        found: list[Candidate] = []
        for peer, answer in state.answers.items():
            offer = answer.live_offer(now)
            if offer is not None:
                found += candidates(peer, offer)
        best = ranked(found, _ANY, now) if live else []
        for each in best:
            offer = state.answers[each.peer].offer
            assert offer is not None
            yield self._offered(key, request, each.peer, offer, each.choice, is_open=True)
        taken = {each.peer for each in best}
        for peer, answer in state.answers.items():
            if answer.offer is not None and peer not in taken:
                for choice in range(len(answer.offer.alternatives)):
                    yield self._offered(key, request, peer, answer.offer, choice, is_open=False)
            elif answer.offer is None and answer.indication is not None:
                yield self._indicated(key, request, peer, answer.indication)

    def _offered(self, key: str, request: Request, peer: str, offer: Offer, choice: int, *, is_open: bool) -> QuoteView:
        alternative = offer.alternatives[choice]
        return self._quote(key, request, peer, alternative.price, alternative.part).model_copy(
            update={
                "maker": offer.maker,
                "number": offer.number,
                "choice": choice,
                "firm": True,
                "signed": bool(alternative.signature),
                "expires_at": offer.expires_at,
                "deadline": alternative.deadline,
                "is_open": is_open,
            }
        )

    def _indicated(self, key: str, request: Request, peer: str, said: Indication) -> QuoteView:
        return self._quote(key, request, peer, said.price, said.part)

    def _quote(self, key: str, request: Request, peer: str, price: int, part: int) -> QuoteView:
        paid, currency = self._assets.parts(request.currency, price)
        only = request.items[0] if len(request.items) == 1 else None
        return QuoteView(
            key=key,
            peer=peer,
            maker=None,
            price=paid,
            price_units=str(price),
            currency=currency,
            per_unit=self._assets.per_unit(request, price, part),
            part=part,
            quantity=self._assets.parts(only.asset, only.amount * part // WHOLE)[0] if only else None,
            side=("buy" if only.to_taker else "sell") if only else None,
            number=0,
            choice=0,
            firm=False,
            signed=False,
            expires_at=request.expires_at,
            deadline=None,
            is_open=False,
        )

    def _deal(self, deal: Deal) -> DealView:
        gives, gets = self._flows(deal.document)
        return DealView(
            phase=str(deal.phase),
            digest="0x" + deal.document.digest.hex(),
            peer=deal.peer,
            gives=gives,
            gets=gets,
            deadline=deal.deadline,
            tx_hash=deal.tx_hash or None,
            settlement=self.settlement(deal),
            problem=deal.problem,
        )

    def _flows(self, document: Document) -> tuple[list[str], list[str]]:
        legs = _legs(document)
        book, owner = self._assets.book, self._owner
        gives = [leg_text(leg, book) for leg in legs if leg.giver == owner]
        return gives, [leg_text(leg, book) for leg in legs if leg.receiver == owner]


def summary(record: NegotiationRecord) -> SummaryView:
    """A negotiation in a list."""
    return SummaryView(**{name: getattr(record, name) for name in SummaryView.model_fields})


def change(event: Change) -> ChangeView:
    """What has happened, for a stream: from memory alone."""
    what = event.event
    message = type(what.message).__name__.lower() if isinstance(what, Received) else None
    return ChangeView(
        key=event.key,
        side=str(event.side),
        status=event.state.status,
        is_over=event.state.is_over,
        event=type(what).__name__.lower(),
        message=message,
        peer=getattr(what, "peer", None),
        at=what.at,
    )


def as_event(view: ChangeView) -> bytes:
    """One server-sent event."""
    return f"event: change\ndata: {json.dumps(view.model_dump(), separators=(',', ':'))}\n\n".encode()


def _declines(state: Negotiation) -> Iterable[DeclineView]:
    if isinstance(state, TakerState):
        for peer, answer in state.answers.items():
            if answer.decline is not None:
                yield DeclineView(peer=peer, code=answer.decline.code, text=answer.decline.text)
    elif isinstance(state.answer, Decline):
        yield DeclineView(peer=state.peer, code=state.answer.code, text=state.answer.text)


def _legs(document: Document) -> tuple[Leg, ...]:
    return document.swap.legs(document.swap.taker) if isinstance(document, Quote) else document.trade.legs
