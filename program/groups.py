"""Groups, and who belongs to them as what."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from program.people import ProgramRole
from program.tables import group_members, groups, people
from protocol.ids import IdentityId
from protocol.values import Role


@dataclass(frozen=True, slots=True)
class Group:
    """People who meet. `created_ms` is Unix time; `knock`: others of the program may knock at its sessions."""

    id: str
    name: str
    created_ms: int
    knock: bool = False


async def add_group(connection: AsyncConnection, group: Group) -> None:
    """Raises sqlalchemy.exc.IntegrityError when the id is taken."""
    await connection.execute(
        insert(groups).values(id=group.id, name=group.name, created_ms=group.created_ms, knock=group.knock)
    )


async def find_group(connection: AsyncConnection, group_id: str) -> Group | None:
    """The group of that id."""
    row = (await connection.execute(select(groups).where(groups.c.id == group_id))).one_or_none()
    return None if row is None else Group(row.id, row.name, row.created_ms, row.knock)


async def add_member(connection: AsyncConnection, group_id: str, person_id: IdentityId, role: Role) -> None:
    """Raises sqlalchemy.exc.IntegrityError when group or person is unknown, or the person belongs to it already."""
    await connection.execute(insert(group_members).values(group_id=group_id, person_id=person_id, role=role.value))


async def members_of(connection: AsyncConnection, group_id: str) -> dict[IdentityId, Role]:
    """Everyone who belongs to the group."""
    rows = await connection.execute(
        select(group_members.c.person_id, group_members.c.role)
        .where(group_members.c.group_id == group_id)
        .order_by(group_members.c.person_id)
    )
    return {IdentityId(row.person_id): Role(row.role) for row in rows}


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who leads a group or answers for it."""

    id: IdentityId
    name: str
    role: Role


async def staff_of(connection: AsyncConnection, group_id: str) -> list[Staff]:
    """The group's mentors and therapists."""
    rows = await connection.execute(
        select(people.c.id, people.c.display_name, group_members.c.role)
        .join(group_members, group_members.c.person_id == people.c.id)
        .where(group_members.c.group_id == group_id, group_members.c.role != Role.PARTICIPANT.value)
        .order_by(group_members.c.role, people.c.id)
    )
    return [Staff(IdentityId(row.id), row.display_name, Role(row.role)) for row in rows]


async def names_around(connection: AsyncConnection, person_id: IdentityId) -> list[str]:
    """What others are called with whom that person must not be mistaken: all staff, and who is in a group of theirs."""
    mine = select(group_members.c.group_id).where(group_members.c.person_id == person_id)
    others = select(group_members.c.person_id).where(
        or_(group_members.c.group_id.in_(mine), group_members.c.role != Role.PARTICIPANT.value)
    )
    found = await connection.scalars(
        select(people.c.display_name).where(
            people.c.id != person_id,
            or_(people.c.id.in_(others), people.c.program_role != ProgramRole.PARTICIPANT.value),
        )
    )
    return list(found)


async def host_of(connection: AsyncConnection, group_id: str) -> str:
    """What the group's lead is called: its mentor, of several the first; empty when it has none."""
    name = await connection.scalar(
        select(people.c.display_name)
        .join(group_members, group_members.c.person_id == people.c.id)
        .where(group_members.c.group_id == group_id, group_members.c.role == Role.MENTOR.value)
        .order_by(group_members.c.person_id)
        .limit(1)
    )
    return name or ""
