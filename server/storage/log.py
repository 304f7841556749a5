"""The logs of all streams, and the one task that writes them.

Appends of all streams wait in one queue, in the order in which they were made. The writer takes all that wait
and stores them in one transaction, so that the disk syncs once a group and not once an event. A future resolves
only after COMMIT returned, which under synchronous=FULL is after the sync.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from server.clock import Clock
from server.logs import where_it_failed
from server.storage.engine import reading
from server.storage.schema import events, streams
from server.storage.transactions import Transactions, transactions_for

_log = structlog.stdlib.get_logger("holdspace.storage")

MAX_GROUP_EVENTS: Final = 2_000
"""Events of one transaction; what is more waits for the next, so that nobody waits long for strangers."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be stored; its seq follows from its place."""

    at_ms: int
    type: str
    version: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was stored. `seq` counts from 1 within its stream, without gaps."""

    seq: int
    at_ms: int
    type: str
    version: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """Ownership of a stream: `epoch` goes with each append, `head` is the newest seq (0: none)."""

    epoch: int
    head: int


@dataclass(frozen=True, slots=True)
class Synced:
    """One group that is on disk. `heads` are the newest seqs of the streams it touched."""

    appends: int
    events: int
    seconds: float
    heads: dict[str, int]


class AppendFailed(Exception):
    """The events are not known to be stored. To go on after a StreamMoved: claim and read again."""


class StreamMoved(AppendFailed):
    """Someone else owns the stream now, or its head is not the expected one. Nothing was stored."""


class Overloaded(AppendFailed):
    """Too many appends wait for the disk. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class _Append:
    stream_id: str
    epoch: int
    expected_head: int
    events: tuple[NewEvent, ...]
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Group:
    """What of a group goes into its transaction, and why the rest does not."""

    accepted: list[_Append] = field(default_factory=list["_Append"])
    moved: list[_Append] = field(default_factory=list["_Append"])
    heads: dict[str, int] = field(default_factory=dict[str, int])
    events: int = 0


_INSERT: Final = insert(events)
_SET_HEAD: Final = update(streams).where(streams.c.id == bindparam("stream")).values(head=bindparam("new_head"))


class EventLog:
    """Reads and appends. One per process and database."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        *,
        max_pending: int = 4_096,
        on_synced: Callable[[Synced], None] | None = None,
        on_failed: Callable[[Exception], None] | None = None,
        transactions: Transactions | None = None,
    ) -> None:
        """`on_synced` is called after a group's COMMIT, before its futures resolve; `on_failed` once a failed group."""
        self._engine = engine
        self._transactions = transactions or transactions_for(engine)
        self._clock = clock
        self._max_pending = max_pending
        self._on_synced = on_synced
        self._on_failed = on_failed
        self._pending: deque[_Append] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the writer."""
        if self._writer is not None:
            raise RuntimeError("the log was started already")
        self._writer = asyncio.create_task(self._write(), name="event log writer")

    async def stop(self) -> None:
        """Takes no more appends, stores those that wait, ends."""
        self._stopping = True
        self._wake.set()
        if self._writer is not None:
            await asyncio.shield(self._writer)
            self._writer = None
            await self._transactions.close()

    async def claim(self, stream_id: str, kind: str) -> Claim:
        """Makes the caller the stream's owner, and the stream if it is not there. Earlier owners' appends fail.

        Raises:
            ValueError: the stream is of another kind.
        """
        while True:
            try:
                return await self._transactions.run(lambda connection: _claim(connection, stream_id, kind))
            except IntegrityError:
                # Another node created the row between our look and our insert; now it is there to be claimed.
                continue

    async def read(self, stream_id: str, after: int = 0) -> list[StoredEvent]:
        """The stream's events whose seq is greater than `after`, in order; none if there is no such stream."""
        wanted = (
            select(events.c.seq, events.c.at_ms, events.c.type, events.c.version, events.c.payload)
            .where(events.c.stream_id == stream_id, events.c.seq > after)
            .order_by(events.c.seq)
        )
        async with reading(self._engine) as connection:
            return [StoredEvent(*row) for row in await connection.execute(wanted)]

    def append(
        self, stream_id: str, epoch: int, expected_head: int, new_events: Sequence[NewEvent]
    ) -> asyncio.Future[None]:
        """Queues the events for the place after `expected_head`; returns at once.

        The future resolves when they are on disk, or fails with AppendFailed. To cancel it takes nothing back.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._stopping or self._writer is None:
            done.set_exception(AppendFailed("the log is not running"))
        elif len(self._pending) >= self._max_pending:
            done.set_exception(Overloaded(f"{self._max_pending} appends wait for the disk"))
        elif not new_events:
            raise ValueError("nothing to append")
        else:
            self._pending.append(_Append(stream_id, epoch, expected_head, tuple(new_events), done))
            self._wake.set()
        return done

    async def _write(self) -> None:
        while True:
            if not self._pending:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            taken = self._take()
            try:
                await self._store(taken)
            except OperationalError as error:
                self._fail(taken, error)
            except Exception as error:
                if len(taken) == 1:
                    self._fail(taken, error)
                else:
                    await self._store_one_by_one(taken)

    def _take(self) -> list[_Append]:
        taken: list[_Append] = []
        size = 0
        while self._pending and size < MAX_GROUP_EVENTS:
            taken.append(self._pending.popleft())
            size += len(taken[-1].events)
        return taken

    async def _store_one_by_one(self, taken: list[_Append]) -> None:
        """After an error that is not the disk's: what one room gave us must not cost the others theirs."""
        for append in taken:
            try:
                await self._store([append])
            except Exception as error:
                self._fail([append], error)

    async def _store(self, taken: list[_Append]) -> None:
        started = self._clock.monotonic()
        group = await self._transactions.run(lambda connection: _store_group(connection, taken))
        # Here COMMIT has returned.
        if group.accepted:
            seconds = self._clock.monotonic() - started
            self._tell(Synced(len(group.accepted), group.events, seconds, dict(group.heads)))
        for append in group.accepted:
            if not append.done.done():
                append.done.set_result(None)
        for append in group.moved:
            if not append.done.done():
                append.done.set_exception(StreamMoved(append.stream_id))

    def _tell(self, synced: Synced) -> None:
        if self._on_synced is None:
            return
        try:
            self._on_synced(synced)
        except Exception as error:
            _log.error("listener failed", **where_it_failed(error))

    def _fail(self, taken: list[_Append], error: Exception) -> None:
        if self._on_failed is not None:
            self._on_failed(error)
        for append in taken:
            if not append.done.done():
                failure = AppendFailed(append.stream_id)
                failure.__cause__ = error
                append.done.set_exception(failure)


