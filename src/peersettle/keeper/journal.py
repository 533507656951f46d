"""What a keeper remembers: the accounts it knows, how far it has read, what it means to send, and what it has bought.

One small SQLite file. An intent is on disk before its transaction is signed, and its transaction before that is sent,
so that after a crash whatever was under way is found again. One process at a time.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from peersettle.errors import StoreError

FILE: Final = "keeper.db"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (account TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS intents (
    id INTEGER PRIMARY KEY, made_at INTEGER NOT NULL, what TEXT NOT NULL, status TEXT NOT NULL,
    nonce INTEGER, tx_hash TEXT, outcome TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS purchases (
    tx_hash TEXT NOT NULL, place INTEGER NOT NULL, what TEXT NOT NULL, told INTEGER NOT NULL,
    PRIMARY KEY (tx_hash, place)
);
"""


class Status(StrEnum):
    """How far an intent has come."""

    MEANT = "meant"
    SIGNED = "signed"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that was to be sent."""

    id: int
    what: Mapping[str, Any]
    status: Status
    nonce: int | None
    tx_hash: str | None
    outcome: str


class Journal:
    """The journal in a directory; in memory without one.

    Raises:
        StoreError: the directory cannot be used, another process uses it, the file is damaged, or it is of another
            deployment than `home` says.
    """

    def __init__(self, directory: Path | None, home: str) -> None:
        self._lock: IO[str] | None = None
        try:
            if directory is not None:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = (directory / "lock").open("w")
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = ":memory:" if directory is None else str(directory / FILE)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_TABLES)
        except BlockingIOError:
            self.close()
            raise StoreError(f"another keeper uses {directory}; give each its own keeper.state") from None
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"cannot use {directory}: {error}", path=str(directory)) from error
        known = self._fact("home")
        if known is not None and known != home:
            self.close()
            raise StoreError(f"{directory} is of {known}, not of {home}; give this keeper another keeper.state")
        self._note("home", home)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        if hasattr(self, "_database"):
            self._database.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # How far it has read

    @property
    def cursor(self) -> tuple[int, str] | None:
        """Number and hash of the last block whose events were read."""
        text = self._fact("cursor")
        if text is None:
            return None
        number, found = json.loads(text)
        return int(number), str(found)

    def read_up_to(self, number: int, block_hash: str, accounts: Iterable[int]) -> None:
        """All events up to a block were read, which named these accounts."""
        with self._transaction():
            self._database.executemany(
                "INSERT OR IGNORE INTO accounts VALUES (?)", [(hex(account),) for account in accounts]
            )
            self._note("cursor", json.dumps([number, block_hash]))

    def accounts(self) -> list[int]:
        """Every account that was named."""
        return [int(row[0], 16) for row in self._database.execute("SELECT account FROM accounts")]

    # What it sends

    def mean(self, what: Mapping[str, Any], now: int) -> int:
        """Write down what is to be sent; its number."""
        made = self._database.execute(
            "INSERT INTO intents (made_at, what, status) VALUES (?, ?, ?)", (now, json.dumps(what), Status.MEANT)
        )
        assert made.lastrowid is not None
        return made.lastrowid

    def signed(self, intent: int, nonce: int, tx_hash: str) -> None:
        """Its transaction, before it is broadcast."""
        self._database.execute(
            "UPDATE intents SET status = ?, nonce = ?, tx_hash = ? WHERE id = ?",
            (Status.SIGNED, nonce, tx_hash, intent),
        )

    def finish(self, intent: int, status: Status, outcome: str, bought: Iterable[Mapping[str, Any]] = ()) -> None:
        """What came of it, and what it bought, which is to be told."""
        with self._transaction():
            self._database.execute("UPDATE intents SET status = ?, outcome = ? WHERE id = ?", (status, outcome, intent))
            for place, item in enumerate(bought):
                self._database.execute(
                    "INSERT OR IGNORE INTO purchases VALUES (?, ?, ?, 0)", (item["tx_hash"], place, json.dumps(item))
                )

    def open_intents(self) -> list[Intent]:
        """Those of which it is not known what came of them."""
        rows = self._database.execute(
            "SELECT id, what, status, nonce, tx_hash, outcome FROM intents WHERE status IN (?, ?) ORDER BY id",
            (Status.MEANT, Status.SIGNED),
        )
        return [Intent(row[0], json.loads(row[1]), Status(row[2]), *row[3:]) for row in rows]

    # What it has bought

    def untold(self) -> list[Mapping[str, Any]]:
        """Purchases that the hedge was not told of yet."""
        rows = self._database.execute("SELECT what FROM purchases WHERE told = 0 ORDER BY rowid")
        return [json.loads(row[0]) for row in rows]

    def told(self, tx_hash: str) -> None:
        """The hedge knows."""
        self._database.execute("UPDATE purchases SET told = 1 WHERE tx_hash = ?", (tx_hash,))

    def _fact(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _note(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _transaction(self) -> sqlite3.Connection:
        """One change; commits or takes all back."""
        self._database.execute("BEGIN IMMEDIATE")
        return self._database
