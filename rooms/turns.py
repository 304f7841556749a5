"""What a person asks about speaking turns: who may, by the permission function; then what, by `moderation.floor`."""

from __future__ import annotations

from typing import assert_never

from moderation.decision import NOT_FOUND, NOTHING, Accepted, Rejection, denied
from moderation.floor import rules
from moderation.floor.events import StoredFloorEvent, TurnModeSet, TurnSettingsSet
from moderation.floor.state import Turn
from moderation.permissions import Action, Relation, permitted, relation_to
from protocol.errors import ErrorCode
from protocol.ids import ParticipantId
from protocol.turns import (
    DenyTurn,
    EndTurn,
    ExtendTurn,
    GiveTurn,
    HoldTime,
    LeastHeardFirst,
    LowerHand,
    MoveInOrder,
    NextSpeaker,
    Pass,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
    SetTurnMode,
)
from protocol.values import Millis, TurnMode
from rooms.commands import TurnRequest
from rooms.events import CompanionSet, Decision
from rooms.state import Participant, RoomState


def turn_requested(state: RoomState, actor: Participant, message: TurnRequest, now_ms: Millis) -> Decision:
    """Decides what someone who is in the room asks about turns."""
    match message:
        case RaiseHand() | LowerHand() | Pass():
            return _own_place(state, actor, message, now_ms)
        case PassTurnOn() | SetTurnForm():
            return _own_turn(state, actor, message, now_ms)
        case EndTurn():
            return _end(state, actor, message, now_ms)
        case ExtendTurn() | HoldTime():
            return _clock(state, actor, message, now_ms)
        case NextSpeaker():
            if not permitted(actor.role, Action.GIVE_TURN, Relation.OWN):
                return denied(Action.GIVE_TURN)
            return _answer(rules.give(state.floor, message.after, None, actor.id, now_ms))
        case GiveTurn() | DenyTurn() | MoveInOrder():
            return _about_someone(state, actor, message, now_ms)
        case LeastHeardFirst():
            if not permitted(actor.role, Action.GIVE_TURN, Relation.OWN):
                return denied(Action.GIVE_TURN)
            return _answer(rules.least_heard_first(state.floor, actor.id, now_ms))
        case SetTurnMode():
            if not permitted(actor.role, Action.SET_TURN_MODE, Relation.ROOM):
                return denied(Action.SET_TURN_MODE)
            return _set_mode(state, actor, message, now_ms)
        case SetCompanion():
            return _set_companion(state, actor, message, now_ms)
    assert_never(message)


def _set_mode(state: RoomState, actor: Participant, message: SetTurnMode, now_ms: Millis) -> Decision:
    mode, order, limit_ms, firm = message.mode, message.order, message.limit_ms, message.firm
    if mode is None:
        return _answer(rules.set_settings(state.floor, TurnSettingsSet(now_ms, actor.id, order, limit_ms, firm)))
    late = message.after not in (None, state.floor.mode_number)
    # To silence everyone is never too late.
    if late and mode is not TurnMode.QUIET:
        return NOTHING
    wanted = TurnModeSet(now_ms, actor.id, mode, order, limit_ms, firm, None)
    return _answer(rules.set_mode(state.floor, wanted, (person.id for person in state.in_a_round())))


def _own_place(state: RoomState, actor: Participant, message: RaiseHand | LowerHand | Pass, now_ms: Millis) -> Decision:
    action = Action.PASS_TURN if isinstance(message, Pass) else Action.RAISE_HAND
    if not permitted(actor.role, action, Relation.OWN):
        return denied(action)
    match message:
        case RaiseHand():
            if not state.takes_turns(actor):
                return Rejection(ErrorCode.UNEXPECTED)
            return _answer(rules.raise_hand(state.floor, actor.id, now_ms))
        case LowerHand():
            return _answer(rules.lower_hand(state.floor, actor.id, now_ms))
        case Pass():
            return _answer(rules.pass_turn(state.floor, actor.id, message.turn, now_ms, come_back=message.come_back))
    assert_never(message)


