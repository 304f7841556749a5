"""A WebSocket with a bounded outbox: one task sends, so that nobody who delivers ever waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from protocol.codec import Wire
from protocol.errors import ErrorCode, meaning
from signaling.outbox import Outbox
from signaling.ports import Telemetry

CLOSE_WITHIN_S = 2.0


class WebSocket(Protocol):
    """The part of websockets' `ServerConnection` that is used here, and one thing more."""

    async def send(self, message: str | bytes) -> None:
        """Sends one message; waits while the peer is slow. Raises ConnectionClosed."""
        ...

    async def recv(self) -> str | bytes:
        """The next message. Raises ConnectionClosed."""
        ...

    def know(self) -> None:
        """It is known who is there: until then a socket may send very little."""
        ...

    async def ping(self) -> Awaitable[float]:
        """Sends a ping (RFC 6455 section 5.5.2); what it returns ends with the pong. Raises ConnectionClosed."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Runs the closing handshake."""
        ...


class Socket:
    """Implements `signaling.session.Connection` over one WebSocket."""

    def __init__(self, ws: WebSocket, wire: Wire, telemetry: Telemetry, max_outbox_bytes: int) -> None:
        self.outbox = Outbox(wire, max_outbox_bytes)
        self._ws = ws
        self._telemetry = telemetry
        self.counted = True
        """Whether what is sent counts."""
        self._work = asyncio.Event()
        self._closing: ErrorCode | None = None
        self._aborted = False
        self._patience: asyncio.Timeout | None = None

    @property
    def wire(self) -> Wire:
        """How frames are encoded on this socket."""
        return self.outbox.wire

    def wake(self) -> None:
        """The outbox has something to send."""
        self._work.set()

    @property
    def closing(self) -> bool:
        """Whether the end of this socket was decided: what it still says no longer counts."""
        return self._closing is not None

    def finish(self, code: ErrorCode) -> None:
        """Sends what waits, then closes with the code's close code, within `CLOSE_WITHIN_S`. The first code stays."""
        if self._closing is not None:
            return
        self._closing = code
        self._work.set()
        if self._patience is not None:
            # A peer that does not read holds nobody up.
            self._patience.reschedule(asyncio.get_running_loop().time() + CLOSE_WITHIN_S)

    def abort(self, code: ErrorCode) -> None:
        """Closes with the code's close code and drops what waits."""
        self._aborted = True
        self.finish(code)

    async def send_until_closed(self) -> None:
        """Empties the outbox whenever it is filled; returns when the socket is closed from either side."""
        try:
            async with asyncio.timeout(None if self._closing is None else CLOSE_WITHIN_S) as self._patience:
                while True:
                    await self._work.wait()
                    self._work.clear()
                    await self._empty()
                    if self._closing is not None:
                        await self._ws.close(meaning(self._closing).close, self._closing.value)
                        return
        except (ConnectionClosed, TimeoutError):
            return
        finally:
            self._patience = None

    async def _empty(self) -> None:
        frames = size = 0
        for data in self.outbox.drain():
            if self._aborted:
                continue
            await self._ws.send(data.decode() if self.wire is Wire.JSON else data)
            frames += 1
            size += len(data)
        if self.counted:
            self._telemetry.frames_sent(frames, size)
