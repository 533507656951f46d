"""When time itself changes something."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from peersettle.service.clock import Clock

_LONGEST: Final = 60.0
_AGAIN: Final = 1.0
"""Seconds until what came to nothing is tried again."""
_log = structlog.get_logger("peersettle.node")


class Timers:
    """One moment for each key; a later `set` takes the place of an earlier one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._changed = asyncio.Event()

    def set(self, key: str, due: float | None) -> None:
        """Call for this key then; None: not any more."""
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._queue, (due, key))
            self._changed.set()

    async def run(self, ring: Callable[[str], Awaitable[None]]) -> None:
        """Call for each key in its time, until cancelled."""
        while True:
            now = self._clock.now()
            while self._queue and self._queue[0][0] <= now:
                due, key = heapq.heappop(self._queue)
                if self._due.get(key) != due:
                    continue
                try:
                    await ring(key)
                except Exception:  # one that fails must not stop the others' time
                    _log.exception("a timer failed", key=key)
                if self._due.get(key) == due:  # nothing came of it: not again at once
                    self.set(key, now + _AGAIN)
            pause = min(self._queue[0][0] - now, _LONGEST) if self._queue else _LONGEST
            self._changed.clear()
            await first(self._changed.wait(), self._clock.sleep(pause))


async def first(*works: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of these has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
