"""Layers of one picture: which feeds a slot, and that nobody sees the change."""

from __future__ import annotations

import struct
from itertools import pairwise
from random import Random

import pytest

from media.engine.egress import UP_AFTER_S
from media.engine.interface import Drop, LayerDown, LayerUp, Switched
from media.engine.rtp import RtpPacket
from media.engine.rtp import parse as parse_rtp
from media.engine.vp8 import parse_head
from tests.media.engine.layers import CLOCK, Simulcast, rids_of
from tests.media.engine.world import VIDEO, Subscriber, World, assert_pictures_follow, assert_seamless


def watching(world: World, want: str = "f") -> tuple[Simulcast, Subscriber]:
    publisher, subscriber = Simulcast(world), Subscriber(world)
    publisher.connect()
    subscriber.connect()
    publisher.open()
    want_layer(publisher, subscriber, want)
    return publisher, subscriber


def want_layer(publisher: Simulcast, subscriber: Subscriber, want: str) -> None:
    subscriber.world.core.route(subscriber.video_out, publisher.handle, VIDEO, want, subscriber.world.now)
    subscriber.world.flush()


def no_freeze(subscriber: Subscriber, longest: float) -> None:
    """Pictures keep coming."""
    seen = [each.at for each in subscriber.media if each.packet.ssrc == subscriber.video_ssrc]
    assert max(after - before for before, after in pairwise(seen)) <= longest


def tl0s(packets: list[RtpPacket]) -> list[int]:
    heads = [parse_head(packet.payload) for packet in packets]
    return [head.tl0 for head in heads if head is not None and head.begins and head.temporal == 0]


def clock_of(told: bytes) -> int:
    """What the clock of a sender report showed at NTP 0."""
    ntp, timestamp = struct.unpack_from("!QI", told, 8)
    return timestamp - (ntp * CLOCK + 0x80000000 >> 32) & 0xFFFFFFFF


def apart(one: int, other: int) -> int:
    """Between two timestamps, in ticks."""
    return min(one - other & 0xFFFFFFFF, other - one & 0xFFFFFFFF)


def test_a_slot_starts_on_the_lowest_layer_and_goes_up_half_a_second_later() -> None:
    world = World()
    publisher, subscriber = watching(world)
    began = world.now
    publisher.reports()
    publisher.run(3.0)
    rids = rids_of(subscriber.video)
    assert rids[0] == "q"
    assert rids[-1] == "f"
    assert set(rids) == {"q", "f"}
    up = next(each.at for each in subscriber.media if chr(each.packet.payload[-1]) == "f")
    assert UP_AFTER_S <= up - began < UP_AFTER_S + 0.35
    assert len(publisher.plis) == 1  # one for the way up
    assert len(rids) == 31  # one picture came twice: the lower layer's had left already
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


def test_each_layer_is_announced_by_its_rid_and_each_change_of_a_slot() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(3.0)
    events = world.events()
    ups = [(event.rid, event.ssrc) for event in events if isinstance(event, LayerUp)]
    assert ups == [("q", 1_000), ("h", 1_001), ("f", 1_002)]
    assert [event for event in events if isinstance(event, Switched)] == [
        Switched(subscriber.video_out, "q"),
        Switched(subscriber.video_out, "f"),
    ]


def test_a_slot_goes_down_and_up_again_as_it_is_told() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(2.0)
    publisher.reports()
    for want in ("q", "h", "f", "q"):
        want_layer(publisher, subscriber, want)
        publisher.run(2.0)
        assert rids_of(subscriber.video)[-1] == want
    assert len(rids_of(subscriber.video)) == 103  # three ways up
    no_freeze(subscriber, 0.11)
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)
    assert all(after - before & 0xFF == 1 for before, after in pairwise(tl0s(subscriber.video)))


