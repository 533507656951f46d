"""The database under the store: opening it, and transactions with errors that explain."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from peersettle.errors import StoreError

MEMORY: Final = ":memory:"
_POSTGRESQL: Final = "postgresql+pg8000"
_WRITERS: Final = int.from_bytes(b"PeerSett")
"""PostgreSQL's lock that makes writers take turns, as SQLite's do: what one has read cannot change before it writes."""
_FULL: Final = (13, "53100")  # SQLite's SQLITE_FULL, PostgreSQL's disk_full
_LOCKED: Final = (5, 6, "55P03")  # SQLITE_BUSY, SQLITE_LOCKED, lock_not_available
_REFUSED: Final = (19, 20, 25)  # SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE
_REFUSED_CLASSES: Final = ("22", "23")  # PostgreSQL's data exceptions and broken constraints


class Database:
    """One database, whatever is in it."""

    def __init__(self, engine: sa.Engine, name: str, path: Path | None) -> None:
        self._engine = engine
        self._reader = engine.execution_options(reads_only=True)
        self._lock = threading.RLock()
        self.name = name
        self.path = path
        """Of the file, for SQLite on disk."""

    @classmethod
    def open(cls, path_or_url: str | Path, timeout: float) -> Database:
        """As `Store.open`, but for what is in it."""
        text = str(path_or_url)
        try:
            url = sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername=_POSTGRESQL)
            name = url.render_as_string(hide_password=True) if "://" in text else text
        except sa.exc.ArgumentError:
            raise StoreError("the store's address is neither a path nor a database URL") from None
        path = Path(str(url.database)) if _is_file(url) else None
        try:
            if path is not None:
                _create_private(path)
            engine = _engine(url, timeout)
        except ImportError as error:
            hint = "; install peersettle[postgresql]" if url.drivername == _POSTGRESQL else ""
            raise StoreError(f"cannot open the store {name}: {error}{hint}", store=name) from None
        except (OSError, sa.exc.ArgumentError) as error:
            raise StoreError(f"cannot open the store {name}: {error}", store=name) from None
        return cls(engine, name, path)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that is on disk when the block ends, or undone when it raises. One at a time may write.

        Raises:
            StoreError: the database refused. Its `kind` in `values` is "locked" or "full", when it may work later;
                "refused", when it does not take these values; else "failed".
        """
        with self._lock, self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction for reading; it waits for no writer. In SQLite all of it sees one state of the database.

        Raises:
            StoreError: as `transaction`.
        """
        shared = isinstance(self._engine.pool, StaticPool)
        with self._lock if shared else nullcontext(), self._explained(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> StoreError:
        cause = getattr(error, "orig", None) or error
        code, text = _code(cause), _message(cause)
        if code in _LOCKED:
            kind, said = "locked", "is locked: another process is writing to it; try again, or end that process"
        elif code in _FULL:
            kind, said = "full", f"cannot grow: the disk or database is full ({text}); make room, then try again"
        else:
            is_refused = code in _REFUSED or (isinstance(code, str) and code[:2] in _REFUSED_CLASSES)
            kind = "refused" if is_refused else "failed"
            said = f"failed: {text}"
        return StoreError(f"the store {self.name} {said}", store=self.name, kind=kind)


def _code(cause: object) -> object:
    fields = _fields(cause)
    if fields is not None:
        return fields.get("C")
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 255  # SQLite says the details in the higher bits


def _message(cause: object) -> object:
    fields = _fields(cause)
    return cause if fields is None else fields.get("M", cause)


def _fields(cause: object) -> dict[str, str] | None:
    arguments = getattr(cause, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], dict) else None


def _is_file(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in (None, "", MEMORY)


def _engine(url: sa.URL, timeout: float) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return _server(url, timeout)
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
        connection.exec_driver_sql("BEGIN" if _reads_only(connection) else "BEGIN IMMEDIATE")

    return engine


def _server(url: sa.URL, timeout: float) -> sa.Engine:
    options: dict[str, Any] = {}
    is_postgresql = url.get_backend_name() == "postgresql"
    if url.drivername == _POSTGRESQL:
        settings = {"lock_timeout": str(max(1, round(timeout * 1000))), "synchronous_commit": "on"}
        options["connect_args"] = {"startup_params": settings}
    engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, **options)

    if url.drivername == _POSTGRESQL:
        sa.event.listen(engine, "connect", _at_once)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if is_postgresql and not _reads_only(connection):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")

    return engine


def _at_once(connection: Any, _record: object) -> None:
    """Let pg8000's socket send at once; it would wait up to 40 ms for an answer to the packet before."""
    used = getattr(connection, "_usock", None)  # of pg8000's own, since SQLAlchemy cannot hand it a socket
    if isinstance(used, socket.socket) and used.family != socket.AF_UNIX:
        used.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reads_only(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get("reads_only"))


def _create_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
