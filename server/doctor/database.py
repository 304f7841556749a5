"""The database: is it there, is it whole, is it of this version, and does it keep what it acknowledges."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

import server.storage
from server.config import Config, database_file
from server.doctor.finding import Finding, State, broken, look, ok
from server.keys import checkpoint_file
from server.start_checks import OVERRIDE, missing_checkpoints
from server.storage.engine import StorageError, open_engine, open_thread_engine, reading
from server.storage.reading import newest_event_ms as newest_stored_ms

NAME: Final = "database"


async def database(config: Config) -> tuple[Finding, ...]:
    """Everything about the database that the settings name. What builds on a broken check is left out."""
    file = database_file(config.storage.url)
    before: tuple[Finding, ...] = ()
    if file is not None:
        before = (*_as_a_file(file), *await _whole(config))
        if not file.exists() or any(each.state is State.BROKEN for each in before):
            return before
    try:
        engine = open_engine(config.storage.url, busy_timeout_ms=config.storage.busy_timeout_ms)
    except StorageError as error:
        return (broken(NAME, str(error), "correct storage.url"),)
    try:
        if file is None:
            return await _elsewhere(engine)
        return (*before, await schema(engine), durable(engine))
    finally:
        await engine.dispose()


async def _whole(config: Config) -> tuple[Finding, ...]:
    """Whether the checkpoints outside of it know of more than it holds; said where that can be told."""
    name, outside = "database's end", checkpoint_file(config)
    try:
        known, held = await missing_checkpoints(config.storage.url, outside)
    except (StorageError, SQLAlchemyError, OSError):
        return ()
    if held < known:
        return (
            broken(
                name,
                f"{outside} knows of {known} checkpoints, and the database holds {held}: events are missing",
                f"put the right database back; only when it is lost for good, start once with {OVERRIDE}",
            ),
        )
    return (ok(name, f"holds all {known} checkpoints of {outside}"),) if known else ()


def _as_a_file(file: Path) -> tuple[Finding, ...]:
    first = opens(file)
    if not file.exists() or first.state is State.BROKEN:
        return (first,)
    return (first, intact(file))


def opens(file: Path) -> Finding:
    """Whether the file can be opened and written; without one, whether it can be made."""
    if not file.parent.is_dir():
        return _without_folder(file.parent)
    if not file.exists():
        if os.access(file.parent, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return ok(NAME, f"none yet; the first start makes {file}")
        return broken(NAME, f"{file.parent} cannot be written to", "give the folder to the user that runs the server")
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=5, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            # Made and unmade in one transaction: a lock alone does not tell whether the file may be written.
            connection.execute("CREATE TABLE holdspace_doctor (number INTEGER)")
            connection.execute("ROLLBACK")
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        return _cannot_open(file, error)
    return ok(NAME, f"{file} can be read and written, {_size(file)}")


def intact(file: Path) -> Finding:
    """`PRAGMA quick_check`: reads the whole file."""
    name = "database's pages"
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            told = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        return _cannot_open(file, error)
    if told == ["ok"]:
        return ok(name, "nothing damaged")
    return broken(name, f"damaged: {'; '.join(told)}"[:400], _RESTORE)


async def schema(engine: AsyncEngine) -> Finding:
    """Whether the tables are those of this version."""
    name = "database's version"
    scripts = ScriptDirectory(str(Path(server.storage.__file__).parent / "migrations"))
    async with reading(engine) as connection:
        current = await connection.run_sync(_current)
    known = [script.revision for script in scripts.walk_revisions()]
    heads = set(scripts.get_heads())
    if set(current) == heads:
        return ok(name, f"{', '.join(current)}, that of this version")
    unknown = [revision for revision in current if revision not in known]
    if unknown:
        return broken(
            name,
            f"{', '.join(unknown)}: written by a newer version of Holdspace",
            "run that version, or restore the copy from before it was installed",
        )
    pending = ", ".join(reversed(known[: known.index(current[0])])) if current else "all"
    return look(
        name,
        f"{', '.join(current) or 'empty'}; to be applied: {pending}",
        "the next start does it; copy the database first (sqlite3 FILE '.backup COPY')",
    )


def durable(engine: AsyncEngine) -> Finding:
    """Whether the connections that store events sync each commit to the disk."""
    thread_engine = open_thread_engine(engine)
    try:
        with thread_engine.connect() as connection:
            mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
            synchronous = int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
    finally:
        thread_engine.dispose()
    return promise(mode, synchronous)


def promise(mode: str, synchronous: int) -> Finding:
    """The verdict on what SQLite answers to `PRAGMA journal_mode` and `PRAGMA synchronous` (2 is FULL, 3 EXTRA)."""
    name = "database's promise"
    if mode == "wal" and synchronous >= 2:
        return ok(name, "each commit is synced to the disk (WAL, synchronous=FULL)")
    return broken(
        name,
        f"journal_mode={mode}, synchronous={synchronous}: what was acknowledged may be lost with the power",
        "keep the database on a local disk; network folders cannot hold a WAL",
    )


async def newest_event_ms(config: Config) -> int | None:
    """When the newest stored event was; None when there is no event, or the database cannot be asked."""
    file = database_file(config.storage.url)
    if file is not None and not file.exists():
        return None
    try:
        engine = open_engine(config.storage.url, busy_timeout_ms=config.storage.busy_timeout_ms)
    except StorageError:
        return None
    try:
        return await newest_stored_ms(engine)
    except (DBAPIError, OSError):
        return None
    finally:
        await engine.dispose()


_RESTORE: Final = "stop the server, keep this file, and restore the last good copy"


async def _elsewhere(engine: AsyncEngine) -> tuple[Finding, ...]:
    where = engine.url.render_as_string(hide_password=True)
    try:
        version = await schema(engine)
    except (DBAPIError, OSError, TimeoutError) as error:
        return (broken(NAME, f"{where} does not answer: {type(error).__name__}", "check storage.url and that server"),)
    return (ok(NAME, f"{where} answers"), version)


def _current(connection: Connection) -> tuple[str, ...]:
    return tuple(MigrationContext.configure(connection).get_current_heads())


def _without_folder(folder: Path) -> Finding:
    existing = next(each for each in folder.absolute().parents if each.is_dir())
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return broken(
            NAME, f"{folder} is missing, and {existing} cannot be written to", "make the folder, or correct storage.url"
        )
    return look(
        NAME,
        f"{folder} is missing; the first start makes it",
        "if it should be there, find out why not (a disk that is not mounted?)",
    )


def _cannot_open(file: Path, error: sqlite3.DatabaseError) -> Finding:
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return look(
                NAME, f"another program holds {file} for more than 5 s", "end what has it open besides the server"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return broken(
                NAME,
                f"{file} cannot be written to: {error}",
                "give the file and its folder to the user that runs the server",
            )
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return broken(NAME, f"{file} is damaged, or no database: {error}", _RESTORE)
        case _:
            return broken(NAME, f"{file}: {error}", "see whether the disk is full or failing")


def _size(file: Path) -> str:
    size = sum(part.stat().st_size for part in (file, file.with_name(f"{file.name}-wal")) if part.exists())
    return f"{size / 1_000_000:.1f} MB"
