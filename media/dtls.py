"""DTLS-SRTP (RFC 5764) by aiortc's `RTCDtlsTransport` over our own packet engine.

The one file that uses private names of aiortc, aioice's transport among them: `_recv` and `_send` of the
ICE object, and `_recv_next`, `_set_role`, `_set_state`, `_setup_srtp`, `_srtp_profiles`, `_ssl`, `_state`,
`_validate_peer_identity`. Their versions are therefore pinned exactly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    State,
)
from OpenSSL import SSL

from media.engine.interface import SrtpKeys, SrtpProfile

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S: Final = 20.0
_QUEUE: Final = 32
_UP_PER_S: Final = 4.0
_UP_MOST: Final = 16.0
"""Datagrams that are taken in a second, and at once, once the handshake is done: all that is left to say is goodbye.

None of it is needed, so it does no harm when someone who forges a client's address uses it up.
"""
_RECORD: Final = 1_500
_RESEND_FIRST_S: Final = 0.1
_RESEND_MAX_S: Final = 1.6
# AES-128-GCM is the fastest; browsers offer AES-256-GCM first and take what we prefer.
_PREFERRED: Final = tuple(
    profile
    for profile in (SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_256_GCM)
    if profile in SRTP_PROFILES
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's digest as SDP writes it: "sha-256" and "AB:CD:…"."""

    algorithm: str
    value: str


class Certificate:
    """The ECDSA certificate that all transports of this process share: small flights, no key generation a join."""

    def __init__(self) -> None:
        self.native = RTCCertificate.generateCertificate()
        self.fingerprint = next(
            Fingerprint(f.algorithm, f.value) for f in self.native.getFingerprints() if f.algorithm == "sha-256"
        )


class _Wire:
    """What `RTCDtlsTransport` uses of an ICE transport."""

    role: Final = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.send = send
        self.closed = False

    def feed(self, data: bytes) -> bool:
        if self.closed or self._queue.qsize() >= _QUEUE:
            return False
        self._queue.put_nowait(data)
        return True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._queue.put_nowait(None)

    async def _recv(self) -> bytes:
        data = await self._queue.get()
        if data is None:
            self._queue.put_nowait(None)
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        if self.closed:
            raise ConnectionError
        self.send(data)


class _Dtls(RTCDtlsTransport):
    """Hands the keys over instead of keeping them."""

    def __init__(self, wire: _Wire, certificate: RTCCertificate) -> None:
        super().__init__(cast("Any", wire), [certificate])
        self._set_role("server")
        self._srtp_profiles = list(_PREFERRED)
        self.keys: SrtpKeys | None = None

    async def _recv_next(self) -> None:
        await super()._recv_next()
        # It takes one record of a datagram. Nothing that clients send inside DTLS is for us: nothing of it is to stay.
        if self.encrypted and self._ssl is not None:
            try:
                while self._ssl.recv(_RECORD):
                    pass
            except SSL.ZeroReturnError:
                raise ConnectionError from None
            except SSL.Error:
                return

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:  # noqa: N803
        # By the octets alone: a certificate that OpenSSL takes may be none to a stricter reader.
        expected = remoteParameters.fingerprints[0]
        shown = self._ssl.get_peer_certificate() if self._ssl is not None else None
        if shown is None or shown.digest(expected.algorithm.replace("-", "")).decode("ascii") != expected.value:
            self._set_state(State.FAILED)

    def _setup_srtp(self) -> None:
        ssl = self._ssl
        chosen = ssl.get_selected_srtp_profile() if ssl is not None else b""
        profile = next((p for p in _PREFERRED if p.openssl_profile == chosen), None)
        if ssl is None or profile is None:
            self._set_state(State.FAILED)
            return
        length = 2 * (profile.key_length + profile.salt_length)
        material = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", length)
        self.keys = SrtpKeys(
            SrtpProfile(chosen.decode("ascii")),
            receive=profile.get_key_and_salt(material, 0),
            send=profile.get_key_and_salt(material, 1),
        )

    def farewell(self) -> bytes:
        """The close_notify alert, or b'' when there is nobody to tell."""
        if self._ssl is None or self._state not in (State.CONNECTING, State.CONNECTED):
            return b""
        try:
            self._ssl.shutdown()
            return self._ssl.bio_read(1_500)
        except SSL.Error:
            return b""


