"""Time as it is passed in, so that tests need not wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; not at all when `seconds` is not positive."""
        ...


class SystemClock:
    """The machine's own clock. It must be kept right (NTP): reports carry its time."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(seconds, 0.0))


async def within(seconds: float, clock: Clock, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when it takes longer than `seconds` of this clock.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"no answer in {seconds:g} s")
    finally:
        for each in (task, alarm):
            each.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)
