"""How much one connection may ask. What protects a person always passes; a flood ends its own connection only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from protocol.errors import ErrorCode, Unavailable
from protocol.messages import (
    AskForCover,
    ClientMessage,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    Leave,
    MoveToLobby,
    PostChat,
    PublishOffer,
    React,
    Remove,
    RestartSubscribe,
    SetDevices,
    SetNotAlone,
    StopSharing,
    SubscribeAnswer,
)

RAW_PER_S: Final = 90.0
RAW_BURST: Final = 450.0
FRAME_COST_BYTES: Final = 2_048
"""A frame costs one, and one more for each so many bytes: reading it is what costs us."""

MALFORMED_COST: Final = 8.0
MEDIA_PER_S: Final = 3.0
MEDIA_BURST: Final = 15.0


class Rates(Struct, frozen=True):
    """What one connection may send in the long run, per second, and at once."""

    frames_per_s: float = 30.0
    frames_burst: float = 60
    chat_per_s: float = 2.0
    chat_burst: float = 30


class Bucket:
    """A token bucket."""

    def __init__(self, monotonic: Callable[[], float], per_s: float, burst: float) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._monotonic = monotonic
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at = monotonic()

    def take(self, cost: float = 1.0) -> bool:
        """Takes `cost` out if it is there."""
        now = self._monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True


class Allowance:
    """What one connection may still send."""

    def __init__(self, monotonic: Callable[[], float], rates: Rates) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._raw = Bucket(monotonic, RAW_PER_S, RAW_BURST)
        self._frames = Bucket(monotonic, rates.frames_per_s, rates.frames_burst)
        self._chat = Bucket(monotonic, rates.chat_per_s, rates.chat_burst)
        self._media = Bucket(monotonic, MEDIA_PER_S, MEDIA_BURST)

    def arrived(self, size: int) -> bool:
        """Before anything is read: whether a frame of that many bytes still counts as use, and not as a flood."""
        return self._raw.take(1 + size / FRAME_COST_BYTES)

    def malformed(self) -> bool:
        """A frame could not be read; whether the connection may go on."""
        return self._raw.take(MALFORMED_COST)

    def take(self, message: ClientMessage) -> None:
        """Lets a message pass. Closing one's own microphone, leaving, and a mentor's closings always do.

        Raises:
            Unavailable: RATE_LIMITED, the person must wait a moment.
        """
        match message:
            case (
                Leave()
                | EndSession()
                | CloseMicrophone()
                | CloseScreen()
                | StopSharing()
                | MoveToLobby()
                | Remove()
                | AskForCover()
                | SetDevices(microphone=False)
                | SetNotAlone(on=True)
            ):
                return
            case PostChat() | React():
                bucket = self._chat
            case PublishOffer() | SubscribeAnswer() | RestartSubscribe():
                bucket = self._media
            case _:
                bucket = self._frames
        if not bucket.take():
            raise Unavailable(ErrorCode.RATE_LIMITED)
