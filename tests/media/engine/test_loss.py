"""Lost packets, asked for and sent again, on both sides."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from media.engine.egress import Slot
from media.engine.interface import Drop
from media.engine.rtp import parse as parse_rtp
from tests.media.engine.world import Subscriber, World, assert_pictures_follow, assert_seamless, pair


def test_what_a_publisher_lost_is_asked_for_and_passed_on() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    packets = publisher.frame(parts=4, lose=(1, 2))
    assert publisher.nacks == []  # it may only be late
    world.advance(0.02)
    lost = [parse_rtp(packets[1]), parse_rtp(packets[2])]
    assert publisher.nacks == [packet.sequence for packet in lost if packet is not None]
    for packet in packets[1:3]:
        publisher.again(packet)
    world.advance(1.0)
    assert len(publisher.nacks) == 2
    numbers = sorted(packet.sequence - subscriber.video[0].sequence & 0xFFFF for packet in subscriber.video)
    assert numbers == [0, 1, 2, 3, 4]
    by_number = sorted(subscriber.video, key=lambda packet: packet.sequence - subscriber.video[0].sequence & 0xFFFF)
    assert_pictures_follow(by_number)


def test_a_nack_is_repeated_ever_more_slowly_and_then_given_up() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    publisher.frame(parts=2, lose=(0,))
    world.advance(5.0)
    times = [at for at, data in publisher.control if data[1] == 205 and data[0] & 31 == 1]
    gaps = [round(after - before, 3) for before, after in pairwise(times)]
    assert gaps == [0.05, 0.1, 0.15, 0.2, 0.25]


def test_a_packet_out_of_order_is_not_asked_for() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    (late,) = publisher.frame(lose=(0,))
    publisher.frame()
    world.advance(0.005)
    publisher.send(late)
    publisher.send(late)  # and a repetition goes nowhere
    world.advance(1.0)
    assert publisher.nacks == []
    assert len(subscriber.video) == 3


def test_a_probe_that_repeats_what_we_have_is_dropped() -> None:
    world = World()
    publisher, subscriber = pair(world)
    packets = publisher.frame(key=True, parts=3)
    for packet in packets:
        publisher.again(packet)
    assert len(subscriber.video) == 3
    assert world.core.stats().dropped[Drop.DUPLICATE] == 3


def test_a_key_frame_whose_beginning_was_lost_starts_a_slot_once_it_is_recovered() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame()
    packets = publisher.frame(key=True, parts=3, lose=(0,))
    assert subscriber.video == []
    publisher.again(packets[0])
    assert len(subscriber.video) == 3
    assert [packet.marker for packet in subscriber.video] == [False, False, True]


def test_a_gap_too_wide_to_fill_asks_for_a_key_frame() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    world.advance(2.0)
    publisher.video_seq = publisher.video_seq + 500 & 0xFFFF
    publisher.frame()
    world.advance(0.02)
    assert publisher.nacks == []
    assert len(publisher.plis) == 1


@pytest.mark.parametrize("jump", [20_000, -20_000, 3_100, -600])
def test_a_wild_jump_either_way_is_believed_the_second_time_and_subscribers_see_no_seam(jump: int) -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(1.0, key_first=True)
    sound, pictures = len(subscriber.audio), len(subscriber.video)
    publisher.audio_seq = publisher.audio_seq + jump & 0xFFFF
    publisher.video_seq = publisher.video_seq + jump & 0xFFFF
    publisher.run(1.0)
    assert len(subscriber.audio) == sound + 49
    assert publisher.plis != []
    publisher.run(1.0, key_first=True)
    assert len(subscriber.audio) == sound + 99
    assert len(subscriber.video) == pictures + 10
    assert_seamless(subscriber.audio)
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)
    assert publisher.nacks == []
    (*_, report) = publisher.feedback(201, 2)
    assert struct.unpack_from("!I", report, 12)[0] == 0  # nothing counts as lost


def test_a_single_packet_from_far_away_changes_nothing() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.2, key_first=True)
    heard = len(subscriber.audio)
    for stray in (20_000, -20_000):
        sequence = publisher.audio_seq
        publisher.audio_seq = sequence + stray & 0xFFFF
        publisher.audio()
        publisher.audio_seq = sequence
        publisher.audio()
    assert len(subscriber.audio) == heard + 2
    assert_seamless(subscriber.audio)


def test_a_subscribers_nack_is_answered_over_rtx() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    publisher.frame(parts=3)
    original = subscriber.media[2]
    subscriber.nack(original.packet.sequence)
    (again,) = subscriber.of(subscriber.rtx_ssrc)
    assert again.payload_type == 101
    assert again.timestamp == original.packet.timestamp
    assert again.marker == original.packet.marker
    assert again.payload == struct.pack("!H", original.packet.sequence) + original.packet.payload
    assert world.core.stats().packets_resent == 1


def test_without_rtx_the_same_packet_is_sent_again() -> None:
    world = World()
    publisher, _ = pair(world)
    plain = Subscriber(world, 6_100, 9_100, rtx=False)
    plain.connect()
    plain.watch(publisher)
    publisher.frame(key=True)
    publisher.frame()
    plain.nack(plain.video[1].sequence)
    first, second, third = plain.video
    assert (second.sequence, second.payload) == (third.sequence, third.payload)
    assert first.sequence != second.sequence


def test_nacks_reach_behind_swallowed_padding() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    publisher.frame()
    for _ in range(3):
        publisher.padding()
        publisher.frame()
    for packet in list(subscriber.video):
        subscriber.nack(packet.sequence)
    again = subscriber.of(subscriber.rtx_ssrc)
    assert [packet.payload[2:] for packet in again] == [packet.payload for packet in subscriber.video]


def test_nacks_for_what_was_never_sent_or_is_long_gone_get_nothing() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    first = subscriber.video[0].sequence
    subscriber.nack(first - 1 & 0xFFFF, first + 1 & 0xFFFF, first + 30_000 & 0xFFFF)
    for _ in range(600):
        publisher.frame()
        world.advance(0.002)
    subscriber.nack(first)
    assert subscriber.of(subscriber.rtx_ssrc) == []


def test_endless_nacks_cannot_multiply_traffic_without_bound() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    for _ in range(5_000):
        subscriber.nack(subscriber.video[0].sequence)
    assert len(subscriber.of(subscriber.rtx_ssrc)) <= 256


def test_nacks_beyond_the_allowance_cost_no_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    looked: list[int] = []
    resend = Slot.resend
    monkeypatch.setattr(Slot, "resend", lambda slot, number: looked.append(number) or resend(slot, number))
    absent = subscriber.video[0].sequence + 5_000 & 0xFFFF
    pile = struct.pack("!BBHII", 0x81, 205, 2 + 31, 77, subscriber.video_ssrc)
    pile = (pile + struct.pack("!HH", absent, 0xFFFF) * 31) * 10
    subscriber.send(pile)
    assert len(looked) == 256
    for _ in range(50):
        subscriber.send(pile)
    assert len(looked) == 256
    for _ in range(20):
        publisher.frame()
    subscriber.send(pile)
    assert len(looked) == 256 + 10
