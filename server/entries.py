"""What can stand in the audit stream, in the present form and in older ones.

When the form of an entry changes: raise its number in `VERSIONS`, and add to `UPCASTERS` what makes the old form into
the next one. An upcaster stays for ever, and so does the golden log of the form it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from program.consents import ConsentKind
from protocol.ids import ConcernId, FlagId, IdentityId, ParticipantId, SessionId
from protocol.values import Role


class NameChanged(Struct, frozen=True, tag="name_changed"):
    """Someone is called otherwise from now on."""

    person: IdentityId


class ConsentGiven(Struct, frozen=True, tag="consent_given"):
    """Someone agreed. `text` is the SHA-256 of what they were shown."""

    person: IdentityId
    kind: ConsentKind
    version: str
    language: str
    text: str
    group: str | None = None


class ConsentRevoked(Struct, frozen=True, tag="consent_revoked"):
    """Someone took their agreement back."""

    person: IdentityId
    kind: ConsentKind


class WhereaboutsConfirmed(Struct, frozen=True, tag="whereabouts_confirmed"):
    """Someone said where they are, for a session."""

    person: IdentityId
    session: SessionId


class WhereaboutsRead(Struct, frozen=True, tag="whereabouts_read"):
    """Someone read where another person is."""

    reader: IdentityId
    person: IdentityId
    session: SessionId


class WhereaboutsPurged(Struct, frozen=True, tag="whereabouts_purged"):
    """Where someone was is erased."""

    person: IdentityId
    session: SessionId


class ContactPurged(Struct, frozen=True, tag="contact_purged"):
    """Whom to call for someone is erased: not confirmed for long (`unused`), or after taking the notice back
    (`revoked`)."""

    person: IdentityId
    why: str


class ChatPurged(Struct, frozen=True, tag="chat_purged"):
    """What was written in a session is erased. `by` is `schedule` or `command line`.

    `stream` and `retention` say whose payloads are gone, and how many; `keys` are the data keys that were destroyed,
    by which `audit verify` knows the purge from a forged one. Version 1 named no keys (None).
    """

    session: SessionId
    by: str
    payloads: int
    stream: str
    retention: str
    keys: tuple[str, ...] | None


class SessionEndAsked(Struct, frozen=True, tag="session_end_asked"):
    """Someone told the server to end a session, whoever is there."""

    session: SessionId
    by: str


class LegalHoldSet(Struct, frozen=True, tag="legal_hold_set"):
    """Nothing of a session is purged from now on, or no longer so."""

    session: SessionId
    hold: bool
    by: str


class ResponderSet(Struct, frozen=True, tag="responder_set"):
    """A therapist says to be reachable while a session lasts, or no longer."""

    session: SessionId
    person: IdentityId
    reachable: bool


class ResponderWaived(Struct, frozen=True, tag="responder_waived"):
    """The clinical lead lets a session begin without a responder, and why. The reason is kept nowhere else."""

    session: SessionId
    by: IdentityId
    reason: str


class FlagRead(Struct, frozen=True, tag="flag_read"):
    """Someone was shown a flag, for the first time since the server started."""

    reader: IdentityId
    session: SessionId
    concern: ConcernId
    flag: FlagId


class TimelineRead(Struct, frozen=True, tag="timeline_read"):
    """Someone read what happened in a session."""

    reader: IdentityId
    session: SessionId


class OnCallChanged(Struct, frozen=True, tag="on_call_changed"):
    """Someone is on call until then, by their own word (`began`, `ended`), or because another handed over to them
    (`accepted`); or they asked `other` to go on (`offered`)."""

    person: IdentityId
    what: str
    until_ms: int
    other: IdentityId | None = None


class RoomReplayed(Struct, frozen=True, tag="room_replayed"):
    """Someone looked into a past room, through these eyes, as it was at `looked_at_ms`."""

    session: SessionId
    by: str
    looked_at_ms: int
    role: Role
    participant: ParticipantId | None


class AccountChanged(Struct, frozen=True, tag="account_changed"):
    """An account was `made`, `accepted`, `disabled`, `enabled` or `reset`, its `password` was changed, or it was sent
    a link (`invited`, `link`). `by`: a person's id, or `command line`.
    """

    person: IdentityId
    what: str
    by: str


class FactorChanged(Struct, frozen=True, tag="factor_changed"):
    """A second factor was `added` or `removed`, or all recovery codes were made anew (`codes`)."""

    person: IdentityId
    what: str
    kind: str
    by: str


class StaffSignedIn(Struct, frozen=True, tag="staff_signed_in"):
    """Someone signed in by password and this second factor: `totp`, `passkey`, `recovery`."""

    person: IdentityId
    factor: str


class SignInsEnded(Struct, frozen=True, tag="sign_ins_ended"):
    """So many sign-ins of someone were ended from elsewhere."""

    person: IdentityId
    count: int
    by: str


class RoleAsked(Struct, frozen=True, tag="role_asked"):
    """Someone asked that a person be given a role."""

    person: IdentityId
    role: str
    by: str


class RoleDecided(Struct, frozen=True, tag="role_decided"):
    """A role was given, or not. `asked_by` is None when it needed nobody to ask."""

    person: IdentityId
    role: str
    by: str
    approved: bool
    asked_by: str | None = None


class RoleTaken(Struct, frozen=True, tag="role_taken"):
    """A person holds a role no more."""

    person: IdentityId
    role: str
    by: str


class Denied(Struct, frozen=True, tag="denied"):
    """Someone tried what they may not, so often in the minute that began at `minute_ms`.

    `where` are the sessions concerned, the first few of them.
    """

    person: IdentityId
    action: str
    where: tuple[str, ...]
    minute_ms: int
    count: int


Entry = (
    NameChanged
    | ConsentGiven
    | ConsentRevoked
    | WhereaboutsConfirmed
    | WhereaboutsRead
    | WhereaboutsPurged
    | ContactPurged
    | ChatPurged
    | SessionEndAsked
    | LegalHoldSet
    | ResponderSet
    | ResponderWaived
    | FlagRead
    | TimelineRead
    | OnCallChanged
    | RoomReplayed
    | AccountChanged
    | FactorChanged
    | StaffSignedIn
    | SignInsEnded
    | RoleAsked
    | RoleDecided
    | RoleTaken
    | Denied
)

ENTRIES: Final[tuple[type[Struct], ...]] = get_args(Entry)

Fields = dict[str, Any]
Upcaster = Callable[[Fields], Fields]
"""Takes the fields of an entry, `type` among them, and gives them in the form of the next version."""


def _purged_one_class(fields: Fields) -> Fields:
    """A room's chat was all that could be purged, and its keys were not named."""
    return {**fields, "stream": fields["session"], "retention": "chat", "keys": None}


