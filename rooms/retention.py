"""How long what happened in a room is kept: events of one class are purged together."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from moderation.floor.events import FloorEvent
from rooms.events import (
    ChatConcealed,
    ChatRevealed,
    ChatWritten,
    CompanionSet,
    CoverAsked,
    CoverWithdrawn,
    DurableEvent,
    LeaderMissed,
    ListeningSet,
    MicrophoneFreed,
    MicrophoneShut,
    ParticipantAdmitted,
    ParticipantDeparted,
    ParticipantEntered,
    ParticipantMoved,
    ParticipantRemoved,
    ResponderNamed,
    ResponderWaived,
    ScreenFreed,
    ScreenShut,
    SessionBegan,
    SessionClosed,
    SessionOpened,
    SessionReturned,
)


class Retention(StrEnum):
    """`chat`: what was written, and what was done with it. `record`: who was there, and what was done to whom."""

    CHAT = "chat"
    RECORD = "record"


def retention_of(event: DurableEvent) -> Retention:
    """The class of an event. Each class makes sense without the others: a room is replayed without what was purged."""
    match event:
        case ChatWritten() | ChatConcealed() | ChatRevealed():
            return Retention.CHAT
        case (
            SessionOpened()
            | ParticipantEntered()
            | ParticipantDeparted()
            | MicrophoneShut()
            | MicrophoneFreed()
            | ScreenFreed()
            | ScreenShut()
            | ParticipantAdmitted()
            | ParticipantMoved()
            | ParticipantRemoved()
            | ResponderNamed()
            | ResponderWaived()
            | SessionBegan()
            | SessionReturned()
            | LeaderMissed()
            | CoverAsked()
            | CoverWithdrawn()
            | ListeningSet()
            | SessionClosed()
            | CompanionSet()
        ):
            return Retention.RECORD
        case FloorEvent():
            return Retention.RECORD
    assert_never(event)
