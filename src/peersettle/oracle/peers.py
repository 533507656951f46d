"""Handing our reports to peers, none of whom can hold us up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from peersettle.config import mask_url
from peersettle.errors import SourceError
from peersettle.oracle.client import ReportClient
from peersettle.oracle.metrics import Metrics
from peersettle.reports import SignedReport
from peersettle.service.backoff import Backoff
from peersettle.service.clock import Clock

_log = structlog.get_logger("peersettle.oracle")
_MOST_WAITING = 64


class PeerPush:
    """One queue for each peer. What is offered goes out in the background; a peer that fails is left alone a while."""

    def __init__(
        self,
        urls: Sequence[str],
        client: ReportClient,
        *,
        clock: Clock,
        random: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._client, self._metrics = client, metrics
        self._backoffs = {url: Backoff(clock, random, first=1.0, cap=60.0) for url in urls}
        self._waiting: dict[str, list[SignedReport]] = {url: [] for url in urls}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def offer(self, report: SignedReport) -> None:
        """Send this to every peer, soon. Never waits and never fails."""
        for url, waiting in self._waiting.items():
            waiting.append(report)
            del waiting[:-_MOST_WAITING]
            if url not in self._tasks and self._backoffs[url].left <= 0:
                self._tasks[url] = asyncio.create_task(self._drain(url))

    async def settle(self) -> None:
        """Wait until everything that is being sent has been, or has failed."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Give up what is being sent."""
        for task in self._tasks.values():
            task.cancel()
        await self.settle()

    async def _drain(self, url: str) -> None:
        try:
            while self._waiting[url]:
                batch, self._waiting[url] = self._waiting[url], []
                await self._client.push(url, batch)
                self._backoffs[url].worked()
                self._metrics.pushes.labels("ok").inc(len(batch))
        except SourceError as error:
            self._backoffs[url].failed()
            self._metrics.pushes.labels(error.kind).inc()
            _log.warning("a peer did not take our reports", peer=mask_url(url), why=error.message)
        finally:
            del self._tasks[url]
