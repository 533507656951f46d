"""Waiting for a negotiation to come as far as somebody wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from peersettle.api.models import Until
from peersettle.rfq import DealPhase, Negotiation, TakerState
from peersettle.store.records import SettlementStatus

if TYPE_CHECKING:
    from peersettle.node.engine import Engine
    from peersettle.node.hub import Listener

_LOOK_EVERY: Final = 0.5
"""Seconds after which what no event tells is looked at: how safe a block is."""
_HAVE_SETTLED: Final = (DealPhase.SETTLED, DealPhase.FINAL)


async def wait_for(
    engine: Engine,
    key: str,
    state: Negotiation,
    is_enough: Callable[[Negotiation], bool],
    seconds: float,
    *,
    reads_store: bool = False,
) -> Negotiation:
    """The negotiation when it is far enough, or over, or when so many seconds have gone by.

    `reads_store` says that telling whether it is far enough may take a while.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    with engine.hub.listen() as changes:
        state = engine.live().get(key, state)  # what came before we listened
        listening = asyncio.ensure_future(_next(changes, key))
        try:
            while not state.is_over:
                found_enough = await asyncio.to_thread(is_enough, state) if reads_store else is_enough(state)
                left = end - loop.time()
                if found_enough or left <= 0:
                    break
                await asyncio.wait((listening,), timeout=min(left, _LOOK_EVERY))
                if listening.done():
                    found = listening.result()
                    if found is None:  # the node stops
                        break
                    state = found
                    listening = asyncio.ensure_future(_next(changes, key))
        finally:
            listening.cancel()
    return state


def enough(
    until: Until, settlement: Callable[[Negotiation], str | None], answers: int | None, asked: set[str]
) -> Callable[[Negotiation], bool]:
    """Whether a negotiation is as far as this. `asked` must all have answered where `answers` gives no number."""

    def is_enough(state: Negotiation) -> bool:
        if until is Until.ANSWERED:
            return not isinstance(state, TakerState) or _has_answers(state, answers, asked)
        if state.deal is None:  # a last look that said no leaves it open again
            return isinstance(state, TakerState) and state.accepted is None
        match until:
            case Until.AGREED:
                return True
            case Until.INCLUDED:
                return state.deal.phase in _HAVE_SETTLED
            case Until.FINALIZED:
                return state.deal.phase is DealPhase.FINAL
        if state.deal.phase not in _HAVE_SETTLED:
            return False
        said = settlement(state)
        return state.deal.phase is DealPhase.FINAL or (
            said is not None and SettlementStatus(said).reaches(SettlementStatus.SAFE)
        )

    return is_enough


def _has_answers(state: TakerState, answers: int | None, asked: set[str]) -> bool:
    if state.accepted is not None:
        return True
    given = {
        peer
        for peer, answer in state.answers.items()
        if answer.offer is not None or answer.decline is not None or answer.indication is not None
    }
    if answers is not None:
        return len(given) >= answers
    asked = set(state.peers) or asked
    return bool(asked) and asked <= given


async def _next(changes: Listener, key: str) -> Negotiation | None:
    async for each in changes:
        if each.key == key:
            return each.state
    return None
