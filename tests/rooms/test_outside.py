"""A room as its therapists see it from outside."""

from __future__ import annotations

from protocol.ids import IdentityId
from protocol.supervision import SupervisedView
from protocol.values import Role, SessionStatus, WaitsFor
from rooms.commands import WaiveResponder
from rooms.outside import from_outside
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
