"""Roles in the program: who may hold which together, asking for one, and a second person approving it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.account_tables import further_roles, role_requests
from program.people import Person, ProgramRole
from program.tables import people
from protocol.ids import IdentityId

AT_ONCE: Final = frozenset({ProgramRole.PARTICIPANT})
"""Roles that need no second person. Admins do: one who could make another alone could approve by their hand."""

_APART: Final = frozenset({ProgramRole.MENTOR, ProgramRole.THERAPIST})
"""What an admin is not: they have no access to rooms, content or pairs of one-on-ones."""

_MAIN_FIRST: Final = (
    ProgramRole.ADMIN,
    ProgramRole.CLINICAL_LEAD,
    ProgramRole.THERAPIST,
    ProgramRole.MENTOR,
    ProgramRole.PARTICIPANT,
)


@dataclass(frozen=True, slots=True)
class RoleRequest:
    """Somebody asked that a person be given a role, and nobody has decided yet."""

    id: str
    person_id: IdentityId
    role: ProgramRole
    asked_by: IdentityId
    asked_ms: int


def go_together(roles: frozenset[ProgramRole]) -> bool:
    """Whether one person may hold all of these."""
    return ProgramRole.ADMIN not in roles or not roles & _APART


async def set_roles(connection: AsyncConnection, person_id: IdentityId, roles: frozenset[ProgramRole]) -> None:
    """These, and no others.

    Raises:
        ValueError: they do not go together.
    """
    if not go_together(roles):
        raise ValueError("an admin is no mentor and no therapist")
    held = [each for each in _MAIN_FIRST if each in roles]
    main = held[0] if held else ProgramRole.NONE
    await connection.execute(update(people).where(people.c.id == person_id).values(program_role=main.value))
    await connection.execute(delete(further_roles).where(further_roles.c.person_id == person_id))
    if held[1:]:
        rows = [{"person_id": person_id, "role": each.value} for each in held[1:]]
        await connection.execute(insert(further_roles), rows)


async def add_request(connection: AsyncConnection, request: RoleRequest) -> None:
    """Raises sqlalchemy.exc.IntegrityError: there is no such person, or the id is taken."""
    await connection.execute(
        insert(role_requests).values(
            id=request.id,
            person_id=request.person_id,
            role=request.role.value,
            asked_by=request.asked_by,
            asked_ms=request.asked_ms,
        )
    )


async def open_requests(connection: AsyncConnection) -> list[RoleRequest]:
    """All that nobody has decided; the oldest first."""
    found = await connection.execute(
        select(role_requests)
        .where(role_requests.c.decided_ms.is_(None))
        .order_by(role_requests.c.asked_ms, role_requests.c.id)
    )
    return [_request(row) for row in found]


async def find_request(connection: AsyncConnection, request_id: str) -> RoleRequest | None:
    """The one of that id, unless it is decided."""
    found = await connection.execute(
        select(role_requests).where(role_requests.c.id == request_id, role_requests.c.decided_ms.is_(None))
    )
    row = found.one_or_none()
    return None if row is None else _request(row)


async def decide(
    connection: AsyncConnection, request: RoleRequest, by: IdentityId, now_ms: int, *, approved: bool
) -> bool:
    """Keeps who decided what; False: somebody was faster."""
    done = await connection.execute(
        update(role_requests)
        .where(role_requests.c.id == request.id, role_requests.c.decided_ms.is_(None))
        .values(decided_by=by, decided_ms=now_ms, approved=approved)
    )
    return done.rowcount == 1


async def with_role(connection: AsyncConnection, person: Person, role: ProgramRole) -> None:
    """They hold that role as well. Raises ValueError, when it does not go with the others."""
    await set_roles(connection, person.id, person.roles | {role})


async def without_role(connection: AsyncConnection, person: Person, role: ProgramRole) -> None:
    """They hold that role no more."""
    await set_roles(connection, person.id, person.roles - {role})


def _request(row: Row[Any]) -> RoleRequest:
    return RoleRequest(row.id, IdentityId(row.person_id), ProgramRole(row.role), IdentityId(row.asked_by), row.asked_ms)
