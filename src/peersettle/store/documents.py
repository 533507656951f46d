"""Documents within a transaction: written once each, and read together with their settlements."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from peersettle.errors import InvalidField
from peersettle.store import merge, rows
from peersettle.store.records import DocumentRecord, SettlementRecord, SettlementStatus
from peersettle.store.tables import documents, settlements
from peersettle.types import Hash32


def write_document(
    connection: sa.Connection,
    digest: Hash32 | str,
    kind: str,
    text: str,
    chain_id: int,
    settlement: str,
    role: str = "",
    party: str = "",
    note: str = "",
) -> DocumentRecord:
    """As `Store.put_document`, as a part of a transaction."""
    if kind not in ("quote", "trade"):
        raise InvalidField("kind", kind, "quote or trade")
    key, now = rows.as_hex(digest), rows.now()
    row = rows.first(connection, documents, documents.c.digest == key)
    if row is None:
        record = DocumentRecord(key, kind, text, chain_id, settlement, role, party, note, now, now)
        connection.execute(documents.insert().values(**_values(record)))
        return record
    changes = {"role": role, "party": party, "note": note}
    changes = {name: value for name, value in changes.items() if value and value != row[name]}
    joined = text if row["text"] == text else merge.merged(row["text"], text)
    if joined != row["text"]:
        changes["text"] = joined
    if changes:
        row |= {**changes, "updated_at": now}
        connection.execute(documents.update().where(documents.c.digest == key).values(**row))
    return DocumentRecord(**row)


def with_settlements(
    connection: sa.Connection, chain_id: int | None
) -> list[tuple[DocumentRecord, SettlementRecord | None]]:
    """Documents, newest first, each with its settlement, if one was tried."""
    same = sa.and_(settlements.c.chain_id == documents.c.chain_id, settlements.c.digest == documents.c.digest)
    query = (
        sa.select(documents, *(column.label(f"settlement_{column.name}") for column in settlements.c))
        .select_from(documents.outerjoin(settlements, same))
        .order_by(documents.c.created_at.desc(), documents.c.digest)
    )
    if chain_id is not None:
        query = query.where(documents.c.chain_id == chain_id)
    split = len(documents.c)
    return [
        (DocumentRecord(*row[:split]), None if row[split] is None else _settlement(row[split:]))
        for row in connection.execute(query)
    ]


def _settlement(row: Any) -> SettlementRecord:
    values = dict(zip(settlements.c.keys(), row, strict=True))
    return SettlementRecord(**{**values, "status": SettlementStatus(values["status"])})


def _values(record: DocumentRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in documents.c.keys()}  # noqa: SIM118
