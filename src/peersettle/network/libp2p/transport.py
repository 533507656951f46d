"""The side that runs on asyncio: a `Transport` over a libp2p host in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import structlog

from peersettle.errors import ConfigError, InvalidField, PeerUnreachable
from peersettle.network.libp2p.bridge import Bridge
from peersettle.network.libp2p.key import host_seed
from peersettle.network.libp2p.settings import Libp2pOptions
from peersettle.network.transport import Contact, OnGossip, OnRequest
from peersettle.network.wire import MAX_GOSSIP
from peersettle.rfq import MAX_BYTES
from peersettle.service.tasks import Tasks

if TYPE_CHECKING:
    from peersettle.network.libp2p.host import Host
    from peersettle.network.libp2p.mdns import LocalNetwork

MAX_TASKS: Final = 2_000
"""Requests and published messages that are worked on at once; what is more is answered with failure, or dropped."""
MAX_KEPT: Final = 64
"""Peers that a libp2p which had to be started again connects to, beside the bootstrap list."""
_log = structlog.get_logger("peersettle.network")


class Libp2pTransport:
    """A `Transport`. Only Noise is offered, so that nobody can talk to it in the clear; who a peer is, is proven."""

    def __init__(self, options: Libp2pOptions) -> None:
        self._options = options
        self._listen = options.listen
        self._bridge: Bridge | None = None
        self._host: Host | None = None
        self._local: LocalNetwork | None = None
        self._handlers: tuple[OnRequest, OnGossip] | None = None
        self._numbers = count(1)
        self._answers: set[asyncio.Future[Any]] = set()
        self._tasks = Tasks()
        self._topics: dict[str, None] = {}
        self._kept: dict[str, Contact] = {}

    async def start(self, on_request: OnRequest, on_gossip: OnGossip) -> Contact:
        """As `Transport.start`; the peer key is made when there is none."""
        seed = host_seed(self._options.key_file)
        _assert_free(self._options.listen)
        await asyncio.to_thread(_import)  # a second of imports
        self._handlers = (on_request, on_gossip)
        self._bridge = Bridge(lambda: self._run(seed), self._lost)
        await self._bridge.start()
        assert self._host is not None
        # Others look for us where we were: started again, listen on the same port.
        self._listen = self._listen.rpartition("/")[0] + "/" + self._host.addresses[0].rpartition("/")[2]
        contact = Contact(self._host.peer, self._options.announce or self._host.addresses)
        if self._options.mdns:
            from peersettle.network.libp2p.mdns import LocalNetwork

            self._local = LocalNetwork(contact, self._meet)
            self._tasks.spawn(self._local.start())  # seconds, in which nobody else need wait
        return contact

    async def stop(self) -> None:
        """As `Transport.stop`."""
        local, self._local = self._local, None
        if self._bridge is not None:
            await self._bridge.stop(self._tell_stop)
            self._bridge = None
        await self._tasks.close()
        if local is not None:
            await local.stop()

    async def request(self, to: Contact, data: bytes, timeout: float) -> bytes:
        """As `Transport.request`."""
        if len(data) > MAX_BYTES:
            raise InvalidField("message", f"{len(data)} bytes", f"at most {MAX_BYTES} can be sent")
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = self._future()
        self._call("ask", number, to, data, answer)
        try:
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            raise PeerUnreachable(f"{to.peer} does not answer in {timeout:g} s", peer=to.peer) from None
        finally:
            if answer.cancelled():
                self._try_call("forget", number)

    async def publish(self, topic: str, data: bytes) -> None:
        """As `Transport.publish`. While libp2p is being started again, what is published is lost."""
        if len(data) > MAX_GOSSIP:
            raise InvalidField("message", f"{len(data)} bytes", f"at most {MAX_GOSSIP} can be published")
        self._topics[topic] = None
        done: asyncio.Future[None] = self._future()
        if self._try_call("publish", topic, data, done):
            await done

    async def connect(self, to: Contact) -> None:
        """As `Transport.connect`. Once reached, a peer is reached again whenever the connection ends."""
        done: asyncio.Future[None] = self._future()
        self._call("connect", to, done)
        await done
        self._kept[to.peer] = to
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    # Towards trio

    async def _run(self, seed: bytes) -> None:
        """One run of libp2p, on trio's side."""
        from peersettle.network.libp2p.host import Host

        bridge = self._bridge
        if bridge is None:
            return
        host = self._host = Host(bridge, seed, self._listen, self._options.ping_every, self._serve, self._hear)
        if not bridge.is_stopping:
            await host.run(tuple(self._topics), self._options.bootstrap, tuple(self._kept.values()))

    def _tell_stop(self) -> None:
        if self._host is not None:
            self._host.stop()

    def _call(self, name: str, *args: object) -> None:
        if self._bridge is None:
            raise PeerUnreachable("the network is not running")
        self._bridge.to_trio(lambda: getattr(self._host, name)(*args))

    def _try_call(self, name: str, *args: object) -> bool:
        try:
            self._call(name, *args)
        except PeerUnreachable:
            return False
        return True

    # From trio, called on the asyncio side

    def _serve(self, peer: str, data: bytes, answered: Callable[[bytes | None], None]) -> None:
        if len(self._tasks) >= MAX_TASKS:
            answered(None)
        else:
            self._tasks.spawn(self._answer(peer, data, answered))

    async def _answer(self, peer: str, data: bytes, answered: Callable[[bytes | None], None]) -> None:
        answer = None
        try:
            assert self._handlers is not None
            answer = await self._handlers[0](peer, data)
            assert len(answer) <= MAX_BYTES
        except Exception:
            _log.exception("handler_failed", peer=peer)
        finally:
            answered(answer)

    def _hear(self, publisher: str, topic: str, data: bytes, told: Callable[[bool], None]) -> None:
        if len(self._tasks) >= MAX_TASKS:
            told(False)
        else:
            self._tasks.spawn(self._judge(publisher, topic, data, told))

    async def _judge(self, publisher: str, topic: str, data: bytes, told: Callable[[bool], None]) -> None:
        is_good = False
        try:
            assert self._handlers is not None
            is_good = await self._handlers[1](publisher, topic, data)
        except Exception:
            _log.exception("handler_failed", peer=publisher)
        finally:
            told(is_good)

    def _lost(self) -> None:
        """libp2p has ended: nobody answers any more what was asked."""
        for future in list(self._answers):
            if not future.done():
                future.set_exception(PeerUnreachable("the network was interrupted"))

    def _future(self) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers.add(future)
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: asyncio.Future[Any]) -> None:
        self._answers.discard(future)
        if not future.cancelled():
            future.exception()  # nobody may be waiting any more

    def _meet(self, contact: Contact) -> None:
        """A peer of the local network."""
        self._tasks.spawn(self._greet(contact))

    async def _greet(self, contact: Contact) -> None:
        try:
            await self.connect(contact)
        except PeerUnreachable as error:
            _log.info("peer_absent", peer=contact.peer, error=str(error))


def _assert_free(listen: str) -> None:
    """libp2p shares its port with whoever else would have it, so that two nodes would get each other's callers."""
    _, kind, host, _, port = listen.split("/")
    with socket.socket(socket.AF_INET6 if kind == "ip6" else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, OverflowError) as error:
            raise ConfigError(f"cannot listen on {listen}: {error}", listen=listen) from None


def _import() -> None:
    import peersettle.network.libp2p.host  # noqa: F401
