"""The local HTTP API of a node, and its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.api.app import create_app
    from peersettle.api.client import Peer, Quotes, connect

_HOME = {"Peer": "client", "Quotes": "client", "connect": "client", "create_app": "app"}

__all__ = ["Peer", "Quotes", "connect", "create_app"]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for: a client needs no server, and a server no client."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
