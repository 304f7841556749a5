"""What happened in a room.

Durable events are stored in the room's log and sequenced for each viewer. Ephemeral events carry a
latest value: they change the state in memory, are never stored, and have no seq.
"""

from __future__ import annotations

from typing import TypeGuard, get_args

from msgspec import Struct

from moderation.decision import Accepted, Rejection
from moderation.floor.events import StoredFloorEvent, TurnsUnsaved
from protocol.ids import IdentityId, MessageId, ParticipantId, SessionId
from protocol.values import LeaveReason, Millis, Reaction, Role, SessionStatus


class RoomEvent(Struct, frozen=True, tag_field="type"):
    """Base of all room events; the tag is the `type` under which a durable event is stored."""


class SessionOpened(RoomEvent, frozen=True, tag="session_opened"):
    """First event of every room's log. Version 1 knew no lobby: there the session was live at once."""

    at_ms: Millis
    session_id: SessionId
    title: str
    note: str
    status: SessionStatus


class ParticipantEntered(RoomEvent, frozen=True, tag="participant_entered"):
    """A person came, for the first time or again: into the room, or into the lobby. Version 1 knew no lobby."""

    at_ms: Millis
    participant_id: ParticipantId
    identity_id: IdentityId
    name: str
    role: Role
    waiting: bool
    expected: bool


class ParticipantAdmitted(RoomEvent, frozen=True, tag="participant_admitted"):
    """Someone came in from the lobby: let in by a mentor, or by themselves (None)."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId | None


class ParticipantMoved(RoomEvent, frozen=True, tag="participant_moved"):
    """A mentor asked someone to wait in the lobby, until admitted."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class ParticipantRemoved(RoomEvent, frozen=True, tag="participant_removed"):
    """A mentor removed a person from this session."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


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
    turn: bool = False
    """It was their typed turn."""


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
    closings: int = 0
    """Its number, see `Participant.closings`; 0 where it was not numbered yet."""


class MicrophoneFreed(RoomEvent, frozen=True, tag="microphone_freed"):
    """The person may open the microphone again."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class ScreenFreed(RoomEvent, frozen=True, tag="screen_freed"):
    """A mentor lets a participant share their screen, until they leave or it is taken back."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class ScreenShut(RoomEvent, frozen=True, tag="screen_shut"):
    """A mentor ended someone's share, and with it a participant's leave to share."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class ResponderNamed(RoomEvent, frozen=True, tag="responder_named"):
    """A therapist is reachable while the session lasts; None: not any more."""

    at_ms: Millis
    identity_id: IdentityId | None


class ResponderWaived(RoomEvent, frozen=True, tag="responder_waived"):
    """The clinical lead let the session begin without a responder."""

    at_ms: Millis
    identity_id: IdentityId


class SessionBegan(RoomEvent, frozen=True, tag="session_began"):
    """The session is live: someone leads it, and someone else answers for it."""

    at_ms: Millis


class SessionReturned(RoomEvent, frozen=True, tag="session_returned"):
    """Nobody took over: the session is back in its lobby, where all its participants wait. `moved`: who was inside."""

    at_ms: Millis
    moved: tuple[ParticipantId, ...]


class LeaderMissed(RoomEvent, frozen=True, tag="leader_missed"):
    """People have waited in the lobby for long, and nobody came to lead, or to answer for it."""

    at_ms: Millis


class CoverAsked(RoomEvent, frozen=True, tag="cover_asked"):
    """Someone who leads asked for another to take over."""

    at_ms: Millis
    participant_id: ParticipantId


class CoverWithdrawn(RoomEvent, frozen=True, tag="cover_withdrawn"):
    """They can lead again."""

    at_ms: Millis
    participant_id: ParticipantId


class ListeningSet(RoomEvent, frozen=True, tag="listening_set"):
    """Someone is just listening today, or not any more."""

    at_ms: Millis
    participant_id: ParticipantId
    listening: bool


