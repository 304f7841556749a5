"""The speaking turns as each viewer may see them. Peers see who speaks and who comes next; nothing of time."""

from __future__ import annotations

from moderation.floor.state import Floor, Order, Turn
from moderation.permissions import Action, Relation, permitted, relation_to
from protocol.ids import ParticipantId
from protocol.values import FloorView, Role, RoundOrder, TalkTime, TurnView
from rooms.state import RoomState


def floor_view(state: RoomState, viewer: ParticipantId, role: Role) -> FloorView:
    """The floor, for a viewer who is in the room."""
    floor = state.floor
    leads = permitted(role, Action.SEE_TURNS_SET, Relation.ROOM)
    # Its holder knows as much of a turn as they need to take it: that they may choose the next, say.
    holds = leads or floor.holder_id == viewer
    to_come, done = _round(state, viewer, leads=leads)
    return FloorView(
        mode=floor.mode,
        turn=None if floor.turn is None else _turn_view(state, floor.turn, viewer, role, leads=leads),
        newest=floor.newest,
        hands=floor.hands,
        round=to_come,
        later=floor.later,
        done=done,
        passed=_here(state, floor.passed) if leads else (),
        order=floor.order if holds else RoundOrder.LIST,
        limit_ms=floor.limit_ms if holds else 0,
        firm=floor.firm and holds,
        unsaved=floor.unsaved,
        mode_number=floor.mode_number if leads else 0,
    )


def _round(state: RoomState, viewer: ParticipantId, *, leads: bool) -> tuple[Order, Order]:
    """Who is still to come in the round, and whose turn in it is over."""
    floor = state.floor
    if leads:
        return floor.to_come, _here(state, floor.done)
    # Who chooses the next has to know whom they can choose. And everyone knows of themselves.
    chooses = floor.holder_id == viewer and floor.order is RoundOrder.PASSED_ON
    to_come = floor.to_come if chooses else tuple(who for who in floor.line if who in floor.to_come or who != viewer)
    own = tuple(who for who in floor.over if who not in floor.seen_done and (chooses or who == viewer))
    return _here(state, to_come), _here(state, (*floor.seen_done, *own))


def talk_view(floor: Floor, role: Role) -> tuple[TalkTime, ...]:
    """How long each person has spoken; empty for whom it is not told."""
    if not sees_talk(role):
        return ()
    return tuple(TalkTime(who, ms) for who, ms in floor.talk.items())


def sees_talk(role: Role) -> bool:
    """Whether that role is told how long people have spoken."""
    return permitted(role, Action.SEE_TALK_TIME, Relation.PARTICIPANT)


def _turn_view(state: RoomState, turn: Turn, viewer: ParticipantId, role: Role, *, leads: bool) -> TurnView:
    relation = relation_to(state.people[turn.holder_id].role, own=turn.holder_id == viewer)
    if not permitted(role, Action.SEE_TURN_TIME, relation):
        return TurnView(turn.number, turn.holder_id, turn.form)
    return TurnView(
        number=turn.number,
        holder_id=turn.holder_id,
        form=turn.form,
        since_ms=turn.since_ms,
        limit_ms=turn.limit_ms,
        ends_ms=turn.ends_ms or 0,
        left_ms=turn.left_ms,
        held=turn.held,
        held_by=(turn.held_by if leads else None) or ParticipantId(""),
        firm=turn.firm,
        grace=turn.grace,
    )


def _here(state: RoomState, order: Order) -> Order:
    return tuple(who for who in order if state.people[who].inside)
