"""From a publisher's decrypted packets to subscribers' slots."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.engine import rtp
from media.engine.binding import MAX_WAITING, Source, bind, may_bind_later
from media.engine.control import Control
from media.engine.egress import Slot
from media.engine.ingress import Layer, MediaPacket
from media.engine.interface import Drop, EngineStats, Event, Kind, LayerUp, Level, Levels, Switched, TransportId
from media.engine.key_frames import NEVER, REFRESH_S
from media.engine.rtp import RtpPacket
from media.engine.sending import Sender
from media.engine.transport import Transport
from media.engine.vp8 import Vp8Head, parse_head

FEEDBACK_S: Final = 0.05
LEVELS_S: Final = 0.1


class Forwarder:
    """The packet path. Appends to the events it was given; packets leave by the sender."""

    def __init__(self, sender: Sender, control: Control, events: deque[Event]) -> None:
        self._sender = sender
        self._send = sender.media
        self._control = control
        self._events = events
        self._levels: dict[tuple[TransportId, str], int] = {}
        self.levels_at = NEVER

    def rtp(self, transport: Transport, plain: bytes, arrival: float, now: float) -> None:
        """Takes a decrypted RTP packet of a publisher."""
        stats = transport.stats
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
        source = transport.sources.get(packet.ssrc)
        if source is None:
            source = bind(transport, packet, now)
            if source is None:
                self._wait(transport, packet, arrival)
                return
            self._catch_up(transport, packet.ssrc, source, now)
        self._bound(transport, source, packet, arrival, now)

    def _wait(self, transport: Transport, packet: RtpPacket, arrival: float) -> None:
        if may_bind_later(transport, packet):
            transport.waiting.append((packet, arrival))
            if len(transport.waiting) <= MAX_WAITING:
                return
            transport.waiting.popleft()
        transport.stats.dropped[Drop.UNBOUND] += 1

    def _catch_up(self, transport: Transport, ssrc: int, source: Source, now: float) -> None:
        """Takes what came before it could be told whose it is."""
        waiting, transport.waiting = transport.waiting, deque()
        for packet, arrival in waiting:
            if packet.ssrc == ssrc:
                self._bound(transport, source, packet, arrival, now)
            else:
                transport.waiting.append((packet, arrival))

    def _bound(self, transport: Transport, source: Source, packet: RtpPacket, arrival: float, now: float) -> None:
        stats = transport.stats
        layer, rtx = source
        track = layer.track
        spec = track.spec
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
        if not layer.up and (layer.returns(packet, now) or len(track.layers) < 2):
            layer.up, layer.ceased = True, False
            self._events.append(LayerUp(transport.id, spec.mid, layer.rid, layer.ssrc))
            track.aim()
        if packet.marker:
            layer.shown(now)
            if len(track.layers) > 1:
                for stalled in track.stalled(layer, now):
                    self._control.down(stalled)
        if not track.open or number <= layer.before:
            stats.dropped[Drop.GATE_CLOSED] += 1
        elif not track.budget.takes(len(packet.payload), now):
            stats.dropped[Drop.TOO_MUCH] += 1
        elif spec.kind is Kind.AUDIO:
            self._audio(transport, layer, packet, number, now)
        else:
            self._video(layer, packet, number, number == layer.highest and not rtx, now, stats)

    def _recovered(self, layer: Layer, packet: RtpPacket) -> int | None:
        # RFC 4588 section 4: the original sequence number comes first. Probes repeat what we have.
        if len(packet.payload) < 2:
            return None
        number = layer.recover(packet.payload[0] << 8 | packet.payload[1])
        packet.payload = packet.payload[2:]
        return number

    # ── sound ─────────────────────────────────────────────────────────────────────────────────

    def _audio(self, transport: Transport, layer: Layer, packet: RtpPacket, number: int, now: float) -> None:
        level = packet.extensions.get(transport.ids.audio_level) if transport.ids.audio_level else None
        loud: int | None = None
        if level and not transport.monitor:  # two-byte headers (RFC 8285 section 4.3) can be empty
            loud = level[0] & 0x7F
            where = (transport.id, layer.track.spec.mid)
            self._levels[where] = min(loud, self._levels.get(where, 127))
            if self.levels_at == NEVER:
                self.levels_at = now + LEVELS_S
        if not packet.payload:
            self._empty(layer, number, number == layer.highest, transport.stats)
            return
        track = layer.track
        if track.group is not None and not track.group.admits(track, loud, now):
            transport.stats.dropped[Drop.NOT_CHOSEN] += 1
            return
        media = MediaPacket(number, packet.timestamp, packet.marker, packet.payload, None, level[:1] if level else None)
        for slot in track.slots:
            if not slot.open or slot.transport.cipher is None or slot.transport.path is None:
                continue
            if not slot.live or slot.layer is not layer:
                if number != layer.highest:  # behind it lies what this slot does not get
                    continue
                slot.start(layer, media, now)
                self._sender.report(slot)
            self._send(slot, media, now)

    # ── pictures ──────────────────────────────────────────────────────────────────────────────

    def _video(
        self, layer: Layer, packet: RtpPacket, number: int, newest: bool, now: float, stats: EngineStats
    ) -> None:
        head: Vp8Head | None = None
        if packet.payload:
            head = parse_head(packet.payload)
            if head is None:
                stats.dropped[Drop.MALFORMED] += 1
                return
        elif newest:
            layer.keep(MediaPacket(number, packet.timestamp, packet.marker, b"", None, None), now)
            self._empty(layer, number, newest, stats)
            return
        # An empty packet that comes late goes through: it closes a gap that subscribers have seen.
        media = MediaPacket(number, packet.timestamp, packet.marker, packet.payload, head, None)
        key = layer.keep(media, now)
        track = layer.track
        keys = track.keys
        if key:
            keys.came(layer, now)
        elif keys.refresh_at == NEVER:
            keys.refresh_at = now + REFRESH_S
        cache = track.cache
        if cache.layer is layer and not key:
            if head is not None and not head.temporal:
                cache.add(media, now)
        elif key and layer is track.lowest():
            cache.begin(layer, now)
        for slot in track.slots:
            if not slot.open:
                continue
            if slot.live and slot.layer is layer:
                if slot.thin and newest and head is not None and slot.thins_out(head):
                    slot.swallow(number, head)
                else:
                    self._send(slot, media, now)
            elif slot.target is layer:
                if key:
                    if slot.may_leave(now):
                        self._begin(slot, layer, now)
                elif not keys.wants(layer) and slot.may_ask(now) and slot.may_change(now):
                    keys.want(layer, now)
            elif slot.live and not newest:
                self._send(slot, media, now, layer)

    @staticmethod
    def _empty(layer: Layer, number: int, newest: bool, stats: EngineStats) -> None:
        stats.dropped[Drop.PADDING] += 1
        if newest:
            for slot in layer.track.slots:
                if slot.live and slot.layer is layer:
                    slot.swallow(number)

    def prime(self, slot: Slot, now: float) -> None:
        """Starts a video slot at the last key frame when that is recent; otherwise asks for one.

        It asks also for a slot that cannot send yet, so that the key frame is there when it can.
        """
        layer = slot.target
        if layer is None or not layer.track.open or slot.live or slot.spec.kind is not Kind.VIDEO:
            return
        if layer.fresh_key(now) and slot.may_prime(now):
            self._begin(slot, layer, now)
        elif layer.track.keys.wants(layer) or slot.may_begin(now):
            layer.want_key(now)

    def _begin(self, slot: Slot, layer: Layer, now: float) -> None:
        """Starts a slot, or takes it over to another layer, at that layer's last key frame."""
        if not slot.can_send:
            return
        first = True
        for media in layer.since_key():
            if first:
                slot.start(layer, media, now)
                self._events.append(Switched(slot.out, layer.rid))
                self._sender.report(slot)
                first = False
            if media.payload:
                self._send(slot, media, now)
            else:
                slot.swallow(media.number)

    # ── levels ────────────────────────────────────────────────────────────────────────────────

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
