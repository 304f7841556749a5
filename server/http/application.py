"""Puts the HTTP side together.

Private name used of aiohttp (pinned exactly): `Server._kwargs`, what its own `RequestHandler`s are made with.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web

from server.http import (
    accounts,
    api,
    arrival,
    client_files,
    factors,
    flags,
    help_lines,
    on_call,
    people,
    supervision,
)
from server.http.deps import DEPS, HttpDeps, Readiness
from server.http.security import add_headers, bare_error, make_middleware, set_headers

__all__ = ["HttpDeps", "Readiness", "http_connection", "make_http", "make_runner"]

MAX_BODY = 16_384
"""Longest request body, in bytes."""

IDLE_S = 30.0
"""A connection that has no request running is closed after this long; so is one that sends its head too slowly."""


def make_http(deps: HttpDeps) -> web.Application:
    """The application; `make_runner` gives what the front hands connections to."""
    app = web.Application(middlewares=[make_middleware(deps.origins)], client_max_size=MAX_BODY)
    app[DEPS] = deps
    app.on_response_prepare.append(set_headers)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/ws", upgrade, allow_head=False)
    app.router.add_get("/lan.crt", authority)
    api.add_routes(app)
    supervision.add_routes(app)
    flags.add_routes(app)
    on_call.add_routes(app)
    help_lines.add_routes(app)
    arrival.add_routes(app)
    accounts.add_routes(app)
    factors.add_routes(app)
    people.add_routes(app)
    app.router.add_route("*", "/api/{rest:.*}", unknown)
    client_files.add_routes(app)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """Runs the application without a listener of its own: `await runner.setup()`, then `runner.server`."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=logging.getLogger("holdspace.aiohttp"),
        keepalive_timeout=IDLE_S,
        lingering_time=2.0,
    )


def http_connection(server: web.Server) -> web.RequestHandler:
    """An asyncio protocol for one connection; `server` is that of a runner that was set up."""
    kwargs: dict[str, Any] = server._kwargs  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    return _Connection(server, loop=asyncio.get_running_loop(), **kwargs)


class _Connection(web.RequestHandler):
    """What cannot be read as HTTP gets an answer like all others: our words, our headers, nothing of what was sent."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # Logs it, and says when it is too late for an answer.
        super().handle_error(request, status, exc, message)
        answer = bare_error(request, status)
        add_headers(answer)
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        # Of what is raised, this one alone comes past the middleware; its words quote the header.
        quotes = isinstance(resp, web.HTTPExpectationFailed)
        return await super().finish_response(request, bare_error(request, 417) if quotes else resp, start_time)


async def healthz(_request: web.Request) -> web.Response:
    """The process runs."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Whether new people may be sent here."""
    readiness = request.app[DEPS].readiness()
    return web.json_response({"status": readiness.value}, status=200 if readiness is Readiness.READY else 503)


async def authority(request: web.Request) -> web.Response:
    """For devices that open no WebSocket to a certificate which was only waved through: all browsers of iOS."""
    found = request.app[DEPS].authority
    if found is None:
        raise web.HTTPNotFound
    return web.Response(body=found, content_type="application/x-x509-ca-cert")


async def upgrade(request: web.Request) -> web.StreamResponse:
    """A proxy may send the WebSocket's request on a connection that it used before; the front sees first lines only."""
    sockets = request.app[DEPS].sockets
    if sockets is None:
        raise web.HTTPNotFound
    return sockets.adopt(request)


async def unknown(_request: web.Request) -> web.Response:
    """Everything else under /api."""
    raise web.HTTPNotFound
