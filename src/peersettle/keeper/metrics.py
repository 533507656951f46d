"""What a keeper counts, for Prometheus, and the server that shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All in a registry of their own, so that two keepers in one process do not collide."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"peersettle_keeper_{name}", what, labels, registry=self.registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"peersettle_keeper_{name}", what, labels, registry=self.registry)

        self.looks = counter("looks", "Looks at the chain", "outcome")
        self.reorganisations = counter("reorganisations", "Times that the chain was not what it had been")
        self.decisions = counter("decisions", "Decisions", "kind", "acts")
        self.actions = counter("actions", "What was sent", "kind", "outcome")
        self.refused = counter("refused", "Calls that a contract refused, by its reason", "kind", "reason")
        self.gas_spent = counter("gas_spent", "Wei spent on gas")
        self.purchases = counter("purchases", "Purchases", "kind")
        self.hedges = counter("hedges", "Times that the hedge was told", "outcome")
        self.accounts = gauge("accounts", "Accounts in the mirror")
        self.below = gauge("accounts_below_maintenance", "Accounts that looked to be below maintenance")
        self.block = gauge("block", "The last block that was looked at")
        self.behind = gauge("last_look_seconds", "When the last look was, Unix seconds")
        self.scan_seconds = gauge("scan_seconds", "How long the last scan took")
        self.inventory = gauge("inventory", "Our initial requirement, settlement currency")
        self.cash = gauge("cash", "Our cash in the Ledger, settlement currency")
        self.gas_price = gauge("gas_price_gwei", "What gas costs")
        self.unvalued = gauge("markets_unvalued", "Markets that cannot be valued now")

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)


class MetricsServer:
    """`/metrics`, and `/health`: 200 while looks succeed, else 503."""

    def __init__(self, metrics: Metrics, is_well: Callable[[], bool]) -> None:
        self._metrics, self._is_well = metrics, is_well
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen; the URL. Port 0 takes a free one.

        Raises:
            OSError: the address is in use or not ours.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._show)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            await self.stop()
            raise
        bound = self._runner.addresses[0]
        return f"http://[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"http://{bound[0]}:{bound[1]}"

    async def stop(self) -> None:
        """Stop listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _health(self, _: web.Request) -> web.Response:
        is_well = self._is_well()
        return web.json_response({"well": is_well}, status=200 if is_well else 503)
