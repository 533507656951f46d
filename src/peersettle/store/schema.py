"""The schema's version: a new database gets the newest, an older one is upgraded, a newer one refused."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from peersettle.errors import StoreError
from peersettle.store.database import Database
from peersettle.store.tables import meta, metadata, revisions

SCHEMA_VERSION: Final = 2
MIGRATIONS: Final = "peersettle.store:migrations"
"""Where the revisions are, as alembic names a folder of a package."""
_VERSION: Final = "schema_version"
_ALEMBIC = threading.Lock()  # what alembic's scripts see is global


def prepare(database: Database) -> None:
    """Bring the database to this version, in one transaction, whoever else tries to at the same time.

    Raises:
        StoreError: not a store, one of a version that cannot be upgraded, or not readable or writable.
    """
    with database.reading() as connection:
        if _version(database, connection) == SCHEMA_VERSION:
            return
    with database.transaction() as connection:
        version = _version(database, connection)  # another process may have been quicker
        if version is None:
            create(connection)
        elif version < SCHEMA_VERSION:
            if database.path is not None:
                _back_up(database, database.path, version)
            upgrade(connection, version)


def create(connection: sa.Connection) -> None:
    """Make all tables, as of this version, in an empty database."""
    metadata.create_all(connection)
    connection.execute(meta.insert().values(key=_VERSION, value=str(SCHEMA_VERSION)))
    _stamp(connection, SCHEMA_VERSION)


def upgrade(connection: sa.Connection, version: int) -> None:
    """Bring the tables from this version to the newest."""
    from alembic import command  # slow to import, and seldom needed
    from alembic.config import Config

    if version and not sa.inspect(connection).has_table(revisions.name):
        _stamp(connection, version)  # version 1 was made without alembic
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    config.attributes["connection"] = connection
    with _ALEMBIC:
        command.upgrade(config, "head")
    connection.execute(meta.update().where(meta.c.key == _VERSION).values(value=str(SCHEMA_VERSION)))


def _stamp(connection: sa.Connection, version: int) -> None:
    revisions.create(connection)
    connection.execute(revisions.insert().values(version_num=f"{version:04d}"))


def _version(database: Database, connection: sa.Connection) -> int | None:
    """The version of a store; None for an empty database."""
    names = set(sa.inspect(connection).get_table_names())
    if not names:
        return None
    if meta.name not in names:
        raise StoreError(
            f"{database.name} is a database, but no PeerSettle store; give another path", store=database.name
        )
    version = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _VERSION))
    number = int(version) if version and version.isdecimal() else 0
    if not 1 <= number <= SCHEMA_VERSION:
        remedy = "upgrade PeerSettle" if number else "open it with the version that made it"
        raise StoreError(
            f"the store {database.name} has schema version {version}, not {SCHEMA_VERSION}: {remedy}",
            store=database.name,
            version=version,
        )
    return number


def _back_up(database: Database, path: Path, version: int) -> None:
    """Copy the file beside itself as it was before. The caller's transaction keeps other writers out."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = path.with_name(f"{path.name}.version-{version}.{stamp}.bak")
    unfinished = kept.with_suffix(".part")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        source, copy = sqlite3.connect(path), sqlite3.connect(unfinished)
        try:
            source.backup(copy)
        finally:
            copy.close()
            source.close()
        unfinished.replace(kept)
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(
            f"the store {database.name} is of version {version} and cannot be copied to {kept} before its upgrade: "
            f"{error}; nothing was changed",
            store=database.name,
        ) from None
