"""Second factors: codes by time (RFC 6238), passkeys, recovery codes. What was taken once is not taken again.

What is taken is decided by one UPDATE each, so that two requests with the same code cannot both come in.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pyotp
from pyotp.totp import TOTP
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.account_tables import factors, recovery_codes
from protocol.ids import IdentityId

STEP_S: Final = 30
AROUND: Final = 1
"""Steps before and after the present one whose codes count too: clocks of telephones are a little off."""

RECOVERY_CODES: Final = 10
MAX_FACTORS: Final = 10
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Nothing that is taken for another when it is written down."""


class FactorKind(StrEnum):
    """What it is."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor. `key_id` and `sealed` are of a TOTP, `credential_id` and `public_key` of a passkey; `counter` is the
    last step, or the last count of signatures.
    """

    id: str
    person_id: IdentityId
    kind: FactorKind
    label: str
    created_ms: int
    counter: int = 0
    confirmed_ms: int | None = None
    key_id: str | None = None
    sealed: bytes | None = None
    credential_id: bytes | None = None
    public_key: bytes | None = None


def new_totp_secret() -> str:
    """160 bits in base32, as apps take it."""
    return pyotp.random_base32()


def totp_uri(secret: str, email: str, issuer: str) -> str:
    """What is shown as a QR code."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def step_of(secret: str, code: str, now_ms: int, *, after: int) -> int | None:
    """The step (of 30 s) whose code that is, later than `after`; None: of none that counts now."""
    plain = code.replace(" ", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) == 6):
        return None
    totp, now = TOTP(secret), now_ms // 1000 // STEP_S
    matching = None
    for step in range(now - AROUND, now + AROUND + 1):
        if secrets.compare_digest(totp.at(step * STEP_S), plain) and step > after:
            matching = step
    return matching


def new_recovery_codes() -> tuple[str, ...]:
    """Codes to be written down, of 80 bits each."""
    return tuple(
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4)) for _ in range(RECOVERY_CODES)
    )


def plain_recovery_code(code: str) -> str:
    """As it was written down: spaces, dashes and case do not count."""
    return "".join(each for each in code.upper() if each.isalnum())


async def add_factor(connection: AsyncConnection, factor: Factor) -> None:
    """Raises sqlalchemy.exc.IntegrityError: the passkey is somebody's already."""
    await connection.execute(
        insert(factors).values(
            id=factor.id,
            person_id=factor.person_id,
            kind=factor.kind.value,
            label=factor.label,
            key_id=factor.key_id,
            sealed=factor.sealed,
            credential_id=factor.credential_id,
            public_key=factor.public_key,
            counter=factor.counter,
            created_ms=factor.created_ms,
            confirmed_ms=factor.confirmed_ms,
        )
    )


async def factors_of(connection: AsyncConnection, person_id: IdentityId, *, confirmed: bool = True) -> list[Factor]:
    """Those that count, or those that are being set up; the oldest first."""
    counts = factors.c.confirmed_ms.is_not(None) if confirmed else factors.c.confirmed_ms.is_(None)
    found = await connection.execute(
        select(factors).where(factors.c.person_id == person_id, counts).order_by(factors.c.created_ms, factors.c.id)
    )
    return [_factor(row) for row in found]


async def use_factor(connection: AsyncConnection, factor: Factor, counter: int) -> bool:
    """Uses it up to that count; False: somebody was faster. A passkey without a counter stays at 0 (WebAuthn 6.1.1)."""
    uncounted = factor.kind is FactorKind.PASSKEY and counter == 0
    later = factors.c.counter == 0 if uncounted else factors.c.counter < counter
    done = await connection.execute(update(factors).where(factors.c.id == factor.id, later).values(counter=counter))
    return done.rowcount == 1


async def confirm_factor(connection: AsyncConnection, factor_id: str, now_ms: int) -> bool:
    """It counts from now on; False: it did already, or is gone."""
    done = await connection.execute(
        update(factors).where(factors.c.id == factor_id, factors.c.confirmed_ms.is_(None)).values(confirmed_ms=now_ms)
    )
    return done.rowcount == 1


async def remove_factors(connection: AsyncConnection, ids: Collection[str]) -> None:
    """They count no more."""
    await connection.execute(delete(factors).where(factors.c.id.in_(ids)))


async def set_recovery_codes(
    connection: AsyncConnection, person_id: IdentityId, hashes: Collection[str], now_ms: int
) -> None:
    """These, and none of those from before."""
    await connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
    if hashes:
        rows = [{"code_hash": each, "person_id": person_id, "made_ms": now_ms} for each in hashes]
        await connection.execute(insert(recovery_codes), rows)


async def use_recovery_code(connection: AsyncConnection, person_id: IdentityId, code_hash: str, now_ms: int) -> bool:
    """Whether that is an unused code of that person; it is used now."""
    done = await connection.execute(
        update(recovery_codes)
        .where(
            recovery_codes.c.code_hash == code_hash,
            recovery_codes.c.person_id == person_id,
            recovery_codes.c.used_ms.is_(None),
        )
        .values(used_ms=now_ms)
    )
    return done.rowcount == 1


async def recovery_codes_left(connection: AsyncConnection, person_id: IdentityId) -> int:
    """How many are unused."""
    return (
        await connection.scalar(
            select(func.count())
            .select_from(recovery_codes)
            .where(recovery_codes.c.person_id == person_id, recovery_codes.c.used_ms.is_(None))
        )
        or 0
    )


def _factor(row: Row[Any]) -> Factor:
    return Factor(
        row.id,
        IdentityId(row.person_id),
        FactorKind(row.kind),
        row.label,
        row.created_ms,
        row.counter,
        row.confirmed_ms,
        row.key_id,
        row.sealed,
        row.credential_id,
        row.public_key,
    )
