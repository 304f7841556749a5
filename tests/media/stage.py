"""A plane over an engine without packets, whose clients answer by hand."""

from __future__ import annotations

import asyncio
import re

from media.connection import Connection
from media.engine.interface import Silent, SrtpKeys, SrtpProfile, TransportId
from media.plane import MediaPlane
from protocol.messages import LayersWanted, PicturesResting, SubscribeOffer
from protocol.values import Source
from tests.media.fakes import FakeEngine
from tests.media.offers import CHROMIUM_OFFER, answer_to

SOURCES = {"0": Source.MICROPHONE, "1": Source.CAMERA}
SHARING = SOURCES | {"2": Source.SCREEN_AUDIO, "3": Source.SCREEN}
ROOM = "room"
KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"", b"")


_HEAD, _AUDIO, _VIDEO = re.split("(?=m=audio|m=video)", CHROMIUM_OFFER)
SHARING_OFFER = (
    _HEAD.replace("BUNDLE 0 1", "BUNDLE 0 1 2 3")
    + _AUDIO
    + _VIDEO
    + _AUDIO.replace("a=mid:0", "a=mid:2").replace("3910432611", "2001")
    + _VIDEO.replace("a=mid:1", "a=mid:3").replace("1001", "3001").replace("1002", "3002")
)
"""The same page, once it shares its screen with sound."""


def without_screen(offer: str) -> str:
    """The offer after the share: what carried it stays, and carries nothing."""
    head, *sections = re.split("(?=m=audio|m=video)", offer)
    return head + "".join(sections[:2]) + "".join(s.replace("sendonly", "inactive") for s in sections[2:])


class Stage:
    """People in one room."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.offers: list[tuple[str, SubscribeOffer]] = []
        self.speakers: list[tuple[str, ...]] = []
        self.talk: list[dict[str, int]] = []
        self.layers: list[tuple[str, LayersWanted | PicturesResting]] = []
        self.failed: list[tuple[str, str]] = []
        self.plane = MediaPlane(
            self.engine,
            on_offer=lambda _room, who, offer: self.offers.append((who, offer)),
            on_speakers=lambda _room, who: self.speakers.append(who),
            on_talk=lambda _room, times: self.talk.append(dict(times)),
            on_pictures=lambda _room, who, frame: self.layers.append((who, frame)),
            on_failed=lambda _room, who, end: self.failed.append((who, end)),
        )

    async def turn(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    def last(self, who: str) -> SubscribeOffer:
        return [offer for name, offer in self.offers if name == who][-1]

    def count(self, who: str) -> int:
        return sum(name == who for name, _ in self.offers)

    async def join(self, *people: str) -> None:
        for who in people:
            self.plane.add_peer(ROOM, who)
        await self.turn()
        for who in people:
            await self.agree(who)

    async def agree(self, who: str) -> None:
        """Answers what is outstanding, until nothing is."""
        while True:
            offer = self.last(who)
            self.plane.answer(ROOM, who, offer.version, answer_to(offer.sdp))
            await self.turn()
            if self.last(who) is offer:
                return

    async def publish(self, who: str, text: str = CHROMIUM_OFFER, sources: dict[str, Source] | None = None) -> str:
        answer = self.plane.publish(ROOM, who, text, SOURCES if sources is None else sources)
        await self.turn()
        return answer

    def gate(self, who: str, source: Source, is_open: bool) -> None:
        self.plane.set_gate(ROOM, who, source, is_open)

    def publishes_on(self, who: str) -> TransportId:
        publication = self.plane._rooms[ROOM].peers[who].publication
        assert publication is not None
        return publication.connection.transport

    def subscribes_on(self, who: str) -> TransportId:
        subscription = self.plane._rooms[ROOM].peers[who].subscriber.subscription
        assert subscription is not None
        return subscription.connection.transport

    def connection(self, transport: TransportId) -> Connection:
        return self.plane._connections._standing[transport].connection

    def shake_hands(self, transport: TransportId) -> None:
        """DTLS is done on a connection."""
        self.connection(transport)._keys(KEYS)

    def fall_silent(self, transport: TransportId) -> None:
        self.engine.happen(Silent(transport, 15.0))

    def fail_handshake(self, transport: TransportId) -> None:
        self.connection(transport).endpoint._on_closed(False)

    def heard(self, listener: str, speaker: str) -> set[str]:
        """Mids of a speaker that reach a listener."""
        reach = self.engine.heard_by(self.subscribes_on(listener))
        return {mid for transport, mid in reach if transport == self.publishes_on(speaker)}

    def fail_monitor_handshake(self, transport: TransportId) -> None:
        self.plane._monitors.connections._standing[transport].connection.endpoint._on_closed(False)
