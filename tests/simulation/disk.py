"""The database: the server's real statements on a real SQLite in memory, with a disk that may be slow, full or lie.

One transaction at a time, each begun and ended at one moment of virtual time, so that a crash finds all of it or
nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import cache
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from server.storage.schema import metadata
from tests.simulation.loop import VirtualLoop
from tests.simulation.randomness import Odds

T = TypeVar("T")

FULL, FAILED = "database or disk is full", "disk I/O error"


@cache
def _database() -> tuple[sqlite3.Connection, Engine, bytes]:
    """One for this process: emptied for each run, which is much cheaper than a new one."""
    raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    metadata.create_all(engine)
    return raw, engine, raw.serialize()


class Disk:
    """What outlives the server. Faults are off until `odds` are set."""

    def __init__(self, loop: VirtualLoop, chance: Random, tell: Callable[[str], None]) -> None:
        """`tell` hears what happens, in few words."""
        self.raw, self.engine, empty = _database()
        if self.raw.in_transaction:
            self.raw.rollback()
        self.raw.deserialize(empty)
        self.chance = chance
        self.odds: Odds | None = None
        self.full_until = self.stuck_until = 0.0
        self.on_commit: Callable[[], None] = lambda: None
        self.on_answer: Callable[[], None] = lambda: None
        self.unsure = 0
        """COMMITs that worked although their writer was told that they failed."""
        self._loop = loop
        self._tell = tell

    def heal(self) -> None:
        """No more faults."""
        self.odds = None
        self.full_until = self.stuck_until = 0.0

    async def wait(self) -> None:
        """As long as a disk takes."""
        slow = self.odds is not None and self.chance.random() < self.odds.slow_disk
        await asyncio.sleep(self.chance.uniform(0.2, 3.0) if slow else self.chance.uniform(0.000_5, 0.004))

    def broken(self) -> str | None:
        """What goes wrong now, for whoever reads or writes."""
        return FAILED if self._loop.time() < self.stuck_until else None

    def run(self, work: Callable[[Connection], T]) -> T:
        """One writing transaction."""
        why = self.broken()
        if why is None and self.odds is not None and self.chance.random() < self.odds.disk_error:
            why = FAILED
        if why is None and self._loop.time() < self.full_until:
            why = FULL
        where = self.chance.choice(("begin", "work", "commit")) if why is not None else ""
        if where == "begin":
            self._fail(where, why)
        kept = why == FAILED and where == "commit" and self.odds and self.chance.random() < self.odds.kept_though_failed
        before = self.raw.total_changes
        with self.engine.connect() as connection:
            transaction = connection.begin()
            try:
                done = work(connection)
                changed = self.raw.total_changes > before
                # Who changes nothing needs no room.
                if why is not None and (why == FAILED or changed) and not kept:
                    self._fail(where, why)
                transaction.commit()
            except BaseException:
                transaction.rollback()
                raise
        if changed:
            self.on_commit()
        if kept:
            self.unsure += 1
            self._fail("commit, and kept it" if changed else "commit", why)
        return done

    def _fail(self, where: str, why: str | None) -> None:
        self._tell(f"disk: {why} at {where}")
        raise failure(why or FAILED)

    def crash(self) -> None:
        """What was not committed is gone."""
        if self.raw.in_transaction:
            self.raw.rollback()


def failure(why: str) -> OperationalError:
    """The error that the server sees."""
    return OperationalError("", None, sqlite3.OperationalError(why))


class Access:
    """One server's way to the disk: its `Transactions`, and as much of an `AsyncEngine` as it uses."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[Connection], T]) -> T:
        await self._disk.wait()
        async with self._turn:
            try:
                done = self._disk.run(work)
            finally:
                await self._disk.wait()
            self._disk.on_answer()
            return done

    async def close(self) -> None:
        await self._disk.wait()

    def execution_options(self, **_: object) -> Access:
        return self

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[Statements]:
        """Reads one moment."""
        await self._disk.wait()
        async with self._turn:
            why = self._disk.broken()
            if why is not None:
                raise failure(why)
            with self._disk.engine.connect() as connection, connection.begin():
                yield Statements(connection)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Gathered]:
        """Writes. What is asked for happens at one moment, when the block is left."""
        gathered = Gathered()
        yield gathered
        await self.run(gathered.do)


class Statements:
    """An `AsyncConnection` that answers at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, *statement: Any) -> Any:
        return self._connection.execute(*statement)

    async def scalar(self, *statement: Any) -> Any:
        return self._connection.scalar(*statement)

    async def scalars(self, *statement: Any) -> Any:
        return self._connection.scalars(*statement)

    async def run_sync(self, work: Any) -> Any:
        return work(self._connection)

    @property
    def dialect(self) -> Any:
        return self._connection.dialect


class Gathered:
    """An `AsyncConnection` for writers that do not look at the answers. They get one that fits the only such caller."""

    def __init__(self) -> None:
        self._statements: list[tuple[Any, ...]] = []

    async def execute(self, *statement: Any) -> Any:
        self._statements.append(statement)
        return _ONE_ROW

    def do(self, connection: Connection) -> None:
        for statement in self._statements:
            connection.execute(*statement)


class _OneRow:
    rowcount = 1


_ONE_ROW = _OneRow()