def test_time_goes_on_by_the_senders_clock_over_a_change_of_layer() -> None:
    world, rng = World(), Random(3)
    publisher, subscriber = watching(world)
    publisher.reports()
    taken: list[float] = []
    for _ in range(30):
        taken.append(world.now)
        publisher.capture()
        world.advance(0.1 + rng.uniform(0, 0.05))
    shown: dict[str, list[float]] = {"q": [], "f": []}
    for packet in subscriber.video:
        if packet.payload[0] & 0x10:
            ahead = packet.timestamp - subscriber.video[0].timestamp & 0xFFFFFFFF
            shown[chr(packet.payload[-1])].append(ahead / CLOCK)
    lower, upper = len(shown["q"]), len(shown["f"])
    assert lower + upper == 31
    expected = [at - taken[0] for at in taken]
    for picture, at in zip(shown["q"] + shown["f"], expected[:lower] + expected[-upper:], strict=True):
        assert abs(picture - at) < 0.0001


def test_without_reports_time_goes_on_by_the_arrival() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(3.0)
    assert rids_of(subscriber.video)[-1] == "f"
    whole = subscriber.video[-1].timestamp - subscriber.video[0].timestamp & 0xFFFFFFFF
    assert abs(whole / CLOCK - 2.9) < 0.01


def test_a_report_after_the_change_says_the_new_layers_clock() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(0.3)
    publisher.reports()
    publisher.run(2.0)
    publisher.reports()
    (*_, told) = subscriber.feedback(200, 0)
    _, _, _, ssrc, ntp, timestamp, _, _ = struct.unpack("!BBHIQIII", told)
    assert ssrc == subscriber.video_ssrc
    last = subscriber.video[-1]
    behind = (timestamp - last.timestamp & 0xFFFFFFFF) / CLOCK
    assert abs(behind - 0.1) < 0.001  # the last picture was taken a tenth of a second before
    assert abs(ntp / 2**32 - world.now) < 0.001


def test_a_slot_tells_one_clock_to_the_tick_whatever_layer_feeds_it() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.late = {"f": 0.15}  # its pictures come after later ones of the lower layers
    publisher.run(0.3)
    publisher.reports()
    for want in ("f", "q", "h", "q", "f"):
        want_layer(publisher, subscriber, want)
        publisher.run(1.5)
        publisher.reports()
        publisher.run(0.5)
        assert rids_of(subscriber.video)[-1] == want
    shown = [clock_of(told) for told in subscriber.feedback(200, 0)]
    assert len(shown) >= 5
    assert all(apart(one, shown[0]) <= 1 for one in shown)
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


def test_a_picture_is_of_the_moment_that_reports_say_soon_after_a_change_of_layer() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.late = {"f": 0.15}
    publisher.run(0.3)
    publisher.reports()
    publisher.run(3.0)
    assert rids_of(subscriber.video)[-1] == "f"
    taken = publisher.taken["f"]
    clock = clock_of(subscriber.feedback(200, 0)[-1])
    begins = [packet for packet in subscriber.video if packet.payload[0] & 0x10]
    late = [
        apart(packet.timestamp, round(at * CLOCK) + clock)
        for packet, at in zip(reversed(begins), reversed(taken), strict=False)
        if chr(packet.payload[-1]) == "f"
    ]
    assert len(late) > 20
    assert all(each <= 1 for each in late[:-2])  # what had been overtaken comes right behind it, not earlier
    assert_seamless(subscriber.video)


def test_a_layer_that_reports_only_after_the_change_still_goes_on_by_the_clock_that_was_told() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.late = {"f": 0.05}
    publisher.run(0.3)
    publisher.reports(("q",))
    publisher.run(1.0)
    assert rids_of(subscriber.video)[-1] == "f"
    publisher.reports()
    publisher.run(1.0)
    first, *_, last = (clock_of(told) for told in subscriber.feedback(200, 0))
    assert apart(first, last) <= 1
    assert apart(subscriber.video[-1].timestamp, round(publisher.taken["f"][-1] * CLOCK) + first) <= 1
    assert_seamless(subscriber.video)


