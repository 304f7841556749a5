"""Who may listen, whisper, step in and review, and what each of them leaves behind."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from moderation.decision import NOT_FOUND, NOTHING, Accepted
from moderation.permissions import Action, Office
from moderation.supervision.commands import (
    Listen,
    Mentor,
    ReviewGlass,
    RoomFacts,
    SeeWhisper,
    SendWhisper,
    SessionOver,
    SpeakTo,
    StepIn,
    StopListening,
)
from moderation.supervision.decide import next_deadline
from moderation.supervision.escalation import Duty, Someone
from moderation.supervision.events import (
    GlassReviewed,
    MonitoringBegan,
    MonitoringEnded,
    SteppedIn,
    WhisperSent,
    WhisperSpoken,
)
from moderation.supervision.monitoring import listening_view, unseen_by
from protocol.errors import ErrorCode
from protocol.ids import GlassId, ParticipantId, WhisperId
from protocol.monitoring import Finding, GlassView, ListeningView, MayListen, MonitoringEnd
from protocol.supervision import Category, FlagKind, Severity
from protocol.values import Role
from tests.moderation.supervision.stage import BEN, DANA, ELLIE, MARIA, OMAR, RUTH, TOMAS, Stage, about, refused

REASON = "Nobody leads, and the group is agitated."
HERE = RoomFacts(live=True, consented=True, mentors=(Mentor(DANA.identity_id, ParticipantId("p-Dana"), "Dana"),))
MINUTE = 60_000


def flagged(severity: Severity = Severity.CONCERN, by: Someone = DANA, category: Category = Category.OTHER) -> Stage:
    stage = Stage()
    stage.do(stage.flag(severity, about(ELLIE), by=by, category=category))
    return stage


def listens(
    by: Someone = RUTH,
    capacity: Office = Office.ASSIGNED,
    room: RoomFacts = HERE,
    *,
    reason: str = "",
    glass: str = "g1",
) -> Listen:
    return Listen(by=by, capacity=capacity, room=room, reason=reason, glass_id=GlassId(glass))


def whispers(
    text: str = "Ask how she slept.",
    *,
    to: Someone | None = DANA,
    by: Someone = RUTH,
    capacity: Office = Office.ASSIGNED,
    whisper: str = "w1",
) -> SendWhisper:
    return SendWhisper(by, capacity, WhisperId(whisper), to, text)


def reviews(by: Someone = MARIA, capacity: Office = Office.CLINICAL_LEAD, glass: str = "g1") -> ReviewGlass:
    return ReviewGlass(by, capacity, GlassId(glass), Finding.IN_ORDER, "As agreed.")


def view(stage: Stage, by: Someone = RUTH, capacity: Office = Office.ASSIGNED, room: RoomFacts = HERE) -> ListeningView:
    return listening_view(stage.state, stage.state, by.identity_id, capacity, room)


def after_glass(*, over: bool = True) -> Stage:
    stage = Stage()
    stage.do(listens(reason=REASON))
    if over:
        stage.do(StopListening(RUTH.identity_id, MonitoringEnd.STOPPED))
    return stage


# ── by a flag ─────────────────────────────────────────────────────────────────────────────────


def test_a_flag_of_concern_lets_the_assigned_therapist_listen_until_they_stop() -> None:
    stage = flagged()

    assert view(stage).may_listen is MayListen.YES
    assert stage.do(listens()) == (MonitoringBegan(1_000, RUTH.identity_id, "Ruth", Office.ASSIGNED),)
    assert view(stage).since_ms == 1_000
    stopped = StopListening(RUTH.identity_id, MonitoringEnd.STOPPED)
    assert stage.do(stopped) == (MonitoringEnded(1_000, RUTH.identity_id, MonitoringEnd.STOPPED),)
    assert view(stage).since_ms == 0
    assert stage.do(stopped) == ()


@pytest.mark.parametrize(
    ("severity", "by", "category"),
    [
        (Severity.NOTE, DANA, Category.OTHER),
        (Severity.CRISIS, DANA, Category.TECHNICAL),
        (Severity.CRISIS, RUTH, Category.OTHER),
    ],
    ids=["a note", "technical", "raised by oneself"],
)
def test_what_gives_no_right_is_refused_and_the_refusal_is_audited(
    severity: Severity, by: Someone, category: Category
) -> None:
    stage = flagged(severity, by, category)

    assert view(stage).may_listen is MayListen.NO_FLAG
    said = refused(stage.decide(listens()))
    assert (said.code, said.denied) == (ErrorCode.NO_FLAG, Action.MONITOR)


def test_a_flag_raised_by_oneself_beside_one_of_another_takes_no_right_away() -> None:
    stage = flagged(by=RUTH)
    stage.do(stage.flag(Severity.CONCERN, about(ELLIE), by=TOMAS))

    assert view(stage).may_listen is MayListen.YES


def test_whom_the_only_flag_concerns_is_answered_as_if_there_were_none() -> None:
    stage, without = Stage(), Stage()
    stage.do(stage.flag(Severity.URGENT, about(RUTH, Role.THERAPIST), by=TOMAS))

    assert stage.decide(listens()) == without.decide(listens())
    assert view(stage) == view(without)
    assert view(stage, BEN).may_listen is MayListen.YES


def test_a_flag_about_another_gives_the_right_beside_one_about_oneself() -> None:
    stage, without = flagged(), flagged()
    stage.do(stage.flag(Severity.CRISIS, about(RUTH, Role.THERAPIST), by=TOMAS))

    assert stage.decide(listens()) == without.decide(listens())
    assert view(stage) == view(without)


def test_who_is_on_call_may_listen_only_to_what_has_reached_them() -> None:
    stage = flagged(Severity.URGENT)
    asked = listens(OMAR, Office.ON_CALL)

    assert refused(stage.decide(asked)).denied is Action.MONITOR
    assert view(stage, OMAR, Office.ON_CALL) == ListeningView()
    stage.wait(10 * MINUTE)

    assert view(stage, OMAR, Office.ON_CALL).may_listen is MayListen.YES
    assert isinstance(stage.do(asked)[0], MonitoringBegan)


def test_a_clinical_lead_may_listen_to_what_concerns_a_therapist() -> None:
    stage = Stage()
    stage.do(stage.flag(Severity.URGENT, about(RUTH, Role.THERAPIST), by=TOMAS))
    asked = listens(MARIA, Office.CLINICAL_LEAD)
    assert refused(stage.decide(asked)).denied is Action.MONITOR

    stage.wait(4 * MINUTE)

    assert isinstance(stage.do(asked)[0], MonitoringBegan)


def test_an_administrator_may_nothing() -> None:
    stage = flagged()

    assert refused(stage.decide(listens(MARIA, Office.ADMIN))).denied is Action.MONITOR
    assert refused(stage.decide(listens(MARIA, Office.ADMIN, reason=REASON))).denied is Action.BREAK_GLASS
    assert refused(stage.decide(whispers(by=MARIA, capacity=Office.ADMIN))).denied is Action.WHISPER
    assert refused(stage.decide(StepIn(MARIA, Office.ADMIN))).denied is Action.STEP_IN
    assert refused(stage.decide(reviews(MARIA, Office.ADMIN))).denied is Action.REVIEW_BREAK_GLASS


def test_nobody_listens_to_an_empty_room_or_a_session_that_is_over() -> None:
    stage = flagged()

    assert refused(stage.decide(listens(room=RoomFacts()))).code is ErrorCode.NOT_OPEN
    assert view(stage, room=RoomFacts()).may_listen is MayListen.NOT_LIVE
    stage.do(SessionOver(1))
    assert refused(stage.decide(listens())).code is ErrorCode.NOT_OPEN
    assert refused(stage.decide(listens(reason=REASON))).code is ErrorCode.NOT_OPEN


@pytest.mark.parametrize("reason", ["", REASON])
def test_without_everyones_agreement_nobody_listens_for_any_reason(reason: str) -> None:
    stage = flagged()
    room = replace(HERE, consented=False)

    said = refused(stage.decide(listens(room=room, reason=reason)))
    assert said.code is ErrorCode.NO_CONSENT
    assert said.denied is (Action.BREAK_GLASS if reason else Action.MONITOR)
    assert view(stage, room=room).may_listen is MayListen.NO_CONSENT
    assert not view(stage, room=room).may_break_glass


def test_the_right_ends_with_the_flag_and_listening_with_it() -> None:
    stage = flagged()
    stage.do(listens())
    stage.do(stage.note())

    events = stage.do(stage.resolve())

    assert events[-1] == MonitoringEnded(stage.now_ms, RUTH.identity_id, MonitoringEnd.RIGHT_ENDED)
    assert view(stage).may_listen is MayListen.NO_FLAG


def test_another_open_flag_keeps_the_right() -> None:
    stage = flagged()
    stage.do(stage.flag(Severity.CONCERN, about(TOMAS)))
    stage.do(listens())
    stage.do(stage.note())
    stage.do(stage.resolve())

    assert view(stage).since_ms


def test_the_end_of_the_session_ends_listening() -> None:
    stage = flagged()
    stage.do(listens())

    assert MonitoringEnded(1_000, RUTH.identity_id, MonitoringEnd.SESSION_ENDED) in stage.do(SessionOver(1))


def test_listening_acknowledges_nothing_and_moves_no_deadline() -> None:
    stage = flagged(Severity.URGENT)
    before = stage.state.concerns, next_deadline(stage.state)

    stage.do(listens())

    assert (stage.state.concerns, next_deadline(stage.state)) == before


def test_a_start_that_cannot_be_stored_is_no_start_and_an_end_that_cannot_is_one() -> None:
    stage = flagged()
    stage.lose(listens())
    assert view(stage).since_ms == 0

    stage.do(listens())
    stage.lose(StopListening(RUTH.identity_id, MonitoringEnd.CONSENT))
    assert view(stage).since_ms == 0
    ended = MonitoringEnded(1_000, RUTH.identity_id, MonitoringEnd.CONSENT)
    assert stage.state.unstored == (ended,)
    # It is stored before they listen again.
    stage.now_ms = 2_000
    assert stage.do(listens()) == (ended, MonitoringBegan(2_000, RUTH.identity_id, "Ruth", Office.ASSIGNED))
    assert view(stage).since_ms == 2_000


def test_an_end_behind_a_start_that_is_lost_leaves_nothing() -> None:
    stage = flagged()

    stage.lose(listens(), StopListening(RUTH.identity_id, MonitoringEnd.CONNECTION))

    assert (stage.state.unstored, stage.state.listening) == ((), {})


# ── without a flag ────────────────────────────────────────────────────────────────────────────


def test_with_a_reason_one_listens_for_fifteen_minutes_which_end_by_themselves() -> None:
    stage = Stage()

    began = stage.do(listens(reason=f"  {REASON} "))[0]
    assert isinstance(began, MonitoringBegan)
    assert (began.until_ms, began.reason, began.glass_id) == (1_000 + 15 * MINUTE, REASON, "g1")
    assert began.due_ms == stage.duty.working_day_ms + 8 * 60 * MINUTE

    assert stage.wait(15 * MINUTE) == []
    assert stage.wait(16 * MINUTE) == [MonitoringEnded(began.until_ms, RUTH.identity_id, MonitoringEnd.TIME_OVER)]


def test_without_a_known_working_day_a_review_is_due_in_a_day() -> None:
    stage = Stage(Duty())

    began = stage.do(listens(reason=REASON))[0]

    assert isinstance(began, MonitoringBegan)
    assert began.due_ms == 1_000 + 24 * 60 * MINUTE


def test_a_reason_of_a_few_letters_is_none() -> None:
    assert refused(Stage().decide(listens(reason="worried   "))).code is ErrorCode.INVALID_FIELD


def test_a_second_glass_is_refused_while_the_first_lasts_and_not_afterwards() -> None:
    stage = after_glass(over=False)

    assert refused(stage.decide(listens(reason=REASON, glass="g2"))).code is ErrorCode.CONFLICT
    stage.wait(16 * MINUTE)
    assert isinstance(stage.do(listens(reason=REASON, glass="g2"))[0], MonitoringBegan)
    assert list(stage.state.glass) == ["g1", "g2"]


def test_who_listens_by_a_flag_already_needs_no_glass() -> None:
    stage = flagged()
    stage.do(listens())

    assert stage.decide(listens(reason=REASON)) == NOTHING
    assert stage.decide(listens()) == NOTHING
    assert stage.state.glass == {}


def test_a_glass_does_not_end_with_a_flag() -> None:
    stage = flagged()
    stage.do(listens(reason=REASON))
    stage.do(stage.note())
    stage.do(stage.resolve())

    assert view(stage).until_ms == 1_000 + 15 * MINUTE


# ── reviews ───────────────────────────────────────────────────────────────────────────────────


def test_a_glass_stands_on_the_desk_of_the_clinical_lead_until_it_is_reviewed() -> None:
    stage = after_glass()
    shown = GlassView(GlassId("g1"), "Ruth", REASON, 1_000, 1_000, stage.duty.working_day_ms + 8 * 60 * MINUTE)

    assert view(stage, MARIA, Office.CLINICAL_LEAD).glass == (shown,)
    assert view(stage).glass == (replace(shown, mine=True),)
    assert view(stage, BEN).glass == ()
    assert stage.state.to_review

    reviewed = GlassReviewed(1_000, GlassId("g1"), MARIA.identity_id, "Maria", Finding.IN_ORDER, "As agreed.")
    assert stage.do(reviews()) == (reviewed,)
    assert view(stage, MARIA, Office.CLINICAL_LEAD).glass == ()
    assert view(stage).glass == ()
    assert not stage.state.to_review
    assert stage.do(reviews()) == ()


def test_nobody_reviews_what_they_did_themselves() -> None:
    stage = after_glass()

    assert refused(stage.decide(reviews(RUTH))).denied is Action.REVIEW_BREAK_GLASS
    assert refused(stage.decide(reviews(RUTH, Office.ASSIGNED))).denied is Action.REVIEW_BREAK_GLASS
    assert view(stage, RUTH, Office.CLINICAL_LEAD).glass[0].mine


def test_a_review_of_what_lasts_or_never_was_is_refused() -> None:
    stage = after_glass(over=False)

    assert refused(stage.decide(reviews())).code is ErrorCode.UNEXPECTED
    assert stage.decide(reviews(glass="g9")) == NOT_FOUND


def test_a_review_is_still_due_when_the_session_is_over() -> None:
    stage = after_glass()
    stage.do(SessionOver(1))

    assert view(stage, MARIA, Office.CLINICAL_LEAD, RoomFacts()).glass
    assert isinstance(stage.do(reviews())[0], GlassReviewed)


# ── whispers ──────────────────────────────────────────────────────────────────────────────────


def test_a_whisper_waits_for_its_mentor_until_their_page_has_shown_it() -> None:
    stage = Stage()

    sent = WhisperSent(1_000, WhisperId("w1"), RUTH.identity_id, "Ruth", DANA.identity_id, "Dana", "Ask how she slept.")
    assert stage.do(whispers()) == (sent,)
    assert [each.text for each in unseen_by(stage.state, DANA.identity_id)] == ["Ask how she slept."]
    assert unseen_by(stage.state, TOMAS.identity_id) == ()
    assert [each.seen for each in view(stage).whispers] == [False]
    assert view(stage, BEN).whispers == ()

    assert len(stage.do(SeeWhisper(DANA.identity_id, WhisperId("w1")))) == 1
    assert unseen_by(stage.state, DANA.identity_id) == ()
    assert [each.seen for each in view(stage).whispers] == [True]
    assert stage.do(SeeWhisper(DANA.identity_id, WhisperId("w1"))) == ()


def test_a_whisper_is_not_sent_again_to_a_mentor_whom_a_flag_concerns_by_now() -> None:
    stage = Stage()
    stage.do(whispers())
    stage.do(stage.flag(about=about(DANA, Role.MENTOR), by=ELLIE, role=Role.PARTICIPANT, kind=FlagKind.REPORT))
    assert unseen_by(stage.state, DANA.identity_id) == ()


def test_nobody_else_has_seen_a_whisper() -> None:
    stage = Stage()
    stage.do(whispers())
    stage.do(whispers("And water.", whisper="w2"))

    assert stage.decide(SeeWhisper(TOMAS.identity_id, WhisperId("w1"))) == NOT_FOUND
    assert stage.decide(SeeWhisper(DANA.identity_id, WhisperId("w9"))) == NOT_FOUND
    stage.do(SeeWhisper(DANA.identity_id, WhisperId("w2")))
    assert [each.id for each in unseen_by(stage.state, DANA.identity_id)] == ["w1"]


def test_a_whisper_sent_again_is_the_same_and_another_under_its_name_is_refused() -> None:
    stage = Stage()
    stage.do(whispers())

    assert stage.do(whispers()) == ()
    assert refused(stage.decide(whispers("Something else"))).code is ErrorCode.CONFLICT
    assert refused(stage.decide(whispers(by=BEN))).code is ErrorCode.CONFLICT


def test_a_mentor_whom_an_open_flag_concerns_is_as_one_who_is_not_there() -> None:
    stage = Stage()
    assert [each.name for each in view(stage).mentors] == ["Dana"]
    stage.do(stage.flag(Severity.CONCERN, about(DANA, Role.MENTOR), by=TOMAS))

    assert stage.decide(whispers()) == stage.decide(whispers(to=None)) == NOT_FOUND
    assert stage.decide(SpeakTo(RUTH, Office.ASSIGNED, DANA)) == NOT_FOUND
    assert view(stage).mentors == ()
    stage.do(stage.note())
    stage.do(stage.resolve())
    assert [each.name for each in view(stage).mentors] == ["Dana"]


def test_who_is_on_call_whispers_only_where_something_has_reached_them() -> None:
    stage = flagged(Severity.URGENT)
    asked = whispers(by=OMAR, capacity=Office.ON_CALL)
    spoken = SpeakTo(OMAR, Office.ON_CALL, DANA)
    assert refused(stage.decide(asked)).denied is Action.WHISPER
    assert refused(stage.decide(spoken)).denied is Action.WHISPER

    stage.wait(10 * MINUTE)

    assert isinstance(stage.decide(asked), Accepted)
    assert isinstance(stage.decide(spoken), Accepted)


def test_that_one_spoke_is_written_down() -> None:
    stage = Stage()

    spoken = WhisperSpoken(1_000, RUTH.identity_id, "Ruth", DANA.identity_id, "Dana")
    assert stage.do(SpeakTo(RUTH, Office.ASSIGNED, DANA)) == (spoken,)
    assert stage.decide(SpeakTo(RUTH, Office.ASSIGNED, None)) == NOT_FOUND


def test_nobody_is_offered_themselves_to_whisper_to() -> None:
    room = replace(HERE, mentors=(*HERE.mentors, Mentor(RUTH.identity_id, ParticipantId("p-Ruth"), "Ruth")))

    assert [each.name for each in view(Stage(), room=room).mentors] == ["Dana"]


# ── stepping in ───────────────────────────────────────────────────────────────────────────────


def test_stepping_in_ends_listening_first() -> None:
    stage = flagged()
    stage.do(listens())

    assert stage.do(StepIn(RUTH, Office.ASSIGNED)) == (
        MonitoringEnded(1_000, RUTH.identity_id, MonitoringEnd.STEPPED_IN),
        SteppedIn(1_000, RUTH.identity_id, "Ruth"),
    )
    assert view(stage).since_ms == 0


def test_stepping_in_needs_no_flag_of_who_is_assigned_and_one_that_has_reached_who_is_on_call() -> None:
    stage = flagged(Severity.URGENT)

    assert view(Stage()).may_step_in
    assert refused(stage.decide(StepIn(OMAR, Office.ON_CALL))).denied is Action.STEP_IN
    stage.wait(10 * MINUTE)
    assert view(stage, OMAR, Office.ON_CALL).may_step_in
    assert isinstance(stage.do(StepIn(OMAR, Office.ON_CALL))[-1], SteppedIn)


def test_nobody_steps_into_what_is_over() -> None:
    stage = Stage()
    stage.do(SessionOver(1))

    assert refused(stage.decide(StepIn(RUTH, Office.ASSIGNED))).code is ErrorCode.SESSION_ENDED
    assert not view(stage).may_step_in
