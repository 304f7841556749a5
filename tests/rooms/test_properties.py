"""Whatever anyone does in whatever order: what every viewer shows is what the room is, and nothing else leaks."""

from __future__ import annotations

import json

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from moderation.decision import Accepted, Rejection
from moderation.floor.state import Floor
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Leave,
    MoveToLobby,
    PostChat,
    React,
    Remove,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShareScreen,
    ShowChat,
    StopSharing,
    WithdrawCover,
)
from protocol.values import LeaveReason, Reaction, Role, SessionStatus, Source
from rooms.commands import (
    CloseSession,
    Command,
    CountTalk,
    Depart,
    Enter,
    LoseConnection,
    NameResponder,
    OpenSession,
    PassTime,
    Requested,
    RestoreConnection,
    RoomRequest,
    WaiveResponder,
)
from rooms.decide import decide, next_deadline
from rooms.events import ConnectionLost, ConnectionRestored, DurableEvent, SessionClosed, is_durable
from rooms.evolve import evolve, evolve_all
from rooms.gates import open_gates, shut_at_once
from rooms.life import DEFAULT_RULES, life_deadline
from rooms.state import EMPTY, RoomState
from rooms.view import snapshot
from tests.rooms.client_model import Wire, wire
from tests.rooms.harness import SESSION, Refusal, RoomHarness, Seat
from tests.rooms.turn_strategies import NEVER_AGAIN, about_turns, assert_peers_learn_no_time, talk

USUAL_ROLE = {
    "ana": Role.PARTICIPANT,
    "ben": Role.PARTICIPANT,
    "cleo": Role.PARTICIPANT,
    "mia": Role.MENTOR,
    "theo": Role.THERAPIST,
}
PEOPLE = st.sampled_from([ParticipantId(who) for who in USUAL_ROLE])
ANYONE = st.sampled_from([ParticipantId(who) for who in (*USUAL_ROLE, "nobody")])
PARTICIPANTS = st.sampled_from([ParticipantId(who) for who in ("ana", "ben")])
STAFF = st.sampled_from([ParticipantId(who) for who in ("mia", "theo")])
MESSAGES = st.sampled_from([MessageId(f"m{n}") for n in range(4)])
SOMETIMES = st.sampled_from([False, False, False, True])
ID = RequestId("r")
ANYTHING: st.SearchStrategy[RoomRequest] = st.one_of(
    st.builds(PostChat, st.just(ID), MESSAGES, st.just(" ")),
    st.builds(HideChat, st.just(ID), MESSAGES),
    st.builds(ShowChat, st.just(ID), MESSAGES),
    st.builds(SetDevices, st.just(ID), st.booleans(), st.booleans(), st.integers(0, 3)),
    st.builds(CloseMicrophone, st.just(ID), ANYONE),
    st.builds(AllowMicrophone, st.just(ID), ANYONE),
    st.builds(ShareScreen, st.just(ID), st.booleans()),
    st.just(StopSharing(ID)),
    st.builds(CloseScreen, st.just(ID), ANYONE),
    st.builds(AllowScreen, st.just(ID), ANYONE),
    st.builds(Admit, st.just(ID), ANYONE),
    st.builds(MoveToLobby, st.just(ID), ANYONE),
    st.builds(Remove, st.just(ID), ANYONE),
    st.just(AskForCover(ID)),
    st.just(WithdrawCover(ID)),
    st.builds(SetListening, st.just(ID), st.booleans()),
    st.builds(SetNotAlone, st.just(ID), st.booleans()),
    st.builds(React, st.just(ID), st.sampled_from(Reaction)),
    st.just(Leave(ID)),
    st.just(EndSession(ID)),
    about_turns(ANYONE, st.integers(0, 4)),
)
SERVERS_WORD: st.SearchStrategy[Command] = st.one_of(
    st.builds(LoseConnection, ANYONE, st.sampled_from([0, 1, 1_000, 60_000])),
    st.builds(RestoreConnection, ANYONE),
    st.builds(Depart, ANYONE, st.sampled_from(LeaveReason)),
    st.just(OpenSession(SESSION, "Tuesday group")),
    st.builds(NameResponder, st.sampled_from([None, *(IdentityId(f"identity-{who}") for who in USUAL_ROLE)])),
    st.just(WaiveResponder(IdentityId("identity-lead"))),
    st.builds(CloseSession, if_empty=st.booleans()),
    talk(ANYONE),
)
MAX_SEATS = 6
SCREEN = (Source.SCREEN, Source.SCREEN_AUDIO)
SOUND = (Source.MICROPHONE, Source.SCREEN_AUDIO)


