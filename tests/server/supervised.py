"""A node without its listeners: real hall, log, supervision and endpoint; sockets, media and clock are fake.

The disk works in a thread of its own, so that tests wait for what they can see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from moderation.permissions import Action
from protocol.codec import Wire
from protocol.ids import ConcernId, IdentityId, ParticipantId, RequestId, SessionId
from protocol.messages import ClientMessage, Frame, Join, Watch
from protocol.supervision import (
    Acknowledge,
    ConcernView,
    Severity,
    Step,
    Supervised,
    SupervisedView,
    Unsupervised,
    Watching,
)
from protocol.values import Role
from rooms.life import Rules
from server.config import EscalationConfig
from server.duty import Duties
from server.flag_reads import FlagReads
from server.hall import Hall
from server.monitoring import Monitoring
from server.responders import Responders
from server.storage.log import AppendFailed, EventLog, NewEvent, OutcomeUnknown, StoredEvent
from server.supervising import Supervision
from server.tokens import JoinGrant, JoinTokens, WatchGrant, WatchTokens
from server.watchers import MonitorCalls, Watchers
from signaling.endpoint import Endpoint, Settings
from tests.fakes import FakeClock, counted
from tests.room_fakes import FakeMedia, FakeTimers
from tests.server.monitored import FakeMonitors
from tests.server.people import SESSION, add_everyone, add_therapists
from tests.server.responding import FakeAudit
from tests.server.secret import vault
from tests.server.storage.databases import database
from tests.signaling.stage import FakeCalls, FakeTelemetry, FakeWebSocket

RULES = Rules(leader_grace_ms=1_500, cover_wait_ms=120_000, lobby_wait_ms=600_000)


class FlakyLog(EventLog):
    """Its disk can be full, or stuck, or leave it open what it stored, for streams whose id ends like this; or give
    nothing back."""

    full_for = stuck_for = unknown_for = unread_for = "nothing"
    appends: list[tuple[str, tuple[NewEvent, ...]]]
    stuck: list[asyncio.Future[None]]

    def append(
        self, stream_id: str, epoch: int, expected_head: int, new_events: Sequence[NewEvent]
    ) -> asyncio.Future[None]:
        self.appends.append((stream_id, tuple(new_events)))
        if stream_id.endswith((self.full_for, self.stuck_for)):
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if stream_id.endswith(self.full_for):
                done.set_exception(AppendFailed("disk full"))
            else:
                self.stuck.append(done)
            return done
        if stream_id.endswith(self.unknown_for):
            unknown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            unknown.set_exception(OutcomeUnknown(stream_id))
            return unknown
        return super().append(stream_id, epoch, expected_head, new_events)

    async def read(self, stream_id: str, after: int = 0) -> list[StoredEvent]:
        if stream_id.endswith(self.unread_for):
            raise OSError("input/output error")
        return await super().read(stream_id, after)


class Watched(FakeWebSocket):
    """A therapist's page: keeps the latest of each session."""

    @property
    def views(self) -> dict[SessionId, SupervisedView]:
        latest: dict[SessionId, SupervisedView] = {}
        for _, frame in self.frames:
            match frame:
                case Watching(sessions=sessions):
                    latest = {view.session.id: view for view in sessions}
                case Supervised(view=view):
                    latest[view.session.id] = view
                case Unsupervised(session_id=session_id):
                    del latest[session_id]
                case _:
                    pass
        return latest

    def concerns(self, session_id: SessionId = SESSION) -> tuple[ConcernView, ...]:
        return self.views[session_id].concerns if session_id in self.views else ()

    def kinds(self, session_id: SessionId = SESSION) -> list[tuple[str, bool]]:
        return [(each.kind.value, each.over) for each in self.concerns(session_id)]


class RawSocket(FakeWebSocket):
    """Keeps what was sent, byte by byte."""

    def __init__(self, wire: Wire = Wire.MSGPACK) -> None:
        super().__init__(wire)
        self.raw: list[str | bytes] = []

    async def send(self, message: str | bytes) -> None:
        self.raw.append(message)
        await super().send(message)


