"""What a keeper counts, for Prometheus, and the server that shows it."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from peersettle.service.http import HttpService
from peersettle.service.metrics import MetricSet


class Metrics(MetricSet):
    """All that is counted."""

    def __init__(self) -> None:
        super().__init__("keeper")
        counter, gauge = self.counter, self.gauge
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


class MetricsServer(HttpService):
    """`/metrics`, and `/health`: 200 while looks succeed, else 503."""

    def __init__(self, metrics: Metrics, is_well: Callable[[], bool]) -> None:
        self._metrics, self._is_well = metrics, is_well

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics.show)
        app.router.add_get("/health", self._health)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        is_well = self._is_well()
        return web.json_response({"well": is_well}, status=200 if is_well else 503)
