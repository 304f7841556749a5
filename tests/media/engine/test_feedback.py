"""What publishers are told about what arrived: transport-wide feedback and receiver reports."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine.interface import Loss
from media.engine.rtp import build as build_rtp
from media.engine.rtp import unwrap
from media.engine.twcc import ArrivalLog
from tests.media.engine.world import OPUS, Client, Publisher, Subscriber, World, packets_of, pair


def decode(packet: bytes) -> dict[int, float | None]:
    """Arrival times by sequence number out of one feedback packet, None for what was not received."""
    first, kind, words, _, _, base, count, reference = struct.unpack_from("!BBHIIHHI", packet)
    assert (first & 31, kind) == (15, 205)
    assert len(packet) == 4 * words + 4
    at = 20
    symbols: list[int] = []
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", packet, at)
        at += 2
        if chunk & 0x8000 == 0:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            symbols += [chunk >> 12 - 2 * place & 3 for place in range(7)]
        else:
            symbols += [chunk >> 13 - place & 1 for place in range(14)]
    clock = (reference >> 8) * 0.064
    times: dict[int, float | None] = {}
    for place, symbol in enumerate(symbols[:count]):
        number = base + place & 0xFFFF
        if symbol == 0:
            times[number] = None
            continue
        form, size = ("!B", 1) if symbol == 1 else ("!h", 2)
        (delta,) = struct.unpack_from(form, packet, at)
        at += size
        clock += delta * 0.00025
        times[number] = clock
    padding = packet[-1] if first & 0x20 else 0
    assert at + padding == len(packet)
    return times


def test_feedback_tells_when_each_packet_arrived() -> None:
    world = World()
    publisher, _ = pair(world)
    arrivals: dict[int, float] = {}
    for step in range(50):
        publisher.counter = publisher.counter + (step % 7 == 0)  # some never arrive
        world.now += 0.004
        arrival = world.now - 0.0013
        publisher.send(publisher.video_packet(b"\x90\x00\x00" + bytes(20), True), arrival)
        arrivals[publisher.counter] = arrival
        world.flush()
    world.advance(0.1)
    told: dict[int, float | None] = {}
    for data in publisher.feedback(205, 15):
        told |= decode(data)
    received = {number: at for number, at in told.items() if at is not None}
    assert received.keys() == arrivals.keys()
    assert all(abs(received[number] - at) < 0.0003 for number, at in arrivals.items())
    assert len(told) > len(received)


def test_feedback_comes_every_fiftieth_of_a_second_while_packets_come_and_not_otherwise() -> None:
    world = World()
    publisher, _ = pair(world)
    publisher.run(1.0)
    told = len(publisher.feedback(205, 15))
    assert 15 <= told <= 21
    world.advance(5.0)
    assert len(publisher.feedback(205, 15)) <= told + 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(-20, 400)), min_size=1, max_size=120),
    st.integers(0, 0xFFFF),
)
def test_any_pattern_of_loss_and_delay_decodes_to_what_arrived(steps: list[tuple[int, int]], first: int) -> None:
    log, number, at = ArrivalLog(), first, 500.0
    arrivals: dict[int, float] = {}
    for skip, milliseconds in steps:
        at += milliseconds / 1_000
        log.add(number & 0xFFFF, at)
        arrivals[number & 0xFFFF] = at
        number += 1 + skip
    if len(steps) + sum(skip for skip, _ in steps) > 900:
        return
    packet = log.feedback(1, 2)
    assert packet is not None
    told = {each: time for each, time in decode(packet).items() if time is not None}
    assert told.keys() == arrivals.keys()
    assert all(abs(told[each] - time) < 0.0003 for each, time in arrivals.items())
    assert log.feedback(1, 2) is None


def reported(log: ArrivalLog) -> dict[int, float | None]:
    packet = log.feedback(1, 2)
    assert packet is not None
    return decode(packet)


def test_a_packet_that_comes_after_the_feedback_on_its_range_is_reported_with_the_next() -> None:
    log = ArrivalLog()
    for number in (65_534, 65_535, 1, 2):
        log.add(number, 500.0 + (number + 10 & 0xFFFF) / 100)
    assert reported(log)[0] is None
    log.add(0, 500.5)
    log.add(0, 500.9)  # once more: the first arrival counts
    log.add(3, 500.6)
    told = reported(log)
    assert list(told) == [0, 1, 2, 3]
    assert [round(at or 0.0, 2) for at in told.values()] == [500.5, 500.11, 500.12, 500.6]
    for number in (0, 1, 65_535):  # they were reported as arrived
        log.add(number, 501.0)
    assert log.feedback(1, 2) is None


def test_a_packet_that_is_late_beyond_all_use_is_not_reported() -> None:
    log = ArrivalLog()
    for number in range(1_000):
        if number not in (700, 800):
            log.add(number, 500.0 + number / 1_000)
        if number % 50 == 49:
            assert reported(log)
    log.add(700, 501.0)
    assert log.feedback(1, 2) is None
    log.add(800, 501.0)
    told = reported(log)
    assert list(told) == list(range(800, 1_000))
    assert None not in told.values()


def test_each_feedback_packet_has_the_next_count() -> None:
    log = ArrivalLog()
    counts: list[int] = []
    for number in range(300):
        log.add(number, number / 100)
        packet = log.feedback(1, 2)
        assert packet is not None
        counts.append(packet[19])
    assert counts == [number & 0xFF for number in range(300)]


def test_memory_stays_flat_under_wild_sequence_numbers() -> None:
    log, rng = ArrivalLog(), Random(3)
    for _ in range(5_000):
        log.add(rng.getrandbits(16), rng.uniform(0, 1e6))
    assert log.pending <= 600
    packet = log.feedback(1, 2)
    assert packet is not None
    assert len(packet) < 4_000


@settings(deadline=None)
@given(st.integers(0, 0xFFFF), st.integers(0, 1 << 40))
def test_unwrapping_finds_the_nearest_number(value: int, near: int) -> None:
    number = unwrap(value, near)
    assert number & 0xFFFF == value
    assert abs(number - near) <= 0x8000


def test_a_pile_of_sender_reports_reaches_each_subscriber_once_and_again_only_later() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.audio()
    publisher.frame(key=True)
    reports = [
        struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 40, 5, 1, 1)
        for ssrc in (publisher.audio_ssrc, publisher.video_ssrc)
    ]
    publisher.send(b"".join(reports) * 30)
    assert len(subscriber.feedback(200, 0)) == 2
    for _ in range(10):
        world.advance(0.1)
        publisher.send(reports[0])
    assert len(subscriber.feedback(200, 0)) == 4


def test_receiver_reports_count_what_was_lost() -> None:
    world = World()
    publisher, _ = pair(world)
    sender_report = struct.pack("!BBHIQIII", 0x80, 200, 6, publisher.audio_ssrc, 0x11112222_33334444, 0, 1, 1)
    for step in range(60):
        publisher.audio(lose=step in (10, 20, 30))
        if step == 5:
            publisher.send(sender_report)
        world.advance(0.02)
    (report,) = publisher.feedback(201, 1)
    ssrc, loss, highest, _, last, delay = struct.unpack_from("!IIIIII", report, 8)
    assert ssrc == publisher.audio_ssrc
    assert loss & 0xFFFFFF == 3
    assert loss >> 24 == 256 * 3 // 51
    assert highest & 0xFFFF == 65_501 + 50 & 0xFFFF
    assert highest >> 16 == 2  # it wrapped; counting began at one cycle
    assert last == 0x22223333
    assert abs(delay / 65_536 - 0.9) < 0.001


def say_everything(world: World, publisher: Publisher, subscriber: Subscriber) -> None:
    """Reports, feedback on arrivals, a NACK, and a request for a key frame."""
    publisher.frame(key=True)
    for ssrc in (publisher.audio_ssrc, publisher.video_ssrc):
        publisher.send(struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 40, 5, 1, 1))
    for step in range(80):
        publisher.audio()
        publisher.frame(parts=2, lose=(0,) if step == 10 else ())
        if step == 40:
            subscriber.pli()
        world.advance(0.02)


def cname_of(packet: bytes) -> tuple[int, str]:
    """Of a source description of one chunk, which must fill its words and end its list (RFC 3550 section 6.5)."""
    first, kind, words, ssrc, item, size = struct.unpack_from("!BBHIBB", packet)
    assert (first, kind, item, len(packet)) == (0x81, 202, 1, 4 * words + 4)
    assert packet[10 + size :] == bytes(len(packet) - 10 - size)
    assert 1 <= len(packet) - 10 - size <= 4
    return ssrc, packet[10 : 10 + size].decode()


def test_each_compound_begins_with_a_report_and_names_its_source() -> None:
    world = World()
    publisher, subscriber = pair(world)
    say_everything(world, publisher, subscriber)
    names: set[tuple[int, str]] = set()
    for compound in publisher.compounds:
        report, description, *feedback = packets_of(compound)
        assert report[1] == 201
        assert all(packet[1] in (205, 206) for packet in feedback)
        assert len(feedback) == (0 if report[0] & 31 else 1)
        names.add(cname_of(description))
        assert report[4:8] == description[4:8]
    assert len(names) == 1
    assert len(names.pop()[1]) >= 16  # RFC 7022: nobody else's
    assert publisher.nacks
    assert publisher.plis
    assert len(publisher.feedback(205, 15)) > 20
    assert subscriber.compounds
    for compound in subscriber.compounds:
        report, description = packets_of(compound)
        assert report[1] == 200
        assert report[4:8] == description[4:8]
        name = {subscriber.audio_ssrc: "a0", subscriber.video_ssrc: "the one of the stream"}
        ssrc, cname = cname_of(description)
        assert cname == name[ssrc]


def test_feedback_comes_alone_only_where_that_was_negotiated() -> None:
    world = World()
    publisher, subscriber = pair(world)
    world.core.set_reduced_rtcp(publisher.handle, True)
    say_everything(world, publisher, subscriber)
    assert {len(packets_of(compound)) for compound in publisher.compounds if compound[1] >= 205} == {1}
    reports = [packets_of(compound) for compound in publisher.compounds if compound[1] < 205]
    assert reports
    assert all([packet[1] for packet in report] == [201, 202] for report in reports)
    world.core.set_reduced_rtcp(publisher.handle, False)
    publisher.compounds.clear()
    say_everything(world, publisher, subscriber)
    assert {compound[1] for compound in publisher.compounds} == {201}


def losses(world: World, of: Client) -> list[Loss]:
    return [event for event in world.events() if isinstance(event, Loss) and event.transport == of.handle]


def test_what_a_publisher_lost_is_told_once_a_second() -> None:
    world = World()
    publisher, _ = pair(world)
    for step in range(200):
        publisher.audio(lose=step % 10 == 3)
        world.advance(0.02)
    told = losses(world, publisher)
    assert 3 <= len(told) <= 4
    assert all(abs(each.share - 0.1) < 0.03 for each in told)


def test_what_a_subscriber_reports_as_lost_is_told_over_all_its_slots() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.audio()
    publisher.frame(key=True)
    world.events()

    def report(fraction: int, highest: int) -> None:
        blocks = b"".join(
            struct.pack("!IIIIII", ssrc, lost << 24, highest, 0, 0, 0)
            for ssrc, lost in ((subscriber.audio_ssrc, fraction), (subscriber.video_ssrc, 0), (4_711, 255))
        )
        subscriber.send(struct.pack("!BBHI", 0x83, 201, 1 + 18, 77) + blocks)

    report(0, 0x1FFF0)
    assert losses(world, subscriber) == []  # of how many is not known yet
    report(128, 0x20054)
    assert losses(world, subscriber) == [Loss(subscriber.handle, 0.25)]
    world.advance(0.5)
    report(255, 0x20100)
    assert losses(world, subscriber) == []  # it will come with the next
    world.advance(0.6)
    report(0, 0x20150)
    (told,) = losses(world, subscriber)
    assert 0.3 < told.share < 0.4
    report(255, 0xFFFF0000)  # nonsense
    world.advance(2.0)
    report(0, 0xFFFF0000)
    assert losses(world, subscriber) == []


def test_with_what_was_lost_it_is_told_how_much_was_sent_meanwhile() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.frame(key=True)
    sent: list[float] = []
    for second in range(4):
        publisher.run(1.0)
        world.advance(0.01)
        block = struct.pack("!IIIIII", subscriber.audio_ssrc, 64 << 24, 0x20000 + 50 * second, 0, 0, 0)
        subscriber.send(struct.pack("!BBHI", 0x81, 201, 7, 77) + block)
        sent += [loss.sent for loss in losses(world, subscriber)]
    # 50 packets of sound and 10 of a picture, each with its way's 60 octets.
    assert sent[0] == 0.0, "since when is not known yet"
    assert sent[1:] == pytest.approx([50 * (80 + 60) + 10 * (97 + 60)] * 2, rel=0.05)


def blocks_of(publisher: Publisher, ssrc: int) -> list[tuple[int, int, int, int, int, int]]:
    """Report blocks on one source, oldest first."""
    found = [
        struct.unpack_from("!IIIIII", data, at)
        for _, data in publisher.control
        if data[1] == 201
        for at in range(8, len(data), 24)
    ]
    return [block for block in found if block[0] == ssrc]


def test_jitter_is_that_of_the_arrivals_also_where_timestamps_wrap() -> None:
    world, rng = World(), Random(5)
    publisher, _ = pair(world)
    wrapped, transit, jitter = publisher.audio_time, 0.0, 0.0
    for step in range(55):
        delay = rng.uniform(0, 0.004)
        publisher.audio_time = publisher.audio_time + 960 & 0xFFFFFFFF
        publisher.audio_seq = publisher.audio_seq + 1 & 0xFFFF
        packet = build_rtp(OPUS, False, publisher.audio_seq, publisher.audio_time, publisher.audio_ssrc, b"", b"opus")
        publisher.send(packet, world.now + delay)
        before, transit = transit, delay * 48_000
        if 0 < step <= 50:  # the report comes with the fifty-first
            jitter += (abs(transit - before) - jitter) / 16
        world.advance(0.02)
    assert publisher.audio_time < wrapped, "the case in question"
    (block,) = blocks_of(publisher, publisher.audio_ssrc)
    assert abs(block[3] - jitter) <= 1.0


def test_a_source_that_begins_anew_keeps_no_clock_of_before() -> None:
    world = World()
    publisher, subscriber = pair(world)
    publisher.audio()
    publisher.send(struct.pack("!BBHIQIII", 0x80, 200, 6, publisher.audio_ssrc, 0x11112222_33334444, 0, 1, 1))
    assert len(subscriber.feedback(200, 0)) == 1
    publisher.audio_seq = publisher.audio_seq + 20_000 & 0xFFFF
    publisher.audio_time = publisher.audio_time + 7_000_000 & 0xFFFFFFFF
    for _ in range(120):
        publisher.audio()
        world.advance(0.02)
    assert len(subscriber.feedback(200, 0)) == 1
    assert [block[4:] for block in blocks_of(publisher, publisher.audio_ssrc)] == [(0, 0)] * 2
