"""Fakes around a keeper: a log that the test lets succeed or fail, a media plane, timers, a listener."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from moderation.permissions import Action
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import Frame, RoomFrame
from protocol.values import Role, Source
from rooms.events import Event
from rooms.state import RoomState
from rooms.view import Viewer
from server.storage.log import AppendFailed, NewEvent, StreamMoved
from signaling.outbox import Prepared


@dataclass
class FakeLog:
    """Holds every append until the test says how it ended."""

    waiting: list[tuple[int, Sequence[NewEvent], asyncio.Future[None]]] = field(default_factory=list)
    stored: list[NewEvent] = field(default_factory=list)
    hold: bool = False
    stream_id: str = ""

    def append(
        self, stream_id: str, epoch: int, expected_head: int, new_events: Sequence[NewEvent]
    ) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((expected_head, tuple(new_events), done))
        self.stream_id = stream_id
        if not self.hold:
            self.sync()
        return done

    def sync(self, at_most: int = 1_000) -> None:
        for _ in range(min(at_most, len(self.waiting))):
            head, events, done = self.waiting.pop(0)
            if head == len(self.stored):
                self.stored.extend(events)
                done.set_result(None)
            else:
                done.set_exception(StreamMoved(self.stream_id))

    def fail(self, error: type[AppendFailed] = AppendFailed) -> None:
        _, _, done = self.waiting.pop(0)
        done.set_exception(error("disk full"))


@dataclass
class FakeMedia:
    """Remembers what is open, and what was called in which order."""

    open: set[tuple[str, Source]] = field(default_factory=set)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    always: set[str] = field(default_factory=set)
    pinned: str | None = None

    def set_priority(self, room: str, participant: str, always: bool) -> None:
        (self.always.add if always else self.always.discard)(participant)

    def set_pinned(self, room: str, participant: str | None) -> None:
        self.pinned = participant

    def count_talk(self, room: str) -> None:
        self.calls.append(("talk", room))

    def set_gate(self, room: str, participant: str, source: Source, open: bool) -> None:
        self.calls.append(("gate", participant, source, open))
        (self.open.add if open else self.open.discard)((participant, source))

    def add_peer(self, room: str, participant: str, *, mentor: bool = False) -> None:
        self.calls.append(("add", participant))

    def remove_peer(self, room: str, participant: str) -> None:
        self.calls.append(("remove", participant))

    def close_room(self, room: str) -> None:
        self.calls.append(("close",))


class FakeEar:
    """Hears what becomes of a room, and keeps it."""

    def __init__(self) -> None:
        self.ended_rooms: list[SessionId] = []
        self.failed_rooms: list[SessionId] = []
        self.emptied_rooms: list[SessionId] = []
        self.events: list[Event] = []
        self.refused: list[tuple[IdentityId, Action]] = []

    def ended(self, session_id: SessionId) -> None:
        self.ended_rooms.append(session_id)

    def failed(self, session_id: SessionId) -> None:
        self.failed_rooms.append(session_id)

    def emptied(self, session_id: SessionId) -> None:
        self.emptied_rooms.append(session_id)

    def happened(self, session_id: SessionId, event: Event, state: RoomState, seq: int) -> None:
        self.events.append(event)

    def denied(self, session_id: SessionId, identity_id: IdentityId, action: Action) -> None:
        self.refused.append((identity_id, action))


class FakeTimers:
    """One pending callback, as a keeper has one alarm."""

    def __init__(self) -> None:
        self.pending: dict[FakeTimer, tuple[float, Callable[[], object]]] = {}

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        timer = FakeTimer(self)
        self.pending[timer] = (delay, callback)
        return timer

    def fire(self) -> None:
        for timer, (_, callback) in list(self.pending.items()):
            del self.pending[timer]
            callback()

    def delays(self) -> list[float]:
        return [delay for delay, _ in self.pending.values()]


class FakeTimer:
    def __init__(self, timers: FakeTimers) -> None:
        self._timers = timers

    def cancel(self) -> None:
        self._timers.pending.pop(self, None)


class FakeListener:
    """Keeps what it was given."""

    def __init__(self, who: ParticipantId, role: Role) -> None:
        self.viewer = Viewer(who, role)
        self.frames: list[Frame] = []
        self.prepared: list[Prepared[RoomFrame]] = []
        self.sequenced: list[bool] = []
        self.dismissed: ErrorCode | None = None

    def deliver(self, frame: Prepared[RoomFrame], *, sequenced: bool) -> None:
        self.frames.append(frame.frame)
        self.prepared.append(frame)
        self.sequenced.append(sequenced)

    def dismiss(self, code: ErrorCode) -> None:
        self.dismissed = code
