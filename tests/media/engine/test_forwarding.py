"""Packets from a publisher to its subscribers."""

from __future__ import annotations

import struct

import pytest

from media.engine.interface import Drop, LayerDown, LayerUp, Level, Levels, Silent
from media.engine.rtp import build as build_rtp
from media.engine.transport import SILENT_S
from media.engine.vp8 import parse_head
from tests.media.engine.world import (
    AUDIO,
    VIDEO,
    Client,
    Publisher,
    Subscriber,
    World,
    assert_pictures_follow,
    assert_seamless,
    pair,
)


def test_a_subscriber_receives_what_a_publisher_sends() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(2.0, key_first=True)
    assert len(subscriber.audio) == publisher.audio_sent
    assert len(subscriber.video) == publisher.video_sent
    assert {packet.payload_type for packet in subscriber.video} == {100}
    assert_seamless(subscriber.audio)
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


def test_video_begins_with_a_key_frame() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame()
    publisher.frame()
    assert subscriber.video == []
    publisher.frame(key=True, parts=3)
    publisher.frame()
    assert len(subscriber.video) == 4
    head = parse_head(subscriber.video[0].payload)
    assert head is not None
    assert head.key_frame


def test_a_newcomer_starts_at_a_recent_key_frame_without_asking_for_another() -> None:
    world = World()
    publisher, first = pair(world)
    publisher.frame(key=True)
    world.advance(0.1)
    asked = len(publisher.plis)
    publisher.frame()
    newcomer = Subscriber(world, 6_100, 9_100)
    newcomer.connect()
    newcomer.watch(publisher)
    assert len(newcomer.video) == 2
    world.advance(2.0)
    assert len(publisher.plis) == asked
    assert len(first.video) == 2


def test_a_key_frame_that_came_before_the_keys_is_kept_for_them() -> None:
    world = World()
    publisher, subscriber = Publisher(world), Subscriber(world)
    publisher.connect()
    publisher.open_all()
    publisher.frame()
    subscriber.watch(publisher)
    world.advance(0.05)
    assert publisher.plis != []  # asked before the subscriber's handshake is over
    publisher.frame(key=True, parts=2)
    world.advance(0.05)
    publisher.frame()
    subscriber.check()
    assert subscriber.video == []
    subscriber.key()
    assert len(subscriber.video) == 3
    assert_seamless(subscriber.video)


def test_a_slot_that_changes_its_source_stays_seamless() -> None:
    world = World()
    publisher, subscriber = pair(world)
    other = Publisher(world, 5_100, 2_000)
    other.connect()
    other.open_all()
    publisher.run(0.5, key_first=True)
    subscriber.watch(other)
    world.advance(0.04)
    other.run(0.5, key_first=True)
    subscriber.watch(None)
    other.run(0.5)
    subscriber.watch(publisher)
    publisher.run(0.5, key_first=True)
    assert len(subscriber.audio) == publisher.audio_sent + other.audio_sent - 25
    assert_seamless(subscriber.audio)
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


def test_time_passes_at_the_subscriber_while_the_source_changes() -> None:
    world = World()
    publisher, subscriber = pair(world)
    other = Publisher(world, 5_100, 2_000)
    other.connect()
    other.open_all()
    publisher.audio()
    world.advance(2.0)
    subscriber.watch(other)
    other.audio()
    first, second = subscriber.audio
    assert (second.timestamp - first.timestamp & 0xFFFFFFFF) == 2 * 48_000


def test_padding_is_swallowed_and_leaves_no_gap() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    for _ in range(40):  # more changes than a slot remembers
        publisher.padding()
        publisher.frame()
    assert len(subscriber.video) == 41
    assert_seamless(subscriber.video)


def test_who_comes_later_sees_no_gap_where_padding_was() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    publisher.padding()
    publisher.frame()
    newcomer = Subscriber(world, 6_100, 9_100)
    newcomer.connect()
    newcomer.watch(publisher)
    publisher.frame()
    assert len(newcomer.video) == 3
    assert_seamless(newcomer.video)


