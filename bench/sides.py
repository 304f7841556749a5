"""The two servers that can be put under the same load, as the bench sees them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import aiohttp

from bench.client import LightClient
from bench.connection import Identity, LightConnection
from bench.figures import drops, metric
from bench.janus import JanusProcess
from bench.janus_client import JanusClient, JanusSession, make_room
from bench.process import ServerProcess
from bench.sending import Publisher

OURS: Final = "Holdspace"
JANUS: Final = "Janus"
"""With as many event loops as there are cores: its better case by far, with many connections on few cores."""
PACKAGED: Final = "Janus as packaged"
"""With a thread for each connection."""


class Caller(Publisher, Protocol):
    """One person's client; may come and go again and again."""

    all_came: asyncio.Event

    @property
    def opened_at(self) -> float:
        """Monotonic time at which this visit's WebSocket was open."""
        ...

    @property
    def first_media_at(self) -> float | None:
        """When the first RTP packet of someone else came; None before, and for a connection that was given away."""
        ...

    @property
    def all_media_at(self) -> float | None:
        """The same of the last of the expected tracks."""
        ...

    async def enter(self, *, tracks: int) -> None:
        """Comes in, to receive so many tracks."""
        ...

    async def publish(self, kbit_s: int) -> None:
        """Sets up sound and a picture of that bitrate; nothing is sent yet."""
        ...

    async def listen(self) -> LightConnection:
        """The connection through which everyone else arrives, once packets can flow."""
        ...

    async def leave(self) -> None:
        """Ends this visit."""
        ...


class Side(Protocol):
    """A running server."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int: ...

    async def callers(self, room: str, count: int) -> Sequence[Caller]:
        """People who may come into that room, none of them inside."""
        ...

    async def counters(self) -> dict[str, float]:
        """What the server itself counts: packets it `forwarded`, and what it dropped, by reason; or nothing."""
        ...

    async def close(self) -> None:
        """Forgets all callers."""
        ...


class OurSide:
    """Holdspace."""

    name = OURS

    def __init__(self, server: ServerProcess, http: aiohttp.ClientSession, tokens: Mapping[str, Sequence[str]]) -> None:
        """`tokens` are sign-in links of the people of each room."""
        self._server = server
        self._http = http
        self._tokens = tokens
        self._identity = Identity()
        self._clients: list[LightClient] = []

    @property
    def pid(self) -> int:
        return self._server.pid

    async def callers(self, room: str, count: int) -> Sequence[Caller]:
        clients = [LightClient(self._identity, self._server.base_url, token) for token in self._tokens[room][:count]]
        assert len(clients) == count
        self._clients += clients
        for client in clients:
            await client.sign_in()
        return clients

    async def counters(self) -> dict[str, float]:
        metrics = await self._server.metrics(self._http)
        return {"forwarded": metric(metrics, "_packets_forwarded")} | drops(metrics)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        self._clients.clear()


class JanusSide:
    """Janus with its VideoRoom."""

    def __init__(self, janus: JanusProcess, name: str) -> None:
        self.name = name
        self._janus = janus
        self._identity = Identity()
        self._rooms = itertools.count(1)
        self._owner: JanusSession | None = None

    @property
    def pid(self) -> int:
        return self._janus.pid

    async def callers(self, room: str, count: int) -> Sequence[Caller]:
        del room  # each call makes another one
        if self._owner is None:
            self._owner = JanusSession(self._janus.url)
            await self._owner.open()
        number = next(self._rooms)
        await make_room(self._owner, number, count)
        feeds: list[int] = []
        return [JanusClient(self._identity, self._janus.url, number, feeds) for _ in range(count)]

    async def counters(self) -> dict[str, float]:
        return {}

    async def close(self) -> None:
        if self._owner is not None:
            await self._owner.close()
            self._owner = None