def _own_turn(state: RoomState, actor: Participant, message: PassTurnOn | SetTurnForm, now_ms: Millis) -> Decision:
    turn = state.floor.running(message.turn)
    if turn is None:
        return NOTHING
    if turn.holder_id != actor.id or not permitted(actor.role, Action.PASS_TURN, Relation.OWN):
        return denied(Action.PASS_TURN)
    if isinstance(message, SetTurnForm):
        return _answer(rules.set_form(turn, message.form, now_ms))
    return _answer(rules.pass_on(state.floor, turn, message.participant_id, now_ms))


def _end(state: RoomState, actor: Participant, message: EndTurn, now_ms: Millis) -> Decision:
    turn = state.floor.running(message.turn)
    if turn is None:
        return NOTHING
    action = Action.PASS_TURN if turn.holder_id == actor.id else Action.CLOSE_TURN
    if not permitted(actor.role, action, _relation_to_turn(state, actor, turn)):
        return denied(action)
    return _answer(rules.end(state.floor, turn, actor.id, now_ms, message.how))


def _clock(state: RoomState, actor: Participant, message: ExtendTurn | HoldTime, now_ms: Millis) -> Decision:
    action = Action.EXTEND_TURN if isinstance(message, ExtendTurn) else Action.HOLD_TURN
    turn = state.floor.running(message.turn)
    # Who may do this to no turn at all is refused alike, whether or not this one runs.
    relation = Relation.OWN if turn is None else _relation_to_turn(state, actor, turn)
    if not permitted(actor.role, action, relation):
        return denied(action)
    if turn is None:
        return NOTHING
    if isinstance(message, ExtendTurn):
        return _answer(rules.extend(turn, message.by_ms, actor.id, now_ms))
    return _answer(rules.hold(turn, actor.id, now_ms, on=message.on))


def _about_someone(
    state: RoomState, actor: Participant, message: GiveTurn | DenyTurn | MoveInOrder, now_ms: Millis
) -> Decision:
    action = Action.DENY_TURN if isinstance(message, DenyTurn) else Action.GIVE_TURN
    target = _target(state, actor, action, message.participant_id)
    if isinstance(target, Rejection):
        return target
    match message:
        case GiveTurn():
            if not state.takes_turns(target):
                return Rejection(ErrorCode.UNEXPECTED)
            return _answer(rules.give(state.floor, message.after, target.id, actor.id, now_ms))
        case DenyTurn():
            return _answer(rules.deny(state.floor, target.id, actor.id, now_ms))
        case MoveInOrder():
            return _answer(rules.move(state.floor, target.id, message.before, actor.id, now_ms))
    assert_never(message)


def _set_companion(state: RoomState, actor: Participant, message: SetCompanion, now_ms: Millis) -> Decision:
    target = _target(state, actor, Action.SET_COMPANION, message.participant_id)
    if isinstance(target, Rejection):
        return target
    if target.companion_of == message.companion_of:
        return NOTHING
    if message.companion_of is not None:
        other = _inside(state, message.companion_of)
        if other is None:
            return NOT_FOUND
        # Nobody accompanies a companion: whose turn it is must be plain.
        accompanied = any(person.companion_of == target.id for person in state.people.values())
        if other.is_staff or other.id == target.id or other.companion_of is not None or accompanied:
            return Rejection(ErrorCode.UNEXPECTED)
    return Accepted((CompanionSet(now_ms, target.id, actor.id, message.companion_of),))


def _target(state: RoomState, actor: Participant, action: Action, who: ParticipantId) -> Participant | Rejection:
    if not permitted(actor.role, action, Relation.PARTICIPANT):
        return denied(action)
    target = _inside(state, who)
    if target is None:
        return NOT_FOUND
    return target if permitted(actor.role, action, _relation(actor, target)) else denied(action)


def _inside(state: RoomState, who: ParticipantId) -> Participant | None:
    person = state.here(who)
    return person if person is not None and person.inside else None


def _relation_to_turn(state: RoomState, actor: Participant, turn: Turn) -> Relation:
    return _relation(actor, state.people[turn.holder_id])


def _relation(actor: Participant, owner: Participant) -> Relation:
    return relation_to(owner.role, own=owner.id == actor.id)


def _answer(answer: tuple[StoredFloorEvent, ...] | Rejection) -> Decision:
    return answer if isinstance(answer, Rejection) else Accepted(answer)
