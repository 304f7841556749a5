"""The wall clock jumps by two hours under a running node, and once more while it is down."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from protocol.messages import Join, ParticipantLeft
from server.app import Node
from server.clock import SystemClock
from tests.bad_days.running import place

TWO_HOURS = 7_200


class Machine:
    """This machine, with a wall clock that someone sets."""

    def __init__(self) -> None:
        self.set_by_s = 0

    def clock(self) -> SystemClock:
        return SystemClock(lambda: time.time_ns() + self.set_by_s * 10**9)


@pytest.mark.parametrize("step", [-TWO_HOURS, TWO_HOURS])
async def test_a_step_of_the_clock_ends_no_sign_in_loses_no_place_and_turns_no_event_back(
    tmp_path: Path, step: int
) -> None:
    machine = Machine()
    async with place(tmp_path) as there:
        # Shorter than the step: by the wall clock alone everybody would have been idle for too long.
        there.idle_timeout_s = 3_600
        ellie, marcus, dana = there.people
        async with there.node(machine.clock()) as node:
            for person in there.people:
                await person.sign_in()
            before = [await person.come_in() for person in there.people]
            await ellie.write("before the step")
            token = await marcus.join_token()
            machine.set_by_s = step

            # A page that was lost just then keeps its place for as long as ever, and comes back with its old cookie.
            await dana.drop()
            await ellie.write("after the step")
            again = await dana.come_in()
            assert again.you == before[2].you
            assert ellie.got(ParticipantLeft) == []
            # Nothing that is good for a minute ends, or lives longer, by it.
            await marcus.connect_again(Join(token))
            await marcus.until(lambda: bool(marcus.frames))
            assert marcus.welcome.snapshot.you == before[1].you
            times = [message.at_ms for message in marcus.welcome.snapshot.chat]
            assert times == sorted(times)
            assert times[1] - times[0] < 60_000
            await _times_go_on(node)

        # Set while nobody runs: a sign-in is judged by its rows, and what is stored stays in order.
        machine.set_by_s = -TWO_HOURS
        there.idle_timeout_s = 43_200
        async with there.node(machine.clock()) as node:
            assert (await ellie.come_in()).you == before[0].you
            await ellie.write("after the restart")
            await _times_go_on(node)
            texts = [message.text for message in (await marcus.come_in()).chat]
            assert texts == ["before the step", "after the step", "after the restart"]


async def _times_go_on(node: Node) -> None:
    times = [event.at_ms for event in await node._log.read("bench-room")]
    assert len(times) > 3
    assert times == sorted(times)
