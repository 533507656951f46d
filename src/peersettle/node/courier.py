"""Messages that must arrive: said again until the peer has them, or it is of no use any more."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.errors import InputError, PeerRefused, PeerUnreachable
from peersettle.rfq import Send
from peersettle.service.backoff import Backoff

if TYPE_CHECKING:
    from peersettle.network import Peers
    from peersettle.rfq import Message
    from peersettle.service.clock import Clock

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_PASSING: Final = ("busy", "failed", "unknown")
"""Refusals after which trying again may help."""
_TRIES_UNKNOWN: Final = 5
_log = structlog.get_logger("peersettle.node")


class Courier:
    """Delivers in the background, each message on its own."""

    def __init__(self, peers: Peers, clock: Clock) -> None:
        self._peers = peers
        self._clock = clock
        self._under_way: dict[tuple[str, Message], asyncio.Task[None]] = {}

    def send(self, order: Send) -> None:
        """Begin; the same message to the same peer is under way once."""
        key = order.peer, order.message
        if key not in self._under_way:
            task = asyncio.get_running_loop().create_task(self._deliver(order))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def close(self) -> None:
        """Give up what is under way: a restart says it again."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, order: Send) -> None:
        backoff = Backoff(self._clock, random.random, first=_FIRST_PAUSE, cap=_LONGEST_PAUSE)
        kind, refused = type(order.message).__name__, 0
        while True:
            try:
                await self._peers.send(order.peer, order.message)
                return
            except PeerRefused as error:
                refused += 1
                if error.code not in _PASSING or refused >= _TRIES_UNKNOWN:
                    _log.warning("a peer refuses", peer=order.peer, message=kind, code=error.code, why=error.message)
                    return
                why = error.message
            except PeerUnreachable as error:
                why = error.message
            except InputError as error:  # what we say is wrong: saying it again does not help
                _log.error("cannot be said", peer=order.peer, message=kind, why=error.message)
                return
            except Exception:
                _log.exception("a message could not be sent", peer=order.peer, message=kind)
                return
            pause = backoff.failed()
            if self._clock.now() + pause >= order.until:
                _log.warning("a peer was not reached in time", peer=order.peer, message=kind, why=why)
                return
            await self._clock.sleep(pause)
