"""`audit verify` finds what was done to a log, and says where."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from server.audit import Kind
from server.storage.engine import reading
from tests.server.audited import Audited, audited
from tests.server.purges import purge_class


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Audited]:
    async with audited(tmp_path) as it:
        yield it


async def test_an_untouched_log_fits(it: Audited) -> None:
    report = await it.verify()
    assert report.findings == ()
    assert (report.streams, report.events, report.purged) == (2, 8, 0)
    assert (report.checkpoints, report.checkpoints_outside) == (2, 2)


async def test_purged_payloads_are_counted_and_no_finding(it: Audited) -> None:
    await purge_class(it.engine, "a")
    report = await it.verify()
    assert report.findings == ()
    assert (report.events, report.purged) == (9, 3)


async def test_a_log_goes_on_and_fits_after_a_purge(it: Audited) -> None:
    await purge_class(it.engine, "a")
    await it.write("a", "six", "seven")
    await it.checkpoint()
    assert (await it.verify()).ok


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE events SET at_ms = at_ms + 1", "broken_link"),
        ("UPDATE events SET type = 'chat_hidden'", "broken_link"),
        ("UPDATE events SET version = 2", "broken_link"),
        ("UPDATE events SET retention = 'record'", "broken_link"),
        ("UPDATE events SET commitment = zeroblob(32)", "broken_link"),
        ("UPDATE events SET link = zeroblob(32)", "broken_link"),
    ],
)
async def test_a_changed_event_is_the_first_broken_link(it: Audited, sql: str, kind: str) -> None:
    it.change(f"{sql} WHERE stream_id = 'a' AND seq = 3")
    found = await it.findings()
    assert found[0] == (kind, "a", 3)
    assert [each for each in found if each[0] == kind] == [(kind, "a", 3)]
    assert all(stream == "a" for _, stream, _ in found)


async def test_an_event_taken_out_of_the_middle_is_a_gap(it: Audited) -> None:
    it.change("DELETE FROM events WHERE stream_id = 'a' AND seq = 3")
    it.change("DELETE FROM payloads WHERE stream_id = 'a' AND seq = 3")
    assert await it.findings() == [("gap", "a", 3)]


async def test_an_event_whose_payload_was_changed_is_unreadable(it: Audited) -> None:
    it.change("UPDATE payloads SET sealed = zeroblob(90) WHERE stream_id = 'a' AND seq = 3")
    assert await it.findings() == [("payload_unreadable", "a", 3)]


async def test_a_payload_of_a_purged_class_that_was_kept_is_told(it: Audited) -> None:
    kept = sqlite3.connect(it.folder / "log.db")
    row = kept.execute("SELECT * FROM payloads WHERE stream_id = 'a' AND seq = 3").fetchone()
    kept.close()
    await purge_class(it.engine, "a")
    it.change("INSERT INTO payloads VALUES (?, ?, ?)", *row)
    assert await it.findings() == [("payload_unreadable", "a", 3)]


async def test_a_payload_taken_away_without_a_purge_is_missing(it: Audited) -> None:
    it.change("DELETE FROM payloads WHERE stream_id = 'a' AND seq = 3")
    assert await it.findings() == [("payload_missing", "a", 3)]


async def test_a_cut_off_end_is_a_missing_tail(it: Audited) -> None:
    it.change("DELETE FROM payloads WHERE stream_id = 'a' AND seq >= 4")
    it.change("DELETE FROM events WHERE stream_id = 'a' AND seq >= 4")
    found = await it.first()
    assert (found.kind, found.stream, found.seq) == (Kind.MISSING_TAIL, "a", 4)


def cut_off(it: Audited, stream: str, last: int) -> None:
    """Cuts a stream's end off without leaving a trace within the stream."""
    it.change("DELETE FROM payloads WHERE stream_id = ? AND seq > ?", stream, last)
    it.change("DELETE FROM events WHERE stream_id = ? AND seq > ?", stream, last)
    it.change(
        "UPDATE streams SET head = ?, link = (SELECT link FROM events WHERE stream_id = ? AND seq = ?) WHERE id = ?",
        last, stream, last, stream,
    )  # fmt: skip


