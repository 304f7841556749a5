"""The engine without sockets or clocks: datagrams and time go in, datagrams and events come out."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

from media.engine.commands import Commands
from media.engine.interface import (
    Drop,
    DtlsIn,
    EngineStats,
    Event,
    Feature,
    Selected,
    Silent,
)
from media.engine.key_frames import NEVER
from media.engine.transport import MAX_DTLS_WAITING, SILENT_S, Path, Transport

_SILENT_AGAIN_S = 5.0
_EMPTY = 256


class EngineCore(Commands):
    """The commands, `receive`, and `poll`. Times are monotonic seconds."""

    features: frozenset[Feature] = frozenset()

    # ── datagrams and time ────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, path: Path, now: float, arrival: float | None = None) -> None:
        """Takes a datagram (RFC 7983 says what it is). `arrival` is the kernel's time stamp where known.

        Nothing in it can raise: what does not parse or authenticate is counted and dropped.
        """
        first = data[0] if data else _EMPTY
        if first < 4:
            self._stun(data, path, now)
            return
        transport = self._book.find(path)
        stats = self._book.stats_at(path) if transport is None else transport.stats
        stats.datagrams_in += 1
        if first == _EMPTY:
            stats.dropped[Drop.MALFORMED] += 1
        elif transport is None:
            stats.dropped[Drop.UNKNOWN_ADDRESS] += 1
        elif 127 < first < 192:
            self._media(transport, data, path, now if arrival is None else arrival, now)
        elif 19 < first < 64:
            self._dtls(transport, data)
        else:
            stats.dropped[Drop.MALFORMED] += 1

    def poll(self, now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
        """Datagrams to send now, and when to poll again at the latest."""
        while self._timers and self._timers[0][0] <= now:
            at, handle = heapq.heappop(self._timers)
            transport = self._transports.get(handle)
            if transport is not None and transport.due == at:
                transport.due = NEVER
                self._tick(transport, now)
        self._forward.tick_levels(now)
        if now >= self._replays.due:
            self._replays.tick(now)
        self._stats.datagrams_out += len(self._out)
        self._apart.datagrams_out += len(self._after)
        out = self._out + self._after if self._after else self._out.copy()
        self._out.clear()
        self._after.clear()
        due = min(self._timers[0][0] if self._timers else NEVER, self._forward.levels_at, self._replays.due)
        return out, None if due == NEVER else due

    def _tick(self, transport: Transport, now: float) -> None:
        self._control.tick(transport, now)
        if now >= transport.silent_at:
            # The same sum as is waited for: `now - heard_at` may round to less at the very moment that it is due,
            # and the timer would be set for that moment for ever.
            due = transport.heard_at + SILENT_S
            if now >= due:
                self.events.append(Silent(transport.id, now - transport.heard_at))
                transport.silent_at = now + _SILENT_AGAIN_S
            else:
                transport.silent_at = due
        self._arm(transport, transport.next_due())

    def _stun(self, data: bytes, path: Path, now: float) -> None:
        answer = self._book.check(data, path, now)
        if len(answer) == 2:
            why, stats = answer
            stats.datagrams_in += 1
            stats.dropped[why] += 1
            return
        transport, reply, moved = answer
        transport.stats.datagrams_in += 1
        transport.heard_at = now
        transport.outbox.append((reply, path))
        if moved:
            self.events.append(Selected(transport.id))

    def _dtls(self, transport: Transport, data: bytes) -> None:
        if transport.dtls_waiting >= MAX_DTLS_WAITING:
            transport.stats.dropped[Drop.DTLS_OVERFLOW] += 1
            return
        transport.dtls_waiting += 1
        self.events.append(DtlsIn(transport.id, data))

    def _media(self, transport: Transport, data: bytes, path: Path, arrival: float, now: float) -> None:
        cipher = transport.cipher
        if cipher is None:
            transport.stats.dropped[Drop.NO_KEYS] += 1
            return
        if not transport.pace.allows(now):
            transport.stats.dropped[Drop.TOO_MUCH] += 1
            return
        control = len(data) > 1 and 192 <= data[1] <= 223  # RFC 5761 section 4
        at = 4 if control else 8
        ssrc = int.from_bytes(data[at : at + 4], "big")
        if not transport.inbound.admits(ssrc, len(transport.slots), now):
            transport.stats.dropped[Drop.TOO_MANY_SOURCES] += 1
            return
        plain = cipher.unprotect_rtcp(data) if control else cipher.unprotect(data)
        if plain is None:
            transport.stats.dropped[Drop.SRTP_FAILED] += 1
            return
        transport.pace.count(control=control)
        gone = transport.inbound.heard(ssrc, len(transport.slots), now)
        if gone is not None:
            cipher.forget(gone)
        transport.heard_at = transport.paths[path] = now
        if control:
            for asked in self._control.take(transport, plain, now):
                self._arm_publisher(asked)
        else:
            self._forward.rtp(transport, plain, arrival, now)
            source = transport.sources.get(ssrc)
            due = transport.feedback_at if source is None else min(transport.feedback_at, source[0].next_due())
            self._arm(transport, due)

    def knows(self, path: Path) -> bool:
        """Whether a check that came that way was authentic, and its transport is still there."""
        return self._book.find(path) is not None

    def forget_path(self, path: Path) -> None:
        """That way is closed: nothing is sent there any more."""
        self._book.forget(path)

    def drain(self, limit: int) -> Sequence[Event]:
        """See `PacketEngine.drain`."""
        taken: list[Event] = []
        while self.events and len(taken) < limit:
            event = self.events.popleft()
            if isinstance(event, DtlsIn):
                transport = self._transports.get(event.transport)
                if transport is None:
                    continue
                transport.dtls_waiting -= 1
            taken.append(event)
        return taken

    def blocked(self, path: Path, count: int = 1) -> None:
        """The shell could not send `count` datagrams that way."""
        self._book.stats_at(path).dropped[Drop.SEND_BLOCKED] += count

    def faulted(self, path: Path | None = None) -> None:
        """The shell met an error of ours while it handed a datagram, from `path`, or the time in."""
        stats = self._stats if path is None else self._book.stats_at(path)
        stats.dropped[Drop.FAULT] += 1

    def stats(self) -> EngineStats:
        """See `PacketEngine.stats`."""
        ours = sum(not transport.monitor for transport in self._transports.values())
        return replace(self._stats, transports=ours, dropped=dict(self._stats.dropped))

    def monitor_stats(self) -> EngineStats:
        """See `PacketEngine.monitor_stats`."""
        theirs = sum(transport.monitor for transport in self._transports.values())
        return replace(self._apart, transports=theirs, dropped=dict(self._apart.dropped))
