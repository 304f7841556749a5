"""What holds for every frame of a client, in both wires."""

from __future__ import annotations

from fuzz.targets.claims import claim
from protocol.codec import Wire, decode_client, encode_client, request_id_of
from protocol.errors import ProtocolError


def frame(data: bytes, wire: Wire) -> None:
    """One typed message or one ProtocolError; a message survives both wires."""
    name = request_id_of(data, wire)
    claim(len(name) <= 64, "a request id is short")
    try:
        message = decode_client(data, wire)
    except ProtocolError as error:
        claim(len(str(error)) <= 200, "an error does not quote the frame")
        return
    for each in Wire:
        claim(decode_client(encode_client(message, each), each) == message, f"it survives {each}")
