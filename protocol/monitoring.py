"""A therapist who listens silently, whispers, or steps in: what travels on a socket that watches, and to a mentor.

Nothing here reaches anyone in a room, but for a whisper, which reaches the one mentor whom it is for. What a monitor
is sent is what a participant of that room would see and hear.

`protocol.messages` takes the messages up with all others. On a socket that watches, `subscribe_offer`,
`subscribe_answer`, `restart_subscribe` and `set_view` are about the session that is listened to, and `publish_offer`
about the therapist's own voice, which nobody hears but the mentor whom it is turned to.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from protocol.frame import Frame
from protocol.ids import CLIENT_ID_PATTERN, GlassId, ParticipantId, SessionId, WhisperId
from protocol.values import ClientRequestId, Millis, Snapshot

MAX_WHISPER: Final = 500
"""Longest whisper, in characters: it is read while leading."""

MIN_REASON: Final = 10
"""Shortest reason for listening without a flag, in characters."""

MAX_REASON: Final = 1_000

ClientWhisperId = Annotated[WhisperId, Meta(pattern=CLIENT_ID_PATTERN)]
WhisperText = Annotated[str, Meta(min_length=1, max_length=MAX_WHISPER)]


class MayListen(StrEnum):
    """Whether this therapist may listen to a session now, and if not, why."""

    YES = "yes"
    NO_FLAG = "no_flag"
    """No open flag gives the right: of `concern` or more, not technical, raised by someone else. What concerns
    themselves gives none, and is not told of."""
    NO_CONSENT = "no_consent"
    """Someone present has not accepted the notice as it is now."""
    NOT_LIVE = "not_live"
    """Nobody is in the room, or it is not open here."""


class MonitoringEnd(StrEnum):
    """Why listening is over."""

    STOPPED = "stopped"
    """The therapist stopped."""
    ELSEWHERE = "elsewhere"
    """The therapist listens on another page, or to another session."""
    STEPPED_IN = "stepped_in"
    RIGHT_ENDED = "right_ended"
    """The flag that gave the right is resolved, or the session no longer theirs."""
    TIME_OVER = "time_over"
    """Fifteen minutes without a flag are over."""
    CONSENT = "consent"
    """Someone present took their agreement back, or came without one."""
    SESSION_ENDED = "session_ended"
    CONNECTION = "connection"
    """The page is gone, or its connection failed for good."""
    SERVER = "server"
    """The server stopped, or something failed in it."""


class Finding(StrEnum):
    """What another person found of listening without a flag."""

    IN_ORDER = "in_order"
    QUESTIONS = "questions"
    """It has to be talked about."""


class GlassView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One time that somebody listened without a flag, as who has to review it sees it.

    Attributes:
        by: the name of who did.
        since_ms: when it began.
        until_ms: when it ended; 0 while it lasts.
        due_ms: a review is due by then.
        mine: it was you, and another person reviews it.
    """

    id: GlassId
    by: str
    reason: str
    since_ms: Millis
    until_ms: Millis = 0
    due_ms: Millis = 0
    mine: bool = False


class WhisperView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whisper. `other`: to the mentor, who it is from; to the therapist, whom it is for. `seen`: the mentor's page
    has shown it.
    """

    id: WhisperId
    other: str
    text: str
    at_ms: Millis
    seen: bool = False


class MentorView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who leads, and can be whispered to. `headphones`: they said that nobody else would hear it, so that one can also
    speak to them.
    """

    participant_id: ParticipantId
    name: str
    headphones: bool = False


class ListeningView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a therapist may do about a session besides its concerns.

    Attributes:
        may_listen: now, by a flag.
        may_break_glass: now, with a reason.
        since_ms: you listen to it, since then; 0: you do not.
        until_ms: until then at most; 0 while a flag gives the right.
        may_step_in: now, as a visible participant.
        mentors: who can be whispered to; a mentor whom an open flag concerns is not among them.
        whispers: yours, the oldest first.
        glass: what you have to review, or what of yours waits for a review.
    """

    may_listen: MayListen = MayListen.NOT_LIVE
    may_break_glass: bool = False
    since_ms: Millis = 0
    until_ms: Millis = 0
    may_step_in: bool = False
    mentors: tuple[MentorView, ...] = ()
    whispers: tuple[WhisperView, ...] = ()
    glass: tuple[GlassView, ...] = ()


# ── of a therapist, on a socket that watches ──────────────────────────────────────────────────


class Listen(Frame, frozen=True, tag="listen"):
    """I listen to this session from now on, and to no other. Stored before the first sound.

    `reason`: without a flag that gives the right, for fifteen minutes; another person reviews it. Empty: by a flag.
    Refused: NO_FLAG, NO_CONSENT, NOT_OPEN, NOT_SAVED.
    """

    id: ClientRequestId
    session_id: SessionId
    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""


class StopListening(Frame, frozen=True, tag="stop_listening"):
    """I listen no more. The session goes on."""

    id: ClientRequestId


class SendWhisper(Frame, frozen=True, tag="send_whisper"):
    """Something for one mentor alone to read. Repeating its id changes nothing."""

    id: ClientRequestId
    session_id: SessionId
    participant_id: ParticipantId
    whisper_id: ClientWhisperId
    text: WhisperText


class SpeakTo(Frame, frozen=True, tag="speak_to"):
    """This mentor alone hears my microphone from now on; without one, nobody. NOT_ALLOWED: no headphones confirmed."""

    id: ClientRequestId
    session_id: SessionId
    participant_id: ParticipantId | None = None


class ReviewGlass(Frame, frozen=True, tag="review_glass"):
    """I have looked at why somebody else listened without a flag."""

    id: ClientRequestId
    session_id: SessionId
    glass_id: GlassId
    finding: Finding
    note: Annotated[str, Meta(max_length=MAX_REASON)] = ""


Monitoring = Listen | StopListening | SendWhisper | SpeakTo | ReviewGlass
"""What a therapist asks for on a socket that watches, besides handling concerns."""


class Monitored(Frame, frozen=True, tag="monitored"):
    """The session that you listen to as it is now, as a participant would see it; `room.you` is nobody. Only the
    latest counts.
    """

    room: Snapshot


class MonitoringOver(Frame, frozen=True, tag="monitoring_over"):
    """You listen no more."""

    session_id: SessionId
    why: MonitoringEnd


# ── a mentor's, in a room ─────────────────────────────────────────────────────────────────────


class SawWhisper(Frame, frozen=True, tag="saw_whisper"):
    """My page has shown me this whisper."""

    id: ClientRequestId
    whisper_id: ClientWhisperId


class ConfirmHeadphones(Frame, frozen=True, tag="confirm_headphones"):
    """I wear headphones: a therapist may speak to me. Forgotten with this session."""

    id: ClientRequestId
    on: bool


Whispering = SawWhisper | ConfirmHeadphones


class Whispered(Frame, frozen=True, tag="whispered"):
    """A therapist whispers to you. Sent again, to a new page, until it was seen."""

    whisper: WhisperView


class WhisperSpeaking(Frame, frozen=True, tag="whisper_speaking"):
    """A therapist of that name speaks to you now; with an empty one, nobody does any more."""

    name: str
