"""The API of people and roles, for admins and clinical leads."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from program.accounts import AccountState
from program.people import Person, ProgramRole
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId
from protocol.values import Millis
from server.http.accounts import Empty
from server.http.api import answer, end_pages, read, signed_in
from server.http.deps import DEPS
from server.people_office import Invited


class PersonShown(Struct, frozen=True):
    """Someone with an account."""

    id: str
    name: str
    email: str
    roles: tuple[str, ...]
    staff: bool
    state: AccountState


class People(Struct, frozen=True):
    """Answer of `GET /api/v1/people`."""

    people: tuple[PersonShown, ...]


class NewPerson(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/people`."""

    name: Annotated[str, Meta(max_length=64)]
    email: Annotated[str, Meta(max_length=254)]
    role: ProgramRole


class InvitedShown(Struct, frozen=True, omit_defaults=True):
    """Answer to an invitation. `link` is there when no e-mail can be sent; `request`: it waits for approval."""

    id: str
    link: str | None = None
    request: str | None = None


class AskForRole(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/role-requests`."""

    person: Annotated[str, Meta(max_length=64)]
    role: ProgramRole


class Asked(Struct, frozen=True, omit_defaults=True):
    """Answer to it; without `request` they hold the role."""

    request: str | None = None


class RequestShown(Struct, frozen=True):
    """A role that waits for approval; `mine`: I asked for it, and another decides."""

    id: str
    person: str
    name: str
    role: ProgramRole
    asked_ms: Millis
    mine: bool


class Requests(Struct, frozen=True):
    """Answer of `GET /api/v1/role-requests`."""

    requests: tuple[RequestShown, ...]


def add_routes(app: web.Application) -> None:
    """Adds these routes."""
    app.router.add_get("/api/v1/people", people)
    app.router.add_post("/api/v1/people", invite)
    app.router.add_post("/api/v1/people/{person_id}/invite", invite_again)
    app.router.add_post("/api/v1/people/{person_id}/disable", disable)
    app.router.add_post("/api/v1/people/{person_id}/enable", enable)
    app.router.add_post("/api/v1/people/{person_id}/reset", reset)
    app.router.add_post("/api/v1/people/{person_id}/sign-ins/end", end_sign_ins)
    app.router.add_post("/api/v1/people/{person_id}/roles/{role}/take", take)
    app.router.add_get("/api/v1/role-requests", requests)
    app.router.add_post("/api/v1/role-requests", ask)
    app.router.add_post("/api/v1/role-requests/{request_id}/approve", approve)
    app.router.add_post("/api/v1/role-requests/{request_id}/refuse", refuse)


async def people(request: web.Request) -> web.Response:
    """Everyone with an account."""
    actor = await signed_in(request)
    found = await request.app[DEPS].identity.office.people(actor)
    return answer(
        People(
            tuple(
                PersonShown(who.id, who.display_name, its.email, tuple(sorted(who.roles)), its.staff, its.state)
                for who, its in found
            )
        )
    )


async def invite(request: web.Request) -> web.Response:
    """Makes a person and sends them their link."""
    body = await read(request, NewPerson)
    actor = await _changing(request)
    return _invited(await request.app[DEPS].identity.office.invite(actor, body.name.strip(), body.email, body.role))


async def invite_again(request: web.Request) -> web.Response:
    """A new link for someone who has not come."""
    await read(request, Empty)
    actor = await _changing(request)
    return _invited(await request.app[DEPS].identity.office.invite_again(actor, _whom(request)))


async def disable(request: web.Request) -> web.Response:
    """They are signed out everywhere when this is answered, and do not come back. 204."""
    return await _set_disabled(request, disabled=True)


async def enable(request: web.Request) -> web.Response:
    """They may sign in again. 204."""
    return await _set_disabled(request, disabled=False)


async def reset(request: web.Request) -> web.Response:
    """They choose a new password and a new factor, by a link to their own address. 204."""
    await read(request, Empty)
    actor, deps = await _changing(request), request.app[DEPS]
    end_pages(deps, await deps.identity.office.reset(actor, _whom(request)))
    return web.Response(status=204)


async def end_sign_ins(request: web.Request) -> web.Response:
    """They are signed out everywhere. 204."""
    await read(request, Empty)
    actor, deps = await _changing(request), request.app[DEPS]
    end_pages(deps, await deps.identity.office.end_sign_ins(actor, _whom(request)))
    return web.Response(status=204)


async def take(request: web.Request) -> web.Response:
    """They hold that role no more, and are signed out. 204."""
    await read(request, Empty)
    actor, deps = await _changing(request), request.app[DEPS]
    try:
        role = ProgramRole(request.match_info["role"])
    except ValueError:
        raise raise_for(ErrorCode.NOT_FOUND) from None
    end_pages(deps, await deps.identity.office.take(actor, _whom(request), role))
    return web.Response(status=204)


async def requests(request: web.Request) -> web.Response:
    """Roles that wait for a second person."""
    actor = await signed_in(request)
    found = await request.app[DEPS].identity.office.requests(actor)
    return answer(
        Requests(
            tuple(
                RequestShown(
                    each.id, each.person_id, who.display_name, each.role, each.asked_ms, each.asked_by == actor.id
                )
                for each, who in found
            )
        )
    )


async def ask(request: web.Request) -> web.Response:
    """Asks that a person be given a role."""
    body = await read(request, AskForRole)
    actor = await _changing(request)
    return answer(Asked(await request.app[DEPS].identity.office.ask_for(actor, IdentityId(body.person), body.role)))


async def approve(request: web.Request) -> web.Response:
    """Gives it. 204."""
    return await _decide(request, approved=True)


async def refuse(request: web.Request) -> web.Response:
    """Does not give it; whoever asked takes it back so, too. 204."""
    return await _decide(request, approved=False)


async def _decide(request: web.Request, *, approved: bool) -> web.Response:
    await read(request, Empty)
    actor = await _changing(request)
    await request.app[DEPS].identity.office.decide(actor, request.match_info["request_id"], approved=approved)
    return web.Response(status=204)


async def _set_disabled(request: web.Request, *, disabled: bool) -> web.Response:
    await read(request, Empty)
    actor, deps = await _changing(request), request.app[DEPS]
    end_pages(deps, await deps.identity.office.set_disabled(actor, _whom(request), disabled=disabled))
    return web.Response(status=204)


async def _changing(request: web.Request) -> Person:
    """Who asks for a change. Raises as `signed_in`; Unavailable(RATE_LIMITED)."""
    actor = await signed_in(request)
    if not request.app[DEPS].changes.changed(actor.id):
        raise raise_for(ErrorCode.RATE_LIMITED)
    return actor


def _whom(request: web.Request) -> IdentityId:
    return IdentityId(request.match_info["person_id"])


def _invited(done: Invited) -> web.Response:
    return answer(InvitedShown(done.person_id, done.link, done.request))
