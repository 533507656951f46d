"""The side that runs on trio: a libp2p host with the guards that it lacks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import structlog
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as new_noise_keys
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig
from libp2p.peer.id import ID
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from peersettle.errors import ConfigError, PeerUnreachable
from peersettle.network.libp2p.bridge import Bridge, settle
from peersettle.network.libp2p.gossip import GuardedPubsub, new_router
from peersettle.network.libp2p.link import Garbage, Link
from peersettle.network.transport import Contact

PROTOCOL: Final = TProtocol("/peersettle/rfq/1")
MAX_CONNECTIONS: Final = 256
MAX_STREAMS: Final = 4
"""That one peer may have open to us for requests."""
DIAL_SECONDS: Final = 5.0
ADDRESS_LIFE: Final = 3600
PUBLISH_PAUSE: Final = 0.004
"""Seconds between two messages that we publish: libp2p's queues hold 32 for each neighbour and drop what is more."""
KEEP_FIRST: Final = 0.25
KEEP_CAP: Final = 2.0
"""Seconds between tries to reach a peer that we stay connected to, at first and at most."""
GIVE_UP: Final = 600.0
"""Seconds of trying after which a peer is not looked for any more, but for those of the bootstrap list."""
GIVE_UP_NEVER: Final = float("inf")
_log = structlog.get_logger("peersettle.network")

Answer: TypeAlias = "asyncio.Future[bytes]"


