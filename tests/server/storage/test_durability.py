"""What was acknowledged is there after the process, or the power, is gone."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage.engine import open_engine, open_thread_engine
from server.storage.log import EventLog, NewEvent
from server.storage.transactions import ThreadTransactions
from tests.fakes import FakeClock
from tests.server.storage.databases import database, url_of
from tests.server.storage.recording_disk import (
    Acknowledged,
    Happened,
    Image,
    RecordingDisk,
    Sync,
    after_power_cut,
    after_process_death,
    is_available,
)
from tests.server.storage.recovery import recovered_events

ROOT = Path(__file__).parents[3]
NAME = "log.db"
EVENTS = 60

needs_recording = pytest.mark.skipif(not is_available(), reason="this Python hides the functions of its SQLite")


def with_pragmas(engine: AsyncEngine, pragmas: tuple[str, ...]) -> ThreadTransactions:
    """The writer's own way to the database, with other settings after the usual ones."""
    transactions = ThreadTransactions(open_thread_engine(engine))

    @event.listens_for(transactions.engine, "connect")
    def _set(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return transactions


async def record(tmp_path: Path, extra_pragmas: tuple[str, ...]) -> tuple[Image, list[Happened]]:
    """Appends EVENTS events on a recording disk: what was there before, and what happened since."""
    async with database(tmp_path / NAME):
        pass
    start = {NAME: (tmp_path / NAME).read_bytes()}
    with RecordingDisk() as disk:
        engine = open_engine(disk.url(tmp_path / NAME))
        log = EventLog(engine, FakeClock(), transactions=with_pragmas(engine, extra_pragmas))
        await log.start()
        claim = await log.claim("room-1", "room")
        chance = random.Random(7)
        head = 0
        while head < EVENTS:
            waiting: list[asyncio.Future[None]] = []
            for _ in range(chance.randint(1, 3)):
                payload = b"%d" % (head + 1) + b"." * chance.choice((10, 3_000))
                done = log.append("room-1", claim.epoch, head, [NewEvent(0, "chat_posted", 1, payload)])
                head += 1
                done.add_done_callback(lambda _, events=head: disk.history.append(Acknowledged(events)))
                waiting.append(done)
            await asyncio.gather(*waiting)
        await log.stop()
        happened = list(disk.history)
        await engine.dispose()
    return start, happened


def claimed_at(history: list[Happened], start: Image, folder: Path) -> int:
    """From where on the stream exists, even after a power cut."""
    for place, happened in enumerate(history, start=1):
        if isinstance(happened, Sync):
            try:
                recovered_events(folder, after_power_cut(start, history[:place]), NAME)
            except ValueError:
                continue
            return place
    raise AssertionError("never")


@needs_recording
async def test_no_acknowledgement_precedes_its_sync_whatever_the_disk_does_with_the_rest(tmp_path: Path) -> None:
    # Checkpoints after each few pages, so that they and restarts of the WAL are among the moments of the cut.
    start, history = await record(tmp_path, ("wal_autocheckpoint = 12",))
    assert sum(isinstance(happened, Acknowledged) for happened in history) == EVENTS
    assert any(happened == Sync(NAME) for happened in history), "no checkpoint was recorded"
    chance = random.Random(11)
    acknowledged = 0
    for cut in range(claimed_at(history, start, tmp_path / "after"), len(history) + 1):
        latest = history[cut - 1]
        if isinstance(latest, Acknowledged):
            acknowledged = latest.events
        images = [after_power_cut(start, history[:cut])]
        if cut % 3 == 0:
            images.append(after_power_cut(start, history[:cut], chance))
            images.append(after_process_death(start, history[:cut]))
        for image in images:
            left = recovered_events(tmp_path / "after", image, NAME)
            assert left == list(range(1, len(left) + 1))
            assert len(left) >= acknowledged


@needs_recording
async def test_recording_disk_notices_a_store_that_acknowledges_too_early(tmp_path: Path) -> None:
    start, history = await record(tmp_path, ("synchronous = NORMAL", "wal_autocheckpoint = 12"))
    lost = 0
    for cut, happened in enumerate(history, start=1):
        if isinstance(happened, Acknowledged):
            try:
                left = recovered_events(tmp_path / "after", after_power_cut(start, history[:cut]), NAME)
            except ValueError:
                left = []
            lost += len(left) < happened.events
    assert lost > 0


async def test_every_truncation_of_the_log_opens_as_a_prefix_with_all_that_was_acknowledged_by_then(
    tmp_path: Path,
) -> None:
    async with database(tmp_path / NAME) as engine:
        wal = tmp_path / f"{NAME}-wal"
        log = EventLog(engine, FakeClock(), transactions=with_pragmas(engine, ("wal_autocheckpoint = 0",)))
        await log.start()
        claim = await log.claim("room-1", "room")
        async with engine.connect() as connection:
            await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        acknowledged: list[tuple[int, int]] = [(0, 0)]
        for head in range(40):
            payload = b"%d" % (head + 1) + b"." * (head * 397 % 6_000)
            await log.append("room-1", claim.epoch, head, [NewEvent(0, "chat_posted", 1, payload)])
            acknowledged.append((wal.stat().st_size, head + 1))
        # Before the last connection closes, which would fold the log into the database.
        base, tail = (tmp_path / NAME).read_bytes(), wal.read_bytes()
        await log.stop()

    frame = 24 + int.from_bytes(tail[8:12], "big")
    boundaries = range(32, len(tail) + 1, frame)
    assert len(boundaries) > 80
    chance = random.Random(3)
    cuts = {0, 1, 31, *boundaries, *(b - 1 for b in boundaries), *(chance.randrange(len(tail)) for _ in range(60))}
    left: list[int] = []
    for cut in sorted(cuts):
        left = recovered_events(tmp_path / "after", {NAME: base, wal.name: tail[:cut]}, NAME)
        assert left == list(range(1, len(left) + 1))
        assert len(left) >= max(events for size, events in acknowledged if size <= cut)
    assert len(left) == 40


@pytest.mark.parametrize("kill_after", [1, 40, 150])
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, kill_after: int) -> None:
    appender = Path(__file__).parent / "appender.py"
    seen: list[int] = []
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(appender),
            url_of(tmp_path / NAME),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        wanted = len(seen) + kill_after
        while len(seen) < wanted:
            line = await process.stdout.readline()
            assert line, "the appender died by itself"
            seen.append(int(line))
        process.kill()
        # What was acknowledged between our decision and the kill counts as well.
        seen += [int(line) for line in (await process.stdout.read()).splitlines(keepends=True) if line.endswith(b"\n")]
        await process.wait()

        connection = sqlite3.connect(tmp_path / NAME)
        stored = [int(bytes(p)) for [p] in connection.execute("SELECT payload FROM events ORDER BY seq")]
        connection.close()
        assert stored == list(range(1, len(stored) + 1))
        assert set(seen) <= set(stored)
        # An append may have been stored just before its acknowledgement was printed: go on counting from there.
        seen = list(range(1, len(stored) + 1))
