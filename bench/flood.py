"""`python -m bench.flood PORT RATE [UFRAG …]`: junk for a server's UDP port, from many ports, until SIGTERM.

Says when it begins, and in the end how many datagrams it sent. In turns: STUN binding requests with wrong credentials
(under names of real connections where such are given), forged DTLS ClientHellos, random bytes, and unknown media.
"""

from __future__ import annotations

import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from media.engine import stun

SOCKETS: Final = 250
_TICK_S: Final = 0.01


def client_hello() -> bytes:
    """A DTLS 1.2 ClientHello (RFC 6347 section 4.2) of nobody, whole, with one cipher suite and use_srtp."""
    extensions = bytes.fromhex("000e0005000200070000170000ff01000100")
    body = b"\xfe\xfd" + secrets.token_bytes(32) + b"\0" + b"\0" + b"\0\2\xc0\x2b" + b"\1\0"
    body += len(extensions).to_bytes(2) + extensions
    handshake = b"\1" + len(body).to_bytes(3) + b"\0\0" + b"\0\0\0" + len(body).to_bytes(3) + body
    return b"\x16\xfe\xff" + b"\0\0" + secrets.token_bytes(6) + len(handshake).to_bytes(2) + handshake


def binding_request(ufrag: str) -> bytes:
    """A check of a connection of that name, by someone who does not know its password."""
    name = f"{ufrag or secrets.token_hex(4)}:{secrets.token_hex(4)}".encode()
    attributes = [(stun.USERNAME, name), (stun.USE_CANDIDATE, b"")]
    return stun.build(stun.BINDING_REQUEST, secrets.token_bytes(12), attributes, secrets.token_bytes(24))


def junk(ufrags: Sequence[str]) -> list[bytes]:
    """A few hundred datagrams, made once: making them must not be what slows the flood."""
    made: list[bytes] = []
    for number in range(200):
        made.append(binding_request(ufrags[number % len(ufrags)] if ufrags and number % 2 else ""))
        made.append(client_hello())
        made.append(secrets.token_bytes(1 + secrets.randbelow(1_200)))
        # Of what is made by chance, few look like a check at all: this one does, and ends before it says.
        made.append(b"\x00\x01\x00\x08\x21\x12\xa4\x42" + secrets.token_bytes(12))
        # What looks like media, of a stream that nobody announced.
        made.append(b"\x80\x60" + secrets.token_bytes(100))
    return made


def main(arguments: Sequence[str]) -> int:
    """Sends; exit code 0."""
    port, rate = int(arguments[0]), float(arguments[1])
    datagrams = junk(arguments[2:])
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    for each in sockets:
        each.setblocking(False)
        each.connect(("127.0.0.1", port))
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: over.set())
    print("begun", flush=True)
    began = time.monotonic()
    number = refused = 0
    while not over.is_set():
        due = (time.monotonic() - began) * rate
        while number < due and not over.is_set():
            try:
                sockets[number % SOCKETS].send(datagrams[number % len(datagrams)])
            except OSError:
                refused += 1
            number += 1
        over.wait(_TICK_S)
    print(number - refused)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
