"""Sessions of groups, and who may come to which. What happens inside a session is in its room's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.tables import group_members, groups, sessions
from protocol.ids import IdentityId, SessionId
from protocol.values import Role, SessionStatus


@dataclass(frozen=True, slots=True)
class Session:
    """One meeting. Times are Unix milliseconds; `ended_ms` is None while it is live.

    `note` is for those who wait in its lobby. `responder_id` is the therapist who said to be reachable while it lasts,
    `responder_waived_by` the clinical lead who lets it begin without one.
    """

    id: SessionId
    group_id: str
    title: str
    status: SessionStatus
    opened_ms: int
    ended_ms: int | None = None
    note: str = ""
    responder_id: IdentityId | None = None
    responder_waived_by: IdentityId | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A session as one person may see it in a list: with the role they would have in it."""

    session: Session
    role: Role


async def open_session(
    connection: AsyncConnection,
    session_id: SessionId,
    group_id: str,
    title: str,
    now_ms: int,
    *,
    note: str = "",
    responder_id: IdentityId | None = None,
) -> Session:
    """Makes a session that people can come to: into its lobby, until someone leads it.

    Raises sqlalchemy.exc.IntegrityError when the id is taken, or the group or the responder unknown.
    """
    session = Session(session_id, group_id, title, SessionStatus.LIVE, now_ms, note=note, responder_id=responder_id)
    await connection.execute(
        insert(sessions).values(
            id=session.id,
            group_id=group_id,
            title=title,
            status=session.status.value,
            opened_ms=now_ms,
            note=note,
            responder_id=responder_id,
        )
    )
    return session


async def end_session(connection: AsyncConnection, session_id: SessionId, now_ms: int) -> bool:
    """Marks a live session as ended; False when it was not live. The room's log is the truth, this row follows it."""
    done = await connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.status == SessionStatus.LIVE.value)
        .values(status=SessionStatus.ENDED.value, ended_ms=now_ms)
    )
    return done.rowcount == 1


async def find_session(connection: AsyncConnection, session_id: SessionId) -> Session | None:
    """The session of that id."""
    row = (await connection.execute(select(sessions).where(sessions.c.id == session_id))).one_or_none()
    return None if row is None else _session(row)


async def live_sessions(connection: AsyncConnection, group_id: str | None = None) -> list[Session]:
    """All live sessions, of one group or of all; the oldest first."""
    wanted = select(sessions).where(sessions.c.status == SessionStatus.LIVE.value)
    if group_id is not None:
        wanted = wanted.where(sessions.c.group_id == group_id)
    rows = await connection.execute(wanted.order_by(sessions.c.opened_ms, sessions.c.id))
    return [_session(row) for row in rows]


async def session_for(connection: AsyncConnection, person_id: IdentityId, session_id: SessionId) -> Role | None:
    """The person's role in that session; None when they do not belong to it, or there is none."""
    role = await connection.scalar(
        select(group_members.c.role)
        .join(sessions, sessions.c.group_id == group_members.c.group_id)
        .where(sessions.c.id == session_id, group_members.c.person_id == person_id)
    )
    return None if role is None else Role(role)


async def may_knock(connection: AsyncConnection, session_id: SessionId) -> bool:
    """Whether people of the program who do not belong to the session's group may ask to be let in."""
    knock = await connection.scalar(
        select(groups.c.knock).join(sessions, sessions.c.group_id == groups.c.id).where(sessions.c.id == session_id)
    )
    return bool(knock)


async def name_responder(connection: AsyncConnection, session_id: SessionId, person_id: IdentityId | None) -> None:
    """That therapist says to be reachable while the session lasts; None: nobody does."""
    await connection.execute(update(sessions).where(sessions.c.id == session_id).values(responder_id=person_id))


async def waive_responder(connection: AsyncConnection, session_id: SessionId, by: IdentityId) -> None:
    """The clinical lead lets the session begin without a responder."""
    await connection.execute(update(sessions).where(sessions.c.id == session_id).values(responder_waived_by=by))


async def sessions_of(connection: AsyncConnection, person_id: IdentityId, limit: int = 20) -> list[Invitation]:
    """The person's sessions: live ones first, then the newest."""
    rows = await connection.execute(
        select(sessions, group_members.c.role)
        .join(group_members, sessions.c.group_id == group_members.c.group_id)
        .where(group_members.c.person_id == person_id)
        .order_by((sessions.c.status == SessionStatus.LIVE.value).desc(), sessions.c.opened_ms.desc(), sessions.c.id)
        .limit(limit)
    )
    return [Invitation(_session(row), Role(row.role)) for row in rows]


def _session(row: Row[Any]) -> Session:
    return Session(
        SessionId(row.id),
        row.group_id,
        row.title,
        SessionStatus(row.status),
        row.opened_ms,
        row.ended_ms,
        row.note,
        row.responder_id and IdentityId(row.responder_id),
        row.responder_waived_by and IdentityId(row.responder_waived_by),
    )
