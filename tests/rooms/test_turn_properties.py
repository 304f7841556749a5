"""The room under arbitrary commands again, with people who mostly take turns."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from moderation.floor.transitions import TRANSITIONS
from protocol.ids import ParticipantId
from protocol.messages import SetDevices
from protocol.turns import (
    EndTurn,
    ExtendTurn,
    GiveTurn,
    HoldTime,
    NextSpeaker,
    Pass,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
)
from protocol.values import SessionStatus, TurnForm, TurnMode
from rooms.commands import RestoreConnection
from rooms.events import Event
from tests.rooms.test_properties import ID, PARTICIPANTS, PEOPLE, SOMETIMES, STAFF, Room
from tests.rooms.turn_strategies import modes

LED = (TurnMode.QUEUE, TurnMode.ROUND)


class TurnsInARoom(Room):
    """As in `Room`, everything may happen; what chance alone would rarely hit is asked for more often."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.events = 0
        self.told: dict[tuple[ParticipantId, int], int] = {}
        """When each person could first know of each of their closings."""
        self.audible: dict[ParticipantId, int] = {}
        """Since when they may be heard."""
        self.inside: set[ParticipantId] = set()
        happen = self.room.happen

        def happens(event: Event) -> None:
            happen(event)
            self.events += 1
            self.look()

        self.room.happen = happens

    @property
    def newest(self) -> int:
        return self.room.state.floor.newest

    @rule(who=PEOPLE)
    def raise_hand(self, who: ParticipantId) -> None:
        self.ask(who, RaiseHand(ID))

    @rule(who=STAFF, mode=modes(*LED, *LED, *TurnMode))
    def set_mode(self, who: ParticipantId, mode: object) -> None:
        self.ask(who, mode)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @rule(who=STAFF)
    def next_speaker(self, who: ParticipantId) -> None:
        self.ask(who, NextSpeaker(ID, self.newest))

    @rule(who=STAFF, whose=PEOPLE, taps=st.booleans())
    def give(self, who: ParticipantId, whose: ParticipantId, *, taps: bool) -> None:
        self.ask(who, GiveTurn(ID, self.newest, whose))
        if taps:
            self.tap(whose)

    @rule(who=STAFF, whose=PARTICIPANTS, of=PARTICIPANTS, on=st.booleans())
    def companion(self, who: ParticipantId, whose: ParticipantId, of: ParticipantId, *, on: bool) -> None:
        self.ask(who, SetCompanion(ID, whose, of if on else None))

    @precondition(lambda self: self.room.state.floor.turn is not None)
    @rule(who=STAFF, what=st.sampled_from([EndTurn, HoldTime, ExtendTurn]), saved=st.booleans())
    def lead_turn(self, who: ParticipantId, what: type, *, saved: bool) -> None:
        down, self.room.storage_down = self.room.storage_down, not saved
        message = {
            EndTurn: EndTurn(ID, self.newest),
            HoldTime: HoldTime(ID, self.newest, on=saved),
            ExtendTurn: ExtendTurn(ID, self.newest, 60_000),
        }[what]
        self.ask(who, message)
        self.room.storage_down = down

    @precondition(lambda self: self.room.state.floor.turn is not None)
    @rule(data=st.data(), what=st.sampled_from([SetDevices, SetDevices, Pass, PassTurnOn, SetTurnForm, EndTurn]))
    def take_turn(self, data: st.DataObject, what: type) -> None:
        turn = self.room.state.floor.turn
        assert turn is not None
        who = turn.holder_id
        if what is SetDevices:
            self.tap(who)
        elif what is Pass:
            self.ask(who, Pass(ID, data.draw(st.booleans()), turn.number))
        elif what is PassTurnOn:
            self.ask(who, PassTurnOn(ID, turn.number, data.draw(PEOPLE)))
        elif what is SetTurnForm:
            self.ask(who, SetTurnForm(ID, turn.number, data.draw(st.sampled_from(TurnForm))))
        else:
            self.ask(who, EndTurn(ID, turn.number))

    @rule(who=PEOPLE, data=st.data())
    def say_again(self, who: ParticipantId, data: st.DataObject) -> None:
        """A word from before, by a page that never heard of what came since, or by a modified one."""
        known = sorted(number for person, number in self.told if person == who)
        if known:
            self.ask(who, SetDevices(ID, microphone=True, camera=False, closings=data.draw(st.sampled_from(known))))

    @precondition(lambda self: self.room.state.status is SessionStatus.LIVE)
    @rule(seldom=SOMETIMES, back=st.booleans())
    def reload(self, *, seldom: bool, back: bool) -> None:
        if not seldom:
            return
        down, self.room.storage_down = self.room.storage_down, False
        self.room.reload()
        self.look(forgets=True)
        if back:
            for person in tuple(self.room.state.present()):
                self.act(RestoreConnection(person.id))
        self.room.storage_down = down

    def look(self, *, forgets: bool = False) -> None:
        state = self.room.state
        for person in state.people.values():
            self.told.setdefault((person.id, person.closings), self.events)
            if not (person.inside and state.may_be_heard(person)):
                self.audible.pop(person.id, None)
            elif person.id not in self.audible:
                # Whoever comes into an open room comes in as they chose at its door.
                came = person.id not in self.inside and state.floor.mode is TurnMode.OPEN
                # And a closing that was never stored is forgotten with a restart.
                as_told = self.told[person.id, person.closings]
                self.audible[person.id] = as_told if came or forgets else self.events
        self.inside = {person.id for person in state.inside()}

    def tap(self, who: ParticipantId) -> None:
        person = self.room.state.people.get(who)
        self.ask(who, SetDevices(ID, microphone=True, camera=False, closings=person.closings if person else 0))

    # ── what always holds ─────────────────────────────────────────────────────────────────────

    @invariant()
    def who_holds_or_waits_for_a_turn_is_here_and_in_no_list_twice(self) -> None:
        state, floor = self.room.state, self.room.state.floor
        assert all(state.takes_turns(state.people[who]) for who in (*floor.hands, *floor.to_come))
        assert floor.turn is None or state.takes_turns(state.people[floor.turn.holder_id])
        for order in (floor.hands, floor.to_come, floor.later, floor.done, floor.passed):
            assert len(order) == len(set(order))
        assert set(floor.later) <= set(floor.to_come)
        assert set(floor.passed) <= set(floor.done)
        assert not {*floor.hands, *floor.to_come} & {floor.holder_id}
        assert not set(floor.to_come) & set(floor.done)
        assert floor.going or not floor.to_come
        assert not floor.going or floor.mode is TurnMode.ROUND

    @invariant()
    def at_most_one_who_does_not_lead_is_heard_but_in_an_open_room(self) -> None:
        state, floor = self.room.state, self.room.state.floor
        heard = {p.id for p in state.inside() if not p.is_staff and state.may_be_heard(p)}
        if floor.mode is not TurnMode.OPEN:
            companions = {p.id for p in state.inside() if p.companion_of is not None}
            assert heard - companions <= {floor.holder_id}
            assert all(state.people[who].companion_of == floor.holder_id for who in heard & companions)
        assert not floor.unsaved or not heard

    @invariant()
    def nobody_has_a_microphone_on_who_may_not_be_heard(self) -> None:
        state = self.room.state
        assert all(state.may_be_heard(person) for person in state.inside() if person.microphone or person.screen_audio)

    @invariant()
    def nobody_can_open_in_a_turn_by_a_word_from_before_it(self) -> None:
        state = self.room.state
        if state.floor.mode is TurnMode.OPEN:
            return
        for who, since in self.audible.items():
            person = state.people[who]
            assert person.is_staff or self.told[who, person.closings] >= since

    @invariant()
    def numbers_of_turns_rise(self) -> None:
        floor = self.room.state.floor
        assert not self.numbers or self.numbers[-1] <= floor.newest
        self.numbers.append(floor.newest)
        assert floor.turn is None or floor.turn.number == floor.newest

    @invariant()
    def a_clock_stands_still_while_nobody_leads(self) -> None:
        state = self.room.state
        assert state.paused_until_ms is None or state.floor.turn is None or state.floor.turn.ends_ms is None

    @invariant()
    def the_table_knows_every_phase(self) -> None:
        assert all(after for phases in TRANSITIONS.values() for after in phases.values())


TurnsInARoom.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, derandomize=True, database=None, report_multiple_bugs=False
)
TestTurnsInARoom = TurnsInARoom.TestCase
