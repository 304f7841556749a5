"""Nobody acknowledges: the clock goes on, to whom it is due, also when nobody is there, and until somebody does."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from moderation.decision import Rejection
from moderation.permissions import Office
from moderation.supervision.commands import (
    GroupReturned,
    LobbyUnattended,
    LoseRoom,
    PassTime,
    PersonRemoved,
    RaiseFlag,
    SeeRoom,
    SessionLed,
    SessionOver,
)
from moderation.supervision.decide import next_deadline
from moderation.supervision.escalation import NEVER, Duty, Waits, Whom
from moderation.supervision.events import ConcernEscalated, Event
from moderation.supervision.flags import MAX_UNREAD
from protocol.errors import ErrorCode
from protocol.supervision import FlagKind, Severity, Step
from protocol.values import Role
from tests.moderation.supervision.stage import BEN, DANA, ELLIE, MARIA, OMAR, ON_DUTY, RUTH, TOMAS, Stage, about


@pytest.fixture
def stage() -> Stage:
    return Stage()


def steps(events: Iterable[Event]) -> list[tuple[int, Step]]:
    return [(each.at_ms, each.step) for each in events if isinstance(each, ConcernEscalated)]


def test_an_unanswered_crisis_goes_from_one_to_the_next_and_repeats_until_it_is_answered(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    assert (stage.seen()[0].yours, stage.seen(BEN)[0].yours) == (True, False)

    assert steps(stage.wait(300_000)) == [
        (60_000, Step.BACKUP), (120_000, Step.ON_CALL), (180_000, Step.CONTACT), (240_000, Step.CONTACT),
        (300_000, Step.CONTACT),
    ]  # fmt: skip
    assert stage.seen()[0].yours
    assert stage.seen(BEN)[0].yours
    assert stage.seen(OMAR, Office.ON_CALL)[0].yours
    assert stage.seen(MARIA, Office.CLINICAL_LEAD) == ()

    stage.do(stage.note(by=OMAR, office=Office.ON_CALL))
    assert steps(stage.wait(10_000_000)) == []


def test_an_urgent_one_asks_the_contact_once(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))

    assert steps(stage.wait(10_000_000)) == [
        (180_000, Step.BACKUP), (360_000, Step.ON_CALL), (540_000, Step.CONTACT),
    ]  # fmt: skip
    assert (stage.seen()[0].due_ms, stage.seen()[0].then) == (NEVER, None)


def test_a_concern_waits_for_the_session_to_end_and_then_an_hour_each(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CONCERN, about(TOMAS)))
    stage.do(PersonRemoved(4, ELLIE, DANA))
    assert steps(stage.wait(50_000_000)) == []

    ended = [event for event in stage.do(SessionOver(5)) if isinstance(event, ConcernEscalated)]

    assert [(each.concern_id, each.step) for each in ended] == [
        ("f1", Step.BACKUP), ("removed.4.0", Step.BACKUP)
    ]  # fmt: skip
    assert {each.due_ms for each in ended} == {50_000_000 + 3_600_000}


def test_a_concern_raised_after_the_end_waits_an_hour(stage: Stage) -> None:
    stage.do(SessionOver(5))
    stage.do(stage.flag(Severity.CONCERN, about(TOMAS)))

    assert stage.concern().due_ms == stage.now_ms + 3_600_000


def test_a_note_waits_for_the_next_working_day_each_time(stage: Stage) -> None:
    stage.do(stage.flag(Severity.NOTE, about(TOMAS)))
    assert steps(stage.wait(ON_DUTY.working_day_ms - 1)) == []
    stage.duty = replace(ON_DUTY, working_day_ms=180_000_000)

    assert steps(stage.wait(180_000_000)) == [(90_000_000, Step.BACKUP), (180_000_000, Step.ON_CALL)]


def test_a_calendar_that_is_behind_makes_a_note_go_on_early_and_not_at_once(stage: Stage) -> None:
    stage.duty = replace(ON_DUTY, working_day_ms=500)
    stage.do(stage.flag(Severity.NOTE, about(TOMAS)))

    assert stage.concern().due_ms == stage.now_ms + 3_600_000


@pytest.mark.parametrize(
    ("kind", "role"), [(FlagKind.CHECK_ON_ME, Role.PARTICIPANT), (FlagKind.LEFT_UPSET, Role.MENTOR)]
)
def test_who_left_alone_is_not_left_waiting_for_the_end(stage: Stage, kind: FlagKind, role: Role) -> None:
    by = TOMAS if role is Role.PARTICIPANT else DANA
    stage.do(stage.flag(Severity.CONCERN, about(TOMAS), by=by, role=role, kind=kind))

    assert stage.concern().due_ms == stage.now_ms + 900_000


def test_steps_at_which_nobody_is_are_skipped(stage: Stage) -> None:
    stage.off_duty(backup=())
    stage.now_ms = 0
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))

    assert steps(stage.wait(120_000)) == [(60_000, Step.ON_CALL), (120_000, Step.CONTACT)]


def test_who_answers_is_asked_at_the_time_and_not_before(stage: Stage) -> None:
    stage.off_duty(responder=(), on_call=())
    stage.now_ms = 0
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    assert stage.concern().step is Step.BACKUP
    stage.off_duty(on_call=(OMAR,))

    assert steps(stage.wait(60_000)) == [(60_000, Step.ON_CALL)]


@pytest.mark.parametrize(("severity", "first"), [(Severity.URGENT, Step.CONTACT), (Severity.CONCERN, Step.RESPONDER)])
def test_where_nobody_is_on_duty_what_presses_reaches_the_contact_at_once(severity: Severity, first: Step) -> None:
    stage = Stage()
    stage.off_duty(responder=(), backup=(), on_call=())
    stage.do(stage.flag(severity, about(TOMAS)))

    assert stage.concern().step is first


@pytest.mark.parametrize(("severity", "first"), [(Severity.URGENT, Step.BACKUP), (Severity.CONCERN, Step.RESPONDER)])
def test_of_what_presses_the_backup_is_told_too_while_who_answers_has_an_open_crisis(
    severity: Severity, first: Step
) -> None:
    stage = Stage(Duty(responder=(RUTH,), backup=(BEN,), engaged=True))
    stage.do(stage.flag(severity, about(TOMAS)))

    assert stage.concern().step is first
    assert stage.seen(RUTH)[0].yours


def test_who_is_engaged_and_alone_is_told(stage: Stage) -> None:
    stage.duty = Duty(responder=(RUTH,), engaged=True)
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))

    assert stage.concern().step is Step.RESPONDER


def test_a_flag_that_joins_takes_nobody_back_whom_it_had_reached(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))
    stage.wait(200_000)
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))

    assert (stage.concern().step, stage.concern().due_ms) == (Step.BACKUP, 260_000)


def test_a_flag_of_a_note_does_not_put_off_what_is_due(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.wait(60_000)
    stage.do(stage.flag(Severity.NOTE, about(TOMAS)))

    assert stage.concern().due_ms == 120_000


def test_what_the_server_noticed_has_the_same_clock_and_loses_it_when_it_passes(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(LobbyUnattended(3))
    assert steps(stage.wait(180_000)) == [(180_000, Step.BACKUP)]

    stage.do(SessionLed(4))

    assert next_deadline(stage.state) is None
    stage.do(GroupReturned(5))
    assert next_deadline(stage.state) == 360_000


def test_a_session_that_ends_without_a_leader_asks_nobody_for_one(stage: Stage) -> None:
    stage.do(GroupReturned(5))
    assert [event for event in stage.do(SessionOver(6)) if isinstance(event, ConcernEscalated)] == []


def test_how_long_each_waits_can_be_set(stage: Stage) -> None:
    stage.duty = Duty(responder=(RUTH,), backup=(BEN,), waits=Waits(crisis=5, urgent=7))
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))

    assert [stage.concern(each).due_ms - stage.now_ms for each in ("c1", "c2")] == [5, 7]


def test_the_end_of_a_session_asks_the_contact_no_second_time(stage: Stage) -> None:
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))
    stage.wait(1_000_000)
    assert stage.concern().step is Step.CONTACT

    assert steps(stage.do(SessionOver(5))) == []


def test_a_flag_on_what_was_acknowledged_begins_at_the_first_step_again(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.wait(200_000)
    assert stage.concern().step is Step.CONTACT
    stage.do(stage.note())
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))

    assert (stage.concern().step, stage.concern().due_ms) == (Step.RESPONDER, stage.now_ms + 180_000)


def test_a_flag_on_what_someone_on_call_holds_does_not_take_it_from_them(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.wait(130_000)
    stage.do(stage.note(by=OMAR, office=Office.ON_CALL))
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))

    assert stage.concern().step is Step.ON_CALL
    assert stage.seen(OMAR, Office.ON_CALL)[0].mine
    stage.do(stage.note(flags=2, by=OMAR, office=Office.ON_CALL))


def test_a_crisis_that_joins_at_a_later_step_does_not_put_off_what_is_due_there(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(stage.flag(Severity.URGENT, about(TOMAS)))
    stage.wait(350_000)
    assert stage.concern().due_ms == 360_000
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))

    assert (stage.concern().step, stage.concern().due_ms) == (Step.BACKUP, 360_000)


def test_whom_it_concerns_is_never_who_is_told(stage: Stage) -> None:
    stage.do(
        stage.flag(Severity.URGENT, about(BEN, Role.THERAPIST), by=TOMAS, role=Role.PARTICIPANT, kind=FlagKind.REPORT)
    )
    stage.off_duty(responder=())
    assert stage.concern().whom.at(Step.BACKUP, stage.duty) == ()
    stage.do(
        stage.flag(Severity.URGENT, about(RUTH, Role.THERAPIST), by=TOMAS, role=Role.PARTICIPANT, kind=FlagKind.REPORT)
    )
    stage.off_duty(backup=(RUTH,))

    assert stage.concern("c2").whom.first(stage.duty, Severity.URGENT) is Step.LEAD


def test_what_is_tried_again_puts_off_nothing_that_comes_due_before(stage: Stage) -> None:
    stage.now_ms = 0
    stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    stage.lose(stage.flag(Severity.NOTE, about(ELLIE)))

    assert next_deadline(stage.state) == 0
    assert next_deadline(stage.state, after_ms=59_900) == 60_000


# ── clocks that were wrong, and a room that nobody can follow ─────────────────────────────────


@pytest.mark.parametrize("severity", [Severity.CRISIS, Severity.URGENT])
def test_what_is_due_later_than_anything_ever_waits_goes_on_now(stage: Stage, severity: Severity) -> None:
    stage.now_ms = 30 * 86_400_000
    stage.do(stage.flag(severity))

    stage.now_ms = 1_000
    [went_on] = stage.do(PassTime())

    assert isinstance(went_on, ConcernEscalated)
    assert went_on.due_ms < 1_000_000
    assert stage.do(PassTime()) == ()


def test_a_clock_that_went_back_a_little_hurries_nothing(stage: Stage) -> None:
    stage.now_ms = 600_000
    stage.do(stage.flag(Severity.CRISIS))
    stage.now_ms = 1_000
    assert stage.do(PassTime()) == ()


def test_a_note_for_a_day_long_after_waits_for_it(stage: Stage) -> None:
    stage.do(stage.flag(Severity.NOTE))
    assert stage.concern().due_ms == stage.duty.working_day_ms
    assert stage.do(PassTime()) == ()


def test_what_waits_for_the_end_of_a_session_goes_on_when_its_room_cannot_be_read(stage: Stage) -> None:
    stage.do(stage.flag(Severity.CONCERN, about(TOMAS)))
    stage.do(PersonRemoved(3, ELLIE, DANA))
    led = SeeRoom(4, paused=True, led=False, late=False)
    stage.do(led)

    stage.do(LoseRoom())

    assert [each.step for each in stage.state.concerns.values()][:2] == [Step.BACKUP, Step.BACKUP]
    assert stage.do(LoseRoom()) == ()
    assert not any(each.over for each in stage.state.concerns.values()), "that nobody leads still presses"
    stage.do(stage.flag(Severity.CONCERN, about(ELLIE)))
    assert stage.concern(f"c{len(stage.state.concerns)}").due_ms > stage.now_ms


# ── many flags of one person ─────────────────────────────────────────────────────────────────


def test_reports_of_one_person_beyond_what_therapists_can_read_wait_and_calls_are_heard(stage: Stage) -> None:
    def report(number: int) -> RaiseFlag:
        return stage.flag(Severity.NOTE, by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT, text=f"{number}")

    for number in range(MAX_UNREAD):
        stage.do(report(number))
    assert stage.decide(report(99)) == Rejection(ErrorCode.RATE_LIMITED)

    call = stage.flag(Severity.URGENT, about(ELLIE), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.HELP)
    assert len(stage.do(call)) == 1
    others = stage.flag(Severity.NOTE, by=TOMAS, role=Role.PARTICIPANT, kind=FlagKind.REPORT)
    assert len(stage.do(others)) == 1

    stage.do(stage.note(MAX_UNREAD))
    assert len(stage.do(report(100))) == 1


def test_who_calls_again_and_again_is_called_for_once_more_only_if_it_presses_more(stage: Stage) -> None:
    def call(severity: Severity) -> RaiseFlag:
        return stage.flag(severity, about(ELLIE), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.HELP)

    for _ in range(MAX_UNREAD):
        stage.do(call(Severity.URGENT))
    assert stage.do(call(Severity.URGENT)) == ()
    assert len(stage.do(call(Severity.CRISIS))) == 1


def test_a_step_at_which_nobody_new_is_told_costs_no_time() -> None:
    stage = Stage(Duty(responder=(RUTH,), on_call=(RUTH,)))
    stage.do(stage.flag(Severity.CRISIS))
    assert steps(stage.wait(61_000)) == [(61_000, Step.CONTACT)]


def test_one_flag_by_itself_comes_as_far_as_the_contact_and_no_further() -> None:
    far = [Whom().alone(Severity.URGENT, minutes * 60_000, ON_DUTY) for minutes in (0, 3, 6, 9, 600)]

    assert far == [Step.RESPONDER, Step.BACKUP, Step.ON_CALL, Step.CONTACT, Step.CONTACT]
