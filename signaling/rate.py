"""How much one connection may ask. What protects a person is never limited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocol.messages import ClientMessage, CloseMicrophone, EndSession, Leave, SetDevices

PER_SECOND: Final = 10.0
BURST: Final = 60.0

_UNLIMITED: Final = (Leave, EndSession, CloseMicrophone)


class Allowance:
    """A token bucket: `BURST` at once, `PER_SECOND` on average."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._monotonic = monotonic
        self._left = BURST
        self._at = monotonic()

    def take(self, message: ClientMessage) -> bool:
        """Whether this message may pass; closing one's own microphone, leaving and closings always do."""
        if isinstance(message, _UNLIMITED) or (isinstance(message, SetDevices) and not message.microphone):
            return True
        now = self._monotonic()
        self._left = min(BURST, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
