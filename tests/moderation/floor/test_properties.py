"""The floor under any order of requests, comings and goings, lost writes, late clocks and late taps.

What is expected of time, of numbers and of who is here is counted here once more, apart from the floor's own state.
"""

from __future__ import annotations

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct

from moderation.decision import Rejection
from moderation.floor import rules
from moderation.floor.events import (
    AnyFloorEvent,
    TalkCounted,
    TurnEnded,
    TurnExtended,
    TurnGiven,
    TurnHeld,
    TurnModeSet,
    TurnResumed,
    TurnsUnsaved,
)
from moderation.floor.state import GRACE_MS, Ending, Floor, Turn
from moderation.floor.transitions import (
    TRANSITIONS,
    arrived,
    ended_for_all,
    evolve_floor,
    gone,
    left_out,
    running_on,
    stopped,
)
from protocol.ids import ParticipantId
from protocol.values import RoundOrder, TalkTime, TurnEnd, TurnForm, TurnMode
from tests.moderation.floor.stage import MINUTE, MIRA, PEOPLE

people = st.sampled_from(PEOPLE)
anyone = st.sampled_from((*PEOPLE, MIRA))
saved = st.sampled_from([True, True, True, False])
awhile = st.sampled_from([0, 10_000, MINUTE + 10_000])
"""Time that passes before something is asked about it: chance alone would rarely let the two meet."""
LED: Final = (TurnMode.QUEUE, TurnMode.ROUND)
SETTLES: Final = (TurnGiven, TurnEnded, TurnModeSet)
"""What says who is heard."""


class Clock(Struct):
    """What a turn was promised, and what it had. It is never cut off before `ran` is `earliest`; a firm one is over
    once `ran` is `latest` and the server looks. `whole`: how long it may run as it is; `grace`: that is its grace."""

    firm: bool
    limit_ms: int
    earliest: int
    latest: int
    whole: int
    ran: int = 0
    held: bool = False
    grace: bool = False

    def longer(self, by_ms: int, *, grace: bool) -> None:
        """From where it is over, or from now on where that was before."""
        since = self.whole if grace else max(self.whole, self.ran)
        self.whole, self.limit_ms, self.grace = since + by_ms, self.limit_ms + by_ms, grace


