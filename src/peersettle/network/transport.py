"""How bytes travel between peers. Everything above it is the same over libp2p and in one process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

OnRequest: TypeAlias = Callable[[str, bytes], Awaitable[bytes]]
"""Answers what a peer asks. The first argument is its peer identity, proven by the transport. No bytes stand for what
could not even be framed, which is told so that it counts; their answer goes nowhere."""

OnGossip: TypeAlias = Callable[[str, str, bytes], Awaitable[bool]]
"""Takes what was published on a topic: the peer who published it, the topic, the bytes. False for garbage, which is
not passed on."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A peer as one can reach it."""

    peer: str
    """Its identity: the hash of the key that it proves to have."""
    addresses: tuple[str, ...] = ()
    """Where it listens, as multiaddresses; none in one process."""


class Transport(Protocol):
    """Five things. All are called from one asyncio loop; handlers are called on it, one task each."""

    async def start(self, on_request: OnRequest, on_gossip: OnGossip) -> Contact:
        """Listen. Returns how others reach us.

        Raises:
            ConfigError: the address to listen on is taken, or cannot be meant.
        """
        ...

    async def stop(self) -> None:
        """Hang up and let go of everything. May be called twice."""
        ...

    async def request(self, to: Contact, data: bytes, timeout: float) -> bytes:
        """Ask one peer and wait for its answer, over a connection that is encrypted to it alone.

        Raises:
            PeerUnreachable: it does not answer in time, or who answers is another.
        """
        ...

    async def publish(self, topic: str, data: bytes) -> None:
        """Tell everybody who listens to a topic, through whoever is connected; we listen to what we publish on.
        Nothing says who has heard it.
        """
        ...

    async def connect(self, to: Contact) -> None:
        """Be connected to a peer, so that what is published reaches us and it.

        Raises:
            PeerUnreachable: it cannot be reached.
        """
        ...
