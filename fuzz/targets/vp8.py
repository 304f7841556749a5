"""VP8 payload descriptors, and how they are rewritten."""

from __future__ import annotations

from fuzz.targets.claims import claim
from media.engine import vp8


def one_input(data: bytes) -> None:
    """Three bytes for the shifts, then a payload."""
    picture_shift, tl0_shift = int.from_bytes(data[:2], "big"), data[2] if len(data) > 2 else 0
    payload = data[3:]
    head = vp8.parse_head(payload)
    if head is None:
        return
    claim(0 < head.size < len(payload), "something follows the descriptor")
    claim(head.picture_id_at < head.size and head.tl0_at < head.size, "ids lie inside the descriptor")
    claim(vp8.rewrite(payload, head, 0, 0) == payload, "no shift changes nothing")
    moved = vp8.rewrite(payload, head, picture_shift, tl0_shift)
    claim(len(moved) == len(payload), "the size stays")
    claim(moved[head.size :] == payload[head.size :], "the picture is untouched")
    again = vp8.parse_head(moved)
    claim(again is not None, "what we write can be read")
    if again is None:
        return
    claim(
        (again.size, again.wide, again.picture_id_at, again.tl0_at, again.key_frame)
        == (head.size, head.wide, head.picture_id_at, head.tl0_at, head.key_frame),
        "the layout stays",
    )
    if head.picture_id_at:
        mask = 0x7FFF if head.wide else 0x7F
        claim(again.picture_id == head.picture_id + picture_shift & mask, "the picture id moved")
    if head.tl0_at:
        claim(again.tl0 == head.tl0 + tl0_shift & 0xFF, "tl0picidx moved")
