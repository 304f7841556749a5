from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from server.clock import SystemClock
from server.config import Config, ServerConfig
from server.doctor import addresses
from server.doctor.addresses import (
    address,
    is_served_by_us,
    listening,
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
