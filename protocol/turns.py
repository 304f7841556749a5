"""The messages about speaking turns (the floor). `protocol.messages` takes them up with all others.

A request about a running turn names it by its number, so that a second tap, or one that was late, does not touch the
turn after it: it is acknowledged and changes nothing.

Nothing here opens anyone's microphone. Who may be heard opens their own by `set_devices`.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from protocol.frame import Frame
from protocol.ids import ParticipantId
from protocol.values import ClientRequestId, FloorView, RoundOrder, TalkTime, TurnEnd, TurnForm, TurnMode

MAX_LIMIT_MS: Final = 3_600_000
"""Longest limit of a turn, and the most that one request adds to it."""

TurnNumber = Annotated[int, Meta(ge=0)]


# ── of everyone ───────────────────────────────────────────────────────────────────────────────


class RaiseHand(Frame, frozen=True, tag="raise_hand"):
    """I would like to speak. Who raised a hand already keeps their place."""

    id: ClientRequestId


class LowerHand(Frame, frozen=True, tag="lower_hand"):
    """I would not, any more. Costs nothing."""

    id: ClientRequestId


class Pass(Frame, frozen=True, tag="pass"):
    """I pass: `turn`, which I hold; or with 0 the one that is still to come in a round.

    `come_back`: come back to me at the round's end. With 0, who has none to come, and a hand up, lowers it.
    """

    id: ClientRequestId
    come_back: bool = False
    turn: TurnNumber = 0


class PassTurnOn(Frame, frozen=True, tag="pass_turn_on"):
    """I hold the turn of a round that goes from speaker to speaker: it is theirs now. They are still to come in it."""

    id: ClientRequestId
    turn: TurnNumber
    participant_id: ParticipantId


class SetTurnForm(Frame, frozen=True, tag="set_turn_form"):
    """How I take the turn that I hold. SIGNED: my picture is pinned for everyone and is never left out."""

    id: ClientRequestId
    turn: TurnNumber
    form: TurnForm


# ── of mentors and visible therapists ─────────────────────────────────────────────────────────


class NextSpeaker(Frame, frozen=True, tag="next_speaker"):
    """The first in the order has the turn now; the running one ends. NOT_FOUND: nobody is in the order.

    `after`: the number of the newest turn that I know of, running or not. UNEXPECTED in a quiet room.
    """

    id: ClientRequestId
    after: TurnNumber


class GiveTurn(Frame, frozen=True, tag="give_turn"):
    """They have the turn now, whatever the order; the running one ends. UNEXPECTED in a quiet room."""

    id: ClientRequestId
    after: TurnNumber
    participant_id: ParticipantId


class DenyTurn(Frame, frozen=True, tag="deny_turn"):
    """Not now: lowers their hand, or takes them out of what is left of the round."""

    id: ClientRequestId
    participant_id: ParticipantId


class EndTurn(Frame, frozen=True, tag="end_turn"):
    """The turn ends: their holder says so, or a mentor closes it. The microphone closes at once.

    `how`: a mentor may pass it for its holder too, and come back to them. LATER is PASSED where no round goes on.
    """

    id: ClientRequestId
    turn: TurnNumber
    how: TurnEnd = TurnEnd.DONE


class ExtendTurn(Frame, frozen=True, tag="extend_turn"):
    """So much longer. Where the time is over already: from now on. UNEXPECTED for a turn without a limit."""

    id: ClientRequestId
    turn: TurnNumber
    by_ms: Annotated[int, Meta(ge=1_000, le=MAX_LIMIT_MS)]


class HoldTime(Frame, frozen=True, tag="hold_time"):
    """Stops the turn's clock, or lets it run on."""

    id: ClientRequestId
    turn: TurnNumber
    on: bool


class MoveInOrder(Frame, frozen=True, tag="move_in_order"):
    """Puts a person elsewhere in the order: the hands, or in a round what is left of it.

    `before`: whom they come before; null: to its end. NOT_FOUND when one of them is not in it (any more).
    """

    id: ClientRequestId
    participant_id: ParticipantId
    before: ParticipantId | None = None


class LeastHeardFirst(Frame, frozen=True, tag="least_heard_first"):
    """Orders by talk time, the least first; who is equal by hand, then as the order is."""

    id: ClientRequestId


class SetTurnMode(Frame, frozen=True, tag="set_turn_mode"):
    """Who may be heard, and how turns go, from now on.

    Whoever may not be heard in that mode is closed at once, and opens their own microphone later, or does not. A round
    begins with it when none goes on; with one, its order of people stays as it is. `limit_ms`: of each turn that begins
    later; 0: none. `firm`: the turn ends at its limit, after 30 s of grace; else nobody is cut off.

    `mode` null: it stays as it is, whoever set it since, and no round begins. `after`: the number of the newest mode
    that I know of; where another was set since, this one was late, and is acknowledged without effect, unless it is
    QUIET, which always counts. Null: it counts in any case.
    """

    id: ClientRequestId
    mode: TurnMode | None
    order: RoundOrder = RoundOrder.LIST
    limit_ms: Annotated[int, Meta(ge=0, le=MAX_LIMIT_MS)] = 0
    firm: bool = False
    after: TurnNumber | None = None


class SetCompanion(Frame, frozen=True, tag="set_companion"):
    """A participant is here with another one (interpreter, captioner, support person), and is heard when that one is.

    A companion has no turn of their own. Null: they take part for themselves.
    """

    id: ClientRequestId
    participant_id: ParticipantId
    companion_of: ParticipantId | None = None


# ── server → client (ephemeral: the latest value counts) ──────────────────────────────────────


class FloorChanged(Frame, frozen=True, tag="floor_changed"):
    """The turns as you see them from now on, in place of what was before. `closings` is your own number after it."""

    floor: FloorView
    closings: int = 0


class TalkTimeChanged(Frame, frozen=True, tag="talk_time_changed"):
    """How long each person has spoken in this session. To mentors and therapists only."""

    times: tuple[TalkTime, ...]
