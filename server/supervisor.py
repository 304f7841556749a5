"""The only writer of one session's supervision stream.

Therapists are told of a concern in the moment in which it is decided, before it is stored: help must not wait for a
disk. That one of them has taken note is shown once it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from moderation.permissions import Office
from moderation.supervision.commands import Command, Handle, Handling, PassTime, RaiseFlag
from moderation.supervision.decide import aftermath, decide, next_deadline
from moderation.supervision.escalation import Duty
from moderation.supervision.events import Decision, Event, is_durable
from moderation.supervision.evolve import evolve, evolve_all
from moderation.supervision.retention import retention_of
from moderation.supervision.state import EMPTY, Concern, SupervisionState
from moderation.supervision.upcasting import VERSIONS, present_event
from moderation.supervision.view import OwnFlag, concerns_for, flags_of, in_unanswered_crisis
from protocol.ids import IdentityId, SessionId
from protocol.supervision import ConcernView
from protocol.values import Role
from server.clock import Clock
from server.storage.log import Claim, NewEvent, StoredEvent
from server.stream import Log, StreamWriter, Timers

SUPERVISION: Final = "supervision"
"""Kind of these streams."""

MAX_NOTES_IN_FLIGHT: Final = 100


def stream_of(session_id: SessionId) -> str:
    """Id of a session's supervision stream; the room's is the session's own id."""
    return f"{session_id}/supervision"


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

    def next_deadline(self, state: SupervisionState) -> int | None:
        """See `moderation.supervision.decide`."""
        return next_deadline(state)

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
        return isinstance(command, Handling) and len(waiting) >= MAX_NOTES_IN_FLIGHT


class Supervisor:
    """Owns one session's concerns."""

    def __init__(
        self,
        session_id: SessionId,
        state: SupervisionState,
        claim: Claim,
        log: Log,
        clock: Clock,
        timers: Timers,
        *,
        duty: Callable[[], Duty],
        on_changed: Callable[[], None],
        on_failed: Callable[[], None],
    ) -> None:
        """`state` and `claim` are as read from the log.

        `duty` says who could be told now. `on_changed` hears that therapists may see something else now, `on_failed`
        that a bug ended this writer.
        """
        self._duty = duty
        self._on_changed = on_changed
        self._on_failed = on_failed
        self._writer = StreamWriter(
            stream_of(session_id), SupervisionCore(duty), self, state, claim, log, clock, timers
        )

    @property
    def room_seq(self) -> int:
        """The newest of the room's events that anything here is from."""
        return self._writer.pending.room_seq

    @property
    def idle(self) -> bool:
        """Whether all is stored, and nothing on its way."""
        return not (self._writer.busy or self._writer.pending.unstored)

    def tell(self, command: Command) -> None:
        """The room tells something. It is known at once, and stored when that is possible."""
        self._writer.submit(command)

    def raise_flag(self, flag: RaiseFlag) -> asyncio.Future[Decision]:
        """Therapists are told at once; the answer comes when it is stored."""
        return self._writer.submit(flag)

    def handle(self, command: Handle) -> asyncio.Future[Decision]:
        """A therapist does something about a concern; the answer comes when that is stored."""
        return self._writer.submit(command)

    def concerns_for(self, viewer: IdentityId, capacity: Office) -> tuple[ConcernView, ...]:
        """What that person sees."""
        return concerns_for(self._writer.pending, self._writer.committed, viewer, capacity, self._duty())

    def flags_of(self, raiser: IdentityId, role: Role) -> tuple[OwnFlag, ...]:
        """What that person is told of the flags that they raised."""
        return flags_of(self._writer.pending, self._writer.committed, raiser, role)

    def in_unanswered_crisis(self, raiser: IdentityId) -> frozenset[IdentityId]:
        """Whom that person's flags of a crisis concern that nobody has acknowledged."""
        return in_unanswered_crisis(self._writer.pending, raiser)

    @property
    def open(self) -> tuple[Concern, ...]:
        """What a therapist still has to do something about, as far as it is stored."""
        return tuple(each for each in self._writer.committed.concerns.values() if each.open)

    def retire(self) -> None:
        """Takes no more: the stream will be loaded anew. Only when idle."""
        self._writer.retire()

    async def close(self) -> None:
        """Waits until everything decided has landed, and stops the clock."""
        await self._writer.close()

    # ── what follows from the stream's events (`server.stream.Owner`) ────────────────────────

    def decided(self, events: tuple[Event, ...]) -> None:
        """Told before it is stored. The writer's state follows within this very call."""
        if events:
            self._on_changed()

    def happened(self, event: Event, before: SupervisionState, after: SupervisionState) -> None:
        """See `settled`."""

    def settled(self, events: tuple[Event, ...]) -> None:
        """Stored: what was taken note of is shown as such."""
        if events:
            self._on_changed()

    def answered(self, events: tuple[Event, ...]) -> None:
        """Nothing follows later."""

    def failed(self) -> None:
        """The stream is loaded again from its log, and from its room's."""
        self._on_failed()
