"""What messages are made of: limits, enumerations, and the views that a viewer gets of the room.

Times are whole milliseconds since the Unix epoch on the server's clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from protocol.ids import CLIENT_ID_PATTERN, MessageId, ParticipantId, RequestId, SessionId

MAX_TEXT = 2_000
"""Longest chat message, in characters."""

MAX_TEXT_BYTES = 4_000
"""The same in bytes of UTF-8: 2,000 emoji weigh four times as much as 2,000 letters."""

MAX_TILES = 50
"""Most pictures that a page can ask for at once."""

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
    SCREEN = "screen"
    """A screen, a window or a tab that somebody shows to the room."""
    SCREEN_AUDIO = "screen_audio"
    """Its sound, where the browser gives it."""


class TileSize(StrEnum):
    """How large a page shows a picture, in pixels of its screen."""

    SMALL = "small"
    """Up to about 320 wide."""
    MEDIUM = "medium"
    """Up to about 640 wide."""
    LARGE = "large"


class SessionStatus(StrEnum):
    """Where a session is in its life."""

    LOBBY = "lobby"
    """Open to come to, and not begun: participants wait, each for themselves."""
    LIVE = "live"
    ENDED = "ended"


class LeaveReason(StrEnum):
    """Why a participant is no longer present, as far as the room may know."""

    LEFT = "left"
    CONNECTION_LOST = "connection_lost"
    REMOVED = "removed"
    """Taken out by who leads. Told to mentors and therapists only; to the others it is LEFT."""


class WaitsFor(StrEnum):
    """What a session needs to begin, or lacks while it is live. Told to mentors and therapists only."""

    NOTHING = "nothing"
    LEADER = "leader"
    """A mentor who is here, connected and able to lead."""
    RESPONDER = "responder"
    """A named therapist, other than who leads, who is reachable while it lasts."""


class Reaction(StrEnum):
    """Kind and silent."""

    I_HEAR_YOU = "i_hear_you"
    THANK_YOU = "thank_you"
    SAME_HERE = "same_here"


class TurnMode(StrEnum):
    """Who may be heard besides mentors and visible therapists, who always may."""

    OPEN = "open"
    """Everyone. Hands queue all the same, and a turn may run."""
    QUEUE = "queue"
    """Who holds the turn."""
    ROUND = "round"
    """Who holds the turn, which the server gives to one after the other."""
    QUIET = "quiet"
    """Nobody. Silence is no error."""


class RoundOrder(StrEnum):
    """How a round goes from one to the next."""

    LIST = "list"
    """As the people are listed."""
    LEAST_HEARD = "least_heard"
    """Who has spoken least goes first."""
    PASSED_ON = "passed_on"
    """Each speaker chooses the next."""


class TurnEnd(StrEnum):
    """How a turn ends that is ended."""

    DONE = "done"
    PASSED = "passed"
    LATER = "later"
    """Passed, and to be come back to at the round's end."""


class TurnForm(StrEnum):
    """How somebody takes their turn."""

    SPOKEN = "spoken"
    TYPED = "typed"
    SIGNED = "signed"


# ── what a viewer sees ────────────────────────────────────────────────────────────────────────


class ParticipantView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person in the room, as one viewer may see them.

    Attributes:
        place: order of first arrival; tiles are sorted by it, so that who comes back finds the old place.
        connected: false while their connection is lost and their place is kept.
        microphone_closed: closed by a mentor. Told only to that person, mentors and therapists;
            to peers the microphone is simply off.
        closings: how often this microphone was closed; told only to the person themselves.
        listening: just listening today.
        not_alone: has hidden the group on their own device. Told only to that person, mentors and therapists.
        needs_cover: leads, and asked someone to take over. Told only to mentors and therapists.
        screen: shares their screen; at most one person does.
        screen_audio: with its sound.
        may_share: a mentor lets this participant share. Told only to that person, mentors and therapists.
        companion_of: with whom they are here (an interpreter, say), and whose turns are theirs too; empty for others.
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
    listening: bool = False
    not_alone: bool = False
    needs_cover: bool = False
    screen: bool = False
    screen_audio: bool = False
    may_share: bool = False
    companion_of: ParticipantId = ParticipantId("")


class WaitingView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person in the lobby, as mentors and therapists see them.

    Attributes:
        since_ms: when they came, or were asked to wait.
        expected: comes in by themselves once the session is live and led; else a mentor has to admit them.
    """

    id: ParticipantId
    name: str
    since_ms: Millis
    expected: bool = False


class ChatView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A chat message. `text` is empty when it is hidden from this viewer.

    `turn`: written as its author's typed turn.
    """

    id: MessageId
    author_id: ParticipantId
    author_name: str
    text: str
    at_ms: Millis
    hidden: bool = False
    turn: bool = False


