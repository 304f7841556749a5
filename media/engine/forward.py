"""From a publisher's decrypted packets to subscribers' encrypted ones, and RTCP both ways."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.engine import rtcp, rtp
from media.engine.egress import Slot
from media.engine.ingress import IDLE_S, NEVER, Layer, MediaPacket, Track
from media.engine.interface import (
    Drop,
    EngineStats,
    Event,
    Kind,
    LayerDown,
    LayerUp,
    Level,
    Levels,
    TransportId,
)
from media.engine.rtp import RtpPacket
from media.engine.srtp import MAX_PLAIN
from media.engine.transport import Path, Transport
from media.engine.vp8 import Vp8Head, parse_head

REPORTS_APART_S: Final = 0.5
"""A publisher's sender reports go to every subscriber: more of them than this tell nobody anything new."""

FEEDBACK_S: Final = 0.05
LEVELS_S: Final = 0.1


class Forwarder:
    """The packet path. Appends to the outgoing datagrams and events it was given."""

    def __init__(
        self, sender_ssrc: int, out: list[tuple[bytes, Path]], events: deque[Event], stats: EngineStats
    ) -> None:
        self._sender = sender_ssrc
        self._out = out
        self._events = events
        self._stats = stats
        self._levels: dict[tuple[TransportId, str], int] = {}
        self.levels_at = NEVER

    # ── publisher → subscribers ───────────────────────────────────────────────────────────────

    def rtp(self, transport: Transport, plain: bytes, arrival: float, now: float) -> None:
        """Takes a decrypted RTP packet of a publisher."""
        stats = self._stats
        stats.packets_in += 1
        packet = rtp.parse(plain)
        if packet is None:
            stats.dropped[Drop.MALFORMED] += 1
            return
        if transport.ids.transport_cc:
            counter = packet.extensions.get(transport.ids.transport_cc)
            if counter is not None and len(counter) == 2:
                transport.arrivals.add(counter[0] << 8 | counter[1], arrival)
                if transport.feedback_at == NEVER:
                    transport.feedback_at = now + FEEDBACK_S
        source = transport.sources.get(packet.ssrc) or self._bind(transport, packet)
        if source is None:
            stats.dropped[Drop.UNBOUND] += 1
            return
        layer, rtx = source
        spec = layer.track.spec
        if packet.payload_type != (spec.rtx_payload_type if rtx else spec.payload_type):
            stats.dropped[Drop.UNBOUND] += 1
            return
        if rtx:
            number = self._recovered(layer, packet)
        else:
            number = layer.receive(packet.sequence, packet.timestamp, arrival, now)
        if number is None:
            stats.dropped[Drop.DUPLICATE] += 1
            return
        if not layer.up:
            layer.up = True
            self._events.append(LayerUp(transport.id, spec.mid, layer.rid, layer.ssrc))
        if not layer.track.open:
            stats.dropped[Drop.GATE_CLOSED] += 1
        elif spec.kind is Kind.AUDIO:
            self._audio(transport, layer, packet, number, now)
        else:
            self._video(layer, packet, number, number == layer.highest and not rtx, now)

    def _recovered(self, layer: Layer, packet: RtpPacket) -> int | None:
        # RFC 4588 section 4: the original sequence number comes first. Probes repeat what we have.
        if len(packet.payload) < 2:
            return None
        number = layer.recover(packet.payload[0] << 8 | packet.payload[1])
        packet.payload = packet.payload[2:]
        return number

    def _bind(self, transport: Transport, packet: RtpPacket) -> tuple[Layer, bool] | None:
        track = self._track_of(transport, packet)
        if track is None:
            return None
        spec = track.spec
        if packet.payload_type == spec.rtx_payload_type:
            layer = next(iter(track.layers.values()), None)
            if layer is None:
                return None
            if layer.rtx_ssrc is not None:
                transport.sources.pop(layer.rtx_ssrc, None)
            layer.rtx_ssrc = packet.ssrc
            bound = (layer, True)
        else:
            self.forget_layers(transport, track)
            layer = track.layers[""] = Layer(track, "", packet.ssrc)
            if packet.ssrc in spec.ssrcs and len(spec.rtx_ssrcs) == len(spec.ssrcs):
                layer.rtx_ssrc = spec.rtx_ssrcs[spec.ssrcs.index(packet.ssrc)]
                transport.sources[layer.rtx_ssrc] = (layer, True)
            bound = (layer, False)
        transport.sources[packet.ssrc] = bound
        return bound

    def _track_of(self, transport: Transport, packet: RtpPacket) -> Track | None:
        """RFC 8843 section 9.2: by mid, else by a declared SSRC, else by a payload type of one section only."""
        mid = packet.extensions.get(transport.ids.mid) if transport.ids.mid else None
        if mid is not None:
            track = transport.tracks.get(mid.decode("ascii", "replace"))
            if track is None or packet.payload_type in (track.spec.payload_type, track.spec.rtx_payload_type):
                return track
            return None
        fitting = [
            track
            for track in transport.tracks.values()
            if packet.payload_type in (track.spec.payload_type, track.spec.rtx_payload_type)
        ]
        for track in fitting:
            if packet.ssrc in track.spec.ssrcs or packet.ssrc in track.spec.rtx_ssrcs:
                return track
        return fitting[0] if len(fitting) == 1 else None

    def forget_layers(self, transport: Transport, track: Track) -> None:
        """Unbinds a track's SSRCs; its slots wait for a new start."""
        for layer in track.layers.values():
            transport.sources.pop(layer.ssrc, None)
            if layer.rtx_ssrc is not None:
                transport.sources.pop(layer.rtx_ssrc, None)
        track.layers.clear()
        for slot in track.slots:
            slot.pause()

    def _audio(self, transport: Transport, layer: Layer, packet: RtpPacket, number: int, now: float) -> None:
        level = packet.extensions.get(transport.ids.audio_level) if transport.ids.audio_level else None
        if level:  # two-byte headers (RFC 8285 section 4.3) can be empty
            loud = level[0] & 0x7F
            where = (transport.id, layer.track.spec.mid)
            self._levels[where] = min(loud, self._levels.get(where, 127))
            if self.levels_at == NEVER:
                self.levels_at = now + LEVELS_S
        if not packet.payload:
            self._empty(layer, number, number == layer.highest)
            return
        media = MediaPacket(number, packet.timestamp, packet.marker, packet.payload, None, level[:1] if level else None)
        for slot in layer.track.slots:
            if not slot.open or slot.transport.cipher is None or slot.transport.path is None:
                continue
            if not slot.live or slot.layer is not layer:
                slot.start(layer, media, now)
                self._report(slot)
            self._send(slot, media, now)

    def _video(self, layer: Layer, packet: RtpPacket, number: int, newest: bool, now: float) -> None:
        head: Vp8Head | None = None
        if packet.payload:
            head = parse_head(packet.payload)
            if head is None:
                self._stats.dropped[Drop.MALFORMED] += 1
                return
        elif newest:
            self._empty(layer, number, newest)
            return
        # An empty packet that comes late goes through: it closes a gap that subscribers have seen.
        media = MediaPacket(number, packet.timestamp, packet.marker, packet.payload, head, None)
        key = layer.keep(media, now)
        for slot in layer.track.slots:
            if not slot.open or slot.source() is not layer:
                continue
            if slot.live and slot.layer is layer:
                self._send(slot, media, now)
            elif key:
                self.prime(slot, now)
            elif layer.key_request_at == NEVER and slot.transport.cipher is not None:
                layer.want_key(now)

    def _empty(self, layer: Layer, number: int, newest: bool) -> None:
        self._stats.dropped[Drop.PADDING] += 1
        if newest:
            for slot in layer.track.slots:
                if slot.live and slot.layer is layer:
                    slot.swallow(number)

    def prime(self, slot: Slot, now: float) -> None:
        """Starts a video slot at the last key frame when that is recent; otherwise asks for one.

        It asks also for a slot that cannot send yet, so that the key frame is there when it can.
        """
        layer = slot.source()
        if layer is None or not layer.track.open or slot.spec.kind is not Kind.VIDEO:
            return
        if not layer.fresh_key(now):
            layer.want_key(now)
            return
        if not slot.open or slot.transport.cipher is None or slot.transport.path is None:
            return
        first = True
        for media in layer.since_key():
            if first:
                slot.start(layer, media, now)
                self._report(slot)
                first = False
            self._send(slot, media, now)

    def _send(self, slot: Slot, media: MediaPacket, now: float) -> None:
        plain = slot.rewrite(media, now)
        if plain is not None and self._protect(slot.transport, plain):
            self._stats.packets_forwarded += 1

    def _protect(self, transport: Transport, plain: bytes) -> bool:
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return False
        if len(plain) > MAX_PLAIN:
            self._stats.dropped[Drop.TOO_LONG] += 1
            return False
        data = cipher.protect(plain)
        if data is None:
            self._stats.dropped[Drop.SRTP_FAILED] += 1
            return False
        self._out.append((data, path))
        return True

    def _send_rtcp(self, transport: Transport, plain: bytes) -> None:
        cipher, path = transport.cipher, transport.path
        if cipher is None or path is None:
            return
        data = cipher.protect_rtcp(plain)
        if data is None:
            self._stats.dropped[Drop.SRTP_FAILED] += 1
        else:
            self._out.append((data, path))

    def _report(self, slot: Slot) -> None:
        report = slot.sender_report()
        if report is not None:
            self._send_rtcp(slot.transport, report)

    # ── RTCP in ───────────────────────────────────────────────────────────────────────────────

    def rtcp(self, transport: Transport, plain: bytes, now: float) -> set[TransportId]:
        """Takes a decrypted RTCP packet of a publisher or subscriber.

        Returns the publishers to whom there may be something to say now.
        """
        asked: set[TransportId] = set()
        items = rtcp.parse(plain)
        if items is None:
            self._stats.dropped[Drop.MALFORMED] += 1
            return asked
        for item in items:
            match item:
                case rtcp.SenderReport():
                    self._sender_report(transport, item, now)
                case rtcp.Nack():
                    self._nack(transport, item, now)
                case rtcp.KeyFrameRequest():
                    self._stats.plis_in += 1
                    slot = transport.slots.get(item.ssrc)
                    layer = slot.source() if slot is not None and slot.open else None
                    if layer is not None:
                        layer.want_key(now)
                        asked.add(layer.track.spec.transport)
                case rtcp.Goodbye():
                    for ssrc in item.ssrcs:
                        source = transport.sources.get(ssrc)
                        if source is not None and not source[1]:
                            self._down(transport, source[0])
        return asked

    def _sender_report(self, transport: Transport, report: rtcp.SenderReport, now: float) -> None:
        source = transport.sources.get(report.ssrc)
        if source is None or source[1]:
            return
        layer = source[0]
        layer.report = (report, now)
        if layer.track.open and now - layer.report_passed_at >= REPORTS_APART_S:
            layer.report_passed_at = now
            for slot in layer.track.slots:
                if slot.open and slot.live and slot.layer is layer:
                    self._report(slot)

    def _nack(self, transport: Transport, nack: rtcp.Nack, now: float) -> None:
        self._stats.nacks_in += 1
        slot = transport.slots.get(nack.ssrc)
        if slot is None or not slot.open or slot.track is None or not slot.track.open:
            return
        for sequence in nack.lost:
            if not slot.may_resend(now):
                return
            plain = slot.resend(sequence)
            if plain is not None and self._protect(transport, plain):
                self._stats.packets_resent += 1

    def _down(self, transport: Transport, layer: Layer) -> None:
        if layer.up:
            layer.up = False
            self._events.append(LayerDown(transport.id, layer.track.spec.mid, layer.rid))

    # ── timers ────────────────────────────────────────────────────────────────────────────────

    def tick(self, transport: Transport, now: float) -> None:
        """Sends a publisher what is due: NACK, PLI, transport feedback, receiver reports."""
        blocks: list[rtcp.ReportBlock] = []
        for track in transport.tracks.values():
            for layer in track.layers.values():
                if now >= layer.nack_at:
                    lost = layer.take_lost(now)
                    if lost:
                        self._stats.nacks_out += 1
                        self._send_rtcp(transport, rtcp.nack(self._sender, layer.ssrc, lost))
                if now >= layer.key_request_at:
                    layer.key_asked(now)
                    self._stats.plis_out += 1
                    self._send_rtcp(transport, rtcp.pli(self._sender, layer.ssrc))
                if now >= layer.report_at:
                    if now - layer.last_at >= IDLE_S:
                        self._down(transport, layer)
                    blocks.append(layer.take_report(now))
        if now >= transport.feedback_at:
            transport.feedback_at = NEVER
            ssrc = next(iter(transport.sources), 0)
            feedback = transport.arrivals.feedback(self._sender, ssrc)
            if feedback is not None:
                self._stats.feedback_out += 1
                self._send_rtcp(transport, feedback)
        for at in range(0, len(blocks), 31):
            self._send_rtcp(transport, rtcp.receiver_report(self._sender, blocks[at : at + 31]))

    def hush(self, transport: TransportId, mid: str) -> None:
        """Forgets how loud a microphone was that has just been closed."""
        self._levels.pop((transport, mid), None)

    def tick_levels(self, now: float) -> None:
        """Says how loud the open microphones were."""
        if now < self.levels_at:
            return
        self.levels_at = NEVER
        heard = tuple(Level(transport, mid, level) for (transport, mid), level in self._levels.items())
        self._levels.clear()
        self._events.append(Levels(now, heard))
