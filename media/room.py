"""One room of the media plane: who is here, what they publish, whose gates are open; and so who receives what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Literal, NamedTuple, Protocol

from media.allocation import Feed
from media.connection import Connection
from media.connections import Connections
from media.engine.interface import Kind, PacketEngine, TransportId
from media.listening import Listening
from media.negotiation import PublishOffer, kind_of, read_publish_offer
from media.pictures import Pictures
from media.publication import Publication
from media.subscriber import Subscriber
from media.subscription import Subscription, is_shared
from media.whisper import Whisper
from protocol.errors import ErrorCode, Refused
from protocol.ids import ParticipantId
from protocol.messages import LayersWanted, PicturesResting, SubscribeOffer
from protocol.values import Picture, Source, Tile, TileSize

End = Literal["publish", "subscribe"]
"""Which of a client's two connections."""


@dataclass(frozen=True, slots=True)
class Outward:
    """What is told: room and participant come first."""

    offer: Callable[[str, str, SubscribeOffer], None]
    speakers: Callable[[str, tuple[str, ...]], None]
    talk: Callable[[str, Mapping[str, int]], None]
    pictures: Callable[[str, str, LayersWanted | PicturesResting], None]
    failed: Callable[[str, str, End], None]


class Shown(NamedTuple):
    """A track that others are to have: whose, and where it comes from."""

    participant: str
    source: Source
    transport: TransportId
    mid: str


class Audience(Protocol):
    """Who hears a room, given by its name, without being in it. Nothing of it ever fails the room."""

    def show(self, room: str, track: Shown) -> None:
        """See `Subscription.show`."""
        ...

    def hide(self, room: str, participant: str, source: Source) -> None:
        """See `Subscription.hide`."""
        ...


@dataclass(slots=True)
class Peer:
    """One participant who is here."""

    room: Room
    participant: str
    echo: bool
    """Its own tracks come back to it."""
    subscriber: Subscriber
    publication: Publication | None = None

    def reaches(self, other: Peer) -> bool:
        """Whether its tracks go to that one."""
        return other is not self or self.echo


