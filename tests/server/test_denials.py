from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.testing import capture_logs

from protocol.ids import IdentityId
from server import denials
from server.auditing import AUDIT_STREAM, Auditor, entry_of
from server.denials import Denials
from server.entries import Denied, Entry
from server.storage.engine import reading
from server.storage.reading import read_events
from tests.fakes import START_MS, FakeClock
from tests.server.secret import vault
from tests.server.storage.databases import database

ELLIE, DANA = IdentityId("p-ellie"), IdentityId("p-dana")


@dataclass
class Counted:
    engine: AsyncEngine
    clock: FakeClock
    denials: Denials

    async def entries(self) -> list[Entry | None]:
        async with reading(self.engine) as connection:
            return [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[Counted]:
    async with database(tmp_path / "a.db") as engine:
        clock = FakeClock()
        yield Counted(engine, clock, Denials(engine, vault(), clock))


async def test_each_person_action_and_minute_is_one_entry_with_its_count(counted: Counted) -> None:
    for _ in range(3):
        counted.denials.denied(ELLIE, "read_whereabouts", "s-1")
    counted.denials.denied(ELLIE, "read_whereabouts", "s-2")
    counted.denials.denied(ELLIE, "end_session", "s-1")
    counted.denials.denied(DANA, "read_whereabouts", "")
    await counted.denials.write()
    assert await counted.entries() == [], "the minute is not over"
    counted.clock.advance(60)
    counted.denials.denied(ELLIE, "read_whereabouts", "s-1")
    for _ in range(2):
        await counted.denials.write()
    assert await counted.entries() == [
        Denied(ELLIE, "read_whereabouts", ("s-1", "s-2"), START_MS, 4),
        Denied(ELLIE, "end_session", ("s-1",), START_MS, 1),
        Denied(DANA, "read_whereabouts", (), START_MS, 1),
    ]
    await counted.denials.start()
    await counted.denials.stop()
    assert (await counted.entries())[3:] == [Denied(ELLIE, "read_whereabouts", ("s-1",), START_MS + 60_000, 1)]


async def test_counts_that_could_not_be_stored_are_kept_and_added_to(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        counted.denials.denied(ELLIE, "enter", "s-2")
        raise OperationalError("INSERT", {}, Exception("disk full"))

    counted.denials.denied(ELLIE, "enter", "s-1")
    with monkeypatch.context() as patch:
        patch.setattr(Auditor, "record", fail)
        with pytest.raises(OperationalError):
            await counted.denials.write(everything=True)
        with capture_logs() as logs:
            await counted.denials.stop()
    assert [(said["event"], said["waiting"]) for said in logs] == [("denials not stored", 1)]
    await counted.denials.write(everything=True)
    assert await counted.entries() == [Denied(ELLIE, "enter", ("s-1", "s-2"), START_MS, 3)]


async def test_what_is_denied_during_the_write_is_counted_in_an_entry_of_its_own(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Auditor.record

    async def meanwhile(self: Auditor, connection: AsyncConnection, *new: Entry) -> None:
        counted.denials.denied(ELLIE, "enter", "s-1")
        await record(self, connection, *new)

    counted.denials.denied(ELLIE, "enter", "s-1")
    with monkeypatch.context() as patch:
        patch.setattr(Auditor, "record", meanwhile)
        await counted.denials.write(everything=True)
    await counted.denials.write(everything=True)
    assert await counted.entries() == [Denied(ELLIE, "enter", ("s-1",), START_MS, 1)] * 2


async def test_one_entry_names_a_few_sessions_only(counted: Counted) -> None:
    for n in range(100):
        counted.denials.denied(ELLIE, "enter", f"s-{n}")
    await counted.denials.write(everything=True)
    [entry] = await counted.entries()
    assert isinstance(entry, Denied)
    assert (len(entry.where), entry.count) == (denials.MAX_PLACES, 100)


async def test_memory_is_bounded_and_what_is_not_counted_is_said(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "MAX_WAITING", 2)
    with capture_logs() as logs:
        for n in range(3):
            counted.denials.denied(IdentityId(f"p-{n}"), "enter", "s-1")
    assert [said["event"] for said in logs] == ["denied attempt not counted"]
    await counted.denials.write(everything=True)
    assert len(await counted.entries()) == 2


async def test_minutes_are_written_by_themselves(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "LOOK_EVERY_S", 0.001)
    counted.denials.denied(ELLIE, "enter", "s-1")
    await counted.denials.start()
    counted.clock.advance(60)
    while not await counted.entries():
        pass
    await counted.denials.stop()
    assert await counted.entries() == [Denied(ELLIE, "enter", ("s-1",), START_MS, 1)]
