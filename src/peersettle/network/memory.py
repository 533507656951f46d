"""Peers in one process: for tests of everything above the transport, with the faults that a network has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from peersettle.errors import ConfigError, PeerUnreachable
from peersettle.network.transport import Contact, OnGossip, OnRequest
from peersettle.service.clock import Clock, SystemClock, within


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, as chances from 0 to 1; `delay` is seconds at most, each way."""

    delay: float = 0.0
    drop: float = 0.0
    """Of a request, of its answer, and of what is published, to each listener."""
    duplicate: float = 0.0
    reorder: float = 0.0
    """Held back for up to ten times `delay`, so that later ones come first."""


class MemoryNetwork:
    """Everybody who can reach each other. The same seed and the same order of calls make the same faults."""

    def __init__(self, seed: int = 0, faults: Faults | None = None, clock: Clock | None = None) -> None:
        self.faults = faults or Faults()
        self._random = Random(seed)
        self.clock = clock or SystemClock()
        self._alive: dict[str, MemoryTransport] = {}
        self._group: dict[str, int] = {}
        self._dies_answering: set[str] = set()

    def transport(self, peer: str) -> MemoryTransport:
        """A peer of this identity, not started yet. After `kill`, a new one is the peer restarted."""
        return MemoryTransport(self, peer)

    def split(self, *groups: Iterable[str]) -> None:
        """From now on peers reach those of their own group only; who is in none is in one more."""
        self._group = {peer: number for number, group in enumerate(groups, 1) for peer in group}

    def heal(self) -> None:
        """Everybody reaches everybody."""
        self._group = {}

    def kill(self, peer: str) -> None:
        """It dies now, whatever it is doing; who waits for its answer sees the connection end."""
        transport = self._alive.pop(peer, None)
        if transport is not None:
            transport.die()

    def kill_before_answer(self, peer: str) -> None:
        """It dies once it has acted on the next request, before it answers."""
        self._dies_answering.add(peer)

    # For transports

    def join(self, transport: MemoryTransport) -> None:
        """A peer has started."""
        if transport.peer in self._alive:
            raise ConfigError(f"there is a peer {transport.peer} already")
        self._alive[transport.peer] = transport

    def leave(self, transport: MemoryTransport) -> None:
        """A peer has stopped."""
        if self._alive.get(transport.peer) is transport:
            del self._alive[transport.peer]

    def reach(self, sender: str, to: str) -> MemoryTransport:
        """The peer, if the way to it is open."""
        target = self._alive.get(to)
        if target is None or sender not in self._alive:
            raise PeerUnreachable(f"{to} is not there", peer=to)
        if self._group.get(sender, 0) != self._group.get(to, 0):
            raise PeerUnreachable(f"{to} is beyond the split", peer=to)
        return target

    async def carry(self, sender: str, to: str, data: bytes) -> bytes:
        """A request there and its answer back; never returns where either is lost."""
        await self._travel()
        target = self.reach(sender, to)
        if self._happens(self.faults.duplicate):
            target.spawn(target.handle(sender, data))
        answer = await target.handle(sender, data)
        if to in self._dies_answering:
            self._dies_answering.discard(to)
            self.kill(to)
            raise PeerUnreachable(f"{to} is gone", peer=to)
        await self._travel()
        self.reach(to, sender)  # the split may have come meanwhile
        return answer

    def spread(self, sender: MemoryTransport, topic: str, data: bytes) -> None:
        """What is published, to everybody who listens and can be reached."""
        for peer, target in list(self._alive.items()):
            if peer == sender.peer or topic not in target.topics:
                continue
            for _ in range(2 if self._happens(self.faults.duplicate) else 1):
                target.spawn(self._deliver(sender.peer, target, topic, data))

    async def _deliver(self, sender: str, target: MemoryTransport, topic: str, data: bytes) -> None:
        if self._happens(self.faults.drop):
            return
        await self._wait()
        if self._alive.get(target.peer) is target and self._group.get(sender, 0) == self._group.get(target.peer, 0):
            await target.hear(sender, topic, data)

    async def _travel(self) -> None:
        if self._happens(self.faults.drop):
            await asyncio.Event().wait()  # until whoever waits has waited long enough
        await self._wait()

    async def _wait(self) -> None:
        seconds = self._random.random() * self.faults.delay
        if self._happens(self.faults.reorder):
            seconds += self._random.random() * self.faults.delay * 10
        await self.clock.sleep(seconds)

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance


class MemoryTransport:
    """A `Transport` of a `MemoryNetwork`. What is published reaches all who listen; it needs no `connect`."""

    def __init__(self, network: MemoryNetwork, peer: str) -> None:
        self.peer = peer
        self.topics: set[str] = set()
        self._network = network
        self._handlers: tuple[OnRequest, OnGossip] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self, on_request: OnRequest, on_gossip: OnGossip) -> Contact:
        """As `Transport.start`; there are no addresses."""
        self._network.join(self)
        self._handlers = (on_request, on_gossip)
        return Contact(self.peer)

    async def stop(self) -> None:
        """As `Transport.stop`."""
        self._network.leave(self)
        self.die()
        await asyncio.gather(*(self._tasks - {asyncio.current_task()}), return_exceptions=True)

    async def request(self, to: Contact, data: bytes, timeout: float) -> bytes:
        """As `Transport.request`."""
        try:
            return await within(timeout, self._network.clock, self._network.carry(self.peer, to.peer, data))
        except TimeoutError as error:
            raise PeerUnreachable(f"{to.peer}: {error}", peer=to.peer) from None

    async def publish(self, topic: str, data: bytes) -> None:
        """As `Transport.publish`."""
        self.topics.add(topic)
        self._network.spread(self, topic, data)

    async def connect(self, to: Contact) -> None:
        """As `Transport.connect`."""
        self._network.reach(self.peer, to.peer)

    # For the network

    async def handle(self, sender: str, data: bytes) -> bytes:
        """Answer a request in a task of our own, which dies with us."""
        if self._handlers is None:
            raise PeerUnreachable(f"{self.peer} is gone", peer=self.peer)
        task: asyncio.Task[bytes] = self.spawn(self._handlers[0](sender, data))
        await asyncio.wait((task,))
        if task.cancelled():
            raise PeerUnreachable(f"{self.peer} is gone", peer=self.peer)
        return task.result()

    async def hear(self, sender: str, topic: str, data: bytes) -> None:
        """Take what was published."""
        if self._handlers is not None:
            await self._handlers[1](sender, topic, data)

    def spawn(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """A task that ends when this peer does."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def die(self) -> None:
        """At once, without a word."""
        self._handlers = None
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
