"""Destroys the payloads of one retention class of a stream. What was when, and that it was, stays."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from server.storage.room_snapshots import SNAPSHOT
from server.storage.schema import data_keys, events, payloads, room_snapshots, streams
from server.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge destroyed: how many payloads, and which data keys of the class.

    `residue`: the database's journal may still hold it, until it is next folded in.
    """

    payloads: int
    keys: tuple[str, ...]
    residue: bool = False


def purge(connection: Connection, vault: Vault, stream_id: str, retention: str, now_ms: int) -> Purged:
    """Destroys data keys, payloads and nonces of the class, and the stream's snapshots, which tell of them.

    It is a purge only with an audit entry in the same transaction: without, `audit verify` takes it for a forged one.
    """
    # Nothing may be sealed under a key while it is destroyed.
    connection.execute(select(streams.c.id).where(streams.c.id == stream_id).with_for_update())
    of_class = select(events.c.seq).where(events.c.stream_id == stream_id, events.c.retention == retention)
    gone = connection.execute(
        delete(payloads).where(payloads.c.stream_id == stream_id, payloads.c.seq.in_(of_class))
    ).rowcount
    connection.execute(delete(room_snapshots).where(room_snapshots.c.stream_id == stream_id))
    living = connection.execute(
        select(data_keys.c.id, data_keys.c.retention)
        .where(
            data_keys.c.stream_id == stream_id,
            data_keys.c.retention.in_((retention, SNAPSHOT)),
            data_keys.c.wrapped.is_not(None),
        )
        .order_by(data_keys.c.id)
    ).all()
    connection.execute(
        update(data_keys)
        .where(data_keys.c.id.in_([row.id for row in living]))
        .values(wrapped=None, destroyed_ms=now_ms)
    )
    for row in living:
        vault.forget(row.id)
    return Purged(payloads=gone, keys=tuple(row.id for row in living if row.retention == retention))
