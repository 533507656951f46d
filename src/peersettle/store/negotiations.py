"""Negotiations and their events: written in groups, each whole or not at all, and read back in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cache
from itertools import groupby
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from peersettle.errors import InvalidField, StoreError
from peersettle.store import rows
from peersettle.store.database import Database
from peersettle.store.documents import write_document
from peersettle.store.records import Entry, NegotiationRecord
from peersettle.store.tables import events, negotiations

SIDES: Final = ("taker", "maker")
_AT_ONCE: Final = 500
"""Keys in one query."""
_CHANGING: Final = ("peer", "status", "is_over", "digest", "last_number", "updated_at")

Records: TypeAlias = list[NegotiationRecord]
Texts: TypeAlias = list[str]


class Negotiations:
    """The negotiations of a store; `Store.negotiations` is one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entries: Sequence[Entry]) -> None:
        """Write events, what they make of their negotiations, and their documents: all of them, or none.

        Entries of one negotiation come in the order of their numbers. One that is there already changes nothing.

        Raises:
            InvalidField: a side that is neither taker nor maker, or a document of an unknown kind.
            InvalidDocument: a text that does not fit the document kept under its digest is none at all.
            StoreError: a number that is taken by another event, since then two programs write to one negotiation; one
                that leaves a gap, since then an event is lost; a document of another message; or the database
                failed, is full or locked, which its `kind` in `values` tells.
        """
        with self._database.transaction() as connection:
            group = _Group(connection, entries)
            for entry in entries:
                group.add(entry)
            group.write()

    def get(self, key: str) -> NegotiationRecord | None:
        """One negotiation; None where there is none."""
        with self._database.reading() as connection:
            return _kept(connection, [key]).get(key)

    def events(self, key: str) -> Texts:
        """The events of a negotiation as JSON texts, in order; none where there is no such negotiation."""
        query = sa.select(events.c.text).where(events.c.key == key).order_by(events.c.number)
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def unfinished(self, chain_id: int) -> list[tuple[NegotiationRecord, list[str]]]:
        """Every negotiation on a chain that is not over, oldest first, each with its events in order."""
        query = (
            sa.select(negotiations, events.c.text)
            .join(events, events.c.key == negotiations.c.key)
            .where(negotiations.c.is_over.is_(False), negotiations.c.chain_id == chain_id)
            .order_by(negotiations.c.created_at, negotiations.c.key, events.c.number)
        )
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return [
            (NegotiationRecord(*values), [row[-1] for row in group])
            for values, group in groupby(found, key=lambda row: tuple(row[:-1]))
        ]

    def list(
        self,
        *,
        limit: int = 100,
        before: float | None = None,
        side: str | None = None,
        chain_id: int | None = None,
        peer: str | None = None,
        status: str | None = None,
        is_over: bool | None = None,
        digest: str | None = None,
    ) -> Records:
        """The negotiations that changed last, newest first; with `before`, those that changed earlier than then."""
        wanted = {
            "side": side,
            "chain_id": chain_id,
            "peer": peer,
            "status": status,
            "is_over": is_over,
            "digest": digest,
        }
        query = negotiations.select().order_by(negotiations.c.updated_at.desc(), negotiations.c.key).limit(limit)
        for name, value in wanted.items():
            if value is not None:
                query = query.where(negotiations.c[name] == value)
        if before is not None:
            query = query.where(negotiations.c.updated_at < before)
        with self._database.reading() as connection:
            return [NegotiationRecord(*row) for row in connection.execute(query)]


class _Group:
    """Entries of one transaction: gathered and checked one by one, then written together."""

    def __init__(self, connection: sa.Connection, entries: Iterable[Entry]) -> None:
        self._connection = connection
        self._kept = _kept(connection, sorted({entry.key for entry in entries}))
        self._records = dict(self._kept)
        self._texts: dict[tuple[str, int], str] = {}

    def add(self, entry: Entry) -> None:
        if entry.side not in SIDES:
            raise InvalidField("side", entry.side, "taker or maker")
        record = self._records.get(entry.key)
        last = -1 if record is None else record.last_number
        if entry.number <= last:
            self._check_same(entry)
            return
        if entry.number != last + 1:
            raise StoreError(
                f"event {entry.number} of negotiation {entry.key} does not follow {last}: one between is not written; "
                "read the negotiation again",
                key=entry.key,
                number=entry.number,
            )
        self._texts[entry.key, entry.number] = entry.text
        self._records[entry.key] = _created(entry) if record is None else _changed(record, entry)
        if entry.document is not None:
            write_document(self._connection, chain_id=entry.chain_id, **asdict(entry.document))

    def _check_same(self, entry: Entry) -> None:
        text = self._texts.get((entry.key, entry.number))
        if text is None:
            query = sa.select(events.c.text).where(events.c.key == entry.key, events.c.number == entry.number)
            text = self._connection.scalar(query)
        if text != entry.text:
            raise StoreError(
                f"event {entry.number} of negotiation {entry.key} is written already, and is another: two programs "
                "write to one negotiation; end one of them",
                key=entry.key,
                number=entry.number,
            )

    def write(self) -> None:
        changed = [asdict(record) for key, record in self._records.items() if record != self._kept.get(key)]
        texts = [{"key": key, "number": number, "text": text} for (key, number), text in self._texts.items()]
        if texts:
            insert_negotiation, insert_event = _inserts(self._connection.dialect.name)
            self._connection.execute(insert_negotiation, changed)
            self._connection.execute(insert_event, texts)


@cache
def _inserts(dialect: str) -> tuple[sa.Executable, sa.Executable]:
    """The statements that write negotiations, in place of what is there, and events."""
    is_postgresql = dialect == "postgresql"
    upsert = postgresql.insert(negotiations) if is_postgresql else sqlite.insert(negotiations)
    changes = {name: upsert.excluded[name] for name in _CHANGING}
    upsert = upsert.on_conflict_do_update(index_elements=["key"], set_=changes)
    if is_postgresql:  # its driver makes a journey for each row, unless something is returned of them
        return upsert.returning(negotiations.c.key), events.insert().returning(events.c.number)
    return upsert, events.insert()


def _kept(connection: sa.Connection, keys: Sequence[str]) -> dict[str, NegotiationRecord]:
    found = {}
    for start in range(0, len(keys), _AT_ONCE):
        query = negotiations.select().where(negotiations.c.key.in_(keys[start : start + _AT_ONCE]))
        found.update({row.key: NegotiationRecord(*row) for row in connection.execute(query)})
    return found


def _created(entry: Entry) -> NegotiationRecord:
    return NegotiationRecord(
        key=entry.key,
        side=entry.side,
        request_id=entry.request_id,
        peer=entry.peer,
        chain_id=entry.chain_id,
        status=entry.status,
        is_over=entry.is_over,
        digest=None if entry.digest is None else rows.as_hex(entry.digest),
        last_number=entry.number,
        created_at=entry.at,
        updated_at=entry.at,
    )


def _changed(record: NegotiationRecord, entry: Entry) -> NegotiationRecord:
    return replace(
        record,
        peer=entry.peer or record.peer,
        status=entry.status,
        is_over=entry.is_over,
        digest=record.digest if entry.digest is None else rows.as_hex(entry.digest),
        last_number=entry.number,
        updated_at=entry.at,
    )
