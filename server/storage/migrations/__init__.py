"""Alembic's scripts. `server.storage.migrate` runs them; there is no alembic.ini."""
