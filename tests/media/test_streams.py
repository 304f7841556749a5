"""ICE-TCP on real sockets, over loopback; the engine's clock is not waited for."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable

import pytest

from media import door, streams
from media.engine.interface import Drop, DtlsIn, EgressSpec, Event, ExtensionIds, IngressSpec, Kind, OutId, Selected
from media.engine.interface import TransportId as Transport
from media.engine.rtp import build as build_rtp
from media.engine.stun import BINDING_REQUEST, BINDING_SUCCESS, USE_CANDIDATE, USERNAME, build, parse
from media.framing import MAX_WAITING, Deframer
from media.places import Listen
from media.shell import SocketEngine
from tests.media.engine.world import KEYS, NullCipher

PWD = "a-password-that-is-long"
OPEN: list[asyncio.StreamWriter] = []


def check(name: str = "abcdef") -> bytes:
    attributes = [(USERNAME, name.encode() + b":x"), (USE_CANDIDATE, b"")]
    return build(BINDING_REQUEST, secrets.token_bytes(12), attributes, PWD.encode())


def framed(*datagrams: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(data)) + data for data in datagrams)


class TcpClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.deframer = Deframer()
        self.got: list[bytes] = []
        OPEN.append(writer)

    def send(self, *datagrams: bytes) -> None:
        self.writer.write(framed(*datagrams))

    async def next(self) -> bytes:
        async with asyncio.timeout(5):
            while not self.got:
                self.got += self.deframer.feed(await self.reader.read(65_536))
        return self.got.pop(0)

    async def is_closed(self) -> bool:
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def prove(self, name: str = "abcdef") -> None:
        self.send(check(name))
        answer = parse(await self.next())
        assert answer is not None
        assert answer.kind == BINDING_SUCCESS


@pytest.fixture
async def engine() -> AsyncIterator[SocketEngine]:
    started = SocketEngine((Listen("127.0.0.1"),))
    started.start(lambda: None)
    yield started
    started.close()
    for writer in OPEN:
        writer.transport.abort()
    OPEN.clear()
    await asyncio.sleep(0)


async def connect(engine: SocketEngine) -> TcpClient:
    (place,) = [each for each in engine.candidates() if each.protocol == "tcp"]
    return TcpClient(*await asyncio.open_connection(place.host, place.port))


async def test_checks_and_dtls_go_over_tcp_both_ways(engine: SocketEngine) -> None:
    transport = engine.add_transport("abcdef", PWD)
    client = await connect(engine)
    for octet in framed(check()):  # however slowly it comes
        client.writer.write(bytes((octet,)))
        await asyncio.sleep(0)
    assert parse(await client.next()) is not None
    hello, again = b"\x16a client's hello", b"\x16a client's hello again"
    client.send(hello, again)
    engine.send_dtls(transport, b"\x16welcome")
    assert await client.next() == b"\x16welcome"
    heard: list[Event] = []
    while len(heard) < 3:
        heard += engine.drain()
        await asyncio.sleep(0)
    assert heard == [Selected(transport), DtlsIn(transport, hello), DtlsIn(transport, again)]


async def test_whoever_speaks_something_else_is_shown_the_door_without_a_word(engine: SocketEngine) -> None:
    engine.add_transport("abcdef", PWD)
    for said in (
        b"GET / HTTP/1.1\r\n\r\n",
        framed(b"\x16a client's hello"),
        framed(b"\x80" + bytes(40)),
        b"\xff\xff",
        framed(b""),
        framed(b"\0"),
    ):
        client = await connect(engine)
        client.writer.write(said)
        assert await client.is_closed()
    assert engine.stats().datagrams_out == 0


async def test_a_check_that_does_not_authenticate_gets_no_octet_and_the_stream_ends_at_once(
    engine: SocketEngine,
) -> None:
    engine.add_transport("abcdef", "another-password-that-is-long")
    forger = await connect(engine)
    forger.send(check(), *[check()] * 50)
    assert await forger.is_closed()
    assert engine.stats().datagrams_out == 0
    assert engine.stats().datagrams_in == 1


async def test_who_says_nothing_is_shown_the_door_in_time(
    engine: SocketEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_SWEEP_S", 0.01)
    monkeypatch.setattr(door, "STRANGER_S", 0.05)
    assert await (await connect(engine)).is_closed()


async def test_a_stream_ends_soon_after_what_it_was_for(engine: SocketEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_SWEEP_S", 0.01)
    monkeypatch.setattr(door, "STRANGER_S", 0.05)
    transport = engine.add_transport("abcdef", PWD)
    client = await connect(engine)
    await client.prove()
    await asyncio.sleep(0.1)
    await client.prove()
    engine.remove_transport(transport)
    assert await client.is_closed()


async def test_who_does_not_read_costs_a_bounded_memory_and_no_one_else(engine: SocketEngine) -> None:
    transport = engine.add_transport("abcdef", PWD)
    client = await connect(engine)
    await client.prove()
    assert engine._streams is not None
    (stream,) = engine._streams._streams.values()
    sent = 0
    while not engine.stats().dropped[Drop.SEND_BLOCKED]:
        engine.send_dtls(transport, b"\x16" + bytes(1_200))
        sent += 1
        assert len(stream.waiting) < MAX_WAITING + 32_768
    got = 0
    engine.send_dtls(transport, b"\x16last")
    while await client.next() != b"\x16last":
        got += 1
    assert 0 < sent - got == engine.stats().dropped[Drop.SEND_BLOCKED]


async def test_when_a_stream_ends_its_client_is_not_sent_to_any_more(engine: SocketEngine) -> None:
    transport = engine.add_transport("abcdef", PWD)
    client = await connect(engine)
    await client.prove()
    client.writer.transport.abort()
    assert engine._streams is not None
    while len(engine._streams):
        await asyncio.sleep(0)
    engine.send_dtls(transport, b"\x16welcome")
    assert engine.stats().dropped[Drop.SEND_BLOCKED] == 0
    await (await connect(engine)).prove()


async def test_a_flood_over_one_stream_is_read_no_faster_than_anyone_may_send(engine: SocketEngine) -> None:
    engine.add_transport("abcdef", PWD)
    flooder = await connect(engine)
    await flooder.prove()
    flooder.writer.write(framed(*[b"\x80" + bytes(19)] * 20_000))
    began = time.monotonic()
    while time.monotonic() < began + 0.2:
        await asyncio.sleep(0.005)
    taken = engine.stats().datagrams_in
    assert streams._MOST < taken < 20_000 / 2  # it waits where it came from
    while engine.stats().datagrams_in == taken:  # and comes in time
        await asyncio.sleep(0.005)
    await (await connect(engine)).prove()


async def test_a_stream_that_ends_while_it_is_not_read_leaves_nothing_behind(engine: SocketEngine) -> None:
    transport = engine.add_transport("abcdef", PWD)
    flooder = await connect(engine)
    await flooder.prove()
    assert engine._streams is not None
    (stream,) = engine._streams._streams.values()
    flooder.writer.write(framed(*[b"\x80" + bytes(19)] * 20_000))
    async with asyncio.timeout(5):
        while stream.rest is None:
            await asyncio.sleep(0)
    engine.remove_transport(transport)
    assert await flooder.is_closed()
    assert stream.rest is None


@pytest.mark.parametrize("length", [1, 12])
async def test_datagrams_that_can_be_nothing_end_the_stream_of_whoever_sends_them(
    engine: SocketEngine, length: int
) -> None:
    engine.add_transport("abcdef", PWD)
    client = await connect(engine)
    await client.prove()
    client.send(b"", b"\x80" + bytes(19))
    await client.prove()
    client.send(bytes(length))
    assert await client.is_closed()


async def test_who_spells_it_out_octet_by_octet_for_ever_is_shown_the_door(engine: SocketEngine) -> None:
    engine.add_transport("abcdef", PWD)
    slow = await connect(engine)
    slow.writer.write(struct.pack("!H", 2_000))
    for _ in range(2_000):
        slow.writer.write(b"x")
        await asyncio.sleep(0)
        if slow.reader.at_eof() or slow.reader.exception() is not None:
            break
    else:
        raise AssertionError("it may go on for ever")


async def test_single_octets_count_as_datagrams_do(engine: SocketEngine) -> None:
    engine.add_transport("abcdef", PWD)
    client = await connect(engine)
    await client.prove()
    assert engine._streams is not None
    (stream,) = engine._streams._streams.values()
    assert all(stream.wait(0, 1, 1e9) == 0.0 for _ in range(int(streams._MOST) - 10))
    assert any(stream.wait(0, 1, 1e9) > 0.0 for _ in range(20))


class Talk:
    """Someone who speaks over one stream, to someone who reads nothing from another."""

    def __init__(self, engine: SocketEngine) -> None:
        self.engine = engine
        self.ear = self.mouth = Transport(0)
        self.out = OutId(0)

    async def begin(self) -> streams._Stream:
        engine = self.engine
        engine._core._cipher = NullCipher
        assert engine._streams is not None
        self.mouth, self.ear = (engine.add_transport(name, PWD) for name in ("abcdef", "ghijkl"))
        self.speaker = await connect(engine)
        await self.speaker.prove()
        self.listener = await connect(engine)
        await self.listener.prove("ghijkl")
        stream = list(engine._streams._streams.values())[-1]
        stream.writing = True  # as if the reader's window were full
        for transport in (self.mouth, self.ear):
            engine.set_keys(transport, KEYS)
        engine.set_ext_ids(self.mouth, ExtensionIds())
        engine.add_ingress(IngressSpec(self.mouth, "0", Kind.AUDIO, 111, 48_000))
        engine.set_ingress_gate(self.mouth, "0", True)
        self.out = engine.add_egress(EgressSpec(self.ear, "a0", Kind.AUDIO, 9_000, 111, 48_000))
        engine.route(self.out, self.mouth, "0")
        self.speaker.send(*(build_rtp(111, False, n, 960 * n, 77, b"", b"speech" * 15) for n in range(50)))
        async with asyncio.timeout(5):
            while len(stream.waiting) < 50 * 104:
                await asyncio.sleep(0)
        return stream


@pytest.mark.parametrize(
    "end",
    [
        lambda talk: talk.engine.set_ingress_gate(talk.mouth, "0", False),
        lambda talk: talk.engine.set_egress_gate(talk.out, False),
        lambda talk: talk.engine.remove_ingress(talk.mouth, "0"),
        lambda talk: talk.engine.remove_transport(talk.mouth),
        lambda talk: talk.engine.route(talk.out, None),
        lambda talk: talk.engine.remove_egress(talk.out),
    ],
    ids=["microphone closed", "ear closed", "microphone removed", "speaker removed", "route changed", "slot removed"],
)
async def test_what_waits_for_a_slow_reader_does_not_leave_once_it_may_not(
    engine: SocketEngine, end: Callable[[Talk], None]
) -> None:
    talk = Talk(engine)
    stream = await talk.begin()
    end(talk)
    assert len(stream.waiting) == 0


async def test_the_stream_of_a_listener_who_is_removed_ends_at_once_with_all_that_waits(engine: SocketEngine) -> None:
    talk = Talk(engine)
    stream = await talk.begin()
    engine.remove_transport(talk.ear)
    assert stream.socket.fileno() == -1
    async with asyncio.timeout(5):
        assert await talk.listener.is_closed()


async def test_a_machine_without_descriptors_goes_on_when_it_has_some_again(
    engine: SocketEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_NO_ROOM_S", 0.01)
    engine.add_transport("abcdef", PWD)
    accept, failures = socket.socket.accept, [OSError(24, "Too many open files")]

    def failing(self: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        if failures:
            raise failures.pop()
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", failing)
    await (await connect(engine)).prove()
    assert failures == []


async def test_two_places_in_one_engine_answer_each_by_their_own_port() -> None:
    engine = SocketEngine((Listen("127.0.0.1"), Listen("::1"), Listen("127.0.0.1", 0, ("127.0.0.2",))))
    engine.start(lambda: None)
    engine.add_transport("abcdef", PWD)
    told = engine.candidates()
    assert [(each.host, each.protocol) for each in told] == [
        (host, protocol) for protocol in ("udp", "tcp") for host in ("127.0.0.1", "::1", "127.0.0.2")
    ]
    assert len({each.port for each in told}) == 3
    loop = asyncio.get_running_loop()
    for place in told[:2]:
        with socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            opened.connect((place.host, place.port))
            opened.send(check())
            assert parse(await asyncio.wait_for(loop.sock_recv(opened, 2_048), 5)) is not None
    engine.close()


async def test_a_place_that_cannot_be_had_leaves_the_others_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        engine = SocketEngine((Listen("127.0.0.1"), Listen("127.0.0.1", port)))
        with pytest.raises(OSError, match="in use"):
            engine.start(lambda: None)
        assert engine.candidates() == ()
    again = SocketEngine((Listen("127.0.0.1", port),))
    again.start(lambda: None)
    again.close()
