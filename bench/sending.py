"""What all publishers send, each at moments of its own."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Sequence
from typing import Final, Protocol

from bench.connection import LightConnection
from bench.packets import FRAMES_PER_S, OpusStream, Vp8Stream

_SOUND: Final = 0
_PICTURE: Final = 1
_PERIODS_S: Final = (0.02, 1 / FRAMES_PER_S, 1.0)
"""Of sound, of pictures, of sender reports."""

_GOLDEN: Final = 0.6180339887
LATE_S: Final = 0.02


class Publisher(Protocol):
    """Whoever has something to send."""

    @property
    def publication(self) -> LightConnection | None: ...

    @property
    def audio(self) -> OpusStream | None: ...

    @property
    def video(self) -> Vp8Stream | None: ...


def phases(count: int) -> list[float]:
    """Moments (shares of a period) for so many senders, as evenly spread as for any other count."""
    return [place * _GOLDEN % 1 for place in range(count)]


class Sender:
    """Sends sound every 20 ms, a frame 15 times a second, a sender report every second, for each publisher."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, int]] = []
        self._publishers: list[Publisher] = []
        self.sent = 0
        self.refused = 0
        """By the kernel: the sender's own socket was full."""
        self.late = 0
        """Sent more than 20 ms after their time: the load generator could not keep up."""

    def add(self, publishers: Sequence[Publisher], microphones: int) -> None:
        """These send, too, from now on; sound only the first `microphones` of them."""
        now = time.monotonic()
        everyone = phases(len(self._publishers) + len(publishers))
        for number, publisher in enumerate(publishers):
            place = len(self._publishers)
            self._publishers.append(publisher)
            for what, period in enumerate(_PERIODS_S):
                if what == _SOUND and number >= microphones:
                    continue
                heapq.heappush(self._due, (now + (everyone[place] + what / 3) % 1 * period, place, what))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                due, place, what = self._due[0]
                if now - due > LATE_S:
                    self.late += 1
                self._send(self._publishers[place], what)
                period = _PERIODS_S[what]
                # What could not be sent for long is not made up for in one burst.
                heapq.heapreplace(self._due, (max(due + period, now - 10 * LATE_S), place, what))
            wait = self._due[0][0] - time.monotonic() if self._due else LATE_S
            await asyncio.sleep(max(0.0, wait))

    def _send(self, publisher: Publisher, what: int) -> None:
        connection, audio, video = publisher.publication, publisher.audio, publisher.video
        if connection is None or audio is None or video is None:
            return
        if what == _SOUND:
            self._put(connection, audio.following())
        elif what == _PICTURE:
            for packet in video.following():
                self._put(connection, packet)
        else:
            now = time.time()
            connection.send(audio.sender_report(now), control=True)
            connection.send(video.sender_report(now), control=True)

    def _put(self, connection: LightConnection, packet: bytes) -> None:
        if connection.send(packet):
            self.sent += 1
        else:
            self.refused += 1
