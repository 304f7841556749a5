"""The VP8 payload descriptor (RFC 7741): key frames, and ids that stay continuous over a change of source."""

from __future__ import annotations

import struct
from typing import Final

_IDS: Final = struct.Struct("!HB")


class Vp8Head:
    """What the descriptor at the start of a payload says. Positions are offsets in the payload; 0 is absent."""

    __slots__ = (
        "begins",
        "key_frame",
        "picture_id",
        "picture_id_at",
        "size",
        "sync",
        "temporal",
        "tl0",
        "tl0_at",
        "usual",
        "wide",
    )

    def __init__(
        self,
        begins: bool,
        key_frame: bool,
        picture_id: int,
        picture_id_at: int,
        wide: bool,
        tl0: int,
        tl0_at: int,
        temporal: int,
        size: int,
    ) -> None:
        self.begins = begins
        """This packet begins a frame."""
        self.key_frame = key_frame
        """This packet begins a key frame."""
        self.picture_id = picture_id
        self.picture_id_at = picture_id_at
        self.wide = wide
        """The picture id has 15 bits, not 7."""
        self.tl0 = tl0
        self.tl0_at = tl0_at
        self.temporal = temporal >> 6
        """Temporal layer; 0 where there are none."""
        self.sync = temporal & 0x20
        """Not 0: the frame refers to temporal layer 0 alone."""
        self.size = size
        """Length of the descriptor."""
        self.usual = wide and picture_id_at == 2 and tl0_at == 4
        """The ids lie as browsers write them."""


def parse_head(payload: bytes) -> Vp8Head | None:
    """The descriptor of a payload, or None when it is cut short."""
    size = len(payload)
    if size < 2:
        return None
    first = payload[0]
    at = 1
    picture_id = picture_id_at = tl0 = tl0_at = temporal = 0
    wide = False
    if first & 0x80:
        flags = payload[1]
        at = 2
        if flags & 0x80:
            if at >= size:
                return None
            picture_id_at = at
            picture_id = payload[at] & 0x7F
            wide = payload[at] > 0x7F
            at += 1
            if wide:
                if at >= size:
                    return None
                picture_id = picture_id << 8 | payload[at]
                at += 1
        if flags & 0x40:
            if at >= size:
                return None
            tl0_at = at
            tl0 = payload[at]
            at += 1
        if flags & 0x30:
            if flags & 0x20 and at < size:
                temporal = payload[at]
            at += 1
    if at >= size:
        return None
    begins = first & 0x1F == 0x10  # start of partition 0; the bit beside it is reserved
    return Vp8Head(begins, begins and not payload[at] & 1, picture_id, picture_id_at, wide, tl0, tl0_at, temporal, at)


def rewrite(payload: bytes, head: Vp8Head, picture_shift: int, tl0_shift: int) -> bytes:
    """The payload with its picture id and tl0picidx moved on, each in its own width."""
    if head.usual:
        ids = _IDS.pack(0x8000 | head.picture_id + picture_shift & 0x7FFF, head.tl0 + tl0_shift & 0xFF)
        return payload[:2] + ids + payload[5:]
    if not head.picture_id_at and not head.tl0_at:
        return payload
    descriptor = bytearray(payload[: head.size])
    if head.picture_id_at:
        moved = head.picture_id + picture_shift
        if head.wide:
            descriptor[head.picture_id_at] = 0x80 | moved >> 8 & 0x7F
            descriptor[head.picture_id_at + 1] = moved & 0xFF
        else:
            descriptor[head.picture_id_at] = moved & 0x7F
    if head.tl0_at:
        descriptor[head.tl0_at] = head.tl0 + tl0_shift & 0xFF
    return bytes(descriptor) + payload[head.size :]
