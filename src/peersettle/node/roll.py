"""Which negotiations are under way, whose they are, and which are over and not yet forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from peersettle.errors import PeerRefused
from peersettle.rfq import Negotiation, Side

MOST_OF_PEER: Final = 500
"""Requests of one peer that are not over; more are refused."""
MOST_LIVE: Final = 20_000
MOST_OVER: Final = 20_000
"""Negotiations that are over and not forgotten: a request that comes again late is not a new one."""


@dataclass
class Live:
    """A negotiation that is not over."""

    key: str
    side: Side
    peer: str
    state: Negotiation | None = None
    number: int = 0
    is_doubtful: bool = False
    """What is on disk may be less, or more, than what is here."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Roll:
    """All of a node. Those that peers began are counted by peer."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}
        self._over: dict[str, None] = {}
        self._of_peer: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._live.values()))

    def get(self, key: str) -> Live | None:
        """One that is not over."""
        return self._live.get(key)

    def is_over(self, key: str) -> bool:
        """Whether it is known to be; one of long ago is forgotten."""
        return key in self._over

    def add(self, live: Live) -> Live:
        """One that begins, or goes on. Of two with one key the first counts, and is returned."""
        if live.key not in self._live:
            self._live[live.key] = live
            if live.side is Side.MAKER:
                self._of_peer[live.peer] += 1
        return self._live[live.key]

    def admit(self, key: str, peer: str) -> Live:
        """As `add`, of one that a peer begins.

        Raises:
            PeerRefused: it has too many, or all together.
        """
        if self._of_peer[peer] >= MOST_OF_PEER or len(self._live) >= MOST_LIVE:
            raise PeerRefused("too many requests of yours, or of all, are not over", code="busy")
        return self.add(Live(key, Side.MAKER, peer))

    def remove(self, live: Live) -> None:
        """It never began, after all. Twice is once."""
        if self._live.pop(live.key, None) is not None and live.side is Side.MAKER:
            self._of_peer[live.peer] -= 1
            if not self._of_peer[live.peer]:
                del self._of_peer[live.peer]

    def end(self, *keys: str) -> None:
        """They are over; what is said of them from now on comes too late."""
        for key in keys:
            if live := self._live.get(key):
                self.remove(live)
            self._over[key] = None
            if len(self._over) > MOST_OVER:
                del self._over[next(iter(self._over))]
