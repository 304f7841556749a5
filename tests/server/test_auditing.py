"""Audit entries: in the transaction of what they tell of, chained, sealed, and checked like the rooms."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.consents import ConsentKind
from program.notices import load_notices
from program.people import find_person
from program.sessions import Session, find_session
from program.tables import consents, whereabouts
from protocol.ids import CLIENT_ID_PATTERN, IdentityId
from server.arrivals import Arrivals
from server.audit import Report, verify
from server.auditing import AUDIT_STREAM, Auditor, begin_audit, entry_of
from server.demo import SOMEWHERE
from server.entries import Entry, NameChanged
from server.storage.engine import reading, writing
from server.storage.log import EventLog, NewEvent
from server.storage.reading import read_events
from tests.fakes import FakeClock
from tests.server.people import ELLIE, SESSION, add_everyone
from tests.server.secret import ROOT_KEY, vault
from tests.server.storage.databases import database


@dataclass
class Program:
    folder: Path
    engine: AsyncEngine
    clock: FakeClock
    arrivals: Arrivals

    async def entries(self) -> list[Entry | None]:
        async with reading(self.engine) as connection:
            return [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]

    async def session(self) -> Session:
        async with reading(self.engine) as connection:
            found = await find_session(connection, SESSION)
        assert found is not None
        return found

    async def verify(self) -> Report:
        key = ROOT_KEY.signing_key().public_key()
        return await verify(self.engine, vault(), key, self.folder / "checkpoints")


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    async with database(tmp_path / "a.db") as engine:
        await add_everyone(engine)
        clock = FakeClock()
        yield Program(tmp_path, engine, clock, Arrivals(engine, vault(), clock, load_notices(None, {})))


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("change", ["rename", "agree", "revoke", "confirm", "read", "purge"])
@pytest.mark.parametrize("when", ["before the entry", "after the entry"])
async def test_a_change_and_its_entry_are_both_there_or_neither(
    program: Program, monkeypatch: pytest.MonkeyPatch, change: str, when: str
) -> None:
    session = await program.session()
    if change in {"revoke", "read", "purge"}:
        await program.arrivals.agree(ELLIE, session, ConsentKind.NOTICE, version="2", language="en")
        await program.arrivals.confirm(ELLIE, SESSION, SOMEWHERE)
    if change == "purge":
        program.clock.advance(24 * 3600)

    async def rows() -> list[object]:
        async with reading(program.engine) as connection:
            person = await find_person(connection, ELLIE)
            given = (await connection.execute(select(consents))).all()
            there = (await connection.execute(select(whereabouts))).all()
            return [person, given, there]

    async def carry_out() -> None:
        match change:
            case "rename":
                await program.arrivals.rename(ELLIE, "El")
            case "agree":
                await program.arrivals.agree(ELLIE, session, ConsentKind.ADULT, version="18", language="en")
            case "revoke":
                await program.arrivals.revoke_notice(ELLIE)
            case "confirm":
                await program.arrivals.confirm(ELLIE, SESSION, SOMEWHERE)
            case "read":
                assert await program.arrivals.whereabouts.read(IdentityId("p-ruth"), ELLIE, SESSION) is not None
            case _:
                assert await program.arrivals.whereabouts.purge() == 1

    before, entries = await rows(), await program.entries()
    record = Auditor.record

    async def crash(self: Auditor, connection: AsyncConnection, *new: Entry) -> None:
        if when == "after the entry":
            await record(self, connection, *new)
        raise Crash

    monkeypatch.setattr(Auditor, "record", crash)
    with pytest.raises(Crash):
        await carry_out()
    assert await rows() == before
    assert await program.entries() == entries

    monkeypatch.setattr(Auditor, "record", record)
    await carry_out()
    assert (await rows() != before) is (change != "read")
    assert len(await program.entries()) == len(entries) + 1
    assert (await program.verify()).ok


async def test_entries_carry_ids_only_and_nothing_of_them_is_on_the_disk_in_plain_text(program: Program) -> None:
    session = await program.session()
    await program.arrivals.rename(ELLIE, "Quetzal")
    await program.arrivals.agree(ELLIE, session, ConsentKind.NOTICE, version="2", language="es")
    stored = msgspec.json.encode(await program.entries()).decode()
    assert "Quetzal" not in stored
    assert ELLIE in stored
    async with reading(program.engine) as connection:
        sealed = [event.payload async for event in read_events(connection, vault(), AUDIT_STREAM)]
    files = b"".join(path.read_bytes() for path in program.folder.glob("a.db*"))
    assert [payload for payload in sealed if payload is not None and payload in files] == []


async def test_changes_at_the_same_time_give_one_unbroken_chain(program: Program) -> None:
    await asyncio.gather(*(program.arrivals.rename(ELLIE, f"Ellie {n}") for n in range(12)))
    assert await program.entries() == [NameChanged(ELLIE)] * 12
    report = await program.verify()
    assert (report.ok, report.events) == (True, 12)


async def test_rooms_are_stored_meanwhile(program: Program) -> None:
    log = EventLog(program.engine, program.clock, vault())
    await log.start()
    claim = await log.claim("room-1", "room")
    appends = [log.append("room-1", claim.epoch, n, [NewEvent(1, "x", 1, b"x")]) for n in range(20)]
    await asyncio.gather(*(program.arrivals.rename(ELLIE, f"Ellie {n}") for n in range(5)))
    await asyncio.gather(*appends)
    await log.stop()
    report = await program.verify()
    assert (report.ok, report.events) == (True, 25)


async def test_an_entry_that_is_changed_or_cut_off_is_found(program: Program) -> None:
    for name in ("one", "two", "three"):
        await program.arrivals.rename(ELLIE, name)
    file = sqlite3.connect(program.folder / "a.db")
    with file:
        file.execute("UPDATE events SET at_ms = at_ms + 1 WHERE stream_id = ? AND seq = 2", (AUDIT_STREAM,))
    found = await program.verify()
    assert [(each.kind.value, each.seq) for each in found.findings] == [
        ("broken_link", 2),
        ("payload_unreadable", 2),
    ]
    with file:
        file.execute("DELETE FROM payloads WHERE stream_id = ? AND seq = 3", (AUDIT_STREAM,))
        file.execute("DELETE FROM events WHERE stream_id = ? AND seq = 3", (AUDIT_STREAM,))
    file.close()
    assert "missing_tail" in [each.kind.value for each in (await program.verify()).findings]


async def test_the_stream_is_made_once_and_may_be_there_before(program: Program) -> None:
    for _ in range(2):
        await begin_audit(program.engine)
    await program.arrivals.rename(ELLIE, "El")
    assert len(await program.entries()) == 1
    assert (await program.verify()).ok


async def test_two_entries_of_one_transaction_follow_each_other(program: Program) -> None:
    async with writing(program.engine) as connection:
        auditor = Auditor(vault(), program.clock)
        await auditor.record(connection, NameChanged(ELLIE), NameChanged(IdentityId("p-dana")))
        await auditor.record(connection, NameChanged(ELLIE))
    found = await program.entries()
    assert [each.person for each in found if isinstance(each, NameChanged)] == [ELLIE, "p-dana", ELLIE]
    assert (await program.verify()).ok


def test_a_session_cannot_have_the_audits_name() -> None:
    assert re.match(CLIENT_ID_PATTERN, AUDIT_STREAM) is None
