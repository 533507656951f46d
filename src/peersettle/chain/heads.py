"""Word of each new block."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

import aiohttp
import structlog

from peersettle.chain.client import WEBSOCKETS
from peersettle.service.backoff import Backoff
from peersettle.service.clock import SystemClock

_SUBSCRIBE: Final = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
_log = structlog.get_logger("peersettle.chain")


class Heads:
    """When to look again: at each new block that a websocket tells of, and every `poll` seconds where none does.

    `url` is the node's; of one that is no websocket's nothing is heard.
    """

    def __init__(self, poll: float, url: str | None = None) -> None:
        self._poll = poll
        self._url = url if url is not None and url.startswith(WEBSOCKETS) else None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_subscribed = False

    async def __aenter__(self) -> Heads:
        if self._url is not None:
            self._task = asyncio.create_task(self._follow(self._url))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self) -> None:
        """Return at the next block, or when it is time."""
        # A subscription may fall silent without being closed.
        longest = 10 * self._poll if self.is_subscribed else self._poll
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), longest)
        self._news.clear()

    async def _follow(self, url: str) -> None:
        backoff = Backoff(SystemClock(), random.random, first=1.0, cap=60.0)
        while True:
            try:
                async with aiohttp.ClientSession() as session, session.ws_connect(url, heartbeat=20) as socket:
                    await socket.send_json(_SUBSCRIBE)
                    async for message in socket:
                        said = message.json() if message.type is aiohttp.WSMsgType.TEXT else {}
                        if "error" in said:
                            _log.warning("no subscription; polling", why=str(said["error"]))
                            return
                        self.is_subscribed = True
                        backoff.worked()
                        if said.get("method") == "eth_subscription":
                            self._news.set()
            except (aiohttp.ClientError, OSError, ValueError) as error:
                _log.warning("no word of new blocks; polling meanwhile", why=type(error).__name__)
            self.is_subscribed = False
            await asyncio.sleep(backoff.failed())
