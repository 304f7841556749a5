"""The two clocks everything in `server/` is given, so that tests decide what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

MAX_STEP_NS: Final = 24 * 3600 * 10**9
"""A clock that is off by more was wrong before, such as that of a machine which has just started without one."""

CATCH_UP: Final = 20
"""A step ahead is made up in so many times its length: two hours in forty."""

_TOLD_NS: Final = 10**9

_log = structlog.stdlib.get_logger("holdspace.clock")


class Clock(Protocol):
    """Wall time for what is stored and shown, monotonic time for how long something runs."""

    def now_ms(self) -> int:
        """Whole milliseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; comparable only within one process."""
        ...


class SystemClock:
    """The machine's clocks, without its steps.

    Someone sets the machine's clock, or a time server does: then hours pass or return that nobody lived through. Here
    the time goes on as it went. A step ahead is made up little by little, so that no sign-in ends by it at once; a
    step back never is, so that no event is stored before one that came earlier. A restart begins at the machine's
    time, or at that of the newest stored event when this is later.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, passed_ns: Callable[[], int] | None = None) -> None:
        """`wall_ns` may step; `passed_ns` only goes on, also while the machine sleeps."""
        self._wall_ns = wall_ns
        self._passed_ns = passed_ns or _passed_ns
        self._at_ns = self._passed_ns()
        self._now_ns = wall_ns()
        self._ahead_ns = 0

    def now_ms(self) -> int:
        passed = self._passed_ns()
        since, self._at_ns = max(0, passed - self._at_ns), passed
        now = self._now_ns + since
        ahead = self._wall_ns() - now
        if abs(ahead - self._ahead_ns) > _TOLD_NS:
            _log.warning("the machine's clock was set", by_s=round((ahead - self._ahead_ns) / 10**9, 1))
        made_up = ahead if ahead > MAX_STEP_NS else min(max(ahead, 0), since // CATCH_UP)
        self._ahead_ns = ahead - made_up
        self._now_ns = now + made_up
        return self._now_ns // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def not_before(self, newest_ms: int | None) -> None:
        """Goes on from an event that was stored before, unless it is of a time that cannot be true."""
        behind = (newest_ms or 0) * 1_000_000 - self._now_ns
        if 0 < behind <= MAX_STEP_NS:
            self._now_ns += behind
        elif behind > 0:
            _log.error("the newest stored event is of a time to come", by_s=behind // 10**9)


def _passed_ns() -> int:
    """Goes on while the machine sleeps, where the system can tell: to wake up is no step."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if boot_time is None else time.clock_gettime_ns(boot_time)
