"""Rounds onto the chain: when one is due, from whichever reporters have it. Anybody can do this; no trust is needed.

A round is due when the feed has no value yet, when its value is older than the heartbeat, when the median is farther
from it than the deviation, or when the feed has a candidate: that must be followed by a round at once, to be confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, Protocol

import structlog

from peersettle.chain.calls import Call
from peersettle.errors import ChainError, PeerSettleError, Reverted, SourceError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.client import ReportClient
from peersettle.oracle.clock import Clock
from peersettle.oracle.metrics import Metrics, Reading
from peersettle.reports import Batch, CoSigned, Feed, Observation, ReporterSet, Round
from peersettle.reports.feed import PPM
from peersettle.types import Address

_log = structlog.get_logger("peersettle.oracle")


class OracleContract(Protocol):
    """What we need of the contract; `peersettle.bindings.Oracle` is one."""

    def read(self, feed: Feed) -> Reading:
        """What is confirmed, and what waits."""
        ...

    def update(self, round: Round) -> Call:
        """The call that takes a round."""
        ...

    def update_batch(self, signed: CoSigned, reporters: ReporterSet) -> Call:
        """The call that takes a batch."""
        ...

    def reporter_set(self) -> ReporterSet:
        """The members in force."""
        ...


class Sender(Protocol):
    """What we need of whoever sends; `peersettle.chain.TransactionSender` is one."""

    def send(self, call: Call) -> Any:
        """Send and wait until it is included."""
        ...


class Outcome(StrEnum):
    """What came of one look at a feed."""

    SENT = "sent"
    TAKEN = "taken"  # another submitter was first
    NOT_DUE = "not_due"
    NO_ROUND = "no_round"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Policy:
    """When a feed's round is due: after `heartbeat` seconds, or `deviation` ppm from the confirmed value."""

    heartbeat: int = 60
    deviation: int = 2_000

    def reason(self, reading: Reading, value: int, slot: int) -> str | None:
        """Why a round of this median and slot is due; None when it is not."""
        if reading.observed_at == 0:
            return "first"
        if reading.candidate:
            return "candidate"
        if slot - reading.observed_at >= self.heartbeat:
            return "heartbeat"
        if abs(value - reading.value) * PPM >= reading.value * self.deviation:
            return "deviation"
        return None


@dataclass(frozen=True, slots=True)
class Submission:
    """One look at one feed: what came of it, and why."""

    feed: Feed
    outcome: Outcome
    why: str
    slot: int | None = None
    value: int | None = None
    tx_hash: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "feed": self.feed.name,
            "outcome": str(self.outcome),
            "why": self.why,
            "slot": self.slot,
            "value": None if self.value is None else str(self.value),
            "tx_hash": self.tx_hash,
        }


