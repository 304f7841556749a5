"""What may become of the floor: each function answers one request with events, or says why not.

Who may ask for it was looked at before; here it is only about turns. A request about a turn that is not the running one
was late, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from moderation.decision import NOT_FOUND, Rejection
from moderation.floor.events import (
    HandLowered,
    HandRaised,
    HandsOrdered,
    RoundDenied,
    RoundOrdered,
    RoundPassed,
    StoredFloorEvent,
    TurnEnded,
    TurnExtended,
    TurnFormSet,
    TurnGiven,
    TurnHeld,
    TurnModeSet,
    TurnResumed,
    TurnSettingsSet,
)
from moderation.floor.state import GRACE_MS, Ending, Floor, Order, Phase, Turn
from protocol.errors import ErrorCode
from protocol.ids import ParticipantId
from protocol.values import Millis, RoundOrder, TurnEnd, TurnForm, TurnMode

Answer = tuple[StoredFloorEvent, ...] | Rejection

_UNEXPECTED: Final = Rejection(ErrorCode.UNEXPECTED)


# ── one's own ─────────────────────────────────────────────────────────────────────────────────


def raise_hand(floor: Floor, who: ParticipantId, now_ms: Millis) -> Answer:
    """Someone would like to speak. Who holds the turn has what they would ask for."""
    return () if who in floor.hands or who == floor.holder_id else (HandRaised(now_ms, who),)


def lower_hand(floor: Floor, who: ParticipantId, now_ms: Millis) -> Answer:
    """Someone would not any more."""
    return (HandLowered(now_ms, who, None),) if who in floor.hands else ()


def pass_turn(floor: Floor, who: ParticipantId, number: int, now_ms: Millis, *, come_back: bool) -> Answer:
    """Someone passes: the turn of that number, which they hold; with 0 the one to come, else they lower their hand."""
    if number:
        turn = floor.running(number)
        if turn is None or turn.holder_id != who:
            return ()
        return end(floor, turn, who, now_ms, TurnEnd.LATER if come_back else TurnEnd.PASSED)
    if who in floor.to_come:
        return () if come_back and who in floor.later else (RoundPassed(now_ms, who, come_back),)
    return lower_hand(floor, who, now_ms)


def pass_on(floor: Floor, turn: Turn, whom: ParticipantId, now_ms: Millis) -> Answer:
    """The turn's holder chooses the next."""
    # Who is heard next is a mentor's word while one could not be stored.
    if not turn.of_round or floor.order is not RoundOrder.PASSED_ON or floor.unsaved:
        return _UNEXPECTED
    if whom not in floor.to_come:
        return NOT_FOUND
    over = TurnEnded(now_ms, turn.number, Ending.PASSED_ON, None)
    return (over, given(floor, whom, now_ms, by=turn.holder_id))


def set_form(turn: Turn, form: TurnForm, now_ms: Millis) -> Answer:
    """How the turn's holder takes it."""
    return () if turn.form is form else (TurnFormSet(now_ms, turn.number, form),)


# ── a mentor's ────────────────────────────────────────────────────────────────────────────────


def give(floor: Floor, after: int, whom: ParticipantId | None, by: ParticipantId, now_ms: Millis) -> Answer:
    """`whom` has the turn now, or whoever is first (None); `after`: the newest turn that the mentor knows of."""
    if after != floor.newest:
        return ()
    if floor.phase is Phase.SILENT:
        return _UNEXPECTED
    whom = floor.first() if whom is None else whom
    if whom is None:
        return NOT_FOUND
    if whom == floor.holder_id and not floor.unsaved:
        return ()
    return (*_closed(floor, by, now_ms), given(floor, whom, now_ms, by=by))


def given(floor: Floor, whom: ParticipantId, now_ms: Millis, *, by: ParticipantId | None) -> TurnGiven:
    """The next turn, for that person."""
    return TurnGiven(now_ms, floor.newest + 1, whom, by, floor.limit_ms, floor.firm)


def deny(floor: Floor, whom: ParticipantId, by: ParticipantId, now_ms: Millis) -> Answer:
    """Not now: out of the hands, and out of what is left of the round."""
    hand = (HandLowered(now_ms, whom, by),) if whom in floor.hands else ()
    rest = (RoundDenied(now_ms, whom, by),) if whom in floor.to_come else ()
    return (*hand, *rest)


def end(floor: Floor, turn: Turn, by: ParticipantId, now_ms: Millis, how: TurnEnd) -> Answer:
    """The turn is over: its holder says so, or a mentor."""
    own = by == turn.holder_id
    # Come back to once, and where somebody else comes first: or they would have it again at once.
    later = how is TurnEnd.LATER and turn.of_round and not turn.again and bool(floor.to_come)
    ended = Ending.DONE if own else Ending.CLOSED
    passed = Ending.LATER if later else Ending.PASSED
    why = ended if how is TurnEnd.DONE else passed
    return (TurnEnded(now_ms, turn.number, why, None if own else by),)


def extend(turn: Turn, by_ms: int, by: ParticipantId, now_ms: Millis) -> Answer:
    """So much longer; from now on where the time is over."""
    if not turn.limit_ms:
        return _UNEXPECTED
    left = max(0, turn.left(now_ms)) + by_ms
    return (TurnExtended(now_ms, turn.number, by, turn.limit_ms + by_ms, left),)


