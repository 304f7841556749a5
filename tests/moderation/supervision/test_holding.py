"""What was told and could not be stored is held on to by whoever goes on, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from moderation.permissions import Office
from moderation.supervision.commands import Listen, LobbyUnattended, RoomFacts, SessionLed, SessionOver, StopListening
from moderation.supervision.events import Event, Told, is_told
from moderation.supervision.evolve import adds, evolve_all
from moderation.supervision.state import EMPTY, SupervisionState
from protocol.monitoring import MonitoringEnd
from protocol.supervision import Severity
from tests.moderation.supervision.stage import RUTH, TOMAS, Stage, about


@pytest.fixture
def happened() -> list[Event]:
    """A crisis goes on twice, a lobby that nobody attended is attended, somebody listened, the session is over."""
    stage, events = Stage(), list[Event]()
    events += stage.do(stage.flag(Severity.CRISIS, about(TOMAS)))
    events += stage.do(LobbyUnattended(3))
    events += stage.do(SessionLed(4))
    live = RoomFacts(live=True, consented=True)
    events += stage.do(Listen(by=RUTH, capacity=Office.ASSIGNED, room=live))
    events += stage.wait(130_000)
    events += stage.do(StopListening(RUTH.identity_id, MonitoringEnd.STOPPED))
    events += stage.do(SessionOver(5))
    return events


def told(events: Iterable[Event]) -> list[Told]:
    return [each for each in events if is_told(each)]


def test_each_event_adds_to_the_state_before_it_and_to_none_after_it(happened: list[Event]) -> None:
    for number, event in enumerate(happened):
        if not is_told(event):
            continue
        before: SupervisionState = evolve_all(EMPTY, happened[:number])
        assert adds(before, event), event
        for later in range(number + 1, len(happened) + 1):
            assert not adds(evolve_all(EMPTY, happened[:later]), event), event


def test_what_became_of_something_unknown_is_not_held(happened: list[Event]) -> None:
    first = told(happened)[0]
    assert adds(EMPTY, first)
    kinds = {type(each).__name__: adds(EMPTY, each) for each in told(happened)}
    assert kinds == {
        "FlagRaised": True,
        "ConcernRaised": True,
        "ConcernPassed": False,
        "ConcernEscalated": False,
        "MonitoringEnded": False,
        "SessionOver": True,
    }
