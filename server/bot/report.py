"""What a bot has to tell: counted while packets arrive, said once at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from media.engine.rtp import unwrap
from protocol.ids import MessageId, ParticipantId
from protocol.values import Source

_MAX_MISSING: Final = 4_096


class BotFault(Exception):
    """Why a bot could not do its job: a stable code, and plain words for the person who started it."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class Stream:
    """One RTP source as it arrives: what came, and what never did."""

    __slots__ = ("_highest", "_missing", "bytes", "forgotten", "packets")

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self.forgotten = 0
        self._highest: int | None = None
        self._missing: set[int] = set()

    @property
    def lost(self) -> int:
        """Packets between the first and the last that have not come, also not late or sent again."""
        return self.forgotten + len(self._missing)

    def add(self, sequence: int, size: int) -> None:
        """A packet under its own sequence number (16 bits); `size` in bytes of payload."""
        self.packets += 1
        self.bytes += size
        if self._highest is None:
            self._highest = sequence
            return
        number = unwrap(sequence, self._highest)
        if number <= self._highest:
            self._missing.discard(number)
            return
        gap = number - self._highest - 1
        if len(self._missing) + gap > _MAX_MISSING:
            self.forgotten += len(self._missing) + gap
            self._missing.clear()
        else:
            self._missing.update(range(self._highest + 1, number))
        self._highest = number

    def add_again(self, sequence: int, size: int) -> None:
        """A packet that came once more (RFC 4588), with its original sequence number."""
        self.packets += 1
        self.bytes += size
        if self._highest is not None:
            self._missing.discard(unwrap(sequence, self._highest))


@dataclass(slots=True)
class Received:
    """One participant's source, over all slots and connections that it came through."""

    streams: dict[object, Stream] = field(default_factory=dict)
    longest_gap_s: float = 0.0
    """The longest time from one packet to the next, in order or not."""
    _heard_at: float | None = None

    def heard(self, at: float) -> None:
        """A packet came at this monotonic time."""
        if self._heard_at is not None:
            self.longest_gap_s = max(self.longest_gap_s, at - self._heard_at)
        self._heard_at = at

    def stream(self, through: object) -> Stream:
        """The stream of this source that arrives through one receiver."""
        return self.streams.setdefault(through, Stream())

    @property
    def packets(self) -> int:
        return sum(stream.packets for stream in self.streams.values())

    @property
    def bytes(self) -> int:
        return sum(stream.bytes for stream in self.streams.values())

    @property
    def lost(self) -> int:
        return sum(stream.lost for stream in self.streams.values())


@dataclass(slots=True)
class BotReport:
    """What one bot saw. Ids and numbers only; never a name or a text.

    Attributes:
        join_ms: from asking for a join token to the welcome.
        first_audio_ms, first_video_ms: from the open WebSocket to the first decoded frame of someone else.
        error: a code of `protocol.errors`, or one of the bot's own: bad_link, unreachable, no_live_session,
            no_answer, connection_lost, bad_media, media_failed, nothing_received.
        words: the error for people; not part of the JSON.
    """

    participant_id: ParticipantId | None = None
    join_ms: float | None = None
    first_audio_ms: float | None = None
    first_video_ms: float | None = None
    tracks: dict[tuple[ParticipantId, Source], Received] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    chat: list[MessageId] = field(default_factory=list)
    error: str | None = None
    words: str = ""

    @property
    def ok(self) -> bool:
        """Joined, and nothing went wrong."""
        return self.participant_id is not None and self.error is None

    def fail(self, code: str, words: str) -> None:
        """Notes what went wrong; the first fault stays, the others mostly follow from it."""
        if self.error is None:
            self.error = code
            self.words = words

    def received(self, participant_id: ParticipantId, source: Source) -> Received:
        """Where packets of that source are counted."""
        return self.tracks.setdefault((participant_id, source), Received())

    def first_frame(self, kind: str, elapsed_ms: Callable[[], float]) -> None:
        """A frame of `kind` ("audio" or "video") was decoded; only the first counts."""
        if kind == "audio" and self.first_audio_ms is None:
            self.first_audio_ms = elapsed_ms()
        elif kind == "video" and self.first_video_ms is None:
            self.first_video_ms = elapsed_ms()

    def as_dict(self) -> dict[str, Any]:
        """The report as it is printed."""
        return {
            "ok": self.ok,
            "participant_id": self.participant_id,
            "join_ms": _rounded(self.join_ms),
            "first_audio_ms": _rounded(self.first_audio_ms),
            "first_video_ms": _rounded(self.first_video_ms),
            "tracks": [
                {
                    "participant_id": who,
                    "source": source.value,
                    "packets": track.packets,
                    "bytes": track.bytes,
                    "lost": track.lost,
                    "longest_gap_ms": _rounded(track.longest_gap_s * 1000),
                }
                for (who, source), track in self.tracks.items()
            ],
            "events": dict(sorted(self.events.items())),
            "chat": list(self.chat),
            "error": self.error,
        }


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
