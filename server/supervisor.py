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
from moderation.supervision.commands import Command, StoreAgain, TakeNote
from moderation.supervision.decide import aftermath, decide, next_deadline
from moderation.supervision.events import Decision, Event, is_durable
from moderation.supervision.evolve import evolve, evolve_all
from moderation.supervision.retention import retention_of
from moderation.supervision.state import EMPTY, SupervisionState
from moderation.supervision.upcasting import VERSIONS, present_event
from moderation.supervision.view import concerns_for
from protocol.ids import ConcernId, IdentityId, SessionId
from protocol.values import ConcernView
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
    """`moderation.supervision`, as a stream writer uses it."""

    def decide(self, state: SupervisionState, command: Command, now_ms: int) -> Decision:
        """See `moderation.supervision.decide`."""
        return decide(state, command, now_ms)

    def evolve(self, state: SupervisionState, event: Event) -> SupervisionState:
        """See `moderation.supervision.evolve`."""
        return evolve(state, event)

    def aftermath(self, state: SupervisionState, lost: tuple[Event, ...]) -> tuple[Event, ...]:
        """See `moderation.supervision.decide`."""
        return aftermath(state, lost)

    def next_deadline(self, state: SupervisionState, after_ms: int) -> int | None:
        """See `moderation.supervision.decide`."""
        due = next_deadline(state)
        return due if due is not None and due > after_ms else None

    def stored_form(self, event: Event, now_ms: int) -> NewEvent | None:
        """As the log keeps it."""
        if not is_durable(event):
            return None
        tag = str(type(event).__struct_config__.tag)
        return NewEvent(now_ms, tag, VERSIONS[tag], msgspec.msgpack.encode(event), retention_of(event).value)

    def passing_time(self) -> Command:
        """What could not be stored is tried again."""
        return StoreAgain()

    def must_wait(self, command: Command, waiting: Sequence[Command]) -> bool:
        """What the room tells is always taken."""
        return isinstance(command, TakeNote) and len(waiting) >= MAX_NOTES_IN_FLIGHT


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
        on_changed: Callable[[], None],
        on_failed: Callable[[], None],
    ) -> None:
        """`state` and `claim` are as read from the log.

        `on_changed` hears that therapists may see something else now, `on_failed` that a bug ended this writer.
        """
        self._on_changed = on_changed
        self._on_failed = on_failed
        self._writer = StreamWriter(stream_of(session_id), SupervisionCore(), self, state, claim, log, clock, timers)

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

    def acknowledge(self, by: IdentityId, capacity: Office, concern_id: ConcernId) -> asyncio.Future[Decision]:
        """A therapist has taken note; the answer comes when that is stored."""
        return self._writer.submit(TakeNote(by, capacity, concern_id))

    def concerns_for(self, viewer: IdentityId, capacity: Office) -> tuple[ConcernView, ...]:
        """What that therapist sees."""
        return concerns_for(self._writer.pending, self._writer.committed, viewer, capacity)

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
