"""What a connection may make us read, counted in frames: time would tell more of the machine than of the code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from websockets.frames import Close

from protocol.errors import ErrorCode, meaning
from server.sockets import (
    BYTES_BURST,
    FRAMES_BURST,
    FRAMES_PER_S,
    MAX_UNREAD,
    STRANGER_BYTES,
    STRANGER_FRAMES,
    Connection,
    WebSockets,
    WsOptions,
)
from tests.fakes import FakeClock

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdspace.msgpack\r\n\r\n"
)
ONE_READ = 262_144
"""What asyncio hands over at once."""
TEXT, CONT, PING, PONG = 0x1, 0x0, 0x9, 0xA


def frame(opcode: int, *, fin: bool = True, payload: bytes = b"") -> bytes:
    """A client's (RFC 6455 section 5.2), masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 127]) + size.to_bytes(8)
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


class FakeTransport(asyncio.Transport):
    """Keeps what is written; closes when told, and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.unread = 0
        self.ended = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Visit:
    """One connection, fed by hand. `heard` is what the handler was given."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.heard: list[str | bytes] = []
        self.connection = WebSockets(
            self._handle, WsOptions(origins=frozenset()), monotonic=self.clock.monotonic
        ).connection()
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)

    async def open(self, request: bytes = UPGRADE) -> None:
        self.connection.data_received(request)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def feed(self, data: bytes) -> None:
        self.connection.data_received(data)

    @property
    def frames_read(self) -> int:
        return cast("Any", self.connection.protocol).frames_read

    @property
    def closed_with(self) -> int | None:
        sent: Close | None = self.connection.protocol.close_sent
        return None if sent is None else sent.code

    async def _handle(self, connection: Connection) -> None:
        async for message in connection:
            self.heard.append(message)


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    visit = Visit()
    await visit.open()
    assert b"101" in visit.transport.written[0]
    yield visit
    visit.connection.connection_lost(None)
    await visit.settle()


RATE_LIMITED = meaning(ErrorCode.RATE_LIMITED).close
EMPTY_FRAMES = {
    "pings": frame(PING),
    "pongs": frame(PONG),
    "fragments": frame(CONT, fin=False),
    "messages": frame(TEXT),
}


@pytest.mark.parametrize("kind", EMPTY_FRAMES)
async def test_of_a_strangers_flood_little_is_read_and_nothing_behind_it(visit: Visit, kind: str) -> None:
    flood = EMPTY_FRAMES[kind] * (ONE_READ // len(EMPTY_FRAMES[kind]))
    visit.feed((frame(TEXT, fin=False) if kind == "fragments" else b"") + flood)
    visit.feed(flood)
    assert visit.frames_read <= STRANGER_FRAMES + 1
    assert visit.closed_with == RATE_LIMITED
    # The opening, the pongs, the farewell.
    assert len(visit.transport.written) <= STRANGER_FRAMES + 2


@pytest.mark.parametrize("kind", EMPTY_FRAMES)
async def test_who_is_known_may_send_more_and_not_without_end(visit: Visit, kind: str) -> None:
    visit.connection.know()
    flood = EMPTY_FRAMES[kind] * (ONE_READ // len(EMPTY_FRAMES[kind]))
    visit.feed((frame(TEXT, fin=False) if kind == "fragments" else b"") + flood)
    assert FRAMES_BURST < visit.frames_read <= FRAMES_BURST + 1
    assert visit.closed_with == RATE_LIMITED


async def test_a_stranger_gets_no_more_by_waiting(visit: Visit) -> None:
    for _ in range(STRANGER_FRAMES):
        visit.clock.advance(60)
        visit.feed(frame(PING))
    assert visit.closed_with is None
    visit.feed(frame(PING))
    assert visit.closed_with == RATE_LIMITED


async def test_bytes_count_as_well(visit: Visit) -> None:
    big = frame(TEXT, payload=bytes(200_000))
    for _ in range(STRANGER_BYTES // 200_000):
        visit.feed(big)
        await visit.settle()
    assert visit.closed_with is None
    visit.feed(big)
    assert visit.closed_with == RATE_LIMITED


async def test_who_is_known_may_answer_pings_for_long(visit: Visit) -> None:
    visit.connection.know()
    for _ in range(300):
        visit.clock.advance(1)
        # The browser's own pongs, what a page asks for, and a burst of what a person does.
        visit.feed(frame(PONG) * 2 + frame(TEXT, payload=b"ping") * int(FRAMES_PER_S / 2))
        await visit.settle()
    assert visit.closed_with is None
    assert len(visit.heard) == 300 * int(FRAMES_PER_S / 2)


async def test_who_is_known_may_send_many_bytes_over_time(visit: Visit) -> None:
    visit.connection.know()
    for _ in range(2 * BYTES_BURST // 200_000):
        visit.clock.advance(0.5)
        visit.feed(frame(TEXT, payload=bytes(200_000)))
        await visit.settle()
    assert visit.closed_with is None


async def test_knowing_twice_gives_nothing_more(visit: Visit) -> None:
    visit.connection.know()
    visit.feed(frame(PONG) * FRAMES_BURST)
    visit.connection.know()
    visit.feed(frame(PONG))
    assert visit.closed_with == RATE_LIMITED


async def test_what_comes_after_the_end_is_not_read(visit: Visit) -> None:
    visit.transport.close()
    visit.feed(frame(PING) * 1_000)
    assert visit.frames_read == 0
    assert len(visit.transport.written) == 1


async def test_who_makes_us_answer_and_does_not_read_is_cut_off(visit: Visit) -> None:
    visit.transport.unread = MAX_UNREAD
    visit.feed(frame(PING))
    assert not visit.transport.ended
    visit.transport.unread += 1
    visit.feed(frame(PING))
    assert visit.transport.ended


async def test_frames_before_the_opening_is_answered_count_like_others() -> None:
    visit = Visit()
    visit.feed(UPGRADE + frame(PING) * 10_000)
    await visit.settle()
    assert visit.frames_read <= STRANGER_FRAMES + 1
    visit.connection.connection_lost(None)


async def test_a_request_that_cannot_be_read_gets_an_answer() -> None:
    visit = Visit()
    await visit.open(b"GET /ws HTTP/1.1\r\nHost: x\r\nBroken header of Ellie\r\n\r\n")
    answer = b"".join(visit.transport.written)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Cache-Control: no-store" in answer
    assert b"Ellie" not in answer
    assert visit.transport.ended
    visit.connection.connection_lost(None)
