"""Reads stored events. When the form of one changes: as in `rooms.upcasting`, raise its number and lift the older form.

There is one form of each so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from moderation.supervision.events import DURABLE_EVENTS, DurableEvent

VERSIONS: Final[Mapping[str, int]] = {str(event.__struct_config__.tag): 1 for event in DURABLE_EVENTS}
"""The version in which each type of event is stored today."""

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
    if VERSIONS.get(type_) != version:
        raise UnknownEvent(type_, version, "this version does not know it")
    try:
        event = _present.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Its words may quote a name.
        raise UnknownEvent(type_, version, "its payload does not have that form") from None
    return event
