"""What the engine sends: slots, each one constant SSRC towards one subscriber, whatever feeds it.

Sequence numbers, timestamps and VP8 ids stay continuous over a change of source, a closed gate and
swallowed padding, so that the receiver never sees a seam.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Final

from media.engine import rtcp, rtp, vp8
from media.engine.ingress import Layer, MediaPacket
from media.engine.interface import EgressSpec, Kind, OutId, TransportId
from media.engine.rtp import unwrap
from media.engine.vp8 import Vp8Head

if TYPE_CHECKING:
    from media.engine.replaying import Replay
    from media.engine.track import Track
    from media.engine.transport import Transport

UP_AFTER_S: Final = 0.5
"""So long a slot stays on a layer before it changes to another: a newcomer on the lowest above all."""

_SEGMENTS: Final = 256
_MID_PACKETS: Final = 64
"""The mid travels in the first packets after each start; later it is known."""
_RESENT: Final = 0.5
"""So much of what is sent may be sent again: with a third of it lost both ways, that is what is asked for."""
_RESENT_AT_ONCE: Final = 256.0
_NEAR_S: Final = 1
_GUESS_S: Final = 0.25
"""A moment told by the arrival is not further off: a clock that says more is not the one that was told before."""
_OVERHEAD: Final = 60
"""Octets of IPv4, UDP, RTP and the tag of SRTP around a payload, about."""
_REFRESHES: Final = 3
_REFRESH_AGAIN_S: Final = 3.0
"""A subscriber may ask for so many key frames at once, and then for one in this time: each costs everyone.

