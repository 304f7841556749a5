"""The keeper: a room's only writer.

`submit` decides at once, in call order, against the state as of everything decided so far; closings reach the
media plane in that same moment. What is to be stored goes to the log, and lands in the same order: only then is
it part of the room, shown, and acknowledged, and only then does the media plane open what it opens. When an
append fails, everything decided on top of it is taken back together.

A bug while deciding or showing ends this room, and no other: everyone is sent back to join again, which loads
the room from its log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog

from protocol.errors import ErrorCode, Refused, Unavailable
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import (
    AllowMicrophone,
    HideChat,
    LeaveReason,
    PostChat,
    RoomFrame,
    SessionStatus,
    ShowChat,
    Snapshot,
    Source,
)
from rooms.commands import Command, LoseConnection, PassTime, Requested
from rooms.decide import Accepted, Decision, Rejection, aftermath, decide, next_deadline
from rooms.events import DurableEvent, Event, ParticipantDeparted, SessionClosed, is_durable
from rooms.evolve import evolve, evolve_all
from rooms.gates import Gate, open_gates, shut_at_once
from rooms.retention import retention_of
from rooms.state import EMPTY, RoomState
from rooms.upcasting import VERSIONS, present_event
from rooms.view import Viewer, is_sequenced, latest, project, replayed, snapshot
from server.clock import Clock
from server.logs import where_it_failed
from server.storage.log import AppendFailed, Claim, NewEvent, StoredEvent, StreamLost
from signaling.outbox import Prepared
from signaling.ports import Listener

MAX_IN_FLIGHT = 1_000
MAX_IN_FLIGHT_EACH = 50
"""Decided and not yet stored commands of one room, and of one person in it. One more that asks for
something to be stored is refused as OVERLOADED; closings, people's own devices, and what the server itself observes
are always taken."""

RETRY_S = 1.0
"""After a deadline's event could not be stored."""

_log = structlog.get_logger("rooms")


class Log(Protocol):
    """Where a keeper stores its stream; see `server.storage.log.EventLog.append`."""

    def append(
        self, stream_id: str, epoch: int, expected_head: int, new_events: Sequence[NewEvent]
    ) -> asyncio.Future[None]:
        """Queues at once; resolves when on disk, fails with AppendFailed."""
        ...


class MediaPlane(Protocol):
    """What a room tells the media plane."""

    def set_gate(self, room: str, participant: str, source: Source, open: bool) -> None:
        """Opens or shuts a source; to shut acts before this returns."""
        ...

    def remove_peer(self, room: str, participant: str) -> None:
        """Ends a participant's connections."""
        ...

    def close_room(self, room: str) -> None:
        """Ends all connections of a room."""
        ...


class Timers(Protocol):
    """Calls back later; asyncio's loop is one."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls back once, after `delay` seconds, unless cancelled."""
        ...


@dataclass(slots=True)
class _Flight:
    """A decided command on its way to the disk."""

    command: Command
    decision: Accepted
    reply: asyncio.Future[Decision]
    stored: asyncio.Future[None] | None


