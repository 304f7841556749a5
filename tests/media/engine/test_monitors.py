"""Who watches without taking part: sees what is kept at once, and leaves no trace in anybody's packets."""

from __future__ import annotations

import struct
from itertools import pairwise
from random import Random

import pytest

from media.engine.cache import MAX_AGE_S, MAX_BYTES
from media.engine.interface import Drop, EgressSpec, Kind, OutId, Switched
from media.engine.key_frames import REFRESH_S
from media.engine.rtp import RtpPacket
from media.engine.vp8 import parse_head
from tests.media.engine.layers import CLOCK, Simulcast, rids_of
from tests.media.engine.test_simulcast import want_layer, watching
from tests.media.engine.world import RTX, VIDEO, Client, Subscriber, World, assert_pictures_follow, assert_seamless


class Monitor(Client):
    """Takes pictures of as many publishers as it is shown."""

    def __init__(self, world: World, port: int = 7_000) -> None:
        super().__init__(world, port, monitor=True)
        self.outs: list[OutId] = []
        self.ssrcs: list[int] = []

    def watch(self, publisher: Simulcast, *, prime: bool = True, is_open: bool = True) -> int:
        """Returns the SSRC of its slot."""
        ssrc = self.path.port * 10 + 2 * len(self.outs)
        spec = EgressSpec(self.handle, "v0", Kind.VIDEO, ssrc, 100, CLOCK, ssrc + 1, RTX, monitor=True)
        out = self.world.core.add_egress(spec)
        self.outs.append(out)
        self.ssrcs.append(ssrc)
        self.world.core.set_egress_gate(out, is_open, self.world.now)
        self.world.core.route(out, publisher.handle, VIDEO, "f", self.world.now)
        if prime:
            self.world.core.prime_from_cache(out, self.world.now)
        self.world.flush()
        return ssrc

    def nack(self, ssrc: int, sequence: int) -> None:
        self.send(struct.pack("!BBHIIHH", 0x81, 205, 3, 77, ssrc, sequence, 0))

    def pli(self, ssrc: int) -> None:
        self.send(struct.pack("!BBHII", 0x81, 206, 2, 77, ssrc))

    def seen_at(self, ssrc: int) -> list[float]:
        return [each.at for each in self.media if each.packet.ssrc == ssrc]


def temporals(packets: list[RtpPacket]) -> list[int]:
    heads = [parse_head(packet.payload) for packet in packets]
    return [head.temporal for head in heads if head is not None]


def assert_decodable(packets: list[RtpPacket]) -> None:
    """Nothing refers to a picture that was left out."""
    known: set[int] = set()
    for packet in packets:
        head = parse_head(packet.payload)
        assert head is not None
        if not head.begins:
            continue
        if head.key_frame:
            known = {0}
        assert 0 in known
        assert head.sync or known >= set(range(head.temporal + 1))
        known.add(head.temporal)


def test_what_is_kept_is_shown_within_a_moment_and_live_goes_on_from_there() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(6.0)
    monitor = Monitor(world)
    monitor.connect()
    began = world.now
    ssrc = monitor.watch(publisher)
    world.advance(0.099)
    kept = monitor.of(ssrc)
    assert len(kept) == 15  # a picture of temporal layer 0 each 400 ms
    assert set(temporals(kept)) == {0}
    span = (kept[-1].timestamp - kept[0].timestamp & 0xFFFFFFFF) / CLOCK
    arrived = monitor.seen_at(ssrc)
    assert arrived[-1] - began < 0.099
    assert abs(span - (arrived[-1] - arrived[0])) < 0.001  # shown as fast as it is sent
    world.now += 0.001
    publisher.run(2.0)
    packets = monitor.of(ssrc)
    assert set(rids_of(packets)) == {"q"}
    assert set(temporals(packets)) == {0, 1, 2}
    assert_decodable(packets)
    assert_seamless(packets)
    assert_pictures_follow(packets)
    live = packets[len(kept) :]
    times = [(packet.timestamp - kept[-1].timestamp & 0xFFFFFFFF) / CLOCK for packet in live]
    assert abs(times[-1] - (1.9 + 0.4)) < 0.21  # the last picture kept was shown by its own clock


