"""Answers to subscribe offers."""

from __future__ import annotations

from fuzz.targets.claims import claim
from media.negotiation import read_subscribe_answer
from protocol.errors import ErrorCode, Refused


def one_input(data: bytes) -> None:
    """A description in UTF-8."""
    text = data.decode("utf-8", "replace")
    try:
        fingerprint, receiving = read_subscribe_answer(text)
    except Refused as refused:
        claim(refused.code is ErrorCode.SDP_REJECTED, "one code")
        claim(len(refused.detail or "") <= 32, "the detail names a kind of line, and quotes nothing")
        return
    claim(fingerprint.algorithm in ("sha-256", "sha-384", "sha-512"), "a digest that is known")
    claim(len(receiving) <= 64, "sections are bounded")
