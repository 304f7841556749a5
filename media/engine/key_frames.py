"""When the publisher of a picture is asked for a key frame.

One request refreshes all layers of a simulcast, and frequent ones make an encoder stop: so the requests for
one track share their times. Who watches makes no difference to the regular one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from media.engine.ingress import Layer

NEVER: Final = float("inf")
KEY_HOLD_OFF_S: Final = 0.5
"""Encoders ignore, or choke on, requests soon after a key frame."""

REFRESH_S: Final = 10.0
"""No picture goes on for longer without a key frame, whoever watches."""

IDLE_S: Final = 2.0
_RETRY_S: Final = 0.3
_RETRY_MAX_S: Final = 1.2
_RETRY_IDLE_MAX_S: Final = 5.0
"""A picture that stands still says nothing of whether its publisher heard us: it is asked on, but seldom."""

_ASKED_FOR: Final = 12
_ASKED_FOR_EACH_S: Final = 1.0
"""A publisher sends so many key frames on request at once, and then one in this time, whoever asks."""


class KeyRequests:
    """The requests for one track."""

    __slots__ = ("_answered", "_asked_at", "_came_at", "_retry", "_spent_at", "_wanted", "refresh_at", "request_at")

    def __init__(self) -> None:
        self.request_at = NEVER
        self.refresh_at = NEVER
        self._wanted: dict[Layer, None] = {}
        self._retry = _RETRY_S
        self._asked_at = self._came_at = self._spent_at = -NEVER
        """`_spent_at`: until when what came on request has used up what may come."""
        self._answered = True
        """A key frame has come since the last request."""

    def wants(self, layer: Layer) -> bool:
        """Whether a key frame of that layer is waited for."""
        return layer in self._wanted

    def want(self, layer: Layer, now: float) -> None:
        """Asks for a key frame, as soon as asking helps, until one arrives."""
        if layer in self._wanted:
            return
        if not self._wanted:
            self._retry = _RETRY_S
        self._wanted[layer] = None
        at = max(now, self._came_at + KEY_HOLD_OFF_S, self._asked_at + _RETRY_S, self._allowed_at)
        self.request_at = min(self.request_at, at)

    @property
    def _allowed_at(self) -> float:
        return self._spent_at - (_ASKED_FOR - 1) * _ASKED_FOR_EACH_S

    def came(self, layer: Layer, now: float) -> None:
        """A key frame begins. Those of the other layers should be on their way, too."""
        self._wanted.pop(layer, None)
        self._came_at = now
        self._retry = _RETRY_S
        if not self._answered:
            self._answered = True
            self._spent_at = max(self._spent_at, now) + _ASKED_FOR_EACH_S
        self.refresh_at = now + REFRESH_S
        self.request_at = max(self.request_at, now + _RETRY_S, self._allowed_at) if self._wanted else NEVER

    def take(self, lowest: Layer | None, now: float) -> Layer | None:
        """The layer under whose SSRC to ask now, if it is time to."""
        if now >= self.refresh_at:
            self.refresh_at = NEVER
            if lowest is not None:
                self.refresh_at = now + REFRESH_S
                self.want(lowest, now)
        if now < self.request_at or not self._wanted:
            return None
        # The one that was named least recently: not every encoder refreshes all at once.
        layer = min(self._wanted, key=lambda wanted: wanted.named_at)
        if not self._answered and layer.last_at <= self._asked_at and now < self._asked_at + layer.pace:
            # Who sends a picture a second has the next one to answer with, and nothing before.
            self.request_at = self._asked_at + layer.pace
            return None
        layer.named_at = self._asked_at = now
        self._answered = False
        most = _RETRY_IDLE_MAX_S
        for wanted in list(self._wanted):
            if now - wanted.last_at < IDLE_S:
                most = _RETRY_MAX_S
            elif not wanted.awaited(now):
                del self._wanted[wanted]
        self._retry = min(most, self._retry)
        self.request_at = now + self._retry if self._wanted else NEVER
        self._retry *= 2
        return layer

    def drop(self, layer: Layer) -> None:
        """That layer is gone."""
        self._wanted.pop(layer, None)
        if not self._wanted:
            self.request_at = NEVER

    def clear(self) -> None:
        """Asks for nothing any more."""
        self._wanted.clear()
        self.request_at = self.refresh_at = NEVER
