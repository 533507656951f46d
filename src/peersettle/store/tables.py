"""The tables, in SQL that SQLite and PostgreSQL both understand."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, String, Table, Text

metadata: Final = MetaData()

HASH: Final = String(66)
ADDRESS: Final = String(42)

meta: Final = Table(
    "peersettle_meta",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("value", String(64), nullable=False),
)

documents: Final = Table(
    "documents",
    metadata,
    Column("digest", HASH, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("settlement", ADDRESS, nullable=False),
    Column("role", String(16), nullable=False),
    Column("party", ADDRESS, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

settlements: Final = Table(
    "settlements",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", HASH, primary_key=True),
    Column("tx_hash", HASH, nullable=False),
    Column("status", String(16), nullable=False),
    Column("block_number", BigInteger),
    Column("block_hash", HASH),
    Column("error", Text),
    Column("closed", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tx_hash", HASH, primary_key=True),
    Column("sender", ADDRESS, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("raw", Text, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("outbox_by_nonce", "chain_id", "sender", "nonce"),
)
