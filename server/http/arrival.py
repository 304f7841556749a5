"""The API of arriving: name, notice and other consents, whereabouts; and reading where someone is."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from moderation.permissions import Action, Capacity, Relation, permitted, relation_to
from program.consents import ConsentKind
from program.groups import host_of
from program.notices import Promise, Section
from program.people import Person
from program.sessions import Session, session_for
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.values import Role, SessionStatus
from server.arrivals import Arrival as Asked
from server.denials import DeniedAttempt
from server.http.api import Name, answer, of_mine, read, signed_in
from server.http.deps import DEPS, HttpDeps
from server.storage.engine import reading
from server.whereabouts import Offered, Whereabouts


class NoticeText(Struct, frozen=True):
    """The notice, and whether this person agreed to it as it is now."""

    version: str
    agreed: bool
    language: str
    title: str
    sections: tuple[Promise, ...]
    full: tuple[Section, ...]


class AgreementText(Struct, frozen=True):
    """The group's agreement, and the same."""

    version: str
    agreed: bool
    language: str
    title: str
    sections: tuple[Section, ...]


class WhereaboutsAsked(Struct, frozen=True):
    """Whether they are confirmed for this session, and what may be offered to type less."""

    confirmed: bool
    last: Offered


class Arrival(Struct, frozen=True):
    """Answer of `GET /api/v1/sessions/{id}/arrival`."""

    name: str
    role: Role
    title: str
    host: str
    adult: bool
    notice: NoticeText
    agreement: AgreementText | None
    whereabouts: WhereaboutsAsked | None
    ready: bool


