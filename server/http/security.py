"""What holds for every answer and every request: headers, errors in one shape, who may change something."""

from __future__ import annotations

import json
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from sqlalchemy.exc import DBAPIError

from protocol.errors import ErrorCode, HoldspaceError, meaning, raise_for
from protocol.ids import IdentityId
from server.http.deps import DEPS, WHO
from server.logs import where_it_failed

_log = structlog.stdlib.get_logger("holdspace.http")

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "media-src 'self' blob: mediastream:; font-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_HTTP_CODES: Final = {
    400: ErrorCode.MALFORMED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.NOT_FOUND,
    413: ErrorCode.TOO_LARGE,
}


async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `Application.on_response_prepare`."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "holdspace"


def error_answer(code: ErrorCode, *, status: int | None = None) -> web.Response:
    """`{"error": {"code", "message"}}` with the code's status."""
    what = meaning(code)
    body = json.dumps({"error": {"code": code.value, "message": what.text}})
    return web.Response(status=status or what.http, text=body, content_type="application/json")


def make_middleware(origins: frozenset[str]) -> Middleware:
    """Checks what comes in, and turns every exception into an answer."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.method not in _SAFE_METHODS:
                check_change(request, origins)
            return await handler(request)
        except HoldspaceError as error:
            if error.code is ErrorCode.NOT_ALLOWED:
                _tell_denied(request, error)
            return error_answer(error.code)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _http_error(request, error)
        except (ConnectionError, TimeoutError) as error:
            # The client went away or stopped sending; what is answered now hardly reaches it.
            _log.debug("request not finished", route=_route(request), **where_it_failed(error))
            return error_answer(ErrorCode.MALFORMED)
        except DBAPIError as error:
            _log.error("storage failed", route=_route(request), **where_it_failed(error))
            return error_answer(ErrorCode.NOT_SAVED)
        except Exception as error:
            _log.error("request failed", route=_route(request), method=request.method, **where_it_failed(error))
            return error_answer(ErrorCode.INTERNAL)

    return guard


def check_change(request: web.Request, origins: frozenset[str]) -> None:
    """A page elsewhere must not be able to change something here with this person's cookie.

    JSON cannot be sent across origins without a preflight, which we never answer; the Origin header is checked as
    well where the browser sends it.

    Raises:
        Refused: ORIGIN_REFUSED.
        ProtocolError: MALFORMED, the content type is not JSON.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin not in origins:
        raise raise_for(ErrorCode.ORIGIN_REFUSED)
    if request.content_type != "application/json":
        raise raise_for(ErrorCode.MALFORMED, "Content-Type")


def _tell_denied(request: web.Request, error: HoldspaceError) -> None:
    """For the audit. The action is named by who refused it, else by the route."""
    who = request.get(WHO)
    if who is not None:
        action = error.detail or f"{request.method} {_route(request)}"
        request.app[DEPS].denied(IdentityId(who), action, request.match_info.get("session_id", ""))


def _http_error(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    code = _HTTP_CODES.get(error.status, ErrorCode.MALFORMED)
    if request.path.startswith("/api/"):
        answer = error_answer(code, status=error.status)
    else:
        answer = web.Response(status=error.status, text=meaning(code).text + "\n")
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def _route(request: web.Request) -> str:
    """The route's pattern; a path may hold what does not belong into a log."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical
