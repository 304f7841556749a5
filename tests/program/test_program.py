from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from program.groups import Group, add_group, add_member, find_group, members_of
from program.people import Person, ProgramRole, add_person, find_person
from program.sessions import end_session, find_session, live_sessions, open_session, session_for, sessions_of
from protocol.ids import IdentityId, SessionId
from protocol.values import Role, SessionStatus
from server.storage.engine import writing
from tests.server.storage.databases import database

ELLIE, DANA, OTHER = IdentityId("p-1"), IdentityId("p-2"), IdentityId("p-3")
TUESDAY, FRIDAY = SessionId("s-1"), SessionId("s-2")


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    async with database(tmp_path / "program.db") as engine, writing(engine) as connection:
        for person_id, role in (
            (ELLIE, ProgramRole.PARTICIPANT),
            (DANA, ProgramRole.MENTOR),
            (OTHER, ProgramRole.ADMIN),
        ):
            await add_person(connection, Person(person_id, f"Name of {person_id}", role, 1))
        await add_group(connection, Group("g-1", "Tuesday evening group", 2))
        await add_member(connection, "g-1", ELLIE, Role.PARTICIPANT)
        await add_member(connection, "g-1", DANA, Role.MENTOR)
        yield connection


async def test_people_and_groups_are_found_as_they_were_added(connection: AsyncConnection) -> None:
    assert await find_person(connection, DANA) == Person(DANA, "Name of p-2", ProgramRole.MENTOR, 1)
    assert await find_person(connection, IdentityId("nobody")) is None
    assert await find_group(connection, "g-1") == Group("g-1", "Tuesday evening group", 2)
    assert await find_group(connection, "g-2") is None
    assert await members_of(connection, "g-1") == {ELLIE: Role.PARTICIPANT, DANA: Role.MENTOR}


async def test_role_in_a_session_is_the_role_in_its_group(connection: AsyncConnection) -> None:
    await open_session(connection, TUESDAY, "g-1", "Tuesday", 10)
    assert await session_for(connection, ELLIE, TUESDAY) is Role.PARTICIPANT
    assert await session_for(connection, DANA, TUESDAY) is Role.MENTOR


async def test_nobody_from_outside_has_a_role_in_a_session(connection: AsyncConnection) -> None:
    await open_session(connection, TUESDAY, "g-1", "Tuesday", 10)
    assert await session_for(connection, OTHER, TUESDAY) is None
    assert await session_for(connection, ELLIE, SessionId("nowhere")) is None
    assert await sessions_of(connection, OTHER) == []


async def test_session_ends_once_and_stays_readable(connection: AsyncConnection) -> None:
    opened = await open_session(connection, TUESDAY, "g-1", "Tuesday", 10)
    assert await find_session(connection, TUESDAY) == opened
    assert await end_session(connection, TUESDAY, 20)
    assert not await end_session(connection, TUESDAY, 30)
    ended = await find_session(connection, TUESDAY)
    assert ended is not None
    assert (ended.status, ended.ended_ms) == (SessionStatus.ENDED, 20)
    assert await find_session(connection, SessionId("nowhere")) is None


async def test_my_sessions_are_the_live_ones_first_and_then_the_newest(connection: AsyncConnection) -> None:
    for number in range(1, 5):
        await open_session(connection, SessionId(f"s-{number}"), "g-1", f"Meeting {number}", number)
        if number != 2:
            await end_session(connection, SessionId(f"s-{number}"), 10)
    mine = await sessions_of(connection, ELLIE, limit=3)
    assert [(i.session.id, i.role) for i in mine] == [
        ("s-2", Role.PARTICIPANT),
        ("s-4", Role.PARTICIPANT),
        ("s-3", Role.PARTICIPANT),
    ]


async def test_live_sessions_are_listed_for_one_group_or_for_all(connection: AsyncConnection) -> None:
    await add_group(connection, Group("g-2", "Friday group", 2))
    await open_session(connection, TUESDAY, "g-1", "Tuesday", 20)
    await open_session(connection, FRIDAY, "g-2", "Friday", 10)
    assert [session.id for session in await live_sessions(connection)] == [FRIDAY, TUESDAY]
    assert [session.id for session in await live_sessions(connection, "g-1")] == [TUESDAY]
    await end_session(connection, TUESDAY, 30)
    assert await live_sessions(connection, "g-1") == []


async def test_person_cannot_belong_to_a_group_twice(connection: AsyncConnection) -> None:
    with pytest.raises(IntegrityError):
        await add_member(connection, "g-1", ELLIE, Role.MENTOR)
