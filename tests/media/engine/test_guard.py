"""Who may reach what: addresses, forged checks, forged DTLS, floods."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.engine.interface import DtlsIn, Selected
from media.engine.stun import (
    BINDING_ERROR,
    BINDING_REQUEST,
    BINDING_SUCCESS,
    ERROR_CODE,
    ICE_CONTROLLED,
    USERNAME,
    XOR_MAPPED_ADDRESS,
)
from media.engine.stun import build as build_stun
from media.engine.transport import MAX_DTLS_WAITING, MAX_PATHS, Path
from tests.media.engine.world import Client, Publisher, World, pair

HELLO = b"\x16\xfe\xfd" + bytes(100)
STRANGER = Path("192.0.2.66", 666)


def dropped(world: World) -> dict[str, int]:
    return {why: count for why, count in world.core.stats().dropped.items() if count}


def test_a_check_is_answered_to_the_address_it_came_from() -> None:
    world = World()
    client = Client(world, 5_000)
    client.check()
    (answer,) = client.stun
    assert answer.kind == BINDING_SUCCESS
    assert answer.authentic(client.pwd.encode())
    mapped = answer.attributes[XOR_MAPPED_ADDRESS]
    assert mapped[2:4] == (5_000 ^ 0x2112).to_bytes(2, "big")
    assert bytes(a ^ b for a, b in zip(mapped[4:], b"\x21\x12\xa4\x42", strict=True)) == bytes((198, 51, 100, 7))
    assert world.events() == [Selected(client.handle)]


def test_forged_checks_are_dropped_without_an_answer() -> None:
    world = World()
    client = Client(world, 5_000)
    for name, key in ((client.ufrag, b"wrong"), ("unknown", client.pwd.encode())):
        attributes = [(USERNAME, f"{name}:x".encode())]
        world.deliver(build_stun(BINDING_REQUEST, bytes(12), attributes, key), STRANGER)
    assert world.sent == 0
    assert dropped(world) == {"unauthenticated": 2}
    assert world.events() == []


def test_dtls_from_an_address_that_passed_no_check_is_dropped() -> None:
    world = World()
    client = Client(world, 5_000)
    world.deliver(HELLO, STRANGER)
    world.deliver(HELLO, client.path)
    assert dropped(world) == {"unknown_address": 2}
    client.check()
    world.events()
    world.deliver(HELLO, STRANGER)
    world.deliver(HELLO, client.path)
    assert world.events() == [DtlsIn(client.handle, HELLO)]


def test_dtls_comes_in_from_an_address_that_is_not_nominated_yet() -> None:
    world = World()
    client = Client(world, 5_000)
    client.check(nominate=False)
    world.events()
    client.send(HELLO)
    assert world.events() == [DtlsIn(client.handle, HELLO)]
    world.core.send_dtls(client.handle, HELLO)
    world.flush()
    assert client.dtls == [HELLO]


def test_a_flood_of_dtls_is_capped_until_it_is_drained() -> None:
    world = World()
    client = Client(world, 5_000)
    client.check()
    world.events()
    for _ in range(1_000):
        client.send(HELLO)
    assert len(world.core.events) == MAX_DTLS_WAITING
    assert dropped(world) == {"dtls_overflow": 1_000 - MAX_DTLS_WAITING}
    world.events()
    client.send(HELLO)
    assert world.events() == [DtlsIn(client.handle, HELLO)]


def test_a_flood_of_spoofed_addresses_leaves_no_trace() -> None:
    world = World()
    pair(world)
    book = world.core._book
    before = len(book._by_path)
    for port in range(20_000):
        world.deliver(HELLO, Path("192.0.2.66", port))
        world.deliver(b"\x80" + bytes(40), Path("192.0.2.66", port))
    assert len(book._by_path) == before
    assert dropped(world) == {"unknown_address": 40_000}


def test_addresses_of_one_client_are_capped_and_the_one_in_use_stays() -> None:
    world = World()
    client = Client(world, 5_000)
    client.check()
    for port in range(100):
        client.check(Path("192.0.2.9", port), nominate=False)
    assert len(world.core._book._by_path) == MAX_PATHS
    assert world.core._transports[client.handle].path == client.path


def test_media_follows_the_client_to_the_address_it_nominates() -> None:
    world = World()
    publisher, subscriber = pair(world)
    moved = Path("198.51.100.200", 7_000)
    subscriber.check(moved)
    publisher.audio()
    assert subscriber.audio == []
    world.clients[moved] = subscriber
    publisher.audio()
    assert len(subscriber.audio) == 1


def test_an_address_taken_over_by_a_new_connection_belongs_to_it() -> None:
    world = World()
    old, new = Client(world, 5_000), Client(world, 5_001)
    old.check()
    new.check(old.path)
    world.events()
    world.deliver(HELLO, old.path)
    assert world.events() == [DtlsIn(new.handle, HELLO)]
    world.core.send_dtls(old.handle, HELLO)  # has nowhere to go
    world.core.remove_transport(old.handle)
    world.deliver(HELLO, old.path)
    assert world.events() == [DtlsIn(new.handle, HELLO)]


def test_a_client_that_thinks_it_is_controlled_is_told_of_the_conflict() -> None:
    world = World()
    client = Client(world, 5_000)
    attributes = [(USERNAME, f"{client.ufrag}:x".encode()), (ICE_CONTROLLED, bytes(8))]
    client.send(build_stun(BINDING_REQUEST, bytes(12), attributes, client.pwd.encode()))
    (answer,) = client.stun
    assert answer.kind == BINDING_ERROR
    assert answer.attributes[ERROR_CODE][2:4] == bytes((4, 87))
    assert world.events() == []


def test_media_before_the_keys_is_counted_and_dropped() -> None:
    world = World()
    publisher = Publisher(world)
    publisher.check()
    publisher.audio()
    assert dropped(world) == {"no_keys": 1}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=20), st.randoms(use_true_random=False))
def test_no_datagram_raises(junk: list[bytes], rng: object) -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    for data in junk:
        for path in (publisher.path, subscriber.path, STRANGER):
            world.deliver(data, path)
            world.deliver(b"\x80" + data, path)
            world.deliver(b"\x80\xc8" + data, path)
            world.deliver(b"\x81\xcd" + data, path)
    world.advance(3.0)
    publisher.audio()
    assert subscriber.audio != []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutated_packets_do_not_raise_either(data: st.DataObject) -> None:
    world = World()
    publisher, subscriber = pair(world)
    packets = publisher.frame(key=True, parts=3)
    subscriber.nack(subscriber.video[0].sequence)
    controls = [packet for _, packet in publisher.control + subscriber.control]
    for packet in packets + controls + [seen.raw for seen in subscriber.media]:
        mutated = bytearray(packet)
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(mutated) - 1))
            mutated[at] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(mutated)))
        world.deliver(bytes(mutated[:cut]), publisher.path)
        world.deliver(bytes(mutated), subscriber.path)
    world.advance(3.0)
