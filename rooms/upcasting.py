"""Reads stored events, of the present form or an older one.

When the form of an event changes: raise its number in `VERSIONS`, and add to `UPCASTERS` what makes the old form into
the next one. An upcaster stays for ever, and so does the golden log of the form it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from rooms.events import DURABLE_EVENTS, DurableEvent

Fields = dict[str, Any]
Upcaster = Callable[[Fields], Fields]
"""Takes the fields of an event, `type` among them, and gives them in the form of the next version. It may rename it."""


def _opened_live(fields: Fields) -> Fields:
    """Before there were lobbies, a session was live from its opening on."""
    return {**fields, "note": "", "status": "live"}


def _entered_at_once(fields: Fields) -> Fields:
    """Before there were lobbies, whoever came was in the room."""
    return {**fields, "waiting": False, "expected": True}


def _unnumbered(fields: Fields) -> Fields:
    """Before closings were numbered in the log."""
    return {**fields, "closings": 0}


def _said_at_any_time(fields: Fields) -> Fields:
    """Before there were turns, nothing was written as one."""
    return {**fields, "turn": False}


def _as_it_was(fields: Fields) -> Fields:
    """What was stored then is of the present form; the present form may say more."""
    return fields


VERSIONS: Final[Mapping[str, int]] = {
    **{str(event.__struct_config__.tag): 1 for event in DURABLE_EVENTS},
    "session_opened": 2,
    "participant_entered": 2,
    "session_closed": 2,
    "microphone_shut": 2,
    "chat_written": 2,
}
"""The version in which each type of event is stored today."""

UPCASTERS: Final[Mapping[tuple[str, int], Upcaster]] = {
    ("session_opened", 1): _opened_live,
    ("participant_entered", 1): _entered_at_once,
    ("session_closed", 1): _as_it_was,
    ("microphone_shut", 1): _unnumbered,
    ("chat_written", 1): _said_at_any_time,
}
"""From a (type, version) to the next version."""

_present = msgspec.msgpack.Decoder(DurableEvent)


class UnknownEvent(ValueError):
    """A stored event that this version cannot read. Says its type and version, nothing of its payload."""

    def __init__(self, type_: str, version: int, why: str) -> None:
        super().__init__(f"stored event {type_!r} of version {version}: {why}")
        self.type = type_
        self.version = version


def present_event(
    type_: str,
    version: int,
    payload: bytes,
    *,
    versions: Mapping[str, int] = VERSIONS,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> DurableEvent:
    """The event of today that was stored as `payload` (MessagePack).

    Raises:
        UnknownEvent: no such type or version is known, or the payload is not of that form.
    """
    try:
        if versions.get(type_) == version:
            event = _present.decode(payload)
        else:
            fields = _upcast(type_, version, msgspec.msgpack.decode(payload, type=Fields), versions, upcasters)
            event = msgspec.convert(fields, DurableEvent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Its words may quote what somebody wrote.
        raise UnknownEvent(type_, version, "its payload does not have that form") from None
    return event


def _upcast(
    type_: str,
    version: int,
    fields: Fields,
    versions: Mapping[str, int],
    upcasters: Mapping[tuple[str, int], Upcaster],
) -> Fields:
    now_type, now_version = type_, version
    while versions.get(now_type) != now_version:
        step = upcasters.get((now_type, now_version))
        if step is None:
            newer = now_version > versions.get(now_type, now_version)
            why = "it was written by a newer version" if newer else "there is no upcaster for it"
            raise UnknownEvent(type_, version, why)
        fields = step(fields)
        now_type, now_version = str(fields["type"]), now_version + 1
    return fields
