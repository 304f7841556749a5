"""Which sources may be forwarded. Closing acts at once; opening waits until its cause is stored."""

from __future__ import annotations

from protocol.ids import ParticipantId
from protocol.messages import Source
from rooms.events import DevicesSet, Event, MicrophoneHoldSet, MicrophoneShut, ParticipantDeparted, ParticipantEntered
from rooms.state import RoomState

Gate = tuple[ParticipantId, Source]


def open_gates(state: RoomState) -> frozenset[Gate]:
    """The sources that this state lets through; all others are shut."""
    gates: set[Gate] = set()
    for person in state.present():
        if person.microphone and not person.microphone_closed:
            gates.add((person.id, Source.MICROPHONE))
        if person.camera:
            gates.add((person.id, Source.CAMERA))
    return frozenset(gates)


def shut_at_once(event: Event) -> frozenset[Gate]:
    """The sources to shut as soon as `event` is decided, before anything is stored."""
    match event:
        case MicrophoneShut(participant_id=who) | MicrophoneHoldSet(participant_id=who, held=True):
            return frozenset({(who, Source.MICROPHONE)})
        case ParticipantDeparted(participant_id=who) | ParticipantEntered(participant_id=who):
            return frozenset({(who, Source.MICROPHONE), (who, Source.CAMERA)})
        case DevicesSet(participant_id=who):
            off = (
                (event.microphone, Source.MICROPHONE),
                (event.camera, Source.CAMERA),
            )
            return frozenset((who, source) for on, source in off if not on)
        case _:
            return frozenset()
