"""What happened in a session, for its therapists: the room's log without a word of chat, and the concerns that this
reader may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncEngine

from moderation.floor import events as floor
from moderation.permissions import Action, Capacity, Office, Relation, permitted
from moderation.supervision import events as concerns
from moderation.supervision.upcasting import present_event as present_concern
from program.people import Person
from program.sessions import Session
from protocol.errors import ErrorCode
from protocol.ids import ConcernId, ParticipantId
from protocol.values import Millis, Role
from rooms import events as room
from rooms.evolve import evolve
from rooms.state import EMPTY, Participant, RoomState
from rooms.upcasting import present_event
from server.denials import DeniedAttempt
from server.entries import TimelineRead
from server.responders import Audit
from server.storage.engine import writing
from server.storage.log import EventLog
from server.supervising import Supervision
from server.supervisor import stream_of


class Moment(Struct, frozen=True, omit_defaults=True):
    """One thing that happened.

    Attributes:
        what: the type of the event.
        who: whom it is about, by name; by: who did it.
        detail: what else there is to say, as a word of our code: a reason, a mode, a severity, a step.
        concern_id: of a concern.
    """

    at_ms: Millis
    what: str
    who: str = ""
    by: str = ""
    detail: str = ""
    concern_id: ConcernId = ConcernId("")


_TOLD: Final = (
    room.SessionOpened
    | room.ParticipantEntered
    | room.ParticipantAdmitted
    | room.ParticipantMoved
    | room.ParticipantRemoved
    | room.ParticipantDeparted
    | room.SessionBegan
    | room.SessionReturned
    | room.LeaderMissed
    | room.CoverAsked
    | room.CoverWithdrawn
    | room.SessionClosed
    | floor.TurnGiven
    | floor.TurnEnded
    | floor.TurnModeSet
)


class Timelines:
    """Reads them. That one was read is written down before it is answered."""

    def __init__(self, engine: AsyncEngine, log: EventLog, supervision: Supervision, audit: Audit) -> None:
        self._engine = engine
        self._log = log
        self._supervision = supervision
        self._audit = audit

    async def read(self, person: Person, session: Session, role: Role) -> tuple[Moment, ...]:
        """The oldest first.

        Raises:
            DeniedAttempt: NOT_ALLOWED.
            Unreadable, UnknownEvent: a log cannot be read.
        """
        capacity: Capacity = Office.ASSIGNED if role is Role.THERAPIST else role
        if not permitted(capacity, Action.SEE_TIMELINE, Relation.ROOM):
            raise DeniedAttempt(ErrorCode.NOT_ALLOWED, Action.SEE_TIMELINE, session.id)
        self._supervision.keep(session.id)
        try:
            await self._supervision.ready(session.id)
            shown = {each.id for each in self._supervision.concerns_shown(session.id, person.id, Office.ASSIGNED)}
        finally:
            self._supervision.release(session.id)
        in_room = await self._log.read(session.id)
        told = _of_room([present_event(e.type, e.version, e.payload) for e in in_room if e.payload is not None])
        stored = await self._log.read(stream_of(session.id))
        events = [present_concern(e.type, e.version, e.payload) for e in stored if e.payload is not None]
        told += [each for event in events for each in _of_concern(event) if each.concern_id in shown]
        async with writing(self._engine) as connection:
            await self._audit.record(connection, TimelineRead(person.id, session.id))
        return tuple(sorted(told, key=lambda each: each.at_ms))


def _of_room(events: list[room.DurableEvent]) -> list[Moment]:
    state, found = EMPTY, list[Moment]()
    for event in events:
        before, state = state, evolve(state, event)
        if isinstance(event, _TOLD):
            found.append(_moment(event, before, state.people))
    return found


def _moment(event: room.DurableEvent, before: RoomState, people: Mapping[ParticipantId, Participant]) -> Moment:
    """Who and by whom, by the names in the room."""
    what = str(type(event).__struct_config__.tag)
    at_ms: Millis = getattr(event, "at_ms")  # noqa: B009 - all of these have it
    who = by = detail = ""
    match event:
        case room.ParticipantEntered(participant_id=whom, waiting=waiting):
            who, detail = people[whom].name, "lobby" if waiting else "room"
        case room.ParticipantDeparted(participant_id=whom, reason=reason):
            who, detail = people[whom].name, reason.value
        case (
            room.ParticipantAdmitted(participant_id=whom, by=actor)
            | room.ParticipantMoved(participant_id=whom, by=actor)
            | room.ParticipantRemoved(participant_id=whom, by=actor)
            | floor.TurnGiven(holder_id=whom, by=actor)
        ):
            who, by = people[whom].name, people[actor].name if actor is not None else ""
        case room.CoverAsked(participant_id=whom) | room.CoverWithdrawn(participant_id=whom):
            who = people[whom].name
        case floor.TurnEnded(why=why, by=actor):
            turn = before.floor.turn
            who = people[turn.holder_id].name if turn is not None else ""
            by, detail = people[actor].name if actor is not None else "", why.value
        case floor.TurnModeSet(by=actor, mode=mode):
            by, detail = people[actor].name, mode.value
        case _:
            pass
    return Moment(at_ms, what, who, by, detail)


def _of_concern(event: concerns.DurableEvent) -> Iterator[Moment]:
    what = str(type(event).__struct_config__.tag)
    match event:
        case (
            concerns.SessionOver()
            | concerns.MonitoringBegan()
            | concerns.MonitoringEnded()
            | concerns.SteppedIn()
            | concerns.WhisperSent()
            | concerns.WhisperSpoken()
            | concerns.WhisperSeen()
            | concerns.GlassReviewed()
        ):
            # That a colleague listened would tell who is concerned that there is something to listen for.
            return
        case concerns.ConcernRaised() | concerns.FlagRaised():
            kind = event.kind.value
            yield Moment(
                event.at_ms, what, event.person_name, event.by_name, f"{kind} {event.severity.value}", event.concern_id
            )
        case concerns.ConcernEscalated():
            yield Moment(event.at_ms, what, detail=event.step.value, concern_id=event.concern_id)
        case concerns.ConcernResolved():
            outcome = event.resolution.outcome.value
            yield Moment(event.at_ms, what, by=event.by_name, detail=outcome, concern_id=event.concern_id)
        case concerns.ConcernAcknowledged() | concerns.ConcernTaken():
            yield Moment(event.at_ms, what, by=event.by_name, concern_id=event.concern_id)
        case concerns.ConcernPassed():
            yield Moment(event.at_ms, what, concern_id=event.concern_id)
