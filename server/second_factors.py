"""Second factors of one person: setting them up, and proving one to finish signing in.

Each change and its audit entry are one transaction. Secrets of codes are stored under a key of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.permissions import Action, Office, Relation, permitted
from program.accounts import account_of
from program.factors import (
    MAX_FACTORS,
    Factor,
    FactorKind,
    add_factor,
    confirm_factor,
    factors_of,
    new_recovery_codes,
    new_totp_secret,
    plain_recovery_code,
    recovery_codes_left,
    remove_factors,
    set_recovery_codes,
    step_of,
    totp_uri,
    use_factor,
    use_recovery_code,
)
from program.people import Person
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId
from server.accounts import is_known, know_device
from server.auditing import Auditor
from server.auth import Auth, Opening, Stage, Standing
from server.clock import Clock
from server.denials import DeniedAttempt
from server.entries import FactorChanged, StaffSignedIn
from server.passkeys import Passkeys
from server.storage.engine import reading, writing
from server.storage.personal import Label, Sealed, destroy_key, seal, unseal
from server.storage.vault import Vault
from server.tokens import TokenSource, digest, new_id

MAX_TRIES: Final = 5
"""Wrong second factors of one sign-in; after that it begins with the password again."""

ISSUER: Final = "Holdspace"
RETENTION: Final = "sign_in"

MayTry = Callable[[str, str | None], bool]
"""Whether one more second factor may be tried for this person, from this browser when it is known for them."""

_Proof = Callable[[AsyncConnection, IdentityId], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class TotpBegun:
    """To be shown once, as text and as a QR code."""

    id: str
    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor was added. `secret` is that of the sign-in, when it was finished by this; `codes` are new ones."""

    secret: str | None
    codes: tuple[str, ...]


