"""People flag, therapists handle and listen, time passes, a disk fails, in any order: nobody listens without a right,
and whom a flag concerns cannot tell from any answer that it is there."""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from moderation.decision import Accepted, Rejection
from moderation.permissions import Office
from moderation.supervision.commands import (
    Command,
    Listen,
    Mentor,
    Monitor,
    RaiseFlag,
    ResolveConcern,
    ReviewGlass,
    RoomFacts,
    SendWhisper,
    SessionOver,
    SpeakTo,
    StepIn,
    StopListening,
    TakeNote,
)
from moderation.supervision.escalation import Someone
from moderation.supervision.events import ConcernResolved, Event, FlagRaised, Held, MonitoringBegan, MonitoringEnded
from moderation.supervision.monitoring import listening_view
from protocol.ids import ConcernId, FlagId, GlassId, IdentityId, ParticipantId, WhisperId
from protocol.monitoring import Finding, ListeningView, MonitoringEnd
from protocol.supervision import Category, FlagKind, Severity, Step
from protocol.values import Role
from tests.moderation.supervision.stage import BEN, DANA, DONE, ELLIE, MARIA, OMAR, RUTH, TOMAS, Stage, about

THERAPISTS: Final = {RUTH: Office.ASSIGNED, BEN: Office.ASSIGNED, OMAR: Office.ON_CALL, MARIA: Office.CLINICAL_LEAD}
GIVES: Final = (Severity.CONCERN, Severity.URGENT, Severity.CRISIS)
REASON: Final = "Nobody leads, and the group is agitated."

therapists = st.sampled_from(sorted(THERAPISTS, key=lambda each: each.identity_id))
raisers = st.sampled_from([(TOMAS, Role.PARTICIPANT), (DANA, Role.MENTOR), (RUTH, Role.THERAPIST)])
concerned = st.sampled_from(
    [None, about(ELLIE), about(DANA, Role.MENTOR), about(RUTH, Role.THERAPIST), about(OMAR, Role.THERAPIST)]
)
rooms = st.builds(
    RoomFacts,
    live=st.sampled_from([True, True, False]),
    consented=st.sampled_from([True, True, False]),
    mentors=st.just((Mentor(DANA.identity_id, ParticipantId("p-Dana"), "Dana"),)),
)


class Apart:
    """The stream as it is, and for one therapist as it would be had nobody ever flagged them."""

    def __init__(self, who: Someone) -> None:
        self.who = who
        self.stage = Stage()

    def asks(self, command: Monitor) -> object:
        """The answer, without what is only stored with it."""
        return said(self.stage, command)

    def view(self, room: RoomFacts) -> ListeningView:
        return seen(self.stage, self.who, room)


def said(stage: Stage, command: Monitor) -> object:
    decision = stage.decide(command)
    if isinstance(decision, Rejection):
        return decision
    return tuple(each for each in decision.events if each not in stage.state.unstored)


def seen(stage: Stage, who: Someone, room: RoomFacts) -> ListeningView:
    return listening_view(stage.state, stage.state, who.identity_id, THERAPISTS[who], room)


