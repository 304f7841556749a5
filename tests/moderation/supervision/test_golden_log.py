"""A stored log, written by hand once, that must be read alike for ever.

When a test here fails because an event's form changed: raise its number in `moderation.supervision.upcasting`, write an
upcaster, add a golden log of the new version, and leave this one as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from moderation.permissions import Office
from moderation.supervision.escalation import Duty
from moderation.supervision.events import DURABLE_EVENTS, DurableEvent
from moderation.supervision.evolve import evolve_all
from moderation.supervision.retention import Retention, retention_of
from moderation.supervision.state import EMPTY
from moderation.supervision.upcasting import VERSIONS, UnknownEvent, present_event
from moderation.supervision.view import concerns_for
from protocol.ids import IdentityId

FOLDER = Path(__file__).parent / "golden"
LOGS: dict[str, dict[str, Any]] = {
    name: json.loads((FOLDER / name).read_text(encoding="utf-8"))
    for name in ("supervision-v1.json", "supervision-v2.json")
}
OLDER: list[dict[str, Any]] = LOGS["supervision-v1.json"]["events"]
PRESENT: list[dict[str, Any]] = LOGS["supervision-v2.json"]["events"]


def read(stored: dict[str, Any]) -> DurableEvent:
    """The event behind one row."""
    return present_event(stored["type"], stored["version"], msgspec.msgpack.encode(stored["payload"]))


def test_the_log_holds_every_durable_event() -> None:
    assert {row["type"] for row in PRESENT} == {str(event.__struct_config__.tag) for event in DURABLE_EVENTS}


@pytest.mark.parametrize("row", PRESENT)
def test_an_event_is_stored_today_as_it_was_then(row: dict[str, Any]) -> None:
    event = read(row)

    assert row["version"] == VERSIONS[row["type"]]
    assert json.loads(msgspec.json.encode(event)) == row["payload"]


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_a_log_leads_to_the_concerns_it_led_to_then(log: dict[str, Any]) -> None:
    state = evolve_all(EMPTY, [read(row) for row in log["events"]])

    assert state.room_seq == log["room_seq"]
    for viewer, expected in log["seen_by"].items():
        seen = concerns_for(state, state, IdentityId(viewer), Office.ASSIGNED, Duty())
        # What a view says by now that it did not say then is beside the point.
        told = json.loads(msgspec.json.encode(seen))
        assert [{key: one.get(key) for key in then} for one, then in zip(told, expected, strict=True)] == expected


def test_all_of_it_is_kept_as_long_as_any_of_it() -> None:
    assert {retention_of(read(row)) for row in (*OLDER, *PRESENT)} == {Retention.CONCERN}


@pytest.mark.parametrize(("type_", "version"), [("concern_raised", 3), ("flag_lowered", 1)])
def test_an_event_of_an_unknown_form_is_refused_by_its_type_and_version(type_: str, version: int) -> None:
    with pytest.raises(UnknownEvent) as refused:
        present_event(type_, version, msgspec.msgpack.encode(PRESENT[0]["payload"]))

    assert (refused.value.type, refused.value.version) == (type_, version)


@pytest.mark.parametrize("payload", [b"\xc1", msgspec.msgpack.encode({"type": "concern_raised", "person_name": "Ben"})])
def test_a_payload_of_another_form_is_refused_without_quoting_it(payload: bytes) -> None:
    with pytest.raises(UnknownEvent) as refused:
        present_event("concern_raised", 2, payload)

    assert "Ben" not in str(refused.value)
