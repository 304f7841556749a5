"""Speaking turns at the keeper: closing acts before it is stored, opening after it; firm limits go by its clock."""

from __future__ import annotations

import pytest

from moderation.decision import Accepted, Rejection
from moderation.floor.state import GRACE_MS
from protocol.errors import ErrorCode
from protocol.messages import SetDevices
from protocol.turns import EndTurn, GiveTurn, SetTurnForm, SetTurnMode
from protocol.values import TurnForm, TurnMode
from rooms.commands import LoseConnection, Requested, RestoreConnection, RoomRequest
from rooms.events import Decision
from tests.server.test_keeper import DANA, ELLIE, MARCUS, MIC, Stage, settle

MINUTE = 60_000


class Turns(Stage):
    """Ellie holds the first turn of a queue, with her microphone on."""

    async def begin(self, *, limit_ms: int = 0, firm: bool = False) -> None:
        await self.ask(DANA, SetTurnMode(self.rid(), TurnMode.QUEUE, limit_ms=limit_ms, firm=firm))
        await self.ask(DANA, GiveTurn(self.rid(), 0, ELLIE))
        await self.tap(ELLIE)
        assert (ELLIE, MIC) in self.media.open

    async def ask(self, who: str, message: RoomRequest) -> Decision:
        return await self.keeper.submit(Requested(who, message))  # type: ignore[arg-type]

    async def tap(self, who: str) -> Decision:
        closings = self.keeper.state.people[who].closings  # type: ignore[index]
        return await self.ask(who, SetDevices(self.rid(), microphone=True, camera=False, closings=closings))


@pytest.fixture
async def turns() -> Turns:
    turns = Turns()
    await turns.open()
    return turns


async def test_a_turns_end_closes_before_it_is_stored_and_the_next_opens_after(turns: Turns) -> None:
    await turns.begin()
    turns.log.hold = True
    ending = turns.keeper.submit(Requested(DANA, GiveTurn(turns.rid(), 1, MARCUS)))
    assert (ELLIE, MIC) not in turns.media.open, "at once"
    early = turns.keeper.submit(
        Requested(MARCUS, SetDevices(turns.rid(), microphone=True, camera=False, closings=_closings(turns, MARCUS)))
    )
    await settle()
    assert not ending.done()
    assert (MARCUS, MIC) not in turns.media.open
    turns.log.sync()
    await settle()
    assert isinstance(ending.result(), Accepted)
    assert early.done()
    await turns.tap(MARCUS)
    assert turns.media.open == {(MARCUS, MIC)}


async def test_an_end_that_could_not_be_stored_closes_all_the_same_and_says_so(turns: Turns) -> None:
    await turns.begin()
    turns.log.hold = True
    ending = turns.keeper.submit(Requested(DANA, EndTurn(turns.rid(), 1)))
    turns.log.fail()
    turns.log.hold = False
    await settle()
    assert ending.result() == Rejection(ErrorCode.NOT_SAVED)
    assert turns.media.open == set()
    refused = await turns.tap(ELLIE)
    assert isinstance(refused, Rejection)
    assert refused.code is ErrorCode.NOT_YOUR_TURN
    assert isinstance(await turns.ask(DANA, EndTurn(turns.rid(), 1)), Accepted)
    assert turns.keeper.state.floor.turn is None


async def test_a_firm_limit_ends_on_the_servers_clock_after_its_grace(turns: Turns) -> None:
    await turns.begin(limit_ms=MINUTE, firm=True)
    assert MINUTE / 1000 in turns.timers.delays()
    turns.clock.advance(MINUTE / 1000)
    turns.timers.fire()
    await settle()
    assert (ELLIE, MIC) in turns.media.open
    assert GRACE_MS / 1000 in turns.timers.delays()
    turns.clock.advance(GRACE_MS / 1000)
    turns.log.hold = True
    turns.timers.fire()
    assert turns.media.open == set(), "though nothing is stored yet"
    turns.log.sync()
    await settle()
    assert turns.keeper.state.floor.turn is None


async def test_a_turn_is_the_same_after_a_restart_and_opens_nothing_by_itself(turns: Turns) -> None:
    await turns.begin(limit_ms=MINUTE)
    again = turns.load()
    assert again.state.floor == turns.keeper.state.floor
    turns.media.open.clear()
    again.recover(60_000)
    for who in (DANA, ELLIE):
        again.submit(RestoreConnection(who))
    await settle()
    assert turns.media.open == set()
    assert again.state.floor.holder_id == ELLIE


async def test_who_holds_a_turn_and_is_back_in_time_holds_it_still(turns: Turns) -> None:
    await turns.begin()
    turns.keeper.submit(LoseConnection(ELLIE, 60_000))
    turns.clock.advance(59)
    turns.keeper.submit(RestoreConnection(ELLIE))
    await settle()
    assert turns.keeper.state.floor.holder_id == ELLIE


async def test_who_signs_is_pinned_in_the_media_plane_until_the_turn_is_over(turns: Turns) -> None:
    await turns.begin()
    await turns.ask(ELLIE, SetTurnForm(turns.rid(), 1, TurnForm.SIGNED))
    assert turns.media.pinned == ELLIE
    await turns.ask(ELLIE, EndTurn(turns.rid(), 1))
    assert turns.media.pinned is None


async def test_a_firm_limit_is_not_put_off_by_a_deadline_that_could_not_be_stored(turns: Turns) -> None:
    await turns.begin(limit_ms=MINUTE, firm=True)
    turns.clock.advance(60)
    turns.timers.fire()
    await settle()
    turns.keeper.submit(LoseConnection(MARCUS, 29_900))
    await settle()
    turns.clock.advance(29.9)
    turns.log.hold = True
    turns.timers.fire()
    turns.log.fail()
    turns.log.hold = False
    await settle()

    assert turns.timers.delays()[0] == pytest.approx(0.1)  # pyright: ignore[reportUnknownMemberType]
    turns.clock.advance(0.1)
    turns.timers.fire()
    assert (ELLIE, MIC) not in turns.media.open


async def test_a_step_of_the_machines_clock_is_not_in_the_time_that_is_told(turns: Turns) -> None:
    await turns.begin(limit_ms=MINUTE, firm=True)
    turns.clock.step_wall(120)

    turn = turns.keeper.state.floor.turn
    assert turn is not None
    assert turn.ends_ms is not None
    assert turn.ends_ms - turns.keeper.now_ms() == MINUTE


def _closings(turns: Turns, who: str) -> int:
    return turns.keeper.state.people[who].closings  # type: ignore[index]
