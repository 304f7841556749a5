"""Who listens to a room without being in it, and may speak to its mentors one at a time.

A monitor is no peer: no room counts it, no picture is allotted to it, nobody is asked for anything on its behalf. It
has one subscribe connection, whatever it listens to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from media.allocation import Feed
from media.connection import Connection
from media.connections import Connections
from media.dtls import Certificate
from media.engine.interface import Kind, PacketEngine
from media.negotiation import kind_of, read_publish_offer
from media.publication import Publication
from media.room import End, Shown
from media.subscriber import Subscriber
from media.subscription import Subscription
from media.whisper import Whisper
from protocol.errors import ErrorCode, Refused
from protocol.messages import SubscribeOffer
from protocol.values import Source, Tile

log = logging.getLogger(__name__)

_NO_GROUP = 0
"""A monitor's microphone competes with nobody's."""


@dataclass(slots=True)
class Monitor:
    """One page of somebody who listens."""

    name: str
    subscriber: Subscriber
    on_failed: Callable[[End], None]
    room: str | None = None
    pictures: frozenset[Feed] | None = None
    """Those that the page shows; None until it has said so, and then it gets all."""
    publication: Publication | None = None
    speaks_by: Whisper | None = None

    def allotted(self, feed: Feed) -> str | None:
        """What it gets of a picture: never more than flows anyway."""
        return "" if self.pictures is None or feed in self.pictures else None


class Monitors:
    """All of a node. Its calls are those of `MediaPlane`, where they are described; it is a room's `Audience`."""

    def __init__(
        self,
        engine: PacketEngine,
        certificate: Certificate,
        chance: Random,
        shown: Callable[[str], Iterable[Shown]],
    ) -> None:
        """`shown`: what somebody who comes into that room is to have. `chance` makes up secrets and SSRCs."""
        self._engine = engine
        self._chance = chance
        self._shown = shown
        self.connections = Connections[Monitor](engine, certificate, chance, monitors=True)
        self._monitors: dict[str, Monitor] = {}

    def add(self, name: str, on_offer: Callable[[SubscribeOffer], None], on_failed: Callable[[End], None]) -> None:
        """Another of the same name is gone."""
        self.remove(name)

        def connect(on_up: Callable[[], None], on_ended: Callable[[bool], None]) -> Connection:
            return self.connections.connect(monitor, on_up, on_ended)

        def subscribe(connection: Connection, version: int, schedule: Callable[[], None]) -> Subscription:
            engine, chance = self._engine, self._chance
            return Subscription(engine, connection, version, schedule, monitor.allotted, chance, monitor=True)

        def fill(subscription: Subscription) -> None:
            self._fill(monitor, subscription)

        subscriber = Subscriber(
            connect,
            self.connections.end,
            subscribe=subscribe,
            fill=fill,
            on_offer=on_offer,
            on_failed=lambda: on_failed("subscribe"),
        )
        monitor = self._monitors[name] = Monitor(name, subscriber, on_failed)
        subscriber.open()

    def remove(self, name: str) -> None:
        """Idempotent."""
        monitor = self._monitors.pop(name, None)
        if monitor is not None:
            self._unpublish(monitor)
            monitor.subscriber.close()

    def close(self) -> None:
        """Removes all."""
        for name in list(self._monitors):
            self.remove(name)

    def _monitor(self, name: str) -> Monitor:
        monitor = self._monitors.get(name)
        if monitor is None:
            raise Refused(ErrorCode.NOT_FOUND, "monitor")
        return monitor

    # ── listening ─────────────────────────────────────────────────────────────────────────────

    def listen(self, name: str, room: str | None) -> None:
        """Raises Refused(NOT_FOUND), but not for None."""
        if room is None and name not in self._monitors:
            return
        monitor = self._monitor(name)
        if room == monitor.room:
            return
        monitor.room, monitor.pictures = room, None
        subscription = monitor.subscriber.subscription
        if subscription is not None:
            subscription.hide_all()
            self._fill(monitor, subscription)

    def answer(self, name: str, version: int, sdp: str) -> None:
        """Raises Refused(SDP_REJECTED)."""
        if name in self._monitors:
            self._monitors[name].subscriber.answer(version, sdp)

    def resubscribe(self, name: str) -> None:
        """Raises Refused(NOT_FOUND)."""
        self._monitor(name).subscriber.restart()

    def view(self, name: str, tiles: Sequence[Tile]) -> None:
        """Raises Refused."""
        monitor = self._monitor(name)
        if any(kind_of(tile.source) is not Kind.VIDEO for tile in tiles):
            raise Refused(ErrorCode.INVALID_FIELD, "source")
        monitor.pictures = frozenset(Feed(tile.participant_id, tile.source) for tile in tiles)
        subscription = monitor.subscriber.subscription
        if subscription is not None and monitor.room is not None:
            for track in self._shown(monitor.room):
                if kind_of(track.source) is Kind.VIDEO:
                    feed = Feed(track.participant, track.source)
                    subscription.give(feed, monitor.allotted(feed))

    def _fill(self, monitor: Monitor, subscription: Subscription) -> None:
        if monitor.room is not None:
            for track in self._shown(monitor.room):
                subscription.show(*track)

    # ── as a room's audience ──────────────────────────────────────────────────────────────────

    def show(self, room: str, track: Shown) -> None:
        """See `Audience.show`."""
        for monitor, subscription in self._listening(room):
            self._guarded(monitor, partial(subscription.show, *track))

    def hide(self, room: str, participant: str, source: Source) -> None:
        """See `Audience.hide`."""
        for monitor, subscription in self._listening(room):
            self._guarded(monitor, partial(subscription.hide, participant, source))

    def _listening(self, room: str) -> Iterator[tuple[Monitor, Subscription]]:
        for monitor in list(self._monitors.values()):
            if monitor.room == room and monitor.subscriber.subscription is not None:
                yield monitor, monitor.subscriber.subscription

    def _guarded(self, monitor: Monitor, step: Callable[[], None]) -> None:
        """A bug that a monitor meets is the end of its connection, and of nothing in the room that it meets it in."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 — see above
            log.error("monitor fault: %s", type(error).__name__)  # noqa: TRY400 — nothing of a session goes into the log
            monitor.subscriber.close()
            monitor.on_failed("subscribe")

    # ── speaking to a mentor ──────────────────────────────────────────────────────────────────

    def publish(self, name: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Raises Refused."""
        monitor = self._monitor(name)
        if set(sources.values()) != {Source.MICROPHONE}:
            raise Refused(ErrorCode.INVALID_FIELD, "sources")
        offer = read_publish_offer(sdp, sources)
        before = monitor.publication
        if before is not None and before.continues(offer):
            publication = before
        else:
            connection = self.connections.connect(monitor, lambda: None, lambda _failed: self._voice_ended(monitor))
            publication = Publication(self._engine, connection, offer, _NO_GROUP)
        publication.take(offer)
        monitor.publication = publication
        if before is not None and before is not publication:
            self.connections.end(before.connection)
        self._settle(monitor)
        return publication.answer(offer)

    def speak_to(self, name: str, whisper: Whisper | None) -> None:
        """Raises Refused: NOT_ALLOWED without headphones, CONFLICT while somebody else speaks there; not for None."""
        if whisper is None and name not in self._monitors:
            return
        monitor = self._monitor(name)
        if whisper is not None:
            if not whisper.headphones:
                raise Refused(ErrorCode.NOT_ALLOWED, "headphones")
            if any(other.speaks_by is whisper for other in self._monitors.values() if other is not monitor):
                raise Refused(ErrorCode.CONFLICT, "participant")
        before, monitor.speaks_by = monitor.speaks_by, whisper
        if before is not None and before is not whisper:
            before.carry(None)
        self._settle(monitor)

    def wear(self, whisper: Whisper, on: bool) -> None:
        """Headphones are on, or not any more: then nobody speaks there."""
        whisper.wear(on)
        if not on:
            for monitor in self._monitors.values():
                if monitor.speaks_by is whisper:
                    self.speak_to(monitor.name, None)

    def _settle(self, monitor: Monitor) -> None:
        """The microphone passes while there is somebody to hear it, and reaches nobody else."""
        publication, whisper = monitor.publication, monitor.speaks_by
        mid = None if publication is None else publication.mids.get(Source.MICROPHONE)
        if publication is not None:
            publication.set_gate(Source.MICROPHONE, whisper is not None)
        if whisper is not None:
            whisper.carry(None if publication is None or mid is None else (publication.connection.transport, mid))

    def _voice_ended(self, monitor: Monitor) -> None:
        self._unpublish(monitor)
        monitor.on_failed("publish")

    def _unpublish(self, monitor: Monitor) -> None:
        whisper, monitor.speaks_by = monitor.speaks_by, None
        if whisper is not None:
            whisper.carry(None)
        publication, monitor.publication = monitor.publication, None
        if publication is not None:
            self.connections.end(publication.connection)
