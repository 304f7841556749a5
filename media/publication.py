"""The publish side of one client: one connection, and the tracks on it."""

from __future__ import annotations

from typing import Final

from media.connection import Connection
from media.engine.interface import IngressSpec, Kind, PacketEngine
from media.negotiation import AUDIO_CLOCK, VIDEO_CLOCK, PublishOffer, kind_of, write_publish_answer
from protocol.values import Source

LOUDEST: Final = 4
"""So many microphones of a room pass at once, beside those that always do."""


class Publication:
    """One publish connection. Its gates are closed until they are opened."""

    def __init__(self, engine: PacketEngine, connection: Connection, offer: PublishOffer, group: int) -> None:
        """`group`: the audio group of the engine in which its microphone competes."""
        self._engine = engine
        self._ufrag, self._fingerprint = offer.ufrag, offer.fingerprint
        self._group = group
        self._answers = 0
        self.connection = connection
        self.mids: dict[Source, str] = {}
        """What is sent."""
        self.rids: dict[str, tuple[str, ...]] = {}
        """The layers of each mid."""

    def continues(self, offer: PublishOffer) -> bool:
        """Whether that offer is for this connection."""
        return (self._ufrag, self._fingerprint) == (offer.ufrag, offer.fingerprint)

    def take(self, offer: PublishOffer) -> None:
        """Lets the engine expect what is offered from now on."""
        transport = self.connection.transport
        for track in offer.tracks:
            # With nothing of what it was before: neither its gate, nor its place among the voices, nor its budget.
            if self.source_of(track.mid) not in (None, track.source):
                self._engine.remove_ingress(transport, track.mid)
        self._engine.set_ext_ids(transport, offer.extensions)
        self._engine.set_reduced_rtcp(transport, offer.reduced_rtcp)
        for track in offer.tracks:
            if track.sending:
                self._engine.add_ingress(
                    IngressSpec(
                        transport=transport,
                        mid=track.mid,
                        kind=track.kind,
                        payload_type=track.payload_type,
                        clock_rate=AUDIO_CLOCK if track.kind is Kind.AUDIO else VIDEO_CLOCK,
                        rtx_payload_type=track.rtx_payload_type,
                        ssrcs=track.ssrcs,
                        rtx_ssrcs=track.rtx_ssrcs,
                        rids=track.rids,
                    )
                )
                # The sound of what is shared passes beside the voices, and takes no place from them.
                if track.source is Source.MICROPHONE:
                    self._engine.set_audio_group(transport, track.mid, self._group, LOUDEST)
        gone = set(self.mids.values())
        self.mids = {track.source: track.mid for track in offer.tracks if track.sending}
        self.rids = {track.mid: track.rids for track in offer.tracks}
        for mid in gone.difference(self.mids.values()):
            self._engine.remove_ingress(transport, mid)

    def answer(self, offer: PublishOffer) -> str:
        """Lets the client's DTLS in, and answers the offer that was taken."""
        self.connection.begin(offer.fingerprint)
        self._answers += 1
        return write_publish_answer(offer, self.connection.local, self._answers)

    def set_gate(self, source: Source, open: bool) -> None:
        """Opens or closes a source, if it is sent."""
        if source in self.mids:
            self._engine.set_ingress_gate(self.connection.transport, self.mids[source], open)

    def refresh(self) -> None:
        """Asks for a key frame of each picture that is open."""
        for source, mid in self.mids.items():
            if kind_of(source) is Kind.VIDEO:
                self._engine.refresh(self.connection.transport, mid)

    def set_priority(self, always: bool) -> None:
        """Whether its microphone passes however loud others are."""
        if Source.MICROPHONE in self.mids:
            self._engine.set_priority(self.connection.transport, self.mids[Source.MICROPHONE], always)

    def source_of(self, mid: str) -> Source | None:
        """What a mid carries."""
        return next((source for source, known in self.mids.items() if known == mid), None)
