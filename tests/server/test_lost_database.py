"""A database file that is moved away while the server runs, and one that is not there at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from server.app import Node
from server.checkpoints import last_number
from server.config import Config, StorageConfig, database_file
from server.doctor.database import database as look_at
from server.doctor.finding import State
from server.http import Readiness
from server.keys import checkpoint_file
from server.start_checks import OVERRIDE, missing_checkpoints, require_all_checkpoints
from server.storage.engine import StorageError, in_place, open_engine, reading, writing
from server.storage.log import AppendFailed, EventLog, NewEvent
from tests.fakes import START_MS, FakeClock
from tests.server.audited import audited
from tests.server.secret import ROOT_KEY, vault
from tests.server.storage.databases import database, url_of
from tests.server.test_node_audit import config

__all__ = ["config"]

EVENT = NewEvent(1, "session_opened", 1, b"x")


def file_of(config: Config) -> Path:
    found = database_file(config.storage.url)
    assert found is not None
    return found


def delete_all_but(folder: Path, kept: Path) -> None:
    for each in folder.glob("*.db*"):
        if each != kept:
            each.unlink()


def journals(folder: Path) -> list[str]:
    return [each.name for each in folder.glob("*-wal*")]


async def test_what_is_stored_in_a_file_that_is_not_there_any_more_is_not_said_to_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with database(path) as engine:
        log = EventLog(engine, FakeClock(), vault())
        await log.start()
        claim = await log.claim("room-1", "room")
        await log.append("room-1", claim.epoch, 0, [EVENT])
        assert in_place(engine)
        away = path.rename(tmp_path / "away.db")
        assert not in_place(engine)
        with capture_logs() as logged:
            for _ in range(3):
                with pytest.raises(AppendFailed):
                    await log.append("room-1", claim.epoch, 1, [EVENT])
        assert [line["log_level"] for line in logged] == ["critical"], "said once"
        with pytest.raises(OperationalError):
            async with writing(engine) as connection:
                await connection.execute(text("DELETE FROM groups"))
        assert not path.exists(), "no new file is made in its place"
        away.rename(path)
        await log.append("room-1", claim.epoch, 1, [EVENT])
        assert len(await log.read("room-1")) == 2
        await log.stop()


async def test_another_file_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with database(path) as engine, database(tmp_path / "b.db"):
        async with reading(engine) as connection:
            await connection.execute(text("SELECT 1"))
        (tmp_path / "b.db").replace(path)
        assert not in_place(engine)
        # A connection that is made now would open that one.
        await engine.dispose()
        with pytest.raises(OperationalError):
            async with reading(engine):
                pass


async def test_a_server_whose_database_was_moved_sends_new_people_elsewhere(config: Config) -> None:
    node = Node(config, ROOT_KEY)
    await node.start()
    path = file_of(config)
    assert node.ready() is Readiness.READY
    away = path.rename(path.with_name("away.db"))
    assert node.ready() is Readiness.STORAGE_LOST
    away.rename(path)
    assert node.ready() is Readiness.READY
    await node.stop()
    assert node.ready() is Readiness.DRAINING


async def test_a_server_does_not_begin_anew_where_checkpoints_tell_of_more(config: Config) -> None:
    node = Node(config, ROOT_KEY)
    await node.start()
    claim = await node._log.claim("room-1", "room")
    await node._log.append("room-1", claim.epoch, 0, [EVENT])
    await node.stop()
    path = file_of(config)
    path.rename(path.with_name("away.db"))

    with pytest.raises(StorageError, match=OVERRIDE):
        await Node(config, ROOT_KEY).start()
    assert not path.exists(), "nothing was made"

    again = Node(config, ROOT_KEY, accept_loss=True)
    await again.start()
    await again.stop()
    kept = [each.name for each in path.parent.iterdir() if ".before-" in each.name]
    assert len(kept) == 1
    assert last_number(path.with_name(kept[0])) == 1


async def test_an_older_copy_is_refused_and_the_present_one_is_not(tmp_path: Path) -> None:
    async with audited(tmp_path) as it:
        url, outside = str(it.engine.url), it.file
        assert await missing_checkpoints(url, outside) == (2, 2)
        await require_all_checkpoints(url, outside, FakeClock(), accept_loss=False)
        it.change("DELETE FROM checkpoints WHERE number = 2")
        with pytest.raises(StorageError, match=r"holds 1 checkpoints, and .* knows of 2"):
            await require_all_checkpoints(url, outside, FakeClock(), accept_loss=False)
        assert journals(tmp_path)
        await require_all_checkpoints(url, outside, FakeClock(), accept_loss=True)
        assert not [each for each in journals(tmp_path) if ".before-" in each], "it belongs to what is here"
        assert not outside.exists()
        assert outside.with_name(f"{outside.name}.before-{START_MS}").exists()
        await require_all_checkpoints(url, outside, FakeClock(), accept_loss=False)


async def test_a_journal_whose_database_is_gone_is_kept(tmp_path: Path) -> None:
    async with audited(tmp_path) as it:
        outside = it.file
        empty = tmp_path / "elsewhere" / "a.db"
        empty.parent.mkdir()
        empty.with_name("a.db-wal").write_bytes(b"what was stored last")
        await require_all_checkpoints(url_of(empty), outside, FakeClock(), accept_loss=True)
        assert empty.with_name(f"a.db-wal.before-{START_MS}").read_bytes() == b"what was stored last"


async def test_a_database_without_tables_holds_nothing(tmp_path: Path) -> None:
    async with audited(tmp_path) as it:
        engine = open_engine(url_of(tmp_path / "empty.db"))
        async with reading(engine) as connection:
            await connection.execute(text("SELECT 1"))
        await engine.dispose()
        assert await missing_checkpoints(url_of(tmp_path / "empty.db"), it.file) == (2, 0)


async def test_the_doctor_tells_of_it(tmp_path: Path) -> None:
    async with audited(tmp_path) as it:
        settings = Config(storage=StorageConfig(url=str(it.engine.url)))
        outside = checkpoint_file(settings)
        if outside != it.file:
            outside.write_bytes(it.file.read_bytes())
        found = {each.name: each.state for each in await look_at(settings)}
        assert found["database's end"] is State.OK
        it.change("DELETE FROM checkpoints")
        found = {each.name: each.state for each in await look_at(settings)}
        assert found["database's end"] is State.BROKEN
    delete_all_but(tmp_path, outside)
    found = {each.name: each.state for each in await look_at(settings)}
    assert found["database's end"] is State.BROKEN
