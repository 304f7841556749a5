"""What happened in a supervision stream.

An event names people by their identity. What they were called is in it, too: a concern is shown with the names of the
time at which it was raised.
"""

from __future__ import annotations

from typing import TypeGuard, get_args

from msgspec import Struct

from moderation.decision import Accepted, Rejection
from protocol.ids import ConcernId, IdentityId
from protocol.values import ConcernKind, Millis, Severity


class SupervisionEvent(Struct, frozen=True, tag_field="type"):
    """Base of all events; the tag is the `type` under which a durable event is stored."""


class ConcernRaised(SupervisionEvent, frozen=True, tag="concern_raised"):
    """Something that therapists have to know of. `person` is whom it concerns; None when it is the session.

    `room_seq`: the room's event that told of it, or the newest one before that.
    """

    at_ms: Millis
    room_seq: int
    concern_id: ConcernId
    kind: ConcernKind
    severity: Severity
    person: IdentityId | None = None
    person_name: str = ""
    by: IdentityId | None = None
    by_name: str = ""


class ConcernPassed(SupervisionEvent, frozen=True, tag="concern_passed"):
    """It is over by itself."""

    at_ms: Millis
    room_seq: int
    concern_id: ConcernId


class ConcernAcknowledged(SupervisionEvent, frozen=True, tag="concern_acknowledged"):
    """A therapist has taken note."""

    at_ms: Millis
    concern_id: ConcernId
    by: IdentityId


class Held(SupervisionEvent, frozen=True, tag="held"):
    """Ephemeral: what could not be stored holds in memory, and is tried again."""

    event: ConcernRaised | ConcernPassed


DurableEvent = ConcernRaised | ConcernPassed | ConcernAcknowledged
Event = DurableEvent | Held

Decision = Accepted[Event] | Rejection
"""What becomes of a command."""

DURABLE_EVENTS: tuple[type[SupervisionEvent], ...] = get_args(DurableEvent)


def is_durable(event: Event) -> TypeGuard[DurableEvent]:
    """Whether an event goes into the log."""
    return isinstance(event, DURABLE_EVENTS)
