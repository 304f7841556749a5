"""Our end of DTLS against aiortc's, over a wire in memory."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import warnings
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

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


async def test_a_certificate_that_is_none_by_the_standard_counts_by_its_digest_and_ends_in_nobodys_error() -> None:
    # OpenSSL takes one of "version 5"; a stricter reader does not.
    client = RawClient(odd=True)
    endpoint = client.endpoint
    endpoint.start(client.fingerprint)
    await client.shake()
    assert client.keys.done()
    endpoint.close()
    await endpoint.wait_closed()


async def test_an_error_of_ours_in_a_handshake_is_a_handshake_that_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("Ellie")

    monkeypatch.setattr("media.dtls._Dtls._setup_srtp", broken)
    client = RawClient()
    client.endpoint.start(client.fingerprint)
    await client.shake()
    assert await asyncio.wait_for(client.closed, 5) is False
    await client.endpoint.wait_closed()
    assert "KeyError" in caplog.text
    assert "Ellie" not in caplog.text


async def test_what_is_sent_inside_dtls_is_not_kept() -> None:
    """Many records in each datagram: of these OpenSSL would hand over one, and keep the others for ever."""
    client = RawClient()
    client.endpoint.start(client.fingerprint)
    await client.shake()
    for _ in range(50):
        for _ in range(20):
            client.ssl.send(b"x")
        client.endpoint.feed(client.ssl.bio_read(16_384))
        for _ in range(5):
            await asyncio.sleep(0)
    ssl = client.endpoint._dtls._ssl
    assert ssl is not None
    with pytest.raises(SSL.WantReadError):
        ssl.recv(1_500)
    client.endpoint.close()
    await client.endpoint.wait_closed()


async def test_a_flood_inside_a_connection_that_is_up_is_hardly_read() -> None:
    client = RawClient()
    client.endpoint.start(client.fingerprint)
    await client.shake()
    taken = 0
    for _ in range(200):
        taken += client.endpoint.feed(b"\x16\xfe\xfd" + bytes(60))
        for _ in range(5):
            await asyncio.sleep(0)
    assert taken < 40
    client.endpoint.close()
    await client.endpoint.wait_closed()


class RawClient:
    """OpenSSL itself at the other end; `odd`: with a certificate that says to be of a version that there is not."""

    def __init__(self, *, odd: bool = False) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "someone")])
        now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now)
        der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        if odd:
            der = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        with warnings.catch_warnings():  # the other way would read the certificate itself
            warnings.simplefilter("ignore", DeprecationWarning)
            context.use_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        context.use_privatekey(key)
        context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
        self.ssl = SSL.Connection(context, None)
        self.ssl.set_connect_state()
        self.ssl.set_ciphertext_mtu(1_200)
        self.fingerprint = Fingerprint("sha-256", hashlib.sha256(der).digest().hex(":").upper())
        self.keys: asyncio.Future[SrtpKeys] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.endpoint = DtlsEndpoint(CERTIFICATE, self._take, self.keys.set_result, self.closed.set_result)

    def _take(self, data: bytes) -> None:
        self.ssl.bio_write(data)

    async def shake(self) -> None:
        """Until it is done, or has nothing more to say."""
        for _ in range(50):
            with contextlib.suppress(SSL.WantReadError):
                self.ssl.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                self.endpoint.feed(self.ssl.bio_read(16_384))
            await asyncio.sleep(0)
