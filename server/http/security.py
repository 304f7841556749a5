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
from server.denials import DeniedAttempt
from server.headers import HEADERS
from server.http.deps import DEPS, WHO
from server.http.pages import error_page, wants_page
from server.logs import where_it_failed

_log = structlog.stdlib.get_logger("holdspace.http")

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

RETRY_AFTER_S: Final = 3
"""By then each of our limits has let something through again; our own client waits longer each time."""

_HTTP_CODES: Final = {
    400: ErrorCode.MALFORMED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.NOT_FOUND,
    413: ErrorCode.TOO_LARGE,
}


async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `Application.on_response_prepare`."""
    add_headers(response)


def add_headers(response: web.StreamResponse) -> None:
    """To an answer of any kind; what it says itself stays."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "holdspace"


def error_answer(code: ErrorCode, *, status: int | None = None) -> web.Response:
    """`{"error": {"code", "message"}}` with the code's status."""
    what = meaning(code)
    body = json.dumps({"error": {"code": code.value, "message": what.text}})
    # RFC 9110 section 10.2.3.
    headers = {"Retry-After": str(RETRY_AFTER_S)} if code is ErrorCode.RATE_LIMITED else None
    return web.Response(status=status or what.http, text=body, content_type="application/json", headers=headers)


def make_middleware(origins: frozenset[str]) -> Middleware:
    """Checks what comes in, and turns every exception into an answer."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.method not in _SAFE_METHODS:
                check_change(request, origins)
            return await handler(request)
        except HoldspaceError as error:
            if isinstance(error, DeniedAttempt):
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


def _tell_denied(request: web.Request, attempt: DeniedAttempt) -> None:
    """For the audit: the one place where what was tried over HTTP is counted."""
    request.app[DEPS].denied(IdentityId(request[WHO]), attempt.action.value, attempt.where or "")


def _http_error(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    if request.path.startswith("/api/"):
        answer = error_answer(_HTTP_CODES.get(error.status, ErrorCode.MALFORMED), status=error.status)
    else:
        answer = bare_error(request, error.status)
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def bare_error(request: web.BaseRequest, status: int) -> web.Response:
    """Outside of the API: a page for a browser, a line for everything else."""
    if wants_page(request):
        return error_page(request, status)
    code = ErrorCode.INTERNAL if status == 500 else _HTTP_CODES.get(status, ErrorCode.MALFORMED)
    return web.Response(status=status, text=meaning(code).text + "\n")


def _route(request: web.Request) -> str:
    """The route's pattern; a path may hold what does not belong into a log."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical
