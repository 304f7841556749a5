"""Bytes to messages and back, in two wires: msgpack, and JSON for debugging by eye.

Whatever the bytes, decoding gives one typed message or raises one `ProtocolError`. Its detail is a path
such as `$.text`, never a value: what people write does not belong in logs.

Decoding is three steps, the same for both wires: bytes become plain values under hard limits, the plain
values are walked once (depth, character set, number range), and msgspec converts them into the Struct
that the frame's `type` names.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from math import isfinite
from typing import Any, Final, NoReturn, TypeVar, cast

import msgpack
import msgspec

from protocol.errors import ErrorCode, ProtocolError
from protocol.frame import Frame
from protocol.ids import CLIENT_ID_PATTERN, RequestId
from protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, ClientMessage, PostChat, ServerMessage
from protocol.values import MAX_SDP, MAX_TEXT_BYTES

MAX_CLIENT_FRAME: Final = 65_536
"""Longest frame a client may send, in bytes."""

MAX_SERVER_FRAME: Final = 16 * 1024 * 1024
"""Longest frame that `decode_server` takes, in bytes: a snapshot with a long chat."""

MAX_DEPTH: Final = 10
"""Maps and arrays inside one another; the frame itself is the first."""

MAX_ITEMS: Final = 64
"""Longest map or array in a client's frame."""

_MAX_INT: Final = 2**53 - 1
"""Beyond it JavaScript rounds (ECMA-262 Number.MAX_SAFE_INTEGER), and SQL overflows not much later."""


class Wire(StrEnum):
    """How a connection encodes its frames; the value is the WebSocket subprotocol's name."""

    MSGPACK = "holdspace.msgpack"
    JSON = "holdspace.json"


_F = TypeVar("_F", bound=Frame)

_CLIENT_TYPES: Final = {cls.__struct_config__.tag: cls for cls in CLIENT_MESSAGES}
_SERVER_TYPES: Final = {cls.__struct_config__.tag: cls for cls in SERVER_MESSAGES}

# Control characters (C0, DEL, C1) and lone surrogates; the latter could not be encoded again.
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_IN_SDP: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# What is inside of a field has that field's path and no name of its own.
_CHARACTERS: Final = {
    "text": _FORBIDDEN_IN_TEXT,
    "resolution[...]": _FORBIDDEN_IN_TEXT,
    "sdp": _FORBIDDEN_IN_SDP,
}

# Possessive, and with an optional closing quote, so that no input makes it look back (linear time).
_JSON_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

_CLIENT_ID: Final = re.compile(CLIENT_ID_PATTERN)
_PATH: Final = re.compile(r" - at (?:`key` in )?`([^`]+)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(\w+)`")


def decode_client(data: bytes | str, wire: Wire) -> ClientMessage:
    """One message from a client's frame.

    Raises:
        ProtocolError: TOO_LARGE, TOO_DEEP, MALFORMED, UNKNOWN_TYPE or INVALID_FIELD.
    """
    plain = _plain(data, wire, limit=MAX_CLIENT_FRAME, items=MAX_ITEMS)
    _walk(plain, _CHARACTERS)
    message = cast("ClientMessage", _typed(plain, _CLIENT_TYPES))
    if isinstance(message, PostChat) and len(message.text.encode()) > MAX_TEXT_BYTES:
        raise ProtocolError(ErrorCode.INVALID_FIELD, "$.text")
    return message


def decode_server(data: bytes | str, wire: Wire) -> tuple[int | None, ServerMessage]:
    """Sequence number and message of a server's frame, as clients in Python read it.

    Raises:
        ProtocolError: as `decode_client`.
    """
    plain = _plain(data, wire, limit=MAX_SERVER_FRAME, items=MAX_SERVER_FRAME)
    _walk(plain, None)
    if not isinstance(plain, list):
        raise ProtocolError(ErrorCode.MALFORMED)
    match cast("list[object]", plain):
        case [None | int() as seq, body] if not isinstance(seq, bool):
            return seq, cast("ServerMessage", _typed(body, _SERVER_TYPES))
        case _:
            raise ProtocolError(ErrorCode.MALFORMED)


def encode_client(message: ClientMessage, wire: Wire) -> bytes:
    """A client's frame."""
    return encode_body(message, wire)


def encode_body(message: Frame, wire: Wire) -> bytes:
    """A message alone; the server encodes it once for all viewers who get the same."""
    return msgspec.json.encode(message) if wire is Wire.JSON else msgspec.msgpack.encode(message)


def envelope(seq: int | None, body: bytes, wire: Wire) -> bytes:
    """A server's frame `[seq, body]` around an encoded body, by splicing bytes."""
    if wire is Wire.JSON:
        return b"[" + msgspec.json.encode(seq) + b"," + body + b"]"
    return b"\x92" + msgspec.msgpack.encode(seq) + body


def request_id_of(data: bytes | str, wire: Wire) -> RequestId:
    """The request id of a client's frame that could not be taken, or "" when it has none to be read."""
    try:
        plain = _plain(data, wire, limit=MAX_CLIENT_FRAME, items=MAX_ITEMS)
    except ProtocolError:
        return RequestId("")
    match plain:
        case {"id": str() as request_id} if _CLIENT_ID.fullmatch(request_id):
            return RequestId(request_id)
        case _:
            return RequestId("")


