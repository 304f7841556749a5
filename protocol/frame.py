"""What all messages have in common."""

from __future__ import annotations

from msgspec import Struct


class Frame(Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    """Base of all messages; a subclass's `type` on the wire is its tag in snake_case."""
