"""Links that are sent to one person and used once: to sign in, or to choose a password. Only hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.account_tables import accounts, invitations
from program.accounts import AccountState
from protocol.ids import IdentityId


class Purpose(StrEnum):
    """What it is for: `INVITATION` and `LINK` sign a participant in, `ACCOUNT` and `RESET` let staff choose a
    password.
    """

    INVITATION = "invitation"
    LINK = "link"
    ACCOUNT = "account"
    RESET = "reset"


SIGNS_IN = (Purpose.INVITATION, Purpose.LINK)
SETS_PASSWORD = (Purpose.ACCOUNT, Purpose.RESET)


@dataclass(frozen=True, slots=True)
class Invitation:
    """One link. `made_by`: None for the person themselves, or the command line."""

    token_hash: str
    person_id: IdentityId
    purpose: Purpose
    made_ms: int
    expires_ms: int
    made_by: IdentityId | None = None


async def add_invitation(connection: AsyncConnection, invitation: Invitation) -> None:
    """Raises sqlalchemy.exc.IntegrityError: there is no such person."""
    await connection.execute(
        insert(invitations).values(
            token_hash=invitation.token_hash,
            person_id=invitation.person_id,
            purpose=invitation.purpose.value,
            made_by=invitation.made_by,
            made_ms=invitation.made_ms,
            expires_ms=invitation.expires_ms,
        )
    )


async def invited_by(
    connection: AsyncConnection, token_hash: str, purposes: tuple[Purpose, ...], now_ms: int
) -> IdentityId | None:
    """Whom that unused link is for, when it is for one of these purposes and its account is not disabled."""
    person_id = await connection.scalar(
        select(invitations.c.person_id)
        .join(accounts, accounts.c.person_id == invitations.c.person_id)
        .where(
            invitations.c.token_hash == token_hash,
            invitations.c.purpose.in_([each.value for each in purposes]),
            invitations.c.expires_ms > now_ms,
            invitations.c.used_ms.is_(None),
            accounts.c.state != AccountState.DISABLED.value,
            # Nobody of staff comes in by a link alone.
            or_(accounts.c.staff.is_(False), invitations.c.purpose.in_([each.value for each in SETS_PASSWORD])),
        )
    )
    return None if person_id is None else IdentityId(person_id)


async def use_invitation(connection: AsyncConnection, token_hash: str, now_ms: int) -> bool:
    """Uses it up; False: somebody was faster."""
    done = await connection.execute(
        update(invitations)
        .where(invitations.c.token_hash == token_hash, invitations.c.used_ms.is_(None))
        .values(used_ms=now_ms)
    )
    return done.rowcount == 1


async def end_invitations(
    connection: AsyncConnection, person_id: IdentityId, now_ms: int, purposes: tuple[Purpose, ...] = tuple(Purpose)
) -> None:
    """None of that person's links of these purposes opens anything any more."""
    await connection.execute(
        update(invitations)
        .where(
            invitations.c.person_id == person_id,
            invitations.c.purpose.in_([each.value for each in purposes]),
            invitations.c.used_ms.is_(None),
        )
        .values(used_ms=now_ms)
    )
