"""A group to try Holdspace with: two or three participants, a mentor, a therapist, and a live session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from program.agreements import agreement_of, set_agreement
from program.consents import ADULT_VERSION, ConsentKind
from program.groups import Group, add_group, add_member, find_group, members_of
from program.notices import FALLBACK, packaged_agreement
from program.people import Person, ProgramRole, add_person, find_person
from program.sessions import find_session, keep_open, live_sessions, open_session, session_for
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.arrivals import Arrivals
from server.auth import Auth
from server.clock import Clock
from server.config import is_loopback
from server.storage.engine import reading, writing
from server.tokens import TokenSource, new_id
from server.whereabouts import Whereabouts

GROUP_ID: Final = "demo-group"
GROUP_NAME: Final = "Tuesday evening group"
LINK_S: Final = 12 * 60 * 60
NOTE: Final = "We start with a short round: one word for how you are. You can always pass. Bring tea if you like."

# Ids appear in logs; names must not.
_PEOPLE: Final = (
    ("demo-1", "Ellie", Role.PARTICIPANT),
    ("demo-2", "Marcus", Role.PARTICIPANT),
    ("demo-3", "Priya", Role.PARTICIPANT),
    ("demo-4", "Dana", Role.MENTOR),
    ("demo-5", "Ruth", Role.THERAPIST),
    ("demo-7", "Ben", Role.THERAPIST),
)
VISITOR: Final = (IdentityId("demo-6"), "Sam")
"""Of the program, and not of the group: may knock."""


class DemoRefused(Exception):
    """Demo links sign anyone in who has them: they are not made for a server that others can reach."""


@dataclass(frozen=True, slots=True)
class DemoPeople:
    """Who was made, and the live session they belong to."""

    participants: tuple[IdentityId, ...]
    mentor: IdentityId
    therapist: IdentityId
    backup: IdentityId
    visitor: IdentityId
    group_id: str
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class Links:
    """Sign-in links, one a person, good for twelve hours and any number of times. The visitor's leads to a session."""

    base_url: str
    participants: tuple[str, ...]
    mentor: str
    therapist: str
    backup: str
    visitor: str


async def seed(engine: AsyncEngine, clock: Clock, ids: TokenSource = new_id) -> DemoPeople:
    """Makes what is missing of the demo; once a session has ended, a new one. Running it again changes nothing."""
    now = clock.now_ms()
    async with writing(engine) as connection:
        if await find_group(connection, GROUP_ID) is None:
            await add_group(connection, Group(GROUP_ID, GROUP_NAME, now, knock=True))
        if not await agreement_of(connection, GROUP_ID):
            await set_agreement(connection, GROUP_ID, packaged_agreement())
        members = await members_of(connection, GROUP_ID)
        for raw_id, name, role in _PEOPLE:
            person_id = IdentityId(raw_id)
            if await find_person(connection, person_id) is None:
                await add_person(connection, Person(person_id, name, ProgramRole(role.value), now))
            if person_id not in members:
                await add_member(connection, GROUP_ID, person_id, role)
        visitor, name = VISITOR
        if await find_person(connection, visitor) is None:
            await add_person(connection, Person(visitor, name, ProgramRole.PARTICIPANT, now))
        live = await live_sessions(connection, GROUP_ID)
        if live:
            # The links that follow lead there; it may have waited since yesterday.
            await keep_open(connection, live[0].id, now)
        session = (
            live[0]
            if live
            else await open_session(
                connection,
                SessionId(ids()),
                GROUP_ID,
                GROUP_NAME,
                now,
                note=NOTE,
                responder_id=_of(Role.THERAPIST)[0],
            )
        )
    return DemoPeople(
        _of(Role.PARTICIPANT), _of(Role.MENTOR)[0], *_of(Role.THERAPIST), VISITOR[0], GROUP_ID, session.id
    )


SOMEWHERE: Final = Whereabouts(
    place="Nowhere, this is a trial",
    city="Nowhere",
    region="None",
    call_back="000",
    contact_name="Nobody",
    contact_phone="000",
)


async def make_ready(engine: AsyncEngine, arrivals: Arrivals, person_id: IdentityId, session_id: SessionId) -> None:
    """Says and agrees to everything that a join asks that person for. Only for people who were made up.

    Raises:
        LookupError: the session is none of theirs.
    """
    async with reading(engine) as connection:
        session = await find_session(connection, session_id)
        role = await session_for(connection, person_id, session_id)
        if session is None or role is None:
            raise LookupError(f"{person_id} does not belong to session {session_id}")
        asked = await arrivals.arrival(connection, person_id, session, role, FALLBACK)
    if not asked.adult:
        await arrivals.agree(person_id, session, ConsentKind.ADULT, version=ADULT_VERSION, language=FALLBACK)
    if not asked.notice.agreed:
        version, language = asked.notice.text.version, asked.notice.language
        await arrivals.agree(person_id, session, ConsentKind.NOTICE, version=version, language=language)
    if asked.agreement is not None and not asked.agreement.agreed:
        version, language = asked.agreement.text.version, asked.agreement.language
        await arrivals.agree(person_id, session, ConsentKind.AGREEMENT, version=version, language=language)
    if not asked.confirmed:
        await arrivals.confirm(person_id, session_id, SOMEWHERE)


async def make_all_ready(engine: AsyncEngine, arrivals: Arrivals, demo: DemoPeople) -> None:
    """The same for everyone of the demo."""
    for person_id in (*demo.participants, demo.mentor, demo.therapist, demo.backup):
        await make_ready(engine, arrivals, person_id, demo.session_id)


def check_demo(base_url: str, *, lan: bool) -> None:
    """Whether there may be demo links for that address; `lan` says that others in the network are meant to come.

    Raises:
        DemoRefused: `base_url` is not this machine only.
    """
    if not lan and not is_loopback(base_url):
        raise DemoRefused(
            f"demo links sign in anyone who has them, and {base_url} can be reached by others; "
            "they are made on a loopback address only (server.base_url, server.host), or with --lan"
        )


async def demo_links(auth: Auth, demo: DemoPeople, base_url: str, *, lan: bool) -> Links:
    """Fresh links for everyone of the demo.

    Raises:
        DemoRefused: `base_url` is not this machine only, and `lan` does not say that it may be.
    """
    check_demo(base_url, lan=lan)

    async def link(person_id: IdentityId) -> str:
        return f"{base_url}/join#{await auth.make_link(person_id, ttl_s=LINK_S, reusable=True)}"

    return Links(
        base_url=base_url,
        participants=tuple([await link(person_id) for person_id in demo.participants]),
        mentor=await link(demo.mentor),
        therapist=await link(demo.therapist),
        backup=await link(demo.backup),
        visitor=(await link(demo.visitor)).replace("/join#", f"/join?session={demo.session_id}#"),
    )


def _of(role: Role) -> tuple[IdentityId, ...]:
    return tuple(IdentityId(raw_id) for raw_id, _, its in _PEOPLE if its is role)
