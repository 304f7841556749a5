"""Fakes shared by tests of the shells."""

from __future__ import annotations

from collections.abc import Callable

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: where every fake clock starts."""


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._monotonic = 1_000.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)
        self._monotonic += seconds

    def step_wall(self, seconds: float) -> None:
        """Moves wall time only, as a correction of the machine's clock does."""
        self._now_ms += round(seconds * 1000)


def counted(prefix: str) -> Callable[[], str]:
    """A source of distinct, predictable ids or tokens (at least 16 characters)."""
    count = 0

    def following() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-{count:016d}"

    return following
