"""The local record: documents, settlements, sent transactions and negotiations, in one SQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peersettle.store.export import export_trades
    from peersettle.store.negotiations import Negotiations
    from peersettle.store.peers import Peers
    from peersettle.store.records import (
        BanRecord,
        CardRecord,
        DocumentRecord,
        Entry,
        NegotiationRecord,
        OutboxRecord,
        OutboxStatus,
        SettlementRecord,
        SettlementStatus,
        SignedDocument,
        TradeRecord,
    )
    from peersettle.store.schema import SCHEMA_VERSION
    from peersettle.store.store import Store
    from peersettle.store.writer import GroupWriter

_HOME = {
    "BanRecord": "records",
    "CardRecord": "records",
    "DocumentRecord": "records",
    "Entry": "records",
    "GroupWriter": "writer",
    "NegotiationRecord": "records",
    "Negotiations": "negotiations",
    "OutboxRecord": "records",
    "OutboxStatus": "records",
    "Peers": "peers",
    "SCHEMA_VERSION": "schema",
    "SettlementRecord": "records",
    "SettlementStatus": "records",
    "SignedDocument": "records",
    "Store": "store",
    "TradeRecord": "records",
    "export_trades": "export",
}

__all__ = [
    "Store",
    "Negotiations",
    "Peers",
    "GroupWriter",
    "export_trades",
    "SCHEMA_VERSION",
    "BanRecord",
    "CardRecord",
    "DocumentRecord",
    "Entry",
    "NegotiationRecord",
    "OutboxRecord",
    "OutboxStatus",
    "SettlementRecord",
    "SettlementStatus",
    "SignedDocument",
    "TradeRecord",
]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for, since the database library takes a while to import."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
