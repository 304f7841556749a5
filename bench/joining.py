"""How long it takes from the open WebSocket to the first packet, at either side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.packets import THUMBNAIL_KBIT_S
from bench.scene import WARM_UP_S, SceneFailed
from bench.sending import Sender
from bench.sides import Caller, Side

PUBLISHERS: Final = 3
APART_S: Final = 1.1
"""Longer than our engine starts newcomers at an old key frame: each join has to ask for its own."""


@dataclass(frozen=True, slots=True)
class Joins:
    """Milliseconds from the open WebSocket, of each join."""

    side: str
    first_ms: list[float]
    all_ms: list[float]


async def join_times(side: Side, room: str, times: int) -> Joins:
    """So many joins, one after the other, into a room where some are heard and seen.

    Raises:
        SceneFailed: somebody waits for longer than 10 s.
    """
    callers = await side.callers(room, PUBLISHERS + 1)
    *residents, newcomer = callers
    sender = Sender()
    sending = asyncio.create_task(sender.run())
    found = Joins(side.name, [], [])
    try:
        for caller in residents:
            await caller.enter(tracks=0)
            await caller.publish(THUMBNAIL_KBIT_S)
        sender.add(residents, PUBLISHERS)
        await asyncio.sleep(WARM_UP_S)
        for _ in range(times):
            await newcomer.enter(tracks=2 * PUBLISHERS)
            await newcomer.listen()
            await _all_came([newcomer])
            assert newcomer.first_media_at is not None
            assert newcomer.all_media_at is not None
            found.first_ms.append((newcomer.first_media_at - newcomer.opened_at) * 1000)
            found.all_ms.append((newcomer.all_media_at - newcomer.opened_at) * 1000)
            await newcomer.leave()
            await asyncio.sleep(APART_S)
    finally:
        sending.cancel()
        await asyncio.wait((sending,))
        for caller in callers:
            await caller.leave()
    return found


async def _all_came(callers: Sequence[Caller]) -> None:
    try:
        async with asyncio.timeout(10):
            await asyncio.gather(*(caller.all_came.wait() for caller in callers))
    except TimeoutError:
        raise SceneFailed("not every track reached the newcomer within 10 s") from None
