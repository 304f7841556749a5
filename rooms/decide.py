"""`decide(state, command, now_ms)`: what a command makes happen, and all that follows; or why it is refused."""

from __future__ import annotations

from typing import assert_never

from moderation.decision import NOT_FOUND, NOTHING, Accepted, Rejection, denied
from moderation.floor.events import TalkCounted
from moderation.floor.rules import time_over, turn_deadline
from moderation.permissions import Action, Relation, permitted
from protocol.errors import ErrorCode
from protocol.values import LeaveReason, Millis, Role, SessionStatus
from rooms.commands import (
    CloseSession,
    Command,
    CountTalk,
    Depart,
    Enter,
    LoseConnection,
    NameResponder,
    OpenSession,
    PassTime,
    Requested,
    RestoreConnection,
    TakeOver,
    WaiveResponder,
)
from rooms.events import (
    ConnectionLost,
    ConnectionRestored,
    Decision,
    DevicesSet,
    Event,
    NotAloneSet,
    ParticipantDeparted,
    ParticipantEntered,
    ResponderNamed,
    ResponderWaived,
    SessionClosed,
    SessionOpened,
)
from rooms.evolve import evolve_all
from rooms.life import DEFAULT_RULES, Rules, consequences, is_led, life_deadline
from rooms.requests import requested, screen_off
from rooms.state import Participant, RoomState


def decide(state: RoomState, command: Command, now_ms: Millis, rules: Rules = DEFAULT_RULES) -> Decision:
    """Decides one command.

    Args:
        state: the room as of all events decided so far.
        command: what is asked, or what the server saw.
        now_ms: the server's clock, milliseconds since the Unix epoch, never running backwards.
        rules: how long to wait for what.
    """
    decision = _decide(state, command, now_ms)
    if isinstance(decision, Rejection):
        return decision
    follows = consequences(evolve_all(state, decision.events), now_ms, rules)
    return Accepted((*decision.events, *follows)) if follows else decision


def next_deadline(state: RoomState, rules: Rules = DEFAULT_RULES, after_ms: Millis = -1) -> Millis | None:
    """When `PassTime` next has something to do later than at `after_ms`; None when nothing is pending."""
    away = (p.away_until_ms for p in state.present())
    due = (life_deadline(state, rules), None if _holder_is_away(state) else turn_deadline(state.floor), *away)
    return min((each for each in due if each is not None and each > after_ms), default=None)


def _holder_is_away(state: RoomState) -> bool:
    """Whether a firm limit waits: the place of whoever holds the turn is kept, and so is their turn."""
    holder = state.floor.holder_id
    return holder is not None and not state.people[holder].connected


def _decide(state: RoomState, command: Command, now_ms: Millis) -> Decision:
    match command:
        case OpenSession():
            if state.status is not None:
                return NOTHING
            opened = SessionOpened(now_ms, command.session_id, command.title, command.note, SessionStatus.LOBBY)
            return Accepted((opened,))
        case NameResponder():
            if state.status in (None, SessionStatus.ENDED) or state.responder == command.identity_id:
                return NOTHING
            return Accepted((ResponderNamed(now_ms, command.identity_id),))
        case WaiveResponder():
            if state.status in (None, SessionStatus.ENDED) or state.responder_waived:
                return NOTHING
            return Accepted((ResponderWaived(now_ms, command.identity_id),))
        case Enter():
            return _enter(state, command, now_ms)
        case TakeOver():
            person = state.here(command.participant_id)
            return NOTHING if person is None else Accepted(_silenced(person))
        case LoseConnection():
            person = state.here(command.participant_id)
            if person is None or not person.connected:
                return NOTHING
            # Nobody goes on showing what they cannot know to be seen: they begin it anew, or do not.
            return Accepted((*screen_off(person), ConnectionLost(now_ms, person.id, now_ms + command.grace_ms)))
        case RestoreConnection():
            person = state.here(command.participant_id)
            if person is None:
                return NOT_FOUND
            return NOTHING if person.connected else Accepted(_back(state, person, now_ms))
        case Depart():
            person = state.here(command.participant_id)
            if person is None:
                return NOTHING
            return Accepted((ParticipantDeparted(now_ms, person.id, command.reason),))
        case CloseSession():
            over = state.status in (None, SessionStatus.ENDED)
            if over or (command.if_empty and any(state.present())):
                return NOTHING
            return Accepted((SessionClosed(now_ms, None),))
        case CountTalk():
            known = tuple(each for each in command.times if each.participant_id in state.people and each.ms > 0)
            if state.status is not SessionStatus.LIVE or not known:
                return NOTHING
            return Accepted((TalkCounted(now_ms, known),))
        case PassTime():
            overdue = (p for p in state.present() if p.away_until_ms is not None and p.away_until_ms <= now_ms)
            departed = (ParticipantDeparted(now_ms, p.id, LeaveReason.CONNECTION_LOST) for p in overdue)
            over = () if _holder_is_away(state) else time_over(state.floor, now_ms)
            return Accepted((*over, *departed))
        case Requested():
            return requested(state, command, now_ms)
    assert_never(command)


def _enter(state: RoomState, command: Enter, now_ms: Millis) -> Decision:
    if state.status is None:
        return Rejection(ErrorCode.NOT_OPEN)
    if state.status is SessionStatus.ENDED:
        return Rejection(ErrorCode.SESSION_ENDED)
    if not permitted(command.role, Action.ENTER, Relation.ROOM):
        return denied(Action.ENTER)
    if any(p.removed and p.identity_id == command.identity_id for p in state.people.values()):
        return Rejection(ErrorCode.REMOVED, denied=Action.ENTER)
    person = state.here(command.participant_id)
    if person is None or person.role is not command.role or person.name != command.name:
        return Accepted((_entered(state, command, now_ms),))
    restored = () if person.connected else _back(state, person, now_ms)
    return Accepted((*restored, *_silenced(person)))


def _back(state: RoomState, person: Participant, now_ms: Millis) -> tuple[Event, ...]:
    """Someone's connection is back; a firm limit that waited for them goes on."""
    holds = state.floor.holder_id == person.id
    over = time_over(state.floor, now_ms, waited=True) if holds and state.paused_until_ms is None else ()
    return (ConnectionRestored(person.id), *over)


def _silenced(person: Participant) -> tuple[Event, ...]:
    """Another page of the same person takes over; it opens its own microphone and camera, or does not."""
    off = (DevicesSet(person.id, microphone=False, camera=False),) if person.microphone or person.camera else ()
    shown = (NotAloneSet(person.id, on=False),) if person.not_alone else ()
    return (*off, *screen_off(person), *shown)


def _entered(state: RoomState, command: Enter, now_ms: Millis) -> ParticipantEntered:
    known = state.people.get(command.participant_id)
    expected = command.enrolled if known is None else known.expected
    stays = known is not None and known.inside and state.status is SessionStatus.LIVE
    # Staff are always inside: someone has to be there first.
    waits = command.role is Role.PARTICIPANT and not stays and not (expected and is_led(state))
    return ParticipantEntered(
        now_ms,
        command.participant_id,
        command.identity_id,
        command.name,
        command.role,
        waiting=waits,
        expected=expected,
    )
