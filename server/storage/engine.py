"""Opens the database. What is particular to SQLite is here and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_WRITES: Final = "holdspace_writes"


class StorageError(Exception):
    """The database cannot be opened or is not ours; the message says why."""


def open_engine(url: str, *, busy_timeout_ms: int = 5_000) -> AsyncEngine:
    """An engine on `url`; connects on first use. Missing folders of an SQLite file are made.

    Raises:
        StorageError: the URL is not one, or names a database that is not supported.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(parsed, pool_pre_ping=True)
    _make_folder(parsed)
    engine = create_async_engine(parsed)

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        # The driver must not begin by itself (it would do so late and never IMMEDIATE): see _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms:d}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # FULL syncs the WAL on each commit; NORMAL would lose acknowledged events with the power.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later cannot wait for a lock: it fails at once.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that only reads: one consistent moment, waits for no writer."""
    async with engine.connect() as connection:
        yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that may write; it is durable when the block has been left without an error."""
    async with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError("storage.url is not a database URL") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageError(f"storage.url: {parsed.get_backend_name()} is not supported, use sqlite or postgresql")
    drivers = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}
    return parsed.set(drivername=f"{parsed.get_backend_name()}+{drivers[parsed.get_backend_name()]}")


def _make_folder(url: URL) -> None:
    name = url.database or ""
    if not name or name == ":memory:":
        raise StorageError("storage.url: a database in memory keeps nothing; name a file")
    if not name.startswith("file:"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
