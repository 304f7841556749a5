from __future__ import annotations

from protocol.ids import ParticipantId
from protocol.values import Source
from server.bot.report import BotReport, Stream

WHO = ParticipantId("p1")


def test_a_gap_is_lost_until_the_packet_comes_late() -> None:
    stream = Stream()
    for sequence in (10, 11, 14):
        stream.add(sequence, 100)
    assert (stream.packets, stream.bytes, stream.lost) == (3, 300, 2)
    stream.add(12, 100)
    assert stream.lost == 1


def test_a_packet_that_was_sent_again_is_not_lost() -> None:
    stream = Stream()
    stream.add(10, 100)
    stream.add(12, 100)
    stream.add_again(11, 50)
    assert (stream.packets, stream.bytes, stream.lost) == (3, 250, 0)


def test_sequence_numbers_go_on_over_their_wrap() -> None:
    stream = Stream()
    for sequence in (65_534, 65_535, 1):
        stream.add(sequence, 1)
    assert stream.lost == 1


def test_a_jump_over_thousands_of_packets_is_counted_without_remembering_each() -> None:
    stream = Stream()
    stream.add(0, 1)
    stream.add(20_000, 1)
    assert stream.lost == 19_999


def test_one_source_over_two_connections_is_added_up() -> None:
    report = BotReport()
    for connection in ("first", "second"):
        received = report.received(WHO, Source.CAMERA)
        stream = received.stream(connection)
        stream.add(1, 10)
        stream.add(3, 10)
        received.heard(10.0 if connection == "first" else 10.25)
        received.heard(10.05 if connection == "first" else 10.27)
    report.participant_id = ParticipantId("me")
    assert report.as_dict()["tracks"] == [
        {"participant_id": "p1", "source": "camera", "packets": 4, "bytes": 40, "lost": 2, "longest_gap_ms": 200.0}
    ]


def test_the_first_fault_is_the_one_that_is_told() -> None:
    report = BotReport(participant_id=ParticipantId("me"))
    assert report.ok
    report.fail("draining", "first")
    report.fail("connection_lost", "second")
    assert (report.ok, report.error, report.words) == (False, "draining", "first")


def test_only_the_first_frame_of_a_kind_is_timed() -> None:
    report = BotReport()
    report.first_frame("audio", lambda: 81.24)
    report.first_frame("audio", lambda: 99.0)
    printed = report.as_dict()
    assert (printed["first_audio_ms"], printed["first_video_ms"]) == (81.2, None)


def test_a_bot_that_never_joined_is_not_ok() -> None:
    assert not BotReport().ok