async def test_a_cut_that_leaves_no_trace_in_the_stream_shows_in_the_checkpoints(it: Audited) -> None:
    cut_off(it, "a", 3)
    found = await it.first()
    assert (found.kind, found.stream, found.seq, found.checkpoint) == (Kind.MISSING_TAIL, "a", 4, 2)
    assert "checkpoint 2 signed event 5, and the log ends at 3" in found.words


async def test_a_cut_shows_in_the_file_when_the_databases_checkpoints_are_cut_as_well(it: Audited) -> None:
    cut_off(it, "a", 2)
    it.change("DELETE FROM checkpoints WHERE number = 2")
    found = await it.findings()
    assert ("missing_tail", "a", 3) in found
    assert ("checkpoint_missing", None, None) in found


async def test_an_end_that_was_written_anew_shows(it: Audited) -> None:
    cut_off(it, "a", 4)
    await it.write("a", "something nicer")
    found = await it.first()
    assert (found.kind, found.stream, found.seq, found.checkpoint) == (Kind.REWRITTEN, "a", 5, 2)


async def test_the_whole_database_set_back_shows_in_the_file(it: Audited) -> None:
    backup = (it.folder / "log.db").read_bytes()
    assert await folded(it)
    backup = (it.folder / "log.db").read_bytes()
    await it.write("a", "six")
    await it.checkpoint()
    assert await folded(it)
    await it.engine.dispose()
    (it.folder / "log.db").write_bytes(backup)
    assert await it.findings() == [("missing_tail", "a", 6), ("checkpoint_missing", None, None)]
    # Even after it has gone on from there.
    await it.write("a", "another six")
    await it.checkpoint()
    assert ("rewritten", "a", 6) in await it.findings()


async def folded(it: Audited) -> bool:
    async with it.engine.connect() as connection:
        busy = (await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))).scalar_one()
    return busy == 0


async def test_a_stream_that_is_gone_shows_in_the_checkpoints(it: Audited) -> None:
    for table, column in (
        ("payloads", "stream_id"),
        ("events", "stream_id"),
        ("data_keys", "stream_id"),
        ("streams", "id"),
    ):
        it.change(f"DELETE FROM {table} WHERE {column} = 'a'")
    assert await it.findings() == [("stream_missing", "a", None)]


async def test_what_is_left_of_a_stream_or_an_event_that_is_gone_is_told(it: Audited) -> None:
    it.change("DELETE FROM streams WHERE id = 'b'")
    assert set(await it.findings()) == {("stream_missing", "b", None)}


async def test_a_payload_without_its_event_is_told(it: Audited) -> None:
    it.change("INSERT INTO payloads VALUES ('b', 9, x'00')")
    assert await it.findings() == [("payload_left", "b", 9)]


async def test_a_stream_that_names_another_head_is_told(it: Audited) -> None:
    it.change("UPDATE streams SET head = 2 WHERE id = 'b'")
    assert await it.findings() == [("head_differs", "b", 3)]


async def test_a_key_that_is_gone_is_not_taken_for_a_purge(it: Audited) -> None:
    it.change("DELETE FROM data_keys WHERE stream_id = 'b'")
    assert await it.findings() == [("payload_unreadable", "b", seq) for seq in (1, 2, 3)]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        (
            "UPDATE checkpoints SET line = CAST(replace(line, '\"a\",2', '\"a\",1') AS BLOB) WHERE number = 1",
            "checkpoint_signature",
        ),
        ("UPDATE checkpoints SET line = 'nonsense' WHERE number = 1", "checkpoint_unreadable"),
        ("DELETE FROM checkpoints WHERE number = 1", "checkpoint_chain"),
        ("UPDATE checkpoints SET number = 3 WHERE number = 1", "checkpoint_chain"),
    ],
)
async def test_a_changed_checkpoint_of_the_database_is_told(it: Audited, sql: str, kind: str) -> None:
    it.change(sql)
    found = [each for each, _, _ in await it.findings()]
    assert kind in found
    assert ("checkpoint_missing" in found) is ("number = 3" not in sql), "the file still has what it was"


