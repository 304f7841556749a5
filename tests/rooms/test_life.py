"""The life of a session: nobody is left in a live room that nobody leads."""

from __future__ import annotations

import pytest

from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
from protocol.messages import Admit, AskForCover, PostChat, SetDevices, WithdrawCover
from protocol.values import LeaveReason, Role, SessionStatus
from rooms.commands import NameResponder, OpenSession, PassTime, WaiveResponder
from rooms.events import FloorPaused, SessionOpened, SessionReturned
from rooms.evolve import evolve
from rooms.life import DEFAULT_RULES, consequences, life_deadline
from rooms.state import EMPTY
from tests.rooms.harness import HOST, SESSION, RoomHarness, Seat

ID = RequestId("r")
GRACE, WAIT = DEFAULT_RULES.leader_grace_ms, DEFAULT_RULES.cover_wait_ms


@pytest.fixture
def group() -> RoomHarness:
    """A live session that mia leads, with ana and ben in it."""
    room = RoomHarness(hosted=False)
    room.host("mia")
    room.enter("ana")
    room.enter("ben")
    return room


def test_a_connection_that_breaks_for_a_moment_pauses_nothing(group: RoomHarness) -> None:
    ana = group.attach("ana")
    group.lose("mia")
    assert group.deadline_ms == group.now_ms + GRACE
    group.wait(GRACE - 1)
    group.restore("mia")

    assert "pause_changed" not in ana.types()
    assert group.deadline_ms is None


def test_when_the_last_leader_drops_the_group_pauses_silent(group: RoomHarness) -> None:
    ana, ben = group.attach("ana"), group.attach("ben")
    group.devices("ana", microphone=True, camera=True)
    group.lose("mia")
    group.wait(GRACE)

    assert group.state.paused_until_ms == group.now_ms + WAIT
    assert {source.value for _, source in group.gates} == {"camera"}
    assert not ben.person("ana")["microphone"]
    assert ana.person("ana")["closings"] == 1
    for seat in (ana, ben):
        group.assert_up_to_date(seat)


def test_nobody_speaks_or_writes_while_the_group_pauses(group: RoomHarness) -> None:
    group.post("ana", "Hello", "m0")
    group.devices("ana", camera=True)
    group.lose("mia")
    group.wait(GRACE)

    opened = SetDevices(ID, microphone=True, camera=True, closings=1)
    assert group.refusal("ana", opened) is ErrorCode.PAUSED
    assert group.refusal("ana", PostChat(ID, MessageId("m1"), "Is anyone there?")) is ErrorCode.PAUSED
    assert group.refusal("ana", PostChat(ID, MessageId("m0"), "Hello")) is None, "said before: answered as done"
    group.devices("ana", microphone=True, camera=False, closings=1)
    assert not group.state.people[ParticipantId("ana")].camera, "turning off is never refused"


def test_coming_back_ends_the_pause_and_opens_no_microphone(group: RoomHarness) -> None:
    ana = group.attach("ana")
    group.devices("ana", microphone=True)
    group.lose("mia")
    group.wait(GRACE)
    group.restore("mia")

    assert ana.client.paused_until_ms == 0
    assert group.gates == set()
    group.devices("ana", microphone=True, closings=1)
    assert len(group.gates) == 1


def test_another_who_can_lead_takes_over_by_being_there(group: RoomHarness) -> None:
    group.lose("mia")
    group.wait(GRACE)
    theo = group.enter("theo", Role.THERAPIST)

    assert group.state.paused_until_ms is None
    assert group.state.status is SessionStatus.LIVE
    assert theo.client.paused_until_ms == 0


def test_with_a_second_leader_nothing_pauses(group: RoomHarness) -> None:
    group.enter("theo", Role.THERAPIST)
    group.lose("mia")
    group.wait(GRACE)

    assert group.state.paused_until_ms is None


def test_a_leader_who_leaves_pauses_the_group_at_once(group: RoomHarness) -> None:
    group.leave("mia")

    assert group.state.paused_until_ms == group.now_ms + WAIT


def test_asking_for_cover_pauses_at_once_and_can_be_taken_back(group: RoomHarness) -> None:
    mia, ana = group.attach("mia", Role.MENTOR), group.attach("ana")
    group.request("mia", AskForCover(ID))
    assert group.state.paused_until_ms is not None
    assert mia.person("mia")["needs_cover"]
    assert not ana.person("mia")["needs_cover"], "peers are not told why"
    assert group.request("mia", AskForCover(ID)) == ()

    group.request("mia", WithdrawCover(ID))
    assert group.state.paused_until_ms is None
    assert not mia.person("mia")["needs_cover"]


def test_who_needs_cover_and_drops_is_not_waited_for(group: RoomHarness) -> None:
    group.enter("theo", Role.THERAPIST)
    group.request("mia", AskForCover(ID))
    group.lose("mia")
    group.depart("theo", LeaveReason.LEFT)

    assert group.state.paused_until_ms is not None


def test_without_cover_everyone_waits_in_the_lobby(group: RoomHarness) -> None:
    ana = group.attach("ana")
    group.devices("ana", microphone=True, camera=True)
    group.lose("mia", 10_000_000)
    group.wait(GRACE)
    group.wait(WAIT - 1)
    assert group.state.status is SessionStatus.LIVE
    group.wait(1)

    assert group.state.status is SessionStatus.LOBBY
    assert (group.roster(), group.lobby()) == (["mia"], ["ana", "ben"])
    assert ana.client.waiting
    assert group.gates == set()


