"""Disks that become full under a running server, and have room again."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

import pytest

Kind = Literal["limited", "full"]


class Disk(Protocol):
    """`folder` is on it. The process of that id writes there."""

    folder: Path

    def fill(self, pid: int) -> None: ...

    def free(self, pid: int) -> None: ...


class Limited:
    """The kernel refuses the process to let any file grow (RLIMIT_FSIZE). Works everywhere on Linux, without rights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        # What is written goes to the end of the write-ahead log; the other files are smaller.
        largest = max(file.stat().st_size for file in self.folder.glob("*-wal"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Full:
    """A filesystem of a few megabytes without a byte left, for the server's log as well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, pid: int) -> None:
        with self._filler.open("wb", buffering=0) as file:
            for size in (65_536, 1):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def free(self, pid: int) -> None:
        self._filler.unlink()


@contextmanager
def disk(kind: Kind, folder: Path) -> Generator[Disk]:
    """Skips the test where a filesystem may not be mounted."""
    if kind == "limited":
        yield Limited(folder)
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small filesystem may not be mounted here")
    try:
        yield Full(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
