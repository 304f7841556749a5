"""Transport-wide congestion feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), receiver's side."""

from __future__ import annotations

import struct
from typing import Final

from media.engine.rtp import unwrap

_TICK_S: Final = 0.00025
_REFERENCE_S: Final = 0.064
_MAX_SPAN: Final = 1_000
_MAX_PENDING: Final = 600
_BACK: Final = 256
"""Numbers. A packet that comes late, but not later than that, is reported after all."""


class ArrivalLog:
    """When packets of one transport arrived, by transport-wide sequence number, until they are reported.

    One that comes after the feedback on its range was told to be lost. The next feedback begins there anew, and says
    of the others what it said before: libwebrtc's receivers do so, and its senders keep what was lost for that.
    """

    def __init__(self) -> None:
        self._arrivals: dict[int, float] = {}
        self._told: dict[int, float] = {}
        """Those reported lately."""
        self._next: int | None = None
        """First number not yet reported."""
        self._newest = 0
        self._count = 0

    @property
    def pending(self) -> int:
        """How many arrivals wait to be reported."""
        return len(self._arrivals)

    def add(self, sequence: int, at: float) -> None:
        """Notes an arrival; of the same number the first. `sequence` has 16 bits; `at` is in seconds."""
        if self._next is None:
            self._next = self._newest = sequence + 0x10000
        number = unwrap(sequence, self._newest)
        if number > self._newest:
            self._newest = number
        elif number < self._next:
            if number <= self._newest - _BACK or number in self._told:
                return
            self._arrivals |= {told: when for told, when in self._told.items() if told > number}
            self._next = number
        if len(self._arrivals) < _MAX_PENDING:
            self._arrivals.setdefault(number, at)

    def feedback(self, sender: int, ssrc: int) -> bytes | None:
        """One RTCP packet about all that is pending, or None when nothing is."""
        arrivals = self._arrivals
        if not arrivals or self._next is None:
            return None
        last = max(arrivals)
        first = self._next
        if last - first >= _MAX_SPAN:  # a jump: what lies far behind is no longer worth reporting
            first = last - _MAX_SPAN + 1
            arrivals = {number: at for number, at in arrivals.items() if number >= first}
        reference = int(arrivals[min(arrivals)] / _REFERENCE_S)
        clock = reference * _REFERENCE_S
        symbols: list[int] = []
        deltas = bytearray()
        for number in range(first, last + 1):
            at = arrivals.get(number)
            if at is None:
                symbols.append(0)
                continue
            delta = max(-0x8000, min(0x7FFF, round((at - clock) / _TICK_S)))
            clock += delta * _TICK_S
            if 0 <= delta <= 0xFF:
                symbols.append(1)
                deltas.append(delta)
            else:
                symbols.append(2)
                deltas += struct.pack("!h", delta)
        body = struct.pack(
            "!IIHHI", sender, ssrc, first & 0xFFFF, len(symbols), (reference & 0xFFFFFF) << 8 | self._count & 0xFF
        )
        body += _chunks(symbols) + deltas
        self._count += 1
        self._next = last + 1
        self._told |= self._arrivals
        if len(self._told) > 2 * _BACK:
            self._told = {number: at for number, at in self._told.items() if number > last - _BACK}
        self._arrivals = {}
        padding = -len(body) & 3
        if padding:
            body += bytes(padding - 1) + bytes((padding,))
        return struct.pack("!BBH", 0x8F | (0x20 if padding else 0), 205, len(body) // 4) + body


def _chunks(symbols: list[int]) -> bytes:
    chunks = bytearray()
    at = 0
    while at < len(symbols):
        run = at
        while run < len(symbols) and symbols[run] == symbols[at] and run - at < 0x1FFF:
            run += 1
        if run - at >= 7:
            chunks += struct.pack("!H", symbols[at] << 13 | run - at)
            at = run
            continue
        value = 0xC000
        for place, symbol in enumerate(symbols[at : at + 7]):
            value |= symbol << 12 - 2 * place
        chunks += struct.pack("!H", value)
        at += 7
    return bytes(chunks)