def test_when_someone_leads_again_everyone_comes_back_in(group: RoomHarness) -> None:
    mia, ana = group.attach("mia", Role.MENTOR), group.attach("ana")
    group.request("mia", AskForCover(ID))
    group.wait(WAIT)
    assert [person["id"] for person in mia.client.shows()["lobby"]] == ["ana", "ben"]
    group.request("mia", WithdrawCover(ID))

    assert group.state.status is SessionStatus.LIVE
    assert group.roster() == ["mia", "ana", "ben"]
    assert not ana.client.waiting
    assert group.gates == set()


def test_a_room_with_nobody_in_it_returns_to_its_lobby_at_once(group: RoomHarness) -> None:
    for who in ("ana", "ben", "mia"):
        group.leave(who)

    assert group.state.status is SessionStatus.LOBBY
    assert group.deadline_ms is None


def test_a_return_that_was_not_stored_keeps_cameras_shut(group: RoomHarness) -> None:
    group.devices("ana", camera=True)
    group.leave("mia")
    group.storage_down = True
    group.now_ms += WAIT
    with pytest.raises(Exception, match="not_saved"):
        group.do(PassTime())

    assert (group.state.status, group.gates) == (SessionStatus.LIVE, frozenset())
    assert group.state.paused_until_ms is not None


def test_the_return_of_an_empty_room_that_was_not_stored_is_due_at_once(group: RoomHarness) -> None:
    group.leave("ana")
    group.leave("ben")
    group.lose("mia")
    group.storage_down = True
    group.now_ms += GRACE
    with pytest.raises(Exception, match="not_saved"):
        group.do(PassTime())
    assert group.state.paused_until_ms is not None
    assert group.deadline_ms == 0

    group.storage_down = False
    group.do(PassTime())
    assert group.state.status is SessionStatus.LOBBY


def test_who_comes_while_the_group_pauses_waits_and_comes_in_when_it_goes_on(group: RoomHarness) -> None:
    group.leave("mia")
    cleo = group.enter("cleo")
    sam = group.enter("sam", enrolled=False)
    assert (cleo.client.waiting, sam.client.waiting) == (True, True)
    theo = group.enter("theo", Role.THERAPIST)

    assert not cleo.client.waiting
    assert sam.client.waiting
    assert [person["id"] for person in theo.client.shows()["lobby"]] == ["sam"]


def test_nobody_is_admitted_into_a_group_that_pauses(group: RoomHarness) -> None:
    group.enter("sam", enrolled=False)
    group.request("mia", AskForCover(ID))

    assert group.refusal("mia", Admit(ID, ParticipantId("sam"))) is ErrorCode.PAUSED


def test_whoever_drops_in_a_pause_keeps_the_place(group: RoomHarness) -> None:
    group.leave("mia")
    group.lose("ana")
    again = group.enter("ana")

    assert not again.client.waiting
    assert again.client.paused_until_ms


def test_a_leader_who_becomes_a_participant_leads_no_more(group: RoomHarness) -> None:
    group.enter("mia", Role.PARTICIPANT)

    assert group.state.paused_until_ms is not None
    assert "mia" in group.roster()


def test_a_pause_outlives_a_failure_to_store(group: RoomHarness) -> None:
    group.devices("ana", microphone=True)
    group.lose("mia", 1_000)
    group.storage_down = True
    group.now_ms += GRACE
    with pytest.raises(Exception, match="not_saved"):
        group.do(PassTime())

    assert group.state.paused_until_ms is not None
    assert group.gates == set()
    assert group.deadline_ms is not None
    assert group.deadline_ms <= group.now_ms, "what could not be stored is due"
    with pytest.raises(Exception, match="not_saved"):
        group.do(PassTime())
    group.storage_down = False
    group.do(PassTime())
    assert group.roster() == ["ana", "ben"]


def test_a_pause_that_holds_already_is_not_kept_again(group: RoomHarness) -> None:
    group.leave("mia")
    until = group.state.paused_until_ms
    group.lose_events((FloorPaused(group.now_ms + 5, ()),))

    assert group.state.paused_until_ms == until


def test_a_beginning_that_was_not_stored_is_due_at_once() -> None:
    room = RoomHarness(hosted=False)
    room.enter("mia", Role.MENTOR)
    room.storage_down = True
    with pytest.raises(Exception, match="not_saved"):
        room.do(WaiveResponder(IdentityId("lead")))
    room.storage_down = False
    room.do(WaiveResponder(IdentityId("lead")))
    assert room.state.status is SessionStatus.LIVE

    begun = evolve(room.state, SessionReturned(room.now_ms, ()))
    assert life_deadline(begun, DEFAULT_RULES) == 0
    assert consequences(begun, room.now_ms, DEFAULT_RULES) != ()


def test_a_live_log_of_long_ago_is_led_or_pauses() -> None:
    """Sessions were live from their opening on, before there were lobbies."""
    state = evolve(EMPTY, SessionOpened(1, SESSION, "Tuesday", "", SessionStatus.LIVE))

    assert life_deadline(state, DEFAULT_RULES) == 0
    assert [type(event) for event in consequences(state, 5, DEFAULT_RULES)] == [FloorPaused, SessionReturned]


def test_nothing_follows_for_a_room_that_is_not_open_or_over(room: RoomHarness, mia: Seat) -> None:
    assert consequences(EMPTY, 1, DEFAULT_RULES) == ()
    never = RoomHarness(opened=False)
    assert never.do(NameResponder(IdentityId("i"))) == never.do(WaiveResponder(IdentityId("i"))) == ()
    room.end("mia")
    assert room.do(NameResponder(IdentityId("i"))) == room.do(WaiveResponder(IdentityId("i"))) == ()
    assert room.do(OpenSession(SESSION, "Tuesday")) == ()
    assert room.deadline_ms is None
    assert HOST in room.state.people
