"""Notices within seconds that a peer is gone without a word: its network is down, or its machine is frozen.

By the WebSocket protocol's own ping, which browsers answer without their page, and so also while that is hidden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from signaling.socket import WebSocket


class Timers(Protocol):
    """Calls back later; asyncio's loop is one."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls back once, after `delay` seconds, unless cancelled."""
        ...


class Pulse:
    """Asks one socket for a sign of life, again and again."""

    def __init__(
        self, ws: WebSocket, timers: Timers, *, every_s: float, within_s: float, on_lost: Callable[[], None]
    ) -> None:
        """`on_lost` is called once, when no pong came `within_s`. A socket that closes is none of its business."""
        self._ws = ws
        self._timers = timers
        self._every_s = every_s
        self._within_s = within_s
        self._on_lost = on_lost
        self._asking: asyncio.Task[None] | None = None
        self._pong: asyncio.Future[float] | None = None
        self._alarm: asyncio.TimerHandle | None = timers.call_later(every_s, self._ask)

    def stop(self) -> None:
        """Asks no more. Idempotent."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _ask(self) -> None:
        # The time runs from before the ping is sent: a peer that does not read holds that up, too.
        self._pong = None
        self._alarm = self._timers.call_later(self._within_s, self._overdue)
        self._asking = asyncio.create_task(self._hear(), name="pulse")

    async def _hear(self) -> None:
        try:
            self._pong = asyncio.ensure_future(await self._ws.ping())
            await self._pong
        except ConnectionClosed:
            self.stop()
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = self._timers.call_later(self._every_s, self._ask)

    def _overdue(self) -> None:
        # Should it be us who were held up: what has arrived meanwhile is read first.
        self._alarm = self._timers.call_later(0, self._lost)

    def _lost(self) -> None:
        if self._pong is not None and self._pong.done():
            return
        self.stop()
        self._on_lost()
