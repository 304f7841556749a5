"""`python -m bench flags [FLAGS]`: how soon a flag is on the therapist's screen, from a live room of eight.

Each flag is raised over HTTP and timed until the therapist's watching socket has it; then it is acknowledged and
resolved, so that each one is a new concern. Everybody in the room keeps writing meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.client import ClientFailed, LightClient
from bench.connection import Identity
from bench.figures import Row, percentile
from bench.people import LINK_S, make_rooms
from bench.process import ServerProcess, free_ports
from protocol.codec import MAX_SERVER_FRAME, Wire, decode_server, encode_client
from protocol.ids import IdentityId, RequestId, SessionId
from protocol.messages import Watch
from protocol.supervision import (
    Acknowledge,
    ConcernView,
    Outcome,
    Resolution,
    Resolve,
    Supervised,
    SupervisedView,
    Watching,
)
from protocol.values import Role
from server.auth import Auth
from server.clock import SystemClock
from server.storage.engine import open_engine

FLAGS: Final = 500
PEOPLE: Final = 8
TARGET_MS: Final = 100.0
WRITES_EVERY_S: Final = 1.0
APART_S: Final = 0.1
"""Between two flags: the therapist's page answers each with two frames, and may send thirty a second."""
_ROOM: Final = "flags"
_WAIT_S: Final = 10.0

LIMITS: Final = (
    (
        "One machine over loopback: no network, no browser. The raiser, the therapist and the room run in one process "
        "beside the server, on the same cores; what is told is more than the server took."
    ),
    "The screen is the therapist's socket: the time to draw is not in it.",
)


@dataclass(slots=True)
class Flags:
    """What was measured. Milliseconds."""

    shown_ms: list[float] = field(default_factory=list[float])
    """From the request leaving to the therapist's frame that has the flag."""
    stored_ms: list[float] = field(default_factory=list[float])
    """The same to the answer that says it is stored."""
    unstored: int = 0
    load_average: list[float] = field(default_factory=list[float])
    """Of the last minute, before and after."""


class Therapist:
    """A page that watches one session."""

    def __init__(self, ws: ClientConnection) -> None:
        self._ws = ws
        self._numbers = count(1)
        self.concerns: tuple[ConcernView, ...] = ()
        self.shown_at: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def read(self) -> None:
        """Until the socket ends."""
        async for data in self._ws:
            _, frame = decode_server(data, Wire.MSGPACK)
            now = monotonic()
            match frame:
                case Watching(sessions=sessions):
                    for view in sessions:
                        self._take(view, now)
                case Supervised(view=view):
                    self._take(view, now)
                case _:
                    pass
            self._changed.set()

    async def until_shown(self, flag_id: str) -> float:
        """When that flag came (monotonic). Raises ClientFailed."""
        await self._until(lambda: flag_id in self.shown_at)
        return self.shown_at[flag_id]

    async def close_all(self) -> None:
        """Acknowledges and resolves whatever is open. Raises ClientFailed."""
        for concern in self.concerns:
            if concern.flags and concern.resolution is None:
                number, session_id = next(self._numbers), SessionId(f"bench-{_ROOM}")
                noted = Acknowledge(RequestId(f"a{number}"), session_id, concern.id, len(concern.flags))
                await self._ws.send(encode_client(noted, Wire.MSGPACK))
                over = Resolution(Outcome.NO_ACTION)
                resolved = Resolve(RequestId(f"r{number}"), session_id, concern.id, over, len(concern.flags))
                await self._ws.send(encode_client(resolved, Wire.MSGPACK))
        await self._until(lambda: all(each.resolution is not None for each in self.concerns if each.flags))

    def _take(self, view: SupervisedView, now: float) -> None:
        self.concerns = view.concerns
        for concern in view.concerns:
            for flag in concern.flags:
                self.shown_at.setdefault(flag.id, now)

    async def _until(self, so: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_WAIT_S):
                while not so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise ClientFailed("the therapist's page was not told") from None


