"""What the HTTP side is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.values import IceServer
from rooms.state import Participant
from server.arrivals import Arrivals
from server.auth import Auth
from server.clock import Clock
from server.config import ContactsConfig, allowed_origins
from server.flagging import Flagging
from server.http.limits import ChangeLimit, FailureLimit, GuessLimit
from server.identity import Identity
from server.monitoring import Monitoring
from server.responders import Responders
from server.rota import OnCall
from server.sockets import WebSockets
from server.timeline import Timelines
from server.tokens import JoinTokens, WatchTokens


class Readiness(StrEnum):
    """Whether new people may come."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STORAGE_LOST = "storage_lost"
    """The database file is not where it was: what is stored now would be lost."""


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
        watch_tokens: for therapists who watch.
        responders: who answers for a session.
        flagging: takes flags; contacts: whom to phone.
        on_call: who is on call; timelines: what happened in a session; monitoring: who steps in.
        end_sign_in: told of a sign-in that ended; its person leaves the rooms they are in by it.
        end_person: told of a person who may be in no room any more, with the code that their pages close with.
        participant: who stands behind a participant's id in a session's room; None for one who never was there.
        removed: whether that person was removed from that session, as far as its room is open here.
        changes: how often a person may change something of theirs; taking consent back is not counted.
        ways_in: how often a person may ask for a token for a WebSocket, checks: how often for one of a check.
        identity: accounts, second factors, people and their roles.
        guesses: how many passwords and codes may be tried; letters_asked: how often somebody may be written to.
        denied: told of each refusal: who, which action, in which session (or "").
        expect: told of a session that somebody has just been given a token for.
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
    watch_tokens: WatchTokens
    responders: Responders
    flagging: Flagging
    contacts: ContactsConfig
    on_call: OnCall
    timelines: Timelines
    monitoring: Monitoring
    arrivals: Arrivals
    end_person: Callable[[IdentityId, ErrorCode], None]
    participant: Callable[[SessionId, ParticipantId], Awaitable[Participant | None]]
    removed: Callable[[SessionId, IdentityId], bool]
    changes: ChangeLimit
    ways_in: ChangeLimit
    checks: ChangeLimit
    identity: Identity
    guesses: GuessLimit
    letters_asked: GuessLimit
    denied: Callable[[IdentityId, str, str], None]
    expect: Callable[[SessionId], None]
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

WHO: web.RequestKey[str] = web.RequestKey("who", str)
"""Who asks, once that is known."""
