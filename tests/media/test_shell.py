"""The engine's shell on a real socket, over loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from media.engine.interface import Candidate, Drop, DtlsIn, Event, Selected
from media.engine.stun import BINDING_REQUEST, BINDING_SUCCESS, USERNAME
from media.engine.stun import build as build_stun
from media.engine.stun import parse as parse_stun
from media.engine.transport import Path
from media.places import Listen
from media.shell import SocketEngine

HERE = (Listen("127.0.0.1"),)


@contextmanager
def client(target: tuple[str, int]) -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.connect(target)
        yield opened


def check(ufrag: str, pwd: str) -> bytes:
    return build_stun(BINDING_REQUEST, secrets.token_bytes(12), [(USERNAME, f"{ufrag}:x".encode())], pwd.encode())


async def test_the_shell_answers_checks_hands_dtls_up_and_sends_it_down() -> None:
    engine = SocketEngine(HERE)
    events: list[Event] = []
    woken = asyncio.Event()

    def wake() -> None:
        events.extend(engine.drain())
        woken.set()

    engine.start(wake)
    loop = asyncio.get_running_loop()
    candidate, by_tcp = engine.candidates()
    assert by_tcp == Candidate("127.0.0.1", candidate.port, "tcp")
    assert candidate.host == "127.0.0.1"
    transport = engine.add_transport("abcdef", "a-password-that-is-long")
    with client((candidate.host, candidate.port)) as opened:
        opened.send(check("abcdef", "a-password-that-is-long"))
        answer = parse_stun(await loop.sock_recv(opened, 2_048))
        assert answer is not None
        assert answer.kind == BINDING_SUCCESS
        opened.send(b"\x16hello")
        while DtlsIn(transport, b"\x16hello") not in events:
            woken.clear()
            await woken.wait()
        assert events == [Selected(transport), DtlsIn(transport, b"\x16hello")]
        engine.send_dtls(transport, b"\x16welcome")
        assert await loop.sock_recv(opened, 2_048) == b"\x16welcome"
    engine.close()


async def test_an_answer_leaves_from_the_address_that_was_asked() -> None:
    engine = SocketEngine((Listen("0.0.0.0"),))
    engine.start(lambda: None)
    engine.add_transport("abcdef", "a-password-that-is-long")
    port = engine.candidates()[0].port
    loop = asyncio.get_running_loop()
    for host in ("127.0.0.1", "127.0.0.2"):  # a connected socket takes datagrams of that one address only
        with client((host, port)) as opened:
            opened.send(check("abcdef", "a-password-that-is-long"))
            assert parse_stun(await asyncio.wait_for(loop.sock_recv(opened, 2_048), 5)) is not None
    engine.close()


async def test_every_usable_address_is_advertised_loopback_last() -> None:
    engine = SocketEngine((Listen("0.0.0.0"),))
    engine.start(lambda: None)
    hosts = [candidate.host for candidate in engine.candidates() if candidate.protocol == "udp"]
    loopback = [ipaddress.ip_address(host).is_loopback for host in hosts]
    assert "127.0.0.1" in hosts
    assert loopback == sorted(loopback)
    engine.close()


async def test_addresses_given_by_hand_are_advertised_as_they_are() -> None:
    engine = SocketEngine((Listen("127.0.0.1", 0, ("203.0.113.9", "203.0.113.9", "198.51.100.1")),))
    engine.start(lambda: None)
    assert [candidate.host for candidate in engine.candidates()] == ["203.0.113.9", "198.51.100.1"] * 2
    engine.close()
    engine.close()


async def test_a_port_in_use_is_told() -> None:
    engine = SocketEngine(HERE)
    engine.start(lambda: None)
    other = SocketEngine((Listen("127.0.0.1", engine.candidates()[0].port),))
    with pytest.raises(OSError, match="in use"):
        other.start(lambda: None)
    engine.close()


async def test_a_bug_that_one_datagram_meets_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = SocketEngine(HERE)
    engine.start(lambda: None)
    engine.add_transport("abcdef", "a-password-that-is-long")
    receive, poll = engine._core.receive, engine._core.poll
    polls: list[None] = []

    def failing(data: bytes, path: Path, now: float, arrival: float | None = None) -> None:
        if data == b"bad":
            raise IndexError(data)
        receive(data, path, now, arrival)

    def failing_once(now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
        polls.append(None)
        if len(polls) == 1:
            raise KeyError("secret")
        return poll(now)

    monkeypatch.setattr(engine._core, "receive", failing)
    monkeypatch.setattr(engine._core, "poll", failing_once)
    candidate = engine.candidates()[0]
    with client((candidate.host, candidate.port)) as opened:
        for data in (b"bad", check("abcdef", "a-password-that-is-long"), b"bad"):
            opened.send(data)
        answer = parse_stun(await asyncio.wait_for(asyncio.get_running_loop().sock_recv(opened, 2_048), 5))
    assert answer is not None
    assert engine.stats().dropped[Drop.FAULT] == 3
    (line,) = [record.getMessage() for record in caplog.records if record.name == "media.shell"]
    assert line.startswith("engine fault: IndexError at test_shell.py:")
    engine.close()


async def test_what_cannot_be_sent_is_counted() -> None:
    engine = SocketEngine(HERE)
    engine.start(lambda: None)
    transport = engine.add_transport("abcdef", "a-password-that-is-long")
    candidate = engine.candidates()[0]
    with client((candidate.host, candidate.port)) as opened:
        opened.send(check("abcdef", "a-password-that-is-long"))
        await asyncio.get_running_loop().sock_recv(opened, 2_048)
        engine.send_dtls(transport, bytes(70_000))
    assert engine.stats().dropped[Drop.SEND_BLOCKED] == 1
    engine.close()
