"""What both sides have signed, until the chain has settled it for good, or never will."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from peersettle.rfq.events import Effect, Event, Received, Refused, Seen, Send, Standing, Submit, Submitted, Ticked
from peersettle.rfq.messages import Submission, Trouble, shown
from peersettle.trades import Document

STAND_BY: Final = 15.0
"""Seconds after which the other side submits what the first has not; half of the time left where that is less."""
RETRY: Final = 5.0
"""Seconds between tries to submit what is refused."""
OURS: Final = ("failed", "unreachable")
"""Codes of troubles that are ours alone."""
LOOK_AGAIN: Final = 20.0
"""Seconds after which what is on its way is looked after."""


class DealPhase(StrEnum):
    """How far it has come."""

    AGREED = "agreed"
    SUBMITTED = "submitted"
    SETTLED = "settled"
    FINAL = "final"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Nothing can happen any more."""
        return self in (DealPhase.FINAL, DealPhase.EXPIRED, DealPhase.FAILED)


@dataclass(frozen=True, slots=True)
class Deal:
    """A document with the signatures of both, and what has become of it."""

    request_id: str
    peer: str
    document: Document
    deadline: int
    ours_first: bool
    """Whether it is for us to submit it; else we stand by."""
    submit_at: float | None
    """When it is next our turn; None while it is not."""
    phase: DealPhase = DealPhase.AGREED
    tx_hash: str = ""
    problem: str = ""
    """What stands in the way, in words; empty when nothing is known to."""

    @classmethod
    def agreed(
        cls, request_id: str, peer: str, document: Document, deadline: int, at: float, *, ours_first: bool
    ) -> tuple[Deal, tuple[Effect, ...]]:
        """Both have signed. Whose turn it is first submits now; the other stands by."""
        wait = 0.0 if ours_first else max(0.0, min(STAND_BY, (deadline - at) / 2))
        return cls(request_id, peer, document, deadline, ours_first, at + wait).step(Ticked(at))

    def step(self, event: Event) -> tuple[Deal, tuple[Effect, ...]]:
        """What an event makes of it. What does not concern it, or comes twice, changes nothing."""
        if self.phase.is_over:
            return self, ()
        match event:
            case Submitted(tx_hash, at) if self.phase in (DealPhase.AGREED, DealPhase.SUBMITTED):
                told = Send(self.peer, Submission(self.request_id, tx_hash), self.deadline)
                is_news = tx_hash != self.tx_hash
                after = replace(self, phase=DealPhase.SUBMITTED, tx_hash=tx_hash, problem="", submit_at=at + LOOK_AGAIN)
                return after, (told,) if is_news else ()
            case Received(_, Submission(_, tx_hash), at) if self.phase is DealPhase.AGREED:
                # Theirs may be lost, or a lie: our turn comes all the same, and no later than it would have.
                turn = at + max(0.0, min(STAND_BY, (self.deadline - at) / 2))
                turn = turn if self.submit_at is None else min(turn, self.submit_at)
                return replace(self, phase=DealPhase.SUBMITTED, tx_hash=tx_hash, submit_at=turn), ()
            case Received(_, Trouble(_, code, text), _) if self.phase is DealPhase.AGREED:
                return replace(self, problem=text or f"the other side cannot submit it: {code}"), ()
            case Refused(code, text, at) if self.phase in (DealPhase.AGREED, DealPhase.SUBMITTED):
                # What ails our own node or purse is nobody else's business.
                told = Send(
                    self.peer, Trouble(self.request_id, code, "" if code in OURS else shown(text)), self.deadline
                )
                after = replace(self, problem=text, submit_at=at + RETRY)
                return after, () if self.problem == text else (told,)
            case Seen():
                return self._seen(event), ()
            case Ticked(at) if self.submit_at is not None and self.submit_at <= at < self.deadline:
                return replace(self, submit_at=at + LOOK_AGAIN), (Submit(self.document),)
        return self, ()

    def _seen(self, event: Seen) -> Deal:
        match event.standing:
            case Standing.INCLUDED:
                return replace(self, phase=DealPhase.SETTLED, tx_hash=event.tx_hash, problem="", submit_at=None)
            case Standing.FINAL:
                return replace(self, phase=DealPhase.FINAL, tx_hash=event.tx_hash, problem="", submit_at=None)
            case Standing.WAITING if self.phase is DealPhase.SETTLED:
                return replace(self, phase=DealPhase.SUBMITTED, submit_at=event.at)
            case Standing.ABSENT:
                why = self.problem or "it was not submitted in time"
                return replace(self, phase=DealPhase.EXPIRED, problem=why, submit_at=None)
            case Standing.RETIRED:
                why = "its nonce was used for something else: cancelled, or another settled in its place"
                return replace(self, phase=DealPhase.FAILED, problem=why, submit_at=None)
        return self

    def resumed(self) -> tuple[Effect, ...]:
        """After a restart: what may have been lost on the way."""
        return (Submit(self.document),) if self.phase is DealPhase.AGREED and self.ours_first else ()

    @property
    def due(self) -> float | None:
        """When time itself changes something."""
        return None if self.phase.is_over else self.submit_at