def stored_floor(state: RoomState) -> Floor:
    """The turns as the log has them: it knows of no pause that stopped a clock, and of nothing that was not saved."""
    floor = replace(state.floor, unsaved=False, unsaved_turn=0)
    return floor if floor.turn is None else replace(floor, turn=replace(floor.turn, ends_ms=None, left_ms=0))


class Room(RuleBasedStateMachine):
    """Arbitrary commands by arbitrary people; viewers who come, lose their sockets and resume."""

    def __init__(self) -> None:
        super().__init__()
        self.room = RoomHarness(opened=False)
        self.from_log: RoomState = EMPTY
        self.read = 0
        self.checked: dict[int, int] = {}

    # ── what happens ──────────────────────────────────────────────────────────────────────────

    @initialize(early=SOMETIMES, unanswered=SOMETIMES)
    def begin(self, *, early: bool, unanswered: bool) -> None:
        """Usually a running group; sometimes one in its lobby, or a room that is not even open."""
        if early:
            return
        self.act(OpenSession(SESSION, "Tuesday group"))
        if not unanswered:
            self.act(WaiveResponder(IdentityId("identity-lead")))
        for who, role in USUAL_ROLE.items():
            self.act(Enter(ParticipantId(who), IdentityId(f"identity-{who}"), who, role))
            self.attach(ParticipantId(who))

    @precondition(lambda self: self.room.state.status is None)
    @rule()
    def open(self) -> None:
        self.act(OpenSession(SESSION, "Tuesday group"))

    @rule(who=PEOPLE, other_role=st.sampled_from([None, None, None, *Role]), renamed=SOMETIMES, enrolled=st.booleans())
    def enter(self, who: ParticipantId, other_role: Role | None, *, renamed: bool, enrolled: bool) -> None:
        role = other_role or USUAL_ROLE[who]
        self.act(Enter(who, IdentityId(f"identity-{who}"), f"{who} again" if renamed else who, role, enrolled))

    @rule(command=SERVERS_WORD)
    def server_sees(self, command: Command) -> None:
        self.act(command)

    @rule(ms=st.sampled_from([0, 1, 999, 1_000, 2_000, 60_000, 120_000, 600_000]))
    def wait(self, ms: int) -> None:
        self.room.now_ms += ms
        self.act(PassTime())

    @rule(who=ANYONE, message=ANYTHING)
    def ask_anything(self, who: ParticipantId, message: RoomRequest) -> None:
        self.ask(who, message)

    @rule(commands=st.lists(st.one_of(SERVERS_WORD, st.builds(Requested, ANYONE, ANYTHING)), min_size=2, max_size=6))
    def lose_what_was_decided(self, commands: list[Command]) -> None:
        before = self.room.state
        lost = self.room.do_and_lose(commands)
        after = self.room.state
        assert open_gates(after) <= open_gates(before)
        state = before
        for event in lost:
            assert not shut_at_once(event) & self.room.gates, "what was shut at once is open again"
            closed, state = open_gates(state), evolve(state, event)
            closed -= open_gates(state)
            assert isinstance(event, SessionClosed) or not closed & self.room.gates, "what was closed is open again"
        connected = {
            event.participant_id: isinstance(event, ConnectionRestored)
            for event in lost
            if isinstance(event, ConnectionLost | ConnectionRestored)
        }
        for person in after.present():
            assert person.connected is connected.get(person.id, before.people[person.id].connected)

    # What chance alone would rarely hit: people who may, asking for what is there.

    @rule(who=PEOPLE, which=MESSAGES, words=st.sampled_from("ab"))
    def post(self, who: ParticipantId, which: MessageId, words: str) -> None:
        self.ask(who, PostChat(ID, which, f"<{which}{words}>"))

    @precondition(lambda self: len(self.room.state.chat) > 0)
    @rule(who=STAFF, message=st.sampled_from([HideChat, ShowChat]), data=st.data())
    def moderate_chat(self, who: ParticipantId, message: type[HideChat | ShowChat], data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(list(self.room.state.chat)))
        wanted = ShowChat if known.hidden_by is not None and message is HideChat else message
        self.ask(who, wanted(ID, known.id))

    @precondition(lambda self: any(not person.connected for person in self.room.state.present()))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        away = [person.id for person in self.room.state.present() if not person.connected]
        self.act(RestoreConnection(data.draw(st.sampled_from(away))))

    @rule(who=PARTICIPANTS, camera=st.booleans())
    def tap_microphone(self, who: ParticipantId, *, camera: bool) -> None:
        person = self.room.state.people.get(who)
        self.ask(who, SetDevices(ID, microphone=True, camera=camera, closings=person.closings if person else 0))

    @rule(who=STAFF, whose=PARTICIPANTS, saved=st.booleans())
    def close_microphone(self, who: ParticipantId, whose: ParticipantId, *, saved: bool) -> None:
        down, self.room.storage_down = self.room.storage_down, not saved
        self.ask(who, CloseMicrophone(ID, whose))
        self.room.storage_down = down

    @rule(who=STAFF, whose=PARTICIPANTS)
    def allow_microphone(self, who: ParticipantId, whose: ParticipantId) -> None:
        self.ask(who, AllowMicrophone(ID, whose))

    @rule(who=PEOPLE, sound=st.booleans(), allowed_by=STAFF, allow=SOMETIMES)
    def share(self, who: ParticipantId, allowed_by: ParticipantId, *, sound: bool, allow: bool) -> None:
        if allow:
            self.ask(allowed_by, AllowScreen(ID, who))
        self.ask(who, ShareScreen(ID, sound))

    @rule(who=STAFF, whose=PEOPLE, saved=st.booleans())
    def close_screen(self, who: ParticipantId, whose: ParticipantId, *, saved: bool) -> None:
        down, self.room.storage_down = self.room.storage_down, not saved
        self.ask(who, CloseScreen(ID, whose))
        self.room.storage_down = down

    @rule(who=STAFF, whose=PARTICIPANTS, request=st.sampled_from([Admit, Admit, MoveToLobby, Remove]))
    def at_the_door(
        self, who: ParticipantId, whose: ParticipantId, request: type[Admit | MoveToLobby | Remove]
    ) -> None:
        self.ask(who, request(ID, whose))

    @rule(who=STAFF, asks=st.booleans())
    def cover(self, who: ParticipantId, *, asks: bool) -> None:
        self.ask(who, AskForCover(ID) if asks else WithdrawCover(ID))

    @rule(who=STAFF)
    def lose_staff(self, who: ParticipantId) -> None:
        self.act(LoseConnection(who, 60_000))

    @rule(down=SOMETIMES)
    def storage(self, *, down: bool) -> None:
        self.room.storage_down = down

    @precondition(lambda self: self.room.state.status is not None)
    @rule(who=PEOPLE)
    def attach(self, who: ParticipantId) -> None:
        person = self.room.state.here(who)
        if person is None:
            return
        if len(self.room.seats) >= MAX_SEATS:
            self.room.seats.pop(0)
        seat = self.room.attach(who, person.role)
        self.checked[id(seat)] = 0
        self.check_private(seat, wire(snapshot(self.room.state, seat.viewer)))

    @precondition(lambda self: any(seat.attached for seat in self.room.seats))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([seat for seat in self.room.seats if seat.attached])).attached = False

    @precondition(lambda self: any(not seat.attached for seat in self.room.seats))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        self.room.resume(data.draw(st.sampled_from([seat for seat in self.room.seats if not seat.attached])))

    # ── what holds for each command ───────────────────────────────────────────────────────────

    def ask(self, who: ParticipantId, message: RoomRequest) -> None:
        """A person asks for something."""
        self.act(Requested(who, message))

    def act(self, command: Command) -> None:
        """One command, and what holds of every one."""
        room, before = self.room, self.room.state
        decision = decide(before, command, room.now_ms)
        events = decision.events if isinstance(decision, Accepted) else ()
        state = before
        for event in events:
            after = evolve(state, event)
            closed = open_gates(state) - open_gates(after)
            by_turns = {
                (who, source)
                for who, source in closed
                if source in SOUND and after.people[who].inside and not after.may_be_heard(after.people[who])
            }
            assert isinstance(event, SessionClosed) or closed - by_turns <= shut_at_once(event)
            assert not shut_at_once(event) & open_gates(after)
            state = after

        refused: ErrorCode | None = None
        try:
            room.do(command)
        except Refusal as refusal:
            refused = refusal.code

        if refused is ErrorCode.NOT_SAVED:
            for event in events:
                assert not shut_at_once(event) & room.gates, "what was shut at once is open again"
            ended = state.status is SessionStatus.ENDED
            assert ended or room.gates <= open_gates(state), "what was closed is open again"
        elif refused is not None:
            assert room.state == before
        else:
            assert room.state == state
            again = decide(room.state, command, room.now_ms)
            shown_again = isinstance(command, CountTalk) or (
                isinstance(command, Requested) and isinstance(command.message, (React, *NEVER_AGAIN))
            )
            # A microphone that stayed off for a pause, which ended with that very request, opens when asked again.
            unheard = (
                isinstance(command, Requested)
                and isinstance(command.message, SetDevices)
                and command.message.microphone
                and before.paused_until_ms is not None
            )
            assert isinstance(again, Rejection) or again.events == () or shown_again or unheard
        self.check_opened(before, command)

    def check_opened(self, before: RoomState, command: Command) -> None:
        """Only a person's own word opens: a microphone with the latest closing known, a screen if it is free."""
        for who, source in open_gates(self.room.state) - open_gates(before):
            assert isinstance(command, Requested)
            assert command.actor == who
            assert source not in SOUND or before.may_be_heard(before.people[who])
            if source in SCREEN:
                assert isinstance(command.message, ShareScreen)
                assert before.sharer() in (None, before.people[who])
                assert before.people[who].is_staff or before.people[who].allowed_to_share
                continue
            assert isinstance(command.message, SetDevices)
            if source is Source.MICROPHONE:
                assert command.message.closings == before.people[who].closings
                assert not before.people[who].microphone_closed

    # ── what always holds ─────────────────────────────────────────────────────────────────────

    @invariant()
    def every_viewer_shows_what_a_fresh_snapshot_would(self) -> None:
        for seat in self.room.seats:
            if seat.attached:
                self.room.assert_up_to_date(seat)

    @invariant()
    def nobody_receives_what_is_not_theirs_to_see(self) -> None:
        for seat in self.room.seats:
            for _, frame in seat.received[self.checked.get(id(seat), 0) :]:
                self.check_private(seat, wire(frame))
            self.checked[id(seat)] = len(seat.received)

    def check_private(self, seat: Seat, body: Wire) -> None:
        """No hidden text but to therapists; no closing but to its person and staff; its count to its person only."""
        you, text = seat.viewer.participant_id, json.dumps(body)
        if seat.viewer.role is not Role.THERAPIST:
            for message in self.room.state.chat:
                assert message.hidden_by is None or message.text not in text
        peers = [body.get("participant", body), *body.get("participants", [])]
        for person in peers:
            whose = person.get("id", person.get("participant_id"))
            if whose != you:
                # A pause, and a change of turns, tell each person their own number.
                own = person.get("type") in {"pause_changed", "floor_changed"}
                assert own or not person.get("closings")
                if seat.viewer.role is Role.PARTICIPANT:
                    assert not person.get("microphone_closed")
                    assert not person.get("not_alone")
                    assert person.get("type") != "not_alone_changed"
                    assert not str(person.get("type")).startswith("microphone_")
                    assert not person.get("may_share")
                    assert person.get("type") != "screen_allowed"
        if seat.viewer.role is Role.PARTICIPANT:
            assert_peers_learn_no_time(you, body)
            assert not body.get("lobby")
            assert not any(person.get("needs_cover") for person in peers)
            assert body.get("type") not in {"lobby_joined", "lobby_left", "cover_changed"}
        assert "identity" not in text

    @invariant()
    def nobody_is_left_in_an_unsupervised_live_room(self) -> None:
        """Someone leads; or the group pauses, silent and for a while; or a connection just broke; or it is due now."""
        state, now_ms = self.room.state, self.room.now_ms
        if state.status is not SessionStatus.LIVE or not any(not p.is_staff for p in state.inside()):
            return
        if any(state.leaders()):
            return
        if state.paused_until_ms is not None:
            assert not any(
                state.people[who].role is Role.PARTICIPANT and source is not Source.CAMERA
                for who, source in self.room.gates
            )
            return
        deadline = life_deadline(state, DEFAULT_RULES)
        assert deadline is not None
        lost = [p.lost_ms for p in state.inside() if p.is_staff and p.lost_ms is not None]
        assert lost
        # Time passes by itself in a keeper; here it is a rule, and may be late.
        due = decide(state, PassTime(), max(now_ms, deadline))
        assert isinstance(due, Accepted)
        after = evolve_all(state, due.events)
        assert after.paused_until_ms is not None or after.status is not SessionStatus.LIVE
        assert deadline <= max(lost) + DEFAULT_RULES.leader_grace_ms

    @invariant()
    def participants_are_in_the_room_only_while_it_is_live(self) -> None:
        state = self.room.state
        assert state.status is SessionStatus.LIVE or not any(not p.is_staff for p in state.inside())
        assert not any(p.removed and p.present for p in state.people.values())

    @invariant()
    def one_person_shares_at_most_and_only_with_leave(self) -> None:
        sharing = [person for person in self.room.state.people.values() if person.screen or person.screen_audio]
        assert len(sharing) <= 1
        assert all(person.inside and person.screen for person in sharing)
        assert all(person.is_staff or person.allowed_to_share for person in sharing)
        assert not any(person.allowed_to_share and not person.inside for person in self.room.state.people.values())

    @invariant()
    def only_what_is_on_of_people_present_passes(self) -> None:
        state = self.room.state
        assert self.room.gates == open_gates(state)
        for who, source in self.room.gates:
            person = state.people[who]
            assert person.inside
            assert getattr(person, source)
            assert source not in SOUND or state.may_be_heard(person)
            assert source is not Source.MICROPHONE or not person.microphone_closed
        for person in state.people.values():
            assert not (person.microphone and person.microphone_closed)
            assert not (person.microphone and not state.may_be_heard(person))
            assert person.present or not (person.microphone or person.camera or not person.connected)
            assert not person.waiting or not (person.microphone or person.camera)

    @invariant()
    def the_log_alone_restores_all_that_is_durable(self) -> None:
        stored = [msgspec.json.decode(row, type=DurableEvent) for row in self.room.log[self.read :]]
        assert all(is_durable(event) for event in stored)
        self.read = len(self.room.log)
        self.from_log = evolve_all(self.from_log, stored)
        live = self.room.state
        assert all(self.from_log.people[who].closings <= person.closings for who, person in live.people.items())
        people = {
            who: replace(
                person,
                lost_ms=None,
                away_until_ms=None,
                not_alone=False,
                microphone=False,
                camera=False,
                screen=False,
                screen_audio=False,
                share_held=False,
                held=False,
                sent_out=False,
                # What a hold or a pause closed is not in the log; the next closing that is, is numbered after it.
                closings=self.from_log.people[who].closings,
            )
            for who, person in live.people.items()
        }
        # Who was sent out and not saved is still inside as far as the log knows.
        for who in self.room.sent_out & people.keys():
            told = self.from_log.people[who]
            people[who] = replace(people[who], waiting=told.waiting, since_ms=told.since_ms, expected=told.expected)
        live = replace(live, people=people, paused_until_ms=None, floor=stored_floor(live), life=0)
        if self.room.sent_out:
            live = replace(live, unattended_ms=self.from_log.unattended_ms, late=self.from_log.late)
            # Nor is their place in the turns given up.
            live = replace(live, floor=stored_floor(self.from_log))
        assert replace(self.from_log, floor=stored_floor(self.from_log)) == live

    @invariant()
    def time_moves_on(self) -> None:
        state = self.room.state
        deadline = next_deadline(state)
        if deadline is None:
            return
        now_ms = max(deadline, self.room.now_ms)
        early = decide(state, PassTime(), deadline - 1)
        due = decide(state, PassTime(), now_ms)
        assert early == Accepted() or deadline < self.room.now_ms
        assert isinstance(due, Accepted)
        assert due.events
        later = next_deadline(evolve_all(state, due.events))
        assert later is None or later > now_ms

    @invariant()
    def places_and_messages_are_in_order(self) -> None:
        state = self.room.state
        places = [person.place for person in state.people.values() if person.place is not None]
        assert sorted(places) == list(range(len(places)))
        assert all(person.place is not None for person in state.inside())
        assert [state.chat.get(message.id) for message in state.chat] == list(state.chat)
        assert state.status is not SessionStatus.ENDED or not list(state.present())


Room.TestCase.settings = settings(
    max_examples=250, stateful_step_count=40, deadline=None, derandomize=True, database=None, report_multiple_bugs=False
)
TestRoom = Room.TestCase