def test_no_report_says_an_earlier_moment_than_the_one_before() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(0.1)
    publisher.reports(("f",))
    publisher.run(0.2)
    publisher.reports(("q",))
    publisher.run(2.0)
    assert rids_of(subscriber.video)[-1] == "f"
    publisher.reports()
    moments = [struct.unpack_from("!Q", told, 8)[0] for told in subscriber.feedback(200, 0)]
    assert len(moments) == 2
    assert moments == sorted(moments)


@pytest.mark.parametrize(("dead", "expected"), [("f", "h"), ("fh", "q"), ("qh", "f")])
def test_nothing_freezes_when_layers_die(dead: str, expected: str) -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(2.0)
    publisher.active -= set(dead)
    publisher.run(3.0)
    assert rids_of(subscriber.video)[-1] == expected
    no_freeze(subscriber, 0.91)
    downs = {event.rid for event in world.events() if isinstance(event, LayerDown)}
    assert downs == set(dead)
    publisher.active |= set(dead)
    publisher.run(3.0)
    assert rids_of(subscriber.video)[-1] == "f"
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


@pytest.mark.parametrize("gap", [0.6, 1.0, 1.9, 3.5])
def test_a_layer_that_is_slow_and_no_more_is_neither_left_nor_begged_for(gap: float) -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(3.0)
    asked = answered = len(publisher.plis)
    due = world.now + gap
    world.events()
    for _ in range(200):
        publisher.active, key = {"q", "h"}, False
        if world.now >= due:
            due += gap
            publisher.active.add("f")
            key, answered = len(publisher.plis) > answered, len(publisher.plis)
        publisher.capture(key=key)
        world.advance(0.1)
    told = [event for event in world.events() if isinstance(event, LayerDown | LayerUp | Switched)]
    # It took the first long gap for its end, and learned.
    assert [type(event) for event in told] == [LayerDown, Switched, LayerUp, Switched]
    assert len(publisher.plis) - asked <= 5  # down, up, and the regular ones
    assert rids_of(subscriber.video)[-1] == "f"


def test_what_was_slow_and_is_fast_again_is_missed_at_once_when_it_ceases() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(3.0)
    for _ in range(8):
        publisher.active = {"q", "h", "f"}
        publisher.capture()
        publisher.active = {"q", "h"}
        publisher.run(1.0)
    publisher.active = {"q", "h", "f"}
    publisher.run(40.0)
    publisher.active = {"q", "h"}
    publisher.run(3.0)
    no_freeze(subscriber, 1.1)


def test_one_picture_of_a_layer_that_had_ceased_is_no_return_but_a_key_frame_is() -> None:
    world = World()
    publisher, _ = watching(world)
    publisher.run(3.0)
    publisher.active = {"q", "h"}
    publisher.run(6.0)
    world.events()
    publisher.show(publisher.streams["f"])
    publisher.run(1.0)
    assert not [event for event in world.events() if isinstance(event, LayerUp)]
    for packet in publisher.picture(publisher.streams["f"], key=True):
        publisher.send(packet)
    assert [event.rid for event in world.events() if isinstance(event, LayerUp)] == ["f"]


@pytest.mark.parametrize("gap", [4.5, 7.0, 30.0])
def test_a_layer_that_sends_little_but_the_key_frames_asked_of_all_is_not_begun_again_with_each(gap: float) -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(3.0)
    world.events()
    answered, due = len(publisher.plis), world.now + gap
    for _ in range(1_200):
        key, answered = len(publisher.plis) > answered, len(publisher.plis)
        publisher.active = {"q", "h"}
        if key or world.now >= due:
            publisher.active, due = {"q", "h", "f"}, world.now + gap
        publisher.capture(key=key)
        world.advance(0.1)
    told = [type(event) for event in world.events() if isinstance(event, LayerDown | LayerUp)]
    assert told.count(LayerDown) <= 3
    assert told.count(LayerUp) <= 2
    no_freeze(subscriber, 1.1)
    world.events()
    publisher.active = {"q", "h", "f"}
    publisher.run(1.0)
    assert [event.rid for event in world.events() if isinstance(event, LayerUp)] == ["f"]


