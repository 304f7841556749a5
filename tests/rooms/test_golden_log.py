"""Stored logs, written by hand once, that must be read alike for ever.

When a test here fails because an event's form changed: raise its number in `rooms.upcasting.VERSIONS`, write an
upcaster, add a golden log of the new version, and leave these as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.ids import ParticipantId
from protocol.values import Role
from rooms.events import DURABLE_EVENTS, DurableEvent
from rooms.evolve import evolve_all
from rooms.state import EMPTY
from rooms.upcasting import VERSIONS, present_event
from rooms.view import Viewer, snapshot

LOGS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "golden").glob("room-*.json"))
}
ROWS: list[dict[str, Any]] = [row for log in LOGS.values() for row in log["events"]]
SNAPSHOTS = [(name, expected) for name, log in LOGS.items() for expected in log["snapshots"]]


def read(stored: dict[str, Any]) -> DurableEvent:
    """The event behind one row."""
    return present_event(stored["type"], stored["version"], msgspec.msgpack.encode(stored["payload"]))


def tag(event_type: type) -> str:
    """The type under which events of this class are stored."""
    return str(event_type.__struct_config__.tag)


def test_the_logs_hold_every_durable_event_in_its_present_version() -> None:
    assert {(row["type"], row["version"]) for row in ROWS} >= set(VERSIONS.items())
    assert {tag(event) for event in DURABLE_EVENTS} == set(VERSIONS)


@pytest.mark.parametrize("row", [row for row in ROWS if row["version"] == VERSIONS[row["type"]]])
def test_an_event_is_stored_today_as_it_was_then(row: dict[str, Any]) -> None:
    event = read(row)

    assert row["type"] == tag(type(event))
    assert json.loads(msgspec.json.encode(event)) == row["payload"]


@pytest.mark.parametrize(("name", "expected"), SNAPSHOTS)
def test_a_log_leads_to_the_room_it_led_to_then(name: str, expected: dict[str, Any]) -> None:
    state = evolve_all(EMPTY, [read(row) for row in LOGS[name]["events"][: expected["after_events"]]])
    viewer = Viewer(ParticipantId(expected["snapshot"]["you"]), Role(expected["role"]))

    seen = json.loads(msgspec.json.encode(snapshot(state, viewer)))
    # The logs from before there were speaking turns say nothing of them: everyone was heard.
    default = {} if expected["snapshot"].get("waiting") else {"floor": {}}
    assert seen == default | expected["snapshot"]


@pytest.mark.parametrize("name", list(LOGS))
def test_every_beginning_of_a_log_is_a_room(name: str) -> None:
    rows = LOGS[name]["events"]
    for length in range(1, len(rows) + 1):
        state = evolve_all(EMPTY, [read(row) for row in rows[:length]])

        for role in Role:
            viewer = Viewer(ParticipantId("p-ana"), role)
            assert snapshot(state, viewer).session.id == rows[0]["payload"]["session_id"]
