"""People raise flags; they join; therapists acknowledge, take over and resolve them; raisers see their own."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from moderation.decision import Accepted
from moderation.permissions import Action, Office
from moderation.supervision.commands import About, PassTime, PersonRemoved, SessionOver
from moderation.supervision.decide import next_deadline
from moderation.supervision.escalation import Someone
from moderation.supervision.events import FlagRaised, Held
from moderation.supervision.evolve import evolve_all
from moderation.supervision.state import EMPTY
from moderation.supervision.view import concerns_for, flags_of, in_unanswered_crisis, unanswered_crisis
from protocol.errors import ErrorCode
from protocol.supervision import Category, FlagKind, FlagStatus, Outcome, Resolution, Severity, StateReport, Step
from protocol.values import Role
from tests.moderation.supervision.stage import (
    BEN,
    DANA,
    DONE,
    ELLIE,
    MARIA,
    OMAR,
    ON_DUTY,
    RUTH,
    TOMAS,
    Stage,
    about,
    refused,
    reported,
)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# ── raising ───────────────────────────────────────────────────────────────────────────────────


def test_a_flag_tells_therapists_what_was_seen_by_whom(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS), category=Category.SELF_HARM, text="Not alone tonight."))

    (seen,) = stage.seen()
    (flag,) = seen.flags
    assert (seen.severity, seen.person, seen.participant_id, seen.acknowledged) == (
        Severity.CRISIS, "Tomas", "p-Tomas", False
    )  # fmt: skip
    assert (flag.by, flag.by_role, flag.category, flag.text, flag.about_self) == (
        "Dana", Role.MENTOR, Category.SELF_HARM, "Not alone tonight.", False
    )  # fmt: skip


@pytest.mark.parametrize("kind", [FlagKind.FLAG, FlagKind.LEFT_UPSET])
def test_a_participant_reports_and_calls_but_does_not_flag(stage: Stage, kind: FlagKind) -> None:
    asked = stage.flag(about=about(TOMAS), by=ELLIE, role=Role.PARTICIPANT, kind=kind)

    assert refused(stage.decide(asked)).denied is Action.FLAG


@pytest.mark.parametrize(
    "whom", [about(ELLIE), about(TOMAS), about(DANA, Role.MENTOR), about(RUTH, Role.THERAPIST), None]
)
@pytest.mark.parametrize("kind", [FlagKind.REPORT, FlagKind.HELP, FlagKind.CHECK_ON_ME])
def test_a_participant_reports_and_calls_about_anyone(stage: Stage, whom: About | None, kind: FlagKind) -> None:
    assert isinstance(stage.decide(stage.flag(about=whom, by=ELLIE, role=Role.PARTICIPANT, kind=kind)), Accepted)


def test_a_flag_sent_twice_is_one(stage: Stage) -> None:
    flag = stage.flag(about=about(TOMAS))
    stage.do(flag)

    assert stage.do(flag) == ()
    assert len(stage.seen()[0].flags) == 1


def test_another_flag_under_the_same_id_is_refused(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS), flag_id="f"))

    for other in (
        stage.flag(about=about(ELLIE), flag_id="f"),
        stage.flag(about=about(TOMAS), by=ELLIE, flag_id="f"),
        stage.flag(Severity.NOTE, about(TOMAS), flag_id="f"),
    ):
        assert refused(stage.decide(other)).code is ErrorCode.CONFLICT


# ── joining ───────────────────────────────────────────────────────────────────────────────────


def test_flags_on_one_person_join_with_the_highest_severity_and_the_earliest_clock(stage: Stage) -> None:
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))
    due = stage.concern().due_ms
    stage.now_ms += 30_000
    stage.do(stage.flag(Severity.NOTE, about(TOMAS), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT))

    (seen,) = stage.seen()
    assert (seen.severity, len(seen.flags), seen.due_ms, seen.at_ms) == (Severity.URGENT, 2, due, 1_000)


def test_a_crisis_that_joins_counts_from_the_first_flag(stage: Stage) -> None:
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))
    stage.now_ms += 20_000
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    assert stage.concern().due_ms == 1_000 + 60_000

    stage.now_ms += 100_000
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))
    stage.now_ms += 70_000
    stage.do(stage.flag(Severity.CRISIS, about(ELLIE)))
    assert stage.concern("c2").due_ms == stage.now_ms


def test_a_crisis_that_joins_a_note_does_not_wait_for_the_working_day(stage: Stage) -> None:
    stage.do(stage.flag(Severity.NOTE, about(TOMAS)))
    assert stage.concern().due_ms == stage.duty.working_day_ms
    stage.now_ms += 500_000
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    assert stage.concern().due_ms == stage.now_ms


def test_flags_on_others_and_on_the_session_stay_apart_by_what_they_are_about(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.flag(about=about(ELLIE)))
    for category in (Category.TECHNICAL, Category.CONDUCT, Category.TECHNICAL):
        stage.do(stage.flag(category=category))

    assert [(each.person, len(each.flags)) for each in stage.seen()] == [("", 1), ("", 2), ("Ellie", 1), ("Tomas", 1)]


def test_a_flag_on_what_was_acknowledged_waits_again_from_its_own_time(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.do(stage.note())
    stage.now_ms += 500_000
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))

    (seen,) = stage.seen()
    assert (seen.acknowledged, seen.at_ms, seen.due_ms) == (False, stage.now_ms, stage.now_ms + 180_000)
    assert [flag.acknowledged for flag in seen.flags] == [True, False]


def test_a_flag_after_the_resolution_is_a_concern_of_its_own(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.note())
    stage.do(stage.resolve())
    stage.do(stage.flag(about=about(TOMAS)))

    assert [(each.id, each.resolution is None) for each in stage.seen()] == [("f2", True), ("f1", False)]


# ── handling ──────────────────────────────────────────────────────────────────────────────────


def test_a_flag_that_came_meanwhile_is_not_acknowledged_unseen(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    due = stage.concern().due_ms

    stage.do(stage.note(flags=1))

    assert not stage.concern().acknowledged
    assert stage.concern().due_ms == due
    assert stage.do(stage.note(flags=1)) == ()
    stage.do(stage.note(flags=7))
    assert stage.concern().acknowledged
    assert next_deadline(stage.state) is None


def test_to_have_seen_none_of_the_flags_acknowledges_nothing(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))

    assert stage.do(stage.note(flags=0)) == ()


def test_who_acknowledges_holds_it_until_another_takes_it_over(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    assert refused(stage.decide(stage.over(BEN))).code is ErrorCode.UNEXPECTED
    stage.do(stage.note())
    assert (stage.seen()[0].holder, stage.seen()[0].mine, stage.seen(BEN)[0].mine) == ("Ruth", True, False)

    stage.now_ms += 5
    stage.do(stage.over(BEN))

    assert (stage.seen(BEN)[0].holder, stage.seen(BEN)[0].mine, stage.seen()[0].held_ms) == ("Ben", True, stage.now_ms)
    assert stage.do(stage.over(BEN)) == ()
    stage.do(stage.resolve(by=BEN))
    assert refused(stage.decide(stage.over(RUTH))).code is ErrorCode.UNEXPECTED


def test_what_was_not_acknowledged_cannot_be_resolved(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    assert refused(stage.decide(stage.resolve())).code is ErrorCode.UNEXPECTED
    assert refused(stage.decide(stage.resolve(concern="c9"))).code is ErrorCode.NOT_FOUND


def test_a_resolution_that_knows_of_fewer_flags_is_refused(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.note(flags=2))

    assert refused(stage.decide(stage.resolve(flags=1))).code is ErrorCode.CONFLICT


def test_a_resolution_stays_as_it_is(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.note())
    stage.do(stage.resolve())

    assert stage.do(stage.resolve()) == ()
    other = Resolution(Outcome.NO_ACTION)
    assert refused(stage.decide(stage.resolve(resolution=other))).code is ErrorCode.CONFLICT
    assert (stage.seen()[0].resolution, stage.seen()[0].resolved_ms) == (DONE, stage.now_ms)
    assert not stage.concern().open


@pytest.mark.parametrize("note", ["", " \n"])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_was_done_is_resolved_with_a_note(stage: Stage, outcome: Outcome, note: str) -> None:
    stage.do(stage.flag())
    stage.do(stage.note())
    empty = stage.resolve(resolution=Resolution(outcome, note))
    if outcome is Outcome.NO_ACTION:
        stage.do(empty)
    else:
        assert refused(stage.decide(empty)).code is ErrorCode.INVALID_FIELD
        stage.do(stage.resolve(resolution=Resolution(outcome, "Spoke with her.")))
    assert stage.concern().resolution


def test_abuse_or_neglect_is_resolved_only_with_whether_it_was_reported(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS), category=Category.ABUSE_OR_NEGLECT))
    stage.do(stage.note())
    assert refused(stage.decide(stage.resolve())).code is ErrorCode.INVALID_FIELD
    stage.do(stage.resolve(resolution=reported(StateReport.NOT_MADE)))

    stage.do(stage.flag(about=about(ELLIE)))
    stage.do(stage.note(concern="c2"))
    made = stage.resolve(concern="c2", resolution=reported(StateReport.MADE))
    assert refused(stage.decide(made)).code is ErrorCode.INVALID_FIELD


@pytest.mark.parametrize("office", [Office.ADMIN, Office.ON_CALL, Office.CLINICAL_LEAD])
def test_nobody_handles_or_sees_what_has_not_reached_them(stage: Stage, office: Office) -> None:
    stage.do(stage.flag(about=about(TOMAS)))

    assert stage.seen(OMAR, office) == ()
    assert refused(stage.decide(stage.note(by=OMAR, office=office))).denied is Action.ACKNOWLEDGE_FLAG
    stage.do(stage.note())
    assert refused(stage.decide(stage.over(OMAR, office=office))).denied is Action.ACKNOWLEDGE_FLAG


def test_a_flag_on_its_way_to_the_disk_keeps_an_acknowledged_concern_waiting(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.note())
    decision = stage.decide(stage.flag(about=about(TOMAS)))
    assert isinstance(decision, Accepted)
    pending = evolve_all(stage.state, decision.events)

    (seen,) = concerns_for(pending, stage.state, RUTH.identity_id, Office.ASSIGNED, stage.duty)
    assert not seen.acknowledged


# ── about a therapist ─────────────────────────────────────────────────────────────────────────


def test_a_flag_about_a_therapist_goes_past_them(stage: Stage) -> None:
    report = stage.flag(
        Severity.URGENT, about(RUTH, Role.THERAPIST), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT
    )
    stage.do(report)

    assert stage.seen(RUTH) == ()
    (seen,) = stage.seen(BEN)
    assert (seen.step, seen.yours, seen.then, seen.then_names) == (Step.BACKUP, True, Step.LEAD, ("Maria",))
    assert refused(stage.decide(stage.note(by=RUTH))).denied is Action.ACKNOWLEDGE_FLAG
    assert stage.seen(MARIA, Office.CLINICAL_LEAD) == stage.seen(OMAR, Office.ON_CALL) == ()

    stage.wait(1_000 + 180_000)

    assert stage.seen(MARIA, Office.CLINICAL_LEAD)[0].yours
    assert stage.seen(OMAR, Office.ON_CALL) == stage.seen(RUTH) == ()
    stage.do(stage.note(by=MARIA, office=Office.CLINICAL_LEAD))


def test_what_is_hidden_leaves_no_gap_in_what_concerns_are_called(stage: Stage) -> None:
    called = []
    for hidden in (False, True):
        there = Stage()
        there.do(there.flag(about=about(TOMAS), flag_id="one"))
        there.do(PersonRemoved(3, ELLIE, DANA))
        if hidden:
            there.do(there.flag(about=about(RUTH, Role.THERAPIST), flag_id="two"))
        there.do(there.flag(about=about(ELLIE), flag_id="three"))
        there.do(PersonRemoved(5, TOMAS, DANA))
        called.append([each.id for each in there.seen()])

    assert called[0] == called[1]


def test_a_flag_about_a_backup_is_told_to_who_answers(stage: Stage) -> None:
    stage.do(stage.flag(about=about(BEN, Role.THERAPIST)))

    assert stage.seen(RUTH)[0].yours
    assert stage.seen(BEN) == ()


# ── what raisers see ──────────────────────────────────────────────────────────────────────────


def test_each_raiser_sees_only_their_own(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.now_ms += 1
    stage.do(stage.flag(about=about(TOMAS), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT))
    stage.do(stage.note(flags=2))

    assert [(each.id, each.status) for each in stage.own(ELLIE)] == [("f2", FlagStatus.READ)]
    assert [(each.id, each.status) for each in stage.own(DANA, Role.MENTOR)] == [("f1", FlagStatus.ACKNOWLEDGED)]
    assert stage.own(TOMAS) == stage.own(DANA, Office.ADMIN) == ()
    stage.do(stage.resolve(flags=2))
    assert [each.status for each in stage.own(ELLIE)] == [FlagStatus.READ]
    assert [each.status for each in stage.own(DANA, Role.MENTOR)] == [FlagStatus.RESOLVED]


def test_a_flag_of_ones_own_is_not_read_because_another_was(stage: Stage) -> None:
    stage.do(stage.flag(about=about(ELLIE)))
    stage.do(stage.note())
    stage.do(stage.flag(about=about(ELLIE), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.HELP))

    assert [each.status for each in stage.own(ELLIE)] == [FlagStatus.RECEIVED]


def test_where_someone_is_may_be_read_while_a_crisis_of_ones_own_waits(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))
    stage.do(stage.flag(Severity.CRISIS))

    assert in_unanswered_crisis(stage.state, DANA.identity_id) == {TOMAS.identity_id}
    assert in_unanswered_crisis(stage.state, ELLIE.identity_id) == frozenset()
    stage.do(stage.note())
    assert in_unanswered_crisis(stage.state, DANA.identity_id) == frozenset()


def test_who_raised_a_crisis_is_told_since_when_it_waits_and_who_is_asked(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))
    assert unanswered_crisis(stage.state, DANA.identity_id, stage.duty, stage.now_ms) == (1_000, ("Ruth",))
    stage.wait(61_000)
    assert unanswered_crisis(stage.state, DANA.identity_id, stage.duty, stage.now_ms) == (1_000, ("Ruth", "Ben"))
    assert unanswered_crisis(stage.state, ELLIE.identity_id, stage.duty, stage.now_ms) is None
    stage.do(stage.note())
    assert unanswered_crisis(stage.state, DANA.identity_id, stage.duty, stage.now_ms) is None


def test_a_crisis_of_ones_own_does_not_tell_how_far_the_flags_of_others_have_gone(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(ELLIE)))
    stage.wait(130_000)
    stage.do(stage.flag(Severity.CRISIS, about(ELLIE), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.HELP))

    assert unanswered_crisis(stage.state, ELLIE.identity_id, stage.duty, stage.now_ms) == (130_000, ("Ruth",))


# ── when nothing can be stored ────────────────────────────────────────────────────────────────


def test_a_flag_that_cannot_be_stored_is_shown_as_such_and_stored_later_once(stage: Stage) -> None:
    flag = stage.flag(about=about(TOMAS))
    stage.lose(flag)
    assert (stage.seen()[0].unstored, stage.seen()[0].flags[0].unstored) == (True, True)
    assert stage.own(DANA, Role.MENTOR)[0].unstored

    events = stage.do(flag)

    assert [type(event) for event in events] == [FlagRaised]
    assert not stage.seen()[0].unstored
    assert evolve_all(EMPTY, events) == stage.state
    assert stage.do(flag) == ()


def test_what_is_on_its_way_to_the_disk_is_not_stored(stage: Stage) -> None:
    decision = stage.decide(stage.flag(about=about(TOMAS)))
    assert isinstance(decision, Accepted)
    pending = evolve_all(EMPTY, decision.events)

    (seen,) = concerns_for(pending, EMPTY, RUTH.identity_id, Office.ASSIGNED, stage.duty)
    assert seen.unstored
    (own,) = flags_of(pending, EMPTY, DANA.identity_id, Role.MENTOR, stage.duty)
    assert (own.status, own.unstored) == (FlagStatus.RECEIVED, True)


def test_an_acknowledgement_and_a_resolution_that_could_not_be_stored_do_not_hold(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.lose(stage.note())
    assert not stage.concern().acknowledged
    stage.do(stage.note())
    stage.lose(stage.over(BEN), stage.resolve(by=BEN))
    assert (stage.concern().holder, stage.concern().resolution) == (RUTH, None)


def test_what_is_held_holds_in_the_order_in_which_it_came(stage: Stage) -> None:
    """Stored later, nothing of it undoes what came after it."""
    stage.lose(stage.flag(Severity.URGENT, about(TOMAS)))
    stage.now_ms += 180_000
    assert next_deadline(stage.state) == 0
    stage.lose(PassTime())
    stage.now_ms += 5_000
    stage.lose(stage.flag(Severity.CRISIS, about(TOMAS)))
    before = stage.concern()

    events = stage.do(PassTime())

    assert stage.concern() == before == evolve_all(EMPTY, events).concerns[before.id]
    assert all(not isinstance(event, Held) for event in events)


def test_what_a_session_ends_with_is_told_once(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CONCERN, about(TOMAS)))
    stage.do(SessionOver(9))

    assert stage.do(SessionOver(9)) == ()
    assert stage.state.ended
    assert stage.concern().step is Step.BACKUP


def test_a_raiser_is_told_who_has_been_told_until_it_is_read(stage: Stage) -> None:
    stage.do(stage.flag(by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.HELP))
    assert stage.own(ELLIE)[0].told == (RUTH.name,)

    stage.do(stage.note())

    assert stage.own(ELLIE)[0].told == ()


def test_of_a_report_about_the_therapist_who_answers_the_backup_has_been_told(stage: Stage) -> None:
    stage.do(stage.flag(about=about(RUTH, Role.THERAPIST), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT))
    assert stage.own(ELLIE)[0].told == (BEN.name,)


def test_how_far_others_flags_have_gone_does_not_show_in_whom_one_is_told_of(stage: Stage) -> None:
    alone = stage.flag(about=about(TOMAS), by=TOMAS, role=Role.PARTICIPANT, kind=FlagKind.HELP)
    stage.do(alone)
    before = stage.own(TOMAS)

    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.wait(stage.now_ms + 10_000_000)

    assert stage.own(TOMAS) == before


def names_asked(stage: Stage, by: Someone) -> tuple[str, ...]:
    found = unanswered_crisis(stage.state, by.identity_id, stage.duty, stage.now_ms)
    return () if found is None else found[1]


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("engaged", [True, False])
def test_whom_one_is_told_of_in_a_crisis_is_the_same_whatever_others_flagged(
    severity: Severity, *, earlier: bool, engaged: bool
) -> None:
    def asked(*, flagged: bool) -> list[tuple[str, ...]]:
        stage = Stage(ON_DUTY)
        if flagged and earlier:
            stage.do(stage.flag(severity, about(ELLIE)))
        stage.wait(stage.now_ms + 30_000)
        stage.do(stage.flag(Severity.CRISIS, about(ELLIE), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.HELP))
        if flagged and not earlier:
            stage.do(stage.flag(severity, about(ELLIE)))
        stage.duty = replace(stage.duty, engaged=flagged and engaged)
        seen: list[tuple[str, ...]] = []
        for _ in range(8):
            seen.append(names_asked(stage, ELLIE))
            stage.wait(stage.now_ms + 20_000)
        return seen

    alone = asked(flagged=False)
    assert alone[0] == ("Ruth",)
    assert alone[-1] == ("Ruth", "Ben", "Omar")
    assert asked(flagged=True) == alone


def test_where_somebody_is_can_be_read_of_participants_alone(stage: Stage) -> None:
    stage.do(stage.flag(about=about(TOMAS)))
    stage.do(stage.flag(about=about(DANA, Role.MENTOR), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT))
    assert {each.person: bool(each.participant_id) for each in stage.seen()} == {"Tomas": True, "Dana": False}
