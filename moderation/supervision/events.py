"""What happened in a supervision stream.

An event names people by their identity. What they were called is in it, too: a concern is shown with the names of the
time at which it was raised.
"""

from __future__ import annotations

from typing import TypeGuard, get_args

from msgspec import Struct

from moderation.decision import Accepted, Rejection
from moderation.permissions import Office
from protocol.ids import ConcernId, FlagId, GlassId, IdentityId, ParticipantId, WhisperId
from protocol.monitoring import Finding, MonitoringEnd
from protocol.supervision import Category, ConcernKind, FlagKind, MomentLine, Resolution, Severity, Step
from protocol.values import Millis, Role


class SupervisionEvent(Struct, frozen=True, tag_field="type"):
    """Base of all events; the tag is the `type` under which a durable event is stored."""


class ConcernRaised(SupervisionEvent, frozen=True, tag="concern_raised"):
    """Something that the server noticed. `person` is whom it concerns; None when it is the session.

    `room_seq`: the room's event that told of it, or the newest one before that. `step`: whom it reaches at once;
    `due_ms`: when it goes on.
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
    step: Step = Step.RESPONDER
    due_ms: Millis = 0


class FlagRaised(SupervisionEvent, frozen=True, tag="flag_raised"):
    """Somebody raised a flag: a concern of its own, or one more of that concern.

    `conflicted`: it is about a therapist. `step`, `due_ms`: of the whole concern from now on.
    """

    at_ms: Millis
    flag_id: FlagId
    concern_id: ConcernId
    kind: FlagKind
    severity: Severity
    category: Category
    by: IdentityId
    by_name: str
    by_role: Role
    person: IdentityId | None = None
    participant_id: ParticipantId | None = None
    person_name: str = ""
    conflicted: bool = False
    text: str = ""
    moment: tuple[MomentLine, ...] = ()
    step: Step = Step.RESPONDER
    due_ms: Millis = 0


class ConcernEscalated(SupervisionEvent, frozen=True, tag="concern_escalated"):
    """Nobody had acknowledged it in time: it reaches `step` as well, or the contact again; next at `due_ms`."""

    at_ms: Millis
    concern_id: ConcernId
    step: Step
    due_ms: Millis


class ConcernPassed(SupervisionEvent, frozen=True, tag="concern_passed"):
    """It is over by itself."""

    at_ms: Millis
    room_seq: int
    concern_id: ConcernId


class SessionOver(SupervisionEvent, frozen=True, tag="session_over"):
    """The session ended: what was to wait for that waits no longer."""

    at_ms: Millis
    room_seq: int


class ConcernAcknowledged(SupervisionEvent, frozen=True, tag="concern_acknowledged"):
    """A therapist has taken note of it, and of the first `flags` of its flags. It is theirs now."""

    at_ms: Millis
    concern_id: ConcernId
    by: IdentityId
    by_name: str = ""
    flags: int = 0


class ConcernTaken(SupervisionEvent, frozen=True, tag="concern_taken"):
    """Another therapist has taken it over."""

    at_ms: Millis
    concern_id: ConcernId
    by: IdentityId
    by_name: str


class ConcernResolved(SupervisionEvent, frozen=True, tag="concern_resolved"):
    """It has ended so."""

    at_ms: Millis
    concern_id: ConcernId
    by: IdentityId
    by_name: str
    resolution: Resolution


class MonitoringBegan(SupervisionEvent, frozen=True, tag="monitoring_began"):
    """A therapist listens from now on, in that capacity; with `glass_id` without a flag, for a `reason`, until
    `until_ms`, and to be reviewed by `due_ms`."""

    at_ms: Millis
    by: IdentityId
    by_name: str
    capacity: Office
    until_ms: Millis = 0
    glass_id: GlassId | None = None
    reason: str = ""
    due_ms: Millis = 0


class MonitoringEnded(SupervisionEvent, frozen=True, tag="monitoring_ended"):
    """They listen no more."""

    at_ms: Millis
    by: IdentityId
    why: MonitoringEnd


class SteppedIn(SupervisionEvent, frozen=True, tag="stepped_in"):
    """A therapist asked to come in, visibly."""

    at_ms: Millis
    by: IdentityId
    by_name: str


class WhisperSent(SupervisionEvent, frozen=True, tag="whisper_sent"):
    """Something for one mentor alone."""

    at_ms: Millis
    whisper_id: WhisperId
    by: IdentityId
    by_name: str
    person: IdentityId
    person_name: str
    text: str


class WhisperSpoken(SupervisionEvent, frozen=True, tag="whisper_spoken"):
    """A therapist spoke to one mentor alone. What was said is nowhere."""

    at_ms: Millis
    by: IdentityId
    by_name: str
    person: IdentityId
    person_name: str


class WhisperSeen(SupervisionEvent, frozen=True, tag="whisper_seen"):
    """Their page has shown it."""

    at_ms: Millis
    whisper_id: WhisperId


class GlassReviewed(SupervisionEvent, frozen=True, tag="glass_reviewed"):
    """Another person has looked at it."""

    at_ms: Millis
    glass_id: GlassId
    by: IdentityId
    by_name: str
    finding: Finding
    note: str = ""


Told = ConcernRaised | FlagRaised | ConcernEscalated | ConcernPassed | SessionOver | MonitoringEnded
"""What holds even while it cannot be stored."""


class Held(SupervisionEvent, frozen=True, tag="held"):
    """Ephemeral: what could not be stored holds in memory, and is tried again."""

    event: Told


DurableEvent = (
    Told
    | ConcernAcknowledged
    | ConcernTaken
    | ConcernResolved
    | MonitoringBegan
    | SteppedIn
    | WhisperSent
    | WhisperSpoken
    | WhisperSeen
    | GlassReviewed
)
Event = DurableEvent | Held

Decision = Accepted[Event] | Rejection
"""What becomes of a command."""

TOLD: tuple[type[SupervisionEvent], ...] = get_args(Told)
DURABLE_EVENTS: tuple[type[SupervisionEvent], ...] = get_args(DurableEvent)


def is_durable(event: Event) -> TypeGuard[DurableEvent]:
    """Whether an event goes into the log."""
    return isinstance(event, DURABLE_EVENTS)


def is_told(event: Event) -> TypeGuard[Told]:
    """Whether an event holds even while it cannot be stored."""
    return isinstance(event, TOLD)
