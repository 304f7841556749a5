"""Raising a flag: over HTTP, whatever became of the room, and shown before it is stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from moderation.decision import Rejection
from moderation.permissions import Action, Capacity, Office, Relation, permitted
from moderation.supervision.commands import About, RaiseFlag
from moderation.supervision.escalation import Someone, rank
from moderation.supervision.flags import ASKS
from moderation.supervision.view import OwnFlag
from program.groups import Staff
from program.people import Person
from program.sessions import Session
from protocol.errors import ErrorCode, Refused, raise_for
from protocol.ids import FlagId, IdentityId, ParticipantId, SessionId
from protocol.supervision import MAX_MOMENT, Category, FlagKind, MomentLine, Severity
from protocol.values import Millis, Role
from rooms.state import Participant, RoomState
from rooms.view import Viewer, snapshot
from server.denials import DeniedAttempt
from server.duty import Duties
from server.logs import where_it_failed
from server.supervising import UNSAVED, Supervision

STORED_WITHIN_S: Final = 2.0
"""After that long who asked hears that it is not stored yet."""

READ_WITHIN_S: Final = 1.0
"""So long a flag waits for a room that is not open, and who asks for their own flags for those to be loaded."""

PATIENT_S: Final = 5.0
"""So long a report that does not press waits for it: the room alone knows whether it is about a therapist."""

_ME: Final = "me"
_NO_SEAT: Final = ParticipantId("")

_log = structlog.get_logger("supervision")


class Rooms(Protocol):
    """The rooms of this node; `server.hall.Hall` is them."""

    async def room_state(self, session_id: SessionId) -> RoomState:
        """A session's room as it is stored. Raises HoldspaceError."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A flag as its raiser's page sends it.

    Attributes:
        about: a participant's id, "me", or "" for the session, or for `whom`.
        whom: a mentor or therapist of the group, who may never have been in the room.
    """

    flag_id: FlagId
    kind: FlagKind
    severity: Severity
    category: Category
    about: str
    text: str
    moment: bool
    whom: Staff | None = None


@dataclass(frozen=True, slots=True)
class OwnCrisis:
    """A crisis that somebody flagged and nobody has acknowledged: since when, and the names of who is asked."""

    since_ms: Millis
    told: tuple[str, ...]


class Flagging:
    """Takes flags, and tells their raisers what became of them."""

    def __init__(
        self, supervision: Supervision, duties: Duties, rooms: Rooms, *, within_s: float = STORED_WITHIN_S
    ) -> None:
        self._supervision = supervision
        self._duties = duties
        self._rooms = rooms
        self._within_s = within_s

    async def raise_flag(self, person: Person, session: Session, role: Role, asked: Asked, *, enrolled: bool) -> bool:
        """Whether it is stored; else it is told all the same, held in memory, and tried again.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Refused: NOT_FOUND, of nobody who was ever there; CONFLICT, another flag has that id.
        """
        room = await self._room(session.id)
        if room is None and _may_wait(asked):
            # It may be about a therapist, who must not read it: only the room knows who that is.
            room = await self._room(session.id, PATIENT_S)
            if room is None:
                raise raise_for(ErrorCode.NOT_SAVED)
        me = _seat_of(person, room)
        action = ASKS[asked.kind]
        if not permitted(_capacity(role, me, room, action), action, Relation.ROOM) or not (
            enrolled or room is None or (me is not None and me.place is not None)
        ):
            raise DeniedAttempt(ErrorCode.NOT_ALLOWED, action, session.id)
        by = Someone(person.id, person.display_name if me is None else me.name)
        flag = RaiseFlag(
            asked.flag_id,
            asked.kind,
            asked.severity,
            asked.category,
            by,
            role,
            _about_staff(asked.whom, room) if asked.whom else _about(asked.about, by, role, me, room),
            asked.text,
            _moment(room, me) if asked.moment else (),
        )
        answer = self._supervision.raise_flag(session.id, flag)
        await asyncio.wait((answer,), timeout=self._within_s)
        if not answer.done():
            return False
        decision = answer.result()
        if not isinstance(decision, Rejection):
            return True
        if decision.code in UNSAVED:
            return False
        if decision.denied is not None:
            raise DeniedAttempt(ErrorCode.NOT_ALLOWED, decision.denied, session.id)
        raise raise_for(decision.code)

    async def own_flags(
        self, person: Person, session_id: SessionId, role: Role
    ) -> tuple[tuple[OwnFlag, ...], OwnCrisis | None]:
        """What became of the flags that this person raised, and a crisis of theirs that nobody answers."""
        self._supervision.keep(session_id)
        try:
            ready = asyncio.ensure_future(self._supervision.ready(session_id))
            _, late = await asyncio.wait((ready,), timeout=READ_WITHIN_S)
            for each in late:
                each.cancel()
            crisis = self._supervision.unanswered_crisis(session_id, person.id)
            return (
                self._supervision.flags_of(session_id, person.id, role),
                None if crisis is None else OwnCrisis(*crisis),
            )
        finally:
            self._supervision.release(session_id)

    def in_crisis(self, session_id: SessionId, person: Person) -> frozenset[IdentityId]:
        """Whom that person's flags of a crisis concern that nobody has acknowledged."""
        return self._supervision.in_unanswered_crisis(session_id, person.id)

    def office_of(self, person: Person, session_id: SessionId) -> Office | None:
        """In what capacity something that is open in that session has reached that person; None: nothing has."""
        if self._duties.is_lead(person.id):
            office = Office.CLINICAL_LEAD
        elif self._duties.is_on_call(person.id):
            office = Office.ON_CALL
        else:
            return None
        shown = self._supervision.concerns_shown(session_id, person.id, office)
        return office if any(each.open for each in shown) else None

    async def _room(self, session_id: SessionId, within_s: float = READ_WITHIN_S) -> RoomState | None:
        """As it was heard last, or as it is stored; None when neither can be had, which must hold no flag up."""
        known = self._supervision.known_room(session_id)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(within_s):
                return await self._rooms.room_state(session_id)
        except Exception as error:  # noqa: BLE001  whatever it is, help does not wait for it
            _log.warning("flag_without_room", session=session_id, **where_it_failed(error))
            return None


