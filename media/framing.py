"""Datagrams over a stream (RFC 4571: two octets of length before each), and what may wait for a slow reader."""

from __future__ import annotations

import struct
from collections import deque
from itertools import chain
from typing import Final

from media.negotiation import OPUS

MAX_DATAGRAM: Final = 2_048
"""No longer one is taken; nothing that browsers send is longer than a packet on the wire."""

MAX_WAITING: Final = 128 * 1024
"""Octets that wait for one reader: about 0.2 s of a full room."""

SOUND_S: Final = 0.5
"""Sound that waited for longer is of no use to a conversation, and would delay all that follows."""

_LENGTH: Final = struct.Struct("!H")
_SSRC: Final = slice(2 + 8, 2 + 12)
_WRITE: Final = 16_384
_URGENT, _SOUND, _PICTURES = range(3)


class FramingError(Exception):
    """The stream announces a datagram that is longer, or shorter, than any we take, or is no such stream at all."""


class Deframer:
    """Takes octets as they come and gives whole datagrams. Keeps less than one datagram."""

    __slots__ = ("_rest", "empty", "least")

    def __init__(self, least: int = 0, *, empty: bool = True) -> None:
        """Refuses datagrams of fewer octets than `least`; `empty`: but for those of none at all."""
        self.least = least
        self.empty = empty
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The datagrams that are complete now; empty ones are left out. Raises FramingError."""
        data = self._rest + data
        found: list[bytes] = []
        at = 0
        while len(data) - at >= 2:
            (length,) = _LENGTH.unpack_from(data, at)
            if not self.least <= length <= MAX_DATAGRAM and (length or not self.empty):
                raise FramingError
            end = at + 2 + length
            if end > len(data):
                break
            if length:
                found.append(data[at + 2 : end])
            at = end
        self._rest = data[at:]
        return found


class Waiting:
    """What a reader has not taken yet: bounded, shortened by whole datagrams, the oldest picture first.

    Checks, handshakes and reports go first, pictures last: whoever cannot read fast enough stays connected, goes on
    hearing what is said now, and sees less. Times are monotonic seconds.
    """

    __slots__ = ("_begun", "_gone", "_queues", "_size")

    def __init__(self) -> None:
        self._queues: tuple[deque[tuple[float, bytes]], ...] = (deque(), deque(), deque())
        self._begun = b""
        """The rest of a frame that was written in part."""
        self._size = 0
        self._gone = 0

    def __len__(self) -> int:
        """Octets, framing included."""
        return self._size + len(self._begun)

    def add(self, data: bytes, now: float) -> int:
        """Takes a datagram; how many had to go since the last one, itself perhaps.

        One that cannot be framed goes at once.
        """
        if len(data) > 0xFFFF:
            return 1
        frame = _LENGTH.pack(len(data)) + data
        self._queues[_kind(data)].append((now, frame))
        self._size += len(frame)
        self._expire(now)
        while self._size > MAX_WAITING:
            self._drop_first(next(queue for queue in reversed(self._queues) if queue))
        gone, self._gone = self._gone, 0
        return gone

    def next(self, now: float) -> bytes:
        """What to write next: the rest of the frame that was begun, and as many whole ones as make a good write."""
        self._expire(now)
        taken = [self._begun]
        room = _WRITE - len(self._begun)
        for _, frame in chain(*self._queues):
            if room <= 0:
                break
            room -= len(frame)
            taken.append(frame)
        return b"".join(taken)

    def written(self, count: int) -> None:
        """So many octets of `next` were taken; nothing was added since."""
        begun = min(count, len(self._begun))
        self._begun = self._begun[begun:]
        count -= begun
        while count:
            _, frame = next(queue for queue in self._queues if queue).popleft()
            self._size -= len(frame)
            self._begun = frame[count:]
            count -= min(count, len(frame))

    def withdraw(self, ssrc: int) -> None:
        """Media of this SSRC is not to leave any more; only what was begun is finished, as the framing asks for it."""
        wanted = ssrc.to_bytes(4, "big")
        for queue in self._queues[_SOUND:]:
            kept = [each for each in queue if each[1][_SSRC] != wanted]
            if len(kept) < len(queue):
                self._size -= sum(len(frame) for _, frame in queue) - sum(len(frame) for _, frame in kept)
                queue.clear()
                queue.extend(kept)

    def _expire(self, now: float) -> None:
        sound = self._queues[_SOUND]
        while sound and now - sound[0][0] > SOUND_S:
            self._drop_first(sound)

    def _drop_first(self, queue: deque[tuple[float, bytes]]) -> None:
        self._size -= len(queue.popleft()[1])
        self._gone += 1


def _kind(data: bytes) -> int:
    """Which queue a datagram of ours waits in (RFC 7983, RFC 5761): the payload types of RTP are our choice."""
    if len(data) < 2 or not 127 < data[0] < 192 or 192 <= data[1] <= 223:
        return _URGENT
    return _SOUND if data[1] & 0x7F == OPUS else _PICTURES
