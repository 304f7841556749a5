"""The keeper: a room's only writer, with what a room does outside of its stream.

Closings reach the media plane in the moment in which they are decided; what a command opens is opened once it is
stored. A bug while deciding or showing ends this room, and no other: everyone is sent back to join again, which loads
the room from its log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec
import structlog
from msgspec.structs import replace

from moderation.decision import Rejection
from moderation.permissions import Action
from protocol.errors import ErrorCode, Refused, Unavailable
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    HideChat,
    PostChat,
    RoomFrame,
    SetListening,
    ShowChat,
)
from protocol.turns import (
    ExtendTurn,
    GiveTurn,
    HoldTime,
    LeastHeardFirst,
    LowerHand,
    MoveInOrder,
    NextSpeaker,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
)
from protocol.values import LeaveReason, Role, SessionStatus, Snapshot, Source
from rooms.aftermath import aftermath
from rooms.commands import Command, CountTalk, Enter, LoseConnection, PassTime, Requested
from rooms.decide import decide, next_deadline
from rooms.events import (
    Decision,
    DurableEvent,
    Event,
    ParticipantAdmitted,
    ParticipantDeparted,
    ParticipantMoved,
    ParticipantRemoved,
    SentOut,
    SessionClosed,
    SessionReturned,
    is_durable,
)
from rooms.evolve import evolve, evolve_all
from rooms.gates import Gate, always_heard, cut_off_at_once, open_gates, shut_at_once, signer
from rooms.life import Rules
from rooms.retention import retention_of
from rooms.state import EMPTY, RoomState
from rooms.upcasting import VERSIONS, present_event
from rooms.view import Viewer, is_sequenced, latest, project, replayed, snapshot
from server.clock import Clock
from server.storage.log import Claim, NewEvent, StoredEvent
from server.stream import Log, StreamWriter, Timers
from signaling.outbox import Prepared
from signaling.ports import Listener

__all__ = ["Keeper", "Log", "MediaPlane", "RoomCore", "RoomHears", "Timers", "replay", "stored_form"]

MAX_IN_FLIGHT = 1_000
MAX_IN_FLIGHT_EACH = 50
"""Decided and not yet stored commands of one room, and of one person in it. One more that asks for
something to be stored is refused as OVERLOADED; closings, people's own devices, and what the server itself observes
are always taken."""

_log = structlog.get_logger("rooms")


class MediaPlane(Protocol):
    """What a room tells the media plane."""

    def set_gate(self, room: str, participant: str, source: Source, open: bool) -> None:
        """Opens or shuts a source; to shut acts before this returns."""
        ...

    def set_priority(self, room: str, participant: str, always: bool) -> None:
        """Whether a microphone passes however loud others are."""
        ...

    def set_pinned(self, room: str, participant: str | None) -> None:
        """Whose camera everyone gets first, and loses last; None: nobody's."""
        ...

    def count_talk(self, room: str) -> None:
        """Has it told soon who spoke for how long, which else is told from time to time."""
        ...

    def add_peer(self, room: str, participant: str, *, mentor: bool = False) -> None:
        """Begins to offer the room's tracks to a participant, and to take theirs."""
        ...

    def remove_peer(self, room: str, participant: str) -> None:
        """Ends a participant's connections. Idempotent."""
        ...

    def close_room(self, room: str) -> None:
        """Ends all connections of a room."""
        ...


class RoomHears(Protocol):
    """Who hears what becomes of a room."""

    def ended(self, session_id: SessionId) -> None:
        """The session's end is stored."""
        ...

    def failed(self, session_id: SessionId) -> None:
        """A bug ended the room's keeper."""
        ...

    def emptied(self, session_id: SessionId) -> None:
        """Nobody is present any more."""
        ...

    def happened(self, session_id: SessionId, event: Event, state: RoomState, seq: int) -> None:
        """An event happened in the room; `state` is the room after it, `seq` of the newest stored event before it."""
        ...

    def denied(self, session_id: SessionId, identity_id: IdentityId, action: Action) -> None:
        """Someone asked for what they are not permitted to do."""
        ...


