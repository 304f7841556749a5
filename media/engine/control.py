"""RTCP both ways: what clients report and ask for, and what publishers are told and asked in turn."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.engine import rtcp
from media.engine.ingress import Layer
from media.engine.interface import Drop, Event, LayerDown, Loss, TransportId
from media.engine.key_frames import NEVER
from media.engine.sending import Sender
from media.engine.transport import Transport

REPORTS_APART_S: Final = 0.5
"""A publisher's sender reports go to every subscriber: more of them than this tell nobody anything new."""

LOSS_APART_S: Final = 1.0


class Control:
    """Appends to the events it was given; packets leave by the sender."""

    def __init__(self, ssrc: int, cname: str, sender: Sender, events: deque[Event]) -> None:
        """`ssrc` and `cname` are those that we send RTCP under."""
        self._ssrc = ssrc
        self._description = rtcp.description(ssrc, cname)
        self._preface = rtcp.receiver_report(ssrc, []) + self._description
        self._sender = sender
        self._clock: tuple[int, float] | None = None
        """What the clock of the first publisher that reported showed (NTP), and when."""
        self._events = events

    # ── in ────────────────────────────────────────────────────────────────────────────────────

    def take(self, transport: Transport, plain: bytes, now: float) -> set[TransportId]:
        """Takes a decrypted RTCP packet of a publisher or subscriber.

        Returns the publishers to whom there may be something to say now.
        """
        asked: set[TransportId] = set()
        items = rtcp.parse(plain)
        if items is None:
            transport.stats.dropped[Drop.MALFORMED] += 1
            return asked
        for item in items:
            match item:
                case rtcp.SenderReport():
                    self._sender_report(transport, item, now)
                case rtcp.Reception():
                    self._reception(transport, item)
                case rtcp.Nack():
                    self._nack(transport, item)
                case rtcp.KeyFrameRequest():
                    transport.stats.plis_in += 1
                    slot = transport.slots.get(item.ssrc)
                    if slot is None or not slot.open or slot.spec.monitor:
                        continue
                    layer = slot.layer if slot.live else slot.target
                    if layer is not None and (layer.track.keys.wants(layer) or slot.may_refresh(now)):
                        layer.want_key(now)
                        asked.add(layer.track.spec.transport)
                case rtcp.Goodbye():
                    for ssrc in item.ssrcs:
                        source = transport.sources.get(ssrc)
                        if source is not None and not source[1]:
                            self.down(source[0])
        self._tell_loss(transport, now)
        return asked

    def _tell_loss(self, transport: Transport, now: float) -> None:
        lost, expected = transport.reported
        if expected and now >= transport.loss_told_at + LOSS_APART_S:
            transport.reported = (0, 0)
            octets = sum(slot.octets for slot in transport.slots.values())
            sent = max(0.0, (octets - transport.octets_told) / (now - transport.loss_told_at))
            transport.loss_told_at, transport.octets_told = now, octets
            self._events.append(Loss(transport.id, min(1.0, lost / expected), sent))

    def _sender_report(self, transport: Transport, report: rtcp.SenderReport, now: float) -> None:
        source = transport.sources.get(report.ssrc)
        if source is None or source[1]:
            return
        layer = source[0]
        layer.report = (report, now)
        layer.ntp = report.ntp + self._shift(transport, report.ntp, now) & 0xFFFFFFFFFFFFFFFF
        if layer.track.open and now - layer.report_passed_at >= REPORTS_APART_S:
            layer.report_passed_at = now
            for slot in layer.track.slots:
                if slot.open and slot.live and slot.layer is layer:
                    self._sender.report(slot)

    def _shift(self, transport: Transport, ntp: int, now: float) -> int:
        """What is added to a publisher's clock, of all its tracks alike, so that it agrees with everyone else's.

        A slot goes from one to the other, and receivers draw one line through the reports of both.
        """
        if transport.clock_shift is None:
            if self._clock is None:
                self._clock = ntp, now
            first, since = self._clock
            transport.clock_shift = first + round((now - since) * 0x100000000) - ntp
        return transport.clock_shift

    def _reception(self, transport: Transport, reception: rtcp.Reception) -> None:
        slot = transport.slots.get(reception.ssrc)
        if slot is None or slot.spec.monitor:
            return
        before, slot.reported = slot.reported, reception.highest
        expected = reception.highest - before & 0xFFFFFFFF
        if before >= 0 and expected < 0x8000:
            lost, of = transport.reported
            transport.reported = (lost + expected * reception.fraction_lost / 256, of + expected)

    def _nack(self, transport: Transport, nack: rtcp.Nack) -> None:
        transport.stats.nacks_in += 1
        slot = transport.slots.get(nack.ssrc)
        if slot is None or not slot.open or slot.track is None or not slot.track.open:
            return
        for sequence in nack.lost:
            if not slot.may_resend():
                return
            plain = slot.resend(sequence)
            if plain is not None:
                self._sender.again(slot, plain)

    def down(self, layer: Layer) -> None:
        """A layer has ceased; who was on it looks for another."""
        if not layer.up:
            return
        layer.up, layer.ceased = False, True
        track = layer.track
        self._events.append(LayerDown(track.spec.transport, track.spec.mid, layer.rid))
        if track.cache.layer is layer:
            track.cache.clear()
        track.aim()

    # ── out ───────────────────────────────────────────────────────────────────────────────────

    def tick(self, transport: Transport, now: float) -> None:
        """Sends a publisher what is due: NACK, PLI, transport feedback, receiver reports."""
        blocks: list[rtcp.ReportBlock] = []
        for track in transport.tracks.values():
            for layer in track.layers.values():
                if now >= layer.nack_at:
                    missing = layer.take_lost(now)
                    if missing:
                        transport.stats.nacks_out += 1
                        self._say(transport, rtcp.nack(self._ssrc, layer.ssrc, missing))
                if now >= layer.report_at:
                    if layer.idle(now):
                        self.down(layer)
                    blocks.append(layer.take_report(now))
                    lost, expected = transport.reported
                    transport.reported = (lost + layer.lost_of[0], expected + layer.lost_of[1])
            keys = track.keys
            if now < keys.request_at and now < keys.refresh_at:
                continue
            asked = keys.take(track.lowest(), now)
            if asked is not None:
                transport.stats.plis_out += 1
                self._say(transport, rtcp.pli(self._ssrc, asked.ssrc))
        if now >= transport.feedback_at:
            transport.feedback_at = NEVER
            ssrc = next(iter(transport.sources), 0)
            feedback = transport.arrivals.feedback(self._ssrc, ssrc)
            if feedback is not None:
                transport.stats.feedback_out += 1
                self._say(transport, feedback)
        for at in range(0, len(blocks), 31):
            report = rtcp.receiver_report(self._ssrc, blocks[at : at + 31])
            self._sender.rtcp(transport, report + self._description)
        if blocks:
            self._tell_loss(transport, now)

    def _say(self, transport: Transport, feedback: bytes) -> None:
        """Alone where that was negotiated (RFC 5506), else in the smallest compound there is (RFC 4585 section 3.1)."""
        self._sender.rtcp(transport, feedback if transport.reduced_rtcp else self._preface + feedback)
