"""Reading descriptions: what browsers write is understood, nonsense is refused, nothing else ever happens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.negotiation import read_publish_offer, read_subscribe_answer
from media.sdp import MAX_SECTIONS, Direction
from media.sdp import parse as parse_sdp
from protocol.errors import ErrorCode, Refused
from protocol.values import MAX_SDP, Source
from tests.media.offers import CHROMIUM_ANSWER, CHROMIUM_OFFER

SOURCES = {"0": Source.MICROPHONE, "1": Source.CAMERA}


def test_an_offer_of_chromium_is_read() -> None:
    description = parse_sdp(CHROMIUM_OFFER)
    assert description.bundle == ("0", "1")
    audio, video = description.sections
    assert (audio.kind, audio.mid, audio.direction, audio.setup) == ("audio", "0", Direction.SENDONLY, "actpass")
    assert (audio.ufrag, audio.rtcp_mux, list(audio.ssrcs)) == ("qJbS", True, [3_910_432_611])
    opus = audio.codec("opus")
    assert opus is not None
    assert (opus.payload_type, opus.clock_rate, opus.parameters["useinbandfec"]) == (111, 48_000, "1")
    vp8 = video.codec("VP8")
    assert vp8 is not None
    assert video.repair_of(vp8.payload_type) == 97
    assert video.repairs == {1_001: 1_002}
    assert video.extensions["urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"] == 10


def test_attributes_of_the_session_hold_for_its_sections() -> None:
    head, _, rest = CHROMIUM_OFFER.partition("m=audio")
    moved = [line for line in rest.split("\r\n") if not line.startswith(("a=ice", "a=fingerprint", "a=setup"))]
    text = head + "a=ice-ufrag:abcd\r\na=ice-pwd:" + "x" * 22 + "\r\na=setup:actpass\r\n"
    text += "a=fingerprint:sha-256 " + ":".join(["0f"] * 32) + "\r\nm=audio" + "\r\n".join(moved)
    for section in parse_sdp(text).sections:
        assert (section.ufrag, section.setup) == ("abcd", "actpass")
        assert section.fingerprints[0].value == ":".join(["0F"] * 32)


def test_a_bundle_only_section_is_not_rejected() -> None:
    text = CHROMIUM_OFFER.replace("m=video 9", "m=video 0")
    assert parse_sdp(text).sections[1].rejected
    assert not parse_sdp(text.replace("a=mid:1", "a=bundle-only\r\na=mid:1")).sections[1].rejected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=1\r\n",
        "\r\n" + CHROMIUM_OFFER,
        "v=0\r\nnonsense\r\n",
        "v=0\r\nm=\r\n",
        "v=0\r\nm=audio 9 X\r\n",
        "v=0\r\nm=audio 99999 UDP/TLS/RTP/SAVPF 0\r\n",
        "v=0\r\nm=audio nine UDP/TLS/RTP/SAVPF 0\r\n",
        "v=0\r\nm=<b> 9 UDP/TLS/RTP/SAVPF 0\r\n",
        "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 200,
        CHROMIUM_OFFER.replace("a=mid:1", "a=mid:0"),
        CHROMIUM_OFFER.replace("a=mid:1", "a=mid:much-too-long-for-a-mid"),
        CHROMIUM_OFFER.replace("qJbS", "q S"),
        CHROMIUM_OFFER.replace("AB:AB", "AB:XY", 1),
        CHROMIUM_OFFER.replace("setup:actpass", "setup:whatever"),
        CHROMIUM_OFFER.replace("extmap:4 ", "extmap:0 "),
        CHROMIUM_OFFER.replace("extmap:4 ", "extmap:-4 "),
        CHROMIUM_OFFER.replace("rtpmap:111 ", "rtpmap:128 "),
        CHROMIUM_OFFER.replace("opus/48000/2", "opus"),
        CHROMIUM_OFFER.replace("opus/48000/2", "opus/٤٨٠٠٠"),
        CHROMIUM_OFFER.replace("a=ssrc:1001", "a=ssrc:4294967296"),
        CHROMIUM_OFFER + "a=x\0y\r\n",
        CHROMIUM_OFFER + "a=" + "x" * MAX_SDP,
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_sdp(text)
    assert refused.value.code is ErrorCode.SDP_REJECTED
    assert len(refused.value.detail) < 20  # the kind of line, never its text


def numbered(form: str, count: int) -> str:
    return CHROMIUM_OFFER + "".join(form.format(number) + "\r\n" for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("form", "most", "name"),
    [
        ("m=application 0 UDP/DTLS/SCTP x\r\na=mid:m{0}", 14, "m"),
        ("a=ssrc:{0} cname:x", 6, "ssrc"),
        ("a=ssrc-group:FID {0} 9", 7, "ssrc-group"),
        ("a=extmap:2{0} urn:{0}", 28, "extmap"),
        ("a=fmtp:96 x{0}=1", 32, "fmtp"),
        ("a=fingerprint:sha-{0} " + ":".join(["AB"] * 32), 7, "fingerprint"),
        ("a=rtpmap:{0} x/90000", 60, "rtpmap"),
        ("a=x{0}", 1_900, "line"),
    ],
)
def test_no_offer_names_more_of_anything_than_a_browser_would(form: str, most: int, name: str) -> None:
    assert read_publish_offer(numbered(form, most), SOURCES)
    with pytest.raises(Refused) as refused:
        read_publish_offer(numbered(form, most + 100), SOURCES)
    assert (refused.value.code, refused.value.detail) == (ErrorCode.SDP_REJECTED, f"{name} limit")


def test_an_answer_has_no_more_sections_than_fit_in_an_offer() -> None:
    text = CHROMIUM_ANSWER
    for number in range(MAX_SECTIONS - 2):
        text += f"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x{number}\r\n"
    assert "a0" in read_subscribe_answer(text)[1]
    with pytest.raises(Refused) as refused:
        read_subscribe_answer(text + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
    assert refused.value.detail == "m limit"


def test_an_m_line_lists_a_bounded_number_of_formats_and_a_group_of_sections() -> None:
    many = " ".join(str(number) for number in range(100))
    for text in (
        CHROMIUM_OFFER.replace("SAVPF 96", f"SAVPF {many} 96"),
        CHROMIUM_OFFER.replace("BUNDLE 0 1", f"BUNDLE {many}"),
    ):
        with pytest.raises(Refused) as refused:
            parse_sdp(text)
        assert refused.value.detail in {"formats limit", "group limit"}


def read_all(text: str) -> None:
    """Every reader either takes the text or refuses it in the one way."""
    codes: set[ErrorCode] = set()
    for read in (parse_sdp, lambda given: read_publish_offer(given, SOURCES), read_subscribe_answer):
        try:
            read(text)
        except Refused as refused:
            codes.add(refused.code)
    assert codes <= {ErrorCode.SDP_REJECTED}


@settings(deadline=None)
@given(st.text(max_size=400))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    read_all(text)
    read_all("v=0\r\n" + text)


LINES = CHROMIUM_OFFER.split("\r\n") + CHROMIUM_ANSWER.split("\r\n")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([CHROMIUM_OFFER, CHROMIUM_ANSWER]), st.data())
def test_mutated_descriptions_are_read_or_refused(text: str, data: st.DataObject) -> None:
    lines = text.split("\r\n")
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "insert", "change", "cut"])):
            case "drop":
                del lines[at : at + 1]
            case "repeat":
                lines.insert(at, lines[at])
            case "insert":
                lines.insert(at, data.draw(st.sampled_from(LINES) | st.text(max_size=30)))
            case "change":
                place = data.draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:place] + data.draw(st.text(max_size=4)) + lines[at][place + 1 :]
            case _:
                lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
        lines = lines or [""]
    read_all("\r\n".join(lines))
