"""Every message on the WebSocket, declared once.

Client frames are one map each, tagged by `type`. Server frames are `[seq, body]`: `seq` counts,
per viewer, the durable room events that this viewer receives, from 1 after the snapshot; it is null
for everything else (replies, media set-up, and ephemeral values, of which only the latest counts).

Times are whole milliseconds since the Unix epoch on the server's clock.
"""

from __future__ import annotations

from typing import Annotated, get_args

from msgspec import Meta

from protocol.errors import ErrorCode, Next
from protocol.frame import Frame
from protocol.ids import ParticipantId, RequestId
from protocol.monitoring import (
    ConfirmHeadphones,
    Listen,
    Monitored,
    MonitoringOver,
    ReviewGlass,
    SawWhisper,
    SendWhisper,
    SpeakTo,
    StopListening,
    Whispered,
    WhisperSpeaking,
)
from protocol.supervision import Acknowledge, Resolve, Supervised, TakeOver, Unsupervised, Watching
from protocol.turns import (
    DenyTurn,
    EndTurn,
    ExtendTurn,
    FloorChanged,
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
    TalkTimeChanged,
)
from protocol.values import (
    MAX_TILES,
    ChatView,
    ClientMessageId,
    ClientRequestId,
    LeaveReason,
    Mid,
    Millis,
    ParticipantView,
    Picture,
    Reaction,
    Sdp,
    SessionView,
    Snapshot,
    Source,
    Text,
    Tile,
    Token,
    TrackInfo,
    WaitingView,
)

# ── client → server ───────────────────────────────────────────────────────────────────────────


class Join(Frame, frozen=True, tag="join"):
    """First frame of a new session: the single-use token from `POST /api/v1/sessions/{id}/join`."""

    token: Token


class Resume(Frame, frozen=True, tag="resume"):
    """First frame after a lost socket: go on after `seq`, the last sequenced frame received."""

    resume_token: Token
    seq: Annotated[int, Meta(ge=0)]


class Watch(Frame, frozen=True, tag="watch"):
    """First frame of a therapist's socket: the single-use token from `POST /api/v1/watch`.

    It sees the sessions of the assigned groups from outside. It takes part in none of them, and leaves no trace there.
    """

    token: Token


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


class ShareScreen(Frame, frozen=True, tag="share_screen"):
    """Everyone is to see my screen; `sound`: and hear it. Forwarding begins with the answer to this, never before.

    One person shares at a time: SCREEN_TAKEN while another does. A participant needs a mentor's leave: SCREEN_CLOSED.
    A share ends with the connection, and is not taken up again by itself. `closings` as in `set_devices`: with another
    number the screen is shown without its sound.
    """

    id: ClientRequestId
    sound: bool = False
    closings: Annotated[int, Meta(ge=0)] = 0


class StopSharing(Frame, frozen=True, tag="stop_sharing"):
    """Nobody is to see my screen any more."""

    id: ClientRequestId


class CloseScreen(Frame, frozen=True, tag="close_screen"):
    """A mentor ends someone's share at once; a participant then needs a mentor's leave again."""

    id: ClientRequestId
    participant_id: ParticipantId


class AllowScreen(Frame, frozen=True, tag="allow_screen"):
    """A mentor lets a participant share their screen, until they leave or it is taken back. It starts nothing."""

    id: ClientRequestId
    participant_id: ParticipantId


class Admit(Frame, frozen=True, tag="admit"):
    """A mentor lets a person in from the lobby."""

    id: ClientRequestId
    participant_id: ParticipantId


class MoveToLobby(Frame, frozen=True, tag="move_to_lobby"):
    """A mentor asks a participant to wait outside; they come in again when admitted."""

    id: ClientRequestId
    participant_id: ParticipantId


class Remove(Frame, frozen=True, tag="remove"):
    """A mentor removes a participant from this session for good: every name, link and device of that person."""

    id: ClientRequestId
    participant_id: ParticipantId


class AskForCover(Frame, frozen=True, tag="ask_for_cover"):
    """I lead, and someone has to take over. Without another leader the group pauses at once."""

    id: ClientRequestId


class WithdrawCover(Frame, frozen=True, tag="withdraw_cover"):
    """I can lead again."""

    id: ClientRequestId


class SetListening(Frame, frozen=True, tag="set_listening"):
    """Just listening today, or not any more. A state, not an absence."""

    id: ClientRequestId
    on: bool


class SetNotAlone(Frame, frozen=True, tag="set_not_alone"):
    """The group is hidden and silent on my device, or is back. On: my microphone and camera close, mentors are told."""

    id: ClientRequestId
    on: bool


class React(Frame, frozen=True, tag="react"):
    """A kind, silent reaction; it passes by."""

    id: ClientRequestId
    reaction: Reaction


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


class SetView(Frame, frozen=True, tag="set_view"):
    """The pictures that my page shows now, the most important first, in place of what it said before.

    What is not among them is not sent, but for sound, which always is. A page that has said nothing gets all pictures
    small. Forgotten with the session.
    """

    id: ClientRequestId
    tiles: Annotated[tuple[Tile, ...], Meta(max_length=MAX_TILES)]


class RestartSubscribe(Frame, frozen=True, tag="restart_subscribe"):
    """My subscribe connection failed: offer me a new one."""

    id: ClientRequestId


