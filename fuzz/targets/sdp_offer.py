"""Publish offers, and the answers to those that are taken."""

from __future__ import annotations

from fuzz.targets.claims import claim
from media import sdp
from media.dtls import Fingerprint
from media.engine.interface import Candidate
from media.negotiation import Local, read_publish_offer, write_publish_answer
from protocol.errors import ErrorCode, Refused
from protocol.values import Source

SOURCES = {"0": Source.MICROPHONE, "1": Source.CAMERA}
LOCAL = Local("ufrag", "p" * 24, Fingerprint("sha-256", ":".join(["AB"] * 32)), (Candidate("192.0.2.1", 8_081),), 1)


def one_input(data: bytes) -> None:
    """A description in UTF-8."""
    text = data.decode("utf-8", "replace")
    try:
        offer = read_publish_offer(text, SOURCES)
    except Refused as refused:
        claim(refused.code is ErrorCode.SDP_REJECTED, "one code")
        claim(len(refused.detail or "") <= 32, "the detail names a kind of line, and quotes nothing")
        return
    claim({track.mid for track in offer.tracks} == set(SOURCES), "what is taken is what was announced")
    claim(all(len(track.ssrcs) <= 8 for track in offer.tracks), "SSRCs are bounded")
    answer = write_publish_answer(offer, LOCAL, 1)
    again = sdp.parse(answer)
    claim(len(again.sections) == len(offer.sections), "the answer has the offer's sections")
    for ours, (theirs, track) in zip(again.sections, offer.sections, strict=True):
        claim(ours.kind == theirs.kind and ours.mid == theirs.mid, "in the offer's order")
        claim(ours.rejected == (track is None), "with what we do not take rejected")
