"""Puts together what accounts need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from server.accounts import Accounts
from server.alerts.mailing import Mailing
from server.alerts.settings import AlertsConfig
from server.auditing import Auditor
from server.auth import Auth
from server.clock import Clock
from server.config import SignInConfig, allowed_origins
from server.letters import Letters
from server.passkeys import Passkeys
from server.passwords import Passwords
from server.people_office import PeopleOffice
from server.second_factors import SecondFactors
from server.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Identity:
    """Who people are, and how they show it."""

    passwords: Passwords
    accounts: Accounts
    factors: SecondFactors
    office: PeopleOffice


def letters_of(config: AlertsConfig, base_url: str) -> Letters:
    """By the mail server that alerts go through; there may be none. Raises ConfigError."""
    if not config.smtp_host:
        return Letters()
    return Letters(Mailing(config, look_at=base_url).send, config.mail_from)


def make_identity(
    engine: AsyncEngine,
    vault: Vault,
    clock: Clock,
    auth: Auth,
    letters: Letters,
    *,
    base_url: str,
    on_roles: Callable[[], None],
    config: SignInConfig | None = None,
    also_at: tuple[str, ...] = (),
    hasher: PasswordHasher | None = None,
) -> Identity:
    """`on_roles` hears that somebody's roles are others now; `also_at`: further addresses of our pages."""
    config = config or SignInConfig()
    auditor, passwords = Auditor(vault, clock), Passwords(hasher)
    accounts = Accounts(
        engine,
        clock,
        auth,
        auditor,
        passwords,
        letters,
        base_url=base_url,
        link_s=config.link_s,
        invitation_s=config.invitation_s,
    )
    passkeys = Passkeys(clock, base_url, allowed_origins(base_url, *also_at))
    factors = SecondFactors(engine, vault, clock, auth, auditor, passkeys)
    office = PeopleOffice(engine, clock, auth, auditor, accounts, factors, on_roles=on_roles)
    return Identity(passwords, accounts, factors, office)
