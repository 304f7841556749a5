"""Sessions of groups, and who may come to which. What happens inside a session is in its room's log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.tables import group_members, groups, people, sessions
from protocol.ids import IdentityId, SessionId
from protocol.values import Role, SessionStatus


@dataclass(frozen=True, slots=True)
class Session:
    """One meeting. Times are Unix milliseconds; `ended_ms` is None while it is live.

    `note` is for those who wait in its lobby. `responder_id` is the therapist who said to be reachable while it lasts,
    `responder_waived_by` the clinical lead who lets it begin without one.
    `legal_hold`: nothing of it is purged. `chat_purged_ms`: since when what was written is gone.
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
    legal_hold: bool = False
    chat_purged_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A session as one person may see it in a list: with the role they would have in it."""

    session: Session
    role: Role


@dataclass(frozen=True, slots=True)
class Assignment:
    """A session as a therapist of its group has it to answer for; the responder by name, "" when there is none."""

    session: Session
    responder_name: str


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


async def ask_to_end(connection: AsyncConnection, session_id: SessionId, now_ms: int) -> bool:
    """The server is to end that session; False when it is not live, or was asked already."""
    done = await connection.execute(
        update(sessions)
        .where(
            sessions.c.id == session_id,
            sessions.c.status == SessionStatus.LIVE.value,
            sessions.c.end_asked_ms.is_(None),
        )
        .values(end_asked_ms=now_ms)
    )
    return done.rowcount == 1


async def keep_open(connection: AsyncConnection, session_id: SessionId, now_ms: int) -> None:
    """A live session is as good as opened now: it does not end by itself before it is that old again."""
    await connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.status == SessionStatus.LIVE.value)
        .values(opened_ms=now_ms)
    )


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


async def is_assigned(connection: AsyncConnection, person_id: IdentityId) -> bool:
    """Whether the person is a therapist of any group."""
    found = await connection.scalar(
        select(group_members.c.group_id)
        .where(group_members.c.person_id == person_id, group_members.c.role == Role.THERAPIST.value)
        .limit(1)
    )
    return found is not None


async def assignments_of(connection: AsyncConnection, person_id: IdentityId) -> list[Assignment]:
    """The live sessions of the groups whose therapist the person is; the oldest first."""
    rows = await connection.execute(
        select(sessions, people.c.display_name)
        .join(group_members, sessions.c.group_id == group_members.c.group_id)
        .outerjoin(people, people.c.id == sessions.c.responder_id)
        .where(
            group_members.c.person_id == person_id,
            group_members.c.role == Role.THERAPIST.value,
            sessions.c.status == SessionStatus.LIVE.value,
        )
        .order_by(sessions.c.opened_ms, sessions.c.id)
    )
    return [Assignment(_session(row), row.display_name or "") for row in rows]


async def sessions_by(connection: AsyncConnection, session_ids: Iterable[SessionId]) -> list[Assignment]:
    """Those sessions, ended ones as well; the oldest first."""
    rows = await connection.execute(
        select(sessions, people.c.display_name)
        .outerjoin(people, people.c.id == sessions.c.responder_id)
        .where(sessions.c.id.in_(sorted(session_ids)))
        .order_by(sessions.c.opened_ms, sessions.c.id)
    )
    return [Assignment(_session(row), row.display_name or "") for row in rows]


async def groups_assigned(connection: AsyncConnection, person_id: IdentityId) -> frozenset[str]:
    """The groups whose therapist the person is."""
    found = await connection.scalars(
        select(group_members.c.group_id).where(
            group_members.c.person_id == person_id, group_members.c.role == Role.THERAPIST.value
        )
    )
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Answering:
    """The therapists of a session's group, by name; `responder` says to be reachable, whoever that is."""

    responder: tuple[tuple[IdentityId, str], ...]
    therapists: tuple[tuple[IdentityId, str], ...]


async def who_answers(connection: AsyncConnection, session_id: SessionId) -> Answering:
    """Who answers for a session, and who else could."""
    responder = await connection.execute(
        select(people.c.id, people.c.display_name)
        .join(sessions, sessions.c.responder_id == people.c.id)
        .where(sessions.c.id == session_id)
    )
    therapists = await connection.execute(
        select(people.c.id, people.c.display_name)
        .join(group_members, group_members.c.person_id == people.c.id)
        .join(sessions, sessions.c.group_id == group_members.c.group_id)
        .where(sessions.c.id == session_id, group_members.c.role == Role.THERAPIST.value)
        .order_by(people.c.id)
    )
    return Answering(
        tuple((IdentityId(row.id), row.display_name) for row in responder),
        tuple((IdentityId(row.id), row.display_name) for row in therapists),
    )


async def hold_session(connection: AsyncConnection, session_id: SessionId, *, hold: bool) -> bool:
    """Sets or lifts the legal hold; False when it was so already, or there is no such session."""
    done = await connection.execute(
        update(sessions).where(sessions.c.id == session_id, sessions.c.legal_hold != hold).values(legal_hold=hold)
    )
    return done.rowcount == 1


async def chats_to_purge(connection: AsyncConnection, ended_ms: int, limit: int) -> list[SessionId]:
    """Sessions that ended at that time or before, whose chat is there still and may be purged; the oldest first."""
    found = await connection.scalars(
        select(sessions.c.id)
        .where(
            sessions.c.status == SessionStatus.ENDED.value,
            sessions.c.ended_ms <= ended_ms,
            sessions.c.legal_hold.is_(False),
            sessions.c.chat_purged_ms.is_(None),
        )
        .order_by(sessions.c.ended_ms, sessions.c.id)
        .limit(limit)
    )
    return [SessionId(session_id) for session_id in found]


async def mark_chat_purged(connection: AsyncConnection, session_id: SessionId, now_ms: int) -> None:
    """What was written in that session is gone."""
    await connection.execute(update(sessions).where(sessions.c.id == session_id).values(chat_purged_ms=now_ms))


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
        row.legal_hold,
        row.chat_purged_ms,
    )
