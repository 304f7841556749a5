"""What is not to be kept is gone from the file when its time has come, and that it went is written down."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from moderation.supervision.escalation import Duty
from moderation.supervision.events import ConcernAcknowledged, ConcernPassed, ConcernRaised, DurableEvent
from program.consents import Consent, ConsentKind, give, revoke
from program.people import Person, ProgramRole, add_person
from program.sessions import end_session
from program.tables import contacts, sessions, whereabouts
from protocol.ids import ConcernId, IdentityId, SessionId
from protocol.supervision import ConcernKind, Severity
from server.audit import verify
from server.auditing import AUDIT_STREAM, SCHEDULE, Auditor, entry_of
from server.entries import ChatPurged, ContactPurged, Entry, LegalHoldSet, WhereaboutsConfirmed, WhereaboutsPurged
from server.housekeeping import DAY_MS, Housekeeping, PurgeRefused, purge_chat, set_legal_hold
from server.storage.engine import reading, writing
from server.storage.log import EventLog, NewEvent
from server.storage.reading import read_events
from server.storage.schema import data_keys
from server.storage.vault import Unreadable
from server.supervisor import SupervisionCore
from server.whereabouts import Offered, Whereabouts, WhereaboutsBook
from tests.fakes import START_MS, FakeClock
from tests.server.people import DANA, ELLIE, SESSION, add_everyone
from tests.server.secret import ROOT_KEY, vault
from tests.server.storage.databases import database

SAID = Whereabouts("Parked outside the library", "Dayton", "Ohio", "555-0172", "Rosalinda", "555-0148", "sister")
DAY_S = DAY_MS // 1000


@dataclass
class House:
    folder: Path
    engine: AsyncEngine
    clock: FakeClock
    book: WhereaboutsBook
    housekeeping: Housekeeping

    async def entries(self) -> list[Entry | None]:
        async with reading(self.engine) as connection:
            return [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]

    async def write_chat(self, text: bytes = b"I want to tell you something") -> None:
        log = EventLog(self.engine, self.clock, vault())
        await log.start()
        claim = await log.claim(SESSION, "room")
        record = NewEvent(1, "session_opened", 1, b"opened")
        await log.append(SESSION, claim.epoch, 0, [record, NewEvent(2, "chat_written", 1, text, "chat")])
        await log.stop()

    async def chat_purged(self) -> ChatPurged:
        """The entry that tells of the chat's one message."""
        async with reading(self.engine) as connection:
            keys = await connection.scalars(select(data_keys.c.id).where(data_keys.c.retention == "chat"))
            return ChatPurged(SESSION, SCHEDULE, 1, SESSION, "chat", tuple(keys))

    async def supervise(self, event: DurableEvent) -> None:
        """As the session's supervision stores it."""
        stored = SupervisionCore(Duty).stored_form(event, self.clock.now_ms())
        assert stored is not None
        log = EventLog(self.engine, self.clock, vault())
        await log.start()
        claim = await log.claim(f"{SESSION}/supervision", "supervision")
        await log.append(f"{SESSION}/supervision", claim.epoch, claim.head, [stored])
        await log.stop()

    async def end(self) -> None:
        async with writing(self.engine) as connection:
            await end_session(connection, SESSION, self.clock.now_ms())

    def on_disk(self) -> bytes:
        """Everything in the database's files, its journal included."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("a.db*")))

    async def is_sound(self) -> bool:
        key = ROOT_KEY.signing_key().public_key()
        return (await verify(self.engine, vault(), key, self.folder / "checkpoints")).ok


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with database(tmp_path / "a.db", busy_timeout_ms=100) as engine:
        await add_everyone(engine)
        clock = FakeClock()
        book = WhereaboutsBook(engine, vault(), clock, Auditor(vault(), clock))
        yield House(tmp_path, engine, clock, book, Housekeeping(engine, vault(), clock, chat_days=30))


async def sealed_of(house: House, table: Any) -> list[bytes]:
    async with reading(house.engine) as connection:
        return [bytes(row.sealed) for row in await connection.execute(select(table.c.sealed))]


async def wrapped(house: House, retention: str) -> list[bytes | None]:
    async with reading(house.engine) as connection:
        found = select(data_keys.c.wrapped).where(data_keys.c.retention == retention).order_by(data_keys.c.id)
        return [None if row.wrapped is None else bytes(row.wrapped) for row in await connection.execute(found)]


# ── whereabouts ──────────────────────────────────────────────────────────────────────────────


async def test_nothing_that_was_said_is_ever_on_the_disk_in_plain_text(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    for word in ("Parked", "library", "Dayton", "Ohio", "555-0172", "Rosalinda", "555-0148", "sister"):
        assert word.encode() not in house.on_disk(), word


async def test_after_a_day_key_and_row_are_gone_from_the_file_and_the_contact_stays(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    [place], [key] = await sealed_of(house, whereabouts), await wrapped(house, "whereabouts")
    [contact] = await sealed_of(house, contacts)
    assert key is not None
    house.clock.advance(DAY_S - 1)
    await house.housekeeping.tidy()
    assert place in house.on_disk()
    assert key in house.on_disk()
    house.clock.advance(1)
    await house.housekeeping.tidy()
    for gone in (place, place[12:-16], key, key[12:-16]):
        assert gone not in house.on_disk()
    assert await sealed_of(house, whereabouts) == []
    assert await wrapped(house, "whereabouts") == [None]
    assert contact in house.on_disk()
    async with reading(house.engine) as connection:
        offered = await house.book.offered(connection, ELLIE, SESSION)
    assert offered == Offered("", "", "", "555-0172", "Rosalinda", "sister", "555-0148")
    assert await house.entries() == [WhereaboutsConfirmed(ELLIE, SESSION), WhereaboutsPurged(ELLIE, SESSION)]
    assert await house.is_sound()


async def test_what_is_said_anew_replaces_what_was_said_before_with_its_keys(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    old = [*await sealed_of(house, whereabouts), *await sealed_of(house, contacts)]
    keys = [*await wrapped(house, "whereabouts"), *await wrapped(house, "contact")]
    await house.book.confirm(ELLIE, SESSION, SAID)
    async with house.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert [each for each in (*old, *keys) if each is None or each in house.on_disk()] == []
    assert sorted(key is None for key in await wrapped(house, "whereabouts")) == [False, True]
    house.clock.advance(DAY_S)
    await house.housekeeping.tidy()
    assert await wrapped(house, "whereabouts") == [None, None]


async def test_only_what_is_a_day_old_goes(house: House) -> None:
    other = IdentityId("p-other")
    async with writing(house.engine) as connection:
        await add_person(connection, Person(other, "O", ProgramRole.PARTICIPANT, START_MS))
    await house.book.confirm(ELLIE, SESSION, SAID)
    house.clock.advance(3600)
    await house.book.confirm(other, SESSION, SAID)
    house.clock.advance(DAY_S - 3600)
    await house.housekeeping.tidy()
    async with reading(house.engine) as connection:
        assert [row.person_id for row in await connection.execute(select(whereabouts))] == [other]
    assert await house.book.read(DANA, other, SESSION) is not None


@pytest.mark.parametrize("column", ["person_id", "session_id"])
async def test_what_one_said_does_not_open_as_anothers_or_for_another_session(house: House, column: str) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    await house.engine.dispose()
    file = sqlite3.connect(house.folder / "a.db")
    with file:
        file.execute(
            "INSERT INTO sessions (id, group_id, title, status, opened_ms) "
            "SELECT 's-2', group_id, title, status, 1 FROM sessions"
        )
        file.execute(f"UPDATE whereabouts SET {column} = ?", (DANA if column == "person_id" else "s-2",))
    file.close()
    moved = (DANA, SESSION) if column == "person_id" else (ELLIE, SessionId("s-2"))
    with pytest.raises(Unreadable):
        await house.book.read(DANA, *moved)
    assert [type(entry) for entry in await house.entries()] == [WhereaboutsConfirmed]


async def test_where_someone_is_stays_under_legal_hold_and_can_be_read(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=True, by="x")
    house.clock.advance(400 * DAY_S)
    await house.housekeeping.tidy()
    found = await house.book.read(DANA, ELLIE, SESSION)
    assert found is not None
    assert found[0].place == SAID.place
    assert len(await sealed_of(house, contacts)) == 1
    await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=False, by="x")
    assert await house.book.read(DANA, ELLIE, SESSION) is None, "gone, also before it is erased"
    await house.housekeeping.tidy()
    assert await sealed_of(house, whereabouts) == []
    assert await sealed_of(house, contacts) == []
    assert await house.is_sound()


@pytest.mark.parametrize("end", ["acknowledged", "passed"])
@pytest.mark.parametrize("about", [ELLIE, None])
async def test_where_someone_is_stays_while_a_concern_is_open(house: House, about: IdentityId | None, end: str) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    kind = ConcernKind.REMOVED if about else ConcernKind.LEADER_LOST
    raised = ConcernRaised(START_MS, 3, ConcernId("c1"), kind, Severity.CONCERN, about, "Ellie")
    await house.supervise(raised)
    house.clock.advance(3 * DAY_S)
    await house.housekeeping.tidy()
    assert await house.book.read(DANA, ELLIE, SESSION) is not None
    over = ConcernAcknowledged(1, raised.concern_id, DANA), ConcernPassed(1, 9, raised.concern_id)
    await house.supervise(over[end == "passed"])
    assert await house.book.read(DANA, ELLIE, SESSION) is None
    await house.housekeeping.tidy()
    assert await sealed_of(house, whereabouts) == []


async def test_a_concern_about_someone_else_keeps_nothing(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    removed = ConcernRaised(START_MS, 3, ConcernId("c1"), ConcernKind.REMOVED, Severity.CONCERN, DANA, "Dana")
    await house.supervise(removed)
    house.clock.advance(DAY_S)
    assert await house.book.read(DANA, ELLIE, SESSION) is None
    await house.housekeeping.tidy()
    assert await sealed_of(house, whereabouts) == []


async def test_where_someone_is_stays_when_it_cannot_be_told_whether_a_concern_is_open(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    await house.supervise(ConcernPassed(1, 9, ConcernId("nothing")))
    house.clock.advance(DAY_S)
    with capture_logs() as logs:
        await house.housekeeping.tidy()
    assert [said["event"] for said in logs] == ["concerns unreadable"]
    assert len(await sealed_of(house, whereabouts)) == 1


# ── whom to call ─────────────────────────────────────────────────────────────────────────────


async def test_whom_to_call_goes_when_nobody_confirmed_it_for_as_long_as_chats_are_kept(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    [sealed], [key] = await sealed_of(house, contacts), await wrapped(house, "contact")
    assert key is not None
    house.clock.advance(30 * DAY_S - 1)
    await house.housekeeping.tidy()
    assert sealed in house.on_disk()
    house.clock.advance(1)
    await house.housekeeping.tidy()
    assert await sealed_of(house, contacts) == []
    for gone in (sealed, sealed[12:-16], key, key[12:-16]):
        assert gone not in house.on_disk()
    assert (await house.entries())[-1] == ContactPurged(ELLIE, "unused")
    assert await house.is_sound()


async def test_whom_to_call_goes_when_its_person_takes_the_notice_back(house: House) -> None:
    async def agree() -> None:
        async with writing(house.engine) as connection:
            await give(connection, Consent(ELLIE, ConsentKind.NOTICE, "1", "en", "00", 1))

    async def take_back() -> None:
        async with writing(house.engine) as connection:
            await revoke(connection, ELLIE, ConsentKind.NOTICE, 2)

    await house.book.confirm(ELLIE, SESSION, SAID)
    await agree()
    await take_back()
    await house.housekeeping.tidy()
    assert len(await sealed_of(house, contacts)) == 1, "as long as it is kept where they are"
    house.clock.advance(DAY_S)
    await agree()
    await house.housekeeping.tidy()
    assert len(await sealed_of(house, contacts)) == 1, "who agreed again has an agreement"
    await take_back()
    await house.housekeeping.tidy()
    assert await sealed_of(house, contacts) == []
    assert (await house.entries())[-1] == ContactPurged(ELLIE, "revoked")


async def test_whom_to_call_stays_for_everyone_of_a_group_with_a_session_under_legal_hold(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    house.clock.advance(DAY_S)
    await house.housekeeping.tidy()
    await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=True, by="x")
    house.clock.advance(60 * DAY_S)
    await house.housekeeping.tidy()
    assert len(await sealed_of(house, contacts)) == 1
    await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=False, by="x")
    await house.housekeeping.tidy()
    assert await sealed_of(house, contacts) == []


# ── chat ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_chat_goes_thirty_days_after_its_session_ended_and_the_record_stays(house: House) -> None:
    await house.write_chat()
    await house.end()
    house.clock.advance(30 * DAY_S - 1)
    await house.housekeeping.tidy()
    assert await house.entries() == []
    house.clock.advance(1)
    for _ in range(2):
        await house.housekeeping.tidy()
    async with reading(house.engine) as connection:
        payloads = [event.payload async for event in read_events(connection, vault(), SESSION)]
        assert (await connection.execute(select(sessions.c.chat_purged_ms))).scalar_one() == house.clock.now_ms()
    assert payloads == [b"opened", None]
    assert await house.entries() == [await house.chat_purged()]
    assert await house.is_sound()


async def test_the_number_of_days_is_a_setting(house: House) -> None:
    await house.write_chat()
    await house.end()
    soon = Housekeeping(house.engine, vault(), house.clock, chat_days=2)
    house.clock.advance(2 * DAY_S)
    await house.housekeeping.tidy()
    assert await house.entries() == []
    await soon.tidy()
    assert await house.entries() == [await house.chat_purged()]


async def test_nothing_of_a_session_under_legal_hold_goes(house: House) -> None:
    await house.write_chat()
    await house.end()
    assert await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=True, by="x")
    assert not await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=True, by="x")
    house.clock.advance(40 * DAY_S)
    await house.housekeeping.tidy()
    with pytest.raises(PurgeRefused, match="legal hold"):
        await purge_chat(house.engine, vault(), house.clock, SESSION, "x")
    assert await house.entries() == [LegalHoldSet(SESSION, True, "x")]
    await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=False, by="x")
    await house.housekeeping.tidy()
    assert await house.entries() == [
        LegalHoldSet(SESSION, True, "x"),
        LegalHoldSet(SESSION, False, "x"),
        await house.chat_purged(),
    ]


async def test_a_live_session_and_one_that_does_not_exist_are_not_purged(house: House) -> None:
    await house.write_chat()
    house.clock.advance(40 * DAY_S)
    await house.housekeeping.tidy()
    with pytest.raises(PurgeRefused, match="is live"):
        await purge_chat(house.engine, vault(), house.clock, SESSION, "x")
    for refused in (
        purge_chat(house.engine, vault(), house.clock, SessionId("nowhere"), "x"),
        set_legal_hold(house.engine, vault(), house.clock, SessionId("nowhere"), hold=True, by="x"),
    ):
        with pytest.raises(PurgeRefused, match="there is no session"):
            await refused
    assert await house.entries() == []


# ── when it fails ────────────────────────────────────────────────────────────────────────────


async def test_what_fails_is_logged_without_content_tried_again_and_stops_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    await house.write_chat()
    await house.end()
    house.clock.advance(40 * DAY_S)

    async def fail(_: object) -> int:
        raise OperationalError("DELETE Parked outside the library", {}, Exception("disk full: Rosalinda"))

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(WhereaboutsBook, "purge", fail)
        await house.housekeeping.tidy()
    [said] = logs
    assert (said["event"], said["what"], said["error"]) == ("not erased", "whereabouts", "OperationalError")
    assert "Parked" not in str(said)
    assert "Rosalinda" not in str(said)
    assert await house.chat_purged() in await house.entries()
    await house.housekeeping.tidy()
    assert WhereaboutsPurged(ELLIE, SESSION) in await house.entries()


async def test_a_journal_that_could_not_be_emptied_is_emptied_the_next_time(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    [key] = await wrapped(house, "whereabouts")
    assert key is not None
    house.clock.advance(DAY_S)
    async with house.engine.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM people"))
        await house.housekeeping.tidy()
        assert WhereaboutsPurged(ELLIE, SESSION) in await house.entries()
        assert key in house.on_disk()
    await house.housekeeping.tidy()
    assert key not in house.on_disk()


async def test_it_looks_at_the_start_and_again_and_again(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    house.clock.advance(DAY_S)
    often = Housekeeping(house.engine, vault(), house.clock, chat_days=30, every_s=0.001)
    await often.start()
    assert WhereaboutsPurged(ELLIE, SESSION) in await house.entries()
    await house.book.confirm(ELLIE, SESSION, SAID)
    house.clock.advance(DAY_S)
    while await sealed_of(house, whereabouts):
        pass
    await often.stop()
    await often.stop()


async def test_that_a_place_is_kept_for_longer_does_not_show_to_whose_it_is(house: House) -> None:
    await house.book.confirm(ELLIE, SESSION, SAID)
    await set_legal_hold(house.engine, vault(), house.clock, SESSION, hold=True, by="x")
    house.clock.advance(DAY_S)
    async with reading(house.engine) as connection:
        offered = await house.book.offered(connection, ELLIE, SESSION)
    assert (offered.place, offered.city, offered.region) == ("", "", "")
    assert (await house.book.read(DANA, ELLIE, SESSION)) is not None
