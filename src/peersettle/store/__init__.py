"""The local record: signed documents, their settlements, and sent transactions, in one SQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.store.database import SCHEMA_VERSION
    from peersettle.store.records import (
        DocumentRecord,
        OutboxRecord,
        OutboxStatus,
        SettlementRecord,
        SettlementStatus,
        TradeRecord,
    )
    from peersettle.store.store import Store

_HOME = {
    "DocumentRecord": "records",
    "OutboxRecord": "records",
    "OutboxStatus": "records",
    "SettlementRecord": "records",
    "SettlementStatus": "records",
    "TradeRecord": "records",
    "SCHEMA_VERSION": "database",
    "Store": "store",
}

__all__ = [
    "Store",
    "SCHEMA_VERSION",
    "DocumentRecord",
    "OutboxRecord",
    "OutboxStatus",
    "SettlementRecord",
    "SettlementStatus",
    "TradeRecord",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for, since the database library takes a while to import."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
