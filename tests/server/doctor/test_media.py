from __future__ import annotations

import socket
from pathlib import Path

import pytest

from media.engine.interface import Candidate
from server.config import Config, ListenConfig, MediaConfig, ServerConfig
from server.doctor.finding import State
from server.doctor.media import advertised, ipv6, media_addresses, media_ports
from tests.server.doctor.conditions import taken
from tests.server.doctor.test_addresses import free_port
from tests.server.http.site import site

PUBLIC = "https://groups.example.org"


async def test_free_media_port_is_ok_and_is_to_be_let_through() -> None:
    port = free_port(socket.SOCK_DGRAM)
    (found,) = await media_ports(Config(media=MediaConfig(bind="127.0.0.1", port=port)))
    assert (found.name, found.state) == ("media port", State.OK)
    assert f"UDP and TCP port {port}" in found.found
    (any_port,) = await media_ports(Config(media=MediaConfig(port=0)))
    assert any_port.state is State.LOOK


@pytest.mark.parametrize(("kind", "said"), [(socket.SOCK_DGRAM, "UDP port"), (socket.SOCK_STREAM, "TCP port")])
async def test_media_port_of_another_program_is_broken_unless_our_server_runs(
    tmp_path: Path, kind: socket.SocketKind, said: str
) -> None:
    with taken(kind) as port:
        media = MediaConfig(bind="127.0.0.1", port=port)
        (alone,) = await media_ports(Config(server=ServerConfig(port=free_port()), media=media))
        async with site(tmp_path) as there:
            (running,) = await media_ports(Config(server=ServerConfig(port=there.port), media=media))
    assert (alone.state, running.state) == (State.BROKEN, State.OK)
    assert said in alone.found


async def test_each_place_is_looked_at_by_its_own_name() -> None:
    with taken(socket.SOCK_DGRAM) as port:
        here, there = ListenConfig("127.0.0.1", free_port()), ListenConfig("127.0.0.1", port)
        found = await media_ports(
            Config(server=ServerConfig(port=free_port()), media=MediaConfig(listen=(here, there)))
        )
    assert [(each.name, each.state) for each in found] == [
        ("media port, listen[0]", State.OK),
        ("media port, listen[1]", State.BROKEN),
    ]
    assert "media.listen[1].port" in found[1].advice


async def test_media_address_that_is_not_of_this_machine_is_broken() -> None:
    (found,) = await media_ports(Config(media=MediaConfig(bind="198.51.100.77")))
    assert found.state is State.BROKEN
    assert "not an address of this machine" in found.found


def test_addresses_that_are_told_to_browsers_are_named() -> None:
    found, _ = media_addresses(
        Config(server=ServerConfig(base_url=PUBLIC), media=MediaConfig(advertise=("9.9.9.9", "auto")))
    )
    assert found.state is State.OK
    assert "127.0.0.1" in found.found
    assert "pass UDP and TCP on to it: 9.9.9.9 port 8081" in found.found


@pytest.mark.parametrize(
    ("hosts", "base_url", "state"),
    [
        (["127.0.0.1"], "http://127.0.0.1:8080", State.OK),
        (["127.0.0.1"], PUBLIC, State.BROKEN),
        ([], PUBLIC, State.BROKEN),
        ([], "http://127.0.0.1:8080", State.BROKEN),
        (["192.168.1.4", "127.0.0.1"], PUBLIC, State.LOOK),
        (["192.168.1.4", "127.0.0.1"], "https://192.168.1.4:8080", State.OK),
        (["192.168.1.4", "9.9.9.9"], PUBLIC, State.OK),
    ],
)
def test_somebody_elsewhere_must_reach_one_of_the_media_addresses(
    hosts: list[str], base_url: str, state: State
) -> None:
    told = [Candidate(host, 8_081, protocol) for protocol in ("udp", "tcp") for host in hosts]
    assert advertised(told, ["192.168.1.4", "127.0.0.1"], base_url).state is state


@pytest.mark.parametrize(
    ("told", "own", "base_url", "state", "says"),
    [
        (["2a00::1", "9.9.9.9"], ["2a00::1"], PUBLIC, State.OK, "over IPv6, too: 2a00::1"),
        (["9.9.9.9"], ["2a00::1", "9.9.9.9"], PUBLIC, State.LOOK, "has 2a00::1"),
        (["9.9.9.9"], ["2a00::1"], "http://localhost:8080", State.OK, "IPv4 only"),
        (["9.9.9.9", "fd00::1", "::1"], ["9.9.9.9", "fd00::1"], PUBLIC, State.OK, "IPv4 only"),
    ],
)
def test_ipv6_that_is_there_is_to_be_used(
    told: list[str], own: list[str], base_url: str, state: State, says: str
) -> None:
    found = ipv6([Candidate(host, 8_081) for host in told], own, base_url)
    assert found.state is state
    assert says in found.found
