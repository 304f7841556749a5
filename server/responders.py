"""Who answers for a session: the therapist who says to be reachable while it lasts, or nobody, by the clinical lead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.permissions import Action, Capacity, Office, Relation, permitted
from program.people import Person, ProgramRole
from program.sessions import Session, find_session, name_responder, session_for, waive_responder
from protocol.errors import ErrorCode, Refused
from protocol.ids import IdentityId, SessionId
from protocol.values import Role, SessionStatus
from server.denials import DeniedAttempt
from server.entries import Entry, ResponderSet, ResponderWaived
from server.storage.engine import writing


class Audit(Protocol):
    """Where changes of the program are recorded; `server.auditing.Auditor` is it."""

    async def record(self, connection: AsyncConnection, *entries: Entry) -> None:
        """Adds entries; they count once the connection's transaction is committed."""
        ...


class OpenRooms(Protocol):
    """The rooms that are open, which hear of it at once; `server.hall.Hall` is them."""

    def name_responder(self, session_id: SessionId, identity_id: IdentityId | None) -> None:
        """Who answers for a session has changed."""
        ...

    def waive_responder(self, session_id: SessionId, identity_id: IdentityId) -> None:
        """The clinical lead lets a session begin without a responder."""
        ...


class Responders:
    """Changes who answers for a session. That nobody answers for what they alone lead, the room sees to."""

    def __init__(
        self,
        engine: AsyncEngine,
        rooms: OpenRooms,
        audit: Audit,
        *,
        on_changed: Callable[[], None],
    ) -> None:
        """`on_changed` hears that a row changed."""
        self._engine = engine
        self._rooms = rooms
        self._audit = audit
        self._on_changed = on_changed

    async def set_reachable(self, person: Person, session_id: SessionId, *, reachable: bool) -> None:
        """The person says to be reachable while the session lasts; or no longer, which changes nothing for others.

        Raises:
            DeniedAttempt: NOT_ALLOWED, NOT_FOUND.
            Refused: NOT_FOUND, SESSION_ENDED.
        """
        async with writing(self._engine) as connection:
            session = await self._asked(connection, person, session_id, Action.BE_RESPONDER)
            if (session.responder_id == person.id) == reachable:
                return
            responder = person.id if reachable else None
            await name_responder(connection, session_id, responder)
            await self._audit.record(connection, ResponderSet(session_id, person.id, reachable))
        self._rooms.name_responder(session_id, responder)
        self._on_changed()

    async def waive(self, person: Person, session_id: SessionId, reason: str) -> None:
        """The clinical lead lets the session begin without a responder.

        Raises:
            DeniedAttempt: NOT_ALLOWED, NOT_FOUND.
            Refused: NOT_FOUND, SESSION_ENDED.
        """
        async with writing(self._engine) as connection:
            session = await self._asked(connection, person, session_id, Action.OVERRIDE_RESPONDER)
            if session.responder_waived_by is not None:
                return
            await waive_responder(connection, session_id, person.id)
            await self._audit.record(connection, ResponderWaived(session_id, person.id, reason))
        self._rooms.waive_responder(session_id, person.id)
        self._on_changed()

    async def _asked(
        self, connection: AsyncConnection, person: Person, session_id: SessionId, action: Action
    ) -> Session:
        session = await find_session(connection, session_id)
        role = await session_for(connection, person.id, session_id)
        capacity = _capacity(person, role, action)
        allowed = capacity is not None and permitted(
            capacity, action, Relation.ELSEWHERE if role is None else Relation.ROOM
        )
        if session is None:
            raise Refused(ErrorCode.NOT_FOUND)
        if not allowed:
            # A session of others answers like one that does not exist.
            raise DeniedAttempt(ErrorCode.NOT_FOUND if role is None else ErrorCode.NOT_ALLOWED, action, session_id)
        if session.status is SessionStatus.ENDED:
            raise Refused(ErrorCode.SESSION_ENDED)
        return session


def _capacity(person: Person, role: Role | None, action: Action) -> Capacity | None:
    """In what capacity somebody asks for that. A therapist of the group is assigned to it; as whom else, their role."""
    if action is Action.OVERRIDE_RESPONDER and ProgramRole.CLINICAL_LEAD in person.roles:
        return Office.CLINICAL_LEAD
    return Office.ASSIGNED if role is Role.THERAPIST else role
