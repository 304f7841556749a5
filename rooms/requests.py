"""What a person asks of the room: every request passes the permission function first.

While the session lives and the person is in it, repeating a request that already took effect has no events, so that a
client may send again what it got no answer for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from moderation.decision import NOT_FOUND, NOTHING, Accepted, Rejection, denied
from moderation.permissions import Action, Relation, permitted, relation_to
from protocol.errors import ErrorCode
from protocol.ids import MessageId, ParticipantId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Leave,
    MoveToLobby,
    PostChat,
    React,
    Remove,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShareScreen,
    ShowChat,
    StopSharing,
    WithdrawCover,
)
from protocol.turns import (
    DenyTurn,
    EndTurn,
    ExtendTurn,
    GiveTurn,
    HoldTime,
    LeastHeardFirst,
    LowerHand,
    MoveInOrder,
    NextSpeaker,
    Pass,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
    SetTurnMode,
)
from protocol.values import LeaveReason, Millis, SessionStatus, TurnForm
from rooms.chat import MAX_MESSAGES, MAX_MESSAGES_EACH, ChatMessage
from rooms.commands import Requested, RoomRequest
from rooms.events import (
    ChatConcealed,
    ChatRevealed,
    ChatWritten,
    CoverAsked,
    CoverWithdrawn,
    Decision,
    DevicesSet,
    ListeningSet,
    MicrophoneFreed,
    MicrophoneHoldSet,
    MicrophoneShut,
    NotAloneSet,
    ParticipantAdmitted,
    ParticipantDeparted,
    ParticipantMoved,
    ParticipantRemoved,
    ReactionShown,
    ScreenFreed,
    ScreenSet,
    ScreenShut,
    SessionClosed,
)
from rooms.life import is_led
from rooms.state import Participant, RoomState
from rooms.turns import turn_requested

_NOT_FROM_LOBBY: Final[Mapping[type[RoomRequest], Action]] = {
    Admit: Action.ADMIT,
    MoveToLobby: Action.MOVE_TO_LOBBY,
    Remove: Action.REMOVE,
    CloseMicrophone: Action.CLOSE_MICROPHONE,
    AllowMicrophone: Action.ALLOW_MICROPHONE,
    CloseScreen: Action.CLOSE_SCREEN,
    AllowScreen: Action.ALLOW_SCREEN,
    HideChat: Action.HIDE_CHAT,
    ShowChat: Action.SHOW_CHAT,
    AskForCover: Action.ASK_FOR_COVER,
    WithdrawCover: Action.ASK_FOR_COVER,
    EndSession: Action.END_SESSION,
    NextSpeaker: Action.GIVE_TURN,
    GiveTurn: Action.GIVE_TURN,
    MoveInOrder: Action.GIVE_TURN,
    LeastHeardFirst: Action.GIVE_TURN,
    DenyTurn: Action.DENY_TURN,
    ExtendTurn: Action.EXTEND_TURN,
    HoldTime: Action.HOLD_TURN,
    SetTurnMode: Action.SET_TURN_MODE,
    SetCompanion: Action.SET_COMPANION,
}
"""What nobody who waits may do in the room either: only participants wait. A try is counted as one."""


def requested(state: RoomState, command: Requested, now_ms: Millis) -> Decision:
    """Decides what someone asks for."""
    if state.status is SessionStatus.ENDED:
        return Rejection(ErrorCode.SESSION_ENDED)
    actor = state.here(command.actor)
    if actor is None:
        return Rejection(ErrorCode.NOT_ALLOWED)
    if actor.waiting:
        return _from_lobby(actor, command.message, now_ms)
    return _from_room(state, actor, command.message, now_ms)


def _from_lobby(actor: Participant, message: RoomRequest, now_ms: Millis) -> Decision:
    """Who waits can leave, and say how they will come in."""
    match message:
        case Leave():
            return _leave(actor, now_ms)
        case SetListening():
            return _set_listening(actor, message, now_ms)
        case SetDevices(microphone=False, camera=False) | SetNotAlone(on=False) | StopSharing() | LowerHand():
            return NOTHING
        case _:
            return Rejection(ErrorCode.NOT_ADMITTED, denied=_NOT_FROM_LOBBY.get(type(message)))


def _from_room(state: RoomState, actor: Participant, message: RoomRequest, now_ms: Millis) -> Decision:
    match message:
        case PostChat():
            return _post_chat(state, actor, message, now_ms)
        case HideChat():
            return _hide_chat(state, actor, message, now_ms)
        case ShowChat():
            return _show_chat(state, actor, message, now_ms)
        case SetDevices():
            return _set_devices(state, actor, message)
        case CloseMicrophone():
            return _close_microphone(state, actor, message, now_ms)
        case AllowMicrophone():
            return _allow_microphone(state, actor, message, now_ms)
        case ShareScreen():
            return _share_screen(state, actor, message)
        case StopSharing():
            return _stop_sharing(actor)
        case CloseScreen():
            return _close_screen(state, actor, message, now_ms)
        case AllowScreen():
            return _allow_screen(state, actor, message, now_ms)
        case Admit():
            return _admit(state, actor, message, now_ms)
        case MoveToLobby():
            return _move_to_lobby(state, actor, message, now_ms)
        case Remove():
            return _remove(state, actor, message, now_ms)
        case AskForCover() | WithdrawCover():
            return _cover(actor, message, now_ms)
        case SetListening():
            return _set_listening(actor, message, now_ms)
        case SetNotAlone():
            return _set_not_alone(actor, message)
        case React():
            if not permitted(actor.role, Action.REACT, Relation.ROOM):
                return denied(Action.REACT)
            return Accepted((ReactionShown(actor.id, message.reaction),))
        case EndSession():
            if not permitted(actor.role, Action.END_SESSION, Relation.ROOM):
                return denied(Action.END_SESSION)
            return Accepted((SessionClosed(now_ms, actor.id),))
        case Leave():
            return _leave(actor, now_ms)
        case (
            RaiseHand()
            | LowerHand()
            | Pass()
            | PassTurnOn()
            | SetTurnForm()
            | NextSpeaker()
            | GiveTurn()
            | DenyTurn()
            | EndTurn()
            | ExtendTurn()
            | HoldTime()
            | MoveInOrder()
            | LeastHeardFirst()
            | SetTurnMode()
            | SetCompanion()
        ):
            return turn_requested(state, actor, message, now_ms)
    assert_never(message)


# ── one's own part ────────────────────────────────────────────────────────────────────────────


def _leave(actor: Participant, now_ms: Millis) -> Decision:
    if not permitted(actor.role, Action.LEAVE, Relation.OWN):
        return denied(Action.LEAVE)
    return Accepted((ParticipantDeparted(now_ms, actor.id, LeaveReason.LEFT),))


def _set_devices(state: RoomState, actor: Participant, message: SetDevices) -> Decision:
    if not permitted(actor.role, Action.SET_DEVICES, Relation.OWN):
        return denied(Action.SET_DEVICES)
    opens = message.microphone and not actor.microphone
    paused = state.paused_until_ms is not None and not actor.is_staff
    # With other `closings` the client has not yet heard that its microphone was closed meanwhile; it must not
    # open by itself.
    heard = state.may_be_heard(actor)
    if opens and (paused or not heard or actor.microphone_closed or message.closings != actor.closings):
        if actor.camera and not message.camera:
            # Said before the client heard of the closing: turning the camera off is never refused.
            return Accepted((DevicesSet(actor.id, microphone=False, camera=False),))
        if paused:
            return Rejection(ErrorCode.PAUSED)
        if not heard:
            return Rejection(ErrorCode.NOT_YOUR_TURN)
        return Rejection(ErrorCode.MICROPHONE_CLOSED, "" if actor.microphone_closed else "closings")
    if (message.microphone, message.camera) == (actor.microphone, actor.camera):
        return NOTHING
    return Accepted((DevicesSet(actor.id, message.microphone, message.camera),))


def _share_screen(state: RoomState, actor: Participant, message: ShareScreen) -> Decision:
    if not permitted(actor.role, Action.SHARE_SCREEN, Relation.OWN):
        return denied(Action.SHARE_SCREEN)
    if not (actor.is_staff or actor.allowed_to_share):
        return Rejection(ErrorCode.SCREEN_CLOSED)
    if state.paused_until_ms is not None and not actor.is_staff:
        return Rejection(ErrorCode.PAUSED)
    if state.sharer() not in (None, actor):
        # Whoever wants the screen asks for it, or ends that share first: nothing is taken from anyone by surprise.
        return Rejection(ErrorCode.SCREEN_TAKEN)
    # A screen is shown without its sound while its person may not be heard, and by a word from before they might.
    opens = actor.screen_audio or message.closings == actor.closings
    sound = message.sound and opens and state.may_be_heard(actor) and not actor.microphone_closed
    if (actor.screen, actor.screen_audio) == (True, sound):
        return NOTHING
    return Accepted((ScreenSet(actor.id, screen=True, screen_audio=sound),))


def _stop_sharing(actor: Participant) -> Decision:
    if not permitted(actor.role, Action.SHARE_SCREEN, Relation.OWN):
        return denied(Action.SHARE_SCREEN)
    return Accepted(screen_off(actor))


def screen_off(person: Participant) -> tuple[ScreenSet, ...]:
    """What ends that person's share, where there is one."""
    return (ScreenSet(person.id, screen=False, screen_audio=False),) if person.screen else ()


