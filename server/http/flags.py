"""Raising a flag, and what became of one's own. None of our limits counts these: help is never rate-limited."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation.permissions import Action
from moderation.supervision.flags import ASKS
from moderation.supervision.view import OwnFlag
from program.groups import Staff, staff_of
from program.people import Person
from program.sessions import Session
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId
from protocol.supervision import Category, ClientFlagId, FlagKind, FlagText, Severity
from protocol.values import Millis, Role
from server.flagging import Asked
from server.http.api import answer, of_mine, read, signed_in, you
from server.http.deps import DEPS
from server.http.help_lines import Phone, phones_of
from server.storage.engine import reading

NOT_STORED: Final = 202

_STAFF: Final = "staff/"

_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Flag(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/sessions/{id}/flags`.

    `flag_id` is made by the page, and the same when it asks again. `about`: the id of a participant of this session,
    a key of `OwnFlags.staff`, "me", or "" for the session itself. `moment`: the newest lines of chat go with it.
    `you`, as `Me` said it: a page that asks again raises nothing in the name of someone else who has signed in on the
    same device since.
    """

    flag_id: ClientFlagId
    kind: FlagKind
    severity: Severity
    category: Category
    about: Annotated[str, Meta(max_length=64)] = ""
    text: FlagText = ""
    moment: bool = True
    you: Annotated[str, Meta(max_length=64)] = ""


class Raised(Struct, frozen=True):
    """Answer to it: 200 when it is stored. 202: therapists are told, and it is tried again until it is; ask again."""

    stored: bool


class Crisis(Struct, frozen=True):
    """A crisis of one's own that nobody has acknowledged, and who is being asked now, by name."""

    since_ms: Millis
    told: tuple[str, ...]
    phones: tuple[Phone, ...]


class StaffMember(Struct, frozen=True):
    """A mentor or therapist of the group; `key` stands for them in `Flag.about`."""

    key: str
    name: str
    role: Role


class OwnFlags(Struct, frozen=True, omit_defaults=True):
    """Answer of `GET /api/v1/sessions/{id}/flags/mine`: one's own flags, the newest first; nobody else's.

    `staff`: the other mentors and therapists of one's group, who can be reported also where they were never seen.
    """

    flags: tuple[OwnFlag, ...]
    crisis: Crisis | None = None
    staff: tuple[StaffMember, ...] = ()


def add_routes(app: web.Application) -> None:
    """Adds these routes."""
    app.router.add_post("/api/v1/sessions/{session_id}/flags", raise_flag)
    app.router.add_get("/api/v1/sessions/{session_id}/flags/mine", mine)


async def raise_flag(request: web.Request) -> web.Response:
    """Tells the therapists at once. Works when the room has failed, before joining, and after leaving."""
    deps = request.app[DEPS]
    body = await read(request, Flag)
    person = await signed_in(request)
    _check_same(person, body.you)
    async with reading(deps.engine) as connection:
        wanted = request.match_info["session_id"]
        session, role, enrolled = await of_mine(connection, person, wanted, ASKS[body.kind])
        whom = await _staff(connection, session, body.about) if enrolled and body.about.startswith(_STAFF) else None
    about = body.about if whom is None else ""
    # A sign that cannot be shown is no reason to refuse help.
    text = _UNREADABLE.sub("", body.text)
    asked = Asked(body.flag_id, body.kind, body.severity, body.category, about, text, body.moment, whom)
    stored = await deps.flagging.raise_flag(person, session, role, asked, enrolled=enrolled)
    if stored:
        return answer(Raised(stored=True))
    body_of = msgspec.json.encode(Raised(stored=False))
    return web.Response(status=NOT_STORED, body=body_of, content_type="application/json")


async def mine(request: web.Request) -> web.Response:
    """What became of my flags in that session. `?you=`: as in the body of one."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    _check_same(person, request.query.get("you", ""))
    async with reading(deps.engine) as connection:
        wanted = request.match_info["session_id"]
        session, role, enrolled = await of_mine(connection, person, wanted, Action.SEE_FLAG_RECEIVED)
        # Who only knocks is told of nobody.
        others = [each for each in await staff_of(connection, session.group_id) if enrolled and each.id != person.id]
    staff = tuple(StaffMember(_key(each.id), each.name, each.role) for each in others)
    flags, crisis = await deps.flagging.own_flags(person, session.id, role)
    if crisis is None:
        return answer(OwnFlags(flags, staff=staff))
    phones = phones_of(deps.contacts.phones)
    return answer(OwnFlags(flags, Crisis(crisis.since_ms, crisis.told, phones), staff))


async def _staff(connection: AsyncConnection, session: Session, key: str) -> Staff | None:
    return next((each for each in await staff_of(connection, session.group_id) if _key(each.id) == key), None)


def _key(person_id: IdentityId) -> str:
    """Gives nothing away of the id."""
    return _STAFF + hashlib.sha256(f"holdspace staff {person_id}".encode()).hexdigest()[:32]


def _check_same(person: Person, said: str) -> None:
    """Raises Refused(OTHER_PERSON): the page is someone else's."""
    if said and said != you(person.id):
        raise raise_for(ErrorCode.OTHER_PERSON)