class Submitter:
    """Submits the feeds of `policies`, with the reports of `book` and of the reporters at `peers`."""

    def __init__(
        self,
        oracle: OracleContract,
        sender: Sender | None,
        book: ReportBook,
        policies: Mapping[Feed, Policy],
        *,
        client: ReportClient,
        peers: Sequence[str],
        clock: Clock,
        metrics: Metrics | None = None,
    ) -> None:
        self.book: Final = book
        self._oracle, self._sender, self._policies = oracle, sender, dict(policies)
        self._client, self._peers = client, tuple(peers)
        self._clock, self._metrics = clock, metrics or Metrics()

    async def run(self, poll: float = 1.0, refresh: float = 60.0) -> None:
        """Look at every feed each `poll` seconds, and at the reporter set each `refresh`, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(refresh, self.refresh_reporters))
            for feed in self._policies:
                group.create_task(self._every(poll, partial(self.submit, feed)))

    async def submit_once(self) -> list[Submission]:
        """Look at every feed once. Nothing that goes wrong with one hinders the others."""
        return list(await asyncio.gather(*(self.submit(feed) for feed in self._policies)))

    async def submit(self, feed: Feed) -> Submission:
        """Look at one feed, and send its newest round when that is due."""
        try:
            done = await self._submit(feed)
        except Reverted as error:
            done = self._reverted(feed, error)
        except PeerSettleError as error:
            done = Submission(feed, Outcome.FAILED, error.message)
        except Exception as error:  # a defect must not end the daemon
            _log.exception("a submission failed in an unforeseen way", feed=feed.name)
            done = Submission(feed, Outcome.FAILED, type(error).__name__)
        self._metrics.submissions.labels(feed.name, str(done.outcome)).inc()
        if done.outcome is Outcome.FAILED:
            _log.warning("round not submitted", **done.to_json())
        elif done.outcome in (Outcome.SENT, Outcome.TAKEN):
            _log.info("round submitted", **done.to_json())
        return done

    async def submit_batch(self, feeds: Sequence[Feed]) -> Submission:
        """Have k reporters sign one digest over these feeds' newest common slot, and send that.

        Raises:
            SourceError: there is no slot of which all feeds have a round, or fewer than k reporters signed.
            ChainError: as `TransactionSender.send`.
        """
        for feed in feeds:
            await self._collect(feed)
        slot = min((self.book.newest(feed) or 0 for feed in feeds), default=0)
        rounds = [self._round(feed, slot) for feed in feeds]
        if None in rounds:
            raise SourceError(f"not all of {', '.join(feed.name for feed in feeds)} have a round of slot {slot}")
        observations = tuple(Observation(r.report.feed, r.median, r.spread) for r in rounds if r is not None)
        document = CoSigned(self.book.domain, Batch(observations, slot), {})
        reports = [report for feed in feeds for report in self.book.reports(feed, slot)]
        signatures: dict[Address, bytes] = {}
        for url in self._peers:
            if len(signatures) == self.book.reporters.threshold:
                break
            try:
                for start in range(0, len(reports), 64):
                    await self._client.push(url, reports[start : start + 64])
                who, signature = await self._client.cosign(url, document)
                CoSigned(self.book.domain, document.message, {who: signature}).verify()
                self.book.reporters.index(who)
                signatures[who] = signature
            except PeerSettleError as error:
                _log.warning("a reporter did not sign the batch", why=error.message)
        signed = CoSigned(self.book.domain, document.message, signatures)
        receipt = await self._send(self._oracle.update_batch(signed, self.book.reporters))
        return Submission(feeds[0], Outcome.SENT, "batch", slot, None, getattr(receipt, "tx_hash", None))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await work()
            await self._clock.sleep(seconds)

    async def _submit(self, feed: Feed) -> Submission:
        reading = await asyncio.to_thread(self._oracle.read, feed)
        now = self._clock.now()
        self._metrics.read(feed, reading, now)
        last = max(reading.observed_at, reading.candidate_at)
        if self._is_behind(feed, now):
            await self._collect(feed)
        slot = self.book.newest(feed)
        if slot is not None and slot <= last:
            return Submission(feed, Outcome.NOT_DUE, "the chain has this slot", slot)
        made = self._round(feed, slot)
        if made is None:
            held = len(self.book.reports(feed, slot)) if slot is not None else 0
            threshold = self.book.reporters.threshold
            return Submission(feed, Outcome.NO_ROUND, f"{held} of {threshold} reports", slot)
        value, slot = made.median, made.report.observed_at
        why = self._policies[feed].reason(reading, value, slot)
        if why is None:
            return Submission(feed, Outcome.NOT_DUE, "neither old nor far off", slot, value)
        if now - slot > feed.max_age:
            return Submission(feed, Outcome.NO_ROUND, f"the newest round is {now - slot:.0f} s old", slot, value)
        receipt = await self._send(self._oracle.update(made))
        return Submission(feed, Outcome.SENT, why, slot, value, getattr(receipt, "tx_hash", None))

    def _is_behind(self, feed: Feed, now: float) -> bool:
        newest = self.book.newest(feed)
        full = newest is not None and len(self.book.reports(feed, newest)) >= self.book.reporters.threshold
        return not full or newest != feed.slot_of(now)

    async def _collect(self, feed: Feed) -> None:
        """Ask all peers at once for their newest reports; each is verified before it counts."""
        answers = await asyncio.gather(*(self._fetched(url, feed) for url in self._peers))
        now = self._clock.now()
        for report in (report for reports in answers for report in reports):
            refusal = self.book.accept(report, now)
            if refusal is not None and refusal != "duplicate":
                self._metrics.refused.labels(str(refusal)).inc()

    async def _fetched(self, url: str, feed: Feed) -> Sequence[Any]:
        try:
            return await self._client.fetch(url, feed)
        except SourceError as error:
            _log.warning("a reporter did not answer", feed=feed.name, why=error.message)
            return ()

    def _round(self, feed: Feed, slot: int | None) -> Round | None:
        reports = self.book.reports(feed, slot) if slot is not None else []
        threshold = self.book.reporters.threshold
        return Round.of(self.book.reporters, reports, threshold) if len(reports) >= threshold else None

    async def _send(self, call: Call) -> Any:
        if self._sender is None:
            return None
        return await asyncio.to_thread(self._sender.send, call)

    def _reverted(self, feed: Feed, error: Reverted) -> Submission:
        reason = error.reason or error.values.get("reason")
        if reason == "old":
            return Submission(feed, Outcome.TAKEN, "another submitter was first", self.book.newest(feed))
        return Submission(feed, Outcome.FAILED, error.message, self.book.newest(feed))

    async def refresh_reporters(self) -> None:
        """Ask the contract who counts now; what cannot be learned stays as it was."""
        try:
            self.book.reporters = await asyncio.to_thread(self._oracle.reporter_set)
        except (ChainError, PeerSettleError) as error:
            _log.warning("the reporter set cannot be read", why=error.message)