def _set_listening(actor: Participant, message: SetListening, now_ms: Millis) -> Decision:
    if not permitted(actor.role, Action.SET_LISTENING, Relation.OWN):
        return denied(Action.SET_LISTENING)
    return NOTHING if actor.listening == message.on else Accepted((ListeningSet(now_ms, actor.id, message.on),))


def _set_not_alone(actor: Participant, message: SetNotAlone) -> Decision:
    if not permitted(actor.role, Action.SET_NOT_ALONE, Relation.OWN):
        return denied(Action.SET_NOT_ALONE)
    # Asked again it closes again: a device may have been opened meanwhile.
    silenced = message.on and (actor.microphone or actor.camera)
    off = (DevicesSet(actor.id, microphone=False, camera=False),) if silenced else ()
    shown = () if actor.not_alone == message.on else (NotAloneSet(actor.id, message.on),)
    unshared = screen_off(actor) if message.on else ()
    return Accepted((*off, *unshared, *shown))


# ── chat ──────────────────────────────────────────────────────────────────────────────────────


def _post_chat(state: RoomState, actor: Participant, message: PostChat, now_ms: Millis) -> Decision:
    if not permitted(actor.role, Action.POST_CHAT, Relation.ROOM):
        return denied(Action.POST_CHAT)
    if not message.text.strip():
        return Rejection(ErrorCode.INVALID_FIELD, "text")
    known = state.chat.get(message.message_id)
    if known is not None:
        if known.author_id == actor.id and known.text == message.text:
            return NOTHING
        return Rejection(ErrorCode.CONFLICT, "message_id")
    if state.paused_until_ms is not None and not actor.is_staff:
        return Rejection(ErrorCode.PAUSED)
    full = len(state.chat) >= MAX_MESSAGES and not actor.is_staff
    if full or state.chat.count_of(actor.id) >= MAX_MESSAGES_EACH:
        return Rejection(ErrorCode.OVERLOADED, "chat")
    turn = state.floor.turn
    typed = turn is not None and turn.holder_id == actor.id and turn.form is TurnForm.TYPED
    return Accepted((ChatWritten(now_ms, message.message_id, actor.id, message.text, typed),))


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
        return denied(action)
    known = state.chat.get(message_id)
    if known is None:
        return NOT_FOUND
    relation = _relation(actor, state.people[known.author_id])
    return known if permitted(actor.role, action, relation) else denied(action)


