"""Negotiations with their events, the nonces of quotes, and peers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables that version 2 adds."""
    op.create_table(
        "negotiations",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("request_id", sa.String(32), nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("chain_id", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(66)),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
    )
    op.create_index("negotiations_by_is_over", "negotiations", ["is_over", "chain_id"])
    op.create_index("negotiations_by_update", "negotiations", ["updated_at"])
    op.create_index("negotiations_by_digest", "negotiations", ["digest"])
    op.create_table(
        "negotiation_events",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "nonce_words",
        sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("maker", sa.String(42), primary_key=True),
        sa.Column("next_word", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "bans",
        sa.Column("peer", sa.Text, primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "cards",
        sa.Column("peer", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
