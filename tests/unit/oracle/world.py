"""A clock that stands until it is moved, sources that say what they are told to, and reporters with keys."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
from aiohttp import web

from peersettle.oracle.signing import sign_report
from peersettle.oracle.sources import Sample
from peersettle.reports import Feed, OracleDomain, Report, ReporterSet
from peersettle.signing import KeySigner
from peersettle.types import address

SLOT = 1_700_000_010  # a multiple of 15
FEED = Feed("ETH/USD")
WAD = 10**18
DOMAIN = OracleDomain(31337, address("0x" + "12" * 20))
SIGNERS = sorted((KeySigner(bytes([n]) * 32) for n in range(1, 6)), key=lambda s: int(s.address, 16))
MEMBERS = ReporterSet.of(3, [signer.address for signer in SIGNERS])
assert SLOT % FEED.slot == 0


class ManualClock:
    """Time passes only when a test says so."""

    def __init__(self, now=SLOT):
        self.time = float(now)
        self._sleepers = []

    def now(self):
        return self.time

    async def sleep(self, seconds):
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, future))
        await future

    async def advance(self, seconds):
        await settle()
        self.time += seconds
        for due, future in self._sleepers:
            if due <= self.time and not future.done():
                future.set_result(None)
        self._sleepers = [(due, future) for due, future in self._sleepers if not future.done()]
        await settle()


async def settle(turns=50):
    """Let everything that can go on without waiting go on."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition):
    """Wait for what needs real sockets; a test that never gets there ends in the test's own time-out."""
    while not condition():
        await asyncio.sleep(0.001)


class Says:
    """A source that says one thing, raises it, or, given None, never answers."""

    def __init__(self, value, source_class, name=None, observed_at=SLOT, max_age=60):
        self.value, self.source_class = value, source_class
        self.name = name or source_class
        self.observed_at, self.max_age = observed_at, max_age
        self.asked = 0

    async def observe(self, at):  # noqa: ARG002
        self.asked += 1
        if self.value is None:
            await asyncio.get_running_loop().create_future()
        if isinstance(self.value, Exception):
            raise self.value
        return Sample(Decimal(str(self.value)), self.observed_at)


def honest(*prices, observed_at=SLOT):
    """One source of a class of its own for each price."""
    return [Says(price, f"venue{n}", observed_at=observed_at) for n, price in enumerate(prices)]


def signed(signer=0, price=2_000, slot=SLOT, feed=FEED, domain=DOMAIN):
    """A report of one of the five reporters."""
    key = SIGNERS[signer] if isinstance(signer, int) else signer
    return sign_report(key, domain, Report(feed, int(Decimal(str(price)) * WAD), slot))


@asynccontextmanager
async def serving(**routes):
    """A server on the loopback address: `path=handler`, where a handler gives a response or a value for JSON."""

    async def answer(request):
        handler = routes[request.match_info["name"]]
        result = handler(request) if callable(handler) else handler
        if asyncio.iscoroutine(result):
            result = await result
        return result if isinstance(result, web.StreamResponse) else web.json_response(result)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
