"""Descriptions that browsers wrote (shortened by what nothing here reads)."""

from __future__ import annotations

from media.sdp import Direction
from media.sdp import parse as parse_sdp

CHROMIUM_OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS 5f2c",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:qJbS",
        "a=ice-pwd:Yv5ZyqRGpVsPUHlwbRHqxoGF",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=sendonly",
        "a=msid:- 8f0d8b1c-audio",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:9 G722/8000",
        "a=ssrc:3910432611 cname:kU8y",
        "a=ssrc:3910432611 msid:- 8f0d8b1c-audio",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:qJbS",
        "a=ice-pwd:Yv5ZyqRGpVsPUHlwbRHqxoGF",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=setup:actpass",
        "a=mid:1",
        "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=sendonly",
        "a=msid:- 1b2c-video",
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:103 H264/90000",
        "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
        "a=rtpmap:104 rtx/90000",
        "a=fmtp:104 apt=103",
        "a=ssrc-group:FID 1001 1002",
        "a=ssrc:1001 cname:kU8y",
        "a=ssrc:1002 cname:kU8y",
        "",
    ]
)

DATA_CHANNEL = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n"

CHROMIUM_ANSWER = "\r\n".join(
    [
        "v=0",
        "o=- 77 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE a0 v0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:5cKU",
        "a=ice-pwd:0yhM1Sd6iCCkXGzbgZcbVfDz",
        "a=fingerprint:sha-256 " + ":".join(["CD"] * 32),
        "a=setup:active",
        "a=mid:a0",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:5cKU",
        "a=ice-pwd:0yhM1Sd6iCCkXGzbgZcbVfDz",
        "a=fingerprint:sha-256 " + ":".join(["CD"] * 32),
        "a=setup:active",
        "a=mid:v0",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "",
    ]
)


def answer_to(offer: str, fingerprint: str = ":".join(["CD"] * 32)) -> str:
    """What a browser would answer to a subscribe offer of ours."""
    lines = ["v=0", "o=- 77 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    for section in parse_sdp(offer).sections:
        lines += [f"m={section.kind} 9 {section.protocol} {' '.join(section.formats)}", f"a=mid:{section.mid}"]
        lines += ["a=recvonly" if section.direction is Direction.SENDONLY else "a=inactive"]
        lines += ["a=ice-ufrag:5cKU", "a=ice-pwd:0yhM1Sd6iCCkXGzbgZcbVfDz", "a=setup:active", "a=rtcp-mux"]
        lines += [f"a=fingerprint:sha-256 {fingerprint}"]
    return "\r\n".join(lines) + "\r\n"