class SecondFactors:
    """Who proves what."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        clock: Clock,
        auth: Auth,
        auditor: Auditor,
        passkeys: Passkeys,
        *,
        ids: TokenSource = new_id,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._auth = auth
        self._auditor = auditor
        self._passkeys = passkeys
        self._ids = ids

    async def factors(self, person: Person) -> tuple[tuple[Factor, ...], int]:
        """Those that count, and how many recovery codes are left."""
        _check()
        async with reading(self._engine) as connection:
            found = await factors_of(connection, person.id)
            return tuple(found), await recovery_codes_left(connection, person.id)

    async def begin_totp(self, standing: Standing) -> TotpBegun:
        """A new secret, which counts once a code of it was right.

        Raises:
            Refused: FACTOR_NEEDED; NOT_FOUND, this is no account of staff; CONFLICT, there are too many.
        """
        self._check_enrolling(standing)
        person_id, secret = standing.person.id, new_totp_secret()
        made = self._ids()
        async with writing(self._engine) as connection:
            account = await account_of(connection, person_id)
            if account is None or not account.staff:
                raise raise_for(ErrorCode.NOT_FOUND)
            await self._check_room(connection, person_id)
            await self._drop(connection, await factors_of(connection, person_id, confirmed=False))
            sealed = await self._seal(connection, person_id, secret)
            await add_factor(
                connection,
                Factor(
                    made,
                    person_id,
                    FactorKind.TOTP,
                    "",
                    self._clock.now_ms(),
                    key_id=sealed.key_id,
                    sealed=sealed.text,
                ),
            )
        return TotpBegun(made, secret, totp_uri(secret, account.email, ISSUER))

    async def enrol_now(
        self, connection: AsyncConnection, person_id: IdentityId, email: str, by: str
    ) -> tuple[TotpBegun, tuple[str, ...]]:
        """A TOTP that counts at once, and codes, in place of all there was; for whoever operates the server."""
        await self.forget(connection, person_id)
        made, secret, now_ms = self._ids(), new_totp_secret(), self._clock.now_ms()
        sealed = await self._seal(connection, person_id, secret)
        await add_factor(
            connection,
            Factor(made, person_id, FactorKind.TOTP, "", now_ms, 0, now_ms, sealed.key_id, sealed.text),
        )
        await self._auditor.record(connection, FactorChanged(person_id, "added", FactorKind.TOTP.value, by))
        codes = new_recovery_codes()
        await set_recovery_codes(connection, person_id, [digest(plain_recovery_code(each)) for each in codes], now_ms)
        return TotpBegun(made, secret, totp_uri(secret, email, ISSUER)), codes

    async def confirm_totp(self, standing: Standing, code: str, device: str | None) -> Enrolled:
        """The code is one of the secret that was begun: it counts from now on.

        Raises:
            Refused: FACTOR_NEEDED, FACTOR_REFUSED; NOT_FOUND, none was begun.
        """
        self._check_enrolling(standing)
        person_id = standing.person.id
        async with writing(self._engine) as connection:
            begun = next(iter(await factors_of(connection, person_id, confirmed=False)), None)
            if begun is None:
                raise raise_for(ErrorCode.NOT_FOUND)
            step = step_of(await self._secret(connection, begun), code, self._clock.now_ms(), after=begun.counter)
            if step is None or not await use_factor(connection, begun, step):
                raise raise_for(ErrorCode.FACTOR_REFUSED)
            await confirm_factor(connection, begun.id, self._clock.now_ms())
            return await self._enrolled(connection, standing, FactorKind.TOTP, device)

    async def passkey_options(self, standing: Standing) -> str:
        """What the browser is asked to make (JSON). Raises Refused: FACTOR_NEEDED, NOT_FOUND, CONFLICT."""
        self._check_enrolling(standing)
        async with reading(self._engine) as connection:
            account = await account_of(connection, standing.person.id)
            if account is None or not account.staff:
                raise raise_for(ErrorCode.NOT_FOUND)
            await self._check_room(connection, standing.person.id)
            have = await factors_of(connection, standing.person.id)
        return self._passkeys.to_make(standing.sign_in, account.email, _credentials(have))

    async def add_passkey(self, standing: Standing, credential: str, label: str, device: str | None) -> Enrolled:
        """What the browser made counts from now on. Raises Refused: FACTOR_NEEDED, FACTOR_REFUSED, CONFLICT."""
        self._check_enrolling(standing)
        made = self._passkeys.made(standing.sign_in, credential)
        now_ms, person_id = self._clock.now_ms(), standing.person.id
        try:
            async with writing(self._engine) as connection:
                await self._check_room(connection, person_id)
                await add_factor(
                    connection,
                    Factor(
                        self._ids(),
                        person_id,
                        FactorKind.PASSKEY,
                        label,
                        now_ms,
                        made.counter,
                        now_ms,
                        credential_id=made.credential_id,
                        public_key=made.public_key,
                    ),
                )
                return await self._enrolled(connection, standing, FactorKind.PASSKEY, device)
        except IntegrityError:
            raise raise_for(ErrorCode.CONFLICT) from None

    async def prove_totp(self, standing: Standing, code: str, device: str | None, may_try: MayTry) -> str:
        """Finishes signing in; the secret of the sign-in from now on.

        Raises:
            Refused: FACTOR_REFUSED; SIGNED_OUT, after too many; UNEXPECTED, no factor is asked for.
            Unavailable: RATE_LIMITED.
        """

        async def proof(connection: AsyncConnection, person_id: IdentityId) -> str | None:
            for each in await factors_of(connection, person_id):
                if each.kind is FactorKind.TOTP:
                    step = step_of(await self._secret(connection, each), code, self._clock.now_ms(), after=each.counter)
                    if step is not None and await use_factor(connection, each, step):
                        return FactorKind.TOTP.value
            return None

        return await self._prove(standing, device, may_try, proof)

    async def prove_recovery(self, standing: Standing, code: str, device: str | None, may_try: MayTry) -> str:
        """The same by a recovery code, which is used up."""
        hashed = digest(plain_recovery_code(code))

        async def proof(connection: AsyncConnection, person_id: IdentityId) -> str | None:
            return "recovery" if await use_recovery_code(connection, person_id, hashed, self._clock.now_ms()) else None

        return await self._prove(standing, device, may_try, proof)

    async def proof_options(self, standing: Standing) -> str:
        """What the browser is asked to sign (JSON). Raises Refused: UNEXPECTED; NOT_FOUND, there is no passkey."""
        _check_proving(standing)
        async with reading(self._engine) as connection:
            have = _credentials(await factors_of(connection, standing.person.id))
        if not have:
            raise raise_for(ErrorCode.NOT_FOUND)
        return self._passkeys.to_sign(standing.sign_in, have)

    async def prove_passkey(self, standing: Standing, credential: str, device: str | None, may_try: MayTry) -> str:
        """The same by a passkey."""

        async def proof(connection: AsyncConnection, person_id: IdentityId) -> str | None:
            have = [each for each in await factors_of(connection, person_id) if each.kind is FactorKind.PASSKEY]
            signed = self._passkeys.signed(standing.sign_in, credential, have)
            if signed is None or not await use_factor(connection, signed.factor, signed.counter):
                return None
            return FactorKind.PASSKEY.value

        return await self._prove(standing, device, may_try, proof)

    async def remove(self, person: Person, factor_id: str) -> None:
        """It counts no more. Raises Refused: NOT_FOUND; CONFLICT, it is the last one."""
        _check()
        async with writing(self._engine) as connection:
            have = await factors_of(connection, person.id)
            gone = [each for each in have if each.id == factor_id]
            if not gone:
                raise raise_for(ErrorCode.NOT_FOUND)
            if len(have) == 1:
                raise raise_for(ErrorCode.CONFLICT)
            await self._drop(connection, gone)
            await self._auditor.record(connection, FactorChanged(person.id, "removed", gone[0].kind.value, person.id))

    async def renew_codes(self, person: Person) -> tuple[str, ...]:
        """New recovery codes; the old ones open nothing any more. Raises Refused(CONFLICT), there is no factor."""
        _check()
        async with writing(self._engine) as connection:
            if not await factors_of(connection, person.id):
                raise raise_for(ErrorCode.CONFLICT)
            return await self._new_codes(connection, person.id)

    async def forget(self, connection: AsyncConnection, person_id: IdentityId) -> None:
        """Drops all factors and codes of someone whose account is reset, within a transaction of others."""
        for confirmed in (True, False):
            await self._drop(connection, await factors_of(connection, person_id, confirmed=confirmed))
        await set_recovery_codes(connection, person_id, (), self._clock.now_ms())

    async def _prove(self, standing: Standing, device: str | None, may_try: MayTry, proof: _Proof) -> str:
        _check_proving(standing)
        async with reading(self._engine) as connection:
            known = await is_known(connection, device, standing.person.id)
        if not may_try(standing.person.id, digest(device) if device and known else None):
            raise raise_for(ErrorCode.RATE_LIMITED)
        async with writing(self._engine) as connection:
            how = await proof(connection, standing.person.id)
            if how is not None:
                return await self._finish(connection, standing, how, device)
            missed = await self._auth.missed(connection, standing.sign_in)
            if missed >= MAX_TRIES:
                await self._auth.end(connection, (standing.sign_in,))
        raise raise_for(ErrorCode.SIGNED_OUT if missed >= MAX_TRIES else ErrorCode.FACTOR_REFUSED)

    async def _finish(self, connection: AsyncConnection, standing: Standing, how: str, device: str | None) -> str:
        # Another secret: what stood for half a sign-in never stands for a whole one.
        rows = await self._auth.live(connection, standing.person.id)
        row = next((each for each in rows if each.token_hash == standing.sign_in), None)
        if row is None:
            raise raise_for(ErrorCode.SIGNED_OUT)
        await self._auth.end(connection, (standing.sign_in,))
        if device is not None:
            await know_device(connection, device, standing.person.id, self._clock.now_ms())
        await self._auditor.record(connection, StaffSignedIn(standing.person.id, how))
        return await self._auth.open(connection, standing.person.id, Opening(Stage.DONE, row.shared, row.device))

    async def _enrolled(
        self, connection: AsyncConnection, standing: Standing, kind: FactorKind, device: str | None
    ) -> Enrolled:
        person_id = standing.person.id
        await self._auditor.record(connection, FactorChanged(person_id, "added", kind.value, person_id))
        codes: tuple[str, ...] = ()
        if not await recovery_codes_left(connection, person_id):
            codes = await self._new_codes(connection, person_id)
        if standing.stage is Stage.DONE:
            return Enrolled(None, codes)
        return Enrolled(await self._finish(connection, standing, kind.value, device), codes)

    async def _new_codes(self, connection: AsyncConnection, person_id: IdentityId) -> tuple[str, ...]:
        codes = new_recovery_codes()
        hashes = [digest(plain_recovery_code(each)) for each in codes]
        await set_recovery_codes(connection, person_id, hashes, self._clock.now_ms())
        await self._auditor.record(connection, FactorChanged(person_id, "codes", "recovery", person_id))
        return codes

    def _check_enrolling(self, standing: Standing) -> None:
        """Whoever has a factor proves it before adding another."""
        _check()
        if standing.stage is Stage.FACTOR:
            raise raise_for(ErrorCode.FACTOR_NEEDED)

    async def _check_room(self, connection: AsyncConnection, person_id: IdentityId) -> None:
        if len(await factors_of(connection, person_id)) >= MAX_FACTORS:
            raise raise_for(ErrorCode.CONFLICT)

    async def _drop(self, connection: AsyncConnection, gone: list[Factor]) -> None:
        now_ms = self._clock.now_ms()
        await remove_factors(connection, [each.id for each in gone])
        for each in gone:
            if each.key_id is not None:
                await connection.run_sync(destroy_key, self._vault, each.key_id, now_ms)

    async def _seal(self, connection: AsyncConnection, person_id: IdentityId, secret: str) -> Sealed:
        return await connection.run_sync(lambda sync: seal(sync, self._vault, _label(person_id), secret.encode()))

    async def _secret(self, connection: AsyncConnection, factor: Factor) -> str:
        if factor.key_id is None or factor.sealed is None:
            raise RuntimeError("a factor of codes without a secret")
        sealed = Sealed(factor.key_id, factor.sealed)
        label = _label(factor.person_id)
        return (await connection.run_sync(lambda sync: unseal(sync, self._vault, label, sealed))).decode()


def _label(person_id: IdentityId) -> Label:
    return Label(person_id, RETENTION, "totp")


def _credentials(have: list[Factor]) -> tuple[bytes, ...]:
    return tuple(each.credential_id for each in have if each.credential_id is not None)


def _check() -> None:
    if not permitted(Office.HOLDER, Action.MANAGE_FACTORS, Relation.OWN):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.MANAGE_FACTORS)


def _check_proving(standing: Standing) -> None:
    if standing.stage is not Stage.FACTOR:
        raise raise_for(ErrorCode.UNEXPECTED)
