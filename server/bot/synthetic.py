"""What a bot publishes when it has no file: a quiet tone and a moving picture."""

from __future__ import annotations

import asyncio
import math
from array import array
from fractions import Fraction
from typing import Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from av.video.plane import VideoPlane

RATE: Final = 48_000
SAMPLES: Final = 960  # 20 ms, as Opus is sent
PITCH_HZ: Final = 440  # whole, so that one second joins on to the next
LOUDNESS: Final = 0.1

WIDTH: Final = 320
HEIGHT: Final = 180
FRAMES_PER_S: Final = 12
_CLOCK: Final = 90_000


class _Paced(MediaStreamTrack):
    """Hands out frames by the clock; one that comes late does not push the following ones back."""

    def __init__(self, per_second: float) -> None:
        super().__init__()
        self._period = 1 / per_second
        self._due: float | None = None

    async def _wait(self) -> None:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._due = now if self._due is None else self._due + self._period
        await asyncio.sleep(max(0.0, self._due - now))


class Tone(_Paced):
    """A steady sine."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__(RATE / SAMPLES)
        step = 2 * math.pi * PITCH_HZ / RATE
        wave = array("h", (round(32_767 * LOUDNESS * math.sin(step * n)) for n in range(RATE)))
        self._second = wave.tobytes()
        self._sent = 0

    async def recv(self) -> AudioFrame:
        """The next 20 ms."""
        await self._wait()
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        at = 2 * (self._sent % RATE)
        frame.planes[0].update(self._second[at : at + 2 * SAMPLES])
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = self._sent
        self._sent += SAMPLES
        return frame


class Picture(_Paced):
    """Bright diagonal stripes that wander over a slowly changing ground."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__(FRAMES_PER_S)
        self._stripes = bytes(128 + round(90 * math.sin(2 * math.pi * x / 80)) for x in range(80)) * (WIDTH // 80 + 2)
        self._count = 0

    async def recv(self) -> VideoFrame:
        """The next picture, 320x180."""
        await self._wait()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        luma, blue, red = frame.planes
        shifts = (((self._count * 3 + y // 4) % 80) for y in range(luma.height))
        _fill(luma, b"".join(_line(self._stripes[shift : shift + WIDTH], luma.line_size) for shift in shifts))
        swing = round(40 * math.sin(self._count / 15))
        _fill(blue, bytes((128 + swing,)) * (blue.line_size * blue.height))
        _fill(red, bytes((128 - swing,)) * (red.line_size * red.height))
        frame.time_base = Fraction(1, _CLOCK)
        frame.pts = self._count * (_CLOCK // FRAMES_PER_S)
        self._count += 1
        return frame


def _line(pixels: bytes, line_size: int) -> bytes:
    return pixels + bytes(line_size - len(pixels))


def _fill(plane: VideoPlane, data: bytes) -> None:
    plane.update(data[: plane.buffer_size].ljust(plane.buffer_size, b"\0"))
