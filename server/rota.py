"""Who is on call: therapists begin and end it by their own word. It is handed over by offering it, and stays where it
is until the other accepts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.permissions import Action, Office, Relation, permitted
from program.on_call import Shift, add_shift, offer, offered_to, people_who_are, set_end, shift_of, shifts_after
from program.people import Person, ProgramRole
from protocol.errors import ErrorCode, Refused
from protocol.ids import IdentityId
from server.clock import Clock
from server.denials import DeniedAttempt
from server.entries import OnCallChanged
from server.responders import Audit
from server.storage.engine import reading, writing

LONGEST_MS: Final = 7 * 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Rota:
    """Everyone on call now, and the therapists to whom it could be handed over: a key for each, and their name."""

    shifts: tuple[Shift, ...]
    therapists: tuple[tuple[str, str], ...]


class OnCall:
    """Changes who is on call."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        audit: Audit,
        *,
        new_id: Callable[[], str],
        on_changed: Callable[[], None],
    ) -> None:
        """`on_changed` hears that rows changed."""
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._new_id = new_id
        self._on_changed = on_changed

    async def rota(self, person: Person) -> Rota:
        """Who is on call. Raises DeniedAttempt(NOT_ALLOWED)."""
        _check(person, Relation.ROOM)
        now_ms = self._clock.now_ms()
        async with reading(self._engine) as connection:
            shifts = await shifts_after(connection, now_ms)
            therapists = await people_who_are(connection, ProgramRole.THERAPIST)
        others = ((key_of(who), name) for who, name in therapists if who != person.id)
        return Rota(tuple(each for each in shifts if each.lasts(now_ms)), tuple(others))

    async def begin(self, person: Person, until_ms: int) -> None:
        """They are on call from now until then; who is already, until then instead.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: INVALID_FIELD, of a time that has passed or is too far away.
        """
        _check(person, Relation.OWN)
        now_ms = self._clock.now_ms()
        if not now_ms < until_ms <= now_ms + LONGEST_MS:
            raise Refused(ErrorCode.INVALID_FIELD)
        async with writing(self._engine) as connection:
            own = await shift_of(connection, person.id, now_ms)
            if own is None:
                await add_shift(connection, self._new_id(), person.id, now_ms, until_ms)
            else:
                await set_end(connection, own.id, until_ms)
            await self._audit.record(connection, OnCallChanged(person.id, "began", until_ms))
        self._on_changed()

    async def end(self, person: Person) -> None:
        """They are on call no more. Raises DeniedAttempt(NOT_ALLOWED), Refused(NOT_FOUND)."""
        _check(person, Relation.OWN)
        now_ms = self._clock.now_ms()
        async with writing(self._engine) as connection:
            own = await self._own(connection, person, now_ms)
            await set_end(connection, own.id, now_ms)
            await self._audit.record(connection, OnCallChanged(person.id, "ended", now_ms))
        self._on_changed()

    async def hand_over(self, person: Person, to: str) -> None:
        """They ask that therapist to go on; until they accept, nothing changes.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: NOT_FOUND, they are not on call, or there is no such therapist.
        """
        _check(person, Relation.OWN)
        now_ms = self._clock.now_ms()
        async with writing(self._engine) as connection:
            own = await self._own(connection, person, now_ms)
            therapists = await people_who_are(connection, ProgramRole.THERAPIST)
            other = next((who for who, _ in therapists if who != person.id and key_of(who) == to), None)
            if other is None:
                raise Refused(ErrorCode.NOT_FOUND)
            await offer(connection, own.id, other)
            await self._audit.record(connection, OnCallChanged(person.id, "offered", own.until_ms, other))
        self._on_changed()

    async def accept(self, person: Person) -> None:
        """They go on with what was offered to them; whoever offered it is on call no more.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: NOT_FOUND, nothing is offered to them.
        """
        _check(person, Relation.OWN)
        now_ms = self._clock.now_ms()
        async with writing(self._engine) as connection:
            offered = await offered_to(connection, person.id, now_ms)
            if not offered:
                raise Refused(ErrorCode.NOT_FOUND)
            until_ms = max(each.until_ms for each in offered)
            own = await shift_of(connection, person.id, now_ms)
            if own is None:
                await add_shift(connection, self._new_id(), person.id, now_ms, until_ms)
            else:
                until_ms = max(until_ms, own.until_ms)
                await set_end(connection, own.id, until_ms)
            for each in offered:
                await set_end(connection, each.id, now_ms)
                await self._audit.record(connection, OnCallChanged(person.id, "accepted", until_ms, each.person_id))
        self._on_changed()

    async def _own(self, connection: AsyncConnection, person: Person, now_ms: int) -> Shift:
        own = await shift_of(connection, person.id, now_ms)
        if own is None:
            raise Refused(ErrorCode.NOT_FOUND)
        return own


def key_of(person_id: IdentityId) -> str:
    """Stands for a therapist towards others; it gives nothing away of the id."""
    return hashlib.sha256(f"holdspace therapist {person_id}".encode()).hexdigest()[:32]


def _check(person: Person, relation: Relation) -> None:
    offices = {ProgramRole.THERAPIST: Office.ON_CALL, ProgramRole.CLINICAL_LEAD: Office.CLINICAL_LEAD}
    capacities = [office for role, office in offices.items() if role in person.roles]
    if not any(permitted(capacity, Action.BE_ON_CALL, relation) for capacity in capacities):
        raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.BE_ON_CALL)
