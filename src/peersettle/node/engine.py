"""Runs negotiations: events in, written down, then what they want done.

Every event of one negotiation is worked on alone and in order. It is on disk before anything leaves this process
because of it; what only goes on inside, such as asking the strategy, does not wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.errors import NegotiationError, PeerSettleError
from peersettle.node.acting import INWARD, Acting
from peersettle.node.hub import Change, Hub
from peersettle.node.promises import Promises, Uncounted
from peersettle.node.roll import MOST_OVER, Live, Roll
from peersettle.node.timers import Timers
from peersettle.node.watch import ChainWatch
from peersettle.rfq import (
    Accepted,
    Begun,
    Cancelled,
    Effect,
    Event,
    Message,
    Negotiation,
    Received,
    Request,
    Side,
    TakerState,
    Ticked,
    Wanted,
    Withdrawn,
    event_of,
    text_of,
)
from peersettle.rfq.negotiation import begun, key_of, read_back
from peersettle.service.clock import Clock, SystemClock
from peersettle.service.tasks import Tasks
from peersettle.signing import sign_message
from peersettle.store import Entry
from peersettle.store.records import SignedDocument
from peersettle.trades import Document
from peersettle.trades.documents import dump

if TYPE_CHECKING:
    from peersettle.network import Peers
    from peersettle.node.quoter import Quoter
    from peersettle.node.settler import Settler
    from peersettle.signing import Signer
    from peersettle.store import Store
    from peersettle.store.writer import GroupWriter

_log = structlog.get_logger("peersettle.node")


class Engine:
    """The negotiations of one node. All methods belong to one asyncio loop.

    Args:
        quoter: answers as a maker; without one every request is declined.
        promises: told at once of all that is offered and agreed, so that limits count it.
    """

    def __init__(
        self,
        chain_id: int,
        store: Store,
        writer: GroupWriter,
        settler: Settler,
        signer: Signer,
        *,
        quoter: Quoter | None = None,
        promises: Promises | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._chain_id = chain_id
        self._store = store
        self._writer = writer
        self._settler = settler
        self._signer = signer
        self._quoter = quoter
        self._clock = clock or SystemClock()
        self._promises: Promises = promises or Uncounted()
        self._roll = Roll()
        self._timers = Timers(self._clock)
        self._watch = ChainWatch(settler, self.live, self._tell, self._clock)
        self._tasks = Tasks()
        self._acting: Acting | None = None
        self.hub: Final = Hub()

    async def load(self, peers: Peers) -> None:
        """Read back what is not finished. Nothing is said or done before `start`, but messages may come.

        Raises:
            StoreError: the store cannot be read.
        """
        self._acting = Acting(
            peers,
            self._settler,
            self._quoter,
            self._promises,
            self._clock,
            state=self._living,
            tell=self._tell,
        )
        over = await asyncio.to_thread(self._store.negotiations.list, limit=MOST_OVER, is_over=True)
        self._roll.end(*(record.key for record in reversed(over)))
        unfinished = await asyncio.to_thread(self._store.negotiations.unfinished, self._chain_id)
        for record, texts in unfinished:
            try:
                state = read_back(event_of(text) for text in texts)
            except Exception:  # one that cannot be read must not keep the others from going on
                _log.exception("a negotiation cannot be read back", key=record.key)
                continue
            live = self._roll.add(Live(record.key, Side(record.side), record.peer, state, record.last_number + 1))
            self._set_timer(live)
            self._promises.note(Change(live.key, live.side, state, event_of(texts[-1])))

    async def start(self) -> None:
        """Go on with what is not finished."""
        watched = [document for live in self._roll if live.state for document in live.state.watched()]
        self._tasks.spawn(self._resume(watched))
        for live in self._roll:
            if live.state is not None:
                self._act(live.key, live.state.resumed())
        self._tasks.spawn(self._timers.run(self._ring))
        self._tasks.spawn(self._watch.run())

    async def stop(self) -> None:
        """Stop in good order; a restart goes on."""
        await self._tasks.close()
        if self._acting is not None:
            await self._acting.close()
        self.hub.tell(None)

    # What we want

    async def request(self, request: Request, peers: Sequence[str] = ()) -> str:
        """Ask these peers; everybody, when there are none. The negotiation's key.

        Raises:
            StoreError: it could not be written down; nobody was asked.
        """
        key = key_of(Side.TAKER, request.request_id)
        if self._roll.get(key) is not None:
            return key
        live = self._roll.add(Live(key, Side.TAKER, ""))
        await self._handle(live, Begun(request, tuple(peers), self._clock.now()))
        return key

    async def want_firm(self, key: str, peer: str) -> None:
        """Ask a peer to make its indication firm.

        Raises:
            NegotiationError: it has indicated nothing, or the request is over.
        """
        await self._handle(self._find(key), Wanted(peer, self._clock.now()))

    async def accept(self, key: str, peer: str, number: int, choice: int) -> TakerState:
        """Accept an alternative of an offer: checked and signed here, written down, told to the maker, and settled.

        Raises:
            NegotiationError: it is not on offer any more. NotSettleable: it would not settle; nothing is signed.
            RpcError: the chain does not answer. SignerError: the signer refuses.
        """
        live = self._find(key)
        state = live.state
        if not isinstance(state, TakerState):
            raise NegotiationError(f"{key} is a request of somebody else's")
        document = state.document(peer, number, choice)
        await asyncio.to_thread(self._settler.check, document)
        signature = await self._sign(document)
        await self._handle(live, Accepted(peer, number, choice, signature, self._clock.now()))
        assert isinstance(live.state, TakerState)
        return live.state

    async def cancel(self, key: str) -> None:
        """Want it no more, where nothing is accepted yet; withdraw an offer, where it is ours.

        Raises:
            NegotiationError: it is too late.
        """
        live = self._find(key)
        now = self._clock.now()
        await self._handle(live, Cancelled(now) if live.side is Side.TAKER else Withdrawn(now))

    def state(self, key: str) -> Negotiation:
        """A negotiation as it is now, over or not.

        Raises:
            NegotiationError: there is none.
        """
        if (state := self._living(key)) is not None:
            return state
        texts = self._store.negotiations.events(key)
        if not texts:
            raise NegotiationError(f"there is no negotiation {key}")
        return read_back(event_of(text) for text in texts)

    def live(self) -> dict[str, Negotiation]:
        """All that are not over."""
        return {live.key: live.state for live in self._roll if live.state is not None}

    # What peers say

    async def on_message(self, peer: str, message: Message) -> None:
        """A message of a peer whose right to say it has been checked; it is on disk when this returns.

        Raises:
            ProtocolError, PeerRefused: as the negotiation says. StoreError: it could not be written down.
        """
        event = Received(peer, message, self._clock.now())
        mine = self._roll.get(key_of(Side.TAKER, message.request_id))
        if mine is not None and not isinstance(message, Request):
            await self._handle(mine, event)
            return
        key = key_of(Side.MAKER, message.request_id, peer)
        live = self._roll.get(key)
        if live is None:
            if self._roll.is_over(key):
                return  # whatever this is, it comes too late
            if not isinstance(message, Request) and await self._is_over(key, message.request_id):
                return
            live = self._roll.admit(key, peer)
        try:
            await self._handle(live, event)
        finally:
            if live.state is None:
                self._forget_unborn(live)

    # Inside

    async def _is_over(self, *keys: str) -> bool:
        """Whether one of these is on record. Those of requests are remembered for as long as it matters."""
        found = [await asyncio.to_thread(self._store.negotiations.get, key) for key in keys]
        return any(record is not None for record in found)

    async def _handle(self, live: Live, event: Event) -> None:
        # Whole, even where the caller is cancelled: what is on disk must be done.
        await asyncio.shield(asyncio.ensure_future(self._step(live, event)))

    async def _step(self, live: Live, event: Event) -> None:
        async with live.lock:
            if live.is_doubtful:
                await self._read_again(live)
            if live.state is None and not _begins(event):
                self._forget_unborn(live)
                return
            if live.state is not None and live.state.is_over:
                self._roll.end(live.key)
                return
            if live.state is None:
                state, effects = begun(event)
            else:
                state, effects = live.state.step(event)
                if not effects and state == live.state:
                    return
            written = asyncio.ensure_future(self._writer.append(self._entry(live, state, event)))
            written.add_done_callback(lambda done: self._note_failure(live, done))
            live.number += 1
            is_inward = bool(effects) and all(isinstance(effect, INWARD) for effect in effects)
            if not is_inward:
                await self._until(written, live)
            live.state = state
            self._set_timer(live)
            if state.is_over:
                self._roll.end(live.key)
            self._watch.wake()
            change = Change(live.key, live.side, state, event)
            self._promises.note(change)
        self.hub.tell(change)
        self._act(live.key, effects)
        if is_inward:  # what goes on inside need not wait; whoever told us does
            await self._until(written, live)

    async def _until(self, written: asyncio.Future[None], live: Live) -> None:
        try:
            await asyncio.shield(written)
        except BaseException:  # cancelled: it may be on disk, or not
            live.is_doubtful = True
            raise

    def _note_failure(self, live: Live, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and (error := written.exception()) is not None:
            live.is_doubtful = True
            _log.error("an event could not be written down", key=live.key, why=str(error))
            self._tasks.spawn(self._mend(live))

    async def _mend(self, live: Live) -> None:
        """Let go of what has not begun, on disk, after all."""
        async with live.lock:
            if live.is_doubtful:
                try:
                    await self._read_again(live)
                except PeerSettleError:
                    return  # at its next event
            if live.state is None:
                self._forget_unborn(live)

    def _forget_unborn(self, live: Live) -> None:
        """Its beginning was never written down."""
        self._roll.remove(live)
        self._promises.drop(live.key)

    async def _read_again(self, live: Live) -> None:
        """After a failure only the disk tells what has happened."""
        texts = await asyncio.to_thread(self._store.negotiations.events, live.key)
        live.state = read_back(event_of(text) for text in texts) if texts else None
        live.number = len(texts)
        live.is_doubtful = False

    def _entry(self, live: Live, state: Negotiation, event: Event) -> Entry:
        deal = state.deal
        document = None
        if deal is not None and (live.state is None or live.state.deal is None):
            document = self._signed(deal.document)
        peer = live.peer
        if isinstance(state, TakerState) and state.accepted is not None:
            peer = state.accepted.peer
        return Entry(
            key=live.key,
            side=str(live.side),
            request_id=state.request.request_id,
            peer=peer,
            chain_id=self._chain_id,
            status=state.status,
            is_over=state.is_over,
            digest="0x" + deal.document.digest.hex() if deal is not None else None,
            number=live.number,
            text=text_of(event),
            at=event.at,
            document=document,
        )

    def _signed(self, document: Document) -> SignedDocument:
        return SignedDocument(
            digest="0x" + document.digest.hex(),
            kind=document.kind,
            text=dump(document),
            settlement=document.domain.settlement,
            role=document.role_of(self._signer.address),
            party=self._signer.address,
        )

    def _act(self, key: str, effects: Sequence[Effect]) -> None:
        assert self._acting is not None, "the engine has not been loaded"
        self._acting.act(key, effects)

    def _living(self, key: str) -> Negotiation | None:
        live = self._roll.get(key)
        return None if live is None else live.state

    async def _tell(self, key: str, event: Event) -> None:
        """An event of our own. Where it cannot be written down it has not happened."""
        live = self._roll.get(key)
        if live is None:
            return
        try:
            await self._handle(live, event)
        except NegotiationError as error:
            _log.error("an answer does not fit", key=key, why=error.message)
        except PeerSettleError as error:
            _log.error("an event is lost", key=key, event=type(event).__name__, why=error.message)

    async def _sign(self, document: Document) -> bytes:
        # A remote signer is asked over a socket that blocks.
        return await asyncio.to_thread(sign_message, self._signer, document.domain, document.message)

    def _find(self, key: str) -> Live:
        live = self._roll.get(key)
        if live is None:
            raise NegotiationError(f"negotiation {key} is over: {self.state(key).status}")
        return live

    # Time and the chain

    def _set_timer(self, live: Live) -> None:
        assert live.state is not None
        self._timers.set(live.key, None if live.state.is_over else live.state.due)

    async def _ring(self, key: str) -> None:
        if self._roll.get(key) is not None:
            await self._tell(key, Ticked(self._clock.now()))
        else:
            self._timers.set(key, None)

    async def _resume(self, documents: Sequence[Document]) -> None:
        try:
            await asyncio.to_thread(self._settler.resume, documents)
        except PeerSettleError as error:
            _log.warning("the chain was not reached", why=error.message)


def _begins(event: Event) -> bool:
    return isinstance(event, Begun) or (isinstance(event, Received) and isinstance(event.message, Request))
