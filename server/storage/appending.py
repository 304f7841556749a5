"""What one transaction of the log does: sorts out the appends that fit, seals them, chains them, stores them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, insert, select, update

from server.storage.chain import Header, genesis, link
from server.storage.schema import data_keys, events, payloads, streams
from server.storage.vault import Vault, WrappedKey

RECORD: Final = "record"
"""Retention class of what is kept as long as the session's record itself."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be stored; its seq follows from its place. Events of one retention class are purged together."""

    at_ms: int
    type: str
    version: int
    payload: bytes
    retention: str = RECORD


@dataclass(frozen=True, slots=True)
class Claim:
    """Ownership of a stream: `epoch` goes with each append, `head` is the newest seq (0: none)."""

    epoch: int
    head: int


class Append(Protocol):
    """Events for one place in one stream."""

    @property
    def stream_id(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def expected_head(self) -> int: ...
    @property
    def events(self) -> tuple[NewEvent, ...]: ...


A = TypeVar("A", bound=Append)


@dataclass(frozen=True, slots=True)
class Stored:
    """Which appends (by their place in the group) are stored, and the newest seq and link of their streams."""

    accepted: frozenset[int]
    events: int
    heads: dict[str, int]
    links: dict[str, bytes]


def claim(connection: Connection, stream_id: str, kind: str) -> Claim:
    """Raises the stream's epoch; makes the stream if there is none. Raises ValueError for one of another kind."""
    found = connection.execute(
        select(streams.c.kind, streams.c.epoch, streams.c.head).where(streams.c.id == stream_id).with_for_update()
    ).one_or_none()
    if found is None:
        start = genesis(stream_id, kind)
        connection.execute(insert(streams).values(id=stream_id, kind=kind, epoch=1, head=0, link=start, checkpointed=0))
        return Claim(epoch=1, head=0)
    if found.kind != kind:
        raise ValueError(f"stream {stream_id} is of kind {found.kind}, not {kind}")
    connection.execute(update(streams).where(streams.c.id == stream_id).values(epoch=found.epoch + 1))
    return Claim(epoch=found.epoch + 1, head=found.head)


def join_stream(connection: Connection, stream_id: str, kind: str) -> Claim:
    """How a stream stands, held until the transaction ends; made if there is none.

    For streams that have no owner, because each of their events belongs into the transaction of something else.
    """
    found = connection.execute(
        select(streams.c.epoch, streams.c.head).where(streams.c.id == stream_id).with_for_update()
    ).one_or_none()
    return claim(connection, stream_id, kind) if found is None else Claim(found.epoch, found.head)


# Made once: to build and compare statements costs more than to run them.
_ENDS: Final = (
    select(streams.c.id, streams.c.epoch, streams.c.head, streams.c.link)
    .where(streams.c.id.in_(bindparam("ids", expanding=True)))
    .with_for_update()
)
_LIVING_KEYS: Final = select(
    data_keys.c.id, data_keys.c.stream_id, data_keys.c.retention, data_keys.c.root_key_id, data_keys.c.wrapped
).where(data_keys.c.stream_id.in_(bindparam("ids", expanding=True)), data_keys.c.wrapped.is_not(None))
_INSERT_EVENTS: Final = insert(events)
_INSERT_PAYLOADS: Final = insert(payloads)
_SET_HEAD: Final = (
    update(streams)
    .where(streams.c.id == bindparam("stream"))
    .values(head=bindparam("new_head"), link=bindparam("new_link"))
)


@dataclass(slots=True)
class _End:
    """Where a stream ends, as the appends taken so far leave it."""

    epoch: int
    head: int
    link: bytes


def store_group(connection: Connection, vault: Vault, appends: list[A]) -> Stored:
    """Stores those whose epoch and head fit the stream as the ones before leave it."""
    wanted = sorted({append.stream_id for append in appends})
    found = connection.execute(_ENDS, {"ids": wanted})
    ends = {row.id: _End(row.epoch, row.head, row.link) for row in found}
    accepted: set[int] = set()
    fitting: list[A] = []
    heads: dict[str, int] = {}
    for place, append in enumerate(appends):
        end = ends.get(append.stream_id)
        head = heads.get(append.stream_id, end.head if end is not None else 0)
        if end is None or (end.epoch, head) != (append.epoch, append.expected_head):
            continue
        heads[append.stream_id] = head + len(append.events)
        accepted.add(place)
        fitting.append(append)
    if fitting:
        _insert(connection, vault, fitting, ends)
        connection.execute(
            _SET_HEAD, [{"stream": each, "new_head": heads[each], "new_link": ends[each].link} for each in heads]
        )
    links = {each: ends[each].link for each in heads}
    return Stored(frozenset(accepted), sum(len(append.events) for append in fitting), heads, links)


def holds(connection: Connection, stored: Stored) -> bool:
    """Whether a group whose COMMIT may have failed is in the log after all: all of it is, or nothing.

    Waits for a transaction that may still be under way. A link tells more than a seq: no other event has it.
    """
    if not stored.heads:
        return True
    stream_id, head = next(iter(stored.heads.items()))
    connection.execute(select(streams.c.id).where(streams.c.id == stream_id).with_for_update())
    link_there = select(events.c.link).where(events.c.stream_id == stream_id, events.c.seq == head)
    return connection.scalar(link_there) == stored.links[stream_id]


def _insert(connection: Connection, vault: Vault, fitting: Iterable[Append], ends: dict[str, _End]) -> None:
    key_for = living_keys(connection, vault, {append.stream_id for append in fitting})
    headers: list[dict[str, object]] = []
    bodies: list[dict[str, object]] = []
    for append in fitting:
        end = ends[append.stream_id]
        for new in append.events:
            end.head += 1
            key = key_for(append.stream_id, new.retention)
            header = Header(append.stream_id, end.head, new.at_ms, new.type, new.version, new.retention, key.id)
            canonical = header.canonical()
            body = vault.seal_payload(key, canonical, new.payload)
            end.link = link(end.link, canonical, body.commitment)
            headers.append(
                {
                    "stream_id": append.stream_id,
                    "seq": end.head,
                    "at_ms": new.at_ms,
                    "type": new.type,
                    "version": new.version,
                    "retention": new.retention,
                    "key_id": key.id,
                    "commitment": body.commitment,
                    "link": end.link,
                }
            )
            bodies.append({"stream_id": append.stream_id, "seq": end.head, "sealed": body.sealed})
    connection.execute(_INSERT_EVENTS, headers)
    connection.execute(_INSERT_PAYLOADS, bodies)


def living_keys(connection: Connection, vault: Vault, stream_ids: set[str]) -> Callable[[str, str], WrappedKey]:
    """The data key for a stream and retention class; made and stored when there is none.

    Looked up in each transaction: another process may have destroyed one meanwhile, and what is sealed under a
    destroyed key is lost.
    """
    found = connection.execute(_LIVING_KEYS, {"ids": sorted(stream_ids)})
    keys = {(row.stream_id, row.retention): WrappedKey(*row) for row in found}

    def key_for(stream_id: str, retention: str) -> WrappedKey:
        key = keys.get((stream_id, retention))
        if key is None or key.root_key_id != vault.root_key_id:
            key = vault.new_key(stream_id, retention)
            connection.execute(
                insert(data_keys).values(
                    id=key.id,
                    stream_id=stream_id,
                    retention=retention,
                    root_key_id=key.root_key_id,
                    wrapped=key.wrapped,
                )
            )
            keys[stream_id, retention] = key
        return key

    return key_for
