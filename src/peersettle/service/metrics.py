"""Counting, for Prometheus."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class MetricSet:
    """What one service counts, in a registry of its own, so that two in one process do not collide. Names begin with
    `peersettle_` and the service's."""

    def __init__(self, service: str) -> None:
        self.registry: Final = CollectorRegistry()
        self._service = service

    def counter(self, name: str, what: str, *labels: str) -> Counter:
        """Something that only grows."""
        return Counter(f"peersettle_{self._service}_{name}", what, labels, registry=self.registry)

    def gauge(self, name: str, what: str, *labels: str) -> Gauge:
        """Something that grows and shrinks."""
        return Gauge(f"peersettle_{self._service}_{name}", what, labels, registry=self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    async def show(self, _: web.Request) -> web.Response:
        """The handler of `/metrics`."""
        return web.Response(body=self.text(), headers={"Content-Type": CONTENT_TYPE})
