"""Hypothesis strategies for messages, frames and broken frames."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar, cast

import msgpack
import msgspec
from hypothesis import strategies as st

from protocol.codec import Wire
from protocol.messages import CLIENT_MESSAGES, ClientMessage
from protocol.monitoring import SendWhisper
from protocol.turns import MAX_LIMIT_MS
from protocol.values import (
    MAX_TEXT,
    Source,
)

wires = st.sampled_from(Wire)
client_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
words = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40)
chat_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), min_size=1, max_size=MAX_TEXT
)
sdp = st.text(st.characters(codec="ascii", exclude_categories=("Cc",), include_characters="\r\n"), min_size=1)
numbers = st.integers(0, 2**53 - 1)

SHORTER: dict[type, dict[str, st.SearchStrategy[object]]] = {
    SendWhisper: {"text": chat_text.map(lambda text: text[:500])}
}

BY_FIELD: dict[str, st.SearchStrategy[object]] = {
    "id": client_ids,
    "whisper_id": client_ids,
    "message_id": client_ids,
    "participant_id": words,
    "participant_ids": st.lists(words, max_size=5).map(tuple),
    "token": st.from_regex(r"[A-Za-z0-9_-]{16,128}", fullmatch=True),
    "resume_token": st.from_regex(r"[A-Za-z0-9_-]{16,128}", fullmatch=True),
    "text": chat_text,
    "sdp": sdp,
    "mid": st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=16),
    "sources": st.dictionaries(
        st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=16),
        st.sampled_from(Source),
        max_size=4,
    ),
    "version": st.integers(1, 2**53 - 1),
    "rids": st.lists(words, max_size=3).map(tuple),
    "urls": st.lists(words, max_size=3).map(tuple),
    "then_names": st.lists(words, max_size=3).map(tuple),
    "leaders": st.lists(words, max_size=3).map(tuple),
    **{name: st.lists(words, max_size=3).map(tuple) for name in ("hands", "round", "later", "done", "passed")},
    "by_ms": st.integers(1_000, MAX_LIMIT_MS),
    "limit_ms": st.integers(0, MAX_LIMIT_MS),
}
BY_TYPE: dict[object, st.SearchStrategy[object]] = {
    str: words,
    int: numbers,
    bool: st.booleans(),
    float: st.floats(0, 3600),
}


S = TypeVar("S", bound=msgspec.Struct)


def packed(value: object) -> bytes:
    """msgpack as other implementations write it; `msgpack.packb` comes without types."""
    return cast("bytes", msgpack.packb(value))


def structs(cls: type[S]) -> st.SearchStrategy[S]:
    """Instances of a message, its fields drawn by name or by type."""
    fields = {field.name: _field(field.name, field.type) for field in msgspec.structs.fields(cls)}
    return st.builds(cls, **{**fields, **SHORTER.get(cls, {})})


def _of(cls: type[Any]) -> st.SearchStrategy[object]:
    return st.sampled_from(cls) if issubclass(cls, StrEnum) else structs(cls)


def _field(name: str, kind: object) -> st.SearchStrategy[object]:
    if name in BY_FIELD:
        return BY_FIELD[name]
    info = msgspec.inspect.type_info(kind)
    match info:
        case msgspec.inspect.StructType():
            return structs(info.cls)
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.StructType() as item):
            return st.lists(structs(item.cls), max_size=3).map(tuple)
        case msgspec.inspect.UnionType(types=types):
            some = [
                each.cls for each in types if isinstance(each, msgspec.inspect.StructType | msgspec.inspect.EnumType)
            ]
            whole = any(isinstance(each, msgspec.inspect.IntType) for each in types)
            return st.none() | (_of(some[0]) if some else numbers if whole else words)
        case msgspec.inspect.EnumType():
            return st.sampled_from(cast("type[StrEnum]", info.cls))
        case msgspec.inspect.StrType():
            return BY_TYPE[str]
        case msgspec.inspect.IntType():
            return BY_TYPE[int]
        case _:
            return BY_TYPE[kind]


def client_messages() -> st.SearchStrategy[ClientMessage]:
    return st.one_of([structs(cast("type[ClientMessage]", cls)) for cls in CLIENT_MESSAGES])


@st.composite
def mutated_frames(draw: st.DrawFn, encoded: st.SearchStrategy[bytes]) -> bytes:
    """A real frame with a few bytes changed, cut, doubled or appended."""
    frame = bytearray(draw(encoded))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(frame) - 1, 0)))
        match draw(st.sampled_from(("set", "cut", "insert", "double"))):
            case "set":
                frame[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del frame[at:]
            case "insert":
                frame[at:at] = draw(st.binary(max_size=8))
            case _:
                frame += frame[:at]
    return bytes(frame)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def misshapen_frames(draw: st.DrawFn) -> dict[str, object]:
    """Known tags and field names, with any values in them."""
    cls = draw(st.sampled_from(CLIENT_MESSAGES))
    known = st.sampled_from([*cls.__struct_fields__, "extra"])
    return {"type": cls.__struct_config__.tag, **draw(st.dictionaries(known, plain_values, max_size=5))}
