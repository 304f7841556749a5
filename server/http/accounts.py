"""The API of one's own account: signing in by password, choosing one, links by e-mail, where one is signed in."""

from __future__ import annotations

from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta, Struct

from protocol.errors import ErrorCode, HoldspaceError, raise_for
from protocol.values import Millis
from server.accounts import Began
from server.auth import Stage
from server.http.api import (
    COOKIE,
    answer,
    end_pages,
    end_sign_in,
    is_https,
    opening_of,
    read,
    set_secret,
    standing_of,
)
from server.http.deps import DEPS, HttpDeps
from server.tokens import digest, new_token

DEVICE_COOKIE: Final = "holdspace_device"
DEVICE_S: Final = 365 * 24 * 60 * 60

Email = Annotated[str, Meta(max_length=254)]
Password = Annotated[str, Meta(max_length=1_024)]


class PasswordSignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/sign-in`. `shared`: others use this device too."""

    email: Email
    password: Password
    shared: bool = False


class Accept(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/accept`: the token behind the # of the link."""

    token: Annotated[str, Meta(max_length=128)]
    password: Password
    shared: bool = False


class WriteTo(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/link`."""

    email: Email


class ThenDo(Struct, frozen=True):
    """Answer to the first half of signing in: `factor`, prove one; `enrol`, set one up."""

    then: Stage


class SignInShown(Struct, frozen=True):
    """Where one is signed in; `this`: it is this browser."""

    id: str
    device: str
    shared: bool
    created_ms: Millis
    last_seen_ms: Millis
    this: bool


class SignIns(Struct, frozen=True):
    """Answer of `GET /api/v1/account/sign-ins`."""

    sign_ins: tuple[SignInShown, ...]


class EndAll(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/sign-ins/end`; `others_only`: all but this one."""

    others_only: bool = False


class Empty(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of what needs to say no more."""


def add_routes(app: web.Application) -> None:
    """Adds these routes."""
    app.router.add_post("/api/v1/account/sign-in", sign_in)
    app.router.add_post("/api/v1/account/accept", accept)
    app.router.add_post("/api/v1/account/link", write_to)
    app.router.add_get("/api/v1/account/sign-ins", sign_ins)
    app.router.add_post("/api/v1/account/sign-ins/end", end_all)
    app.router.add_post("/api/v1/account/sign-ins/{sign_in}/end", end_one)


async def sign_in(request: web.Request) -> web.Response:
    """The password. What follows it is said; unknown, disabled and wrong are answered alike."""
    deps = request.app[DEPS]
    body = await read(request, PasswordSignIn)
    address = request.remote or ""
    began = await deps.identity.accounts.sign_in(
        body.email,
        body.password,
        device=request.cookies.get(DEVICE_COOKIE),
        opening=opening_of(request, shared=body.shared),
        may_try=lambda account, device: deps.guesses.may_try(account, address, device),
    )
    return await _begun(request, began)


async def accept(request: web.Request) -> web.Response:
    """Uses an invitation of staff, or a link to choose a new password, up."""
    deps = request.app[DEPS]
    body = await read(request, Accept)
    try:
        began = await deps.identity.accounts.accept(body.token, body.password, opening_of(request, shared=body.shared))
    except HoldspaceError as error:
        if error.code is ErrorCode.LINK_INVALID and not deps.sign_in_failures.failed(request.remote or ""):
            raise raise_for(ErrorCode.RATE_LIMITED) from None
        raise
    end_pages(deps, began.ended)
    return await _begun(request, began)


async def write_to(request: web.Request) -> web.Response:
    """204, whether anybody has that address or not."""
    deps = request.app[DEPS]
    body = await read(request, WriteTo)
    if not deps.letters_asked.may_try(digest(body.email.strip().lower()), request.remote or "", None):
        raise raise_for(ErrorCode.RATE_LIMITED)
    deps.identity.accounts.write_to(body.email)
    return web.Response(status=204)


async def sign_ins(request: web.Request) -> web.Response:
    """Where I am signed in."""
    standing = await standing_of(request, finished=True)
    found = await request.app[DEPS].identity.accounts.sign_ins(standing)
    return answer(
        SignIns(
            tuple(
                SignInShown(each.id, each.device, each.shared, each.created_ms, each.last_seen_ms, each.this)
                for each in found
            )
        )
    )


async def end_one(request: web.Request) -> web.Response:
    """Ends one of mine, and its pages. 204."""
    await read(request, Empty)
    standing = await standing_of(request, finished=True)
    deps = request.app[DEPS]
    end_pages(deps, await deps.identity.accounts.end_sign_in(standing, request.match_info["sign_in"]))
    return web.Response(status=204)


async def end_all(request: web.Request) -> web.Response:
    """Ends all of mine, or all others. 204."""
    body = await read(request, EndAll)
    standing = await standing_of(request, finished=True)
    deps = request.app[DEPS]
    end_pages(deps, await deps.identity.accounts.end_all(standing, others_only=body.others_only))
    return web.Response(status=204)


async def _begun(request: web.Request, began: Began) -> web.Response:
    deps = request.app[DEPS]
    # Whoever was signed in on this device before is not any more.
    await end_sign_in(deps, request.cookies.get(COOKIE))
    reply = answer(ThenDo(began.stage))
    set_secret(reply, deps, began.secret)
    return reply


def device_for(request: web.Request, *, shared: bool) -> str | None:
    """This browser's cookie, a new one when it has none; None on a device that others use too."""
    return None if shared else request.cookies.get(DEVICE_COOKIE) or new_token()


def know(reply: web.Response, deps: HttpDeps, device: str | None) -> None:
    """Tells the browser to keep that."""
    if device is not None:
        reply.set_cookie(
            DEVICE_COOKIE,
            device,
            max_age=DEVICE_S,
            path="/api/v1/account",
            httponly=True,
            samesite="Strict",
            secure=is_https(deps),
        )
