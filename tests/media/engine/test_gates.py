"""Enforced mute: a closed gate forwards nothing, and nobody notices the seam when it opens again."""

from __future__ import annotations

from media.engine.budget import LIMITS
from media.engine.interface import Drop, IngressSpec, Kind
from tests.media.engine.layers import Simulcast
from tests.media.engine.world import (
    AUDIO,
    RTX,
    VIDEO,
    VP8,
    Publisher,
    Subscriber,
    World,
    assert_pictures_follow,
    assert_seamless,
    pair,
)


def test_a_new_track_is_closed_until_it_is_opened() -> None:
    world = World()
    publisher, subscriber = Publisher(world), Subscriber(world)
    publisher.connect()
    subscriber.connect()
    subscriber.watch(publisher)
    publisher.run(1.0, key_first=True)
    assert subscriber.media == []
    assert world.core.stats().dropped[Drop.GATE_CLOSED] == publisher.audio_sent + publisher.video_sent
    assert world.core.stats().packets_forwarded == 0


def test_a_closed_gate_lets_no_packet_through_while_the_publisher_goes_on() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.5, key_first=True)
    publisher.open(AUDIO, False)
    heard, sent = len(subscriber.audio), publisher.audio_sent
    publisher.run(3.0)
    assert publisher.audio_sent == sent + 150
    assert len(subscriber.audio) == heard
    assert len(subscriber.video) == publisher.video_sent  # the camera is not concerned


def test_a_closed_gate_answers_no_nack_either() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.5, key_first=True)
    last = subscriber.video[-1].sequence
    publisher.open(VIDEO, False)
    seen = len(subscriber.media)
    subscriber.nack(last, last - 1 & 0xFFFF)
    publisher.open(VIDEO)
    subscriber.nack(last, last - 1 & 0xFFFF)  # nor later: what was before the closing is gone
    assert len(subscriber.media) == seen


def test_a_closed_gate_asks_the_publisher_for_nothing_but_keeps_its_estimate_alive() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.5, key_first=True)
    publisher.open(VIDEO, False)
    world.advance(1.0)
    plis, nacks, feedback = len(publisher.plis), len(publisher.nacks), len(publisher.feedback(205, 15))
    publisher.frame(lose=(0,))
    publisher.run(1.0)
    subscriber.pli()
    world.advance(1.0)
    assert (len(publisher.plis), len(publisher.nacks)) == (plis, nacks)
    assert len(publisher.feedback(205, 15)) > feedback


def test_reopening_goes_on_without_a_seam() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.5, key_first=True)
    before = subscriber.audio[-1]
    for mid in (AUDIO, VIDEO):
        publisher.open(mid, False)
    publisher.run(2.0)
    for mid in (AUDIO, VIDEO):
        publisher.open(mid)
    assert publisher.plis[-1] == world.now  # a key frame is asked for at once
    heard = len(subscriber.audio)
    publisher.run(0.5, key_first=True)
    after = subscriber.audio[heard]
    assert (after.timestamp - before.timestamp & 0xFFFFFFFF) == 2 * 48_000 + 960
    assert_seamless(subscriber.audio)
    assert_seamless(subscriber.video)
    assert_pictures_follow(subscriber.video)


def test_video_does_not_resume_before_a_key_frame() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.2, key_first=True)
    publisher.open(VIDEO, False)
    publisher.open(VIDEO)
    seen = len(subscriber.video)
    publisher.frame()
    assert len(subscriber.video) == seen
    publisher.frame(key=True)
    assert len(subscriber.video) == seen + 1


def test_a_newcomer_gets_no_picture_from_before_the_closing() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.frame(key=True)
    publisher.open(VIDEO, False)
    publisher.open(VIDEO)
    newcomer = Subscriber(world, 6_100, 9_100)
    newcomer.connect()
    newcomer.watch(publisher)
    assert newcomer.video == []
    publisher.frame(key=True)
    assert len(newcomer.video) == 1


