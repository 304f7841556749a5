"""Writes down who was shown which flag: the first time, in the background. Showing one waits for no disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.ids import FlagId, IdentityId, SessionId
from protocol.supervision import ConcernView
from server.entries import Entry, FlagRead
from server.logs import where_it_failed
from server.responders import Audit
from server.storage.engine import writing
from server.stream import RETRY_S, Timers

MAX_REMEMBERED: Final = 100_000
"""Flags, each with its reader, that are known to be written down; one that was forgotten is written down again."""

_log = structlog.get_logger("supervision")

_Read = tuple[IdentityId, SessionId, FlagId]


class FlagReads:
    """Owns what was shown and is not written down yet."""

    def __init__(self, engine: AsyncEngine, audit: Audit, timers: Timers) -> None:
        self._engine = engine
        self._audit = audit
        self._timers = timers
        self._seen: dict[_Read, None] = {}
        self._waiting: list[Entry] = []
        self._writing: asyncio.Task[None] | None = None

    def read(self, reader: IdentityId, session_id: SessionId, concerns: Iterable[ConcernView]) -> None:
        """This is being shown to them."""
        for concern in concerns:
            for flag in concern.flags:
                key = (reader, session_id, flag.id)
                if key not in self._seen:
                    self._seen[key] = None
                    self._waiting.append(FlagRead(reader, session_id, concern.id, flag.id))
        while len(self._seen) > MAX_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._begin()

    async def close(self) -> None:
        """Writes what is left."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))
        await self._write()

    def _begin(self) -> None:
        if self._waiting and self._writing is None:
            self._writing = asyncio.create_task(self._run(), name="flag reads")

    async def _run(self) -> None:
        try:
            while self._waiting:
                if not await self._write():
                    self._timers.call_later(RETRY_S, self._begin)
                    return
        finally:
            self._writing = None

    async def _write(self) -> bool:
        taken, self._waiting = self._waiting, []
        if not taken:
            return True
        try:
            async with writing(self._engine) as connection:
                await self._audit.record(connection, *taken)
        except (SQLAlchemyError, OSError) as error:
            _log.error("reads not stored", waiting=len(taken), **where_it_failed(error))
            self._waiting = [*taken, *self._waiting]
            return False
        return True
