"""Looking at the chain for what peers may have settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import structlog

from peersettle.errors import PeerSettleError
from peersettle.node.timers import first
from peersettle.rfq import Seen, Standing

if TYPE_CHECKING:
    from peersettle.node.settler import Settler
    from peersettle.rfq import Negotiation
    from peersettle.service.clock import Clock

LOOK_EVERY: Final = 0.25
"""Seconds between looks while something may be settled soon."""
_SELDOM: Final = 2.0
_AT_LEAST: Final = 0.05
_ORDER: Final = (Standing.FINAL, Standing.INCLUDED, Standing.WAITING, Standing.RETIRED, Standing.ABSENT)
_EAGER: Final = ("agreed", "submitted", "offered")
_log = structlog.get_logger("peersettle.node")


class ChainWatch:
    """Tells negotiations what the chain says of their documents.

    Args:
        live: the negotiations that are not over, by key.
        tell: takes what was seen.
    """

    def __init__(
        self,
        settler: Settler,
        live: Callable[[], Mapping[str, Negotiation]],
        tell: Callable[[str, Seen], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._settler = settler
        self._live = live
        self._tell = tell
        self._clock = clock
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something has changed here: look soon."""
        self._news.set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._news.clear()
            eager = False
            try:
                eager = await self._look()
            except PeerSettleError as error:
                _log.warning("the chain was not reached", why=error.message)
            except Exception:
                _log.exception("a look at the chain failed")
            await first(self._news.wait(), self._clock.sleep(LOOK_EVERY if eager else _SELDOM))
            await self._clock.sleep(_AT_LEAST)

    async def _look(self) -> bool:
        """See where everything stands. Whether something may change soon."""
        watched = {
            key: (state.status, documents) for key, state in self._live().items() if (documents := state.watched())
        }
        if not watched:
            return False
        everything = [document for _, documents in watched.values() for document in documents]
        sights = await asyncio.to_thread(self._settler.look, everything)
        for key, (status, documents) in watched.items() if sights else ():
            seen = [
                (sights[digest], n) for n, document in enumerate(documents) if (digest := document.digest) in sights
            ]
            if not seen:
                continue
            # Of several alternatives at most one is there; its nonce makes the others look retired.
            sight, choice = min(seen, key=lambda item: _ORDER.index(item[0].standing))
            if sight.standing is not Standing.WAITING or status == "settled":
                await self._tell(key, Seen(sight.standing, sight.tx_hash, choice, self._clock.now()))
        return any(status in _EAGER for status, _ in watched.values())
