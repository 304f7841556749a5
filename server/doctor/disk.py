"""The disk beside the database: how much it still takes, and how long it takes to be sure."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from server.doctor.finding import Finding, broken, look, ok

LITTLE_BYTES: Final = 1_000_000_000
NOTHING_BYTES: Final = 100_000_000
SLOW_MS: Final = 50.0
TIMES: Final = 20
PAGE: Final = 4_096


def free_space(folder: Path) -> Finding:
    """Free space where `folder` is, or will be."""
    name, free = "disk space", shutil.disk_usage(_existing(folder)).free
    found = f"{_bytes(free)} free beside the database"
    if free < NOTHING_BYTES:
        return broken(name, found, "make room: what cannot be stored is not acknowledged, and people are told so")
    if free < LITTLE_BYTES:
        return look(name, found, "make room before it runs out")
    return ok(name, found)


def sync_time(folder: Path, now: Callable[[], float] = time.perf_counter) -> Finding:
    """How long a small write takes until it is on the disk: everyone in a room waits for that with each message."""
    name = "disk speed"
    took_ms: list[float] = []
    try:
        with tempfile.TemporaryFile(dir=_existing(folder), buffering=0) as file:
            for _ in range(TIMES):
                began = now()
                file.write(bytes(PAGE))
                os.fsync(file.fileno())
                took_ms.append((now() - began) * 1000)
    except OSError as error:
        return broken(
            name,
            f"writing beside the database failed: {error.strerror}",
            "see whether the disk is full, read-only or failing, and who owns the folder",
        )
    typical = median(took_ms)
    found = f"a write is safe on the disk after {typical:.1f} ms (median of {TIMES})"
    if typical > SLOW_MS:
        return look(name, found, "everyone waits that long for each message: use a local SSD for storage.url")
    return ok(name, found)


def _existing(folder: Path) -> Path:
    absolute = folder.absolute()
    return next(each for each in (absolute, *absolute.parents) if each.is_dir())


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= LITTLE_BYTES else f"{count / 1e6:.0f} MB"
