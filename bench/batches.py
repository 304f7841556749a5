"""Many datagrams a system call: Linux's recvmmsg, which Python's socket module does not have (recvmmsg(2))."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

BATCH: Final = 64
SLOT: Final = 1_536
"""Bytes kept of each datagram; a longer one is cut, and its header is whole."""

_CONTROL: Final = 64
_MSG_DONTWAIT: Final = 0x40
_TIMESPEC: Final = struct.Struct("@qq")
_STAMP_AT: Final = 16  # after struct cmsghdr, which 64-bit systems write in 16 bytes


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr: the header, and how long the datagram is."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint32))


class Batch:
    """Buffers for 64 datagrams with the kernel's time of arrival (SO_TIMESTAMPNS), used again and again."""

    def __init__(self) -> None:
        self.data = bytearray(BATCH * SLOT)
        """Datagram n begins at n * SLOT."""
        self._control = bytearray(BATCH * _CONTROL)
        data_at = ctypes.addressof((ctypes.c_char * len(self.data)).from_buffer(self.data))
        control_at = ctypes.addressof((ctypes.c_char * len(self._control)).from_buffer(self._control))
        self._vectors = (_IoVec * BATCH)(*(_IoVec(data_at + n * SLOT, SLOT) for n in range(BATCH)))
        vectors_at, size = ctypes.addressof(self._vectors), ctypes.sizeof(_IoVec)
        self._messages = (_Message * BATCH)(
            *(
                _Message(_Header(None, 0, vectors_at + n * size, 1, control_at + n * _CONTROL, _CONTROL, 0), 0)
                for n in range(BATCH)
            )
        )
        # The kernel writes here how much it used; it must hear anew how much there is.
        self._fresh = bytes(self._messages)
        self._receive = ctypes.CDLL(None, use_errno=True).recvmmsg

    def read(self, fd: int) -> int:
        """How many datagrams were there, at most 64; none when none waits, or after an ICMP error.

        Raises:
            OSError: the socket cannot be read.
        """
        ctypes.memmove(self._messages, self._fresh, len(self._fresh))
        count: int = self._receive(fd, self._messages, BATCH, _MSG_DONTWAIT, None)
        if count >= 0:
            return count
        error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if isinstance(error, BlockingIOError | InterruptedError | ConnectionRefusedError):
            return 0
        raise error

    def length(self, place: int) -> int:
        """Bytes of that datagram, at most SLOT."""
        return min(SLOT, self._messages[place].length)

    def arrived_ns(self, place: int) -> int:
        """When the kernel took that datagram: nanoseconds of Unix time."""
        seconds, nanoseconds = _TIMESPEC.unpack_from(self._control, place * _CONTROL + _STAMP_AT)
        return seconds * 1_000_000_000 + nanoseconds