class Turns(RuleBasedStateMachine):
    """People and one who leads; whatever is asked is stored, or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor()
        self.now_ms = 1_000_000
        self.here = {*PEOPLE, MIRA}
        self.listening: set[ParticipantId] = set()
        self.led = True
        self.mode, self.order, self.limit_ms, self.firm = TurnMode.OPEN, RoundOrder.LIST, 0, False
        self.unsaved = False
        self.unsaved_turn = 0
        self.newest = 0
        self.clock: Clock | None = None

    # ── the room around it ────────────────────────────────────────────────────────────────────

    def do(self, answer: rules.Answer, *, saved: bool = True) -> None:
        """What was answered is stored or lost, and what follows happens."""
        if isinstance(answer, Rejection):
            return
        if saved:
            for event in answer:
                self.happen(event)
        elif any(isinstance(event, SETTLES) for event in answer):
            ends = [event.number for event in answer if isinstance(event, TurnEnded)]
            more = any(isinstance(event, TurnGiven | TurnModeSet) for event in answer)
            self.happen(TurnsUnsaved(0 if more else ends[0]))
        self.follow()

    def follow(self) -> None:
        for event in rules.goes_on(self.floor, self.now_ms) if self.led else ():
            assert self.mode is TurnMode.ROUND
            assert self.order is not RoundOrder.PASSED_ON
            self.happen(event)

    def happen(self, event: AnyFloorEvent) -> None:
        before = self.floor
        self.expect(event)
        self.floor = evolve_floor(before, event)
        row = TRANSITIONS[type(event)]
        if before.phase in row:
            assert self.floor.phase in row[before.phase], (before.phase, event, self.floor.phase)
        else:
            assert self.floor is before
        if not self.led:
            self.floor = stopped(self.floor, self.now_ms)

    def expect(self, event: AnyFloorEvent) -> None:
        """Counts once more what that event means, before it happens."""
        clock = self.clock
        match event:
            case TurnGiven(number=number, holder_id=who):
                assert number == self.newest + 1
                assert who in self.here
                self.newest = number
                over = self.limit_ms + GRACE_MS
                self.clock = Clock(self.firm, self.limit_ms, over, over, self.limit_ms)
            case TurnEnded():
                assert clock is not None, "a turn ended that nobody held"
                if event.why is Ending.TIME:
                    assert clock.firm, "a soft limit ended a turn"
                    assert clock.limit_ms, "a turn without a limit was cut off"
                    assert not clock.held
                    assert clock.ran >= clock.earliest, "cut off too early"
                self.clock = None
            case TurnModeSet(mode=mode):
                self.mode, self.order, self.limit_ms, self.firm = mode, event.order, event.limit_ms, event.firm
                assert mode is not TurnMode.QUIET or clock is None, "a quiet room's turn was not said to be over"
            case TurnHeld() | TurnResumed():
                assert clock is not None
                clock.held = isinstance(event, TurnHeld)
            case TurnExtended(by=None):
                assert clock is not None
                assert clock.firm
                assert clock.ran >= clock.whole, "grace before the time was over"
                clock.longer(GRACE_MS, grace=True)
            case TurnsUnsaved():
                self.unsaved_turn = event.turn if not self.unsaved or self.unsaved_turn == event.turn else 0
                self.unsaved = True
            case _:
                pass
        if isinstance(event, TurnModeSet) or (isinstance(event, TurnGiven) and event.by is not None):
            self.unsaved, self.unsaved_turn = False, 0
        if isinstance(event, TurnEnded):
            self.settled_by_its_end(event.number)

    def settled_by_its_end(self, number: int) -> None:
        if self.unsaved_turn == number:
            self.unsaved, self.unsaved_turn = False, 0

    @property
    def turn(self) -> Turn:
        assert self.floor.turn is not None
        return self.floor.turn

    def somebody_speaks(self) -> bool:
        return self.floor.turn is not None

    @initialize(mode=st.sampled_from(LED), order=st.sampled_from(RoundOrder), firm=st.sampled_from([True, True, False]))
    def somebody_begins(self, mode: TurnMode, order: RoundOrder, *, firm: bool) -> None:
        """Chance alone would rarely let a turn last until its time is over."""
        self.do(rules.set_mode(self.floor, TurnModeSet(self.now_ms, MIRA, mode, order, MINUTE, firm, None), PEOPLE))
        self.do(rules.give(self.floor, self.newest, PEOPLE[0], MIRA, self.now_ms))

    # ── who comes and goes, and time ──────────────────────────────────────────────────────────

    @rule(who=anyone, back=st.booleans())
    def goes(self, who: ParticipantId, *, back: bool) -> None:
        self.here -= {who}
        self.listening -= {who}
        if self.floor.holder_id == who:
            self.clock = None
            self.settled_by_its_end(self.newest)
        self.floor = gone(self.floor, who)
        self.follow()
        if back:
            self.enter(who)

    @rule(who=anyone)
    def comes(self, who: ParticipantId) -> None:
        self.enter(who)

    def enter(self, who: ParticipantId) -> None:
        if who not in self.here:
            self.here |= {who}
            if who != MIRA:
                self.floor = arrived(self.floor, who)
            self.follow()

    @rule(who=people)
    def only_listens(self, who: ParticipantId) -> None:
        self.listening ^= {who} & self.here
        if who in self.listening:
            self.floor = left_out(self.floor, who)

    def later(self, ms: int) -> None:
        """Nobody looks at the time meanwhile."""
        self.now_ms += ms
        if self.clock is not None and self.led and not self.clock.held:
            self.clock.ran += ms

    @precondition(somebody_speaks)
    @rule(ms=st.sampled_from([1, 10_000, GRACE_MS, MINUTE, MINUTE]), looks=st.sampled_from([True, True, False]))
    def time_passes(self, ms: int, *, looks: bool) -> None:
        self.later(ms)
        if not looks:
            return
        if self.led:
            self.do(rules.time_over(self.floor, self.now_ms))
        due = rules.turn_deadline(self.floor)
        assert due is None or due > self.now_ms
        if self.clock is not None and self.clock.firm and self.clock.limit_ms:
            assert self.clock.ran < self.clock.latest, "a firm limit was over, and the turn goes on"

    @rule(after_ms=awhile)
    def the_leader_is_lost_or_returns(self, after_ms: int) -> None:
        self.later(after_ms)
        self.led = not self.led
        self.floor = running_on(self.floor, self.now_ms) if self.led else stopped(self.floor, self.now_ms)
        self.follow()

    @precondition(lambda self: self.newest > 3)
    @rule()
    def all_are_sent_home(self) -> None:
        self.floor, self.clock = ended_for_all(self.floor), None

    # ── one's own ─────────────────────────────────────────────────────────────────────────────

    @rule(who=anyone, up=st.sampled_from([True, True, False]), saved=saved)
    def a_hand(self, who: ParticipantId, *, up: bool, saved: bool) -> None:
        if who in self.here:
            asked = rules.raise_hand if up else rules.lower_hand
            self.do(asked(self.floor, who, self.now_ms), saved=saved)

    @rule(who=people, come_back=st.booleans(), saved=saved)
    def passes(self, who: ParticipantId, *, come_back: bool, saved: bool) -> None:
        number = self.floor.newest if who == self.floor.holder_id else 0
        self.do(rules.pass_turn(self.floor, who, number, self.now_ms, come_back=come_back), saved=saved)

    @precondition(somebody_speaks)
    @rule(whom=people, saved=saved)
    def passes_on(self, whom: ParticipantId, *, saved: bool) -> None:
        self.do(rules.pass_on(self.floor, self.turn, whom, self.now_ms), saved=saved)

    @precondition(somebody_speaks)
    @rule(form=st.sampled_from(TurnForm))
    def takes_it_as(self, form: TurnForm) -> None:
        self.do(rules.set_form(self.turn, form, self.now_ms))

    # ── a mentor's ────────────────────────────────────────────────────────────────────────────

    @rule(whom=st.none() | anyone, late=st.sampled_from([False, False, False, True]), saved=saved)
    def gives(self, whom: ParticipantId | None, *, late: bool, saved: bool) -> None:
        if whom is None or whom in self.here:
            answer = rules.give(self.floor, self.newest - late, whom, MIRA, self.now_ms)
            assert not late or answer == ()
            self.do(answer, saved=saved)

    @rule(whom=people)
    def denies(self, whom: ParticipantId) -> None:
        self.do(rules.deny(self.floor, whom, MIRA, self.now_ms))

    @precondition(somebody_speaks)
    @rule(how=st.sampled_from(TurnEnd), own=st.booleans(), saved=saved)
    def ends(self, how: TurnEnd, *, own: bool, saved: bool) -> None:
        by = self.turn.holder_id if own else MIRA
        self.do(rules.end(self.floor, self.turn, by, self.now_ms, how), saved=saved)

    @precondition(somebody_speaks)
    @rule(after_ms=awhile, by_ms=st.sampled_from([1_000, MINUTE]), saved=saved)
    def extends(self, after_ms: int, by_ms: int, *, saved: bool) -> None:
        self.later(after_ms)
        answer, clock = rules.extend(self.turn, by_ms, MIRA, self.now_ms), self.clock
        assert clock is not None
        self.do(answer, saved=saved)
        if saved and clock.limit_ms:
            clock.earliest = max(clock.earliest, clock.ran) + by_ms
            clock.latest = max(clock.latest, clock.ran + GRACE_MS) + by_ms
            clock.longer(by_ms, grace=False)

    @precondition(somebody_speaks)
    @rule(after_ms=awhile, on=st.booleans())
    def holds(self, after_ms: int, *, on: bool) -> None:
        self.later(after_ms)
        self.do(rules.hold(self.turn, MIRA, self.now_ms, on=on))

    @rule(whom=people, before=st.none() | people)
    def moves(self, whom: ParticipantId, before: ParticipantId | None) -> None:
        self.do(rules.move(self.floor, whom, before, MIRA, self.now_ms))

    @rule()
    def least_heard_first(self) -> None:
        self.do(rules.least_heard_first(self.floor, MIRA, self.now_ms))

    @rule(who=anyone, ms=st.integers(1, 9_000))
    def somebody_talks(self, who: ParticipantId, ms: int) -> None:
        self.happen(TalkCounted(self.now_ms, (TalkTime(who, ms),)))

    @rule(
        mode=st.sampled_from([*LED, *LED, *LED, *LED, *TurnMode]),
        order=st.sampled_from(RoundOrder),
        limit_ms=st.sampled_from([0, MINUTE, MINUTE, MINUTE]),
        firm=st.booleans(),
        saved=saved,
    )
    def sets_mode(self, mode: TurnMode, order: RoundOrder, limit_ms: int, *, firm: bool, saved: bool) -> None:
        wanted = TurnModeSet(self.now_ms, MIRA, mode, order, limit_ms, firm, None)
        among = (who for who in PEOPLE if who in self.here - self.listening)
        self.do(rules.set_mode(self.floor, wanted, among), saved=saved)

    # ── what always holds ─────────────────────────────────────────────────────────────────────

    @invariant()
    def at_most_the_holder_is_heard_but_in_an_open_room(self) -> None:
        heard = {who for who in (*PEOPLE, MIRA) if self.floor.lets_speak(who)}
        if self.unsaved or self.mode is TurnMode.QUIET:
            assert not heard
        elif self.mode in LED:
            assert heard == ({self.floor.holder_id} if self.floor.holder_id else set())
        else:
            assert heard == {*PEOPLE, MIRA}

    @invariant()
    def who_holds_or_waits_is_here(self) -> None:
        floor = self.floor
        assert {*floor.hands, *floor.to_come} <= self.here
        assert floor.turn is None or floor.turn.holder_id in self.here
        assert not set(floor.to_come) & (self.listening | {MIRA})

    @invariant()
    def nobody_is_in_an_order_twice(self) -> None:
        floor = self.floor
        for order in (floor.hands, floor.to_come, floor.later, floor.done, floor.passed):
            assert len(order) == len(set(order))
        assert set(floor.later) <= set(floor.to_come)
        assert set(floor.passed) <= set(floor.done)
        assert not {*floor.hands, *floor.to_come} & {floor.holder_id}
        assert not set(floor.to_come) & set(floor.done)

    @invariant()
    def a_round_is_of_its_mode_and_waits_for_nobody_where_the_server_gives(self) -> None:
        assert not self.floor.going or self.mode is TurnMode.ROUND
        assert not (self.led and rules.waits_for_next(self.floor))

    @invariant()
    def what_was_counted_is_so(self) -> None:
        floor = self.floor
        assert (floor.mode, floor.order, floor.limit_ms, floor.firm) == (
            self.mode,
            self.order,
            self.limit_ms,
            self.firm,
        )
        assert (floor.unsaved, floor.newest) == (self.unsaved, self.newest)
        assert (floor.turn is None) == (self.clock is None)
        assert floor.turn is None or floor.turn.number == floor.newest

    @invariant()
    def a_clock_runs_where_there_is_a_limit_and_nobody_stopped_it(self) -> None:
        if self.clock is not None:
            assert self.turn.held == self.clock.held
            runs = self.clock.limit_ms > 0 and self.led and not self.clock.held
            assert (self.turn.ends_ms is not None) == runs

    @invariant()
    def what_is_left_is_what_was_promised_less_what_it_had(self) -> None:
        clock = self.clock
        if clock is not None and clock.limit_ms:
            assert self.turn.left(self.now_ms) == clock.whole - clock.ran
            assert (self.turn.limit_ms, self.turn.grace) == (clock.limit_ms, clock.grace)


Turns.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, derandomize=True, database=None, report_multiple_bugs=False
)
TestTurns = Turns.TestCase
