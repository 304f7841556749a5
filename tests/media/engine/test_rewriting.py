"""Whatever happens at publishers, a subscriber sees one stream: no step back, no repetition, nothing past a gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine.rtp import RtpPacket, unwrap
from media.engine.vp8 import parse_head
from tests.media.engine.layers import Simulcast, Stream
from tests.media.engine.test_monitors import Monitor, assert_decodable
from tests.media.engine.test_simulcast import want_layer
from tests.media.engine.world import AUDIO, Publisher, Subscriber, World, pair

EXAMPLES = 40


@dataclass(slots=True)
class Network:
    """Between publishers and server: may lose packets, and hold some back for a while."""

    rng: Random
    loss: float = 0.0
    reorder: float = 0.0
    lost: int = 0
    held: list[tuple[Simulcast, bytes]] = field(default_factory=list[tuple[Simulcast, bytes]])

    def carry(self, publisher: Simulcast) -> Callable[[bytes], bool]:
        """To be told of each packet: whether it goes elsewhere than straight to the server."""

        def take(packet: bytes) -> bool:
            if self.rng.random() < self.loss:
                self.lost += 1
                return True
            if self.rng.random() < self.reorder:
                self.held.append((publisher, packet))
                return True
            return False

        return take

    def release(self) -> None:
        self.rng.shuffle(self.held)
        held, self.held = self.held, []
        for publisher, packet in held:
            publisher.send(packet)


class Story:
    """Two publishers in layers, near the wrap-around of all their counters, and one slot."""

    def __init__(self, seed: int, loss: float, reorder: float) -> None:
        self.world, self.rng = World(seed=seed & 0xFFFF), Random(seed)
        self.network = Network(self.rng, loss, reorder)
        self.publishers = [Simulcast(self.world, 5_000 + n, 1_000 + 10 * n) for n in range(2)]
        self.subscriber = Subscriber(self.world)
        self.subscriber.connect()
        for publisher in self.publishers:
            publisher.connect()
            publisher.open()
            publisher.lose = self.network.carry(publisher)
            for stream in publisher.streams.values():
                stream.sequence = 0xFFFF - self.rng.randrange(40)
                stream.picture = 0x7FFF - self.rng.randrange(20)
                stream.tl0 = 0xFF - self.rng.randrange(10)
                stream.offset = (1 << 32) - round(self.world.now * 90_000) - self.rng.randrange(90_000)
        self.shut: set[int] = set()
        self.watched = 0
        self.watch("f")

    @property
    def publisher(self) -> Simulcast:
        return self.publishers[self.watched]

    def watch(self, want: str) -> None:
        want_layer(self.publisher, self.subscriber, want)

    def stream(self) -> Stream:
        return self.rng.choice(list(self.publisher.streams.values()))

    def step(self, what: str) -> None:
        seen = len(self.subscriber.media)
        match what:
            case "q" | "h" | "f":
                self.watch(what)
            case "other person":
                self.watched = 1 - self.watched
                self.watch("f")
            case "gate":
                self.shut ^= {self.watched}
                self.publisher.open(self.watched not in self.shut)
            case "layer":
                self.publisher.active ^= {self.stream().rid}
            case "restart":
                stream = self.stream()
                if stream.ssrc < 1_050:
                    stream.ssrc, stream.rtx_ssrc = stream.ssrc + 50, stream.rtx_ssrc + 500
                    stream.sequence, stream.history = self.rng.getrandbits(16), {}
            case "pause":
                self.world.advance(self.rng.choice((0.6, 3.0)))
            case "pli":
                self.subscriber.pli()
            case "padding":
                stream = self.stream()
                stream.sequence = stream.sequence + 1 & 0xFFFF
                self.publisher.emit(self.publisher.build(stream, b"", marker=False))
            case "reports":
                for publisher in self.publishers:
                    publisher.reports()
            case _:
                self.run(6)
        if self.watched in self.shut:
            assert len(self.subscriber.media) == seen

    def run(self, pictures: int) -> None:
        for _ in range(pictures):
            for publisher in self.publishers:
                publisher.capture()
            self.world.advance(0.1)
            self.network.release()


STEPS = ["run"] * 6 + [
    "q", "h", "f", "other person", "gate", "layer", "restart", "pause", "pli", "padding", "reports",
]  # fmt: skip


def ordered(packets: list[RtpPacket]) -> list[tuple[int, RtpPacket]]:
    """By their sequence numbers without wrap-around, each of which came once."""
    numbered: list[tuple[int, RtpPacket]] = []
    near = packets[0].sequence + 0x10000
    for packet in packets:
        near = unwrap(packet.sequence, near)
        numbered.append((near, packet))
    numbered.sort(key=lambda each: each[0])
    assert all(before[0] < after[0] for before, after in pairwise(numbered)), "a number came twice"
    return numbered


def assert_one_stream(packets: list[RtpPacket]) -> None:
    """Time and picture ids never go back; within a picture they stand; a picture refers to the base before it."""
    base: int | None = None
    for before, after in pairwise(packets):
        assert (after.timestamp - before.timestamp & 0xFFFFFFFF) < 0x80000000
    heads = [(parse_head(packet.payload), packet) for packet in packets if packet.payload]
    for (before, first), (after, second) in pairwise(heads):
        assert before is not None
        assert after is not None
        ahead = after.picture_id - before.picture_id & 0x7FFF
        assert ahead < 0x4000
        if ahead == 0:
            assert first.timestamp == second.timestamp
        else:
            assert first.timestamp != second.timestamp
        assert (after.tl0 - before.tl0 & 0xFF) < 0x80
    for head, _ in heads:
        assert head is not None
        if head.temporal == 0:
            base = head.tl0
        elif base is not None:
            assert (head.tl0 - base & 0xFF) < 0x80


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.integers(0, 1 << 30), st.lists(st.sampled_from(STEPS), max_size=25))
def test_without_loss_every_number_follows_the_one_before(seed: int, steps: list[str]) -> None:
    story = Story(seed, 0, 0)
    for step in ["run", *steps, "run"]:
        story.step(step)
    packets = story.subscriber.video
    assert packets
    for before, after in pairwise(packets):
        assert after.sequence == before.sequence + 1 & 0xFFFF
    assert_one_stream(packets)


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.integers(0, 1 << 30), st.lists(st.sampled_from(STEPS), max_size=25))
def test_with_loss_and_reordering_gaps_are_only_what_was_lost(seed: int, steps: list[str]) -> None:
    story = Story(seed, 0.1, 0.1)
    for step in ["run", *steps, "run", "run"]:
        story.step(step)
    packets = story.subscriber.video
    if not packets:  # everything that could have begun was lost
        return
    numbered = ordered(packets)
    assert numbered[-1][0] - numbered[0][0] + 1 - len(numbered) <= story.network.lost
    assert_one_stream([packet for _, packet in numbered])


def watched_story(seed: int, steps: list[str], joins: int | None, loss: float) -> tuple[Story, Monitor]:
    """A story with a monitor that comes in after so many steps, watches both publishers, and asks for packets again."""
    story = Story(seed, loss, loss)
    monitor = Monitor(story.world)
    monitor.connect()
    for place, step in enumerate(["run", *steps, "run"]):
        if place == joins:
            for publisher in story.publishers:
                monitor.watch(publisher)
        story.step(step)
        for seen in monitor.media[-5:]:
            monitor.nack(seen.packet.ssrc, seen.packet.sequence)
            monitor.pli(seen.packet.ssrc)
    return story, monitor


@settings(deadline=None, max_examples=EXAMPLES // 2)
@given(st.integers(0, 1 << 30), st.lists(st.sampled_from(STEPS), min_size=2, max_size=15), st.integers(0, 15))
def test_a_monitor_sees_one_stream_that_can_be_decoded(seed: int, steps: list[str], joins: int) -> None:
    _, monitor = watched_story(seed, steps, joins % len(steps), 0)
    for ssrc in monitor.ssrcs:
        packets = monitor.of(ssrc)
        for before, after in pairwise(packets):
            assert after.sequence == before.sequence + 1 & 0xFFFF
        if packets:
            assert_one_stream(packets)
            assert_decodable(packets)


@settings(deadline=None, max_examples=EXAMPLES // 3)
@given(st.integers(0, 1 << 30), st.lists(st.sampled_from(STEPS), min_size=2, max_size=15), st.integers(0, 15))
def test_whoever_monitors_nobody_else_receives_another_byte(seed: int, steps: list[str], joins: int) -> None:
    def received(joins: int | None) -> list[list[tuple[float, bytes]]]:
        story, _ = watched_story(seed, steps, joins, 0.05)
        clients = [*story.publishers, story.subscriber]
        return [[(seen.at, seen.raw) for seen in client.media] + client.control for client in clients]

    assert received(joins % len(steps)) == received(None)


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.integers(0, 0xFFFF), st.lists(st.sampled_from(["say", "say", "close", "open", "lose", "jump", "wait"])))
def test_of_a_closed_microphone_nothing_is_ever_heard(first: int, steps: list[str]) -> None:
    world = World(seed=first)
    publisher, subscriber = pair(world)
    publisher.audio_seq = first
    world.core.set_audio_group(publisher.handle, AUDIO, 1, 1)
    is_open, heard = True, 0
    for step in steps:
        match step:
            case "close" | "open":
                is_open = step == "open"
                publisher.open(AUDIO, is_open)
            case "lose":
                publisher.audio(lose=True)
            case "jump":
                publisher.audio_seq = publisher.audio_seq + 9_000 & 0xFFFF
            case "wait":
                world.advance(1.0)
            case _:
                publisher.audio()
                world.advance(0.02)
        assert is_open or len(subscriber.audio) == heard
        heard = len(subscriber.audio)
    numbered = ordered(subscriber.audio) if subscriber.audio else []
    for before, after in pairwise(numbered):
        assert (after[1].timestamp - before[1].timestamp & 0xFFFFFFFF) < 0x80000000


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 127), st.booleans()), max_size=200), st.integers(1, 3))
def test_of_any_voices_no_more_pass_than_may_and_none_whose_gate_is_closed(
    steps: list[tuple[int, int, bool]], loudest: int
) -> None:
    world = World()
    people = [Publisher(world, 5_000 + n, 1_000 + 10 * n) for n in range(5)]
    ears = [Subscriber(world, 6_000 + n, 9_000 + 10 * n) for n in range(5)]
    for person, ear in zip(people, ears, strict=True):
        person.connect()
        ear.connect()
        ear.route(ear.audio_out, person, AUDIO)
        world.core.set_audio_group(person.handle, AUDIO, 1, loudest)
    gates = [False] * 5
    passing: set[int] = set()
    for who, level, toggles in steps:
        if toggles:
            gates[who] = not gates[who]
            people[who].open(AUDIO, gates[who])
            passing.discard(who)
        before = len(ears[who].audio)
        people[who].audio(level=level)
        world.advance(0.004)
        came = len(ears[who].audio) > before
        assert not came or gates[who]
        if came and who not in passing:
            assert len(passing) <= loudest
            passing = {n for n in passing if world.core._slots[ears[n].audio_out].live} | {who}
        assert came or not gates[who] or len(passing) == loudest
    for ear in ears:
        for first, second in pairwise(ear.audio):
            assert second.sequence == first.sequence + 1 & 0xFFFF
