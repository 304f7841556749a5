"""The subscribe side of one client: seats of slots, and offers one at a time.

A seat is a pair of m-sections, sound and picture of one person, or of what that person shares; it is recycled when
these are gone, so the description stays as short as the room was large. A seat's stream id never changes, which keeps
lip sync.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from media.allocation import Feed
from media.connection import Connection
from media.engine.interface import EgressSpec, Kind, OutId, PacketEngine, TransportId
from media.negotiation import (
    AUDIO_CLOCK,
    EGRESS_EXTENSIONS,
    OPUS,
    VIDEO_CLOCK,
    VP8,
    VP8_RTX,
    OfferedSlot,
    kind_of,
    read_subscribe_answer,
    write_subscribe_offer,
)
from media.sdp import refuse
from media.whisper import Whisper
from protocol.ids import ParticipantId
from protocol.messages import SubscribeOffer
from protocol.values import Source, TrackInfo


@dataclass(slots=True)
class _Slot:
    mid: str
    kind: Kind
    ssrc: int
    rtx_ssrc: int | None
    out: OutId
    source: Source | None = None
    offered: tuple[str, Source] | None = None
    """What the outstanding, or else the last, offer says that it carries."""
    open: bool = False
    """The client knows what it carries."""
    feed: tuple[TransportId, str] | None = None
    rid: str | None = ""
    """The layer that it is to carry, "" for the lowest; None while it rests."""


class _Seat:
    def __init__(self, stream: str, audio: _Slot, video: _Slot) -> None:
        self.stream = stream
        self.audio = audio
        self.video = video
        self.participant = ""
        self.shared = False
        """Taken by what the participant shares, and not by themselves."""

    @property
    def slots(self) -> tuple[_Slot, _Slot]:
        return self.audio, self.video

    def belongs_to(self, participant: str, source: Source) -> bool:
        return self.participant == participant and self.shared == is_shared(source)

    def slot_for(self, source: Source) -> _Slot:
        return self.audio if kind_of(source) is Kind.AUDIO else self.video

    def carried(self, slot: _Slot) -> tuple[str, Source] | None:
        return None if slot.source is None else (self.participant, slot.source)


def is_shared(source: Source) -> bool:
    """Whether it belongs to what somebody shares, and not to themselves."""
    return source in (Source.SCREEN, Source.SCREEN_AUDIO)


class Subscription:
    """One subscribe connection. Versions of its offers go on from `version`."""

    def __init__(
        self,
        engine: PacketEngine,
        connection: Connection,
        version: int,
        schedule: Callable[[], None],
        allotted: Callable[[Feed], str | None],
        chance: Random,
        *,
        whispers: bool = False,
        monitor: bool = False,
    ) -> None:
        """`schedule` is called when an offer should soon be taken by `take_offer`. `chance` chooses SSRCs.

        `allotted` says what is to come of a picture at first; later `give` does.

        `whispers`: somebody may speak to this client alone. `monitor`: it belongs to nobody in the room, and its
        pictures begin with what is kept of them.
        """
        self._engine = engine
        self._allotted = allotted
        self._schedule = schedule
        self._chance = chance
        self._monitor = monitor
        self.connection = connection
        self.version = version
        self._fresh = True
        self._outstanding = False
        self._dirty = True
        self._seats: list[_Seat] = []
        engine.set_ext_ids(connection.transport, EGRESS_EXTENSIONS)
        self._add_seat()  # with it ICE and DTLS are up before anyone publishes
        self.whisper = Whisper(engine, connection.transport, chance) if whispers else None
        """Its m-line stays behind those of the first seat."""

    def show(self, participant: str, source: Source, transport: TransportId, mid: str) -> None:
        """Lets this client have a track; repeating it with another transport moves the slot there."""
        seat = next((seat for seat in self._seats if seat.belongs_to(participant, source)), None)
        if seat is None:
            seat = next((seat for seat in self._seats if not seat.participant), None) or self._add_seat()
            seat.participant, seat.shared = participant, is_shared(source)
        slot = seat.slot_for(source)
        if slot.source is not source:
            slot.source = source
            self._change()
        slot.feed = (transport, mid)
        if slot.kind is Kind.VIDEO:
            slot.rid = self._allotted(Feed(participant, source))
        self._feed(slot)

    def give(self, feed: Feed, rid: str | None) -> None:
        """Carries a picture in the layer of that rid, "" for the lowest, or lets it rest. The client is not asked."""
        for seat in self._seats:
            slot = seat.slot_for(feed.source)
            if seat.belongs_to(feed.participant, feed.source) and slot.source is feed.source:
                slot.rid = rid
                self._feed(slot)

    def _feed(self, slot: _Slot) -> None:
        transport, mid = slot.feed or (None, "")
        self._engine.route(slot.out, transport, mid, slot.rid or "")
        self._set_gate(slot)

    def _set_gate(self, slot: _Slot) -> None:
        is_open = slot.open and slot.rid is not None
        self._engine.set_egress_gate(slot.out, is_open)
        if is_open and self._monitor and slot.kind is Kind.VIDEO:
            self._engine.prime_from_cache(slot.out)

    def hide(self, participant: str, source: Source) -> None:
        """The track ended."""
        for seat in self._seats:
            slot = seat.slot_for(source)
            if seat.belongs_to(participant, source) and slot.source is source:
                self._clear(seat, slot)

    def hide_all(self) -> None:
        """There is nothing any more. Once this returns, not one more packet leaves."""
        for seat in self._seats:
            for slot in seat.slots:
                if slot.source is not None:
                    self._clear(seat, slot)

    def _clear(self, seat: _Seat, slot: _Slot) -> None:
        slot.source = slot.feed = None
        slot.open, slot.rid = False, ""
        self._engine.set_egress_gate(slot.out, False)
        self._engine.route(slot.out, None)
        if seat.audio.source is None and seat.video.source is None:
            seat.participant = ""
        self._change()

    def take_offer(self) -> SubscribeOffer | None:
        """The next offer, when one is due and none is outstanding."""
        if self._outstanding or not self._dirty:
            return None
        self._dirty = False
        self._outstanding = True
        self.version += 1
        offered: list[OfferedSlot] = []
        tracks: list[TrackInfo] = []
        for place, seat in enumerate(self._seats):
            for slot in seat.slots:
                slot.offered = seat.carried(slot)
                active = slot.source is not None
                offered.append(OfferedSlot(slot.mid, slot.kind, active, slot.ssrc, slot.rtx_ssrc, seat.stream))
                if slot.source is not None:
                    tracks.append(TrackInfo(slot.mid, ParticipantId(seat.participant), slot.source))
            if not place and self.whisper is not None:
                offered.append(self.whisper.offered)
        text = write_subscribe_offer(offered, self.connection.local, self.version)
        fresh, self._fresh = self._fresh, False
        return SubscribeOffer(self.version, text, tuple(tracks), fresh)

    def awaits(self, version: int) -> bool:
        """Whether the offer of that version is outstanding."""
        return self._outstanding and version == self.version

    def answer(self, version: int, text: str) -> None:
        """Takes the answer to the outstanding offer; an answer to another is ignored. Raises Refused(SDP_REJECTED)."""
        if not self.awaits(version):
            return
        fingerprint, receiving = read_subscribe_answer(text)
        if self.connection.fingerprint is None:
            self.connection.begin(fingerprint)
        elif self.connection.fingerprint != fingerprint:
            raise refuse("fingerprint")
        self._outstanding = False
        for seat in self._seats:
            for slot in seat.slots:
                # Packets before the client knows the slot would be lost, and with them the key frame.
                if slot.mid in receiving and slot.offered is not None and slot.offered == seat.carried(slot):
                    slot.open = True
                    self._set_gate(slot)
        if self.whisper is not None and self.whisper.offered.mid in receiving:
            self.whisper.know()
        if self._dirty:
            self._schedule()

    def _change(self) -> None:
        self._dirty = True
        if not self._outstanding:
            self._schedule()

    def _add_seat(self) -> _Seat:
        number = len(self._seats)
        stream = f"seat{number}"
        seat = _Seat(stream, *(self._add_slot(kind, number, stream) for kind in (Kind.AUDIO, Kind.VIDEO)))
        self._seats.append(seat)
        return seat

    def _add_slot(self, kind: Kind, number: int, stream: str) -> _Slot:
        audio = kind is Kind.AUDIO
        ssrc = self._chance.getrandbits(31) + 1
        rtx_ssrc = None if audio else self._chance.getrandbits(31) + 1
        mid = f"{'a' if audio else 'v'}{number}"
        spec = EgressSpec(
            transport=self.connection.transport,
            mid=mid,
            kind=kind,
            ssrc=ssrc,
            payload_type=OPUS if audio else VP8,
            clock_rate=AUDIO_CLOCK if audio else VIDEO_CLOCK,
            rtx_ssrc=rtx_ssrc,
            rtx_payload_type=None if audio else VP8_RTX,
            monitor=self._monitor,
            cname=stream,
        )
        out = self._engine.add_egress(spec)
        self._engine.set_egress_gate(out, False)
        return _Slot(mid, kind, ssrc, rtx_ssrc, out)
