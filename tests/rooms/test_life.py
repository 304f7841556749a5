"""The life of a session: nobody is left in a live room that nobody leads."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
from protocol.messages import (
    Admit,
    AskForCover,
    CloseMicrophone,
    PostChat,
    SessionChanged,
    SetDevices,
    SetNotAlone,
    WithdrawCover,
)
from protocol.values import LeaveReason, Role, SessionStatus, WaitsFor
from rooms.aftermath import aftermath
from rooms.commands import CloseSession, NameResponder, OpenSession, PassTime, WaiveResponder
from rooms.events import (
    FloorPaused,
    ParticipantDeparted,
    ParticipantEntered,
    SessionClosed,
    SessionOpened,
    SessionReturned,
)
from rooms.evolve import evolve
from rooms.life import DEFAULT_RULES, consequences, is_unanswered, life_deadline
from rooms.state import EMPTY
from rooms.view import session_view
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


def test_in_a_pause_those_who_lead_may_still_write_and_nobody_else(group: RoomHarness) -> None:
    group.request("mia", AskForCover(ID))
    assert group.refusal("mia", PostChat(ID, MessageId("m1"), "I am still here")) is None
    assert group.refusal("ana", PostChat(ID, MessageId("m2"), "what now")) is ErrorCode.PAUSED


def test_who_needs_cover_and_drops_is_not_waited_for(group: RoomHarness) -> None:
    group.enter("theo", Role.THERAPIST)
    group.request("mia", AskForCover(ID))
    group.lose("mia")
    group.depart("theo", LeaveReason.LEFT)

    assert group.state.paused_until_ms is not None


def test_who_asks_for_cover_is_neither_heard_nor_seen_any_more(group: RoomHarness) -> None:
    group.devices("mia", microphone=True, camera=True)
    group.request("mia", AskForCover(ID))
    assert group.gates == set()
    for again in ("microphone", "camera"):
        group.devices("mia", microphone=again == "microphone", camera=again == "camera")
        group.request("mia", AskForCover(ID))
        assert group.gates == set(), "asked again it closes again, whichever was opened"
    group.request("mia", WithdrawCover(ID))
    assert group.gates == set(), "and opens nothing when it is taken back"


def test_a_therapist_takes_over_from_the_lobby_though_nobody_else_answers(group: RoomHarness) -> None:
    group.state = replace(group.state, responder=IdentityId("identity-theo"), responder_waived=False)
    ana = group.attach("ana")
    group.request("mia", AskForCover(ID))
    group.wait(WAIT)
    assert ana.client.session["begun"]
    group.enter("theo", Role.THERAPIST)

    assert group.state.status is SessionStatus.LIVE
    assert is_unanswered(group.state)
    assert "ana" in group.roster()


def test_a_mentor_who_leads_again_waits_for_someone_who_answers(group: RoomHarness) -> None:
    group.state = replace(group.state, responder=None, responder_waived=False)
    group.request("mia", AskForCover(ID))
    group.wait(WAIT)
    group.request("mia", WithdrawCover(ID))
    assert group.state.status is SessionStatus.LOBBY
    group.do(NameResponder(IdentityId("identity-theo")))
    assert group.state.status is SessionStatus.LIVE


def test_a_therapist_begins_no_session_that_nobody_else_answers_for() -> None:
    room = RoomHarness(hosted=False)
    room.do(NameResponder(IdentityId("identity-theo")))
    room.enter("ana")
    room.enter("theo", Role.THERAPIST)
    assert room.state.status is SessionStatus.LOBBY


def test_a_closing_of_a_pause_counts_anew_after_a_restart(group: RoomHarness) -> None:
    """Pauses are not in the log: by its count alone, the second would look like the first, and a microphone that the
    second closed would open by itself."""
    ana = group.attach("ana")
    group.request("mia", AskForCover(ID))
    group.request("mia", WithdrawCover(ID))
    known = ana.person("ana")["closings"]
    group.devices("ana", microphone=True, closings=known)

    group.state = replace(group.replay(), life=1)
    for who in list(group.state.present()):
        group.lose(who.id)
    assert group.state.people[ParticipantId("ana")].closings <= known, "a restart by itself closes nothing"
    group.wait(GRACE)
    group.restore("mia")
    group.restore("ana")

    told = group.attach("ana").person("ana")["closings"]
    assert told > known
    assert group.refusal("ana", SetDevices(ID, True, False, closings=known)) is ErrorCode.MICROPHONE_CLOSED


def test_a_stored_closing_is_numbered_after_all_that_were_told_before(group: RoomHarness) -> None:
    group.state = replace(group.state, life=3)
    group.request("mia", AskForCover(ID))
    group.request("mia", WithdrawCover(ID))
    known = group.attach("ana").person("ana")["closings"]
    group.close_microphone("mia", "ana")
    group.allow_microphone("mia", "ana")

    group.state = replace(group.replay(), life=4)
    assert group.state.people[ParticipantId("ana")].closings > known


@pytest.mark.parametrize("how", ["a pause", "a mentor", "a mentor whose closing is not stored"])
def test_the_first_closing_of_a_new_life_is_numbered_after_all_of_the_one_before(group: RoomHarness, how: str) -> None:
    group.state = replace(group.state, life=3)
    group.request("mia", AskForCover(ID))
    group.request("mia", WithdrawCover(ID))
    known = group.attach("ana").person("ana")["closings"]

    group.state = replace(group.replay(), life=4)
    if how == "a pause":
        group.request("mia", AskForCover(ID))
    elif how == "a mentor":
        group.close_microphone("mia", "ana")
    else:
        group.storage_down = True
        assert group.refusal("mia", CloseMicrophone(ID, ParticipantId("ana"))) is ErrorCode.NOT_SAVED
        assert group.state.people[ParticipantId("ana")].held
    assert group.state.people[ParticipantId("ana")].closings > known


def test_a_group_whose_only_leader_hides_it_pauses(group: RoomHarness) -> None:
    group.request("mia", SetNotAlone(ID, on=True))
    assert group.state.paused_until_ms is not None
    group.request("mia", SetNotAlone(ID, on=False))
    assert group.state.paused_until_ms is None


def test_another_page_of_who_needs_cover_leads_no_more_than_the_first(group: RoomHarness) -> None:
    group.request("mia", AskForCover(ID))
    group.enter("mia", Role.MENTOR, "Mia by phone")
    assert group.state.paused_until_ms is not None
    group.leave("mia")
    group.enter("mia", Role.MENTOR)
    assert group.state.people[ParticipantId("mia")].leads


def test_a_live_session_that_nobody_answers_for_says_so_to_who_leads(group: RoomHarness) -> None:
    ana, mia = group.attach("ana"), group.attach("mia", Role.MENTOR)
    group.do(NameResponder(IdentityId("identity-theo")))
    group.state = replace(group.state, responder_waived=False)
    before = len(ana.received)
    group.do(NameResponder(None))

    assert group.state.status is SessionStatus.LIVE
    assert mia.received[-1][1] == SessionChanged(session_view(group.state, mia.viewer))
    assert session_view(group.state, mia.viewer).waits_for is WaitsFor.RESPONDER
    assert session_view(group.state, ana.viewer).waits_for is WaitsFor.NOTHING
    assert len(ana.received) == before


def test_people_who_wait_long_for_someone_to_answer_are_told() -> None:
    room = RoomHarness(hosted=False)
    room.enter("mia", Role.MENTOR)
    room.enter("ana")
    assert not is_unanswered(room.state)
    room.wait(DEFAULT_RULES.lobby_wait_ms)

    assert room.state.late
    assert is_unanswered(room.state)


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


def test_a_pause_that_was_lost_silences_who_is_here_without_what_was_lost_before_it(group: RoomHarness) -> None:
    ana, ben, zoe = (ParticipantId(each) for each in ("ana", "ben", "zoe"))
    came = ParticipantEntered(1, zoe, IdentityId("id-zoe"), "Zoe", Role.PARTICIPANT, waiting=False, expected=True)
    went = ParticipantDeparted(1, ben, LeaveReason.LEFT)
    assert aftermath(group.state, (came, went, FloorPaused(9, (ana, zoe)))) == (FloorPaused(9, (ana, ben)),)


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


def test_the_server_ends_a_session_that_nobody_is_in(group: RoomHarness) -> None:
    for who in ("ana", "ben"):
        group.leave(who)
    group.lose("mia")
    assert group.do(CloseSession(if_empty=True)) == (), "her place is kept"
    group.leave("mia")
    assert group.do(CloseSession(if_empty=True)) == (SessionClosed(group.now_ms, None),)
    assert group.state.status is SessionStatus.ENDED
    assert group.do(CloseSession(if_empty=True)) == ()


def test_the_server_ends_a_session_for_everyone_when_told_to(group: RoomHarness) -> None:
    group.do(CloseSession(if_empty=False))
    assert (group.state.status, group.roster(), group.gates) == (SessionStatus.ENDED, [], frozenset())


def test_a_session_that_was_never_opened_or_never_live_can_be_ended() -> None:
    room = RoomHarness(opened=False)
    assert room.do(CloseSession(if_empty=True)) == ()
    room.do(OpenSession(SESSION, "Tuesday group"))
    room.do(CloseSession(if_empty=True))
    assert room.state.status is SessionStatus.ENDED
