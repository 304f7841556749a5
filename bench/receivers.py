"""The load generator's end of the process that counts (`bench.receiver`)."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from bench.connection import LightConnection
from bench.counting import Delays, Tally
from bench.process import ROOT
from bench.receiver import ORDER_BYTES

_ANSWER_S: Final = 60.0
"""Long: on a machine with other work it may not get to run for seconds."""


class ReceiverFailed(Exception):
    """The counting process is gone or does not answer; the run is void."""


_END_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What arrived in a window.

    Attributes:
        unread: samples that could not be decrypted, or carried no time.
        cpu_s: what counting itself took.
    """

    tally: Tally
    delays: Delays
    unread: int
    cpu_s: float


class Receivers:
    """Subscribers' sockets, given away. Used as a context manager."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bench.receiver",
                str(theirs.fileno()),
                cwd=ROOT,
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._ours = ours
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ours is not None:
            self._ours.close()
            self._ours = None
        process = self._process
        if process is not None:
            try:
                async with asyncio.timeout(_END_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def take(self, connection: LightConnection) -> None:
        """Counts on this connection's behalf from now on."""
        fd, keys = connection.give_away()
        order = {"do": "add", "profile": keys.profile, "receive": keys.receive.hex(), "send": keys.send.hex()}
        await self._ask(order, fd)

    async def forget(self) -> None:
        """Closes what was given away."""
        await self._ask({"do": "forget"})

    async def begin(self) -> None:
        """Counting begins."""
        await self._ask({"do": "begin"})

    async def end(self) -> Counted:
        """What arrived since."""
        return msgspec.convert(await self._ask({"do": "end"}), Counted)

    async def _ask(self, order: dict[str, Any], fd: int | None = None) -> Any:
        assert self._ours is not None
        socket.send_fds(self._ours, [msgspec.json.encode(order)], [] if fd is None else [fd])
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await asyncio.get_running_loop().sock_recv(self._ours, ORDER_BYTES)
        except TimeoutError:
            raise ReceiverFailed("the counting process does not answer") from None
        if not answer:
            raise ReceiverFailed("the counting process is gone")
        return msgspec.json.decode(answer)
