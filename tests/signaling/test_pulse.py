"""A staff socket whose peer is gone without a word is lost within seconds; timers are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protocol.messages import Resumed, Welcome
from protocol.values import Role
from signaling.endpoint import Endpoint, Settings
from signaling.pulse import Pulse
from tests.fakes import counted
from tests.room_fakes import FakeTimers
from tests.signaling.stage import FakeWebSocket, Stage


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Beat:
    """A pulse, and what it said."""

    def __init__(self) -> None:
        self.timers, self.ws, self.lost = FakeTimers(), FakeWebSocket(), 0
        self.pulse = Pulse(self.ws, self.timers, every_s=1.0, within_s=2.0, on_lost=self._on_lost)

    def _on_lost(self) -> None:
        self.lost += 1

    async def fire(self) -> None:
        self.timers.fire()
        await settle()


async def test_a_peer_that_answers_is_asked_again_and_again() -> None:
    beat = Beat()
    for asked in range(1, 4):
        assert beat.timers.delays() == [1.0]
        await beat.fire()
        assert len(beat.ws.pings) == asked
        assert beat.timers.delays() == [2.0]
        beat.ws.pings[-1].set_result(0.01)
        await settle()
    assert beat.lost == 0


async def test_a_peer_that_does_not_answer_in_time_is_lost_once() -> None:
    beat = Beat()
    for _ in range(4):
        await beat.fire()

    assert beat.lost == 1
    assert beat.timers.delays() == []


async def test_a_peer_that_does_not_even_read_is_lost() -> None:
    beat = Beat()
    beat.ws.writable.clear()
    for _ in range(3):
        await beat.fire()

    assert beat.ws.pings == []
    assert beat.lost == 1


async def test_an_answer_that_waited_while_we_were_held_up_counts() -> None:
    beat = Beat()
    await beat.fire()
    beat.timers.fire()
    beat.ws.pings[-1].set_result(2.5)
    beat.timers.fire()
    await settle()

    assert beat.lost == 0
    assert beat.timers.delays() == [1.0]


async def test_a_socket_that_closes_is_none_of_its_business() -> None:
    beat = Beat()
    beat.ws.drop()
    await beat.fire()

    assert (beat.lost, beat.timers.delays()) == (0, [])


async def test_a_pulse_that_is_stopped_asks_no_more() -> None:
    beat = Beat()
    await beat.fire()
    beat.pulse.stop()
    beat.pulse.stop()

    assert (beat.lost, beat.timers.delays()) == (0, [])


# ── at the endpoint ───────────────────────────────────────────────────────────────────────────


class PulseStage(Stage):
    """The endpoint, with timers of its own for pulses."""

    def __init__(self) -> None:
        super().__init__()
        self.pulse = FakeTimers()
        self.endpoint = Endpoint(
            self.hall,
            self.calls,
            self.telemetry,
            new_token=counted("secret"),
            new_id=counted("person"),
            now_ms=self.clock.now_ms,
            monotonic=self.clock.monotonic,
            settings=Settings(),
            timers=self.pulse,
        )


@pytest.fixture
async def stage() -> AsyncIterator[PulseStage]:
    stage = PulseStage()
    await stage.open()
    yield stage
    await stage.close()


async def test_only_those_with_whom_a_group_is_not_alone_are_asked(stage: PulseStage) -> None:
    await stage.join("ellie")
    assert stage.pulse.delays() == []

    await stage.join("mia", Role.MENTOR)
    await stage.join("theo", Role.THERAPIST)

    assert stage.pulse.delays() == [1.0, 1.0]


async def test_the_room_hears_of_a_mentor_who_is_gone_before_the_socket_is_closed(stage: PulseStage) -> None:
    mia = await stage.join("mia", Role.MENTOR)
    who = mia.got(Welcome)[0].snapshot.you
    mia.deaf = True
    for _ in range(2):
        stage.pulse.fire()
        await stage.settle()
    assert stage.keeper.state.people[who].connected

    stage.pulse.fire()
    await stage.settle()

    assert not stage.keeper.state.people[who].connected
    assert mia.closed_with == 4507


async def test_such_a_mentor_resumes(stage: PulseStage) -> None:
    mia = await stage.join("mia", Role.MENTOR)
    for _ in range(3):
        stage.pulse.fire()
        await stage.settle()

    again = await stage.resume(mia.got(Welcome)[0].resume_token, mia.seq)

    assert isinstance(again.frames[0][1], Resumed)
    assert stage.keeper.state.people[mia.got(Welcome)[0].snapshot.you].connected
    assert stage.pulse.delays() == [1.0]


async def test_a_mentor_who_goes_is_asked_no_more(stage: PulseStage) -> None:
    mia = await stage.join("mia", Role.MENTOR)
    mia.drop()
    await stage.settle()

    assert stage.pulse.delays() == []
