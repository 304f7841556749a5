from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from server.clock import SystemClock
from server.config import Config, MediaConfig, ServerConfig
from server.doctor import addresses
from server.doctor.addresses import (
    address,
    advertised,
    is_served_by_us,
    listening,
    media_addresses,
    media_port,
    metrics,
)
from server.doctor.finding import State
from server.lan import own_certificate
from server.metrics import Metrics, MetricsListener
from tests.server.doctor.conditions import taken
from tests.server.http.site import site


@asynccontextmanager
async def other_web_server() -> AsyncGenerator[int]:
    """Answers everything like a health check, but is not ours."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with taken(kind) as port:
        return port


def test_free_port_is_ok() -> None:
    assert listening("127.0.0.1", free_port()).state is State.OK


def test_port_of_a_program_that_does_not_answer_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "PROBE_TIMEOUT_S", 0.05)
    with taken(socket.SOCK_STREAM) as port:
        found = listening("127.0.0.1", port)
    assert found.state is State.BROKEN
    assert f"another program has port {port}" in found.found
    assert "server.port" in found.advice


async def test_port_of_our_running_server_is_ok(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        found = await asyncio.to_thread(listening, "127.0.0.1", there.port)
    assert (found.state, "this server is running" in found.found) == (State.OK, True)


async def test_our_running_server_is_known_behind_its_own_tls_too(tmp_path: Path) -> None:
    certificate = own_certificate(tmp_path / "lan", "192.0.2.7", SystemClock())
    async with site(tmp_path, tls=certificate.server_context()) as there:
        assert await asyncio.to_thread(is_served_by_us, "0.0.0.0", there.port)


async def test_another_web_server_is_not_taken_for_ours() -> None:
    async with other_web_server() as port:
        assert (await asyncio.to_thread(listening, "127.0.0.1", port)).state is State.BROKEN
        assert (await asyncio.to_thread(metrics, "127.0.0.1", port)).state is State.BROKEN


def test_address_that_is_not_of_this_machine_is_broken() -> None:
    found = listening("198.51.100.77", 8080)
    assert found.state is State.BROKEN
    assert "not an address of this machine" in found.found


def test_host_that_nobody_knows_is_broken() -> None:
    assert listening("nowhere.invalid", 8080).state is State.BROKEN


@pytest.mark.parametrize(
    ("host", "base_url", "state"),
    [
        ("127.0.0.1", "", State.OK),
        ("127.0.0.1", "http://localhost:8080", State.OK),
        ("127.0.0.1", "https://groups.example.org", State.OK),
        ("0.0.0.0", "https://groups.example.org", State.LOOK),
        ("0.0.0.0", "http://localhost:8080", State.LOOK),
        ("127.0.0.1", "http://groups.example.org", State.BROKEN),
        ("192.0.2.7", "", State.BROKEN),
        ("0.0.0.0", "", State.BROKEN),
        ("::", "", State.BROKEN),
    ],
)
def test_browsers_need_https_off_loopback(host: str, base_url: str, state: State) -> None:
    found = address(Config(server=ServerConfig(host=host, base_url=base_url)))
    assert found.state is state
    assert bool(found.advice) is (state is not State.OK)


async def test_free_media_port_is_ok_and_is_to_be_let_through() -> None:
    port = free_port(socket.SOCK_DGRAM)
    found = await media_port(Config(media=MediaConfig(bind="127.0.0.1", port=port)))
    assert (found.state, str(port) in found.found) == (State.OK, True)
    assert (await media_port(Config(media=MediaConfig(port=0)))).state is State.LOOK


async def test_media_port_of_another_program_is_broken_unless_our_server_runs(tmp_path: Path) -> None:
    with taken(socket.SOCK_DGRAM) as port:
        media = MediaConfig(bind="127.0.0.1", port=port)
        alone = await media_port(Config(server=ServerConfig(port=free_port()), media=media))
        async with site(tmp_path) as there:
            running = await media_port(Config(server=ServerConfig(port=there.port), media=media))
    assert (alone.state, running.state) == (State.BROKEN, State.OK)
    assert "UDP port" in alone.found


async def test_media_address_that_is_not_of_this_machine_is_broken() -> None:
    config = Config(media=MediaConfig(bind="198.51.100.77"))
    assert (await media_port(config)).state is State.BROKEN
    assert (await media_addresses(config)).state is State.BROKEN


async def test_addresses_that_are_told_to_browsers_are_named() -> None:
    config = Config(
        server=ServerConfig(base_url="https://groups.example.org"), media=MediaConfig(advertise=("9.9.9.9", "auto"))
    )
    found = await media_addresses(config)
    assert found.state is State.OK
    assert "9.9.9.9" in found.found
    assert "127.0.0.1" in found.found


@pytest.mark.parametrize(
    ("hosts", "base_url", "state"),
    [
        (["127.0.0.1"], "http://127.0.0.1:8080", State.OK),
        (["127.0.0.1"], "https://groups.example.org", State.BROKEN),
        ([], "https://groups.example.org", State.BROKEN),
        ([], "http://127.0.0.1:8080", State.BROKEN),
        (["192.168.1.4", "127.0.0.1"], "https://groups.example.org", State.LOOK),
        (["192.168.1.4", "127.0.0.1"], "https://192.168.1.4:8080", State.OK),
        (["192.168.1.4", "9.9.9.9"], "https://groups.example.org", State.OK),
        (["media.example.org"], "https://groups.example.org", State.BROKEN),
    ],
)
def test_somebody_elsewhere_must_reach_one_of_the_media_addresses(
    hosts: list[str], base_url: str, state: State
) -> None:
    assert advertised(hosts, base_url).state is state


def test_metrics_are_for_this_machine_only() -> None:
    assert metrics("127.0.0.1", free_port()).state is State.OK
    assert metrics("localhost", free_port()).state is State.OK
    outside = metrics("0.0.0.0", free_port())
    assert (outside.state, "metrics_host" in outside.advice) == (State.LOOK, True)


async def test_metrics_of_our_running_server_are_known() -> None:
    listener = MetricsListener(Metrics())
    port = await listener.start("127.0.0.1", 0)
    found = await asyncio.to_thread(metrics, "127.0.0.1", port)
    await listener.stop()
    assert (found.state, "running" in found.found) == (State.OK, True)
