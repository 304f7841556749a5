"""Flags and concerns: what therapists are told of a session, and the messages on a socket that watches.

People raise *flags*; the flags on one person in one session are one *concern*. What the server notices is one, too.
`protocol.messages` takes up the messages with all others. Flags are raised over HTTP: a room that failed can take none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from protocol.frame import Frame
from protocol.ids import CLIENT_ID_PATTERN, ConcernId, FlagId, ParticipantId, SessionId
from protocol.monitoring import ListeningView
from protocol.values import ClientRequestId, Millis, Role, SessionView

MAX_FLAG_TEXT: Final = 2_000
"""Longest text of a flag, and longest note of a resolution, in characters."""

MAX_MOMENT: Final = 10
"""Most lines of chat that go with a flag."""

ClientFlagId = Annotated[FlagId, Meta(pattern=CLIENT_ID_PATTERN)]
FlagText = Annotated[str, Meta(max_length=MAX_FLAG_TEXT)]


class ConcernKind(StrEnum):
    """What a therapist has to know of."""

    LEADER_LOST = "leader_lost"
    """The last who led is gone, and the group pauses."""
    COVER_NEEDED = "cover_needed"
    """Who leads asked for someone to take over."""
    LOBBY_UNATTENDED = "lobby_unattended"
    """People have waited for long, and nobody came to lead."""
    REMOVED = "removed"
    """A mentor removed a participant from the session."""
    NOBODY_ANSWERS = "nobody_answers"
    """No therapist answers for the session but who leads it, and it is live, or people have waited for long."""
    FLAGGED = "flagged"
    """Someone raised a flag; its flags say the rest."""


class Severity(StrEnum):
    """How much it presses."""

    NOTE = "note"
    """For the next working day."""
    CONCERN = "concern"
    """By the end of the session."""
    URGENT = "urgent"
    """Within minutes."""
    CRISIS = "crisis"
    """Someone may be in danger."""


class Category(StrEnum):
    """What a flag is about."""

    SELF_HARM = "self_harm"
    """Suicide or self-harm."""
    HARM_TO_OTHERS = "harm_to_others"
    ABUSE_OR_NEGLECT = "abuse_or_neglect"
    """A law may ask who knows of it to report it; no flag does that."""
    RETURN_TO_USE = "return_to_use"
    SYMPTOMS_RETURNING = "symptoms_returning"
    MEDICAL = "medical"
    BOUNDARY = "boundary"
    CONDUCT = "conduct"
    TECHNICAL = "technical"
    OTHER = "other"


class FlagKind(StrEnum):
    """In what words a flag was raised."""

    FLAG = "flag"
    """A mentor flagged."""
    REPORT = "report"
    """Someone reported a concern: about anyone, their mentor or therapist included."""
    HELP = "help"
    """Someone called for help."""
    CHECK_ON_ME = "check_on_me"
    """Someone who left asked to be checked on."""
    LEFT_UPSET = "left_upset"
    """A mentor saw that someone left upset."""


class Step(StrEnum):
    """Who is told of a concern that nobody acknowledges. Each step is told in addition to those before it."""

    RESPONDER = "responder"
    """The therapist who answers for the session."""
    BACKUP = "backup"
    """The group's other therapists."""
    LEAD = "lead"
    """The clinical lead, for what concerns a therapist."""
    ON_CALL = "on_call"
    """Everyone on call."""
    CONTACT = "contact"
    """The program's contact, from outside, by webhook and e-mail."""


class Outcome(StrEnum):
    """How a concern was resolved."""

    SPOKE = "spoke"
    """Spoke with the person."""
    FOLLOW_UP = "follow_up"
    """A follow-up is planned."""
    HANDED_ON = "handed_on"
    """Handed to emergency or other care."""
    NO_ACTION = "no_action"
    """No action was needed. Raising it was still right."""


class StateReport(StrEnum):
    """Whether what a law may ask for was reported to the state. Asked where a flag is about abuse or neglect."""

    NONE_DUE = "none_due"
    MADE = "made"
    NOT_MADE = "not_made"


class FlagStatus(StrEnum):
    """What a flag's raiser is told of it. A participant is told READ, and not what came of it."""

    RECEIVED = "received"
    READ = "read"
    """To a participant: a therapist has read this."""
    ACKNOWLEDGED = "acknowledged"
    """To staff."""
    RESOLVED = "resolved"
    """To staff."""


class MomentLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of chat from the moment at which a flag was raised, as its raiser could read it."""

    author: str
    text: str
    at_ms: Millis


class FlagView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One flag, as therapists see it.

    Attributes:
        by: the name of who raised it, by the name in the room; by_role: in what role.
        about_self: who raised it is whom it concerns.
        unstored: it holds in memory only, and is tried again until it is stored.
    """

    id: FlagId
    kind: FlagKind
    severity: Severity
    category: Category
    at_ms: Millis
    by: str
    by_role: Role
    about_self: bool = False
    text: str = ""
    moment: tuple[MomentLine, ...] = ()
    acknowledged: bool = False
    unstored: bool = False


