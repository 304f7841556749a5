"""Who tried what they may not: counted in memory, one audit entry per person, action and minute."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moderation.permissions import Action
from protocol.errors import ErrorCode, Refused
from protocol.ids import IdentityId, SessionId
from server.auditing import Auditor
from server.clock import Clock
from server.entries import Denied
from server.logs import where_it_failed
from server.storage.engine import writing
from server.storage.vault import Vault

LOOK_EVERY_S: Final = 10.0
MAX_PLACES: Final = 8
MAX_WAITING: Final = 10_000
"""Counts that wait for a disk which cannot be written to; what is more is only logged, as a number."""

MINUTE_MS: Final = 60_000

_log = structlog.stdlib.get_logger("holdspace.audit")

_Key = tuple[int, IdentityId, str]


class DeniedAttempt(Refused):
    """Somebody asked for what they may not do. Raised where that is found out, counted where the request is answered:
    once, whatever it was answered with.
    """

    def __init__(self, code: ErrorCode, action: Action, where: SessionId | None = None) -> None:
        """`code` is what they are told: of sessions of others, that there is none. `where` exists."""
        super().__init__(code, action.value)
        self.action = action
        self.where = where


@dataclass(slots=True)
class _Count:
    count: int = 0
    where: list[str] = field(default_factory=list[str])


class Denials:
    """Counts, and writes the counts of minutes that are over."""

    def __init__(self, engine: AsyncEngine, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._auditor = Auditor(vault, clock)
        self._counts: dict[_Key, _Count] = {}
        self._task: asyncio.Task[None] | None = None

    def denied(self, identity_id: IdentityId, action: str, where: str) -> None:
        """Someone was refused something. `action` is a name out of our code, `where` an id that exists."""
        key = (self._minute(), identity_id, action)
        counted = self._counts.get(key)
        if counted is None:
            if len(self._counts) >= MAX_WAITING:
                _log.error("denied attempt not counted", waiting=len(self._counts))
                return
            counted = self._counts[key] = _Count()
        counted.count += 1
        if where and where not in counted.where and len(counted.where) < MAX_PLACES:
            counted.where.append(where)

    async def start(self) -> None:
        """Begins to write."""
        self._task = asyncio.create_task(self._run(), name="denials")

    async def stop(self) -> None:
        """Writes what was counted, the minute that is not over included."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        await self._attempt(everything=True)

    async def write(self, *, everything: bool = False) -> None:
        """Writes the counts of minutes that are over.

        Raises:
            SQLAlchemyError: they were not stored, and are kept for the next time.
        """
        minute = self._minute()
        taken = {key: counted for key, counted in self._counts.items() if everything or key[0] != minute}
        if not taken:
            return
        entries = [
            Denied(who, action, tuple(counted.where), its_minute * MINUTE_MS, counted.count)
            for (its_minute, who, action), counted in taken.items()
        ]
        # Taken out first: what is denied during the write counts anew and is not lost with these.
        for key in taken:
            del self._counts[key]
        try:
            async with writing(self._engine) as connection:
                await self._auditor.record(connection, *entries)
        except BaseException:
            for key, counted in taken.items():
                self._put_back(key, counted)
            raise

    def _put_back(self, key: _Key, counted: _Count) -> None:
        newer = self._counts.setdefault(key, counted)
        if newer is not counted:
            newer.count += counted.count
            newer.where = list(dict.fromkeys((*counted.where, *newer.where)))[:MAX_PLACES]

    def _minute(self) -> int:
        return self._clock.now_ms() // MINUTE_MS

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._attempt()

    async def _attempt(self, *, everything: bool = False) -> None:
        try:
            await self.write(everything=everything)
        except SQLAlchemyError as error:
            _log.error("denials not stored", waiting=len(self._counts), **where_it_failed(error))
