from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage.engine import open_engine
from server.storage.log import AppendFailed, EventLog, NewEvent, Overloaded, StoredEvent, StreamMoved, Synced
from server.storage.transactions import ConnectionTransactions, transactions_for
from tests.fakes import FakeClock
from tests.server.secret import vault
from tests.server.storage.databases import database, url_of


def event(number: int, size: int = 0) -> NewEvent:
    return NewEvent(at_ms=number, type="chat_posted", version=1, payload=b"%d" % number + b"." * size)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(tmp_path / "log.db") as engine:
        yield engine


@pytest.fixture
def synced() -> list[Synced]:
    return []


@pytest.fixture
async def log(engine: AsyncEngine, synced: list[Synced]) -> AsyncIterator[EventLog]:
    log = EventLog(engine, FakeClock(), vault(), on_synced=synced.append)
    await log.start()
    yield log
    await log.stop()


async def test_events_are_read_back_as_they_were_appended(log: EventLog) -> None:
    claim = await log.claim("room-1", "room")
    await log.append("room-1", claim.epoch, 0, [event(1), event(2)])
    await log.append("room-1", claim.epoch, 2, [NewEvent(3, "session_ended", 2, b"\x00\xff")])
    assert await log.read("room-1") == [
        StoredEvent(1, 1, "chat_posted", 1, b"1"),
        StoredEvent(2, 2, "chat_posted", 1, b"2"),
        StoredEvent(3, 3, "session_ended", 2, b"\x00\xff"),
    ]
    assert [stored.seq for stored in await log.read("room-1", after=2)] == [3]
    assert await log.read("room-2") == []


async def test_appends_that_wait_together_share_one_sync(log: EventLog, synced: list[Synced]) -> None:
    claims = {name: await log.claim(name, "room") for name in ("a", "b", "c")}
    waiting = [
        log.append(name, claim.epoch, head, [event(head)]) for head in range(100) for name, claim in claims.items()
    ]
    await asyncio.gather(*waiting)
    assert sum(len(group.appended) for group in synced) == 300
    assert len(synced) == 1
    assert synced[0].heads == {"a": 100, "b": 100, "c": 100}
    assert [stored.payload for stored in await log.read("b")] == [b"%d" % head for head in range(100)]


async def test_what_arrives_during_a_sync_goes_into_the_next_group(log: EventLog, synced: list[Synced]) -> None:
    claim = await log.claim("a", "room")
    last: list[asyncio.Future[None]] = []
    for head in range(50):
        last = [log.append("a", claim.epoch, head, [event(head)])]
        await asyncio.sleep(0)
    await last[0]
    assert sum(len(group.appended) for group in synced) == 50
    assert len(synced) < 50


async def test_one_transaction_does_not_grow_without_bound(log: EventLog, synced: list[Synced]) -> None:
    claim = await log.claim("a", "room")
    await asyncio.gather(*[log.append("a", claim.epoch, n * 900, [event(n)] * 900) for n in range(5)])
    assert [group.events for group in synced] == [2700, 1800]
    assert len(await log.read("a")) == 4500


async def test_acknowledgements_come_in_the_order_of_the_appends_and_after_their_sync(engine: AsyncEngine) -> None:
    story: list[str] = []
    log = EventLog(engine, FakeClock(), vault(), on_synced=lambda group: story.append(f"synced {group.heads['a']}"))
    await log.start()
    claim = await log.claim("a", "room")
    waiting: list[asyncio.Future[None]] = []
    for head in range(3):
        done = log.append("a", claim.epoch, head, [event(head)])
        done.add_done_callback(lambda _, head=head: story.append(f"acknowledged {head + 1}"))
        waiting.append(done)
    await asyncio.gather(*waiting)
    await log.stop()
    assert story == ["synced 3", "acknowledged 1", "acknowledged 2", "acknowledged 3"]


async def test_earlier_owner_can_no_longer_append_after_a_claim(log: EventLog) -> None:
    old = await log.claim("a", "room")
    await log.append("a", old.epoch, 0, [event(1)])
    new = await log.claim("a", "room")
    assert (new.epoch, new.head) == (old.epoch + 1, 1)
    with pytest.raises(StreamMoved):
        await log.append("a", old.epoch, 1, [event(2)])
    await log.append("a", new.epoch, 1, [event(3)])
    assert [stored.payload for stored in await log.read("a")] == [b"1", b"3"]


async def test_append_at_a_wrong_head_fails_alone_with_what_builds_on_it(log: EventLog, synced: list[Synced]) -> None:
    a, b = await log.claim("a", "room"), await log.claim("b", "room")
    results = await asyncio.gather(
        log.append("a", a.epoch, 0, [event(1)]),
        log.append("a", a.epoch, 5, [event(2)]),
        log.append("a", a.epoch, 6, [event(3)]),
        log.append("b", b.epoch, 0, [event(4)]),
        log.append("nobody", 1, 0, [event(5)]),
        log.append("a", a.epoch, 1, [event(6)]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [
        type(None), StreamMoved, StreamMoved, type(None), StreamMoved, type(None),
    ]  # fmt: skip
    assert [stored.payload for stored in await log.read("a")] == [b"1", b"6"]
    assert len(synced) == 1


async def test_stream_cannot_be_claimed_as_another_kind(log: EventLog) -> None:
    await log.claim("a", "room")
    with pytest.raises(ValueError, match="kind room"):
        await log.claim("a", "supervision")


async def test_concurrent_claims_get_distinct_epochs(log: EventLog) -> None:
    claims = await asyncio.gather(*[log.claim("a", "room") for _ in range(5)])
    assert sorted(claim.epoch for claim in claims) == [1, 2, 3, 4, 5]


async def test_full_disk_fails_the_group_and_the_writer_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with database(tmp_path / "full.db") as engine:
        failures: list[Exception] = []
        transactions = transactions_for(engine)
        log = EventLog(engine, FakeClock(), vault(), on_failed=failures.append, transactions=transactions)
        await log.start()
        claim = await log.claim("a", "room")
        await log.append("a", claim.epoch, 0, [event(1)])

        def limit(connection: Connection) -> None:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))

        await transactions.run(limit)
        waiting = [log.append("a", claim.epoch, 1 + n, [event(n, 4_000)]) for n in range(20)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(result) for result in results} == {AppendFailed}
        assert len(failures) == 1
        assert "full" in str(failures[0])
        assert len(await log.read("a")) == 1

        await transactions.run(lambda connection: connection.execute(text("PRAGMA max_page_count = 100000")))
        await log.append("a", claim.epoch, 1, [event(2, 4_000)])
        await log.stop()
        assert [stored.at_ms for stored in await log.read("a")] == [1, 2]


