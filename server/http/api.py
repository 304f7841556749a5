"""The API: signing in and out, what is mine, and the way into a room."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Collection
from typing import Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation.decision import Rejection
from moderation.permissions import Action, Office, Relation, permitted
from moderation.supervision.escalation import Someone
from program.people import Person, ProgramRole
from program.sessions import Session, find_session, may_knock, session_for, sessions_of
from protocol.errors import ErrorCode, HoldspaceError, raise_for
from protocol.ids import CLIENT_ID_PATTERN, IdentityId, SessionId
from protocol.values import IceServer, Role, SessionStatus
from server.auth import Opening, Standing, require_done, sign_in_id
from server.checks import ROLE as CHECK_ROLE
from server.denials import DeniedAttempt
from server.http.browsers import device_of
from server.http.deps import DEPS, WHO, HttpDeps, Readiness
from server.storage.engine import reading
from server.tokens import JoinGrant, JoinToken

COOKIE: Final = "holdspace"
BODY_TIMEOUT_S: Final = 10.0

_ID: Final = re.compile(CLIENT_ID_PATTERN)

S = TypeVar("S", bound=Struct)


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/sign-in`. `shared`: others use this device too."""

    token: str
    shared: bool = False


class Name(Struct, frozen=True):
    """Answer to signing in: the name this person is called by."""

    name: str


OFFICES: Final = {ProgramRole.THERAPIST: Office.ON_CALL, ProgramRole.CLINICAL_LEAD: Office.CLINICAL_LEAD}
"""As whom people may be told of sessions that are not of their groups."""


class MySession(Struct, frozen=True):
    """A session in `Me`."""

    id: SessionId
    title: str
    status: SessionStatus
    role: Role


class Me(Struct, frozen=True):
    """Answer of `GET /api/v1/me`: live sessions first, then the newest.

    `you` stands for this person, and for nobody else; it is told to nobody else. `watches`: they may see sessions from
    outside, also while there is none of their own. `roles`: what they are in the program. `shared`: on this device the
    page signs out when it leaves a session.
    """

    you: str
    name: str
    sessions: tuple[MySession, ...]
    watches: bool = False
    roles: tuple[str, ...] = ()
    shared: bool = False


class Join(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a join. `you`, as `Me` said it: a page goes on only as the person that it began with."""

    you: str = ""


class Joining(Struct, frozen=True):
    """Answer to `POST /api/v1/sessions/{id}/join` and `POST /api/v1/check`; `expires_at` is Unix ms."""

    ws_url: str
    token: str
    ice_servers: tuple[IceServer, ...]
    expires_at: int


def add_routes(app: web.Application) -> None:
    """Adds everything under /api/v1."""
    app.router.add_post("/api/v1/sign-in", sign_in)
    app.router.add_get("/api/v1/me", me)
    app.router.add_post("/api/v1/sessions/{session_id}/join", join)
    app.router.add_post("/api/v1/check", check)
    app.router.add_post("/api/v1/sign-out", sign_out)


async def sign_in(request: web.Request) -> web.Response:
    """Uses the link's token up and sets the cookie."""
    deps = request.app[DEPS]
    body = await read(request, SignIn)
    present = request.cookies.get(COOKIE)
    try:
        done = await deps.auth.sign_in(body.token, present, opening_of(request, shared=body.shared))
    except HoldspaceError as error:
        if error.code is ErrorCode.LINK_INVALID and not deps.sign_in_failures.failed(request.remote or ""):
            raise raise_for(ErrorCode.RATE_LIMITED) from None
        raise
    if done.secret != present:
        # Whoever was signed in on this device before is not any more, on no page of it.
        await end_sign_in(deps, present)
    reply = answer(Name(done.person.display_name))
    set_secret(reply, deps, done.secret)
    return reply


def set_secret(reply: web.Response, deps: HttpDeps, secret: str) -> None:
    """Puts a sign-in's secret into the cookie."""
    # No Max-Age: on a shared device the sign-in ends with the browser.
    reply.set_cookie(COOKIE, secret, path="/", httponly=True, samesite="Lax", secure=is_https(deps))


def opening_of(request: web.Request, *, shared: bool) -> Opening:
    """What a sign-in from there is like."""
    return Opening(shared=shared, device=device_of(request.headers.get("User-Agent", "")))


async def me(request: web.Request) -> web.Response:
    """Who I am and which sessions I may join."""
    deps = request.app[DEPS]
    standing = await standing_of(request, finished=True)
    person = standing.person
    async with reading(deps.engine) as connection:
        mine = await sessions_of(connection, person.id)
    return answer(
        Me(
            you(person.id),
            person.display_name,
            tuple(MySession(i.session.id, i.session.title, i.session.status, i.role) for i in mine),
            any(may_watch(OFFICES.get(role)) for role in person.roles),
            tuple(sorted(person.roles)),
            standing.shared,
        )
    )


async def _step_in(deps: HttpDeps, person: Person, session: Session) -> None:
    """Whoever comes in visibly neither listens nor speaks from outside. Who comes because something has reached them
    steps in by that, and it is written down."""
    deps.monitoring.came_in(session.id, person.id)
    async with reading(deps.engine) as connection:
        member = await session_for(connection, person.id, session.id) is not None
    office = None if member else deps.flagging.office_of(person, session.id)
    if member or office is None:
        return
    decision = await deps.monitoring.step_in(session.id, Someone(person.id, person.display_name), office)
    if isinstance(decision, Rejection):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.STEP_IN, session.id)


