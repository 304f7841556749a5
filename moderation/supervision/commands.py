"""What reaches a supervision stream: what its room tells, and what therapists do.

What the room tells carries the room's seq that it is from. Durable facts come in the room's order, and may come again
after a crash; what is seen of the room as it is now may be said any number of times.
"""

from __future__ import annotations

from msgspec import Struct

from moderation.permissions import Office
from protocol.ids import ConcernId, IdentityId


class Someone(Struct, frozen=True):
    """A person, and what they were called in the room at that time."""

    identity_id: IdentityId
    name: str


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


class TakeNote(Struct, frozen=True):
    """A therapist has taken note of a concern, in that capacity."""

    by: IdentityId
    capacity: Office
    concern_id: ConcernId


class StoreAgain(Struct, frozen=True):
    """What could not be stored may be tried again."""


Fact = CoverAsked | CoverOver | LobbyUnattended | PersonRemoved | GroupReturned | SessionLed | SessionOver
Command = Fact | SeeRoom | TakeNote | StoreAgain
