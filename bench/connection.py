"""A light peer connection: full ICE, DTLS-SRTP, no codecs. Received media is counted by its header, never decrypted."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import os
import secrets
import socket
import struct
from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from bench.descriptions import End, Remote
from bench.packets import Arrivals
from media.engine import rtcp, stun
from media.engine.interface import SrtpKeys, SrtpProfile
from media.engine.srtp import LibSrtp

READY_S: Final = 10.0
_CHECK_S: Final = 2.5
_CHECK_AGAIN_S: Final = 0.05
_FLIGHT_AGAIN_S: Final = 0.05
_BUFFER: Final = 4 * 1024 * 1024
_PROFILES: Final = {SrtpProfile.AEAD_AES_128_GCM: (16, 12), SrtpProfile.AES128_CM_SHA1_80: (16, 14)}


class NotConnected(Exception):
    """A light connection did not come about; the run is void."""


class Identity:
    """One certificate for all connections of the load generator."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
        now = dt.datetime.now(tz=dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.fingerprint = f"sha-256 {certificate.fingerprint(hashes.SHA256()).hex(':').upper()}"
        self.context = SSL.Context(SSL.DTLS_METHOD)
        # Whom we talk to is settled by the description, on this machine.
        self.context.set_verify(SSL.VERIFY_PEER, _anyone)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256")
        self.context.set_tlsext_use_srtp(":".join(_PROFILES).encode())


def _anyone(*_: object) -> bool:
    return True


class LightConnection:
    """One transport. `on_media` is called with each RTP packet's SSRC; `on_rtcp` with decrypted RTCP, if given."""

    def __init__(
        self,
        identity: Identity,
        *,
        on_media: Callable[[int], None] | None = None,
        on_rtcp: Callable[[bytes], None] | None = None,
    ) -> None:
        self.local = End(secrets.token_hex(4), secrets.token_hex(12), identity.fingerprint)
        self.arrivals: dict[int, Arrivals] = {}
        self.inode = 0
        """The kernel's number of the socket, once it is open."""
        self.ready = asyncio.Event()
        self._on_media = on_media
        self._on_rtcp = on_rtcp
        self._loop = asyncio.get_running_loop()
        self._ssl = SSL.Connection(identity.context, None)
        self._ssl.set_connect_state()
        self._ssl.set_ciphertext_mtu(1_200)
        self._socket: socket.socket | None = None
        self._remote: Remote | None = None
        self._cipher: LibSrtp | None = None
        self._keys: SrtpKeys | None = None
        self._given = False
        self._profile: SrtpProfile | None = None
        self._shaking = False
        self._flight = b""
        self._again_s = _FLIGHT_AGAIN_S
        self._timer: asyncio.TimerHandle | None = None
        self._checks: asyncio.TimerHandle | None = None

    @property
    def profile(self) -> SrtpProfile | None:
        """How packets are protected, once that is agreed on."""
        return self._profile

    @property
    def remote_ufrag(self) -> str:
        """The server's name for this connection in ICE, empty before it began."""
        return "" if self._remote is None else self._remote.ufrag

    def begin(self, remote: Remote) -> None:
        """Connects to the server's end; `ready` is set when packets can be protected."""
        version = ipaddress.ip_address(remote.host).version
        self._socket = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.connect((remote.host, remote.port))
        self.inode = os.fstat(self._socket.fileno()).st_ino
        self._remote = remote
        self._loop.add_reader(self._socket, self._readable)
        self._check()

    async def connected(self) -> None:
        """Waits until packets can flow.

        Raises:
            NotConnected: they cannot within 10 s.
        """
        try:
            async with asyncio.timeout(READY_S):
                await self.ready.wait()
        except TimeoutError:
            raise NotConnected("ICE or DTLS did not complete") from None

    def send(self, plain: bytes, *, control: bool = False) -> bool:
        """Protects and sends RTP, or RTCP (`control`). False when the kernel would not take it."""
        cipher, sock = self._cipher, self._socket
        if cipher is None or sock is None:
            return False
        data = cipher.protect_rtcp(plain) if control else cipher.protect(plain)
        return data is not None and self._put(data)

    def report(self) -> None:
        """Sends a receiver report on everything that arrives."""
        blocks = [rtcp.ReportBlock(ssrc, 0, each.lost, each.highest, 0, 0, 0) for ssrc, each in self.arrivals.items()]
        for at in range(0, len(blocks), 31):
            self.send(rtcp.receiver_report(1, blocks[at : at + 31]), control=True)

    def give_away(self) -> tuple[int, SrtpKeys]:
        """The socket's descriptor, and the keys: someone else receives and reports from here on.

        This end only goes on with ICE, and says goodbye. Two that protect RTCP under one key would repeat a nonce.

        Raises:
            ValueError: not ready, or given away before.
        """
        sock, keys, self._keys = self._socket, self._keys, None
        if sock is None or keys is None:
            raise ValueError("there is nothing to give away")
        self._cipher = None
        self._given = True
        self._loop.remove_reader(sock)
        return sock.fileno(), keys

    def close(self) -> None:
        """Says goodbye and closes the socket."""
        for timer in (self._timer, self._checks):
            if timer is not None:
                timer.cancel()
        if self._socket is None:
            return
        if self._cipher is not None or self._given:
            try:
                self._ssl.shutdown()
            except SSL.Error:
                pass
            else:
                self._flush()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None

    # ── ICE ───────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        remote = self._remote
        assert remote is not None
        attributes = [
            (stun.USERNAME, f"{remote.ufrag}:{self.local.ufrag}".encode()),
            (stun.PRIORITY, struct.pack("!I", 1_845_501_695)),
            (stun.ICE_CONTROLLING, b"\0\0\0\0\0\0\0\1"),
            (stun.USE_CANDIDATE, b""),
        ]
        self._put(stun.build(stun.BINDING_REQUEST, secrets.token_bytes(12), attributes, remote.pwd.encode()))
        self._checks = self._loop.call_later(_CHECK_S if self._shaking else _CHECK_AGAIN_S, self._check)

    def _stun(self, data: bytes) -> None:
        message, remote = stun.parse(data), self._remote
        if message is None or remote is None:
            return
        if message.kind == stun.BINDING_REQUEST:
            # A server that is not lite looks whether we are there, too.
            self._put(stun.success(message, remote.host, remote.port, self.local.pwd.encode()))
        elif message.kind == stun.BINDING_SUCCESS and not self._shaking:
            self._shaking = True
            self._shake()

    # ── what arrives ──────────────────────────────────────────────────────────────────────────

    def _readable(self) -> None:
        sock = self._socket
        while sock is not None:
            try:
                data = sock.recv(2_048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self._take(data)
            sock = self._socket

    def _take(self, data: bytes) -> None:
        first = data[0] if data else 255
        if 127 < first < 192 and len(data) >= 12:
            if 192 <= data[1] <= 223:
                if self._on_rtcp is not None and self._cipher is not None:
                    plain = self._cipher.unprotect_rtcp(data)
                    if plain is not None:
                        self._on_rtcp(plain)
                return
            ssrc = int.from_bytes(data[8:12])
            sequence = int.from_bytes(data[2:4])
            known = self.arrivals.get(ssrc)
            if known is None:
                self.arrivals[ssrc] = Arrivals(sequence)
            else:
                known.add(sequence)
            if self._on_media is not None:
                self._on_media(ssrc)
        elif 19 < first < 64:
            self._ssl.bio_write(data)
            self._shake()
        elif first < 4:
            self._stun(data)

    # ── DTLS ──────────────────────────────────────────────────────────────────────────────────

    def _shake(self) -> None:
        if self._cipher is not None:
            return
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._wait()
            return
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
        profile = self._profile = SrtpProfile(self._ssl.get_selected_srtp_profile().decode())
        key, salt = _PROFILES[profile]
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        mine = material[:key] + material[2 * key : 2 * key + salt]
        theirs = material[key : 2 * key] + material[2 * key + salt :]
        self._keys = SrtpKeys(profile, receive=theirs, send=mine)
        self._cipher = LibSrtp(self._keys)
        self.ready.set()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        timeout: float | None = self._ssl.DTLSv1_get_timeout()
        if timeout is None:
            self._timer = None
        else:
            self._timer = self._loop.call_later(min(timeout, self._again_s), self._late, timeout <= self._again_s)

    def _late(self, due: bool) -> None:
        # OpenSSL would wait for a second. Browsers repeat a flight sooner; without that, joins at a server that drops
        # the first one would look worse than they are.
        if due:
            self._ssl.DTLSv1_handle_timeout()
            self._flush()
        else:
            self._put(self._flight)
            self._again_s *= 2
        self._wait()

    def _flush(self) -> None:
        try:
            data: bytes = self._ssl.bio_read(1_500)
        except SSL.WantReadError:
            return
        self._flight, self._again_s = data, _FLIGHT_AGAIN_S
        self._put(data)

    def _put(self, data: bytes) -> bool:
        sock = self._socket
        if sock is None:
            return False
        try:
            sock.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        return True