def test_pictures_that_come_during_the_replay_are_not_missed() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(6.0, step=0.02)
    monitor = Monitor(world)
    monitor.connect()
    ssrc = monitor.watch(publisher)
    publisher.run(2.0, step=0.01)
    packets = monitor.of(ssrc)
    assert_decodable(packets)
    assert_seamless(packets)
    assert_pictures_follow(packets)
    heads = [head for head in (parse_head(packet.payload) for packet in packets) if head is not None]
    base = [head.tl0 for head in heads if head.temporal == 0]
    assert all(after - before & 0xFF == 1 for before, after in pairwise(base))
    assert any(head.temporal == 2 for head in heads)


def test_a_publisher_without_temporal_layers_is_replayed_whole() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.temporal = False
    publisher.run(3.0)
    monitor = Monitor(world)
    monitor.connect()
    ssrc = monitor.watch(publisher)
    publisher.run(1.0)
    assert len(monitor.of(ssrc)) == 40
    assert_seamless(monitor.of(ssrc))


def test_a_monitor_that_is_not_connected_yet_is_shown_it_once_it_is() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(4.0)
    monitor = Monitor(world)
    ssrc = monitor.watch(publisher, is_open=False)
    publisher.run(1.0)
    monitor.check()
    monitor.key()
    world.advance(0.05)
    assert monitor.media == []
    world.core.set_egress_gate(monitor.outs[0], True, world.now)
    world.advance(0.05)
    assert len(monitor.of(ssrc)) == 13


def test_one_source_after_the_other_in_the_order_asked_for() -> None:
    world = World()
    publishers = [Simulcast(world, 5_000 + n, 1_000 + 10 * n) for n in range(3)]
    for publisher in publishers:
        publisher.connect()
        publisher.open()
    for _ in range(50):
        for publisher in publishers:
            publisher.capture()
        world.advance(0.1)
    monitor = Monitor(world)
    monitor.connect()
    ssrcs = [monitor.watch(publishers[n]) for n in (2, 0, 1)]
    world.advance(0.3)
    spans = [(monitor.seen_at(ssrc)[0], monitor.seen_at(ssrc)[-1]) for ssrc in ssrcs]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    switched = [event for event in world.events() if isinstance(event, Switched)]
    assert switched == [Switched(out, "q") for out in monitor.outs]


def test_without_a_wish_or_something_kept_a_monitor_waits_for_the_next_key_frame_and_asks_for_none() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(3.0)
    asked = len(publisher.plis)
    monitor = Monitor(world)
    monitor.connect()
    ssrc = monitor.watch(publisher, prime=False)
    publisher.run(4.0)
    assert monitor.of(ssrc) == []
    assert len(publisher.plis) == asked
    publisher.run(5.0)  # the tenth second has passed meanwhile
    assert monitor.of(ssrc) != []


def test_a_closed_gate_leaves_nothing_to_replay() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(3.0)
    publisher.answers_plis = False
    publisher.open(False)
    publisher.open()
    monitor = Monitor(world)
    monitor.connect()
    monitor.watch(publisher)
    publisher.run(1.0)
    assert monitor.media == []


def test_a_gate_that_closes_during_the_replay_ends_it() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(6.0)
    monitor = Monitor(world)
    monitor.connect()
    ssrc = monitor.watch(publisher)
    world.advance(0.01)
    seen = len(monitor.of(ssrc))
    assert 0 < seen < 15
    publisher.open(False)
    world.advance(1.0)
    assert len(monitor.of(ssrc)) == seen


