"""The little SDP that a light client needs: two offers' worth of fixed lines, and answers that say yes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.packets import LEVEL_EXTENSION, MID_EXTENSION, TRANSPORT_CC_EXTENSION

OPUS: Final = 111
VP8: Final = 96
AUDIO_MID: Final = "0"
VIDEO_MID: Final = "1"

_CANDIDATE: Final = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", re.MULTILINE)
_URI: Final = {
    MID_EXTENSION: "urn:ietf:params:rtp-hdrext:sdes:mid",
    LEVEL_EXTENSION: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    TRANSPORT_CC_EXTENSION: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
}


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection."""

    ufrag: str
    pwd: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Remote(End):
    """The server's end, and where it listens."""

    host: str
    port: int


def read_remote(sdp: str) -> Remote:
    """The server's end in its offer or answer.

    Raises:
        ValueError: something is missing.
    """
    candidate = _CANDIDATE.search(sdp)
    if candidate is None:
        raise ValueError("the description has no UDP candidate")
    return Remote(
        _one(sdp, "ice-ufrag"), _one(sdp, "ice-pwd"), _one(sdp, "fingerprint"), candidate[1], int(candidate[2])
    )


def publish_offer(local: End, audio_ssrc: int, video_ssrc: int, setup: str = "actpass") -> str:
    """Sound and picture, one layer each. `setup`: which parts in DTLS the other end may leave to us."""
    return _text(
        local,
        [AUDIO_MID, VIDEO_MID],
        [
            *_section("audio", AUDIO_MID, "sendonly", [f"{OPUS} opus/48000/2"], local, setup),
            *(f"a=extmap:{number} {uri}" for number, uri in _URI.items()),
            f"a=ssrc:{audio_ssrc} cname:bench",
            *_section("video", VIDEO_MID, "sendonly", [f"{VP8} VP8/90000"], local, setup),
            *(f"a=extmap:{number} {_URI[number]}" for number in (MID_EXTENSION, TRANSPORT_CC_EXTENSION)),
            f"a=rtcp-fb:{VP8} nack pli",
            f"a=rtcp-fb:{VP8} transport-cc",
            f"a=ssrc:{video_ssrc} cname:bench",
        ],
    )


def subscribe_answer(local: End, offer: str) -> str:
    """Takes every m-section as it is offered."""
    mids: list[str] = []
    lines: list[str] = []
    for section in re.split(r"^(?=m=)", offer.replace("\r\n", "\n"), flags=re.MULTILINE)[1:]:
        kind = section.removeprefix("m=").partition(" ")[0]
        mids.append(_one(section, "mid"))
        direction = "recvonly" if "\na=sendonly\n" in section else "inactive"
        formats = re.findall(r"^a=rtpmap:(\d+ \S+)$", section, re.MULTILINE)
        lines += _section(kind, mids[-1], direction, formats, local, "active")
    return _text(local, mids, lines)


def _one(sdp: str, name: str) -> str:
    found = re.search(rf"^a={name}:(.*?)\r?$", sdp, re.MULTILINE)
    if found is None:
        raise ValueError(f"the description has no {name}")
    return found[1]


def _section(kind: str, mid: str, direction: str, rtpmaps: Sequence[str], local: End, setup: str) -> list[str]:
    return [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(each.partition(' ')[0] for each in rtpmaps)}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.pwd}",
        f"a=fingerprint:{local.fingerprint}",
        f"a=setup:{setup}",
        *(f"a=rtpmap:{each}" for each in rtpmaps),
    ]


def _text(local: End, mids: Sequence[str], sections: Sequence[str]) -> str:
    head = ["v=0", f"o=- {int(local.ufrag, 36)} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"]
    return "\r\n".join([*head, *sections]) + "\r\n"
