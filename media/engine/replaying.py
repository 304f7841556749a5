"""From a cache to the present: within a moment, with timestamps that end just before live.

A decoder runs through what was kept and arrives at what is sent now. One slot of a client after the other, in the
order in which it was asked for, each picture in its turn.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from media.engine.interface import Event, Kind, Switched
from media.engine.key_frames import NEVER
from media.engine.sending import Sender

if TYPE_CHECKING:
    from media.engine.egress import Slot
    from media.engine.ingress import Layer, MediaPacket
    from media.engine.transport import Transport

BYTES_PER_S: Final = 1_250_000.0
"""To one client; what it is shown live comes on top."""

_MIN_PICTURE_S: Final = 0.002


class Replay:
    """One slot's way; it begins when the slot can send and those before it have arrived."""

    __slots__ = ("_due", "_last", "_pictures", "_step", "base", "layer", "slot", "under_way")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.layer: Layer | None = None
        """What it shows, once it has begun."""
        self.base = 0
        """What the slot adds to live timestamps."""
        self.under_way = False
        """Whether its first picture has left."""
        self._pictures: deque[list[MediaPacket]] = deque()
        self._step = self._due = 0.0
        self._last = 0

    def begin(self, now: float) -> bool:
        """Lays out what there is now. Whether that is anything."""
        cache = self.slot.track.cache if self.slot.track is not None else None
        if cache is None or not cache.fresh(now):
            return False
        self.layer = cache.layer
        for packet in cache.after(-1):
            if self._pictures and self._pictures[-1][0].timestamp == packet.timestamp:
                self._pictures[-1].append(packet)
            else:
                self._pictures.append([packet])
        if not self._pictures:
            return False
        self._last = self._pictures[-1][0].timestamp
        self._step = max(_MIN_PICTURE_S, len(cache) / BYTES_PER_S / len(self._pictures))
        self._due = now
        return True

    def stands(self) -> bool:
        """Whether the slot still waits, and its source still keeps what this began with."""
        slot = self.slot
        return slot.replay is self and slot.track is not None and slot.track.cache.layer is self.layer

    def take(self, now: float) -> tuple[list[MediaPacket], int] | None:
        """The next picture if it is due, and how many ticks later than by its own clock it is to be shown.

        That makes it as many steps away from the last picture as there are pictures between.
        """
        if not self._pictures or now < self._due:
            return None
        picture = self._pictures.popleft()
        self._due += self._step
        steps = round(len(self._pictures) * self._step * self.slot.spec.clock_rate)
        return picture, self._last - picture[0].timestamp - steps

    def next_due(self) -> float | None:
        """When the next picture is due; None at the end."""
        return self._due if self._pictures else None


class Replays:
    """All of them. Appends to the events it was given; packets leave by the sender."""

    def __init__(self, sender: Sender, events: deque[Event]) -> None:
        self._sender = sender
        self._events = events
        self._running: dict[Transport, Replay] = {}
        self.due = NEVER

    def ask(self, slot: Slot, now: float) -> None:
        """Notes the wish; it is met when the slot can send."""
        if slot.live or slot.replay is not None or slot.track is None or slot.spec.kind is not Kind.VIDEO:
            return
        slot.replay = Replay(slot)
        slot.transport.replays.append(slot.replay)
        self.go_on(slot.transport, now)

    def go_on(self, transport: Transport, now: float) -> None:
        """Something may be possible now that was not."""
        if transport.replays and transport not in self._running:
            self._next(transport, now)
            if transport in self._running:
                self.due = now

    def tick(self, now: float) -> None:
        """Sends what is due."""
        self.due = NEVER
        for transport in list(self._running):
            self._run(transport, now)

    def _run(self, transport: Transport, now: float) -> None:
        while (replay := self._running.get(transport)) is not None:
            if not replay.stands():
                if replay.slot.replay is replay:
                    replay.slot.replay = None
                self._next(transport, now)
                continue
            taken = replay.take(now)
            if taken is not None:
                self._show(replay, *taken, now)
                continue
            due = replay.next_due()
            if due is not None:
                self.due = min(self.due, due)
                return
            self._arrive(replay, now)
            self._next(transport, now)

    def _next(self, transport: Transport, now: float) -> None:
        self._running.pop(transport, None)
        for replay in list(transport.replays):
            slot = replay.slot
            if slot.replay is not replay:
                transport.replays.remove(replay)
            elif slot.open and transport.cipher is not None and transport.path is not None:
                transport.replays.remove(replay)
                if replay.begin(now):
                    self._running[transport] = replay
                    return
                slot.replay = None

    def _show(self, replay: Replay, picture: list[MediaPacket], later: int, now: float) -> None:
        slot, layer = replay.slot, replay.layer
        if layer is None:
            return
        if replay.under_way:
            slot.jump(picture[0], replay.base + later)
        else:
            replay.under_way = True
            replay.base = slot.show(layer, picture[0], later, now)
            self._events.append(Switched(slot.out, layer.rid))
        for packet in picture:
            self._sender.media(slot, packet, now)

    def _arrive(self, replay: Replay, now: float) -> None:
        """Shows what has come meanwhile, and makes the slot live."""
        slot, layer = replay.slot, replay.layer
        if layer is None or slot.track is None:
            return
        for packet in slot.track.cache.after(slot.shown):
            if packet.head is not None and packet.head.begins:
                slot.jump(packet, replay.base)
            self._sender.media(slot, packet, now)
        slot.arrive(layer, replay.base, now)
        self._sender.report(slot)
