"""Sockets between clients and the server: frames may be late, and a socket may break at any time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from random import Random

from websockets.exceptions import ConnectionClosedError

from protocol.codec import Wire
from tests.simulation.loop import VirtualLoop
from tests.simulation.randomness import Odds

GONE = 1006


class Network:
    """Delays and losses. Faults are off until `odds` are set."""

    def __init__(self, loop: VirtualLoop, chance: Random) -> None:
        self.loop = loop
        self.chance = chance
        self.odds: Odds | None = None
        self.sockets: list[SimSocket] = []
        self.moving = 0
        """Frames on their way."""
        self.outside = copy_context()
        """Where what is on its way goes on, whatever becomes of the server that sent it."""

    def delay(self) -> float:
        """Of one frame, in seconds."""
        slow = self.odds is not None and self.chance.random() < self.odds.slow_network
        return self.chance.uniform(0.3, 4.0) if slow else self.chance.uniform(0.005, 0.05)

    def reader_takes(self) -> float:
        """How long a client's full buffers hold the server up now, in seconds."""
        slow = self.odds is not None and self.chance.random() < self.odds.slow_reader
        return self.chance.uniform(0.1, 3.0) if slow else 0.0


@dataclass(frozen=True)
class Stamp:
    """When a frame left: how many events the log had, and how many requests had been made."""

    head: int
    order: int


class SimSocket:
    """Both ends of one WebSocket: `send`, `recv`, `close` are the server's; the rest is the client's.

    Frames arrive in order, as TCP has it. Each end hears of a break when it does.
    """

    def __init__(
        self,
        network: Network,
        wire: Wire,
        on_frame: Callable[[SimSocket, bytes, Stamp], None],
        on_closed: Callable[[SimSocket, int], None],
        sending: Callable[[bytes, float], Stamp],
    ) -> None:
        """`sending` sees each of the server's frames as it leaves, and since when it may have been waiting to; what it
        returns arrives with the frame.
        """
        self.wire = wire
        self.open = True
        """As the client has it."""
        self._network = network
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._sending = sending
        self._inbox: deque[str | bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._pongs: list[asyncio.Future[float]] = []
        self._server_open = True
        self._up = self._down = 0.0
        """When the latest frame arrives, in each direction."""
        self._cut_up = self._cut_down = False
        self._held_since: float | None = None
        self._held_until = 0.0
        network.sockets.append(self)

    @property
    def whole(self) -> bool:
        """Whether both ends still have it, and all passes."""
        return self.open and self._server_open and not (self._cut_up or self._cut_down)

    # ── the server's end ─────────────────────────────────────────────────────────────────────

    async def send(self, message: str | bytes) -> None:
        if not self._server_open:
            raise ConnectionClosedError(None, None)
        data = message.encode() if isinstance(message, str) else message
        now = self._network.loop.time()
        if self._held_since is None or self._held_until < now:
            self._held_since = now
        patience = self._network.reader_takes()
        if patience:
            await asyncio.sleep(patience)
            if not self._server_open:
                raise ConnectionClosedError(None, None)
        self._held_until = self._network.loop.time()
        self._pass_down(self._arrives, data, self._sending(data, self._held_since))

    async def recv(self) -> str | bytes:
        while not self._inbox:
            if not self._server_open:
                raise ConnectionClosedError(None, None)
            self._reader = self._network.loop.create_future()
            await self._reader
        return self._inbox.popleft()

    def know(self) -> None:
        """What a stranger may send is not simulated."""

    async def ping(self) -> asyncio.Future[float]:
        """Browsers answer it by themselves, behind what they have said before."""
        if not self._server_open:
            raise ConnectionClosedError(None, None)
        pong: asyncio.Future[float] = self._network.loop.create_future()
        self._pongs.append(pong)
        self._pass_down(self._pinged, pong)
        return pong

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._server_open:
            self._server_open = False
            self._wake()
            self._pass_down(self._closed, code)

    # ── the client's end ─────────────────────────────────────────────────────────────────────

    def say(self, data: bytes) -> None:
        """Sends a frame, which may never arrive."""
        if self.open and not self._cut_up:
            self._up = max(self._up, self._network.loop.time() + self._network.delay())
            self._network.moving += 1
            self._network.loop.call_at(self._up, self._reaches_server, data)

    def hang_up(self) -> None:
        """The client closes. The server hears of it behind the last frame."""
        if self.open:
            self.open = False
            self._cut_down = True
            self._up = max(self._up, self._network.loop.time() + self._network.delay())
            self._network.loop.call_at(self._up, self._server_loses)

    # ── the network ──────────────────────────────────────────────────────────────────────────

    def lose(self, up: bool = True, down: bool = True) -> None:
        """The cable is out: nothing passes any more, and each end notices later, or by silence."""
        chance, loop = self._network.chance, self._network.loop
        self._cut_up = self._cut_up or up
        self._cut_down = self._cut_down or down
        if chance.random() < 0.7:
            loop.call_later(chance.uniform(0, 3), self._server_loses)
        if chance.random() < 0.7:
            loop.call_later(chance.uniform(0, 3), self._client_loses)

    def server_died(self) -> None:
        """Its machine answers no more, or says that it knows no such connection."""
        self._server_open = False
        self._pongs.clear()
        self._cut_up = True
        self._network.loop.call_later(self._network.delay(), self._client_loses)

    def _pass_down(self, arrive: Callable[..., None], *what: object) -> None:
        if not self._cut_down:
            self._down = max(self._down, self._network.loop.time() + self._network.delay())
            self._network.moving += 1
            # Whatever the server sent is on its way, whether or not the server lives on.
            self._network.loop.call_at(self._down, arrive, *what, context=self._network.outside)

    def _arrives(self, data: bytes, stamp: Stamp) -> None:
        self._network.moving -= 1
        if self.open and not self._cut_down:
            self._on_frame(self, data, stamp)

    def _pinged(self, pong: asyncio.Future[float]) -> None:
        self._network.moving -= 1
        if self.open and not self._cut_down and not self._cut_up:
            self._up = max(self._up, self._network.loop.time() + self._network.delay())
            self._network.loop.call_at(self._up, self._ponged, pong)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if self._server_open and not self._cut_up and not pong.done():
            pong.set_result(0.0)

    def _closed(self, code: int) -> None:
        self._network.moving -= 1
        if self.open and not self._cut_down:
            self.open = False
            self._on_closed(self, code)

    def _reaches_server(self, data: bytes) -> None:
        self._network.moving -= 1
        if self._server_open and not self._cut_up:
            self._inbox.append(data.decode("utf-8", "surrogateescape") if self.wire is Wire.JSON else data)
            self._wake()

    def _server_loses(self) -> None:
        if self._server_open:
            self._server_open = False
            self._wake()

    def _client_loses(self) -> None:
        if self.open:
            self.open = False
            self._on_closed(self, GONE)

    def _wake(self) -> None:
        if not self._server_open:
            for pong in self._pongs:
                if not pong.done():
                    pong.set_exception(ConnectionClosedError(None, None))
                    # Nobody need have waited for it.
                    pong.exception()
            self._pongs.clear()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
