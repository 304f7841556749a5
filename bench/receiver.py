"""`python -m bench.receiver FD`: a process of its own that counts what arrives at every subscriber's socket.

It is handed connected sockets and their keys over the Unix socket FD, and counts headers, many datagrams a system
call. Only one packet in 16 of a source is decrypted, to read when it was sent; when it arrived, the kernel says. So
it matters little when this process gets to run. Once a second each subscriber says that it is still there (RTCP).
"""

from __future__ import annotations

import socket
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from bench.batches import BATCH, SLOT, Batch
from bench.counting import Headers, Tally, added, delays, grown_by, sent_ns
from media.engine import rtcp
from media.engine.interface import SrtpKeys, SrtpProfile
from media.engine.srtp import LibSrtp

ORDER_BYTES: Final = 1 << 16
_EVERY_S: Final = 0.005
_REPORT_S: Final = 1.0
_MAX_DELAY_NS: Final = 60 * 1_000_000_000
_SO_TIMESTAMPNS: Final = 35
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 8 << 20


@dataclass(slots=True)
class _Subscriber:
    sock: socket.socket
    cipher: LibSrtp
    headers: Headers
    due: float


class Receiver:
    """Counts for all subscribers it was given."""

    def __init__(self) -> None:
        self._subscribers: list[_Subscriber] = []
        self._batch = Batch()
        self._before = Tally()
        self._cpu = 0.0
        self._samples: list[int] = []
        self._unread = 0

    def add(self, fd: int, keys: SrtpKeys) -> None:
        """Takes over a connected socket."""
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        # Not all at the same moment.
        due = time.monotonic() + len(self._subscribers) * 0.618 % _REPORT_S
        self._subscribers.append(_Subscriber(sock, LibSrtp(keys), Headers(), due))

    def forget(self) -> None:
        """Closes all sockets."""
        for subscriber in self._subscribers:
            subscriber.sock.close()
        self._subscribers.clear()

    def begin(self) -> None:
        """From here on it counts."""
        self.read()
        self._before = self._tally()
        self._cpu = time.process_time()
        self._samples.clear()
        self._unread = 0

    def end(self) -> dict[str, Any]:
        """What was counted since `begin`."""
        self.read()
        return {
            "tally": asdict(grown_by(self._before, self._tally())),
            "delays": asdict(delays(self._samples)),
            "unread": self._unread,
            "cpu_s": time.process_time() - self._cpu,
        }

    def read(self) -> None:
        """Takes everything that waits."""
        now = time.monotonic()
        batch = self._batch
        data = batch.data
        for subscriber in self._subscribers:
            take, fd = subscriber.headers.take, subscriber.sock.fileno()
            count = BATCH
            while count == BATCH:
                count = batch.read(fd)
                for place in range(count):
                    at = place * SLOT
                    length = batch.length(place)
                    if take(data, at, length):
                        self._sample(subscriber, bytes(data[at : at + length]), batch.arrived_ns(place))
            if now >= subscriber.due:
                subscriber.due = now + _REPORT_S
                self._report(subscriber)

    def _sample(self, subscriber: _Subscriber, data: bytes, arrived: int) -> None:
        plain = subscriber.cipher.unprotect(data)
        sent = None if plain is None else sent_ns(plain)
        if sent is None or not 0 <= arrived - sent < _MAX_DELAY_NS:
            self._unread += 1
        else:
            self._samples.append(arrived - sent)

    def _report(self, subscriber: _Subscriber) -> None:
        blocks = [
            rtcp.ReportBlock(ssrc, 0, 0, source.highest & 0xFFFFFFFF, 0, 0, 0)
            for ssrc, source in subscriber.headers.sources.items()
        ]
        for at in range(0, len(blocks), 31):
            data = subscriber.cipher.protect_rtcp(rtcp.receiver_report(1, blocks[at : at + 31]))
            if data is not None:
                try:
                    subscriber.sock.send(data)
                except (BlockingIOError, ConnectionRefusedError):
                    return

    def _tally(self) -> Tally:
        return added([subscriber.headers.tally() for subscriber in self._subscribers])


def main(fd: int) -> None:
    """Until the other end hangs up."""
    orders = socket.socket(fileno=fd)
    orders.setblocking(False)
    receiver = Receiver()
    while True:
        time.sleep(_EVERY_S)
        receiver.read()
        try:
            data, fds, _, _ = socket.recv_fds(orders, ORDER_BYTES, 1)
        except BlockingIOError:
            continue
        if not data:
            return
        order = msgspec.json.decode(data)
        answer: Any = None
        match order["do"]:
            case "add":
                profile = SrtpProfile(order["profile"])
                keys = SrtpKeys(profile, bytes.fromhex(order["receive"]), bytes.fromhex(order["send"]))
                receiver.add(fds[0], keys)
            case "begin":
                receiver.begin()
            case "end":
                answer = receiver.end()
            case "forget":
                receiver.forget()
            case unknown:
                raise ValueError(f"no such order: {unknown}")
        orders.send(msgspec.json.encode(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]))
