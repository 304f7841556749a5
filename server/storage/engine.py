"""Opens the database. What is particular to SQLite is here and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.storage.place import Place

WRITES: Final = "holdspace_writes"
"""Execution option of an engine whose transactions may write."""

_BUSY_TIMEOUT: Final = "holdspace_busy_timeout_ms"
_PLACE: Final = "holdspace_place"
COMMAND_TIMEOUT_S: Final = 10.0
"""After this long a statement on another machine's database counts as failed."""


class StorageError(Exception):
    """The database cannot be opened or is not ours; the message says why."""


def open_engine(url: str, *, busy_timeout_ms: int = 5_000, rebuilds: bool = False) -> AsyncEngine:
    """An engine on `url`; connects on first use. Missing folders of an SQLite file are made.

    `rebuilds`: for migrations. SQLite changes a table's checks by building it anew, and enforcing foreign keys
    would then delete or refuse what refers to it; see `dangling`.

    Raises:
        StorageError: the URL is not one, or names a database that is not supported.
    """
    parsed = _parse(url)
    try:
        if parsed.get_backend_name() != "sqlite":
            wait = {"command_timeout": COMMAND_TIMEOUT_S, "timeout": COMMAND_TIMEOUT_S}
            return create_async_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=wait)
        _make_folder(parsed)
        place = _place_of(parsed)
        options = {_BUSY_TIMEOUT: busy_timeout_ms, _PLACE: place}
        engine = create_async_engine(parsed, hide_parameters=True, execution_options=options)
    except ModuleNotFoundError as error:
        raise StorageError(f"storage.url needs the Python package {error.name}: install it") from None
    _set_up_sqlite(engine.sync_engine, busy_timeout_ms, place, foreign_keys=not rebuilds)
    return engine


def open_existing(url: str, *, busy_timeout_ms: int = 5_000) -> AsyncEngine:
    """The same, for looking only: where there is no database, none is made.

    Raises:
        StorageError: as above, or there is no such database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite" and not (parsed.database or "").startswith("file:"):
        name = parsed.database or ""
        if not Path(name).is_file():
            raise StorageError(f"there is no database {name or url!r}")
    return open_engine(url, busy_timeout_ms=busy_timeout_ms)


def open_thread_engine(engine: AsyncEngine) -> Engine:
    """The same SQLite database, with the same settings, for use in one thread."""
    options = engine.sync_engine.get_execution_options()
    busy_timeout_ms: int = options[_BUSY_TIMEOUT]
    thread_engine = create_engine(engine.url.set(drivername="sqlite+pysqlite"), hide_parameters=True)
    _set_up_sqlite(thread_engine, busy_timeout_ms, options[_PLACE])
    return thread_engine


def in_place(engine: AsyncEngine) -> bool:
    """Whether the file that is open is the one that a restart would find; elsewhere than in SQLite it is."""
    place: Place | None = engine.sync_engine.get_execution_options().get(_PLACE)
    return place is None or place.holds


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """A transaction that only reads: one consistent moment, waits for no writer."""
    async with engine.connect() as connection:
        yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """A transaction that may write; it is durable when the block has been left without an error."""
    async with engine.execution_options(**{WRITES: True}).begin() as connection:
        yield connection


async def fold_journal(engine: AsyncEngine) -> bool:
    """Moves SQLite's WAL into the database and empties it; False when a reader or writer was in the way.

    Until then what was deleted can still be found in the WAL. Elsewhere nothing is to be done.
    """
    if engine.dialect.name != "sqlite":
        return True
    async with engine.connect() as connection:
        busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one()
    return not busy


def dangling(connection: Connection) -> bool:
    """Whether some row refers to one that is not there; elsewhere than in SQLite the database sees to that."""
    if connection.dialect.name != "sqlite":
        return False
    return connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None


def _set_up_sqlite(engine: Engine, busy_timeout_ms: int, place: Place | None, *, foreign_keys: bool = True) -> None:
    @event.listens_for(engine, "do_connect")
    def _look(*_args: object) -> None:
        if place is not None:
            place.check()

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        # The driver must not begin by itself (it would do so late and never IMMEDIATE): see _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms:d}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # FULL syncs the WAL on each commit; NORMAL would lose acknowledged events with the power.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        # What is purged is overwritten, not only unlinked.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()
        if place is not None:
            place.opened()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for a lock: it fails at once.
        writes = connection.get_execution_options().get(WRITES, False)
        if writes and place is not None:
            place.check()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError("storage.url is not a database URL") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageError(f"storage.url: {parsed.get_backend_name()} is not supported, use sqlite or postgresql")
    drivers = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}
    return parsed.set(drivername=f"{parsed.get_backend_name()}+{drivers[parsed.get_backend_name()]}")


def _place_of(url: URL) -> Place | None:
    name = url.database or ""
    return None if name.startswith("file:") else Place(Path(name))


def _make_folder(url: URL) -> None:
    name = url.database or ""
    if not name or name == ":memory:":
        raise StorageError("storage.url: a database in memory keeps nothing; name a file")
    if not name.startswith("file:"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
