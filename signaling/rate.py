"""How much one connection may ask. What protects a person is never limited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocol.errors import ErrorCode, Unavailable
from protocol.messages import ClientMessage, CloseMicrophone, EndSession, Leave, SetDevices

_UNLIMITED: Final = (Leave, EndSession, CloseMicrophone)


class Allowance:
    """A token bucket: `burst` frames at once, `per_s` on average."""

    def __init__(self, monotonic: Callable[[], float], per_s: float, burst: float) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._monotonic = monotonic
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at = monotonic()

    def take(self, message: ClientMessage) -> None:
        """Lets a message pass; closing one's own microphone, leaving and closings always do.

        Raises:
            Unavailable: RATE_LIMITED, the connection must wait.
        """
        if isinstance(message, _UNLIMITED) or (isinstance(message, SetDevices) and not message.microphone):
            return
        now = self._monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            raise Unavailable(ErrorCode.RATE_LIMITED)
        self._left -= 1.0