async def run(flags: int) -> Flags:
    """Flags one after the other.

    Raises:
        ServerFailed, ClientFailed, BotFault: the run is void.
    """
    found = Flags(load_average=[os.getloadavg()[0]])
    roles = (Role.PARTICIPANT,) * (PEOPLE - 1) + (Role.THERAPIST, Role.MENTOR)
    with tempfile.TemporaryDirectory(prefix="holdspace-bench-") as folder:
        server = ServerProcess(Path(folder), free_ports())
        tokens = (await make_rooms(server.storage_url, {_ROOM: roles}))[_ROOM]
        identity = Identity()
        people = [LightClient(identity, server.base_url, each) for each in (*tokens[: PEOPLE - 1], tokens[-1])]
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as raiser:
                await server.start(raiser)
                for person in reversed(people):
                    await person.sign_in()
                    await person.join(tracks=0)
                await _sign_in(raiser, server, await _link(server, PEOPLE))
                await _measure(server, raiser, people, tokens[PEOPLE - 1], flags, found)
        finally:
            for person in people:
                await person.close()
            await server.stop()
    found.load_average.append(os.getloadavg()[0])
    return found


async def _measure(
    server: ServerProcess,
    raiser: aiohttp.ClientSession,
    people: Sequence[LightClient],
    therapist: str,
    flags: int,
    found: Flags,
) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as page:
        await _sign_in(page, server, therapist)
        async with page.post(f"{server.base_url}/api/v1/watch", json={}) as answer:
            way_in = await answer.json()
        async with connect(
            way_in["ws_url"],
            subprotocols=[Subprotocol(Wire.MSGPACK.value)],
            compression=None,
            max_size=MAX_SERVER_FRAME,
            proxy=None,
        ) as ws:
            watching = Therapist(ws)
            tasks = [asyncio.create_task(watching.read()), asyncio.create_task(_write(people))]
            try:
                await ws.send(encode_client(Watch(way_in["token"]), Wire.MSGPACK))
                for number in range(flags):
                    await _raise(server, raiser, watching, f"flag-{number}", found)
                    await watching.close_all()
                    await asyncio.sleep(APART_S)
                    for task in tasks:
                        if task.done():
                            task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)


async def _raise(
    server: ServerProcess, raiser: aiohttp.ClientSession, watching: Therapist, flag_id: str, found: Flags
) -> None:
    body = {"flag_id": flag_id, "kind": "flag", "severity": "urgent", "category": "other", "text": "Not doing well."}
    left = monotonic()
    async with raiser.post(f"{server.base_url}/api/v1/sessions/bench-{_ROOM}/flags", json=body) as answer:
        told = await answer.json()
        if answer.status not in (200, 202):
            raise ClientFailed(f"the flag was refused: {told}")
    found.stored_ms.append((monotonic() - left) * 1000)
    found.unstored += not told["stored"]
    found.shown_ms.append((await watching.until_shown(flag_id) - left) * 1000)


async def _write(people: Sequence[LightClient]) -> None:
    for number in count():
        await people[number % len(people)].post_chat(number)
        await asyncio.sleep(WRITES_EVERY_S / len(people))


async def _sign_in(page: aiohttp.ClientSession, server: ServerProcess, token: str) -> None:
    async with page.post(f"{server.base_url}/api/v1/sign-in", json={"token": token}) as answer:
        if answer.status != 200:
            raise ClientFailed("nobody could sign in")


async def _link(server: ServerProcess, who: int) -> str:
    engine = open_engine(server.storage_url)
    try:
        return await Auth(engine, SystemClock()).make_link(IdentityId(f"bench-{_ROOM}-{who}"), ttl_s=LINK_S)
    finally:
        await engine.dispose()


def rows(found: Flags) -> list[Row]:
    """The table's lines."""
    worst = percentile(found.shown_ms, 0.99)
    return [
        Row("Load of the machine, one minute", ", ".join(f"{load:.1f}" for load in found.load_average)),
        Row(
            f"Flag leaves → the therapist's socket has it, {len(found.shown_ms)} flags",
            _spread(found.shown_ms),
            "p99 < 100 ms",
            worst < TARGET_MS,
        ),
        Row("Flag leaves → the answer that it is stored", _spread(found.stored_ms)),
        Row("Answered as not stored yet", f"{found.unstored}", "0", found.unstored == 0),
    ]


def _spread(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 0.5):.1f} ms, p99 {percentile(values, 0.99):.1f} ms, worst {max(values):.1f} ms"
