"""The only writer of one session's supervision stream.

Therapists are told of a concern in the moment in which it is decided, before it is stored: help must not wait for a
disk. That one of them has taken note is shown once it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from moderation.permissions import Office
from moderation.supervision.commands import (
    Command,
    Handle,
    Handling,
    Listen,
    Monitor,
    PassTime,
    RaiseFlag,
    RoomFacts,
    SendWhisper,
    SpeakTo,
)
from moderation.supervision.decide import aftermath, decide, next_deadline
from moderation.supervision.escalation import Duty, highest
from moderation.supervision.events import (
    ConcernEscalated,
    ConcernRaised,
    Decision,
    Event,
    FlagRaised,
    Held,
    MonitoringEnded,
    Told,
    is_durable,
    is_told,
)
from moderation.supervision.evolve import adds, evolve, evolve_all
from moderation.supervision.monitoring import is_concerned, listening_view, unseen_by
from moderation.supervision.retention import retention_of
from moderation.supervision.state import EMPTY, Concern, Listening, SupervisionState
from moderation.supervision.upcasting import VERSIONS, present_event
from moderation.supervision.view import (
    OwnFlag,
    concerns_for,
    flags_of,
    in_unanswered_crisis,
    unanswered_crisis,
    visible_to,
)
from protocol.ids import ConcernId, FlagId, IdentityId, SessionId
from protocol.monitoring import ListeningView, MonitoringEnd, WhisperView
from protocol.supervision import ConcernView, Severity, Step
from protocol.values import Millis, Role
from server.clock import Clock
from server.storage.log import Claim, NewEvent, StoredEvent
from server.stream import Log, StreamWriter, Timers

SUPERVISION: Final = "supervision"
"""Kind of these streams."""

MAX_NOTES_IN_FLIGHT: Final = 100

QUIET_MS: Final[Millis] = 60_000
"""So long the contact is not told again of a concern by flags that press no more than those it was told of."""


_SUFFIX: Final = "/supervision"


def stream_of(session_id: SessionId) -> str:
    """Id of a session's supervision stream; the room's is the session's own id."""
    return f"{session_id}{_SUFFIX}"


def is_supervision(stream_id: str) -> bool:
    """Whether a stream is a session's supervision."""
    return stream_id.endswith(_SUFFIX)


def replay(stored: Iterable[StoredEvent]) -> SupervisionState:
    """The stream as its log tells it, without what was purged of it. Raises UnknownEvent."""
    return evolve_all(EMPTY, (present_event(e.type, e.version, e.payload) for e in stored if e.payload is not None))


class SupervisionCore:
    """`moderation.supervision`, as a stream writer uses it. `duty` says who could be told now."""

    def __init__(self, duty: Callable[[], Duty]) -> None:
        self._duty = duty

    def decide(self, state: SupervisionState, command: Command, now_ms: int) -> Decision:
        """See `moderation.supervision.decide`."""
        return decide(state, command, now_ms, self._duty())

    def evolve(self, state: SupervisionState, event: Event) -> SupervisionState:
        """See `moderation.supervision.evolve`."""
        return evolve(state, event)

    def aftermath(self, state: SupervisionState, lost: tuple[Event, ...]) -> tuple[Event, ...]:
        """See `moderation.supervision.decide`."""
        return aftermath(state, lost)

    def next_deadline(self, state: SupervisionState, after_ms: int) -> int | None:
        """See `moderation.supervision.decide`."""
        return next_deadline(state, after_ms)

    def stored_form(self, event: Event, now_ms: int) -> NewEvent | None:
        """As the log keeps it."""
        if not is_durable(event):
            return None
        tag = str(type(event).__struct_config__.tag)
        return NewEvent(now_ms, tag, VERSIONS[tag], msgspec.msgpack.encode(event), retention_of(event).value)

    def passing_time(self) -> Command:
        """Something has waited for long enough, or is to be stored again."""
        return PassTime()

    def must_wait(self, command: Command, waiting: Sequence[Command]) -> bool:
        """What the room tells is always taken, and so is every flag."""
        return isinstance(command, Handling | Listen | SendWhisper | SpeakTo) and len(waiting) >= MAX_NOTES_IN_FLIGHT


class Stream(Log, Protocol):
    """Where a session's concerns are stored: `server.claiming`."""

    @property
    def epoch(self) -> int:
        """Of the claim; 0 when it is not claimed."""
        ...

    @property
    def busy(self) -> bool:
        """Whether it is being claimed now."""
        ...

    async def close(self) -> None:
        """Waits for a claim that is under way."""
        ...


