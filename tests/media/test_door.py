from __future__ import annotations

from media.door import (
    MAX_OF_ONE,
    MAX_STRANGERS,
    MAX_STRANGERS_OF_ONE,
    MAX_STREAMS,
    STRANGER_S,
    Door,
    network_of,
)


def test_a_stream_that_never_proves_whose_it_is_is_due_after_a_few_seconds() -> None:
    door = Door()
    door.enter(1, "192.0.2.1", 0.0)
    assert door.overdue(STRANGER_S - 0.1, lambda _: False) == []
    assert door.overdue(STRANGER_S, lambda _: False) == [1]


def test_a_stream_whose_connection_is_over_is_due_as_long_after_it() -> None:
    door = Door()
    door.enter(1, "192.0.2.1", 0.0)
    door.admit(1)
    assert door.overdue(100.0, lambda _: True) == []
    assert door.overdue(100.0 + STRANGER_S - 0.1, lambda _: False) == []
    assert door.overdue(100.0 + STRANGER_S, lambda _: False) == [1]


def test_too_many_strangers_of_one_address_push_out_their_own_oldest() -> None:
    door = Door()
    door.enter(0, "198.51.100.9", 0.0)
    for stream in range(1, MAX_STRANGERS_OF_ONE + 1):
        assert door.enter(stream, "192.0.2.1", 0.0) is None
    assert door.enter(1_000, "192.0.2.1", 0.0) == 1
    door.leave(1)
    door.admit(2)
    assert door.enter(1_001, "192.0.2.1", 0.0) is None


def test_too_many_strangers_of_many_addresses_push_out_the_oldest_and_no_one_who_is_known() -> None:
    door = Door()
    door.enter(0, "198.51.100.9", 0.0)
    door.admit(0)
    for stream in range(1, MAX_STRANGERS + 1):
        assert door.enter(stream, f"192.0.2.{stream % 250}", 0.0) is None
    assert door.enter(1_000, "203.0.113.1", 0.0) == 1


def test_a_full_house_takes_nobody() -> None:
    door = Door()
    for stream in range(MAX_STREAMS):
        assert door.enter(stream, f"10.0.{stream >> 8}.{stream & 255}", 0.0) is None
        door.admit(stream)
    assert door.enter(MAX_STREAMS, "192.0.2.1", 0.0) == MAX_STREAMS
    assert len(door) == MAX_STREAMS
    door.leave(5)
    assert door.enter(MAX_STREAMS, "192.0.2.1", 0.0) is None


def test_one_address_cannot_have_the_whole_house() -> None:
    door = Door()
    for stream in range(MAX_OF_ONE):
        door.enter(stream, f"2001:db8::{stream + 1:x}", 0.0)
        door.admit(stream)
    assert door.enter(9_000, "2001:db8::ffff", 0.0) == 9_000
    assert door.enter(9_001, "2001:db8:0:1::1", 0.0) is None
    for stream in range(MAX_OF_ONE):
        door.leave(stream)
    assert door.enter(9_002, "2001:db8::ffff", 0.0) is None
    door.leave(77_777)
    assert len(door) == 2


def test_an_ipv6_address_stands_for_its_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
