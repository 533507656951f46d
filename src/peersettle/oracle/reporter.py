"""The reporter: for every slot of every feed, observe, combine, note, sign, publish.

The value is noted on disk before it is signed, so that neither a crash nor a clock that jumps back makes us sign two
values for one slot. Nothing that a source or a peer does ends the daemon; a slot that fails is logged and left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from peersettle.errors import PeerSettleError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.journal import Journal
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.observer import Observed, Observer
from peersettle.oracle.peers import PeerPush
from peersettle.oracle.signing import sign_report
from peersettle.reports import Feed, Report, SignedReport
from peersettle.service.clock import Clock
from peersettle.signing import DigestSigner, Signer

_log = structlog.get_logger("peersettle.oracle")


@dataclass(frozen=True, slots=True)
class Step:
    """What one slot of one feed came to; `signed` is None when there was no value, or it could not be signed."""

    observed: Observed
    signed: SignedReport | None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        report = self.signed.to_json() if self.signed is not None else None
        return {**self.observed.to_json(), "problem": self.problem, "report": report}


class Reporter:
    """Signs as `signer` what the `observers` see. Build it with `peersettle.oracle.daemon` for a whole process."""

    def __init__(
        self,
        signer: Signer,
        observers: Sequence[Observer],
        book: ReportBook,
        journal: Journal,
        *,
        clock: Clock,
        metrics: Metrics | None = None,
        peers: PeerPush | None = None,
    ) -> None:
        self.book: Final = book
        self._signer, self._observers, self._journal = signer, tuple(observers), journal
        self._clock, self._metrics, self._peers = clock, metrics or Metrics(), peers
        self._signing = asyncio.Lock()

    async def run(self) -> None:
        """Go on until cancelled."""
        if self._signer.address not in self.book.reporters.members:
            _log.warning("we are no member of the contract's reporters: nobody will take our reports")
        async with asyncio.TaskGroup() as group:
            for observer in self._observers:
                group.create_task(self._follow(observer))

    async def run_once(self) -> list[Step]:
        """The slot that is running now, of every feed."""
        now = self._clock.now()
        return list(await asyncio.gather(*(self.step(each, each.feed.slot_of(now)) for each in self._observers)))

    async def step(self, observer: Observer, slot: int) -> Step:
        """One slot of one feed. Publishing goes on in the background.

        A slot that was signed before keeps its value, whatever the sources say now.
        """
        feed = observer.feed
        observed = await observer.observe(slot)
        if observed.combined.value is None:
            return self._unsigned(observed, "no_value", observed.combined.problem)
        try:
            signed = await self._sign(feed, slot, observed.combined.value)
        except PeerSettleError as error:
            return self._unsigned(observed, type(error).__name__, error.message)
        self.book.accept(signed, self._clock.now())
        if self._peers is not None:
            self._peers.offer(signed)
        self._metrics.signed_report(feed, signed.report.value, slot)
        _log.info("report signed", feed=feed.name, slot=slot, value=str(signed.report.price))
        return Step(observed, signed)

    async def _follow(self, observer: Observer) -> None:
        feed = observer.feed
        slot = feed.slot_of(self._clock.now()) + feed.slot
        while True:
            await self._clock.sleep(slot - self._clock.now())
            now = self._clock.now()
            if now < slot:  # woken early, or the clock was set back
                continue
            if feed.slot_of(now) != slot:
                _log.warning("slots missed", feed=feed.name, since=slot, until=feed.slot_of(now))
                slot = feed.slot_of(now)
            try:
                await self.step(observer, slot)
            except Exception as error:  # a defect must not end the daemon
                self._metrics.unsigned.labels(feed.name, "defect").inc()
                _log.exception("a slot failed in an unforeseen way", feed=feed.name, error=type(error).__name__)
            slot += feed.slot

    async def _sign(self, feed: Feed, slot: int, value: int) -> SignedReport:
        domain = self.book.domain
        key = f"report:{domain.chain_id}:{domain.oracle}:{self._signer.address}:{feed.id.hex()}"
        async with self._signing:
            claimed = int(self._journal.claim(key, slot, str(value)))
            report = Report(feed, claimed, slot)
            if isinstance(self._signer, DigestSigner):
                return sign_report(self._signer, domain, report)
            return await asyncio.to_thread(sign_report, self._signer, domain, report)

    def _unsigned(self, observed: Observed, reason: str, problem: str) -> Step:
        self._metrics.unsigned.labels(observed.feed.name, reason).inc()
        _log.warning("nothing signed", feed=observed.feed.name, slot=observed.slot, why=problem)
        return Step(observed, None, problem)