class OnContact(Protocol):
    """Who takes it outside that a concern reached the program's contact."""

    def __call__(
        self, concern_id: ConcernId, step: Step, number: int, at_ms: Millis, severity: Severity, since_ms: Millis
    ) -> None:
        """Must not block or raise. `number`: for the how manieth time, from 1; `since_ms`: when the first of what
        nobody has acknowledged was raised."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """What a supervisor begins with. `told`: events of which the contact may hear again; `head`: of the stream."""

    state: SupervisionState
    told: tuple[Event, ...]
    head: int
    contacted: Contacted


def read_past(stored: Sequence[StoredEvent], meanwhile: Supervisor | None = None) -> Past:
    """As read from the log. `meanwhile` kept the concerns in memory: what it could not store holds on.

    Raises:
        UnknownEvent: of an event that this version cannot read.
    """
    events = [present_event(e.type, e.version, e.payload) for e in stored if e.payload is not None]
    state = evolve_all(EMPTY, events)
    if meanwhile is not None:
        state = _holding(state, meanwhile.past.state.unstored)
    head = max((each.seq for each in stored), default=0)
    return Past(state, (*events, *state.unstored), head, Contacted())


def _holding(state: SupervisionState, told: Iterable[Told]) -> SupervisionState:
    """With those of the events that it does not know of, held in memory."""
    for event in told:
        if adds(state, event):
            state = evolve(state, Held(event))
    return state


class Supervisor:
    """Owns one session's concerns."""

    def __init__(
        self,
        session_id: SessionId,
        past: Past,
        stream: Stream,
        clock: Clock,
        timers: Timers,
        *,
        duty: Callable[[], Duty],
        on_contact: OnContact,
        on_changed: Callable[[], None],
        on_failed: Callable[[], None],
        on_silent: Callable[[IdentityId, MonitoringEnd], None],
    ) -> None:
        """`stream` goes on where `past` ends.

        `duty` says who could be told now. `on_contact` hears of each time that a concern reaches the contact, and
        again of those that nobody had acknowledged when the stream was read. `on_changed` hears that therapists may
        see something else now, `on_failed` that a bug ended this writer, `on_silent` that somebody listens no more, in
        the moment in which that is decided.
        """
        state = past.state
        self._duty = duty
        self._on_contact = on_contact
        self._on_changed = on_changed
        self._on_failed = on_failed
        self._on_silent = on_silent
        self._stream = stream
        self._contacted = past.contacted
        self._flying: list[Told] = []
        self._crises = _crises(state)
        self._writer = StreamWriter(
            stream_of(session_id),
            SupervisionCore(duty),
            self,
            state,
            Claim(stream.epoch, past.head),
            stream,
            clock,
            timers,
            # A machine may start with a clock that is years off. Then help waits for no deadline of those years.
            steady=False,
        )
        for event in past.told:
            self._tell_contact(event, again=True)

    @property
    def past(self) -> Past:
        """Where another may go on, without this one's stream: with all that therapists were told, and nothing of what
        they did that is not known to be stored."""
        return Past(_holding(self._writer.committed, self._flying), (), 0, self._contacted)

    def begin(self) -> None:
        """Its clocks run from now on."""
        self.tell(PassTime())

    @property
    def room_seq(self) -> int:
        """The newest of the room's events that anything here is from."""
        return self._writer.pending.room_seq

    @property
    def idle(self) -> bool:
        """Whether all is stored, and nothing on its way."""
        return not (self._writer.busy or self._writer.pending.unstored or self._stream.busy)

    @property
    def epoch(self) -> int:
        """Of its claim; 0 when its stream is not claimed."""
        return self._stream.epoch

    @property
    def has_open(self) -> bool:
        """Whether a therapist still has something to do, as far as it is known: stored or not."""
        state = self._writer.pending
        return any(each.open for each in state.concerns.values()) or any(self.open) or state.to_review

    @property
    def done(self) -> bool:
        """Whether its session has ended with nothing left open, and all of that is stored."""
        return self.idle and self._writer.committed.ended and not self.has_open

    @property
    def crises(self) -> tuple[tuple[IdentityId | None, IdentityId | None], ...]:
        """Whose each open crisis is (None: nobody has acknowledged it), and whom it concerns."""
        return self._crises

    def is_stored(self, flag_id: FlagId) -> bool:
        """Whether that flag is on the disk."""
        state = self._writer.committed
        held = any(isinstance(each, FlagRaised) and each.flag_id == flag_id for each in state.unstored)
        return flag_id in state.flags and not held

    def tell(self, command: Command) -> None:
        """The room tells something. It is known at once, and stored when that is possible."""
        self._writer.submit(command)

    def raise_flag(self, flag: RaiseFlag) -> asyncio.Future[Decision]:
        """Therapists are told at once; the answer comes when it is stored."""
        return self._writer.submit(flag)

    def handle(self, command: Handle | Monitor) -> asyncio.Future[Decision]:
        """A therapist does something about a concern, listens or whispers; the answer comes when that is stored."""
        return self._writer.submit(command)

    def concerns_for(self, viewer: IdentityId, capacity: Office) -> tuple[ConcernView, ...]:
        """What that person sees."""
        return concerns_for(self._writer.pending, self._writer.committed, viewer, capacity, self._duty())

    def listening_view(self, viewer: IdentityId, capacity: Office, room: RoomFacts) -> ListeningView:
        """What that person may do besides."""
        return listening_view(self._writer.pending, self._writer.committed, viewer, capacity, room)

    @property
    def listening(self) -> Mapping[IdentityId, Listening]:
        """Who listens, stored, and has not been stopped since."""
        stored = self._writer.committed.listening
        return {who: each for who, each in stored.items() if who in self._writer.pending.listening}

    def is_concerned(self, person: IdentityId) -> bool:
        """Whether an open flag is about them."""
        return is_concerned(self._writer.pending, person)

    def unseen_by(self, person: IdentityId) -> tuple[WhisperView, ...]:
        """Whispers to that person that their page has not shown."""
        return unseen_by(self._writer.committed, person)

    def flags_of(self, raiser: IdentityId, role: Role) -> tuple[OwnFlag, ...]:
        """What that person is told of the flags that they raised."""
        return flags_of(self._writer.pending, self._writer.committed, raiser, role, self._duty())

    def in_unanswered_crisis(self, raiser: IdentityId) -> frozenset[IdentityId]:
        """Whom that person's flags of a crisis concern that nobody has acknowledged."""
        return in_unanswered_crisis(self._writer.pending, raiser)

    def unanswered_crisis(self, raiser: IdentityId) -> tuple[Millis, tuple[str, ...]] | None:
        """See `moderation.supervision.view`."""
        return unanswered_crisis(self._writer.pending, raiser, self._duty(), self._writer.now_ms())

    def shown_to(self, viewer: IdentityId, capacity: Office) -> tuple[Concern, ...]:
        """Those of its concerns that this person may see, the oldest first."""
        return tuple(visible_to(self._writer.pending, viewer, capacity))

    @property
    def open(self) -> tuple[Concern, ...]:
        """What a therapist still has to do something about, as far as it is stored."""
        return tuple(each for each in self._writer.committed.concerns.values() if each.open)

    def retire(self) -> None:
        """Takes no more: the stream will be loaded anew. Only when idle."""
        self._writer.retire()

    async def close(self) -> None:
        """Waits until everything decided has landed, and stops the clock."""
        await self._stream.close()
        await self._writer.close()

    # ── what follows from the stream's events (`server.stream.Owner`) ────────────────────────

    def decided(self, events: tuple[Event, ...]) -> None:
        """Told before it is stored."""
        self._flying += (each for each in events if is_told(each))
        self._crises = _crises(self._writer.pending)
        for event in events:
            self._tell_contact(event)
            if isinstance(event, MonitoringEnded):
                self._on_silent(event.by, event.why)
        if events:
            self._on_changed()

    def happened(self, event: Event, before: SupervisionState, after: SupervisionState) -> None:
        """See `settled`."""

    def settled(self, events: tuple[Event, ...]) -> None:
        """Stored, or held: what was taken note of is shown as such."""
        landed = [each.event if isinstance(each, Held) else each for each in events]
        self._flying = [each for each in self._flying if each not in landed]
        self._crises = _crises(self._writer.pending)
        if events:
            self._on_changed()

    def answered(self, events: tuple[Event, ...]) -> None:
        """Nothing follows later."""

    def failed(self) -> None:
        """The stream is loaded again from its log, and from its room's."""
        self._on_failed()

    def _tell_contact(self, event: Event, *, again: bool = False) -> None:
        reached = self._contacted.count(event)
        if reached is None:
            return
        concern_id, number, at_ms = reached
        concern = self._writer.pending.concerns[concern_id]
        if not again or concern.runs:
            since_ms = min((flag.at_ms for flag in concern.unread), default=concern.at_ms)
            self._on_contact(concern_id, Step.CONTACT, number, at_ms, concern.pressing, since_ms)