class CompanionSet(RoomEvent, frozen=True, tag="companion_set"):
    """A mentor said with whom a participant is here; None: for themselves."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId
    companion_of: ParticipantId | None


class SessionClosed(RoomEvent, frozen=True, tag="session_closed"):
    """The session ended for everyone; nobody is present any more. `by` is None when the server ended it; version 1
    knew no such end."""

    at_ms: Millis
    by: ParticipantId | None


class DevicesSet(RoomEvent, frozen=True, tag="devices_set"):
    """Ephemeral: whether a person's microphone and camera are on."""

    participant_id: ParticipantId
    microphone: bool
    camera: bool


class ConnectionLost(RoomEvent, frozen=True, tag="connection_lost"):
    """Ephemeral: a person's socket is gone since `at_ms`; their place is kept until `until_ms`."""

    at_ms: Millis
    participant_id: ParticipantId
    until_ms: Millis


class ConnectionRestored(RoomEvent, frozen=True, tag="connection_restored"):
    """Ephemeral: the person is back."""

    participant_id: ParticipantId


class MicrophoneHoldSet(RoomEvent, frozen=True, tag="microphone_hold_set"):
    """Ephemeral: a closing took effect but was not saved; the microphone stays shut meanwhile."""

    participant_id: ParticipantId
    held: bool


class MicrophoneSilenced(RoomEvent, frozen=True, tag="microphone_silenced"):
    """Ephemeral: it was closed by what could not be saved, and does not open again by itself; a tap opens it."""

    participant_id: ParticipantId


class ScreenSet(RoomEvent, frozen=True, tag="screen_set"):
    """Ephemeral: whether a person shares their screen, and its sound."""

    participant_id: ParticipantId
    screen: bool
    screen_audio: bool


class ScreenHeld(RoomEvent, frozen=True, tag="screen_held"):
    """Ephemeral: a mentor's ending of a share took effect and was not saved; a participant needs leave anew."""

    participant_id: ParticipantId


class FloorPaused(RoomEvent, frozen=True, tag="floor_paused"):
    """Ephemeral: nobody leads the live session. The microphones of `closed` are off until each opens it again, and
    what they share ends. A turn's clock stands still.
    """

    at_ms: Millis
    until_ms: Millis
    closed: tuple[ParticipantId, ...]


class FloorResumed(RoomEvent, frozen=True, tag="floor_resumed"):
    """Ephemeral: someone leads again."""

    at_ms: Millis


class NotAloneSet(RoomEvent, frozen=True, tag="not_alone_set"):
    """Ephemeral: someone has hidden the group on their own device, or is back."""

    participant_id: ParticipantId
    on: bool


class ReactionShown(RoomEvent, frozen=True, tag="reaction_shown"):
    """Ephemeral: someone reacted; changes nothing in the room."""

    participant_id: ParticipantId
    reaction: Reaction


class SentOut(RoomEvent, frozen=True, tag="sent_out"):
    """Ephemeral: someone was moved or removed and it was not saved; they wait outside meanwhile."""

    at_ms: Millis
    participant_id: ParticipantId


DurableEvent = (
    SessionOpened
    | ParticipantEntered
    | ParticipantAdmitted
    | ParticipantMoved
    | ParticipantRemoved
    | ParticipantDeparted
    | ChatWritten
    | ChatConcealed
    | ChatRevealed
    | MicrophoneShut
    | MicrophoneFreed
    | ScreenFreed
    | ScreenShut
    | ResponderNamed
    | ResponderWaived
    | SessionBegan
    | SessionReturned
    | LeaderMissed
    | CoverAsked
    | CoverWithdrawn
    | ListeningSet
    | CompanionSet
    | SessionClosed
    | StoredFloorEvent
)
EphemeralEvent = (
    DevicesSet
    | ConnectionLost
    | ConnectionRestored
    | MicrophoneHoldSet
    | MicrophoneSilenced
    | ScreenSet
    | ScreenHeld
    | FloorPaused
    | FloorResumed
    | NotAloneSet
    | ReactionShown
    | SentOut
    | TurnsUnsaved
)
Event = DurableEvent | EphemeralEvent

Decision = Accepted[Event] | Rejection
"""What becomes of a room's command."""

DURABLE_EVENTS: tuple[type[Struct], ...] = get_args(DurableEvent)


def is_durable(event: Event) -> TypeGuard[DurableEvent]:
    """Whether an event goes into the log."""
    return isinstance(event, DURABLE_EVENTS)
