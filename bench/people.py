"""Whom the load consists of: three rooms of their own, made in an empty database before the server starts."""

from __future__ import annotations

from dataclasses import dataclass

from program.groups import Group, add_group, add_member
from program.people import Person, ProgramRole, add_person
from program.sessions import open_session
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.auth import Auth
from server.clock import SystemClock
from server.storage.engine import open_engine, writing
from server.storage.migrate import migrate

LINK_S = 60 * 60


@dataclass(frozen=True, slots=True)
class Tokens:
    """Sign-in tokens of the people of each room."""

    forwarding: tuple[str, ...]
    joins: tuple[str, ...]
    chat: tuple[str, ...]


async def make_people(storage_url: str, *, forwarding: int, joins: int, chat: int) -> Tokens:
    """Makes the rooms with so many people each. All are mentors: nobody has to be let in, whoever comes first."""
    await migrate(storage_url)
    engine = open_engine(storage_url)
    clock = SystemClock()
    auth = Auth(engine, clock)
    try:

        async def room(name: str, count: int) -> tuple[str, ...]:
            now = clock.now_ms()
            people = [IdentityId(f"bench-{name}-{number}") for number in range(count)]
            async with writing(engine) as connection:
                await add_group(connection, Group(f"bench-{name}", f"Bench {name}", now))
                for number, who in enumerate(people):
                    await add_person(connection, Person(who, f"Person {number}", ProgramRole.MENTOR, now))
                    await add_member(connection, f"bench-{name}", who, Role.MENTOR)
                await open_session(connection, SessionId(f"bench-{name}"), f"bench-{name}", f"Bench {name}", now)
            return tuple([await auth.make_link(who, ttl_s=LINK_S) for who in people])

        return Tokens(await room("forwarding", forwarding), await room("joins", joins), await room("chat", chat))
    finally:
        await engine.dispose()
