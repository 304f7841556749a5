"""The media plane as the server sees it: rooms, peers, published sources, gates, speakers. Never packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from random import Random, SystemRandom

from media.connections import Connections
from media.dtls import Certificate
from media.engine.interface import (
    DtlsIn,
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
from media.monitoring import Monitors
from media.room import End, Outward, Peer, Room, Shown
from media.stats import MediaStats, media_stats
from protocol.errors import ErrorCode, Refused
from protocol.messages import LayersWanted, PicturesResting, SubscribeOffer
from protocol.values import Source, Tile


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
        on_talk: Callable[[str, Mapping[str, int]], None] | None = None,
        on_pictures: Callable[[str, str, LayersWanted | PicturesResting], None] | None = None,
        on_failed: Callable[[str, str, End], None] | None = None,
        chance: Random | None = None,
        monitors_chance: Random | None = None,
    ) -> None:
        """Callbacks take room and participant first, and come from the loop, never from inside a call.

        `on_talk`: for how long people spoke since it was last told, in ms; every 10 s in which somebody did, and after
        `count_talk`.

        `on_pictures`: the layers of that participant's picture that somebody needs now, or which of others' rest for
        them.

        `on_failed`: a connection of that participant ended by itself (it failed, fell silent, was never
        answered for, or the client closed it). The tracks of a publish connection are gone until the client
        publishes anew. A subscribe connection that failed is offered afresh once, without being asked, and
        then again when the client asks for it.

        `chance` makes up secrets and SSRCs, and `monitors_chance` those of monitors; give seeded ones to replay a run.
        """
        self._engine = engine
        self._on_offer = on_offer
        self._chance = chance or SystemRandom()
        certificate = Certificate()
        self._connections = Connections[Peer](engine, certificate, self._chance)
        self._monitors = Monitors(engine, certificate, monitors_chance or SystemRandom(), self._shown)
        self._outward = Outward(
            self._offer,
            on_speakers,
            on_talk or (lambda _room, _times: None),
            on_pictures or (lambda _room, _who, _wanted: None),
            on_failed or (lambda _room, _who, _end: None),
        )
        self._rooms: dict[str, Room] = {}
        self._groups = count(1)
        self._offers = 0

    async def start(self) -> None:
        """Opens the engine's socket. Raises OSError."""
        self._engine.start(self._drain)

    async def close(self) -> None:
        """Says goodbye to every client and closes the engine."""
        self._monitors.close()
        for room in list(self._rooms):
            self.close_room(room)
        await self._monitors.connections.wait_closed()
        await self._connections.wait_closed()
        self._engine.close()

    def _offer(self, room: str, participant: str, offer: SubscribeOffer) -> None:
        self._offers += 1
        self._on_offer(room, participant, offer)

    # ── rooms and peers ───────────────────────────────────────────────────────────────────────

    def add_peer(self, room: str, participant: str, *, echo: bool = False, mentor: bool = False) -> None:
        """Lets a participant in; the first subscribe offer follows soon. Idempotent.

        `echo`: their own tracks are sent back to them, to prove the way; what they close does not come back either.

        `mentor`: a monitor may speak to them alone; all their connections have an m-line for that, used or not.
        """
        self._room(room).enter(participant, echo=echo, mentor=mentor)

    def expect(self, room: str) -> None:
        """Somebody is about to come in: what they will see first is asked for now. Idempotent."""
        if room in self._rooms:
            self._rooms[room].expect()

    def remove_peer(self, room: str, participant: str) -> None:
        """Takes a participant out, with their tracks. Their gates stay as they are. Idempotent."""
        if room in self._rooms:
            self._rooms[room].leave(participant)
            self._tidy(room)

    def close_room(self, room: str) -> None:
        """Takes everyone out of a room, and forgets its gates. Idempotent."""
        known = self._rooms.pop(room, None)
        if known is not None:
            known.close()

    def _room(self, room: str) -> Room:
        known = self._rooms.get(room)
        if known is None:
            known = Room(
                room,
                next(self._groups),
                self._engine,
                self._connections,
                self._outward,
                self._monitors,
                self._chance,
            )
            self._rooms[room] = known
        return known

    def _present(self, room: str) -> Room:
        known = self._rooms.get(room)
        if known is None:
            raise Refused(ErrorCode.NOT_FOUND, "participant")
        return known

    def _tidy(self, room: str) -> None:
        if self._rooms[room].bare:
            self.close_room(room)

    # ── what clients ask ──────────────────────────────────────────────────────────────────────

    def publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Takes a publish offer and returns the answer. `sources` says what each mid carries.

        An offer with the ufrag of the present connection renegotiates it; another replaces it.
        Raises Refused: SDP_REJECTED, or NOT_FOUND for a participant that is not there.
        """
        return self._present(room).publish(participant, sdp, sources)

    def answer(self, room: str, participant: str, version: int, sdp: str) -> None:
        """Takes the answer to a subscribe offer; a stale one is ignored.

        Raises Refused(SDP_REJECTED); a fresh offer follows, unless that went wrong a few times already.
        """
        known = self._rooms.get(room)
        peer = known.peers.get(participant) if known is not None else None
        if peer is not None:
            peer.subscriber.answer(version, sdp)

    def resubscribe(self, room: str, participant: str) -> None:
        """Gives up the subscribe connection and offers a fresh one. Raises Refused(NOT_FOUND)."""
        self._present(room).peer(participant).subscriber.restart()

    def view(self, room: str, participant: str, tiles: Sequence[Tile]) -> None:
        """The pictures that a participant's page shows now, the most important first; the others rest.

        Raises Refused: INVALID_FIELD for what is no picture, or NOT_FOUND.
        """
        self._present(room).view(participant, tiles)

    # ── gates ─────────────────────────────────────────────────────────────────────────────────

    def set_gate(self, room: str, participant: str, source: Source, open: bool) -> None:
        """Opens or closes a source for everyone. Idempotent.

        Gates belong to the room and are remembered until it is closed: for a source that is not published
        yet, and for a participant who goes and comes back.
        Once a closing returns, not one more packet of the source leaves, retransmissions included.
        """
        self._room(room).set_gate(participant, source, open)
        self._tidy(room)

    def set_priority(self, room: str, participant: str, always: bool) -> None:
        """Whether a person's microphone passes however loud others are; its gate counts as ever. Idempotent.

        Remembered as gates are.
        """
        self._room(room).set_priority(participant, always)
        self._tidy(room)

    def set_pinned(self, room: str, participant: str | None) -> None:
        """Whose camera everyone who shows it gets first, and loses last. Idempotent. Remembered as gates are."""
        self._room(room).set_pinned(participant)
        self._tidy(room)

    def count_talk(self, room: str) -> None:
        """Has `on_talk` called soon, if anyone spoke since: a turn is over."""
        if room in self._rooms:
            self._rooms[room].listening.count_talk()

    def count_all_talk(self) -> None:
        """Calls `on_talk` for every room in which anyone spoke since: who goes then is counted to the end."""
        for room in self._rooms.values():
            room.listening.count_now()

    # ── monitors ──────────────────────────────────────────────────────────────────────────────

    def add_monitor(
        self, monitor: str, on_offer: Callable[[SubscribeOffer], None], on_failed: Callable[[End], None]
    ) -> None:
        """Somebody who may listen without being in a room; the first subscribe offer, for nothing yet, follows soon.

        Another one of that id is removed. The callbacks come from the loop, as those of the plane, and mean the same.
        What is done for a monitor changes nothing for anyone else, and is in no count.
        """
        self._monitors.add(monitor, on_offer, on_failed)

    def remove_monitor(self, monitor: str) -> None:
        """Idempotent."""
        self._monitors.remove(monitor)

    def listen(self, monitor: str, room: str | None) -> None:
        """Lets a monitor have what somebody in that room has, whether or not anyone is there yet, and nothing else.

        Each picture is seen at once, as it was kept, whoever speaks first. With None, nothing: once that returns, not
        one more packet leaves, and nothing is raised. Idempotent. Raises Refused(NOT_FOUND): no such monitor.
        """
        self._monitors.listen(monitor, room)

    def answer_monitor(self, monitor: str, version: int, sdp: str) -> None:
        """As `answer`. Raises Refused(SDP_REJECTED)."""
        self._monitors.answer(monitor, version, sdp)

    def resubscribe_monitor(self, monitor: str) -> None:
        """As `resubscribe`. Raises Refused(NOT_FOUND)."""
        self._monitors.resubscribe(monitor)

    def view_monitor(self, monitor: str, tiles: Sequence[Tile]) -> None:
        """The pictures that a monitor's page shows now; the others rest. All come until it says so, for each room anew.

        Raises Refused: INVALID_FIELD for what is no picture, or NOT_FOUND.
        """
        self._monitors.view(monitor, tiles)

    def publish_monitor(self, monitor: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Takes a publish offer of a microphone alone, and returns the answer. Nobody hears it but by `speak_to`.

        Raises Refused: SDP_REJECTED, INVALID_FIELD for any other source, or NOT_FOUND.
        """
        return self._monitors.publish(monitor, sdp, sources)

    def speak_to(self, monitor: str, room: str, participant: str | None) -> None:
        """Lets one mentor alone hear the monitor's microphone; with None, nobody. Whoever heard it does no more.

        It ends with the mentor's subscribe connection, with their headphones, and with the monitor's microphone.
        Raises Refused: NOT_ALLOWED without headphones confirmed, CONFLICT while another monitor speaks to them, or
        NOT_FOUND; with None, nothing.
        """
        self._monitors.speak_to(monitor, None if participant is None else self._present(room).whisper(participant))

    def set_headphones(self, room: str, participant: str, on: bool) -> None:
        """A mentor wears headphones, or does not any more; forgotten when their subscribe connection begins anew.

        Raises Refused(NOT_FOUND) for somebody who is not there, or no mentor.
        """
        self._monitors.wear(self._present(room).whisper(participant), on)

    def _shown(self, room: str) -> Iterable[Shown]:
        return self._rooms[room].shown() if room in self._rooms else ()

    # ── the engine's events ───────────────────────────────────────────────────────────────────

    def _drain(self) -> None:
        while events := self._engine.drain():
            for event in events:
                match event:
                    case DtlsIn(transport, data):
                        self._connections.feed(transport, data)
                        self._monitors.connections.feed(transport, data)
                    case Levels():
                        self._levels(event)
                    case Silent(transport, _):
                        self._connections.silent(transport)
                        self._monitors.connections.silent(transport)
                    case LayerUp(transport, mid, rid, _):
                        self._layer(transport, mid, rid, up=True)
                    case LayerDown(transport, mid, rid):
                        self._layer(transport, mid, rid, up=False)
                    case Loss(transport, share, sent):
                        peer = self._connections.holder(transport)
                        if peer is not None:
                            peer.room.lose(peer, transport, share, sent)
                    case Selected() | Switched():
                        pass  # of interest to who looks into the engine alone

    def _layer(self, transport: TransportId, mid: str, rid: str, *, up: bool) -> None:
        peer = self._connections.holder(transport)
        if peer is not None:
            peer.room.layer(peer, transport, mid, rid, up=up)

    def _levels(self, event: Levels) -> None:
        heard: dict[Room, list[tuple[str, int]]] = {}
        for level in event.levels:
            peer = self._connections.holder(level.transport)
            # A film that somebody shows is not somebody who speaks.
            publication = peer.publication if peer is not None else None
            if peer is not None and publication is not None and publication.source_of(level.mid) is Source.MICROPHONE:
                heard.setdefault(peer.room, []).append((peer.participant, level.below_full_scale))
        for room, levels in heard.items():
            room.listening.hear(levels)

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
            handshakes_ok=self._connections.handshakes_ok,
            handshakes_failed=self._connections.handshakes_failed,
            offers=self._offers,
        )
