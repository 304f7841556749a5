"""Bounded queues towards one client: what waits for the socket, and what a resume may ask for again."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

from protocol.codec import Wire, encode_body, envelope
from protocol.messages import Frame, RoomFrame, ViewReplaced

HISTORY_FRAMES: Final = 512
HISTORY_BYTES: Final = 256 * 1024
"""Sequenced frames kept for a resume: so many, and so many bytes of them."""

MAX_WAITING_FRAMES: Final = 1_024


_F_co = TypeVar("_F_co", bound=Frame, covariant=True)


class Prepared(Generic[_F_co]):
    """A frame whose body is encoded once per wire, however many sockets it goes to."""

    __slots__ = ("_bodies", "frame")

    def __init__(self, frame: _F_co) -> None:
        self.frame = frame
        self._bodies: dict[Wire, bytes] = {}

    def body(self, wire: Wire) -> bytes:
        """The encoded body."""
        body = self._bodies.get(wire)
        if body is None:
            body = self._bodies[wire] = encode_body(self.frame, wire)
        return body


class History:
    """The sequenced frames of one session, numbered from 1, of which the newest are kept."""

    def __init__(self) -> None:
        self.seq = 0
        self._kept: deque[Prepared[RoomFrame]] = deque()
        self._bytes = 0
        self._replaced = 0

    def add(self, frame: Prepared[RoomFrame]) -> int:
        """Numbers a frame and keeps it; one that replaces all before it stands for them. Returns its seq."""
        self.seq += 1
        if isinstance(frame.frame, ViewReplaced):
            self._kept.clear()
            self._bytes = 0
            self._replaced = self.seq
        self._kept.append(frame)
        self._bytes += len(frame.body(Wire.MSGPACK))
        while len(self._kept) > HISTORY_FRAMES or self._bytes > HISTORY_BYTES:
            self._bytes -= len(self._kept.popleft().body(Wire.MSGPACK))
        return self.seq

    def after(self, seq: int) -> tuple[tuple[int, Prepared[RoomFrame]], ...] | None:
        """All frames that complete what a client knew at `seq`; None when they are no longer (or not yet) known.

        They begin with the frame after `seq`, or with the one that replaced everything since.
        """
        first = max(seq + 1, self._replaced)
        missing = self.seq + 1 - first
        if seq > self.seq or missing > len(self._kept):
            return None
        frames = list(self._kept)[len(self._kept) - missing :]
        return tuple(zip(range(first, self.seq + 1), frames, strict=True))


class Outbox:
    """Encoded frames waiting for one socket.

    An ephemeral frame takes out a waiting one of the same key (only the latest value counts) and goes to the
    end, since what happened in between may bear on it. Everything else is kept in order; past the bounds, unless
    the frame is the only one, the outbox is overfull and takes nothing more, and the session closes the socket, for
    the client to resume.
    """

    def __init__(self, wire: Wire, max_bytes: int) -> None:
        self.wire = wire
        self._max_bytes = max_bytes
        self.overfull = False
        self._waiting: OrderedDict[object, bytes] = OrderedDict()
        self._bytes = 0
        self._unique = 0

    def put(self, frame: Prepared[Any], seq: int | None = None, *, latest_of: object = None) -> None:
        """Queues a frame; `latest_of` is the key of an ephemeral value."""
        if self.overfull:
            return
        data = envelope(seq, frame.body(self.wire), self.wire)
        if latest_of is None:
            self._unique += 1
            key: object = self._unique
        else:
            key = ("latest", latest_of)
        self._bytes -= len(self._waiting.pop(key, b""))
        # One frame alone is never too much: whoever begins anew would be sent it again.
        too_much = bool(self._waiting) and self._bytes + len(data) > self._max_bytes
        if too_much or len(self._waiting) >= MAX_WAITING_FRAMES:
            self.overfull = True
            return
        self._waiting[key] = data
        self._bytes += len(data)

    def drain(self) -> Iterator[bytes]:
        """Takes out the waiting frames, one by one, oldest first."""
        while self._waiting:
            _, data = self._waiting.popitem(last=False)
            self._bytes -= len(data)
            yield data

    def __len__(self) -> int:
        return len(self._waiting)