@pytest.mark.parametrize("closes", [False, True])
def test_a_key_frame_in_the_middle_of_a_replay_goes_on_from_what_was_shown(closes: bool) -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.run(6.0)
    monitor = Monitor(world)
    monitor.connect()
    ssrc = monitor.watch(publisher)
    world.advance(0.01)
    shown = len(monitor.of(ssrc))
    assert 0 < shown < 15
    if closes:
        for is_open in (False, True):
            world.core.set_egress_gate(monitor.outs[0], is_open, world.now)
    publisher.capture(key=True)
    world.advance(0.1)
    publisher.run(0.5)
    packets = monitor.of(ssrc)
    assert len(packets) == shown + 6
    assert_seamless(packets)
    assert_pictures_follow(packets)
    span = (packets[-1].timestamp - packets[0].timestamp & 0xFFFFFFFF) / CLOCK
    assert abs(span - (monitor.seen_at(ssrc)[-1] - monitor.seen_at(ssrc)[0])) < 0.01


def test_what_is_kept_is_bounded_in_time_and_bytes() -> None:
    world = World()
    publisher, _ = watching(world, "q")
    publisher.answers_plis = False
    publisher.run(MAX_AGE_S - 1)
    (cache,) = [track.cache for track in world.core._transports[publisher.handle].tracks.values()]
    assert len(cache) > 0
    publisher.run(2.0)
    assert len(cache) == 0
    publisher.temporal = False
    publisher.capture(key=True)
    largest = 0
    for _ in range(MAX_BYTES // 1_000):
        stream = publisher.streams["q"]
        stream.rid = "q" * 14
        publisher.known = True
        for packet in publisher.picture(stream):
            publisher.send(packet)
        largest = max(largest, len(cache))
    assert 0 < largest <= MAX_BYTES
    world.advance(20.0)
    assert len(cache) == 0  # its layer has ceased


def test_a_key_frame_is_asked_for_every_ten_seconds_whoever_watches() -> None:
    def asked(watchers: int) -> list[float]:
        world = World()
        publisher = Simulcast(world)
        publisher.connect()
        publisher.open()
        for n in range(watchers):
            monitor = Monitor(world, 7_000 + n)
            monitor.connect()
            monitor.watch(publisher)
        publisher.run(45.0)
        assert publisher.key_frames == 5
        return publisher.plis

    alone = asked(0)
    assert len(alone) == 4
    assert all(REFRESH_S <= after - before < REFRESH_S + 0.11 for before, after in pairwise(alone))
    assert asked(3) == alone


def test_nobody_else_receives_a_single_other_byte_with_a_monitor_than_without() -> None:
    def run(*, watched: bool) -> list[list[tuple[float, bytes]]]:
        world, rng = World(seed=5), Random(9)
        publisher, subscriber = watching(world)
        publisher.lose = lambda _: rng.random() < 0.03
        publisher.run(5.0)
        monitor, ssrc = Monitor(world), 0
        if watched:
            monitor.connect()
            ssrc = monitor.watch(publisher)
        publisher.run(2.0)
        if watched:
            seen = monitor.of(ssrc)
            assert seen
            for packet in seen[:30]:
                monitor.nack(ssrc, packet.sequence)
            assert monitor.of(ssrc + 1)  # from what is kept
            monitor.pli(ssrc)
            report = bytes(4) + ssrc.to_bytes(4, "big") + b"\xff\x00\x00\x10" + bytes(16)
            monitor.send(bytes((0x81, 201, 0, 7)) + report)
        publisher.run(1.0)
        newcomer = Subscriber(world, 6_100, 9_100)
        newcomer.connect()
        want_layer(publisher, newcomer, "h")
        publisher.run(12.0)
        if watched:
            world.core.remove_transport(monitor.handle)
        publisher.run(2.0)
        return [
            [(seen.at, seen.raw) for seen in client.media] + client.control
            for client in (publisher, subscriber, newcomer)
        ]

    with_monitor, without = run(watched=True), run(watched=False)
    assert all(without)
    assert with_monitor == without


def test_a_monitors_packets_leave_after_everyone_elses() -> None:
    world = World()
    publisher = Simulcast(world)
    publisher.connect()
    publisher.open()
    monitor = Monitor(world)
    monitor.connect()
    monitor.watch(publisher)
    subscriber = Subscriber(world)
    subscriber.connect()
    want_layer(publisher, subscriber, "q")
    publisher.run(0.3)
    for packet in [*publisher.picture(publisher.streams["q"]), *publisher.picture(publisher.streams["q"])]:
        world.core.receive(packet, publisher.path, world.now)
    datagrams, _ = world.core.poll(world.now)
    assert [path.port for _, path in datagrams] == [6_000, 6_000, 7_000, 7_000]


def test_what_a_monitor_does_is_counted_apart_also_what_still_comes_once_it_is_gone() -> None:
    world = World()
    publisher, subscriber = watching(world, "q")
    publisher.run(2.0)
    before = world.core.stats()
    monitor = Monitor(world)
    monitor.connect()
    ssrc = monitor.watch(publisher)
    world.advance(0.05)
    monitor.nack(ssrc, monitor.of(ssrc)[0].sequence)
    monitor.pli(ssrc)
    monitor.send(b"\x82nonsense")
    monitor.send(b"")
    world.core.blocked(monitor.path)
    world.core.faulted(monitor.path)
    world.core.remove_transport(monitor.handle)
    monitor.check()
    monitor.pli(ssrc)
    assert world.core.stats() == before
    apart = world.core.monitor_stats()
    assert (apart.packets_resent, apart.nacks_in, apart.plis_in, apart.transports) == (1, 1, 1, 0)
    assert {why for why, count in apart.dropped.items() if count} == {
        Drop.MALFORMED,
        Drop.SEND_BLOCKED,
        Drop.FAULT,
        Drop.UNAUTHENTICATED,
        Drop.UNKNOWN_ADDRESS,
    }
    subscriber.pli()
    assert world.core.stats().plis_in == before.plis_in + 1


def test_the_address_of_a_monitor_that_is_gone_counts_for_who_has_it_now() -> None:
    world = World()
    monitor = Monitor(world)
    monitor.connect()
    world.core.remove_transport(monitor.handle)
    heir = Client(world, monitor.path.port)
    heir.connect()
    world.core.remove_transport(heir.handle)
    before = world.core.monitor_stats()
    heir.send(bytes(12))
    heir.send(b"\x80" + bytes(12))
    assert world.core.monitor_stats() == before
    assert world.core.stats().dropped[Drop.UNKNOWN_ADDRESS] == 1


def test_a_monitors_slot_on_somebody_elses_connection_leaves_after_everything_and_is_counted_apart() -> None:
    world = World()
    publisher, subscriber = watching(world, "q")
    spec = EgressSpec(subscriber.handle, "w0", Kind.VIDEO, 4_711, 100, CLOCK, monitor=True)
    out = world.core.add_egress(spec)
    world.core.route(out, publisher.handle, VIDEO, "", world.now)
    publisher.run(1.0)
    other = Subscriber(world, 6_100, 9_100)
    other.connect()
    want_layer(publisher, other, "q")
    publisher.run(1.0)
    before = world.core.stats().packets_forwarded, world.core.monitor_stats().packets_forwarded
    world.core.receive(publisher.picture(publisher.streams["q"])[0], publisher.path, world.now)
    datagrams, _ = world.core.poll(world.now)
    assert [int.from_bytes(data[8:12], "big") for data, _ in datagrams] == [
        subscriber.video_ssrc,
        other.video_ssrc,
        4_711,
    ]
    assert world.core.stats().packets_forwarded == before[0] + 2
    assert world.core.monitor_stats().packets_forwarded == before[1] + 1
