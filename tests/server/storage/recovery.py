"""Opens what a crash left behind, as SQLite does at the next start."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from server.storage.chain import Header, genesis, link
from server.storage.vault import SealedPayload, WrappedKey
from tests.server.secret import vault


def recovered_events(folder: Path, files: Mapping[str, bytes], database: str) -> list[int]:
    """The payloads (numbers) of all events in a database made of these files, in order; the chain holds."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    return stored_numbers(folder / database)


def stored_numbers(database: Path) -> list[int]:
    """The numbers that the payloads of a database's one stream begin with, read without the code that wrote them."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        keys = {row[0]: WrappedKey(*row) for row in connection.execute(
            "SELECT id, stream_id, retention, root_key_id, wrapped FROM data_keys"
        )}  # fmt: skip
        rows = connection.execute(
            "SELECT stream_id, seq, at_ms, type, version, retention, key_id, commitment, link, sealed "
            "FROM events LEFT JOIN payloads USING (stream_id, seq) ORDER BY seq"
        ).fetchall()
        [[stream, kind, head, end]] = connection.execute("SELECT id, kind, head, link FROM streams").fetchall()
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    finally:
        connection.close()
    assert [row[1] for row in rows] == list(range(1, head + 1)), "a gap, or a head that does not fit its events"
    opening, previous = vault(), genesis(stream, kind)
    numbers: list[int] = []
    for *fields, commitment, its_link, sealed in rows:
        header = Header(*fields)
        previous = link(previous, header.canonical(), commitment)
        assert previous == its_link, "a broken chain"
        payload = opening.open_payload(keys[header.key_id], header.canonical(), SealedPayload(commitment, sealed))
        numbers.append(int(payload.split(b".")[0]))
    assert previous == end, "a head whose link does not fit its events"
    return numbers
