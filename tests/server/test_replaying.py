from __future__ import annotations

import pytest

from protocol.ids import MessageId, ParticipantId, SessionId
from protocol.values import Role
from rooms.view import Viewer, snapshot
from server.keeper import stored_form
from server.replaying import Question, ReplayRefused, seen_in
from server.storage.log import StoredEvent
from tests.rooms.harness import SESSION, RoomHarness

ANA, BEN, MIA = ParticipantId("ana"), ParticipantId("ben"), ParticipantId("mia")


class Past:
    """A room whose every event is one second after the one before."""

    def __init__(self) -> None:
        self.room = RoomHarness(hosted=False)
        self.room.host("mia")
        self.stored: list[StoredEvent] = []

    def keep(self) -> int:
        """Stores what happened so far; the time of the newest event."""
        events = self.room.events()
        for seq in range(len(self.stored) + 1, len(events) + 1):
            new = stored_form(events[seq - 1], seq * 1_000)
            self.stored.append(StoredEvent(seq, new.at_ms, new.type, new.version, new.payload))
        return len(events) * 1_000

    def purge(self, *types: str) -> None:
        self.stored = [
            StoredEvent(e.seq, e.at_ms, e.type, e.version, None if e.type in types else e.payload) for e in self.stored
        ]


@pytest.fixture
def past() -> Past:
    past = Past()
    past.room.enter("ana")
    past.room.enter("ben")
    past.room.enter("theo", Role.THERAPIST)
    return past


def ask(at_ms: int, role: Role, participant: ParticipantId | None = None) -> Question:
    return Question(SESSION, at_ms, role, participant)


def test_each_viewer_saw_at_each_time_what_the_room_showed_them_then(past: Past) -> None:
    shown = []
    for step in (
        lambda: past.room.post("ana", "call me", "m1"),
        lambda: past.room.hide("mia", "m1"),
        lambda: past.room.close_microphone("mia", "ben"),
        lambda: past.room.show("mia", "m1"),
        lambda: past.room.leave("ben"),
    ):
        step()
        at = past.keep()
        for who, role in (
            (ANA, Role.PARTICIPANT),
            (BEN, Role.PARTICIPANT),
            (MIA, Role.MENTOR),
            (ParticipantId("theo"), Role.THERAPIST),
        ):
            shown.append((at, who, role, snapshot(past.room.state, Viewer(who, role))))
    assert len({repr(each[3]) for each in shown}) > 10
    for at, who, role, expected in shown:
        for moment in (at, at + 999):
            assert seen_in(past.stored, ask(moment, role, who)).snapshot == expected


def test_hidden_text_is_shown_to_the_therapist_and_not_to_peers(past: Past) -> None:
    past.room.post("ana", "call me", "m1")
    past.room.hide("mia", "m1")
    at = past.keep()
    assert seen_in(past.stored, ask(at, Role.PARTICIPANT, BEN)).snapshot.chat[0].text == ""
    assert seen_in(past.stored, ask(at, Role.THERAPIST)).snapshot.chat[0].text == "call me"


def test_the_one_person_of_a_role_need_not_be_named(past: Past) -> None:
    at = past.keep()
    seen = seen_in(past.stored, ask(at, Role.MENTOR))
    assert (seen.participant, seen.present, seen.snapshot.you) == (MIA, True, MIA)
    with pytest.raises(ReplayRefused, match="--participant: ana, ben"):
        seen_in(past.stored, ask(at, Role.PARTICIPANT))


def test_a_role_that_nobody_had_sees_what_it_would_have_seen(past: Past) -> None:
    past.room.leave("theo")
    seen = seen_in(past.stored, ask(past.keep(), Role.THERAPIST)) if past.keep() else None
    assert seen is not None
    assert (seen.participant, seen.present, seen.snapshot.you) == (None, False, "")
    assert [person.id for person in seen.snapshot.participants] == ["mia", "ana", "ben"]


def test_whoever_had_left_was_not_present(past: Past) -> None:
    past.room.leave("ben")
    assert not seen_in(past.stored, ask(past.keep(), Role.PARTICIPANT, BEN)).present


def test_purged_chat_is_counted_and_not_shown(past: Past) -> None:
    past.room.post("ana", "hello", "m1")
    past.room.hide("mia", "m1")
    at = past.keep()
    past.purge("chat_written", "chat_concealed", "chat_revealed")
    seen = seen_in(past.stored, ask(at, Role.MENTOR))
    assert (seen.purged, seen.snapshot.chat, seen.seq) == (2, (), 9)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (ask(999, Role.MENTOR), "opened later"),
        (ask(9_000, Role.PARTICIPANT, ParticipantId("zoe")), "zoe was not in that room"),
        (ask(2_000, Role.PARTICIPANT, BEN), "ben was not in that room by then"),
        (ask(9_000, Role.MENTOR, ANA), "ana was there as participant, not mentor"),
    ],
)
def test_what_nobody_saw_is_refused(past: Past, question: Question, says: str) -> None:
    past.keep()
    with pytest.raises(ReplayRefused, match=says):
        seen_in(past.stored, question)


def test_session_without_a_room_is_refused() -> None:
    with pytest.raises(ReplayRefused, match="no room of a session nowhere"):
        seen_in([], Question(SessionId("nowhere"), 1, Role.MENTOR))


def test_what_came_after_a_clock_was_set_back_is_not_shown_too_early(past: Past) -> None:
    at = past.keep()
    past.room.post("ana", "later", "m1")
    past.keep()
    past.room.post("ana", "later still", "m2")
    past.keep()
    first, second = past.stored[-2:]
    past.stored[-2:] = [
        StoredEvent(first.seq, at + 60_000, first.type, first.version, first.payload),
        StoredEvent(second.seq, at, second.type, second.version, second.payload),
    ]
    assert seen_in(past.stored, ask(at, Role.MENTOR)).snapshot.chat == ()
    both = seen_in(past.stored, ask(at + 60_000, Role.MENTOR)).snapshot.chat
    assert [message.id for message in both] == [MessageId("m1"), MessageId("m2")]
