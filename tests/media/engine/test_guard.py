"""Who may reach what: addresses, forged checks, forged DTLS, floods."""

from __future__ import annotations

import struct
from typing import ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.engine.inbound import IDLE_SOURCE_S, MAX_SOURCES
from media.engine.interface import DtlsIn, Selected
from media.engine.rtp import build as build_rtp
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
from tests.media.engine.world import IDS, OPUS, RTX, VP8, Client, NullCipher, Publisher, World, pair

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


def test_a_client_cannot_take_the_address_of_another_who_is_there() -> None:
    world = World()
    publisher, subscriber = pair(world)
    thief = Client(world, 5_001)
    sent = world.sent
    for _ in range(5):
        thief.check(publisher.path)  # a forged source address, under the thief's own credentials
        thief.check(subscriber.path)
        publisher.audio()
        world.advance(3.0)
        subscriber.check()
    assert len(subscriber.audio) == 5
    assert thief.stun == []
    assert world.sent > sent
    assert dropped(world) == {"address_in_use": 10}
    world.core.remove_transport(subscriber.handle)
    thief.check(subscriber.path)
    assert dropped(world) == {"address_in_use": 10}


def test_an_address_that_fell_silent_can_be_taken_though_its_transport_lives_elsewhere() -> None:
    world = World()
    old, new = Client(world, 5_000), Client(world, 5_001)
    old.check()
    for _ in range(3):
        world.advance(3.0)
        old.check(Path("198.51.100.200", 7_000))
    new.check(old.path)
    assert world.core._transports[new.handle].path == old.path


def test_an_address_taken_over_by_a_new_connection_belongs_to_it() -> None:
    world = World()
    old, new = Client(world, 5_000), Client(world, 5_001)
    old.check()
    world.advance(10.0)
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


class Forgeable(NullCipher):
    """Notices packets that say they are forged."""

    forgotten: ClassVar[list[int]] = []

    def unprotect(self, packet: bytes) -> bytes | None:
        return None if b"forged" in packet else packet

    def forget(self, ssrc: int) -> None:
        self.forgotten.append(ssrc)


def sound(ssrc: int, payload: bytes = b"opus") -> bytes:
    return build_rtp(OPUS, False, 1, 2, ssrc, b"", payload)


def test_a_client_sends_under_a_bounded_number_of_ssrcs_and_those_in_use_go_on() -> None:
    Forgeable.forgotten.clear()
    world = World(cipher=Forgeable)
    publisher, subscriber = pair(world)
    transport = world.core._transports[publisher.handle]
    publisher.audio()
    for ssrc in range(50_000, 50_500):
        publisher.send(sound(ssrc, b"forged"))
    assert len(transport.inbound) == 1
    for ssrc in range(50_000, 50_500):
        publisher.send(sound(ssrc))
    assert len(transport.inbound) == MAX_SOURCES
    assert dropped(world)["too_many_sources"] == 500 - MAX_SOURCES + 1
    world.advance(IDLE_SOURCE_S - 1)
    heard = len(subscriber.audio)
    publisher.audio()
    assert len(subscriber.audio) == heard + 1
    publisher.audio_ssrc = 77_000
    publisher.audio()
    assert len(subscriber.audio) == heard + 1
    assert Forgeable.forgotten == []
    world.advance(1.0)
    publisher.send(sound(77_001, b"forged"))  # gets nobody's place
    assert Forgeable.forgotten == []
    publisher.audio()
    assert len(subscriber.audio) == heard + 2
    assert len(transport.inbound) == MAX_SOURCES
    assert Forgeable.forgotten == [50_000]
    publisher.send(sound(50_000))  # may be a replay: what would tell is forgotten
    assert Forgeable.forgotten == [50_000]


