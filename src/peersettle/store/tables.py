"""The tables, in SQL that SQLite and PostgreSQL both understand."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text

metadata: Final = MetaData()

HASH: Final = String(66)
ADDRESS: Final = String(42)

VERSION_TABLE: Final = "alembic_version"
revisions: Final = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's own: which revision the tables are of."""

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

negotiations: Final = Table(
    "negotiations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("side", String(8), nullable=False),
    Column("request_id", String(32), nullable=False),
    Column("peer", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("status", String(32), nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("digest", HASH),
    Column("last_number", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("negotiations_by_is_over", "is_over", "chain_id"),
    Index("negotiations_by_update", "updated_at"),
    Index("negotiations_by_digest", "digest"),
)

events: Final = Table(
    "negotiation_events",
    metadata,
    Column("key", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)

nonce_words: Final = Table(
    "nonce_words",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("maker", ADDRESS, primary_key=True),
    Column("next_word", BigInteger, nullable=False),
)

bans: Final = Table(
    "bans",
    metadata,
    Column("peer", Text, primary_key=True),
    Column("until", Double, nullable=False),
    Column("why", Text, nullable=False),
)

cards: Final = Table(
    "cards",
    metadata,
    Column("peer", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("seen_at", Double, nullable=False),
)
