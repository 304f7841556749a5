"""Purges as the product does them: the payloads go, and the audit's entry is written in the same transaction."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.ids import SessionId
from server.auditing import SCHEDULE, Auditor
from server.entries import ChatPurged
from server.storage.engine import fold_journal, writing
from server.storage.purging import Purged, purge
from tests.fakes import FakeClock
from tests.server.secret import vault


async def purge_class(engine: AsyncEngine, stream: str, retention: str = "chat", *, entry: bool = True) -> Purged:
    clock = FakeClock()
    async with writing(engine) as connection:
        purged = await connection.run_sync(lambda sync: purge(sync, vault(), stream, retention, clock.now_ms()))
        if entry:
            said = ChatPurged(SessionId(stream), SCHEDULE, purged.payloads, stream, retention, purged.keys)
            await Auditor(vault(), clock).record(connection, said)
    return replace(purged, residue=not await fold_journal(engine))