class DtlsEndpoint:
    """Our end of one DTLS association: always the server (`a=setup:passive`)."""

    def __init__(
        self,
        certificate: Certificate,
        send: Callable[[bytes], None],
        on_keys: Callable[[SrtpKeys], None],
        on_closed: Callable[[bool], None],
    ) -> None:
        """`send` puts a datagram on the way. `on_keys` is called once when the handshake is done.

        `on_closed` is called once when the association ended without `close`, with whether it had been up.
        """
        self._wire = _Wire(self._sent)
        self._send = send
        self._on_keys = on_keys
        self._on_closed = on_closed
        self._dtls = _Dtls(self._wire, certificate.native)
        self._task: asyncio.Task[None] | None = None
        self._over: asyncio.Event = asyncio.Event()
        self._resend: asyncio.TimerHandle | None = None
        self._left = _UP_MOST
        self._left_at = 0.0
        self._dtls.add_listener("statechange", self._state_changed)

    def start(self, fingerprint: Fingerprint) -> None:
        """Begins the handshake; the client's certificate must have this fingerprint. Once only."""
        if self._task is None and not self._wire.closed:
            self._task = asyncio.get_running_loop().create_task(self._run(fingerprint))

    def feed(self, data: bytes) -> bool:
        """Takes a datagram, also before `start`. False when it was dropped, as too much came."""
        if self._dtls.encrypted:
            now = asyncio.get_running_loop().time()
            self._left = min(_UP_MOST, self._left + (now - self._left_at) * _UP_PER_S)
            self._left_at = now
            if self._left < 1:
                return False
            self._left -= 1
        return self._wire.feed(data)

    def close(self) -> None:
        """Says goodbye and ends; no callback comes after this."""
        if self._wire.closed:
            return
        alert = self._dtls.farewell()
        if alert:
            self._send(alert)
        self._wire.close()
        self._stop_resending()
        self._over.set()

    async def wait_closed(self) -> None:
        """Waits, after `close`, until nothing of it runs any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self, fingerprint: Fingerprint) -> None:
        parameters = RTCDtlsParameters([RTCDtlsFingerprint(fingerprint.algorithm, fingerprint.value)])
        up = False
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._dtls.start(parameters)
            if self._dtls.keys is not None and self._dtls.state == "connected":
                up = True
                self._stop_resending()
                if not self._wire.closed:
                    self._on_keys(self._dtls.keys)
                await self._over.wait()
        except TimeoutError:
            log.debug("DTLS handshake timed out")
        except SSL.Error:
            log.debug("DTLS handshake failed", exc_info=True)
        # A bug that one client meets is the end of its connection, and of no other.
        except Exception as error:
            log.error("DTLS fault: %s", type(error).__name__)  # noqa: TRY400 — a message may hold what clients sent
        finally:
            told = self._wire.closed
            self._wire.close()
            self._stop_resending()
            await self._dtls.stop()
            self._dtls.remove_all_listeners()
        if not told:
            self._on_closed(up)

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self._over.set()

    # OpenSSL repeats a flight after a whole second and ignores a repeated ClientHello: repeat it ourselves, sooner.

    def _sent(self, data: bytes) -> None:
        self._send(data)
        if not self._dtls.encrypted:
            self._schedule(data, _RESEND_FIRST_S)

    def _schedule(self, data: bytes, delay: float) -> None:
        self._stop_resending()
        if delay <= _RESEND_MAX_S:
            self._resend = asyncio.get_running_loop().call_later(delay, self._again, data, delay)

    def _again(self, data: bytes, delay: float) -> None:
        self._resend = None
        if not self._wire.closed and not self._dtls.encrypted:
            self._send(data)
            self._schedule(data, 2 * delay)

    def _stop_resending(self) -> None:
        if self._resend is not None:
            self._resend.cancel()
            self._resend = None
