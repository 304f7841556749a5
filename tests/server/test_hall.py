"""The hall: what it tells rooms that are open, or that are just being opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from program.groups import Group, add_group
from program.sessions import open_session
from protocol.errors import Unavailable
from protocol.ids import IdentityId, ParticipantId, RequestId, SessionId
from protocol.messages import Remove
from protocol.values import LeaveReason, Role
from rooms.commands import Depart, Enter, Requested
from rooms.life import DEFAULT_RULES
from server.hall import UNLOAD_AFTER_S, Hall
from server.keeper import Keeper
from server.storage.engine import open_engine, reading, writing
from server.storage.log import AppendFailed, EventLog, StreamMoved
from server.storage.schema import events
from server.tokens import JoinTokens
from tests.fakes import FakeClock
from tests.room_fakes import FakeMedia, FakeTimers
from tests.server.secret import vault
from tests.server.storage.databases import database, url_of
from tests.server.test_room_loading import everyone_arrived

ROOM = SessionId("room-1")
RUTH, LEE = IdentityId("p-ruth"), IdentityId("p-lee")
RUTH_SEAT, LEE_SEAT = ParticipantId("seat-ruth"), ParticipantId("seat-lee")


@pytest.fixture
def timers() -> FakeTimers:
    return FakeTimers()


@pytest.fixture
async def hall(tmp_path: Path, timers: FakeTimers) -> AsyncIterator[Hall]:
    async with database(tmp_path / "hall.db") as engine:
        async with writing(engine) as connection:
            await add_group(connection, Group("g", "group", 1))
            await open_session(connection, ROOM, "g", "Tuesday", 1)
        clock = FakeClock()
        log = EventLog(engine, clock, vault())
        await log.start()
        hall = Hall(
            engine, log, JoinTokens(clock, ttl_s=60), FakeMedia(), clock, timers,
            arrived=everyone_arrived, away_grace_ms=60_000, rules=DEFAULT_RULES,
            on_rooms=lambda _count: None, on_failed=lambda: None, on_denied=lambda *_: None,
        )  # fmt: skip
        yield hall
        await hall.close()
        await log.stop()


async def test_an_open_room_hears_who_answers_for_it(hall: Hall) -> None:
    keeper = await hall.room(ROOM)
    hall.name_responder(ROOM, RUTH)
    hall.waive_responder(ROOM, LEE)
    await asyncio.sleep(0)
    await keeper.close()
    assert (keeper.state.responder, keeper.state.responder_waived) == (RUTH, True)


async def test_a_room_that_is_being_opened_hears_it_too(hall: Hall) -> None:
    """It may have read the row before the responder was named."""
    opening = asyncio.create_task(hall.room(ROOM))
    await asyncio.sleep(0)
    hall.name_responder(ROOM, RUTH)
    keeper = await opening
    await asyncio.sleep(0)
    await keeper.close()
    assert keeper.state.responder == RUTH


async def test_to_look_someone_up_neither_opens_a_room_nor_writes_to_it(hall: Hall, tmp_path: Path) -> None:
    assert await hall.participant(ROOM, ParticipantId("nobody")) is None
    assert hall.open_rooms() == frozenset()
    engine = open_engine(url_of(tmp_path / "hall.db"))
    async with reading(engine) as connection:
        assert await connection.scalar(select(func.count()).select_from(events)) == 0
    await engine.dispose()
    keeper = await hall.room(ROOM)
    who = ParticipantId("p-1")
    await keeper.submit(Enter(who, RUTH, "Ruth", Role.THERAPIST))
    found = await hall.participant(ROOM, who)
    assert found is not None
    assert found.identity_id == RUTH


async def test_a_room_that_nobody_opened_is_not_opened_for_it(hall: Hall) -> None:
    hall.name_responder(ROOM, RUTH)
    assert hall.participants() == 0


async def test_who_was_removed_is_known_where_the_room_is_open_and_no_room_is_opened_for_it(hall: Hall) -> None:
    assert not hall.removed(ROOM, LEE)
    assert hall._keepers == {}
    keeper = await hall.room(ROOM)
    await keeper.submit(Enter(RUTH_SEAT, RUTH, "Ruth", Role.MENTOR))
    await keeper.submit(Enter(LEE_SEAT, LEE, "Lee", Role.PARTICIPANT))
    assert not hall.removed(ROOM, LEE)
    await keeper.submit(Requested(RUTH_SEAT, Remove(RequestId("remove"), LEE_SEAT)))
    assert hall.removed(ROOM, LEE)
    assert not hall.removed(ROOM, RUTH)


async def test_a_room_that_failed_while_it_was_opened_is_opened_once_more_and_not_twice(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two keepers of one room would each take it from the other, and half of the people would hear nothing more."""
    log = hall._log
    append, coming = log.append, list[asyncio.Task[Keeper]]()

    def lose(*_: object) -> asyncio.Future[None]:
        monkeypatch.setattr(log, "append", append)
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lost.set_exception(StreamMoved(ROOM))
        return lost

    monkeypatch.setattr(log, "append", lose)
    monkeypatch.setattr(hall, "_on_failed", lambda: coming.append(asyncio.create_task(hall.room(ROOM))))
    with pytest.raises(Unavailable):
        await hall.room(ROOM)

    assert await coming[0] is await hall.room(ROOM)


async def test_a_room_whose_opening_could_not_be_stored_is_opened_for_who_comes_next(
    hall: Hall, timers: FakeTimers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = hall._log
    append = log.append

    def fail(*_: object) -> asyncio.Future[None]:
        monkeypatch.setattr(log, "append", append)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(AppendFailed("disk full"))
        return failed

    monkeypatch.setattr(log, "append", fail)
    with pytest.raises(Unavailable):
        await hall.room(ROOM)
    assert timers.pending == {}
    assert not (await hall.room(ROOM)).over


async def test_an_empty_room_is_unloaded_after_a_while_unless_someone_came_back(hall: Hall, timers: FakeTimers) -> None:
    keeper = await hall.room(ROOM)
    await keeper.submit(Enter(LEE_SEAT, LEE, "Lee", Role.PARTICIPANT))
    for come_back in (True, False):
        await keeper.submit(Depart(LEE_SEAT, LeaveReason.LEFT))
        await asyncio.sleep(0)
        assert UNLOAD_AFTER_S in timers.delays()
        if come_back:
            await keeper.submit(Enter(LEE_SEAT, LEE, "Lee", Role.PARTICIPANT))
        timers.fire()
        assert (ROOM in hall.open_rooms()) == come_back
    assert keeper.over
