"""Where people are today, and whom to call: rows whose content is sealed. What is in them only the server knows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from program.tables import contacts, whereabouts
from protocol.ids import IdentityId, SessionId


@dataclass(frozen=True, slots=True)
class SealedWhereabouts:
    """Confirmed for one session. `confirmed_ms` is Unix time."""

    person_id: IdentityId
    session_id: SessionId
    key_id: str
    sealed: bytes
    confirmed_ms: int


@dataclass(frozen=True, slots=True)
class SealedContact:
    """Of one person, for all sessions."""

    person_id: IdentityId
    key_id: str
    sealed: bytes
    saved_ms: int


async def put_whereabouts(connection: AsyncConnection, row: SealedWhereabouts) -> None:
    """In place of what was confirmed for that session before. Raises sqlalchemy.exc.IntegrityError."""
    await delete_whereabouts(connection, row.person_id, row.session_id)
    await connection.execute(
        insert(whereabouts).values(
            person_id=row.person_id,
            session_id=row.session_id,
            key_id=row.key_id,
            sealed=row.sealed,
            confirmed_ms=row.confirmed_ms,
        )
    )


async def find_whereabouts(
    connection: AsyncConnection, person_id: IdentityId, session_id: SessionId
) -> SealedWhereabouts | None:
    """What the person confirmed for that session, unless it was purged."""
    row = (
        await connection.execute(
            select(whereabouts).where(whereabouts.c.person_id == person_id, whereabouts.c.session_id == session_id)
        )
    ).one_or_none()
    if row is None:
        return None
    return SealedWhereabouts(
        IdentityId(row.person_id), SessionId(row.session_id), row.key_id, row.sealed, row.confirmed_ms
    )


async def whereabouts_until(
    connection: AsyncConnection, confirmed_ms: int, limit: int
) -> list[tuple[IdentityId, SessionId, str]]:
    """Person, session and key of what was confirmed at that time or before; the oldest first."""
    found = await connection.execute(
        select(whereabouts.c.person_id, whereabouts.c.session_id, whereabouts.c.key_id)
        .where(whereabouts.c.confirmed_ms <= confirmed_ms)
        .order_by(whereabouts.c.confirmed_ms)
        .limit(limit)
    )
    return [(IdentityId(row.person_id), SessionId(row.session_id), row.key_id) for row in found]


async def delete_whereabouts(connection: AsyncConnection, person_id: IdentityId, session_id: SessionId) -> None:
    """The row is gone; its key is the server's to destroy."""
    await connection.execute(
        delete(whereabouts).where(whereabouts.c.person_id == person_id, whereabouts.c.session_id == session_id)
    )


async def put_contact(connection: AsyncConnection, row: SealedContact) -> None:
    """In place of the one before. Raises sqlalchemy.exc.IntegrityError when there is no such person."""
    await connection.execute(delete(contacts).where(contacts.c.person_id == row.person_id))
    await connection.execute(
        insert(contacts).values(person_id=row.person_id, key_id=row.key_id, sealed=row.sealed, saved_ms=row.saved_ms)
    )


async def find_contact(connection: AsyncConnection, person_id: IdentityId) -> SealedContact | None:
    """The person's, if there is one."""
    row = (await connection.execute(select(contacts).where(contacts.c.person_id == person_id))).one_or_none()
    return None if row is None else SealedContact(IdentityId(row.person_id), row.key_id, row.sealed, row.saved_ms)