class Room:
    """Its calls are those of `MediaPlane`, where they are described."""

    def __init__(
        self,
        name: str,
        group: int,
        engine: PacketEngine,
        connections: Connections[Peer],
        outward: Outward,
        audience: Audience,
        chance: Random,
    ) -> None:
        """`group`: the audio group of the engine in which its microphones compete with each other."""
        self._name = name
        self._group = group
        self._engine = engine
        self._connections = connections
        self._outward = outward
        self._audience = audience
        self._chance = chance
        self.peers: dict[str, Peer] = {}
        self._open: set[tuple[str, Source]] = set()
        self._always: set[str] = set()
        """Whose microphones pass however loud others are."""
        self._pinned: str | None = None
        self._heard: tuple[str, ...] = ()
        """Who speaks, or else spoke last."""
        self.listening = Listening(self._tell_speakers, partial(outward.talk, name))
        self._pictures = Pictures(self._give, self._tell_layers, self._tell_resting)

    @property
    def bare(self) -> bool:
        """Whether there is nothing to remember of it."""
        return not self.peers and not self._open and not self._always and self._pinned is None

    def close(self) -> None:
        """Takes everyone out, and tells nothing any more."""
        for participant in list(self.peers):
            self.leave(participant)
        self.listening.close()
        self._pictures.close()

    # ── who is here ───────────────────────────────────────────────────────────────────────────

    def enter(self, participant: str, *, echo: bool, mentor: bool) -> None:
        """Idempotent."""
        if participant in self.peers:
            return

        def connect(on_up: Callable[[], None], on_ended: Callable[[bool], None]) -> Connection:
            return self._connections.connect(peer, on_up, on_ended)

        def subscribe(connection: Connection, version: int, schedule: Callable[[], None]) -> Subscription:
            allotted = partial(self._pictures.allotted, participant)
            return Subscription(self._engine, connection, version, schedule, allotted, self._chance, whispers=mentor)

        def fill(subscription: Subscription) -> None:
            self._fill(peer, subscription)

        subscriber = Subscriber(
            connect,
            self._connections.end,
            subscribe=subscribe,
            fill=fill,
            on_offer=partial(self._outward.offer, self._name, participant),
            on_failed=partial(self._outward.failed, self._name, participant, "subscribe"),
        )
        peer = self.peers[participant] = Peer(self, participant, echo, subscriber)
        self._pictures.enter(participant)
        subscriber.open()

    def leave(self, participant: str) -> None:
        """Idempotent."""
        peer = self.peers.pop(participant, None)
        if peer is not None:
            self._unpublish(peer)
            peer.subscriber.close()
            self._pictures.leave(participant)

    def peer(self, participant: str) -> Peer:
        """Raises Refused(NOT_FOUND)."""
        peer = self.peers.get(participant)
        if peer is None:
            raise Refused(ErrorCode.NOT_FOUND, "participant")
        return peer

    def expect(self) -> None:
        """Somebody is on the way in: their first pictures are asked for, so that they need not wait for them."""
        for peer in self.peers.values():
            if peer.publication is not None:
                peer.publication.refresh()

    # ── who receives what ─────────────────────────────────────────────────────────────────────

    def publish(self, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Raises Refused."""
        peer = self.peer(participant)
        offer = read_publish_offer(sdp, sources)
        before = peer.publication
        old = dict(before.mids) if before is not None else {}
        if before is not None and before.continues(offer):
            publication, kept = before, dict(before.rids)
        else:
            publication, kept = self._new_publication(peer, offer), {}
        publication.take(offer)
        publication.set_priority(participant in self._always)
        peer.publication = publication
        for source, mid in publication.mids.items():
            publication.set_gate(source, (participant, source) in self._open)
            rids = publication.rids[mid]
            if kind_of(source) is Kind.VIDEO and (old.get(source) != mid or kept.get(mid) != rids):
                self._pictures.publish(Feed(participant, source), rids)
            self._show(peer, publication, source)
        for source in old.keys() - publication.mids.keys():
            self._withdraw(peer, source)
        if before is not None and before is not publication:
            self._connections.end(before.connection)
        return publication.answer(offer)

    def _new_publication(self, peer: Peer, offer: PublishOffer) -> Publication:
        def ended(_failed: bool) -> None:
            self._unpublish(peer)
            self._outward.failed(self._name, peer.participant, "publish")

        connection = self._connections.connect(peer, lambda: None, ended)
        return Publication(self._engine, connection, offer, self._group)

    def _unpublish(self, peer: Peer) -> None:
        publication, peer.publication = peer.publication, None
        if publication is not None:
            for source in publication.mids:
                self._withdraw(peer, source)
            self._connections.end(publication.connection)
            self.listening.hush(peer.participant)

    def _shows(self, participant: str, source: Source) -> bool:
        """Whether others are to have a seat for it. What is shared has one only while it may be seen."""
        return not is_shared(source) or (participant, source) in self._open

    def _show(self, peer: Peer, publication: Publication, source: Source) -> None:
        if self._shows(peer.participant, source):
            track = _shown(peer.participant, publication, source)
            for receiver in self._receivers(peer):
                receiver.show(*track)
            self._audience.show(self._name, track)

    def _hide(self, peer: Peer, source: Source) -> None:
        for receiver in self._receivers(peer):
            receiver.hide(peer.participant, source)
        self._audience.hide(self._name, peer.participant, source)

    def _withdraw(self, peer: Peer, source: Source) -> None:
        self._hide(peer, source)
        self._pictures.withdraw(Feed(peer.participant, source))

    def _receivers(self, peer: Peer) -> list[Subscription]:
        subscriptions = [other.subscriber.subscription for other in self.peers.values() if peer.reaches(other)]
        return [subscription for subscription in subscriptions if subscription is not None]

    def _fill(self, peer: Peer, subscription: Subscription) -> None:
        for other in self.peers.values():
            if other.reaches(peer):
                for track in self._tracks(other):
                    subscription.show(*track)

    def shown(self) -> Iterator[Shown]:
        """What somebody who comes in now is to have; who speaks, or spoke last, comes first."""
        for peer in sorted(self.peers.values(), key=lambda peer: peer.participant not in self._heard):
            yield from self._tracks(peer)

    def _tracks(self, peer: Peer) -> Iterator[Shown]:
        if peer.publication is not None:
            for source in peer.publication.mids:
                if self._shows(peer.participant, source):
                    yield _shown(peer.participant, peer.publication, source)

    def whisper(self, participant: str) -> Whisper:
        """By which somebody can speak to a mentor. Raises Refused(NOT_FOUND): not to them, or not now."""
        subscription = self.peer(participant).subscriber.subscription
        if subscription is None or subscription.whisper is None:
            raise Refused(ErrorCode.NOT_FOUND, "participant")
        return subscription.whisper

    # ── gates ─────────────────────────────────────────────────────────────────────────────────

    def set_gate(self, participant: str, source: Source, open: bool) -> None:
        """Once a closing returns, not one more packet of the source leaves."""
        (self._open.add if open else self._open.discard)((participant, source))
        peer = self.peers.get(participant)
        if peer is not None and peer.publication is not None and source in peer.publication.mids:
            peer.publication.set_gate(source, open)
            if is_shared(source):
                if open:
                    self._show(peer, peer.publication, source)
                else:
                    self._hide(peer, source)
        if not open and source is Source.MICROPHONE:
            self.listening.hush(participant)

    def set_priority(self, participant: str, always: bool) -> None:
        """Whether a person's microphone passes however loud others are."""
        (self._always.add if always else self._always.discard)(participant)
        peer = self.peers.get(participant)
        if peer is not None and peer.publication is not None:
            peer.publication.set_priority(always)

    def set_pinned(self, participant: str | None) -> None:
        """Whose camera comes first for everyone who shows it."""
        self._pinned = participant
        self._pictures.pin(participant)

    # ── pictures ──────────────────────────────────────────────────────────────────────────────

    def view(self, participant: str, tiles: Sequence[Tile]) -> None:
        """Raises Refused."""
        self.peer(participant)
        view: dict[Feed, TileSize] = {}
        for tile in tiles:
            if kind_of(tile.source) is not Kind.VIDEO:
                raise Refused(ErrorCode.INVALID_FIELD, "source")
            view[Feed(tile.participant_id, tile.source)] = tile.size
        self._pictures.view(participant, view)

    def layer(self, peer: Peer, transport: TransportId, mid: str, rid: str, *, up: bool) -> None:
        """A layer of a picture began to flow, or ceased."""
        publication = peer.publication
        if publication is not None and publication.connection.transport == transport:
            source = publication.source_of(mid)
            if source is not None:
                self._pictures.layer(Feed(peer.participant, source), rid, up=up)

    def lose(self, peer: Peer, transport: TransportId, share: float, sent: float) -> None:
        """What one of a peer's connections reports as lost, and what was sent on it."""
        subscription = peer.subscriber.subscription
        # What a publisher loses on its way to us is for its own page to see.
        if subscription is not None and subscription.connection.transport == transport:
            self._pictures.lose(peer.participant, share, sent)

    def _give(self, viewer: str, feed: Feed, rid: str | None) -> None:
        peer = self.peers.get(viewer)
        if peer is not None and peer.subscriber.subscription is not None:
            peer.subscriber.subscription.give(feed, rid)

    def _tell_speakers(self, speaking: tuple[str, ...]) -> None:
        self._heard = speaking or self._heard
        self._pictures.speak(speaking)
        self._outward.speakers(self._name, speaking)

    def _tell_layers(self, participant: str, source: Source, rids: tuple[str, ...]) -> None:
        self._outward.pictures(self._name, participant, LayersWanted(source, rids))

    def _tell_resting(self, viewer: str, feeds: tuple[Feed, ...]) -> None:
        pictures = tuple(Picture(ParticipantId(feed.participant), feed.source) for feed in feeds)
        self._outward.pictures(self._name, viewer, PicturesResting(pictures))


def _shown(participant: str, publication: Publication, source: Source) -> Shown:
    return Shown(participant, source, publication.connection.transport, publication.mids[source])
