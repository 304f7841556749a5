"""The logs of all streams, and the one task that writes them.

Appends of all streams wait in one queue, in the order in which they were made. The writer takes all that wait
and stores them in one transaction, so that the disk syncs once a group and not once an event. A future resolves
only after COMMIT returned, which under synchronous=FULL is after the sync.

Payloads are encrypted and events chained within that transaction: see `chain`, `vault` and `appending`.

A COMMIT that fails may have worked all the same. Before it answers, the writer asks the log which it was; until it
knows, nothing more is stored, and nothing is said to be stored or not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from server.clock import Clock
from server.logs import where_it_failed
from server.storage.appending import Claim, NewEvent, Stored, claim, holds, store_group
from server.storage.engine import reading
from server.storage.reading import StoredEvent, read_events
from server.storage.room_snapshots import StoredSnapshot, count_destroyed, find_snapshot, save_snapshot
from server.storage.transactions import Transactions, transactions_for
from server.storage.vault import Unreadable, Vault

__all__ = [
    "AppendFailed",
    "Claim",
    "EventLog",
    "NewEvent",
    "OutcomeUnknown",
    "Overloaded",
    "StoredEvent",
    "StoredSnapshot",
    "StreamLost",
    "StreamMoved",
    "Synced",
    "Unreadable",
]

T = TypeVar("T")

_log = structlog.stdlib.get_logger("holdspace.storage")

MAX_GROUP_EVENTS: Final = 2_000
"""Events of one transaction; what is more waits for the next, so that nobody waits long for strangers."""

MAX_ASKED: Final = 10
ASK_AGAIN_S: Final = 1.0
"""So often, and so far apart, the log is asked what became of a COMMIT that failed, while the disk does not answer."""


@dataclass(frozen=True, slots=True)
class Synced:
    """One group that is on disk. `heads` are the newest seqs of the streams it touched, `appended` the stream of each
    append.
    """

    appended: tuple[str, ...]
    events: int
    seconds: float
    heads: dict[str, int]


class AppendFailed(Exception):
    """The events are not stored, unless it is a StreamLost that says otherwise."""


class StreamLost(AppendFailed):
    """Whoever appended does not know the stream any more. To go on: claim and read again."""


class StreamMoved(StreamLost):
    """Someone else owns the stream now, or its head is not the expected one. Nothing was stored."""


class OutcomeUnknown(StreamLost):
    """COMMIT failed, and the disk does not say whether the events are stored."""


class Overloaded(AppendFailed):
    """Too many appends wait for the disk. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class _Append:
    stream_id: str
    epoch: int
    expected_head: int
    events: tuple[NewEvent, ...]
    done: asyncio.Future[None]


class EventLog:
    """Reads and appends. One per process and database."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        vault: Vault,
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
        self._vault = vault
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

    async def claim(self, stream_id: str, kind: str, also: Callable[[Connection], None] | None = None) -> Claim:
        """Makes the caller the stream's owner, and the stream if it is not there. Earlier owners' appends fail.

        `also`: what is to be stored together with that.

        Raises:
            ValueError: the stream is of another kind.
        """

        def attempt(connection: Connection) -> Claim:
            if also is not None:
                also(connection)
            return claim(connection, stream_id, kind)

        while True:
            try:
                return await self._transactions.run(attempt)
            except IntegrityError:
                # Another node created the row between our look and our insert; now it is there to be claimed.
                continue

    async def run(self, work: Callable[[Connection], T]) -> T:
        """One writing transaction, in its turn. Raises what the database does."""
        return await self._transactions.run(work)

    async def read(self, stream_id: str, after: int = 0) -> list[StoredEvent]:
        """The stream's events whose seq is greater than `after`, in order; none if there is no such stream.

        Raises:
            Unreadable: a payload is missing, does not decrypt, or is not what was committed to.
        """
        async with reading(self._engine) as connection:
            return [stored async for stored in read_events(connection, self._vault, stream_id, after)]

    async def destroyed_keys(self, stream_id: str) -> int:
        """How many of the stream's data keys were destroyed so far: with each purge it is more."""
        async with reading(self._engine) as connection:
            return await connection.run_sync(lambda sync: count_destroyed(sync, stream_id))

    async def save_snapshot(self, stream_id: str, snapshot: StoredSnapshot, *, destroyed_keys: int) -> bool:
        """Stores a state after some event, in place of an older one; False when the log has no such event, or
        something was purged since `destroyed_keys` was asked for, which must be before the state was read."""
        return await self._transactions.run(
            lambda connection: save_snapshot(connection, self._vault, stream_id, snapshot, destroyed_keys)
        )

    async def find_snapshot(self, stream_id: str, version: int) -> StoredSnapshot | None:
        """The stream's snapshot, when there is one of that version that can be read."""
        async with reading(self._engine) as connection:
            return await find_snapshot(connection, self._vault, stream_id, version)

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
            except (OperationalError, OutcomeUnknown) as error:
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
        stored = await self._commit(taken)
        if stored.accepted:
            seconds = self._clock.monotonic() - started
            appended = tuple(taken[place].stream_id for place in sorted(stored.accepted))
            self._tell(Synced(appended, stored.events, seconds, dict(stored.heads)))
        for place, append in enumerate(taken):
            if append.done.done():
                continue
            if place in stored.accepted:
                append.done.set_result(None)
            else:
                append.done.set_exception(StreamMoved(append.stream_id))

    async def _commit(self, taken: list[_Append]) -> Stored:
        """What is stored when this returns; when it raises nothing is, except for OutcomeUnknown."""
        attempted: Stored | None = None

        def attempt(connection: Connection) -> Stored:
            nonlocal attempted
            attempted = store_group(connection, self._vault, taken)
            return attempted

        try:
            return await self._transactions.run(attempt)
        except Exception as error:
            # Before COMMIT was tried, nothing can have been stored.
            if attempted is None or not await self._holds(attempted, error):
                raise
            _log.warning("commit failed and had worked", **where_it_failed(error))
            return attempted

    async def _holds(self, attempted: Stored, error: Exception) -> bool:
        """Whether the log has what a failed COMMIT was to store. Raises OutcomeUnknown."""
        for _ in range(MAX_ASKED):
            try:
                return await self._transactions.run(lambda connection: holds(connection, attempted))
            except Exception as again:
                _log.warning("commit uncertain", **where_it_failed(again))
                await asyncio.sleep(ASK_AGAIN_S)
        raise OutcomeUnknown from error

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
                kind = OutcomeUnknown if isinstance(error, OutcomeUnknown) else AppendFailed
                failure = kind(append.stream_id)
                failure.__cause__ = error
                append.done.set_exception(failure)
