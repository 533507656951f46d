"""The maker's side: one request of one peer, and what is offered for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from peersettle.errors import InputError, NegotiationError, PeerRefused, ProtocolError
from peersettle.rfq.deal import Deal
from peersettle.rfq.events import (
    Decide,
    Decided,
    Declined,
    Effect,
    Event,
    Indicated,
    Offered,
    Price,
    Received,
    Seen,
    Send,
    Standing,
    Ticked,
    Void,
    Withdrawn,
)
from peersettle.rfq.messages import (
    MAX_REQUEST_LIFE,
    Acceptance,
    Alternative,
    Ask,
    Cancellation,
    Confirmation,
    Decline,
    Indication,
    Message,
    Offer,
    Rejection,
    Request,
    Side,
    Submission,
    Trouble,
    Withdrawal,
)
from peersettle.rfq.terms import document_of, is_signature_of, signed_by
from peersettle.trades import Document
from peersettle.types import address

THINKING: Final = 30
"""Seconds that a strategy, or a last look, may take."""

Step = tuple["MakerState", tuple[Effect, ...]]


class MakerPhase(StrEnum):
    """Where it stands. What comes after an agreement is the deal's own phase."""

    PRICING = "pricing"
    INDICATED = "indicated"
    OFFERED = "offered"
    LAST_LOOK = "last_look"
    """Accepted by the taker; ours is the last word."""
    DEAL = "deal"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_OVER: Final = (MakerPhase.DECLINED, MakerPhase.CANCELLED, MakerPhase.EXPIRED)


