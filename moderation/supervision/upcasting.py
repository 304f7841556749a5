"""Reads stored events. When the form of one changes: as in `rooms.upcasting`, raise its number, lift the older form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from moderation.supervision.events import DURABLE_EVENTS, DurableEvent

Fields = dict[str, Any]


def _without_a_clock(fields: Fields) -> Fields:
    """Before there was a clock, nothing went on by itself."""
    return {**fields, "step": "responder", "due_ms": 0}


def _of_no_flags(fields: Fields) -> Fields:
    """Before there were flags, nothing had any."""
    return {**fields, "by_name": "", "flags": 0}


VERSIONS: Final[Mapping[str, int]] = {
    **{str(event.__struct_config__.tag): 1 for event in DURABLE_EVENTS},
    "concern_raised": 2,
    "concern_acknowledged": 2,
}
"""The version in which each type of event is stored today."""

UPCASTERS: Final[Mapping[tuple[str, int], Callable[[Fields], Fields]]] = {
    ("concern_raised", 1): _without_a_clock,
    ("concern_acknowledged", 1): _of_no_flags,
}
"""From a (type, version) to the next version."""

_present = msgspec.msgpack.Decoder(DurableEvent)


class UnknownEvent(ValueError):
    """A stored event that this version cannot read. Says its type and version, nothing of its payload."""

    def __init__(self, type_: str, version: int, why: str) -> None:
        super().__init__(f"stored event {type_!r} of version {version}: {why}")
        self.type = type_
        self.version = version


def present_event(type_: str, version: int, payload: bytes) -> DurableEvent:
    """The event that was stored as `payload` (MessagePack).

    Raises:
        UnknownEvent: no such type or version is known, or the payload is not of that form.
    """
    try:
        if VERSIONS.get(type_) == version:
            return _present.decode(payload)
        lift = UPCASTERS.get((type_, version))
        if lift is None:
            raise UnknownEvent(type_, version, "this version does not know it")
        return msgspec.convert(lift(msgspec.msgpack.decode(payload, type=Fields)), DurableEvent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Its words may quote a name.
        raise UnknownEvent(type_, version, "its payload does not have that form") from None