def _plain(data: bytes | str, wire: Wire, *, limit: int, items: int) -> object:
    """Bytes to dicts with string keys, lists, strings, numbers, bools and None."""
    # A character takes at least one byte, so the cheap test comes first.
    if len(data) > limit:
        raise ProtocolError(ErrorCode.TOO_LARGE)
    try:
        return _from_json(data, limit) if wire is Wire.JSON else _from_msgpack(data, items)
    except ProtocolError:
        raise
    except (msgpack.exceptions.StackError, RecursionError):
        raise ProtocolError(ErrorCode.TOO_DEEP) from None
    except (ValueError, TypeError, OverflowError, MemoryError, msgpack.exceptions.UnpackException):
        # `from None`: the cause would quote the input.
        raise ProtocolError(ErrorCode.MALFORMED) from None


def _from_msgpack(data: bytes | str, items: int) -> object:
    if isinstance(data, str):
        raise ProtocolError(ErrorCode.MALFORMED)
    # A declared length is checked against these before anything is allocated for it.
    return cast(
        "object",
        msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=_unique,
            ext_hook=_refuse_extension,
            max_str_len=len(data),
            max_bin_len=0,
            max_ext_len=0,
            max_array_len=min(items, len(data)),
            max_map_len=min(items, len(data)),
        ),
    )


def _from_json(data: bytes | str, limit: int) -> object:
    text = data if isinstance(data, str) else data.decode()
    if len(text.encode(errors="surrogatepass")) > limit:
        raise ProtocolError(ErrorCode.TOO_LARGE)
    depth = 0
    for token in _JSON_STRUCTURE.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ProtocolError(ErrorCode.TOO_DEEP)
    # Not msgspec.json: of two equal keys it silently takes the last.
    return cast("object", json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant))


def _unique(pairs: list[tuple[object, object]]) -> dict[str, object]:
    unique: dict[str, object] = {}
    for key, value in pairs:
        if not isinstance(key, str) or key in unique:
            raise ProtocolError(ErrorCode.MALFORMED)
        unique[key] = value
    return unique


def _refuse_extension(_code: int, _data: bytes) -> NoReturn:
    raise ProtocolError(ErrorCode.MALFORMED)


def _refuse_constant(_name: str) -> NoReturn:
    # NaN and Infinity are no JSON (RFC 8259 section 6).
    raise ProtocolError(ErrorCode.MALFORMED)


def _walk(plain: object, characters: dict[str, re.Pattern[str]] | None) -> None:
    """Refuses what both wires could carry and no message may hold. With `characters`, strings too."""
    pending: list[tuple[object, int, str]] = [(plain, 1, "$")]
    while pending:
        value, depth, path = pending.pop()
        match value:
            case str():
                if characters is not None:
                    _check_string(value, characters.get(path.removeprefix("$."), _FORBIDDEN), path)
            case int() if not -_MAX_INT <= value <= _MAX_INT:
                raise ProtocolError(ErrorCode.INVALID_FIELD, path)
            case float() if not isfinite(value):
                raise ProtocolError(ErrorCode.MALFORMED)
            case None | int() | float():
                pass
            case dict() | list() if depth > MAX_DEPTH:
                raise ProtocolError(ErrorCode.TOO_DEEP)
            case list():
                items = cast("list[object]", value)
                pending.extend((item, depth + 1, f"{path}[...]") for item in items)
            case dict():
                fields = cast("dict[str, object]", value)
                for key, item in fields.items():
                    if characters is not None:
                        _check_string(key, _FORBIDDEN, path)
                    # Names that we chose ourselves may be told back; a stranger's key may be anything.
                    known = depth == 1 and key in _FIELDS
                    pending.append((item, depth + 1, f"{path}.{key}" if known else f"{path}[...]"))
            case _:
                raise ProtocolError(ErrorCode.MALFORMED)


def _check_string(value: str, forbidden: re.Pattern[str], path: str) -> None:
    if len(value) > MAX_SDP or forbidden.search(value):
        raise ProtocolError(ErrorCode.INVALID_FIELD, path)


def _typed(plain: object, types: dict[Any, type[_F]]) -> _F:
    match plain:
        case {"type": str() as tag}:
            pass
        case _:
            raise ProtocolError(ErrorCode.MALFORMED)
    cls = types.get(tag)
    if cls is None:
        raise ProtocolError(ErrorCode.UNKNOWN_TYPE)
    try:
        return msgspec.convert(plain, type=cls)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise ProtocolError(ErrorCode.INVALID_FIELD, _path_of(error)) from None


def _path_of(error: Exception) -> str:
    """Where msgspec found the fault: field names as we declared them, `[...]` for anything of the sender's."""
    text = str(error)
    path = found[1] if (found := _PATH.search(text)) else "$"
    return f"{path}.{missing[1]}" if (missing := _MISSING.match(text)) else path


_FIELDS: Final = frozenset(name for cls in CLIENT_MESSAGES for name in (*cls.__struct_fields__, "type"))
