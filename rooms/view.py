"""What each viewer may see: the only place that decides it.

Central property: for every viewer and every sequence of events, the snapshot at some moment completed
by the frames after it equals a fresh snapshot.

Who waits in the lobby is shown themselves and the session, and nothing else: no name, no number, no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from moderation.floor.events import FloorEvent, TalkCounted
from moderation.permissions import Action, Relation, permitted, relation_to
from protocol.ids import ParticipantId
from protocol.messages import (
    ChatHidden,
    ChatPosted,
    ChatShown,
    CoverChanged,
    DevicesChanged,
    ListeningChanged,
    LobbyJoined,
    LobbyLeft,
    MicrophoneAllowed,
    MicrophoneClosed,
    MicrophoneHeld,
    NotAloneChanged,
    ParticipantJoined,
    ParticipantLeft,
    PauseChanged,
    PresenceChanged,
    Reacted,
    RoomFrame,
    ScreenAllowed,
    ScreenChanged,
    SessionChanged,
    SessionEnded,
    ViewReplaced,
)
from protocol.turns import FloorChanged, TalkTimeChanged
from protocol.values import (
    ChatView,
    LeaveReason,
    Millis,
    ParticipantView,
    Role,
    SessionStatus,
    SessionView,
    Snapshot,
    WaitingView,
    WaitsFor,
)
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
)
from rooms.floor_view import floor_view, sees_talk, talk_view
from rooms.life import is_unanswered, lacks_leader, lacks_responder
from rooms.state import Participant, RoomState

_SEQUENCED = (
    ParticipantJoined,
    ParticipantLeft,
    ChatPosted,
    ChatHidden,
    ChatShown,
    MicrophoneClosed,
    MicrophoneAllowed,
    ViewReplaced,
    LobbyJoined,
    LobbyLeft,
    ListeningChanged,
    CoverChanged,
    SessionEnded,
)

_MAY_CLOSE_OTHERS = (
    FloorEvent,
    CompanionSet,
    MicrophoneSilenced,
    ParticipantEntered,
    ParticipantAdmitted,
    ParticipantMoved,
    ParticipantRemoved,
    ParticipantDeparted,
    SentOut,
)
"""The events by which the speaking turns may close the microphones of people whom they do not name, or number anew."""

NOBODY = ParticipantId("")

Frames = tuple[RoomFrame, ...]


class Viewer(Struct, frozen=True):
    """Who looks: a participant of this room, in the role that applies here."""

    participant_id: ParticipantId
    role: Role


def snapshot(state: RoomState, viewer: Viewer) -> Snapshot:
    """All that the viewer may see now. The room must have been opened."""
    session = session_view(state, viewer)
    if _waits(state, viewer):
        return Snapshot(session, viewer.participant_id, (_own_view(state, viewer),), (), waiting=True)
    newest = state.chat.newest()
    return Snapshot(
        session=session,
        you=viewer.participant_id,
        participants=tuple(_person_view(person, viewer) for person in state.inside()),
        chat=tuple(_chat_view(message, state, viewer) for message in newest),
        earlier=len(newest) < len(state.chat),
        lobby=tuple(_waiting_view(person) for person in state.waiting()) if _sees_lobby(viewer) else (),
        paused_until_ms=_paused_until(state),
        floor=floor_view(state, viewer.participant_id, viewer.role),
        talk=talk_view(state.floor, viewer.role),
    )


def project(event: Event, before: RoomState, after: RoomState, viewer: Viewer) -> Frames:
    """The frames that this viewer receives for `event`, in order; none when it is nothing to them.

    Args:
        event: what happened.
        before: the room just before it.
        after: the room just after it.
        viewer: who looks.
    """
    was, me = before.people.get(viewer.participant_id), after.people.get(viewer.participant_id)
    if was is not None and not was.present and me is not None and not me.present:
        # Gone already, and about to be told so.
        return ()
    if me is not None and me.present and (me.waiting != _waits(before, viewer) or isinstance(event, SessionReturned)):
        return (ViewReplaced(snapshot(after, viewer)),)
    if _waits(before, viewer):
        frames = _in_lobby(event, after, viewer)
    else:
        frames = (*_in_room(event, before, after, viewer), *_turns(event, before, after, viewer))
    session = session_view(after, viewer)
    if session == session_view(before, viewer) or isinstance(event, SessionClosed):
        return frames
    return (*frames, SessionChanged(session))


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
        case ViewReplaced():
            return ViewReplaced(snapshot(state, viewer))
        case ChatPosted() | ChatHidden() | ChatShown():
            return replace(frame, message=_chat_view(state.chat[frame.message.id], state, viewer))
        case _:
            return frame


def latest(state: RoomState, viewer: Viewer) -> Iterator[RoomFrame]:
    """The ephemeral values as of now, for a viewer who resumes after missing some."""
    yield SessionChanged(session_view(state, viewer))
    if _waits(state, viewer):
        return
    yield _pause(state, viewer)
    yield _floor(state, viewer)
    if sees_talk(viewer.role):
        yield TalkTimeChanged(talk_view(state.floor, viewer.role))
    for person in state.inside():
        yield _devices(person)
        yield _screen(person)
        yield PresenceChanged(person.id, person.connected)
        if not person.shut and _sees(Action.SEE_CLOSED_MICROPHONE, person, viewer):
            yield MicrophoneHeld(person.id, person.held, _closings(person, viewer))
        if _sees(Action.SEE_NOT_ALONE, person, viewer):
            yield NotAloneChanged(person.id, person.not_alone)
        if _sees(Action.SEE_ALLOWED_SCREEN, person, viewer):
            yield ScreenAllowed(person.id, person.allowed_to_share)


# ── event by event ────────────────────────────────────────────────────────────────────────────


def _in_lobby(event: Event, after: RoomState, viewer: Viewer) -> Frames:
    """What someone who waits is told: what becomes of themselves, and of the session."""
    match event:
        case SessionClosed():
            return (SessionEnded(),)
        case ListeningSet(participant_id=viewer.participant_id):
            return (ListeningChanged(viewer.participant_id, event.listening),)
        case ParticipantEntered(participant_id=viewer.participant_id):
            # Another name, or another role, by another page.
            return (ParticipantJoined(_own_view(after, viewer)),)
        case MicrophoneHoldSet(participant_id=viewer.participant_id):
            me = after.people[viewer.participant_id]
            return (MicrophoneHeld(me.id, me.held, _closings(me, viewer)),) if me.present else ()
        case ParticipantDeparted(participant_id=viewer.participant_id):
            return (ParticipantLeft(viewer.participant_id, event.reason),)
        case _:
            return ()


def _in_room(event: Event, before: RoomState, after: RoomState, viewer: Viewer) -> Frames:
    match event:
        case (
            ParticipantEntered()
            | ParticipantAdmitted()
            | ParticipantMoved()
            | SentOut()
            | ParticipantRemoved()
            | ParticipantDeparted()
        ):
            return _membership(event, before, after, viewer)
        case ChatWritten():
            return (ChatPosted(_chat_view(after.chat.last, after, viewer)),)
        case ChatConcealed():
            return (ChatHidden(_chat_view(after.chat[event.message_id], after, viewer)),)
        case ChatRevealed():
            return (ChatShown(_chat_view(after.chat[event.message_id], after, viewer)),)
        case SessionClosed():
            return (SessionEnded(),)
        case FloorPaused() | FloorResumed():
            return (_pause(after, viewer),)
        case (
            SessionOpened() | SessionBegan() | SessionReturned() | LeaderMissed() | ResponderNamed() | ResponderWaived()
        ):
            return ()
        case TalkCounted():
            return (TalkTimeChanged(talk_view(after.floor, viewer.role)),) if sees_talk(viewer.role) else ()
        case FloorEvent():
            return ()
        case _:
            return _about_person(event, before, after, viewer)


def _turns(event: Event, before: RoomState, after: RoomState, viewer: Viewer) -> Frames:
    """Who was closed by the speaking turns, and then the turns, where this viewer sees either otherwise than before."""
    if isinstance(event, SessionClosed):
        return ()
    closed: Frames = ()
    if isinstance(event, _MAY_CLOSE_OTHERS):
        about = getattr(event, "participant_id", None)
        closed = tuple(
            frame
            for person in after.inside()
            if person.id != about and person.id in before.people
            for frame in _closed(before.people[person.id], person)
        )
    was, me = before.people.get(viewer.participant_id), after.people.get(viewer.participant_id)
    # Oneself: by the turns, since all else that closes says so in its own frame.
    own = isinstance(event, _MAY_CLOSE_OTHERS) and was is not None and me is not None and was.closings != me.closings
    floor = _floor(after, viewer)
    shown = floor.floor != floor_view(before, viewer.participant_id, viewer.role)
    return (*closed, floor) if own or shown else closed


def _closed(before: Participant, after: Participant) -> Frames:
    silenced = before.microphone and not after.microphone
    unshared = before.screen_audio and not after.screen_audio
    return (*((_devices(after),) if silenced else ()), *((_screen(after),) if unshared else ()))


def _membership(
    event: ParticipantEntered
    | ParticipantAdmitted
    | ParticipantMoved
    | SentOut
    | ParticipantRemoved
    | ParticipantDeparted,
    before: RoomState,
    after: RoomState,
    viewer: Viewer,
) -> Frames:
    """Someone's standing changed. What happens in the lobby, and why someone left the room, is told to staff only."""
    was, now = before.people.get(event.participant_id), after.people[event.participant_id]
    if now.inside:
        return (ParticipantJoined(_person_view(now, viewer)),)
    if now.waiting and _sees_lobby(viewer):
        return (LobbyJoined(_waiting_view(now)),)
    if was is not None and was.inside:
        return (ParticipantLeft(now.id, _why_left(event, viewer)),)
    if was is not None and was.waiting and not now.waiting and _sees_lobby(viewer):
        return (LobbyLeft(now.id),)
    return ()


