"""Stored entries, written by hand once, that must be read alike for ever.

When a test here fails because an entry's form changed: raise its number in `server.entries.VERSIONS`, write an
upcaster, add a golden log of the new version, and leave these as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.ids import IdentityId, SessionId
from server.entries import (
    ENTRIES,
    UPCASTERS,
    VERSIONS,
    ChatPurged,
    Entry,
    NameChanged,
    UnknownEntry,
    present_entry,
    tag_of,
)

ROWS: list[dict[str, Any]] = [
    row
    for path in sorted((Path(__file__).parent / "golden").glob("audit-*.json"))
    for row in json.loads(path.read_text(encoding="utf-8"))
]


def read(row: dict[str, Any]) -> Entry:
    return present_entry(row["type"], row["version"], json.dumps(row["payload"]).encode())


def test_the_logs_hold_every_entry_in_each_of_its_versions() -> None:
    assert {(row["type"], row["version"]) for row in ROWS} == set(VERSIONS.items()) | set(UPCASTERS)
    assert {str(entry.__struct_config__.tag) for entry in ENTRIES} == set(VERSIONS)


@pytest.mark.parametrize("row", [row for row in ROWS if row["version"] == VERSIONS[row["type"]]])
def test_an_entry_is_stored_today_as_it_was_then(row: dict[str, Any]) -> None:
    entry = read(row)
    assert tag_of(entry) == row["type"]
    assert json.loads(msgspec.json.encode(entry)) == row["payload"]


def test_the_first_purges_were_of_a_rooms_chat_and_named_no_keys() -> None:
    [row] = [row for row in ROWS if (row["type"], row["version"]) == ("chat_purged", 1)]
    assert read(row) == ChatPurged(SessionId("s-1"), "schedule", 12, "s-1", "chat", None)


def test_every_entry_ever_stored_can_be_read() -> None:
    assert [tag_of(read(row)) for row in ROWS] == [row["type"] for row in ROWS]


@pytest.mark.parametrize(
    ("type_", "version", "payload"),
    [
        ("name_changed", 2, b'{"type":"name_changed","person":"Ellie"}'),
        ("moon_seen", 1, b'{"type":"moon_seen","person":"Ellie"}'),
        ("name_changed", 1, b'{"type":"consent_revoked","person":"Ellie","kind":"notice"}'),
        ("name_changed", 1, b'{"type":"name_changed","who":"Ellie"}'),
        ("chat_purged", 1, b'{"type":"chat_purged","by":"Ellie"}'),
        ("name_changed", 1, b'["Ellie"]'),
        ("name_changed", 1, b"\xffEllie"),
    ],
)
def test_what_cannot_be_read_says_so_and_nothing_of_what_is_in_it(type_: str, version: int, payload: bytes) -> None:
    with pytest.raises(UnknownEntry, match=type_) as found:
        present_entry(type_, version, payload)
    assert "Ellie" not in str(found.value)


def test_an_entry_is_raised_version_by_version() -> None:
    entry = present_entry(
        "name_changed",
        1,
        b'{"type":"name_changed","who":"p"}',
        versions={"name_changed": 3},
        upcasters={
            ("name_changed", 1): lambda fields: {"type": "name_changed", "whom": fields["who"]},
            ("name_changed", 2): lambda fields: {"type": "name_changed", "person": fields["whom"]},
        },
    )
    assert entry == NameChanged(IdentityId("p"))
