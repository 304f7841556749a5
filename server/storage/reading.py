"""Reads stored events back: header, payload, and whether the one is missing with reason."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.storage.chain import Header
from server.storage.engine import StorageError, reading
from server.storage.schema import data_keys, events, payloads, streams
from server.storage.vault import SealedPayload, Unreadable, Vault, WrappedKey


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was stored. `seq` counts from 1 within its stream, without gaps; a purged payload is None."""

    seq: int
    at_ms: int
    type: str
    version: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is stored of an event. `key` is None when its row is gone, `sealed` when the payload's is."""

    header: Header
    commitment: bytes
    link: bytes
    sealed: bytes | None
    key: WrappedKey | None

    def payload(self, vault: Vault) -> bytes | None:
        """The payload, None when it was purged. Raises Unreadable."""
        if self.key is None:
            raise Unreadable("its key is missing")
        if self.sealed is None:
            if self.key.wrapped is not None:
                raise Unreadable("is missing, and was not purged")
            return None
        return vault.open_payload(self.key, self.header.canonical(), SealedPayload(self.commitment, self.sealed))


async def read_records(connection: AsyncConnection, stream_id: str, after: int = 0) -> AsyncGenerator[Record]:
    """A stream's events with a seq greater than `after`, in order."""
    found = await connection.execute(select(data_keys).where(data_keys.c.stream_id == stream_id))
    keys = {row.id: WrappedKey(row.id, stream_id, row.retention, row.root_key_id, row.wrapped) for row in found}
    of_stream = (
        select(
            events.c.seq, events.c.at_ms, events.c.type, events.c.version, events.c.retention, events.c.key_id,
            events.c.commitment, events.c.link, payloads.c.sealed,
        )
        .outerjoin(payloads, (payloads.c.stream_id == events.c.stream_id) & (payloads.c.seq == events.c.seq))
        .where(events.c.stream_id == stream_id, events.c.seq > after)
        .order_by(events.c.seq)
    )  # fmt: skip
    for seq, at_ms, kind, version, retention, key_id, commitment, link, sealed in await connection.execute(of_stream):
        header = Header(stream_id, seq, at_ms, kind, version, retention, key_id)
        yield Record(header, commitment, link, sealed, keys.get(key_id))


async def read_events(
    connection: AsyncConnection, vault: Vault, stream_id: str, after: int = 0
) -> AsyncGenerator[StoredEvent]:
    """The same, decrypted. Raises Unreadable."""
    async for record in read_records(connection, stream_id, after):
        header = record.header
        try:
            payload = record.payload(vault)
        except Unreadable as error:
            raise Unreadable(f"event {header.seq} of {stream_id} {error}") from None
        yield StoredEvent(header.seq, header.at_ms, header.type, header.version, payload)


async def check_root_key(engine: AsyncEngine, vault: Vault) -> None:
    """Raises StorageError when data keys are wrapped by another root key: better now than with each room."""
    others = select(data_keys.c.root_key_id).where(
        data_keys.c.wrapped.is_not(None), data_keys.c.root_key_id != vault.root_key_id
    )
    async with reading(engine) as connection:
        other = await connection.scalar(others.limit(1))
    if other is not None:
        raise StorageError(
            f"stored rooms are encrypted under the root key {other}, and this one is {vault.root_key_id}: "
            "give the server the root key that belongs to this database"
        )


async def newest_event_ms(engine: AsyncEngine) -> int | None:
    """When the newest stored event was; None when there is none."""
    # By each stream's newest: the table of events has no index by time.
    newest = select(func.max(events.c.at_ms)).join(
        streams, (streams.c.id == events.c.stream_id) & (streams.c.head == events.c.seq)
    )
    async with reading(engine) as connection:
        return await connection.scalar(newest)
