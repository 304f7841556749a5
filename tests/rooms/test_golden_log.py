"""A stored log, written by hand once, that must be read alike for ever.

When a test here fails because an event's form changed: raise `EVENT_VERSION`, write an upcaster, add a golden log of
the new version, and leave this one as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.ids import ParticipantId
from protocol.values import Role
from rooms.events import DURABLE_EVENTS, EVENT_VERSION, DurableEvent
from rooms.evolve import evolve_all
from rooms.state import EMPTY
from rooms.view import Viewer, snapshot

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "room-v1.json").read_text(encoding="utf-8"))
STORED: list[dict[str, Any]] = GOLDEN["events"]


def read(stored: dict[str, Any]) -> DurableEvent:
    """The event behind one row."""
    return msgspec.json.decode(json.dumps(stored["payload"]), type=DurableEvent)


def tag(event_type: type) -> str:
    """The type under which events of this class are stored."""
    return str(event_type.__struct_config__.tag)


def test_the_log_holds_every_durable_event() -> None:
    assert {row["type"] for row in STORED} == {tag(event) for event in DURABLE_EVENTS}


@pytest.mark.parametrize("row", STORED)
def test_an_event_is_stored_today_as_it_was_then(row: dict[str, Any]) -> None:
    event = read(row)

    assert row["version"] == EVENT_VERSION
    assert row["type"] == tag(type(event))
    assert json.loads(msgspec.json.encode(event)) == row["payload"]


@pytest.mark.parametrize("expected", GOLDEN["snapshots"])
def test_the_log_leads_to_the_room_it_led_to_then(expected: dict[str, Any]) -> None:
    state = evolve_all(EMPTY, [read(row) for row in STORED[: expected["after_events"]]])
    viewer = Viewer(ParticipantId(expected["snapshot"]["you"]), Role(expected["role"]))

    assert json.loads(msgspec.json.encode(snapshot(state, viewer))) == expected["snapshot"]


@pytest.mark.parametrize("length", range(1, len(STORED) + 1))
def test_every_beginning_of_the_log_is_a_room(length: int) -> None:
    state = evolve_all(EMPTY, [read(row) for row in STORED[:length]])

    for role in Role:
        assert snapshot(state, Viewer(ParticipantId("p-ana"), role)).session.id == "s1"
