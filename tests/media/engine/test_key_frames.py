"""When the publisher is asked for a key frame: soon, again until one comes, and never too often."""

from __future__ import annotations

from itertools import pairwise
from random import Random

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


def test_a_picture_that_stands_still_is_asked_for_until_it_comes_but_seldom() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    subscriber.watch(publisher)
    world.advance(60.0)
    asked = publisher.plis
    assert asked[0] < 1_005.1
    assert all(0.25 < after - before <= 5.001 for before, after in pairwise(asked))
    assert world.now - asked[-1] <= 5.0
    assert len(asked) <= 5 + 60 / 5
    publisher.frame(key=True)
    assert len(subscriber.video) == 1
    world.advance(9.0)
    assert publisher.plis == asked


def test_who_sends_a_picture_a_second_is_asked_once_for_the_next_one() -> None:
    world = World()
    publisher = Publisher(world)
    publisher.connect()
    publisher.open_all()
    publisher.frame(key=True)
    for _ in range(5):
        world.advance(1.0)
        publisher.frame()
    subscriber = Subscriber(world)
    subscriber.connect()
    world.advance(0.05)
    subscriber.watch(publisher)
    world.advance(0.94)
    assert len(publisher.plis) == 1
    publisher.frame()  # it did not hear
    world.advance(1.0)
    assert len(publisher.plis) in (2, 3)
    publisher.frame(key=True)
    assert len(subscriber.video) == 1


def test_nobody_waits_for_a_picture_that_stands_still_and_its_publisher_is_asked_every_ten_seconds() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    subscriber.watch(publisher)
    publisher.frame(key=True)
    world.advance(61.0)
    assert [round(after - before, 3) for before, after in pairwise(publisher.plis[1:])] == [10.0] * 5


def test_who_left_a_picture_that_stands_still_waits_no_more() -> None:
    world = World()
    publisher, subscriber = waiting(world)
    world.advance(3.0)
    subscriber.watch(publisher)
    world.advance(0.1)
    subscriber.watch(None)
    asked = len(publisher.plis)
    world.advance(9.0)
    assert len(publisher.plis) - asked <= 2  # one that was due, and the regular one


def test_a_request_or_its_key_frame_may_get_lost_and_who_waits_sees_the_picture_within_seconds() -> None:
    world, rng = World(), Random(15)
    times: list[float] = []
    for n in range(40):
        publisher, subscriber = (
            Publisher(world, 5_000 + n, 1_000 + 10 * n),
            Subscriber(world, 6_000 + n, 9_000 + 10 * n),
        )
        publisher.connect()
        publisher.open_all()
        publisher.frame(key=True)
        world.advance(5.0)  # it stands still from now on
        subscriber.connect()
        subscriber.watch(publisher)
        began, asked = world.now, 0
        while not subscriber.video and world.now < began + 30:
            if len(publisher.plis) > asked:
                asked = len(publisher.plis)
                if rng.random() > 0.15:  # it was heard
                    publisher.frame(key=True, lose=(0,) if rng.random() < 0.15 else ())
            world.advance(0.05)
        times.append(world.now - began)
        assert asked <= 6
    assert max(times) < 3.0
    assert sorted(times)[len(times) // 2] < 0.1


def test_one_listener_who_turns_to_and_fro_costs_few_key_frames() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    before = asked = 0
    for step in range(400):
        if step % 5 == 0:
            subscriber.watch(None)
            subscriber.watch(publisher)
        publisher.frame(key=len(publisher.plis) > asked)
        before += len(publisher.plis) > asked
        asked = len(publisher.plis)
        world.advance(0.1)
    assert before <= 6 + 40 / 2
    assert before >= 12  # nobody waits much longer than two seconds


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
