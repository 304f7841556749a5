"""Fuzz targets. Each module has `one_input(data)`, which raises for a finding and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, cast

NAMES: Final = (
    "stun",
    "demux",
    "framing",
    "rtp",
    "rtcp",
    "vp8",
    "engine",
    "sdp_offer",
    "sdp_answer",
    "wire_json",
    "wire_msgpack",
)

CORPUS: Final = Path(__file__).parent.parent / "corpus"

OneInput = Callable[[bytes], None]


def load(name: str) -> OneInput:
    """A target's function. Raises KeyError for a name that is none."""
    if name not in NAMES:
        raise KeyError(name)
    return cast("OneInput", import_module(f"fuzz.targets.{name}").one_input)


def seeds(name: str) -> list[bytes]:
    """The committed inputs of a target, in a fixed order."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
