"""Signing in by password, links that are sent, and the sign-ins of one person. Second factors: server.second_factors.

Each change and its audit entry are one transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.permissions import Action, Office, Relation, permitted
from program.account_tables import known_devices
from program.accounts import (
    MAX_PASSWORD,
    Account,
    AccountState,
    account_by_email,
    account_of,
    activate,
    folded_email,
    is_password,
    set_password,
)
from program.factors import factors_of
from program.invitations import (
    SETS_PASSWORD,
    Invitation,
    Purpose,
    add_invitation,
    end_invitations,
    invited_by,
    use_invitation,
)
from program.people import find_person
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId
from server.auditing import Auditor
from server.auth import MAX_SECRET, Auth, Opening, Stage, Standing
from server.clock import Clock
from server.denials import DeniedAttempt
from server.entries import AccountChanged, SignInsEnded
from server.letters import Letters
from server.logs import where_it_failed
from server.passwords import Passwords
from server.storage.engine import reading, writing
from server.tokens import TokenSource, digest, new_token

MayTry = Callable[[str, str | None], bool]
"""Whether one more password may be tried for this account, from this browser when it is one that is known for it."""

MAX_WRITING: Final = 200

_log = structlog.stdlib.get_logger("holdspace.accounts")

_LANDING: Final = {Purpose.INVITATION: "join", Purpose.LINK: "join", Purpose.ACCOUNT: "accept", Purpose.RESET: "accept"}


@dataclass(frozen=True, slots=True)
class Began:
    """A sign-in that has begun: its secret, what follows, and which others ended by it."""

    secret: str
    stage: Stage
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInSeen:
    """One of somebody's own sign-ins. `id` gives nothing away of what it is named by."""

    id: str
    device: str
    shared: bool
    created_ms: int
    last_seen_ms: int
    this: bool