def test_one_listener_who_wants_now_this_layer_and_now_that_costs_few_key_frames() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(2.0)
    before = publisher.key_frames
    for step in range(400):
        if step % 6 == 0:
            want_layer(publisher, subscriber, "q" if step % 12 else "f")
        publisher.run(0.1)
    assert publisher.key_frames - before <= 3 + 40 / 3 + 40 / 10
    # A newcomer does not wait for that.
    newcomer = Subscriber(world, 6_100, 9_100)
    newcomer.connect()
    publisher.run(2.0)
    want_layer(publisher, newcomer, "q")
    publisher.run(0.2)
    assert newcomer.video


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_crowd_of_listeners_who_change_their_minds_costs_a_key_frame_a_second(one_by_one: bool) -> None:
    world, rng = World(), Random(3)
    publisher, subscriber = watching(world)
    publisher.one_by_one = one_by_one
    crowd = [subscriber, *(Subscriber(world, 6_100 + n, 9_100 + 10 * n) for n in range(9))]
    for each in crowd[1:]:
        each.connect()
    publisher.run(2.0)
    before = len(publisher.plis)
    for _ in range(400):
        want_layer(publisher, rng.choice(crowd), rng.choice("qhf"))
        rng.choice(crowd).pli()
        publisher.run(0.1)
    assert 15 <= len(publisher.plis) - before <= 12 + 40


def test_without_the_wanted_layer_the_best_one_below_stands_in() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.active = {"q", "h"}
    publisher.run(2.0)
    assert rids_of(subscriber.video)[-1] == "h"
    assert len(publisher.plis) == 1


def test_the_lowest_is_the_layer_of_who_asks_for_none() -> None:
    world = World()
    publisher, subscriber = watching(world, "")
    publisher.run(3.0)
    assert set(rids_of(subscriber.video)) == {"q"}
    assert publisher.plis == []


def test_one_request_refreshes_all_layers_for_everyone() -> None:
    world = World()
    publisher, _ = watching(world)
    subscribers = [Subscriber(world, 6_100 + n, 9_100 + 10 * n) for n in range(6)]
    publisher.run(1.0)
    asked = len(publisher.plis)
    for n, subscriber in enumerate(subscribers):
        subscriber.connect()
        want_layer(publisher, subscriber, "qhf"[n % 3])
    publisher.run(4.0)
    assert len(publisher.plis) - asked <= 2  # to start, and to go up
    for n, subscriber in enumerate(subscribers):
        assert rids_of(subscriber.video)[-1] == "qhf"[n % 3]


def test_an_encoder_that_refreshes_one_layer_at_a_time_is_asked_for_each() -> None:
    world = World()
    publisher, first = watching(world, "h")
    second = Subscriber(world, 6_100, 9_100)
    second.connect()
    want_layer(publisher, second, "f")
    publisher.one_by_one = True
    publisher.run(4.0)
    assert rids_of(first.video)[-1] == "h"
    assert rids_of(second.video)[-1] == "f"
    assert len(publisher.plis) <= 4


def test_newcomers_one_after_the_other_cause_no_storm_of_key_frames() -> None:
    world = World()
    publisher, _ = watching(world)
    publisher.run(2.0)
    asked = len(publisher.plis)
    for n in range(20):
        subscriber = Subscriber(world, 6_100 + n, 9_100 + 10 * n)
        subscriber.connect()
        want_layer(publisher, subscriber, "f")
        publisher.run(0.2)
    publisher.run(2.0)
    assert len(publisher.plis) - asked <= 12  # every half second at most


