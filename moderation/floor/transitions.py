"""What each event does to the floor: one table, with its rules below it.

The table says in which phase an event counts, and which phases may follow. What it does not name changes nothing there,
so that whatever was stored can be read in any order that a lost closing left behind.

- There is one turn at most. To give the next ends the one before; a quiet room has none.
- Numbers rise: an event about a turn that is not the running one changes nothing.
- Whoever is given the turn is in no order any more. Whoever is not here is in none, and holds none.
- A round goes on while somebody is still to come in it or holds a turn of it; leaving the mode drops the rest.
- Only a mentor's word that is stored ends `unsaved`: a mode, or a turn they give. Where no more than a turn's end was
  not saved, its end by whomever does, since nobody is heard by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from msgspec.structs import replace

from moderation.floor.events import (
    AnyFloorEvent,
    FloorEvent,
    HandLowered,
    HandRaised,
    HandsOrdered,
    RoundDenied,
    RoundOrdered,
    RoundPassed,
    TalkCounted,
    TurnEnded,
    TurnExtended,
    TurnFormSet,
    TurnGiven,
    TurnHeld,
    TurnModeSet,
    TurnResumed,
    TurnSettingsSet,
    TurnsUnsaved,
)
from moderation.floor.peers import shown_to_peers
from moderation.floor.state import Ending, Floor, Order, Phase, Turn
from protocol.ids import ParticipantId
from protocol.values import Millis, TurnMode

_SILENT, _FREE, _RUNNING, _HELD = Phase.SILENT, Phase.FREE, Phase.RUNNING, Phase.HELD

TRANSITIONS: Final[Mapping[type[FloorEvent], Mapping[Phase, frozenset[Phase]]]] = {
    **{
        anywhere: {phase: frozenset({phase}) for phase in Phase}
        for anywhere in (HandRaised, HandLowered, HandsOrdered, TurnSettingsSet, TalkCounted, TurnsUnsaved)
    },
    **{
        of_round: {phase: frozenset({phase}) for phase in (_FREE, _RUNNING, _HELD)}
        for of_round in (RoundOrdered, RoundPassed, RoundDenied)
    },
    TurnGiven: {phase: frozenset({_RUNNING}) for phase in (_FREE, _RUNNING, _HELD)},
    # Where it is about another turn, the running one goes on.
    TurnEnded: {_RUNNING: frozenset({_FREE, _RUNNING}), _HELD: frozenset({_FREE, _HELD})},
    TurnExtended: {_RUNNING: frozenset({_RUNNING}), _HELD: frozenset({_HELD})},
    TurnHeld: {_RUNNING: frozenset({_HELD, _RUNNING})},
    TurnResumed: {_HELD: frozenset({_RUNNING, _HELD})},
    TurnFormSet: {_RUNNING: frozenset({_RUNNING}), _HELD: frozenset({_HELD})},
    TurnModeSet: {
        _SILENT: frozenset({_SILENT, _FREE}),
        _FREE: frozenset({_SILENT, _FREE}),
        _RUNNING: frozenset({_SILENT, _RUNNING}),
        _HELD: frozenset({_SILENT, _HELD}),
    },
}


def evolve_floor(floor: Floor, event: AnyFloorEvent) -> Floor:
    """The floor after an event."""
    after = _evolved(floor, event)
    return after if after is floor else shown_to_peers(floor, after)


def _evolved(floor: Floor, event: AnyFloorEvent) -> Floor:
    if floor.phase not in TRANSITIONS[type(event)]:
        return floor
    match event:
        case HandRaised() | HandLowered() | HandsOrdered():
            return _hands(floor, event)
        case RoundOrdered() | RoundPassed() | RoundDenied():
            return _rest_of_round(floor, event)
        case TurnGiven():
            return _given(floor, event)
        case TurnEnded() | TurnExtended() | TurnHeld() | TurnResumed() | TurnFormSet():
            turn = floor.running(event.number)
            return floor if turn is None else _about_turn(floor, turn, event)
        case TurnModeSet():
            return _mode_set(floor, event)
        case TurnSettingsSet():
            return replace(floor, order=event.order, limit_ms=event.limit_ms, firm=event.firm)
        case TalkCounted():
            talk = dict(floor.talk)
            for each in event.times:
                talk[each.participant_id] = talk.get(each.participant_id, 0) + each.ms
            return replace(floor, talk=talk)
        case TurnsUnsaved():
            only = event.turn if not floor.unsaved or floor.unsaved_turn == event.turn else 0
            return replace(floor, unsaved=True, unsaved_turn=only)
    assert_never(event)


def gone(floor: Floor, who: ParticipantId) -> Floor:
    """Without someone who is here no more, or takes no turns: in no order, and holding none."""
    if who != floor.holder_id and who not in floor.hands and who not in floor.to_come:
        return floor
    before = floor
    if floor.turn is not None and who == floor.holder_id:
        done = _with(floor.done, who) if floor.turn.of_round else floor.done
        floor = replace(_over(floor, floor.turn), done=done)
    without = replace(
        floor,
        hands=_without(floor.hands, who),
        to_come=_without(floor.to_come, who),
        later=_without(floor.later, who),
    )
    return shown_to_peers(before, without)


def left_out(floor: Floor, who: ParticipantId) -> Floor:
    """Without someone who is still to come in the round; nothing else of theirs changes."""
    if who not in floor.to_come:
        return floor
    return shown_to_peers(floor, _left(floor, who))


def arrived(floor: Floor, who: ParticipantId) -> Floor:
    """Someone came who takes turns: in a round that goes on they come last, unless they had theirs."""
    if not floor.going or who in floor.to_come or who in floor.over or who == floor.holder_id:
        return floor
    later = _with(floor.later, who) if who in floor.once else floor.later
    return shown_to_peers(floor, replace(floor, to_come=(*floor.to_come, who), later=later))


def stopped(floor: Floor, at_ms: Millis) -> Floor:
    """With the clock standing still, since nobody leads the group."""
    turn = floor.turn
    if turn is None or turn.ends_ms is None:
        return floor
    return replace(floor, turn=replace(turn, ends_ms=None, left_ms=turn.left(at_ms)))


def running_on(floor: Floor, at_ms: Millis) -> Floor:
    """With the clock running on, unless a mentor stopped it."""
    turn = floor.turn
    if turn is None or turn.held or turn.ends_ms is not None or not turn.limit_ms:
        return floor
    return replace(floor, turn=_timed(turn, at_ms, turn.left_ms))


def ended_for_all(floor: Floor) -> Floor:
    """Nobody is here any more: no turn, no order. How turns go stays as it is set."""
    return replace(floor, turn=None, hands=(), **_NO_ROUND)


# ── event by event ────────────────────────────────────────────────────────────────────────────


def _hands(floor: Floor, event: HandRaised | HandLowered | HandsOrdered) -> Floor:
    match event:
        case HandRaised(participant_id=who):
            return replace(floor, hands=(*_without(floor.hands, who), who))
        case HandLowered(participant_id=who):
            return replace(floor, hands=_without(floor.hands, who))
        case HandsOrdered():
            return replace(floor, hands=_ordered(floor.hands, event.order))
    assert_never(event)


def _rest_of_round(floor: Floor, event: RoundOrdered | RoundPassed | RoundDenied) -> Floor:
    if isinstance(event, RoundOrdered):
        return replace(floor, to_come=_ordered(floor.to_come, event.order))
    who = event.participant_id
    if who not in floor.to_come:
        return floor
    if isinstance(event, RoundDenied):
        return _left(replace(floor, denied=_with(floor.denied, who)), who)
    if event.come_back:
        later, once = _with(floor.later, who), _with(floor.once, who)
        return replace(floor, to_come=(*_without(floor.to_come, who), who), later=later, once=once)
    done, passed = _with(floor.done, who), _with(floor.passed, who)
    return _left(replace(floor, done=done, passed=passed), who)


def _given(floor: Floor, event: TurnGiven) -> Floor:
    who = event.holder_id
    turn = Turn(
        event.number,
        who,
        event.at_ms,
        limit_ms=event.limit_ms,
        firm=event.firm,
        ends_ms=event.at_ms + event.limit_ms if event.limit_ms else None,
        of_round=who in floor.to_come,
        again=who in floor.later,
    )
    return replace(
        floor,
        turn=turn,
        newest=event.number,
        hands=_without(floor.hands, who),
        to_come=_without(floor.to_come, who),
        later=_without(floor.later, who),
        **(_SAVED if event.by is not None else {}),
    )


def _about_turn(
    floor: Floor, turn: Turn, event: TurnEnded | TurnExtended | TurnHeld | TurnResumed | TurnFormSet
) -> Floor:
    match event:
        case TurnEnded():
            return _ended(floor, turn, event.why)
        case TurnExtended():
            given = turn.grace_given or event.by is None
            longer = replace(turn, limit_ms=event.limit_ms, grace=event.by is None, grace_given=given)
            if turn.held:
                return replace(floor, turn=replace(longer, left_ms=event.left_ms))
            return replace(floor, turn=_timed(longer, event.at_ms, event.left_ms))
        case TurnHeld():
            return replace(floor, turn=replace(turn, held_by=event.by, ends_ms=None, left_ms=event.left_ms))
        case TurnResumed():
            return replace(floor, turn=_timed(replace(turn, held_by=None), event.at_ms, event.left_ms))
        case TurnFormSet():
            return replace(floor, turn=replace(turn, form=event.form))
    assert_never(event)


def _ended(floor: Floor, turn: Turn, why: Ending) -> Floor:
    who, after = turn.holder_id, _over(floor, turn)
    if turn.of_round and why is Ending.LATER:
        later, once = _with(after.later, who), _with(after.once, who)
        after = replace(after, to_come=(*after.to_come, who), later=later, once=once)
    elif turn.of_round:
        passed = _with(after.passed, who) if why is Ending.PASSED else after.passed
        after = replace(after, done=_with(after.done, who), passed=passed)
    return after


def _mode_set(floor: Floor, event: TurnModeSet) -> Floor:
    turn = None if event.mode is TurnMode.QUIET else floor.turn
    after = replace(
        floor,
        mode=event.mode,
        mode_number=floor.mode_number + 1,
        turn=turn,
        order=event.order,
        limit_ms=event.limit_ms,
        firm=event.firm,
        **_SAVED,
    )
    if event.mode is TurnMode.ROUND and event.round is None:
        return after
    among = event.round or ()
    # Who speaks already, and is of the round, has their turn in it now.
    holds = turn is not None and turn.holder_id in among
    return replace(
        after,
        turn=None if turn is None else replace(turn, of_round=holds, again=False),
        **{**_NO_ROUND, "to_come": tuple(who for who in among if turn is None or who != turn.holder_id)},
    )


# ── what it is made of ────────────────────────────────────────────────────────────────────────


_NO_ROUND: Final[Mapping[str, Order]] = {
    "to_come": (),
    "later": (),
    "done": (),
    "passed": (),
    "denied": (),
    "once": (),
    "line": (),
    "seen_done": (),
}


def _left(floor: Floor, who: ParticipantId) -> Floor:
    return replace(floor, to_come=_without(floor.to_come, who), later=_without(floor.later, who))


_SAVED: Final[Mapping[str, Any]] = {"unsaved": False, "unsaved_turn": 0}


def _over(floor: Floor, turn: Turn) -> Floor:
    saved = _SAVED if floor.unsaved and floor.unsaved_turn == turn.number else {}
    return replace(floor, turn=None, **saved)


def _timed(turn: Turn, at_ms: Millis, left_ms: int) -> Turn:
    return replace(turn, ends_ms=at_ms + left_ms, left_ms=0)


def _without(order: Order, who: ParticipantId) -> Order:
    return tuple(each for each in order if each != who) if who in order else order


def _with(order: Order, who: ParticipantId) -> Order:
    return order if who in order else (*order, who)


def _ordered(present: Order, wanted: Order) -> Order:
    """Those who are there, in the order wanted; whoever it does not name stays behind them."""
    named = tuple(who for who in dict.fromkeys(wanted) if who in present)
    return (*named, *(who for who in present if who not in named))
