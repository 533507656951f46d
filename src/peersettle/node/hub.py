"""Word of what happens, to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peersettle.rfq import Event, Negotiation, Side

_MOST_UNREAD: Final = 1_000
"""After so many the listener has to begin anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """A negotiation after one more event."""

    key: str
    side: Side
    state: Negotiation
    event: Event


class Listener:
    """What has happened since one began to listen, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(_MOST_UNREAD)

    def put(self, change: Change | None) -> None:
        """From the hub. None ends it; so does a listener who does not keep up."""
        try:
            self._queue.put_nowait(change)
        except asyncio.QueueFull:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Change]:
        while (change := await self._queue.get()) is not None:
            yield change


class Hub:
    """Tells every listener of every change."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Everything from now on."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def tell(self, change: Change | None) -> None:
        """Something has happened; None: nothing will any more."""
        for listener in list(self._listeners):
            listener.put(change)