def may_watch(office: Office | None) -> bool:
    """Whether somebody in that office may see sessions from outside."""
    return office is not None and permitted(office, Action.WATCH_SESSIONS, Relation.ROOM)


async def join(request: web.Request) -> web.Response:
    """A single-use token for the WebSocket. A session of others answers like one that does not exist."""
    deps = request.app[DEPS]
    body = await read(request, Join) if request.can_read_body else Join()
    person = await signed_in(request)
    if body.you and body.you != you(person.id):
        raise raise_for(ErrorCode.OTHER_PERSON)
    count_way_in(deps, person)
    async with reading(deps.engine) as connection:
        session, role, enrolled = await of_mine(
            connection, person, request.match_info["session_id"], Action.ENTER, deps.flagging.office_of
        )
        arrived = await deps.arrivals.is_ready(connection, person.id, session, role)
    if session.status is SessionStatus.ENDED:
        raise raise_for(ErrorCode.SESSION_ENDED)
    require_ready(deps)
    if not arrived:
        raise raise_for(ErrorCode.ARRIVAL_INCOMPLETE)
    if role is Role.THERAPIST:
        await _step_in(deps, person, session)
    grant = JoinGrant(person.id, session.id, role, sign_in_id(request.cookies[COOKIE]), enrolled)
    deps.expect(session.id)
    return way_in(request, deps.join_tokens.issue(grant))


