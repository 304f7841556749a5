"""What people agreed to: which text, in which version and language, when, and since when no more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.tables import consents
from protocol.ids import IdentityId


class ConsentKind(StrEnum):
    """`adult`: said to be 18 or older. `notice`: who may observe, and the rest. `agreement`: of one group."""

    ADULT = "adult"
    NOTICE = "notice"
    AGREEMENT = "agreement"


ADULT_VERSION: Final = "18"


@dataclass(frozen=True, slots=True)
class Consent:
    """One time that someone agreed. `text_hash` is the SHA-256 of exactly what was shown; times are Unix ms."""

    person_id: IdentityId
    kind: ConsentKind
    version: str
    language: str
    text_hash: str
    given_ms: int
    group_id: str | None = None


async def give(connection: AsyncConnection, consent: Consent) -> None:
    """Raises sqlalchemy.exc.IntegrityError when person or group is unknown."""
    await connection.execute(
        insert(consents).values(
            person_id=consent.person_id,
            kind=consent.kind.value,
            group_id=consent.group_id,
            version=consent.version,
            language=consent.language,
            text_hash=consent.text_hash,
            given_ms=consent.given_ms,
        )
    )


async def revoke(connection: AsyncConnection, person_id: IdentityId, kind: ConsentKind, now_ms: int) -> bool:
    """Takes back everything of that kind; False when there was nothing left to take back."""
    done = await connection.execute(
        update(consents).where(_standing(person_id, kind, None, any_group=True)).values(revoked_ms=now_ms)
    )
    return done.rowcount > 0


async def standing(
    connection: AsyncConnection, person_id: IdentityId, kind: ConsentKind, group_id: str | None = None
) -> list[Consent]:
    """What this person has agreed to of that kind (for an agreement: with that group) and not revoked, the oldest
    first."""
    found = await connection.execute(
        select(consents).where(_standing(person_id, kind, group_id)).order_by(consents.c.id)
    )
    return [
        Consent(
            IdentityId(row.person_id),
            ConsentKind(row.kind),
            row.version,
            row.language,
            row.text_hash,
            row.given_ms,
            row.group_id,
        )
        for row in found
    ]


def _standing(
    person_id: IdentityId, kind: ConsentKind, group_id: str | None, *, any_group: bool = False
) -> ColumnElement[bool]:
    its: list[Any] = [consents.c.person_id == person_id, consents.c.kind == kind.value, consents.c.revoked_ms.is_(None)]
    if not any_group:
        its.append(consents.c.group_id.is_not_distinct_from(group_id))
    return and_(*its)
