"""TCP connections of clients whose network lets no UDP through: ICE-TCP, passive (RFC 6544), framed by RFC 4571."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Final

from media.door import Door
from media.engine.transport import Path
from media.framing import Deframer, FramingError, Waiting

FIRST_STREAM: Final = 1 << 16
"""Smaller numbers of a `Path` are sockets."""

_BACKLOG: Final = 256
_BATCH: Final = 32
_READ: Final = 16_384
_SWEEP_S: Final = 1.0
_NO_ROOM_S: Final = 0.5
_UNSENT: Final = 16_384
_CHECK: Final = 20
"""Octets of the shortest STUN message."""
_LEAST: Final = 13
"""Octets of the shortest header that anything else has: that of a DTLS record (RFC 6347 section 4.1)."""
_READS: Final = 256
"""A browser's first check comes in one piece; so often a stranger is listened to before it is whole."""
_PER_S: Final = 3_000.0
_MOST: Final = 3_000.0
"""Datagrams of one stream that are taken in a second, and at once; each reading counts as one, and so many octets.

Sound and a screen in motion are half of that. What is more waits with whoever sent it, and they notice.
"""
_WEIGHT: Final = 1_024
_UNACKNOWLEDGED_MS: Final = 20_000
# linux/tcp.h; Python 3.11 does not name both.
_TCP_NOTSENT_LOWAT: Final = 25
_TCP_USER_TIMEOUT: Final = 18


