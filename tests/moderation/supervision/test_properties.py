"""A room tells, people flag, a disk fails, a server crashes, time passes, therapists act, in any order."""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from moderation.decision import Accepted
from moderation.permissions import Office
from moderation.supervision.commands import (
    About,
    Command,
    CoverAsked,
    CoverOver,
    Fact,
    GroupReturned,
    LobbyUnattended,
    PassTime,
    PersonRemoved,
    RaiseFlag,
    ResolveConcern,
    SeeRoom,
    SessionLed,
    SessionOver,
    TakeConcernOver,
    TakeNote,
)
from moderation.supervision.decide import aftermath, decide
from moderation.supervision.escalation import NEVER, Duty, Someone
from moderation.supervision.events import ConcernEscalated, Event, is_durable
from moderation.supervision.evolve import evolve_all
from moderation.supervision.state import EMPTY
from moderation.supervision.upcasting import VERSIONS, present_event
from moderation.supervision.view import concerns_for, flags_of
from protocol.ids import ConcernId, FlagId, IdentityId
from protocol.supervision import Category, ConcernKind, FlagKind, FlagStatus, Outcome, Resolution, Severity
from protocol.values import Role
from tests.moderation.supervision.stage import about

PEOPLE: Final = [Someone(IdentityId(f"i{n}"), f"Name {n}") for n in range(4)]
THERAPISTS: Final = [Someone(IdentityId(f"t{n}"), f"Therapist {n}") for n in range(3)]
people = st.sampled_from(PEOPLE)
therapists = st.sampled_from(THERAPISTS)
concerned = st.sampled_from([None, *(about(who) for who in PEOPLE), about(THERAPISTS[1], Role.THERAPIST)])
on_duty = st.sets(therapists).map(lambda some: tuple(sorted(some, key=lambda each: each.identity_id)))
LIMITS: Final = {Severity.CRISIS: 60_000, Severity.URGENT: 180_000}


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
    """`log` is what is on the disk, `room` what the room's own log would tell again, `raised` whatever was flagged."""

    def __init__(self) -> None:
        super().__init__()
        self.state = EMPTY
        self.log: list[Event] = []
        self.room: list[Fact] = []
        self.now = 0
        self.removed: set[int] = set()
        self.raised: dict[FlagId, RaiseFlag] = {}
        self.read: set[FlagId] = set()
        self.duty = Duty(responder=(THERAPISTS[0],), working_day_ms=10**9)

    def submit(self, command: Command, *, works: bool) -> tuple[Event, ...]:
        self.now += 1
        decision = decide(self.state, command, self.now, self.duty)
        if not isinstance(decision, Accepted):
            return ()
        if works:
            self.log += decision.events
            self.state = evolve_all(self.state, decision.events)
        else:
            self.state = evolve_all(self.state, aftermath(self.state, decision.events))
        return decision.events

    def nth(self, which: int) -> ConcernId:
        known = list(self.state.concerns)
        return known[which - 1] if which <= len(known) else ConcernId("none")

    # ── what happens ─────────────────────────────────────────────────────────────────────────

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
            assert lasting <= {ConcernKind.REMOVED, ConcernKind.NOBODY_ANSWERS, ConcernKind.FLAGGED}
        assert (ConcernKind.NOBODY_ANSWERS in lasting) == alone

    @rule(
        severity=st.sampled_from(Severity),
        kind=st.sampled_from([FlagKind.REPORT, FlagKind.HELP, FlagKind.CHECK_ON_ME]),
        category=st.sampled_from([Category.CONDUCT, Category.OTHER]),
        by=people,
        whom=concerned,
        works=st.booleans(),
        again=st.booleans(),
    )
    def someone_flags(
        self,
        severity: Severity,
        kind: FlagKind,
        category: Category,
        by: Someone,
        whom: About | None,
        works: bool,
        again: bool,
    ) -> None:
        flag = RaiseFlag(FlagId(f"f{len(self.raised)}"), kind, severity, category, by, Role.PARTICIPANT, whom)
        if again and self.raised:
            flag = self.raised[FlagId(f"f{len(self.raised) - 1}")]
        self.raised[flag.flag_id] = flag
        before = self.state.flags.get(flag.flag_id)
        self.submit(flag, works=works)
        assert before in (None, self.state.flags[flag.flag_id])

    @rule(by=therapists, which=st.integers(1, 12), seen=st.integers(0, 3), works=st.booleans())
    def a_therapist_takes_note(self, by: Someone, which: int, seen: int, works: bool) -> None:
        concern_id = self.nth(which)
        concern = self.state.concerns.get(concern_id)
        if concern is None or concern.person == by.identity_id:
            before = self.state
            self.submit(TakeNote(by, Office.ASSIGNED, concern_id, seen), works=works)
            assert self.state == before
            return
        self.submit(TakeNote(by, Office.ASSIGNED, concern_id, seen), works=works)
        if works:
            self.read |= {flag.raised.flag_id for flag in concern.flags[:seen]}

    @rule(by=therapists, which=st.integers(1, 12), seen=st.integers(0, 3), works=st.booleans())
    def a_therapist_takes_over_or_resolves(self, by: Someone, which: int, seen: int, works: bool) -> None:
        concern_id = self.nth(which)
        self.submit(TakeConcernOver(by, Office.ASSIGNED, concern_id), works=works)
        done = ResolveConcern(
            by, Office.ASSIGNED, concern_id, resolution=Resolution(Outcome.SPOKE, "Spoke."), flags=seen
        )
        self.submit(done, works=works)
        concern = self.state.concerns.get(concern_id)
        if concern is not None and concern.resolution is not None:
            assert {flag.raised.flag_id for flag in concern.flags} <= self.read

    @rule(responder=on_duty, backup=on_duty, lead=on_duty, on_call=on_duty, engaged=st.booleans())
    def others_are_on_duty(
        self,
        responder: tuple[Someone, ...],
        backup: tuple[Someone, ...],
        lead: tuple[Someone, ...],
        on_call: tuple[Someone, ...],
        engaged: bool,
    ) -> None:
        self.duty = replace(self.duty, responder=responder, backup=backup, lead=lead, on_call=on_call, engaged=engaged)

    @rule(by_ms=st.sampled_from([1, 30_000, 59_999, 60_000, 200_000, 4_000_000]), works=st.booleans())
    def time_passes(self, by_ms: int, works: bool) -> None:
        until = self.now + by_ms
        self.now = max(self.now, until)
        before = {each.id: each for each in self.state.concerns.values()}
        for event in self.submit(PassTime(), works=works):
            if isinstance(event, ConcernEscalated) and event.at_ms == self.now:
                assert NEVER != before[event.concern_id].due_ms <= self.now
                assert not before[event.concern_id].acknowledged
        late = [each for each in self.state.concerns.values() if each.runs and NEVER != each.due_ms <= self.now]
        assert not late

    @rule()
    def the_disk_works_again(self) -> None:
        self.submit(PassTime(), works=True)
        assert not self.state.unstored

    @rule()
    def the_server_crashes(self) -> None:
        """Loaded again from the disk, and told again what the room's log holds since, and what clients send again."""
        stored = [each for each in self.log if is_durable(each)]
        self.state = evolve_all(EMPTY, stored)
        for told in self.room[self.state.room_seq :]:
            self.submit(told, works=True)
        for flag in self.raised.values():
            self.submit(flag, works=True)

    # ── what holds ───────────────────────────────────────────────────────────────────────────

    @invariant()
    def nobody_is_removed_unnoticed_or_twice(self) -> None:
        seqs = [each.room_seq for each in self.state.concerns.values() if each.kind is ConcernKind.REMOVED]
        assert sorted(seqs) == sorted(self.removed)

    @invariant()
    def no_flag_is_lost_or_there_twice(self) -> None:
        there = [flag.raised.flag_id for each in self.state.concerns.values() for flag in each.flags]
        assert sorted(there) == sorted(self.raised)
        assert set(self.state.flags) == set(there)

    @invariant()
    def what_presses_has_a_clock_that_is_not_too_late(self) -> None:
        for concern in self.state.concerns.values():
            limit = LIMITS.get(concern.pressing)
            if concern.runs and limit is not None and concern.step != "contact":
                assert concern.due_ms <= self.now + limit
                assert concern.due_ms != NEVER

    @invariant()
    def open_flags_on_one_person_are_one_concern(self) -> None:
        on = [
            each.person for each in self.state.concerns.values() if each.flags and each.person and not each.resolution
        ]
        assert len(on) == len(set(on))

    @invariant()
    def the_disk_and_what_is_held_make_the_state(self) -> None:
        assert all(is_durable(each) for each in self.log)
        on_disk = evolve_all(EMPTY, self.log)
        held = evolve_all(on_disk, self.state.unstored)
        told = {each.id: (each.step, each.due_ms, each.severity, each.over) for each in self.state.concerns.values()}
        assert told == {each.id: (each.step, each.due_ms, each.severity, each.over) for each in held.concerns.values()}

    @invariant()
    def everything_stored_can_be_read(self) -> None:
        if self.log:
            last = self.log[-1]
            tag = str(type(last).__struct_config__.tag)
            assert present_event(tag, VERSIONS[tag], msgspec.msgpack.encode(last)) == last

    @invariant()
    def nobody_sees_what_concerns_themselves_and_open_ones_come_first(self) -> None:
        for person in (*PEOPLE, *THERAPISTS):
            for office in (Office.ASSIGNED, Office.ON_CALL, Office.CLINICAL_LEAD):
                seen = concerns_for(self.state, self.state, person.identity_id, office, self.duty)
                assert person.name not in {each.person for each in seen}
                noted = [each.acknowledged for each in seen]
                assert noted == sorted(noted)
                shown = [(each.kind, each.person) for each in seen if not each.acknowledged and not each.flags]
                assert len(shown) == len(set(shown))

    @invariant()
    def each_raiser_sees_their_own_and_whether_it_was_read(self) -> None:
        for person in PEOPLE:
            own = flags_of(self.state, self.state, person.identity_id, Role.PARTICIPANT, Duty())
            assert {each.id for each in own} == {flag.flag_id for flag in self.raised.values() if flag.by == person}
            for each in own:
                if each.status is FlagStatus.READ:
                    assert each.id in self.read


Supervised.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_supervision_holds_whatever_happens = Supervised.TestCase
