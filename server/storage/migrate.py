"""Brings the database to the schema of this version, at each start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import Connection

from server.storage.engine import StorageError, dangling, open_engine, writing


async def migrate(url: str) -> None:
    """Applies what is missing, all of it or nothing.

    Raises:
        StorageError: the database was written by a newer version.
    """
    # Within a transaction SQLite does not turn foreign keys off or on.
    engine = open_engine(url, rebuilds=True)
    try:
        async with writing(engine) as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(f"the database does not fit this version of Holdspace: {error}") from error
    if dangling(connection):
        raise StorageError("rows of the database refer to rows that are not there: nothing was changed")
