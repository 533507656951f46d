"""Typed wrappers of the contracts: calls are built without a request, views ask the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.bindings.aggregator_source import AggregatorSource
    from peersettle.bindings.oracle import GRID, HistoryEntry, Oracle, Reading, Running, bundle
    from peersettle.bindings.settlement import RawProblem, Settlement
    from peersettle.bindings.token import Token
    from peersettle.chain.calls import Call

_HOME = {
    "AggregatorSource": "peersettle.bindings.aggregator_source",
    "Call": "peersettle.chain.calls",
    "GRID": "peersettle.bindings.oracle",
    "HistoryEntry": "peersettle.bindings.oracle",
    "Oracle": "peersettle.bindings.oracle",
    "RawProblem": "peersettle.bindings.settlement",
    "Reading": "peersettle.bindings.oracle",
    "Running": "peersettle.bindings.oracle",
    "Settlement": "peersettle.bindings.settlement",
    "Token": "peersettle.bindings.token",
    "bundle": "peersettle.bindings.oracle",
}

__all__ = [
    "AggregatorSource",
    "Call",
    "GRID",
    "HistoryEntry",
    "Oracle",
    "RawProblem",
    "Reading",
    "Running",
    "Settlement",
    "Token",
    "bundle",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