async def check(request: web.Request) -> web.Response:
    """A token for a check: a room of this person alone, whose sound and picture come back to them."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    if not deps.checks.changed(person.id):
        raise raise_for(ErrorCode.RATE_LIMITED)
    require_ready(deps)
    check_id = deps.begin_check(person.id)
    grant = JoinGrant(person.id, check_id, CHECK_ROLE, sign_in_id(request.cookies[COOKIE]))
    return way_in(request, deps.join_tokens.issue(grant))


def count_way_in(deps: HttpDeps, person: Person) -> None:
    """Raises Unavailable(RATE_LIMITED)."""
    if not deps.ways_in.changed(person.id):
        raise raise_for(ErrorCode.RATE_LIMITED)


def require_ready(deps: HttpDeps) -> None:
    """Raises Unavailable: DRAINING, OVERLOADED, when nobody can come in now."""
    match deps.readiness():
        case Readiness.READY:
            pass
        case Readiness.DRAINING:
            raise raise_for(ErrorCode.DRAINING)
        case Readiness.STARTING:
            raise raise_for(ErrorCode.OVERLOADED, "starting")
        case Readiness.STORAGE_LOST:
            raise raise_for(ErrorCode.NOT_SAVED)


def way_in(request: web.Request, issued: JoinToken) -> web.Response:
    """The answer with a token for the WebSocket."""
    deps = request.app[DEPS]
    return answer(Joining(_ws_url(request, deps), issued.token, deps.ice_servers(), issued.expires_at_ms))


async def sign_out(request: web.Request) -> web.Response:
    """Ends the session on the server and takes the cookie back. Works in any state."""
    deps = request.app[DEPS]
    await end_sign_in(deps, request.cookies.get(COOKIE))
    reply = web.Response(status=204)
    reply.del_cookie(COOKIE, path="/", httponly=True, samesite="Lax", secure=is_https(deps))
    return reply


async def end_sign_in(deps: HttpDeps, secret: str | None) -> None:
    """Ends a sign-in and all that hangs on it: its row, its unused join tokens, its pages in rooms.

    When the row cannot be written the rest ends all the same, and the client, which hears of it, asks again.
    """
    if not secret:
        return
    try:
        await deps.auth.sign_out(secret)
    finally:
        end_pages(deps, (sign_in_id(secret),))


def end_pages(deps: HttpDeps, sign_ins: Collection[str]) -> None:
    """Ends what hangs on sign-ins whose rows have ended: unused tokens, and pages in rooms."""
    for each in sign_ins:
        deps.join_tokens.revoke(each)
        deps.watch_tokens.revoke(each)
        deps.end_sign_in(each)


async def signed_in(request: web.Request) -> Person:
    """Who asks. Raises Refused: SIGNED_OUT, FACTOR_NEEDED, FACTOR_MISSING."""
    return (await standing_of(request, finished=True)).person


async def standing_of(request: web.Request, *, finished: bool) -> Standing:
    """By which sign-in somebody asks; `finished`: only one that may do everything. Raises as `signed_in`."""
    standing = await request.app[DEPS].auth.standing(request.cookies.get(COOKIE))
    if finished:
        require_done(standing)
    request[WHO] = standing.person.id
    return standing


async def of_mine(
    connection: AsyncConnection,
    person: Person,
    wanted: str,
    action: Action,
    reached: Callable[[Person, SessionId], Office | None] = lambda _person, _session: None,
) -> tuple[Session, Role, bool]:
    """The session of that id, this person's role in it, and whether they are enrolled or only may knock.

    `action`: what they want with it, for the audit. `reached`: in what capacity something that is open in a session
    has reached somebody, who may then step in as its therapists may.

    Raises:
        Refused: NOT_FOUND, there is none, or it is none of theirs (a DeniedAttempt). Both are answered alike.
    """
    if _ID.match(wanted):
        session_id = SessionId(wanted)
        role = await session_for(connection, person.id, session_id)
        enrolled = role is not None
        if role is None and ProgramRole.PARTICIPANT in person.roles and await may_knock(connection, session_id):
            role = Role.PARTICIPANT
        session = await find_session(connection, session_id)
        if role is None and reached(person, session_id) is not None:
            role, enrolled = Role.THERAPIST, True
        if session is not None and role is not None:
            return session, role, enrolled
        if session is not None:
            raise DeniedAttempt(ErrorCode.NOT_FOUND, action, session_id)
    raise raise_for(ErrorCode.NOT_FOUND)


async def read(request: web.Request, kind: type[S]) -> S:
    """The body. Raises ProtocolError: MALFORMED, INVALID_FIELD."""
    async with asyncio.timeout(BODY_TIMEOUT_S):
        body = await request.read()
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        raise raise_for(ErrorCode.INVALID_FIELD) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise raise_for(ErrorCode.MALFORMED) from None


def answer(body: Struct) -> web.Response:
    """200, as JSON."""
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def is_https(deps: HttpDeps) -> bool:
    return deps.base_url.startswith("https://")


def _ws_url(request: web.Request, deps: HttpDeps) -> str:
    """On the origin the page came from: a page at localhost may not connect to 127.0.0.1 under its CSP."""
    origin = request.headers.get("Origin", "")
    base = origin if origin in deps.origins else deps.base_url
    return "ws" + base.removeprefix("http") + "/ws"


def you(person_id: IdentityId) -> str:
    """A name for a person that only they are told; it gives nothing away of the id."""
    return hashlib.sha256(f"holdspace you {person_id}".encode()).hexdigest()[:32]
