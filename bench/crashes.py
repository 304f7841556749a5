"""`python -m bench crashes`: kill -9 under load, again and again. Who is back when, and was anything lost?

Each round: people talk, a mentor closes and hides, the server is killed at a random moment and started again. What
its log holds at that moment is read from a copy, replayed, and compared with everything anybody was told.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from time import time as wall
from typing import Any, Final

import aiohttp
import msgspec

from bench.client import ClientFailed, Pacer
from bench.connection import Identity
from bench.figures import Row, percentile
from bench.people import make_rooms
from bench.process import ROOT_KEY, ServerProcess, free_ports
from bench.survivor import Survivor
from protocol.ids import SessionId
from protocol.values import Role, Snapshot, Source
from rooms.state import RoomState
from rooms.view import Viewer, snapshot
from server.clock import SystemClock
from server.keeper import replay
from server.keys import RootKey
from server.room_loading import load_room
from server.storage.engine import open_existing
from server.storage.log import EventLog, StoredEvent
from server.storage.vault import Vault
from tests.rooms.client_model import ClientModel

ROOM: Final = SessionId("bench-crashes")
PARTICIPANTS: Final = 7
PUBLISHERS: Final = 3
LOAD_S: Final = (0.8, 2.5)
BACK_S: Final = 30.0
ROUND_S: Final = 90.0
RATES: Final = {"CHAT_PER_S": "1000", "CHAT_BURST": "1000", "FRAMES_PER_S": "1000", "FRAMES_BURST": "1000"}


LIMITS: Final = (
    "One machine: the people run beside the server and share its cores; the new process is started at once.",
    "Light clients: real signaling, ICE and DTLS-SRTP, no codecs. They join anew, as browsers do once a resume failed.",
    "kill -9 ends the process, not the power: that the disk is synced first is shown in tests/server/storage.",
)


@dataclass(slots=True)
class Crashes:
    """Times in seconds from the kill to the last person; one entry a round."""

    ready_s: list[float] = field(default_factory=list[float])
    back_s: list[float] = field(default_factory=list[float])
    media_s: list[float] = field(default_factory=list[float])
    events: int = 0
    acknowledged: int = 0
    in_doubt: int = 0
    """Sent and not answered when the server was killed."""
    lost: int = 0
    """Acknowledged messages, hidings and closings that the log does not have."""
    shown_and_lost: int = 0
    """Messages on somebody's screen that the log does not have."""
    twice: int = 0
    different: int = 0
    """Views of the room after a return whose checksum is not that of the log before."""
    views: int = 0
    wrong: list[str] = field(default_factory=list[str])

    @property
    def sound(self) -> bool:
        """Whether nothing was lost and every view was the same before and after."""
        return not (self.lost or self.shown_and_lost or self.twice or self.different or self.wrong)


async def run(times: int, *, participants: int = PARTICIPANTS, publishers: int = PUBLISHERS) -> Crashes:
    """So many crashes of one server with one room.

    Raises:
        ServerFailed, ClientFailed, BotFault: the run is void.
    """
    found = Crashes()
    with tempfile.TemporaryDirectory(prefix="holdspace-crashes-") as name:
        folder = Path(name)
        server = ServerProcess(folder, free_ports(), {f"SIGNALING__{key}": value for key, value in RATES.items()})
        roles = (Role.PARTICIPANT,) * participants + (Role.MENTOR,)
        tokens = (await make_rooms(server.storage_url, {"crashes": roles}))["crashes"]
        identity = Identity()
        people = [
            Survivor(
                identity,
                server.base_url,
                token,
                publishes=place < publishers,
                tracks=2 * (publishers - (place < publishers)),
            )
            for place, token in enumerate(tokens)
        ]
        pacing: asyncio.Task[None] | None = None
        try:
            async with aiohttp.ClientSession() as http:
                await server.start(http)
                for person in people:
                    await person.client.sign_in()
                await _all_in(people)
                pacing = asyncio.create_task(Pacer([person.client for person in people[:publishers]], wall).run())
                for _ in range(times):
                    async with asyncio.timeout(ROUND_S):
                        await _round(server, http, people, publishers, folder, found)
        finally:
            if pacing is not None:
                pacing.cancel()
                await asyncio.wait((pacing,))
            for person in people:
                await person.client.drop()
                await person.client.close()
            await server.kill()
    found.acknowledged = sum(len(person.posted) for person in people)
    found.wrong += [each for person in people for each in person.wrong]
    return found


