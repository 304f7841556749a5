"""What `audit verify` can find."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What can be wrong."""

    BROKEN_LINK = "broken_link"
    GAP = "gap"
    MISSING_TAIL = "missing_tail"
    ROW_UNREADABLE = "row_unreadable"
    HEAD_DIFFERS = "head_differs"
    STREAM_MISSING = "stream_missing"
    PAYLOAD_MISSING = "payload_missing"
    PAYLOAD_UNREADABLE = "payload_unreadable"
    PAYLOAD_LEFT = "payload_left"
    FORGED_PURGE = "forged_purge"
    PURGE_UNDONE = "purge_undone"
    KEY_DIFFERS = "key_differs"
    ENTRY_UNREADABLE = "entry_unreadable"
    HOLD_BROKEN = "hold_broken"
    HOLD_DIFFERS = "hold_differs"
    REWRITTEN = "rewritten"
    CHECKPOINT_UNREADABLE = "checkpoint_unreadable"
    CHECKPOINT_SIGNATURE = "checkpoint_signature"
    CHECKPOINT_CHAIN = "checkpoint_chain"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_MARK = "checkpoint_mark"
    TRIGGER = "trigger"


class Finding(Struct, frozen=True):
    """Something that does not fit. `stream`, `seq` and `checkpoint` say where, as far as they apply."""

    kind: Kind
    words: str
    stream: str | None = None
    seq: int | None = None
    checkpoint: int | None = None
