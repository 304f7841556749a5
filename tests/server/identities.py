"""Accounts whose passwords cost next to nothing, and letters that are kept in place of being sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.message import EmailMessage

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from server.auth import Auth
from server.clock import Clock
from server.identity import Identity, make_identity
from server.letters import Letters
from tests.server.secret import vault

SENDER = "office@example.org"


def kept_in(letters: list[EmailMessage]) -> Letters:
    async def send(message: EmailMessage, _to: Sequence[str]) -> int:
        letters.append(message)
        return 0

    return Letters(send, SENDER)


def identity_of(
    engine: AsyncEngine,
    clock: Clock,
    auth: Auth,
    base_url: str,
    *,
    letters: Letters | None = None,
    on_roles: Callable[[], None] = lambda: None,
) -> Identity:
    return make_identity(
        engine,
        vault(),
        clock,
        auth,
        letters or Letters(),
        base_url=base_url,
        on_roles=on_roles,
        hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
    )
