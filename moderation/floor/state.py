"""The floor as a value: whose turn it is, who would like one, and what is left of a round."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never

from msgspec import Struct

from protocol.ids import ParticipantId
from protocol.values import Millis, RoundOrder, TurnForm, TurnMode

Order = tuple[ParticipantId, ...]

GRACE_MS: Final = 30_000
"""What a firm limit gives once, before the turn ends."""


class Ending(StrEnum):
    """Why a turn ended. To peers they are all the same."""

    DONE = "done"
    """Its holder said so."""
    PASSED = "passed"
    LATER = "later"
    """They asked to be come back to at the round's end."""
    CLOSED = "closed"
    """By a mentor, who closed it, or gave the turn to someone else."""
    PASSED_ON = "passed_on"
    """Its holder chose the next."""
    TIME = "time"
    """A firm limit, and its grace, were over."""


class Phase(StrEnum):
    """What the table of transitions goes by."""

    SILENT = "silent"
    """A quiet room: there are no turns."""
    FREE = "free"
    """Nobody holds a turn."""
    RUNNING = "running"
    HELD = "held"
    """Somebody holds it, and a mentor stopped its clock."""


class Turn(Struct, frozen=True):
    """A running turn.

    Attributes:
        limit_ms: how long it was to be, with what was added to it; 0: no limit.
        firm: it ends when its time is over, after `GRACE_MS` once.
        grace: it is in that grace.
        grace_given: it had that grace.
        ends_ms: when its time is over; None: there is no limit, or the clock stands still.
        left_ms: what is left of it while the clock stands still; negative: over by so much.
        held_by: the mentor who stopped the clock. It also stands still while nobody leads the group.
        of_round: it is its holder's turn in the round that goes on.
        again: its holder asked to be come back to, and was.
    """

    number: int
    holder_id: ParticipantId
    since_ms: Millis
    form: TurnForm = TurnForm.SPOKEN
    limit_ms: int = 0
    firm: bool = False
    grace: bool = False
    grace_given: bool = False
    ends_ms: Millis | None = None
    left_ms: int = 0
    held_by: ParticipantId | None = None
    of_round: bool = False
    again: bool = False

    @property
    def held(self) -> bool:
        """Whether a mentor stopped the clock."""
        return self.held_by is not None

    def left(self, now_ms: Millis) -> int:
        """What is left of a turn with a limit; negative: over by so much."""
        return self.left_ms if self.ends_ms is None else self.ends_ms - now_ms


class Floor(Struct, frozen=True):
    """The turns of one session.

    Attributes:
        newest: the number of the newest turn, running or not.
        hands: who raised a hand, in order.
        to_come: who is still to come in it, in order.
        later: who of them asked to be come back to.
        done: whose turn in it is over, in that order; also of those who have left since.
        passed: who of them passed.
        mode_number: rises each time a mode is set.
        denied: whom a mentor took out of it; they are not in it again.
        once: who of them asked to be come back to, once and for all.
        line: the rest of the round as peers see it.
        seen_done: whose turn in it is over as peers see it.
        order: how a round goes on.
        limit_ms: of each turn that is given from now on; 0: none.
        firm: the same.
        unsaved: a closing took effect and could not be saved; nobody who does not lead is heard until it is.
        unsaved_turn: that closing was no more than the end of this turn; 0: it was more.
        talk: how long each person has spoken, in ms.
    """

    mode: TurnMode = TurnMode.OPEN
    turn: Turn | None = None
    newest: int = 0
    hands: Order = ()
    to_come: Order = ()
    later: Order = ()
    done: Order = ()
    passed: Order = ()
    denied: Order = ()
    once: Order = ()
    line: Order = ()
    seen_done: Order = ()
    order: RoundOrder = RoundOrder.LIST
    limit_ms: int = 0
    firm: bool = False
    unsaved: bool = False
    unsaved_turn: int = 0
    mode_number: int = 0
    talk: Mapping[ParticipantId, int] = MappingProxyType({})

    @property
    def phase(self) -> Phase:
        """Where the floor is in the table of transitions."""
        if self.mode is TurnMode.QUIET:
            return Phase.SILENT
        if self.turn is None:
            return Phase.FREE
        return Phase.HELD if self.turn.held else Phase.RUNNING

    @property
    def going(self) -> bool:
        """Whether a round goes on: somebody is still to come in it, or holds a turn of it."""
        return bool(self.to_come) or (self.turn is not None and self.turn.of_round)

    @property
    def holder_id(self) -> ParticipantId | None:
        """Who holds the running turn."""
        return None if self.turn is None else self.turn.holder_id

    @property
    def over(self) -> Order:
        """Who has no turn in the round any more."""
        return (*self.done, *(who for who in self.denied if who not in self.done))

    def lets_speak(self, who: ParticipantId) -> bool:
        """Whether that person, who does not lead, may be heard for themselves."""
        if self.unsaved:
            return False
        match self.mode:
            case TurnMode.OPEN:
                return True
            case TurnMode.QUIET:
                return False
            case TurnMode.QUEUE | TurnMode.ROUND:
                return self.holder_id == who
        assert_never(self.mode)

    def running(self, number: int) -> Turn | None:
        """The running turn, if that is its number."""
        return self.turn if self.turn is not None and self.turn.number == number else None

    def first(self) -> ParticipantId | None:
        """Who has the turn next."""
        return next(iter((*self.to_come, *self.hands)), None)
