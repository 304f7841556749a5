"""The way in for those who watch, and who answers for a session."""

from __future__ import annotations

import re
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from moderation.permissions import Action, Office, Relation, permitted
from program.people import ProgramRole
from program.sessions import is_assigned
from protocol.errors import ErrorCode, raise_for
from protocol.ids import CLIENT_ID_PATTERN, SessionId
from server.auth import sign_in_id
from server.denials import DeniedAttempt
from server.http.api import COOKIE, answer, count_way_in, of_mine, read, require_ready, signed_in, way_in
from server.http.deps import DEPS
from server.storage.engine import reading
from server.timeline import Moment
from server.tokens import WatchGrant

_OFFICES: Final = {ProgramRole.THERAPIST: Office.ON_CALL, ProgramRole.CLINICAL_LEAD: Office.CLINICAL_LEAD}
"""As whom people may be told of sessions that are not of their groups."""

_ID: Final = re.compile(CLIENT_ID_PATTERN)


class Responding(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/sessions/{id}/responder`: one of the two.

    `reachable`: I answer for this session while it lasts, or no longer. `waive`, with its `reason`: it may begin
    without anyone who does.
    """

    reachable: bool | None = None
    waive: bool = False
    reason: Annotated[str, Meta(max_length=500)] = ""


class Timeline(Struct, frozen=True):
    """Answer of `GET /api/v1/sessions/{id}/timeline`; the oldest first."""

    timeline: tuple[Moment, ...]


def add_routes(app: web.Application) -> None:
    """Adds what belongs to supervision under /api/v1."""
    app.router.add_post("/api/v1/watch", watch)
    app.router.add_post("/api/v1/sessions/{session_id}/responder", respond)
    app.router.add_get("/api/v1/sessions/{session_id}/timeline", timeline)


async def watch(request: web.Request) -> web.Response:
    """A single-use token for a WebSocket that watches the sessions of the groups whose therapist I am."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    async with reading(deps.engine) as connection:
        assigned = await is_assigned(connection, person.id)
    held = [office for role, office in _OFFICES.items() if role in person.roles]
    offices = [Office.ASSIGNED, *held] if assigned else held
    if not any(permitted(office, Action.WATCH_SESSIONS, Relation.ROOM) for office in offices):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.WATCH_SESSIONS)
    count_way_in(deps, person)
    require_ready(deps)
    return way_in(request, deps.watch_tokens.issue(WatchGrant(person.id, sign_in_id(request.cookies[COOKIE]))))


async def respond(request: web.Request) -> web.Response:
    """A therapist says to be reachable, or the clinical lead lets a session begin without one. 204."""
    deps = request.app[DEPS]
    body = await read(request, Responding)
    person = await signed_in(request)
    wanted = request.match_info["session_id"]
    if not _ID.match(wanted):
        raise raise_for(ErrorCode.NOT_FOUND)
    reason = body.reason.strip()
    if body.waive == (body.reachable is not None) or body.waive != bool(reason):
        raise raise_for(ErrorCode.INVALID_FIELD)
    if body.reachable is None:
        await deps.responders.waive(person, SessionId(wanted), reason)
    else:
        await deps.responders.set_reachable(person, SessionId(wanted), reachable=body.reachable)
    return web.Response(status=204)


async def timeline(request: web.Request) -> web.Response:
    """What happened in a session, for its therapists. That it was read is written down."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    async with reading(deps.engine) as connection:
        wanted = request.match_info["session_id"]
        session, role, _ = await of_mine(connection, person, wanted, Action.SEE_TIMELINE)
    return answer(Timeline(await deps.timelines.read(person, session, role)))
