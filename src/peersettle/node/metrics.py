"""What a node counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from peersettle.rfq import TakerState
from peersettle.service.metrics import MetricSet

if TYPE_CHECKING:
    from peersettle.node.node import Node


class NodeMetrics(MetricSet):
    """Read off the node when they are asked for."""

    def __init__(self, node: Node) -> None:
        super().__init__("node")
        self.registry.register(_Reading(node))


class _Reading(Collector):
    def __init__(self, node: Node) -> None:
        self._node = node

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: the node is not started when this is asked."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Negotiations by side and status, peers, and what the network has counted."""
        live = GaugeMetricFamily(
            "peersettle_node_negotiations", "Negotiations that are not over.", labels=["side", "status"]
        )
        counts: dict[tuple[str, str], int] = {}
        for state in self._node.engine.live().values():
            side = "taker" if isinstance(state, TakerState) else "maker"
            counts[side, state.status] = counts.get((side, state.status), 0) + 1
        for labels, count in counts.items():
            live.add_metric(labels, count)
        yield live
        peers = GaugeMetricFamily("peersettle_node_peers", "Peers whose card holds.")
        peers.add_metric([], len(self._node.peers.known()))
        yield peers
        messages = CounterMetricFamily("peersettle_node_network", "What has happened on the network.", labels=["what"])
        for name, count in self._node.peers.counters.items():
            messages.add_metric([name], count)
        yield messages
