"""What negotiations want done: messages, prices, transactions. What comes of it goes back to them as events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.errors import PeerSettleError
from peersettle.node.courier import Courier
from peersettle.node.settler import NotNow, Settler
from peersettle.rfq import (
    Announce,
    Decide,
    Declined,
    Effect,
    Event,
    MakerPhase,
    MakerState,
    Negotiation,
    Offered,
    Price,
    Refused,
    Request,
    Send,
    Submit,
    Submitted,
    Void,
)
from peersettle.service.tasks import Tasks

if TYPE_CHECKING:
    from peersettle.network import Peers
    from peersettle.node.promises import Promises
    from peersettle.node.quoter import Quoter
    from peersettle.service.clock import Clock
    from peersettle.trades import Document

INWARD: Final = (Price, Decide)
"""These go on inside: nobody else hears of them."""
_VOID_AGAIN: Final = 10.0
_log = structlog.get_logger("peersettle.node")


class Acting:
    """Does what is wanted, in the background.

    Args:
        quoter: answers as a maker; without one every request is declined.
        state: a negotiation that is not over, by its key; None when it is.
        tell: takes what came of it.
    """

    def __init__(
        self,
        peers: Peers,
        settler: Settler,
        quoter: Quoter | None,
        promises: Promises,
        clock: Clock,
        *,
        state: Callable[[str], Negotiation | None],
        tell: Callable[[str, Event], Awaitable[None]],
    ) -> None:
        self._peers = peers
        self._courier = Courier(peers, clock)
        self._settler = settler
        self._quoter = quoter
        self._promises = promises
        self._clock = clock
        self._state = state
        self._tell = tell
        self._tasks = Tasks()
        # Those that wait their turn to submit must not take all the threads there are.
        self._submitting = ThreadPoolExecutor(1, "submitting")

    def act(self, key: str, effects: Sequence[Effect]) -> None:
        """Begin to do what a negotiation wants."""
        for effect in effects:
            match effect:
                case Send():
                    self._courier.send(effect)
                case Announce(request):
                    self._tasks.spawn(self._announce(request))
                case Price():
                    self._tasks.spawn(self._price(key))
                case Decide(document):
                    self._tasks.spawn(self._decide(key, document))
                case Submit(document):
                    self._tasks.spawn(self._submit(key, document))
                case Void(document):
                    self._tasks.spawn(self._void(key, document))

    async def close(self) -> None:
        """Give up what is under way: a restart begins it again."""
        await self._tasks.close()
        self._submitting.shutdown(wait=False, cancel_futures=True)
        await self._courier.close()

    async def _announce(self, request: Request) -> None:
        try:
            await self._peers.announce(request)
        except PeerSettleError as error:
            _log.warning("a request could not be announced", request=request.request_id, why=error.message)

    async def _price(self, key: str) -> None:
        state = self._state(key)
        if not isinstance(state, MakerState) or state.phase is not MakerPhase.PRICING:
            return
        now = self._clock.now()
        if self._quoter is None:
            await self._tell(key, Declined("no_maker", "this node makes no prices", now))
            return
        if self._quoter.is_slow:
            event = await asyncio.to_thread(self._quoter.price, state, now)
        else:
            event = self._quoter.price(state, now)
        if not isinstance(event, Offered):
            await self._tell(key, event)
            return
        # Counted before anybody else is answered, not when it is on disk.
        self._promises.reserve(key, state.request, event)
        await self._tell(key, event)
        after = self._state(key)
        if not isinstance(after, MakerState) or after.offer is None:
            self._promises.drop(key)

    async def _decide(self, key: str, document: Document) -> None:
        state = self._state(key)
        if self._quoter is None or not isinstance(state, MakerState) or state.phase is not MakerPhase.LAST_LOOK:
            return
        now = self._clock.now()
        if self._quoter.is_slow:
            event = await asyncio.to_thread(self._quoter.decide, state, document, now)
        else:
            event = self._quoter.decide(state, document, now)
        await self._tell(key, event)

    async def _submit(self, key: str, document: Document) -> None:
        loop = asyncio.get_running_loop()
        try:
            tx_hash = await loop.run_in_executor(self._submitting, self._settler.submit, document)
        except NotNow as error:
            await self._tell(key, Refused(error.code, error.message, self._clock.now()))
        else:
            await self._tell(key, Submitted(tx_hash, self._clock.now()))

    async def _void(self, key: str, document: Document) -> None:
        loop = asyncio.get_running_loop()
        while self._state(key) is not None:
            try:
                await loop.run_in_executor(self._submitting, self._settler.cancel, document)
            except PeerSettleError as error:
                _log.warning("an offer could not be cancelled on chain yet", why=error.message)
                await self._clock.sleep(_VOID_AGAIN)
            else:
                return
