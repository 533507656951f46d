"""The taker's side: one request, answers of several makers, at most one of them accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from peersettle.errors import InputError, NegotiationError, ProtocolError
from peersettle.rfq.deal import Deal
from peersettle.rfq.events import (
    Accepted,
    Announce,
    Begun,
    Cancelled,
    Effect,
    Event,
    Received,
    Send,
    Ticked,
    Wanted,
)
from peersettle.rfq.messages import (
    MAX_LIFE,
    MAX_OFFERS,
    WHOLE,
    Acceptance,
    Alternative,
    Ask,
    Cancellation,
    Confirmation,
    Decline,
    Indication,
    Offer,
    Rejection,
    Request,
    Side,
    Withdrawal,
)
from peersettle.rfq.terms import document_of, is_signature_of, signed_by
from peersettle.trades import Document

MOST_ANSWERS: Final = 256
"""Of different peers to one request."""
PATIENCE: Final = 10
"""Seconds beyond an offer's end that a last look is waited for."""

Step = tuple["TakerState", tuple[Effect, ...]]


class TakerPhase(StrEnum):
    """Where the request stands. What comes after an agreement is the deal's own phase."""

    OPEN = "open"
    LAST_LOOK = "last_look"
    """Accepted; the maker may still say no."""
    DEAL = "deal"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one peer has answered so far."""

    indication: Indication | None = None
    offer: Offer | None = None
    decline: Decline | None = None
    withdrawn: int = -1
    """Offers up to this number count no more."""

    def live_offer(self, at: float) -> Offer | None:
        """What can be accepted now."""
        if self.offer is None or self.offer.number <= self.withdrawn or at >= self.offer.expires_at:
            return None
        return self.offer


@dataclass(frozen=True)
class TakerState:
    """One request and all that came of it."""

    request: Request
    peers: tuple[str, ...]
    """Who was asked by name; everybody, when it is empty."""
    phase: TakerPhase = TakerPhase.OPEN
    answers: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    accepted: Accepted | None = None
    deal: Deal | None = None
    note: str = ""
    """Why the last acceptance came to nothing."""

    @classmethod
    def begun(cls, event: Begun) -> Step:
        """Ask."""
        state = cls(event.request, event.peers)
        return state, state._asking()

    def step(self, event: Event) -> Step:
        """What an event makes of it, and what is to be done. What comes twice or too late changes nothing.

        Raises:
            ProtocolError: a message that no honest peer sends. NegotiationError: what we want does not fit.
        """
        if isinstance(event, Received):
            return self._received(event)
        if isinstance(event, Wanted):
            return self._wanted(event)
        if isinstance(event, Accepted):
            return self._accept(event)
        if isinstance(event, Cancelled):
            # While a last look is awaited our signature is still here.
            if self.phase not in (TakerPhase.OPEN, TakerPhase.LAST_LOOK):
                raise NegotiationError(f"the request cannot be cancelled any more: it is {self.status}")
            told = tuple(
                Send(peer, Cancellation(self.request.request_id), self.request.expires_at) for peer in self._involved()
            )
            return replace(self, phase=TakerPhase.CANCELLED, accepted=None), told
        if isinstance(event, Ticked):
            if self.phase is TakerPhase.OPEN and event.at >= self.ends_at:
                return replace(self, phase=TakerPhase.EXPIRED), ()
            if self.phase is TakerPhase.LAST_LOOK and event.at >= self._chosen().expires_at + PATIENCE:
                return replace(self, phase=TakerPhase.OPEN, accepted=None, note="the maker did not answer"), ()
        return self._in_deal(event)

    def resumed(self) -> tuple[Effect, ...]:
        """After a restart: say again what may not have been heard, and go on."""
        if self.phase is TakerPhase.OPEN:
            return self._asking()
        if self.phase is TakerPhase.LAST_LOOK:
            return (self._acceptance(),)
        if self.deal is None or self.deal.phase.is_over:
            return ()
        return (self._acceptance(), *self.deal.resumed())

    # What callers read

    @property
    def status(self) -> str:
        """One word."""
        return str(self.deal.phase if self.deal else self.phase)

    @property
    def is_over(self) -> bool:
        """Nothing can happen any more."""
        if self.deal is not None:
            return self.deal.phase.is_over
        return self.phase in (TakerPhase.CANCELLED, TakerPhase.EXPIRED)

    @property
    def ends_at(self) -> float:
        """When a request that is not accepted has expired: the last of its offers, too."""
        ends = [answer.offer.expires_at for answer in self.answers.values() if answer.offer]
        return max([self.request.expires_at, *ends])

    @property
    def due(self) -> float | None:
        """When time itself changes something."""
        if self.deal is not None:
            return self.deal.due
        if self.phase is TakerPhase.LAST_LOOK:
            return self._chosen().expires_at + PATIENCE
        return self.ends_at if self.phase is TakerPhase.OPEN else None

    def watched(self) -> tuple[Document, ...]:
        """What the chain may settle."""
        return (self.deal.document,) if self.deal and not self.deal.phase.is_over else ()

    def document(self, peer: str, number: int, choice: int) -> Document:
        """What accepting an alternative means to sign.

        Raises:
            NegotiationError: there is no such offer.
        """
        offer, alternative = self._alternative(peer, number, choice)
        return document_of(self.request, offer.maker, alternative)

    # Inside

    def _asking(self) -> tuple[Effect, ...]:
        if not self.peers:
            return (Announce(self.request),)
        return tuple(Send(peer, self.request, self.request.expires_at) for peer in self.peers)

    def _involved(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.peers, *self.answers)))

    def _received(self, event: Received) -> Step:
        peer, message = event.peer, event.message
        if message.request_id != self.request.request_id:
            raise ProtocolError(f"{peer} answers another request")
        if self.peers and peer not in self.peers:
            raise ProtocolError(f"{peer} answers what it was not asked")
        answer = self.answers.get(peer, Answer())
        if self.phase is not TakerPhase.OPEN and isinstance(message, Indication | Decline | Offer | Withdrawal):
            return self, ()  # what was accepted stays as it was
        match message:
            case Indication():
                if answer.offer is None and event.at < self.request.expires_at:
                    return self._answered(peer, replace(answer, indication=message)), ()
            case Decline():
                if answer.offer is None:
                    return self._answered(peer, replace(answer, decline=message)), ()
            case Offer():
                self._check_offer(peer, message, event.at)
                if event.at >= message.expires_at or (answer.offer and message.number <= answer.offer.number):
                    return self, ()
                return self._answered(peer, replace(answer, offer=message, decline=None)), ()
            case Withdrawal(_, number) if peer in self.answers:
                return self._answered(peer, replace(answer, withdrawn=max(number, answer.withdrawn))), ()
            case Confirmation():
                return self._confirmed(event, message)
            case Rejection(_, number, code, text):
                if self.phase is TakerPhase.LAST_LOOK and self._is_accepted(peer, number):
                    answer = replace(answer, withdrawn=max(number, answer.withdrawn))
                    state = self._answered(peer, answer)
                    return replace(state, phase=TakerPhase.OPEN, accepted=None, note=text or code), ()
            case Request() | Ask() | Acceptance() | Cancellation():
                raise ProtocolError(f"{peer} sends a taker what only a maker gets")
            case _:
                if self.accepted is not None and self.accepted.peer == peer:
                    return self._in_deal(event)
        return self, ()

    def _answered(self, peer: str, answer: Answer) -> TakerState:
        answers = dict(self.answers)
        if peer not in answers and len(answers) >= MOST_ANSWERS:
            # Who offers something comes before who does not.
            idle = next((other for other, known in answers.items() if known.offer is None), None)
            if idle is None or answer.offer is None:
                return self
            del answers[idle]
        answers[peer] = answer
        return replace(self, answers=MappingProxyType(answers))

    def _check_offer(self, peer: str, offer: Offer, at: float) -> None:
        if offer.number >= MAX_OFFERS:
            raise ProtocolError(f"{peer} offers more than {MAX_OFFERS} times")
        last = max(offer.expires_at, *(item.deadline for item in offer.alternatives))
        if last > at + MAX_LIFE:
            raise ProtocolError(f"{peer} offers for {last - at:.0f} s; at most {MAX_LIFE} s")
        kinds = set()
        for alternative in offer.alternatives:
            try:
                document = document_of(self.request, offer.maker, alternative)
            except InputError as error:
                raise ProtocolError(f"{peer} offers what was not asked for: {error}") from error
            kinds.add(type(document))
            if alternative.part != WHOLE and not self.request.partial:
                raise ProtocolError(f"{peer} offers a part, which was not asked for")
            if alternative.deadline < offer.expires_at:
                raise ProtocolError(f"{peer} offers longer than the chain would settle it")
            if not alternative.signature:
                if not self.request.last_look:
                    raise ProtocolError(f"{peer} offers without a signature, and no last look was allowed")
            elif at < offer.expires_at and not is_signature_of(document, offer.maker, alternative.signature):
                raise ProtocolError(f"{peer} offers with a signature that is not {offer.maker}'s")
        if len(kinds) > 1:
            raise ProtocolError(f"{peer} offers a swap beside a trade: their nonces would not exclude each other")

    def _wanted(self, event: Wanted) -> Step:
        answer = self.answers.get(event.peer)
        if self.phase is not TakerPhase.OPEN or answer is None or answer.indication is None:
            raise NegotiationError(f"{event.peer} has indicated nothing that could become firm")
        return self, (Send(event.peer, Ask(self.request.request_id), self.request.expires_at),)

    def _accept(self, event: Accepted) -> Step:
        if self.phase is not TakerPhase.OPEN:
            raise NegotiationError(f"the request cannot be accepted any more: it is {self.status}")
        offer, alternative = self._alternative(event.peer, event.number, event.choice)
        if self.answers[event.peer].live_offer(event.at) is None:
            raise NegotiationError("the offer has expired, or was withdrawn; ask again")
        document = document_of(self.request, offer.maker, alternative)
        if not is_signature_of(document, self.request.taker, event.signature):
            raise NegotiationError(f"the acceptance is not signed by {self.request.taker}")
        state = replace(self, accepted=event, note="")
        if not alternative.signature:
            state = replace(state, phase=TakerPhase.LAST_LOOK)
            return state, (state._acceptance(),)
        return state._agreed(alternative.signature, event.at)

    def _confirmed(self, event: Received, message: Confirmation) -> Step:
        if self.phase is not TakerPhase.LAST_LOOK or not self._is_accepted(event.peer, message.number):
            return self, ()
        assert self.accepted is not None
        offer, alternative = self._alternative(event.peer, message.number, self.accepted.choice)
        document = document_of(self.request, offer.maker, alternative)
        if message.choice != self.accepted.choice or not is_signature_of(document, offer.maker, message.signature):
            raise ProtocolError(f"{event.peer} confirms with a signature that is not {offer.maker}'s")
        return self._agreed(message.signature, event.at)

    def _agreed(self, makers: bytes, at: float) -> Step:
        accepted = self.accepted
        assert accepted is not None
        offer, alternative = self._alternative(accepted.peer, accepted.number, accepted.choice)
        document = document_of(self.request, offer.maker, replace(alternative, signature=makers))
        document = signed_by(document, self.request, Side.TAKER, accepted.signature)
        deal, effects = Deal.agreed(
            self.request.request_id,
            accepted.peer,
            document,
            alternative.deadline,
            at,
            ours_first=self.request.submitter is Side.TAKER,
        )
        state = replace(self, phase=TakerPhase.DEAL, deal=deal)
        return state, (state._acceptance(), *effects)

    def _acceptance(self) -> Send:
        accepted = self.accepted
        assert accepted is not None
        offer, alternative = self._alternative(accepted.peer, accepted.number, accepted.choice)
        # Our signature lets the maker settle: it stays here until the maker's is, too.
        signature = accepted.signature if self.deal is not None else b""
        message = Acceptance(self.request.request_id, accepted.number, accepted.choice, signature)
        return Send(accepted.peer, message, offer.expires_at if self.deal is None else alternative.deadline)

    def _alternative(self, peer: str, number: int, choice: int) -> tuple[Offer, Alternative]:
        answer = self.answers.get(peer)
        if answer is None or answer.offer is None or answer.offer.number != number:
            raise NegotiationError(f"there is no offer {number} of {peer}")
        if not 0 <= choice < len(answer.offer.alternatives):
            raise NegotiationError(f"the offer has {len(answer.offer.alternatives)} alternatives, not {choice + 1}")
        return answer.offer, answer.offer.alternatives[choice]

    def _is_accepted(self, peer: str, number: int) -> bool:
        return self.accepted is not None and (self.accepted.peer, self.accepted.number) == (peer, number)

    def _chosen(self) -> Offer:
        assert self.accepted is not None
        return self._alternative(self.accepted.peer, self.accepted.number, self.accepted.choice)[0]

    def _in_deal(self, event: Event) -> Step:
        if self.deal is None:
            return self, ()
        deal, effects = self.deal.step(event)
        return replace(self, deal=deal), effects