def test_fifteen_percent_loss_both_ways_is_repaired_without_a_storm_of_key_frames() -> None:
    world, rng = World(), Random(15)
    publisher, subscriber = watching(world)
    publisher.lose = lambda _: rng.random() < 0.15
    got: dict[int, RtpPacket] = {}
    asked_again = 0
    for _ in range(600):
        publisher.capture()
        world.advance(0.05)
        numbers = [each.packet.sequence for each in subscriber.media if each.packet.ssrc == subscriber.video_ssrc]
        for each in subscriber.media:
            if rng.random() >= 0.15:
                packet = each.packet
                number = (
                    packet.sequence
                    if packet.ssrc == subscriber.video_ssrc
                    else packet.payload[0] << 8 | packet.payload[1]
                )
                got[number] = packet
        subscriber.media.clear()
        if numbers:
            missing = [n & 0xFFFF for n in range(numbers[-1] - 60, numbers[-1]) if n & 0xFFFF not in got]
            if got and missing:
                asked_again += 1
                subscriber.nack(*missing[:20])
    # Thirty seconds: one on the way in, one on the way up, one every ten seconds, and hardly any more.
    assert len(publisher.plis) <= 8
    assert asked_again > 0
    lost = world.core.stats()
    assert lost.packets_resent > 0
    first = min(got)
    held = sum(1 for n in range(first, max(got)) if n in got)
    assert held / (max(got) - first) > 0.97


def test_packets_before_the_rid_wait_for_it() -> None:
    world = World()
    publisher, subscriber = watching(world, "q")
    stream = publisher.streams["q"]
    publisher.known = True
    early = publisher.picture(stream, key=True) + publisher.picture(stream)
    publisher.known = False
    for packet in early:
        publisher.send(packet)
    assert subscriber.video == []
    publisher.show(stream)
    assert len(subscriber.video) == 3
    assert_seamless(subscriber.video)


def test_what_waits_for_a_rid_is_bounded() -> None:
    world = World()
    publisher, subscriber = watching(world, "q")
    stream = publisher.streams["q"]
    publisher.known = True
    for _ in range(100):
        publisher.show(stream)
    assert subscriber.video == []
    assert world.core.stats().dropped[Drop.UNBOUND] == 100 - 32


def test_a_rid_that_was_not_negotiated_is_not_taken() -> None:
    world = World()
    publisher, subscriber = watching(world)
    stream = publisher.streams["q"]
    stream.rid = "x"
    publisher.run(1.0)
    assert {event.rid for event in world.events() if isinstance(event, LayerUp)} == {"h", "f"}
    assert set(rids_of(subscriber.video)) == {"h", "f"}


def test_a_retransmission_is_bound_by_its_repaired_rid() -> None:
    world = World()
    publisher, subscriber = watching(world, "q")
    publisher.run(0.5)
    stream = publisher.streams["q"]
    (lost,) = publisher.picture(stream)
    publisher.show(stream)
    world.advance(0.03)
    publisher.again(publisher.streams["f"], publisher.streams["f"].sequence)  # a probe of another layer
    packet = parse_rtp(lost)
    assert packet is not None
    before = len(subscriber.video)
    publisher.again(stream, packet.sequence)
    assert len(subscriber.video) == before + 1
    assert world.core.stats().dropped[Drop.DUPLICATE] == 1


def test_a_layer_that_restarts_under_another_ssrc_is_followed_and_the_others_go_on() -> None:
    world = World()
    publisher, subscriber = watching(world, "q")
    other = Subscriber(world, 6_100, 9_100)
    other.connect()
    want_layer(publisher, other, "f")
    publisher.run(2.0)
    publisher.streams["f"].ssrc += 50
    publisher.streams["f"].rtx_ssrc += 50
    publisher.run(3.0)
    assert len(rids_of(subscriber.video)) == 50
    assert rids_of(other.video)[-1] == "f"
    no_freeze(other, 0.31)
    for each in (subscriber, other):
        assert_seamless(each.video)
        assert_pictures_follow(each.video)


def test_a_nack_reaches_back_over_a_change_of_layer() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(3.0)
    originals = {packet.sequence: packet.payload for packet in subscriber.video}
    for sequence in originals:
        subscriber.nack(sequence)
    again = subscriber.of(subscriber.rtx_ssrc)
    assert {chr(packet.payload[-1]) for packet in again} == {"q", "f"}
    assert {packet.payload[0] << 8 | packet.payload[1]: packet.payload[2:] for packet in again} == originals


