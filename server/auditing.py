"""The audit stream: what was done to people's records, and who tried what they may not.

An entry is written in the transaction of what it tells of: neither is there without the other. The stream has no
owner; it is chained, sealed and checked like the rooms' streams. Entries carry ids only,
but for the reason that a clinical lead gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.consents import ConsentKind
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.values import Role
from server.clock import Clock
from server.storage.appending import NewEvent, join_stream, store_group
from server.storage.engine import writing
from server.storage.reading import StoredEvent
from server.storage.vault import Vault

AUDIT_STREAM: Final = "audit:program"
AUDIT_KIND: Final = "audit"
AUDIT: Final = "audit"
"""Retention class of the entries: six years."""

VERSION: Final = 1

SCHEDULE: Final = "schedule"
COMMAND_LINE: Final = "command line"


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


class ChatPurged(Struct, frozen=True, tag="chat_purged"):
    """What was written in a session is erased. `by` is `schedule` or `command line`."""

    session: SessionId
    by: str
    payloads: int


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


class RoomReplayed(Struct, frozen=True, tag="room_replayed"):
    """Someone looked into a past room, through these eyes, as it was at `looked_at_ms`."""

    session: SessionId
    by: str
    looked_at_ms: int
    role: Role
    participant: ParticipantId | None


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
    | ChatPurged
    | LegalHoldSet
    | ResponderSet
    | ResponderWaived
    | RoomReplayed
    | Denied
)


@dataclass(frozen=True, slots=True)
class _Append:
    stream_id: str
    epoch: int
    expected_head: int
    events: tuple[NewEvent, ...]


def store_entries(connection: Connection, vault: Vault, now_ms: int, entries: tuple[Entry, ...]) -> None:
    """Adds entries within the transaction that is under way, which must be one that writes."""
    stands = join_stream(connection, AUDIT_STREAM, AUDIT_KIND)
    events = tuple(
        NewEvent(now_ms, str(type(entry).__struct_config__.tag), VERSION, msgspec.json.encode(entry), AUDIT)
        for entry in entries
    )
    stored = store_group(connection, vault, [_Append(AUDIT_STREAM, stands.epoch, stands.head, events)])
    if not stored.accepted:
        raise RuntimeError("the audit stream moved while its row was held")


class Auditor:
    """Writes entries into transactions of others."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    async def record(self, connection: AsyncConnection, *entries: Entry) -> None:
        """Adds entries; they count once the connection's transaction is committed."""
        now_ms = self._clock.now_ms()
        await connection.run_sync(lambda sync: store_entries(sync, self._vault, now_ms, entries))


async def begin_audit(engine: AsyncEngine) -> None:
    """Makes the stream. Two transactions that both found none would be in each other's way on PostgreSQL."""
    async with writing(engine) as connection:
        await connection.run_sync(lambda sync: join_stream(sync, AUDIT_STREAM, AUDIT_KIND))


def entry_of(event: StoredEvent) -> Entry | None:
    """A stored entry, None when it was purged. Raises msgspec.ValidationError for one of a newer version."""
    return None if event.payload is None else msgspec.json.decode(event.payload, type=Entry)
