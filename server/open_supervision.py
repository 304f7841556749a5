"""The sessions of whose concerns somebody may still have to hear: their clocks run again when a server starts.

A row comes with each claim of a session's supervision stream, before anything is appended to it. It goes when the
session has ended with nothing left open, unless someone has claimed the stream since.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, exists, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncEngine

from program.tables import open_supervision, sessions
from protocol.ids import SessionId
from server.storage.engine import reading
from server.storage.schema import streams


def mark_open(connection: Connection, session_id: SessionId) -> None:
    """Within the transaction of the claim. Of a session that has no row of its own, none is made."""
    there = exists().where(open_supervision.c.session_id == session_id)
    wanted = select(literal(session_id)).where(exists().where(sessions.c.id == session_id), ~there)
    connection.execute(insert(open_supervision).from_select(["session_id"], wanted))


def mark_done(connection: Connection, session_id: SessionId, stream_id: str, epoch: int) -> None:
    """Nothing is left to do, as of that claim."""
    ours = exists().where(streams.c.id == stream_id, streams.c.epoch == epoch)
    connection.execute(delete(open_supervision).where(open_supervision.c.session_id == session_id, ours))


async def open_sessions(engine: AsyncEngine) -> list[SessionId]:
    """All of them. Raises SQLAlchemyError."""
    async with reading(engine) as connection:
        found = await connection.scalars(select(open_supervision.c.session_id).order_by(open_supervision.c.session_id))
        return [SessionId(each) for each in found]