def test_a_packet_that_overtakes_padding_keeps_its_own_number() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    (late,) = publisher.frame(lose=(0,))
    publisher.padding()
    publisher.frame()
    publisher.send(late)
    numbers = [packet.sequence for packet in subscriber.video]
    assert sorted(number - numbers[0] & 0xFFFF for number in numbers) == [0, 1, 2]


def test_the_audio_level_is_passed_on_under_the_subscribers_id() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.audio(level=0x80 | 33)
    assert subscriber.audio[0].extensions[5] == bytes((0x80 | 33,))
    assert subscriber.audio[0].extensions[4] == b"a0"


def test_levels_tell_the_loudest_moment_of_each_open_microphone() -> None:
    world = World()
    publisher, _ = pair(world)
    closed = Publisher(world, 5_100, 2_000)
    closed.connect()
    for level in (60, 20, 90):
        publisher.audio(level=level)
        closed.audio(level=5)
    world.advance(0.2)
    (levels,) = [event for event in world.events() if isinstance(event, Levels)]
    assert levels.levels == (Level(publisher.handle, AUDIO, 20),)


def test_a_microphone_closed_meanwhile_is_not_reported_as_heard() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.audio(level=10)
    publisher.open(AUDIO, False)
    world.advance(0.2)
    assert [event for event in world.events() if isinstance(event, Levels) and event.levels] == []


def test_a_sender_report_is_told_in_the_slots_own_terms() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    sent = publisher.video_time
    report = struct.pack("!BBHIQIII", 0x80, 200, 6, publisher.video_ssrc, 0x0123456789ABCDEF, sent, 1, 1)
    publisher.send(report)
    (data,) = subscriber.feedback(200, 0)
    _, kind, _, ssrc, ntp, timestamp, packets, octets = struct.unpack("!BBHIQIII", data)
    assert (kind, ssrc, ntp) == (200, subscriber.video_ssrc, 0x0123456789ABCDEF)
    assert timestamp == subscriber.video[0].timestamp
    assert (packets, octets) == (1, len(subscriber.video[0].payload))


@pytest.mark.parametrize("off_s", [-7_200.0, -0.4, 5.0, 90_000.0])
def test_a_slot_that_goes_to_someone_else_tells_one_clock_whatever_theirs_shows(off_s: float) -> None:
    world = World()
    ann, subscriber = pair(world)
    ben = Publisher(world, 5_001, 2_000)
    ben.connect()
    ben.open_all()

    def talk(of: Publisher, clock_s: float) -> None:
        """Sound and picture of the same moments, and a report on each every second."""
        for _ in range(4):
            ntp = int((3_900_000_000 + world.now + clock_s) * 2**32)
            for ssrc, time in ((of.audio_ssrc, of.audio_time + 960), (of.video_ssrc, of.video_time + 9_000)):
                of.send(struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, time & 0xFFFFFFFF, 1, 1))
            of.run(1.0, key_first=True)

    talk(ann, 0.0)
    subscriber.watch(ben)
    talk(ben, off_s)
    told: dict[int, list[tuple[float, int]]] = {}
    for data in subscriber.feedback(200, 0):
        _, _, _, ssrc, ntp, time = struct.unpack_from("!BBHIQI", data)
        told.setdefault(ssrc, []).append((ntp / 2**32, time))
    for ssrc, rate in ((subscriber.audio_ssrc, 48_000), (subscriber.video_ssrc, 90_000)):
        assert len(told[ssrc]) >= 6
        (first_at, first), *later = told[ssrc]
        for at, time in later:
            assert abs((time - first & 0xFFFFFFFF) / rate - (at - first_at)) < 0.15
    # Reports of ben's sound and picture are of the same moments still.
    assert [at for at, _ in told[subscriber.audio_ssrc][-3:]] == [at for at, _ in told[subscriber.video_ssrc][-3:]]


def test_layers_are_announced_when_they_come_and_when_they_cease() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.audio()
    world.advance(10.0)
    events = [event for event in world.events() if isinstance(event, LayerUp | LayerDown)]
    assert events == [
        LayerUp(publisher.handle, AUDIO, "", publisher.audio_ssrc),
        LayerDown(publisher.handle, AUDIO, ""),
    ]
    publisher.audio()
    assert [type(event) for event in world.events()] == [LayerUp]