As many again may be asked for because something is shown to it that was not before.
"""
_PRIMED_AGAIN_S: Final = 2.0
"""So far apart a slot begins with what was sent before: who looks away and back all the time gets it once."""
_HEADER: Final = rtp.HEADER


class Segment:
    """How packets of one layer, from its number `first` on, were renumbered; `out` is what the first one became."""

    __slots__ = ("first", "layer", "out", "picture", "shift", "time", "tl0")

    def __init__(self, layer: Layer, first: int, out: int, time: int, picture: int, tl0: int) -> None:
        self.layer = layer
        self.first = first
        self.out = out
        self.shift = out - first
        self.time = time
        self.picture = picture
        self.tl0 = tl0


class _Refreshes:
    """How many key frames may still be asked for."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left: float = _REFRESHES
        self._at = 0.0

    def take(self, now: float) -> bool:
        """One, if there is one left."""
        self._left = min(_REFRESHES, self._left + (now - self._at) / _REFRESH_AGAIN_S)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Slot:
    """One egress stream. It is live from its first packet after a start until it is paused."""

    __slots__ = (
        "_dropped_picture",
        "_due",
        "_guessed",
        "_mid_left",
        "_next",
        "_octets",
        "_packets",
        "_picture",
        "_primed",
        "_primed_at",
        "_refreshes",
        "_resend_left",
        "_rtx_next",
        "_segment",
        "_segments",
        "_sent_at",
        "_starting",
        "_starts",
        "_temporal",
        "_timestamp",
        "_tl0",
        "_told",
        "layer",
        "live",
        "open",
        "out",
        "replay",
        "reported",
        "spec",
        "target",
        "thin",
        "track",
        "transport",
        "up_at",
        "want",
    )

    def __init__(self, out: OutId, spec: EgressSpec, transport: Transport, rng: Random) -> None:
        self.out = out
        self.transport = transport
        self.spec = spec
        self.open = True
        self.live = False
        self.track: Track | None = None
        self.want = ""
        self.layer: Layer | None = None
        """The layer it is fed from now, or was last."""
        self.target: Layer | None = None
        """The layer it should be fed from."""
        self.up_at = 0.0
        """When it may leave a layer that flows for another."""
        self.replay: Replay | None = None
        self.thin = False
        """It knows temporal layer 0 alone so far, and takes higher ones as they join in."""
        self.reported = -1
        """Highest sequence number in the subscriber's last report."""
        self._next = 0x10000 + rng.getrandbits(15)
        self._rtx_next = rng.getrandbits(15)
        self._timestamp = rng.getrandbits(32)
        self._picture = rng.getrandbits(15)
        self._tl0 = rng.getrandbits(8)
        self._due: int | None = None
        """What its source's timestamps are shifted by, as reports have it, once they are past what has left already."""
        self._guessed = False
        """Its source's first moment was told by the arrival, as it had not reported yet."""
        self._told: tuple[Track, int, int] | None = None
        """The clock that it last told of, that of a track: what it showed (RTP) when (NTP)."""
        self._sent_at: float | None = None
        self._segment: Segment | None = None
        self._segments: list[Segment] = []
        self._temporal = 0
        self._dropped_picture = -1
        self._packets = self._octets = 0
        self._mid_left = _MID_PACKETS
        self._refreshes = _Refreshes()
        self._starts = _Refreshes()
        self._starting = False
        self._primed: tuple[TransportId, str] | None = None
        """The track that it last began with what was sent before, at `_primed_at`."""
        self._primed_at = 0.0
        self._resend_left = _RESENT_AT_ONCE

    # ── what feeds it ─────────────────────────────────────────────────────────────────────────

    def aim(self) -> None:
        """Looks anew for the layer that it should be fed from: on the way in, and for a monitor, the lowest."""
        if self.track is None:
            self.target = None
        else:
            self.target = self.track.choose(self.want if self.live and not self.spec.monitor else "")

    def may_leave(self, now: float) -> bool:
        """Whether it may begin with another layer now."""
        return not self.live or now >= self.up_at or self.layer is None or not self.layer.up

    def may_ask(self, now: float) -> bool:
        """Whether a key frame may be asked for, for it to begin with; counts those that may."""
        waits = self.replay is None and not self.spec.monitor and self.transport.cipher is not None
        return waits and self.may_leave(now) and self._may_start(now)

    def may_begin(self, now: float) -> bool:
        """As `may_ask`, of a slot that was just given what it carries, though it may not be able to send yet."""
        return not self.spec.monitor and self._may_start(now)

    def _may_start(self, now: float) -> bool:
        """Who once may begin asks on until it has begun, or turns away."""
        self._starting = self._starting or self._starts.take(now)
        return self._starting

    def may_change(self, now: float) -> bool:
        """Whether it may have one more key frame for a layer, where it has one that flows; counts those that it may."""
        return not self.live or self.layer is None or not self.layer.up or self.may_refresh(now)

    def fed_by(self, layer: Layer) -> bool:
        """Whether that layer's packets leave by it now."""
        return self.live and self.layer is layer

    def pause(self) -> None:
        """Sends nothing until the next start, and nothing again of what it sent."""
        self._end_replay()
        self.live = self._starting = False
        self._segments = []
        self.aim()

    def reset(self) -> None:
        """As `pause`; and what comes next has nothing to do with what came before."""
        self.layer = None
        self.pause()

    def start(self, layer: Layer, packet: MediaPacket, now: float, later: int = 0) -> None:
        """Begins, or goes on, with this packet: a key frame's first for video. It is shown `later` ticks late."""
        self._end_replay()
        self._starting = False
        time, self._due = self._time_of(layer, packet.timestamp + later, now)
        time += later
        picture = tl0 = 0
        if self._segment is not None:
            picture, tl0 = self._segment.picture, self._segment.tl0
        head = packet.head
        if head is not None:
            if head.picture_id_at:
                picture = self._picture + 1 - head.picture_id & 0x7FFF
            if head.tl0_at:
                tl0 = self._tl0 + 1 - head.tl0 & 0xFF
        self.layer = layer
        self._append(Segment(layer, packet.number, self._next, time & 0xFFFFFFFF, picture, tl0))
        self._mid_left = _MID_PACKETS
        self.live = True
        self.thin = False
        self.up_at = now + UP_AFTER_S
        self.aim()

    def _end_replay(self) -> None:
        if self.replay is not None:
            self.replay = None
            self.layer = None  # as its timestamps were compressed, what follows goes on from the last one

    def _time_of(self, layer: Layer, timestamp: int, now: float) -> tuple[int, int | None]:
        """What is added to timestamps from this one on; and what later, where that would lead back in time."""
        before, segment = self.layer, self._segment
        self._guessed = False
        if self._sent_at is None or segment is None:
            return self._timestamp - timestamp, None
        passed = max(1, round((now - self._sent_at) * self.spec.clock_rate))
        if layer is before:
            # The same source keeps its clock, over a pause too, as long as that moves forward.
            if self._ahead(timestamp + segment.time) > 0:
                return segment.time, self._due
        elif (time := self._told_time(layer)) is not None:
            ahead = self._ahead(timestamp + time)
            if abs(ahead - passed) < _NEAR_S * self.spec.clock_rate:
                # A picture of this very moment, or of a later one, may have left already.
                return (time, None) if ahead > 0 else (self._timestamp + 1 - timestamp, time)
        self._guessed = layer.report is None
        return self._timestamp + passed - timestamp, None

    def _told_time(self, layer: Layer) -> int | None:
        """What a layer's timestamps are shifted by to go on with the clock that was told of its track."""
        if self._told is None or layer.report is None or self._told[0] is not layer.track:
            return None
        _, ntp, shown = self._told
        report = layer.report[0]
        apart = (layer.ntp - ntp) * self.spec.clock_rate + 0x80000000 >> 32
        return shown + apart - report.rtp

    def _ahead(self, timestamp: int) -> int:
        """How far after the last timestamp that left; before it: less than 0."""
        return _signed(timestamp - self._timestamp)

    def _settle(self, packet: MediaPacket, due: int) -> None:
        """Lets its source's own clock hold from this picture on; one that was overtaken comes right after the last."""
        at, head = self._segments[-1], packet.head
        begins = head.begins if head is not None else self.spec.kind is Kind.AUDIO
        if packet.number + at.shift != self._next or not begins:
            return
        time = due
        if self._ahead(packet.timestamp + due) > 0:
            self._due = None
        else:
            time = self._timestamp + 1 - packet.timestamp
        self._append(Segment(at.layer, packet.number, self._next, time & 0xFFFFFFFF, at.picture, at.tl0))

    def _append(self, segment: Segment) -> None:
        self._segment = segment
        self._segments.append(segment)
        if len(self._segments) > _SEGMENTS:
            del self._segments[0]

    def swallow(self, number: int, head: Vp8Head | None = None) -> None:
        """Closes the gap that a packet which is not sent, the newest of its source, would leave."""
        at = self._segment
        if at is None:
            return
        picture = at.picture
        if head is not None and head.picture_id_at and head.picture_id != self._dropped_picture:
            self._dropped_picture = head.picture_id
            picture = picture - 1 & 0x7FFF
        out = max(self._next, number + at.shift)
        self._append(Segment(at.layer, number + 1, out, at.time, picture, at.tl0))

    # ── from a cache to the present ───────────────────────────────────────────────────────────

    def show(self, layer: Layer, packet: MediaPacket, later: int, now: float) -> int:
        """Starts with a packet from a cache without being live. Returns what it adds to the timestamps of live ones."""
        replay = self.replay
        self.start(layer, packet, now, later)
        self.live, self.replay = False, replay
        return self._segments[-1].time - later

    def jump(self, packet: MediaPacket, time: int) -> None:
        """Goes on with this packet, the first of a picture, as if nothing lay between; `time` is added to its own."""
        at, head = self._segments[-1], packet.head
        picture = at.picture
        if head is not None and head.picture_id_at:
            picture = self._picture + 1 - head.picture_id & 0x7FFF
        self._append(Segment(at.layer, packet.number, self._next, time & 0xFFFFFFFF, picture, at.tl0))

    @property
    def shown(self) -> int:
        """The number, at its source, of the last packet that it was shown."""
        return self._next - 1 - self._segments[-1].shift

    def arrive(self, layer: Layer, base: int, now: float) -> None:
        """Is live from now on. What lies between, of higher temporal layers, it never sees."""
        at, newest = self._segments[-1], layer.highest
        picture = at.picture
        for number in range(newest, self.shown, -1):
            packet = layer.find(number)
            if packet is not None and packet.head is not None and packet.head.picture_id_at:
                self._dropped_picture = packet.head.picture_id
                picture = self._picture - packet.head.picture_id & 0x7FFF
                break
        if newest > self.shown:
            self._append(Segment(layer, newest + 1, self._next, base & 0xFFFFFFFF, picture, at.tl0))
        self.live, self.thin, self.replay = True, True, None
        self._temporal = 0
        self.up_at = now + UP_AFTER_S
        self.aim()

    def thins_out(self, head: Vp8Head) -> bool:
        """Whether a picture cannot be shown, as it refers to others that were left out."""
        if head.key_frame:
            self.thin = False
            return False
        if head.temporal > self._temporal:
            if not head.sync or not head.begins or head.temporal > self._temporal + 1:
                return True
            self._temporal = head.temporal
            self.thin = head.temporal < 2
        return False

    # ── packets ───────────────────────────────────────────────────────────────────────────────

    def rewrite(self, packet: MediaPacket, now: float, left: Layer | None = None) -> bytes | None:
        """The packet as this subscriber gets it, or None when it lies before the start.

        With `left`, it comes late and of that layer, which was left: None unless the subscriber saw its place.
        """
        number = packet.number
        if self._due is not None and left is None:
            self._settle(packet, self._due)
        segment = self._segment
        if segment is None or left is not None or number < segment.first:
            segment = self._segment_of(left or self.layer, number)
            if segment is None:
                return None
        sequence = number + segment.shift
        timestamp = packet.timestamp + segment.time & 0xFFFFFFFF
        head = packet.head
        if sequence >= self._next:
            self._next = sequence + 1
            self._timestamp = timestamp
            self._sent_at = now
            self._resend_left = min(_RESENT_AT_ONCE, self._resend_left + _RESENT)
            if head is not None:
                self._picture = head.picture_id + segment.picture
                self._tl0 = head.tl0 + segment.tl0
        self._packets += 1
        self._octets += len(packet.payload)
        return self._build(packet, segment, sequence, timestamp)

    def _segment_of(self, layer: Layer | None, number: int) -> Segment | None:
        end = None
        for segment in reversed(self._segments):
            if segment.layer is layer and number >= segment.first:
                return segment if end is None or number + segment.shift < end else None
            end = segment.out
        return None

    def _build(self, packet: MediaPacket, segment: Segment, sequence: int, timestamp: int) -> bytes:
        spec, head = self.spec, packet.head
        payload = packet.payload
        if head is not None:
            payload = vp8.rewrite(payload, head, segment.picture, segment.tl0)
        second = spec.payload_type | 0x80 if packet.marker else spec.payload_type
        if self._mid_left or packet.level is not None:
            extensions = self._extensions(packet)
            if extensions:
                return _HEADER.pack(0x90, second, sequence & 0xFFFF, timestamp, spec.ssrc) + extensions + payload
        return _HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp, spec.ssrc) + payload

    def _extensions(self, packet: MediaPacket) -> bytes:
        ids = self.transport.ids
        level = packet.level if ids.audio_level else None
        if self._mid_left and ids.mid:
            self._mid_left -= 1
            elements = [(ids.mid, self.spec.mid.encode("ascii"))]
            return rtp.extension_block(elements if level is None else [(ids.audio_level, level), *elements])
        # Almost every packet comes this way: with no extension at all, or with the one byte of a level.
        return b"" if level is None else _level_block(ids.audio_level, level)

    @property
    def octets(self) -> int:
        """What it was sent for the first time, with what each packet costs on the way."""
        return self._octets + self._packets * _OVERHEAD

    def may_resend(self) -> bool:
        """Whether one more packet may be looked for; each time counts, found or not."""
        if self._resend_left < 1:
            return False
        self._resend_left -= 1
        return True

    def may_refresh(self, now: float) -> bool:
        """Whether its subscriber may ask for one more key frame; counts those that it may."""
        return self._refreshes.take(now)

    def may_prime(self, now: float) -> bool:
        """Whether it may begin with what its track sent before; counts as if it did, where it can send."""
        track = (self.track.spec.transport, self.track.spec.mid) if self.track is not None else None
        if track == self._primed and now - self._primed_at < _PRIMED_AGAIN_S:
            return False
        if self.can_send:
            self._primed, self._primed_at = track, now
        return True

    @property
    def can_send(self) -> bool:
        """Whether what it is given can leave."""
        return self.open and self.transport.cipher is not None and self.transport.path is not None

    def resend(self, sequence: int) -> bytes | None:
        """A packet sent before, again (RFC 4588 when negotiated), or None when it is gone."""
        if self.track is None or self.spec.kind is not Kind.VIDEO:
            return None
        wanted = unwrap(sequence, self._next - 1)
        if wanted >= self._next:
            return None
        end = self._next
        for segment in reversed(self._segments):
            if wanted >= segment.out:
                break
            end = segment.out
        else:
            return None
        number = wanted - segment.shift
        packet = segment.layer.find(number) if wanted < end else None
        if packet is None and self.spec.monitor and self.track.cache.layer is segment.layer:
            packet = self.track.cache.find(number)
        if packet is None:
            return None
        plain = self._build(packet, segment, wanted, packet.timestamp + segment.time & 0xFFFFFFFF)
        if self.spec.rtx_ssrc is None or self.spec.rtx_payload_type is None:
            return plain
        self._rtx_next = self._rtx_next + 1 & 0xFFFF
        head = 12 + (4 + 4 * struct.unpack_from("!H", plain, 14)[0] if plain[0] & 0x10 else 0)
        return b"".join(
            (
                plain[:1],
                bytes((plain[1] & 0x80 | self.spec.rtx_payload_type,)),
                struct.pack("!H", self._rtx_next),
                plain[4:8],
                struct.pack("!I", self.spec.rtx_ssrc),
                plain[12:head],
                plain[2:4],
                plain[head:],
            )
        )

    def sender_report(self) -> bytes | None:
        """The source's clock in this slot's terms, so that receivers can align sound and picture."""
        layer, segment = self.layer, self._segment
        if layer is None or segment is None or not self.live or layer.report is None:
            return None
        report = layer.report[0]
        if self._guessed:
            self._guessed = False
            time = self._told_time(layer)
            if time is not None and abs(_signed(time - segment.time)) < _GUESS_S * self.spec.clock_rate:
                self._due = time
        timestamp = report.rtp + (segment.time if self._due is None else self._due) & 0xFFFFFFFF
        if self._told is not None and self._told[0] is layer.track and layer.ntp < self._told[1]:
            return None  # of a layer that reported before the one that was left: receivers take it for disorder
        self._told = (layer.track, layer.ntp, timestamp)
        told = rtcp.sender_report(self.spec.ssrc, layer.ntp, timestamp, self._packets, self._octets)
        return told + rtcp.description(self.spec.ssrc, self.spec.cname or self.spec.mid)


def _signed(difference: int) -> int:
    """Between two 32-bit timestamps."""
    return (difference + 0x80000000 & 0xFFFFFFFF) - 0x80000000


@lru_cache(1_024)
def _level_block(name: int, level: bytes) -> bytes:
    return rtp.extension_block([(name, level)])
