"""Talk time on the loop's clock, which jumps to what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from media.listening import Listening
from tests.simulation.loop import VirtualLoop

LOUD, QUIET = 20, 90


def in_virtual_time(scenario: Coroutine[Any, Any, None]) -> None:
    VirtualLoop().run(scenario)


class Told:
    """What is said of talk, and when."""

    def __init__(self) -> None:
        self.listening = Listening(lambda _speaking: None, self._take)
        self.times: list[tuple[float, dict[str, int]]] = []

    def _take(self, times: Any) -> None:
        self.times.append((round(asyncio.get_running_loop().time() - self.began, 1), dict(times)))

    async def speak(self, who: str, seconds: float, level: int = LOUD) -> None:
        for _ in range(round(seconds * 10)):
            self.listening.hear([(who, level)])
            await asyncio.sleep(0.1)

    def begin(self) -> None:
        self.began = asyncio.get_running_loop().time()


def test_while_people_speak_it_is_told_every_ten_seconds_and_then_no_more() -> None:
    async def scenario() -> None:
        told = Told()
        told.begin()
        await told.speak("ann", 14.0)
        await told.speak("ann", 60.0, QUIET)
        assert [round(at) for at, _ in told.times] == [10, 20]
        assert sum(times["ann"] for _, times in told.times) in range(13_700, 13_901)

    in_virtual_time(scenario())


def test_where_nobody_speaks_nothing_is_ever_told() -> None:
    async def scenario() -> None:
        told = Told()
        told.begin()
        await told.speak("ann", 60.0, QUIET)
        told.listening.count_talk()
        await asyncio.sleep(60)
        assert told.times == []

    in_virtual_time(scenario())


def test_at_a_turns_end_it_is_told_at_once_and_no_moment_is_told_twice() -> None:
    async def scenario() -> None:
        told = Told()
        told.begin()
        await told.speak("ann", 4.0)
        told.listening.hush("ann")
        told.listening.count_talk()
        await asyncio.sleep(0.1)
        ((at, times),) = told.times
        assert at <= 4.2
        assert times["ann"] in range(3_700, 3_901)
        await asyncio.sleep(60)
        assert len(told.times) == 1
        told.listening.close()

    in_virtual_time(scenario())


def test_a_room_that_is_closed_tells_nothing() -> None:
    async def scenario() -> None:
        told = Told()
        told.begin()
        await told.speak("ann", 4.0)
        told.listening.close()
        await asyncio.sleep(60)
        assert told.times == []

    in_virtual_time(scenario())
