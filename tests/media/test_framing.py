from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.framing import MAX_DATAGRAM, MAX_WAITING, Deframer, TooLongError, Waiting

SOUND = b"\x80\x6f"
PICTURE = b"\x80\xe0"
REPORT = b"\x80\xc8"


def framed(*datagrams: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(data)) + data for data in datagrams)


def drained(waiting: Waiting) -> list[bytes]:
    out = b""
    while data := waiting.next():
        out += data
        waiting.written(len(data))
    return Deframer().feed(out)


@given(st.lists(st.binary(min_size=1, max_size=300)), st.lists(st.integers(1, 200)))
def test_however_the_octets_are_cut_the_same_datagrams_come_out(datagrams: list[bytes], cuts: list[int]) -> None:
    data, found, deframer = framed(*datagrams), list[bytes](), Deframer()
    for cut in cuts:
        found += deframer.feed(data[:cut])
        data = data[cut:]
    assert found + deframer.feed(data) == datagrams


def test_empty_datagrams_are_left_out_and_the_longest_is_taken() -> None:
    longest = bytes(MAX_DATAGRAM)
    assert Deframer().feed(framed(b"", longest, b"")) == [longest]


def test_a_longer_one_is_refused_before_it_has_come() -> None:
    with pytest.raises(TooLongError):
        Deframer().feed(struct.pack("!H", MAX_DATAGRAM + 1))
    with pytest.raises(TooLongError):
        Deframer().feed(b"GET / HTTP/1.1\r\n")


def test_less_than_one_datagram_is_kept() -> None:
    deframer = Deframer()
    for _ in range(1_000):
        deframer.feed(framed(bytes(MAX_DATAGRAM))[:-1] + b"x")
        assert len(deframer._rest) < MAX_DATAGRAM + 2


def test_everything_but_pictures_goes_first() -> None:
    waiting = Waiting()
    for data in (PICTURE + b"1", SOUND, PICTURE + b"2", REPORT, b"\x16dtls", b"\x01stun"):
        assert waiting.add(data) == 0
    assert drained(waiting) == [SOUND, REPORT, b"\x16dtls", b"\x01stun", PICTURE + b"1", PICTURE + b"2"]


def test_a_slow_reader_loses_the_oldest_pictures_and_no_sound() -> None:
    waiting = Waiting()
    sounds = [SOUND + bytes((n,)) for n in range(200)]
    pictures = [PICTURE + n.to_bytes(2, "big") + bytes(1_000) for n in range(500)]
    lost = 0
    for n, picture in enumerate(pictures):
        lost += waiting.add(picture)
        if n < len(sounds):
            lost += waiting.add(sounds[n])
        assert len(waiting) <= MAX_WAITING
    assert lost > 300
    assert drained(waiting) == sounds + pictures[lost:]


def test_sound_alone_is_bounded_too_and_the_oldest_goes() -> None:
    waiting = Waiting()
    sounds = [SOUND + n.to_bytes(2, "big") + bytes(200) for n in range(2_000)]
    lost = sum(waiting.add(sound) for sound in sounds)
    assert lost > 0
    assert drained(waiting) == sounds[lost:]


def test_what_was_begun_is_finished_whatever_is_dropped() -> None:
    waiting = Waiting()
    first = PICTURE + b"first" + bytes(1_000)
    waiting.add(first)
    begun = waiting.next()[:7]
    waiting.written(7)
    for _ in range(1_000):
        waiting.add(PICTURE + bytes(1_000))
    out = begun
    while data := waiting.next():
        out += data
        waiting.written(len(data))
    assert Deframer().feed(out)[0] == first


def test_what_no_frame_can_hold_is_given_up() -> None:
    waiting = Waiting()
    assert waiting.add(bytes(70_000)) == 1
    assert waiting.next() == b""
