from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.framing import MAX_DATAGRAM, MAX_WAITING, SOUND_S, Deframer, FramingError, Waiting

SOUND = b"\x80\x6f"
PICTURE = b"\x80\xe0"
REPORT = b"\x80\xc8"


def framed(*datagrams: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(data)) + data for data in datagrams)


def drained(waiting: Waiting, now: float = 0.0) -> list[bytes]:
    out = b""
    while data := waiting.next(now):
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
    with pytest.raises(FramingError):
        Deframer().feed(struct.pack("!H", MAX_DATAGRAM + 1))
    with pytest.raises(FramingError):
        Deframer().feed(b"GET / HTTP/1.1\r\n")


def test_a_shorter_one_than_is_expected_is_refused() -> None:
    assert Deframer(20).feed(framed(bytes(20))) == [bytes(20)]
    for short in (b"", bytes(19)):
        with pytest.raises(FramingError):
            Deframer(20, empty=False).feed(framed(short))
    assert Deframer(20).feed(framed(b"", bytes(20))) == [bytes(20)]


def test_less_than_one_datagram_is_kept() -> None:
    deframer = Deframer()
    for _ in range(1_000):
        deframer.feed(framed(bytes(MAX_DATAGRAM))[:-1] + b"x")
        assert len(deframer._rest) < MAX_DATAGRAM + 2


def test_what_keeps_a_client_connected_goes_first_and_pictures_last() -> None:
    waiting = Waiting()
    for data in (PICTURE + b"1", SOUND, PICTURE + b"2", REPORT, b"\x16dtls", b"\x01stun"):
        assert waiting.add(data, 0.0) == 0
    assert drained(waiting) == [REPORT, b"\x16dtls", b"\x01stun", SOUND, PICTURE + b"1", PICTURE + b"2"]


def test_a_slow_reader_loses_the_oldest_pictures_and_no_sound() -> None:
    waiting = Waiting()
    sounds = [SOUND + bytes((n,)) for n in range(200)]
    pictures = [PICTURE + n.to_bytes(2, "big") + bytes(1_000) for n in range(500)]
    lost = 0
    for n, picture in enumerate(pictures):
        lost += waiting.add(picture, 0.0)
        if n < len(sounds):
            lost += waiting.add(sounds[n], 0.0)
        assert len(waiting) <= MAX_WAITING
    assert lost > 300
    assert drained(waiting) == sounds + pictures[lost:]


def test_sound_alone_is_bounded_too_and_the_oldest_goes() -> None:
    waiting = Waiting()
    sounds = [SOUND + n.to_bytes(2, "big") + bytes(200) for n in range(2_000)]
    lost = sum(waiting.add(sound, 0.0) for sound in sounds)
    assert lost > 0
    assert drained(waiting) == sounds[lost:]


def test_what_was_begun_is_finished_whatever_is_dropped() -> None:
    waiting = Waiting()
    first = PICTURE + b"first" + bytes(1_000)
    waiting.add(first, 0.0)
    begun = waiting.next(0.0)[:7]
    waiting.written(7)
    for _ in range(1_000):
        waiting.add(PICTURE + bytes(1_000), 0.0)
    out = begun
    while data := waiting.next(0.0):
        out += data
        waiting.written(len(data))
    assert Deframer().feed(out)[0] == first


def test_what_no_frame_can_hold_is_given_up() -> None:
    waiting = Waiting()
    assert waiting.add(bytes(70_000), 0.0) == 1
    assert waiting.next(0.0) == b""


def test_sound_that_waited_too_long_goes_whether_or_not_more_comes() -> None:
    waiting = Waiting()
    assert waiting.add(SOUND + b"old", 10.0) == 0
    assert waiting.add(SOUND + b"new", 10.4) == 0
    assert waiting.add(PICTURE, 10.6) == 1
    assert drained(waiting, 10.6) == [SOUND + b"new", PICTURE]
    waiting.add(SOUND + b"old", 20.0)
    assert drained(waiting, 21.0) == []
    assert len(waiting) == 0
    assert waiting.add(REPORT, 21.0) == 1  # and is counted


def test_over_a_way_that_is_too_slow_for_all_voices_sound_stays_young() -> None:
    waiting, deframer, budget, oldest, got = Waiting(), Deframer(), 0, 0.0, 0
    for tick in range(50 * 60):
        now = tick * 0.02
        for _ in range(4):
            waiting.add(SOUND + struct.pack("!d", now) + bytes(102), now)
        budget += 280  # octets in 20 ms: 112 kbit/s, of about 190 that are said
        while budget and (data := waiting.next(now)[:budget]):
            budget -= len(data)
            waiting.written(len(data))
            for each in deframer.feed(data):
                got += 1
                oldest = max(oldest, now - struct.unpack_from("!d", each, 2)[0])
    assert got > 6_000
    assert oldest <= SOUND_S + 0.04


def test_what_is_withdrawn_does_not_leave_and_all_else_does() -> None:
    waiting = Waiting()
    mine, others = [[start + bytes(6) + bytes((0, 0, 0, n)) + bytes(50) for start in (SOUND, PICTURE)] for n in (7, 8)]
    for data in (*mine, *others, REPORT + bytes(6) + bytes((0, 0, 0, 7))):
        waiting.add(data, 0.0)
    assert drained_after(waiting, 7) == [REPORT + bytes(6) + bytes((0, 0, 0, 7)), *others]
    assert len(waiting) == 0


def drained_after(waiting: Waiting, ssrc: int) -> list[bytes]:
    waiting.next(0.0)  # what was offered to the reader, and not taken, is withdrawn, too
    waiting.withdraw(ssrc)
    return drained(waiting)