async def test_a_changed_line_of_the_file_is_told(it: Audited) -> None:
    first, second = it.file.read_bytes().splitlines(keepends=True)
    it.file.write_bytes(first.replace(b'["a",2', b'["a",1') + second)
    assert [kind for kind, _, _ in await it.findings()] == [
        "checkpoint_signature", "checkpoint_missing", "checkpoint_missing",
    ]  # fmt: skip


async def test_a_line_of_the_file_that_is_gone_is_told(it: Audited) -> None:
    it.file.write_bytes(it.file.read_bytes().splitlines(keepends=True)[1])
    found = await it.first()
    assert (found.kind, found.checkpoint) == (Kind.CHECKPOINT_MISSING, 1)


async def test_a_file_that_is_gone_is_told(it: Audited) -> None:
    it.file.unlink()
    assert (await it.first()).words == "1 checkpoints of the database are missing in the file, the first is 1"


async def test_checkpoints_of_another_key_are_told(it: Audited) -> None:
    from server.audit import verify
    from server.keys import RootKey
    from tests.server.secret import vault

    report = await verify(it.engine, vault(), RootKey(bytes(32)).signing_key().public_key(), it.file)
    # And nothing is signed for what the streams say of themselves.
    assert {found.kind for found in report.findings} == {Kind.CHECKPOINT_SIGNATURE, Kind.CHECKPOINT_MARK}
    assert any("names another key" in found.words for found in report.findings)


@pytest.mark.parametrize(
    "change", ["seq = 'x' WHERE seq = 2", "commitment = 'x' WHERE seq = 2", "at_ms = 'x' WHERE seq = 2"]
)
async def test_a_row_that_is_nonsense_is_told_and_the_rest_is_still_walked(it: Audited, change: str) -> None:
    it.change(f"UPDATE events SET {change} AND stream_id = 'a'")
    it.change("UPDATE payloads SET sealed = zeroblob(90) WHERE stream_id = 'b' AND seq = 3")
    found = await it.findings()
    assert "a" in {stream for _, stream, _ in found}
    assert ("payload_unreadable", "b", 3) in found


async def test_no_single_changed_value_goes_unnoticed(it: Audited) -> None:
    """Every column of what is audited, row by row: changed, told, and put back."""
    for table, columns in {
        "streams": ("kind", "head", "link", "checkpointed"),
        "events": ("seq", "at_ms", "type", "version", "retention", "key_id", "commitment", "link"),
        "payloads": ("seq", "sealed"),
        "data_keys": ("id", "retention", "root_key_id", "wrapped", "destroyed_ms"),
        "checkpoints": ("number", "line"),
    }.items():
        async with reading(it.engine) as connection:
            order = "ORDER BY 1, 2"
            found = (await connection.execute(text(f"SELECT * FROM {table} {order}"))).mappings().all()
        keys = {"streams": ["id"], "data_keys": ["id"], "checkpoints": ["number"]}.get(table, ["stream_id", "seq"])
        for row in found:
            for column in columns:
                new = changed(row[column])
                where = {name: new if name == column else row[name] for name in keys}
                update_row(it, table, column, new, {name: row[name] for name in keys})
                assert not (await it.verify()).ok, f"{table}.{column} of {[row[name] for name in keys]}"
                update_row(it, table, column, row[column], where)
    assert (await it.verify()).ok


def changed(value: object) -> object:
    match value:
        case None:
            return 1
        case int():
            return value + 100
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
        case _:
            return f"{value}x"


def update_row(it: Audited, table: str, column: str, value: object, keys: dict[str, object]) -> None:
    where = " AND ".join(f"{name} = ?" for name in keys)
    it.change(f"UPDATE {table} SET {column} = ? WHERE {where}", value, *keys.values())
