"""Whoever can write to the database, and has no root key, is found out by `audit verify`."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from protocol.ids import SessionId
from server.auditing import AUDIT_STREAM, Auditor, begin_audit
from server.checkpoints import Head, parse_line
from server.entries import LegalHoldSet, NameChanged
from server.storage.chain import Header, genesis, link
from server.storage.engine import writing
from server.storage.log import NewEvent
from tests.server.audited import Audited, audited
from tests.server.people import ELLIE, SESSION, add_everyone
from tests.server.purges import purge_class
from tests.server.secret import vault


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Audited]:
    async with audited(tmp_path) as it:
        yield it


def wipe(it: Audited, stream: str, retention: str, destroyed_ms: int | None = 1) -> None:
    """What looks like a purge."""
    it.change(
        "DELETE FROM payloads WHERE stream_id = ?1 AND seq IN "
        "(SELECT seq FROM events WHERE stream_id = ?1 AND retention = ?2)",
        stream,
        retention,
    )
    sql = "UPDATE data_keys SET wrapped = NULL, destroyed_ms = ? WHERE stream_id = ? AND retention = ?"
    it.change(sql, destroyed_ms, stream, retention)


async def record(it: Audited, *entries: LegalHoldSet | NameChanged) -> None:
    async with writing(it.engine) as connection:
        await Auditor(vault(), it.clock).record(connection, *entries)


# ── purges ───────────────────────────────────────────────────────────────────────────────────


async def test_a_purge_that_the_audit_does_not_know_is_forged(it: Audited) -> None:
    wipe(it, "a", "chat")
    [found] = (await it.verify()).findings
    assert (found.kind.value, found.stream, found.seq) == ("forged_purge", "a", 1)
    assert found.words == "3 payloads of class chat are gone with their key, and the audit knows of no such purge"


@pytest.mark.parametrize("retention", ["record", "concern"])
async def test_a_class_that_is_never_purged_is_forged_whatever_the_audit_says(it: Audited, retention: str) -> None:
    await it.write("c", "one")
    await it.write("c", "two", retention=retention)
    await purge_class(it.engine, "c", retention)
    [found] = (await it.verify()).findings
    assert (found.kind.value, found.stream, found.seq) == ("forged_purge", "c", 2)
    assert found.words == f"1 payloads of class {retention} are gone with their key: it is never purged"


async def test_the_audit_itself_cannot_be_purged(it: Audited) -> None:
    await record(it, NameChanged(ELLIE))
    await purge_class(it.engine, "a")
    wipe(it, AUDIT_STREAM, "audit")
    assert await it.findings() == [("forged_purge", "a", 1), ("forged_purge", AUDIT_STREAM, 1)]


async def test_an_entry_of_another_stream_does_not_make_a_purge(it: Audited) -> None:
    await purge_class(it.engine, "a")
    wipe(it, "b", "chat")
    assert await it.findings() == [("forged_purge", "b", 1)]


async def test_a_purge_does_not_cover_what_was_written_after_it(it: Audited) -> None:
    await purge_class(it.engine, "a")
    await it.write("a", "six")
    assert (await it.verify()).ok
    wipe(it, "a", "chat")
    assert await it.findings() == [("forged_purge", "a", 6)]


async def test_an_event_added_under_a_key_that_was_purged_is_told(it: Audited) -> None:
    await purge_class(it.engine, "b")
    add_without_payload(it, "b", 4)
    [found] = (await it.verify()).findings
    assert (found.kind.value, found.stream) == ("forged_purge", "b")
    assert found.words == "4 payloads of class chat are gone, and the audit says that 3 were purged"


def add_without_payload(it: Audited, stream: str, seq: int) -> None:
    """The chain is made of hashes and no secret: anyone can add to it, but not a payload."""
    file = sqlite3.connect(it.folder / "log.db")
    [(previous, key_id)] = file.execute(
        "SELECT link, key_id FROM events WHERE stream_id = ? AND seq = ?", (stream, seq - 1)
    ).fetchall()
    with file:
        header = Header(stream, seq, 5, "chat_written", 1, "chat", key_id)
        made = link(previous, header.canonical(), bytes(32))
        file.execute(
            "INSERT INTO events VALUES (?, ?, 5, 'chat_written', 1, 'chat', ?, ?, ?)",
            (stream, seq, key_id, bytes(32), made),
        )
        file.execute("UPDATE streams SET head = ?, link = ? WHERE id = ?", (seq, made, stream))
    file.close()


async def test_an_event_added_without_a_key_is_told(it: Audited) -> None:
    add_without_payload(it, "b", 4)
    assert await it.findings() == [("payload_missing", "b", 4)]


async def test_a_purge_without_its_time_is_told(it: Audited) -> None:
    wipe(it, "a", "chat", destroyed_ms=None)
    found = await it.findings()
    assert ("key_differs", "a", None) in found
    assert ("forged_purge", "a", 1) in found


async def test_a_purge_that_was_undone_from_a_copy_is_told(it: Audited) -> None:
    file = sqlite3.connect(it.folder / "log.db")
    [(key, wrapped)] = file.execute("SELECT id, wrapped FROM data_keys WHERE stream_id = 'b'").fetchall()
    kept = file.execute("SELECT * FROM payloads WHERE stream_id = 'b'").fetchall()
    file.close()
    await purge_class(it.engine, "b")
    it.change("UPDATE data_keys SET wrapped = ?, destroyed_ms = NULL WHERE id = ?", wrapped, key)
    for row in kept:
        it.change("INSERT INTO payloads VALUES (?, ?, ?)", *row)
    assert await it.findings() == [("purge_undone", "b", None)]


async def test_an_entry_of_the_first_version_explains_as_many_payloads_as_it_says(it: Audited) -> None:
    """Those named no keys."""
    await purge_class(it.engine, "b", entry=False)
    entry = msgspec.json.encode({"type": "chat_purged", "session": "b", "by": "schedule", "payloads": 3})
    claim = await it.log.claim(AUDIT_STREAM, "audit")
    await it.log.append(AUDIT_STREAM, claim.epoch, claim.head, [NewEvent(5, "chat_purged", 1, entry, "audit")])
    assert (await it.verify()).ok
    add_without_payload(it, "b", 4)
    assert [kind for kind, _, _ in await it.findings()] == ["forged_purge"]


async def test_an_entry_that_cannot_be_read_explains_nothing_and_is_told(it: Audited) -> None:
    claim = await it.log.claim(AUDIT_STREAM, "audit")
    await it.log.append(AUDIT_STREAM, claim.epoch, claim.head, [NewEvent(5, "chat_purged", 9, b"{}", "audit")])
    assert await it.findings() == [("entry_unreadable", AUDIT_STREAM, 1)]


async def test_a_hold_that_was_lifted_behind_the_audits_back_is_told(it: Audited) -> None:
    await add_everyone(it.engine)
    it.change("UPDATE sessions SET legal_hold = 1 WHERE id = ?", SESSION)
    await record(it, LegalHoldSet(SESSION, True, "x"))
    assert (await it.verify()).ok
    it.change("UPDATE sessions SET legal_hold = 0 WHERE id = ?", SESSION)
    assert (await it.first()).words == (
        f"session {SESSION} is under legal hold by the audit, and its row says otherwise"
    )
    await it.write(SESSION, "one")
    await purge_class(it.engine, SESSION)
    assert {kind for kind, _, _ in await it.findings()} == {"hold_broken", "hold_differs"}
    await record(it, LegalHoldSet(SESSION, False, "x"))
    assert {kind for kind, _, _ in await it.findings()} == {"hold_broken"}
    await record(it, LegalHoldSet(SessionId("s-other"), False, "x"))
    it.change("UPDATE sessions SET legal_hold = 1 WHERE id = ?", SESSION)
    assert {kind for kind, _, _ in await it.findings()} == {"hold_broken", "hold_differs"}


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────


def cut_off(it: Audited, stream: str, last: int) -> None:
    it.change("DELETE FROM payloads WHERE stream_id = ? AND seq > ?", stream, last)
    it.change("DELETE FROM events WHERE stream_id = ? AND seq > ?", stream, last)
    it.change(
        "UPDATE streams SET head = ?1, link = (SELECT link FROM events WHERE stream_id = ?2 AND seq = ?1) "
        "WHERE id = ?2",
        last,
        stream,
    )


async def test_a_stream_cannot_be_kept_out_of_checkpoints(it: Audited) -> None:
    it.change("UPDATE streams SET checkpointed = 1000000000 WHERE id = 'a'")
    assert await it.findings() == [("checkpoint_mark", "a", None)]
    await it.write("a", "six", "seven", "eight")
    await it.checkpoint()
    assert (await it.verify()).ok
    cut_off(it, "a", 5)
    assert ("missing_tail", "a", 6) in await it.findings()


async def test_a_checkpoint_that_nobody_signed_keeps_no_stream_out(it: Audited) -> None:
    newest = parse_line(it.file.read_bytes().splitlines()[-1])
    forged = msgspec.structs.replace(
        newest,
        checkpoint=msgspec.structs.replace(newest.checkpoint, number=3, heads=(Head("a", 1_000_000, "00"),)),
    )
    it.change("INSERT INTO checkpoints VALUES (3, 5, ?)", forged.line())
    await it.write("a", "six")
    await it.checkpoint()
    made = parse_line(it.file.read_bytes().splitlines()[-1]).checkpoint
    assert ("a", 6) in [(head.stream, head.seq) for head in made.heads]
    it.change("DELETE FROM checkpoints WHERE number = 3")
    cut_off(it, "a", 5)
    assert ("missing_tail", "a", 6) in await it.findings()


async def test_streams_set_back_with_the_databases_checkpoints_show_in_the_file(it: Audited) -> None:
    cut_off(it, "a", 2)
    cut_off(it, "b", 2)
    it.change("DELETE FROM checkpoints WHERE number = 2")
    it.change("UPDATE streams SET checkpointed = 2")
    assert await it.findings() == [("missing_tail", "a", 3), ("checkpoint_missing", None, None)]


async def test_a_trigger_is_told(it: Audited) -> None:
    file = sqlite3.connect(it.folder / "log.db")
    file.execute("CREATE TRIGGER quiet AFTER INSERT ON events BEGIN UPDATE streams SET checkpointed = head; END")
    file.close()
    assert (await it.first()).words == "the database has a trigger that is none of ours: 'quiet'"


@pytest.mark.parametrize(
    "poison",
    [
        "INSERT INTO streams VALUES ('zz', 'room', 1, 'x', x'00', 0)",
        "INSERT INTO streams VALUES ('zz', 'room', 1, 5, 'x', 0)",
        "INSERT INTO streams VALUES (x'00ff', 'room', 1, 5, 'x', 0)",
        "INSERT INTO checkpoints VALUES ('zz', 5, x'00')",
        "INSERT INTO checkpoints VALUES (9223372036854775807, 5, x'00')",
        "INSERT INTO checkpoints VALUES (-5, 5, 'x')",
    ],
)
async def test_no_row_stops_the_checkpoints_of_the_others(it: Audited, poison: str) -> None:
    it.change(poison)
    await it.write("a", "six")
    await it.checkpoint()
    signed = {
        (head.stream, head.seq)
        for line in it.file.read_bytes().splitlines()
        if line.startswith(b"{")
        for head in parse_line(line).checkpoint.heads
    }
    assert {("a", 6), ("b", 3)} <= signed
    assert await it.findings()


# ── exchanged ────────────────────────────────────────────────────────────────────────────────


async def test_payloads_of_two_streams_exchanged_are_told(it: Audited) -> None:
    it.change("UPDATE payloads SET stream_id = 'x' WHERE stream_id = 'a' AND seq = 1")
    it.change("UPDATE payloads SET stream_id = 'a' WHERE stream_id = 'b' AND seq = 1")
    it.change("UPDATE payloads SET stream_id = 'b' WHERE stream_id = 'x'")
    assert await it.findings() == [("payload_unreadable", "a", 1), ("payload_unreadable", "b", 1)]


async def test_keys_of_two_streams_exchanged_are_told(it: Audited) -> None:
    file = sqlite3.connect(it.folder / "log.db")
    wrapped = dict(file.execute("SELECT stream_id, wrapped FROM data_keys WHERE retention = 'chat'").fetchall())
    file.close()
    for stream, other in (("a", "b"), ("b", "a")):
        sql = "UPDATE data_keys SET wrapped = ? WHERE stream_id = ? AND retention = 'chat'"
        it.change(sql, wrapped[other], stream)
    found = await it.findings()
    assert ("key_differs", "a", None) in found
    assert ("key_differs", "b", None) in found
    assert ("payload_unreadable", "a", 1) in found


async def test_a_key_without_events_that_was_changed_is_told(it: Audited) -> None:
    await begin_audit(it.engine)
    it.change(
        "INSERT INTO data_keys (id, stream_id, retention, root_key_id, wrapped) "
        "SELECT 'k', ?, 'whereabouts', root_key_id, wrapped FROM data_keys LIMIT 1",
        AUDIT_STREAM,
    )
    assert await it.findings() == [("key_differs", AUDIT_STREAM, None)]


async def test_commitments_made_anew_with_all_links_after_them_do_not_fit_the_payloads(it: Audited) -> None:
    """Also beyond the newest checkpoint, where nothing signed stands against it."""
    file = sqlite3.connect(it.folder / "log.db")
    rows = file.execute("SELECT * FROM events WHERE stream_id = 'b' ORDER BY seq").fetchall()
    previous = genesis("b", "room")
    with file:
        for stream, seq, at_ms, kind, version, retention, key_id, commitment, _ in rows:
            mine = bytes(32) if seq == 3 else commitment
            previous = link(previous, Header(stream, seq, at_ms, kind, version, retention, key_id).canonical(), mine)
            file.execute(
                "UPDATE events SET commitment = ?, link = ? WHERE stream_id = 'b' AND seq = ?", (mine, previous, seq)
            )
        file.execute("UPDATE streams SET link = ? WHERE id = 'b'", (previous,))
    file.close()
    assert await it.findings() == [("payload_unreadable", "b", 3)]