class Host:
    """One run of libp2p. `run` is its life; everything else is called while it runs, on trio's side.

    Args:
        bridge: to the asyncio side.
        seed: of our key.
        listen: the multiaddress to listen on.
        ping_every: seconds.
        on_request: on the asyncio side: peer, bytes, and who takes the answer.
        on_gossip: on the asyncio side: publisher, topic, bytes, and who takes the judgement.
    """

    def __init__(
        self,
        bridge: Bridge,
        seed: bytes,
        listen: str,
        ping_every: float,
        on_request: Callable[[str, bytes, Callable[[bytes | None], None]], object],
        on_gossip: Callable[[str, str, bytes, Callable[[bool], None]], object],
    ) -> None:
        self._bridge = bridge
        self._listen = listen
        self._ping_every = ping_every
        self._on_request, self._on_gossip = on_request, on_gossip
        keys = create_new_key_pair(seed)
        self.peer = str(ID.from_pubkey(keys.public_key))
        self.addresses: tuple[str, ...] = ()
        """Where it listens, once it does."""
        self._host = new_host(
            key_pair=keys,
            # An empty table would bring libp2p's own back, and with it plaintext.
            sec_opt={NOISE: Noise(keys, noise_privkey=new_noise_keys().private_key)},
            muxer_opt={TProtocol(YAMUX): Yamux},
            listen_addrs=[Multiaddr(listen)],
            disable_identify_address_discovery=True,
            connection_config=ConnectionConfig(
                max_connections=MAX_CONNECTIONS,
                high_watermark=MAX_CONNECTIONS,
                min_connections=0,
                low_watermark=0,
                dial_timeout=DIAL_SECONDS,
            ),
        )
        # libp2p would dial everybody that it has ever heard of, up to half of its limit.
        self._host.get_network().auto_connector.maybe_connect = _connect_to_nobody  # type: ignore[attr-defined]
        self._router = new_router()
        self._pubsub = GuardedPubsub(self._host, self._router, self._judge, self._report_garbage)
        self._stop = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._links: dict[str, Link] = {}
        self._opening: dict[str, trio.Event] = {}
        self._answers: dict[int, Answer] = {}
        self._served: Counter[str] = Counter()
        self._kept: set[str] = set()
        self._topics: set[str] = set()
        self._publishing = trio.Lock()

    async def run(self, topics: tuple[str, ...], bootstrap: tuple[Contact, ...], kept: tuple[Contact, ...]) -> None:
        """Listen and serve until `stop`. The bootstrap list is never given up.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        self._host.set_stream_handler(PROTOCOL, self._serve)
        self._guard_streams()
        try:
            await self._run(topics, bootstrap, kept)
        finally:
            self._pubsub.seen_messages.stop()  # a thread, which libp2p leaves behind

    async def _run(self, topics: tuple[str, ...], bootstrap: tuple[Contact, ...], kept: tuple[Contact, ...]) -> None:
        async with self._host.run([Multiaddr(self._listen)]):
            self.addresses = tuple(str(each).split("/p2p/")[0] for each in self._host.get_addrs())
            if not self.addresses:
                raise ConfigError(f"cannot listen on {self._listen}: it is taken, or not of this machine")
            async with (
                background_trio_service(self._pubsub),
                background_trio_service(self._router),
            ):
                await self._pubsub.wait_until_ready()
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    for topic in topics:
                        await self._subscribe(topic)
                    for contact in bootstrap:
                        self.keep(contact, GIVE_UP_NEVER)
                    for contact in kept:
                        self.keep(contact)
                    self._bridge.ready()
                    await self._stop.wait()
                    nursery.cancel_scope.cancel()
            with trio.move_on_after(2):
                await self._host.close()

    def stop(self) -> None:
        """Have `run` return."""
        self._stop.set()

    def ask(self, number: int, to: Contact, data: bytes, answer: Answer) -> None:
        """Put a request to a peer."""
        self._answers[number] = answer
        link = self._links.get(to.peer)
        if link is not None and link.ask(number, data):
            return
        self._spawn(self._ask_anew, number, to, data)

    def forget(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        self._answers.pop(number, None)
        for link in self._links.values():
            link.waiting.discard(number)

    def publish(self, topic: str, data: bytes, done: asyncio.Future[None]) -> None:
        """Publish, and listen to the topic from now on."""
        self._spawn(self._publish, topic, data, done)

    def connect(self, to: Contact, done: asyncio.Future[None]) -> None:
        """Connect, and stay connected."""
        self._spawn(self._connect, to, done)

    def keep(self, contact: Contact, give_up: float = GIVE_UP) -> None:
        """Stay connected to a peer, as soon as it can be reached."""
        if contact.peer != self.peer and contact.peer not in self._kept:
            self._kept.add(contact.peer)
            self._spawn(self._keep, contact, give_up)

    # Requests of ours

    async def _ask_anew(self, number: int, to: Contact, data: bytes) -> None:
        try:
            link = await self._link(to)
            if not link.ask(number, data):
                raise PeerUnreachable(f"{to.peer} does not read what it is sent", peer=to.peer)
        except PeerUnreachable as error:
            self._finish(number, error)

    async def _link(self, to: Contact) -> Link:
        """The stream to a peer, opened when there is none. Whoever comes while it is being opened waits for it."""
        while to.peer in self._opening:
            await self._opening[to.peer].wait()
        link = self._links.get(to.peer)
        if link is not None and not link.closed.is_set():
            return link
        opened = self._opening[to.peer] = trio.Event()
        try:
            return await self._open(to)
        finally:
            del self._opening[to.peer]
            opened.set()

    async def _open(self, to: Contact) -> Link:
        try:
            peer = ID.from_string(to.peer)
            addresses = [Multiaddr(address) for address in to.addresses]
        except Exception as error:
            raise PeerUnreachable(f"{to.peer} at {', '.join(to.addresses)} cannot be meant: {error}") from None
        if addresses:
            self._host.get_peerstore().add_addrs(peer, addresses, ADDRESS_LIFE)
        self._evict(peer)
        try:
            with trio.fail_after(DIAL_SECONDS):
                stream = await self._new_stream(peer)
        except Exception as error:
            where = ", ".join(to.addresses) or "no address that we know"
            reason = type(error).__name__
            raise PeerUnreachable(f"cannot reach {to.peer} at {where}: {reason}: {error}", peer=to.peer) from error
        link = self._links[to.peer] = Link(stream, to.peer, self._take_request, self._take_answer)
        self._spawn(self._run_own, link)
        return link

    async def _new_stream(self, peer: ID) -> Any:
        while True:
            had_connection = bool(self._host.get_network().get_connections(peer))
            try:
                return await self._host.new_stream(peer, [PROTOCOL])
            except Exception:
                if not had_connection:
                    raise
                # A connection that has ended, and which libp2p soon finds no more; then it dials anew.
                await trio.sleep(0.05)
                self._evict(peer)

    def _evict(self, peer: ID) -> None:
        """For a minute libp2p does not dial whom it has failed to reach; a peer that was restarted is back sooner."""
        self._host.get_network()._negative_peer_cache.evict(str(peer))  # type: ignore[attr-defined]

    async def _run_own(self, link: Link) -> None:
        try:
            await link.run(self._ping_every)
        except Garbage as error:
            _log.warning("garbage_frame", peer=link.peer, error=str(error))
            self._report_garbage(link.peer)
        finally:
            if self._links.get(link.peer) is link:
                del self._links[link.peer]
            for number in link.waiting:
                self._finish(number, PeerUnreachable(f"the connection to {link.peer} has ended", peer=link.peer))
        if not link.was_silent:
            return
        # The connection would go on being taken for one that works.
        with trio.move_on_after(5), suppress(Exception):
            await self._host.disconnect(ID.from_string(link.peer))

    def _take_answer(self, number: int, is_answer: bool, data: bytes) -> None:
        self._finish(number, data if is_answer else PeerUnreachable("the peer has failed at it"))

    def _finish(self, number: int, result: object) -> None:
        answer = self._answers.pop(number, None)
        if answer is not None:
            self._bridge.to_asyncio(settle, answer, result)

    # Requests of others

    def _guard_streams(self) -> None:
        """An exception of any handler of any stream would end the whole host."""
        network = self._host.get_network()
        inner = network.common_stream_handler  # type: ignore[attr-defined]

        async def guarded(stream: Any) -> None:
            try:
                await inner(stream)
            except Exception as error:
                _log.info("stream_dropped", peer=str(stream.muxed_conn.peer_id), error=repr(error))
                with trio.CancelScope(shield=True), trio.move_on_after(0.5), suppress(Exception):
                    await stream.reset()

        network.set_stream_handler(guarded)

    async def _serve(self, stream: Any) -> None:
        peer = str(stream.muxed_conn.peer_id)  # which Noise has proven
        if self._served[peer] >= MAX_STREAMS:
            await stream.reset()
            return
        self._served[peer] += 1
        try:
            await Link(stream, peer, self._take_request, self._take_answer).run()
        except Garbage as error:
            _log.warning("garbage_frame", peer=peer, error=str(error))
            self._report_garbage(peer)
        finally:
            self._served[peer] -= 1
            if not self._served[peer]:
                del self._served[peer]

    def _take_request(self, link: Link, number: int, data: bytes) -> None:
        def answered(answer: bytes | None) -> None:  # on the asyncio side
            with suppress(PeerUnreachable):
                self._bridge.to_trio(link.answer, number, answer)

        self._bridge.to_asyncio(self._on_request, link.peer, data, answered)

    def _report_garbage(self, peer: str) -> None:
        if peer != self.peer:
            self._bridge.to_asyncio(self._on_request, peer, b"", lambda _: None)

    # Gossip

    async def _judge(self, publisher: str, topic: str, data: bytes) -> bool:
        judged, verdict = trio.Event(), False

        def take(is_good: bool) -> None:
            nonlocal verdict
            verdict = is_good
            judged.set()

        def told(is_good: bool) -> None:  # on the asyncio side
            with suppress(PeerUnreachable):
                self._bridge.to_trio(take, is_good)

        self._bridge.to_asyncio(self._on_gossip, publisher, topic, data, told)
        await judged.wait()
        return verdict

    async def _subscribe(self, topic: str) -> None:
        if topic in self._topics:
            return
        self._topics.add(topic)
        self._spawn(self._drain, await self._pubsub.listen(topic))

    async def _drain(self, subscription: Any) -> None:
        while True:  # the judge has seen them all
            await subscription.get()

    async def _publish(self, topic: str, data: bytes, done: asyncio.Future[None]) -> None:
        try:
            async with self._publishing:
                await self._subscribe(topic)
                await self._pubsub.publish(topic, data)
                await trio.sleep(PUBLISH_PAUSE)
        except Exception as error:
            _log.warning("publish_failed", error=repr(error))
        self._bridge.to_asyncio(settle, done, None)

    # Connections

    async def _connect(self, to: Contact, done: asyncio.Future[None]) -> None:
        try:
            await self._link(to)
        except PeerUnreachable as error:
            self._bridge.to_asyncio(settle, done, error)
            return
        self.keep(to)
        self._bridge.to_asyncio(settle, done, None)

    async def _keep(self, contact: Contact, give_up: float) -> None:
        pause, reached = KEEP_FIRST, trio.current_time()
        try:
            while trio.current_time() - reached < give_up:
                try:
                    link = await self._link(contact)
                    pause = KEEP_FIRST
                    await link.closed.wait()
                    reached = trio.current_time()
                except PeerUnreachable as error:
                    _log.debug("peer_absent", peer=contact.peer, error=str(error))
                await trio.sleep(pause)
                pause = min(pause * 2, KEEP_CAP)
        finally:
            self._kept.discard(contact.peer)

    def _spawn(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(work, *args)


async def _connect_to_nobody() -> None:
    """Whom we connect to is decided above."""