def test_who_reports_without_end_is_not_even_decrypted_and_others_are_heard() -> None:
    decrypted: list[bytes] = []

    class Counting(NullCipher):
        def unprotect_rtcp(self, packet: bytes) -> bytes | None:
            decrypted.append(packet)
            return packet

    world = World(cipher=Counting)
    publisher, subscriber = pair(world)
    for _ in range(200):
        publisher.audio()
        for _ in range(100):
            subscriber.pli()
        world.advance(0.02)
    assert len(decrypted) < 4 * 300 + 600
    assert len(subscriber.audio) == 200
    assert dropped(world)["too_much"] == 20_000 - len(decrypted)


def test_what_browsers_send_at_most_is_all_taken() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    for _ in range(500):
        publisher.audio()
        for _ in range(12):
            publisher.padding()
        publisher.send(struct.pack("!BBHI", 0x80, 201, 1, 77))
        world.advance(0.02)
    assert "too_much" not in dropped(world)


def test_what_is_forged_uses_up_nothing_of_whose_name_it_is_in() -> None:
    class Strict(NullCipher):
        def unprotect(self, packet: bytes) -> bytes | None:
            return None if packet.endswith(b"forged") else packet

    world = World(cipher=Strict)
    publisher, subscriber = pair(world)
    for _ in range(20_000):
        publisher.send(b"\x80\x6f" + bytes(10) + b"forged")
    publisher.audio()
    assert len(subscriber.audio) == 1


def test_each_slot_allows_one_more_ssrc_for_the_reports_about_it() -> None:
    world = World()
    _, subscriber = pair(world)
    for ssrc in range(100):
        subscriber.send(struct.pack("!BBHII", 0x81, 206, 2, ssrc, subscriber.video_ssrc))
    assert world.core.stats().plis_in == MAX_SOURCES + 2


def test_extensions_of_no_length_are_taken_for_none() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.audio()
    for name in (IDS.mid, IDS.audio_level, IDS.transport_cc):
        block = struct.pack("!HHBBBB", 0x1000, 1, name, 0, 0, 0)
        publisher.audio_seq += 1
        publisher.send(build_rtp(OPUS, False, publisher.audio_seq, 1, publisher.audio_ssrc, block, b"opus"))
    assert len(subscriber.audio) == 4


@st.composite
def odd_packets(draw: st.DrawFn) -> bytes:
    """Well-formed RTP whose every part may be shorter or stranger than it should be."""
    names = st.sampled_from([IDS.mid, IDS.audio_level, IDS.transport_cc, 9])
    values = st.sampled_from([b"", b"0", b"1", b"\xff\xfe", "é".encode()]) | st.binary(max_size=5)
    elements = draw(st.lists(st.tuples(names, values), max_size=4))
    body = b"".join(bytes((name, len(value))) + value for name, value in elements)
    body += bytes(-len(body) & 3)
    heads = st.sampled_from([b"", b"\x10", b"\x90", b"\x90\x80", b"\x90\xe0\x80", b"\x90\xf0\x01\x01", b"\0\0\0"])
    kind, ssrc = draw(st.sampled_from([(OPUS, 1_000), (VP8, 1_001), (RTX, 1_002), (RTX, 1_001), (VP8, 1_000), (0, 5)]))
    return build_rtp(
        kind,
        draw(st.booleans()),
        draw(st.sampled_from([65_523, 65_530, 0, 1, 30_000])),
        draw(st.integers(0, 0xFFFFFFFF)),
        ssrc,
        struct.pack("!HH", 0x1000, len(body) // 4) + body,
        draw(heads) + draw(st.binary(max_size=4)),
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(odd_packets(), min_size=1, max_size=12))
def test_no_odd_packet_raises(packets: list[bytes]) -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    publisher.audio()
    for data in packets:
        publisher.send(data)
    for seen in list(subscriber.media):
        subscriber.nack(seen.packet.sequence)
    world.advance(3.0)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=20), st.randoms(use_true_random=False))
def test_no_datagram_raises(junk: list[bytes], rng: object) -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    publisher.audio()
    subscriber.media.clear()
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
