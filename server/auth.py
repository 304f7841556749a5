"""Signing in by link, and the rows behind the cookie. Only digests of secrets are stored.

Staff with an account sign in by password and second factor (server.accounts): until both were given, their row is of
a stage that opens nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import Row, case, insert, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.accounts import AccountState, account_of, activate
from program.invitations import SIGNS_IN, end_invitations, invited_by, use_invitation
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


UNFINISHED_S: Final = 600
"""How long a second factor, or setting up the first one, may take."""


class Stage(StrEnum):
    """How far signing in has come."""

    DONE = "done"
    FACTOR = "factor"
    """The password was right; a second factor is to follow."""
    ENROL = "enrol"
    """The password was right; there is no second factor yet."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: `secret` goes into the cookie and nowhere else."""

    secret: str
    person: Person


@dataclass(frozen=True, slots=True)
class Standing:
    """A sign-in that lasts: whose, how far it has come, and what it is named by (see `sign_in_id`)."""

    person: Person
    stage: Stage
    sign_in: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """What a new sign-in is like. `device`: which kind of browser, in our words."""

    stage: Stage = Stage.DONE
    shared: bool = False
    device: str = ""


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
        shared_idle_timeout_s: int = 900,
    ) -> None:
        """`shared_idle_timeout_s`: the idle time-out on devices that others use too."""
        self._engine = engine
        self._clock = clock
        self._source = source
        self._idle_ms = idle_timeout_s * 1000
        self._max_age_ms = max_age_s * 1000
        self._shared_idle_ms = min(self._idle_ms, shared_idle_timeout_s * 1000)

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

    async def sign_in(self, token: str, present: str | None = None, opening: Opening = Opening()) -> SignedIn:
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
            invited = await invited_by(connection, digest(token), SIGNS_IN, now)
        if person_id is None and invited is None:
            raise raise_for(ErrorCode.LINK_INVALID)
        async with writing(self._engine) as connection:
            if invited is None:
                used = await connection.execute(update(sign_in_links).where(*usable).values(used_ms=now))
                taken = used.rowcount == 1
            else:
                taken = await use_invitation(connection, digest(token), now)
            person = await find_person(connection, IdentityId(invited or person_id or ""))
            if not taken or person is None or not await self._may_come_by_link(connection, person.id):
                raise raise_for(ErrorCode.LINK_INVALID)
            await activate(connection, person.id)
            if present and await self._stands_for(connection, present, person.id, now):
                return SignedIn(present, person)
            return SignedIn(await self.open(connection, person.id, opening), person)

    async def open(self, connection: AsyncConnection, person_id: IdentityId, opening: Opening) -> str:
        """The secret of a new sign-in, within a transaction of others."""
        secret, now = self._source(), self._clock.now_ms()
        lasts_ms = self._max_age_ms if opening.stage is Stage.DONE else UNFINISHED_S * 1000
        await connection.execute(
            insert(auth_sessions).values(
                token_hash=digest(secret),
                person_id=person_id,
                created_ms=now,
                last_seen_ms=now,
                expires_ms=now + lasts_ms,
                stage=opening.stage.value,
                shared=opening.shared,
                device=opening.device,
            )
        )
        return secret

    async def _may_come_by_link(self, connection: AsyncConnection, person_id: IdentityId) -> bool:
        """Staff with an account come by password and second factor only. Who has no account was let in by whoever
        operates the server: the demo.
        """
        account = await account_of(connection, person_id)
        return account is None or not (account.staff or account.state is AccountState.DISABLED)

    async def who(self, secret: str | None) -> Person:
        """Whose session the cookie stands for; counts as a sign of life, even when that cannot be stored now.

        Raises:
            Refused: SIGNED_OUT, there is no such session, or it has ended; FACTOR_NEEDED, FACTOR_MISSING, signing in
                is not finished.
        """
        standing = await self.standing(secret)
        require_done(standing)
        return standing.person

    async def standing(self, secret: str | None) -> Standing:
        """The same of a sign-in of any stage. Raises Refused(SIGNED_OUT)."""
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
        return Standing(person, Stage(row.stage), key, row.shared)

    @property
    def seen_every_ms(self) -> int:
        """How old the stored sign of life may become before a newer one is written."""
        return min(SEEN_EVERY_MS, self._shared_idle_ms // 2)

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
                        auth_sessions.c.last_seen_ms
                        > now - case((auth_sessions.c.shared, self._shared_idle_ms), else_=self._idle_ms),
                    )
                    .values(last_seen_ms=now)
                )

    async def ended(self, sign_ins: Collection[str]) -> tuple[str, ...]:
        """Which of these have been revoked. One whose time is over stays with its page, which shows that it is used."""
        found: list[str] = []
        all_of_them = tuple(sign_ins)
        async with reading(self._engine) as connection:
            for at in range(0, len(all_of_them), _AT_ONCE):
                rows = await connection.scalars(
                    select(auth_sessions.c.token_hash).where(
                        auth_sessions.c.token_hash.in_(all_of_them[at : at + _AT_ONCE]),
                        auth_sessions.c.revoked_ms.is_not(None),
                    )
                )
                found += rows
        return tuple(found)

    def _is_live(self, row: Row[Any], now: int) -> bool:
        idle_ms = self._shared_idle_ms if row.shared else self._idle_ms
        return row.revoked_ms is None and now < row.expires_ms and now - row.last_seen_ms < idle_ms

    async def _stands_for(self, connection: AsyncConnection, secret: str, person_id: IdentityId, now: int) -> bool:
        if len(secret) > MAX_SECRET:
            return False
        key = auth_sessions.c.token_hash == digest(secret)
        row = (await connection.execute(select(auth_sessions).where(key))).one_or_none()
        return row is not None and row.person_id == person_id and row.stage == Stage.DONE and self._is_live(row, now)

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

    async def live(self, connection: AsyncConnection, person_id: IdentityId) -> list[Row[Any]]:
        """That person's sign-ins which last, the newest first."""
        rows = await connection.execute(
            select(auth_sessions)
            .where(auth_sessions.c.person_id == person_id, auth_sessions.c.revoked_ms.is_(None))
            .order_by(auth_sessions.c.created_ms.desc())
        )
        now = self._clock.now_ms()
        return [row for row in rows if self._is_live(row, now)]

    async def end(self, connection: AsyncConnection, sign_ins: Collection[str]) -> None:
        """Ends these sign-ins, within a transaction of others; what hangs on them is the caller's to end."""
        await connection.execute(
            update(auth_sessions)
            .where(auth_sessions.c.token_hash.in_(tuple(sign_ins)), auth_sessions.c.revoked_ms.is_(None))
            .values(revoked_ms=self._clock.now_ms())
        )

    async def end_all(
        self, connection: AsyncConnection, person_id: IdentityId, *, but: str | None = None
    ) -> tuple[str, ...]:
        """Ends all sign-ins of that person but one, and their links that sign in; says which sign-ins."""
        rows = await self.live(connection, person_id)
        ended = tuple(row.token_hash for row in rows if row.token_hash != but)
        now = self._clock.now_ms()
        await self.end(connection, ended)
        await end_invitations(connection, person_id, now, SIGNS_IN)
        await connection.execute(
            update(sign_in_links)
            .where(sign_in_links.c.person_id == person_id, sign_in_links.c.expires_ms > now)
            .values(expires_ms=now)
        )
        return ended

    async def missed(self, connection: AsyncConnection, sign_in: str) -> int:
        """Counts a wrong second factor of that sign-in; how many it has seen now."""
        await connection.execute(
            update(auth_sessions).where(auth_sessions.c.token_hash == sign_in).values(tries=auth_sessions.c.tries + 1)
        )
        return await connection.scalar(select(auth_sessions.c.tries).where(auth_sessions.c.token_hash == sign_in)) or 0


def require_done(standing: Standing) -> None:
    """Raises Refused: FACTOR_NEEDED, FACTOR_MISSING, when signing in is not finished."""
    if standing.stage is Stage.FACTOR:
        raise raise_for(ErrorCode.FACTOR_NEEDED)
    if standing.stage is Stage.ENROL:
        raise raise_for(ErrorCode.FACTOR_MISSING)


def sign_in_id(secret: str) -> str:
    """Names a sign-in without giving it away: what rooms and join tokens hang on."""
    return digest(secret)