class SessionView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The session as such.

    Attributes:
        note: the mentor's words for those who wait.
        waits_for: what is still missing to begin. Told only to mentors and therapists.
        late: people have waited for so long that the therapists of the group were told.
        begun: it has been live before, and waits in its lobby again.
    """

    id: SessionId
    title: str
    status: SessionStatus
    note: str = ""
    waits_for: WaitsFor = WaitsFor.NOTHING
    late: bool = False
    begun: bool = False


class TurnView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The running turn. All about time is told only to its holder, mentors and therapists, and 0 to others.

    Attributes:
        number: rises with every turn of this session.
        since_ms: when it began.
        limit_ms: how long it was to be, with what was added to it; 0: no limit.
        ends_ms: when that is over, or was, by the server's clock; 0: no limit, or the clock stands still.
        left_ms: what is left of it while the clock stands still; negative: over by so much.
        held: the clock stands still.
        held_by: who stopped it. Told only to mentors and therapists; empty to others.
        firm: it ends at `ends_ms`, unless somebody adds to it.
        grace: it is in the 30 s that a firm limit gives once.
    """

    number: int
    holder_id: ParticipantId
    form: TurnForm = TurnForm.SPOKEN
    since_ms: Millis = 0
    limit_ms: int = 0
    ends_ms: Millis = 0
    left_ms: int = 0
    held: bool = False
    held_by: ParticipantId = ParticipantId("")
    firm: bool = False
    grace: bool = False


class FloorView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The speaking turns. There is one order, the same for everyone who is in the room.

    Attributes:
        newest: the number of the newest turn, running or not; 0 before the first.
        hands: who raised a hand, in order.
        round: who is still to come in the round, in order.
        later: who of them asked to be come back to.
        done: whose turn in the round is over, in that order; to peers, who passed looks like who spoke.
        passed: who of them passed. Told only to mentors and therapists.
        order: as set for the rounds to come.
        mode_number: rises each time a mode is set. Told only to mentors and therapists.
        limit_ms: as set for the turns to come.
        firm: as set for the turns to come.
        unsaved: a closing took effect and could not be saved; only mentors and therapists are heard until a mentor's
            word on who is heard is.
    """

    mode: TurnMode = TurnMode.OPEN
    turn: TurnView | None = None
    newest: int = 0
    hands: tuple[ParticipantId, ...] = ()
    round: tuple[ParticipantId, ...] = ()
    later: tuple[ParticipantId, ...] = ()
    done: tuple[ParticipantId, ...] = ()
    passed: tuple[ParticipantId, ...] = ()
    order: RoundOrder = RoundOrder.LIST
    limit_ms: int = 0
    firm: bool = False
    unsaved: bool = False
    mode_number: int = 0


class TalkTime(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a person has spoken in this session."""

    participant_id: ParticipantId
    ms: int


class Snapshot(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that a viewer may see of a room at one moment. Frames after it complete it.

    Who waits in the lobby sees nobody and nothing of the room: `participants` holds only themselves, with place 0.
    """

    session: SessionView
    you: ParticipantId
    participants: tuple[ParticipantView, ...]
    """Those present, sorted by place."""
    chat: tuple[ChatView, ...]
    """The newest messages, oldest first."""
    earlier: bool = False
    """There are older messages than those in `chat`."""
    waiting: bool = False
    """You are in the lobby."""
    lobby: tuple[WaitingView, ...] = ()
    """Who waits, the longest first. Told only to mentors and therapists."""
    paused_until_ms: Millis = 0
    """Nobody leads: microphones are closed, chat pauses; without a leader by then all wait in the lobby. 0: no."""
    floor: FloorView | None = None
    """The speaking turns; null in the lobby."""
    talk: tuple[TalkTime, ...] = ()
    """How long each person has spoken. Told only to mentors and therapists."""


class TrackInfo(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose track an m-section of the subscribe connection carries now."""

    mid: str
    participant_id: ParticipantId
    source: Source


class Picture(Struct, frozen=True, forbid_unknown_fields=True):
    """Someone's camera, or the screen that they share."""

    participant_id: ParticipantId
    source: Source


class Tile(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture that a page shows now: someone's camera, or the screen that they share."""

    participant_id: Annotated[ParticipantId, Meta(max_length=64)]
    source: Source
    size: TileSize


class IceServer(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of RTCConfiguration.iceServers."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""
