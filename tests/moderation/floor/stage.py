"""A floor on which what `rules` answers happens, as a room has it: the round goes on, and time passes."""

from __future__ import annotations

from collections.abc import Iterable

from moderation.decision import Rejection
from moderation.floor import rules
from moderation.floor.events import StoredFloorEvent, TurnModeSet
from moderation.floor.state import Floor, Turn
from moderation.floor.transitions import evolve_floor
from protocol.errors import ErrorCode
from protocol.ids import ParticipantId
from protocol.values import RoundOrder, TurnEnd, TurnMode

ANA, BEN, CLEO, DEV = PEOPLE = tuple(ParticipantId(each) for each in ("p-ana", "p-ben", "p-cleo", "p-dev"))
MIRA = ParticipantId("p-mira")
"""Who leads."""

MINUTE = 60_000


class Stage:
    """One floor, its clock, and everything that happened."""

    def __init__(self) -> None:
        self.floor = Floor()
        self.now_ms = 1_000_000
        self.log: list[StoredFloorEvent] = []

    @property
    def turn(self) -> Turn:
        assert self.floor.turn is not None, "nobody holds a turn"
        return self.floor.turn

    def do(self, answer: rules.Answer) -> tuple[StoredFloorEvent, ...]:
        """What was answered happens, and what follows from it."""
        assert not isinstance(answer, Rejection), answer
        self._happen(answer)
        after = rules.goes_on(self.floor, self.now_ms)
        self._happen(after)
        return (*answer, *after)

    def refused(self, answer: rules.Answer, code: ErrorCode = ErrorCode.UNEXPECTED) -> bool:
        return isinstance(answer, Rejection) and answer.code is code

    def set_mode(
        self,
        mode: TurnMode,
        among: Iterable[ParticipantId] = PEOPLE,
        *,
        order: RoundOrder = RoundOrder.LIST,
        limit_ms: int = 0,
        firm: bool = False,
    ) -> tuple[StoredFloorEvent, ...]:
        wanted = TurnModeSet(self.now_ms, MIRA, mode, order, limit_ms, firm, None)
        return self.do(rules.set_mode(self.floor, wanted, among))

    def raise_hands(self, *people: ParticipantId) -> None:
        for who in people:
            self.do(rules.raise_hand(self.floor, who, self.now_ms))

    def give(self, whom: ParticipantId | None = None) -> tuple[StoredFloorEvent, ...]:
        """The first in the order (None), or that person."""
        return self.do(rules.give(self.floor, self.floor.newest, whom, MIRA, self.now_ms))

    def end(self, how: TurnEnd = TurnEnd.DONE, *, by: ParticipantId | None = None) -> tuple[StoredFloorEvent, ...]:
        """By its holder (None), or by a mentor."""
        return self.do(rules.end(self.floor, self.turn, by or self.turn.holder_id, self.now_ms, how))

    def pass_turn(self, who: ParticipantId, *, come_back: bool = False) -> tuple[StoredFloorEvent, ...]:
        number = self.floor.newest if who == self.floor.holder_id else 0
        return self.do(rules.pass_turn(self.floor, who, number, self.now_ms, come_back=come_back))

    def hold(self, *, on: bool) -> tuple[StoredFloorEvent, ...]:
        return self.do(rules.hold(self.turn, MIRA, self.now_ms, on=on))

    def extend(self, by_ms: int) -> tuple[StoredFloorEvent, ...]:
        return self.do(rules.extend(self.turn, by_ms, MIRA, self.now_ms))

    def wait(self, ms: int) -> tuple[StoredFloorEvent, ...]:
        """So much later, where the server looked at the time only then."""
        self.now_ms += ms
        return self.do(rules.time_over(self.floor, self.now_ms))

    def _happen(self, events: Iterable[StoredFloorEvent]) -> None:
        for event in events:
            self.floor = evolve_floor(self.floor, event)
            self.log.append(event)