class Rights(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.apart = (Apart(RUTH), Apart(OMAR))
        self.stored: list[Event] = []
        self.about: dict[ConcernId, IdentityId | None] = {}
        self.numbers = 0
        self.room_seq = 0

    def submit(self, command: Command, about: IdentityId | None, *, works: bool) -> None:
        """To the stream, and to those in which whatever is about that person happens."""
        stages = (self.stage, *(each.stage for each in self.apart if each.who.identity_id != about or about is None))
        for stage in stages:
            decision = stage.decide(command)
            if not isinstance(decision, Accepted):
                continue
            if not works:
                stage.lose(command)
                continue
            events = stage.do(command)
            if stage is self.stage:
                self.stored += events

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    @rule(
        severity=st.sampled_from(Severity),
        category=st.sampled_from([Category.OTHER, Category.CONDUCT, Category.TECHNICAL]),
        raiser=raisers,
        whom=concerned,
        works=st.sampled_from([True, True, False]),
    )
    def someone_flags(self, severity, category, raiser, whom, works) -> None:  # type: ignore[no-untyped-def]
        by, role = raiser
        self.numbers += 1
        flag = FlagId(f"f{self.numbers}")
        kind = FlagKind.REPORT if role is Role.PARTICIPANT else FlagKind.FLAG
        asked = RaiseFlag(flag, kind, severity, category, by, role, whom)
        person = None if whom is None else whom.identity_id
        self.about.setdefault(ConcernId(flag), person)
        self.submit(asked, person, works=works)

    @rule(by=therapists, which=st.integers(0, 5), resolves=st.booleans(), works=st.booleans())
    def a_therapist_handles(self, by: Someone, which: int, resolves: bool, works: bool) -> None:
        known = list(self.stage.state.concerns)
        if which >= len(known):
            return
        concern = known[which]
        flags = len(self.stage.state.concerns[concern].flags)
        person = self.about.get(concern)
        self.submit(TakeNote(by, THERAPISTS[by], concern, flags), person, works=works)
        if resolves:
            resolution = ResolveConcern(by, THERAPISTS[by], concern, resolution=DONE, flags=flags)
            self.submit(resolution, person, works=works)

    @rule(by=therapists, room=rooms, reason=st.sampled_from(["", "", REASON, "short"]), works=st.booleans())
    def a_therapist_listens(self, by: Someone, room: RoomFacts, reason: str, works: bool) -> None:
        self.numbers += 1
        asked = Listen(by=by, capacity=THERAPISTS[by], room=room, reason=reason, glass_id=GlassId(f"g{self.numbers}"))
        if isinstance(self.stage.decide(asked), Accepted):
            assert room.live
            assert room.consented
        self.asks_alike(by, asked, room)
        self.submit(asked, None, works=works)

    @rule(by=therapists, why=st.sampled_from([MonitoringEnd.STOPPED, MonitoringEnd.CONSENT]), works=st.booleans())
    def a_therapist_stops(self, by: Someone, why: MonitoringEnd, works: bool) -> None:
        self.submit(StopListening(by.identity_id, why), None, works=works)
        assert by.identity_id not in self.stage.state.listening

    @rule(by=therapists, room=rooms, what=st.integers(0, 3))
    def a_therapist_asks_for_more(self, by: Someone, room: RoomFacts, what: int) -> None:
        self.numbers += 1
        office = THERAPISTS[by]
        mine = next((each.id for each in self.stage.state.glass.values() if each.by == by), GlassId("none"))
        asked: tuple[Monitor, ...] = (
            StepIn(by, office),
            SpeakTo(by, office, DANA),
            SendWhisper(by, office, WhisperId(f"w{self.numbers}"), DANA, "Ask how she slept."),
            ReviewGlass(by, office, mine, Finding.IN_ORDER),
        )
        self.asks_alike(by, asked[what], room)
        if isinstance(asked[what], ReviewGlass):
            assert isinstance(self.stage.decide(asked[what]), Rejection)
        self.submit(asked[what], None, works=True)

    def asks_alike(self, by: Someone, asked: Monitor, room: RoomFacts) -> None:
        for each in self.apart:
            if each.who == by:
                assert said(self.stage, asked) == each.asks(asked)
                assert seen(self.stage, by, room) == each.view(room)

    @rule(minutes=st.sampled_from([0, 1, 3, 16]))
    def time_passes(self, minutes: int) -> None:
        to_ms = self.stage.now_ms + minutes * 60_000 + 1
        self.stored += self.stage.wait(to_ms)
        for each in self.apart:
            each.stage.wait(to_ms)

    @rule(chance=st.integers(0, 9))
    def the_session_ends(self, chance: int) -> None:
        if not chance:
            self.room_seq += 1
            self.submit(SessionOver(self.room_seq), None, works=True)
            assert not self.stage.state.listening

    # ── what holds ───────────────────────────────────────────────────────────────────────────

    @invariant()
    def nobody_listens_without_a_right(self) -> None:
        for identity, each in self.stage.state.listening.items():
            if each.glass_id is not None:
                assert self.stage.now_ms < each.until_ms
            else:
                assert self.has_flag(identity)

    @invariant()
    def who_listens_is_written_down_as_listening(self) -> None:
        began: set[IdentityId] = set()
        for event in self.stored:
            if isinstance(event, MonitoringBegan):
                assert event.by not in began
                began.add(event.by)
            elif isinstance(event, MonitoringEnded):
                assert event.by in began
                began.discard(event.by)
        held = {each.by for each in self.stage.state.unstored if isinstance(each, MonitoringEnded)}
        assert set(self.stage.state.listening) == began - held

    @invariant()
    def whom_flags_concern_cannot_tell(self) -> None:
        room = RoomFacts(live=True, consented=True)
        for each in self.apart:
            assert seen(self.stage, each.who, room) == each.view(room)

    def has_flag(self, identity: IdentityId) -> bool:
        """By what was raised and resolved alone."""
        raised = [*self.stored, *self.stage.state.unstored]
        resolved = {each.concern_id for each in raised if isinstance(each, ConcernResolved)}
        office = next(office for who, office in THERAPISTS.items() if who.identity_id == identity)
        for each in raised:
            flag = each.event if isinstance(each, Held) else each
            if (
                isinstance(flag, FlagRaised)
                and flag.concern_id not in resolved
                and flag.severity in GIVES
                and flag.category is not Category.TECHNICAL
                and identity not in (flag.by, flag.person)
                and self.reached(flag.concern_id, office)
            ):
                return True
        return False

    def reached(self, concern: ConcernId, office: Office) -> bool:
        step = self.stage.state.concerns[concern].step
        match office:
            case Office.ON_CALL:
                return step in (Step.ON_CALL, Step.CONTACT)
            case Office.CLINICAL_LEAD:
                return step in (Step.LEAD, Step.CONTACT)
            case _:
                return True


TestRights = Rights.TestCase
TestRights.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
