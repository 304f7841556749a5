from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from server.storage.engine import StorageError, open_engine, reading, writing
from server.storage.migrate import migrate
from server.storage.schema import metadata
from server.storage.transactions import transactions_for
from tests.server.storage.databases import database, url_of


async def test_sqlite_syncs_every_commit_and_checks_foreign_keys_on_every_connection(tmp_path: Path) -> None:
    async with (
        database(tmp_path / "a.db", busy_timeout_ms=1234) as engine,
        reading(engine) as one,
        reading(engine) as two,
    ):
        for connection in (one, two):
            found = [
                await connection.scalar(text(f"PRAGMA {name}"))
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
            assert found == ["wal", 2, 1, 1234]


async def test_migrated_schema_is_the_declared_one(tmp_path: Path) -> None:
    def differences(connection: Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database(tmp_path / "a.db") as engine, reading(engine) as connection:
        assert await connection.run_sync(differences) == []
        made = {
            row.name: row.sql
            for row in await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        }
    assert "WITHOUT ROWID" in made["events"]
    assert "ck_sessions_status" in made["sessions"]


async def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    async with database(tmp_path / "deep" / "a.db") as engine:
        async with writing(engine) as connection:
            await connection.execute(text("INSERT INTO groups (id, name, created_ms) VALUES ('g', 'a group', 1)"))
        await migrate(url_of(tmp_path / "deep" / "a.db"))
        async with reading(engine) as connection:
            assert await connection.scalar(text("SELECT count(*) FROM groups")) == 1


async def test_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    async with database(tmp_path / "a.db") as engine:
        async with writing(engine) as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StorageError, match="does not fit this version"):
            await migrate(url_of(tmp_path / "a.db"))


async def test_row_that_refers_to_nobody_is_refused(tmp_path: Path) -> None:
    async with database(tmp_path / "a.db") as engine:
        with pytest.raises(IntegrityError):
            async with writing(engine) as connection:
                await connection.execute(text("INSERT INTO group_members VALUES ('g', 'p', 'mentor')"))


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite://", "sqlite+aiosqlite:///:memory:"])
def test_url_that_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match=r"storage\.url"):
        open_engine(url)


async def test_writers_own_connection_has_the_same_settings(tmp_path: Path) -> None:
    async with database(tmp_path / "a.db", busy_timeout_ms=1234) as engine:
        transactions = transactions_for(engine)
        found = await transactions.run(
            lambda connection: [
                connection.scalar(text(f"PRAGMA {name}"))
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        )
        await transactions.close()
    assert found == ["wal", 2, 1, 1234]


def test_database_whose_driver_is_missing_is_refused_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(StorageError, match="needs the Python package asyncpg"):
        open_engine("postgresql://someone@localhost/holdspace")
