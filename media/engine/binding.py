"""Which layer of which m-section an SSRC belongs to (RFC 8843 section 9.2, RFC 8852)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from media.engine.ingress import Layer
from media.engine.key_frames import IDLE_S
from media.engine.rtp import RtpPacket
from media.engine.track import Track

if TYPE_CHECKING:
    from media.engine.transport import Transport

MAX_WAITING: Final = 32

_REBINDINGS: Final = 8
_REBINDINGS_PER_S: Final = 2.0
"""So often, at once and in a second, an SSRC takes another's place: each change costs all who watch a new start."""

Source = tuple[Layer, bool]
"""A layer, and whether the SSRC is that of its RTX."""


class Rebindings:
    """How many changes of SSRC a transport has left."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left: float = _REBINDINGS
        self._at = 0.0

    def take(self, now: float) -> bool:
        """One, if there is one left."""
        self._left = min(_REBINDINGS, self._left + (now - self._at) * _REBINDINGS_PER_S)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def bind(transport: Transport, packet: RtpPacket, now: float) -> Source | None:
    """Binds the SSRC of a packet, in the place of the one that its layer had.

    None when it cannot be told, or when the packet is a late one of an SSRC whose place was taken.
    """
    track = _track_of(transport, packet)
    if track is None:
        return None
    if packet.payload_type == track.spec.rtx_payload_type:
        layer = _repaired(transport, track, packet)
        if layer is None or _is_late(layer, packet, now):
            return None
        if layer.rtx_ssrc is not None:
            track.former.append(layer.rtx_ssrc)
            transport.sources.pop(layer.rtx_ssrc, None)
        layer.rtx_ssrc = packet.ssrc
        bound = (layer, True)
    else:
        rid = _name(packet.extensions, transport.ids.rid) if track.spec.rids else ""
        if rid is None or (track.spec.rids and rid not in track.spec.rids):
            return None
        before = track.layers.get(rid)
        if before is not None:
            if _is_late(before, packet, now) or not transport.rebindings.take(now):
                return None
            track.former += (before.ssrc,) if before.rtx_ssrc is None else (before.ssrc, before.rtx_ssrc)
            unbind(transport, before)
        layer = _layer(transport, track, rid, packet.ssrc)
        bound = (layer, False)
    transport.sources[packet.ssrc] = bound
    return bound


def _layer(transport: Transport, track: Track, rid: str, ssrc: int) -> Layer:
    spec = track.spec
    layer = track.layers[rid] = Layer(track, rid, ssrc)
    if ssrc in spec.ssrcs and len(spec.rtx_ssrcs) == len(spec.ssrcs):
        layer.rtx_ssrc = spec.rtx_ssrcs[spec.ssrcs.index(ssrc)]
        transport.sources[layer.rtx_ssrc] = (layer, True)
    return layer


def _is_late(layer: Layer, packet: RtpPacket, now: float) -> bool:
    return packet.ssrc in layer.track.former and now - layer.last_at < IDLE_S


def _repaired(transport: Transport, track: Track, packet: RtpPacket) -> Layer | None:
    rid = _name(packet.extensions, transport.ids.repaired_rid)
    if track.spec.rids:
        return track.layers.get(rid) if rid is not None else None
    return next(iter(track.layers.values()), None)


def may_bind_later(transport: Transport, packet: RtpPacket) -> bool:
    """Whether another packet of that SSRC may yet say which layer of an open simulcast it is."""
    return any(
        track.open and track.spec.rids and packet.payload_type == track.spec.payload_type
        for track in transport.tracks.values()
    )


def _track_of(transport: Transport, packet: RtpPacket) -> Track | None:
    """By mid, else by a declared SSRC, else by a payload type of one section only."""
    mid = _name(packet.extensions, transport.ids.mid)
    if mid is not None:
        track = transport.tracks.get(mid)
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


def _name(extensions: Mapping[int, bytes], number: int) -> str | None:
    value = extensions.get(number) if number else None
    return value.decode("ascii", "replace") if value is not None else None


def unbind(transport: Transport, layer: Layer) -> None:
    """Forgets a layer with its SSRCs; slots on it wait for a new start."""
    track = layer.track
    transport.sources.pop(layer.ssrc, None)
    if layer.rtx_ssrc is not None:
        transport.sources.pop(layer.rtx_ssrc, None)
    if track.layers.get(layer.rid) is layer:
        del track.layers[layer.rid]
    track.keys.drop(layer)
    if track.cache.layer is layer:
        track.cache.clear()
    layer.forget()
    layer.up = False
    for slot in track.slots:
        if slot.layer is layer:
            slot.reset()
        slot.aim()


def unbind_all(transport: Transport, track: Track) -> None:
    """Forgets all layers of a track."""
    track.former.clear()
    for layer in list(track.layers.values()):
        unbind(transport, layer)
