"""The media plane as the server sees it: rooms, peers, published sources, gates, speakers. Never packets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final, Literal

from media.allocation import Feed
from media.connection import Connection
from media.dtls import Certificate, Fingerprint
from media.engine.interface import (
    DtlsIn,
    IngressSpec,
    Kind,
    LayerDown,
    LayerUp,
    Levels,
    Loss,
    PacketEngine,
    Selected,
    Silent,
    Switched,
    TransportId,
)
from media.listening import Listening
from media.negotiation import AUDIO_CLOCK, VIDEO_CLOCK, PublishOffer, kind_of, read_publish_offer, write_publish_answer
from media.pictures import Pictures
from media.stats import MediaStats, media_stats
from media.subscription import Subscription, is_shared
from protocol.errors import ErrorCode, Refused
from protocol.messages import LayersWanted, SubscribeOffer
from protocol.values import Source, Tile, TileSize

log = logging.getLogger(__name__)

ANSWER_S: Final = 15.0
LOUDEST: Final = 4
"""So many microphones of a room pass at once, beside those that always do."""
_MAX_MISSED: Final = 3

End = Literal["publish", "subscribe"]
"""Which of a client's two connections."""


@dataclass(slots=True)
class _Publication:
    connection: Connection
    ufrag: str
    fingerprint: Fingerprint
    mids: dict[Source, str] = field(default_factory=dict[Source, str])
    rids: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    answers: int = 0

    def speaks(self, mid: str) -> bool:
        return self.mids.get(Source.MICROPHONE) == mid


@dataclass(slots=True)
class _Peer:
    room: str
    participant: str
    echo: bool = False
    """Its own tracks come back to it."""
    subscription: Subscription | None = None
    version: int = 0
    publication: _Publication | None = None
    offering: bool = False
    missed: int = 0
    """Subscribe offers since the last good answer that got a bad one, or none in time."""
    healed: bool = False
    """Its subscribe connection failed and was offered afresh, and has not been up since."""


@dataclass(slots=True)
class _Room:
    listening: Listening
    pictures: Pictures
    group: int
    """Its microphones compete with each other in this audio group of the engine."""
    peers: dict[str, _Peer] = field(default_factory=dict[str, "_Peer"])
    open: set[tuple[str, Source]] = field(default_factory=set[tuple[str, Source]])
    always: set[str] = field(default_factory=set[str])
    """Whose microphones pass however loud others are."""
    pinned: str | None = None
    """Whose camera comes first for everyone."""

    @property
    def bare(self) -> bool:
        return not self.peers and not self.open and not self.always and self.pinned is None

    def shows(self, participant: str, source: Source) -> bool:
        """Whether others are to have a seat for it. What is shared has one only while it may be seen."""
        return not is_shared(source) or (participant, source) in self.open