def test_a_slot_that_has_moved_on_to_someone_else_repeats_nothing_from_before() -> None:
    world = World()
    publisher, subscriber = watching(world)
    other = Simulcast(world, 5_100, 2_000)
    other.connect()
    other.open()
    publisher.run(1.0)
    before = [packet.sequence for packet in subscriber.video]
    want_layer(other, subscriber, "q")
    other.run(1.0)
    subscriber.nack(*before)
    assert subscriber.of(subscriber.rtx_ssrc) == []
    subscriber.nack(subscriber.video[-1].sequence)
    assert len(subscriber.of(subscriber.rtx_ssrc)) == 1


def test_what_a_left_layer_still_owed_fills_its_own_gap() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(0.4)
    publisher.picture(publisher.streams["q"])  # lost
    publisher.show(publisher.streams["q"])
    world.advance(0.2)
    publisher.capture(key=True)  # and then what was asked for again
    assert rids_of(subscriber.video)[-2:] == ["f", "q"]
    numbers = [packet.sequence - subscriber.video[0].sequence & 0xFFFF for packet in subscriber.video]
    assert sorted(numbers) == list(range(len(numbers)))
    assert numbers[-1] < numbers[-2]


def test_a_closed_gate_closes_all_layers() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(2.0)
    seen = len(subscriber.media)
    last = subscriber.video[-1].sequence
    publisher.open(False)
    publisher.run(1.0)
    subscriber.nack(*(last - n & 0xFFFF for n in range(20)))
    publisher.open()
    subscriber.nack(*(last - n & 0xFFFF for n in range(20)))
    assert len(subscriber.media) == seen
    publisher.run(2.0)
    assert rids_of(subscriber.video[seen:])[0] == "q"
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


def test_a_late_packet_of_an_ssrc_that_was_left_does_not_take_its_place_back() -> None:
    world = World()
    camera, viewer = Simulcast(world, rids=("q", "h")), Subscriber(world)
    for client in (camera, viewer):
        client.connect()
    camera.open()
    world.core.route(viewer.video_out, camera.handle, VIDEO, "", world.now)
    camera.run(2, step=0.04)
    stream = camera.streams["q"]
    late = camera.picture(stream)
    stream.ssrc = 7_777
    camera.capture(key=True)
    world.advance(0.04)
    world.events()
    before = len(viewer.video)
    for packet in late:
        camera.send(packet)
    for _ in range(10):
        camera.capture()
        world.advance(0.04)
    assert len(viewer.video) == before + 10
    assert not [event for event in world.events() if isinstance(event, LayerUp | Switched)]


def test_an_ssrc_that_comes_back_when_its_follower_has_ceased_is_taken_again() -> None:
    world = World()
    camera, viewer = Simulcast(world, rids=("q",)), Subscriber(world)
    for client in (camera, viewer):
        client.connect()
    camera.open()
    world.core.route(viewer.video_out, camera.handle, VIDEO, "", world.now)
    camera.run(1, step=0.04)
    stream = camera.streams["q"]
    first, stream.ssrc = stream.ssrc, 7_777
    camera.run(1, step=0.04)
    world.advance(3)
    before, stream.ssrc = len(viewer.video), first
    camera.capture(key=True)
    assert len(viewer.video) == before + 1


def test_what_an_ssrc_sent_is_gone_with_it_also_for_who_had_left_that_layer() -> None:
    world = World()
    publisher, subscriber = watching(world)
    publisher.run(2.0)
    of_f = [packet.sequence for packet in subscriber.video if packet.payload[-1:] == b"f"]
    want_layer(publisher, subscriber, "q")
    publisher.run(2.0)
    subscriber.nack(of_f[-1])
    assert len(subscriber.of(subscriber.rtx_ssrc)) == 1
    publisher.streams["f"].ssrc += 50
    publisher.run(0.1)
    subscriber.nack(*of_f)
    assert len(subscriber.of(subscriber.rtx_ssrc)) == 1