def _claim(connection: Connection, stream_id: str, kind: str) -> Claim:
    found = connection.execute(
        select(streams.c.kind, streams.c.epoch, streams.c.head).where(streams.c.id == stream_id).with_for_update()
    ).one_or_none()
    if found is None:
        connection.execute(insert(streams).values(id=stream_id, kind=kind, epoch=1, head=0))
        return Claim(epoch=1, head=0)
    if found.kind != kind:
        raise ValueError(f"stream {stream_id} is of kind {found.kind}, not {kind}")
    connection.execute(update(streams).where(streams.c.id == stream_id).values(epoch=found.epoch + 1))
    return Claim(epoch=found.epoch + 1, head=found.head)


def _store_group(connection: Connection, taken: list[_Append]) -> _Group:
    group = _sort(connection, taken)
    if group.accepted:
        connection.execute(_INSERT, [row for append in group.accepted for row in _rows(append)])
        connection.execute(_SET_HEAD, [{"stream": stream, "new_head": head} for stream, head in group.heads.items()])
    return group


def _sort(connection: Connection, taken: list[_Append]) -> _Group:
    """Accepts the appends, in order, whose epoch and head fit the stream as the ones before leave it."""
    group = _Group()
    wanted = sorted({append.stream_id for append in taken})
    found = connection.execute(
        select(streams.c.id, streams.c.epoch, streams.c.head).where(streams.c.id.in_(wanted)).with_for_update()
    )
    state = {row.id: (row.epoch, row.head) for row in found}
    for append in taken:
        if state.get(append.stream_id) != (append.epoch, append.expected_head):
            group.moved.append(append)
            continue
        head = append.expected_head + len(append.events)
        state[append.stream_id] = (append.epoch, head)
        group.heads[append.stream_id] = head
        group.accepted.append(append)
        group.events += len(append.events)
    return group


def _rows(append: _Append) -> list[dict[str, object]]:
    return [
        {
            "stream_id": append.stream_id,
            "seq": append.expected_head + place,
            "at_ms": new.at_ms,
            "type": new.type,
            "version": new.version,
            "payload": new.payload,
        }
        for place, new in enumerate(append.events, start=1)
    ]
