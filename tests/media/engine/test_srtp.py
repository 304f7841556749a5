"""The real cipher."""

from __future__ import annotations

from importlib.metadata import version

import pylibsrtp
import pytest

from media.engine.interface import SrtpKeys, SrtpProfile
from media.engine.rtp import build as build_rtp
from media.engine.srtp import MAX_PLAIN, LibSrtp

LENGTHS = {
    SrtpProfile.AEAD_AES_128_GCM: 28,
    SrtpProfile.AES128_CM_SHA1_80: 30,
    SrtpProfile.AEAD_AES_256_GCM: 44,
}


@pytest.mark.parametrize("profile", SrtpProfile)
def test_the_other_end_reads_what_one_end_protects(profile: SrtpProfile) -> None:
    one, two = bytes(range(LENGTHS[profile])), bytes(range(100, 100 + LENGTHS[profile]))
    here = LibSrtp(SrtpKeys(profile, receive=one, send=two))
    there = LibSrtp(SrtpKeys(profile, receive=two, send=one))
    plain = build_rtp(96, True, 1, 2, 3, b"", bytes(MAX_PLAIN - 12))
    sealed = here.protect(plain)
    assert sealed is not None
    assert sealed != plain
    assert there.unprotect(sealed) == plain
    assert there.unprotect(sealed) is None  # a replay
    assert here.protect(plain) is not None  # but we may send again
    control = b"\x81\xce\x00\x02" + bytes(8)
    sealed = here.protect_rtcp(control)
    assert sealed is not None
    assert there.unprotect_rtcp(sealed) == control


def test_a_forgotten_ssrc_leaves_room_for_a_new_one() -> None:
    one, two = bytes(range(28)), bytes(range(100, 128))
    here = LibSrtp(SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, receive=one, send=two))
    there = LibSrtp(SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, receive=two, send=one))
    sealed = here.protect(build_rtp(96, True, 1, 2, 3, b"", b"x"))
    assert sealed is not None
    assert there.unprotect(sealed) is not None
    there.forget(4)
    assert there.unprotect(sealed) is None
    there.forget(3)
    there.forget(3)
    assert there.unprotect(sealed) is not None  # nothing is kept of it, not even that it came


def test_what_cannot_be_taken_is_none_and_never_raises() -> None:
    cipher = LibSrtp(SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, bytes(28), bytes(28)))
    for junk in (b"", b"\x80", bytes(12), b"\x80" * 60, bytes(2_048)):
        assert cipher.unprotect(junk) is None
        assert cipher.unprotect_rtcp(junk) is None
    assert cipher.protect(bytes(2_048)) is None
    assert cipher.protect_rtcp(bytes(2_048)) is None


def test_keys_are_never_printed() -> None:
    assert "secret" not in repr(SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"secret", b"secret"))


@pytest.mark.parametrize("profile", SrtpProfile)
def test_the_binding_beneath_is_the_one_whose_own_methods_say_the_same(profile: SrtpProfile) -> None:
    # media/engine/srtp.py calls its C functions itself: look at both again before another version is let in.
    assert version("pylibsrtp") == "1.0.0"
    key = bytes(range(LENGTHS[profile]))
    policy = pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=_number(profile))
    theirs, ours = pylibsrtp.Session(policy), LibSrtp(SrtpKeys(profile, receive=key, send=key))
    for size in (1, 80, MAX_PLAIN - 12):  # a shorter one after a longer one, too
        for number in (size, size + 1):
            plain = build_rtp(96, True, number, 2, 3, b"", bytes(size))
            sealed = theirs.protect(plain)
            assert ours.protect(plain) == sealed
            assert ours.unprotect(sealed) == plain
    report = b"\x81\xc9\x00\x01" + bytes(4)
    sealed = theirs.protect_rtcp(report)
    assert ours.protect_rtcp(report) == sealed
    assert ours.unprotect_rtcp(sealed) == report


def _number(profile: SrtpProfile) -> int:
    return {
        SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        SrtpProfile.AES128_CM_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        SrtpProfile.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    }[profile]


def test_a_packet_a_thousand_behind_the_newest_is_still_taken_and_still_sent_again() -> None:
    one, two = bytes(range(28)), bytes(range(100, 128))
    here = LibSrtp(SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, receive=one, send=two))
    there = LibSrtp(SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, receive=two, send=one))
    plain = [build_rtp(96, True, sequence, 2, 3, b"", b"x") for sequence in range(1_001)]
    sealed = [here.protect(packet) for packet in plain]
    assert there.unprotect(sealed[1_000] or b"") == plain[1_000]
    assert there.unprotect(sealed[0] or b"") == plain[0]
    assert here.protect(plain[0]) == sealed[0]
