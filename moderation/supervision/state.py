"""A supervision stream's state: a frozen value, rebuilt from its log by `evolve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from moderation.permissions import Office
from moderation.supervision.escalation import NEVER, Someone, Whom, highest
from moderation.supervision.events import FlagRaised, Told
from protocol.ids import ConcernId, FlagId, GlassId, IdentityId, ParticipantId, WhisperId
from protocol.supervision import Category, ConcernKind, Resolution, Severity, Step
from protocol.values import Millis


class Flag(Struct, frozen=True):
    """One of a concern's flags."""

    raised: FlagRaised
    acknowledged: bool = False


class Concern(Struct, frozen=True):
    """Something that therapists have to know of: the flags on one person, or what the server noticed.

    Attributes:
        severity: the highest of all its flags.
        at_ms: when it began.
        room_seq: the room's event that it is from; 0 of flags.
        over: it has passed by itself.
        acknowledged: a therapist has taken note of all of it.
        holder: who did last, or took it over since; `held_ms`: when.
        step, due_ms: whom it has reached, and when it goes on.
    """

    id: ConcernId
    kind: ConcernKind
    severity: Severity
    at_ms: Millis
    room_seq: int = 0
    person: IdentityId | None = None
    participant_id: ParticipantId | None = None
    person_name: str = ""
    by: IdentityId | None = None
    by_name: str = ""
    conflicted: bool = False
    flags: tuple[Flag, ...] = ()
    over: bool = False
    acknowledged: bool = False
    holder: Someone | None = None
    held_ms: Millis = 0
    step: Step = Step.RESPONDER
    due_ms: Millis = NEVER
    resolution: Resolution | None = None
    resolved_ms: Millis = 0

    def like(self, other: Concern) -> bool:
        """Whether both tell of the same thing that the server noticed, at different times."""
        return not self.flags and (self.kind, self.person) == (other.kind, other.person)

    @property
    def whom(self) -> Whom:
        """What decides whom it reaches."""
        return Whom(self.person, self.conflicted)

    @property
    def open(self) -> bool:
        """Whether a therapist still has to do something about it."""
        return not self.acknowledged or (bool(self.flags) and self.resolution is None)

    @property
    def runs(self) -> bool:
        """Whether its clock runs, or would if its session ended."""
        return not self.acknowledged and not self.over

    @property
    def unread(self) -> tuple[FlagRaised, ...]:
        """Its flags that nobody has acknowledged."""
        return tuple(flag.raised for flag in self.flags if not flag.acknowledged)

    @property
    def pressing(self) -> Severity:
        """How much what nobody has acknowledged presses."""
        return highest(*(flag.severity for flag in self.unread)) if self.unread else self.severity


class Listening(Struct, frozen=True):
    """Somebody listens; `until_ms` and `glass_id`: without a flag."""

    since_ms: Millis
    capacity: Office
    until_ms: Millis = 0
    glass_id: GlassId | None = None


class Glass(Struct, frozen=True):
    """One time that somebody listened without a flag. `until_ms`: when it was over, 0 while it lasts."""

    id: GlassId
    by: Someone
    reason: str
    since_ms: Millis
    due_ms: Millis
    until_ms: Millis = 0
    reviewed: bool = False


class Whisper(Struct, frozen=True):
    """Something that a therapist told a mentor."""

    id: WhisperId
    by: Someone
    to: Someone
    text: str
    at_ms: Millis
    seen: bool = False


class SupervisionState(Struct, frozen=True):
    """All that the stream knows.

    Attributes:
        concerns: all of the session, the oldest first.
        flags: which concern each flag belongs to.
        room_seq: the newest of the room's events that anything here is from.
        ended: the session has ended.
        unstored: what holds in memory only, in order.
        listening: who listens now.
        glass: all times that somebody listened without a flag.
        whispers: all of them, the oldest first.
    """

    concerns: Mapping[ConcernId, Concern] = MappingProxyType({})
    flags: Mapping[FlagId, ConcernId] = MappingProxyType({})
    room_seq: int = 0
    ended: bool = False
    unstored: tuple[Told, ...] = ()
    listening: Mapping[IdentityId, Listening] = MappingProxyType({})
    glass: Mapping[GlassId, Glass] = MappingProxyType({})
    whispers: tuple[Whisper, ...] = ()

    @property
    def to_review(self) -> bool:
        """Whether somebody still has to look at why another listened without a flag."""
        return any(not each.reviewed for each in self.glass.values())

    def lasting(self, *kinds: ConcernKind) -> Iterator[Concern]:
        """Those of these kinds that have not passed."""
        return (each for each in self.concerns.values() if not each.over and each.kind in kinds)

    def joined_by(self, person: IdentityId | None, category: Category) -> Concern | None:
        """The concern that a flag on that person belongs to. Flags on the session as such join by category."""
        for concern in self.concerns.values():
            if not concern.flags or concern.resolution is not None or concern.person != person:
                continue
            if person is not None or concern.flags[0].raised.category is category:
                return concern
        return None


EMPTY = SupervisionState()
