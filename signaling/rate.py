"""How much one person may ask in one room. What protects a person always passes; a flood ends its own connection only.

What was used stays used, whichever socket, page or sign-in a person comes back with.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final
from weakref import WeakValueDictionary

from msgspec import Struct

from protocol.errors import ErrorCode, Unavailable
from protocol.ids import IdentityId, SessionId
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
    SetListening,
    SetNotAlone,
    StopSharing,
)
from protocol.monitoring import ConfirmHeadphones, SpeakTo, StopListening
from protocol.turns import DenyTurn, EndTurn, LowerHand, Pass, RaiseHand, SetTurnMode

RAW_PER_S: Final = 90.0
RAW_BURST: Final = 450.0
FRAME_COST_BYTES: Final = 2_048
"""A frame costs one, and one more for each so many bytes: reading it is what costs us."""

MALFORMED_COST: Final = 8.0
MEDIA_PER_S: Final = 3.0
MEDIA_BURST: Final = 15.0
COMINGS_PER_S: Final = 2.0
COMINGS_BURST: Final = 40.0
"""Sockets that join or resume. A phone in a tunnel comes back once or twice a second, for as long as the tunnel is."""

GOINGS_PER_S: Final = 1 / 6
GOINGS_BURST: Final = 10.0
"""Leaving, each time to be told to everyone. To leave is never refused; to come back after so many may be."""

LOOKED_AT: Final = 8


class Rates(Struct, frozen=True):
    """What one person may send in the long run, per second, and at once."""

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
        enough = self.left() >= cost
        if enough:
            self._left -= cost
        return enough

    def left(self) -> float:
        """What is in it now."""
        now = self._monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        return self._left

    @property
    def full(self) -> bool:
        """Whether it is as if nothing had ever been taken."""
        return self.left() >= self._burst


class Allowance:
    """What one person may still send into one room."""

    def __init__(self, monotonic: Callable[[], float], rates: Rates) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._raw = Bucket(monotonic, RAW_PER_S, RAW_BURST)
        self._frames = Bucket(monotonic, rates.frames_per_s, rates.frames_burst)
        self._chat = Bucket(monotonic, rates.chat_per_s, rates.chat_burst)
        self._media = Bucket(monotonic, MEDIA_PER_S, MEDIA_BURST)
        self._comings = Bucket(monotonic, COMINGS_PER_S, COMINGS_BURST)
        self._goings = Bucket(monotonic, GOINGS_PER_S, GOINGS_BURST)

    @property
    def full(self) -> bool:
        """Whether a new one would allow the same."""
        return all(
            each.full for each in (self._raw, self._frames, self._chat, self._media, self._comings, self._goings)
        )

    def came(self) -> None:
        """A socket joins or resumes.

        Raises:
            Unavailable: RATE_LIMITED, the person must wait a moment.
        """
        if self._goings.left() < 1 or not self._comings.take():
            raise Unavailable(ErrorCode.RATE_LIMITED)

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
            case Leave():
                self._goings.take()
                return
            case (
                EndSession()
                | CloseMicrophone()
                | CloseScreen()
                | StopSharing()
                | MoveToLobby()
                | Remove()
                | AskForCover()
                | SetDevices(microphone=False)
                | SetNotAlone(on=True)
                | EndTurn()
                | Pass()
                | LowerHand()
                | DenyTurn()
                | SetTurnMode()
                | StopListening()
                | SpeakTo(participant_id=None)
                | ConfirmHeadphones(on=False)
            ):
                return
            case PostChat() | React() | SetListening() | RaiseHand():
                bucket = self._chat
            case PublishOffer() | RestartSubscribe():
                bucket = self._media
            case _:
                bucket = self._frames
        if not bucket.take():
            raise Unavailable(ErrorCode.RATE_LIMITED)


class Allowances:
    """Everyone's. A person's is forgotten once nobody holds it and it is full again."""

    def __init__(self, monotonic: Callable[[], float], rates: Rates) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._monotonic = monotonic
        self._rates = rates
        self._known: WeakValueDictionary[tuple[IdentityId, SessionId | None], Allowance] = WeakValueDictionary()
        # In order of the latest look, the one not looked at for longest first.
        self._used: dict[tuple[IdentityId, SessionId | None], Allowance] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, identity: IdentityId, session_id: SessionId | None) -> Allowance:
        """That person's in that session, or for what they watch (None)."""
        key = (identity, session_id)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Allowance(self._monotonic, self._rates)
        self._tidy()
        # Behind the tidying: it is full until it is used, which the caller is about to do.
        self._used.pop(key, None)
        self._used[key] = found
        return found

    def _tidy(self) -> None:
        """Looks at a few, so that each look costs the same and all have their turn."""
        for key in list(islice(self._used, LOOKED_AT)):
            allowance = self._used.pop(key)
            if not allowance.full:
                self._used[key] = allowance
