"""How long what happened is kept: events of one class are purged together."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from moderation.supervision.events import (
    ConcernAcknowledged,
    ConcernEscalated,
    ConcernPassed,
    ConcernRaised,
    ConcernResolved,
    ConcernTaken,
    DurableEvent,
    FlagRaised,
    GlassReviewed,
    MonitoringBegan,
    MonitoringEnded,
    SessionOver,
    SteppedIn,
    WhisperSeen,
    WhisperSent,
    WhisperSpoken,
)


class Retention(StrEnum):
    """`concern`: by the rule for clinical records. All of it: a concern makes no sense without its end."""

    CONCERN = "concern"


def retention_of(event: DurableEvent) -> Retention:
    """The class of an event."""
    match event:
        case (
            ConcernRaised()
            | FlagRaised()
            | ConcernEscalated()
            | ConcernPassed()
            | SessionOver()
            | ConcernAcknowledged()
            | ConcernTaken()
            | ConcernResolved()
            | MonitoringBegan()
            | MonitoringEnded()
            | SteppedIn()
            | WhisperSent()
            | WhisperSpoken()
            | WhisperSeen()
            | GlassReviewed()
        ):
            return Retention.CONCERN
    assert_never(event)
