"""What a room tells its supervision: of each of its events the few that therapists have to know of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from moderation.supervision.commands import (
    CoverAsked,
    CoverOver,
    Fact,
    GroupReturned,
    LobbyUnattended,
    PersonRemoved,
    SeeRoom,
    SessionLed,
    SessionOver,
)
from moderation.supervision.escalation import Someone
from protocol.ids import ParticipantId
from protocol.values import SessionStatus
from rooms import events as room
from rooms.life import is_unanswered, lacks_leader
from rooms.state import Participant, RoomState

People = Mapping[ParticipantId, Participant]

TELLING: Final = (
    room.CoverAsked,
    room.CoverWithdrawn,
    room.ParticipantEntered,
    room.ParticipantDeparted,
    room.ParticipantRemoved,
    room.LeaderMissed,
    room.SessionBegan,
    room.SessionReturned,
    room.SessionClosed,
)
"""The events that say anything here. All others are nobody's business but the room's."""


def fact_of(event: room.Event, room_seq: int, people: People) -> Fact | None:
    """What an event tells. `people`: of the room at that time or later; whoever was there once stays among them."""
    match event:
        case room.CoverAsked(participant_id=who):
            return CoverAsked(room_seq, _someone(people, who))
        case (
            room.CoverWithdrawn(participant_id=who)
            | room.ParticipantEntered(participant_id=who)
            | room.ParticipantDeparted(participant_id=who)
        ):
            # Another page of someone who asked for cover still needs it.
            over = people[who].is_staff and not people[who].needs_cover
            return CoverOver(room_seq, people[who].identity_id) if over else None
        case room.ParticipantRemoved(participant_id=who, by=by):
            return PersonRemoved(room_seq, _someone(people, who), _someone(people, by))
        case room.LeaderMissed():
            # Where someone leads, a therapist is missing, as `sight_of` says.
            return None if any(person.leads for person in people.values()) else LobbyUnattended(room_seq)
        case room.SessionReturned(moved=moved):
            # A mentor who goes last leaves nobody alone.
            return GroupReturned(room_seq) if moved else None
        case room.SessionBegan():
            return SessionLed(room_seq)
        case room.SessionClosed():
            return SessionOver(room_seq)
        case _:
            return None


def sight_of(state: RoomState, room_seq: int) -> SeeRoom:
    """How the room is, as far as it bears on supervision."""
    paused = state.paused_until_ms is not None and any(not person.is_staff for person in state.inside())
    led = state.status is SessionStatus.LIVE and state.paused_until_ms is None and any(state.leaders())
    return SeeRoom(room_seq, paused, led, state.late and lacks_leader(state), is_unanswered(state))


def _someone(people: People, who: ParticipantId) -> Someone:
    return Someone(people[who].identity_id, people[who].name)
