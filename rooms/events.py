"""What happened in a room.

Durable events are stored in the room's log and sequenced for each viewer. Ephemeral events carry a
latest value: they change the state in memory, are never stored, and have no seq.
"""

from __future__ import annotations

from typing import TypeGuard, get_args

from msgspec import Struct

from protocol.ids import IdentityId, MessageId, ParticipantId, SessionId
from protocol.messages import LeaveReason, Millis, Role


class RoomEvent(Struct, frozen=True, tag_field="type"):
    """Base of all room events; the tag is the `type` under which a durable event is stored."""


class SessionOpened(RoomEvent, frozen=True, tag="session_opened"):
    """First event of every room's log."""

    at_ms: Millis
    session_id: SessionId
    title: str


class ParticipantEntered(RoomEvent, frozen=True, tag="participant_entered"):
    """A person came in, for the first time or again."""

    at_ms: Millis
    participant_id: ParticipantId
    identity_id: IdentityId
    name: str
    role: Role


class ParticipantDeparted(RoomEvent, frozen=True, tag="participant_departed"):
    """A person is no longer present."""

    at_ms: Millis
    participant_id: ParticipantId
    reason: LeaveReason


class ChatWritten(RoomEvent, frozen=True, tag="chat_written"):
    """A chat message was posted."""

    at_ms: Millis
    message_id: MessageId
    author_id: ParticipantId
    text: str


class ChatConcealed(RoomEvent, frozen=True, tag="chat_concealed"):
    """A mentor hid a message; the original stays for therapists."""

    at_ms: Millis
    message_id: MessageId
    by: ParticipantId


class ChatRevealed(RoomEvent, frozen=True, tag="chat_revealed"):
    """A hidden message is visible again."""

    at_ms: Millis
    message_id: MessageId
    by: ParticipantId


class MicrophoneShut(RoomEvent, frozen=True, tag="microphone_shut"):
    """A mentor closed a microphone. It also goes off: allowing it later opens nothing."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class MicrophoneFreed(RoomEvent, frozen=True, tag="microphone_freed"):
    """The person may open the microphone again."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class SessionClosed(RoomEvent, frozen=True, tag="session_closed"):
    """The session ended for everyone; nobody is present any more."""

    at_ms: Millis
    by: ParticipantId


class DevicesSet(RoomEvent, frozen=True, tag="devices_set"):
    """Ephemeral: whether a person's microphone and camera are on."""

    participant_id: ParticipantId
    microphone: bool
    camera: bool


class ConnectionLost(RoomEvent, frozen=True, tag="connection_lost"):
    """Ephemeral: a person's socket is gone; their place is kept until `until_ms`."""

    participant_id: ParticipantId
    until_ms: Millis


class ConnectionRestored(RoomEvent, frozen=True, tag="connection_restored"):
    """Ephemeral: the person is back."""

    participant_id: ParticipantId


class MicrophoneHoldSet(RoomEvent, frozen=True, tag="microphone_hold_set"):
    """Ephemeral: a closing took effect but was not saved; the microphone stays shut meanwhile."""

    participant_id: ParticipantId
    held: bool


DurableEvent = (
    SessionOpened
    | ParticipantEntered
    | ParticipantDeparted
    | ChatWritten
    | ChatConcealed
    | ChatRevealed
    | MicrophoneShut
    | MicrophoneFreed
    | SessionClosed
)
EphemeralEvent = DevicesSet | ConnectionLost | ConnectionRestored | MicrophoneHoldSet
Event = DurableEvent | EphemeralEvent

DURABLE_EVENTS: tuple[type[RoomEvent], ...] = get_args(DurableEvent)
EVENT_VERSION = 1
"""Version of every durable event's stored form; raised together with an upcaster."""


def is_durable(event: Event) -> TypeGuard[DurableEvent]:
    """Whether an event goes into the log."""
    return isinstance(event, DURABLE_EVENTS)