def _why_left(event: Event, viewer: Viewer) -> LeaveReason:
    if isinstance(event, ParticipantDeparted):
        return event.reason
    return LeaveReason.REMOVED if _sees_lobby(viewer) and isinstance(event, ParticipantRemoved) else LeaveReason.LEFT


def _about_person(
    event: MicrophoneShut
    | MicrophoneFreed
    | MicrophoneHoldSet
    | MicrophoneSilenced
    | DevicesSet
    | ScreenSet
    | ScreenFreed
    | ScreenShut
    | ScreenHeld
    | ConnectionLost
    | ConnectionRestored
    | CoverAsked
    | CoverWithdrawn
    | ListeningSet
    | NotAloneSet
    | CompanionSet
    | ReactionShown,
    before: RoomState,
    after: RoomState,
    viewer: Viewer,
) -> Frames:
    person = after.people[event.participant_id]
    if not person.inside:
        return ()
    match event:
        case MicrophoneShut() | MicrophoneHoldSet():
            was = before.people[person.id]
            return (*_microphone(event, was, person, viewer), *_sharing(was, person, viewer))
        case MicrophoneFreed():
            return (MicrophoneAllowed(person.id),) if _sees(Action.SEE_CLOSED_MICROPHONE, person, viewer) else ()
        case DevicesSet():
            return (_devices(person),)
        case MicrophoneSilenced():
            return _closed(before.people[person.id], person)
        case ScreenSet() | ScreenFreed() | ScreenShut() | ScreenHeld():
            return _sharing(before.people[person.id], person, viewer)
        case ConnectionLost() | ConnectionRestored():
            return (PresenceChanged(person.id, person.connected),)
        case CoverAsked() | CoverWithdrawn():
            if not _sees(Action.SEE_NEEDED_COVER, person, viewer):
                return ()
            return (CoverChanged(person.id, person.needs_cover),)
        case ListeningSet():
            return (ListeningChanged(person.id, person.listening),)
        case NotAloneSet():
            if not _sees(Action.SEE_NOT_ALONE, person, viewer):
                return ()
            return (NotAloneChanged(person.id, person.not_alone),)
        case CompanionSet():
            return (ParticipantJoined(_person_view(person, viewer)),)
        case ReactionShown():
            return (Reacted(person.id, event.reaction),)
    assert_never(event)


