from __future__ import annotations

import struct

from bench.counting import SAMPLE, Delays, Headers, Tally, added, delays, grown_by, sent_ns


def _rtp(sequence: int, ssrc: int = 1, *, kind: int = 96) -> bytearray:
    return bytearray(struct.pack("!BBHII", 0x80, kind, sequence, 0, ssrc) + b"encrypted")


def _counted(*sequences: int) -> Tally:
    headers = Headers()
    for sequence in sequences:
        data = _rtp(sequence)
        headers.take(data, 0, len(data))
    return headers.tally()


def test_what_lies_between_the_first_and_the_highest_and_never_came_is_lost() -> None:
    assert _counted(10, 11, 14, 15) == Tally(received=4, lost=2, late=0, sources=1)


def test_what_comes_late_is_not_lost() -> None:
    assert _counted(10, 12, 11) == Tally(received=3, lost=0, late=1, sources=1)


def test_what_comes_before_the_first_that_was_seen_is_not_counted_twice() -> None:
    assert _counted(10, 8, 11) == Tally(received=3, lost=1, late=1, sources=1)


def test_numbers_go_on_over_their_end() -> None:
    assert _counted(65_534, 65_535, 1, 0, 2) == Tally(received=5, lost=0, late=1, sources=1)


def test_many_rounds_of_numbers_are_not_loss() -> None:
    tally = _counted(*(number * 1_000 & 0xFFFF for number in range(200)))
    assert tally.received == 200
    assert tally.lost == 199 * 999


def test_each_source_is_counted_by_itself() -> None:
    headers = Headers()
    for ssrc, sequence in ((1, 5), (2, 900), (1, 6), (2, 902)):
        headers.take(_rtp(sequence, ssrc), 0, 21)
    assert headers.tally() == Tally(received=4, lost=1, sources=2)


def test_control_packets_are_counted_apart_and_other_protocols_not_at_all() -> None:
    headers = Headers()
    headers.take(_rtp(0, kind=200), 0, 21)
    headers.take(bytearray(b"\x01\x01" + bytes(30)), 0, 32)  # STUN
    headers.take(bytearray(b"\x16\xfe" + bytes(30)), 0, 32)  # DTLS
    headers.take(bytearray(b"\x80\x60" + bytes(9)), 0, 11)  # too short
    assert headers.tally() == Tally(control=1)


def test_a_packet_is_read_where_it_lies_in_the_batch() -> None:
    headers = Headers()
    data = bytearray(100) + _rtp(7, ssrc=9)
    assert headers.take(data, 100, 21)
    assert set(headers.sources) == {9}


def test_the_first_packet_of_a_source_is_looked_at_and_then_one_in_sixteen() -> None:
    headers = Headers()
    looked = [number for number in range(1, 40) if headers.take(_rtp(number), 0, 21)]
    assert looked == [1, SAMPLE, 2 * SAMPLE]


def test_tallies_are_added_and_subtracted() -> None:
    first, second = Tally(10, 1, 2, 3, 4), Tally(20, 2, 3, 4, 5)
    assert added([first, second]) == Tally(30, 3, 5, 7, 9)
    assert grown_by(first, second) == Tally(10, 1, 1, 1, 5)
    assert added([]) == Tally()


def test_a_packet_without_room_for_a_time_has_none() -> None:
    assert sent_ns(bytes(12 + 7)) is None
    assert sent_ns(bytes(12) + (77).to_bytes(8)) == 77


def test_delays_are_ranked_in_milliseconds() -> None:
    assert delays([3_000_000, 1_000_000, 2_000_000]) == Delays(3, 2.0, 3.0, 3.0)
    assert delays([number * 1_000_000 for number in range(1, 101)]).p99_ms == 99.0
    assert delays([]) == Delays(0, 0.0, 0.0, 0.0)
