"""The way in for those who watch, and who answers for a session."""

from __future__ import annotations

import re
from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from moderation.decision import Rejection
from moderation.permissions import Action, Office
from moderation.supervision.escalation import Someone
from program.sessions import is_assigned, session_for
from protocol.errors import ErrorCode, raise_for
from protocol.ids import CLIENT_ID_PATTERN, SessionId
from protocol.values import Role
from server.auth import sign_in_id
from server.denials import DeniedAttempt
from server.http.api import (
    COOKIE,
    OFFICES,
    answer,
    count_way_in,
    may_watch,
    of_mine,
    read,
    require_ready,
    signed_in,
    way_in,
)
from server.http.deps import DEPS
from server.storage.engine import reading
from server.timeline import Moment
from server.tokens import WatchGrant

_ID: Final = re.compile(CLIENT_ID_PATTERN)


class Responding(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/sessions/{id}/responder`: one of the two.

    `reachable`: I answer for this session while it lasts, or no longer. `waive`, with its `reason`: it may begin
    without anyone who does.
    """

    reachable: bool | None = None
    waive: bool = False
    reason: Annotated[str, Meta(max_length=500)] = ""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of what needs to say no more."""


class Timeline(Struct, frozen=True):
    """Answer of `GET /api/v1/sessions/{id}/timeline`; the oldest first."""

    timeline: tuple[Moment, ...]


def add_routes(app: web.Application) -> None:
    """Adds what belongs to supervision under /api/v1."""
    app.router.add_post("/api/v1/watch", watch)
    app.router.add_post("/api/v1/sessions/{session_id}/responder", respond)
    app.router.add_get("/api/v1/sessions/{session_id}/timeline", timeline)
    app.router.add_post("/api/v1/sessions/{session_id}/step-in", step_in)


async def watch(request: web.Request) -> web.Response:
    """A single-use token for a WebSocket that watches the sessions of the groups whose therapist I am."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    async with reading(deps.engine) as connection:
        assigned = await is_assigned(connection, person.id)
    held = [office for role, office in OFFICES.items() if role in person.roles]
    if not any(may_watch(office) for office in ([Office.ASSIGNED, *held] if assigned else held)):
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


async def step_in(request: web.Request) -> web.Response:
    """I am about to come in, visibly: whoever of mine listened does not any more. 204; then I join as everyone does."""
    deps = request.app[DEPS]
    await read(request, Nothing)
    person = await signed_in(request)
    count_way_in(deps, person)
    async with reading(deps.engine) as connection:
        wanted = request.match_info["session_id"]
        session, role, _ = await of_mine(connection, person, wanted, Action.STEP_IN, deps.flagging.office_of)
        assigned = await session_for(connection, person.id, session.id) is Role.THERAPIST
    office = Office.ASSIGNED if assigned else deps.flagging.office_of(person, session.id)
    if role is not Role.THERAPIST or office is None:
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.STEP_IN, session.id)
    decision = await deps.monitoring.step_in(session.id, Someone(person.id, person.display_name), office)
    if isinstance(decision, Rejection):
        if decision.denied is not None:
            raise DeniedAttempt(ErrorCode.NOT_ALLOWED, decision.denied, session.id)
        raise raise_for(decision.code)
    return web.Response(status=204)


async def timeline(request: web.Request) -> web.Response:
    """What happened in a session, for its therapists. That it was read is written down."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    async with reading(deps.engine) as connection:
        wanted = request.match_info["session_id"]
        session, role, _ = await of_mine(connection, person, wanted, Action.SEE_TIMELINE)
    return answer(Timeline(await deps.timelines.read(person, session, role)))
