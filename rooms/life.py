"""The life of a session: when it begins, pauses, goes on, and returns to its lobby.

None of it is asked for by anyone. After every command `consequences` looks at who is here, and says what follows, so
that one thing holds at every moment: a session is live only while someone leads it, or it pauses, or a connection
that just broke has its few seconds to come back.
"""

from __future__ import annotations

from msgspec import Struct

from moderation.floor.rules import goes_on, waits_for_next
from protocol.values import Millis, Role, SessionStatus
from rooms.events import (
    Event,
    FloorPaused,
    FloorResumed,
    LeaderMissed,
    ParticipantAdmitted,
    SessionBegan,
    SessionReturned,
)
from rooms.evolve import evolve_all
from rooms.state import Participant, RoomState


class Rules(Struct, frozen=True):
    """What a program may set.

    Attributes:
        leader_grace_ms: so long the connection of the last who leads may be away before the group pauses.
        cover_wait_ms: so long the group pauses for someone to take over; then it waits in the lobby.
        lobby_wait_ms: so long people wait in a lobby that does not begin before they and the backup are told.
    """

    leader_grace_ms: int = 2_000
    cover_wait_ms: int = 120_000
    lobby_wait_ms: int = 600_000


DEFAULT_RULES = Rules()

NOW: Millis = 0
"""A deadline that has passed."""


def consequences(state: RoomState, now_ms: Millis, rules: Rules) -> tuple[Event, ...]:
    """All that follows from the room being as it is; nothing follows from the state after it."""
    events: tuple[Event, ...] = ()
    while more := _next(evolve_all(state, events), now_ms, rules):
        events += more
    return events


def life_deadline(state: RoomState, rules: Rules) -> Millis | None:
    """When `consequences` next has something to say if nobody does anything."""
    match state.status:
        case SessionStatus.LOBBY:
            if _may_begin(state):
                return NOW
            waits = state.unattended_ms is not None and not state.late
            return (state.unattended_ms or NOW) + rules.lobby_wait_ms if waits else None
        case SessionStatus.LIVE:
            if any(state.leaders()):
                due = state.paused_until_ms is not None or _expected(state) or waits_for_next(state.floor)
                return NOW if due else None
            if state.paused_until_ms is not None:
                # Nobody is left to wait for anyone: that it returns could not be stored so far.
                return state.paused_until_ms if _participants(state) else NOW
            return _back_by(state, rules) or NOW
        case _:
            return None


def is_led(state: RoomState) -> bool:
    """Whether the session is live and not pausing, so that people may come in, speak and write."""
    return state.status is SessionStatus.LIVE and state.paused_until_ms is None and any(state.leaders())


def lacks_leader(state: RoomState) -> bool:
    """Whether someone who leads is missing for the session to begin."""
    return not any(state.leaders())


def lacks_responder(state: RoomState) -> bool:
    """Whether nobody answers for the session but who leads it."""
    if state.responder_waived:
        return False
    return state.responder is None or all(leader.identity_id == state.responder for leader in state.leaders())


def is_unanswered(state: RoomState) -> bool:
    """Whether someone leads, nobody else answers, and that is not about to be put right by itself."""
    pressing = state.status is SessionStatus.LIVE or (state.status is SessionStatus.LOBBY and state.late)
    return pressing and any(state.leaders()) and lacks_responder(state)


def _next(state: RoomState, now_ms: Millis, rules: Rules) -> tuple[Event, ...]:
    match state.status:
        case SessionStatus.LOBBY:
            if _may_begin(state):
                return (SessionBegan(now_ms),)
            deadline = life_deadline(state, rules)
            return () if deadline is None or now_ms < deadline else (LeaderMissed(now_ms),)
        case SessionStatus.LIVE:
            return _live(state, now_ms, rules)
        case _:
            return ()


def _live(state: RoomState, now_ms: Millis, rules: Rules) -> tuple[Event, ...]:
    if any(state.leaders()):
        if state.paused_until_ms is not None:
            return (FloorResumed(now_ms),)
        admitted = tuple(ParticipantAdmitted(now_ms, person.id, None) for person in _expected(state))
        return admitted or goes_on(state.floor, now_ms)
    inside = _participants(state)
    if state.paused_until_ms is not None:
        if inside and now_ms < state.paused_until_ms:
            return ()
        return (SessionReturned(now_ms, tuple(person.id for person in inside)),)
    back_by = _back_by(state, rules)
    if back_by is not None and now_ms < back_by:
        return ()
    return (FloorPaused(now_ms, now_ms + rules.cover_wait_ms, tuple(person.id for person in inside)),)


def _may_begin(state: RoomState) -> bool:
    if lacks_leader(state):
        return False
    # People who were in it are not left to wait where a therapist has come to lead: that nobody else answers is told.
    taken_over = state.begun and any(leader.role is Role.THERAPIST for leader in state.leaders())
    return taken_over or not lacks_responder(state)


def _participants(state: RoomState) -> tuple[Participant, ...]:
    return tuple(person for person in state.inside() if not person.is_staff)


def _expected(state: RoomState) -> tuple[Participant, ...]:
    return tuple(person for person in state.waiting() if person.expected)


def _back_by(state: RoomState, rules: Rules) -> Millis | None:
    """Until when someone who leads, and whose connection just broke, may still come back unnoticed."""
    lost = [
        person.lost_ms
        for person in state.inside()
        if person.is_staff and not person.needs_cover and person.lost_ms is not None
    ]
    return max(lost) + rules.leader_grace_ms if lost else None