VERSIONS: Final[Mapping[str, int]] = {
    **{str(entry.__struct_config__.tag): 1 for entry in ENTRIES},
    "chat_purged": 2,
}
"""The version in which each type of entry is stored today."""

UPCASTERS: Final[Mapping[tuple[str, int], Upcaster]] = {("chat_purged", 1): _purged_one_class}
"""From a (type, version) to the next version."""


class UnknownEntry(ValueError):
    """A stored entry that this version cannot read. Says its type and version, nothing of its payload."""


def tag_of(entry: Entry) -> str:
    """The type under which it is stored."""
    return str(type(entry).__struct_config__.tag)


def present_entry(
    type_: str,
    version: int,
    payload: bytes,
    *,
    versions: Mapping[str, int] = VERSIONS,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> Entry:
    """The entry of today that was stored as `payload` (JSON).

    Raises:
        UnknownEntry: no such type or version is known, or the payload is not of that form.
    """
    what = f"entry {type_!r} of version {version}"
    try:
        fields = msgspec.json.decode(payload, type=Fields)
        if fields.get("type") != type_:
            raise UnknownEntry(f"{what}: its payload is of another type")
        while versions.get(type_) != version:
            step = upcasters.get((type_, version))
            if step is None:
                newer = version > versions.get(type_, version)
                raise UnknownEntry(f"{what}: {'written by a newer version' if newer else 'unknown'}")
            fields, version = step(fields), version + 1
        return msgspec.convert(fields, Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        # Its words may quote what is in it.
        raise UnknownEntry(f"{what}: its payload does not have that form") from None
