"""When the publisher is asked for a key frame: soon, again until one comes, and never too often."""

from __future__ import annotations

from itertools import pairwise

from media.engine.key_frames import KEY_HOLD_OFF_S
from tests.media.engine.world import VIDEO, Publisher, Subscriber, World, pair


def waiting(world: World) -> tuple[Publisher, Subscriber]:
    """A subscriber of a publisher whose last key frame is long ago."""
    publisher = Publisher(world)
    publisher.connect()
    publisher.open_all()
    publisher.frame(key=True)
    world.advance(5.0)
    publisher.frame()
    subscriber = Subscriber(world)
    subscriber.connect()
    return publisher, subscriber


def test_a_newcomer_makes_the_publisher_be_asked_at_once() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    assert publisher.plis == []
    subscriber.watch(publisher)
    assert publisher.plis == [world.now]


def test_a_request_is_repeated_until_a_key_frame_arrives() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    subscriber.watch(publisher)
    for _ in range(30):
        publisher.frame()
        world.advance(0.1)
    asked = publisher.plis
    assert [round(after - before, 2) for before, after in pairwise(asked)] == [0.3, 0.6, 1.2]
    publisher.frame(key=True)
    for _ in range(30):
        publisher.frame()
        world.advance(0.1)
    assert len(publisher.plis) == len(asked)
    assert len(subscriber.video) == 31


def test_a_crowd_of_requests_is_one_request() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    subscriber.watch(publisher)
    publisher.frame(key=True)
    world.advance(2.0)
    publisher.frame()
    asked = len(publisher.plis)
    for _ in range(100):
        subscriber.pli()
    assert len(publisher.plis) == asked + 1


def test_requests_to_a_publisher_that_pauses_are_throttled_too() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    subscriber.watch(publisher)
    world.advance(10.0)
    asked = len(publisher.plis)
    for _ in range(1_000):
        subscriber.pli()
        world.advance(0.001)
    assert len(publisher.plis) - asked <= 4


def test_a_request_soon_after_a_key_frame_waits() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    came = world.now
    world.advance(0.1)
    subscriber.pli()
    assert publisher.plis == []
    for _ in range(6):
        publisher.frame()
        world.advance(0.1)
    assert round(publisher.plis[0] - came, 3) == KEY_HOLD_OFF_S


def test_a_publisher_that_sends_nothing_is_not_asked_for_ever() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    subscriber.watch(publisher)
    world.advance(60.0)
    assert len(publisher.plis) < 8
    seen = len(publisher.plis)
    publisher.frame()  # it is back, and the subscriber still waits
    world.advance(0.01)
    assert len(publisher.plis) == seen + 1


def test_a_closed_camera_is_not_asked() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    publisher.open(VIDEO, False)
    subscriber.watch(publisher)
    subscriber.pli()
    world.advance(5.0)
    assert publisher.plis == []


def test_a_fir_counts_as_a_request() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    world.advance(1.0)
    publisher.frame()
    fir = bytes((0x84, 206, 0, 4)) + bytes(8) + subscriber.video_ssrc.to_bytes(4, "big") + bytes((1, 0, 0, 0))
    subscriber.send(fir)
    assert len(publisher.plis) == 1


def test_one_listener_cannot_keep_everyone_at_key_frames() -> None:
    world = World()
    publisher, subscriber = pair(world)
    other = Subscriber(world, 6_100, 9_100)
    other.connect()
    other.watch(publisher)
    publisher.run(2, key_first=True)
    before = len(publisher.plis)
    for step in range(400):
        asked = len(publisher.plis) > before + step  # never more than one key frame a picture
        publisher.frame(key=step % 6 == 0 or asked)
        subscriber.pli()
        world.advance(0.1)
    assert len(publisher.plis) - before <= 3 + 40 / 3 + 40 / 10
    publisher.frame(key=True)
    world.advance(1)
    before = len(publisher.plis)
    other.pli()
    world.advance(0.1)
    assert len(publisher.plis) == before + 1
