"""Where people are today, and whom to call: rows whose content is sealed. What is in them only the server knows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from program.consents import ConsentKind
from program.tables import consents, contacts, group_members, sessions, whereabouts
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


async def whereabouts_until(connection: AsyncConnection, confirmed_ms: int) -> list[tuple[IdentityId, SessionId, str]]:
    """Person, session and key of what was confirmed at that time or before, except for sessions under legal hold;
    the oldest first."""
    found = await connection.execute(
        select(whereabouts.c.person_id, whereabouts.c.session_id, whereabouts.c.key_id)
        .join(sessions, sessions.c.id == whereabouts.c.session_id)
        .where(whereabouts.c.confirmed_ms <= confirmed_ms, sessions.c.legal_hold.is_(False))
        .order_by(whereabouts.c.confirmed_ms, whereabouts.c.person_id, whereabouts.c.session_id)
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


@dataclass(frozen=True, slots=True)
class DueContact:
    """`revoked`: its person took the notice back; else it was not confirmed for long."""

    person_id: IdentityId
    key_id: str
    revoked: bool


async def contacts_to_purge(connection: AsyncConnection, saved_ms: int, limit: int) -> list[DueContact]:
    """Of people who confirmed it last at that time or before, or who took the notice back; the oldest first.

    None of someone of whom it is still kept where they are, or who belongs to a group with a session under legal hold.
    """
    revoked = _has_consent(standing=False) & ~_has_consent(standing=True)
    held = exists().where(
        group_members.c.person_id == contacts.c.person_id,
        sessions.c.group_id == group_members.c.group_id,
        sessions.c.legal_hold.is_(True),
    )
    found = await connection.execute(
        select(contacts.c.person_id, contacts.c.key_id, revoked.label("revoked"))
        .where(
            or_(contacts.c.saved_ms <= saved_ms, revoked),
            ~held,
            ~exists().where(whereabouts.c.person_id == contacts.c.person_id),
        )
        .order_by(contacts.c.saved_ms, contacts.c.person_id)
        .limit(limit)
    )
    return [DueContact(IdentityId(row.person_id), row.key_id, bool(row.revoked)) for row in found]


async def delete_contact(connection: AsyncConnection, person_id: IdentityId) -> None:
    """The row is gone; its key is the server's to destroy."""
    await connection.execute(delete(contacts).where(contacts.c.person_id == person_id))


def _has_consent(*, standing: bool) -> ColumnElement[bool]:
    return exists().where(
        consents.c.person_id == contacts.c.person_id,
        consents.c.kind == ConsentKind.NOTICE.value,
        consents.c.revoked_ms.is_(None) if standing else consents.c.revoked_ms.is_not(None),
    )
