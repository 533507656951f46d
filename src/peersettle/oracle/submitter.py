"""Rounds onto the chain: when one is due, from whichever reporters have it. Anybody can do this; no trust is needed.

A round is due when the feed has no value yet, when its value is older than the heartbeat, when the median is farther
from it than the deviation, or when the feed has a candidate: that must be followed by a round at once, to be confirmed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from peersettle.chain.calls import Call
from peersettle.errors import InputError, PeerSettleError, Reverted, SourceError
from peersettle.oracle.attesters import Attesters
from peersettle.oracle.book import ReportBook
from peersettle.oracle.client import ReportClient
from peersettle.oracle.cosignatures import Gathered, gather_cosignatures
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.submission import OracleContract, Outcome, Policy, Sender, Submission
from peersettle.oracle.surfaces import SurfaceFiles
from peersettle.reports import Attestation, Batch, CoSigned, Feed, Observation, Round, SignedReport, SurfaceReport
from peersettle.reports.messages import MAX_FEEDS
from peersettle.service.clock import Clock

__all__ = ["OracleContract", "Outcome", "Policy", "Sender", "Submission", "Submitter"]

_log = structlog.get_logger("peersettle.oracle")


@dataclass(frozen=True, slots=True)
class _Due:
    """A round that must be sent, and why."""

    round: Round
    why: str


class Submitter:
    """Submits the feeds of `policies`, with the reports of `book` and of the reporters at `peers`.

    Without a `sender` nothing is sent and nobody signs. With `attesters`, members that are contracts fill up a round of
    the running slot that has too few signed reports.
    """

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
        attesters: Attesters | None = None,
    ) -> None:
        self.book: Final = book
        self._oracle, self._sender, self._policies = oracle, sender, dict(policies)
        self._client, self._peers = client, tuple(peers)
        self._clock, self._metrics = clock, metrics or Metrics()
        self._attesters = attesters
        self._last: dict[Feed, int] = {}

    async def run(self, poll: float = 1.0, refresh: float = 60.0, *, batch: bool = False) -> None:
        """Look at every feed each `poll` seconds, and at the reporter set each `refresh`, until cancelled."""
        looks: list[Callable[[], Awaitable[object]]] = (
            [partial(self._submit_group, feeds) for feeds in self._groups()]
            if batch
            else [partial(self.submit, feed) for feed in self._policies]
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(refresh, self.refresh_reporters))
            for look in looks:
                group.create_task(self._every(poll, look))

    async def submit_once(self) -> list[Submission]:
        """Look at every feed once. Nothing that goes wrong with one hinders the others."""
        return list(await asyncio.gather(*(self.submit(feed) for feed in self._policies)))

    async def submit(self, feed: Feed) -> Submission:
        """Look at one feed, and send its newest round when that is due."""
        return self._told(await self._guarded(feed, self._submit(feed)))

    async def submit_batches(self) -> list[Submission]:
        """Look at every feed once; where one is due, all with its slot length that have a round go with it as a batch.

        Where fewer than k reporters sign the batch, or the chain refuses it, the feeds that are due go one by one.
        """
        done = await asyncio.gather(*(self._submit_group(feeds) for feeds in self._groups()))
        return [item for items in done for item in items]

    async def submit_batch(self, feeds: Sequence[Feed]) -> Submission:
        """Have k reporters sign one digest over these feeds' newest common slot, and send that.

        Raises:
            SourceError: there is no slot of which all feeds have a round, or fewer than k reporters signed.
            ChainError: as `TransactionSender.send`.
        """
        await asyncio.gather(*(self._collect(feed) for feed in feeds))
        return (await self._send_batch(feeds, min((self.book.newest(feed) or 0 for feed in feeds), default=0)))[0]

    async def submit_surface(self, feed: Feed, files: SurfaceFiles) -> Submission:
        """Propose our own surface for the running slot, and send it with the signatures of k reporters."""
        return self._told(await self._guarded(feed, self._submit_surface(feed, files)))

    async def _guarded(self, feed: Feed, work: Awaitable[Submission]) -> Submission:
        try:
            return await work
        except Reverted as error:
            return self._reverted(feed, error)
        except PeerSettleError as error:
            return Submission(feed, Outcome.FAILED, error.message)
        except Exception as error:  # a defect must not end the daemon
            _log.exception("a submission failed in an unforeseen way", feed=feed.name)
            return Submission(feed, Outcome.FAILED, type(error).__name__)

    def _told(self, done: Submission) -> Submission:
        self._metrics.submissions.labels(done.feed.name, str(done.outcome)).inc()
        if done.outcome is Outcome.FAILED:
            _log.warning("round not submitted", **done.to_json())
        elif done.outcome in (Outcome.SENT, Outcome.TAKEN):
            _log.info("round submitted", **done.to_json())
        return done

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await work()
            await self._clock.sleep(seconds)

    async def _submit(self, feed: Feed) -> Submission:
        look = await self._look(feed)
        return await self._send_round(feed, look) if isinstance(look, _Due) else look

    async def _look(self, feed: Feed) -> _Due | Submission:
        reading = await asyncio.to_thread(self._oracle.read, feed)
        now = self._clock.now()
        self._metrics.read(feed, reading, now)
        self._last[feed] = last = max(reading.observed_at, reading.candidate_at)
        if self._is_behind(feed, now):
            await self._collect(feed)
        newest = self.book.newest(feed)
        made = self._round(feed, newest)
        if made is None or made.report.observed_at <= last:
            made = await self._attested(feed, feed.slot_of(now), last) or made
        slot = made.report.observed_at if made is not None else newest
        if slot is not None and slot <= last:
            return Submission(feed, Outcome.NOT_DUE, "the chain has this slot", slot)
        if made is None or slot is None:
            held = len(self.book.reports(feed, slot)) if slot is not None else 0
            return Submission(feed, Outcome.NO_ROUND, f"{held} of {self.book.reporters.threshold} reports", slot)
        why = self._policies[feed].reason(reading, made.median, slot)
        if why is None:
            return Submission(feed, Outcome.NOT_DUE, "neither old nor far off", slot, made.median)
        if now - slot > feed.max_age:
            why = f"the newest round is {now - slot:.0f} s old"
            return Submission(feed, Outcome.NO_ROUND, why, slot, made.median)
        return _Due(made, why)

    async def _send_round(self, feed: Feed, due: _Due) -> Submission:
        tx_hash = await self._send(self._oracle.update(due.round))
        return Submission(feed, Outcome.SENT, due.why, due.round.report.observed_at, due.round.median, tx_hash)

    def _groups(self) -> list[list[Feed]]:
        groups: dict[int, list[Feed]] = {}
        for feed in self._policies:
            groups.setdefault(feed.slot, []).append(feed)
        return list(groups.values())

    async def _submit_group(self, feeds: Sequence[Feed]) -> list[Submission]:
        due: dict[Feed, int] = {}
        done: dict[Feed, Submission] = {}

        async def look(feed: Feed) -> Submission:
            found = await self._look(feed)
            if isinstance(found, Submission):
                return found
            due[feed] = found.round.report.observed_at
            return Submission(feed, Outcome.NO_ROUND, found.why, due[feed], found.round.median)

        looks = await asyncio.gather(*(self._guarded(feed, look(feed)) for feed in feeds))
        slot = max(due.values(), default=0)
        ready = [feed for feed in feeds if feed in self._last and self._last[feed] < slot and self._round(feed, slot)]
        for start in range(0, len(ready), MAX_FEEDS):
            batch = ready[start : start + MAX_FEEDS]
            if len(batch) > 1 and any(feed in due for feed in batch):
                done |= {item.feed: item for item in await self._try_batch(batch, slot)}
        for feed, found in zip(feeds, looks, strict=True):
            if feed not in done:
                done[feed] = await self._guarded(feed, self._submit(feed)) if feed in due else found
        return [self._told(done[feed]) for feed in feeds]

    async def _try_batch(self, feeds: Sequence[Feed], slot: int) -> list[Submission]:
        """What was sent, or failed for good; nothing where the feeds should go one by one."""
        try:
            return await self._send_batch(feeds, slot)
        except (SourceError, InputError, Reverted) as error:
            _log.warning("no batch; the feeds that are due go one by one", slot=slot, why=error.message)
            return []
        except PeerSettleError as error:  # it may be under way, so nothing else is sent now
            return [Submission(feed, Outcome.FAILED, error.message, slot) for feed in feeds]
        except Exception as error:  # a defect must not end the daemon
            _log.exception("a batch failed in an unforeseen way", slot=slot)
            return [Submission(feed, Outcome.FAILED, type(error).__name__, slot) for feed in feeds]

    async def _send_batch(self, feeds: Sequence[Feed], slot: int) -> list[Submission]:
        rounds = [made for made in (self._round(feed, slot) for feed in feeds) if made is not None]
        if not rounds or len(rounds) < len(feeds):
            raise SourceError(f"not all of {', '.join(feed.name for feed in feeds)} have a round of slot {slot}")
        batch = Batch(tuple(Observation(made.report.feed, made.median, made.spread) for made in rounds), slot)
        reports = [report for feed in feeds for report in self.book.reports(feed, slot)]
        gathered = await self._gather(batch, reports)
        gathered.assert_enough(self.book.reporters)
        tx_hash = None
        if self._sender is not None:
            tx_hash = await self._send(self._oracle.update_batch(gathered.document, self.book.reporters))
        why = f"batch of {len(feeds)}"
        return [
            Submission(made.report.feed, Outcome.SENT, why, slot, made.median, tx_hash, gathered.answers)
            for made in rounds
        ]

    async def _submit_surface(self, feed: Feed, files: SurfaceFiles) -> Submission:
        slot = feed.slot_of(self._clock.now())
        surface = await asyncio.to_thread(files.look, feed, slot)
        kept = await asyncio.to_thread(self._oracle.surface_slice, feed, surface.slices[0].expiry)
        if any(item is not None and item[1] >= slot for item in kept):
            return Submission(feed, Outcome.NOT_DUE, "the chain has this slot", slot)
        gathered = await self._gather(surface)
        tx_hash = None
        try:
            gathered.assert_enough(self.book.reporters)
            if self._sender is not None:
                tx_hash = await self._send(self._oracle.update_surface(gathered.document, self.book.reporters))
        except SourceError as error:
            return Submission(feed, Outcome.FAILED, error.message, slot, answers=gathered.answers)
        why = f"surface of {len(surface.slices)} expiries"
        return Submission(feed, Outcome.SENT, why, slot, None, tx_hash, gathered.answers)

    async def _gather(self, message: Batch | SurfaceReport, reports: Sequence[Any] = ()) -> Gathered:
        return await gather_cosignatures(
            self._client,
            self._peers,
            CoSigned(self.book.domain, message, {}),
            self.book.reporters,
            reports=reports,
            check=self._sender is None,
        )

    def _is_behind(self, feed: Feed, now: float) -> bool:
        newest = self.book.newest(feed)
        full = newest is not None and len(self.book.reports(feed, newest)) >= self.book.reporters.threshold
        return not full or newest != feed.slot_of(now)

    async def _attested(self, feed: Feed, slot: int, last: int) -> Round | None:
        """A round of the running slot that contracts among the members fill up; None where they cannot."""
        if self._attesters is None or slot <= last:
            return None
        members = await asyncio.to_thread(self._attesters.of, self.book.reporters, feed)
        if not members:
            return None
        await self._collect(feed, slot)
        signed, threshold = self.book.reports(feed, slot), self.book.reporters.threshold
        silent = [who for who in members if who not in {report.reporter for report in signed}]
        if len(signed) >= threshold or len(signed) + len(silent) < threshold:
            return self._round(feed, slot)
        found = await asyncio.to_thread(self._attesters.attestations, self.book.domain, feed, slot, silent)
        reports: list[SignedReport | Attestation] = [*signed, *found]
        return Round.of(self.book.reporters, reports, threshold) if len(reports) >= threshold else None

    async def _collect(self, feed: Feed, slot: int | None = None) -> None:
        """Ask all peers at once for their reports, of a slot or the newest; each is verified before it counts."""
        reports = await self._client.fetch_all(self._peers, feed, slot)
        now = self._clock.now()
        for report in reports:
            refusal = self.book.accept(report, now)
            if refusal is not None and refusal != "duplicate":
                self._metrics.refused.labels(str(refusal)).inc()

    def _round(self, feed: Feed, slot: int | None) -> Round | None:
        reports = self.book.reports(feed, slot) if slot is not None else []
        threshold = self.book.reporters.threshold
        return Round.of(self.book.reporters, reports, threshold) if len(reports) >= threshold else None

    async def _send(self, call: Call) -> str | None:
        if self._sender is None:
            return None
        receipt = await asyncio.to_thread(self._sender.send, call)
        return getattr(receipt, "tx_hash", None)

    def _reverted(self, feed: Feed, error: Reverted) -> Submission:
        reason = error.reason or error.values.get("reason")
        if reason == "old":
            return Submission(feed, Outcome.TAKEN, "another submitter was first", self.book.newest(feed))
        if reason == "attest":
            why = "a member that is a contract no longer stands by its price"
            return Submission(feed, Outcome.NO_ROUND, why, self.book.newest(feed))
        return Submission(feed, Outcome.FAILED, error.message, self.book.newest(feed))

    async def refresh_reporters(self) -> None:
        """Ask the contract who counts now; what cannot be learned stays as it was."""
        if self._attesters is not None:
            self._attesters.forget()
        try:
            self.book.reporters = await asyncio.to_thread(self._oracle.reporter_set)
        except PeerSettleError as error:
            _log.warning("the reporter set cannot be read", why=error.message)