def _may_wait(asked: Asked) -> bool:
    """Whether it is about somebody by their seat, and does not press. Help never waits for a room."""
    about_someone = asked.about not in ("", _ME)
    return about_someone and asked.kind is FlagKind.REPORT and rank(asked.severity) < rank(Severity.URGENT)


def _seat_of(person: Person, room: RoomState | None) -> Participant | None:
    if room is None:
        return None
    return next((each for each in room.people.values() if each.identity_id == person.id), None)


def _capacity(role: Role, me: Participant | None, room: RoomState | None, action: Action) -> Capacity:
    """A therapist who was never visible in the room flags nothing there, and may call for help like everyone."""
    unseen = role is Role.THERAPIST and me is None and room is not None
    return Office.ASSIGNED if unseen and action is Action.FLAG else role


def _about(asked: str, by: Someone, role: Role, me: Participant | None, room: RoomState | None) -> About | None:
    if not asked:
        return None
    if asked == _ME:
        return About(by.identity_id, _NO_SEAT if me is None else me.id, by.name, role)
    if room is None:
        # Nobody can say who that is. The flag goes out all the same, about the session.
        return None
    whom = room.people.get(ParticipantId(asked))
    if whom is None:
        raise Refused(ErrorCode.NOT_FOUND)
    return About(whom.identity_id, whom.id, whom.name, whom.role)


def _about_staff(whom: Staff, room: RoomState | None) -> About:
    """Who they are is known without the room, and so is past whom a flag about them goes."""
    seats = () if room is None else room.people.values()
    seat = next((each.id for each in seats if each.identity_id == whom.id), _NO_SEAT)
    return About(whom.id, seat, whom.name, whom.role)


def _moment(room: RoomState | None, me: Participant | None) -> tuple[MomentLine, ...]:
    """The newest lines that they can read now."""
    if room is None or me is None or not me.inside:
        return ()
    lines = [each for each in snapshot(room, Viewer(me.id, me.role)).chat if each.text]
    return tuple(MomentLine(each.author_name, each.text, each.at_ms) for each in lines[-MAX_MOMENT:])