# ── towards others ────────────────────────────────────────────────────────────────────────────


def _close_microphone(state: RoomState, actor: Participant, message: CloseMicrophone, now_ms: Millis) -> Decision:
    target = _person_inside(state, actor, Action.CLOSE_MICROPHONE, message.participant_id)
    if isinstance(target, Rejection):
        return target
    if target.shut:
        return NOTHING
    return Accepted((MicrophoneShut(now_ms, target.id, actor.id, state.next_closing(target.id)),))


def _allow_microphone(state: RoomState, actor: Participant, message: AllowMicrophone, now_ms: Millis) -> Decision:
    target = _person_inside(state, actor, Action.ALLOW_MICROPHONE, message.participant_id)
    if isinstance(target, Rejection):
        return target
    if target.shut:
        return Accepted((MicrophoneFreed(now_ms, target.id, actor.id),))
    return Accepted((MicrophoneHoldSet(target.id, held=False),)) if target.held else NOTHING


def _close_screen(state: RoomState, actor: Participant, message: CloseScreen, now_ms: Millis) -> Decision:
    target = _person_inside(state, actor, Action.CLOSE_SCREEN, message.participant_id)
    if isinstance(target, Rejection):
        return target
    # Also where it was ended already and could not be saved: now it is.
    closes = target.screen or target.may_share
    return Accepted((ScreenShut(now_ms, target.id, actor.id),)) if closes else NOTHING