class Resolution(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a concern ended. `report_details`: when, to whom, under which number."""

    outcome: Outcome
    note: FlagText = ""
    report: StateReport = StateReport.NONE_DUE
    report_details: Annotated[str, Meta(max_length=500)] = ""


class ConcernView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something in a session that a therapist has to know of.

    Attributes:
        severity: the highest of its flags.
        at_ms: when the earliest flag was raised that nobody has acknowledged; else the first.
        person: whom it concerns, by the name in the room; empty when it is the session.
        participant_id: the same, for reading where they are; empty when it is the session.
        by: who did or asked it; empty when nobody did. Of a flag: see `flags`.
        over: it has passed by itself (someone leads again). It still wants to be acknowledged.
        acknowledged: a therapist has taken note of all of it.
        flags: the oldest first; empty for what the server noticed by itself.
        step: who has been told so far.
        due_ms: when it goes on to `then`; 0: it does not, for now.
        then: who is told next; its names in `then_names`.
        yours: you are among those whom it has reached.
        holder: the name of who acknowledged it, or took it over, last; since `held_ms`. mine: that is you.
        unstored: something of it holds in memory only.
        resolution: how it ended; None while it is open.
    """

    id: ConcernId
    kind: ConcernKind
    severity: Severity
    at_ms: Millis
    person: str = ""
    participant_id: ParticipantId = ParticipantId("")
    by: str = ""
    over: bool = False
    acknowledged: bool = False
    flags: tuple[FlagView, ...] = ()
    step: Step = Step.RESPONDER
    due_ms: Millis = 0
    then: Step | None = None
    then_names: tuple[str, ...] = ()
    yours: bool = False
    holder: str = ""
    held_ms: Millis = 0
    mine: bool = False
    unstored: bool = False
    resolution: Resolution | None = None
    resolved_ms: Millis = 0


class SupervisedView(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A session of an assigned group, as its therapists see it from outside; or one of whose concerns they are told.

    Attributes:
        people: how many are in the room; waiting: how many are in its lobby.
        leaders: the names of those who lead it now.
        responder: the name of the therapist who said to be reachable; empty when nobody did.
        you_respond: it is you.
        concerns: not acknowledged ones first, then the newest.
        unread: what was told of it cannot be read, so that concerns may be missing here.
        assigned: it is a session of your groups. Of others you are told only what has reached you.
        listening: what you may do besides; None: nothing, as of an ended session with nothing to review.
    """

    session: SessionView
    people: int = 0
    waiting: int = 0
    leaders: tuple[str, ...] = ()
    paused_until_ms: Millis = 0
    responder: str = ""
    you_respond: bool = False
    concerns: tuple[ConcernView, ...] = ()
    unread: bool = False
    assigned: bool = True
    listening: ListeningView | None = None


# ── of a therapist, on a socket that watches ──────────────────────────────────────────────────


class Acknowledge(Frame, frozen=True, tag="acknowledge"):
    """I have taken note of this concern, and of the first `flags` of its flags; of a later one I have not heard."""

    id: ClientRequestId
    session_id: SessionId
    concern_id: ConcernId
    flags: Annotated[int, Meta(ge=0)] = 0


class TakeOver(Frame, frozen=True, tag="take_over"):
    """An acknowledged concern is mine from now on."""

    id: ClientRequestId
    session_id: SessionId
    concern_id: ConcernId


class Resolve(Frame, frozen=True, tag="resolve"):
    """An acknowledged concern is resolved. `flags`: as in `acknowledge`; a flag that came meanwhile keeps it open."""

    id: ClientRequestId
    session_id: SessionId
    concern_id: ConcernId
    resolution: Resolution
    flags: Annotated[int, Meta(ge=0)] = 0


Handling = Acknowledge | TakeOver | Resolve
"""What a therapist does about a concern."""


class Watching(Frame, frozen=True, tag="watching"):
    """Answer to `watch`: the sessions of your groups that people can come to now, and all whose concerns have reached
    you. A lost socket is begun anew.
    """

    sessions: tuple[SupervisedView, ...]
    server_time_ms: Millis
    ping_every_s: float


class Supervised(Frame, frozen=True, tag="supervised"):
    """A session of yours as it is now. Only the latest counts."""

    view: SupervisedView


class Unsupervised(Frame, frozen=True, tag="unsupervised"):
    """That session has ended with nothing left open, or is no longer yours."""

    session_id: SessionId
