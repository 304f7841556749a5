"""The audit stream: what was done to people's records, and who tried what they may not.

An entry is written in the transaction of what it tells of: neither is there without the other. The stream has no
owner; it is chained, sealed and checked like the rooms' streams. Entries carry ids only,
but for the reason that a clinical lead gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.clock import Clock
from server.entries import VERSIONS, Entry, present_entry, tag_of
from server.storage.appending import NewEvent, join_stream, store_group
from server.storage.engine import writing
from server.storage.reading import StoredEvent
from server.storage.vault import Vault

AUDIT_STREAM: Final = "audit:program"
AUDIT_KIND: Final = "audit"
AUDIT: Final = "audit"
"""Retention class of the entries: six years."""

SCHEDULE: Final = "schedule"
COMMAND_LINE: Final = "command line"


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
        NewEvent(now_ms, tag_of(entry), VERSIONS[tag_of(entry)], msgspec.json.encode(entry), AUDIT) for entry in entries
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
    """A stored entry, None when its payload is gone. Raises UnknownEntry."""
    return None if event.payload is None else present_entry(event.type, event.version, event.payload)
