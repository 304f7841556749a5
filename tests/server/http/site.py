"""The whole HTTP side on a real port, for tests."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.server import ServerConnection

from program.notices import load_notices
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId
from rooms.state import Participant, RoomState
from server.arrivals import Arrivals
from server.auth import Auth
from server.checks import Checks
from server.config import ContactsConfig, EscalationConfig, PhoneConfig
from server.demo import make_ready
from server.duty import Duties
from server.flagging import Flagging
from server.front import FIRST_LINE_TIMEOUT_S, Front
from server.http import HttpDeps, Readiness, make_http, make_runner
from server.http.limits import CHECKS_PER_MINUTE, WAYS_IN_PER_MINUTE, ChangeLimit, FailureLimit, GuessLimit
from server.identity import Identity
from server.letters import Letters
from server.monitoring import Monitoring
from server.responders import Responders
from server.rota import OnCall
from server.sockets import WebSockets, WsHandler, WsOptions
from server.storage.log import EventLog
from server.supervising import Supervision
from server.timeline import Timelines
from server.tokens import JoinTokens, WatchTokens
from tests.fakes import FakeClock, counted
from tests.room_fakes import FakeMedia, FakeTimers
from tests.server.identities import identity_of, kept_in
from tests.server.monitored import FakeMonitors
from tests.server.people import SESSION, add_everyone
from tests.server.responding import FakeAudit, FakeRooms
from tests.server.secret import vault
from tests.server.storage.databases import database

ORIGIN = "http://127.0.0.1:8080"
JSON = {"Content-Type": "application/json"}


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@dataclass
class FakeRoom:
    """A room with these people."""

    people: dict[ParticipantId, Participant]

    async def room_state(self, session_id: SessionId) -> RoomState:
        return RoomState(session_id, people=self.people)


@dataclass
class Site:
    """`client` keeps cookies; `url` is where it listens, while base_url (and so the right Origin) is ORIGIN."""

    url: str
    port: int
    client: aiohttp.ClientSession
    engine: AsyncEngine
    auth: Auth
    clock: FakeClock
    tokens: JoinTokens
    checks: Checks
    sockets: WebSockets
    front: Front
    client_dir: Path
    readiness: list[Readiness]
    ended: list[str]
    arrivals: Arrivals
    out: list[tuple[IdentityId, ErrorCode]]
    denied: list[tuple[IdentityId, str, str]]
    people: dict[ParticipantId, Participant]
    removed: set[tuple[SessionId, IdentityId]]
    watch_tokens: WatchTokens
    rooms: FakeRooms
    audit: FakeAudit
    expected: list[SessionId]
    letters: list[EmailMessage]
    identity: Identity

    async def sign_in(self, person_id: IdentityId) -> None:
        token = await self.auth.make_link(person_id, ttl_s=60)
        async with self.client.post(f"{self.url}/api/v1/sign-in", json={"token": token}) as answer:
            assert answer.status == 200

    async def make_ready(self, *people: IdentityId) -> None:
        """They have agreed to everything, and said where they are."""
        for person_id in people:
            await make_ready(self.engine, self.arrivals, person_id, SESSION)


@asynccontextmanager
async def site(
    tmp_path: Path,
    *,
    base_url: str = ORIGIN,
    handler: WsHandler = echo,
    add: Callable[[web.Application], None] | None = None,
    first_line_timeout_s: float = FIRST_LINE_TIMEOUT_S,
    failures_per_minute: int = 3,
    busy_timeout_ms: int = 5_000,
    tls: ssl.SSLContext | None = None,
    also_at: tuple[str, ...] = (),
    authority: bytes | None = None,
    mail: bool = True,
) -> AsyncGenerator[Site]:
    async with database(tmp_path / "site.db", busy_timeout_ms=busy_timeout_ms) as engine:
        await add_everyone(engine)
        clock = FakeClock()
        auth, tokens, watch_tokens = Auth(engine, clock), JoinTokens(clock), WatchTokens(clock)
        rooms, audit = FakeRooms(), FakeAudit()
        sockets = WebSockets(handler, WsOptions(origins=frozenset({base_url, *also_at})))
        readiness = [Readiness.READY]
        ended: list[str] = []
        arrivals = Arrivals(engine, vault(), clock, load_notices(None, {}))
        out: list[tuple[IdentityId, ErrorCode]] = []
        denied: list[tuple[IdentityId, str, str]] = []
        people: dict[ParticipantId, Participant] = {}
        removed: set[tuple[SessionId, IdentityId]] = set()
        expected: list[SessionId] = []

        async def participant(session_id: SessionId, participant_id: ParticipantId) -> Participant | None:
            assert session_id == SESSION
            return people.get(participant_id)

        log = EventLog(engine, clock, vault())
        await log.start()
        timers = FakeTimers()
        duties = Duties(engine, clock, timers, EscalationConfig())
        supervision = Supervision(log, clock, timers, duties)
        monitoring = Monitoring(
            supervision, FakeMonitors(), new_id=counted("monitor"), consented=arrivals.have_consented,
            tell=lambda *_: None,
        )  # fmt: skip
        flagging = Flagging(supervision, duties, FakeRoom(people))
        checks = Checks(FakeMedia(), FakeTimers(), counted("id"), unopened_s=60.0, on_over=tokens.revoke_session)
        letters: list[EmailMessage] = []

        post = kept_in(letters) if mail else Letters()
        identity = identity_of(engine, clock, auth, base_url, letters=post, on_roles=duties.outdated)
        app = make_http(
            HttpDeps(
                engine=engine,
                auth=auth,
                join_tokens=tokens,
                clock=clock,
                base_url=base_url,
                client_dir=tmp_path / "dist",
                readiness=lambda: readiness[0],
                sign_in_failures=FailureLimit(clock, failures_per_minute),
                end_sign_in=ended.append,
                watch_tokens=watch_tokens,
                responders=Responders(engine, rooms, audit, on_changed=rooms.changed),
                flagging=flagging,
                contacts=ContactsConfig(local=(PhoneConfig("County crisis line", "555-0111"),)),
                on_call=OnCall(engine, clock, audit, new_id=counted("shift"), on_changed=duties.outdated),
                monitoring=monitoring,
                timelines=Timelines(engine, log, supervision, audit),
                arrivals=arrivals,
                end_person=lambda who, why: out.append((who, why)),
                participant=participant,
                removed=lambda session_id, who: (session_id, who) in removed,
                identity=identity,
                guesses=GuessLimit(clock),
                letters_asked=GuessLimit(clock),
                changes=ChangeLimit(clock),
                ways_in=ChangeLimit(clock, WAYS_IN_PER_MINUTE),
                checks=ChangeLimit(clock, CHECKS_PER_MINUTE),
                denied=lambda who, action, where: denied.append((who, action, where)),
                expect=expected.append,
                begin_check=checks.begin,
                sockets=sockets,
                also_at=also_at,
                authority=authority,
            )
        )
        if add is not None:
            add(app)
        runner = make_runner(app)
        await runner.setup()
        assert runner.server is not None
        front = Front(runner.server, sockets, first_line_timeout_s=first_line_timeout_s)
        port = await front.start("127.0.0.1", 0, tls)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as client:
            scheme = "http" if tls is None else "https"
            yield Site(
                f"{scheme}://127.0.0.1:{port}", port, client, engine, auth, clock, tokens, checks, sockets, front,
                tmp_path / "dist", readiness, ended, arrivals, out, denied, people, removed, watch_tokens, rooms, audit,
                expected, letters, identity,
            )  # fmt: skip
        await front.stop(1.0)
        await runner.cleanup()
        await supervision.close()
        await duties.close()
        await log.stop()
