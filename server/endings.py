"""Ends sessions that nobody is in any more, and those that someone told the server to end.

A session ends when a mentor ends it. Where nobody does, it would last for ever, and so would what was written in it:
what is kept, and for how long, counts from the end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy import case, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from program.sessions import ask_to_end, find_session
from program.tables import sessions
from protocol.errors import HoldspaceError
from protocol.ids import SessionId
from protocol.values import SessionStatus
from server.auditing import Auditor
from server.clock import Clock
from server.entries import SessionEndAsked
from server.logs import where_it_failed
from server.storage.engine import reading, writing
from server.storage.schema import events, streams
from server.storage.vault import Vault

EVERY_S: Final = 10.0
AGAIN_MS: Final = 10 * 60 * 1000
"""After that long a session that could not be ended is tried again."""

_log = structlog.stdlib.get_logger("holdspace.endings")


class Rooms(Protocol):
    """The rooms of this node; `server.hall.Hall` is them."""

    async def end(self, session_id: SessionId, *, if_empty: bool) -> None:
        """Ends a session through its room. Raises HoldspaceError."""
        ...


class EndRefused(Exception):
    """This session cannot be ended; the message says why."""


@dataclass(frozen=True, slots=True)
class _Due:
    session_id: SessionId
    asked: bool


class Endings:
    """Looks every few seconds."""

    def __init__(
        self, engine: AsyncEngine, rooms: Rooms, clock: Clock, *, after_ms: int, every_s: float = EVERY_S
    ) -> None:
        """`after_ms`: so long after the last that happened in a room that nobody is in, its session ends."""
        self._engine = engine
        self._rooms = rooms
        self._clock = clock
        self._after_ms = after_ms
        self._every_s = every_s
        self._again_ms: dict[SessionId, int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run(), name="endings")

    async def stop(self) -> None:
        """Ends; what is under way in a room goes on there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    async def look(self) -> None:
        """Ends what is due. Whether someone is present the room decides, when it is asked."""
        now = self._clock.now_ms()
        try:
            found = await self._due(now)
        except SQLAlchemyError as error:
            _log.error("not looked for sessions to end", **where_it_failed(error))
            return
        self._again_ms = {each: at for each, at in self._again_ms.items() if at > now}
        for due in found:
            if due.session_id in self._again_ms:
                continue
            try:
                await self._rooms.end(due.session_id, if_empty=not due.asked)
            except (HoldspaceError, SQLAlchemyError) as error:
                self._again_ms[due.session_id] = now + AGAIN_MS
                _log.error("session not ended", session=due.session_id, **where_it_failed(error))

    async def _due(self, now: int) -> list[_Due]:
        """From the database alone, so that it holds over restarts, and for rooms that were never opened."""
        asked = sessions.c.end_asked_ms.is_not(None)
        newest = func.coalesce(events.c.at_ms, 0)
        latest = case((newest > sessions.c.opened_ms, newest), else_=sessions.c.opened_ms)
        wanted = (
            select(sessions.c.id, asked.label("asked"))
            .outerjoin(streams, streams.c.id == sessions.c.id)
            .outerjoin(events, (events.c.stream_id == streams.c.id) & (events.c.seq == streams.c.head))
            .where(sessions.c.status == SessionStatus.LIVE.value, or_(asked, latest <= now - self._after_ms))
            .order_by(asked.desc(), sessions.c.opened_ms, sessions.c.id)
        )
        async with reading(self._engine) as connection:
            found = await connection.execute(wanted)
            return [_Due(SessionId(row.id), bool(row.asked)) for row in found]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()


async def ask_for_end(engine: AsyncEngine, vault: Vault, clock: Clock, session_id: SessionId, *, by: str) -> None:
    """Has the server end a session, whoever is there: only the server that has its room may.

    Raises:
        EndRefused: there is no such session, or it has ended.
    """
    async with writing(engine) as connection:
        session = await find_session(connection, session_id)
        if session is None:
            raise EndRefused(f"there is no session {session_id}")
        if session.status is not SessionStatus.LIVE:
            raise EndRefused(f"session {session_id} has ended")
        if await ask_to_end(connection, session_id, clock.now_ms()):
            await Auditor(vault, clock).record(connection, SessionEndAsked(session_id, by))
