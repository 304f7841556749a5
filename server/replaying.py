"""What someone in a room saw at some time, out of its log."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.ids import ParticipantId, SessionId
from protocol.values import Role, Snapshot
from rooms.state import RoomState
from rooms.view import Viewer, snapshot
from server.auditing import Auditor
from server.clock import Clock
from server.entries import RoomReplayed
from server.keeper import replay
from server.storage.engine import reading, writing
from server.storage.reading import StoredEvent, read_events
from server.storage.vault import Vault


class ReplayRefused(Exception):
    """There is nothing to show, or it is not clear to whom; the message says why."""


class Seen(Struct, frozen=True):
    """A room as one viewer saw it. `present`: they were in the room; else it is what they would have seen.

    `seq` is the newest event that counts, `purged` how many until then cannot be shown any more. What is not stored
    is not in it either: whose microphone and camera were on, whose connection was lost.
    """

    at_ms: int
    seq: int
    purged: int
    role: Role
    participant: ParticipantId | None
    present: bool
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Question:
    """Whose eyes, and when. Without `participant`: the one person of that role who was there, or nobody's eyes."""

    session_id: SessionId
    at_ms: int
    role: Role
    participant: ParticipantId | None = None


async def seen(engine: AsyncEngine, vault: Vault, clock: Clock, question: Question, *, by: str) -> Seen:
    """Answers from the stored events alone, through the view that the room itself uses.

    Every look into a past room goes through here. Before it is answered, it is written down who looked (`by`).

    Raises:
        ReplayRefused: there is no such room at that time, or no such viewer.
        UnknownEvent, Unreadable: the log cannot be read.
        SQLAlchemyError: it could not be written down.
    """
    async with reading(engine) as connection:
        stored = [event async for event in read_events(connection, vault, question.session_id)]
    answer = seen_in(stored, question)
    # Not in the reading transaction: to read a long log must not keep the rooms from writing.
    async with writing(engine) as connection:
        entry = RoomReplayed(question.session_id, by, question.at_ms, question.role, answer.participant)
        await Auditor(vault, clock).record(connection, entry)
    return answer


def seen_in(stored: list[StoredEvent], question: Question) -> Seen:
    """The same, from these events."""
    if not stored:
        raise ReplayRefused(f"there is no room of a session {question.session_id}")
    until = list(takewhile(lambda event: event.at_ms <= question.at_ms, stored))
    if not until:
        raise ReplayRefused(f"the room of session {question.session_id} was opened later")
    room = replay(until)
    who = _viewer(room, question)
    return Seen(
        at_ms=question.at_ms,
        seq=until[-1].seq,
        purged=sum(event.payload is None for event in until),
        role=question.role,
        participant=who,
        present=who is not None and room.here(who) is not None,
        snapshot=snapshot(room, Viewer(who or ParticipantId(""), question.role)),
    )


def _viewer(room: RoomState, question: Question) -> ParticipantId | None:
    if question.participant is not None:
        person = room.people.get(question.participant)
        if person is None:
            raise ReplayRefused(f"{question.participant} was not in that room by then")
        if person.role is not question.role:
            raise ReplayRefused(f"{question.participant} was there as {person.role.value}, not {question.role.value}")
        return person.id
    there = [person.id for person in room.present() if person.role is question.role]
    if len(there) > 1:
        raise ReplayRefused(f"say whose eyes, with --participant: {', '.join(there)}")
    return there[0] if there else None