class Accounts:
    """Who comes in, and by what."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        auth: Auth,
        auditor: Auditor,
        passwords: Passwords,
        letters: Letters,
        *,
        base_url: str,
        link_s: int = 900,
        invitation_s: int = 259_200,
        source: TokenSource = new_token,
    ) -> None:
        """`link_s`, `invitation_s`: how long links are good for."""
        self._engine = engine
        self._clock = clock
        self._auth = auth
        self._auditor = auditor
        self._passwords = passwords
        self._letters = letters
        self._base_url = base_url
        self._link_s = link_s
        self._invitation_s = invitation_s
        self._source = source
        self._writing: set[asyncio.Task[None]] = set()

    async def sign_in(
        self, email: str, password: str, *, device: str | None, opening: Opening, may_try: MayTry
    ) -> Began:
        """The first half of signing in. `device`: the browser's own cookie.

        Raises:
            Refused: SIGN_IN_FAILED, whatever the reason.
            Unavailable: RATE_LIMITED, OVERLOADED.
        """
        folded = folded_email(email) or ""
        async with reading(self._engine) as connection:
            account = await account_by_email(connection, folded)
            known = account is not None and await is_known(connection, device, account.person_id)
        if not may_try(digest(folded), digest(device) if device and known else None):
            raise raise_for(ErrorCode.RATE_LIMITED)
        stored = account.password_hash if account is not None and _opens(account) else None
        # A check costs the same for all of them; of longer ones the beginning would.
        right = await self._passwords.check(stored, password[:MAX_PASSWORD])
        if not right or account is None or len(password) > MAX_PASSWORD:
            raise raise_for(ErrorCode.SIGN_IN_FAILED)
        async with writing(self._engine) as connection:
            now = await account_of(connection, account.person_id)
            # While it was checked the account may have been disabled, or its password changed.
            if now is None or not _opens(now) or now.password_hash != stored:
                raise raise_for(ErrorCode.SIGN_IN_FAILED)
            return await self._begin(connection, account.person_id, opening)

    async def accept(self, token: str, password: str, opening: Opening) -> Began:
        """Uses an invitation or a reset up: the password is theirs from now on. All other sign-ins end.

        Raises:
            Refused: LINK_INVALID; PASSWORD_WEAK, and the link goes on being good.
            Unavailable: OVERLOADED.
        """
        if not 0 < len(token) <= MAX_SECRET:
            raise raise_for(ErrorCode.LINK_INVALID)
        key = digest(token)
        async with reading(self._engine) as connection:
            person_id = await invited_by(connection, key, SETS_PASSWORD, self._clock.now_ms())
            if person_id is None:
                raise raise_for(ErrorCode.LINK_INVALID)
            account, person = await account_of(connection, person_id), await find_person(connection, person_id)
        if account is None or person is None:
            raise raise_for(ErrorCode.LINK_INVALID)
        if not is_password(password, account.email.partition("@")[0], account.email, person.display_name):
            raise raise_for(ErrorCode.PASSWORD_WEAK)
        hashed = await self._passwords.hash(password)
        async with writing(self._engine) as connection:
            now_ms = self._clock.now_ms()
            still = await invited_by(connection, key, SETS_PASSWORD, now_ms)
            if still is None or not await use_invitation(connection, key, now_ms):
                raise raise_for(ErrorCode.LINK_INVALID)
            await end_invitations(connection, person_id, now_ms, SETS_PASSWORD)
            await set_password(connection, person_id, hashed)
            await activate(connection, person_id)
            ended = await self._auth.end_all(connection, person_id)
            await self._auditor.record(connection, AccountChanged(person_id, "accepted", person_id))
            began = await self._begin(connection, person_id, opening)
        return Began(began.secret, began.stage, ended)

    def write_to(self, email: str) -> None:
        """Sends a link to that address, soon, when it is somebody's. Nobody waits for it: how long an answer takes
        tells nothing either.
        """
        if len(self._writing) >= MAX_WRITING:
            _log.warning("link not made", waiting=len(self._writing))
            return
        task = asyncio.create_task(self._attempt(email), name="link")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settled(self) -> None:
        """Returns when every link that was asked for is made and handed over, or could not be."""
        if self._writing:
            await asyncio.wait(tuple(self._writing))
        await self._letters.close()

    async def _attempt(self, email: str) -> None:
        try:
            await self.send_link(email)
        except SQLAlchemyError as error:
            _log.error("link not made", **where_it_failed(error))

    async def send_link(self, email: str) -> None:
        """Writes to that address, when it is somebody's: a link to sign in, or for staff to choose a new password.

        The caller learns nothing of it.
        """
        folded = folded_email(email)
        if folded is None or not self._letters.can_send:
            return
        async with reading(self._engine) as connection:
            account = await account_by_email(connection, folded)
        if account is None or account.state is AccountState.DISABLED:
            return
        # Whoever was invited as staff and never came waits for a new invitation.
        if account.staff and account.state is not AccountState.ACTIVE:
            return
        purpose = Purpose.RESET if account.staff else Purpose.LINK
        async with writing(self._engine) as connection:
            url, until_ms = await self.make_link(connection, account.person_id, purpose, by=None)
            await self._auditor.record(connection, AccountChanged(account.person_id, "link", account.person_id))
        self.post(account.email, url, until_ms)

    async def make_link(
        self, connection: AsyncConnection, person_id: IdentityId, purpose: Purpose, *, by: IdentityId | None
    ) -> tuple[str, int]:
        """A new link, and until when it is good (Unix ms), within a transaction of others."""
        token, now_ms = self._source(), self._clock.now_ms()
        lasts_s = self._invitation_s if purpose in (Purpose.INVITATION, Purpose.ACCOUNT) else self._link_s
        until_ms = now_ms + lasts_s * 1000
        await add_invitation(connection, Invitation(digest(token), person_id, purpose, now_ms, until_ms, by))
        return f"{self._base_url}/{_LANDING[purpose]}#{token}", until_ms

    def post(self, email: str, url: str, until_ms: int) -> None:
        """Sends a link that was made, once its transaction is committed."""
        until = datetime.fromtimestamp(until_ms / 1000, UTC)
        self._letters.post(email, url, f"{until:%Y-%m-%d %H:%M}")

    @property
    def can_send(self) -> bool:
        """Whether links reach people by themselves."""
        return self._letters.can_send

    async def sign_ins(self, standing: Standing) -> tuple[SignInSeen, ...]:
        """Where that person is signed in, the newest first."""
        _check_own(Action.SEE_SIGN_INS)
        async with reading(self._engine) as connection:
            rows = await self._auth.live(connection, standing.person.id)
        return tuple(
            SignInSeen(
                public_id(row.token_hash),
                row.device,
                row.shared,
                row.created_ms,
                row.last_seen_ms,
                row.token_hash == standing.sign_in,
            )
            for row in rows
        )

    async def end_sign_in(self, standing: Standing, wanted: str) -> tuple[str, ...]:
        """Ends one of one's own; says which, for all that hangs on it to end too. Raises Refused(NOT_FOUND)."""
        _check_own(Action.END_SIGN_INS)
        person_id = standing.person.id
        async with writing(self._engine) as connection:
            rows = await self._auth.live(connection, person_id)
            ended = tuple(row.token_hash for row in rows if public_id(row.token_hash) == wanted)
            if not ended:
                raise raise_for(ErrorCode.NOT_FOUND)
            await self._auth.end(connection, ended)
            await self._auditor.record(connection, SignInsEnded(person_id, 1, person_id))
        return ended

    async def end_all(self, standing: Standing, *, others_only: bool) -> tuple[str, ...]:
        """Ends all of one's own, or all but this one; says which."""
        _check_own(Action.END_SIGN_INS)
        person_id = standing.person.id
        async with writing(self._engine) as connection:
            ended = await self._auth.end_all(connection, person_id, but=standing.sign_in if others_only else None)
            await self._auditor.record(connection, SignInsEnded(person_id, len(ended), person_id))
        return ended

    async def _begin(self, connection: AsyncConnection, person_id: IdentityId, opening: Opening) -> Began:
        stage = Stage.FACTOR if await factors_of(connection, person_id) else Stage.ENROL
        opened = Opening(stage, opening.shared, opening.device)
        return Began(await self._auth.open(connection, person_id, opened), stage)


async def know_device(connection: AsyncConnection, device: str, person_id: IdentityId, now_ms: int) -> None:
    """From now on that browser is known for that person."""
    key = (known_devices.c.token_hash == digest(device), known_devices.c.person_id == person_id)
    seen = await connection.execute(update(known_devices).where(*key).values(last_seen_ms=now_ms))
    if not seen.rowcount:
        row = {"token_hash": digest(device), "person_id": person_id, "since_ms": now_ms, "last_seen_ms": now_ms}
        await connection.execute(insert(known_devices).values(row))


def public_id(sign_in: str) -> str:
    """Stands for a sign-in in the list of its owner."""
    return hashlib.sha256(f"holdspace sign-in {sign_in}".encode()).hexdigest()[:32]


async def is_known(connection: AsyncConnection, device: str | None, person_id: IdentityId) -> bool:
    """Whether that person signed in with that browser before."""
    if not device or len(device) > MAX_SECRET:
        return False
    found = await connection.scalar(
        select(known_devices.c.person_id).where(
            known_devices.c.token_hash == digest(device), known_devices.c.person_id == person_id
        )
    )
    return found is not None


def _opens(account: Account) -> bool:
    return account.staff and account.state is AccountState.ACTIVE


def _check_own(action: Action) -> None:
    if not permitted(Office.HOLDER, action, Relation.OWN):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, action)
