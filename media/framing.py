"""Datagrams over a stream (RFC 4571: two octets of length before each), and what may wait for a slow reader."""

from __future__ import annotations

import struct
from collections import deque
from typing import Final

from media.negotiation import OPUS

MAX_DATAGRAM: Final = 2_048
"""No longer one is taken; nothing that browsers send is longer than a packet on the wire."""

MAX_WAITING: Final = 128 * 1024
"""Octets that wait for one reader: about 0.2 s of a full room."""

_LENGTH: Final = struct.Struct("!H")


class TooLongError(Exception):
    """The stream announces a datagram that is longer than any we take, or is no such stream at all."""


class Deframer:
    """Takes octets as they come and gives whole datagrams. Keeps less than one datagram."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The datagrams that are complete now; empty ones are left out. Raises TooLongError."""
        data = self._rest + data
        found: list[bytes] = []
        at = 0
        while len(data) - at >= 2:
            (length,) = _LENGTH.unpack_from(data, at)
            if length > MAX_DATAGRAM:
                raise TooLongError
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

    Pictures wait behind all else: whoever cannot read fast enough goes on hearing, and sees less.
    """

    __slots__ = ("_pictures", "_rest", "_size", "_started")

    def __init__(self) -> None:
        self._rest: deque[bytes] = deque()
        self._pictures: deque[bytes] = deque()
        self._started = b""
        self._size = 0

    def __len__(self) -> int:
        """Octets, framing included."""
        return self._size + len(self._started)

    def add(self, data: bytes) -> int:
        """Takes a datagram; how many had to go for it, itself perhaps. One that cannot be framed goes at once."""
        if len(data) > 0xFFFF:
            return 1
        frame = _LENGTH.pack(len(data)) + data
        (self._pictures if _is_picture(data) else self._rest).append(frame)
        self._size += len(frame)
        gone = 0
        while self._size > MAX_WAITING:
            self._size -= len((self._pictures or self._rest).popleft())
            gone += 1
        return gone

    def next(self) -> bytes:
        """What to write next: the rest of the frame that was begun, or as many whole ones as make a good write."""
        if not self._started:
            taken: list[bytes] = []
            room = 16_384
            while room > 0 and self._size:
                frame = (self._rest or self._pictures).popleft()
                self._size -= len(frame)
                room -= len(frame)
                taken.append(frame)
            self._started = b"".join(taken)
        return self._started

    def written(self, count: int) -> None:
        """So many octets of `next` were taken."""
        self._started = self._started[count:]


def _is_picture(data: bytes) -> bool:
    """Whether a datagram of ours is RTP (RFC 7983, RFC 5761) of a picture: the payload types are our choice."""
    return len(data) > 1 and 127 < data[0] < 192 and not 192 <= data[1] <= 223 and data[1] & 0x7F != OPUS
