from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import (
    MAX_CLIENT_FRAME,
    MAX_DEPTH,
    MAX_ITEMS,
    Wire,
    decode_client,
    decode_server,
    encode_body,
    encode_client,
    envelope,
    request_id_of,
)
from protocol.errors import ErrorCode, ProtocolError
from protocol.ids import ConcernId, MessageId, RequestId, SessionId
from protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, Ack, ClientMessage, Frame, Ping, PostChat, PublishOffer
from protocol.supervision import Outcome, Resolution, Resolve
from protocol.values import MAX_TEXT, MAX_TEXT_BYTES, Source
from tests.protocol import wire_strategies as some

FRAME_CODES = {
    ErrorCode.MALFORMED,
    ErrorCode.TOO_LARGE,
    ErrorCode.TOO_DEEP,
    ErrorCode.UNKNOWN_TYPE,
    ErrorCode.INVALID_FIELD,
}
CHAT = {"type": "post_chat", "id": "r1", "message_id": "m1", "text": "hello"}

both_wires = pytest.mark.parametrize("wire", list(Wire), ids=["msgpack", "json"])


def frame(value: object, wire: Wire) -> bytes:
    return some.packed(value) if wire is Wire.MSGPACK else json.dumps(value).encode()


def refusal(data: bytes | str, wire: Wire) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode_client(data, wire)
    return caught.value


def decoded_or_error(data: bytes | str, wire: Wire) -> ClientMessage | ProtocolError:
    try:
        return decode_client(data, wire)
    except ProtocolError as error:
        return error


def decodes_or_is_refused(data: bytes | str, wire: Wire) -> None:
    """Anything but a message or a ProtocolError of the frame's own codes fails the test."""
    result = decoded_or_error(data, wire)
    if isinstance(result, ProtocolError):
        assert result.code in FRAME_CODES
    else:
        assert decode_client(encode_client(result, wire), wire) == result
    assert isinstance(request_id_of(data, wire), str)
    with suppress(ProtocolError):
        decode_server(data, wire)


# ── what is well-formed ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cls", CLIENT_MESSAGES, ids=lambda cls: cls.__name__)
@given(data=st.data(), wire=some.wires)
@settings(max_examples=25)
def test_every_client_message_survives_the_wire(cls: type[ClientMessage], data: st.DataObject, wire: Wire) -> None:
    message = data.draw(some.structs(cls))
    assert decode_client(encode_client(message, wire), wire) == message


@pytest.mark.parametrize("cls", SERVER_MESSAGES, ids=lambda cls: cls.__name__)
@given(data=st.data(), wire=some.wires, seq=st.none() | some.numbers)
@settings(max_examples=15)
def test_every_server_message_survives_the_wire(
    cls: type[Frame], data: st.DataObject, wire: Wire, seq: int | None
) -> None:
    message = data.draw(some.structs(cls))
    assert decode_server(envelope(seq, encode_body(message, wire), wire), wire) == (seq, message)


@given(seq=st.none() | some.numbers)
def test_a_spliced_envelope_is_the_encoding_of_the_pair(seq: int | None) -> None:
    body = encode_body(Ack(RequestId("r1")), Wire.MSGPACK)
    assert envelope(seq, body, Wire.MSGPACK) == some.packed([seq, {"type": "ack", "id": "r1"}])
    body = encode_body(Ack(RequestId("r1")), Wire.JSON)
    assert json.loads(envelope(seq, body, Wire.JSON)) == [seq, {"type": "ack", "id": "r1"}]


def test_json_is_taken_as_text_and_as_bytes() -> None:
    assert decode_client('{"type":"ping","id":"r1"}', Wire.JSON) == Ping(RequestId("r1"))
    assert decode_client(b'{"type":"ping","id":"r1"}', Wire.JSON) == Ping(RequestId("r1"))


@both_wires
def test_chat_may_have_lines_tabs_and_any_script(wire: Wire) -> None:
    text = "one\n\ttwo – tres, ¿qué? 三 🙂"
    assert decode_client(frame(CHAT | {"text": text}, wire), wire) == PostChat(RequestId("r1"), MessageId("m1"), text)


