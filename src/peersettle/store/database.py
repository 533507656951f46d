"""The database under the store: opening it, its schema version, and transactions with errors that explain."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from peersettle.errors import StoreError
from peersettle.store.tables import meta, metadata

SCHEMA_VERSION: Final = 1
MEMORY: Final = ":memory:"


class Database:
    """One database of the right version."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self.name = name

    @classmethod
    def open(cls, path_or_url: str | Path, timeout: float) -> Database:
        """As `Store.open`."""
        text = str(path_or_url)
        try:
            url = sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)
            name = url.render_as_string(hide_password=True) if "://" in text else text
        except sa.exc.ArgumentError:
            raise StoreError("the store's address is neither a path nor a database URL") from None
        try:
            if _is_file(url):
                _create_private(Path(str(url.database)))
            engine = _engine(url, timeout)
        except (OSError, ImportError, sa.exc.ArgumentError) as error:
            raise StoreError(f"cannot open the store {name}: {error}", store=name) from None
        database = cls(engine, name)
        try:
            database._check_version()
        except BaseException:
            engine.dispose()
            raise
        return database

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that is on disk when the block ends, or undone when it raises.

        Raises:
            StoreError: the database refused or is locked.
        """
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except sa.exc.DatabaseError as error:
                if "locked" in str(error.orig):
                    raise StoreError(
                        f"the store {self.name} is locked: another process is writing to it; try again, or "
                        "end that process",
                        store=self.name,
                    ) from None
                raise StoreError(f"the store {self.name} failed: {error.orig}", store=self.name) from None

    def _check_version(self) -> None:
        with self.transaction() as connection:
            names = set(sa.inspect(connection).get_table_names())
            if not names:
                metadata.create_all(connection)
                connection.execute(meta.insert().values(key="schema_version", value=str(SCHEMA_VERSION)))
                return
            if meta.name not in names:
                raise StoreError(
                    f"{self.name} is a database, but no PeerSettle store; give another path", store=self.name
                )
            version = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema_version"))
        if version != str(SCHEMA_VERSION):
            newer = str(version).isdigit() and int(str(version)) > SCHEMA_VERSION
            remedy = "upgrade PeerSettle" if newer else "open it with the version that made it"
            raise StoreError(
                f"the store {self.name} has schema version {version}, not {SCHEMA_VERSION}: {remedy}",
                store=self.name,
                version=version,
            )


def _is_file(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in (None, "", MEMORY)


def _engine(url: sa.URL, timeout: float) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    options: dict[str, Any] = {"connect_args": {"timeout": timeout, "check_same_thread": False}}
    if not _is_file(url):
        options["poolclass"] = StaticPool  # a database in memory lives in one connection
    engine = sa.create_engine(url, hide_parameters=True, **options)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for what is read first
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a power cut loses nothing that was said to be stored
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _create_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
