"""Snapshots of a stream's state, so that loading it reads its end only. The log knows nothing of what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.appending import living_keys
from server.storage.schema import data_keys, events, room_snapshots, streams
from server.storage.vault import Unreadable, Vault, WrappedKey

SNAPSHOT: Final = "snapshot"
"""Retention class of the data keys of snapshots."""

_log = structlog.stdlib.get_logger("holdspace.storage")


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A stream's state after its event `seq`, as its owner encoded it; `version` is the form of `body`."""

    seq: int
    version: int
    body: bytes


def count_destroyed(connection: Connection, stream_id: str) -> int:
    """How many of the stream's data keys were destroyed. A row stays for each, so that it only ever grows."""
    its = select(func.count()).where(data_keys.c.stream_id == stream_id, data_keys.c.wrapped.is_(None))
    return connection.execute(its).scalar_one()


def save_snapshot(
    connection: Connection, vault: Vault, stream_id: str, snapshot: StoredSnapshot, destroyed_keys: int
) -> bool:
    """Replaces the stream's snapshot; False when the log has no such event, the stored one is newer, or not
    `destroyed_keys` keys are destroyed: then something of what the state was read from was purged meanwhile, and
    would live on in the snapshot under another key.
    """
    # A purge takes the same row: it is wholly before or after this.
    connection.execute(select(streams.c.id).where(streams.c.id == stream_id).with_for_update())
    if count_destroyed(connection, stream_id) != destroyed_keys:
        return False
    at = connection.execute(
        select(events.c.link).where(events.c.stream_id == stream_id, events.c.seq == snapshot.seq)
    ).one_or_none()
    stored = connection.execute(
        select(room_snapshots.c.seq, room_snapshots.c.version).where(room_snapshots.c.stream_id == stream_id)
    ).one_or_none()
    if at is None or (stored is not None and stored.version == snapshot.version and stored.seq > snapshot.seq):
        return False
    key = living_keys(connection, vault, {stream_id})(stream_id, SNAPSHOT)
    context = _context(stream_id, snapshot.seq, at.link, snapshot.version, key.id)
    connection.execute(delete(room_snapshots).where(room_snapshots.c.stream_id == stream_id))
    connection.execute(
        insert(room_snapshots).values(
            stream_id=stream_id,
            seq=snapshot.seq,
            link=at.link,
            version=snapshot.version,
            key_id=key.id,
            sealed=vault.seal(key, context, snapshot.body),
        )
    )
    return True


async def find_snapshot(
    connection: AsyncConnection, vault: Vault, stream_id: str, version: int
) -> StoredSnapshot | None:
    """The stream's snapshot, if it is of that version, can be read, and is of this very log."""
    taken = (
        select(room_snapshots, data_keys.c.retention, data_keys.c.root_key_id, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.id == room_snapshots.c.key_id)
        # Only if the log still has the event it was taken after: a log that was set back has gone on differently.
        .join(
            events,
            (events.c.stream_id == room_snapshots.c.stream_id)
            & (events.c.seq == room_snapshots.c.seq)
            & (events.c.link == room_snapshots.c.link),
        )
        .where(room_snapshots.c.stream_id == stream_id, room_snapshots.c.version == version)
    )
    row = (await connection.execute(taken)).one_or_none()
    if row is None:
        return None
    key = WrappedKey(row.key_id, stream_id, row.retention, row.root_key_id, row.wrapped)
    try:
        body = vault.open(key, _context(stream_id, row.seq, row.link, version, key.id), row.sealed)
    except Unreadable:
        _log.warning("snapshot_unreadable", stream=stream_id, seq=row.seq)
        return None
    return StoredSnapshot(row.seq, version, body)


def _context(stream_id: str, seq: int, link: bytes, version: int, key_id: str) -> bytes:
    return msgspec.json.encode(("snapshot", stream_id, seq, link.hex(), version, key_id))