class Contacted:
    """How often each concern has reached the contact. The number is the same after a restart, however it was stored:
    who is told twice can know by it.
    """

    def __init__(self) -> None:
        self._at: dict[ConcernId, list[Millis]] = {}
        self._pressing: dict[ConcernId, Severity] = {}

    def count(self, event: Event) -> tuple[ConcernId, int, Millis] | None:
        """Which concern has reached it for the how manieth time, and when; None: it has not, or that is known."""
        match event:
            case ConcernEscalated(step=Step.CONTACT) | ConcernRaised(step=Step.CONTACT):
                pass
            case FlagRaised(step=Step.CONTACT, severity=Severity.URGENT | Severity.CRISIS) if self._is_news(event):
                pass
            case _:
                return None
        known = self._at.setdefault(event.concern_id, [])
        if event.at_ms in known:
            return None
        known.append(event.at_ms)
        return event.concern_id, len(known), event.at_ms

    def _is_news(self, flag: FlagRaised) -> bool:
        """Whether it presses more than what the contact was told of just now, or that was a while ago.

        Someone may press a hundred times: each of these is with the therapists, and no news to the contact.
        """
        before = self._pressing.get(flag.concern_id, Severity.NOTE)
        self._pressing[flag.concern_id] = highest(before, flag.severity)
        last = max(self._at.get(flag.concern_id, ()), default=None)
        return last is None or flag.at_ms - last >= QUIET_MS or highest(before, flag.severity) is not before


def _crises(state: SupervisionState) -> tuple[tuple[IdentityId | None, IdentityId | None], ...]:
    return tuple(
        (each.holder and each.holder.identity_id, each.person)
        for each in state.concerns.values()
        if each.open and each.severity is Severity.CRISIS
    )
