from __future__ import annotations

from bench.counting import sent_ns
from bench.packets import (
    LARGE_KBIT_S,
    MAX_PAYLOAD,
    THUMBNAIL_KBIT_S,
    Arrivals,
    Feed,
    OpusStream,
    Vp8Stream,
    frame_bytes,
    vp8_frame,
)
from media.engine.rtcp import SenderReport, pli
from media.engine.rtcp import parse as parse_rtcp
from media.engine.rtp import parse
from media.engine.vp8 import parse_head


def test_the_servers_parser_reads_the_descriptor_of_a_key_frame() -> None:
    first, *rest = vp8_frame(0x1234, 77, 0, key=True)
    head = parse_head(first)
    assert head is not None
    assert head.key_frame
    assert (head.picture_id, head.wide, head.tl0) == (0x1234, True, 77)
    assert rest
    for payload in rest:
        following = parse_head(payload)
        assert following is not None
        assert not following.key_frame
        assert following.picture_id == 0x1234


def test_frames_between_key_frames_are_told_apart_and_have_their_size() -> None:
    payloads = vp8_frame(5, 1, 2, key=False)
    head = parse_head(payloads[0])
    assert head is not None
    assert not head.key_frame
    assert sum(len(payload) - head.size for payload in payloads) == frame_bytes(THUMBNAIL_KBIT_S)
    assert all(len(payload) <= MAX_PAYLOAD + head.size for payload in payloads)


def test_a_key_frame_carries_start_code_and_size_of_the_picture() -> None:
    payloads = vp8_frame(1, 0, 0, key=True)
    head = parse_head(payloads[0])
    assert head is not None
    frame = b"".join(payload[head.size :] for payload in payloads)
    assert len(frame) == 4 * frame_bytes(THUMBNAIL_KBIT_S)
    assert frame[3:6] == b"\x9d\x01\x2a"
    assert int.from_bytes(frame[6:8], "little") == 320
    assert int.from_bytes(frame[8:10], "little") == 180


def test_a_stream_begins_with_a_key_frame_and_sends_another_only_when_asked() -> None:
    video = Vp8Stream(1, 96, "1", Feed())
    keys = [_is_key(video) for _ in range(5)]
    assert keys == [True, False, False, False, False]
    video.key_wanted = True
    assert _is_key(video)
    assert not _is_key(video)
    assert video.key_frames == 2


def test_a_key_frame_comes_when_it_is_asked_for_over_rtcp_and_not_when_another_stream_is_meant() -> None:
    video = Vp8Stream(7, 96, "1", Feed())
    assert _is_key(video)
    video.heed(pli(1, 8))
    assert not _is_key(video)
    video.heed(pli(1, 7))
    assert _is_key(video)


def test_a_thumbnail_fits_one_packet_and_a_large_picture_takes_six() -> None:
    assert len(vp8_frame(1, 0, 0, key=False)) == 1
    assert len(vp8_frame(1, 0, 0, key=False, kbit_s=LARGE_KBIT_S)) == 6


def test_every_packet_tells_when_it_was_sent_and_its_descriptor_stays_readable() -> None:
    times = iter(range(1, 100))
    feed = Feed()
    audio, video = OpusStream(1, 111, "0", feed), Vp8Stream(2, 96, "1", feed, kbit_s=LARGE_KBIT_S)
    audio.clock = video.clock = lambda: next(times)
    packets = [audio.following(), *video.following(), *video.following()]
    assert [sent_ns(packet) for packet in packets] == list(range(1, len(packets) + 1))
    for packet in packets[1:]:
        parsed = parse(packet)
        assert parsed is not None
        assert parse_head(parsed.payload) is not None


def test_packets_of_all_streams_of_a_sender_share_one_transport_wide_count() -> None:
    feed = Feed()
    audio, video = OpusStream(1, 111, "0", feed), Vp8Stream(2, 96, "1", feed)
    packets = [audio.following(), *video.following(), audio.following()]
    parsed = [parse(packet) for packet in packets]
    numbers = [int.from_bytes(packet.extensions[3]) for packet in parsed if packet is not None]
    assert numbers == list(range(1, len(packets) + 1))


def test_only_the_last_packet_of_a_frame_has_the_marker() -> None:
    packets = [parse(packet) for packet in Vp8Stream(2, 96, "1", Feed()).following()]
    assert [packet.marker for packet in packets if packet is not None] == [False] * (len(packets) - 1) + [True]
    assert len({packet.timestamp for packet in packets if packet is not None}) == 1


def test_sound_moves_on_by_twenty_milliseconds_a_packet_and_says_how_loud_it_is() -> None:
    audio = OpusStream(1, 111, "0", Feed())
    first, second = parse(audio.following()), parse(audio.following())
    assert first is not None
    assert second is not None
    assert second.timestamp - first.timestamp == 960
    assert second.sequence == first.sequence + 1
    assert first.extensions[2] == b"\x9e"


def test_a_sender_report_names_stream_clock_and_counts() -> None:
    audio = OpusStream(7, 111, "0", Feed())
    audio.following()
    report = audio.sender_report(0.5)
    assert parse_rtcp(report) == [SenderReport(7, (2_208_988_800 << 32) + (1 << 31), 960)]


def test_what_never_arrived_is_lost_and_what_came_late_is_not() -> None:
    arrivals = Arrivals(65_534)
    for sequence in (65_535, 1, 3, 0):
        arrivals.add(sequence)
    assert arrivals.lost == 1


def _is_key(video: Vp8Stream) -> bool:
    packet = parse(video.following()[0])
    assert packet is not None
    head = parse_head(packet.payload)
    assert head is not None
    return head.key_frame
