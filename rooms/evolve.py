"""`evolve(state, event)`: how each event changes the room. Total: an event that was stored always applies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from msgspec.structs import replace

from moderation.floor.events import FloorEvent
from moderation.floor.transitions import evolve_floor
from protocol.ids import MessageId, ParticipantId
from protocol.values import Millis, Role, SessionStatus
from rooms.chat import ChatMessage
from rooms.events import (
    ChatConcealed,
    ChatRevealed,
    ChatWritten,
    CompanionSet,
    ConnectionLost,
    ConnectionRestored,
    CoverAsked,
    CoverWithdrawn,
    DevicesSet,
    Event,
    FloorPaused,
    FloorResumed,
    LeaderMissed,
    ListeningSet,
    MicrophoneFreed,
    MicrophoneHoldSet,
    MicrophoneShut,
    MicrophoneSilenced,
    NotAloneSet,
    ParticipantAdmitted,
    ParticipantDeparted,
    ParticipantEntered,
    ParticipantMoved,
    ParticipantRemoved,
    ReactionShown,
    ResponderNamed,
    ResponderWaived,
    ScreenFreed,
    ScreenHeld,
    ScreenSet,
    ScreenShut,
    SentOut,
    SessionBegan,
    SessionClosed,
    SessionOpened,
    SessionReturned,
    is_durable,
)
from rooms.retention import Retention, retention_of
from rooms.speaking import spoken_for
from rooms.state import Participant, RoomState


def evolve(state: RoomState, event: Event) -> RoomState:
    """The state after `event`."""
    after = _evolve(state, event)
    # What was written is purged before the rest, and is no part of what closings are numbered by.
    if is_durable(event) and retention_of(event) is Retention.RECORD:
        after = replace(after, recorded=state.recorded + 1)
    return spoken_for(state, after, event)


def _evolve(state: RoomState, event: Event) -> RoomState:
    match event:
        case SessionOpened():
            return replace(
                state,
                session_id=event.session_id,
                title=event.title,
                note=event.note,
                status=event.status,
                begun=event.status is SessionStatus.LIVE,
            )
        case ParticipantEntered():
            return _attended(_enter(state, event), event.at_ms)
        case ParticipantAdmitted(participant_id=who):
            inside = _person(state, who, waiting=False, sent_out=False, expected=True)
            return _attended(_placed(inside, who), event.at_ms)
        case ParticipantMoved(participant_id=who) | SentOut(participant_id=who):
            unsaved = isinstance(event, SentOut)
            if unsaved:
                state = _share_held(state, who)
            outside = _person(state, who, **_outside(event.at_ms, unsaved=unsaved), sent_out=unsaved, expected=False)
            return _attended(outside, event.at_ms)
        case ParticipantRemoved(participant_id=who):
            return _attended(_person(state, who, **GONE, removed=True, expected=False), event.at_ms)
        case ParticipantDeparted(participant_id=who):
            return _attended(_person(state, who, **GONE), event.at_ms)
        case ResponderNamed():
            return replace(state, responder=event.identity_id)
        case ResponderWaived():
            return replace(state, responder_waived=True)
        case SessionBegan():
            return replace(
                state, status=SessionStatus.LIVE, begun=True, unattended_ms=None, late=False, paused_until_ms=None
            )
        case SessionReturned():
            return _returned(state, event.at_ms)
        case LeaderMissed():
            return replace(state, late=True)
        case CoverAsked(participant_id=who):
            return _person(state, who, needs_cover=True)
        case CoverWithdrawn(participant_id=who):
            return _person(state, who, needs_cover=False)
        case ListeningSet(participant_id=who):
            return _person(state, who, listening=event.listening)
        case SessionClosed():
            people = {who: replace(person, **GONE) for who, person in state.people.items()}
            return replace(
                state, status=SessionStatus.ENDED, people=people, unattended_ms=None, late=False, paused_until_ms=None
            )
        case ChatWritten() | ChatConcealed() | ChatRevealed():
            return _chat(state, event)
        case MicrophoneShut(participant_id=who):
            number = max(state.people[who].closings + 1, event.closings)
            return _person(state, who, **_UNHEARD, closings=number, shut=True, held=False)
        case MicrophoneFreed(participant_id=who):
            return _person(state, who, shut=False, held=False)
        case MicrophoneHoldSet(participant_id=who, held=True):
            return _person(state, who, **_UNHEARD, closings=state.next_closing(who), held=True)
        case MicrophoneHoldSet(participant_id=who):
            return _person(state, who, held=False)
        case MicrophoneSilenced(participant_id=who):
            return _person(state, who, **_UNHEARD, closings=state.next_closing(who))
        case DevicesSet(participant_id=who):
            return _person(state, who, microphone=event.microphone, camera=event.camera)
        case ScreenSet(participant_id=who):
            return _person(state, who, screen=event.screen, screen_audio=event.screen_audio)
        case ScreenFreed(participant_id=who):
            return _person(state, who, may_share=True, share_held=False)
        case ScreenShut(participant_id=who):
            return _person(state, who, **NOT_SHARING)
        case ScreenHeld(participant_id=who):
            return _share_held(state, who)
        case ConnectionLost(participant_id=who):
            return _person(state, who, lost_ms=event.at_ms, away_until_ms=event.until_ms)
        case ConnectionRestored(participant_id=who):
            return _person(state, who, lost_ms=None, away_until_ms=None)
        case FloorPaused():
            return _paused(state, event)
        case FloorResumed():
            return replace(state, paused_until_ms=None)
        case NotAloneSet(participant_id=who):
            return _person(state, who, not_alone=event.on)
        case CompanionSet(participant_id=who):
            return _person(state, who, companion_of=event.companion_of)
        case ReactionShown():
            return state
        case FloorEvent():
            floor = evolve_floor(state.floor, event)
            return state if floor is state.floor else replace(state, floor=floor)
    assert_never(event)


def evolve_all(state: RoomState, events: Iterable[Event]) -> RoomState:
    """The state after all events, in order."""
    for event in events:
        state = evolve(state, event)
    return state


_UNHEARD: Mapping[str, Any] = {"microphone": False, "screen_audio": False}
"""Whoever is closed is heard by no other way: what they share goes on without its sound."""

NOT_SHARING: Mapping[str, Any] = {"screen": False, "screen_audio": False, "may_share": False, "share_held": False}
"""Shares nothing, and needs a mentor's leave to."""

