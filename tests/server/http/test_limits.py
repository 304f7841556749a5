from __future__ import annotations

from server.http.limits import MAX_ADDRESSES, FailureLimit
from tests.fakes import FakeClock


def test_failures_of_one_address_run_out_and_come_back_with_time() -> None:
    clock = FakeClock()
    limit = FailureLimit(clock, per_minute=2)
    assert [limit.failed("192.0.2.1") for _ in range(3)] == [True, True, False]
    clock.advance(30)
    assert [limit.failed("192.0.2.1") for _ in range(2)] == [True, False]
    clock.advance(3_600)
    assert [limit.failed("192.0.2.1") for _ in range(3)] == [True, True, False]


def test_addresses_do_not_share_their_failures() -> None:
    limit = FailureLimit(FakeClock(), per_minute=1)
    assert limit.failed("192.0.2.1")
    assert limit.failed("192.0.2.2")
    assert not limit.failed("192.0.2.1")


def test_one_ipv6_network_is_one_address() -> None:
    limit = FailureLimit(FakeClock(), per_minute=1)
    assert limit.failed("2001:db8::1")
    assert not limit.failed("2001:db8::ffff:2")
    assert limit.failed("2001:db8:0:1::1")
    assert limit.failed("fe80::1%eth0")
    assert limit.failed("not an address")


def test_memory_is_bounded_however_many_addresses_come() -> None:
    limit = FailureLimit(FakeClock(), per_minute=1)
    for number in range(MAX_ADDRESSES + 10):
        limit.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limit._buckets._left) == MAX_ADDRESSES  # pyright: ignore[reportPrivateUsage]
