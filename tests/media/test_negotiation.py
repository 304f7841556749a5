"""What is taken of an offer, and what we write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media.dtls import Fingerprint
from media.engine.interface import Candidate, ExtensionIds, Kind
from media.negotiation import (
    Local,
    OfferedSlot,
    read_publish_offer,
    read_subscribe_answer,
    write_publish_answer,
    write_subscribe_offer,
)
from media.sdp import Direction
from media.sdp import parse as parse_sdp
from protocol.errors import ErrorCode, Refused
from protocol.values import MAX_SDP, Source
from tests.media.offers import (
    CHROMIUM_ANSWER,
    CHROMIUM_OFFER,
    CHROMIUM_SIMULCAST,
    DATA_CHANNEL,
    FIREFOX_SIMULCAST,
)

SOURCES = {"0": Source.MICROPHONE, "1": Source.CAMERA}
LOCAL = Local(
    "0123456789ab",
    "0123456789abcdef0123456789abcdef",
    Fingerprint("sha-256", ":".join(["EF"] * 32)),
    (Candidate("192.0.2.1", 8_081), Candidate("127.0.0.1", 8_081)),
    1_234,
)


def test_opus_and_vp8_with_rtx_are_taken() -> None:
    offer = read_publish_offer(CHROMIUM_OFFER, SOURCES)
    assert offer.ufrag == "qJbS"
    assert offer.fingerprint == Fingerprint("sha-256", ":".join(["AB"] * 32))
    assert offer.extensions == ExtensionIds(mid=4, transport_cc=3, audio_level=1, rid=10)
    audio, video = offer.tracks
    assert (audio.mid, audio.source, audio.kind, audio.payload_type) == ("0", Source.MICROPHONE, Kind.AUDIO, 111)
    assert (video.payload_type, video.rtx_payload_type, video.ssrcs, video.rtx_ssrcs) == (96, 97, (1_001,), (1_002,))


def test_the_answer_receives_what_was_taken_and_rejects_the_rest() -> None:
    text = CHROMIUM_OFFER.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + DATA_CHANNEL
    answer = write_publish_answer(read_publish_offer(text, SOURCES), LOCAL, 1)
    description = parse_sdp(answer)
    audio, video, data = description.sections
    assert description.bundle == ("0", "1")
    assert [audio.direction, video.direction] == [Direction.RECVONLY, Direction.RECVONLY]
    assert [audio.formats, video.formats] == [("111",), ("96", "97")]
    assert {audio.setup, video.setup} == {"passive"}
    assert (data.kind, data.port) == ("application", 0)
    assert "a=ice-lite\r\n" in answer
    assert answer.count("a=candidate:") == 2
    assert "a=rtcp-fb:96 transport-cc\r\n" in answer
    assert "a=rtcp-fb:96 nack pli\r\n" in answer
    assert audio.extensions["urn:ietf:params:rtp-hdrext:sdes:mid"] == 4


def test_tcp_is_offered_below_udp_and_waits_to_be_called() -> None:
    told = (Candidate("203.0.113.1", 8_081), Candidate("2001:db8::1", 8_081), Candidate("203.0.113.1", 8_081, "tcp"))
    answer = write_publish_answer(read_publish_offer(CHROMIUM_OFFER, SOURCES), replace(LOCAL, candidates=told), 1)
    lines = [line for line in answer.split("\r\n") if line.startswith("a=candidate:")]
    assert [line.split()[2] for line in lines] == ["udp", "udp", "tcp"]
    assert lines[1].endswith(" 2001:db8::1 8081 typ host")
    assert lines[2].endswith(" 203.0.113.1 8081 typ host tcptype passive")
    priorities = [int(line.split()[3]) for line in lines]
    assert priorities == sorted(priorities, reverse=True)


@pytest.mark.parametrize(
    ("text", "rid", "repaired_rid", "ssrcs"),
    [(CHROMIUM_SIMULCAST, 10, 11, ()), (FIREFOX_SIMULCAST, 9, 10, (1_234_007_943, 694_665_900))],
)
def test_simulcast_is_taken_layer_by_layer(text: str, rid: int, repaired_rid: int, ssrcs: tuple[int, ...]) -> None:
    offer = read_publish_offer(text, SOURCES)
    video = offer.tracks[1]
    assert (video.rids, video.ssrcs) == (("q", "f"), ssrcs)
    assert (offer.extensions.rid, offer.extensions.repaired_rid) == (rid, repaired_rid)
    answer = write_publish_answer(offer, LOCAL, 1)
    audio, answered = (section.split("\r\n") for section in answer.split("m=")[1:])
    assert [line for line in answered if "rid:" in line or "simulcast" in line] == [
        "a=rid:q recv",
        "a=rid:f recv",
        "a=simulcast:recv q;f",
    ]
    assert f"a=extmap:{rid} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" in answered
    assert f"a=extmap:{repaired_rid} urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" in answered
    assert not any("rid" in line.partition(":")[0] or "stream-id" in line for line in audio)


@pytest.mark.parametrize("uri", ["sdes:mid", "sdes:rtp-stream-id"])
def test_layers_that_could_not_be_told_apart_are_answered_with_one_encoding(uri: str) -> None:
    text = CHROMIUM_SIMULCAST.replace(uri, "sdes:something-else")
    offer = read_publish_offer(text, SOURCES)
    assert offer.tracks[1].rids == ()
    answer = write_publish_answer(offer, LOCAL, 1)
    assert "simulcast" not in answer
    assert "a=rid" not in answer


def test_of_alternatives_the_first_is_taken_and_a_paused_layer_too() -> None:
    text = CHROMIUM_SIMULCAST.replace("send q;f", "send ~q,f;f recv x")
    assert read_publish_offer(text, SOURCES).tracks[1].rids == ("q", "f")


def test_a_section_that_sends_nothing_is_answered_inactive() -> None:
    text = CHROMIUM_OFFER.replace("a=sendonly\r\na=msid:- 1b2c", "a=inactive\r\na=msid:- 1b2c")
    offer = read_publish_offer(text, SOURCES)
    assert [track.sending for track in offer.tracks] == [True, False]
    assert parse_sdp(write_publish_answer(offer, LOCAL, 1)).sections[1].direction is Direction.INACTIVE


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        (CHROMIUM_SIMULCAST.replace("send q;f", "send q;x"), SOURCES),
        (CHROMIUM_SIMULCAST.replace("send q;f", "send q;q"), SOURCES),
        (CHROMIUM_SIMULCAST.replace("send q;f", "send q;f;g;h;i"), SOURCES),
        (CHROMIUM_SIMULCAST.replace("rid:q send", "rid:q! send"), SOURCES),
        (CHROMIUM_SIMULCAST + "".join(f"a=rid:r{n} send\r\n" for n in range(5)), SOURCES),
        (CHROMIUM_OFFER, {}),
        (CHROMIUM_OFFER, {"7": Source.MICROPHONE}),
        (CHROMIUM_OFFER, {"0": Source.CAMERA}),
        (CHROMIUM_OFFER, {"1": Source.MICROPHONE}),
        (CHROMIUM_OFFER, {"0": Source.MICROPHONE, "1": Source.MICROPHONE}),
        (CHROMIUM_OFFER.replace("opus/48000/2", "PCMU/8000"), SOURCES),
        (CHROMIUM_OFFER.replace("VP8/90000", "VP9/90000"), SOURCES),
        (CHROMIUM_OFFER.replace("VP8/90000", "VP8/8000"), SOURCES),
        (CHROMIUM_OFFER.replace("a=rtcp-mux\r\n", ""), SOURCES),
        (CHROMIUM_OFFER.replace("SAVPF", "AVPF"), SOURCES),
        (CHROMIUM_OFFER.replace("BUNDLE 0 1", "BUNDLE 0"), SOURCES),
        (CHROMIUM_OFFER.replace("setup:actpass", "setup:passive"), SOURCES),
        (CHROMIUM_OFFER.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), SOURCES),
        (CHROMIUM_OFFER.replace("a=ice-ufrag:qJbS\r\n", ""), SOURCES),
        (CHROMIUM_OFFER.replace("a=ice-pwd:Yv5ZyqRGpVsPUHlwbRHqxoGF\r\n", ""), SOURCES),
        (CHROMIUM_OFFER.replace("extmap:14 ", "extmap:1 "), SOURCES),
        (CHROMIUM_OFFER.replace("m=audio 9", "m=audio 0"), SOURCES),
    ],
)
def test_an_offer_that_does_not_fit_is_refused(text: str, sources: dict[str, Source]) -> None:
    with pytest.raises(Refused) as refused:
        read_publish_offer(text, sources)
    assert refused.value.code is ErrorCode.SDP_REJECTED


def slots(count: int) -> list[OfferedSlot]:
    return [
        OfferedSlot(f"{kind[0]}{seat}", kind, True, 100 * seat + 1, None if kind is Kind.AUDIO else 2, f"seat{seat}")
        for seat in range(count)
        for kind in (Kind.AUDIO, Kind.VIDEO)
    ]


def test_an_offer_has_one_section_a_slot() -> None:
    idle = OfferedSlot("v1", Kind.VIDEO, False, 5, 6, "seat1")
    description = parse_sdp(write_subscribe_offer([*slots(1), idle], LOCAL, 3))
    audio, video, off = description.sections
    assert description.bundle == ("a0", "v0", "v1")
    assert [s.direction for s in (audio, video, off)] == [Direction.SENDONLY, Direction.SENDONLY, Direction.INACTIVE]
    assert {s.setup for s in (audio, video, off)} == {"actpass"}
    assert video.repairs == {1: 2}
    assert all(section.port == 9 for section in description.sections)


def test_the_offer_to_a_full_room_is_small_enough_to_be_sent() -> None:
    assert len(write_subscribe_offer(slots(24), LOCAL, 1)) < MAX_SDP


def test_an_answer_of_chromium_is_read() -> None:
    fingerprint, receiving = read_subscribe_answer(CHROMIUM_ANSWER)
    assert fingerprint.value == ":".join(["CD"] * 32)
    assert receiving == {"a0", "v0"}


def test_what_the_answer_rejects_or_leaves_idle_is_not_received() -> None:
    text = CHROMIUM_ANSWER.replace("m=video 9", "m=video 0")
    assert read_subscribe_answer(text)[1] == {"a0"}
    text = CHROMIUM_ANSWER.replace("a=mid:v0\r\na=recvonly", "a=mid:v0\r\na=inactive")
    assert read_subscribe_answer(text)[1] == {"a0"}


@pytest.mark.parametrize(
    "text",
    [
        "v=0\r\n",
        CHROMIUM_ANSWER.replace("setup:active", "setup:passive"),
        CHROMIUM_ANSWER.replace("m=video 9", "m=video 0").replace("m=audio 9", "m=audio 0"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_subscribe_answer(text)


def test_reduced_rtcp_and_mixed_extensions_are_answered_where_they_were_offered_and_only_there() -> None:
    def lines(text: str, section: int) -> list[str]:
        return text.split("m=")[section].splitlines()

    def answer(offer: str) -> str:
        return write_publish_answer(read_publish_offer(offer, SOURCES), LOCAL, 1)

    chromium = answer(CHROMIUM_OFFER)  # of which the second section lacks rtcp-rsize here
    assert ["a=rtcp-rsize" in lines(chromium, section) for section in range(3)] == [False, True, False]
    assert ["a=extmap-allow-mixed" in lines(chromium, section) for section in range(3)] == [True, False, False]
    firefox = answer(FIREFOX_SIMULCAST)
    assert ["a=rtcp-rsize" in lines(firefox, section) for section in range(3)] == [False, False, True]
    assert ["a=extmap-allow-mixed" in lines(firefox, section) for section in range(3)] == [False, True, False]
    neither = answer(CHROMIUM_OFFER.replace("a=rtcp-rsize\r\n", "").replace("a=extmap-allow-mixed\r\n", ""))
    assert "rsize" not in neither
    assert "mixed" not in neither


def test_feedback_may_come_alone_where_all_sections_take_it() -> None:
    assert not read_publish_offer(CHROMIUM_OFFER, SOURCES).reduced_rtcp
    both = CHROMIUM_OFFER.replace("a=mid:1", "a=mid:1\r\na=rtcp-rsize")
    assert read_publish_offer(both, SOURCES).reduced_rtcp


def test_we_offer_both_to_subscribers() -> None:
    slots = [OfferedSlot("a0", Kind.AUDIO, True, 1, None, "seat0"), OfferedSlot("v0", Kind.VIDEO, True, 2, 3, "seat0")]
    head, *sections = write_subscribe_offer(slots, LOCAL, 1).split("m=")
    assert "a=extmap-allow-mixed\r\n" in head
    assert all("a=rtcp-rsize\r\n" in section for section in sections)
