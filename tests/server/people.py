"""A small program to test with: one group, one live session, people inside and outside."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from program.groups import Group, add_group, add_member
from program.people import Person, ProgramRole, add_person
from program.sessions import open_session
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.storage.engine import writing
from tests.fakes import START_MS

ELLIE, DANA, STRANGER = IdentityId("p-ellie"), IdentityId("p-dana"), IdentityId("p-stranger")
RUTH, OMAR = IdentityId("p-ruth"), IdentityId("p-omar")
SESSION = SessionId("s-tuesday")
GROUP, OTHER_GROUP = "g-tuesday", "g-thursday"


async def add_everyone(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await add_person(connection, Person(ELLIE, "Ellie", ProgramRole.PARTICIPANT, START_MS))
        await add_person(connection, Person(DANA, "Dana", ProgramRole.MENTOR, START_MS))
        await add_person(connection, Person(STRANGER, "Sam", ProgramRole.PARTICIPANT, START_MS))
        await add_group(connection, Group(GROUP, "Tuesday evening group", START_MS))
        await add_member(connection, GROUP, ELLIE, Role.PARTICIPANT)
        await add_member(connection, GROUP, DANA, Role.MENTOR)
        await open_session(connection, SESSION, GROUP, "Tuesday evening", START_MS)


async def add_therapists(engine: AsyncEngine) -> None:
    """Ruth is assigned to the group, Omar to another one."""
    async with writing(engine) as connection:
        await add_person(connection, Person(RUTH, "Ruth", ProgramRole.THERAPIST, START_MS))
        await add_person(connection, Person(OMAR, "Omar", ProgramRole.THERAPIST, START_MS))
        await add_group(connection, Group(OTHER_GROUP, "Thursday group", START_MS))
        await add_member(connection, GROUP, RUTH, Role.THERAPIST)
        await add_member(connection, OTHER_GROUP, OMAR, Role.THERAPIST)
