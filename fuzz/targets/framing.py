"""ICE-TCP framing (RFC 4571): a stream in pieces of any size, and what waits for a slow reader."""

from __future__ import annotations

from fuzz.targets.claims import claim
from media.framing import MAX_DATAGRAM, MAX_WAITING, Deframer, FramingError, Waiting


def one_input(data: bytes) -> None:
    """A byte for the size of the pieces, of which there are about a hundred at most, then the stream."""
    stream = data[1:]
    step = max(1, data[0] if data else 1, len(stream) // 100)
    whole, whole_ended = _fed(stream, len(stream) or 1)
    pieces, pieces_ended = _fed(stream, step)
    claim(whole_ended == pieces_ended, "where a stream is cut does not matter")
    # What was complete before the offence may have been handed over already, when it came in a piece of its own.
    claim(pieces[: len(whole)] == whole, "the same datagrams come out, in order")
    claim(whole_ended or whole == pieces, "and no others")
    _waits(whole)


def _fed(stream: bytes, step: int) -> tuple[list[bytes], bool]:
    deframer = Deframer()
    found: list[bytes] = []
    try:
        for at in range(0, len(stream), step):
            found += deframer.feed(stream[at : at + step])
    except FramingError:
        return found, True
    claim(all(0 < len(each) <= MAX_DATAGRAM for each in found), "no empty ones, none too long")
    claim(sum(len(each) + 2 for each in found) <= len(stream), "nothing is made up")
    return found, False


def _waits(datagrams: list[bytes]) -> None:
    waiting = Waiting()
    gone = added = 0
    size = sum(len(each) + 2 for each in datagrams)
    times = MAX_WAITING // size + 1 if size > MAX_DATAGRAM else 1  # long ones as often as overflows it
    for each in datagrams * times:
        added += 1
        gone += waiting.add(each, 0.0)
        claim(len(waiting) <= MAX_WAITING + MAX_DATAGRAM, "what waits is bounded")
    read = Deframer()
    written = 0
    while piece := waiting.next(0.0):
        taken = max(1, len(piece) // 2)
        written += len(read.feed(piece[:taken]))
        waiting.written(taken)
    claim(len(waiting) == 0, "everything is written in the end")
    claim(written == added - gone, "whole datagrams, but for those that had to go")
