"""People of the program. Ids are made by the caller; names are what people are called by, never logged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.account_tables import further_roles
from program.tables import people
from protocol.ids import IdentityId


class ProgramRole(StrEnum):
    """What a person is in the program; what they are in a room follows from the group."""

    NONE = "none"
    """Staff whose role nobody has approved yet, or was taken away: may do nothing but look after their account."""
    PARTICIPANT = "participant"
    MENTOR = "mentor"
    THERAPIST = "therapist"
    CLINICAL_LEAD = "clinical_lead"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Person:
    """A stable identity. `created_ms` is Unix time; `also`: what they are besides `program_role`."""

    id: IdentityId
    display_name: str
    program_role: ProgramRole
    created_ms: int
    also: frozenset[ProgramRole] = frozenset()

    @property
    def roles(self) -> frozenset[ProgramRole]:
        """All that they are in the program."""
        return (self.also | {self.program_role}) - {ProgramRole.NONE}


async def add_person(connection: AsyncConnection, person: Person) -> None:
    """Raises sqlalchemy.exc.IntegrityError when the id is taken."""
    await connection.execute(
        insert(people).values(
            id=person.id,
            display_name=person.display_name,
            program_role=person.program_role.value,
            created_ms=person.created_ms,
        )
    )


async def find_person(connection: AsyncConnection, person_id: IdentityId) -> Person | None:
    """The person of that id."""
    row = (await connection.execute(select(people).where(people.c.id == person_id))).one_or_none()
    if row is None:
        return None
    further = await connection.scalars(select(further_roles.c.role).where(further_roles.c.person_id == person_id))
    also = frozenset(map(ProgramRole, further))
    return Person(IdentityId(row.id), row.display_name, ProgramRole(row.program_role), row.created_ms, also)


async def rename_person(connection: AsyncConnection, person_id: IdentityId, display_name: str) -> bool:
    """What the person is called from now on; False when that is their name already, or there is no such person."""
    done = await connection.execute(
        update(people)
        .where(people.c.id == person_id, people.c.display_name != display_name)
        .values(display_name=display_name)
    )
    return done.rowcount == 1
