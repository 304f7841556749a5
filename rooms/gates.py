"""Which sources may be forwarded. Closing acts at once; opening waits until its cause is stored."""

from __future__ import annotations

from protocol.ids import ParticipantId
from protocol.values import Role, Source, TurnForm
from rooms.events import (
    DevicesSet,
    Event,
    FloorPaused,
    MicrophoneHoldSet,
    MicrophoneShut,
    MicrophoneSilenced,
    ParticipantDeparted,
    ParticipantEntered,
    ParticipantMoved,
    ParticipantRemoved,
    ScreenHeld,
    ScreenSet,
    ScreenShut,
    SentOut,
    SessionReturned,
)
from rooms.state import RoomState

Gate = tuple[ParticipantId, Source]

_SCREEN = (Source.SCREEN, Source.SCREEN_AUDIO)


def open_gates(state: RoomState) -> frozenset[Gate]:
    """The sources that this state lets through; all others are shut."""
    gates: set[Gate] = set()
    for person in state.inside():
        heard = state.may_be_heard(person)
        if person.microphone and not person.microphone_closed and heard:
            gates.add((person.id, Source.MICROPHONE))
        if person.camera:
            gates.add((person.id, Source.CAMERA))
        if person.screen:
            gates.add((person.id, Source.SCREEN))
        if person.screen_audio and heard:
            gates.add((person.id, Source.SCREEN_AUDIO))
    return frozenset(gates)


def always_heard(state: RoomState) -> frozenset[ParticipantId]:
    """Whose microphones pass however loud others are: those who answer for the group, and who holds the turn.

    Their gates count as ever.
    """
    holder = state.floor.turn.holder_id if state.floor.turn is not None else None
    return frozenset(p.id for p in state.inside() if p.role is not Role.PARTICIPANT or p.id == holder)


def signer(state: RoomState) -> ParticipantId | None:
    """Who signs their turn: their picture is never left out."""
    turn = state.floor.turn
    return turn.holder_id if turn is not None and turn.form is TurnForm.SIGNED else None


def shut_at_once(event: Event) -> frozenset[Gate]:
    """The sources to shut as soon as `event` is decided, before anything is stored.

    Besides, whatever the decided state does not let through any more is shut: who loses a turn is not named by it.
    """
    match event:
        case (
            MicrophoneShut(participant_id=who)
            | MicrophoneHoldSet(participant_id=who, held=True)
            | MicrophoneSilenced(participant_id=who)
        ):
            return frozenset({(who, Source.MICROPHONE), (who, Source.SCREEN_AUDIO)})
        case FloorPaused(closed=people):
            return frozenset((who, source) for who in people for source in (Source.MICROPHONE, *_SCREEN))
        case SessionReturned(moved=people):
            return frozenset((who, source) for who in people for source in Source)
        case (
            ParticipantDeparted(participant_id=who)
            | ParticipantEntered(participant_id=who)
            | ParticipantMoved(participant_id=who)
            | ParticipantRemoved(participant_id=who)
            | SentOut(participant_id=who)
        ):
            return frozenset((who, source) for source in Source)
        case (
            ScreenShut(participant_id=who)
            | ScreenHeld(participant_id=who)
            | ScreenSet(participant_id=who, screen=False)
        ):
            return frozenset((who, source) for source in _SCREEN)
        case ScreenSet(participant_id=who, screen_audio=False):
            return frozenset({(who, Source.SCREEN_AUDIO)})
        case DevicesSet(participant_id=who):
            off = (
                (event.microphone, Source.MICROPHONE),
                (event.camera, Source.CAMERA),
            )
            return frozenset((who, source) for on, source in off if not on)
        case _:
            return frozenset()


def cut_off_at_once(event: Event) -> frozenset[ParticipantId]:
    """Who hears and sees nothing more as soon as `event` is decided, before anything is stored."""
    match event:
        case (
            ParticipantMoved(participant_id=who) | ParticipantRemoved(participant_id=who) | SentOut(participant_id=who)
        ):
            return frozenset({who})
        case _:
            return frozenset()
