from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

import server.storage
from server.config import Config, StorageConfig, database_file
from server.doctor.database import database, durable, newest_event_ms, promise
from server.doctor.finding import Finding, State
from server.storage.engine import open_engine
from server.storage.log import EventLog, NewEvent
from tests.fakes import FakeClock
from tests.server.doctor.conditions import not_to_be_written, open_to_all
from tests.server.secret import vault
from tests.server.storage.databases import database as new_database
from tests.server.storage.databases import url_of


def config_of(path: Path, busy_timeout_ms: int = 5_000) -> Config:
    return Config(storage=StorageConfig(url=url_of(path), busy_timeout_ms=busy_timeout_ms))


def states(found: tuple[Finding, ...]) -> dict[str, State]:
    return {each.name: each.state for each in found}


async def made(path: Path) -> Path:
    async with new_database(path):
        pass
    return path


async def test_database_of_this_version_is_sound(tmp_path: Path) -> None:
    path = await made(tmp_path / "h.db")
    before = path.read_bytes()
    found = await database(config_of(path))
    assert states(found) == {
        "database": State.OK,
        "database's pages": State.OK,
        "database's version": State.OK,
        "database's promise": State.OK,
    }
    assert "MB" in found[0].found
    assert path.read_bytes() == before, "looking changes nothing"


async def test_database_in_use_by_the_server_is_sound(tmp_path: Path) -> None:
    async with new_database(tmp_path / "h.db") as engine, engine.connect() as connection:
        await connection.exec_driver_sql("SELECT count(*) FROM people")
        assert set(states(await database(config_of(tmp_path / "h.db"))).values()) == {State.OK}


async def test_database_that_is_not_there_yet_is_not_made_by_looking(tmp_path: Path) -> None:
    (only,) = await database(config_of(tmp_path / "h.db"))
    assert (only.state, "none yet" in only.found) == (State.OK, True)
    (only,) = await database(config_of(tmp_path / "data/here/h.db"))
    assert (only.state, "data/here is missing" in only.found) == (State.LOOK, True)
    assert "mounted" in only.advice
    assert not (tmp_path / "h.db").exists()
    assert not (tmp_path / "data").exists()


async def test_folder_that_cannot_be_written_to_is_broken() -> None:
    with open_to_all() as folder, not_to_be_written(folder):
        (only,) = await database(config_of(folder / "h.db"))
        (deeper,) = await database(config_of(folder / "data/h.db"))
    assert (only.state, deeper.state) == (State.BROKEN, State.BROKEN)
    assert "cannot be written to" in only.found


async def test_file_that_cannot_be_written_to_is_broken(tmp_path: Path) -> None:
    source = await made(tmp_path / "h.db")
    with open_to_all() as folder:
        shutil.copy(source, folder / "h.db")
        (folder / "h.db").chmod(0o444)
        with not_to_be_written(folder):
            found = await database(config_of(folder / "h.db"))
    assert [each.state for each in found] == [State.BROKEN]
    assert "cannot be written to" in found[0].found


async def test_damaged_database_is_broken(tmp_path: Path) -> None:
    path = await made(tmp_path / "h.db")
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(bytes(range(256)) * 64)
    found = await database(config_of(path))
    assert found[-1].state is State.BROKEN
    assert "damaged" in found[-1].found
    assert "restore" in found[-1].advice


async def test_file_that_is_no_database_is_broken(tmp_path: Path) -> None:
    (tmp_path / "h.db").write_bytes(b"no database at all, but long enough to look at" * 100)
    (only,) = await database(config_of(tmp_path / "h.db"))
    assert (only.state, "no database" in only.found) == (State.BROKEN, True)


async def test_tables_that_the_next_start_will_make_are_named(tmp_path: Path) -> None:
    (tmp_path / "h.db").touch()
    found = states(await database(config_of(tmp_path / "h.db")))
    assert found["database's version"] is State.LOOK


async def test_older_tables_are_to_be_looked_at_and_newer_ones_are_broken(tmp_path: Path) -> None:
    path = await made(tmp_path / "h.db")
    known = [s.revision for s in ScriptDirectory(_migrations()).walk_revisions()]
    told: dict[str, tuple[State, str]] = {}
    for revision in (*known, "9999_from_the_future"):
        connection = sqlite3.connect(path)
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
        connection.close()
        version = next(each for each in await database(config_of(path)) if each.name == "database's version")
        told[revision] = (version.state, version.found)
    assert told.pop("9999_from_the_future")[0] is State.BROKEN
    assert told.pop(known[0])[0] is State.OK
    for state, found in told.values():
        assert state is State.LOOK
        assert known[0] in found


@pytest.mark.parametrize(
    ("mode", "synchronous", "state"),
    [
        ("wal", 2, State.OK),
        ("wal", 3, State.OK),
        ("wal", 1, State.BROKEN),
        ("wal", 0, State.BROKEN),
        ("delete", 2, State.BROKEN),
    ],
)
def test_commit_that_is_not_synced_is_broken(mode: str, synchronous: int, state: State) -> None:
    assert promise(mode, synchronous).state is state


async def test_disk_that_cannot_hold_a_write_ahead_log_is_broken(tmp_path: Path) -> None:
    # This locking of SQLite's knows no shared memory, as a network folder's.
    engine = open_engine(f"sqlite+aiosqlite:///file:{tmp_path / 'h.db'}?vfs=unix-dotfile&uri=true")
    found = durable(engine)
    await engine.dispose()
    assert (found.state, "journal_mode=delete" in found.found) == (State.BROKEN, True)


async def test_url_that_cannot_be_used_is_broken() -> None:
    for url in ("nonsense", "mysql://root@db/holdspace", "sqlite+aiosqlite:///:memory:"):
        found = await database(Config(storage=StorageConfig(url=url)))
        assert found[-1].state is State.BROKEN, url


async def test_password_in_the_url_is_not_printed() -> None:
    (only,) = await database(Config(storage=StorageConfig(url="postgresql://me:hunter2@127.0.0.1:9/holdspace")))
    assert only.state is State.BROKEN, "there is no driver, or no server"
    assert "hunter2" not in only.found + only.advice


async def test_newest_event_is_the_newest_of_all_rooms(tmp_path: Path) -> None:
    async with new_database(tmp_path / "h.db") as engine:
        assert await newest_event_ms(config_of(tmp_path / "h.db")) is None
        log = EventLog(engine, FakeClock(), vault())
        await log.start()
        for stream, times in (("a", (5, 70)), ("b", (60,))):
            claim = await log.claim(stream, "room")
            await log.append(stream, claim.epoch, 0, [NewEvent(at_ms, "x", 1, b"") for at_ms in times])
        await log.stop()
    assert await newest_event_ms(config_of(tmp_path / "h.db")) == 70
    assert await newest_event_ms(config_of(tmp_path / "none.db")) is None


def test_only_a_database_in_a_file_is_one() -> None:
    assert database_file("sqlite+aiosqlite:///var/h.db") == Path("var/h.db")
    for url in ("postgresql://db/holdspace", "sqlite+aiosqlite:///file:h.db?uri=true", "sqlite://", "nonsense"):
        assert database_file(url) is None


def _migrations() -> str:
    return str(Path(server.storage.__file__).parent / "migrations")
