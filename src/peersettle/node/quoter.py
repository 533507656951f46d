"""A strategy's answers as events: priced, numbered and signed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from peersettle.errors import InputError
from peersettle.making import Inquiry, No, Price, Quotation, Strategy
from peersettle.rfq import (
    Alternative,
    Decided,
    Declined,
    Event,
    Indicated,
    MakerState,
    Offered,
    Request,
    document_of,
)
from peersettle.signing import DigestSigner, sign_message
from peersettle.trades import Document
from peersettle.types import ZERO_HASH

if TYPE_CHECKING:
    from peersettle.making import Book
    from peersettle.signing import Signer
    from peersettle.store import Store

_log = structlog.get_logger("peersettle.node")


class Quoter:
    """Asks a strategy. `book` gives what it may know, now."""

    def __init__(
        self,
        strategy: Strategy,
        book: Callable[[], Book],
        signer: Signer,
        store: Store,
        *,
        sub_account: int = 0,
    ) -> None:
        self._strategy = strategy
        self._book = book
        self._signer = signer
        self._store = store
        self._sub_account = sub_account

    @property
    def is_slow(self) -> bool:
        """Whether signing waits for somebody else, so that it must not be done in the loop."""
        return not isinstance(self._signer, DigestSigner)

    def price(self, state: MakerState, at: float) -> Event:
        """What the strategy answers to a request. Nothing is remembered of it here."""
        request = state.request
        inquiry = Inquiry(request, request.taker, state.firm, state.at)
        if request.taker == self._signer.address:
            return Declined("self", "the taker is the maker", at)
        if request.terms != ZERO_HASH:
            return Declined("terms", "we sign no terms that we have not seen", at)
        try:
            answer = self._strategy.quote(inquiry, self._book())
        except Exception:
            _log.exception("the strategy failed", request=request.request_id)
            return Declined("error", "the maker's strategy failed", at)
        if isinstance(answer, No):
            _log.info("declined", request=request.request_id, code=answer.code, why=answer.detail or answer.text)
            return Declined(answer.code, answer.text, at)
        if not state.firm:
            first = answer.prices[0]
            return Indicated(first.price, first.part, at)
        try:
            return self._offered(request, answer, at)
        except InputError as error:
            _log.error("the strategy offers what cannot be settled", why=str(error))
            return Declined("error", "the maker's strategy failed", at)

    def decide(self, state: MakerState, document: Document, at: float) -> Event:
        """The last look."""
        assert state.accepted is not None
        assert state.offer is not None
        alternative = state.offer.alternatives[state.accepted.choice]
        inquiry = Inquiry(state.request, state.request.taker, True, state.at)
        try:
            no = self._strategy.last_look(inquiry, Price(alternative.price, alternative.part), self._book())
        except Exception:
            _log.exception("the strategy failed", request=state.request.request_id)
            no = No("error", "the maker's strategy failed")
        if no is not None:
            return Decided(b"", no.code, no.text, at)
        return Decided(self._sign(document), "", "", at)

    def _offered(self, request: Request, answer: Quotation, at: float) -> Offered:
        maker = self._signer.address
        # One nonce for all alternatives: the chain settles at most one.
        nonce = self._store.reserve_nonces(request.domain.chain_id, maker)
        expires_at = math.floor(at) + answer.life
        alternatives = []
        for price in answer.prices:
            bare = Alternative(
                price=price.price,
                nonce=nonce,
                deadline=expires_at + answer.settle_within,
                part=price.part,
                sub_account=self._sub_account,
            )
            document = document_of(request, maker, bare)
            alternatives.append(bare if request.last_look else replace(bare, signature=self._sign(document)))
        return Offered(maker, tuple(alternatives), expires_at, at)

    def _sign(self, document: Document) -> bytes:
        return sign_message(self._signer, document.domain, document.message)
