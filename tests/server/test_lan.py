from __future__ import annotations

import asyncio
import ipaddress
import ssl
import stat
from io import StringIO
from pathlib import Path

import pytest
import segno
from aiohttp import ClientConnectorCertificateError, ClientSession
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from rich.console import Console
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from media.places import Listen
from media.shell import SocketEngine
from server.cli_ops import show_lan
from server.clock import SystemClock
from server.config import Config, MediaConfig, ServerConfig, StorageConfig, allowed_origins
from server.lan import (
    Certificate,
    LanError,
    also_at,
    choose_address,
    lan_address,
    lan_folder,
    lan_settings,
    own_certificate,
    qr_code,
)
from tests.fakes import FakeClock
from tests.server.http.site import site
from tests.server.people import ELLIE, SESSION

ADDRESS = "192.0.2.7"
MSGPACK = [Subprotocol("holdspace.msgpack")]
DAY_S = 24 * 60 * 60


def trusting(certificate: Certificate) -> ssl.SSLContext:
    """A client that trusts this certificate's authority and no other, and is strict (RFC 5280)."""
    context = ssl.create_default_context(cafile=str(certificate.authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_the_home_network_is_preferred_to_containers_tunnels_and_loopback() -> None:
    home, docker, tunnel = ("wlan0", "192.168.1.20"), ("docker0", "172.17.0.1"), ("tun0", "10.8.0.2")
    everything = [("lo", "127.0.0.1"), docker, ("br-5f2a", "172.18.0.1"), ("vethab", "169.254.3.4"), tunnel, home]
    assert choose_address(everything, default_route="192.168.1.20") == "192.168.1.20"
    assert choose_address(everything, default_route="10.8.0.2") == "192.168.1.20"
    assert choose_address([("eth0", "203.0.113.9"), ("eth1", "192.168.1.20")], None) == "192.168.1.20"
    assert choose_address([("eth1", "10.0.0.4"), ("eth0", "192.168.1.20")], "192.168.1.20") == "192.168.1.20"
    assert choose_address([docker], None) == "172.17.0.1"
    assert choose_address([("lo", "127.0.0.1"), ("eth0", "169.254.3.4")], None) is None


def test_this_machine_has_an_address_that_others_reach() -> None:
    assert not ipaddress.ip_address(lan_address()).is_loopback


@pytest.mark.parametrize("wanted", ["127.0.0.1", "0.0.0.0", "169.254.1.1", "fe80::1", "my-laptop", "224.0.0.1"])
def test_an_address_that_others_cannot_use_is_refused(wanted: str) -> None:
    with pytest.raises(LanError, match=wanted):
        lan_address(wanted)


def test_an_address_that_was_named_is_taken() -> None:
    assert lan_address("192.168.7.7") == "192.168.7.7"


def test_settings_of_the_network_listen_and_advertise_there() -> None:
    config = Config(
        server=ServerConfig(port=9000, base_url="https://groups.example.org"), media=MediaConfig(bind="127.0.0.1")
    )
    changed = lan_settings(config, ADDRESS)
    assert changed.base_url() == "https://192.0.2.7:9000"
    assert (changed.server.host, changed.media.bind) == ("0.0.0.0", "0.0.0.0")
    assert changed.media.advertise == (ADDRESS, "auto")
    assert (changed.storage, changed.server.metrics_host) == (config.storage, "127.0.0.1")


async def test_media_is_told_to_come_to_the_networks_address_first() -> None:
    own = lan_address()
    media = lan_settings(Config(), own).media
    engine = SocketEngine((Listen(media.bind, 0, media.advertise),))
    engine.start(lambda: None)
    try:
        told = [candidate.host for candidate in engine.candidates() if candidate.protocol == "udp"]
    finally:
        engine.close()
    assert told[0] == own
    assert told.count(own) == 1
    assert told[-1] == "127.0.0.1", "a page on this machine itself keeps working"


def test_pages_may_be_opened_at_every_name_of_the_certificate() -> None:
    config = lan_settings(Config(), ADDRESS)
    origins = allowed_origins(config.base_url(), *also_at(config, "Kitchen-PC"))
    assert origins == {f"https://{host}:8080" for host in (ADDRESS, "localhost", "127.0.0.1", "[::1]", "kitchen-pc")}


def test_certificate_is_for_the_address_the_host_and_this_machine_and_signs_no_others(tmp_path: Path) -> None:
    clock = FakeClock()
    made = own_certificate(tmp_path / "lan", ADDRESS, clock, "kitchen-pc")
    parsed = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [ADDRESS, "127.0.0.1", "::1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "kitchen-pc"]
    usage = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert round((parsed.not_valid_after_utc.timestamp() - clock.now_ms() / 1000) / DAY_S) == 30
    assert len(made.fingerprint.split(":")) == 32


def test_key_is_for_its_owner_only(tmp_path: Path) -> None:
    made = own_certificate(tmp_path / "lan", ADDRESS, FakeClock())
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    made.key.chmod(0o644)
    again = own_certificate(tmp_path / "lan", ADDRESS, FakeClock())
    assert stat.S_IMODE(again.key.stat().st_mode) == 0o600


def test_certificate_is_kept_while_it_fits_so_that_a_phone_need_not_be_told_again(tmp_path: Path) -> None:
    clock = FakeClock()
    first = own_certificate(tmp_path, ADDRESS, clock, "pc")
    clock.advance(28 * DAY_S)
    assert own_certificate(tmp_path, ADDRESS, clock, "pc") == first
    clock.advance(1.5 * DAY_S)
    renewed = own_certificate(tmp_path, ADDRESS, clock, "pc")
    assert renewed.fingerprint != first.fingerprint
    assert own_certificate(tmp_path, "192.0.2.8", clock, "pc").fingerprint != renewed.fingerprint


@pytest.mark.parametrize("damaged", ["certificate.pem", "key.pem", "authority.pem"])
def test_files_that_do_not_belong_together_are_made_again(tmp_path: Path, damaged: str) -> None:
    clock = FakeClock()
    first = own_certificate(tmp_path / "one", ADDRESS, clock)
    other = own_certificate(tmp_path / "other", ADDRESS, clock)
    for content in (b"", b"not PEM", (other.certificate.parent / damaged).read_bytes()):
        (tmp_path / "one" / damaged).write_bytes(content)
        made = own_certificate(tmp_path / "one", ADDRESS, clock)
        assert made.fingerprint != first.fingerprint
        made.server_context()


def test_certificate_lies_beside_the_database() -> None:
    assert lan_folder(Config()) == Path("var/lan")
    elsewhere = StorageConfig(url="sqlite+aiosqlite:////srv/holdspace/rooms.db")
    assert lan_folder(Config(storage=elsewhere)) == Path("/srv/holdspace/lan")
    assert lan_folder(Config(storage=StorageConfig(url="postgresql://db/holdspace"))) == Path("var/lan")


async def test_pages_and_websocket_share_one_port_with_tls(tmp_path: Path) -> None:
    certificate = own_certificate(tmp_path / "lan", ADDRESS, SystemClock())
    trust = trusting(certificate)
    base_url = f"https://{ADDRESS}:8080"
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/index.html").write_text("<!doctype html>" + "page " * 50_000)
    async with site(tmp_path, base_url=base_url, tls=certificate.server_context()) as there:
        url = f"wss://127.0.0.1:{there.port}/ws"
        async with connect(url, ssl=trust, subprotocols=MSGPACK, origin=Origin(base_url)) as ws:
            async with there.client.get(f"{there.url}/healthz", ssl=trust) as answer:
                assert answer.status == 200
            async with there.client.get(f"{there.url}/", ssl=trust) as answer:
                assert len(await answer.read()) == 250_015
            await ws.send(b"\x01" * 60_000)
            assert await ws.recv() == b"\x01" * 60_000
        async with there.client.ws_connect(url, ssl=trust, protocols=["holdspace.json"], origin=base_url) as ws:
            await ws.send_str("hello")
            assert (await ws.receive()).data == "hello"
        with pytest.raises(InvalidStatus):
            async with connect(url, ssl=trust, subprotocols=MSGPACK, origin=Origin("https://elsewhere.example")):
                pass


async def test_cookie_is_secure_and_the_socket_is_on_the_address_that_the_page_came_from(tmp_path: Path) -> None:
    certificate = own_certificate(tmp_path / "lan", ADDRESS, SystemClock())
    trust = trusting(certificate)
    base_url = f"https://{ADDRESS}:8080"
    async with site(
        tmp_path, base_url=base_url, tls=certificate.server_context(), also_at=("https://localhost:8080",)
    ) as there:
        await there.make_ready(ELLIE)
        token = await there.auth.make_link(ELLIE, ttl_s=60)
        sign_in = f"{there.url}/api/v1/sign-in"
        async with there.client.post(sign_in, json={"token": token}, ssl=trust) as answer:
            assert answer.cookies["holdspace"]["secure"] is True
        join = f"{there.url}/api/v1/sessions/{SESSION}/join"
        for origin, answered in ((base_url, f"wss://{ADDRESS}:8080/ws"), ("https://localhost:8080", None)):
            async with there.client.post(join, json={}, headers={"Origin": origin}, ssl=trust) as answer:
                assert (await answer.json())["ws_url"] == (answered or "wss://localhost:8080/ws")
        async with there.client.post(join, json={}, headers={"Origin": "http://localhost:8080"}, ssl=trust) as answer:
            assert answer.status == 403


async def test_authority_is_there_to_fetch_and_holds_no_key(tmp_path: Path) -> None:
    made = own_certificate(tmp_path / "lan", ADDRESS, SystemClock())
    authority = made.authority.read_bytes()
    async with (
        site(tmp_path / "with", authority=authority) as there,
        there.client.get(f"{there.url}/lan.crt") as answer,
    ):
        assert answer.content_type == "application/x-x509-ca-cert"
        fetched = await answer.read()
    root = x509.load_pem_x509_certificate(fetched)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert b"PRIVATE" not in fetched
    async with site(tmp_path / "without") as there, there.client.get(f"{there.url}/lan.crt") as answer:
        assert answer.status == 404


def test_authoritys_key_is_nowhere_so_that_it_never_signs_another(tmp_path: Path) -> None:
    made = own_certificate(tmp_path, ADDRESS, FakeClock())
    root = x509.load_pem_x509_certificate(made.authority.read_bytes())
    keys = [path for path in tmp_path.iterdir() if b"PRIVATE" in path.read_bytes()]
    assert keys == [made.key]
    served = serialization.load_pem_private_key(made.key.read_bytes(), None)
    assert served.public_key() != root.public_key()


async def test_who_does_not_trust_the_certificate_or_speaks_no_tls_gets_nothing(tmp_path: Path) -> None:
    certificate = own_certificate(tmp_path / "lan", ADDRESS, SystemClock())
    async with site(tmp_path, tls=certificate.server_context()) as there:
        async with ClientSession() as stranger:
            with pytest.raises(ClientConnectorCertificateError):
                await stranger.get(f"{there.url}/healthz")
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in await reader.read()
        writer.close()
        async with there.client.get(f"{there.url}/healthz", ssl=trusting(certificate)) as answer:
            assert answer.status == 200


def test_qr_code_on_the_terminal_is_the_links() -> None:
    url = f"https://192.168.100.200:8080/join#{'aB3-' * 11}"
    lines = qr_code(url).splitlines()
    both = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    rows = [[both[sign][half] for sign in line] for line in lines for half in (0, 1)]
    expected = [list(row) for row in segno.make(url, error="l", micro=False).matrix_iter(border=4)]
    assert rows[: len(expected)] == expected
    assert max(map(len, lines)) <= 80, "fits a terminal"


def test_words_for_the_phone_name_the_link_the_warning_and_the_whole_fingerprint() -> None:
    out = StringIO()
    fingerprint = ":".join(["AB"] * 16 + ["CD"] * 16)
    url = f"https://{ADDRESS}:8080/join#token"
    show_lan(url, fingerprint, ports=(8080, 8081), demo=True, console=Console(file=out, width=100))
    said = out.getvalue()
    assert [line.rstrip() for line in qr_code(url).splitlines()][4] in said
    assert all(words in said for words in ("Safari", "Chrome", "Proceed", "warn", "first participant", "UDP port 8081"))
    assert all(half in said for half in (fingerprint[:47], fingerprint[48:]))
