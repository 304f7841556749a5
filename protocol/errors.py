"""Every error a client can be told of: stable codes, plain words, and what to do next.

A code never changes its meaning. The words are for people and may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never


class ErrorCode(StrEnum):
    """Stable error codes, the same on the WebSocket and in HTTP answers."""

    # The frame itself.
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_FIELD = "invalid_field"
    UNEXPECTED = "unexpected"
    # Who is asking.
    SIGNED_OUT = "signed_out"
    OTHER_PERSON = "other_person"
    LINK_INVALID = "link_invalid"
    TOKEN_INVALID = "token_invalid"
    SIGN_IN_FAILED = "sign_in_failed"
    FACTOR_NEEDED = "factor_needed"
    FACTOR_MISSING = "factor_missing"
    FACTOR_REFUSED = "factor_refused"
    PASSWORD_WEAK = "password_weak"
    ORIGIN_REFUSED = "origin_refused"
    NOT_ALLOWED = "not_allowed"
    ARRIVAL_INCOMPLETE = "arrival_incomplete"
    CONSENT_REVOKED = "consent_revoked"
    NAME_TAKEN = "name_taken"
    NOT_ADMITTED = "not_admitted"
    REMOVED = "removed"
    # What is asked for.
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    MICROPHONE_CLOSED = "microphone_closed"
    NOT_YOUR_TURN = "not_your_turn"
    SCREEN_CLOSED = "screen_closed"
    SCREEN_TAKEN = "screen_taken"
    SESSION_ENDED = "session_ended"
    NOT_OPEN = "not_open"
    PAUSED = "paused"
    NO_FLAG = "no_flag"
    NO_CONSENT = "no_consent"
    SDP_REJECTED = "sdp_rejected"
    # The state of the server or of the connection.
    NOT_SAVED = "not_saved"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    RESYNC = "resync"
    TOO_SLOW = "too_slow"
    REPLACED = "replaced"
    LEFT = "left"
    ROOM_FAILED = "room_failed"
    DRAINING = "draining"
    INTERNAL = "internal"


class Next(StrEnum):
    """What a client should do after the connection ended with an error."""

    RESUME = "resume"
    """Open a new socket and resume: nothing is lost."""
    REJOIN = "rejoin"
    """Ask for a new join token over HTTP, then join."""
    STOP = "stop"
    """Do not come back by yourself; tell the person."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means to each transport.

    Attributes:
        text: plain English for the person; the client translates by code and falls back to this.
        http: HTTP status (RFC 9110) of an answer that carries this code.
        close: WebSocket close code (RFC 6455 section 7.4, private range 4000-4999).
        then: what a client does when its connection was closed with this code.
    """

    text: str
    http: int
    close: int
    then: Next


_MEANINGS: Final[dict[ErrorCode, Meaning]] = {
    ErrorCode.MALFORMED: Meaning("That could not be read.", 400, 4400, Next.REJOIN),
    ErrorCode.TOO_LARGE: Meaning("That is too long to send.", 413, 4413, Next.REJOIN),
    ErrorCode.TOO_DEEP: Meaning("That could not be read.", 400, 4414, Next.REJOIN),
    ErrorCode.UNKNOWN_TYPE: Meaning("This page is out of date. Load it again.", 400, 4415, Next.REJOIN),
    ErrorCode.INVALID_FIELD: Meaning("Something in that was not right.", 422, 4422, Next.REJOIN),
    ErrorCode.UNEXPECTED: Meaning("That does not fit here right now.", 409, 4423, Next.REJOIN),
    ErrorCode.SIGNED_OUT: Meaning("Please open your link again to sign in.", 401, 4401, Next.STOP),
    ErrorCode.OTHER_PERSON: Meaning(
        "Someone else has signed in on this device. Please open your link again.", 409, 4405, Next.STOP
    ),
    ErrorCode.LINK_INVALID: Meaning("This link has ended. Ask your program for a new one.", 401, 4402, Next.STOP),
    ErrorCode.TOKEN_INVALID: Meaning("That took a little too long. Trying again.", 401, 4411, Next.REJOIN),
    ErrorCode.SIGN_IN_FAILED: Meaning("That e-mail address and password do not go together.", 401, 4437, Next.STOP),
    ErrorCode.FACTOR_NEEDED: Meaning("One more step: your code or passkey.", 401, 4438, Next.STOP),
    ErrorCode.FACTOR_MISSING: Meaning("Set up a code or a passkey first.", 403, 4439, Next.STOP),
    ErrorCode.FACTOR_REFUSED: Meaning("That did not match. Please try the next code.", 401, 4440, Next.STOP),
    ErrorCode.PASSWORD_WEAK: Meaning(
        "Please choose a longer password: at least twelve characters, not your name or address.", 422, 4441, Next.STOP
    ),
    ErrorCode.ORIGIN_REFUSED: Meaning("This page does not belong to Holdspace.", 403, 4406, Next.STOP),
    ErrorCode.NOT_ALLOWED: Meaning("You cannot do that here.", 403, 4403, Next.STOP),
    ErrorCode.ARRIVAL_INCOMPLETE: Meaning("There is something to read or confirm first.", 409, 4427, Next.STOP),
    ErrorCode.CONSENT_REVOKED: Meaning("You took your agreement back. Help stays here for you.", 409, 4430, Next.STOP),
    ErrorCode.NAME_TAKEN: Meaning(
        "Someone in this group already goes by that name. Please add something to yours.", 409, 4435, Next.STOP
    ),
    ErrorCode.NOT_ADMITTED: Meaning("You are waiting. Your mentor will let you in.", 409, 4431, Next.RESUME),
    ErrorCode.REMOVED: Meaning("You cannot come back into this session. Help stays here.", 410, 4432, Next.STOP),
    ErrorCode.NOT_FOUND: Meaning("That is not here.", 404, 4404, Next.STOP),
    ErrorCode.CONFLICT: Meaning("That was already done differently.", 409, 4409, Next.REJOIN),
    ErrorCode.MICROPHONE_CLOSED: Meaning("Your mentor closed your microphone for now.", 409, 4424, Next.RESUME),
    ErrorCode.NOT_YOUR_TURN: Meaning("It is not your turn yet. Raise your hand to speak.", 409, 4436, Next.RESUME),
    ErrorCode.SCREEN_CLOSED: Meaning("Your mentor has to let you share your screen first.", 409, 4433, Next.RESUME),
    ErrorCode.SCREEN_TAKEN: Meaning("Someone else is sharing their screen.", 409, 4434, Next.RESUME),
    ErrorCode.SESSION_ENDED: Meaning("This session has ended.", 410, 4410, Next.STOP),
    ErrorCode.NOT_OPEN: Meaning("This session is not open yet.", 409, 4425, Next.STOP),
    ErrorCode.PAUSED: Meaning("The group is paused until someone leads again.", 409, 4428, Next.RESUME),
    ErrorCode.NO_FLAG: Meaning("No open flag lets you listen to this session.", 409, 4437, Next.RESUME),
    ErrorCode.NO_CONSENT: Meaning(
        "Someone there has not accepted the notice, so nobody may listen.", 409, 4438, Next.RESUME
    ),
    ErrorCode.SDP_REJECTED: Meaning("Sound and video could not be set up.", 422, 4426, Next.REJOIN),
    ErrorCode.NOT_SAVED: Meaning("That could not be saved. Please try again.", 503, 4503, Next.REJOIN),
    ErrorCode.OVERLOADED: Meaning("Holdspace is busy. Please try again in a moment.", 503, 4504, Next.REJOIN),
    ErrorCode.RATE_LIMITED: Meaning("That was a lot at once. Please wait a moment.", 429, 4429, Next.REJOIN),
    ErrorCode.RESYNC: Meaning("Catching up with the room.", 409, 4412, Next.REJOIN),
    ErrorCode.TOO_SLOW: Meaning("Your connection is slow. Catching up.", 503, 4507, Next.RESUME),
    ErrorCode.REPLACED: Meaning("You are in this session on another screen.", 409, 4407, Next.STOP),
    ErrorCode.LEFT: Meaning("You have left the session.", 410, 4408, Next.STOP),
    ErrorCode.ROOM_FAILED: Meaning("The room had a problem and is coming back.", 503, 4505, Next.REJOIN),
    ErrorCode.DRAINING: Meaning("Holdspace is restarting. You will be back in a moment.", 503, 4506, Next.REJOIN),
    ErrorCode.INTERNAL: Meaning("Something went wrong on our side.", 500, 4500, Next.REJOIN),
}


def meaning(code: ErrorCode) -> Meaning:
    """The one place that maps a code to words, HTTP status, close code and what comes next."""
    return _MEANINGS[code]


class HoldspaceError(Exception):
    """Root of all errors that a client may be told of. Never carries names or texts of people."""

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        """`detail` is for developers (a field's path, never its value)."""
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail


class ProtocolError(HoldspaceError):
    """A frame that cannot be taken: malformed, oversized, too deep, of unknown type or field."""


class Refused(HoldspaceError):
    """A well-formed request that is denied or does not fit the present state."""


class Unavailable(HoldspaceError):
    """The server cannot do it now; trying again later may work."""


def raise_for(code: ErrorCode, detail: str = "") -> HoldspaceError:
    """The exception for a code, of the right branch of the tree."""
    match code:
        case (
            ErrorCode.MALFORMED
            | ErrorCode.TOO_LARGE
            | ErrorCode.TOO_DEEP
            | ErrorCode.UNKNOWN_TYPE
            | ErrorCode.INVALID_FIELD
            | ErrorCode.UNEXPECTED
        ):
            return ProtocolError(code, detail)
        case (
            ErrorCode.NOT_SAVED
            | ErrorCode.OVERLOADED
            | ErrorCode.RATE_LIMITED
            | ErrorCode.TOO_SLOW
            | ErrorCode.ROOM_FAILED
            | ErrorCode.DRAINING
            | ErrorCode.INTERNAL
        ):
            return Unavailable(code, detail)
        case (
            ErrorCode.SIGNED_OUT
            | ErrorCode.OTHER_PERSON
            | ErrorCode.LINK_INVALID
            | ErrorCode.TOKEN_INVALID
            | ErrorCode.SIGN_IN_FAILED
            | ErrorCode.FACTOR_NEEDED
            | ErrorCode.FACTOR_MISSING
            | ErrorCode.FACTOR_REFUSED
            | ErrorCode.PASSWORD_WEAK
            | ErrorCode.ORIGIN_REFUSED
            | ErrorCode.NOT_ALLOWED
            | ErrorCode.ARRIVAL_INCOMPLETE
            | ErrorCode.CONSENT_REVOKED
            | ErrorCode.NAME_TAKEN
            | ErrorCode.NOT_ADMITTED
            | ErrorCode.REMOVED
            | ErrorCode.NOT_FOUND
            | ErrorCode.CONFLICT
            | ErrorCode.MICROPHONE_CLOSED
            | ErrorCode.NOT_YOUR_TURN
            | ErrorCode.SCREEN_CLOSED
            | ErrorCode.SCREEN_TAKEN
            | ErrorCode.SESSION_ENDED
            | ErrorCode.NOT_OPEN
            | ErrorCode.PAUSED
            | ErrorCode.NO_FLAG
            | ErrorCode.NO_CONSENT
            | ErrorCode.SDP_REJECTED
            | ErrorCode.RESYNC
            | ErrorCode.REPLACED
            | ErrorCode.LEFT
        ):
            return Refused(code, detail)
    assert_never(code)
