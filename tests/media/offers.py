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

_CHROMIUM_LAYERS = [
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "a=rid:q send",
    "a=rid:f send",
    "a=simulcast:send q;f",
]
CHROMIUM_SIMULCAST = CHROMIUM_OFFER.partition("a=ssrc-group")[0] + "\r\n".join([*_CHROMIUM_LAYERS, ""])
"""Two encodings with rids: then Chromium names no SSRCs."""

FIREFOX_SIMULCAST = "\r\n".join(
    [
        "v=0",
        "o=mozilla...THIS_IS_SDPARTA-99.0 3980671120056037963 0 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=sendrecv",
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=group:BUNDLE 0 1",
        "a=ice-options:trickle",
        "a=msid-semantic:WMS *",
        "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101",
        "c=IN IP4 0.0.0.0",
        "a=sendonly",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
        "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap-allow-mixed",
        "a=ice-pwd:e9b98cf3627b8bc16197b78ec97e7a00",
        "a=ice-ufrag:76860068",
        "a=mid:0",
        "a=rtcp-mux",
        "a=rtpmap:109 opus/48000/2",
        "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1",
        "a=setup:actpass",
        "a=ssrc:2260269752 cname:{e4bb5bac}",
        "m=video 0 UDP/TLS/RTP/SAVPF 120 124",
        "c=IN IP4 0.0.0.0",
        "a=bundle-only",
        "a=sendonly",
        "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:5 urn:ietf:params:rtp-hdrext:toffset",
        "a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap:9/sendonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:10/sendonly urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=ice-pwd:e9b98cf3627b8bc16197b78ec97e7a00",
        "a=ice-ufrag:76860068",
        "a=mid:1",
        "a=rid:q send",
        "a=rid:f send",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:120 VP8/90000",
        "a=rtcp-fb:120 nack pli",
        "a=rtpmap:124 rtx/90000",
        "a=fmtp:124 apt=120",
        "a=setup:actpass",
        "a=simulcast:send q;f",
        "a=ssrc:1234007943 cname:{e4bb5bac}",
        "a=ssrc:878167774 cname:{e4bb5bac}",
        "a=ssrc:694665900 cname:{e4bb5bac}",
        "a=ssrc:3426365291 cname:{e4bb5bac}",
        "a=ssrc-group:FID 1234007943 878167774",
        "a=ssrc-group:FID 694665900 3426365291",
        "",
    ]
)
"""Firefox names an SSRC for each layer too."""

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
