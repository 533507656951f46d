"""What every table's reader and writer needs: one row, a hash as text, the time."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from peersettle.types import Hash32, hash32


def first(connection: sa.Connection, table: sa.Table, where: Any) -> dict[str, Any] | None:
    """The first row that fits; None where none does."""
    row = connection.execute(table.select().where(where)).mappings().first()
    return None if row is None else dict(row)


def put(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Write a row in place of the one with its primary key, if there is one."""
    where = sa.and_(*(column == values[column.name] for column in table.primary_key))
    if connection.execute(table.update().where(where).values(**values)).rowcount == 0:
        connection.execute(table.insert().values(**values))


def as_hex(digest: Hash32 | str) -> str:
    """A digest as the tables have it: 0x and 64 small hex digits."""
    return "0x" + hash32(digest, "digest").hex()


def now() -> int:
    """Unix seconds."""
    return int(time.time())
