"""Every message on the WebSocket, declared once.

Client frames are one map each, tagged by `type`. Server frames are `[seq, body]`: `seq` counts,
per viewer, the durable room events that this viewer receives, from 1 after the snapshot; it is null
for everything else (replies, media set-up, and ephemeral values, of which only the latest counts).

Times are whole milliseconds since the Unix epoch on the server's clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, get_args

from msgspec import Meta, Struct

from protocol.errors import ErrorCode, Next
from protocol.ids import CLIENT_ID_PATTERN, MessageId, ParticipantId, RequestId, SessionId

MAX_TEXT = 2_000
"""Longest chat message, in characters."""

MAX_TEXT_BYTES = 4_000
"""The same in bytes of UTF-8: 2,000 emoji weigh four times as much as 2,000 letters."""

MAX_SDP = 48_000
"""Longest session description, in characters."""

ClientMessageId = Annotated[MessageId, Meta(pattern=CLIENT_ID_PATTERN)]
ClientRequestId = Annotated[RequestId, Meta(pattern=CLIENT_ID_PATTERN)]
Token = Annotated[str, Meta(min_length=16, max_length=128)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
Sdp = Annotated[str, Meta(min_length=1, max_length=MAX_SDP)]
Mid = Annotated[str, Meta(min_length=1, max_length=16)]
Millis = int


class Role(StrEnum):
    """What a person is in one room; exactly one applies."""

    PARTICIPANT = "participant"
    MENTOR = "mentor"
    THERAPIST = "therapist"


class Source(StrEnum):
    """What a published track shows or carries."""

    MICROPHONE = "microphone"
    CAMERA = "camera"


class SessionStatus(StrEnum):
    """Where a session is in its life."""

    LIVE = "live"
    ENDED = "ended"


class LeaveReason(StrEnum):
    """Why a participant is no longer present, as far as the room may know."""

    LEFT = "left"
    CONNECTION_LOST = "connection_lost"


class Frame(Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    """Base of all messages; a subclass's `type` on the wire is its tag in snake_case."""


# ── client → server ───────────────────────────────────────────────────────────────────────────


class Join(Frame, frozen=True, tag="join"):
    """First frame of a new session: the single-use token from `POST /api/v1/sessions/{id}/join`."""

    token: Token


class Resume(Frame, frozen=True, tag="resume"):
    """First frame after a lost socket: go on after `seq`, the last sequenced frame received."""

    resume_token: Token
    seq: Annotated[int, Meta(ge=0)]


class Ping(Frame, frozen=True, tag="ping"):
    """Asks for an ack, so that a client notices a dead connection."""

    id: ClientRequestId


class PostChat(Frame, frozen=True, tag="post_chat"):
    """Posts a chat message. Sending the same `message_id` again posts nothing and is acknowledged."""

    id: ClientRequestId
    message_id: ClientMessageId
    text: Text


class HideChat(Frame, frozen=True, tag="hide_chat"):
    """A mentor hides a message from the room."""

    id: ClientRequestId
    message_id: ClientMessageId


class ShowChat(Frame, frozen=True, tag="show_chat"):
    """A mentor shows a hidden message again."""

    id: ClientRequestId
    message_id: ClientMessageId


class SetDevices(Frame, frozen=True, tag="set_devices"):
    """Says whether my microphone and camera are on. Forwarding follows: off here is off for everyone.

    `closings` is the number of times that I know my microphone to have been closed; a microphone is
    not opened by a client that has not yet heard of the latest closing.
    """

    id: ClientRequestId
    microphone: bool
    camera: bool
    closings: Annotated[int, Meta(ge=0)] = 0


class CloseMicrophone(Frame, frozen=True, tag="close_microphone"):
    """A mentor closes a participant's microphone; the server stops forwarding it at once."""

    id: ClientRequestId
    participant_id: ParticipantId


class AllowMicrophone(Frame, frozen=True, tag="allow_microphone"):
    """A mentor lets a participant use the microphone again. It opens only when that person taps."""

    id: ClientRequestId
    participant_id: ParticipantId


class EndSession(Frame, frozen=True, tag="end_session"):
    """A mentor ends the session for everyone."""

    id: ClientRequestId


class Leave(Frame, frozen=True, tag="leave"):
    """I leave. Never asks back."""

    id: ClientRequestId


class PublishOffer(Frame, frozen=True, tag="publish_offer"):
    """The offer of my publish connection; `sources` maps each m-section's mid to what it carries.

    A second offer with another ICE ufrag replaces the connection (RFC 8445 section 9 restarts are
    done by a fresh connection).
    """

    id: ClientRequestId
    sdp: Sdp
    sources: dict[Mid, Source]


class SubscribeAnswer(Frame, frozen=True, tag="subscribe_answer"):
    """My answer to the subscribe offer of that version."""

    version: Annotated[int, Meta(ge=1)]
    sdp: Sdp


class RestartSubscribe(Frame, frozen=True, tag="restart_subscribe"):
    """My subscribe connection failed: offer me a new one."""

    id: ClientRequestId


ClientMessage = (
    Join
    | Resume
    | Ping
    | PostChat
    | HideChat
    | ShowChat
    | SetDevices
    | CloseMicrophone
    | AllowMicrophone
    | EndSession
    | Leave
    | PublishOffer
    | SubscribeAnswer
    | RestartSubscribe
)


# ── what a viewer sees ────────────────────────────────────────────────────────────────────────


