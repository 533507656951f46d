"""The store: safe to use from many threads, each change one transaction, on disk before it returns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from peersettle.errors import StoreError
from peersettle.store import merge, schema
from peersettle.store.database import Database
from peersettle.store.documents import with_settlements, write_document
from peersettle.store.negotiations import Negotiations
from peersettle.store.nonces import Nonces
from peersettle.store.peers import Peers
from peersettle.store.records import (
    IN_FLIGHT,
    DocumentRecord,
    OutboxRecord,
    OutboxStatus,
    SettlementRecord,
    SettlementStatus,
    TradeRecord,
)
from peersettle.store.rows import as_hex, first, now
from peersettle.store.tables import documents, outbox, settlements
from peersettle.types import Hash32

_SHORTEST_PREFIX: Final = 4
_AT_ONCE: Final = 500
"""Digests in one query."""


class Store:
    """The local record of one user. Open it with `Store.open`; use it as a context manager or `close` it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._transaction = database.transaction
        self._reading = database.reading
        self._nonces = Nonces(database)
        self.negotiations = Negotiations(database)
        self.peers = Peers(database)

    @classmethod
    def open(cls, path_or_url: str | Path, *, timeout: float = 10.0) -> Store:
        """Open a store, creating it where there is none, and upgrading it, in one transaction, where it is older.

        A SQLite file is copied beside itself before its upgrade.

        `path_or_url` is a file, ":memory:", or a database URL of SQLAlchemy. `timeout` is how long to wait,
        in seconds, for another process to finish its change.

        Raises:
            StoreError: not a store, one of a newer version, not readable or writable, or locked for too long.
        """
        database = Database.open(path_or_url, timeout)
        try:
            schema.prepare(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Documents

    def put_document(
        self,
        digest: Hash32 | str,
        kind: str,
        text: str,
        chain_id: int,
        settlement: str,
        role: str = "",
        party: str = "",
        note: str = "",
    ) -> DocumentRecord:
        """Keep a document, joining its signatures to those already known. Putting it again changes nothing.

        `kind` is "quote" or "trade". An empty `role`, `party` or `note` leaves what was there.

        Raises:
            InvalidField: another kind.
            StoreError: the text is another message's than the one kept under this digest.
        """
        with self._transaction() as connection:
            return write_document(connection, digest, kind, text, chain_id, settlement, role, party, note)

    def get_document(self, digest: Hash32 | str) -> DocumentRecord:
        """The document with this digest, or with this unique beginning of it (at least 4 hex digits).

        Raises:
            StoreError: none, or more than one.
        """
        prefix = _prefix(digest)
        with self._reading() as connection:
            # Between two bounds, so that the index serves and no character can act as a wildcard.
            query = documents.select().where(documents.c.digest >= prefix, documents.c.digest < prefix + "g")
            rows = connection.execute(query.limit(3)).mappings().all()
        if not rows:
            raise StoreError(
                f"no document {prefix} in {self._database.name}; list them to see what is there",
                digest=prefix,
            )
        if len(rows) > 1:
            raise StoreError(f"several documents begin with {prefix}; give more digits", digest=prefix)
        return DocumentRecord(**rows[0])

    def list_documents(self, *, kind: str | None = None, chain_id: int | None = None) -> list[DocumentRecord]:
        """Documents, newest first."""
        query = documents.select().order_by(documents.c.created_at.desc(), documents.c.digest)
        if kind is not None:
            query = query.where(documents.c.kind == kind)
        if chain_id is not None:
            query = query.where(documents.c.chain_id == chain_id)
        with self._reading() as connection:
            return [DocumentRecord(**row) for row in connection.execute(query).mappings()]

    def documents_with_settlements(
        self, *, chain_id: int | None = None
    ) -> list[tuple[DocumentRecord, SettlementRecord | None]]:
        """Documents, newest first, each with its settlement; None where none was tried."""
        with self._reading() as connection:
            return with_settlements(connection, chain_id)

    def trades(self, *, chain_id: int | None = None) -> list[TradeRecord]:
        """Documents with their settlements, newest first."""
        return [
            TradeRecord(
                digest=document.digest,
                kind=document.kind,
                parties=merge.parties(document.text),
                chain_id=document.chain_id,
                role=document.role,
                note=document.note,
                status=settlement.status if settlement else None,
                tx_hash=settlement.tx_hash if settlement else None,
                block_number=settlement.block_number if settlement else None,
                error=settlement.error if settlement else None,
                created_at=document.created_at,
                updated_at=max(document.updated_at, settlement.updated_at if settlement else 0),
            )
            for document, settlement in self.documents_with_settlements(chain_id=chain_id)
        ]

    # Settlements

    def put_settlement(
        self,
        chain_id: int,
        digest: Hash32 | str,
        tx_hash: str,
        status: SettlementStatus = SettlementStatus.PENDING,
        *,
        block_number: int | None = None,
        block_hash: str | None = None,
        error: str | None = None,
        closed: bool = False,
    ) -> SettlementRecord:
        """Write what is known of a settlement, in place of what was."""
        with self._transaction() as connection:
            values = {
                "tx_hash": tx_hash,
                "status": status,
                "block_number": block_number,
                "block_hash": block_hash,
                "error": error,
                "closed": closed,
            }
            return _write_settlement(connection, chain_id, as_hex(digest), values)

    def settlement(self, chain_id: int, digest: Hash32 | str) -> SettlementRecord | None:
        """What is known of a settlement; None where none was tried."""
        where = sa.and_(settlements.c.chain_id == chain_id, settlements.c.digest == as_hex(digest))
        with self._reading() as connection:
            row = first(connection, settlements, where)
        return None if row is None else _settlement(row)

    def settlements_of(self, chain_id: int, digests: Iterable[Hash32 | bytes]) -> dict[str, SettlementRecord]:
        """What is known of many settlements, by digest; without those that were not tried."""
        keys = ["0x" + bytes(digest).hex() for digest in digests]
        found = {}
        with self._database.reading() as connection:
            for start in range(0, len(keys), _AT_ONCE):
                query = settlements.select().where(
                    settlements.c.chain_id == chain_id, settlements.c.digest.in_(keys[start : start + _AT_ONCE])
                )
                found.update({row["digest"]: _settlement(dict(row)) for row in connection.execute(query).mappings()})
        return found

    def open_settlements(self, chain_id: int) -> list[SettlementRecord]:
        """Settlements that may still change, oldest first."""
        query = (
            settlements.select()
            .where(settlements.c.chain_id == chain_id, settlements.c.closed.is_(False))
            .order_by(settlements.c.created_at, settlements.c.digest)
        )
        with self._reading() as connection:
            return [_settlement(dict(row)) for row in connection.execute(query).mappings()]

    # Outbox

    def put_outbox(
        self,
        chain_id: int,
        sender: str,
        nonce: int,
        tx_hash: str,
        raw: bytes,
        transaction: dict[str, object],
        what: str,
        settles: Sequence[Hash32 | str] = (),
    ) -> OutboxRecord:
        """Write a signed transaction, and as pending what it is to settle, before it is broadcast."""
        at = now()
        values: dict[str, Any] = {
            "chain_id": chain_id,
            "sender": sender,
            "nonce": nonce,
            "tx_hash": tx_hash,
            "what": what,
            "status": OutboxStatus.SIGNED,
            "created_at": at,
            "updated_at": at,
        }
        row = {**values, "raw": "0x" + raw.hex(), "transaction": json.dumps(transaction)}
        pending = {
            "tx_hash": tx_hash,
            "status": SettlementStatus.PENDING,
            "block_number": None,
            "block_hash": None,
            "error": None,
            "closed": False,
        }
        with self._transaction() as connection:
            # The same fields sign to the same hash: what was abandoned before may be sent after all.
            connection.execute(outbox.delete().where(outbox.c.chain_id == chain_id, outbox.c.tx_hash == tx_hash))
            connection.execute(outbox.insert().values(**row))
            for digest in settles:
                _write_settlement(connection, chain_id, as_hex(digest), pending)
        return OutboxRecord(raw=raw, transaction=transaction, **values)

    def set_outbox(self, chain_id: int, tx_hash: str, status: OutboxStatus, error: str = "") -> None:
        """Write what became of a transaction.

        One that is abandoned takes with it, as dropped, the pending settlements that it was to make.
        """
        changes = {"status": status, "updated_at": now()}
        with self._transaction() as connection:
            connection.execute(
                outbox.update().where(outbox.c.chain_id == chain_id, outbox.c.tx_hash == tx_hash).values(**changes)
            )
            if status is OutboxStatus.ABANDONED:
                connection.execute(
                    settlements.update()
                    .where(
                        settlements.c.chain_id == chain_id,
                        settlements.c.tx_hash == tx_hash,
                        settlements.c.status == SettlementStatus.PENDING,
                    )
                    .values(status=SettlementStatus.DROPPED, error=error or None, closed=True, updated_at=now())
                )

    def outbox(
        self,
        chain_id: int,
        sender: str,
        *,
        nonce: int | None = None,
        in_flight: bool = False,
    ) -> list[OutboxRecord]:
        """A sender's transactions by nonce, bumps in the order they were made."""
        query = outbox.select().where(outbox.c.chain_id == chain_id, outbox.c.sender == sender)
        if nonce is not None:
            query = query.where(outbox.c.nonce == nonce)
        if in_flight:
            query = query.where(outbox.c.status.in_(IN_FLIGHT))
        with self._reading() as connection:
            found = [_outbox(dict(row)) for row in connection.execute(query).mappings()]
        return sorted(found, key=lambda record: (record.nonce, _fee(record)))

    def outbox_entry(self, chain_id: int, tx_hash: str) -> OutboxRecord | None:
        """One transaction that this store has seen signed."""
        where = sa.and_(outbox.c.chain_id == chain_id, outbox.c.tx_hash == tx_hash)
        with self._reading() as connection:
            row = first(connection, outbox, where)
        return None if row is None else _outbox(row)

    # Nonces

    def reserve_nonces(self, chain_id: int, maker: str, count: int = 1) -> int:
        """The first of `count` nonces, one after the other in one word, which are never given out again.

        They are the maker's for swaps, and serve for trades as well: word `nonce >> 8`, bit `nonce & 255`, which is
        never bit 255. Most calls write nothing, since nonces are set aside by the thousand.

        Raises:
            InvalidField: not 1 to 255 nonces, or no address.
            StoreError: the database refused; then no nonce is given out.
        """
        return self._nonces.reserve(chain_id, maker, count)


def _write_settlement(
    connection: sa.Connection, chain_id: int, digest: str, values: dict[str, Any]
) -> SettlementRecord:
    where = sa.and_(settlements.c.chain_id == chain_id, settlements.c.digest == digest)
    row = first(connection, settlements, where)
    at = now()
    if row is None:
        row = {"chain_id": chain_id, "digest": digest, "created_at": at, "updated_at": at, **values}
        connection.execute(settlements.insert().values(**row))
    else:
        connection.execute(settlements.update().where(where).values(**values, updated_at=at))
        row.update(values, updated_at=at)
    return _settlement(row)


def _settlement(row: dict[str, Any]) -> SettlementRecord:
    return SettlementRecord(**{**row, "status": SettlementStatus(row["status"])})


def _outbox(row: dict[str, Any]) -> OutboxRecord:
    raw = bytes.fromhex(row["raw"][2:])
    transaction = json.loads(row["transaction"])
    return OutboxRecord(**{**row, "raw": raw, "transaction": transaction, "status": OutboxStatus(row["status"])})


def _fee(record: OutboxRecord) -> int:
    fields = record.transaction
    return int(str(fields.get("maxFeePerGas", fields.get("gasPrice", 0))))


def _prefix(digest: Hash32 | str) -> str:
    if isinstance(digest, bytes):
        return as_hex(digest)
    digits = digest.lower().removeprefix("0x")
    if not _SHORTEST_PREFIX <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
        raise StoreError(
            f"{digest!r} is no digest: give 64 hex digits, or at least the first {_SHORTEST_PREFIX}",
            digest=digest,
        )
    return "0x" + digits
