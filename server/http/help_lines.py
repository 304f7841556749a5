"""Phone numbers of the program's region, for everyone who opens a page: help asks nobody to sign in."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from msgspec import Struct

from server.config import PhoneConfig
from server.http.api import answer
from server.http.deps import DEPS


class Phone(Struct, frozen=True):
    """Whom to phone."""

    name: str
    phone: str


class HelpLines(Struct, frozen=True):
    """Answer of `GET /api/v1/help-lines`: crisis lines of the region, and where a state takes reports."""

    local: tuple[Phone, ...]
    state_reports: tuple[Phone, ...]


def add_routes(app: web.Application) -> None:
    """Adds the route."""
    app.router.add_get("/api/v1/help-lines", help_lines)


async def help_lines(request: web.Request) -> web.Response:
    """As the settings say."""
    contacts = request.app[DEPS].contacts
    return answer(HelpLines(phones_of(contacts.local), phones_of(contacts.state_reports)))


def phones_of(settings: Iterable[PhoneConfig]) -> tuple[Phone, ...]:
    """As pages are told them."""
    return tuple(Phone(each.name, each.phone) for each in settings)
