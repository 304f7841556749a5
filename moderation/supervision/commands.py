"""What reaches a supervision stream: what its room tells, what people flag, and what therapists do.

What the room tells carries the room's seq that it is from. Durable facts come in the room's order, and may come again
after a crash; what is seen of the room as it is now may be said any number of times.
"""

from __future__ import annotations

from msgspec import Struct

from moderation.permissions import Office
from moderation.supervision.escalation import Someone
from protocol.ids import ConcernId, FlagId, GlassId, IdentityId, ParticipantId, WhisperId
from protocol.monitoring import Finding, MonitoringEnd
from protocol.supervision import Category, FlagKind, MomentLine, Resolution, Severity
from protocol.values import Role


class RoomFact(Struct, frozen=True):
    """Base of what the room's log tells. `room_seq` is the event's own."""

    room_seq: int


class CoverAsked(RoomFact, frozen=True):
    """Someone who leads asked for another to take over."""

    who: Someone


class CoverOver(RoomFact, frozen=True):
    """They can lead again, or are no longer there."""

    identity_id: IdentityId


class LobbyUnattended(RoomFact, frozen=True):
    """People have waited for long, and nobody came to lead."""


class PersonRemoved(RoomFact, frozen=True):
    """A mentor removed a participant from the session."""

    who: Someone
    by: Someone


class GroupReturned(RoomFact, frozen=True):
    """Nobody took over, and people who were in the room wait in its lobby."""


class SessionLed(RoomFact, frozen=True):
    """The session began, again or for the first time: someone leads it."""


class SessionOver(RoomFact, frozen=True):
    """The session ended."""


class SeeRoom(Struct, frozen=True):
    """How the room is now. `room_seq` is the newest of its stored events.

    Attributes:
        paused: people are in the room, and nobody leads.
        led: the session is live, and someone leads.
        late: people have waited in the lobby for long, and nobody leads.
        unanswered: someone leads, and no therapist answers for it.
    """

    room_seq: int
    paused: bool
    led: bool
    late: bool
    unanswered: bool = False


class LoseRoom(Struct, frozen=True):
    """The room's log cannot be read: nobody will say when the session ends."""


class About(Struct, frozen=True):
    """Whom a flag concerns, and in what role they are here. A therapist never hears of flags about themselves."""

    identity_id: IdentityId
    participant_id: ParticipantId
    name: str
    role: Role


class RaiseFlag(Struct, frozen=True):
    """Somebody raises a flag. `role`: theirs in the session; `about`: None when it is the session."""

    flag_id: FlagId
    kind: FlagKind
    severity: Severity
    category: Category
    by: Someone
    role: Role
    about: About | None = None
    text: str = ""
    moment: tuple[MomentLine, ...] = ()


class Handling(Struct, frozen=True):
    """Base of what a therapist does about a concern, in that capacity."""

    by: Someone
    capacity: Office
    concern_id: ConcernId


class TakeNote(Handling, frozen=True):
    """They have taken note of it, and of the first `flags` of its flags."""

    flags: int = 0


class TakeConcernOver(Handling, frozen=True):
    """It is theirs from now on."""


class ResolveConcern(Handling, frozen=True, kw_only=True):
    """It ended so, with the first `flags` of its flags."""

    resolution: Resolution
    flags: int


class Mentor(Struct, frozen=True):
    """Somebody who leads a room now. `headphones`: they said that nobody else would hear a whisper."""

    identity_id: IdentityId
    participant_id: ParticipantId
    name: str
    headphones: bool = False


class RoomFacts(Struct, frozen=True):
    """What is seen of a session's room from outside.

    Attributes:
        live: somebody is in it, and it is open here.
        consented: everyone present has accepted the notice as it is now.
    """

    live: bool = False
    consented: bool = False
    mentors: tuple[Mentor, ...] = ()


class Listen(Struct, frozen=True, kw_only=True):
    """A therapist wants to listen to the session; with a `reason`, without a flag that gives the right."""

    by: Someone
    capacity: Office
    room: RoomFacts
    reason: str = ""
    glass_id: GlassId = GlassId("")


class StopListening(Struct, frozen=True):
    """They listen no more."""

    by: IdentityId
    why: MonitoringEnd


class StepIn(Struct, frozen=True):
    """They are about to come in, visibly."""

    by: Someone
    capacity: Office


class SendWhisper(Struct, frozen=True):
    """Something for one mentor alone; None: nobody of that id leads."""

    by: Someone
    capacity: Office
    whisper_id: WhisperId
    to: Someone | None
    text: str


class SpeakTo(Struct, frozen=True):
    """They are about to speak to one mentor alone."""

    by: Someone
    capacity: Office
    to: Someone | None


class SeeWhisper(Struct, frozen=True):
    """A mentor's page has shown it."""

    by: IdentityId
    whisper_id: WhisperId


class ReviewGlass(Struct, frozen=True):
    """Somebody has looked at why another listened without a flag."""

    by: Someone
    capacity: Office
    glass_id: GlassId
    finding: Finding
    note: str = ""


class PassTime(Struct, frozen=True):
    """A concern may have waited for long enough, and what could not be stored may be tried again."""


Fact = CoverAsked | CoverOver | LobbyUnattended | PersonRemoved | GroupReturned | SessionLed | SessionOver
Handle = TakeNote | TakeConcernOver | ResolveConcern
Monitor = Listen | StopListening | StepIn | SendWhisper | SpeakTo | SeeWhisper | ReviewGlass
Command = Fact | SeeRoom | LoseRoom | RaiseFlag | Handle | Monitor | PassTime
