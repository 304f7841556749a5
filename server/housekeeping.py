"""Erases what is not to be kept any longer, when its time has come, and writes down that it did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from program.sessions import chats_to_purge, find_session, hold_session, mark_chat_purged
from protocol.ids import SessionId
from protocol.values import SessionStatus
from rooms.retention import Retention
from server.auditing import SCHEDULE, Auditor
from server.clock import Clock
from server.entries import ChatPurged, LegalHoldSet
from server.logs import where_it_failed
from server.storage.engine import fold_journal, reading, writing
from server.storage.purging import Purged, purge
from server.storage.vault import Vault
from server.whereabouts import WhereaboutsBook

EVERY_S: Final = 60.0
CHATS_AT_ONCE: Final = 50
DAY_MS: Final = 24 * 60 * 60 * 1000

_log = structlog.stdlib.get_logger("holdspace.housekeeping")


class PurgeRefused(Exception):
    """This may not be purged now; the message says why."""


class Housekeeping:
    """Looks once a minute, and at the start."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        clock: Clock,
        *,
        chat_days: int,
        every_s: float = EVERY_S,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._chat_ms = chat_days * DAY_MS
        self._every_s = every_s
        self._whereabouts = WhereaboutsBook(engine, vault, clock, Auditor(vault, clock))
        self._residue = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Erases what is due, and begins."""
        await self.tidy()
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """Ends; a transaction that is under way is undone, and done again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    async def tidy(self) -> None:
        """Erases what is due. What fails is logged, and tried again the next time."""
        await self._attempt("whereabouts", self._purge_whereabouts)
        await self._attempt("contacts", self._purge_contacts)
        await self._attempt("chat", self._purge_chats)
        await self._attempt("journal", self._fold)

    async def _purge_whereabouts(self) -> None:
        if await self._whereabouts.purge():
            self._residue = True

    async def _purge_contacts(self) -> None:
        if await self._whereabouts.purge_contacts(self._chat_ms):
            self._residue = True

    async def _purge_chats(self) -> None:
        until = self._clock.now_ms() - self._chat_ms
        async with reading(self._engine) as connection:
            due = await chats_to_purge(connection, until, CHATS_AT_ONCE)
        for session_id in due:
            await _purge_chat(self._engine, self._vault, self._clock, session_id, SCHEDULE)
            self._residue = True

    async def _fold(self) -> None:
        if self._residue:
            self._residue = not await fold_journal(self._engine)

    async def _attempt(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except (SQLAlchemyError, PurgeRefused) as error:
            _log.error("not erased", what=what, **where_it_failed(error))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.tidy()


async def purge_chat(engine: AsyncEngine, vault: Vault, clock: Clock, session_id: SessionId, by: str) -> Purged:
    """Destroys what was written in a session that has ended, and empties the database's journal.

    Raises:
        PurgeRefused: there is no such session, it is live, or under legal hold.
    """
    purged = await _purge_chat(engine, vault, clock, session_id, by)
    return replace(purged, residue=not await fold_journal(engine))


async def set_legal_hold(
    engine: AsyncEngine, vault: Vault, clock: Clock, session_id: SessionId, *, hold: bool, by: str
) -> bool:
    """Sets or lifts the hold; False when it was so already.

    Raises:
        PurgeRefused: there is no such session.
    """
    async with writing(engine) as connection:
        if await find_session(connection, session_id) is None:
            raise PurgeRefused(f"there is no session {session_id}")
        changed = await hold_session(connection, session_id, hold=hold)
        if changed:
            await Auditor(vault, clock).record(connection, LegalHoldSet(session_id, hold, by))
    return changed


async def _purge_chat(engine: AsyncEngine, vault: Vault, clock: Clock, session_id: SessionId, by: str) -> Purged:
    async with writing(engine) as connection:
        session = await find_session(connection, session_id)
        if session is None:
            raise PurgeRefused(f"there is no session {session_id}")
        if session.status is not SessionStatus.ENDED:
            raise PurgeRefused(f"session {session_id} is live")
        if session.legal_hold:
            raise PurgeRefused(f"session {session_id} is under legal hold")
        now = clock.now_ms()
        purged = await connection.run_sync(lambda sync: purge(sync, vault, session_id, Retention.CHAT.value, now))
        await mark_chat_purged(connection, session_id, now)
        entry = ChatPurged(session_id, by, purged.payloads, session_id, Retention.CHAT.value, purged.keys)
        await Auditor(vault, clock).record(connection, entry)
    return purged
