"""One run: a seed's world, what happens in it, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import structlog

from protocol.codec import Wire
from protocol.values import Role, SessionStatus
from server.audit import verify
from tests.fakes import START_MS
from tests.server.secret import ROOT_KEY, vault
from tests.simulation.actions import next_action
from tests.simulation.client import Client, Who
from tests.simulation.disk import Access, Disk
from tests.simulation.judge import SECRET, Judge
from tests.simulation.loop import PROCESS, Hang, VirtualLoop
from tests.simulation.network import Network, SimSocket
from tests.simulation.randomness import odds_of, part
from tests.simulation.server import ROOM, SETTINGS, Server, SimClock

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

KEPT = 80
"""Lines of a run that are told when it fails."""

EXPECTED = (
    "not_saved",
    "room_not_claimed",
    "snapshot_not_saved",
    "end_not_marked",
    "commit failed and had worked",
    "commit uncertain",
)


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `trace` is a digest of everything that happened; `failure` is None when all held."""

    seed: int
    steps: int
    trace: str
    failure: str | None
    story: tuple[str, ...]
    callbacks: int
    events: int
    checks: int
    crashes: int
    unsure: int


class World:
    """Everything of one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.odds = odds_of(seed)
        self.chance = part(seed, "plan")
        self.loop = VirtualLoop()
        self.clock = SimClock(self.loop)
        self.story: deque[str] = deque(maxlen=KEPT)
        self._digest = hashlib.blake2b(digest_size=8)
        self.disk = Disk(self.loop, part(seed, "disk"), self.tell)
        self.network = Network(self.loop, part(seed, "network"))
        self.judge = Judge(self)
        self.disk.on_commit = self.judge.committed
        self.disk.on_answer = self.judge.answered_by_disk
        self.clients: list[Client] = []
        self.servers: list[Server] = []
        self.crashes = 0
        self.texts = 0
        self.complaints: list[str] = []
        self.loop.crash = self._crash
        self._restarting: asyncio.Task[None] | None = None
        self._people()

    @property
    def server(self) -> Server:
        """The present one."""
        return self.servers[-1]

    def tell(self, what: str) -> None:
        """Something happened."""
        line = f"{self.loop.time() - 1_000:9.4f} {what}"
        self.story.append(line)
        self._digest.update(line.encode())

    def trace(self) -> str:
        """A digest of what happened so far."""
        return self._digest.hexdigest()

    # ── people ───────────────────────────────────────────────────────────────────────────────

    def _people(self) -> None:
        roles = [Role.MENTOR, *([Role.PARTICIPANT] * self.odds.people)]
        if self.odds.therapist:
            roles.append(Role.THERAPIST)
        if self.chance.random() < 0.2:
            roles.append(Role.MENTOR)
        everyone = [Who(f"id-{n}", f"{SECRET}name-{n}~", role) for n, role in enumerate(roles)]
        if self.chance.random() < 0.4:
            everyone.append(Who("id-knocks", f"{SECRET}knocks~", Role.PARTICIPANT, enrolled=False))
        rows = [(who.identity, who.name, who.role.value, START_MS) for who in everyone]
        raw = self.disk.raw
        raw.executemany("INSERT INTO people (id, display_name, program_role, created_ms) VALUES (?, ?, ?, ?)", rows)
        raw.execute("INSERT INTO groups (id, name, created_ms) VALUES ('group', 'Tuesday', ?)", (START_MS,))
        raw.execute(
            "INSERT INTO sessions (id, group_id, title, status, opened_ms, responder_waived_by)"
            " VALUES (?, 'group', 'Tuesday', 'live', ?, 'id-lead')",
            (ROOM, START_MS),
        )
        for who in everyone:
            self.add_page(who)

    def add_page(self, who: Who) -> Client:
        """One more page of that person."""
        wire = Wire.JSON if self.chance.random() < 0.2 else Wire.MSGPACK
        client = Client(self, who, f"{who.role[0]}{len(self.clients)}", wire)
        self.clients.append(client)
        return client

    def stranger(self) -> Client:
        """A page of nobody we know."""
        return Client(self, Who("stranger", "stranger", Role.PARTICIPANT), "stranger", Wire.MSGPACK)

    def open_socket(self, client: Client, wire: Wire) -> SimSocket:
        """A WebSocket of that page to the present server."""
        opened_at = self.judge.head
        if client.who.role is not Role.PARTICIPANT:
            self.judge.staff_at = self.loop.time()
        socket = SimSocket(
            self.network,
            wire,
            client.take,
            client.closed,
            lambda data, since: self.judge.sending(client, opened_at, data, since),
        )
        self.server.accept(socket)
        return socket

    # ── the server's lives ───────────────────────────────────────────────────────────────────

    async def start_server(self) -> None:
        """A new life over the same disk."""
        server = Server(self.loop, self.disk, self.network, self.clock, self.seed, len(self.servers))
        self.servers.append(server)
        self.tell("server starts")
        await server.start()

    def crash_in(self, steps: int, down_s: float) -> None:
        """The server dies before the step that is so many ahead."""
        if self._restarting is None or self._restarting.done():
            self.loop.crash_at = self.loop.steps + steps
            self._down_s = down_s

    def _crash(self) -> None:
        if not self.server.accepts:
            return
        self.tell(f"crash at step {self.loop.steps}")
        self.crashes += 1
        self.server.crash()
        self.judge.room_was_lost()
        self._restarting = self.loop.create_task(self._restart(), context=self.network.outside)

    async def _restart(self) -> None:
        await asyncio.sleep(self._down_s)
        await self.start_server()

    async def start_beside(self) -> None:
        """The server is cut off and believed dead, and another is started; but it lives on for a while."""
        if not self.server.accepts:
            return
        self.tell("server is believed dead")
        zombie, self._two_servers = self.server, True
        zombie.accepts = False
        self.loop.crash_at = None
        self.judge.room_was_lost()
        for socket in self.network.sockets:
            socket.lose()
        self.loop.call_later(100.0, zombie.die, context=self.network.outside)
        await self.start_server()

    async def restart_gently(self, down_s: float) -> None:
        """A stop as an update does it, and a start."""
        if not self.server.accepts:
            return
        self.loop.crash_at = None
        self.tell("server stops")
        stopping = self.server
        await stopping.stop()
        self.judge.room_was_lost()
        for socket in self.network.sockets:
            socket.server_died()
        await asyncio.sleep(down_s)
        await self.start_server()

    # ── a run ────────────────────────────────────────────────────────────────────────────────

    async def live(self, steps: int) -> None:
        """The whole run. Raises AssertionError when something does not hold."""
        await self.start_server()
        self.disk.odds = self.network.odds = self.odds
        for client in self.clients:
            if client.who.role is Role.MENTOR or self.chance.random() < 0.7:
                client.come()
        await asyncio.sleep(self.chance.choice((0.1, 0.5, 2.0)))
        for _ in range(steps):
            for _ in range(self.chance.choice((1, 1, 2, 3))):
                await next_action(self)
                await asyncio.sleep(self.chance.choice((0.0, 0.0, 0.001, 0.02, 0.06)))
            self._look()
            await asyncio.sleep(self.chance.choice((0.0, 0.02, 0.1, 0.3, 1.0, 3.0)))
            self._look()
        await self._come_to_rest()
        long_after = self.chance.random() < 0.3
        if long_after:
            await asyncio.sleep(SETTINGS.silent_s + SETTINGS.away_grace_ms / 1000 + 10)
        self.judge.listen()
        self.judge.final(self.clients, long_after=long_after)
        self.judge.compare()
        await self._end()

    def _look(self) -> None:
        self._fail_on_complaints()
        if self.server.accepts:
            self.judge.listen()
            self.judge.compare()

    def _fail_on_complaints(self) -> None:
        assert not self.complaints, f"logged: {self.complaints[0]}"
        assert not self.loop.complaints, f"nobody caught: {self.loop.complaints[0]}"

    async def _come_to_rest(self) -> None:
        """The faults are over; everyone who wants to be there is, and nothing is on its way."""
        self.tell("faults end")
        self.loop.crash_at = None
        for server in self.servers[:-1]:
            server.die()
        self.disk.heal()
        self.network.odds = None
        for _ in range(60):
            await asyncio.sleep(5)
            self._look()
            if self._at_rest():
                return
        raise Hang(
            "it does not come to rest: " + ", ".join(f"{c} {c.pending}" for c in self.clients if not self._rests(c))
        )

    def _at_rest(self) -> bool:
        keeper = self.server.keeper()
        return (
            self.server.accepts
            and self.network.moving == 0
            and (keeper is None or not keeper._writer.busy)
            and all(self._rests(client) for client in self.clients)
        )

    @staticmethod
    def _rests(client: Client) -> bool:
        if not client.wants_in:
            return True
        return not client.pending and client.connected and client.socket is not None and client.socket.whole

    async def _end(self) -> None:
        """Goes down; what is stored is whole, and a new life finds the room as it was."""
        await self.server.stop()
        self._fail_on_complaints()
        report = await verify(
            cast("AsyncEngine", Access(self.disk)), vault(), ROOT_KEY.signing_key().public_key(), Path("no such file")
        )
        assert report.ok, report.findings
        assert report.events == self.judge.head
        await self.start_server()
        if self.judge.states[-1].status in (SessionStatus.LIVE, SessionStatus.LOBBY):
            await self.server.begin(self.server.hall.room(ROOM))
            self.judge.compare()
        await self.server.stop()
        self._fail_on_complaints()

    # ── what the server logs ─────────────────────────────────────────────────────────────────

    def logged(self, _logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor for structlog. Errors are failures of the run, unless a fault of the run explains them."""
        event = str(line.get("event"))
        if method in ("error", "critical", "exception") and event not in EXPECTED:
            bug = line.get("exc_info")
            cause = type(bug).__name__ if isinstance(bug, BaseException) else str(line.get("error", ""))
            if not (event == "socket_failed" and cause == "OperationalError") and not (
                event == "stream_failed" and self._may_fail
            ):
                self.complaints.append(f"{event} {cause} {bug!r} {line.get('at')}")
        if event == "not_saved":
            # Of two servers each may take the room from the other.
            self._may_fail = line["why"] == "OutcomeUnknown" or (self._two_servers and line["why"] == "StreamMoved")
        if event in ("commit uncertain", "commit failed and had worked", "not_saved"):
            self.judge.commit_uncertain(event == "commit uncertain")
        if event == "stream_failed" and PROCESS.get() is self.server.process:
            self.judge.room_was_lost()
        self.tell(f"log: {event}")
        raise structlog.DropEvent

    _may_fail = _two_servers = False
    _down_s = 0.0


def play(seed: int, steps: int) -> Outcome:
    """Runs a seed."""
    world = World(seed)
    failure: str | None = None
    with _logging_to(world):
        try:
            world.loop.run(world.live(steps))
            world._fail_on_complaints()
        except AssertionError as error:
            failure = str(error) or _place(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, this seed shows it.
            failure = f"{type(error).__name__}: {error} {_place(error)}"
        outcome = Outcome(
            seed, steps, world.trace(), failure, tuple(world.story), world.loop.steps, world.judge.head,
            world.judge.checked, world.crashes, world.disk.unsure,
        )  # fmt: skip
        with world.loop.current():
            for server in world.servers:
                server.bury()
        world.loop.close()
    return outcome


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""


@contextmanager
def _logging_to(world: World) -> Generator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[world.logged])
    try:
        yield
    finally:
        structlog.configure(**before)