def hold(turn: Turn, by: ParticipantId, now_ms: Millis, *, on: bool) -> Answer:
    """Stops the clock, or lets it run on."""
    if not turn.limit_ms:
        return _UNEXPECTED
    if turn.held == on:
        return ()
    held = TurnHeld if on else TurnResumed
    return (held(now_ms, turn.number, by, turn.left(now_ms)),)


def move(floor: Floor, whom: ParticipantId, before: ParticipantId | None, by: ParticipantId, now_ms: Millis) -> Answer:
    """Puts someone before another, or at the end: in what is left of the round, or else among the hands."""
    of_round = whom in floor.to_come
    order = floor.to_come if of_round else floor.hands
    if whom not in order or (before is not None and before not in order):
        return NOT_FOUND
    if before == whom:
        return ()
    rest = [who for who in order if who != whom]
    rest.insert(len(rest) if before is None else rest.index(before), whom)
    return _ordered(floor, tuple(rest), by, now_ms, of_round=of_round)


def least_heard_first(floor: Floor, by: ParticipantId, now_ms: Millis) -> Answer:
    """Orders what is left of the round, or else the hands, by talk time."""
    of_round = bool(floor.to_come)
    order = floor.to_come if of_round else floor.hands
    return _ordered(floor, by_talk(floor, order), by, now_ms, of_round=of_round)


def set_mode(floor: Floor, event: TurnModeSet, eligible: Iterable[ParticipantId]) -> Answer:
    """How turns go from now on. `event` says so, with no round yet; `eligible`: who would be in one, by place."""
    mode, now_ms = event.mode, event.at_ms
    among: Order | None = None
    if mode is TurnMode.ROUND and not floor.going:
        among = tuple(eligible)
        if event.order is RoundOrder.LEAST_HEARD:
            among = by_talk(floor, among)
    as_set = (floor.mode, floor.order, floor.limit_ms, floor.firm) == (mode, event.order, event.limit_ms, event.firm)
    # What could not be stored is said again, even where it is so as far as the log knows.
    if as_set and not among and not floor.unsaved:
        return ()
    # A turn whose closing could not be stored does not go on by another way.
    over = _closed(floor, event.by, now_ms) if mode is TurnMode.QUIET or floor.unsaved else ()
    begins = TurnModeSet(now_ms, event.by, mode, event.order, event.limit_ms, event.firm, among)
    first = next(iter(among or ()), None)
    if first is None or (floor.turn is not None and not over):
        return (*over, begins)
    return (*over, begins, TurnGiven(now_ms, floor.newest + 1, first, None, event.limit_ms, event.firm))


def set_settings(floor: Floor, event: TurnSettingsSet) -> Answer:
    """How rounds and turns to come go."""
    as_set = (floor.order, floor.limit_ms, floor.firm) == (event.order, event.limit_ms, event.firm)
    return () if as_set else (event,)


# ── by themselves ─────────────────────────────────────────────────────────────────────────────


def goes_on(floor: Floor, now_ms: Millis) -> tuple[TurnGiven, ...]:
    """The round's next turn, where the server gives it."""
    if not waits_for_next(floor):
        return ()
    return (given(floor, floor.to_come[0], now_ms, by=None),)


def waits_for_next(floor: Floor) -> bool:
    """Whether the server has to give the round's next turn."""
    return not floor.unsaved and floor.turn is None and bool(floor.to_come) and floor.order is not RoundOrder.PASSED_ON


def time_over(floor: Floor, now_ms: Millis, *, waited: bool = False) -> tuple[TurnExtended | TurnEnded, ...]:
    """What a firm limit does now: its grace once, and then the end.

    `waited`: for its holder, who is back only now: the grace is theirs from now on.
    """
    due, turn = turn_deadline(floor), floor.turn
    if turn is None or due is None or now_ms < due:
        return ()
    left = GRACE_MS if waited else due + GRACE_MS - now_ms
    if turn.grace_given or left <= 0:
        return (TurnEnded(now_ms, turn.number, Ending.TIME, None),)
    return (TurnExtended(now_ms, turn.number, None, turn.limit_ms + GRACE_MS, left),)


def turn_deadline(floor: Floor) -> Millis | None:
    """When a firm limit is over; None: there is none, or its clock stands still."""
    return floor.turn.ends_ms if floor.turn is not None and floor.turn.firm else None


def by_talk(floor: Floor, order: Order) -> Order:
    """The least heard first; who is equal by their hands, and without one in the order as it is."""
    hands = {who: place for place, who in enumerate(floor.hands)}
    return tuple(sorted(order, key=lambda who: (floor.talk.get(who, 0), hands.get(who, len(hands)))))


def _closed(floor: Floor, by: ParticipantId, now_ms: Millis) -> tuple[TurnEnded, ...]:
    return () if floor.turn is None else (TurnEnded(now_ms, floor.turn.number, Ending.CLOSED, by),)


def _ordered(floor: Floor, order: Order, by: ParticipantId, now_ms: Millis, *, of_round: bool) -> Answer:
    if order == (floor.to_come if of_round else floor.hands):
        return ()
    return (RoundOrdered(now_ms, by, order) if of_round else HandsOrdered(now_ms, by, order),)
