"""A room tells, a disk fails, a server crashes, therapists take note, in any order."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from moderation.decision import Accepted
from moderation.permissions import Office
from moderation.supervision.commands import (
    Command,
    CoverAsked,
    CoverOver,
    Fact,
    GroupReturned,
    LobbyUnattended,
    PassTime,
    PersonRemoved,
    SeeRoom,
    SessionLed,
    SessionOver,
    TakeNote,
)
from moderation.supervision.decide import aftermath, decide, next_deadline
from moderation.supervision.escalation import Duty, Someone
from moderation.supervision.events import Event, is_durable
from moderation.supervision.evolve import evolve_all
from moderation.supervision.state import EMPTY
from moderation.supervision.upcasting import VERSIONS, present_event
from moderation.supervision.view import concerns_for
from protocol.ids import ConcernId, IdentityId
from protocol.supervision import ConcernKind

PEOPLE = [Someone(IdentityId(f"i{n}"), f"Name {n}") for n in range(4)]
people = st.sampled_from(PEOPLE)


def fact(seq: int, which: int, who: Someone, by: Someone) -> Fact:
    facts: tuple[Fact, ...] = (
        CoverAsked(seq, who),
        CoverOver(seq, who.identity_id),
        LobbyUnattended(seq),
        GroupReturned(seq),
        SessionLed(seq),
        SessionOver(seq),
        PersonRemoved(seq, who, by),
    )
    return facts[which]


class Supervised(RuleBasedStateMachine):
    """`log` is what is on the disk, `room` what the room's own log would tell again."""

    def __init__(self) -> None:
        super().__init__()
        self.state = EMPTY
        self.log: list[Event] = []
        self.room: list[Fact] = []
        self.now = 0
        self.removed: set[int] = set()

    def submit(self, command: Command, *, works: bool) -> None:
        self.now += 1
        decision = decide(self.state, command, self.now, Duty())
        if not isinstance(decision, Accepted):
            return
        if works:
            self.log += decision.events
            self.state = evolve_all(self.state, decision.events)
        else:
            self.state = evolve_all(self.state, aftermath(self.state, decision.events))

    @rule(which=st.integers(0, 6), who=people, by=people, works=st.booleans())
    def the_room_tells(self, which: int, who: Someone, by: Someone, works: bool) -> None:
        told = fact(len(self.room) + 1, which, who, by)
        self.room.append(told)
        if isinstance(told, PersonRemoved):
            self.removed.add(told.room_seq)
        self.submit(told, works=works)

    @rule(paused=st.booleans(), led=st.booleans(), late=st.booleans(), alone=st.booleans(), works=st.booleans())
    def the_room_is_seen(self, paused: bool, led: bool, late: bool, alone: bool, works: bool) -> None:
        led, alone = led and not paused, alone and not paused
        self.submit(SeeRoom(len(self.room), paused, led, late, alone), works=works)
        lasting = {each.kind for each in self.state.concerns.values() if not each.over}
        if paused:
            assert lasting & {ConcernKind.LEADER_LOST, ConcernKind.COVER_NEEDED}
        elif led:
            assert lasting <= {ConcernKind.REMOVED, ConcernKind.NOBODY_ANSWERS}
        assert (ConcernKind.NOBODY_ANSWERS in lasting) == alone

    @rule(by=people, which=st.integers(1, 12), works=st.booleans())
    def a_therapist_takes_note(self, by: Someone, which: int, works: bool) -> None:
        concern = self.state.concerns.get(ConcernId(f"c{which}"))
        known = concern is not None and concern.acknowledged
        self.submit(TakeNote(by, Office.ASSIGNED, ConcernId(f"c{which}")), works=works)
        now = self.state.concerns.get(ConcernId(f"c{which}"))
        if concern is not None and concern.person == by.identity_id:
            assert now is not None
            assert now.acknowledged == known

    @rule()
    def the_disk_works_again(self) -> None:
        self.submit(PassTime(), works=True)
        assert next_deadline(self.state) is None

    @rule()
    def the_server_crashes(self) -> None:
        """Loaded again from the disk, and told again what the room's log holds since."""
        stored = [each for each in self.log if is_durable(each)]
        self.state = evolve_all(EMPTY, stored)
        for told in self.room[self.state.room_seq :]:
            self.submit(told, works=True)

    @invariant()
    def nobody_is_removed_unnoticed_or_twice(self) -> None:
        seqs = [each.room_seq for each in self.state.concerns.values() if each.kind is ConcernKind.REMOVED]
        assert sorted(seqs) == sorted(self.removed)

    @invariant()
    def the_disk_and_what_is_held_make_the_state(self) -> None:
        assert all(is_durable(each) for each in self.log)
        on_disk = evolve_all(EMPTY, self.log)
        assert evolve_all(on_disk, self.state.unstored).concerns == self.state.concerns

    @invariant()
    def everything_stored_can_be_read(self) -> None:
        if self.log:
            last = self.log[-1]
            tag = str(type(last).__struct_config__.tag)
            assert present_event(tag, VERSIONS[tag], msgspec.msgpack.encode(last)) == last

    @invariant()
    def nobody_sees_what_concerns_themselves_and_open_ones_come_first(self) -> None:
        for person in PEOPLE:
            seen = concerns_for(self.state, self.state, person.identity_id, Office.ASSIGNED, Duty())
            assert person.name not in {each.person for each in seen}
            noted = [each.acknowledged for each in seen]
            assert noted == sorted(noted)
            shown = [(each.kind, each.person) for each in seen if not each.acknowledged]
            assert len(shown) == len(set(shown))


Supervised.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_supervision_holds_whatever_happens = Supervised.TestCase
