"""`evolve(state, event)`: how each event changes the room. Total: an event that was stored always applies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec.structs import replace

from protocol.ids import MessageId, ParticipantId
from protocol.messages import Role, SessionStatus
from rooms.chat import ChatMessage
from rooms.events import (
    ChatConcealed,
    ChatRevealed,
    ChatWritten,
    ConnectionLost,
    ConnectionRestored,
    DevicesSet,
    Event,
    MicrophoneFreed,
    MicrophoneHoldSet,
    MicrophoneShut,
    ParticipantDeparted,
    ParticipantEntered,
    SessionClosed,
    SessionOpened,
)
from rooms.state import Participant, RoomState


def evolve(state: RoomState, event: Event) -> RoomState:
    """The state after `event`."""
    match event:
        case SessionOpened():
            return replace(state, session_id=event.session_id, title=event.title, status=SessionStatus.LIVE)
        case ParticipantEntered():
            return _enter(state, event)
        case ParticipantDeparted(participant_id=who):
            return _person(state, who, present=False, away_until_ms=None, microphone=False, camera=False)
        case ChatWritten():
            author = state.people[event.author_id]
            message = ChatMessage(event.message_id, author.id, author.name, event.text, event.at_ms)
            return replace(state, chat=state.chat.posted(message))
        case ChatConcealed(message_id=which, by=by):
            return _hidden(state, which, by)
        case ChatRevealed(message_id=which):
            return _hidden(state, which, None)
        case MicrophoneShut(participant_id=who):
            return _close(state, who, shut=True, held=False)
        case MicrophoneFreed(participant_id=who):
            return _person(state, who, shut=False, held=False)
        case SessionClosed():
            people = {
                who: replace(person, present=False, away_until_ms=None, microphone=False, camera=False)
                for who, person in state.people.items()
            }
            return replace(state, status=SessionStatus.ENDED, people=people)
        case DevicesSet(participant_id=who):
            return _person(state, who, microphone=event.microphone, camera=event.camera)
        case ConnectionLost(participant_id=who):
            return _person(state, who, away_until_ms=event.until_ms)
        case ConnectionRestored(participant_id=who):
            return _person(state, who, away_until_ms=None)
        case MicrophoneHoldSet(participant_id=who, held=True):
            return _close(state, who, held=True)
        case MicrophoneHoldSet(participant_id=who):
            return _person(state, who, held=False)
    assert_never(event)


def evolve_all(state: RoomState, events: Iterable[Event]) -> RoomState:
    """The state after all events, in order."""
    for event in events:
        state = evolve(state, event)
    return state


def _enter(state: RoomState, event: ParticipantEntered) -> RoomState:
    known = state.people.get(event.participant_id)
    if known is None:
        person = Participant(event.participant_id, event.identity_id, event.name, event.role, place=len(state.people))
    else:
        # Only participants' microphones can be closed or allowed: whoever comes back as staff takes no closing along.
        stays = event.role is Role.PARTICIPANT
        person = replace(
            known,
            name=event.name,
            role=event.role,
            present=True,
            away_until_ms=None,
            microphone=False,
            camera=False,
            shut=known.shut and stays,
            held=known.held and stays,
        )
    return replace(state, people={**state.people, person.id: person})


def _person(state: RoomState, who: ParticipantId, **changes: Any) -> RoomState:
    return replace(state, people={**state.people, who: replace(state.people[who], **changes)})


def _close(state: RoomState, who: ParticipantId, **changes: Any) -> RoomState:
    return _person(state, who, microphone=False, closings=state.people[who].closings + 1, **changes)


def _hidden(state: RoomState, which: MessageId, by: ParticipantId | None) -> RoomState:
    return replace(state, chat=state.chat.changed(replace(state.chat[which], hidden_by=by)))
