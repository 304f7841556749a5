"""Accounts: by which address a person is known, whether they may sign in, and the hash of a password of staff.

Addresses stay in here: no room, log or metric is told one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.account_tables import accounts
from protocol.ids import IdentityId

MAX_EMAIL: Final = 254
MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 256

_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""Plain ASCII, and nothing that could end a header of an e-mail or begin another."""


class AccountState(StrEnum):
    """How far an account is."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `staff` sign in with a password and a second factor, all others by link."""

    person_id: IdentityId
    email: str
    staff: bool
    password_hash: str | None
    state: AccountState
    created_ms: int


def folded_email(email: str) -> str | None:
    """The address as it is stored and looked up; None: it is none."""
    plain = email.strip().lower()
    return plain if len(plain) <= MAX_EMAIL and _EMAIL.fullmatch(plain) else None


def is_password(password: str, *known: str) -> bool:
    """Whether that may be a password: 12 to 256 characters, five different ones, not made of `known` (name, address).

    NIST SP 800-63B 5.1.1.2 asks for length, and for no rules about kinds of characters.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or len(set(password)) < 5:
        return False
    low = password.casefold()
    for each in known:
        word = each.casefold()
        # What is left beside a name that everybody knows is the password.
        if len(word) >= 4 and len(low.replace(word, "")) < MIN_PASSWORD // 2:
            return False
    return True


async def add_account(connection: AsyncConnection, account: Account) -> None:
    """Raises sqlalchemy.exc.IntegrityError: the address or the person has an account."""
    await connection.execute(
        insert(accounts).values(
            person_id=account.person_id,
            email=account.email,
            staff=account.staff,
            password_hash=account.password_hash,
            state=account.state.value,
            created_ms=account.created_ms,
        )
    )


async def account_of(connection: AsyncConnection, person_id: IdentityId) -> Account | None:
    """That person's account."""
    found = await connection.execute(select(accounts).where(accounts.c.person_id == person_id))
    return _account(found.one_or_none())


async def account_by_email(connection: AsyncConnection, email: str) -> Account | None:
    """The account of that address (folded)."""
    found = await connection.execute(select(accounts).where(accounts.c.email == email))
    return _account(found.one_or_none())


async def all_accounts(connection: AsyncConnection) -> list[Account]:
    """Every account, the oldest first."""
    found = await connection.execute(select(accounts).order_by(accounts.c.created_ms, accounts.c.person_id))
    return [each for each in map(_account, found) if each is not None]


async def set_state(connection: AsyncConnection, person_id: IdentityId, state: AccountState) -> bool:
    """False: it is so already, or there is no such account."""
    done = await connection.execute(
        update(accounts)
        .where(accounts.c.person_id == person_id, accounts.c.state != state.value)
        .values(state=state.value)
    )
    return done.rowcount == 1


async def activate(connection: AsyncConnection, person_id: IdentityId) -> None:
    """Whoever was invited has come. A disabled account stays disabled."""
    await connection.execute(
        update(accounts)
        .where(accounts.c.person_id == person_id, accounts.c.state == AccountState.INVITED.value)
        .values(state=AccountState.ACTIVE.value)
    )


async def set_password(connection: AsyncConnection, person_id: IdentityId, password_hash: str | None) -> None:
    """The hash from now on; None: no password opens this account."""
    await connection.execute(
        update(accounts).where(accounts.c.person_id == person_id).values(password_hash=password_hash)
    )


def _account(row: Row[Any] | None) -> Account | None:
    if row is None:
        return None
    return Account(
        IdentityId(row.person_id),
        row.email,
        row.staff,
        row.password_hash,
        AccountState(row.state),
        row.created_ms,
    )
