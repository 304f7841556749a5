"""STUN messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine.stun import BINDING_REQUEST, ICE_CONTROLLED, USE_CANDIDATE, USERNAME, XOR_MAPPED_ADDRESS
from media.engine.stun import build as build_stun
from media.engine.stun import parse as parse_stun
from media.engine.stun import success as stun_success

# RFC 5769 section 2.1: a request with long fields, short-term credentials and a fingerprint.
RFC_5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"


def test_the_example_of_the_rfc_is_read_and_authenticates() -> None:
    message = parse_stun(RFC_5769_REQUEST)
    assert message is not None
    assert message.kind == BINDING_REQUEST
    assert message.local_ufrag == "evtj"
    assert ICE_CONTROLLED in message.attributes
    assert message.authentic(PASSWORD)
    assert not message.authentic(b"another")


def test_what_is_built_is_read_back() -> None:
    data = build_stun(BINDING_REQUEST, b"0123456789ab", [(USERNAME, b"a:b"), (USE_CANDIDATE, b"")], b"k")
    message = parse_stun(data)
    assert message is not None
    assert message.transaction == b"0123456789ab"
    assert message.attributes[USERNAME] == b"a:b"
    assert message.authentic(b"k")


@pytest.mark.parametrize("at", range(RFC_5769_REQUEST.index(b"\x80\x28\x00\x04")))
def test_one_flipped_bit_anywhere_before_the_fingerprint_is_noticed(at: int) -> None:
    data = bytearray(RFC_5769_REQUEST)
    data[at] ^= 1
    message = parse_stun(bytes(data))
    assert message is None or not message.authentic(PASSWORD)


def test_attributes_behind_the_integrity_are_ignored() -> None:
    data = build_stun(BINDING_REQUEST, bytes(12), [(USERNAME, b"a:b")], b"k")
    forged = data[:-8] + b"\x00\x25\x00\x00"  # USE-CANDIDATE instead of the fingerprint
    forged = forged[:2] + (len(forged) - 20).to_bytes(2, "big") + forged[4:]
    message = parse_stun(forged)
    assert message is not None
    assert message.authentic(b"k")
    assert USE_CANDIDATE not in message.attributes


def test_a_message_without_integrity_is_not_authentic() -> None:
    message = parse_stun(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12))
    assert message is not None
    assert message.local_ufrag == ""
    assert not message.authentic(b"")


def test_addresses_of_both_families_are_masked() -> None:
    request = parse_stun(RFC_5769_REQUEST)
    assert request is not None
    # RFC 5769 sections 2.2 and 2.3: 192.0.2.1 and 2001:db8:1234:5678:11:2233:4455:6677, port 32853.
    four = parse_stun(stun_success(request, "192.0.2.1", 32_853, PASSWORD))
    six = parse_stun(stun_success(request, "2001:db8:1234:5678:11:2233:4455:6677", 32_853, PASSWORD))
    assert four is not None
    assert six is not None
    assert four.attributes[XOR_MAPPED_ADDRESS].hex() == "0001a147e112a643"
    assert six.attributes[XOR_MAPPED_ADDRESS].hex() == "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_do_not_raise(data: bytes) -> None:
    for candidate in (data, b"\x00\x01" + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + data):
        message = parse_stun(candidate)
        if message is not None:
            message.authentic(b"key")
            assert isinstance(message.local_ufrag, str)
