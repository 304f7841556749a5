"""The API of second factors: proving one, setting them up, recovery codes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta, Raw, Struct

from program.factors import FactorKind
from protocol.errors import ErrorCode, raise_for
from protocol.values import Millis
from server.auth import Stage
from server.http.accounts import Empty, device_for, know
from server.http.api import Name, answer, read, set_secret, signed_in, standing_of
from server.http.deps import DEPS
from server.second_factors import Enrolled, MayTry


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/factor`: one of the three; `passkey` is what the browser signed."""

    totp: Annotated[str, Meta(max_length=16)] = ""
    recovery: Annotated[str, Meta(max_length=64)] = ""
    passkey: Raw = msgspec.field(default_factory=Raw)


class Code(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/totp/confirm`."""

    code: Annotated[str, Meta(max_length=16)]


class NewPasskey(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/account/passkeys`: what the browser made, and what its owner calls it."""

    credential: Raw
    label: Annotated[str, Meta(max_length=40)] = ""


class FactorShown(Struct, frozen=True):
    """One of one's factors."""

    id: str
    kind: FactorKind
    label: str
    created_ms: Millis


class AccountShown(Struct, frozen=True):
    """Answer of `GET /api/v1/account`, in any stage of signing in; factors are told once it is done."""

    name: str
    stage: Stage
    shared: bool
    roles: tuple[str, ...]
    factors: tuple[FactorShown, ...] = ()
    recovery_codes_left: int = 0


class TotpShown(Struct, frozen=True):
    """Answer of `POST /api/v1/account/totp`, told once."""

    secret: str
    uri: str


class Codes(Struct, frozen=True):
    """New recovery codes, told once; none when there are some already."""

    recovery_codes: tuple[str, ...]


def add_routes(app: web.Application) -> None:
    """Adds these routes."""
    app.router.add_get("/api/v1/account", account)
    app.router.add_post("/api/v1/account/factor", prove)
    app.router.add_post("/api/v1/account/factor/passkey", passkey_to_sign)
    app.router.add_post("/api/v1/account/totp", begin_totp)
    app.router.add_post("/api/v1/account/totp/confirm", confirm_totp)
    app.router.add_post("/api/v1/account/passkeys/begin", passkey_to_make)
    app.router.add_post("/api/v1/account/passkeys", add_passkey)
    app.router.add_post("/api/v1/account/factors/{factor_id}/remove", remove)
    app.router.add_post("/api/v1/account/recovery-codes", renew_codes)


async def account(request: web.Request) -> web.Response:
    """How far I am, and my factors."""
    standing = await standing_of(request, finished=False)
    person = standing.person
    shown = AccountShown(person.display_name, standing.stage, standing.shared, tuple(sorted(person.roles)))
    if standing.stage is Stage.DONE:
        found, left = await request.app[DEPS].identity.factors.factors(person)
        told = tuple(FactorShown(each.id, each.kind, each.label, each.created_ms) for each in found)
        shown = msgspec.structs.replace(shown, factors=told, recovery_codes_left=left)
    return answer(shown)


async def prove(request: web.Request) -> web.Response:
    """Finishes signing in."""
    deps, factors = request.app[DEPS], request.app[DEPS].identity.factors
    body = await read(request, Proof)
    passkey = bytes(body.passkey).decode()
    standing = await standing_of(request, finished=False)
    device = device_for(request, shared=standing.shared)
    may_try = _may_try(request)
    if [bool(body.totp), bool(body.recovery), bool(passkey)].count(True) != 1:
        raise raise_for(ErrorCode.INVALID_FIELD)
    if passkey:
        secret = await factors.prove_passkey(standing, passkey, device, may_try)
    elif body.totp:
        secret = await factors.prove_totp(standing, body.totp, device, may_try)
    else:
        secret = await factors.prove_recovery(standing, body.recovery, device, may_try)
    reply = answer(Name(standing.person.display_name))
    set_secret(reply, deps, secret)
    know(reply, deps, device)
    return reply


async def passkey_to_sign(request: web.Request) -> web.Response:
    """Options for `navigator.credentials.get`."""
    await read(request, Empty)
    standing = await standing_of(request, finished=False)
    return _json(await request.app[DEPS].identity.factors.proof_options(standing))


async def begin_totp(request: web.Request) -> web.Response:
    """A secret for an app; it counts once a code was confirmed."""
    await read(request, Empty)
    standing = await standing_of(request, finished=False)
    begun = await request.app[DEPS].identity.factors.begin_totp(standing)
    return answer(TotpShown(begun.secret, begun.uri))


async def confirm_totp(request: web.Request) -> web.Response:
    """The first code."""
    body = await read(request, Code)
    standing = await standing_of(request, finished=False)
    if not _may_try(request)(standing.person.id, None):
        raise raise_for(ErrorCode.RATE_LIMITED)
    device = device_for(request, shared=standing.shared)
    done = await request.app[DEPS].identity.factors.confirm_totp(standing, body.code, device)
    return _enrolled(request, done, device)


async def passkey_to_make(request: web.Request) -> web.Response:
    """Options for `navigator.credentials.create`."""
    await read(request, Empty)
    standing = await standing_of(request, finished=False)
    return _json(await request.app[DEPS].identity.factors.passkey_options(standing))


async def add_passkey(request: web.Request) -> web.Response:
    """What the browser made."""
    body = await read(request, NewPasskey)
    standing = await standing_of(request, finished=False)
    device = device_for(request, shared=standing.shared)
    made = bytes(body.credential).decode()
    done = await request.app[DEPS].identity.factors.add_passkey(standing, made, body.label.strip(), device)
    return _enrolled(request, done, device)


async def remove(request: web.Request) -> web.Response:
    """204. The last one stays."""
    await read(request, Empty)
    person = await signed_in(request)
    await request.app[DEPS].identity.factors.remove(person, request.match_info["factor_id"])
    return web.Response(status=204)


async def renew_codes(request: web.Request) -> web.Response:
    """New recovery codes in place of the old ones."""
    await read(request, Empty)
    person = await signed_in(request)
    return answer(Codes(await request.app[DEPS].identity.factors.renew_codes(person)))


def _enrolled(request: web.Request, done: Enrolled, device: str | None) -> web.Response:
    deps = request.app[DEPS]
    reply = answer(Codes(done.codes))
    if done.secret is not None:
        set_secret(reply, deps, done.secret)
        know(reply, deps, device)
    return reply


def _may_try(request: web.Request) -> MayTry:
    deps, address = request.app[DEPS], request.remote or ""
    return lambda person_id, device: deps.guesses.may_try(f"factor {person_id}", address, device)


def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")
