"""Alembic runs this: the revisions go through the connection, and in the transaction, that the store gives."""

from alembic import context

from peersettle.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