@dataclass(frozen=True)
class MakerState:
    """One request of one peer."""

    request: Request
    peer: str
    at: float
    """When it came, or the strategy was last asked."""
    phase: MakerPhase = MakerPhase.PRICING
    firm: bool = True
    """What was asked for last."""
    answer: Message | None = None
    """What we said last; said again when we are asked again."""
    offer: Offer | None = None
    withdrawn: bool = False
    accepted: Acceptance | None = None
    deal: Deal | None = None
    choice: int = 0
    """Which alternative the deal is."""

    @classmethod
    def begun(cls, event: Received) -> Step:
        """A request has come.

        Raises:
            PeerRefused: it is of a request that has not come, or not yet.
        """
        request = event.message
        if not isinstance(request, Request):
            raise PeerRefused(f"no request {request.request_id} of this peer is known here", code="unknown")
        state = cls(request, event.peer, event.at, firm=request.firm)
        if event.at >= request.expires_at:
            text = f"it expired {event.at - request.expires_at:.0f} s ago by the maker's clock"
            return state._declined("expired", text)
        if request.expires_at > event.at + MAX_REQUEST_LIFE:
            return state._declined("life", f"requests are kept for {MAX_REQUEST_LIFE} s at most")
        return state, state._pricing()

    def step(self, event: Event) -> Step:
        """What an event makes of it, and what is to be done. What comes twice or too late changes nothing.

        Raises:
            ProtocolError: a message that no honest peer sends. NegotiationError: what we want does not fit.
        """
        match event:
            case Received():
                return self._received(event)
            case Indicated(price, part, _) if self.phase is MakerPhase.PRICING and not self.firm:
                said = Indication(self.request.request_id, price, part)
                return replace(self, phase=MakerPhase.INDICATED, answer=said), (self._tell(said),)
            case Declined(code, text, _) if self.phase is MakerPhase.PRICING:
                return self._declined(code, text)
            case Offered() if self.phase is MakerPhase.PRICING and self.firm:
                return self._offered(event)
            case Decided() if self.phase is MakerPhase.LAST_LOOK:
                return self._decided(event)
            case Withdrawn():
                return self._withdrawn()
            case Ticked(at) if self.deal is None:
                return self._ticked(at), ()
            case Seen() if self.phase is MakerPhase.OFFERED or self._is_another(event):
                return self._seen(event)
            case Seen() if self.deal is not None and event.choice != self.choice:
                return self, ()  # of an alternative that was not taken
        return self._in_deal(event)

    def resumed(self) -> tuple[Effect, ...]:
        """After a restart: say again what may not have been heard, and go on."""
        if self.is_over:
            return ()
        if self.phase is MakerPhase.PRICING:
            return self._pricing()
        if self.phase is MakerPhase.LAST_LOOK:
            return (self._deciding(),)
        void = (Void(self._document(0)),) if self.phase is MakerPhase.OFFERED and self.withdrawn else ()
        return (*self._again(), *void, *(self.deal.resumed() if self.deal is not None else ()))

    # What callers read

    @property
    def status(self) -> str:
        """One word."""
        return str(self.deal.phase if self.deal else self.phase)

    @property
    def is_over(self) -> bool:
        """Nothing can happen any more."""
        return self.deal.phase.is_over if self.deal is not None else self.phase in _OVER

    @property
    def due(self) -> float | None:
        """When time itself changes something."""
        if self.deal is not None:
            return self.deal.due
        match self.phase:
            case MakerPhase.PRICING | MakerPhase.LAST_LOOK:
                return self.at + THINKING
            case MakerPhase.INDICATED:
                return float(self.request.expires_at)
            case MakerPhase.OFFERED if not self._is_signed:
                assert self.offer is not None
                return float(self.offer.expires_at)
        return None

    def watched(self) -> tuple[Document, ...]:
        """What the chain may settle, by alternative."""
        if self.deal is not None:
            if self.deal.phase.is_over:
                return ()
            # The others are signed, too, and the taker may settle one of them instead.
            documents = list(self._documents)
            documents[self.choice] = self.deal.document
            return tuple(documents)
        if self.phase is MakerPhase.OFFERED and self._is_signed:
            return self._documents
        return ()

    # Inside

    @property
    def _is_signed(self) -> bool:
        return self.offer is not None and any(item.signature for item in self.offer.alternatives)

    @cached_property
    def _documents(self) -> tuple[Document, ...]:
        offer = self.offer
        assert offer is not None
        return tuple(document_of(self.request, offer.maker, item) for item in offer.alternatives)

    def _document(self, choice: int) -> Document:
        return self._documents[choice]

    def _tell(self, message: Message) -> Send:
        """Whoever asks and does not listen is not run after: only an offer, and what follows, is said again."""
        until = 0
        if self.offer is not None:
            until = max(until, *(item.deadline for item in self.offer.alternatives))
        return Send(self.peer, message, until)

    def _pricing(self) -> tuple[Effect, ...]:
        return (Price(self.request, self.peer, self.firm),)

    def _deciding(self) -> Decide:
        assert self.accepted is not None
        return Decide(self._document(self.accepted.choice), self.request, self.peer)

    def _declined(self, code: str, text: str) -> Step:
        said = Decline(self.request.request_id, code, text)
        return replace(self, phase=MakerPhase.DECLINED, answer=said), (self._tell(said),)

    def _offered(self, event: Offered) -> Step:
        number = 0 if self.offer is None else self.offer.number + 1
        try:
            said = Offer(self.request.request_id, number, address(event.maker), event.alternatives, event.expires_at)
            state = replace(self, phase=MakerPhase.OFFERED, offer=said, answer=said, withdrawn=False)
            kinds = {type(document) for document in state._documents}
        except InputError as error:
            raise NegotiationError(f"the strategy offers what cannot be settled: {error}") from error
        if len(kinds) > 1:
            raise NegotiationError("a swap beside a trade: their nonces would not exclude each other")
        unsigned = [item for item in said.alternatives if not item.signature]
        if unsigned and (not self.request.last_look or len(unsigned) != len(said.alternatives)):
            raise NegotiationError("an offer must be signed, unless the taker allows a last look")
        return state, (state._tell(said),)

    def _received(self, event: Received) -> Step:
        message = event.message
        if event.peer != self.peer or message.request_id != self.request.request_id:
            raise ProtocolError(f"{event.peer} speaks of another's request")
        match message:
            case Request():
                if message != self.request:
                    raise ProtocolError(f"{event.peer} has changed what it asked for under one request id")
                return self, self._again()
            case Ask():
                if self.phase is MakerPhase.INDICATED and event.at < self.request.expires_at:
                    state = replace(self, phase=MakerPhase.PRICING, firm=True, at=event.at)
                    return state, state._pricing()
                return self, self._again()
            case Acceptance():
                return self._accepted(event, message)
            case Cancellation():
                if self.phase in (MakerPhase.PRICING, MakerPhase.INDICATED) or (
                    self.phase is MakerPhase.OFFERED and not self._is_signed
                ):
                    return replace(self, phase=MakerPhase.CANCELLED), ()
            case Submission() | Trouble():
                return self._in_deal(event)
            case _:
                raise ProtocolError(f"{event.peer} sends a maker what only a taker gets")
        return self, ()

    def _again(self) -> tuple[Effect, ...]:
        return (self._tell(self.answer),) if self.answer is not None else ()

    def _accepted(self, event: Received, message: Acceptance) -> Step:
        offer = self.offer
        if offer is None:
            raise ProtocolError(f"{event.peer} accepts what was not offered")
        if message.choice >= len(offer.alternatives):
            raise ProtocolError(f"{event.peer} accepts an alternative that there is not")
        before = self.accepted
        if before is not None and (message == before or (not message.signature and _is_same(message, before))):
            return self, self._again()
        if message.number != offer.number or self.phase is not MakerPhase.OFFERED:
            why = "another alternative was accepted already" if before else "it is not on offer any more"
            return self, (self._tell(Rejection(self.request.request_id, message.number, "gone", why)),)
        alternative = offer.alternatives[message.choice]
        if not alternative.signature:
            return self._looked_for(event, message)
        if not message.signature:
            raise ProtocolError(f"{event.peer} accepts without a signature")
        if not is_signature_of(self._document(message.choice), self.request.taker, message.signature):
            raise ProtocolError(f"{event.peer} accepts with a signature that is not {self.request.taker}'s")
        # Signed, it can be settled by the taker alone until its deadline: an acceptance is never too late before.
        return replace(self, accepted=message, at=event.at)._agreed(alternative, event.at)

    def _looked_for(self, event: Received, message: Acceptance) -> Step:
        """An acceptance that waits for our last look."""
        offer = self.offer
        assert offer is not None
        if self._is_signed:
            why = "another alternative was accepted already"
            return self, (self._tell(Rejection(self.request.request_id, message.number, "gone", why)),)
        if event.at >= offer.expires_at:
            said = Rejection(self.request.request_id, message.number, "late", "it came too late")
            return replace(self, phase=MakerPhase.EXPIRED, answer=said), (self._tell(said),)
        state = replace(self, accepted=message, at=event.at, phase=MakerPhase.LAST_LOOK)
        return state, (state._deciding(),)

    def _decided(self, event: Decided) -> Step:
        accepted, offer = self.accepted, self.offer
        assert accepted is not None
        assert offer is not None
        if not event.signature:
            said = Rejection(self.request.request_id, offer.number, event.code, event.text)
            return replace(self, phase=MakerPhase.DECLINED, answer=said), (self._tell(said),)
        if not is_signature_of(self._document(accepted.choice), offer.maker, event.signature):
            raise NegotiationError(f"the last look is not signed by {offer.maker}")
        signed = tuple(
            replace(item, signature=event.signature) if choice == accepted.choice else item
            for choice, item in enumerate(offer.alternatives)
        )
        yes = Confirmation(self.request.request_id, offer.number, accepted.choice, event.signature)
        # From here on it is as any signed offer: the taker's signature is still to come.
        state = replace(self, phase=MakerPhase.OFFERED, offer=replace(offer, alternatives=signed), answer=yes)
        return state, (state._tell(yes),)

    def _agreed(self, alternative: Alternative, at: float) -> Step:
        accepted, offer = self.accepted, self.offer
        assert accepted is not None
        assert offer is not None
        document = document_of(self.request, offer.maker, alternative)
        document = signed_by(document, self.request, Side.TAKER, accepted.signature)
        deal, effects = Deal.agreed(
            self.request.request_id,
            self.peer,
            document,
            alternative.deadline,
            at,
            ours_first=self.request.submitter is Side.MAKER,
        )
        said = Confirmation(self.request.request_id, offer.number, accepted.choice, alternative.signature)
        state = replace(self, phase=MakerPhase.DEAL, deal=deal, answer=said, choice=accepted.choice)
        return state, (state._tell(said), *effects)

    def _withdrawn(self) -> Step:
        if self.phase is not MakerPhase.OFFERED or self.offer is None:
            raise NegotiationError(f"there is no offer to withdraw: it is {self.status}")
        said = Withdrawal(self.request.request_id, self.offer.number)
        state = replace(self, withdrawn=True, answer=said)
        if not self._is_signed:
            return replace(state, phase=MakerPhase.CANCELLED), (state._tell(said),)
        # All alternatives have one nonce: cancelling one cancels them all.
        return state, (state._tell(said), Void(self._document(0)))

    def _ticked(self, at: float) -> MakerState:
        if self.due is None or at < self.due:
            return self
        return replace(self, phase=MakerPhase.EXPIRED)

    def _seen(self, event: Seen) -> Step:
        if event.standing in (Standing.ABSENT, Standing.RETIRED):
            why = MakerPhase.EXPIRED if event.standing is Standing.ABSENT else MakerPhase.CANCELLED
            return replace(self, phase=why), ()
        if event.standing is Standing.WAITING:
            return self, ()
        # The taker has settled it without telling us.
        assert self.offer is not None
        alternative = self.offer.alternatives[event.choice]
        deal, _ = Deal.agreed(
            self.request.request_id,
            self.peer,
            self._document(event.choice),
            alternative.deadline,
            event.at,
            ours_first=False,
        )
        deal, effects = deal.step(event)
        return replace(self, phase=MakerPhase.DEAL, deal=deal, choice=event.choice), effects

    def _is_another(self, event: Event) -> bool:
        """Whether the taker has settled another alternative than it has told us."""
        if not isinstance(event, Seen) or self.deal is None or self.deal.phase.is_over:
            return False
        return event.choice != self.choice and event.standing in (Standing.INCLUDED, Standing.FINAL)

    def _in_deal(self, event: Event) -> Step:
        if self.deal is None:
            return self, ()
        deal, effects = self.deal.step(event)
        return replace(self, deal=deal), effects


def _is_same(one: Acceptance, other: Acceptance) -> bool:
    return (one.number, one.choice) == (other.number, other.choice)