class Node:
    """All of it, on one database."""

    def __init__(self, engine: AsyncEngine, clock: FakeClock, settings: Settings | None = None) -> None:
        self.engine, self.clock = engine, clock
        self.timers, self.later, self.pulse = FakeTimers(), FakeTimers(), FakeTimers()
        self.media, self.telemetry = FakeMedia(), FakeTelemetry()
        self.log = FlakyLog(engine, clock, vault())
        self.log.appends, self.log.stuck = [], []
        self.tokens, self.watch_tokens = JoinTokens(clock, counted("join")), WatchTokens(clock, counted("watch"))
        self.denied: list[tuple[Any, ...]] = []
        self.audit = FakeAudit()
        self.escalated: list[tuple[Any, ...]] = []
        self.duties = Duties(engine, clock, self.later, EscalationConfig())
        self.reads = FlagReads(engine, self.audit, self.later)
        self.supervision = Supervision(self.log, clock, self.later, self.duties, self._escalate)
        self.monitors, self.without_consent = FakeMonitors(), set[IdentityId]()
        self.monitoring = Monitoring(
            self.supervision, self.monitors, new_id=counted("monitor"), consented=self._consented,
            tell=self._tell,
        )  # fmt: skip
        self.watchers = Watchers(
            engine, self.watch_tokens, self.supervision, self.duties, self.later, monitoring=self.monitoring,
            on_denied=lambda *who: self.denied.append(who), on_read=self.reads.read,
        )  # fmt: skip
        self.hall = Hall(
            engine, self.log, self.tokens, self.media, clock, self.timers,
            arrived=everyone_arrived, away_grace_ms=60_000, rules=RULES,
            on_rooms=lambda _: None, on_failed=lambda: None,
            on_denied=self._denied, follows=self.supervision,
        )  # fmt: skip
        self.responders = Responders(engine, self.hall, self.audit, on_changed=self.duty_changed)
        self.endpoint = Endpoint(
            self.hall, FakeCalls(), self.telemetry,
            new_token=counted("secret"), new_id=counted("person"), now_ms=clock.now_ms, monotonic=clock.monotonic,
            settings=settings or Settings(), supervision=self.watchers, timers=self.pulse,
            monitors=MonitorCalls(self.watchers, self.monitoring), whispers=self.monitoring,
        )  # fmt: skip
        self._serving: set[asyncio.Task[None]] = set()
        self._requests, self._notes, self.shift_ids = counted("r"), counted("n"), counted("shift")
        self.dead = False

    def _tell(self, session_id: SessionId, participant_id: ParticipantId, frame: Frame) -> None:
        self.endpoint.tell(session_id, participant_id, frame)

    async def _consented(self, people: frozenset[IdentityId]) -> bool:
        return not people & self.without_consent

    def _denied(self, who: IdentityId, action: Action, session_id: SessionId) -> None:
        self.denied.append((who, action, session_id))

    def _escalate(
        self,
        session_id: SessionId,
        concern_id: ConcernId,
        step: Step,
        number: int,
        at_ms: int,
        severity: Severity,
        since_ms: int,
    ) -> None:
        self.escalated.append((session_id, concern_id, step, number, at_ms, severity, since_ms))

    def duty_changed(self) -> None:
        self.duties.outdated()
        self.watchers.outdated()

    def rid(self) -> RequestId:
        return RequestId(self._requests())

    def serve(self, ws: FakeWebSocket, first: ClientMessage) -> None:
        task = asyncio.create_task(self.endpoint.handle(ws, ws.wire))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        ws.say(first)

    async def join(
        self, who: IdentityId, role: Role, session_id: SessionId = SESSION, *, enrolled: bool = True
    ) -> RawSocket:
        token = self.tokens.issue(JoinGrant(who, session_id, role, f"sign-in-of-{who}", enrolled)).token
        ws = RawSocket()
        self.serve(ws, Join(token))
        await until(f"{who} is let in, or refused", lambda: bool(ws.frames))
        return ws

    async def watch(self, who: IdentityId) -> Watched:
        ws = Watched()
        self.serve(ws, Watch(self.watch_tokens.issue(WatchGrant(who, f"sign-in-of-{who}")).token))
        await until(f"{who} watches, or is refused", lambda: bool(ws.frames))
        return ws

    async def ask(self, ws: FakeWebSocket, message: Any) -> Frame:
        """Says it and waits for the answer."""
        ws.say(message)
        await until(f"{type(message).__name__} is answered", lambda: answer_to(ws, message.id) is not None)
        answer = answer_to(ws, message.id)
        assert answer is not None
        return answer

    async def acknowledge(self, ws: Watched, concern: ConcernView, session_id: SessionId = SESSION) -> Frame:
        return await self.ask(ws, Acknowledge(RequestId(self._notes()), session_id, concern.id))

    async def after(self, seconds: float) -> None:
        """Time passes for rooms."""
        self.clock.advance(seconds)
        self.timers.fire()
        await settle()

    async def look_again(self) -> None:
        """Time passes for supervision: what could not be stored is tried again, and rows are looked at."""
        self.later.fire()
        await settle()

    async def crash(self) -> None:
        """Everything in memory is gone; what was handed to the disk is there."""
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self.dead = True
        await self.watchers.close()
        await self.supervision.close()
        await self.reads.close()
        await self.duties.close()
        await self.log.stop()

    async def stop(self) -> None:
        if self.dead:
            return
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for append in self.log.stuck:
            append.set_exception(AppendFailed("stuck"))
        await self.hall.close()
        await self.watchers.close()
        await self.supervision.close()
        await self.reads.close()
        await self.duties.close()
        await self.log.stop()


async def everyone_arrived(*_: object) -> bool:
    return True


def answer_to(ws: FakeWebSocket, request_id: str) -> Frame | None:
    return next((frame for _, frame in ws.frames if getattr(frame, "id", None) == request_id), None)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def until(what: str, holds: Callable[[], bool], within_s: float = 15.0) -> None:
    """Waits for what happens in other threads."""
    try:
        async with asyncio.timeout(within_s):
            while not holds():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what}") from None


@asynccontextmanager
async def node(tmp_path: Path) -> AsyncGenerator[Node]:
    async with database(tmp_path / "node.db") as engine:
        await add_everyone(engine)
        await add_therapists(engine)
        there = Node(engine, FakeClock())
        await there.log.start()
        try:
            yield there
        finally:
            await there.stop()
