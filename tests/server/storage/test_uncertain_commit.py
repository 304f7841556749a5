"""A COMMIT that fails may have worked all the same. The log finds out which it was before it answers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage import log as log_module
from server.storage.log import AppendFailed, EventLog, NewEvent, OutcomeUnknown, StreamLost, Synced
from server.storage.transactions import Transactions, transactions_for
from tests.fakes import FakeClock
from tests.server.secret import vault
from tests.server.storage.databases import database

T = TypeVar("T")


def broken() -> OperationalError:
    return OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))


class Unsure:
    """Real transactions, of which the next ones fail before or after their COMMIT."""

    def __init__(self, real: Transactions) -> None:
        self._real = real
        self.fail_before = self.fail_after = 0
        self.runs = 0

    async def run(self, work: Callable[[Connection], T]) -> T:
        self.runs += 1
        if self.fail_before:
            self.fail_before -= 1
            raise broken()
        done = await self._real.run(work)
        if self.fail_after:
            self.fail_after -= 1
            raise broken()
        return done

    async def close(self) -> None:
        await self._real.close()


class RolledBack(Unsure):
    """What fails is undone, and does so only at its COMMIT."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        self.runs += 1
        if not self.fail_after:
            return await self._real.run(work)
        self.fail_after -= 1

        def undone(connection: Connection) -> T:
            work(connection)
            raise broken()

        return await self._real.run(undone)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(tmp_path / "log.db") as engine:
        yield engine


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "ASK_AGAIN_S", 0.0)


def event(number: int) -> NewEvent:
    return NewEvent(number, "chat_written", 1, b"%d" % number)


async def started(engine: AsyncEngine, transactions: Transactions, synced: list[Synced]) -> EventLog:
    log = EventLog(engine, FakeClock(), vault(), transactions=transactions, on_synced=synced.append)
    await log.start()
    return log


async def test_what_was_stored_although_its_commit_failed_is_known_to_be_stored(engine: AsyncEngine) -> None:
    synced: list[Synced] = []
    disk = Unsure(transactions_for(engine))
    log = await started(engine, disk, synced)
    a, b = await log.claim("a", "room"), await log.claim("b", "room")
    disk.fail_after = 1
    await asyncio.gather(
        log.append("a", a.epoch, 0, [event(1), event(2)]),
        log.append("b", b.epoch, 0, [event(3)]),
        log.append("a", a.epoch, 2, [event(4)]),
    )
    await log.append("a", a.epoch, 3, [event(5)])
    await log.stop()
    assert [stored.at_ms for stored in await log.read("a")] == [1, 2, 4, 5]
    assert [stored.at_ms for stored in await log.read("b")] == [3]
    assert [group.events for group in synced] == [4, 1]


async def test_what_was_undone_at_its_commit_is_known_not_to_be_stored(engine: AsyncEngine) -> None:
    disk = RolledBack(transactions_for(engine))
    log = await started(engine, disk, [])
    claim = await log.claim("a", "room")
    disk.fail_after = 1
    with pytest.raises(AppendFailed) as failed:
        await log.append("a", claim.epoch, 0, [event(1)])
    assert not isinstance(failed.value, StreamLost)
    await log.append("a", claim.epoch, 0, [event(2)])
    await log.stop()
    assert [stored.at_ms for stored in await log.read("a")] == [2]


async def test_what_never_came_to_its_commit_is_not_asked_after(engine: AsyncEngine) -> None:
    disk = Unsure(transactions_for(engine))
    log = await started(engine, disk, [])
    claim = await log.claim("a", "room")
    disk.fail_before, disk.runs = 1, 0
    with pytest.raises(AppendFailed) as failed:
        await log.append("a", claim.epoch, 0, [event(1)])
    assert not isinstance(failed.value, StreamLost)
    assert disk.runs == 1
    await log.stop()


async def test_nothing_is_answered_until_the_disk_says_which_it_was(engine: AsyncEngine) -> None:
    disk = Unsure(transactions_for(engine))
    log = await started(engine, disk, [])
    claim = await log.claim("a", "room")
    disk.fail_after = 3
    await log.append("a", claim.epoch, 0, [event(1)])
    assert disk.fail_after == 0
    await log.stop()


async def test_a_disk_that_does_not_say_which_it_was_costs_the_stream_its_owner(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "MAX_ASKED", 3)
    disk = Unsure(transactions_for(engine))
    log = await started(engine, disk, [])
    claim = await log.claim("a", "room")
    disk.fail_after = 4
    with pytest.raises(OutcomeUnknown):
        await log.append("a", claim.epoch, 0, [event(1)])
    again = await log.claim("a", "room")
    assert again.head == 1
    await log.append("a", again.epoch, 1, [event(2)])
    await log.stop()
