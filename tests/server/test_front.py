"""HTTP and WebSocket on one port, with real sockets."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from server.front import MAX_FIRST_LINE
from server.headers import HEADERS
from tests.server.http.site import ORIGIN, Site, echo, site

MSGPACK = [Subprotocol("holdspace.msgpack")]
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: holdspace.msgpack\r\n\r\n"
)
PING = b"\x81\x84\x00\x00\x00\x00ping"
"""A masked text frame (RFC 6455 section 5.2), and below what the echo answers."""
PONG = b"\x81\x04ping"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        yield there


@asynccontextmanager
async def wire(there: Site) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length")), 0)
    return int(lines[0].split()[1]), await reader.readexactly(length)


async def test_http_and_websocket_share_one_port(there: Site) -> None:
    async with connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK) as ws:
        async with there.client.get(f"{there.url}/healthz") as answer:
            assert answer.status == 200
        await ws.send(b"\x01\x02")
        assert await ws.recv() == b"\x01\x02"
        assert ws.subprotocol == "holdspace.msgpack"
        assert there.sockets.open_count == 1


async def test_first_line_may_arrive_one_byte_at_a_time(there: Site) -> None:
    async with wire(there) as (reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in REQUEST:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        status, body = await answer_of(reader)
        assert (status, json.loads(body)) == (200, {"status": "ok"})


async def test_websocket_request_and_first_frame_may_arrive_in_pieces_or_at_once(there: Site) -> None:
    for size in (1, 7, 10_000):
        async with wire(there) as (reader, writer):
            whole = UPGRADE + PING
            for start in range(0, len(whole), size):
                writer.write(whole[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
            assert (await answer_of(reader))[0] == 101
            assert await reader.readexactly(len(PONG)) == PONG


async def test_empty_line_before_the_request_is_ignored(there: Site) -> None:
    async with wire(there) as (reader, writer):
        writer.write(b"\r\n\r\n" + UPGRADE)
        assert (await answer_of(reader))[0] == 101


async def test_several_requests_on_one_connection_are_answered_in_order(there: Site) -> None:
    async with wire(there) as (reader, writer):
        writer.write(REQUEST + REQUEST.replace(b"healthz", b"readyz") + REQUEST.replace(b"healthz", b"nothing"))
        assert json.loads((await answer_of(reader))[1]) == {"status": "ok"}
        assert json.loads((await answer_of(reader))[1]) == {"status": "ready"}
        assert (await answer_of(reader))[0] == 404
        writer.write(REQUEST)
        assert (await answer_of(reader))[0] == 200


async def test_websocket_may_follow_other_requests_on_a_connection_that_a_proxy_reuses(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        try:
            await echo(connection)
        finally:
            ended.set()

    for number, first in enumerate((REQUEST, REQUEST + REQUEST)):
        ended.clear()
        async with site(tmp_path / str(number), handler=handler) as there, wire(there) as (reader, writer):
            writer.write(first)
            for _ in range(first.count(b"GET")):
                assert (await answer_of(reader))[0] == 200
            writer.write(UPGRADE + PING)
            assert (await answer_of(reader))[0] == 101
            assert await reader.readexactly(len(PONG)) == PONG
            writer.write(PING)
            assert await reader.readexactly(len(PONG)) == PONG
            assert there.sockets.open_count == 1
            writer.close()
            async with asyncio.timeout(5):
                await ended.wait()


async def test_address_that_only_begins_like_the_socket_is_http(there: Site) -> None:
    for path in ("wsx", "ws/", "w"):
        async with there.client.get(f"{there.url}/{path}") as answer:
            assert answer.status == 404


async def test_request_for_the_socket_that_is_no_upgrade_is_refused(there: Site) -> None:
    async with wire(there) as (reader, writer):
        writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer_of(reader))[0] == 426
    async with wire(there) as (reader, writer):
        writer.write(REQUEST + b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer_of(reader))[0] == 200
        assert (await answer_of(reader))[0] == 426


@pytest.mark.parametrize("reused", [False, True])
async def test_socket_is_refused_to_a_page_of_another_origin(there: Site, reused: bool) -> None:
    evil = UPGRADE.replace(b"Host: x", b"Host: x\r\nOrigin: https://evil.example")
    async with wire(there) as (reader, writer):
        if reused:
            writer.write(REQUEST)
            assert (await answer_of(reader))[0] == 200
        writer.write(evil)
        assert (await answer_of(reader))[0] == 403


async def test_socket_is_open_to_our_own_page_and_to_what_is_no_browser(there: Site) -> None:
    url = f"ws://127.0.0.1:{there.port}/ws"
    async with connect(url, subprotocols=MSGPACK, origin=Origin(ORIGIN)), connect(url, subprotocols=MSGPACK):
        assert there.sockets.open_count == 2


async def test_socket_needs_one_of_our_subprotocols(there: Site) -> None:
    url = f"ws://127.0.0.1:{there.port}/ws"
    async with connect(url, subprotocols=[Subprotocol("other"), Subprotocol("holdspace.json")]) as ws:
        assert ws.subprotocol == "holdspace.json"
    with pytest.raises(InvalidStatus):
        await connect(url)


async def test_messages_are_not_compressed(there: Site) -> None:
    async with connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK, compression="deflate") as ws:
        assert ws.response is not None
        assert "Sec-WebSocket-Extensions" not in ws.response.headers


async def test_message_that_is_far_too_long_ends_the_connection(there: Site) -> None:
    async with connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK) as ws:
        await ws.send(b"x" * 66_000)
        assert len(await ws.recv()) == 66_000
        await ws.send(b"x" * 300_000)
        with pytest.raises(ConnectionClosed) as caught:
            await ws.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n",
        b"\x00" * 100 + b"\n",
        b"GET\n\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nLong: " + b"x" * 20_000 + b"\r\n\r\n",
        b"\r\n" * 5_000,
    ],
)
async def test_garbage_ends_its_own_connection_only(there: Site, garbage: bytes) -> None:
    async with wire(there) as (reader, writer):
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(5):
            said = await reader.read()
        assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
        assert b"Traceback" not in said
    async with there.client.get(f"{there.url}/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/9.9\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nEllie\r\n\r\n", 400),
        (b"Ellie wrote this\r\n\r\n", 400),
        (REQUEST + b"Ellie wrote this\r\n\r\n", 400),
        (b"x" * MAX_FIRST_LINE, 414),
        (b"GET /ws HTTP/1.1\r\nHost: Ellie\r\n\r\n", 426),
        (UPGRADE.replace(b"Host: x", b"Host: x\r\nOrigin: https://Ellie.example"), 403),
        (UPGRADE.replace(b"holdspace.msgpack", b"Ellie"), 400),
    ],
)
async def test_what_the_parsers_refuse_is_answered_with_our_headers_and_without_what_was_sent(
    there: Site, request_: bytes, status: int
) -> None:
    async with wire(there) as (reader, writer):
        if request_.startswith(REQUEST):
            writer.write(REQUEST)
            assert (await answer_of(reader))[0] == 200
        writer.write(request_.removeprefix(REQUEST))
        answer = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read()
    assert answer.split()[1] == str(status).encode()
    sent = {line.partition(b": ")[0].decode().lower() for line in answer.split(b"\r\n")[1:-2]}
    assert {name.lower() for name in HEADERS} <= sent
    assert b"Ellie" not in answer + body
    assert b"Error" not in body


async def test_first_line_without_an_end_is_cut_off(there: Site) -> None:
    async with wire(there) as (reader, writer):
        writer.write(b"GET /" + b"x" * MAX_FIRST_LINE)
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 414 ")


async def test_connection_that_sends_no_first_line_in_time_is_cut_off(tmp_path: Path) -> None:
    async with site(tmp_path, first_line_timeout_s=0.05) as there, wire(there) as (reader, writer):
        writer.write(b"GET /heal")
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_request_that_came_in_time_is_not_cut_off_later(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await held.wait()
        return web.Response(text="done")

    async with site(
        tmp_path, first_line_timeout_s=0.02, add=lambda app: app.router.add_get("/slow/a", slow) and None
    ) as there:
        asking = asyncio.create_task(there.client.get(f"{there.url}/slow/a"))
        async with wire(there) as (reader, writer):
            writer.write(b"G")
            # The other connection's time is over, so the first one's would be, too.
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        held.set()
        assert await (await asking).text() == "done"


async def test_client_that_vanishes_or_a_handler_that_fails_writes_no_words_into_the_log(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                if message == "fail":
                    raise ValueError("Ellie wrote this")
        finally:
            ended.set()

    with structlog.testing.capture_logs() as logged:
        async with site(tmp_path, handler=handler) as there:
            async with wire(there) as (reader, writer):
                writer.write(UPGRADE)
                assert (await answer_of(reader))[0] == 101
            await ended.wait()
            assert [entry for entry in logged if entry["log_level"] != "debug"] == []
            async with connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK) as ws:
                await ws.send("fail")
                with pytest.raises(ConnectionClosed) as caught:
                    await ws.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011
    [entry] = [entry for entry in logged if entry["log_level"] == "error"]
    assert entry["error"] == "ValueError"
    assert "Ellie" not in str(logged)


async def test_handler_that_returns_closes_the_socket(tmp_path: Path) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("bye")

    async with site(tmp_path, handler=handler) as there:
        async with connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK) as ws:
            assert await ws.recv() == "bye"
            with pytest.raises(ConnectionClosed) as caught:
                await ws.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000


async def test_stopping_closes_sockets_as_going_away_and_accepts_nobody(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        ws = await connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK)
        async with wire(there) as (reader, writer):
            writer.write(b"GET /he")
            async with there.client.get(f"{there.url}/healthz") as answer:
                assert answer.status == 200
            stopping = asyncio.create_task(there.front.stop(2.0))
            with pytest.raises(ConnectionClosed) as caught:
                await ws.recv()
            assert await reader.read() == b""
            await stopping
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", there.port)


async def test_stopping_lets_a_running_request_end(tmp_path: Path) -> None:
    running, held = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        running.set()
        await held.wait()
        return web.Response(text="done")

    async with site(tmp_path, add=lambda app: app.router.add_get("/slow/a", slow) and None) as there:
        asking = asyncio.create_task(there.client.get(f"{there.url}/slow/a"))
        await running.wait()
        stopping = asyncio.create_task(there.front.stop(5.0))
        await asyncio.sleep(0)
        held.set()
        assert await (await asking).text() == "done"
        await stopping


async def test_handler_that_never_ends_does_not_hold_up_a_stop_for_longer_than_its_grace(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def handler(_connection: ServerConnection) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with (
        site(tmp_path, handler=handler) as there,
        connect(f"ws://127.0.0.1:{there.port}/ws", subprotocols=MSGPACK),
    ):
        await begun.wait()
        async with asyncio.timeout(5):
            await there.front.stop(0.05)


async def test_an_expectation_that_nobody_can_meet_is_refused_without_its_words(there: Site) -> None:
    for path in (b"/healthz", b"/api/v1/me", b"/nowhere"):
        async with wire(there) as (reader, writer):
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nExpect: what Ellie said\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 417")
            assert b"no-store" in head
            body = await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
            assert b"Ellie" not in body


async def test_what_is_refused_before_it_is_a_request_is_kept_by_no_cache(tmp_path: Path) -> None:
    async with site(tmp_path, first_line_timeout_s=0.05) as there:
        for sent, status in ((b"GET", b"408"), (b"x" * MAX_FIRST_LINE, b"414")):
            async with wire(there) as (reader, writer):
                writer.write(sent)
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 " + status)
                assert b"Cache-Control: no-store" in head
