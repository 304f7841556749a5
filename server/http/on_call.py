"""The API of being on call, for therapists."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from protocol.values import Millis
from server.http.api import answer, read, signed_in
from server.http.deps import DEPS


class OnCallShift(Struct, frozen=True, omit_defaults=True):
    """Somebody who is on call now. `you`, `offered_to_you`: that is you; `offered`: they asked another to go on."""

    name: str
    from_ms: Millis
    until_ms: Millis
    you: bool = False
    offered: bool = False
    offered_to_you: bool = False


class Therapist(Struct, frozen=True):
    """To whom it may be handed over; `key` stands for them in `HandOver`."""

    key: str
    name: str


class WhoIsOnCall(Struct, frozen=True):
    """Answer of `GET /api/v1/on-call`."""

    on_call: tuple[OnCallShift, ...]
    therapists: tuple[Therapist, ...]


class Begin(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/on-call`: I am, until then (Unix ms)."""

    until_ms: Annotated[int, Meta(ge=0)]


class HandOver(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/on-call/hand-over`."""

    to: Annotated[str, Meta(max_length=64)]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of what needs to say no more."""


def add_routes(app: web.Application) -> None:
    """Adds these routes."""
    app.router.add_get("/api/v1/on-call", who_is)
    app.router.add_post("/api/v1/on-call", begin)
    app.router.add_post("/api/v1/on-call/hand-over", hand_over)
    app.router.add_post("/api/v1/on-call/accept", accept)
    app.router.add_post("/api/v1/on-call/end", end)


async def who_is(request: web.Request) -> web.Response:
    """Everyone on call now."""
    person = await signed_in(request)
    rota = await request.app[DEPS].on_call.rota(person)
    return answer(
        WhoIsOnCall(
            tuple(
                OnCallShift(
                    each.name,
                    each.from_ms,
                    each.until_ms,
                    each.person_id == person.id,
                    each.offered_to is not None,
                    each.offered_to == person.id,
                )
                for each in rota.shifts
            ),
            tuple(Therapist(key, name) for key, name in rota.therapists),
        )
    )


async def begin(request: web.Request) -> web.Response:
    """I am on call from now on. 204."""
    body = await read(request, Begin)
    await request.app[DEPS].on_call.begin(await signed_in(request), body.until_ms)
    return web.Response(status=204)


async def hand_over(request: web.Request) -> web.Response:
    """Offers it to another. 204; I am on call until they accept."""
    body = await read(request, HandOver)
    await request.app[DEPS].on_call.hand_over(await signed_in(request), body.to)
    return web.Response(status=204)


async def accept(request: web.Request) -> web.Response:
    """Takes what was offered to me. 204."""
    await read(request, Nothing)
    await request.app[DEPS].on_call.accept(await signed_in(request))
    return web.Response(status=204)


async def end(request: web.Request) -> web.Response:
    """I am on call no more. 204."""
    await read(request, Nothing)
    await request.app[DEPS].on_call.end(await signed_in(request))
    return web.Response(status=204)
