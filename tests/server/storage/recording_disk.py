"""A disk that remembers every write and every sync, and can say what would be left after a power cut.

An SQLite VFS (sqlite.org/vfs.html) around the platform's own, registered through ctypes in the very library that
Python's sqlite3 module uses. Files are opened through it with the URI parameter `vfs=recording`.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

_POINTER = ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _POINTER, ctypes.c_int, _POINTER)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_: ClassVar[Any] = [
        ("version", ctypes.c_int),
        ("close", _POINTER),
        ("read", _POINTER),
        ("write", _POINTER),
        ("truncate", _POINTER),
        ("sync", _POINTER),
        ("rest", _POINTER * 13),
    ]


class _File(ctypes.Structure):
    """sqlite3_file."""

    _fields_: ClassVar[Any] = [("methods", ctypes.POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_: ClassVar[Any] = [
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("max_path", ctypes.c_int),
        ("next", _POINTER),
        ("name", ctypes.c_char_p),
        ("app_data", _POINTER),
        ("open", _POINTER),
        ("rest", _POINTER * 15),
    ]


@dataclass(frozen=True)
class Write:
    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    file: str
    size: int


@dataclass(frozen=True)
class Sync:
    file: str


@dataclass(frozen=True)
class Acknowledged:
    """Put into the history by the test: so many events have been acknowledged by now."""

    events: int


Happened = Write | Truncate | Sync | Acknowledged
Image = dict[str, bytes]


class RecordingDisk:
    """Use as a context manager; at most one at a time."""

    name = "recording"

    def __init__(self) -> None:
        self.history: list[Happened] = []
        self._sqlite: Any = ctypes.CDLL(_library())
        self._sqlite.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._platform: _Vfs = self._sqlite.sqlite3_vfs_find(None).contents
        self._names: dict[int, str] = {}
        # What C points to must stay alive.
        self._wrapped: dict[int, _Methods] = {}
        self._kept: list[Any] = []
        self._vfs = _Vfs.from_buffer_copy(self._platform)
        self._vfs.name = self.name.encode()
        self._vfs.next = None
        self._vfs.open = self._keep(_OPEN(self._open))

    def __enter__(self) -> Self:
        assert self._sqlite.sqlite3_vfs_register(ctypes.byref(self._vfs), 0) == 0
        return self

    def __exit__(self, *_: object) -> None:
        assert self._sqlite.sqlite3_vfs_unregister(ctypes.byref(self._vfs)) == 0

    def url(self, path: Path) -> str:
        return f"sqlite+aiosqlite:///file:{path}?vfs={self.name}&uri=true"

    def _keep(self, callback: Any) -> int | None:
        self._kept.append(callback)
        return ctypes.cast(callback, _POINTER).value

    def _open(self, vfs: int, name: int, file: int, flags: int, out_flags: int) -> int:
        result: int = _OPEN(self._platform.open)(vfs, name, file, flags, out_flags)
        opened = _File.from_address(file)
        if result == 0 and opened.methods and name:
            self._names[file] = Path(ctypes.string_at(name).decode()).name
            address = ctypes.addressof(opened.methods.contents)
            if address not in self._wrapped:
                self._wrapped[address] = self._wrap(_Methods.from_address(address))
            opened.methods = ctypes.pointer(self._wrapped[address])
        return result

    def _wrap(self, platform: _Methods) -> _Methods:
        write, truncate, sync = _WRITE(platform.write), _TRUNCATE(platform.truncate), _SYNC(platform.sync)

        def record_write(file: int, data: int, size: int, offset: int) -> int:
            result: int = write(file, data, size, offset)
            if result == 0:
                self.history.append(Write(self._names[file], offset, ctypes.string_at(data, size)))
            return result

        def record_truncate(file: int, size: int) -> int:
            result: int = truncate(file, size)
            if result == 0:
                self.history.append(Truncate(self._names[file], size))
            return result

        def record_sync(file: int, flags: int) -> int:
            result: int = sync(file, flags)
            if result == 0:
                self.history.append(Sync(self._names[file]))
            return result

        wrapped = _Methods.from_buffer_copy(platform)
        wrapped.write = self._keep(_WRITE(record_write))
        wrapped.truncate = self._keep(_TRUNCATE(record_truncate))
        wrapped.sync = self._keep(_SYNC(record_sync))
        return wrapped


def after_power_cut(start: Image, history: list[Happened], chance: random.Random | None = None) -> Image:
    """What is on the disk when the power goes after `history`: all that was synced of each file.

    With `chance`, some of what was not synced is there as well, in no order: a disk may do that.
    """
    synced: dict[str, int] = {}
    for place, happened in enumerate(history):
        if isinstance(happened, Sync):
            synced[happened.file] = place
    kept = [
        happened
        for place, happened in enumerate(history)
        if isinstance(happened, Write | Truncate)
        and (place < synced.get(happened.file, -1) or (chance is not None and chance.random() < 0.5))
    ]
    return _apply(start, kept)


def after_process_death(start: Image, history: list[Happened]) -> Image:
    """What is there when only the process died: all that was written."""
    return _apply(start, [happened for happened in history if isinstance(happened, Write | Truncate)])


def _apply(start: Image, changes: Iterable[Write | Truncate]) -> Image:
    files = {name: bytearray(content) for name, content in start.items()}
    for change in changes:
        content = files.setdefault(change.file, bytearray())
        match change:
            case Write(offset=offset, data=data):
                content.extend(bytes(max(0, offset - len(content))))
                content[offset : offset + len(data)] = data
            case Truncate(size=size):
                del content[size:]
    return {name: bytes(content) for name, content in files.items()}


def _library() -> str:
    """The library that holds SQLite in this process; Python may carry its own inside the module."""
    import _sqlite3

    maps = Path("/proc/self/maps")
    loaded = maps.read_text().splitlines() if maps.exists() else []
    return next((line.split()[-1] for line in loaded if "libsqlite3" in line), str(_sqlite3.__file__))


def is_available() -> bool:
    """Whether SQLite's functions can be reached here; some builds of Python hide them."""
    try:
        return hasattr(ctypes.CDLL(_library()), "sqlite3_vfs_register")
    except OSError:
        return False