def _microphone(
    event: MicrophoneShut | MicrophoneHoldSet, before: Participant, after: Participant, viewer: Viewer
) -> Frames:
    """To peers a closed microphone is one that is off."""
    if not _sees(Action.SEE_CLOSED_MICROPHONE, after, viewer):
        return _devices_if_changed(before, after)
    closings = _closings(after, viewer)
    if isinstance(event, MicrophoneShut):
        return (MicrophoneClosed(after.id, closings),)
    return (MicrophoneHeld(after.id, after.held, closings),)


# ── what it is made of ────────────────────────────────────────────────────────────────────────


def _waits(state: RoomState, viewer: Viewer) -> bool:
    person = state.here(viewer.participant_id)
    return person is not None and person.waiting


def _knocks(state: RoomState, viewer: Viewer) -> bool:
    """Whether they wait, and nobody of the group has let them in yet: its mentor's words are not for them."""
    person = state.here(viewer.participant_id)
    return person is not None and person.waiting and person.place is None and not person.enrolled


def _sees_lobby(viewer: Viewer) -> bool:
    return permitted(viewer.role, Action.SEE_LOBBY, Relation.ROOM)


def _sees(action: Action, person: Participant, viewer: Viewer) -> bool:
    return permitted(viewer.role, action, relation_to(person.role, own=person.id == viewer.participant_id))


