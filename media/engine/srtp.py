"""The seam to SRTP (RFC 3711): a cipher a direction, so that tests can run in the clear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, assert_never

import pylibsrtp

from media.engine.interface import SrtpKeys, SrtpProfile

_Policy: Final[Any] = pylibsrtp.Policy  # its constants come from C and have no types

MAX_PLAIN: Final = 1_350
"""Longest packet that libsrtp's binding takes with room for its trailer."""


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
        self._receive = pylibsrtp.Session(receive)
        self._send = pylibsrtp.Session(send)

    def protect(self, packet: bytes) -> bytes | None:
        try:
            return self._send.protect(packet)
        except (pylibsrtp.Error, ValueError):
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._send.protect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            return None

    def unprotect(self, packet: bytes) -> bytes | None:
        try:
            return self._receive.unprotect(packet)
        except (pylibsrtp.Error, ValueError):
            return None

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._receive.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            return None

    def forget(self, ssrc: int) -> None:
        try:
            self._receive.remove_stream(ssrc)
        except pylibsrtp.Error:  # it keeps nothing about that one
            return


def _profile(profile: SrtpProfile) -> int:
    match profile:
        case SrtpProfile.AEAD_AES_128_GCM:
            return _Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        case SrtpProfile.AES128_CM_SHA1_80:
            return _Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        case SrtpProfile.AEAD_AES_256_GCM:
            return _Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    assert_never(profile)
