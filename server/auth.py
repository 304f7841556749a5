"""Signing in by link, and the rows behind the cookie. Only digests of secrets are stored."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.people import Person, find_person
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId
from server.clock import Clock
from server.logs import where_it_failed
from server.storage.engine import reading, writing
from server.storage.schema import auth_sessions, sign_in_links
from server.tokens import TokenSource, digest, new_token

MAX_SECRET: Final = 128
"""Longest link token or cookie that is looked up, in characters."""

SEEN_EVERY_MS: Final = 60_000
"""A sign of life moves `last_seen_ms` at most this often: reading a page must not cost a write each time."""

_AT_ONCE: Final = 500
"""Sign-ins of one statement: databases bound the number of parameters."""

_log = structlog.stdlib.get_logger("holdspace.sign_in")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: `secret` goes into the cookie and nowhere else."""

    secret: str
    person: Person


class Auth:
    """Links and sessions. Every decision is taken from the stored row: nothing is cached, so revoking acts at once."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        source: TokenSource = new_token,
        *,
        idle_timeout_s: int = 43_200,
        max_age_s: int = 604_800,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._source = source
        self._idle_ms = idle_timeout_s * 1000
        self._max_age_ms = max_age_s * 1000

    async def make_link(self, person_id: IdentityId, *, ttl_s: int, reusable: bool = False) -> str:
        """The token of a new sign-in link for that person. Reusable ones are for the demo only.

        Raises:
            sqlalchemy.exc.IntegrityError: there is no such person.
        """
        token = self._source()
        async with writing(self._engine) as connection:
            await connection.execute(
                insert(sign_in_links).values(
                    token_hash=digest(token),
                    person_id=person_id,
                    expires_ms=self._clock.now_ms() + ttl_s * 1000,
                    reusable=reusable,
                )
            )
        return token

    async def sign_in(self, token: str, present: str | None = None) -> SignedIn:
        """Uses a link up (unless it is reusable) and opens a session.

        `present` is the cookie that the browser has already. When it stands for the same person that session goes
        on, with the pages that hang on it, and `secret` is the same.

        Raises:
            Refused: LINK_INVALID, the link was used, has ended or never was.
        """
        if not 0 < len(token) <= MAX_SECRET:
            raise raise_for(ErrorCode.LINK_INVALID)
        now = self._clock.now_ms()
        usable = (
            sign_in_links.c.token_hash == digest(token),
            sign_in_links.c.expires_ms > now,
            or_(sign_in_links.c.used_ms.is_(None), sign_in_links.c.reusable.is_(True)),
        )
        # Look before writing: guesses must not queue for the write lock.
        async with reading(self._engine) as connection:
            person_id = await connection.scalar(select(sign_in_links.c.person_id).where(*usable))
        if person_id is None:
            raise raise_for(ErrorCode.LINK_INVALID)
        secret = self._source()
        async with writing(self._engine) as connection:
            used = await connection.execute(update(sign_in_links).where(*usable).values(used_ms=now))
            person = await find_person(connection, IdentityId(person_id))
            if used.rowcount != 1 or person is None:
                raise raise_for(ErrorCode.LINK_INVALID)
            if present and await self._stands_for(connection, present, person.id, now):
                return SignedIn(present, person)
            await connection.execute(
                insert(auth_sessions).values(
                    token_hash=digest(secret),
                    person_id=person.id,
                    created_ms=now,
                    last_seen_ms=now,
                    expires_ms=now + self._max_age_ms,
                )
            )
        return SignedIn(secret, person)

    async def who(self, secret: str | None) -> Person:
        """Whose session the cookie stands for; counts as a sign of life, even when that cannot be stored now.

        Raises:
            Refused: SIGNED_OUT, there is no such session, or it has ended.
        """
        if not secret or len(secret) > MAX_SECRET:
            raise raise_for(ErrorCode.SIGNED_OUT)
        now = self._clock.now_ms()
        key = digest(secret)
        async with reading(self._engine) as connection:
            row = (
                await connection.execute(select(auth_sessions).where(auth_sessions.c.token_hash == key))
            ).one_or_none()
            if row is None or not self._is_live(row, now):
                raise raise_for(ErrorCode.SIGNED_OUT)
            person = await find_person(connection, IdentityId(row.person_id))
        if person is None:
            raise raise_for(ErrorCode.SIGNED_OUT)
        if now - row.last_seen_ms >= self.seen_every_ms:
            try:
                await self.seen((key,))
            except DBAPIError as error:
                # A full disk signs nobody out, and keeps nobody from reading.
                _log.warning("sign of life not stored", **where_it_failed(error))
        return person

    @property
    def seen_every_ms(self) -> int:
        """How old the stored sign of life may become before a newer one is written."""
        return min(SEEN_EVERY_MS, self._idle_ms // 2)

    async def seen(self, sign_ins: Collection[str]) -> None:
        """These sign-ins (see `sign_in_id`) are in use now. One that has ended does not come back by this.

        Raises:
            sqlalchemy.exc.DBAPIError: it was not stored.
        """
        if not sign_ins:
            return
        now, all_of_them = self._clock.now_ms(), tuple(sign_ins)
        async with writing(self._engine) as connection:
            for at in range(0, len(all_of_them), _AT_ONCE):
                await connection.execute(
                    update(auth_sessions)
                    .where(
                        auth_sessions.c.token_hash.in_(all_of_them[at : at + _AT_ONCE]),
                        auth_sessions.c.revoked_ms.is_(None),
                        auth_sessions.c.last_seen_ms <= now - self.seen_every_ms,
                        auth_sessions.c.last_seen_ms > now - self._idle_ms,
                    )
                    .values(last_seen_ms=now)
                )

    def _is_live(self, row: Row[Any], now: int) -> bool:
        return row.revoked_ms is None and now < row.expires_ms and now - row.last_seen_ms < self._idle_ms

    async def _stands_for(self, connection: AsyncConnection, secret: str, person_id: IdentityId, now: int) -> bool:
        if len(secret) > MAX_SECRET:
            return False
        key = auth_sessions.c.token_hash == digest(secret)
        row = (await connection.execute(select(auth_sessions).where(key))).one_or_none()
        return row is not None and row.person_id == person_id and self._is_live(row, now)

    async def sign_out(self, secret: str | None) -> None:
        """Ends the session behind the cookie; quietly does nothing when there is none."""
        if not secret or len(secret) > MAX_SECRET:
            return
        async with writing(self._engine) as connection:
            await connection.execute(
                update(auth_sessions)
                .where(auth_sessions.c.token_hash == digest(secret), auth_sessions.c.revoked_ms.is_(None))
                .values(revoked_ms=self._clock.now_ms())
            )


def sign_in_id(secret: str) -> str:
    """Names a sign-in without giving it away: what rooms and join tokens hang on."""
    return digest(secret)
