"""The forms of what is stored are for ever: they are written down here, byte by byte."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from server.keys import RootKey
from server.storage.chain import Header, commit, genesis, link
from server.storage.vault import Entropy, SealedPayload, Unreadable, Vault, WrappedKey
from tests.server.secret import ROOT_KEY, vault

HEADER = Header("s1", 1, 1_700_000_000_000, "chat_written", 1, "chat", "00070e151c232a31")
CANONICAL = b'["s1",1,1700000000000,"chat_written",1,"chat","00070e151c232a31"]'
WRAPPED = bytes.fromhex(
    "181f262d343b424950575e6502f8083fa50aa7cd7b215c37c06ea789506d6546e0bf1466bc0b9c338701083ea843272f9b31859bf46f249f"
    "e07ab8d5"
)
COMMITMENT = bytes.fromhex("f5701aeec5c7a8a9202bf3655a1cb75811830361d9cd96b762d974576cd10f31")
SEALED = bytes.fromhex(
    "4c535a61686f767d848b929986519886aab7c7a5cb4b501456b8efd05af255e284c62bf6756b8490b6fe15bf53e27da8875daa60927816ff"
    "6668e46c01852f773b"
)
KEY = WrappedKey("00070e151c232a31", "s1", "chat", "8b0e5bb6e527970d", WRAPPED)


def counting() -> Entropy:
    numbers = count()
    return lambda size: bytes(next(numbers) * 7 % 256 for _ in range(size))


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_headers_links_and_sealed_payloads_have_the_forms_they_always_had() -> None:
    sealing = Vault(ROOT_KEY, counting())
    assert HEADER.canonical() == CANONICAL
    assert sealing.new_key("s1", "chat") == KEY
    assert sealing.seal_payload(KEY, CANONICAL, b"hello") == SealedPayload(COMMITMENT, SEALED)
    assert genesis("s1", "room").hex() == "233350f3d4ef9b9c49d58feef04526684b2bd68d575da2a8e9178c9e934270cf"
    linked = link(genesis("s1", "room"), CANONICAL, COMMITMENT)
    assert linked.hex() == "4a8ee74d8c1adb37375d0617a0f9dadba862bf0a02c24076b85a2c9d6cd26157"


def test_what_was_sealed_then_is_opened_today() -> None:
    assert vault().open_payload(KEY, CANONICAL, SealedPayload(COMMITMENT, SEALED)) == b"hello"


@pytest.mark.parametrize("place", range(len(SEALED)))
def test_a_changed_bit_of_the_payload_is_noticed(place: int) -> None:
    with pytest.raises(Unreadable, match="does not decrypt"):
        vault().open_payload(KEY, CANONICAL, SealedPayload(COMMITMENT, flipped(SEALED, place)))


@pytest.mark.parametrize("sealed", [b"", SEALED[:5], SEALED[:12], SEALED[:-1]])
def test_a_cut_payload_is_noticed(sealed: bytes) -> None:
    with pytest.raises(Unreadable):
        vault().open_payload(KEY, CANONICAL, SealedPayload(COMMITMENT, sealed))


@pytest.mark.parametrize(
    "header",
    [
        replace(HEADER, stream_id="s2"),
        replace(HEADER, seq=2),
        replace(HEADER, at_ms=HEADER.at_ms + 1),
        replace(HEADER, type="chat_hidden"),
        replace(HEADER, version=2),
        replace(HEADER, retention="record"),
    ],
)
def test_a_payload_belongs_to_its_header(header: Header) -> None:
    with pytest.raises(Unreadable):
        vault().open_payload(KEY, header.canonical(), SealedPayload(COMMITMENT, SEALED))


def test_a_payload_other_than_the_one_committed_to_is_noticed() -> None:
    with pytest.raises(Unreadable, match="commitment"):
        vault().open_payload(KEY, CANONICAL, SealedPayload(flipped(COMMITMENT, 0), SEALED))


@pytest.mark.parametrize(
    "key",
    [
        replace(KEY, wrapped=flipped(WRAPPED, 3)),
        replace(KEY, wrapped=flipped(WRAPPED, 30)),
        replace(KEY, wrapped=b""),
        replace(KEY, stream_id="s2"),
        replace(KEY, retention="record"),
    ],
)
def test_a_data_key_belongs_to_its_stream_and_class(key: WrappedKey) -> None:
    with pytest.raises(Unreadable, match="does not unwrap"):
        vault().open_payload(key, CANONICAL, SealedPayload(COMMITMENT, SEALED))


def test_another_root_key_opens_nothing() -> None:
    with pytest.raises(Unreadable, match="another root key"):
        Vault(RootKey(bytes(32))).open_payload(KEY, CANONICAL, SealedPayload(COMMITMENT, SEALED))


def test_a_destroyed_key_opens_nothing_even_where_it_was_open() -> None:
    opening = vault()
    assert opening.open_payload(KEY, CANONICAL, SealedPayload(COMMITMENT, SEALED)) == b"hello"
    opening.forget(KEY.id)
    with pytest.raises(Unreadable, match="destroyed"):
        opening.open_payload(replace(KEY, wrapped=None), CANONICAL, SealedPayload(COMMITMENT, SEALED))


def test_the_same_payload_looks_different_each_time() -> None:
    sealing = vault()
    key = sealing.new_key("s1", "chat")
    one, two = (sealing.seal_payload(key, CANONICAL, b"yes") for _ in range(2))
    assert one.commitment != two.commitment
    assert not set(_blocks(one.sealed)) & set(_blocks(two.sealed))
    # Who has only the commitment cannot try "yes" and "no" against it.
    assert one.commitment not in (commit(b"", b"yes"), commit(bytes(32), b"yes"))


def _blocks(data: bytes) -> list[bytes]:
    return [data[place : place + 4] for place in range(0, len(data) - 4, 4)]