@both_wires
def test_the_longest_chat_message_fits_into_a_frame(wire: Wire) -> None:
    for longest in ("x" * MAX_TEXT, "ñ" * MAX_TEXT, "🙂" * (MAX_TEXT_BYTES // 4)):
        message = decode_client(frame(CHAT | {"text": longest}, wire), wire)
        assert isinstance(message, PostChat)
        assert message.text == longest


@both_wires
def test_a_session_description_keeps_its_line_ends(wire: Wire) -> None:
    offer = PublishOffer(RequestId("r1"), "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n", {"0": Source.CAMERA})
    assert decode_client(encode_client(offer, wire), wire) == offer


# ── what is refused, and with which code ──────────────────────────────────────────────────────


@both_wires
@pytest.mark.parametrize(
    "text",
    ["", "x" * (MAX_TEXT + 1), "🙂" * (MAX_TEXT_BYTES // 4 + 1), "a\x00b", "a\rb", "\x1b[31m", "a\x7f", "a\x85b"],
)
def test_chat_with_control_characters_or_of_wrong_length_is_an_invalid_field(wire: Wire, text: str) -> None:
    error = refusal(frame(CHAT | {"text": text}, wire), wire)
    assert (error.code, error.detail) == (ErrorCode.INVALID_FIELD, "$.text")


def test_a_lone_surrogate_is_an_invalid_field() -> None:
    error = refusal(r'{"type":"post_chat","id":"r1","message_id":"m1","text":"\ud83d"}', Wire.JSON)
    assert (error.code, error.detail) == (ErrorCode.INVALID_FIELD, "$.text")


def test_a_text_frame_that_is_not_utf_8_is_malformed() -> None:
    assert refusal(b'{"type":"ping","id":"\xff"}', Wire.JSON).code is ErrorCode.MALFORMED
    assert refusal(b"\x81\xa4type\xa4pi\xffg", Wire.MSGPACK).code is ErrorCode.MALFORMED
    assert refusal("\ud83d", Wire.JSON).code is ErrorCode.MALFORMED


@both_wires
@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"id": "r1\n"}, "$.id"),
        ({"id": ""}, "$.id"),
        ({"id": "x" * 65}, "$.id"),
        ({"id": "../../etc"}, "$.id"),
        ({"id": 5}, "$.id"),
        ({"id": None}, "$.id"),
        ({"message_id": ["m1"]}, "$.message_id"),
        ({"private words": "more private words"}, "$"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(wire: Wire, change: dict[str, object], detail: str) -> None:
    error = refusal(frame(CHAT | change, wire), wire)
    assert (error.code, error.detail) == (ErrorCode.INVALID_FIELD, detail)


@both_wires
def test_a_missing_field_is_named(wire: Wire) -> None:
    error = refusal(frame({k: v for k, v in CHAT.items() if k != "text"}, wire), wire)
    assert (error.code, error.detail) == (ErrorCode.INVALID_FIELD, "$.text")


@both_wires
@pytest.mark.parametrize(
    "sources", [{"private": "private"}, {"private" * 9: "camera"}, {"0": {"private": 1}}, ["private"], {"0": None}]
)
def test_an_error_never_repeats_what_was_sent(wire: Wire, sources: object) -> None:
    error = refusal(frame({"type": "publish_offer", "id": "r1", "sdp": "v=0", "sources": sources}, wire), wire)
    assert error.code is ErrorCode.INVALID_FIELD
    assert error.detail.startswith("$.sources")
    assert "private" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


@both_wires
@pytest.mark.parametrize("number", [2**53, -(2**53), 2**63, -1])
def test_a_number_that_a_browser_would_round_is_an_invalid_field(wire: Wire, number: int) -> None:
    error = refusal(frame({"type": "resume", "resume_token": "t" * 16, "seq": number}, wire), wire)
    assert (error.code, error.detail) == (ErrorCode.INVALID_FIELD, "$.seq")


@both_wires
@pytest.mark.parametrize("tag", ["nonsense", "", "ack", "Ping", "PING"])
def test_an_unknown_type_is_told_as_such(wire: Wire, tag: str) -> None:
    assert refusal(frame(CHAT | {"type": tag}, wire), wire).code is ErrorCode.UNKNOWN_TYPE


@both_wires
@pytest.mark.parametrize("value", [None, True, 3, "ping", [], [1, {"type": "ping"}], {}, {"id": "r1"}, {"type": 1}])
def test_what_is_no_tagged_map_is_malformed(wire: Wire, value: object) -> None:
    assert refusal(frame(value, wire), wire).code is ErrorCode.MALFORMED


@both_wires
def test_trailing_bytes_are_malformed(wire: Wire) -> None:
    assert refusal(frame(CHAT, wire) * 2, wire).code is ErrorCode.MALFORMED


@both_wires
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_malformed(wire: Wire, number: float) -> None:
    data = {"type": "resume", "resume_token": "t" * 16, "seq": number}
    assert refusal(frame(data, wire), wire).code is ErrorCode.MALFORMED


def test_a_number_of_thousands_of_digits_is_malformed() -> None:
    assert refusal('{"type":"ping","id":' + "9" * 50_000 + "}", Wire.JSON).code is ErrorCode.MALFORMED
    assert refusal('{"type":"ping","id":1e999}', Wire.JSON).code is ErrorCode.MALFORMED


def test_a_key_given_twice_is_malformed() -> None:
    assert refusal('{"type":"ping","id":"r1","id":"r2"}', Wire.JSON).code is ErrorCode.MALFORMED
    twice = b"\x83" + b"".join(map(some.packed, ("type", "ping", "id", "r1", "id", "r2")))
    assert refusal(twice, Wire.MSGPACK).code is ErrorCode.MALFORMED


@pytest.mark.parametrize("key", [1, None, True, 1.5, b"type"])
def test_a_key_that_is_no_string_is_malformed(key: object) -> None:
    assert refusal(some.packed({key: "ping"}), Wire.MSGPACK).code is ErrorCode.MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        msgpack.ExtType(5, b"x"),
        msgpack.ExtType(5, b""),
        msgpack.Timestamp(1),
        b"bytes",
        b"",
    ],
)
def test_extensions_and_binary_are_malformed(value: object) -> None:
    assert refusal(some.packed(CHAT | {"text": value}), Wire.MSGPACK).code is ErrorCode.MALFORMED


def test_text_on_the_msgpack_wire_is_malformed() -> None:
    assert refusal('{"type":"ping","id":"r1"}', Wire.MSGPACK).code is ErrorCode.MALFORMED


@both_wires
def test_more_items_than_any_message_has_are_refused(wire: Wire) -> None:
    many = {f"k{n}": 1 for n in range(MAX_ITEMS + 1)}
    assert refusal(frame(CHAT | many, wire), wire).code in {ErrorCode.MALFORMED, ErrorCode.INVALID_FIELD}


@both_wires
def test_a_frame_one_byte_over_the_limit_is_too_large(wire: Wire) -> None:
    empty = len(frame(CHAT | {"text": "x" * 60_000}, wire)) - 60_000
    longest = frame(CHAT | {"text": "x" * (MAX_CLIENT_FRAME - empty)}, wire)
    assert len(longest) == MAX_CLIENT_FRAME
    assert refusal(longest, wire).code is ErrorCode.INVALID_FIELD
    longer = frame(CHAT | {"text": "x" * (MAX_CLIENT_FRAME - empty + 1)}, wire)
    assert refusal(longer, wire).code is ErrorCode.TOO_LARGE


def test_size_counts_bytes_and_not_characters() -> None:
    text = json.dumps(CHAT | {"text": "é" * 40_000}, ensure_ascii=False)
    assert len(text) < MAX_CLIENT_FRAME < len(text.encode())
    assert refusal(text, Wire.JSON).code is ErrorCode.TOO_LARGE


@both_wires
def test_depth_is_counted_to_the_limit_and_not_beyond(wire: Wire) -> None:
    def nested(depth: int) -> object:
        inner: object = "x"
        for _ in range(depth - 1):
            inner = [inner]
        return CHAT | {"text": inner}

    assert refusal(frame(nested(MAX_DEPTH), wire), wire).code is ErrorCode.INVALID_FIELD
    assert refusal(frame(nested(MAX_DEPTH + 1), wire), wire).code is ErrorCode.TOO_DEEP


@pytest.mark.parametrize("bomb", [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01", b"\xdd\x00\x00\x00\x01"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 600, 1023, 1025, 20_000])
def test_a_msgpack_depth_bomb_is_too_deep(bomb: bytes, levels: int) -> None:
    data = (bomb * levels)[: MAX_CLIENT_FRAME - 1] + b"\xc0"
    assert refusal(data, Wire.MSGPACK).code is ErrorCode.TOO_DEEP


@pytest.mark.parametrize("bomb", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 5_000])
def test_a_json_depth_bomb_is_too_deep(bomb: str, levels: int) -> None:
    assert refusal(bomb * levels, Wire.JSON).code is ErrorCode.TOO_DEEP


def test_brackets_inside_strings_are_no_depth() -> None:
    message = decode_client(json.dumps(CHAT | {"text": '[{"' * 600}), Wire.JSON)
    assert isinstance(message, PostChat)


@pytest.mark.parametrize(
    "head", [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"], ids=["array", "map", "str", "bin", "ext"]
)
@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x0100_0000])
def test_a_huge_declared_length_allocates_nothing(head: bytes, length: int) -> None:
    data = head + length.to_bytes(4, "big") + b"\x01" * 8
    tracemalloc.start()
    try:
        for decode in (decode_client, decode_server):
            with pytest.raises(ProtocolError) as caught:
                decode(data, Wire.MSGPACK)
            assert caught.value.code is ErrorCode.MALFORMED
        assert tracemalloc.get_traced_memory()[1] < 256_000
    finally:
        tracemalloc.stop()


# ── the request id of a frame that was refused ────────────────────────────────────────────────


@both_wires
def test_the_request_id_of_an_invalid_frame_is_found(wire: Wire) -> None:
    assert request_id_of(frame(CHAT | {"text": ""}, wire), wire) == "r1"
    assert request_id_of(frame(CHAT | {"type": "nonsense"}, wire), wire) == "r1"


@both_wires
@pytest.mark.parametrize("request_id", ["r1\n", "", "x" * 65, 5, None, "<b>", ["r1"]])
def test_a_request_id_that_is_none_is_not_given_back(wire: Wire, request_id: object) -> None:
    assert request_id_of(frame(CHAT | {"id": request_id}, wire), wire) == ""


@both_wires
def test_an_unreadable_frame_has_no_request_id(wire: Wire) -> None:
    assert request_id_of(b"\xc1", wire) == ""
    assert request_id_of(b"x" * (MAX_CLIENT_FRAME + 1), wire) == ""


# ── arbitrary and mutated input ───────────────────────────────────────────────────────────────


@given(data=st.binary(max_size=300), wire=some.wires)
@settings(max_examples=400)
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(data: bytes, wire: Wire) -> None:
    decodes_or_is_refused(data, wire)


@given(text=st.text(max_size=200))
@settings(max_examples=200)
def test_arbitrary_text_raises_nothing_but_a_protocol_error(text: str) -> None:
    decodes_or_is_refused(text, Wire.JSON)


@given(data=some.mutated_frames(some.client_messages().map(lambda m: encode_body(m, Wire.MSGPACK))))
@settings(max_examples=300)
def test_mutated_msgpack_frames_raise_nothing_but_a_protocol_error(data: bytes) -> None:
    decodes_or_is_refused(data, Wire.MSGPACK)


@given(data=some.mutated_frames(some.client_messages().map(lambda m: encode_body(m, Wire.JSON))))
@settings(max_examples=200)
def test_mutated_json_frames_raise_nothing_but_a_protocol_error(data: bytes) -> None:
    decodes_or_is_refused(data, Wire.JSON)


@given(value=some.misshapen_frames() | some.plain_values)
@settings(max_examples=300)
def test_any_values_in_known_fields_raise_nothing_but_a_protocol_error(value: object) -> None:
    decodes_or_is_refused(some.packed(value), Wire.MSGPACK)
    decodes_or_is_refused(json.dumps(value), Wire.JSON)


@given(message=some.client_messages())
def test_both_wires_carry_the_same_message(message: ClientMessage) -> None:
    over_msgpack, over_json = (decode_client(encode_client(message, wire), wire) for wire in Wire)
    assert over_msgpack == over_json


@both_wires
@pytest.mark.parametrize("data", [b"", b"null", b"[1]", b"[true,{}]", b'["1",{"type":"ack","id":"a"}]', b"\x91\x01"])
def test_a_server_frame_that_is_no_pair_is_malformed(wire: Wire, data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_server(data, wire)
    assert caught.value.code is ErrorCode.MALFORMED


@pytest.mark.parametrize("wire", list(Wire))
def test_a_therapists_note_may_have_lines_and_nothing_that_cannot_be_shown(wire: Wire) -> None:
    def resolving(note: str) -> bytes:
        how = Resolution(Outcome.SPOKE, note)
        return encode_client(Resolve(RequestId("r1"), SessionId("s-1"), ConcernId("c1"), how, 1), wire)

    assert isinstance(decode_client(resolving("one\ntwo"), wire), Resolve)
    with pytest.raises(ProtocolError):
        decode_client(resolving("one\x00two"), wire)
