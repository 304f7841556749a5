"""Seeded mutations, for where atheris is not installed: blind, but the same each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

MAX_INPUT: Final = 8_192
_BYTES: Final = (0, 1, 2, 3, 15, 16, 31, 32, 63, 64, 127, 128, 129, 191, 192, 200, 205, 206, 223, 224, 254, 255)
_WORDS: Final = (0, 1, 4, 0x7FFF, 0x8000, 0xBEDE, 0x1000, 0xFFFE, 0xFFFF)


def inputs(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """So many inputs, each a seed changed a few times, or two of them joined."""
    rng = Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(seeds))
        for _ in range(1 << rng.randrange(5)):
            _change(data, seeds, rng)
        yield bytes(data[:MAX_INPUT])


def _change(data: bytearray, seeds: Sequence[bytes], rng: Random) -> None:
    at = rng.randrange(len(data)) if data else 0
    match rng.randrange(9) if data else 5:
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            data[at] = rng.choice(_BYTES)
        case 2:
            data[at] = data[at] + rng.choice((-2, -1, 1, 2)) & 0xFF
        case 3:
            data[at : at + 2] = rng.choice(_WORDS).to_bytes(2, "big")
        case 4:
            del data[at : at + rng.randrange(1, 9)]
        case 5:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        case 6:
            size = rng.randrange(1, 65)
            data[at:at] = data[at : at + size]
        case 7:
            del data[at:]
        case _:
            other = rng.choice(seeds)
            start = rng.randrange(len(other)) if other else 0
            data[at : at + rng.randrange(33)] = other[start : start + rng.randrange(1, 65)]
