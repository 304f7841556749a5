"""Hashes and checks passwords: argon2id (RFC 9106), in threads, a few at a time.

Whoever asks, known or not, costs one check: neither the answer nor the work tells whether there is such an account.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from protocol.errors import ErrorCode, raise_for

AT_ONCE: Final = 2
"""Each takes 64 MiB and a core for some 50 ms."""

MAX_WAITING: Final = 64


class Passwords:
    """The one place that passwords come to. They are kept nowhere."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """`hasher`: its costs are those of RFC 9106's second choice unless another is given."""
        self._hasher = hasher or PasswordHasher()
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self.checks = 0
        """How many passwords were checked, for whomever."""

    async def hash(self, password: str) -> str:
        """What is stored of it. Raises Unavailable(OVERLOADED)."""
        async with _Place(self):
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether it is that password; None stands for an account that no password opens, and takes as long.

        Raises:
            Unavailable: OVERLOADED, too many wait already.
        """
        async with _Place(self):
            self.checks += 1
            right = await asyncio.to_thread(self._verify, stored or self._nobodys, password)
        return right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            raise RuntimeError("a stored hash cannot be read") from error

    async def enter(self) -> None:
        """Waits for a place."""
        if self._waiting >= MAX_WAITING:
            raise raise_for(ErrorCode.OVERLOADED)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """Gives it back."""
        self._slots.release()


class _Place:
    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def __aenter__(self) -> None:
        await self._passwords.enter()

    async def __aexit__(self, *_: object) -> None:
        self._passwords.leave()
