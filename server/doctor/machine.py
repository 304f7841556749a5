"""The machine: its clocks, and how many files and how much UDP it lets us have."""

from __future__ import annotations

import ctypes
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from server.clock import Clock
from server.doctor.finding import Finding, broken, look, ok

FIRST_YEAR: Final = 2026
"""No clock that is right shows an earlier one: this software is younger."""

BEHIND_MS: Final = 5_000
UDP_BUFFER: Final = 4 << 20
"""Bytes that the media plane asks the kernel for, each way (media/shell.py)."""

FEW_FILES: Final = 1_024
TOO_FEW_FILES: Final = 256
_OURS: Final = 64
"""Files that are open without any person: database, listeners, the event loop's own."""

_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x0040


def wall_clock(clock: Clock, newest_event_ms: int | None) -> Finding:
    """Whether the time that events and links are given can be right."""
    name, now_ms = "clock", clock.now_ms()
    shown = _utc(now_ms)
    advice = "set the clock, and keep it set: timedatectl set-ntp true"
    if datetime.fromtimestamp(now_ms / 1000, UTC).year < FIRST_YEAR:
        return broken(name, f"it is {shown} here, which cannot be", advice)
    if newest_event_ms is not None and newest_event_ms - now_ms > BEHIND_MS:
        return broken(name, f"it is {shown} here, but the newest stored event is of {_utc(newest_event_ms)}", advice)
    return ok(name, f"it is {shown}")


def monotonic_clock(clock: Clock, times: int = 1_000) -> Finding:
    """Whether the clock that waiting is measured with never goes back, and goes on."""
    name, first = "monotonic clock", clock.monotonic()
    last = first
    for _ in range(times):
        now = clock.monotonic()
        if now < last:
            return broken(name, f"it went back by {last - now:.6f} s", "the virtual machine's clock source is at fault")
        last = now
    if last == first:
        return broken(name, "it stands still", "the virtual machine's clock source is at fault")
    return ok(name, "goes on and never back")


def clock_synchronized(synchronized: bool | None) -> Finding:
    """Whether something keeps the clock right; `synchronized` is what the kernel says, None when it does not say."""
    name = "clock's source"
    match synchronized:
        case None:
            return ok(name, "not known whether something keeps the clock right")
        case True:
            return ok(name, "the kernel says that the clock is kept right")
        case False:
            return look(
                name,
                "the kernel knows of nothing that keeps the clock right",
                "timedatectl set-ntp true; in a virtual machine or container, see that its host does it",
            )


class _Timex(ctypes.Structure):
    # The beginning of struct timex (linux/timex.h); the kernel writes all of it, so there is room behind.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_clock_synchronized() -> bool | None:
    """What adjtimex(2) says, reading only; None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    asked = _Timex()
    state: int = adjtimex(ctypes.byref(asked))
    if state < 0:
        return None
    return state != _TIME_ERROR and not asked.status & _STA_UNSYNC


def open_files() -> Finding:
    """How many files, and so connections, this process may have open."""
    name, (soft, _) = "open files", resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return ok(name, "no limit")
    found = f"at most {soft}: enough for about {max(0, soft - _OURS)} connections at once"
    advice = "raise it: LimitNOFILE=65536 in the service's unit, or ulimit -n 65536"
    if soft < TOO_FEW_FILES:
        return broken(name, found, advice)
    if soft < FEW_FILES:
        return look(name, found, advice)
    return ok(name, found)


def udp_buffers(kernel: Path = Path("/proc/sys/net/core")) -> Finding:
    """Whether the kernel gives the media port the room it asks for: else packets are lost in bursts."""
    name = "UDP buffers"
    limits: dict[str, int] = {}
    for each in ("rmem_max", "wmem_max"):
        try:
            limits[each] = int((kernel / each).read_text())
        except (OSError, ValueError):
            return ok(name, "not known how much the kernel allows")
    small = [each for each, limit in limits.items() if limit < UDP_BUFFER]
    found = ", ".join(f"{each} {limit}" for each, limit in limits.items())
    if small:
        settings = " ".join(f"net.core.{each}={UDP_BUFFER}" for each in small)
        return look(
            name,
            f"{found}: less than the {UDP_BUFFER} bytes that are wanted; in a full room packets may be lost",
            f"sysctl -w {settings}, and the same in /etc/sysctl.d/holdspace.conf",
        )
    return ok(name, found)


def _utc(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
