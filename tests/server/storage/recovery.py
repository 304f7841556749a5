"""Opens what a crash left behind, as SQLite does at the next start."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path


def recovered_events(folder: Path, files: Mapping[str, bytes], database: str) -> list[int]:
    """The payloads (numbers) of all events in a database made of these files, in order."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    connection = sqlite3.connect(folder / database)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        rows = connection.execute("SELECT seq, payload FROM events ORDER BY seq").fetchall()
        [[head]] = connection.execute("SELECT head FROM streams").fetchall()
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    finally:
        connection.close()
    assert [seq for seq, _ in rows] == list(range(1, head + 1)), "a gap, or a head that does not fit its events"
    return [int(bytes(payload).split(b".")[0]) for _, payload in rows]