class Agree(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/consents`."""

    kind: ConsentKind
    session_id: str
    version: Annotated[str, Meta(max_length=32)]
    language: Annotated[str, Meta(max_length=8)]


class Revoke(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `DELETE /api/v1/consents`."""

    kind: Literal["notice"]


class WhereaboutsTold(Struct, frozen=True):
    """Answer to who may read them; `confirmed_ms` is Unix time, `no_contact` that they have nobody to name."""

    place: str
    city: str
    region: str
    call_back: str
    contact_name: str
    contact_relation: str
    contact_phone: str
    no_contact: bool
    confirmed_ms: int


class NewName(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `PUT /api/v1/me/name`."""

    name: str


def add_routes(app: web.Application) -> None:
    """Adds these routes."""
    app.router.add_get("/api/v1/sessions/{session_id}/arrival", arrival)
    app.router.add_put("/api/v1/me/name", rename)
    app.router.add_post("/api/v1/consents", agree)
    app.router.add_delete("/api/v1/consents", revoke)
    app.router.add_put("/api/v1/sessions/{session_id}/whereabouts", confirm)
    app.router.add_get("/api/v1/sessions/{session_id}/whereabouts/{participant_id}", read_whereabouts)


async def arrival(request: web.Request) -> web.Response:
    """What is asked of this person before they join that session."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    async with reading(deps.engine) as connection:
        session, role, enrolled = await of_mine(
            connection, person, request.match_info["session_id"], Action.ENTER, deps.flagging.office_of
        )
        # Said here, before a camera is opened for nothing; where the room is not open, the room says it.
        if deps.removed(session.id, person.id):
            raise DeniedAttempt(ErrorCode.REMOVED, Action.ENTER, session.id)
        language = request.query.get("language", "")
        asked = await deps.arrivals.arrival(connection, person.id, session, role, language)
        # Who knocks learns no name, not even of who will open.
        host = await host_of(connection, session.group_id) if enrolled else ""
    return answer(_told(person, session, role, host, asked))


async def rename(request: web.Request) -> web.Response:
    """What rooms call this person from the next join on."""
    body = await read(request, NewName)
    person = await _changing(request)
    return answer(Name(await request.app[DEPS].arrivals.rename(person.id, body.name)))


async def agree(request: web.Request) -> web.Response:
    """Keeps that this person agreed."""
    deps = request.app[DEPS]
    body = await read(request, Agree)
    person = await _changing(request)
    async with reading(deps.engine) as connection:
        session, _, _ = await of_mine(connection, person, body.session_id, Action.ENTER, deps.flagging.office_of)
    await deps.arrivals.agree(person.id, session, body.kind, version=body.version, language=body.language)
    return web.Response(status=204)


async def revoke(request: web.Request) -> web.Response:
    """Takes the notice back: this person is in no room any more when this is answered, and joins none."""
    deps = request.app[DEPS]
    await read(request, Revoke)
    person = await signed_in(request)
    # At once, even when it cannot be stored; and once more for who came back in while it was.
    _take_out(deps, person)
    await deps.arrivals.revoke_notice(person.id)
    _take_out(deps, person)
    return web.Response(status=204)


async def confirm(request: web.Request) -> web.Response:
    """Keeps where this person is, for that session."""
    deps = request.app[DEPS]
    body = await read(request, Whereabouts)
    person = await _changing(request)
    async with reading(deps.engine) as connection:
        wanted = request.match_info["session_id"]
        session, role, _ = await of_mine(connection, person, wanted, Action.CONFIRM_WHEREABOUTS)
    if not permitted(role, Action.CONFIRM_WHEREABOUTS, Relation.OWN):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.CONFIRM_WHEREABOUTS, session.id)
    if session.status is SessionStatus.ENDED:
        raise raise_for(ErrorCode.SESSION_ENDED)
    await deps.arrivals.confirm(person.id, session.id, body)
    return web.Response(status=204)


async def read_whereabouts(request: web.Request) -> web.Response:
    """Where someone in that session is, for its therapist. That it was read is written down."""
    deps = request.app[DEPS]
    person = await signed_in(request)
    wanted = ParticipantId(request.match_info["participant_id"])
    session_id, capacity, concerned = await _reader(request, person)
    # Before looking: who may not read anyone's must not learn either whom there is.
    relation = Relation.PARTICIPANT if concerned is None else Relation.IN_MY_CRISIS
    if concerned is not None and not concerned:
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.READ_WHEREABOUTS, session_id)
    _check_read(session_id, capacity, relation)
    whose = await deps.participant(session_id, wanted)
    if whose is None:
        raise raise_for(ErrorCode.NOT_FOUND)
    relation = relation_to(whose.role, own=whose.identity_id == person.id)
    if concerned is not None and relation is Relation.PARTICIPANT and whose.identity_id in concerned:
        relation = Relation.IN_MY_CRISIS
    _check_read(session_id, capacity, relation)
    found = await deps.arrivals.whereabouts.read(person.id, whose.identity_id, session_id)
    if found is None:
        raise raise_for(ErrorCode.NOT_FOUND)
    it, confirmed_ms = found
    return answer(
        WhereaboutsTold(
            it.place,
            it.city,
            it.region,
            it.call_back,
            it.contact_name,
            it.contact_relation,
            it.contact_phone,
            it.no_contact,
            confirmed_ms,
        )
    )


async def _changing(request: web.Request) -> Person:
    """Who asks for a change. Raises Refused(SIGNED_OUT), Unavailable(RATE_LIMITED)."""
    person = await signed_in(request)
    if not request.app[DEPS].changes.changed(person.id):
        raise raise_for(ErrorCode.RATE_LIMITED)
    return person


def _take_out(deps: HttpDeps, person: Person) -> None:
    deps.join_tokens.revoke_person(person.id)
    deps.end_person(person.id, ErrorCode.CONSENT_REVOKED)


async def _reader(request: web.Request, person: Person) -> tuple[SessionId, Capacity, frozenset[IdentityId] | None]:
    """In which session, in what capacity, and whom a mentor's crises concern; None: they need no such reason.

    Raises:
        DeniedAttempt: NOT_FOUND, the session is none of theirs.
        Refused: NOT_FOUND.
    """
    deps = request.app[DEPS]
    wanted = request.match_info["session_id"]
    async with reading(deps.engine) as connection:
        office = deps.flagging.office_of(person, SessionId(wanted))
        if office is not None and await session_for(connection, person.id, SessionId(wanted)) is None:
            return SessionId(wanted), office, None
        session, role, _ = await of_mine(connection, person, wanted, Action.READ_WHEREABOUTS)
    return session.id, role, deps.flagging.in_crisis(session.id, person) if role is Role.MENTOR else None


def _check_read(session_id: SessionId, capacity: Capacity, relation: Relation) -> None:
    if not permitted(capacity, Action.READ_WHEREABOUTS, relation):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.READ_WHEREABOUTS, session_id)


def _told(person: Person, session: Session, role: Role, host: str, asked: Asked) -> Arrival:
    notice, agreement = asked.notice, asked.agreement
    return Arrival(
        name=person.display_name,
        role=role,
        title=session.title,
        host=host,
        adult=asked.adult,
        notice=NoticeText(
            notice.text.version,
            notice.agreed,
            notice.language,
            notice.text.title,
            notice.text.sections,
            notice.text.full,
        ),
        agreement=None
        if agreement is None
        else AgreementText(
            agreement.text.version,
            agreement.agreed,
            agreement.language,
            agreement.text.title,
            agreement.text.sections,
        ),
        whereabouts=None if asked.offered is None else WhereaboutsAsked(asked.confirmed, asked.offered),
        ready=asked.ready,
    )
