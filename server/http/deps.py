"""What the HTTP side is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.ids import IdentityId, SessionId
from protocol.values import IceServer
from server.auth import Auth
from server.clock import Clock
from server.config import allowed_origins
from server.http.limits import FailureLimit
from server.sockets import WebSockets
from server.tokens import JoinTokens


class Readiness(StrEnum):
    """Whether new people may come."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


def no_ice_servers() -> tuple[IceServer, ...]:
    """A server on one UDP port that everybody reaches needs none."""
    return ()


@dataclass(frozen=True, slots=True)
class HttpDeps:
    """What `make_http` is given.

    Attributes:
        base_url: the address people type; cookie, links and the Origin check follow it.
        also_at: further addresses that pages of this server may be opened at.
        authority: a certificate (PEM) for devices to trust, when the server made its own (`serve --lan`).
        client_dir: folder of the built client; may be missing.
        readiness: asked on each request that depends on it.
        ice_servers: asked on each join.
        end_sign_in: told of a sign-in that ended; its person leaves the rooms they are in by it.
        begin_check: makes room for a person to try out their way to this server; raises OVERLOADED.
        sockets: takes over a `GET /ws` that arrives on a connection that carried other requests before.
    """

    engine: AsyncEngine
    auth: Auth
    join_tokens: JoinTokens
    clock: Clock
    base_url: str
    client_dir: Path
    readiness: Callable[[], Readiness]
    sign_in_failures: FailureLimit
    end_sign_in: Callable[[str], None]
    begin_check: Callable[[IdentityId], SessionId]
    sockets: WebSockets | None = None
    ice_servers: Callable[[], tuple[IceServer, ...]] = field(default=no_ice_servers)
    also_at: tuple[str, ...] = ()
    authority: bytes | None = None

    @property
    def origins(self) -> frozenset[str]:
        """Values of the Origin header that are pages of ours."""
        return allowed_origins(self.base_url, *self.also_at)


DEPS: web.AppKey[HttpDeps] = web.AppKey("deps", HttpDeps)
