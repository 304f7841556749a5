"""A room as its therapists see it from outside."""

from __future__ import annotations

from protocol.ids import IdentityId, MessageId
from protocol.messages import HideChat
from protocol.supervision import SupervisedView
from protocol.values import Role, SessionStatus, WaitsFor
from rooms.commands import WaiveResponder
from rooms.outside import SEEN_LINES, as_participant, from_outside
from tests.rooms.harness import SESSION, RoomHarness


def test_a_lobby_is_shown_with_what_it_waits_for() -> None:
    room = RoomHarness(hosted=False)
    room.enter("ana")
    view = from_outside(room.state)

    assert (view.session.id, view.session.status) == (SESSION, SessionStatus.LOBBY)
    assert view.session.waits_for is WaitsFor.LEADER
    assert (view.people, view.waiting, view.leaders) == (0, 1, ())


def test_a_live_group_is_shown_in_numbers_and_by_its_leaders() -> None:
    room = RoomHarness(hosted=False)
    room.do(WaiveResponder(IdentityId("i-lead")))
    room.enter("ana")
    room.enter("mia", Role.MENTOR)
    room.enter("theo", Role.THERAPIST)
    view = from_outside(room.state)

    assert (view.people, view.waiting) == (3, 0)
    assert set(view.leaders) == {person.name for person in room.state.leaders()}
    assert len(view.leaders) == 2
    assert view.paused_until_ms == 0


def test_a_pause_is_shown_and_who_answers_is_not_the_rooms_to_say() -> None:
    room = RoomHarness(hosted=False)
    room.do(WaiveResponder(IdentityId("i-lead")))
    room.enter("ana")
    room.enter("mia", Role.MENTOR)
    room.leave("mia")
    view = from_outside(room.state)

    assert view.paused_until_ms == room.state.paused_until_ms
    assert view.paused_until_ms > 0
    assert view == SupervisedView(view.session, people=1, paused_until_ms=view.paused_until_ms)


def test_who_listens_sees_what_a_participant_would_and_nobodys_private_things() -> None:
    room = RoomHarness(hosted=False)
    room.do(WaiveResponder(IdentityId("i-lead")))
    room.enter("ana")
    room.enter("mia", Role.MENTOR)
    room.enter("knocker", enrolled=False)
    for number in range(SEEN_LINES + 5):
        room.post("ana", "hello", f"m{number}")
    room.request("mia", HideChat(room.request_id(), MessageId(f"m{SEEN_LINES + 4}")))

    seen = as_participant(room.state)

    assert {each.id for each in seen.participants} == {"ana", "mia"}
    assert (seen.you, seen.lobby, seen.talk, seen.waiting) == ("", (), (), False)
    assert (len(seen.chat), seen.earlier) == (SEEN_LINES, True)
    assert seen.chat[-1].text == ""


def test_a_monitor_sees_what_a_participant_would_and_is_nobody() -> None:
    room = RoomHarness(hosted=False)
    room.do(WaiveResponder(IdentityId("i-lead")))
    room.enter("mia", Role.MENTOR)
    room.enter("ana")
    room.enter("sam", enrolled=False)
    seen = as_participant(room.state)

    assert (seen.you, seen.lobby) == ("", ())
    assert len(seen.participants) == 2
    assert not seen.waiting


def test_a_monitor_sees_the_newest_lines_and_that_there_are_earlier_ones() -> None:
    room = RoomHarness()
    room.enter("ana")
    for number in range(SEEN_LINES):
        room.post("ana", f"line {number}")
    assert not as_participant(room.state).earlier

    room.post("ana", "one more")
    seen = as_participant(room.state)

    assert (len(seen.chat), seen.chat[0].text, seen.chat[-1].text) == (SEEN_LINES, "line 1", "one more")
    assert seen.earlier