async def test_locked_database_fails_the_group_and_the_writer_goes_on_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    async with database(path, busy_timeout_ms=20) as engine:
        log = EventLog(engine, FakeClock(), vault())
        await log.start()
        claim = await log.claim("a", "room")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AppendFailed):
            await log.append("a", claim.epoch, 0, [event(1)])
        other.execute("ROLLBACK")
        other.close()
        await log.append("a", claim.epoch, 0, [event(2)])
        await log.stop()
        assert [stored.payload for stored in await log.read("a")] == [b"2"]


async def test_what_cannot_be_stored_costs_only_its_own_stream(log: EventLog) -> None:
    a, b = await log.claim("a", "room"), await log.claim("b", "room")
    broken = NewEvent(1, "chat_posted", 1, "not bytes")  # pyright: ignore[reportArgumentType]
    too_late = NewEvent(2**70, "chat_posted", 1, b"")
    results = await asyncio.gather(
        log.append("a", a.epoch, 0, [broken]),
        log.append("b", b.epoch, 0, [event(1)]),
        log.append("a", a.epoch, 0, [too_late]),
        log.append("b", b.epoch, 1, [event(2)]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [AppendFailed, type(None), AppendFailed, type(None)]
    assert [stored.payload for stored in await log.read("b")] == [b"1", b"2"]
    assert await log.read("a") == []


async def test_more_appends_than_may_wait_are_refused_at_once(engine: AsyncEngine) -> None:
    log = EventLog(engine, FakeClock(), vault(), max_pending=2)
    await log.start()
    claim = await log.claim("a", "room")
    waiting = [log.append("a", claim.epoch, head, [event(head)]) for head in range(3)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), Overloaded]
    await log.append("a", claim.epoch, 2, [event(3)])
    await log.stop()


async def test_stopping_stores_what_waits_and_takes_no_more(engine: AsyncEngine) -> None:
    log = EventLog(engine, FakeClock(), vault())
    await log.start()
    claim = await log.claim("a", "room")
    waiting = [log.append("a", claim.epoch, head, [event(head)]) for head in range(10)]
    await log.stop()
    assert all(done.done() and done.exception() is None for done in waiting)
    with pytest.raises(AppendFailed, match="not running"):
        await log.append("a", claim.epoch, 10, [event(10)])
    assert len(await log.read("a")) == 10


async def test_caller_that_gives_up_takes_nothing_back_and_disturbs_nobody(log: EventLog) -> None:
    claim = await log.claim("a", "room")
    first = log.append("a", claim.epoch, 0, [event(1)])
    second = log.append("a", claim.epoch, 1, [event(2)])
    first.cancel()
    await second
    assert len(await log.read("a")) == 2


async def test_second_process_that_claims_fences_the_first(tmp_path: Path, log: EventLog) -> None:
    claim = await log.claim("a", "room")
    other_engine = open_engine(url_of(tmp_path / "log.db"))
    other = EventLog(other_engine, FakeClock(), vault())
    await other.start()
    theirs = await other.claim("a", "room")
    await other.append("a", theirs.epoch, 0, [event(1)])
    with pytest.raises(StreamMoved):
        await log.append("a", claim.epoch, 0, [event(2)])
    with pytest.raises(StreamMoved):
        await log.append("a", claim.epoch, 1, [event(2)])
    await other.stop()
    await other_engine.dispose()


async def test_log_works_on_the_asynchronous_driver_as_well(engine: AsyncEngine, synced: list[Synced]) -> None:
    log = EventLog(engine, FakeClock(), vault(), on_synced=synced.append, transactions=ConnectionTransactions(engine))
    await log.start()
    claim = await log.claim("a", "room")
    results = await asyncio.gather(
        *[log.append("a", claim.epoch, head, [event(head)]) for head in range(20)],
        log.append("a", claim.epoch - 1, 20, [event(20)]),
        return_exceptions=True,
    )
    await log.stop()
    assert [type(result) for result in results] == [type(None)] * 20 + [StreamMoved]
    assert len(synced) == 1
    assert len(await log.read("a")) == 20


async def test_listener_that_fails_does_not_undo_what_is_on_disk(engine: AsyncEngine) -> None:
    def listener(_synced: Synced) -> None:
        raise ValueError("broken")

    log = EventLog(engine, FakeClock(), vault(), on_synced=listener)
    await log.start()
    claim = await log.claim("a", "room")
    await log.append("a", claim.epoch, 0, [event(1)])
    await log.append("a", claim.epoch, 1, [event(2)])
    await log.stop()
    assert len(await log.read("a")) == 2
