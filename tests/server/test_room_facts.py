"""Which of a room's events tell therapists something, and what."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

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
    Someone,
)
from protocol.ids import IdentityId, MessageId, ParticipantId
from protocol.values import LeaveReason, Role, SessionStatus
from rooms import events as room
from rooms.state import Participant, RoomState
from server.room_facts import TELLING, fact_of, sight_of

ELLIE, DANA = ParticipantId("ellie"), ParticipantId("dana")
PEOPLE = {
    ELLIE: Participant(ELLIE, IdentityId("i-ellie"), "Ellie", Role.PARTICIPANT, 0),
    DANA: Participant(DANA, IdentityId("i-dana"), "Dana", Role.MENTOR, 1),
}


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (room.CoverAsked(1, DANA), CoverAsked(7, Someone(IdentityId("i-dana"), "Dana"))),
        (room.CoverWithdrawn(1, DANA), CoverOver(7, IdentityId("i-dana"))),
        (room.ParticipantDeparted(1, DANA, LeaveReason.LEFT), CoverOver(7, IdentityId("i-dana"))),
        (
            room.ParticipantRemoved(1, ELLIE, DANA),
            PersonRemoved(7, Someone(IdentityId("i-ellie"), "Ellie"), Someone(IdentityId("i-dana"), "Dana")),
        ),
        (room.SessionReturned(1, (ELLIE,)), GroupReturned(7)),
        (room.SessionReturned(1, ()), None),
        (room.SessionBegan(1), SessionLed(7)),
        (room.SessionClosed(1, DANA), SessionOver(7)),
        (room.ChatWritten(1, MessageId("m"), ELLIE, "hello"), None),
    ],
)
def test_an_event_tells_this(event: room.DurableEvent, fact: Fact | None) -> None:
    assert fact_of(event, 7, PEOPLE) == fact
    assert isinstance(event, TELLING) or fact is None


def test_a_lobby_that_waits_for_long_lacks_who_leads_or_who_answers() -> None:
    nobody_leads = {who: person for who, person in PEOPLE.items() if who == ELLIE}
    assert fact_of(room.LeaderMissed(1), 7, nobody_leads) == LobbyUnattended(7)
    assert fact_of(room.LeaderMissed(1), 7, PEOPLE) is None


def test_another_page_of_who_needs_cover_ends_nothing() -> None:
    needs = {**PEOPLE, DANA: replace(PEOPLE[DANA], needs_cover=True)}
    came = room.ParticipantEntered(1, DANA, IdentityId("i-dana"), "Dana", Role.MENTOR, waiting=False, expected=True)
    assert fact_of(came, 7, needs) is None
    assert fact_of(came, 7, PEOPLE) == CoverOver(7, IdentityId("i-dana"))


def state(*, present: ParticipantId, paused: bool = False, status: SessionStatus = SessionStatus.LIVE) -> RoomState:
    people = {
        who: Participant(p.id, p.identity_id, p.name, p.role, p.place, who == present) for who, p in PEOPLE.items()
    }
    return RoomState(
        status=status, people=people, responder=IdentityId("i-ruth"), paused_until_ms=9 if paused else None
    )


@pytest.mark.parametrize(
    ("now", "sight"),
    [
        (state(present=ELLIE, paused=True), SeeRoom(7, True, False, False)),
        (state(present=DANA), SeeRoom(7, False, True, False)),
        (state(present=DANA, status=SessionStatus.LOBBY), SeeRoom(7, False, False, False)),
        # Between a broken connection and the pause.
        (state(present=ELLIE), SeeRoom(7, False, False, False)),
        # A mentor who goes last leaves nobody alone.
        (state(present=ParticipantId("nobody"), paused=True), SeeRoom(7, False, False, False)),
    ],
)
def test_a_room_is_seen_like_this(now: RoomState, sight: SeeRoom) -> None:
    assert sight_of(now, 7) == sight


def test_a_room_that_nobody_answers_for_is_seen_so() -> None:
    live = replace(state(present=DANA), responder=None)
    waits = replace(live, status=SessionStatus.LOBBY)
    assert sight_of(live, 7) == SeeRoom(7, False, True, False, unanswered=True)
    assert sight_of(replace(live, responder=IdentityId("i-dana")), 7).unanswered, "who leads does not answer as well"
    assert not sight_of(waits, 7).unanswered
    assert sight_of(replace(waits, late=True), 7) == SeeRoom(7, False, False, False, unanswered=True)
