"""Who is on call: shifts of therapists. One that is handed over is offered first, and goes on until it is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from program.account_tables import further_roles
from program.people import ProgramRole
from program.tables import on_call_shifts, people
from protocol.ids import IdentityId


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody is on call from then until then (Unix ms). `offered_to`: whom they asked to go on with it."""

    id: str
    person_id: IdentityId
    name: str
    from_ms: int
    until_ms: int
    offered_to: IdentityId | None = None

    def lasts(self, now_ms: int) -> bool:
        """Whether it is now."""
        return self.from_ms <= now_ms < self.until_ms


async def shifts_after(connection: AsyncConnection, now_ms: int) -> list[Shift]:
    """All that last now, or are to begin; the first first."""
    return await _shifts(connection, on_call_shifts.c.until_ms > now_ms)


async def shift_of(connection: AsyncConnection, person_id: IdentityId, now_ms: int) -> Shift | None:
    """The one in which that person is on call now."""
    own = await _shifts(connection, on_call_shifts.c.person_id == person_id, on_call_shifts.c.until_ms > now_ms)
    return next((each for each in own if each.lasts(now_ms)), None)


async def offered_to(connection: AsyncConnection, person_id: IdentityId, now_ms: int) -> list[Shift]:
    """Those that others asked that person to go on with."""
    offered = await _shifts(connection, on_call_shifts.c.offered_to == person_id, on_call_shifts.c.until_ms > now_ms)
    return [each for each in offered if each.lasts(now_ms)]


async def add_shift(
    connection: AsyncConnection, shift_id: str, person_id: IdentityId, from_ms: int, until_ms: int
) -> None:
    """Raises sqlalchemy.exc.IntegrityError when the id is taken, or there is no such person."""
    await connection.execute(
        insert(on_call_shifts).values(id=shift_id, person_id=person_id, from_ms=from_ms, until_ms=until_ms)
    )


async def set_end(connection: AsyncConnection, shift_id: str, until_ms: int) -> None:
    """It lasts until then; what was offered of it is offered no more."""
    await connection.execute(
        update(on_call_shifts).where(on_call_shifts.c.id == shift_id).values(until_ms=until_ms, offered_to=None)
    )


async def offer(connection: AsyncConnection, shift_id: str, to: IdentityId) -> None:
    """That person is asked to go on with it; nobody else any more."""
    await connection.execute(update(on_call_shifts).where(on_call_shifts.c.id == shift_id).values(offered_to=to))


async def people_who_are(connection: AsyncConnection, role: ProgramRole) -> list[tuple[IdentityId, str]]:
    """Everyone of that role in the program, and what they are called."""
    found = await connection.execute(
        select(people.c.id, people.c.display_name)
        .where(
            or_(
                people.c.program_role == role.value,
                people.c.id.in_(select(further_roles.c.person_id).where(further_roles.c.role == role.value)),
            )
        )
        .order_by(people.c.id)
    )
    return [(IdentityId(row.id), row.display_name) for row in found]


async def _shifts(connection: AsyncConnection, *wanted: ColumnElement[bool]) -> list[Shift]:
    found = await connection.execute(
        select(on_call_shifts, people.c.display_name)
        .join(people, people.c.id == on_call_shifts.c.person_id)
        .where(*wanted)
        .order_by(on_call_shifts.c.from_ms, on_call_shifts.c.id)
    )
    return [_shift(row) for row in found]


def _shift(row: Row[Any]) -> Shift:
    return Shift(
        row.id,
        IdentityId(row.person_id),
        row.display_name,
        row.from_ms,
        row.until_ms,
        row.offered_to and IdentityId(row.offered_to),
    )
