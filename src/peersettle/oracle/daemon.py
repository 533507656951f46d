"""Whole processes as the settings describe them: a reporter with its server, and a submitter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
import structlog

from peersettle.config import OracleSettings
from peersettle.errors import ConfigError, PeerSettleError
from peersettle.oracle.attesters import Attesters
from peersettle.oracle.book import ReportBook
from peersettle.oracle.client import ReportClient
from peersettle.oracle.combine import Rules
from peersettle.oracle.cosign import CoSigner, SurfaceView
from peersettle.oracle.journal import Journal
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.observer import Observer
from peersettle.oracle.peers import PeerPush
from peersettle.oracle.reporter import Reporter
from peersettle.oracle.server import ReportServer
from peersettle.oracle.sources import Caller, Surroundings, build_sources
from peersettle.oracle.submitter import OracleContract, Policy, Sender, Submitter
from peersettle.oracle.surfaces import SurfaceFiles
from peersettle.reports import OracleDomain, ReporterSet
from peersettle.service.clock import Clock, SystemClock
from peersettle.signing import Signer

REFRESH: Final = 60.0
"""Seconds between two looks at the contract's reporter set."""

USER_AGENT: Final = "peersettle"
_log = structlog.get_logger("peersettle.oracle")


@dataclass(frozen=True)
class World:
    """Time, chance and the chain, as they are passed in. `chain` is called only where a source reads a contract."""

    chain: Callable[[], Caller]
    clock: Clock
    random: Callable[[], float]

    @classmethod
    def real(cls, chain: Callable[[], Caller]) -> World:
        """The machine's clock and its randomness."""
        return cls(chain, SystemClock(), random.SystemRandom().random)


@dataclass
class Daemon:
    """A running reporter: `url` is where it serves."""

    reporter: Reporter
    metrics: Metrics
    book: ReportBook
    url: str
    peers: PeerPush

    async def run(self, reporter_set: Callable[[], ReporterSet] | None = None, clock: Clock | None = None) -> None:
        """Report until cancelled, and follow the contract's reporter set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.reporter.run())
            if reporter_set is not None:
                group.create_task(self._refresh(reporter_set, clock or SystemClock()))

    async def _refresh(self, reporter_set: Callable[[], ReporterSet], clock: Clock) -> None:
        while True:
            await clock.sleep(REFRESH)
            try:
                self.book.reporters = await asyncio.to_thread(reporter_set)
            except PeerSettleError as error:
                _log.warning("the reporter set cannot be read", why=error.message)


def rules_of(settings: OracleSettings) -> Rules:
    """How samples become a value."""
    return Rules(
        min_classes=settings.min_classes,
        mad_factor=settings.mad_factor,
        mad_floor_ppm=settings.mad_floor_ppm,
        max_disagreement_ppm=settings.max_disagreement_ppm,
    )


def observers_of(
    settings: OracleSettings, session: aiohttp.ClientSession, world: World, metrics: Metrics
) -> list[Observer]:
    """One for each feed.

    Raises:
        ConfigError: no feed, or a feed whose sources are of too few classes ever to make a value.
    """
    if not settings.feeds:
        raise ConfigError("the settings name no feed; add [[oracle.feeds]]", key="oracle.feeds")
    around = Surroundings(session, world.clock, world.random, world.chain, settings.observe_timeout)
    observers = []
    for item in settings.feeds:
        sources = build_sources(item.sources, around)
        classes = {source.source_class for source in sources}
        if len(classes) < settings.min_classes:
            raise ConfigError(
                f"{item.name} has sources of {len(classes)} classes ({', '.join(sorted(classes)) or 'none'}); a value "
                f"takes {settings.min_classes}",
                key="oracle.feeds",
            )
        observers.append(
            Observer(
                item.feed,
                sources,
                clock=world.clock,
                rules=rules_of(settings),
                metrics=metrics,
                timeout=settings.observe_timeout,
            )
        )
    return observers


@asynccontextmanager
async def http_session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session for sources and peers: no cookies, a bounded pool."""
    connector = aiohttp.TCPConnector(limit=100, limit_per_host=8)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": USER_AGENT}
    ) as session:
        yield session


@asynccontextmanager
async def reporter_daemon(
    settings: OracleSettings,
    signer: Signer,
    domain: OracleDomain,
    reporters: ReporterSet,
    world: World,
    *,
    surface_view: SurfaceView | None = None,
    serve: bool = True,
) -> AsyncIterator[Daemon]:
    """A reporter that is ready to run, serving unless `serve` is false; all of it is shut down on leaving.

    Its own surfaces are those of the settings' files, unless `surface_view` gives them.

    Raises:
        ConfigError: the settings cannot be used, or the address to listen on is taken.
        StoreError: the state cannot be used, as when another reporter uses it.
    """
    metrics = Metrics()
    feeds = [item.feed for item in settings.feeds]
    surfaces = [item.feed for item in settings.surfaces]
    book = ReportBook(domain, feeds, reporters, surfaces=surfaces, keep=settings.keep_slots)
    surface_view = surface_view or surface_files(settings, metrics)
    for feed in surfaces:  # what is wrong with a file shows at the start, and numpy is loaded before anybody waits
        await asyncio.to_thread(surface_view, feed, feed.slot_of(world.clock.now()))
    with Journal(settings.state) as journal:
        async with http_session() as session:
            observers = observers_of(settings, session, world, metrics)
            client = ReportClient(session, timeout=settings.peer_timeout)
            push = PeerPush(settings.peers, client, clock=world.clock, random=world.random, metrics=metrics)
            reporter = Reporter(signer, observers, book, journal, clock=world.clock, metrics=metrics, peers=push)
            cosigner = CoSigner(
                signer, book, journal, surface_view=surface_view, tolerance_ppm=settings.surface_tolerance_ppm
            )
            server = ReportServer(book, clock=world.clock, metrics=metrics, cosigner=cosigner)
            try:
                url = await server.start_as_set(settings.address, "oracle.listen") if serve else ""
                yield Daemon(reporter, metrics, book, url, push)
            finally:
                await push.stop()
                await server.stop()


@asynccontextmanager
async def submitter_daemon(
    settings: OracleSettings,
    oracle: OracleContract,
    sender: Sender | None,
    domain: OracleDomain,
    reporters: ReporterSet,
    clock: Clock,
    *,
    peers: Sequence[str] = (),
    attesters: Attesters | None = None,
) -> AsyncIterator[Submitter]:
    """A submitter of the settings' feeds, from `peers` or else the settings' own. Without a sender nothing is sent.

    `attesters` finds the members that are contracts; without it they are left out.
    """
    if not settings.feeds and not settings.surfaces:
        raise ConfigError("the settings name no feed; add [[oracle.feeds]]", key="oracle.feeds")
    policies = {item.feed: Policy(item.heartbeat, item.deviation) for item in settings.feeds}
    surfaces = [item.feed for item in settings.surfaces]
    book = ReportBook(domain, policies, reporters, surfaces=surfaces, keep=settings.keep_slots)
    async with http_session() as session:
        client = ReportClient(session, timeout=settings.peer_timeout)
        yield Submitter(
            oracle,
            sender,
            book,
            policies,
            client=client,
            peers=peers or settings.peers,
            clock=clock,
            metrics=Metrics(),
            attesters=attesters,
        )


def surface_files(settings: OracleSettings, metrics: Metrics | None = None) -> SurfaceFiles:
    """The settings' own surfaces."""
    return SurfaceFiles({item.feed: item.path for item in settings.surfaces}, metrics)
