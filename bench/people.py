"""Whom the load consists of: rooms of their own, made in an empty database before the server starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from program.groups import Group, add_group, add_member
from program.people import Person, ProgramRole, add_person
from program.sessions import open_session, waive_responder
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.auth import Auth
from server.clock import SystemClock
from server.storage.engine import open_engine, writing
from server.storage.migrate import migrate

LINK_S = 60 * 60
_PROGRAM = {role: ProgramRole(role.value) for role in Role}


async def make_rooms(storage_url: str, rooms: Mapping[str, Sequence[Role]]) -> dict[str, tuple[str, ...]]:
    """Makes live rooms, named, each with people of these roles; their sign-in tokens in the same order."""
    await migrate(storage_url)
    engine = open_engine(storage_url)
    clock = SystemClock()
    auth = Auth(engine, clock)
    try:
        return {name: await _room(engine, auth, clock.now_ms(), name, roles) for name, roles in rooms.items()}
    finally:
        await engine.dispose()


async def _room(engine: AsyncEngine, auth: Auth, now: int, name: str, roles: Sequence[Role]) -> tuple[str, ...]:
    people = [IdentityId(f"bench-{name}-{number}") for number in range(len(roles))]
    async with writing(engine) as connection:
        await add_group(connection, Group(f"bench-{name}", f"Bench {name}", now))
        for number, (who, role) in enumerate(zip(people, roles, strict=True)):
            await add_person(connection, Person(who, f"Person {number}", _PROGRAM[role], now))
            await add_member(connection, f"bench-{name}", who, role)
        session_id = SessionId(f"bench-{name}")
        await open_session(connection, session_id, f"bench-{name}", f"Bench {name}", now)
        # Whoever leads may begin.
        await waive_responder(connection, session_id, people[-1])
    return tuple([await auth.make_link(who, ttl_s=LINK_S) for who in people])
