"""A whole node in this process, and people with real sockets who remember what they were told."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.client import LightClient
from bench.connection import Identity
from bench.people import make_rooms
from bench.process import free_ports
from protocol.codec import Wire, encode_client
from protocol.ids import MessageId, RequestId
from protocol.messages import ClientMessage, Goodbye, PostChat, ServerMessage, Welcome
from protocol.values import Role, Snapshot
from server.app import Node
from server.clock import Clock
from server.config import Config, MediaConfig, RoomsConfig, ServerConfig, SignInConfig, StorageConfig
from tests.server.secret import ROOT_KEY

ROLES = (Role.PARTICIPANT, Role.PARTICIPANT, Role.MENTOR)
"""Ellie, Marcus, Dana."""

WITHIN_S = 10.0
"""Bounds a failure; nothing here takes so long."""


class Guest(LightClient):
    """One person with one page."""

    def __init__(self, base_url: str, token: str) -> None:
        super().__init__(Identity(), base_url, token, self._hear)
        self._base_url = base_url
        self.frames: list[tuple[int | None, ServerMessage]] = []
        self._news = asyncio.Event()
        self.last_message = MessageId("")

    async def come_in(self) -> Snapshot:
        """Joins; the room as the welcome tells it."""
        self.frames.clear()
        await self.join(tracks=0)
        return self.welcome.snapshot

    @property
    def welcome(self) -> Welcome:
        return self.got(Welcome)[-1]

    @property
    def seq(self) -> int:
        return max((seq for seq, _ in self.frames if seq is not None), default=0)

    def got(self, kind: type[Any]) -> list[Any]:
        return [frame for _, frame in self.frames if isinstance(frame, kind)]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for a frame that makes it so."""
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def write(self, text: str) -> MessageId:
        """Posts a message. Raises ClientFailed with the code of a refusal."""
        self.last_message = message = MessageId(secrets.token_hex(8))
        await self.request(PostChat(RequestId(f"chat-{message}"), message, text))
        return message

    async def join_token(self) -> str:
        """One that nobody used yet."""
        return (await self._visitor.join(await self._visitor.live_session())).token

    async def connect_again(self, first: ClientMessage) -> None:
        """Another socket, with this for its first frame; an older one is dropped."""
        await self.drop()
        self.frames.clear()
        await self._open(f"{self._base_url.replace('http', 'ws', 1)}/ws", first)

    async def say(self, message: ClientMessage) -> None:
        await self.send_bytes(encode_client(message, Wire.MSGPACK))

    async def send_bytes(self, data: bytes) -> None:
        assert self._ws is not None
        await self._ws.send(data)

    async def closed_with(self) -> int:
        """The code that this visit's socket was closed with by the server."""
        assert self._ws is not None
        async with asyncio.timeout(WITHIN_S):
            await self._ws.wait_closed()
        return self._ws.close_code or 0

    def goodbye(self) -> Goodbye:
        return self.got(Goodbye)[-1]

    def _hear(self, seq: int | None, message: ServerMessage) -> None:
        self.frames.append((seq, message))
        self._news.set()


class Place:
    """A database with a live room and three people, and nodes that come and go on it."""

    def __init__(self, folder: Path, tokens: tuple[str, ...]) -> None:
        self._folder = folder
        self._ports = free_ports()
        self.idle_timeout_s = 43_200
        self.away_grace_s = 60.0
        self.people = [Guest(self._config().base_url(), token) for token in tokens]

    @asynccontextmanager
    async def node(self, clock: Clock | None = None) -> AsyncGenerator[Node]:
        """A node on the database, until the block ends."""
        node = Node(self._config(), ROOT_KEY, clock)
        await node.start()
        try:
            yield node
        finally:
            await node.stop()

    def _config(self) -> Config:
        ports, folder = self._ports, self._folder
        return Config(
            server=ServerConfig(
                port=ports.http, metrics_port=ports.metrics, client_dir=str(folder), shutdown_grace_s=2.0
            ),
            storage=StorageConfig(url=f"sqlite+aiosqlite:///{folder}/place.db"),
            media=MediaConfig(port=ports.media, advertise=("127.0.0.1",)),
            rooms=RoomsConfig(away_grace_s=self.away_grace_s),
            sign_in=SignInConfig(idle_timeout_s=self.idle_timeout_s),
        )


@asynccontextmanager
async def place(folder: Path) -> AsyncGenerator[Place]:
    """The database is made; no node runs yet, and nobody has signed in."""
    made = await make_rooms(f"sqlite+aiosqlite:///{folder}/place.db", {"room": ROLES})
    there = Place(folder, made["room"])
    try:
        yield there
    finally:
        for person in there.people:
            with contextlib.suppress(Exception):
                await person.drop()
            await person.close()