async def _round(
    server: ServerProcess,
    http: aiohttp.ClientSession,
    people: Sequence[Survivor],
    publishers: int,
    folder: Path,
    found: Crashes,
) -> None:
    mentor = people[-1]
    # Whoever sends stays audible: else nobody could say whether their sound came back.
    others = tuple(person.you for person in people[publishers:-1])
    for person in people:
        await person.repeat()
    load = [asyncio.create_task(person.chat()) for person in people]
    load.append(asyncio.create_task(mentor.lead(others)))
    await asyncio.sleep(random.uniform(*LOAD_S))
    await server.kill()
    killed = monotonic()
    await asyncio.gather(*load)
    stored = await as_stored(folder, folder / "copy", ROOM)
    state = stored.state
    found.events = len(stored.events)
    found.twice += Counter(each.type for each in stored.events)["chat_written"] - len(state.chat)
    if stored.by_snapshot != state:
        found.wrong.append("a room loaded by its snapshot is another than by its whole log")
    compare(people, state, found)

    found.ready_s.append(await server.start(http))
    await _all_in(people)
    found.back_s.append(max(person.welcomed_at for person in people) - killed)
    async with asyncio.timeout(BACK_S):
        found.media_s.append(max(await asyncio.gather(*(person.hear_all() for person in people))) - killed)
    roles = {person.id: person.role for person in state.present()}
    for person in people:
        assert person.snapshot is not None
        found.views += 1
        fresh = snapshot(state, Viewer(person.you, roles[person.you]))
        found.different += checksum(person.snapshot) != checksum(fresh)


async def _all_in(people: Sequence[Survivor]) -> None:
    async def again(person: Survivor) -> None:
        await person.client.drop()
        await person.come_in()

    async with asyncio.timeout(BACK_S):
        # Who leads comes first: without a mentor the others would wait in the lobby.
        await again(people[-1])
        await asyncio.gather(*(again(person) for person in people[:-1]))


@dataclass(frozen=True, slots=True)
class Stored:
    """A room as its log tells it. `by_snapshot`: as a server loads it."""

    events: Sequence[StoredEvent]
    state: RoomState
    by_snapshot: RoomState


async def as_stored(folder: Path, copy: Path, room: SessionId) -> Stored:
    """What a killed server in `folder` left, read from a copy: to open the database would already mend it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, ignore=lambda _folder, names: set(names) - {"bench.db", "bench.db-wal"})
    engine = open_existing(f"sqlite+aiosqlite:///{copy / 'bench.db'}")
    try:
        log = EventLog(engine, SystemClock(), Vault(RootKey(bytes.fromhex(ROOT_KEY))))
        events = await log.read(room)
        return Stored(events, replay(events), (await load_room(log, room)).state)
    finally:
        await engine.dispose()


def compare(people: Sequence[Survivor], state: RoomState, found: Crashes) -> None:
    """Everything anybody was told is in the log."""
    for person in people:
        found.in_doubt += len(person.doubtful)
        found.lost += sum(state.chat.get(message) is None for message in person.posted)
        assert person.view is not None
        shown = [message for message in state.chat if message.id in person.view.chat]
        found.shown_and_lost += len(person.view.chat) - len(shown)
        if [message.id for message in shown] != list(person.view.chat):
            found.wrong.append("a screen had another order than the log")
        for of, true in person.settled.items():
            message = state.chat.get(of)  # pyright: ignore[reportArgumentType]
            if message is not None:
                found.lost += (message.hidden_by is not None) != true
            else:
                found.lost += state.people[of].shut != true  # pyright: ignore[reportArgumentType]


def checksum(view: Snapshot) -> str:
    """Over all that is durable; whether a device is on is not."""
    shown: dict[str, Any] = ClientModel(view).shows()
    for person in shown["participants"]:
        for passing in (*Source, "connected"):
            person.pop(passing, None)
    return hashlib.sha256(msgspec.json.encode(shown, order="deterministic")).hexdigest()


def rows(found: Crashes) -> list[Row]:
    """The table."""
    times = len(found.back_s)
    return [
        Row("Crashes under load (kill -9)", f"{times}, {PARTICIPANTS + 1} people, {PUBLISHERS} of them sending"),
        Row("Restart → /readyz", _spread(found.ready_s)),
        Row("Kill → all back in the room", _spread(found.back_s), "≤ 5 s", max(found.back_s) <= 5),
        Row("Kill → all media arrives again", _spread(found.media_s), "≤ 8 s", max(found.media_s) <= 8),
        Row("Acknowledged and lost", f"{found.lost} of {found.acknowledged:,}", "0", found.lost == 0),
        Row("Shown and lost, stored twice", f"{found.shown_and_lost}, {found.twice}", "0, 0", found.sound),
        Row(
            "Views whose checksum differs from the log's",
            f"{found.different} of {found.views}",
            "0",
            found.different == 0,
        ),
        Row("In doubt at a kill, sent again under their own ids", f"{found.in_doubt}"),
        Row("Events in the log", f"{found.events:,}"),
        *(Row("Wrong", each, "", False) for each in found.wrong[:5]),
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        raise ClientFailed("nothing was measured")
    return f"p50 {percentile(values, 0.5):.2f} s, worst {max(values):.2f} s"
