"""anvil with an Oracle of four reporters, and venues on the loopback address whose prices a test sets."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.unit.oracle.world import ManualClock

from peersettle.bindings import Oracle
from peersettle.chain import (
    Anvil,
    Chain,
    Deployment,
    FeePolicy,
    TransactionSender,
    advance_time,
    connect,
    deploy,
    fund,
)
from peersettle.chain.deployments import deploy_oracle
from peersettle.config import OracleSettings
from peersettle.oracle.daemon import Daemon, World, reporter_daemon, submitter_daemon
from peersettle.reports import ReporterSet
from peersettle.signing import KeySigner

ETHER = 10**18
VENUES = ("north", "east", "south")


@dataclass
class Network:
    """A chain with an Oracle, a clock that runs with the chain's, venues, and reporters with keys."""

    chain: Chain
    deployment: Deployment
    sender: TransactionSender
    signers: list[KeySigner]
    home: Path
    prices: dict[str, Any] = field(default_factory=lambda: {venue: 2_000 + n for n, venue in enumerate(VENUES)})
    clock: ManualClock = field(default_factory=ManualClock)
    venues: str = ""
    surfaces: tuple[str, ...] = ()

    @property
    def oracle(self) -> Oracle:
        return Oracle(self.chain, self.deployment)

    @property
    def members(self) -> ReporterSet:
        return self.oracle.reporter_set()

    def settings(self, name: str, peers: tuple[str, ...] = (), lie: Any = 1) -> OracleSettings:
        sources = [
            {"kind": "http", "class": venue, "url": f"{self.venues}/{venue}?lie={lie}", "path": "price"}
            for venue in VENUES
        ]
        feeds = [{"name": feed, "sources": sources} for feed in ("ETH/USD", "BTC/USD")]
        data: dict[str, Any] = {"listen": "127.0.0.1:0", "peers": peers, "feeds": feeds, "state": str(self.home / name)}
        data["surfaces"] = [{"name": item, "path": str(self.surface_file(name))} for item in self.surfaces]
        return OracleSettings.model_validate(data)

    def surface_file(self, name: str) -> Path:
        return self.home / f"{name}.surface.json"

    def pass_time(self, seconds: int) -> None:
        advance_time(self.chain, seconds)
        self.clock.time = float(self.chain.block().timestamp)

    @asynccontextmanager
    async def reporter(self, number: int, peers: tuple[str, ...] = (), lie: Any = 1):
        world = World(lambda: self.chain, self.clock, lambda: 0.0)
        settings, domain = self.settings(f"reporter{number}", peers, lie), self.oracle.domain
        async with reporter_daemon(settings, self.signers[number], domain, self.members, world) as daemon:
            yield daemon

    @asynccontextmanager
    async def reporters(self, liars: dict[int, Any]):
        """All four; each hands its reports to those before it. `liars` multiply what they see."""
        async with AsyncExitStack() as stack:
            daemons: list[Daemon] = []
            for number in range(len(self.signers)):
                peers = tuple(daemon.url for daemon in daemons)
                context = self.reporter(number, peers, liars.get(number, 1))
                daemons.append(await stack.enter_async_context(context))
            yield daemons

    @asynccontextmanager
    async def submitter(self, peers, oracle=None, sender=True, attesters=None):
        oracle = oracle or self.oracle
        async with submitter_daemon(
            self.settings("submitter"),
            oracle,
            self.sender if sender else None,
            oracle.domain,
            self.members,
            self.clock,
            peers=peers,
            attesters=attesters,
        ) as made:
            yield made

    @asynccontextmanager
    async def open_venues(self):
        async def ticker(request):
            price = self.prices[request.match_info["venue"]]
            if callable(price):
                return price()
            lie = float(request.query["lie"])
            return web.json_response({"price": price if isinstance(price, str) else str(price * lie)})

        app = web.Application()
        app.router.add_get("/{venue}", ticker)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.venues = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def run(self, scenario) -> None:
        """Run a coroutine function with the venues open."""

        async def whole():
            async with self.open_venues():
                await scenario()

        asyncio.run(whole())


@pytest.fixture(scope="module")
def anvil(anvil_program: Path) -> Iterator[Chain]:
    with Anvil(program=anvil_program) as process, connect(process.url) as chain:
        yield chain


@pytest.fixture
def network(anvil: Chain, tmp_path: Path) -> Network:
    signers = sorted((KeySigner.random() for _ in range(4)), key=lambda signer: int(signer.address, 16))
    deployer = KeySigner.random()
    fund(anvil, deployer.address, 10 * ETHER)
    sender = TransactionSender(anvil, deployer, policy=FeePolicy(poll_interval=0.02))
    members = ReporterSet.of(3, [signer.address for signer in signers])
    directory = tmp_path / "deployments"
    deployment = deploy(anvil, sender, directory=directory)
    deployment = deploy_oracle(anvil, sender, deployment, members, directory=directory)
    made = Network(anvil, deployment, sender, signers, tmp_path)
    made.pass_time(15)
    return made