GONE: Mapping[str, Any] = {
    **NOT_SHARING,
    "present": False,
    "sent_out": False,
    "waiting": False,
    "lost_ms": None,
    "away_until_ms": None,
    "microphone": False,
    "camera": False,
    "not_alone": False,
    "needs_cover": False,
}
"""What becomes of someone who is no longer here."""


def _outside(now_ms: Millis, *, unsaved: bool = False) -> dict[str, Any]:
    outside = {"waiting": True, "since_ms": now_ms, "microphone": False, "camera": False, "not_alone": False}
    return outside if unsaved else {**outside, **NOT_SHARING}


def _enter(state: RoomState, event: ParticipantEntered) -> RoomState:
    known = state.people.get(event.participant_id)
    if known is None:
        known = Participant(event.participant_id, event.identity_id, event.name, event.role, enrolled=event.expected)
    # Only participants' microphones can be closed or allowed: whoever comes back as staff takes no closing along.
    stays = event.role is Role.PARTICIPANT
    person = replace(
        known,
        name=event.name,
        role=event.role,
        present=True,
        waiting=event.waiting,
        sent_out=False,
        since_ms=event.at_ms,
        expected=event.expected,
        lost_ms=None,
        away_until_ms=None,
        microphone=False,
        camera=False,
        shut=known.shut and stays,
        held=known.held and stays,
        companion_of=known.companion_of if stays else None,
        not_alone=False,
        # Another page, or another name, is not yet someone who can lead again.
        needs_cover=known.needs_cover and not stays,
        **NOT_SHARING,
    )
    return _placed(replace(state, people={**state.people, person.id: person}), person.id)


def _placed(state: RoomState, who: ParticipantId) -> RoomState:
    """With a place for whoever is in the room for the first time. Those who only ever waited take none: a gap would
    tell of them."""
    person = state.people[who]
    if person.place is not None or not person.inside:
        return state
    return _person(state, who, place=sum(1 for each in state.people.values() if each.place is not None))


def _attended(state: RoomState, now_ms: Millis) -> RoomState:
    """With the time since which people wait, now that someone came or went."""
    wait = state.status is SessionStatus.LOBBY and any(p.present and p.waiting for p in state.people.values())
    if wait:
        return state if state.unattended_ms is not None else replace(state, unattended_ms=now_ms)
    return replace(state, unattended_ms=None, late=False)


def _returned(state: RoomState, now_ms: Millis) -> RoomState:
    people = {
        who: replace(person, **_outside(now_ms)) if person.inside and not person.is_staff else person
        for who, person in state.people.items()
    }
    return _attended(
        replace(state, status=SessionStatus.LOBBY, people=people, paused_until_ms=None, unattended_ms=None), now_ms
    )


def _paused(state: RoomState, event: FloorPaused) -> RoomState:
    people = dict(state.people)
    for who in event.closed:
        silent = {"microphone": False, "screen": False, "screen_audio": False}
        people[who] = replace(people[who], **silent, closings=state.next_closing(who))
    return replace(state, people=people, paused_until_ms=event.until_ms)


def _chat(state: RoomState, event: ChatWritten | ChatConcealed | ChatRevealed) -> RoomState:
    match event:
        case ChatWritten():
            name = state.people[event.author_id].name
            message = ChatMessage(event.message_id, event.author_id, name, event.text, event.at_ms, turn=event.turn)
            return replace(state, chat=state.chat.posted(message))
        case ChatConcealed():
            return _hidden(state, event.message_id, event.by)
        case ChatRevealed():
            return _hidden(state, event.message_id, None)
    assert_never(event)


def _person(state: RoomState, who: ParticipantId, **changes: Any) -> RoomState:
    return replace(state, people={**state.people, who: replace(state.people[who], **changes)})


def _share_held(state: RoomState, who: ParticipantId) -> RoomState:
    return _person(state, who, screen=False, screen_audio=False, share_held=state.people[who].may_share)


def _hidden(state: RoomState, which: MessageId, by: ParticipantId | None) -> RoomState:
    return replace(state, chat=state.chat.changed(replace(state.chat[which], hidden_by=by)))
