"""A stage for signaling: the real endpoint and keeper, fake sockets, log, media and clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosedOK

from protocol.codec import Wire, decode_server, encode_client
from protocol.errors import ErrorCode, Refused
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import ClientMessage, Frame, Join, Resume, Welcome
from protocol.values import Role, Source, Tile
from rooms.commands import Enter, OpenSession, WaiveResponder
from rooms.life import DEFAULT_RULES
from rooms.state import EMPTY
from server.keeper import Keeper
from server.storage.log import Claim
from signaling.endpoint import Endpoint, Settings
from signaling.ports import Admission
from tests.fakes import FakeClock, counted
from tests.room_fakes import FakeEar, FakeLog, FakeMedia, FakeTimers

ROOM = SessionId("room-1")
HOST = ParticipantId("host")


class FakeWebSocket:
    """The server's end of a socket; the test holds the other."""

    def __init__(self, wire: Wire = Wire.MSGPACK) -> None:
        self.wire = wire
        self.to_server: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.frames: list[tuple[int | None, Frame]] = []
        self.closed_with: int | None = None
        self.closed = asyncio.Event()
        self.known = False
        self.deaf = False
        self.writable = asyncio.Event()
        self.writable.set()
        self.pings: list[asyncio.Future[float]] = []

    def know(self) -> None:
        self.known = True

    async def ping(self) -> asyncio.Future[float]:
        """The test answers it, or does not."""
        await self.writable.wait()
        if self.closed_with is not None:
            raise ConnectionClosedOK(None, None)
        self.pings.append(asyncio.get_running_loop().create_future())
        return self.pings[-1]

    async def send(self, message: str | bytes) -> None:
        await self.writable.wait()
        if self.closed_with is not None:
            raise ConnectionClosedOK(None, None)
        self.frames.append(decode_server(message, self.wire))

    async def recv(self) -> str | bytes:
        data = await self.to_server.get()
        if data is None:
            raise ConnectionClosedOK(None, None)
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.deaf:
            self.closed_with = code
            return
        if self.closed_with is None:
            self.closed_with = code
            self.closed.set()
        self.to_server.put_nowait(None)

    # ── the client's side ──

    def say(self, message: ClientMessage) -> None:
        data = encode_client(message, self.wire)
        self.to_server.put_nowait(data.decode() if self.wire is Wire.JSON else data)

    def drop(self) -> None:
        """The network is gone."""
        self.closed_with = 1006
        self.writable.set()
        self.to_server.put_nowait(None)

    def got(self, kind: type[Frame]) -> list[Any]:
        return [frame for _, frame in self.frames if type(frame) is kind]

    @property
    def last(self) -> Frame:
        return self.frames[-1][1]

    @property
    def seq(self) -> int:
        return max((seq for seq, _ in self.frames if seq is not None), default=0)


class FakeHall:
    """One room, and tokens that name who enters."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.admissions: dict[str, Admission] = {}

    async def redeem(self, token: str) -> Admission:
        admission = self.admissions.pop(token, None)
        if admission is None:
            raise Refused(ErrorCode.TOKEN_INVALID)
        return admission

    async def room(self, session_id: SessionId) -> Keeper:
        return self.keeper


class FakeCalls:
    """Remembers what media was asked for; refuses an SDP that says `bad`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def begin(self, room: str, participant: str, *, mentor: bool) -> None:
        self.asked.append(("begin", participant))

    def end(self, room: str, participant: str) -> None:
        self.asked.append(("end", participant))

    def publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        if sdp == "bad":
            raise Refused(ErrorCode.SDP_REJECTED)
        if sdp == "bug":
            raise ZeroDivisionError(sdp)
        self.asked.append(("publish", participant, dict(sources)))
        return "answer"

    def answer(self, room: str, participant: str, version: int, sdp: str) -> None:
        self.asked.append(("answer", participant, version))

    def resubscribe(self, room: str, participant: str) -> None:
        self.asked.append(("resubscribe", participant))

    def view(self, room: str, participant: str, tiles: Sequence[Tile]) -> None:
        self.asked.append(("view", participant, tuple(tiles)))


class FakeTelemetry:
    """Counts."""

    def __init__(self) -> None:
        self.sockets = 0
        self.refused: list[str] = []
        self.commands: list[tuple[str, str]] = []
        self.sent = 0

    def socket_opened(self) -> None:
        self.sockets += 1

    def socket_closed(self) -> None:
        self.sockets -= 1

    def frame_refused(self, code: str) -> None:
        self.refused.append(code)

    def command(self, kind: str, outcome: str, seconds: float) -> None:
        self.commands.append((kind, outcome))

    def frames_sent(self, frames: int, size: int) -> None:
        self.sent += frames


class Stage:
    """Everything, wired."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.log, self.media, self.timers, self.clock = FakeLog(), FakeMedia(), FakeTimers(), FakeClock()
        self.keeper = Keeper(
            ROOM,
            EMPTY,
            Claim(1, 0),
            self.log,
            self.media,
            self.clock,
            self.timers,
            FakeEar(),
            DEFAULT_RULES,
        )
        self.hall, self.calls, self.telemetry = FakeHall(self.keeper), FakeCalls(), FakeTelemetry()
        self.tokens = counted("token")
        self.endpoint = Endpoint(
            self.hall,
            self.calls,
            self.telemetry,
            new_token=counted("secret"),
            new_id=counted("person"),
            now_ms=self.clock.now_ms,
            monotonic=self.clock.monotonic,
            settings=settings or Settings(),
        )
        self._serving: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """The session is live: a host leads it, without a socket of their own."""
        await self.keeper.submit(OpenSession(ROOM, "Tuesday"))
        await self.keeper.submit(WaiveResponder(IdentityId("id-lead")))
        await self.keeper.submit(Enter(HOST, IdentityId("id-host"), "Host", Role.MENTOR))

    def token(self, name: str, role: Role = Role.PARTICIPANT, *, enrolled: bool = True) -> str:
        token = self.tokens()
        self.hall.admissions[token] = Admission(
            ROOM, IdentityId(f"id-{name}"), name, role, enrolled, f"sign-in-of-{name}"
        )
        return token

    async def socket(self, first: ClientMessage | None = None, wire: Wire = Wire.MSGPACK) -> FakeWebSocket:
        ws = FakeWebSocket(wire)
        task = asyncio.create_task(self.endpoint.handle(ws, wire))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        if first is not None:
            ws.say(first)
        await self.settle()
        return ws

    async def join(self, name: str, role: Role = Role.PARTICIPANT, wire: Wire = Wire.MSGPACK) -> FakeWebSocket:
        ws = await self.socket(Join(self.token(name, role)), wire)
        assert isinstance(ws.frames[0][1], Welcome)
        return ws

    async def join_without_waiting(self, name: str, role: Role = Role.PARTICIPANT) -> FakeWebSocket:
        return await self.socket(Join(self.token(name, role)))

    async def resume(self, resume_token: str, seq: int) -> FakeWebSocket:
        return await self.socket(Resume(resume_token, seq))

    async def settle(self) -> None:
        """Lets everything that can run, run."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self.keeper.close()
