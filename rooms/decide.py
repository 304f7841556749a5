"""`decide(state, command, now_ms)`: what a command makes happen, or why it is refused.

Every request passes the permission function first. While the session lives and the person is in it,
repeating a request that already took effect has no events, so that a client may send again what it got
no answer for.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from moderation.permissions import Action, Relation, permitted, relation_to
from protocol.errors import ErrorCode
from protocol.ids import MessageId, ParticipantId
from protocol.messages import (
    AllowMicrophone,
    CloseMicrophone,
    EndSession,
    HideChat,
    Leave,
    LeaveReason,
    Millis,
    PostChat,
    SessionStatus,
    SetDevices,
    ShowChat,
)
from rooms.chat import MAX_MESSAGES, ChatMessage
from rooms.commands import (
    Command,
    Depart,
    Enter,
    LoseConnection,
    OpenSession,
    PassTime,
    Requested,
    RestoreConnection,
)
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
from rooms.evolve import evolve
from rooms.state import Participant, RoomState


class Accepted(Struct, frozen=True):
    """The command stands; `events` is empty when it had taken effect before."""

    events: tuple[Event, ...] = ()


class Rejection(Struct, frozen=True):
    """The command is refused."""

    code: ErrorCode
    detail: str = ""


Decision = Accepted | Rejection

NOTHING = Accepted()
NOT_ALLOWED = Rejection(ErrorCode.NOT_ALLOWED)
NOT_FOUND = Rejection(ErrorCode.NOT_FOUND)


def decide(state: RoomState, command: Command, now_ms: Millis) -> Decision:
    """Decides one command.

    Args:
        state: the room as of all events decided so far.
        command: what is asked, or what the server saw.
        now_ms: the server's clock, milliseconds since the Unix epoch, never running backwards.
    """
    match command:
        case OpenSession():
            if state.status is not None:
                return NOTHING
            return Accepted((SessionOpened(now_ms, command.session_id, command.title),))
        case Enter():
            return _enter(state, command, now_ms)
        case LoseConnection():
            person = state.here(command.participant_id)
            if person is None or not person.connected:
                return NOTHING
            return Accepted((ConnectionLost(person.id, now_ms + command.grace_ms),))
        case RestoreConnection():
            person = state.here(command.participant_id)
            if person is None:
                return NOT_FOUND
            return NOTHING if person.connected else Accepted((ConnectionRestored(person.id),))
        case Depart():
            person = state.here(command.participant_id)
            return NOTHING if person is None else _depart(person, command.reason, now_ms)
        case PassTime():
            overdue = (p for p in state.present() if p.away_until_ms is not None and p.away_until_ms <= now_ms)
            return Accepted(tuple(ParticipantDeparted(now_ms, p.id, LeaveReason.CONNECTION_LOST) for p in overdue))
        case Requested():
            return _requested(state, command, now_ms)
    assert_never(command)


def next_deadline(state: RoomState) -> Millis | None:
    """When `PassTime` next has something to do; None when nothing is pending."""
    return min((p.away_until_ms for p in state.present() if p.away_until_ms is not None), default=None)


def aftermath(state: RoomState, lost: tuple[Event, ...]) -> tuple[Event, ...]:
    """Ephemeral events that keep what must outlive a failure to store: all that `shut_at_once` had shut, and who is
    connected.

    Args:
        state: the room without the lost events.
        lost: what was decided and did not come to pass, in order: durable events that were not stored, and whatever
            waited behind them.
    """
    kept: list[Event] = []
    for event in lost:
        for again in _outlives(state, event):
            state = evolve(state, again)
            kept.append(again)
    return tuple(kept)


def _outlives(state: RoomState, event: Event) -> tuple[Event, ...]:
    match event:
        case MicrophoneShut(participant_id=who) | MicrophoneHoldSet(participant_id=who, held=True):
            # Absent people, too: they may have come back in what was lost, and will come again.
            person = state.people.get(who)
            return () if person is None or person.microphone_closed else (MicrophoneHoldSet(who, held=True),)
        case ParticipantDeparted(participant_id=who) | ParticipantEntered(participant_id=who):
            return _turned_off(state.here(who), microphone=True, camera=True)
        case DevicesSet(participant_id=who):
            return _turned_off(state.here(who), microphone=not event.microphone, camera=not event.camera)
        case ConnectionLost(participant_id=who):
            person = state.here(who)
            return (event,) if person is not None and person.connected else ()
        case ConnectionRestored(participant_id=who):
            person = state.here(who)
            return (event,) if person is not None and not person.connected else ()
        case _:
            return ()


def _turned_off(person: Participant | None, *, microphone: bool, camera: bool) -> tuple[Event, ...]:
    if person is None or not ((microphone and person.microphone) or (camera and person.camera)):
        return ()
    return (DevicesSet(person.id, person.microphone and not microphone, person.camera and not camera),)


def _enter(state: RoomState, command: Enter, now_ms: Millis) -> Decision:
    if state.status is None:
        return Rejection(ErrorCode.NOT_OPEN)
    if state.status is SessionStatus.ENDED:
        return Rejection(ErrorCode.SESSION_ENDED)
    if not permitted(command.role, Action.ENTER, Relation.ROOM):
        return NOT_ALLOWED
    person = state.here(command.participant_id)
    if person is None or person.role is not command.role or person.name != command.name:
        entered = ParticipantEntered(now_ms, command.participant_id, command.identity_id, command.name, command.role)
        return Accepted((entered,))
    restored = () if person.connected else (ConnectionRestored(person.id),)
    # Another page of the same person takes over; it opens its own microphone and camera, or does not.
    silenced = (DevicesSet(person.id, microphone=False, camera=False),)
    return Accepted((*restored, *(silenced if person.microphone or person.camera else ())))


def _depart(person: Participant, reason: LeaveReason, now_ms: Millis) -> Accepted:
    return Accepted((ParticipantDeparted(now_ms, person.id, reason),))


def _requested(state: RoomState, command: Requested, now_ms: Millis) -> Decision:
    if state.status is SessionStatus.ENDED:
        return Rejection(ErrorCode.SESSION_ENDED)
    actor = state.here(command.actor)
    if actor is None:
        return NOT_ALLOWED
    message = command.message
    match message:
        case PostChat():
            return _post_chat(state, actor, message, now_ms)
        case HideChat():
            return _hide_chat(state, actor, message, now_ms)
        case ShowChat():
            return _show_chat(state, actor, message, now_ms)
        case SetDevices():
            return _set_devices(actor, message)
        case CloseMicrophone():
            return _close_microphone(state, actor, message, now_ms)
        case AllowMicrophone():
            return _allow_microphone(state, actor, message, now_ms)
        case EndSession():
            if not permitted(actor.role, Action.END_SESSION, Relation.ROOM):
                return NOT_ALLOWED
            return Accepted((SessionClosed(now_ms, actor.id),))
        case Leave():
            if not permitted(actor.role, Action.LEAVE, Relation.OWN):
                return NOT_ALLOWED
            return _depart(actor, LeaveReason.LEFT, now_ms)
    assert_never(message)


def _relation(actor: Participant, owner: Participant) -> Relation:
    return relation_to(owner.role, own=owner.id == actor.id)


def _post_chat(state: RoomState, actor: Participant, message: PostChat, now_ms: Millis) -> Decision:
    if not permitted(actor.role, Action.POST_CHAT, Relation.ROOM):
        return NOT_ALLOWED
    if not message.text.strip():
        return Rejection(ErrorCode.INVALID_FIELD, "text")
    known = state.chat.get(message.message_id)
    if known is None:
        if len(state.chat) >= MAX_MESSAGES:
            return Rejection(ErrorCode.OVERLOADED, "chat")
        return Accepted((ChatWritten(now_ms, message.message_id, actor.id, message.text),))
    if known.author_id == actor.id and known.text == message.text:
        return NOTHING
    return Rejection(ErrorCode.CONFLICT, "message_id")


def _hide_chat(state: RoomState, actor: Participant, message: HideChat, now_ms: Millis) -> Decision:
    known = _moderated_message(state, actor, Action.HIDE_CHAT, message.message_id)
    if isinstance(known, Rejection):
        return known
    return NOTHING if known.hidden_by is not None else Accepted((ChatConcealed(now_ms, known.id, actor.id),))


def _show_chat(state: RoomState, actor: Participant, message: ShowChat, now_ms: Millis) -> Decision:
    known = _moderated_message(state, actor, Action.SHOW_CHAT, message.message_id)
    if isinstance(known, Rejection):
        return known
    return NOTHING if known.hidden_by is None else Accepted((ChatRevealed(now_ms, known.id, actor.id),))


def _moderated_message(
    state: RoomState, actor: Participant, action: Action, message_id: MessageId
) -> ChatMessage | Rejection:
    # Who may do this to no message at all is refused alike, whether or not this one exists.
    if not permitted(actor.role, action, Relation.OWN):
        return NOT_ALLOWED
    known = state.chat.get(message_id)
    if known is None:
        return NOT_FOUND
    relation = _relation(actor, state.people[known.author_id])
    return known if permitted(actor.role, action, relation) else NOT_ALLOWED


def _set_devices(actor: Participant, message: SetDevices) -> Decision:
    if not permitted(actor.role, Action.SET_DEVICES, Relation.OWN):
        return NOT_ALLOWED
    opens = message.microphone and not actor.microphone
    # With other `closings` the client has not yet heard that its microphone was closed meanwhile; it must not
    # open by itself.
    if opens and (actor.microphone_closed or message.closings != actor.closings):
        if actor.camera and not message.camera:
            # Said before the client heard of the closing: turning the camera off is never refused.
            return Accepted((DevicesSet(actor.id, microphone=False, camera=False),))
        return Rejection(ErrorCode.MICROPHONE_CLOSED, "" if actor.microphone_closed else "closings")
    if (message.microphone, message.camera) == (actor.microphone, actor.camera):
        return NOTHING
    return Accepted((DevicesSet(actor.id, message.microphone, message.camera),))


def _close_microphone(state: RoomState, actor: Participant, message: CloseMicrophone, now_ms: Millis) -> Decision:
    target = _moderated_person(state, actor, Action.CLOSE_MICROPHONE, message.participant_id)
    if isinstance(target, Rejection):
        return target
    return NOTHING if target.shut else Accepted((MicrophoneShut(now_ms, target.id, actor.id),))


def _allow_microphone(state: RoomState, actor: Participant, message: AllowMicrophone, now_ms: Millis) -> Decision:
    target = _moderated_person(state, actor, Action.ALLOW_MICROPHONE, message.participant_id)
    if isinstance(target, Rejection):
        return target
    if target.shut:
        return Accepted((MicrophoneFreed(now_ms, target.id, actor.id),))
    return Accepted((MicrophoneHoldSet(target.id, held=False),)) if target.held else NOTHING


def _moderated_person(
    state: RoomState, actor: Participant, action: Action, participant_id: ParticipantId
) -> Participant | Rejection:
    if not permitted(actor.role, action, Relation.PARTICIPANT):
        return NOT_ALLOWED
    target = state.here(participant_id)
    if target is None:
        return NOT_FOUND
    return target if permitted(actor.role, action, _relation(actor, target)) else NOT_ALLOWED
