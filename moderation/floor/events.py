"""What happened on the floor. All of it is stored but `TurnsUnsaved`."""

from __future__ import annotations

from typing import get_args

from msgspec import Struct

from moderation.floor.state import Ending, Order
from protocol.ids import ParticipantId
from protocol.values import Millis, RoundOrder, TalkTime, TurnForm, TurnMode


class FloorEvent(Struct, frozen=True, tag_field="type"):
    """Base of all events of the floor; the tag is the `type` under which one is stored."""


class HandRaised(FloorEvent, frozen=True, tag="hand_raised"):
    """Someone would like to speak."""

    at_ms: Millis
    participant_id: ParticipantId


class HandLowered(FloorEvent, frozen=True, tag="hand_lowered"):
    """They would not any more (None), or a mentor said "not now"."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId | None


class HandsOrdered(FloorEvent, frozen=True, tag="hands_ordered"):
    """A mentor put the hands in another order."""

    at_ms: Millis
    by: ParticipantId
    order: Order


class RoundOrdered(FloorEvent, frozen=True, tag="round_ordered"):
    """A mentor put those who are still to come in another order."""

    at_ms: Millis
    by: ParticipantId
    order: Order


class TurnGiven(FloorEvent, frozen=True, tag="turn_given"):
    """Someone has the turn: by a mentor, by the one before, or because the round goes on (None)."""

    at_ms: Millis
    number: int
    holder_id: ParticipantId
    by: ParticipantId | None
    limit_ms: int
    firm: bool


class TurnEnded(FloorEvent, frozen=True, tag="turn_ended"):
    """A turn is over. `by`: the mentor who closed it."""

    at_ms: Millis
    number: int
    why: Ending
    by: ParticipantId | None


class TurnExtended(FloorEvent, frozen=True, tag="turn_extended"):
    """A turn may last longer: by a mentor, or by the grace of its firm limit (None). `left_ms`: from `at_ms` on."""

    at_ms: Millis
    number: int
    by: ParticipantId | None
    limit_ms: int
    left_ms: int


class TurnHeld(FloorEvent, frozen=True, tag="turn_held"):
    """A mentor stopped the clock; `left_ms` was left."""

    at_ms: Millis
    number: int
    by: ParticipantId
    left_ms: int


class TurnResumed(FloorEvent, frozen=True, tag="turn_resumed"):
    """The clock runs on, with `left_ms` left."""

    at_ms: Millis
    number: int
    by: ParticipantId
    left_ms: int


class TurnFormSet(FloorEvent, frozen=True, tag="turn_form_set"):
    """How its holder takes their turn."""

    at_ms: Millis
    number: int
    form: TurnForm


class RoundPassed(FloorEvent, frozen=True, tag="round_passed"):
    """Someone who is still to come passes, or asks to be come back to."""

    at_ms: Millis
    participant_id: ParticipantId
    come_back: bool


class RoundDenied(FloorEvent, frozen=True, tag="round_denied"):
    """A mentor took someone out of what is left of the round."""

    at_ms: Millis
    participant_id: ParticipantId
    by: ParticipantId


class TurnModeSet(FloorEvent, frozen=True, tag="turn_mode_set"):
    """Who may be heard, and how turns go. `round`: who is in the round that begins; None: none begins."""

    at_ms: Millis
    by: ParticipantId
    mode: TurnMode
    order: RoundOrder
    limit_ms: int
    firm: bool
    round: Order | None


class TurnSettingsSet(FloorEvent, frozen=True, tag="turn_settings_set"):
    """How rounds and turns to come go. Who may be heard stays as it is."""

    at_ms: Millis
    by: ParticipantId
    order: RoundOrder
    limit_ms: int
    firm: bool


class TalkCounted(FloorEvent, frozen=True, tag="talk_counted"):
    """People spoke for so long since this was last counted."""

    at_ms: Millis
    times: tuple[TalkTime, ...]


class TurnsUnsaved(FloorEvent, frozen=True, tag="turns_unsaved"):
    """Ephemeral: something that closed microphones could not be stored; they stay closed.

    `turn`: it was no more than that turn's end; 0: more.
    """

    turn: int = 0


StoredFloorEvent = (
    HandRaised
    | HandLowered
    | HandsOrdered
    | RoundOrdered
    | TurnGiven
    | TurnEnded
    | TurnExtended
    | TurnHeld
    | TurnResumed
    | TurnFormSet
    | RoundPassed
    | RoundDenied
    | TurnModeSet
    | TurnSettingsSet
    | TalkCounted
)
AnyFloorEvent = StoredFloorEvent | TurnsUnsaved

STORED_FLOOR_EVENTS: tuple[type[FloorEvent], ...] = get_args(StoredFloorEvent)
FLOOR_EVENTS: tuple[type[FloorEvent], ...] = get_args(AnyFloorEvent)
