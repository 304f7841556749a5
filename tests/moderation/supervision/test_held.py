"""What was held in memory while its log failed, once the log can be read: what it does not know of yet, and no more."""

from __future__ import annotations

from msgspec.structs import replace

from moderation.permissions import Office
from moderation.supervision.commands import CoverAsked, CoverOver, Listen, RoomFacts, SessionOver, StopListening
from moderation.supervision.events import (
    ConcernEscalated,
    ConcernPassed,
    ConcernRaised,
    FlagRaised,
    MonitoringBegan,
    MonitoringEnded,
    is_told,
)
from moderation.supervision.events import SessionOver as EndNoted
from moderation.supervision.evolve import adds, evolve, evolve_all
from moderation.supervision.state import EMPTY
from protocol.ids import ConcernId
from protocol.monitoring import MonitoringEnd
from protocol.supervision import Severity
from tests.moderation.supervision.stage import DANA, ELLIE, RUTH, Stage, about


def test_each_thing_that_was_told_adds_something_until_the_log_has_it() -> None:
    stage = Stage()
    stage.do(CoverAsked(1, DANA))
    stage.do(CoverOver(2, DANA.identity_id))
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))
    stage.wait(4 * 60_000)
    stage.do(Listen(by=RUTH, capacity=Office.ASSIGNED, room=RoomFacts(live=True, consented=True)))
    stage.do(StopListening(RUTH.identity_id, MonitoringEnd.STOPPED))
    stage.do(SessionOver(3))
    kinds = {type(each) for each in stage.events}
    assert kinds >= {ConcernRaised, ConcernPassed, FlagRaised, ConcernEscalated, MonitoringEnded, EndNoted}

    for place, event in enumerate(stage.events):
        if isinstance(event, MonitoringBegan):
            continue
        assert is_told(event)
        before = evolve_all(EMPTY, stage.events[:place])
        assert adds(before, event), event
        assert not adds(evolve(before, event), event), event


def test_what_is_told_of_a_concern_that_the_log_does_not_have_adds_nothing() -> None:
    stage = Stage()
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))
    stage.wait(4 * 60_000)
    [escalated] = [each for each in stage.events if isinstance(each, ConcernEscalated)]

    assert not adds(EMPTY, escalated)
    assert not adds(EMPTY, ConcernPassed(0, 1, ConcernId("none")))


def test_an_older_step_of_a_concern_adds_nothing_nor_does_one_of_a_concern_that_is_read() -> None:
    stage = Stage()
    stage.do(stage.flag(Severity.URGENT, about(ELLIE)))
    stage.wait(8 * 60_000)
    older, newer, *_ = [each for each in stage.events if isinstance(each, ConcernEscalated)]

    assert not adds(stage.state, older)
    assert adds(stage.state, replace(newer, step=older.step, due_ms=10**9)) is False
    stage.do(stage.note())
    assert not adds(stage.state, replace(newer, due_ms=10**9))