ClientMessage = (
    Join
    | Resume
    | Watch
    | Ping
    | PostChat
    | HideChat
    | ShowChat
    | SetDevices
    | CloseMicrophone
    | AllowMicrophone
    | ShareScreen
    | StopSharing
    | CloseScreen
    | AllowScreen
    | Admit
    | MoveToLobby
    | Remove
    | AskForCover
    | WithdrawCover
    | SetListening
    | SetNotAlone
    | React
    | RaiseHand
    | LowerHand
    | Pass
    | PassTurnOn
    | SetTurnForm
    | NextSpeaker
    | GiveTurn
    | DenyTurn
    | EndTurn
    | ExtendTurn
    | HoldTime
    | MoveInOrder
    | LeastHeardFirst
    | SetTurnMode
    | SetCompanion
    | EndSession
    | Leave
    | PublishOffer
    | SubscribeAnswer
    | RestartSubscribe
    | SetView
    | Acknowledge
    | TakeOver
    | Resolve
    | Listen
    | StopListening
    | SendWhisper
    | SpeakTo
    | ReviewGlass
    | SawWhisper
    | ConfirmHeadphones
)


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


class LayersWanted(Frame, frozen=True, tag="layers_wanted"):
    """The layers of my picture that somebody needs now, by rid, of those that I offered; the others may pause.

    Only the latest counts. The first of them is always among them.
    """

    source: Source
    rids: tuple[str, ...]


class PicturesResting(Frame, frozen=True, tag="pictures_resting"):
    """The pictures on your page that do not come for now, since your connection takes no more.

    Only the latest counts.
    """

    pictures: tuple[Picture, ...]


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


class ViewReplaced(Frame, frozen=True, tag="view_replaced"):
    """The room as you see it from now on, in place of everything before: you were let in, asked to wait, or the session
    went back to its lobby. Its seq may be any number above the last one: what it leaves out, it contains.
    """

    snapshot: Snapshot


class LobbyJoined(Frame, frozen=True, tag="lobby_joined"):
    """Someone waits now; who was in the room before is not in it any more. To mentors and therapists only."""

    person: WaitingView


class LobbyLeft(Frame, frozen=True, tag="lobby_left"):
    """Someone waits no longer, and did not come in; who comes in is told by `participant_joined` alone."""

    participant_id: ParticipantId


class ListeningChanged(Frame, frozen=True, tag="listening_changed"):
    """Someone is just listening today, or not any more."""

    participant_id: ParticipantId
    listening: bool


class CoverChanged(Frame, frozen=True, tag="cover_changed"):
    """Someone who leads asked for cover, or can lead again. To mentors and therapists only."""

    participant_id: ParticipantId
    needed: bool


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


class ScreenChanged(Frame, frozen=True, tag="screen_changed"):
    """Whether someone shares their screen, and its sound."""

    participant_id: ParticipantId
    screen: bool
    screen_audio: bool = False


class ScreenAllowed(Frame, frozen=True, tag="screen_allowed"):
    """Whether a participant may share their screen. To that person, mentors and therapists."""

    participant_id: ParticipantId
    allowed: bool


class SessionChanged(Frame, frozen=True, tag="session_changed"):
    """The session began, or something about it is otherwise now."""

    session: SessionView


class PauseChanged(Frame, frozen=True, tag="pause_changed"):
    """Nobody leads: all participants' microphones are closed, they are off, what a participant shares ends, and chat is
    paused until `until_ms` at the latest; then everyone waits in the lobby. 0: someone leads again, and each person
    opens their own microphone.

    `closings` is your own number after it.
    """

    until_ms: Millis
    closings: int = 0


class NotAloneChanged(Frame, frozen=True, tag="not_alone_changed"):
    """Someone has hidden the group on their own device, or is back. To that person, mentors and therapists."""

    participant_id: ParticipantId
    on: bool


class Reacted(Frame, frozen=True, tag="reacted"):
    """A reaction, to be shown for a moment. It is part of no snapshot."""

    participant_id: ParticipantId
    reaction: Reaction


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
    | ViewReplaced
    | LobbyJoined
    | LobbyLeft
    | ListeningChanged
    | CoverChanged
    | SessionEnded
    | DevicesChanged
    | PresenceChanged
    | MicrophoneHeld
    | ScreenChanged
    | ScreenAllowed
    | SessionChanged
    | PauseChanged
    | NotAloneChanged
    | Reacted
    | SpeakersChanged
    | FloorChanged
    | TalkTimeChanged
)

ServerMessage = (
    Welcome
    | Resumed
    | Watching
    | Supervised
    | Unsupervised
    | Monitored
    | MonitoringOver
    | Whispered
    | WhisperSpeaking
    | Ack
    | Rejected
    | Goodbye
    | PublishAnswer
    | SubscribeOffer
    | LayersWanted
    | PicturesResting
    | RoomFrame
)

CLIENT_MESSAGES: tuple[type[Frame], ...] = get_args(ClientMessage)
SERVER_MESSAGES: tuple[type[Frame], ...] = get_args(ServerMessage)


def tag_of(message: Frame) -> str:
    """A message's `type` on the wire."""
    return str(type(message).__struct_config__.tag)
