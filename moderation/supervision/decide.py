"""`decide(state, command, now_ms)`: what a command makes happen, or why it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from moderation.decision import NOT_FOUND, NOTHING, Accepted, Rejection, denied
from moderation.permissions import Action, permitted
from moderation.supervision.commands import (
    Command,
    CoverAsked,
    CoverOver,
    Fact,
    GroupReturned,
    LobbyUnattended,
    PersonRemoved,
    SeeRoom,
    SessionLed,
    SessionOver,
    StoreAgain,
    TakeNote,
)
from moderation.supervision.events import (
    ConcernAcknowledged,
    ConcernPassed,
    ConcernRaised,
    Decision,
    Event,
    Held,
)
from moderation.supervision.evolve import evolve
from moderation.supervision.state import Concern, SupervisionState
from moderation.supervision.view import relation_of
from protocol.ids import ConcernId, IdentityId
from protocol.values import ConcernKind, Millis, Severity

SEVERITY: Final = {
    ConcernKind.LEADER_LOST: Severity.URGENT,
    ConcernKind.COVER_NEEDED: Severity.URGENT,
    ConcernKind.LOBBY_UNATTENDED: Severity.URGENT,
    ConcernKind.NOBODY_ANSWERS: Severity.URGENT,
    ConcernKind.REMOVED: Severity.CONCERN,
}

_NOW: Final[Millis] = 0
"""A deadline that has passed."""

_NEED_A_LEADER: Final = (ConcernKind.LEADER_LOST, ConcernKind.COVER_NEEDED, ConcernKind.LOBBY_UNATTENDED)


def decide(state: SupervisionState, command: Command, now_ms: Millis) -> Decision:
    """Decides one command. What holds in memory only is stored before anything that builds on it."""
    decision = _decide(state, command, now_ms)
    if isinstance(decision, Rejection) or not state.unstored or not (decision.events or command == StoreAgain()):
        return decision
    return Accepted((*state.unstored, *decision.events))


def next_deadline(state: SupervisionState) -> Millis | None:
    """When `StoreAgain` has something to do; None when all is stored."""
    return _NOW if state.unstored else None


def aftermath(state: SupervisionState, lost: Iterable[Event]) -> tuple[Event, ...]:
    """What of the events that could not be stored holds nevertheless: all that the room told.

    An acknowledgement does not: nobody may believe in one that a restart forgets.
    """
    kept: list[Event] = []
    for event in lost:
        told = event.event if isinstance(event, Held) else event
        if isinstance(told, ConcernAcknowledged) or told in state.unstored:
            continue
        state = evolve(state, Held(told))
        kept.append(Held(told))
    return tuple(kept)


def _decide(state: SupervisionState, command: Command, now_ms: Millis) -> Decision:
    match command:
        case SeeRoom():
            return Accepted(tuple(_seen(state, command, now_ms)))
        case TakeNote():
            return _note(state, command, now_ms)
        case StoreAgain():
            return NOTHING
        case _:
            # The same event of the room, told again after a crash.
            return NOTHING if command.room_seq <= state.room_seq else Accepted(tuple(_told(state, command, now_ms)))


def _told(state: SupervisionState, fact: Fact, now_ms: Millis) -> Iterable[Event]:
    seq = fact.room_seq
    match fact:
        case CoverAsked(who=who):
            # Whom it concerns is who asked: another therapist answers it.
            asked = ConcernRaised(
                now_ms, seq, _next_id(state), ConcernKind.COVER_NEEDED, SEVERITY[ConcernKind.COVER_NEEDED],
                who.identity_id, who.name, who.identity_id, who.name,
            )  # fmt: skip
            return () if _lasts(state, asked) else (asked,)
        case CoverOver(identity_id=who):
            own = (each for each in state.lasting(ConcernKind.COVER_NEEDED) if each.raised.person == who)
            return _passed(own, seq, now_ms)
        case LobbyUnattended():
            return _raised(state, ConcernKind.LOBBY_UNATTENDED, seq, now_ms)
        case GroupReturned():
            # Should the pause before it not have been seen.
            return _raised(state, ConcernKind.LEADER_LOST, seq, now_ms)
        case PersonRemoved(who=who, by=by):
            removed = ConcernRaised(
                now_ms, seq, _next_id(state), ConcernKind.REMOVED, SEVERITY[ConcernKind.REMOVED],
                who.identity_id, who.name, by.identity_id, by.name,
            )  # fmt: skip
            return (removed,)
        case SessionLed():
            return _passed(state.lasting(*_NEED_A_LEADER), seq, now_ms)
        case SessionOver():
            return _passed(state.lasting(*_NEED_A_LEADER, ConcernKind.NOBODY_ANSWERS), seq, now_ms)
    assert_never(fact)


def _seen(state: SupervisionState, seen: SeeRoom, now_ms: Millis) -> Iterable[Event]:
    seq = seen.room_seq
    if seen.led:
        yield from _passed(state.lasting(*_NEED_A_LEADER), seq, now_ms)
    elif not seen.paused and not seen.late:
        yield from _passed(state.lasting(ConcernKind.LOBBY_UNATTENDED), seq, now_ms)
    if not seen.unanswered:
        yield from _passed(state.lasting(ConcernKind.NOBODY_ANSWERS), seq, now_ms)
    # One at most: a pause has nobody who leads. One that began by asking for cover is told of as that.
    if seen.paused and any(each.raised.room_seq == seq for each in state.lasting(ConcernKind.COVER_NEEDED)):
        return
    if seen.paused:
        yield from _raised(state, ConcernKind.LEADER_LOST, seq, now_ms)
    elif seen.unanswered:
        yield from _raised(state, ConcernKind.NOBODY_ANSWERS, seq, now_ms)


def _raised(state: SupervisionState, kind: ConcernKind, seq: int, now_ms: Millis) -> Iterable[Event]:
    """Of the session as such, unless one lasts."""
    return () if any(state.lasting(kind)) else (ConcernRaised(now_ms, seq, _next_id(state), kind, SEVERITY[kind]),)


def _lasts(state: SupervisionState, raised: ConcernRaised) -> bool:
    return any(each.like(Concern(raised)) for each in state.lasting(raised.kind))


def _passed(concerns: Iterable[Concern], seq: int, now_ms: Millis) -> Iterable[Event]:
    return (ConcernPassed(now_ms, seq, each.raised.concern_id) for each in concerns)


def _note(state: SupervisionState, command: TakeNote, now_ms: Millis) -> Decision:
    concern = state.concerns.get(command.concern_id)
    if concern is None:
        return NOT_FOUND
    if not permitted(command.capacity, Action.ACKNOWLEDGE_FLAG, relation_of(concern, command.by)):
        return denied(Action.ACKNOWLEDGE_FLAG)
    # Earlier ones of the same thing are noted with it: the therapist sees the newest only.
    noted = (
        each
        for each in state.concerns.values()
        if not each.acknowledged and (each is concern or (each.over and each.like(concern) and _before(each, concern)))
    )
    return Accepted(tuple(_noted(each, command.by, now_ms) for each in noted))


def _before(one: Concern, other: Concern) -> bool:
    return one.raised.at_ms <= other.raised.at_ms


def _noted(concern: Concern, by: IdentityId, now_ms: Millis) -> ConcernAcknowledged:
    return ConcernAcknowledged(now_ms, concern.raised.concern_id, by)


def _next_id(state: SupervisionState) -> ConcernId:
    return ConcernId(f"c{len(state.concerns) + 1}")