def open_tcp(host: str, port: int) -> socket.socket:
    """A listening socket that does not block. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((host, port))
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


class _Stream:
    __slots__ = ("_at", "_left", "answered", "deframer", "path", "reads", "rest", "socket", "waiting", "writing")

    def __init__(self, opened: socket.socket, path: Path, now: float) -> None:
        self.socket = opened
        self.path = path
        self.deframer = Deframer(_CHECK, empty=False)
        self.answered = False
        self.reads = 0
        """While it is a stranger."""
        self.rest: asyncio.TimerHandle | None = None
        """When it is read again, as it said more than it may."""
        self._left = _MOST
        self._at = now
        self.waiting = Waiting()
        self.writing = False
        """Whether the loop is to say when it can be written to."""

    def wait(self, datagrams: int, octets: int, now: float) -> float:
        """For how many seconds it is not to be read, after this was."""
        self._left = min(_MOST, self._left + (now - self._at) * _PER_S)
        self._left -= 1 + datagrams + octets / _WEIGHT
        self._at = now
        return max(0.0, -self._left / _PER_S)


class Streams:
    """All connections of all listening sockets. Nothing is sent to one that has not proven whose it is."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[list[bytes], Path], None],
        known: Callable[[Path], bool],
        gone: Callable[[Path], None],
    ) -> None:
        """`take` gets datagrams; `known`: whether a check from there was authentic; `gone`: a connection ended."""
        self._loop = loop
        self._take = take
        self._known = known
        self._gone = gone
        self._listening: list[socket.socket] = []
        self._streams: dict[int, _Stream] = {}
        self._door = Door()
        self._last = FIRST_STREAM
        self._sweeper: asyncio.TimerHandle | None = None
        self._pauses: set[asyncio.TimerHandle] = set()

    def __len__(self) -> int:
        return len(self._streams)

    def listen(self, opened: socket.socket) -> None:
        """Takes connections from this socket on, and closes it in the end."""
        self._listening.append(opened)
        self._loop.add_reader(opened.fileno(), self._acceptable, opened)

    def send(self, data: bytes, path: Path) -> int:
        """Sends it as soon as the other side reads; how many datagrams were given up for that."""
        stream = self._streams.get(path.via)
        if stream is None:
            return 1
        stream.answered = True
        gone = stream.waiting.add(data, self._loop.time())
        if not stream.writing:
            self._write(stream)
        return gone

    def withdraw(self, path: Path, ssrc: int | None) -> None:
        """Media of this SSRC that waits there is not to leave any more; None: nothing is, and the stream ends."""
        stream = self._streams.get(path.via)
        if stream is None:
            return
        if ssrc is None:
            self._end(stream)
        else:
            stream.waiting.withdraw(ssrc)

    def close(self) -> None:
        """Ends everything."""
        for opened in self._listening:
            self._loop.remove_reader(opened.fileno())
            opened.close()
        self._listening.clear()
        for stream in list(self._streams.values()):
            self._end(stream)
        for timer in (self._sweeper, *self._pauses):
            if timer is not None:
                timer.cancel()
        self._sweeper = None
        self._pauses.clear()

    # ── connections ───────────────────────────────────────────────────────────────────────────

    def _acceptable(self, opened: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                accepted, address = opened.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # it went while it waited
                continue
            except OSError:  # no descriptor, or no memory: it would be called again at once, for ever
                self._pause(opened)
                return
            self._accepted(accepted, address[0], address[1])

    def _pause(self, opened: socket.socket) -> None:
        self._loop.remove_reader(opened.fileno())

        def go_on() -> None:
            self._pauses.discard(timer)
            self._loop.add_reader(opened.fileno(), self._acceptable, opened)

        timer = self._loop.call_later(_NO_ROOM_S, go_on)
        self._pauses.add(timer)

    def _accepted(self, accepted: socket.socket, host: str, port: int) -> None:
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sys.platform == "linux":
                # What waits, waits here, where it can be dropped, and not in the kernel, where it only gets old.
                accepted.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT)
                accepted.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
            local = str(accepted.getsockname()[0])
        except OSError:  # it is gone already
            accepted.close()
            return
        self._last += 1
        path = Path(host, port, local, self._last)
        superfluous = self._door.enter(path.via, host, self._loop.time())
        if superfluous == path.via:
            accepted.close()
            return
        if superfluous is not None:
            self._end(self._streams[superfluous])
        stream = self._streams[path.via] = _Stream(accepted, path, self._loop.time())
        self._loop.add_reader(accepted.fileno(), self._readable, stream)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        for via in self._door.overdue(self._loop.time(), lambda via: self._known(self._streams[via].path)):
            self._end(self._streams[via])
        if self._streams:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def _end(self, stream: _Stream) -> None:
        if self._streams.pop(stream.path.via, None) is None:
            return
        self._door.leave(stream.path.via)
        self._loop.remove_reader(stream.socket.fileno())
        if stream.rest is not None:
            stream.rest.cancel()
            stream.rest = None
        if stream.writing:
            self._loop.remove_writer(stream.socket.fileno())
        stream.socket.close()
        self._gone(stream.path)

    # ── octets ────────────────────────────────────────────────────────────────────────────────

    def _readable(self, stream: _Stream) -> None:
        try:
            data = stream.socket.recv(_READ)
            datagrams = stream.deframer.feed(data)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, FramingError):
            self._end(stream)
            return
        if not data:
            self._end(stream)
            return
        wait = stream.wait(len(datagrams), len(data), self._loop.time())
        if self._door.is_stranger(stream.path.via) and not self._introduced(stream, datagrams):
            self._end(stream)
            return
        if datagrams:
            self._take(datagrams, stream.path)
        if wait and stream.path.via in self._streams:
            self._loop.remove_reader(stream.socket.fileno())
            stream.rest = self._loop.call_later(wait, self._rested, stream)

    def _introduced(self, stream: _Stream, datagrams: list[bytes]) -> bool:
        """Takes what a stranger says first out of what came; whether it may say more."""
        stream.reads += 1
        if not datagrams:
            return stream.reads < _READS
        # No browser begins with anything but a check that is right.
        if datagrams[0][0] <= 3:
            self._take(datagrams[:1], stream.path)
        if not stream.answered:
            return False
        del datagrams[0]
        if self._known(stream.path):
            self._door.admit(stream.path.via)
            stream.deframer.least, stream.deframer.empty = _LEAST, True
        return True

    def _rested(self, stream: _Stream) -> None:
        stream.rest = None
        self._loop.add_reader(stream.socket.fileno(), self._readable, stream)

    def _write(self, stream: _Stream) -> None:
        try:
            while data := stream.waiting.next(self._loop.time()):
                stream.waiting.written(stream.socket.send(data))
        except (BlockingIOError, InterruptedError):
            if not stream.writing:
                stream.writing = True
                self._loop.add_writer(stream.socket.fileno(), self._write, stream)
            return
        except OSError:
            self._end(stream)
            return
        if stream.writing:
            stream.writing = False
            self._loop.remove_writer(stream.socket.fileno())