def test_opening_and_closing_twice_is_as_once() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.2, key_first=True)
    publisher.open(AUDIO)
    publisher.audio()
    publisher.open(AUDIO, False)
    publisher.open(AUDIO, False)
    publisher.audio()
    assert len(subscriber.audio) == publisher.audio_sent - 1
    world.core.set_ingress_gate(publisher.handle, "no such mid", True, world.now)


def test_a_gate_stays_closed_when_its_track_is_described_again() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.open(AUDIO, False)
    spec = next(iter(world.core._transports[publisher.handle].tracks.values())).spec
    assert spec.kind is Kind.AUDIO
    world.core.add_ingress(spec)
    publisher.audio()
    assert subscriber.audio == []


def test_one_listener_can_be_closed_alone() -> None:
    world = World()
    publisher, subscriber = pair(world)
    other = Subscriber(world, 6_100, 9_100)
    other.connect()
    other.watch(publisher)
    publisher.run(0.2, key_first=True)
    for out in (other.audio_out, other.video_out):
        world.core.set_egress_gate(out, False, world.now)
    seen = len(other.media)
    publisher.run(0.2)
    other.nack(other.video[-1].sequence)
    assert len(other.media) == seen
    assert len(subscriber.video) == publisher.video_sent
    for out in (other.audio_out, other.video_out):
        world.core.set_egress_gate(out, True, world.now)
    publisher.run(0.2)
    assert len(other.media) > seen
    assert_seamless(other.audio)
    assert_seamless(other.video)


def test_what_came_to_a_closed_camera_before_it_could_be_bound_does_not_leave_later() -> None:
    world = World()
    camera, viewer = Simulcast(world), Subscriber(world)
    for client in (camera, viewer):
        client.connect()
    world.core.route(viewer.video_out, camera.handle, VIDEO, "", world.now)
    camera.known = True
    for closed_again in (False, True):
        for _ in range(5):
            camera.capture(key=True)
            world.advance(0.04)
        if not closed_again:
            camera.open()
            camera.capture(key=True)  # this waits, too
            camera.open(False)
    camera.open()
    camera.known = False
    camera.capture(key=True)
    assert len(viewer.video) == 1


def test_a_closed_camera_beside_an_open_screen_leaves_nothing_to_be_sent_later() -> None:
    world = World()
    camera, viewer = Simulcast(world), Subscriber(world)
    for client in (camera, viewer):
        client.connect()
    screen = IngressSpec(camera.handle, "2", Kind.VIDEO, VP8, 90_000, RTX, rids=("q", "h", "f"))
    world.core.add_ingress(screen)
    world.core.set_ingress_gate(camera.handle, "2", True, world.now)
    world.core.route(viewer.video_out, camera.handle, VIDEO, "", world.now)
    camera.known = True  # nothing says whether these are of the camera or of the screen
    for _ in range(3):
        camera.capture(key=True)
    assert world.core._transports[camera.handle].waiting
    camera.open()
    camera.capture(key=True)
    camera.open(False)
    assert not world.core._transports[camera.handle].waiting
    camera.capture(key=True)
    camera.open()
    camera.known = False
    camera.capture()
    assert viewer.video == []
    camera.capture(key=True)
    assert len(viewer.video) == 1


def test_what_was_sent_to_a_closed_gate_and_is_late_does_not_leave_when_it_is_open_again() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(1.0, key_first=True)
    (late,) = publisher.frame(key=True, lose=(0,))
    publisher.frame()
    heard = len(subscriber.video)
    publisher.open(VIDEO, False)
    publisher.frame()
    publisher.open(VIDEO)
    publisher.frame()
    publisher.send(late)
    assert len(subscriber.video) == heard
    publisher.frame(key=True)
    publisher.frame()
    assert len(subscriber.video) == heard + 2
    assert_seamless(subscriber.video[heard - 1 :])


def test_a_flood_of_sound_reaches_nobody_beyond_what_a_browser_would_send() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.run(0.5, key_first=True)
    heard = len(subscriber.audio)
    for _ in range(5_000):
        publisher.audio()
    most = LIMITS[Kind.AUDIO].packets_per_s * LIMITS[Kind.AUDIO].burst_s
    assert len(subscriber.audio) - heard <= most
    assert world.core.stats().dropped[Drop.TOO_MUCH] > 0
