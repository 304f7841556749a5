"""Clients' frames in msgpack."""

from __future__ import annotations

from fuzz.targets.frames import frame
from protocol.codec import Wire


def one_input(data: bytes) -> None:
    """One frame."""
    frame(data, Wire.MSGPACK)
