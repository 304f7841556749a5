from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.ids import MessageId, ParticipantId
from rooms.events import DURABLE_EVENTS, ChatWritten
from rooms.retention import Retention, retention_of
from rooms.upcasting import UPCASTERS, VERSIONS, Fields, UnknownEvent, present_event
from tests.rooms.test_golden_log import read

GOLDEN = Path(__file__).parent / "golden"
LOGS: list[dict[str, Any]] = [
    json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("room-*.json"))
]
ROWS: list[dict[str, Any]] = [row for log in LOGS for row in log["events"]]


def stored(fields: dict[str, Any]) -> bytes:
    """A payload as the log keeps it."""
    return msgspec.msgpack.encode(fields)


def test_every_type_of_event_has_a_version() -> None:
    assert set(VERSIONS) == {str(event.__struct_config__.tag) for event in DURABLE_EVENTS}


def test_every_version_there_ever_was_is_in_a_golden_log() -> None:
    present = set(VERSIONS.items())
    assert present | set(UPCASTERS) <= {(row["type"], row["version"]) for row in ROWS}


@pytest.mark.parametrize("row", ROWS)
def test_what_was_stored_then_is_read_today(row: dict[str, Any]) -> None:
    event = present_event(row["type"], row["version"], stored(row["payload"]))

    assert str(type(event).__struct_config__.tag) in VERSIONS
    if row["version"] == VERSIONS[row["type"]]:
        assert event == read(row)


# ── a made-up past: messages were `said` by `who` in `words`, then `chat_said`, then what they are now ──


def _said_1(fields: Fields) -> Fields:
    return {**fields, "type": "chat_said", "author_id": fields["who"]}


def _said_2(fields: Fields) -> Fields:
    return {**fields, "type": "chat_written", "text": fields["words"].strip()}


MADE_UP_VERSIONS = {**VERSIONS, "chat_written": 3}
MADE_UP = {("said", 1): _said_1, ("chat_said", 2): _said_2}


def test_an_event_of_long_ago_goes_through_every_version_since() -> None:
    old = {"type": "said", "at_ms": 7, "message_id": "m1", "who": "ana", "words": " hello "}

    event = present_event("said", 1, stored(old), versions=MADE_UP_VERSIONS, upcasters=MADE_UP)

    assert event == ChatWritten(7, MessageId("m1"), ParticipantId("ana"), "hello")


def test_an_event_of_yesterday_goes_through_what_changed_since() -> None:
    old = {"type": "chat_said", "at_ms": 7, "message_id": "m1", "author_id": "ana", "words": "hello"}

    event = present_event("chat_said", 2, stored(old), versions=MADE_UP_VERSIONS, upcasters=MADE_UP)

    assert event == ChatWritten(7, MessageId("m1"), ParticipantId("ana"), "hello")


def test_an_event_of_today_goes_through_nothing() -> None:
    today = {"type": "chat_written", "at_ms": 7, "message_id": "m1", "author_id": "ana", "text": " kept "}

    event = present_event("chat_written", 3, stored(today), versions=MADE_UP_VERSIONS, upcasters=MADE_UP)

    assert event == ChatWritten(7, MessageId("m1"), ParticipantId("ana"), " kept ")


@pytest.mark.parametrize(
    ("type_", "version", "says"),
    [
        ("chat_written", 3, "newer version"),
        ("chat_written", 0, "no upcaster"),
        ("hand_waved", 1, "no upcaster"),
    ],
)
def test_an_event_that_nobody_knows_is_named_and_not_quoted(type_: str, version: int, says: str) -> None:
    payload = stored({"type": type_, "at_ms": 1, "text": "what she said"})

    with pytest.raises(UnknownEvent, match=says) as caught:
        present_event(type_, version, payload)

    assert (caught.value.type, caught.value.version) == (type_, version)
    assert type_ in str(caught.value)
    assert "what she said" not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\xa1\xff",
        stored({"type": "chat_written", "at_ms": "soon"}),
        stored({"type": "chat_written"}),
        stored({"type": "what she said"}),
    ],
)
def test_a_payload_of_another_form_is_an_unknown_event_and_not_quoted(payload: bytes) -> None:
    with pytest.raises(UnknownEvent, match="does not have that form") as caught:
        present_event("chat_written", 2, payload)
    assert "said" not in str(caught.value)
    assert "soon" not in str(caught.value)


def test_an_upcaster_that_leads_nowhere_ends_in_an_unknown_event() -> None:
    table = {("chat_written", 0): lambda fields: {**fields, "type": "chat_lost"}}
    with pytest.raises(UnknownEvent, match="no upcaster"):
        present_event("chat_written", 0, stored({"type": "chat_written"}), upcasters=table)


def test_what_was_written_is_purged_apart_from_who_was_there() -> None:
    classes = {row["type"]: retention_of(read(row)) for row in ROWS if row["version"] == VERSIONS[row["type"]]}

    assert {kind for kind, retention in classes.items() if retention is Retention.CHAT} == {
        "chat_written",
        "chat_concealed",
        "chat_revealed",
    }
    assert set(classes) == set(VERSIONS)
