"""The seam to SRTP (RFC 3711): a cipher a direction, so that tests can run in the clear.

The one file that uses private names of pylibsrtp: `_binding` and `Session._srtp`; its version is therefore pinned
exactly. Its own methods allocate for each packet what can be allocated once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, assert_never, cast

import pylibsrtp

from media.engine.interface import SrtpKeys, SrtpProfile

_binding: Final = cast("Any", pylibsrtp)._binding  # noqa: SLF001 — what comes from C has no types
_ffi: Final = _binding.ffi
_lib: Final = _binding.lib
_Policy: Final[Any] = pylibsrtp.Policy

MAX_PLAIN: Final = 1_350
"""Longest RTP packet that is protected, so that it fits a datagram with its trailer."""

_MAX: Final = 1_500
"""Room for what comes, and for the longest that is protected with the longest trailer there is (148 octets)."""

# libsrtp works in place. One packet at a time, in one thread: one buffer is enough, and stays in the cache.
_place: Final = _ffi.new("unsigned char[]", _MAX)
_read: Final = _ffi.buffer(_place)
_write: Final = memoryview(_read)
_length: Final = _ffi.new("int *")
_protect: Final = _lib.srtp_protect


class Cipher(Protocol):
    """Both directions of one transport. Every method returns None when the packet cannot be taken."""

    def protect(self, packet: bytes) -> bytes | None:
        """Encrypts an RTP packet to send."""
        ...

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """Encrypts an RTCP packet to send."""
        ...

    def unprotect(self, packet: bytes) -> bytes | None:
        """Authenticates and decrypts a received RTP packet."""
        ...

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Authenticates and decrypts a received RTCP packet."""
        ...

    def forget(self, ssrc: int) -> None:
        """Gives up what is kept about a received SSRC, its replay window included."""
        ...


CipherFactory = Callable[[SrtpKeys], Cipher]


class LibSrtp:
    """The real cipher."""

    def __init__(self, keys: SrtpKeys) -> None:
        """Raises pylibsrtp.Error or ValueError for keys that do not fit their profile."""
        profile = _profile(keys.profile)
        receive = _Policy(key=keys.receive, ssrc_type=_Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
        send = _Policy(key=keys.send, ssrc_type=_Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        # A lost packet may be sent again under its own sequence number, long after.
        send.allow_repeat_tx = True
        receive.window_size = send.window_size = 1_024
        self._receive: Any = pylibsrtp.Session(receive)
        self._send: Any = pylibsrtp.Session(send)
        self._in = self._receive._srtp[0]  # noqa: SLF001
        self._out = self._send._srtp[0]  # noqa: SLF001

    def protect(self, packet: bytes) -> bytes | None:
        return _work(_protect, self._out, packet) if len(packet) <= MAX_PLAIN else None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        return _work(_lib.srtp_protect_rtcp, self._out, packet) if len(packet) <= MAX_PLAIN else None

    def unprotect(self, packet: bytes) -> bytes | None:
        return _work(_lib.srtp_unprotect, self._in, packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        return _work(_lib.srtp_unprotect_rtcp, self._in, packet)

    def forget(self, ssrc: int) -> None:
        try:
            self._receive.remove_stream(ssrc)
        except pylibsrtp.Error:  # it keeps nothing about that one
            return


def _work(operation: Callable[[Any, Any, Any], int], session: Any, packet: bytes) -> bytes | None:
    size = len(packet)
    if size > _MAX:
        return None
    _write[:size] = packet
    _length[0] = size
    if operation(session, _place, _length):
        return None
    return _read[: _length[0]]


def _profile(profile: SrtpProfile) -> int:
    match profile:
        case SrtpProfile.AEAD_AES_128_GCM:
            return _Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        case SrtpProfile.AES128_CM_SHA1_80:
            return _Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        case SrtpProfile.AEAD_AES_256_GCM:
            return _Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    assert_never(profile)
