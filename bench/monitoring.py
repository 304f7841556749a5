"""`python -m bench monitoring [PAIRS]`: whether a room's commits take longer while supervision writes.

One real log on a real file. A room stores an event every 20 ms and waits for each; in every second block of them
therapists' streams store 100 a second besides, many times what people could do. Each block with is compared with the
quiet one before it, and each quiet one with the quiet one before, for what chance does alone.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from bench.figures import Row, percentile
from server.clock import SystemClock
from server.keys import RootKey
from server.storage.engine import open_engine
from server.storage.log import Claim, EventLog, NewEvent
from server.storage.migrate import migrate
from server.storage.vault import Vault

PAIRS: Final = 20
BLOCK: Final = 50
"""Events of the room in one block."""

PACE_S: Final = 0.02
THERAPISTS: Final = 20
FLOOD_S: Final = 0.01
PAYLOAD: Final = bytes(300)

LIMITS: Final = (
    "The log alone: no sockets, no media, no other rooms.",
    "A room and supervision share one writer and one file: a commit that is under way is waited for.",
    "A pair says little on a machine that does other things; the ratio of quiet blocks says how little.",
)


@dataclass(frozen=True, slots=True)
class Found:
    """Medians of single commits in ms, and ratios of a block's median to that of the quiet block before it."""

    pairs: int
    quiet_ms: float
    flooded_ms: float
    quiet_p95_ms: float
    flooded_p95_ms: float
    ratio: float
    ratio_of_quiet: float
    flood: int


class _Writer:
    """One stream, written in its order."""

    def __init__(self, log: EventLog, stream: str, claim: Claim) -> None:
        self._log, self._stream = log, stream
        self._epoch, self._head = claim.epoch, claim.head

    def append(self) -> asyncio.Future[None]:
        done = self._log.append(self._stream, self._epoch, self._head, (NewEvent(0, "measured", 1, PAYLOAD, "chat"),))
        self._head += 1
        return done


async def _block(room: _Writer) -> list[float]:
    took: list[float] = []
    for _ in range(BLOCK):
        since = perf_counter()
        await room.append()
        took.append((perf_counter() - since) * 1_000)
        await asyncio.sleep(PACE_S)
    return took


async def _flooded(room: _Writer, therapists: Sequence[_Writer], wrote: Callable[[], int]) -> list[float]:
    over = asyncio.Event()

    async def flood() -> None:
        waits: list[asyncio.Future[None]] = []
        while not over.is_set():
            waits.append(therapists[wrote() % len(therapists)].append())
            await asyncio.sleep(FLOOD_S)
        await asyncio.gather(*waits)

    async with asyncio.TaskGroup() as both:
        both.create_task(flood(), name="flood")
        took = await _block(room)
        over.set()
    return took


async def run(pairs: int = PAIRS) -> Found:
    """About two seconds a pair and block."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        await migrate(url)
        engine = open_engine(url)
        log = EventLog(engine, SystemClock(), Vault(RootKey(bytes(32))))
        await log.start()
        try:
            room = _Writer(log, "room", await log.claim("room", "room"))
            names = [f"supervision-{n}" for n in range(THERAPISTS)]
            therapists = [_Writer(log, name, await log.claim(name, "supervision")) for name in names]
            numbers = count()
            wrote = numbers.__next__
            await _block(room)
            quiet, again, flooded = list[list[float]](), list[list[float]](), list[list[float]]()
            for _ in range(pairs):
                quiet.append(await _block(room))
                again.append(await _block(room))
                flooded.append(await _flooded(room, therapists, wrote))
        finally:
            await log.stop()
            await engine.dispose()
    silent = [each for block in again for each in block]
    loud = [each for block in flooded for each in block]
    return Found(
        pairs,
        median(silent),
        median(loud),
        percentile(silent, 0.95),
        percentile(loud, 0.95),
        median(median(b) / median(a) for a, b in zip(again, flooded, strict=True)),
        median(median(b) / median(a) for a, b in zip(quiet, again, strict=True)),
        wrote(),
    )


def rows(found: Found) -> Sequence[Row]:
    """The table's lines."""
    return (
        Row("a room's commit, median, quiet", f"{found.quiet_ms:.2f} ms"),
        Row(f"while supervision stores {found.flood} events besides", f"{found.flooded_ms:.2f} ms"),
        Row("95th percentile, quiet and with", f"{found.quiet_p95_ms:.2f} and {found.flooded_p95_ms:.2f} ms"),
        Row("ratio of pairs, median", f"{found.ratio:.2f}"),
        Row("ratio of two quiet blocks, median", f"{found.ratio_of_quiet:.2f}"),
    )