def _allow_screen(state: RoomState, actor: Participant, message: AllowScreen, now_ms: Millis) -> Decision:
    target = _person_inside(state, actor, Action.ALLOW_SCREEN, message.participant_id)
    if isinstance(target, Rejection):
        return target
    return NOTHING if target.allowed_to_share else Accepted((ScreenFreed(now_ms, target.id, actor.id),))


def _admit(state: RoomState, actor: Participant, message: Admit, now_ms: Millis) -> Decision:
    target = _moderated_person(state, actor, Action.ADMIT, message.participant_id)
    if isinstance(target, Rejection):
        return target
    if target.inside:
        return NOTHING
    if not is_led(state):
        # Nobody comes into a room that nobody leads; who is expected comes in once it is led.
        return Rejection(ErrorCode.PAUSED if state.status is SessionStatus.LIVE else ErrorCode.NOT_OPEN)
    return Accepted((ParticipantAdmitted(now_ms, target.id, actor.id),))


def _move_to_lobby(state: RoomState, actor: Participant, message: MoveToLobby, now_ms: Millis) -> Decision:
    target = _moderated_person(state, actor, Action.MOVE_TO_LOBBY, message.participant_id)
    if isinstance(target, Rejection):
        return target
    # Who waits without having been asked to is asked to now, and does not come in by themselves. Whoever was sent out
    # and that could not be saved: now it is.
    if target.waiting and not target.expected and not target.sent_out:
        return NOTHING
    return Accepted((ParticipantMoved(now_ms, target.id, actor.id),))


def _remove(state: RoomState, actor: Participant, message: Remove, now_ms: Millis) -> Decision:
    # Whoever is gone meanwhile is removed as well, or they would come back in by themselves.
    target = _moderated_person(state, actor, Action.REMOVE, message.participant_id, gone=True)
    if isinstance(target, Rejection):
        return target
    return NOTHING if target.removed else Accepted((ParticipantRemoved(now_ms, target.id, actor.id),))


def _cover(actor: Participant, message: AskForCover | WithdrawCover, now_ms: Millis) -> Decision:
    if not permitted(actor.role, Action.ASK_FOR_COVER, Relation.OWN):
        return denied(Action.ASK_FOR_COVER)
    if isinstance(message, WithdrawCover):
        return Accepted((CoverWithdrawn(now_ms, actor.id),)) if actor.needs_cover else NOTHING
    # They may step away at once: nobody hears or sees what they do not mean to show.
    on = actor.microphone or actor.camera
    off = (DevicesSet(actor.id, microphone=False, camera=False),) if on else ()
    asked = () if actor.needs_cover else (CoverAsked(now_ms, actor.id),)
    return Accepted((*off, *screen_off(actor), *asked))


def _person_inside(
    state: RoomState, actor: Participant, action: Action, participant_id: ParticipantId
) -> Participant | Rejection:
    target = _moderated_person(state, actor, action, participant_id)
    return target if isinstance(target, Rejection) or target.inside else NOT_FOUND


def _moderated_person(
    state: RoomState, actor: Participant, action: Action, participant_id: ParticipantId, *, gone: bool = False
) -> Participant | Rejection:
    if not permitted(actor.role, action, Relation.PARTICIPANT):
        return denied(action)
    target = state.people.get(participant_id) if gone else state.here(participant_id)
    if target is None:
        return NOT_FOUND
    return target if permitted(actor.role, action, _relation(actor, target)) else denied(action)


def _relation(actor: Participant, owner: Participant) -> Relation:
    return relation_to(owner.role, own=owner.id == actor.id)