def session_view(state: RoomState, viewer: Viewer) -> SessionView:
    """The session as such."""
    status = state.status or SessionStatus.ENDED
    waits_for = WaitsFor.NOTHING
    if _sees_lobby(viewer):
        if status is SessionStatus.LOBBY and lacks_leader(state):
            waits_for = WaitsFor.LEADER
        elif is_unanswered(state) or (status is SessionStatus.LOBBY and lacks_responder(state)):
            waits_for = WaitsFor.RESPONDER
    begun = state.begun and status is SessionStatus.LOBBY
    note = "" if _knocks(state, viewer) else state.note
    return SessionView(state.session_id, state.title, status, note, waits_for, state.late, begun)


def _paused_until(state: RoomState) -> Millis:
    return state.paused_until_ms or 0


def _pause(state: RoomState, viewer: Viewer) -> PauseChanged:
    me = state.people.get(viewer.participant_id)
    return PauseChanged(_paused_until(state), 0 if me is None else me.closings)


def _floor(state: RoomState, viewer: Viewer) -> FloorChanged:
    me = state.people.get(viewer.participant_id)
    floor = floor_view(state, viewer.participant_id, viewer.role)
    return FloorChanged(floor, 0 if me is None else me.closings)


def _closings(person: Participant, viewer: Viewer) -> int:
    return person.closings if person.id == viewer.participant_id else 0


def _devices(person: Participant) -> DevicesChanged:
    return DevicesChanged(person.id, person.microphone, person.camera)


def _devices_if_changed(before: Participant, after: Participant) -> Frames:
    return (_devices(after),) if before.microphone != after.microphone else ()


def _screen(person: Participant) -> ScreenChanged:
    return ScreenChanged(person.id, person.screen, person.screen_audio)


def _sharing(before: Participant, after: Participant, viewer: Viewer) -> Frames:
    """Peers see the share end, whoever ended it, and learn nothing of who may share."""
    seen: Frames = (_screen(after),) if _screen(before) != _screen(after) else ()
    if before.allowed_to_share != after.allowed_to_share and _sees(Action.SEE_ALLOWED_SCREEN, after, viewer):
        return (*seen, ScreenAllowed(after.id, after.allowed_to_share))
    return seen


def _own_view(state: RoomState, viewer: Viewer) -> ParticipantView:
    """Oneself in the lobby: without the place, which tells how many came before."""
    return replace(
        _person_view(state.people[viewer.participant_id], viewer), place=0, connected=True, companion_of=NOBODY
    )


def _waiting_view(person: Participant) -> WaitingView:
    return WaitingView(person.id, person.name, person.since_ms, person.expected)


def _person_view(person: Participant, viewer: Viewer) -> ParticipantView:
    return ParticipantView(
        id=person.id,
        name=person.name,
        role=person.role,
        place=person.place or 0,
        microphone=person.microphone,
        camera=person.camera,
        connected=person.connected,
        microphone_closed=person.microphone_closed and _sees(Action.SEE_CLOSED_MICROPHONE, person, viewer),
        closings=_closings(person, viewer),
        listening=person.listening,
        not_alone=person.not_alone and _sees(Action.SEE_NOT_ALONE, person, viewer),
        needs_cover=person.needs_cover and _sees(Action.SEE_NEEDED_COVER, person, viewer),
        screen=person.screen,
        screen_audio=person.screen_audio,
        may_share=person.allowed_to_share and _sees(Action.SEE_ALLOWED_SCREEN, person, viewer),
        companion_of=person.companion_of or NOBODY,
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
        turn=message.turn,
    )
