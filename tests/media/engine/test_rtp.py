"""RTP packets and VP8 descriptors."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine.rtp import build as build_rtp
from media.engine.rtp import extension_block
from media.engine.rtp import parse as parse_rtp
from media.engine.vp8 import parse_head
from media.engine.vp8 import rewrite as rewrite_vp8


@settings(deadline=None)
@given(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=5),
    st.binary(max_size=40),
)
def test_what_is_built_is_read_back(
    kind: int, marker: bool, sequence: int, timestamp: int, ssrc: int, extensions: dict[int, bytes], payload: bytes
) -> None:
    block = extension_block(list(extensions.items()))
    packet = parse_rtp(build_rtp(kind, marker, sequence, timestamp, ssrc, block, payload))
    assert packet is not None
    assert (packet.payload_type, packet.marker, packet.sequence) == (kind, marker, sequence)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (timestamp, ssrc, payload)
    assert packet.extensions == extensions


@pytest.mark.parametrize("profile", [0xBEDE, 0x1000])
def test_more_extensions_than_anyone_has_are_malformed(profile: int) -> None:
    def packet(count: int) -> bytes:
        body = (b"\x10\1" if profile == 0xBEDE else b"\1\0") * count
        return struct.pack("!BBHIIHH", 0x90, 96, 1, 2, 3, profile, count // 2) + body

    assert parse_rtp(packet(32)) is not None
    assert parse_rtp(packet(34)) is None


def test_padding_and_contributing_sources_are_not_payload() -> None:
    packet = parse_rtp(b"\xa1\x60\x00\x01" + bytes(8) + b"csrc" + b"media" + b"\x00\x00\x03")
    assert packet is not None
    assert packet.payload == b"media"


def test_two_byte_extensions_are_read() -> None:
    packet = parse_rtp(b"\x90\x60\x00\x01" + bytes(8) + b"\x10\x00\x00\x02" + b"\x05\x00\x00\x10\x02ab\x00" + b"x")
    assert packet is not None
    assert packet.extensions == {5: b"", 16: b"ab"}
    assert packet.payload == b"x"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(12),
        b"\x80" * 11,
        b"\x8f" + bytes(11),
        b"\x90" + bytes(11),
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x09",
        b"\x90" + bytes(11) + b"\xbe\xde\x00\x01\x1f\x00\x00\x00",
        b"\xa0" + bytes(12),
        b"\xa0" + bytes(11) + b"\x09",
    ],
)
def test_malformed_packets_are_refused(data: bytes) -> None:
    assert parse_rtp(data) is None


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_arbitrary_bytes_do_not_raise(data: bytes) -> None:
    for first in (0x80, 0x90, 0xB3):
        parse_rtp(bytes((first,)) + data)
    parse_head(data)


@pytest.mark.parametrize(
    ("payload", "key", "picture", "tl0", "size"),
    [
        (b"\x10\x00", True, 0, 0, 1),
        (b"\x10\x01", False, 0, 0, 1),
        (b"\x00\x00", False, 0, 0, 1),  # not the frame's first packet
        (b"\x11\x00", False, 0, 0, 1),  # another partition
        (b"\x90\x80\x05\x00", True, 5, 0, 3),
        (b"\x90\xe0\x81\x02\x07\x40\x01", False, 258, 7, 6),
        (b"\x90\x30\xff\x00", True, 0, 0, 3),
    ],
)
def test_a_descriptor_is_read(payload: bytes, key: bool, picture: int, tl0: int, size: int) -> None:
    head = parse_head(payload)
    assert head is not None
    assert (head.key_frame, head.picture_id, head.tl0, head.size) == (key, picture, tl0, size)


@pytest.mark.parametrize("payload", [b"", b"\x10", b"\x90\x80", b"\x90\x80\x80", b"\x90\x80\x80\x01", b"\x90\x40"])
def test_a_descriptor_cut_short_is_refused(payload: bytes) -> None:
    assert parse_head(payload) is None


def test_ids_are_moved_in_their_own_width() -> None:
    for payload, picture, tl0, expected in (
        (b"\x90\xe0\xff\xff\xff\x00body", 1, 1, b"\x90\xe0\x80\x00\x00\x00body"),
        (b"\x90\x80\x7fbody", 1, 1, b"\x90\x80\x00body"),
        (b"\x10body", 1, 1, b"\x10body"),
    ):
        head = parse_head(payload)
        assert head is not None
        assert rewrite_vp8(payload, head, picture, tl0) == expected
