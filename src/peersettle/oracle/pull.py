"""Pull instead of push: fetch what reporters have signed, and put it in front of one's own call, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog

from peersettle.bindings import bundle
from peersettle.errors import NotDeployed, SourceError
from peersettle.oracle.book import ReportBook
from peersettle.oracle.client import ReportClient
from peersettle.reports import Feed, Round
from peersettle.service.clock import Clock, SystemClock

if TYPE_CHECKING:
    from peersettle.bindings import Oracle
    from peersettle.chain import Call, Deployment

_log = structlog.get_logger("peersettle.oracle")


async def fetch_rounds(
    oracle: Oracle,
    feeds: Iterable[Feed],
    urls: Sequence[str],
    *,
    slots: int = 2,
    timeout: float = 3.0,
    clock: Clock | None = None,
) -> list[Round]:
    """The newest round of every feed whose value on the chain is more than `slots` slots old, or waits for a candidate.

    Every report is verified here: the reporters at `urls` are asked, not trusted. Of more than k reports, the k that
    lie nearest to the median of all make the round.

    Raises:
        SourceError: a feed needs a round, and too few reporters have a report of one slot that is newer.
        InputError: the contract's reporters cannot be learned from its events.
    """
    import aiohttp

    clock = clock or SystemClock()
    wanted = list(dict.fromkeys(feeds))
    reporters, readings = await asyncio.gather(
        asyncio.to_thread(oracle.reporter_set),
        asyncio.gather(*(asyncio.to_thread(oracle.read, feed) for feed in wanted)),
    )
    now = clock.now()
    stale = [
        (feed, max(reading.observed_at, reading.candidate_at))
        for feed, reading in zip(wanted, readings, strict=True)
        if reading.candidate or now - reading.observed_at > slots * feed.slot
    ]
    if not stale:
        return []
    book = ReportBook(oracle.domain, [feed for feed, _ in stale], reporters)
    async with aiohttp.ClientSession() as session:
        client = ReportClient(session, timeout=timeout)
        await asyncio.gather(*(_collect(client, urls, feed, book, now) for feed, _ in stale))
    return [_newest(book, feed, last) for feed, last in stale]


def in_front(call: Call, rounds: Sequence[Round], oracle: Oracle, deployment: Deployment) -> Call:
    """The call with these rounds before it, in one transaction; the call itself where there is none.

    A round that the contract refuses, most often because another was faster, does not stop the call. The call is made
    by the Bundle, so it must be one that anybody may make.

    Raises:
        NotDeployed: no Bundle is on record.
        InputError: more than eight rounds.
    """
    if not rounds:
        return call
    if deployment.bundle is None:
        raise NotDeployed(
            f"chain {deployment.chain_id} has no Bundle on record; run `peersettle oracle deploy`",
            chain_id=deployment.chain_id,
        )
    return bundle(deployment.bundle, [oracle.update(made) for made in rounds], call)


async def with_prices(
    call: Call, feeds: Iterable[Feed], urls: Sequence[str], *, oracle: Oracle, deployment: Deployment
) -> Call:
    """`fetch_rounds` and `in_front` in one: the call behind fresh prices of these feeds."""
    return in_front(call, await fetch_rounds(oracle, feeds, urls), oracle, deployment)


async def _collect(client: ReportClient, urls: Sequence[str], feed: Feed, book: ReportBook, now: float) -> None:
    for report in await client.fetch_all(urls, feed):
        refusal = book.accept(report, now)
        if refusal is not None and refusal != "duplicate":
            _log.warning("a report was refused", feed=feed.name, reporter=report.reporter, why=str(refusal))


def _newest(book: ReportBook, feed: Feed, last: int) -> Round:
    slot = book.newest(feed)
    reports = [] if slot is None or slot <= last else book.reports(feed, slot)
    threshold = book.reporters.threshold
    if len(reports) < threshold:
        raise SourceError(
            f"{feed.name}: {len(reports)} of {threshold} reports of a slot after {last}; ask more reporters, or wait",
            kind="no_round",
            feed=feed.name,
        )
    return Round.of(book.reporters, reports, threshold)
