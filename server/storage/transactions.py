"""How the log's writer reaches the database: one transaction is one call.

An asynchronous driver crosses to its thread and back for each statement, and under load each crossing waits for the
interpreter lock. For SQLite a whole transaction therefore runs in one thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage.engine import WRITES, open_thread_engine, writing

T = TypeVar("T")


class Transactions(Protocol):
    """Runs writing transactions, one after the other."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; by then it is committed. An exception of `work` or of the database undoes it."""
        ...

    async def close(self) -> None:
        """Gives connections back; nothing can be run any more."""
        ...


def transactions_for(engine: AsyncEngine) -> Transactions:
    """The way that fits the engine's database."""
    if engine.dialect.name == "sqlite":
        return ThreadTransactions(open_thread_engine(engine))
    return ConnectionTransactions(engine)


class ThreadTransactions:
    """On a thread and a connection of their own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**{WRITES: True})
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage-writer")

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.dispose)
        self._thread.shutdown(wait=False)

    def _run(self, work: Callable[[Connection], T]) -> T:
        with self._writing.begin() as connection:
            return work(connection)


class ConnectionTransactions:
    """On connections of an engine with an asynchronous driver."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def run(self, work: Callable[[Connection], T]) -> T:
        async with writing(self._engine) as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """The engine is closed by who opened it."""
