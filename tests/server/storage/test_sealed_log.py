"""Nothing readable is on the disk; what is purged is gone from it; snapshots are of this very log."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from server.keys import RootKey
from server.storage.engine import StorageError, open_engine, writing
from server.storage.log import EventLog, NewEvent, StoredEvent, StoredSnapshot, Unreadable
from server.storage.migrate import migrate
from server.storage.reading import check_root_key
from server.storage.schema import streams
from server.storage.vault import Vault
from tests.fakes import START_MS, FakeClock
from tests.server.purges import purge_class
from tests.server.secret import vault
from tests.server.storage.databases import database, url_of

TEXT = b"what nobody else may read " * 4


def chat(text: bytes) -> NewEvent:
    return NewEvent(1, "chat_written", 1, text, "chat")


def entered(text: bytes) -> NewEvent:
    return NewEvent(1, "participant_entered", 1, text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
async def engine(path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(path) as engine:
        yield engine


@pytest.fixture
async def log(engine: AsyncEngine) -> AsyncIterator[EventLog]:
    log = EventLog(engine, FakeClock(), vault())
    await log.start()
    yield log
    await log.stop()


def on_disk(path: Path) -> bytes:
    wal = path.with_name(f"{path.name}-wal")
    return path.read_bytes() + (wal.read_bytes() if wal.exists() else b"")


def rows(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def change(path: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(sql, values).rowcount > 0
    connection.close()


async def test_nothing_of_a_payload_is_on_the_disk(path: Path, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(TEXT)])
    await log.save_snapshot("a", StoredSnapshot(1, 1, TEXT), destroyed_keys=0)
    assert TEXT[:8] not in on_disk(path)
    assert (await log.read("a"))[0].payload == TEXT


async def test_each_stream_and_class_has_a_key_of_its_own(path: Path, log: EventLog) -> None:
    for name in ("a", "b"):
        claim = await log.claim(name, "room")
        await log.append(name, claim.epoch, 0, [entered(b"1"), chat(b"2"), chat(b"3")])
        await log.append(name, claim.epoch, 3, [chat(b"4")])
    keys = rows(path, "SELECT stream_id, retention FROM data_keys ORDER BY 1, 2")
    assert keys == [("a", "chat"), ("a", "record"), ("b", "chat"), ("b", "record")]


async def test_purging_destroys_one_class_and_leaves_the_rest(path: Path, engine: AsyncEngine, log: EventLog) -> None:
    for name in ("a", "b"):
        claim = await log.claim(name, "room")
        await log.append(name, claim.epoch, 0, [entered(b"Ana"), chat(b"hello"), entered(b"Ben"), chat(b"bye")])

    purged = await purge_class(engine, "a")

    assert (purged.payloads, len(purged.keys), purged.residue) == (2, 1, False)
    assert [stored.payload for stored in await log.read("a")] == [b"Ana", None, b"Ben", None]
    assert [stored.payload for stored in await log.read("b")] == [b"Ana", b"hello", b"Ben", b"bye"]
    keys = rows(path, "SELECT retention, wrapped IS NULL, destroyed_ms FROM data_keys WHERE stream_id = 'a' ORDER BY 1")
    assert keys == [("chat", 1, START_MS), ("record", 0, None)]


async def test_what_is_purged_is_gone_from_the_disk(path: Path, engine: AsyncEngine, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    for head in range(20):
        await log.append("a", claim.epoch, head, [chat(b"%d" % head)])
    await log.save_snapshot("a", StoredSnapshot(20, 1, b"all of it"), destroyed_keys=0)
    secret_columns = (("payloads", "sealed"), ("data_keys", "wrapped"), ("room_snapshots", "sealed"))
    secrets = [row[0] for table, column in secret_columns for row in rows(path, f"SELECT {column} FROM {table}")]
    assert len(secrets) == 20 + 2 + 1
    assert all(secret in on_disk(path) for secret in secrets)

    purged = await purge_class(engine, "a")

    assert not purged.residue
    left = on_disk(path)
    assert [secret for secret in secrets if secret in left or secret[12:28] in left] == []
    assert await log.find_snapshot("a", 1) is None


async def test_purge_says_when_the_journal_still_holds_it(path: Path, engine: AsyncEngine, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"hello")])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("PRAGMA busy_timeout = 0")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM events").fetchall()
    try:
        other = open_engine(url_of(path), busy_timeout_ms=20)
        assert (await purge_class(other, "a")).residue
        await other.dispose()
    finally:
        reader.close()
    assert not (await purge_class(engine, "a")).residue


async def test_purging_again_or_nothing_changes_nothing(engine: AsyncEngine, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [entered(b"Ana"), chat(b"hello")])
    await purge_class(engine, "a")
    for stream, retention in (("a", "chat"), ("a", "flags"), ("nobody", "chat")):
        assert (await purge_class(engine, stream, retention)).payloads == 0
    assert [stored.payload for stored in await log.read("a")] == [b"Ana", None]


async def test_a_stream_goes_on_after_a_purge_under_a_new_key_even_of_another_process(
    path: Path, log: EventLog
) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"old")])
    engine = open_engine(url_of(path))
    other = EventLog(engine, FakeClock(), vault())
    await other.start()
    await purge_class(engine, "a")
    # The first process has the destroyed key open in memory: what it seals now must not hang on it.
    await log.append("a", claim.epoch, 1, [chat(b"new")])
    assert [stored.payload for stored in await other.read("a")] == [None, b"new"]
    await other.stop()
    await engine.dispose()


async def test_a_payload_that_is_gone_without_a_purge_is_an_error(path: Path, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"1"), chat(b"2")])
    change(path, "DELETE FROM payloads WHERE seq = 2")
    with pytest.raises(Unreadable, match="event 2 of a is missing, and was not purged"):
        await log.read("a")


async def test_a_payload_put_in_anothers_place_is_an_error(path: Path, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"1"), chat(b"2")])
    change(path, "UPDATE payloads SET sealed = (SELECT sealed FROM payloads WHERE seq = 1) WHERE seq = 2")
    with pytest.raises(Unreadable, match="event 2 of a does not decrypt"):
        await log.read("a")


async def test_snapshot_is_found_again_and_replaced_by_a_later_one(log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"1"), chat(b"2"), chat(b"3")])
    assert await log.find_snapshot("a", 7) is None
    assert await log.save_snapshot("a", StoredSnapshot(2, 7, b"two"), destroyed_keys=0)
    assert await log.find_snapshot("a", 7) == StoredSnapshot(2, 7, b"two")
    assert await log.save_snapshot("a", StoredSnapshot(3, 7, b"three"), destroyed_keys=0)
    assert not await log.save_snapshot("a", StoredSnapshot(2, 7, b"two"), destroyed_keys=0)
    assert await log.find_snapshot("a", 7) == StoredSnapshot(3, 7, b"three")


async def test_snapshot_of_another_version_is_thrown_away(log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"1"), chat(b"2")])
    await log.save_snapshot("a", StoredSnapshot(2, 7, b"two"), destroyed_keys=0)
    assert await log.find_snapshot("a", 8) is None
    assert await log.save_snapshot("a", StoredSnapshot(1, 8, b"one"), destroyed_keys=0)
    assert await log.find_snapshot("a", 8) == StoredSnapshot(1, 8, b"one")


async def test_snapshot_that_was_read_before_a_purge_is_not_saved_after_it(engine: AsyncEngine, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [entered(b"Ana"), chat(b"hello")])
    before = await log.destroyed_keys("a")
    await purge_class(engine, "a")
    assert not await log.save_snapshot("a", StoredSnapshot(2, 7, b"hello"), destroyed_keys=before)
    assert await log.find_snapshot("a", 7) is None
    assert await log.save_snapshot("a", StoredSnapshot(2, 7, b"none"), destroyed_keys=await log.destroyed_keys("a"))


async def test_snapshot_of_an_event_that_is_not_there_is_not_saved(log: EventLog) -> None:
    await log.claim("a", "room")
    assert not await log.save_snapshot("a", StoredSnapshot(1, 7, b"one"), destroyed_keys=0)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE room_snapshots SET sealed = zeroblob(60)",
        "UPDATE room_snapshots SET seq = 1",
        "UPDATE room_snapshots SET seq = 1, link = (SELECT link FROM events WHERE seq = 1)",
        "UPDATE room_snapshots SET version = 7, seq = 3",
        "UPDATE events SET link = zeroblob(32) WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
    ],
)
async def test_snapshot_that_does_not_fit_its_log_is_thrown_away(path: Path, log: EventLog, sql: str) -> None:
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"1"), chat(b"2")])
    await log.save_snapshot("a", StoredSnapshot(2, 7, b"two"), destroyed_keys=0)
    change(path, sql)
    assert await log.find_snapshot("a", 7) is None


async def test_wrong_root_key_is_refused_at_once(path: Path, engine: AsyncEngine, log: EventLog) -> None:
    await check_root_key(engine, Vault(RootKey(bytes(32))))
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [chat(b"1")])
    await check_root_key(engine, vault())
    with pytest.raises(StorageError, match="the root key that belongs to this database"):
        await check_root_key(engine, Vault(RootKey(bytes(32))))


async def test_rooms_in_plain_text_are_not_taken_along(path: Path) -> None:
    change_to_first_revision(path)
    change(path, "INSERT INTO streams VALUES ('a', 'room', 1, 1)")
    change(path, "INSERT INTO events VALUES ('a', 1, 1, 'chat_written', 1, 'hello')")
    with pytest.raises(StorageError, match=r"in plain text.*move the database file away"):
        await migrate(url_of(path))
    assert rows(path, "SELECT payload FROM events") == [("hello",)]


async def test_database_whose_rooms_are_empty_is_taken_along(path: Path) -> None:
    change_to_first_revision(path)
    change(path, "INSERT INTO streams VALUES ('a', 'room', 1, 0)")
    change(path, "INSERT INTO groups VALUES ('g', 'a group', 1)")
    await migrate(url_of(path))
    assert rows(path, "SELECT id FROM groups") == [("g",)]
    async with database(path) as engine:
        log = EventLog(engine, FakeClock(), vault())
        await log.start()
        claim = await log.claim("a", "room")
        await log.append("a", claim.epoch, 0, [chat(b"1")])
        await log.stop()
        assert await log.read("a") == [StoredEvent(1, 1, "chat_written", 1, b"1")]
        async with writing(engine) as connection:
            assert (await connection.execute(streams.select())).one().head == 1


def change_to_first_revision(path: Path) -> None:
    """A database as the first version left it."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    import server.storage.migrate as module

    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