class RoomCore:
    """`rooms`, as a stream writer uses it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def decide(self, state: RoomState, command: Command, now_ms: int) -> Decision:
        """See `rooms.decide`."""
        return decide(state, command, now_ms, self._rules)

    def evolve(self, state: RoomState, event: Event) -> RoomState:
        """See `rooms.evolve`."""
        return evolve(state, event)

    def aftermath(self, state: RoomState, lost: tuple[Event, ...]) -> tuple[Event, ...]:
        """See `rooms.aftermath`."""
        return aftermath(state, lost)

    def next_deadline(self, state: RoomState, after_ms: int) -> int | None:
        """See `rooms.decide`."""
        return next_deadline(state, self._rules, after_ms)

    def stored_form(self, event: Event, now_ms: int) -> NewEvent | None:
        """As the log keeps it."""
        return stored_form(event, now_ms) if is_durable(event) else None

    def passing_time(self) -> Command:
        """A deadline may have passed."""
        return PassTime()

    def must_wait(self, command: Command, waiting: Sequence[Command]) -> bool:
        """What protects someone is always taken."""
        match command:
            case Requested(
                actor=who,
                message=PostChat()
                | HideChat()
                | ShowChat()
                | AllowMicrophone()
                | AllowScreen()
                | Admit()
                | SetListening()
                | RaiseHand()
                | LowerHand()
                | PassTurnOn()
                | SetTurnForm()
                | NextSpeaker()
                | GiveTurn()
                | ExtendTurn()
                | HoldTime()
                | MoveInOrder()
                | LeastHeardFirst()
                | SetCompanion(),
            ):
                own = sum(1 for each in waiting if isinstance(each, Requested) and each.actor == who)
                return len(waiting) >= MAX_IN_FLIGHT or own >= MAX_IN_FLIGHT_EACH
            case CountTalk():
                return len(waiting) >= MAX_IN_FLIGHT
            case _:
                return False


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
        hears: RoomHears,
        rules: Rules,
    ) -> None:
        """`state` and `claim` are as read from the log."""
        self._session_id = session_id
        self._media = media
        self._hears = hears
        self._listeners: list[Listener] = []
        self._gates: set[Gate] = set()
        self._heard: frozenset[ParticipantId] = frozenset()
        """Whose microphones the media plane was told to let pass always."""
        self._pinned: ParticipantId | None = None
        """Whose picture the media plane was told to pin."""
        self._turn = _running(state)
        self._coming: set[ParticipantId] = set()
        """Who came in and hears nothing yet, since something that is decided, and not stored, takes them out again."""
        begun = replace(state, life=claim.epoch)
        self._writer = StreamWriter(session_id, RoomCore(rules), self, begun, claim, log, clock, timers)

    # ── what signaling sees ──────────────────────────────────────────────────────────────────

    @property
    def session_id(self) -> SessionId:
        """Which session's room it is."""
        return self._session_id

    @property
    def state(self) -> RoomState:
        """The room as stored: what may be shown."""
        return self._writer.committed

    @property
    def head(self) -> int:
        """seq of the newest stored event."""
        return self._writer.head

    @property
    def over(self) -> bool:
        """Whether this keeper is over, by a bug or because nobody needed it; a new one must be loaded."""
        return self._writer.over

    @property
    def idle(self) -> bool:
        """Whether nobody is present, nobody listens, and nothing is on its way."""
        return not (self._writer.busy or self._listeners or any(self._writer.pending.present()))

    def retire(self) -> None:
        """Takes no more commands: the room will be loaded anew. Only when idle."""
        self._writer.retire()

    def participant_of(self, identity: IdentityId) -> ParticipantId | None:
        """The participant id that this person has, or is about to have, in this room."""
        return next((p.id for p in self._writer.pending.people.values() if p.identity_id == identity), None)

    def is_inside(self, participant_id: ParticipantId) -> bool:
        """Whether that person is in the room itself, now and after everything decided so far."""
        states = (self._writer.committed, self._writer.pending)
        people = (state.people.get(participant_id) for state in states)
        return all(person is not None and person.inside for person in people)

    def submit(self, command: Command) -> asyncio.Future[Decision]:
        """Decides at once, in call order; the answer comes when its events are stored.

        The future never fails: errors are answers, too (NOT_SAVED, OVERLOADED, ROOM_FAILED).
        """
        reply = self._writer.submit(command)
        if isinstance(command, (Requested, Enter)):
            reply.add_done_callback(lambda done: self._count_denied(command, done.result()))
        return reply

    def attach(self, listener: Listener) -> Snapshot:
        """From now on the listener receives every frame after the snapshot that is returned."""
        if self._writer.over:
            raise Unavailable(ErrorCode.ROOM_FAILED)
        if self.state.here(listener.viewer.participant_id) is None:
            ended = self.state.status is SessionStatus.ENDED
            raise Refused(ErrorCode.SESSION_ENDED if ended else ErrorCode.NOT_FOUND)
        self._listeners.append(listener)
        self._coming.add(listener.viewer.participant_id)
        return snapshot(self.state, listener.viewer)

    def detach(self, listener: Listener) -> None:
        """The listener receives no more. Idempotent."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def latest(self, viewer: Viewer) -> tuple[RoomFrame, ...]:
        """Ephemeral values as of now, for a viewer who resumes."""
        return tuple(latest(self.state, viewer))

    def replayed(self, frame: RoomFrame, viewer: Viewer) -> RoomFrame:
        """A frame as it may be sent to that viewer again now."""
        return replayed(frame, self.state, viewer)

    def now_ms(self) -> int:
        """The time by which the room decides: what is told of times is by it."""
        return self._writer.now_ms()

    def recover(self, grace_ms: int) -> None:
        """After loading: nobody is connected yet, and everyone's place is kept for a while."""
        for person in tuple(self.state.present()):
            self.submit(LoseConnection(person.id, grace_ms))

    async def close(self) -> None:
        """Waits until everything decided has landed, and stops the clock."""
        await self._writer.close()

    # ── what follows from the stream's events ────────────────────────────────────────────────

    def decided(self, events: tuple[Event, ...]) -> None:
        """Closings act before anything is stored."""
        for event in events:
            self._shut(shut_at_once(event))
            for who in cut_off_at_once(event):
                self._media.remove_peer(self._session_id, who)
        # Whatever else is open no more by what follows from it: whose turn is over, say.
        if self._writer.pending.status is not SessionStatus.ENDED:
            self._shut(self._gates - open_gates(self._writer.pending))

    def happened(self, event: Event, before: RoomState, after: RoomState) -> None:
        """Shows an event to everyone who may see it."""
        prepared: dict[RoomFrame, Prepared[RoomFrame]] = {}
        for listener in self._listeners:
            for frame in project(event, before, after, listener.viewer):
                listener.deliver(prepared.setdefault(frame, Prepared(frame)), sequenced=is_sequenced(frame))
        self._hears.happened(self._session_id, event, after, self._writer.head)

    def settled(self, events: tuple[Event, ...]) -> None:
        """Gates follow the state; who came in from the lobby begins to hear and see."""
        self._reconcile_gates()
        before, self._turn = self._turn, _running(self.state)
        if before not in (None, self._turn):
            self._media.count_talk(self._session_id)
        self._coming.update(event.participant_id for event in events if isinstance(event, ParticipantAdmitted))
        for who in sorted(self._coming):
            if not self._came_in(who):
                self._coming.discard(who)
            elif self.is_inside(who):
                self._media.add_peer(self._session_id, who, mentor=self.state.people[who].role is Role.MENTOR)
                self._coming.discard(who)
        for who in _no_longer_inside(events, self.state):
            self._media.remove_peer(self._session_id, who)

    def answered(self, events: tuple[Event, ...]) -> None:
        """Who is gone is told so, after the answer to what they asked for."""
        gone = {event.participant_id: _why_gone(event) for event in events if isinstance(event, _GOING)}
        ended = any(isinstance(event, SessionClosed) for event in events)
        for listener in tuple(self._listeners):
            who = listener.viewer.participant_id
            if ended:
                listener.dismiss(ErrorCode.SESSION_ENDED)
            elif who in gone and self.state.here(who) is None:
                listener.dismiss(gone[who])
        if ended:
            self._media.close_room(self._session_id)
            self._hears.ended(self._session_id)
        elif gone and self.idle:
            self._hears.emptied(self._session_id)

    def failed(self) -> None:
        """Everyone joins again, which loads the room from its log."""
        self._media.close_room(self._session_id)
        self._hears.failed(self._session_id)
        for listener in tuple(self._listeners):
            listener.dismiss(ErrorCode.ROOM_FAILED)

    def _came_in(self, who: ParticipantId) -> bool:
        return who in self.state.people and self.state.people[who].inside

    # ── gates, and what was denied ───────────────────────────────────────────────────────────

    def _shut(self, gates: Iterable[Gate]) -> None:
        # In one order, so that what happens twice happens alike.
        for who, source in sorted(gates):
            self._media.set_gate(self._session_id, who, source, False)
            self._gates.discard((who, source))

    def _reconcile_gates(self) -> None:
        """Opens what both the stored and the decided state let through; shuts all else."""
        wanted = open_gates(self._writer.committed) & open_gates(self._writer.pending)
        self._shut(self._gates - wanted)
        for who, source in sorted(wanted - self._gates):
            self._media.set_gate(self._session_id, who, source, True)
            self._gates.add((who, source))
        heard = always_heard(self._writer.pending)
        for who in sorted(self._heard ^ heard):
            self._media.set_priority(self._session_id, who, who in heard)
        self._heard = heard
        pinned = signer(self._writer.committed)
        if pinned != self._pinned:
            self._media.set_pinned(self._session_id, pinned)
            self._pinned = pinned

    def _count_denied(self, command: Requested | Enter, decision: Decision) -> None:
        if not isinstance(decision, Rejection) or decision.denied is None:
            return
        if isinstance(command, Enter):
            self._hears.denied(self._session_id, command.identity_id, decision.denied)
        elif (person := self.state.people.get(command.actor)) is not None:
            self._hears.denied(self._session_id, person.identity_id, decision.denied)