class ParticipantView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person in the room, as one viewer may see them.

    Attributes:
        place: order of first arrival; tiles are sorted by it, so that who comes back finds the old place.
        connected: false while their connection is lost and their place is kept.
        microphone_closed: closed by a mentor. Told only to that person, mentors and therapists;
            to peers the microphone is simply off.
        closings: how often a mentor closed this microphone; told only to the person themselves.
    """

    id: ParticipantId
    name: str
    role: Role
    place: int
    microphone: bool = False
    camera: bool = False
    connected: bool = True
    microphone_closed: bool = False
    closings: int = 0


class ChatView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A chat message. `text` is empty when it is hidden from this viewer."""

    id: MessageId
    author_id: ParticipantId
    author_name: str
    text: str
    at_ms: Millis
    hidden: bool = False


class SessionView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The session as such."""

    id: SessionId
    title: str
    status: SessionStatus


class Snapshot(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that a viewer may see of a room at one moment. Frames after it complete it."""

    session: SessionView
    you: ParticipantId
    participants: tuple[ParticipantView, ...]
    """Those present, sorted by place."""
    chat: tuple[ChatView, ...]
    """The newest messages, oldest first."""
    earlier: bool = False
    """There are older messages than those in `chat`."""


class TrackInfo(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose track an m-section of the subscribe connection carries now."""

    mid: str
    participant_id: ParticipantId
    source: Source


class IceServer(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of RTCConfiguration.iceServers."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


# ── server → client: replies and the connection itself (seq null) ─────────────────────────────


class Welcome(Frame, frozen=True, tag="welcome"):
    """Answer to `join`: the room as you see it, and how to come back after a lost socket."""

    snapshot: Snapshot
    resume_token: str
    server_time_ms: Millis
    ping_every_s: float


class Resumed(Frame, frozen=True, tag="resumed"):
    """Answer to `resume`: all frames after your seq follow, then the latest ephemeral values.

    The resume token was used up; this is the next one.
    """

    resume_token: str
    server_time_ms: Millis


class Ack(Frame, frozen=True, tag="ack"):
    """The request was carried out, and what it changed is stored."""

    id: RequestId


class Rejected(Frame, frozen=True, tag="rejected"):
    """The request was not carried out. `id` is empty when the frame's own could not be read."""

    id: RequestId
    code: ErrorCode
    message: str


class Goodbye(Frame, frozen=True, tag="goodbye"):
    """The last frame before the server closes the socket: why, and what to do next."""

    code: ErrorCode
    message: str
    then: Next


class PublishAnswer(Frame, frozen=True, tag="publish_answer"):
    """Answer to `publish_offer` with that request id."""

    id: RequestId
    sdp: str


class SubscribeOffer(Frame, frozen=True, tag="subscribe_offer"):
    """An offer of the subscribe connection, and whose tracks its m-sections carry.

    `fresh` is true for the first offer of a new connection: make a new RTCPeerConnection for it.
    """

    version: int
    sdp: str
    tracks: tuple[TrackInfo, ...]
    fresh: bool = False


# ── server → client: durable room events (sequenced) ──────────────────────────────────────────


class ParticipantJoined(Frame, frozen=True, tag="participant_joined"):
    """Someone is here, or here again."""

    participant: ParticipantView


class ParticipantLeft(Frame, frozen=True, tag="participant_left"):
    """Someone is no longer here."""

    participant_id: ParticipantId
    reason: LeaveReason


class ChatPosted(Frame, frozen=True, tag="chat_posted"):
    """A message, in the room's one order."""

    message: ChatView


class ChatHidden(Frame, frozen=True, tag="chat_hidden"):
    """A message was hidden; a viewer who may not read it drops its text."""

    message: ChatView


class ChatShown(Frame, frozen=True, tag="chat_shown"):
    """A hidden message is visible again."""

    message: ChatView


class MicrophoneClosed(Frame, frozen=True, tag="microphone_closed"):
    """A mentor closed this microphone. Peers receive `devices_changed` instead."""

    participant_id: ParticipantId
    closings: int = 0


class MicrophoneAllowed(Frame, frozen=True, tag="microphone_allowed"):
    """This person may open the microphone again; it is still off."""

    participant_id: ParticipantId


class SessionEnded(Frame, frozen=True, tag="session_ended"):
    """The session is over for everyone."""


# ── server → client: ephemeral, latest value counts (seq null) ────────────────────────────────


class DevicesChanged(Frame, frozen=True, tag="devices_changed"):
    """Whether someone's microphone and camera are on."""

    participant_id: ParticipantId
    microphone: bool
    camera: bool


class PresenceChanged(Frame, frozen=True, tag="presence_changed"):
    """Someone's connection was lost (their place is kept) or is back."""

    participant_id: ParticipantId
    connected: bool


class MicrophoneHeld(Frame, frozen=True, tag="microphone_held"):
    """A closing took effect but could not be saved: the microphone stays shut until it is.

    Told to that person, mentors and therapists; peers receive `devices_changed` instead.
    """

    participant_id: ParticipantId
    held: bool
    closings: int = 0


class SpeakersChanged(Frame, frozen=True, tag="speakers_changed"):
    """Who is heard right now."""

    participant_ids: tuple[ParticipantId, ...]


RoomFrame = (
    ParticipantJoined
    | ParticipantLeft
    | ChatPosted
    | ChatHidden
    | ChatShown
    | MicrophoneClosed
    | MicrophoneAllowed
    | SessionEnded
    | DevicesChanged
    | PresenceChanged
    | MicrophoneHeld
    | SpeakersChanged
)

ServerMessage = Welcome | Resumed | Ack | Rejected | Goodbye | PublishAnswer | SubscribeOffer | RoomFrame

CLIENT_MESSAGES: tuple[type[Frame], ...] = get_args(ClientMessage)
SERVER_MESSAGES: tuple[type[Frame], ...] = get_args(ServerMessage)


def tag_of(message: Frame) -> str:
    """A message's `type` on the wire."""
    return str(type(message).__struct_config__.tag)
