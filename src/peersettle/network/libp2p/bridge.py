"""Between asyncio's thread and trio's: calls go over in order, woken once for many of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import structlog

from peersettle.errors import PeerUnreachable

Call: TypeAlias = tuple[Callable[..., object], tuple[Any, ...]]
RESTART_AFTER: Final = 0.25
"""Seconds after which trio runs again; doubled each time that it ends within a minute, up to half of one."""
_log = structlog.get_logger("peersettle.network")


class Bridge:
    """A thread that runs `main` under trio, again whenever it fails, until it is stopped.

    `main` calls `ready` when it works. `lost` is called on the asyncio side each time that it has failed.
    """

    def __init__(self, main: Callable[[], Awaitable[None]], lost: Callable[[], None]) -> None:
        self._main, self._lost = main, lost
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._to_trio: deque[Call] = deque()
        self._to_asyncio: deque[Call] = deque()
        self._token: Any = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peersettle-libp2p", daemon=True)

    async def start(self) -> None:
        """Return when `main` is ready; raise what it raised before that."""
        self._thread.start()
        await self._started

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    async def stop(self, tell: Callable[[], object]) -> None:
        """Have `main` told on its own side to return, and wait for the end of the thread."""
        self._stopping.set()
        with suppress(PeerUnreachable):
            self.to_trio(tell)
        await asyncio.shield(self._ended)
        self._thread.join(5)

    # On the asyncio side

    def to_trio(self, call: Callable[..., object], *args: Any) -> None:
        """Have this called on trio's side, soon.

        Raises:
            PeerUnreachable: trio does not run now.
        """
        import trio

        token = self._token
        if token is None:
            raise PeerUnreachable("the network is not running")
        self._to_trio.append((call, args))
        try:
            token.run_sync_soon(self._drain_to_trio, idempotent=True)
        except trio.RunFinishedError:
            raise PeerUnreachable("the network is not running") from None

    # On trio's side

    def ready(self) -> None:
        """`main` works."""
        self.to_asyncio(settle, self._started, None)

    def to_asyncio(self, call: Callable[..., object], *args: Any) -> None:
        """Have this called on the asyncio side, soon."""
        self._to_asyncio.append((call, args))
        if len(self._to_asyncio) == 1:  # else a call to drain them is under way: it ends with an empty queue
            with suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
                self._loop.call_soon_threadsafe(self._drain_to_asyncio)

    def _drain_to_trio(self) -> None:
        while self._to_trio:
            call, args = self._to_trio.popleft()
            try:
                call(*args)
            except Exception:  # it must not end trio's run
                _log.exception("bridge_failed")

    def _drain_to_asyncio(self) -> None:
        while self._to_asyncio:
            call, args = self._to_asyncio[0]
            try:
                call(*args)
            except Exception:
                _log.exception("bridge_failed")
            self._to_asyncio.popleft()  # after the call: see `to_asyncio`

    def _run(self) -> None:
        pause = RESTART_AFTER
        while True:
            began = time.monotonic()
            error = self._run_once()
            if error is None or self._stopping.is_set() or not self._started.done():
                break
            _log.error("libp2p_ended", error=repr(error), again_in=pause)
            self.to_asyncio(self._lost)
            if self._stopping.wait(pause):
                break
            pause = RESTART_AFTER if time.monotonic() - began > 60 else min(pause * 2, 30.0)
        self.to_asyncio(self._lost)
        self.to_asyncio(settle, self._started, error or PeerUnreachable("the network has stopped"))
        self.to_asyncio(settle, self._ended, None)

    def _run_once(self) -> BaseException | None:
        import trio

        async def main() -> None:
            self._to_trio.clear()
            self._token = trio.lowlevel.current_trio_token()
            try:
                await self._main()
            finally:
                self._token = None

        try:
            trio.run(main)
        except BaseException as error:
            return error
        return None if self._stopping.is_set() else PeerUnreachable("libp2p has ended of itself")


def settle(future: asyncio.Future[Any], result: object) -> None:
    """Give a future its result, or its exception, unless nobody waits any more. On the asyncio side."""
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