def _running(state: RoomState) -> int | None:
    """The number of the turn that goes on."""
    return state.floor.turn.number if state.floor.turn is not None else None


_GOING = (ParticipantDeparted, ParticipantRemoved)


def _why_gone(event: ParticipantDeparted | ParticipantRemoved) -> ErrorCode:
    if isinstance(event, ParticipantRemoved):
        return ErrorCode.REMOVED
    return ErrorCode.LEFT if event.reason is LeaveReason.LEFT else ErrorCode.RESYNC


def _no_longer_inside(events: Iterable[Event], state: RoomState) -> list[ParticipantId]:
    """Who an event took out of the room, and is still out of it."""
    out: set[ParticipantId] = set()
    for event in events:
        match event:
            case ParticipantDeparted(participant_id=who) | ParticipantMoved(participant_id=who):
                out.add(who)
            case ParticipantRemoved(participant_id=who) | SentOut(participant_id=who):
                out.add(who)
            case SessionReturned(moved=people):
                out.update(people)
            case _:
                pass
    return sorted(who for who in out if not state.people[who].inside)


def stored_form(event: DurableEvent, now_ms: int) -> NewEvent:
    """A durable event as the log keeps it."""
    tag = str(type(event).__struct_config__.tag)
    return NewEvent(now_ms, tag, VERSIONS[tag], msgspec.msgpack.encode(event), retention_of(event).value)


def replay(events: Iterable[StoredEvent], begun: RoomState = EMPTY) -> RoomState:
    """The room as its log tells it, without what was purged of it. Raises UnknownEvent."""
    return evolve_all(begun, (present_event(e.type, e.version, e.payload) for e in events if e.payload is not None))
