"""A log with two rooms and checkpoints, to be tampered with."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from server.audit import Finding, Report, verify
from server.checkpoints import Checkpointer
from server.storage.log import EventLog, NewEvent
from tests.fakes import FakeClock
from tests.server.secret import ROOT_KEY, vault
from tests.server.storage.databases import database


@dataclass
class Audited:
    """The log, what watches over it, and hands that reach behind both."""

    folder: Path
    engine: AsyncEngine
    log: EventLog
    clock: FakeClock
    checkpointer: Checkpointer

    @property
    def file(self) -> Path:
        return self.folder / "outside" / "checkpoints.jsonl"

    async def write(self, stream: str, *texts: str, retention: str = "chat") -> None:
        claim = await self.log.claim(stream, "room")
        events = [NewEvent(self.clock.now_ms(), "chat_written", 1, text.encode(), retention) for text in texts]
        await self.log.append(stream, claim.epoch, claim.head, events)

    async def checkpoint(self) -> None:
        self.clock.advance(60)
        await self.checkpointer.checkpoint()

    async def verify(self) -> Report:
        return await verify(self.engine, vault(), ROOT_KEY.signing_key().public_key(), self.file)

    async def findings(self) -> list[tuple[str, str | None, int | None]]:
        return [(found.kind.value, found.stream, found.seq) for found in (await self.verify()).findings]

    async def first(self) -> Finding:
        return (await self.verify()).findings[0]

    def change(self, sql: str, *values: object) -> None:
        """As someone with the database file in their hands."""
        connection = sqlite3.connect(self.folder / "log.db")
        with connection:
            assert connection.execute(sql, values).rowcount > 0
        connection.close()


@asynccontextmanager
async def audited(folder: Path) -> AsyncGenerator[Audited]:
    """Streams `a` (1 to 5, of which 2 and 4 are of class `record`) and `b` (1 to 3); one checkpoint in between."""
    async with database(folder / "log.db") as engine:
        clock = FakeClock()
        log = EventLog(engine, clock, vault())
        await log.start()
        path = folder / "outside" / "checkpoints.jsonl"
        it = Audited(folder, engine, log, clock, Checkpointer(engine, clock, ROOT_KEY.signing_key(), path, every_s=60))
        await it.write("a", "one")
        await it.write("a", "two", retention="record")
        await it.write("b", "one", "two")
        await it.checkpoint()
        await it.write("a", "three")
        await it.write("a", "four", retention="record")
        await it.write("a", "five")
        await it.checkpoint()
        await it.write("b", "three")
        yield it
        await log.stop()
