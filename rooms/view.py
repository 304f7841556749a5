"""What each viewer may see: the only place that decides it.

Central property: for every viewer and every sequence of events, the snapshot at some moment completed
by the frames after it equals a fresh snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from moderation.permissions import Action, permitted, relation_to
from protocol.ids import ParticipantId
from protocol.messages import (
    ChatHidden,
    ChatPosted,
    ChatShown,
    ChatView,
    DevicesChanged,
    MicrophoneAllowed,
    MicrophoneClosed,
    MicrophoneHeld,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantView,
    PresenceChanged,
    Role,
    RoomFrame,
    SessionEnded,
    SessionStatus,
    SessionView,
    Snapshot,
)
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

_SEQUENCED = (
    ParticipantJoined,
    ParticipantLeft,
    ChatPosted,
    ChatHidden,
    ChatShown,
    MicrophoneClosed,
    MicrophoneAllowed,
    SessionEnded,
)


class Viewer(Struct, frozen=True):
    """Who looks: a participant of this room, in the role that applies here."""

    participant_id: ParticipantId
    role: Role


def snapshot(state: RoomState, viewer: Viewer) -> Snapshot:
    """All that the viewer may see now. The room must have been opened."""
    status = state.status or SessionStatus.ENDED
    newest = state.chat.newest()
    return Snapshot(
        session=SessionView(state.session_id, state.title, status),
        you=viewer.participant_id,
        participants=tuple(_person_view(person, viewer) for person in state.present()),
        chat=tuple(_chat_view(message, state, viewer) for message in newest),
        earlier=len(newest) < len(state.chat),
    )


def project(event: Event, before: RoomState, after: RoomState, viewer: Viewer) -> RoomFrame | None:
    """The frame that this viewer receives for `event`, or None when it is nothing to them.

    Args:
        event: what happened.
        before: the room just before it.
        after: the room just after it.
        viewer: who looks.
    """
    match event:
        case SessionOpened():
            return None
        case ParticipantEntered():
            return ParticipantJoined(_person_view(after.people[event.participant_id], viewer))
        case ParticipantDeparted():
            return ParticipantLeft(event.participant_id, event.reason)
        case ChatWritten():
            return ChatPosted(_chat_view(after.chat.last, after, viewer))
        case ChatConcealed():
            return ChatHidden(_chat_view(after.chat[event.message_id], after, viewer))
        case ChatRevealed():
            return ChatShown(_chat_view(after.chat[event.message_id], after, viewer))
        case MicrophoneShut():
            person = after.people[event.participant_id]
            if _sees_closed(person, viewer):
                return MicrophoneClosed(person.id, _closings(person, viewer))
            return _devices_if_changed(before.people[person.id], person)
        case MicrophoneFreed():
            person = after.people[event.participant_id]
            return MicrophoneAllowed(person.id) if _sees_closed(person, viewer) else None
        case SessionClosed():
            return SessionEnded()
        case DevicesSet():
            return _devices(after.people[event.participant_id])
        case ConnectionLost():
            return PresenceChanged(event.participant_id, connected=False)
        case ConnectionRestored():
            return PresenceChanged(event.participant_id, connected=True)
        case MicrophoneHoldSet():
            person = after.people[event.participant_id]
            if not person.present:
                return None
            if _sees_closed(person, viewer):
                return MicrophoneHeld(person.id, person.held, _closings(person, viewer))
            return _devices_if_changed(before.people[person.id], person)
    assert_never(event)


def is_sequenced(frame: RoomFrame) -> bool:
    """Whether the viewer's seq counts this frame and a resume repeats it; else only its latest value counts.

    This goes by the frame, not by the event behind it: a numbered `devices_changed` would tell peers that a mentor
    closed a microphone, and its number would depend on devices, which no log can restore.
    """
    return isinstance(frame, _SEQUENCED)


def replayed(frame: RoomFrame, state: RoomState, viewer: Viewer) -> RoomFrame:
    """A kept frame as it may be sent again now: a text that was hidden since it was first sent is not repeated.

    Args:
        frame: as `project` gave it to this viewer.
        state: the room now.
        viewer: who resumes.
    """
    match frame:
        case ChatPosted() | ChatHidden() | ChatShown():
            return replace(frame, message=_chat_view(state.chat[frame.message.id], state, viewer))
        case _:
            return frame


def latest(state: RoomState, viewer: Viewer) -> Iterator[RoomFrame]:
    """The ephemeral values as of now, for a viewer who resumes after missing some."""
    for person in state.present():
        yield _devices(person)
        yield PresenceChanged(person.id, person.connected)
        if not person.shut and _sees_closed(person, viewer):
            yield MicrophoneHeld(person.id, person.held, _closings(person, viewer))


def _sees_closed(person: Participant, viewer: Viewer) -> bool:
    relation = relation_to(person.role, own=person.id == viewer.participant_id)
    return permitted(viewer.role, Action.SEE_CLOSED_MICROPHONE, relation)


def _closings(person: Participant, viewer: Viewer) -> int:
    return person.closings if person.id == viewer.participant_id else 0


def _devices(person: Participant) -> DevicesChanged:
    return DevicesChanged(person.id, person.microphone, person.camera)


def _devices_if_changed(before: Participant, after: Participant) -> DevicesChanged | None:
    return _devices(after) if before.microphone != after.microphone else None


def _person_view(person: Participant, viewer: Viewer) -> ParticipantView:
    return ParticipantView(
        id=person.id,
        name=person.name,
        role=person.role,
        place=person.place,
        microphone=person.microphone,
        camera=person.camera,
        connected=person.connected,
        microphone_closed=person.microphone_closed and _sees_closed(person, viewer),
        closings=_closings(person, viewer),
    )


def _chat_view(message: ChatMessage, state: RoomState, viewer: Viewer) -> ChatView:
    hidden = message.hidden_by is not None
    author = state.people[message.author_id]
    relation = relation_to(author.role, own=author.id == viewer.participant_id)
    readable = not hidden or permitted(viewer.role, Action.READ_HIDDEN_CHAT, relation)
    return ChatView(
        id=message.id,
        author_id=message.author_id,
        author_name=message.author_name,
        text=message.text if readable else "",
        at_ms=message.at_ms,
        hidden=hidden,
    )