@pytest.mark.parametrize("gap", [4.5, 8.0, 20.0])
def test_a_screen_on_which_nothing_moves_goes_on_until_it_ceases(gap: float) -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    for _ in range(3):
        world.advance(gap)
        publisher.frame()
    world.events()
    for _ in range(10):
        world.advance(gap)
        publisher.frame()
    assert not [event for event in world.events() if isinstance(event, LayerUp | LayerDown)]
    world.advance(40.0)
    assert world.events().count(LayerDown(publisher.handle, VIDEO, "")) == 1


def test_a_slow_source_is_down_too_when_it_ceases_and_not_before() -> None:
    world = World()
    publisher, _ = pair(world)
    for _ in range(6):
        publisher.frame()
        world.advance(1.9)
    down = [event for event in world.events() if isinstance(event, LayerDown)]
    assert down == []
    world.advance(4.0)
    assert world.events().count(LayerDown(publisher.handle, VIDEO, "")) == 1


def test_a_source_that_says_goodbye_is_down_at_once() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    world.events()
    publisher.send(struct.pack("!BBHI", 0x81, 203, 1, publisher.video_ssrc))
    assert world.events() == [LayerDown(publisher.handle, VIDEO, "")]


def test_a_publisher_that_restarts_with_another_ssrc_is_followed() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.2, key_first=True)
    publisher.audio_ssrc += 50
    publisher.video_ssrc += 50
    publisher.audio_seq, publisher.video_seq = 5, 9
    publisher.run(0.2, key_first=True)
    assert len(subscriber.video) == publisher.video_sent
    assert_seamless(subscriber.video)
    assert_seamless(subscriber.audio)


def test_packets_are_bound_by_payload_type_when_they_carry_no_mid() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.send(build_rtp(111, False, 1, 1, publisher.audio_ssrc, b"", b"opus"))
    publisher.send(build_rtp(120, False, 1, 1, 77, b"", b"what"))
    assert len(subscriber.audio) == 1
    assert world.core.stats().dropped[Drop.UNBOUND] == 1


def test_a_timer_that_rounding_makes_due_a_hair_early_does_not_stop_the_engine() -> None:
    world = World()
    world.now = 1_009.1284250270879
    client = Client(world, 5_000)
    heard, world.now = world.now, world.now + SILENT_S
    assert world.now - heard < SILENT_S, "the case in question"
    world.flush()
    assert [event.transport for event in world.events() if isinstance(event, Silent)] == [client.handle]


def test_a_silent_transport_is_reported_again_and_again() -> None:
    world = World()
    publisher, subscriber = pair(world)
    for _ in range(20):
        world.advance(1.0)
        publisher.check()
    silent = [event for event in world.events() if isinstance(event, Silent)]
    assert {event.transport for event in silent} == {subscriber.handle}
    assert len(silent) == 2
    assert silent[0].seconds >= 15.0


def test_a_removed_transport_leaves_nothing_behind() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.2, key_first=True)
    world.core.remove_transport(publisher.handle)
    sent = world.sent
    publisher.run(0.2)
    subscriber.pli()
    subscriber.nack(1, 2, 3)
    world.core.remove_transport(subscriber.handle)
    world.core.remove_transport(subscriber.handle)
    world.advance(60.0)
    assert world.sent == sent
    assert world.core.stats().transports == 0


def test_the_same_seed_gives_the_same_bytes() -> None:
    def run() -> list[bytes]:
        world = World(seed=11)
        publisher, subscriber = pair(world)
        publisher.run(0.5, key_first=True)
        subscriber.pli()
        publisher.run(0.5)
        return [seen.raw for seen in subscriber.media] + [data for _, data in publisher.control]

    assert run() == run()


def test_the_mid_is_in_the_first_packets_after_each_start_and_then_no_more() -> None:
    world = World()
    publisher, subscriber = pair(world)
    for _ in range(100):
        publisher.audio()
        world.advance(0.02)
    subscriber.watch(None)
    publisher.audio()
    subscriber.watch(publisher)
    for _ in range(100):
        publisher.audio()
        world.advance(0.02)
    named = [packet.extensions.get(4) == b"a0" for packet in subscriber.audio]
    assert named == 2 * ([True] * 64 + [False] * 36)
