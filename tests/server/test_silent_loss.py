"""Real sockets: a mentor's machine freezes without a word, and the therapist is told within five seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from protocol.codec import Wire, decode_server, encode_client
from protocol.ids import IdentityId, SessionId
from protocol.messages import ClientMessage, Frame, Join, PauseChanged, Resume, Resumed, Watch, Welcome
from protocol.supervision import ConcernKind, Supervised
from protocol.values import Role
from server.app import Node
from server.config import Config, MediaConfig, ServerConfig, StorageConfig
from server.demo import DemoPeople, make_all_ready, seed
from server.storage.engine import open_existing, reading
from server.storage.schema import events
from server.tokens import JoinGrant, WatchGrant
from tests.server.secret import ROOT_KEY
from tests.server.test_node_audit import free_port

TOLD_WITHIN_S = 5.0


class Page:
    """A client on a real socket, which can freeze: then it reads nothing more, and answers nothing."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws

    async def until(self, kind: type[Frame], holds: Any = lambda _frame: True) -> Any:
        async with asyncio.timeout(20):
            while True:
                _, frame = decode_server(await self.ws.recv(), Wire.MSGPACK)
                if isinstance(frame, kind) and holds(frame):
                    return frame

    def freeze(self) -> None:
        self.ws.transport.pause_reading()


class Evening:
    """A node on a real port, with the people of the demo."""

    def __init__(self, node: Node, demo: DemoPeople) -> None:
        self.node, self.demo = node, demo
        self._pages: list[ClientConnection] = []

    async def open(self, first: ClientMessage) -> Page:
        ws = await connect(
            f"ws://127.0.0.1:{self.node.config.server.port}/ws",
            subprotocols=[Subprotocol(Wire.MSGPACK.value)],
            ping_interval=None,
            close_timeout=0.1,
        )
        self._pages.append(ws)
        await ws.send(encode_client(first, Wire.MSGPACK))
        return Page(ws)

    async def join(self, who: IdentityId, role: Role) -> Page:
        grant = JoinGrant(who, SessionId(self.demo.session_id), role, f"sign-in-of-{who}")
        return await self.open(Join(self.node._tokens.issue(grant).token))

    async def watch(self, who: IdentityId) -> Page:
        return await self.open(Watch(self.node._watch_tokens.issue(WatchGrant(who, f"sign-in-of-{who}")).token))

    async def close(self) -> None:
        for ws in self._pages:
            ws.transport.abort()


@pytest.fixture
async def evening(tmp_path: Path) -> AsyncIterator[Evening]:
    config = Config(
        server=ServerConfig(port=free_port(), metrics_port=0, client_dir=str(tmp_path), shutdown_grace_s=3.0),
        storage=StorageConfig(url=f"sqlite+aiosqlite:///{tmp_path}/node.db"),
        media=MediaConfig(port=0, advertise=("127.0.0.1",)),
    )
    node = Node(config, ROOT_KEY)
    await node.start()
    demo = await seed(node.engine, node.clock)
    await make_all_ready(node.engine, node.arrivals, demo)
    evening = Evening(node, demo)
    yield evening
    await evening.close()
    await node.stop()


async def test_the_therapist_is_told_within_five_seconds_of_a_frozen_mentor(evening: Evening) -> None:
    ruth = await evening.watch(evening.demo.therapist)
    ellie = await evening.join(evening.demo.participants[0], Role.PARTICIPANT)
    dana = await evening.join(evening.demo.mentor, Role.MENTOR)
    welcome = await dana.until(Frame)
    await ruth.until(Supervised, lambda frame: frame.view.people == 2 and frame.view.leaders == ("Dana",))
    # More than one ping is answered before.
    await asyncio.sleep(1.3)

    since = asyncio.get_running_loop().time()
    dana.freeze()
    told = await ruth.until(Supervised, lambda frame: frame.view.paused_until_ms > 0)
    took = asyncio.get_running_loop().time() - since

    assert took <= TOLD_WITHIN_S, f"told after {took:.2f} s"
    assert [each.kind for each in told.view.concerns] == [ConcernKind.LEADER_LOST]
    await ellie.until(PauseChanged, lambda frame: frame.until_ms > 0)

    # Thawed, they find their socket closed, and come back to their place.
    dana.ws.transport.resume_reading()
    again = await evening.open(Resume(welcome.resume_token, 0))
    await again.until(Resumed)
    back = await ruth.until(Supervised, lambda frame: frame.view.paused_until_ms == 0)
    assert back.view.concerns[0].over


async def test_a_page_that_answers_is_left_alone(evening: Evening) -> None:
    dana = await evening.join(evening.demo.mentor, Role.MENTOR)
    await dana.until(Frame)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(4.5):
            await dana.ws.wait_closed()


async def test_what_was_spoken_last_is_counted_when_the_node_stops(evening: Evening) -> None:
    dana = await evening.join(evening.demo.mentor, Role.MENTOR)
    welcome = await dana.until(Welcome)
    listening = evening.node._plane._rooms[evening.demo.session_id].listening
    for _ in range(5):
        listening.hear([(welcome.snapshot.you, 20)])
        await asyncio.sleep(0.01)

    await evening.node.stop()

    engine = open_existing(evening.node.config.storage.url)
    async with reading(engine) as connection:
        kinds = (await connection.execute(select(events.c.type))).scalars().all()
    await engine.dispose()
    assert kinds.count("talk_counted") == 1
