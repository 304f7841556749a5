"""Those who ask for more than their share: by lost packets that were none, by looking away and back, by new names."""

from __future__ import annotations

from media.engine.interface import LayerUp, Switched
from tests.media.engine.world import Publisher, Subscriber, World, pair

PICTURES = 15
"""A second; each of `PARTS` packets."""
PARTS = 4


def film(world: World, publisher: Publisher, seconds: float) -> int:
    """Pictures as a browser sends them, a key frame whenever one was asked for; how many key frames that were."""
    heeded, keys = len(publisher.plis), 0
    for _ in range(round(seconds * PICTURES)):
        asked, heeded = len(publisher.plis) > heeded, len(publisher.plis)
        publisher.frame(key=asked, parts=PARTS)
        keys += asked
        world.advance(1 / PICTURES)
    return keys


def asking(world: World, publisher: Publisher, subscriber: Subscriber, seconds: float) -> tuple[int, int]:
    """Everything that came is said to be lost, again and again; packets that were sent, and that were sent again."""
    before, again = publisher.video_sent, len(subscriber.of(subscriber.rtx_ssrc))
    for _ in range(round(seconds * PICTURES)):
        publisher.frame(parts=PARTS)
        newest = subscriber.video[-1].sequence
        subscriber.nack(*(newest - back & 0xFFFF for back in range(100)))
        world.advance(1 / PICTURES)
    return publisher.video_sent - before, len(subscriber.of(subscriber.rtx_ssrc)) - again


def test_what_is_sent_again_is_a_part_of_what_is_sent_whatever_is_asked_for() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True, parts=PARTS)
    asking(world, publisher, subscriber, 5.0)
    sent, again = asking(world, publisher, subscriber, 10.0)
    assert 0 < again <= sent / 2


def test_a_second_without_a_network_is_made_good() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True, parts=PARTS)
    film(world, publisher, 5.0)
    lost = [packet.sequence for packet in subscriber.video[-PICTURES * PARTS :]]
    subscriber.nack(*lost)
    assert len(subscriber.of(subscriber.rtx_ssrc)) == PICTURES * PARTS


def look_away_and_back(world: World, publisher: Publisher, subscriber: Subscriber, seconds: float) -> tuple[int, int]:
    """Thirty times a second, as messages may come; key frames that were sent, and packets that came."""
    heeded, keys, before = len(publisher.plis), 0, len(subscriber.video)
    for step in range(round(seconds * 30)):
        if step % 2 == 0:
            asked, heeded = len(publisher.plis) > heeded, len(publisher.plis)
            publisher.frame(key=asked, parts=PARTS)
            keys += asked
        world.core.set_egress_gate(subscriber.video_out, step % 2 == 1, world.now)
        world.flush()
        world.advance(1 / 30)
    return keys, len(subscriber.video) - before


def test_looking_away_and_back_all_the_time_brings_no_more_than_looking_on() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True, parts=PARTS)
    look_away_and_back(world, publisher, subscriber, 5.0)
    sent = publisher.video_sent
    _, came = look_away_and_back(world, publisher, subscriber, 20.0)
    assert came <= publisher.video_sent - sent


def test_looking_away_and_back_all_the_time_asks_a_publisher_for_few_key_frames() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True, parts=PARTS)
    look_away_and_back(world, publisher, subscriber, 5.0)
    keys, _ = look_away_and_back(world, publisher, subscriber, 30.0)
    assert keys <= 15


def test_who_looks_away_and_back_once_sees_the_picture_at_once() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True, parts=PARTS)
    film(world, publisher, 10.0)
    for _ in range(3):
        world.core.set_egress_gate(subscriber.video_out, False, world.now)
        film(world, publisher, 1.0)
        before = len(subscriber.video)
        world.core.set_egress_gate(subscriber.video_out, True, world.now)
        world.flush()
        film(world, publisher, 0.5)
        assert len(subscriber.video) > before


def test_who_comes_in_at_a_fresh_key_frame_begins_with_it_as_soon_as_the_keys_are_there() -> None:
    world = World()
    publisher = Publisher(world)
    publisher.connect()
    publisher.open_all()
    publisher.frame(key=True, parts=PARTS)
    subscriber = Subscriber(world)
    subscriber.check()
    subscriber.watch(publisher)
    subscriber.key()
    assert len(subscriber.video) == PARTS


def test_a_new_ssrc_with_every_packet_does_not_start_a_picture_anew_with_every_packet() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    world.events()
    for number in range(200):
        publisher.video_ssrc = 50_000 + number % 20
        publisher.frame(key=True)
        world.advance(0.01)
    assert sum(isinstance(event, LayerUp | Switched) for event in world.events()) <= 2 * (8 + 2 * 2) + 2
    world.advance(1.0)
    publisher.video_ssrc = 60_000
    before = len(subscriber.video)
    film(world, publisher, 2.0)
    assert len(subscriber.video) - before > 15 * PARTS