class Keeper:
    """Owns one room's state, its listeners and its gates. Implements `signaling.ports.Room`."""

    def __init__(
        self,
        session_id: SessionId,
        state: RoomState,
        claim: Claim,
        log: Log,
        media: MediaPlane,
        clock: Clock,
        timers: Timers,
        *,
        on_ended: Callable[[SessionId], None],
        on_failed: Callable[[SessionId], None],
        on_empty: Callable[[SessionId], None],
    ) -> None:
        """`state` and `claim` are as read from the log.

        `on_ended` hears that the session's end was stored, `on_failed` that a bug ended this keeper, and `on_empty`
        that nobody is present any more.
        """
        self._session_id = session_id
        self._committed = state
        self._pending = state
        self._epoch = claim.epoch
        self._head = self._landed = claim.head
        self._log = log
        self._media = media
        self._clock = clock
        self._timers = timers
        self._on_ended = on_ended
        self._on_failed = on_failed
        self._on_empty = on_empty
        self._listeners: list[Listener] = []
        self._gates: set[Gate] = set()
        self._flights: deque[_Flight] = deque()
        self._landing: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._failed = False
        self._epoch_ms = clock.now_ms() - round(clock.monotonic() * 1000)

    # ── what signaling sees ──────────────────────────────────────────────────────────────────

    @property
    def session_id(self) -> SessionId:
        """Which session's room it is."""
        return self._session_id

    @property
    def state(self) -> RoomState:
        """The room as stored: what may be shown."""
        return self._committed

    @property
    def failed(self) -> bool:
        """Whether this keeper is over, by a bug or because nobody needed it; a new one must be loaded."""
        return self._failed

    @property
    def idle(self) -> bool:
        """Whether nobody is present, nobody listens, and nothing is on its way."""
        return not (self._flights or self._listeners or any(self._pending.present()))

    def retire(self) -> None:
        """Takes no more commands: the room will be loaded anew. Only when idle."""
        self._failed = True

    def participant_of(self, identity: IdentityId) -> ParticipantId | None:
        """The participant id that this person has, or is about to have, in this room."""
        return next((p.id for p in self._pending.people.values() if p.identity_id == identity), None)

    def submit(self, command: Command) -> asyncio.Future[Decision]:
        """Decides at once, in call order; the answer comes when its events are stored.

        The future never fails: errors are answers, too (NOT_SAVED, OVERLOADED, ROOM_FAILED).
        """
        reply: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        if self._failed:
            reply.set_result(Rejection(ErrorCode.ROOM_FAILED))
            return reply
        if self._flights and self._must_wait(command):
            reply.set_result(Rejection(ErrorCode.OVERLOADED))
            return reply
        try:
            self._submit(command, reply)
        except Exception as bug:
            self._fail(bug, reply)
        return reply

    def attach(self, listener: Listener) -> Snapshot:
        """From now on the listener receives every frame after the snapshot that is returned."""
        if self._failed:
            raise Unavailable(ErrorCode.ROOM_FAILED)
        if self._committed.here(listener.viewer.participant_id) is None:
            ended = self._committed.status is SessionStatus.ENDED
            raise Refused(ErrorCode.SESSION_ENDED if ended else ErrorCode.NOT_FOUND)
        self._listeners.append(listener)
        return snapshot(self._committed, listener.viewer)

    def detach(self, listener: Listener) -> None:
        """The listener receives no more. Idempotent."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def latest(self, viewer: Viewer) -> tuple[RoomFrame, ...]:
        """Ephemeral values as of now, for a viewer who resumes."""
        return tuple(latest(self._committed, viewer))

    def replayed(self, frame: RoomFrame, viewer: Viewer) -> RoomFrame:
        """A frame as it may be sent to that viewer again now."""
        return replayed(frame, self._committed, viewer)

    def recover(self, grace_ms: int) -> None:
        """After loading: nobody is connected yet, and everyone's place is kept for a while."""
        for person in tuple(self._committed.present()):
            self.submit(LoseConnection(person.id, grace_ms))

    async def close(self) -> None:
        """Waits until everything decided has landed, and stops the clock."""
        while self._landing is not None:
            await self._landing
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # ── deciding ─────────────────────────────────────────────────────────────────────────────

    def _now_ms(self) -> int:
        """Wall time as of the start, moved on by the monotonic clock: steps of the wall clock change no deadline."""
        return self._epoch_ms + round(self._clock.monotonic() * 1000)

    def _submit(self, command: Command, reply: asyncio.Future[Decision]) -> None:
        decision = decide(self._pending, command, self._now_ms())
        if isinstance(decision, Rejection):
            reply.set_result(decision)
            return
        self._pending = evolve_all(self._pending, decision.events)
        for event in decision.events:
            self._shut(shut_at_once(event))
        durable = tuple(event for event in decision.events if is_durable(event))
        flight = _Flight(command, decision, reply, self._append(durable) if durable else None)
        if flight.stored is None and not self._flights:
            self._land(flight)
            return
        self._flights.append(flight)
        if self._landing is None:
            self._landing = asyncio.create_task(self._land_all(), name="keeper")

    def _must_wait(self, command: Command) -> bool:
        """Whether a command asks for more to be stored while too much waits for the disk already."""
        match command:
            case Requested(actor=who, message=PostChat() | HideChat() | ShowChat() | AllowMicrophone()):
                own = sum(1 for f in self._flights if isinstance(f.command, Requested) and f.command.actor == who)
                return len(self._flights) >= MAX_IN_FLIGHT or own >= MAX_IN_FLIGHT_EACH
            case _:
                return False

    def _append(self, events: tuple[DurableEvent, ...]) -> asyncio.Future[None]:
        head, self._head = self._head, self._head + len(events)
        now_ms = self._now_ms()
        return self._log.append(self._session_id, self._epoch, head, [stored_form(e, now_ms) for e in events])

    # ── landing, in order ────────────────────────────────────────────────────────────────────

    async def _land_all(self) -> None:
        try:
            while self._flights:
                flight = self._flights[0]
                try:
                    if flight.stored is not None:
                        await flight.stored
                except AppendFailed as error:
                    self._take_back(error)
                    continue
                self._land(flight)
                self._flights.popleft()
        except Exception as bug:
            self._fail(bug)
        finally:
            self._landing = None

    def _land(self, flight: _Flight) -> None:
        gone: list[ParticipantId] = []
        leaving: list[tuple[Listener, ErrorCode]] = []
        ended = False
        for event in flight.decision.events:
            before, self._committed = self._committed, evolve(self._committed, event)
            self._landed += is_durable(event)
            self._show(event, before)
            if isinstance(event, ParticipantDeparted):
                gone.append(event.participant_id)
                leaving += self._let_go(event)
            ended = ended or isinstance(event, SessionClosed)
        self._reconcile_gates()
        _answer(flight.reply, flight.decision)
        if gone or ended:
            # Replies are callbacks of the future: they go out before the goodbye.
            asyncio.get_running_loop().call_soon(self._dismiss, gone, leaving, ended)
        self._set_alarm()

    def _show(self, event: Event, before: RoomState) -> None:
        prepared: dict[RoomFrame, Prepared[RoomFrame]] = {}
        for listener in self._listeners:
            frame = project(event, before, self._committed, listener.viewer)
            if frame is not None:
                listener.deliver(prepared.setdefault(frame, Prepared(frame)), sequenced=is_sequenced(frame))

    def _let_go(self, left: ParticipantDeparted) -> list[tuple[Listener, ErrorCode]]:
        """Who left hears of that and of nothing after it, whatever lands in the same moment."""
        leaving = [each for each in self._listeners if each.viewer.participant_id == left.participant_id]
        for listener in leaving:
            self.detach(listener)
        code = ErrorCode.LEFT if left.reason is LeaveReason.LEFT else ErrorCode.RESYNC
        return [(listener, code) for listener in leaving]

    def _dismiss(self, gone: list[ParticipantId], leaving: list[tuple[Listener, ErrorCode]], ended: bool) -> None:
        for who in gone:
            if self._committed.here(who) is None:
                self._media.remove_peer(self._session_id, who)
        for listener, code in leaving:
            listener.dismiss(code)
        if ended:
            for listener in tuple(self._listeners):
                listener.dismiss(ErrorCode.SESSION_ENDED)
            self._media.close_room(self._session_id)
            self._on_ended(self._session_id)
        elif self.idle:
            self._on_empty(self._session_id)

    # ── when storing fails ───────────────────────────────────────────────────────────────────

    def _take_back(self, error: AppendFailed) -> None:
        """The first flight was not stored: nothing decided on top of it holds.

        Those behind it cannot have been stored either, since each names the head that it follows. When the stream
        is lost (another owns it, or nobody knows what became of the append), the room is loaded again.
        """
        lost = tuple(self._flights)
        self._flights.clear()
        for flight in lost[1:]:
            if flight.stored is not None:
                flight.stored.add_done_callback(_heard)
        stream_lost = isinstance(error, StreamLost)
        _log.error("not_saved", session=self._session_id, commands=len(lost), why=type(error).__name__)
        for flight in lost:
            _answer(flight.reply, Rejection(ErrorCode.NOT_SAVED))
        if stream_lost:
            raise RuntimeError("the stream has another owner, or is not as expected")
        self._head = self._landed
        kept_shut = aftermath(self._committed, tuple(event for flight in lost for event in flight.decision.events))
        self._pending = evolve_all(self._committed, kept_shut)
        self._land(_Flight(PassTime(), Accepted(kept_shut), asyncio.get_running_loop().create_future(), None))
        self._set_alarm(at_least_s=RETRY_S)

    def _fail(self, bug: Exception, reply: asyncio.Future[Decision] | None = None) -> None:
        """A bug: this room ends here, and is loaded again from its log when someone joins."""
        if self._failed:
            return
        self._failed = True
        _log.error("room_failed", session=self._session_id, **where_it_failed(bug))
        for flight in self._flights:
            if flight.stored is not None:
                flight.stored.add_done_callback(_heard)
        for waiting in (reply, *(flight.reply for flight in self._flights)):
            if waiting is not None:
                _answer(waiting, Rejection(ErrorCode.ROOM_FAILED))
        self._flights.clear()
        if self._alarm is not None:
            self._alarm.cancel()
        self._media.close_room(self._session_id)
        self._on_failed(self._session_id)
        for listener in tuple(self._listeners):
            listener.dismiss(ErrorCode.ROOM_FAILED)

    # ── gates and deadlines ──────────────────────────────────────────────────────────────────

    def _shut(self, gates: Iterable[Gate]) -> None:
        for who, source in gates:
            self._media.set_gate(self._session_id, who, source, False)
            self._gates.discard((who, source))

    def _reconcile_gates(self) -> None:
        """Opens what both the stored and the decided state let through; shuts all else."""
        wanted = open_gates(self._committed) & open_gates(self._pending)
        self._shut(self._gates - wanted)
        for who, source in wanted - self._gates:
            self._media.set_gate(self._session_id, who, source, True)
            self._gates.add((who, source))

    def _set_alarm(self, at_least_s: float = 0.0) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = next_deadline(self._pending)
        if deadline is not None:
            delay = max(at_least_s, (deadline - self._now_ms()) / 1000)
            self._alarm = self._timers.call_later(delay, self._on_deadline)

    def _on_deadline(self) -> None:
        self._alarm = None
        self.submit(PassTime())


def _answer(reply: asyncio.Future[Decision], decision: Decision) -> None:
    if not reply.done():
        reply.set_result(decision)


def _heard(stored: asyncio.Future[None]) -> None:
    """Hears a failure that was answered already, so that asyncio does not report it as forgotten."""
    if not stored.cancelled():
        stored.exception()


def stored_form(event: DurableEvent, now_ms: int) -> NewEvent:
    """A durable event as the log keeps it."""
    tag = str(type(event).__struct_config__.tag)
    return NewEvent(now_ms, tag, VERSIONS[tag], msgspec.msgpack.encode(event), retention_of(event).value)


def replay(events: Iterable[StoredEvent], begun: RoomState = EMPTY) -> RoomState:
    """The room as its log tells it, without what was purged of it. Raises UnknownEvent."""
    return evolve_all(begun, (present_event(e.type, e.version, e.payload) for e in events if e.payload is not None))
