"""Our end of DTLS against aiortc's, over a wire in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from media.dtls import Certificate, DtlsEndpoint, Fingerprint
from media.engine.interface import SrtpKeys, SrtpProfile
from media.engine.srtp import LibSrtp

CERTIFICATE = Certificate()


class ClientWire:
    """The ICE side of aiortc's own transport."""

    role = "controlling"

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.send: Callable[[bytes], object] = lambda data: None

    async def _recv(self) -> bytes:
        data = await self.queue.get()
        if data is None:
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        self.send(data)


class Handshake:
    """A client and our endpoint."""

    def __init__(self, lose: Callable[[int], bool] = lambda number: False) -> None:
        self.wire = ClientWire()
        certificate = RTCCertificate.generateCertificate()
        self.client = RTCDtlsTransport(cast("Any", self.wire), [certificate])
        self.client._set_role("client")
        fingerprint = certificate.getFingerprints()[0]
        self.fingerprint = Fingerprint(fingerprint.algorithm, fingerprint.value)
        self.keys: asyncio.Future[SrtpKeys] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.sent: list[bytes] = []
        self._lose = lose
        self.endpoint = DtlsEndpoint(CERTIFICATE, self._to_client, self.keys.set_result, self.closed.set_result)
        self.wire.send = self.endpoint.feed

    def _to_client(self, data: bytes) -> None:
        self.sent.append(data)
        if not self._lose(len(self.sent)):
            self.wire.queue.put_nowait(data)

    async def connect(self) -> SrtpKeys:
        ours = CERTIFICATE.fingerprint
        await self.client.start(RTCDtlsParameters([RTCDtlsFingerprint(ours.algorithm, ours.value)]))
        return await self.keys

    async def finish(self) -> None:
        self.endpoint.close()
        await self.endpoint.wait_closed()
        self.wire.queue.put_nowait(None)
        await self.client.stop()
        await asyncio.sleep(0)


async def test_both_ends_agree_on_aes_128_gcm_and_on_the_keys() -> None:
    handshake = Handshake()
    handshake.endpoint.start(handshake.fingerprint)
    keys = await handshake.connect()
    assert keys.profile is SrtpProfile.AEAD_AES_128_GCM
    packet = b"\x80\x60\x00\x01" + bytes(8) + b"hello"
    assert LibSrtp(keys).unprotect(handshake.client._tx_srtp.protect(packet)) == packet
    sealed = LibSrtp(keys).protect(packet)
    assert sealed is not None
    assert handshake.client._rx_srtp.unprotect(sealed) == packet
    assert not handshake.closed.done()
    await handshake.finish()


async def test_a_hello_that_comes_before_the_fingerprint_is_kept() -> None:
    handshake = Handshake()
    connecting = asyncio.ensure_future(handshake.connect())
    for _ in range(5):
        await asyncio.sleep(0)
    handshake.endpoint.start(handshake.fingerprint)
    await connecting
    await handshake.finish()


async def test_a_lost_flight_is_sent_again_soon_and_verbatim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.dtls._RESEND_FIRST_S", 0.005)
    handshake = Handshake(lose=lambda number: number in (1, 2))
    handshake.endpoint.start(handshake.fingerprint)
    await asyncio.wait_for(handshake.connect(), 0.9)  # OpenSSL alone would take a second
    assert handshake.sent[0] == handshake.sent[1] == handshake.sent[2]
    await handshake.finish()


async def test_a_certificate_with_another_fingerprint_gets_no_keys() -> None:
    handshake = Handshake()
    handshake.endpoint.start(Fingerprint("sha-256", ":".join(["00"] * 32)))
    ours = CERTIFICATE.fingerprint
    await handshake.client.start(RTCDtlsParameters([RTCDtlsFingerprint(ours.algorithm, ours.value)]))
    assert await handshake.closed is False
    assert not handshake.keys.done()
    await handshake.finish()


async def test_a_handshake_that_goes_nowhere_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.dtls.HANDSHAKE_TIMEOUT_S", 0.01)
    handshake = Handshake()
    handshake.endpoint.start(handshake.fingerprint)
    assert await handshake.closed is False
    await handshake.finish()


async def test_a_client_that_says_goodbye_is_noticed() -> None:
    handshake = Handshake()
    handshake.endpoint.start(handshake.fingerprint)
    await handshake.connect()
    await handshake.client.stop()
    assert await handshake.closed is True
    await handshake.finish()


async def test_we_say_goodbye_and_call_nobody_back() -> None:
    handshake = Handshake()
    handshake.endpoint.start(handshake.fingerprint)
    await handshake.connect()
    gone = asyncio.Event()
    handshake.client.on("statechange", gone.set)
    handshake.endpoint.close()
    await gone.wait()
    assert handshake.client.state == "closed"
    await handshake.finish()
    assert not handshake.closed.done()


async def test_junk_does_not_break_a_handshake() -> None:
    handshake = Handshake()
    for _ in range(20):
        handshake.endpoint.feed(b"\x16\xfe\xff" + bytes(60))
    handshake.endpoint.start(handshake.fingerprint)
    await handshake.connect()
    await handshake.finish()


async def test_a_flood_before_the_fingerprint_is_known_is_capped() -> None:
    handshake = Handshake()
    assert sum(handshake.endpoint.feed(b"\x16\xfe\xff" + bytes(60)) for _ in range(1_000)) == 32
    await handshake.finish()


async def test_closing_before_anything_came_is_quiet() -> None:
    handshake = Handshake()
    handshake.endpoint.close()
    handshake.endpoint.close()
    handshake.endpoint.start(handshake.fingerprint)
    assert not handshake.endpoint.feed(b"\x16")
    await handshake.finish()
    assert handshake.sent == []


async def test_what_is_closed_does_not_start() -> None:
    handshake = Handshake()
    handshake.endpoint.close()
    before = asyncio.all_tasks()
    handshake.endpoint.start(handshake.fingerprint)
    assert asyncio.all_tasks() == before
    await handshake.finish()
