"""One life of the server: the real endpoint, hall, keepers and log, from its start to its stop or its crash."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, cast

from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from rooms.life import Rules
from server.hall import Hall
from server.keeper import Keeper
from server.storage.log import EventLog, Synced
from server.storage.vault import Vault
from server.tokens import JoinGrant, JoinTokens
from signaling.endpoint import Endpoint, Settings
from signaling.rate import Rates
from tests.fakes import START_MS
from tests.server.secret import ROOT_KEY
from tests.signaling.stage import FakeTelemetry
from tests.simulation.disk import Access, Disk
from tests.simulation.loop import PROCESS, Process, VirtualLoop
from tests.simulation.network import Network, SimSocket
from tests.simulation.randomness import part
from tests.simulation.sound import Sound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

ROOM = SessionId("room")
RULES = Rules(cover_wait_ms=20_000, lobby_wait_ms=60_000)
SETTINGS = Settings(ping_every_s=15.0, silent_s=40.0, rates=Rates(100, 200, 50, 100))


class SimClock:
    """The loop's time, and a wall clock that may be set."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.stepped_ms = 0

    def now_ms(self) -> int:
        return START_MS + round(self._loop.time() * 1000) + self.stepped_ms

    def monotonic(self) -> float:
        return self._loop.time()


class Server:
    """Everything between the sockets and the disk. `generation` counts lives, so that no id comes twice."""

    def __init__(
        self, loop: VirtualLoop, disk: Disk, network: Network, clock: SimClock, seed: int, generation: int
    ) -> None:
        chance = part(seed, f"server {generation}")
        self._loop = loop
        self._disk = disk
        self._network = network
        self.process = Process()
        self._context = copy_context()
        self._context.run(PROCESS.set, self.process)
        self.sound = Sound(loop, chance.getrandbits(32))
        # As much of an AsyncEngine as the server uses.
        access = cast("AsyncEngine", Access(disk))
        self.log = EventLog(
            access,
            clock,
            Vault(ROOT_KEY, chance.randbytes),
            transactions=cast("Access", access),
            on_synced=self._synced,
        )
        self._tokens = JoinTokens(clock, _counted(f"join-{generation}-token"))
        self.hall = Hall(
            access,
            self.log,
            self._tokens,
            self.sound,
            clock,
            cast("asyncio.AbstractEventLoop", loop),
            away_grace_ms=SETTINGS.away_grace_ms,
            arrived=_has_arrived,
            rules=RULES,
            on_rooms=lambda _: None,
            on_failed=lambda: None,
            on_denied=lambda *_: None,
        )
        # Often enough that the few events of a run meet one.
        self.hall._snapshots._every = chance.choice((3, 8, 200))
        self.endpoint = Endpoint(
            self.hall,
            self.sound,
            FakeTelemetry(),
            new_token=_counted(f"resume-{generation}-token"),
            new_id=_counted(f"p{generation}"),
            now_ms=clock.now_ms,
            monotonic=clock.monotonic,
            settings=SETTINGS,
        )
        self.accepts = False

    def _synced(self, group: Synced) -> None:
        self.hall.synced(group)

    # ── from outside ─────────────────────────────────────────────────────────────────────────

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs something as a part of this process."""
        return self._loop.create_task(work, context=self._context)

    async def start(self) -> None:
        """Answers from now on."""
        await self.begin(self.log.start())
        self.accepts = True

    def issue(self, person: str, role: Role, *, enrolled: bool) -> str:
        """A join token, as the HTTP part hands it out to who belongs to the session, or may knock."""
        return self._tokens.issue(JoinGrant(IdentityId(person), ROOM, role, f"sign-in-{person}", enrolled)).token

    def accept(self, socket: SimSocket) -> None:
        """A WebSocket was opened."""
        self.begin(self._handle(socket))

    async def _handle(self, socket: SimSocket) -> None:
        await self.endpoint.handle(socket, socket.wire)
        # As `server.sockets` does.
        await socket.close()

    def keeper(self) -> Keeper | None:
        """The room's keeper, if there is one that works."""
        loading = self.hall._keepers.get(ROOM)
        if loading is None or not loading.done() or loading.exception() is not None or loading.result().over:
            return None
        return loading.result()

    # ── its end ──────────────────────────────────────────────────────────────────────────────

    def die(self) -> None:
        """From this moment on not one more step of it is taken."""
        self.process.dead, self.accepts = True, False
        self._loop.deaths += 1
        self._disk.crash()

    def crash(self) -> None:
        """Dies, and takes the connections along."""
        self.die()
        for socket in self._network.sockets:
            socket.server_died()

    async def stop(self) -> None:
        """Goes down in order, as `server.app` does. Raises AssertionError when something of it goes on."""
        self.accepts = False
        await self.begin(self._stop())
        await asyncio.sleep(0)
        left = [task for task in self.process.tasks if not task.done()]
        assert not left, f"still running after the stop: {left}"
        self.process.dead = True

    async def _stop(self) -> None:
        await self.endpoint.drain()
        # The handlers are the sockets' own tasks, which the listener waits for.
        for _ in range(20):
            await asyncio.sleep(0)
        await self.hall.close()
        await self.log.stop()

    def bury(self) -> None:
        """After a run: what was cut off in the middle is thrown away, without a word."""
        self.process.dead = True
        # In its context, so that what it begins on its way out is found here, too.
        self._context.run(self._close_all)

    def _close_all(self) -> None:
        for task in self.process.tasks:
            if not task.done():
                task._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue]
                with contextlib.suppress(Exception):
                    # Now, and not when the garbage is collected: what it still does on its way out is without effect.
                    task.get_coro().close()  # pyright: ignore[reportOptionalMemberAccess]


async def _has_arrived(*_: object) -> bool:
    return True


def _counted(prefix: str) -> Callable[[], str]:
    count = 0

    def following() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-{count:06d}"

    return following