class MediaPlane:
    """All calls from one asyncio loop, after `start`. Room and participant ids are opaque.

    Every track goes to all other peers of its room while its gate is open, and back to its own peer where that one
    asked for an echo; gates are closed until opened.
    """

    def __init__(
        self,
        engine: PacketEngine,
        *,
        on_offer: Callable[[str, str, SubscribeOffer], None],
        on_speakers: Callable[[str, tuple[str, ...]], None],
        on_layers: Callable[[str, str, LayersWanted], None] | None = None,
        on_failed: Callable[[str, str, End], None] | None = None,
    ) -> None:
        """Callbacks take room and participant first, and come from the loop, never from inside a call.

        `on_layers`: the layers of that participant's picture that somebody needs now.

        `on_failed`: a connection of that participant ended by itself (it failed, fell silent, was never
        answered for, or the client closed it). The tracks of a publish connection are gone until the client
        publishes anew. A subscribe connection that failed is offered afresh once, without being asked, and
        then again when the client asks for it.
        """
        self._engine = engine
        self._on_offer = on_offer
        self._on_speakers = on_speakers
        self._on_layers = on_layers
        self._on_failed = on_failed
        self._certificate = Certificate()
        self._rooms: dict[str, _Room] = {}
        self._groups = count(1)
        self._connections: dict[TransportId, tuple[Connection, _Peer]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._handshakes_ok = self._handshakes_failed = self._offers = 0

    async def start(self) -> None:
        """Opens the engine's socket. Raises OSError."""
        self._engine.start(self._drain)

    async def close(self) -> None:
        """Says goodbye to every client and closes the engine."""
        for room in list(self._rooms):
            self.close_room(room)
        if self._closing:
            await asyncio.wait(self._closing)
        self._engine.close()

    # ── peers ─────────────────────────────────────────────────────────────────────────────────

    def add_peer(self, room: str, participant: str, *, echo: bool = False) -> None:
        """Lets a participant in; the first subscribe offer follows soon. Idempotent.

        `echo`: their own tracks are sent back to them, to prove the way; what they close does not come back either.
        """
        peers = self._room(room).peers
        if participant in peers:
            return
        peer = peers[participant] = _Peer(room, participant, echo)
        self._rooms[room].pictures.enter(participant)
        self._subscribe(peer)

    def remove_peer(self, room: str, participant: str) -> None:
        """Takes a participant out, with their tracks. Their gates stay as they are. Idempotent."""
        known = self._rooms.get(room)
        if known is None:
            return
        peer = known.peers.pop(participant, None)
        if peer is not None:
            self._unpublish(known, peer)
            self._unsubscribe(peer)
            known.pictures.leave(participant)
        if known.bare:
            self._forget_room(room)

    def close_room(self, room: str) -> None:
        """Takes everyone out of a room, and forgets its gates. Idempotent."""
        known = self._rooms.get(room)
        if known is not None:
            for participant in list(known.peers):
                self.remove_peer(room, participant)
            self._forget_room(room)

    def _forget_room(self, room: str) -> None:
        known = self._rooms.pop(room, None)
        if known is not None:
            known.listening.close()
            known.pictures.close()

    def _room(self, room: str) -> _Room:
        known = self._rooms.get(room)
        if known is None:
            known = self._rooms[room] = _Room(
                Listening(partial(self._on_speakers, room)),
                Pictures(partial(self._give, room), partial(self._tell_layers, room)),
                next(self._groups),
            )
        return known

    def _peer(self, room: str, participant: str) -> tuple[_Room, _Peer]:
        known = self._rooms.get(room)
        peer = known.peers.get(participant) if known is not None else None
        if known is None or peer is None:
            raise Refused(ErrorCode.NOT_FOUND, "participant")
        return known, peer

    # ── publish ───────────────────────────────────────────────────────────────────────────────

    def publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Takes a publish offer and returns the answer. `sources` says what each mid carries.

        An offer with the ufrag of the present connection renegotiates it; another replaces it.
        Raises Refused: SDP_REJECTED, or NOT_FOUND for a participant that is not there.
        """
        known, peer = self._peer(room, participant)
        offer = read_publish_offer(sdp, sources)
        before = peer.publication
        if before is not None and before.ufrag == offer.ufrag and before.fingerprint == offer.fingerprint:
            publication = before
        else:
            publication = _Publication(self._connect(peer), offer.ufrag, offer.fingerprint)
        self._ingress(known, participant, publication, offer)
        mids = {track.source: track.mid for track in offer.tracks if track.sending}
        old = dict(before.mids) if before is not None else {}
        kept = publication.rids if before is publication else {}
        publication.mids = mids
        publication.rids = {track.mid: track.rids for track in offer.tracks}
        peer.publication = publication
        for source, mid in mids.items():
            transport = publication.connection.transport
            self._engine.set_ingress_gate(transport, mid, (participant, source) in known.open)
            rids = publication.rids[mid]
            if kind_of(source) is Kind.VIDEO and (old.get(source) != mid or kept.get(mid) != rids):
                known.pictures.publish(Feed(participant, source), rids)
            if known.shows(participant, source):
                for other in self._receivers(known, peer):
                    other.show(participant, source, transport, mid)
        for source, mid in old.items():
            if source not in mids:
                self._hide(known, peer, source)
            if before is publication and mid not in mids.values():
                self._engine.remove_ingress(publication.connection.transport, mid)
        if before is not None and before is not publication:
            self._end(before.connection)
        publication.connection.begin(offer.fingerprint)
        publication.answers += 1
        return write_publish_answer(offer, publication.connection.local, publication.answers)

    def _ingress(self, known: _Room, participant: str, publication: _Publication, offer: PublishOffer) -> None:
        transport = publication.connection.transport
        self._engine.set_ext_ids(transport, offer.extensions)
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
                    self._engine.set_audio_group(transport, track.mid, known.group, LOUDEST)
                    self._engine.set_priority(transport, track.mid, participant in known.always)

    def _unpublish(self, known: _Room, peer: _Peer) -> None:
        publication, peer.publication = peer.publication, None
        if publication is None:
            return
        for source in publication.mids:
            self._hide(known, peer, source)
        self._end(publication.connection)
        known.listening.hush(peer.participant)

    def _hide(self, known: _Room, peer: _Peer, source: Source) -> None:
        for other in self._receivers(known, peer):
            other.hide(peer.participant, source)
        known.pictures.withdraw(Feed(peer.participant, source))

    @staticmethod
    def _receivers(known: _Room, peer: _Peer) -> list[Subscription]:
        return [
            other.subscription
            for other in known.peers.values()
            if _reaches(peer, other) and other.subscription is not None
        ]

    # ── subscribe ─────────────────────────────────────────────────────────────────────────────

    def answer(self, room: str, participant: str, version: int, sdp: str) -> None:
        """Takes the answer to a subscribe offer; a stale one is ignored.

        Raises Refused(SDP_REJECTED); a fresh offer follows, unless that went wrong a few times already.
        """
        known = self._rooms.get(room)
        peer = known.peers.get(participant) if known is not None else None
        if peer is None or peer.subscription is None or not peer.subscription.awaits(version):
            return
        try:
            peer.subscription.answer(version, sdp)
        except Refused:
            self._missed(peer)
            raise
        peer.missed = 0

    def resubscribe(self, room: str, participant: str) -> None:
        """Gives up the subscribe connection and offers a fresh one. Raises Refused(NOT_FOUND)."""
        _, peer = self._peer(room, participant)
        peer.missed, peer.healed = 0, False
        self._unsubscribe(peer)
        self._subscribe(peer)

    def _missed(self, peer: _Peer) -> bool:
        """The outstanding offer came to nothing: offers a fresh connection. False once that is given up."""
        peer.missed += 1
        self._unsubscribe(peer)
        if peer.missed > _MAX_MISSED:
            return False
        self._subscribe(peer)
        return True

    def _unanswered(self, peer: _Peer, version: int) -> None:
        if peer.subscription is not None and peer.subscription.awaits(version) and not self._missed(peer):
            self._tell_failed(peer, "subscribe")

    def _unsubscribe(self, peer: _Peer) -> None:
        subscription, peer.subscription = peer.subscription, None
        if subscription is not None:
            peer.version = subscription.version
            self._end(subscription.connection)

    def _subscribe(self, peer: _Peer) -> None:
        connection = self._connect(peer)
        known = self._rooms[peer.room]
        peer.subscription = Subscription(
            self._engine,
            connection,
            peer.version,
            lambda: self._schedule(peer),
            lambda feed: known.pictures.allotted(peer.participant, feed),
        )
        for other in known.peers.values():
            if _reaches(other, peer) and other.publication is not None:
                for source, mid in other.publication.mids.items():
                    if known.shows(other.participant, source):
                        transport = other.publication.connection.transport
                        peer.subscription.show(other.participant, source, transport, mid)
        self._schedule(peer)

    def _schedule(self, peer: _Peer) -> None:
        # Not at once: what changes in the same turn of the loop shares one offer.
        if not peer.offering:
            peer.offering = True
            asyncio.get_running_loop().call_soon(self._offer, peer)

    def _offer(self, peer: _Peer) -> None:
        peer.offering = False
        offer = peer.subscription.take_offer() if peer.subscription is not None else None
        if offer is not None:
            peer.version = offer.version
            self._offers += 1
            asyncio.get_running_loop().call_later(ANSWER_S, self._unanswered, peer, offer.version)
            self._on_offer(peer.room, peer.participant, offer)

    # ── pictures ──────────────────────────────────────────────────────────────────────────────

    def view(self, room: str, participant: str, tiles: Sequence[Tile]) -> None:
        """The pictures that a participant's page shows now, the most important first; the others rest.

        Raises Refused: INVALID_FIELD for what is no picture, or NOT_FOUND.
        """
        known, _ = self._peer(room, participant)
        view: dict[Feed, TileSize] = {}
        for tile in tiles:
            if kind_of(tile.source) is not Kind.VIDEO:
                raise Refused(ErrorCode.INVALID_FIELD, "source")
            view[Feed(tile.participant_id, tile.source)] = tile.size
        known.pictures.view(participant, view)

    def _give(self, room: str, viewer: str, feed: Feed, rid: str | None) -> None:
        peer = self._rooms[room].peers.get(viewer)
        if peer is not None and peer.subscription is not None:
            peer.subscription.give(feed, rid)

    def _tell_layers(self, room: str, participant: str, source: Source, rids: tuple[str, ...]) -> None:
        if self._on_layers is not None:
            self._on_layers(room, participant, LayersWanted(source, rids))

    def _layer(self, transport: TransportId, mid: str, rid: str, *, up: bool) -> None:
        _, peer = self._connections.get(transport, (None, None))
        publication = peer.publication if peer is not None else None
        if peer is None or publication is None or publication.connection.transport != transport:
            return
        for source, known in publication.mids.items():
            if known == mid:
                self._rooms[peer.room].pictures.layer(Feed(peer.participant, source), rid, up=up)

    def _loss(self, transport: TransportId, share: float) -> None:
        _, peer = self._connections.get(transport, (None, None))
        subscription = peer.subscription if peer is not None else None
        # What a publisher loses on its way to us is for its own page to see.
        if peer is not None and subscription is not None and subscription.connection.transport == transport:
            self._rooms[peer.room].pictures.lose(peer.participant, share)

    # ── gates ─────────────────────────────────────────────────────────────────────────────────

    def set_gate(self, room: str, participant: str, source: Source, open: bool) -> None:
        """Opens or closes a source for everyone. Idempotent.

        Gates belong to the room and are remembered until it is closed: for a source that is not published
        yet, and for a participant who goes and comes back.
        Once a closing returns, not one more packet of the source leaves, retransmissions included.
        """
        known = self._room(room)
        if open:
            known.open.add((participant, source))
        else:
            known.open.discard((participant, source))
        peer = known.peers.get(participant)
        if peer is not None and peer.publication is not None and source in peer.publication.mids:
            transport, mid = peer.publication.connection.transport, peer.publication.mids[source]
            self._engine.set_ingress_gate(transport, mid, open)
            if is_shared(source):
                for other in self._receivers(known, peer):
                    if open:
                        other.show(participant, source, transport, mid)
                    else:
                        other.hide(participant, source)
        if not open and source is Source.MICROPHONE:
            known.listening.hush(participant)
        if known.bare:
            self._forget_room(room)

    def set_priority(self, room: str, participant: str, always: bool) -> None:
        """Whether a person's microphone passes however loud others are; its gate counts as ever. Idempotent.

        Remembered as gates are.
        """
        known = self._room(room)
        if always:
            known.always.add(participant)
        else:
            known.always.discard(participant)
        peer = known.peers.get(participant)
        if peer is not None and peer.publication is not None and Source.MICROPHONE in peer.publication.mids:
            publication = peer.publication
            self._engine.set_priority(publication.connection.transport, publication.mids[Source.MICROPHONE], always)
        if known.bare:
            self._forget_room(room)

    def set_pinned(self, room: str, participant: str | None) -> None:
        """Whose camera everyone gets first, and loses last. Idempotent. Remembered as gates are."""
        known = self._room(room)
        known.pinned = participant
        if known.bare:
            self._forget_room(room)

    # ── connections and the engine's events ───────────────────────────────────────────────────

    def _connect(self, peer: _Peer) -> Connection:
        def up() -> None:
            self._handshakes_ok += 1
            if peer.subscription is not None and peer.subscription.connection is connection:
                peer.healed = False

        def ended(was_up: bool) -> None:
            if not was_up:
                self._handshakes_failed += 1
            # What was up and is closed now, the client has closed; the rest has failed.
            self._ended(connection.transport, failed=not was_up)

        connection = Connection(self._engine, self._certificate, up, ended)
        self._connections[connection.transport] = (connection, peer)
        return connection

    def _end(self, connection: Connection) -> None:
        if self._connections.pop(connection.transport, None) is None:
            return
        connection.close()
        task = asyncio.get_running_loop().create_task(connection.endpoint.wait_closed())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _ended(self, transport: TransportId, *, failed: bool) -> None:
        """A connection ended by itself."""
        connection, peer = self._connections.get(transport, (None, None))
        if connection is None or peer is None:
            return
        known = self._rooms.get(peer.room)
        if known is not None and peer.publication is not None and peer.publication.connection is connection:
            self._unpublish(known, peer)
        if peer.subscription is not None and peer.subscription.connection is connection:
            self._unsubscribe(peer)
            if failed and not peer.healed:
                peer.healed = True
                self._subscribe(peer)
            self._tell_failed(peer, "subscribe")
        else:
            self._tell_failed(peer, "publish")

    def _tell_failed(self, peer: _Peer, end: End) -> None:
        if self._on_failed is not None:
            self._on_failed(peer.room, peer.participant, end)

    def _drain(self) -> None:
        while events := self._engine.drain():
            for event in events:
                match event:
                    case DtlsIn(transport, data):
                        if transport in self._connections:
                            self._connections[transport][0].endpoint.feed(data)
                    case Levels():
                        self._levels(event)
                    case Silent(transport, _):
                        # Before it is up, the time for the answer and that for the handshake are what counts.
                        if transport in self._connections and self._connections[transport][0].up:
                            self._ended(transport, failed=True)
                    case LayerUp(transport, mid, rid, _):
                        self._layer(transport, mid, rid, up=True)
                    case LayerDown(transport, mid, rid):
                        self._layer(transport, mid, rid, up=False)
                    case Loss(transport, share):
                        self._loss(transport, share)
                    case Selected() | Switched():
                        log.debug("engine: %s", event)

    def _levels(self, event: Levels) -> None:
        heard: dict[str, list[tuple[str, int]]] = {}
        for level in event.levels:
            _, peer = self._connections.get(level.transport, (None, None))
            # A film that somebody shows is not somebody who speaks.
            if peer is not None and peer.publication is not None and peer.publication.speaks(level.mid):
                heard.setdefault(peer.room, []).append((peer.participant, level.below_full_scale))
        for room, levels in heard.items():
            known = self._rooms.get(room)
            if known is not None:
                known.listening.hear(levels)

    def stats(self) -> MediaStats:
        """Counters for the metrics page."""
        everyone = [peer for room in self._rooms.values() for peer in room.peers.values()]
        peers = [peer for peer in everyone if not peer.echo]
        checks = {peer.room for peer in everyone if peer.echo}
        return media_stats(
            self._engine.stats(),
            rooms=len(self._rooms) - len(checks),
            checks=len(checks),
            peers=len(peers),
            published=sum(len(peer.publication.mids) for peer in peers if peer.publication is not None),
            handshakes_ok=self._handshakes_ok,
            handshakes_failed=self._handshakes_failed,
            offers=self._offers,
        )


def _reaches(publisher: _Peer, subscriber: _Peer) -> bool:
    return subscriber is not publisher or publisher.echo
