"""RTCP packets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine.rtcp import (
    Goodbye,
    KeyFrameRequest,
    Nack,
    Reception,
    ReportBlock,
    SenderReport,
    receiver_report,
    sender_report,
)
from media.engine.rtcp import nack as nack_rtcp
from media.engine.rtcp import parse as parse_rtcp
from media.engine.rtcp import pli as pli_rtcp


def test_a_compound_packet_is_walked() -> None:
    data = sender_report(1, 2, 3, 4, 5) + pli_rtcp(6, 7) + nack_rtcp(8, 9, [10, 12]) + b"\x80\xca\x00\x00"
    assert parse_rtcp(data) == [
        SenderReport(1, 2, 3),
        KeyFrameRequest(7),
        Nack(9, (10, 12)),
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=80, unique=True))
def test_a_nack_names_exactly_what_is_lost(numbers: list[int]) -> None:
    lost = list(dict.fromkeys(number & 0xFFFF for number in sorted(numbers)))
    (item,) = parse_rtcp(nack_rtcp(1, 2, lost)) or []
    assert isinstance(item, Nack)
    assert item.ssrc == 2
    assert set(item.lost) == set(lost)


def test_a_report_says_what_was_lost_of_each_source() -> None:
    blocks = [ReportBlock(5, 64, 7, 0x12345, 0, 0, 0), ReportBlock(6, 0, 0, 9, 0, 0, 0)]
    data = receiver_report(1, blocks)
    told = [Reception(5, 64, 0x12345), Reception(6, 0, 9)]
    assert parse_rtcp(data) == told
    with_blocks = bytes((0x82, 200, 0, 6 + 12)) + sender_report(1, 2, 3, 4, 5)[4:] + data[8:]
    assert parse_rtcp(with_blocks) == [SenderReport(1, 2, 3), *told]


def test_a_goodbye_names_its_sources() -> None:
    assert parse_rtcp(struct.pack("!BBHII", 0x82, 203, 2, 5, 6)) == [Goodbye((5, 6))]


def test_a_nack_cannot_ask_for_the_world() -> None:
    data = struct.pack("!BBHII", 0x81, 205, 2 + 300, 1, 2) + struct.pack("!HH", 7, 0xFFFF) * 300
    items = parse_rtcp(data + data) or []
    assert sum(len(item.lost) for item in items if isinstance(item, Nack)) == 256


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\xc8\x00\x00",
        b"\x80\xc8\x00\x01" + bytes(4),
        b"\x81\xcd\x00\x01" + bytes(4),
        b"\x81\xce\x00\x01" + bytes(4),
        b"\x84\xce\x00\x02" + bytes(8),
        b"\x85\xcb\x00\x01" + bytes(4),
        b"\x80\xc9\x00\x09" + bytes(4),
        b"\x82\xc9\x00\x07" + bytes(28),
        b"\x81\xc8\x00\x06" + bytes(24),
        b"\x00\xc9\x00\x01" + bytes(4),
        pli_rtcp(1, 2) + b"\x80",
        b"\x80\xca\x00\x00" * 80,
    ],
)
def test_malformed_packets_are_refused(data: bytes) -> None:
    assert parse_rtcp(data) is None


@settings(deadline=None)
@given(st.binary(max_size=100), st.integers(200, 207), st.integers(0, 31))
def test_arbitrary_bytes_do_not_raise(data: bytes, kind: int, form: int) -> None:
    parse_rtcp(data)
    body = data + bytes(-len(data) & 3)
    parse_rtcp(bytes((0x80 | form, kind)) + (len(body) // 4).to_bytes(2, "big") + body)


def test_a_receiver_report_has_the_layout_of_the_rfc() -> None:
    block = ReportBlock(1, 2, 3, 4, 5, 6, 7)
    assert receiver_report(9, [block]) == struct.pack("!BBHI IBBHIIII", 0x81, 201, 7, 9, 1, 2, 0, 3, 4, 5, 6, 7)
