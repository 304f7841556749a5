"""What whoever operates the server does to accounts without one: the first admin, and help where no admin can.

Each change and its audit entry are one transaction. A running server learns of it within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.accounts import (
    Account,
    AccountState,
    account_by_email,
    add_account,
    folded_email,
    is_password,
    set_password,
    set_state,
)
from program.invitations import end_invitations
from program.names import is_name
from program.people import Person, ProgramRole, add_person, find_person
from protocol.ids import IdentityId
from server.auditing import COMMAND_LINE, Auditor
from server.auth import Auth
from server.clock import Clock
from server.entries import AccountChanged, RoleDecided
from server.identity import make_identity
from server.letters import Letters
from server.storage.engine import reading, writing
from server.storage.vault import Vault
from server.tokens import new_id


class UserRefused(Exception):
    """It cannot be done; says why, for a terminal."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """To be shown once: the secret of the codes, as text and as the URI of a QR code, and recovery codes."""

    secret: str
    uri: str
    codes: tuple[str, ...]


class Operator:
    """By the command line."""

    def __init__(self, engine: AsyncEngine, vault: Vault, clock: Clock, base_url: str) -> None:
        self._engine = engine
        self._clock = clock
        self._auth = Auth(engine, clock)
        self._auditor = Auditor(vault, clock)
        self._identity = make_identity(
            engine, vault, clock, self._auth, Letters(), base_url=base_url, on_roles=lambda: None
        )

    async def add(self, email: str, name: str, password: str) -> Enrolment:
        """Makes an admin, with password and codes by time. All other people are invited by one. Raises UserRefused."""
        folded = folded_email(email)
        if folded is None:
            raise UserRefused(f"{email!r} is not like office@example.org")
        if not is_name(name):
            raise UserRefused("a name has 1 to 40 characters, all of them to be seen")
        _check_password(password, folded, name)
        hashed = await self._identity.passwords.hash(password)
        person_id, now_ms = IdentityId(new_id()), self._clock.now_ms()
        try:
            async with writing(self._engine) as connection:
                await add_person(connection, Person(person_id, name, ProgramRole.ADMIN, now_ms))
                await add_account(connection, Account(person_id, folded, True, hashed, AccountState.ACTIVE, now_ms))
                await self._auditor.record(
                    connection,
                    AccountChanged(person_id, "made", COMMAND_LINE),
                    RoleDecided(person_id, ProgramRole.ADMIN.value, COMMAND_LINE, approved=True),
                )
                return await self._enrol(connection, person_id, folded)
        except IntegrityError:
            raise UserRefused("that address has an account already") from None

    async def name_of(self, email: str) -> str:
        """Whose account it is. Raises UserRefused."""
        async with reading(self._engine) as connection:
            account = await self._found(connection, email)
            person = await find_person(connection, account.person_id)
        return person.display_name if person else ""

    async def disable(self, email: str) -> int:
        """They are signed out, and do not come back; how many sign-ins ended. Raises UserRefused."""
        async with writing(self._engine) as connection:
            account = await self._found(connection, email)
            if not await set_state(connection, account.person_id, AccountState.DISABLED):
                raise UserRefused("that account is disabled already")
            await end_invitations(connection, account.person_id, self._clock.now_ms())
            ended = await self._auth.end_all(connection, account.person_id)
            await self._auditor.record(connection, AccountChanged(account.person_id, "disabled", COMMAND_LINE))
        return len(ended)

    async def reset(self, email: str, password: str) -> Enrolment:
        """A new password and new codes; an account that was disabled is active again. Raises UserRefused."""
        _check_password(password, email, await self.name_of(email))
        hashed = await self._identity.passwords.hash(password)
        async with writing(self._engine) as connection:
            account = await self._found(connection, email)
            if not account.staff:
                raise UserRefused("participants have no password: send them a new link")
            await set_password(connection, account.person_id, hashed)
            await set_state(connection, account.person_id, AccountState.ACTIVE)
            await end_invitations(connection, account.person_id, self._clock.now_ms())
            await self._auth.end_all(connection, account.person_id)
            await self._auditor.record(connection, AccountChanged(account.person_id, "reset", COMMAND_LINE))
            return await self._enrol(connection, account.person_id, account.email)

    async def _enrol(self, connection: AsyncConnection, person_id: IdentityId, email: str) -> Enrolment:
        begun, codes = await self._identity.factors.enrol_now(connection, person_id, email, COMMAND_LINE)
        return Enrolment(begun.secret, begun.uri, codes)

    async def _found(self, connection: AsyncConnection, email: str) -> Account:
        account = await account_by_email(connection, folded_email(email) or "")
        if account is None:
            raise UserRefused("no account has that address")
        return account


def _check_password(password: str, email: str, name: str) -> None:
    if not is_password(password, email.partition("@")[0], email, name):
        raise UserRefused("the password is too short, or made of the name or address: at least twelve characters")
