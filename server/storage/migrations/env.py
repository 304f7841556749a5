"""Alembic runs this file; the connection comes from `server.storage.migrate`."""

from __future__ import annotations

from alembic import context

from server.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
# The caller's transaction is the transaction: SQLite's DDL is transactional, and so is PostgreSQL's.
context.run_migrations()
