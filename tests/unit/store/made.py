"""Entries, and stores of older versions, for the tests."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

from peersettle.store import Entry

CHAIN = 31337
PLAIN = Entry(
    key="maker:1",
    side="maker",
    request_id="ab" * 16,
    peer="peer",
    chain_id=CHAIN,
    status="asked",
    is_over=False,
    digest=None,
    number=0,
    text='{"type":"received"}',
    at=1_700_000_000.25,
)
DIGEST = "0x" + "0d" * 32


def entry(number: int = 0, key: str = PLAIN.key, **changes: Any) -> Entry:
    """An event that is like no other of its negotiation."""
    values = {"text": f'{{"number":{number}}}', "at": PLAIN.at + number, **changes}
    return replace(PLAIN, key=key, number=number, **values)


# What the program of schema version 1 made: SQLAlchemy's words, on SQLite and PostgreSQL.
VERSION_1 = (
    """CREATE TABLE peersettle_meta (
        "key" VARCHAR(32) NOT NULL, value VARCHAR(64) NOT NULL, PRIMARY KEY ("key"))""",
    """CREATE TABLE documents (
        digest VARCHAR(66) NOT NULL, kind VARCHAR(16) NOT NULL, text TEXT NOT NULL, chain_id BIGINT NOT NULL,
        settlement VARCHAR(42) NOT NULL, role VARCHAR(16) NOT NULL, party VARCHAR(42) NOT NULL, note TEXT NOT NULL,
        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (digest))""",
    """CREATE TABLE settlements (
        chain_id BIGINT NOT NULL, digest VARCHAR(66) NOT NULL, tx_hash VARCHAR(66) NOT NULL,
        status VARCHAR(16) NOT NULL, block_number BIGINT, block_hash VARCHAR(66), error TEXT,
        closed BOOLEAN NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
        PRIMARY KEY (chain_id, digest))""",
    """CREATE TABLE outbox (
        chain_id BIGINT NOT NULL, tx_hash VARCHAR(66) NOT NULL, sender VARCHAR(42) NOT NULL, nonce BIGINT NOT NULL,
        raw TEXT NOT NULL, "transaction" TEXT NOT NULL, what TEXT NOT NULL, status VARCHAR(16) NOT NULL,
        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (chain_id, tx_hash))""",
    "CREATE INDEX outbox_by_nonce ON outbox (chain_id, sender, nonce)",
    "INSERT INTO peersettle_meta VALUES ('schema_version', '1')",
    f"INSERT INTO documents VALUES ('{DIGEST}', 'quote', '{{}}', {CHAIN}, '0x', 'maker', '0x', 'lunch', 5, 6)",
    f"INSERT INTO settlements VALUES ({CHAIN}, '{DIGEST}', '0xaa', 'included', 7, '0xbb', NULL, false, 8, 9)",
)


def make_version_1(path: Path) -> None:
    """A SQLite file as the program of schema version 1 left it."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    for statement in VERSION_1:
        connection.execute(statement)
    connection.commit()
    connection.close()
