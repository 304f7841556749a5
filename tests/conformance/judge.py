"""Compares a packet that came out with the one that went in.

Unless a script says otherwise a slot goes on where it stood: the next sequence number, and timestamp, picture id and
tl0picidx moved by the same amounts as the packet before. After a change of source, or a pause, the amounts may
change; then the timestamp goes forward, and picture id and tl0picidx are the next ones.
"""

from __future__ import annotations

import struct

from media.engine.interface import Kind
from tests.conformance.stage import Sent, Slot, Unmet, picture_of
from tests.conformance.wire import Rtp

_SLACK_S = 1.0


def judge(
    slot: Slot, sent: Sent, came: Rtp, at: float, *, seq: int | None, ts: int | None, again: bool, over_rtx: bool
) -> None:
    """Raises Unmet with what differs. `seq` and `ts`, when given, count from the slot's first packet."""
    if over_rtx:
        came = _unwrapped(slot, came)
    _expect("SSRC", came.ssrc, slot.ssrc)
    _expect("payload type", came.payload_type, slot.payload_type)
    _expect("marker", came.marker, sent.packet.marker)
    _expect("padding", came.padding, 0)
    if slot.first is None:
        slot.first = (came.seq, came.ts)
        _expect("mid in a slot's first packet", came.extensions.get(slot.client.ids.mid), slot.mid.encode())
    number = came.seq - slot.first[0] & 0xFFFF
    _expect("sequence number", number, (slot.highest + 1 if seq is None else seq) & 0xFFFF)
    if ts is not None:
        _expect("timestamp", came.ts - slot.first[1] & 0xFFFFFFFF, ts & 0xFFFFFFFF)
    _extensions(slot, sent, came)
    fresh = again or slot.source is not sent.stream or slot.last is None
    _timestamp(slot, sent, came, at, fresh=fresh)
    if slot.kind is Kind.VIDEO and came.payload:
        _picture(slot, sent, came, fresh=fresh)
    else:
        _expect("payload", came.payload, sent.packet.payload)
    slot.source = sent.stream
    full = slot.highest + (number - slot.highest & 0xFFFF) if seq is None else seq
    if full > slot.highest:
        slot.highest, slot.last, slot.last_at = full, came, at
        if slot.kind is Kind.VIDEO and came.payload:
            slot.last_vp8 = picture_of(came)


def _unwrapped(slot: Slot, came: Rtp) -> Rtp:
    _expect("SSRC of RTX", came.ssrc, slot.rtx_ssrc)
    _expect("payload type of RTX", came.payload_type, slot.rtx_payload_type)
    (original,) = struct.unpack_from("!H", came.payload)
    return Rtp(
        slot.payload_type, came.marker, original, came.ts, slot.ssrc, came.extensions, came.payload[2:], came.padding
    )


def _expect(what: str, came: object, wanted: object) -> None:
    if came != wanted:
        raise Unmet(f"{what} is {came!r}, not {wanted!r}")


def _extensions(slot: Slot, sent: Sent, came: Rtp) -> None:
    ids = slot.client.ids
    known = {ids.mid, ids.audio_level, ids.transport_cc} - {0}
    if not came.extensions.keys() <= known:
        raise Unmet(f"header extensions {sorted(came.extensions)}, of which only {sorted(known)} were negotiated")
    if ids.mid in came.extensions:
        _expect("mid", came.extensions[ids.mid], slot.mid.encode())
    theirs = sent.stream.client.ids.audio_level
    if ids.audio_level:
        _expect("audio level", came.extensions.get(ids.audio_level), sent.packet.extensions.get(theirs))


def _timestamp(slot: Slot, sent: Sent, came: Rtp, at: float, *, fresh: bool) -> None:
    shift = came.ts - sent.packet.ts & 0xFFFFFFFF
    if fresh and slot.last is not None:
        clock = 48_000 if slot.kind is Kind.AUDIO else 90_000
        ahead = came.ts - slot.last.ts & 0xFFFFFFFF
        most = (at - slot.last_at + _SLACK_S) * clock
        if not 0 < ahead <= most:
            raise Unmet(f"timestamp goes on by {ahead}; it must go forward, by {most:.0f} at most")
    elif not fresh:
        _expect("timestamp's shift", shift, slot.shifts[0])
    slot.shifts = (shift, *slot.shifts[1:])


def _picture(slot: Slot, sent: Sent, came: Rtp, *, fresh: bool) -> None:
    theirs, ours, last = picture_of(sent.packet), picture_of(came), slot.last_vp8
    _expect("picture, and the descriptor's other bits", ours.rest, theirs.rest)
    _expect("width of the picture id", ours.pid_bits, theirs.pid_bits)
    _expect("presence of tl0picidx", ours.tl0 is None, theirs.tl0 is None)
    mask = 0x7FFF if theirs.pid_bits == 15 else 0x7F
    pid_shift = ours.pid - theirs.pid & mask
    tl0_shift = (ours.tl0 or 0) - (theirs.tl0 or 0) & 0xFF
    if fresh and last is not None:
        if theirs.pid_bits and last.pid_bits:
            mask = min(mask, 0x7FFF if last.pid_bits == 15 else 0x7F)
            _expect("picture id", ours.pid & mask, last.pid + 1 & mask)
        if ours.tl0 is not None and last.tl0 is not None:
            _expect("tl0picidx", ours.tl0, last.tl0 + 1 & 0xFF)
    elif not fresh:
        _expect("picture id's shift", pid_shift, slot.shifts[1] & mask)
        _expect("tl0picidx's shift", tl0_shift, slot.shifts[2])
    slot.shifts = (slot.shifts[0], pid_shift, tl0_shift)
