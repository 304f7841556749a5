"""A stream that is claimed in the background: what is appended meanwhile waits, in order, and hears how it ended."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from server.claiming import ClaimedStream, NoStream
from server.storage.log import AppendFailed, Claim, EventLog, NewEvent, StreamMoved

EVENT = (NewEvent(1, "a", 1, b""),)


class FakeLog:
    """Its claims end as the test says."""

    def __init__(self) -> None:
        self.claims: list[asyncio.Future[Claim]] = []
        self.appends: list[tuple[int, int]] = []
        self.fails = False

    async def claim(self, *_: object) -> Claim:
        self.claims.append(asyncio.get_running_loop().create_future())
        return await self.claims[-1]

    def append(self, _stream: str, epoch: int, head: int, _events: object) -> asyncio.Future[None]:
        self.appends.append((epoch, head))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fails:
            done.set_exception(AppendFailed("full"))
        else:
            done.set_result(None)
        return done


class Settled:
    """Counts tries that ended."""

    count = 0

    def __call__(self) -> None:
        self.count += 1


def stream(log: FakeLog, settled: Settled) -> ClaimedStream:
    return ClaimedStream(cast("EventLog", log), "s", "supervision", 3, also=lambda _: None, on_settled=settled)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_appended_before_the_claim_goes_on_in_order() -> None:
    log, settled = FakeLog(), Settled()
    claimed = stream(log, settled)
    await settle()
    assert (claimed.busy, claimed.epoch) == (True, 0)
    first, second = claimed.append("s", 0, 3, EVENT), claimed.append("s", 0, 4, EVENT)
    assert log.appends == []

    log.claims[0].set_result(Claim(epoch=7, head=3))
    await asyncio.gather(first, second)

    assert log.appends == [(7, 3), (7, 4)]
    await claimed.append("s", 0, 5, EVENT)
    assert (log.appends[-1], claimed.busy, claimed.epoch, settled.count) == ((7, 5), False, 7, 1)


async def test_a_claim_that_fails_fails_what_waits_and_is_tried_with_the_next() -> None:
    log, settled = FakeLog(), Settled()
    claimed = stream(log, settled)
    waiting = claimed.append("s", 0, 3, EVENT)
    await settle()
    log.claims[0].set_exception(OSError("full"))
    with pytest.raises(AppendFailed):
        await waiting

    again = claimed.append("s", 0, 3, EVENT)
    await settle()
    log.claims[1].set_result(Claim(epoch=8, head=3))
    await again
    assert log.appends == [(8, 3)]


async def test_a_stream_that_grew_since_it_was_read_is_to_be_read_again() -> None:
    log, settled = FakeLog(), Settled()
    claimed = stream(log, settled)
    waiting = claimed.append("s", 0, 3, EVENT)
    await settle()
    log.claims[0].set_result(Claim(epoch=7, head=4))
    with pytest.raises(StreamMoved):
        await waiting
    await claimed.close()
    assert log.appends == []


async def test_who_waited_hears_that_the_append_failed() -> None:
    log, settled = FakeLog(), Settled()
    log.fails = True
    claimed = stream(log, settled)
    waiting = claimed.append("s", 0, 3, EVENT)
    await settle()
    log.claims[0].set_result(Claim(epoch=7, head=3))
    with pytest.raises(AppendFailed):
        await waiting


async def test_nothing_is_stored_where_there_is_no_stream() -> None:
    nothing: Any = NoStream()
    with pytest.raises(AppendFailed):
        await nothing.append("s", 0, 0, EVENT)
    await nothing.close()
