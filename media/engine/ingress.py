"""What the engine receives: the layers of a track, one RTP source each.

A layer keeps reception statistics, what is missing, and a short history that answers subscribers' NACKs and
lets newcomers start at a recent key frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from media.engine import rtcp
from media.engine.interface import Kind
from media.engine.key_frames import IDLE_S, NEVER
from media.engine.rtp import RtpPacket, unwrap
from media.engine.vp8 import Vp8Head, parse_head

if TYPE_CHECKING:
    from media.engine.track import Track

HISTORY: Final = 512
"""Packets of a layer that are kept; a power of two."""

FRESH_KEY_S: Final = 1.0
"""A key frame younger than this starts a newcomer without asking the publisher for another."""

_NACK_FIRST_S: Final = 0.010
_NACK_AGAIN_S: Final = 0.050
_NACK_TRIES: Final = 6
_MAX_GAP: Final = 128
_MAX_MISSING: Final = 256
_MAX_DROPOUT: Final = 3_000
_MAX_MISORDER: Final = HISTORY
REPORT_S: Final = 1.0
_PACE_MAX_S: Final = 2.0
_PACE_FADES_S: Final = 10.0
_LONE_PACE_MAX_S: Final = 15.0
_LONE_PACE_FADES_S: Final = 60.0
"""A picture without other layers has none to be left for: a screen on which nothing moves may be slow indeed."""
_STALLED_S: Final = 0.5
_PROVEN: Final = 16
"""Pictures in a row: what ceases again before that comes back less easily the next time, up to as many."""


class MediaPacket:
    """A packet on its way to subscribers, in terms of its source."""

    __slots__ = ("head", "level", "marker", "number", "payload", "timestamp")

    def __init__(
        self, number: int, timestamp: int, marker: bool, payload: bytes, head: Vp8Head | None, level: bytes | None
    ) -> None:
        self.number = number
        """Sequence number, extended beyond 16 bits."""
        self.timestamp = timestamp
        self.marker = marker
        self.payload = payload
        self.head = head
        self.level = level


class Layer:
    """One RTP source of a track."""

    __slots__ = (
        "_bad",
        "_base",
        "_expected_before",
        "_history",
        "_jitter",
        "_missing",
        "_needs",
        "_received_before",
        "_soon",
        "_transit",
        "_video",
        "before",
        "behind",
        "ceased",
        "highest",
        "key_at",
        "key_number",
        "last_at",
        "lost_of",
        "nack_at",
        "named_at",
        "ntp",
        "pace",
        "picture_at",
        "received",
        "report",
        "report_at",
        "report_passed_at",
        "rid",
        "rtx_ssrc",
        "ssrc",
        "track",
        "up",
    )

    def __init__(self, track: Track, rid: str, ssrc: int) -> None:
        self.track = track
        self.rid = rid
        self.ssrc = ssrc
        self.rtx_ssrc: int | None = None
        self.up = False
        self.ceased = False
        """It was up, and is not any more."""
        self._soon = 0
        """So many pictures in a row came soon, each after the one before."""
        self._needs = 1
        """So many it takes for one that had ceased to flow again."""
        self.picture_at = -NEVER
        self.pace = 0.0
        """The longest time between two of its pictures lately: it fades, and is bounded."""
        self.received = 0
        self.highest = -1
        self.before = -1
        """What has no higher number was on its way when the gate was opened."""
        self.last_at = -NEVER
        self.report: tuple[rtcp.SenderReport, float] | None = None
        """The publisher's last sender report, and when it came."""
        self.ntp = 0
        """When that was, on the clock that subscribers are told of (NTP)."""
        self.report_passed_at = -NEVER
        self.report_at = NEVER
        self.key_number: int | None = None
        """First packet of the last key frame, while the history holds it."""
        self.key_at = -NEVER
        self.named_at = -NEVER
        """When a key frame was last asked for under its SSRC."""
        self.behind = 0
        """Pictures of other layers since its own last packet."""
        self.lost_of: tuple[int, int] = (0, 0)
        """Of the last report: how many packets were lost, of how many."""
        self.nack_at = NEVER
        self._video = track.spec.kind is Kind.VIDEO
        self._history: list[MediaPacket | None] = [None] * HISTORY if self._video else []
        self._missing: dict[int, tuple[float, int]] = {}
        self._base = 0
        self._bad = -1
        self._transit: float | None = None
        self._jitter = 0.0
        self._expected_before = self._received_before = 0

    # ── reception ─────────────────────────────────────────────────────────────────────────────

    def receive(self, sequence: int, timestamp: int, arrival: float, now: float) -> int | None:
        """Counts a packet that came under its own SSRC; its extended number, or None when it is out of place."""
        highest = self.highest
        if highest < 0:
            number = sequence + 0x10000
            self._base = self.highest = number
        else:
            number = unwrap(sequence, highest)
            ahead = number - highest
            if ahead > _MAX_DROPOUT or ahead <= -_MAX_MISORDER:
                if not self._restarts(sequence, now):
                    return None
                number = self.highest
            elif ahead > 0:
                if ahead > 1 and self._video and self.track.open:
                    self._miss(highest + 1, number, now)
                self.highest = number
            elif ahead == 0:
                return None
            else:
                self._missing.pop(number, None)
                if self._held(number):
                    return None
        self.received += 1
        self.behind = 0
        self.last_at = now
        if self.report_at == NEVER:
            self.report_at = now + REPORT_S
        transit = arrival * self.track.spec.clock_rate - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < 0x7FFFFFFF:
                self._jitter += (change - self._jitter) / 16
        self._transit = transit
        return number

    def _restarts(self, sequence: int, now: float) -> bool:
        """RFC 3550 appendix A.1: a jump, either way, is believed when a second packet follows the first."""
        if self._bad != sequence:
            self._bad = sequence + 1 & 0xFFFF
            return False
        self._bad = -1
        # Numbers only ever rise, so nothing kept from before is taken for something after.
        self._base = self.highest = self.highest + (sequence - self.highest & 0xFFFF)
        self.received = self._expected_before = self._received_before = 0
        self._missing.clear()
        self._transit = self.report = None
        for slot in self.track.slots:
            if slot.layer is self:
                slot.reset()
        self.want_key(now)
        return True

    def recover(self, sequence: int) -> int | None:
        """The extended number of a packet sent again over RTX, or None when it was not missing (a probe)."""
        number = unwrap(sequence, self.highest)
        return number if self._missing.pop(number, None) is not None else None

    def _miss(self, first: int, end: int, now: float) -> None:
        if end - first > _MAX_GAP:
            self.want_key(now)
            return
        if len(self._missing) + end - first > _MAX_MISSING:
            self._missing.clear()
            self.want_key(now)
        for number in range(first, end):
            self._missing[number] = (now + _NACK_FIRST_S, 0)
        self.nack_at = min(self.nack_at, now + _NACK_FIRST_S)

    def take_lost(self, now: float) -> list[int]:
        """Sequence numbers to ask for again now, in rising order."""
        lost: list[int] = []
        self.nack_at = NEVER
        for number, (at, tries) in list(self._missing.items()):
            if at > now:
                self.nack_at = min(self.nack_at, at)
            elif tries >= _NACK_TRIES:
                del self._missing[number]
            else:
                lost.append(number)
                again = now + _NACK_AGAIN_S * (tries + 1)
                self._missing[number] = (again, tries + 1)
                self.nack_at = min(self.nack_at, again)
        return [number & 0xFFFF for number in sorted(lost)]

    def take_report(self, now: float) -> rtcp.ReportBlock:
        """The report block of the time since the last one (RFC 3550 appendix A.3)."""
        self.report_at = NEVER if self.idle(now) else now + REPORT_S
        expected = self.highest - self._base + 1
        expected_now, received_now = expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        lost_now = expected_now - received_now
        self.lost_of = (max(0, lost_now), max(0, expected_now))
        fraction = min(255, 256 * lost_now // expected_now) if expected_now > 0 and lost_now > 0 else 0
        last_report = delay = 0
        if self.report is not None:
            last_report = self.report[0].ntp >> 16 & 0xFFFFFFFF
            delay = int((now - self.report[1]) * 65_536)
        lost = max(0, min(0x7FFFFF, expected - self.received))
        return rtcp.ReportBlock(self.ssrc, fraction, lost, self.highest, int(self._jitter), last_report, delay)

    # ── rhythm ────────────────────────────────────────────────────────────────────────────────

    def shown(self, now: float) -> None:
        """A picture is complete, or a burst of sound begins."""
        gap = now - self.picture_at
        self._soon = self._soon + 1 if gap < self.patience else 0
        if self.up and self._soon >= _PROVEN:
            self._needs = 1
        self.picture_at = now
        longest, fades = (_LONE_PACE_MAX_S, _LONE_PACE_FADES_S) if self._lone else (_PACE_MAX_S, _PACE_FADES_S)
        if gap <= self.pace:
            self.pace -= self.pace * gap / fades
        elif gap < 2 * longest:  # beyond that it had stopped
            self.pace = min(gap, longest)

    @property
    def _lone(self) -> bool:
        return self._video and len(self.track.layers) < 2

    @property
    def patience(self) -> float:
        """How long to wait for its next picture: slow is not dead."""
        return max(_STALLED_S, 2 * min(self.pace, _PACE_MAX_S))

    def idle(self, now: float) -> bool:
        """Whether nothing at all comes any more."""
        return now - self.last_at >= max(IDLE_S, 2 * (self.pace if self._lone else min(self.pace, _PACE_MAX_S)))

    def returns(self, packet: RtpPacket, now: float) -> bool:
        """Whether one that had ceased flows again, as a key frame says, or a second picture soon after the first.

        Neither is enough where it has ceased again soon before: key frames are asked of all layers together.
        """
        if not self.ceased:
            return True
        if now - self.picture_at < self.patience and self._soon + 1 >= self._needs:
            self._needs = min(2 * self._needs, _PROVEN)
            return True
        head = parse_head(packet.payload) if packet.payload else None
        if head is None or not head.key_frame or self._needs > 1:
            return False
        self._needs = 2
        return True

    def awaited(self, now: float) -> bool:
        """Whether anyone waits for a key frame to begin this layer with."""
        return any(slot.target is self and not slot.fed_by(self) and slot.may_ask(now) for slot in self.track.slots)

    # ── history ───────────────────────────────────────────────────────────────────────────────

    def keep(self, packet: MediaPacket, now: float) -> bool:
        """Keeps a video packet; whether it begins a key frame that is newer than the last."""
        self._history[packet.number & HISTORY - 1] = packet
        head = packet.head
        if head is None or not head.key_frame or (self.key_number is not None and packet.number <= self.key_number):
            return False
        self.key_number = packet.number
        self.key_at = now
        return True

    def _held(self, number: int) -> bool:
        held = self._history[number & HISTORY - 1] if self._video else None
        return held is not None and held.number == number

    def find(self, number: int) -> MediaPacket | None:
        """A packet of the history."""
        held = self._history[number & HISTORY - 1] if self._video else None
        return held if held is not None and held.number == number else None

    def fresh_key(self, now: float) -> bool:
        """Whether a newcomer can start at the last key frame."""
        return (
            self.key_number is not None
            and now - self.key_at <= FRESH_KEY_S
            and self.highest - self.key_number < HISTORY // 2
            and self.find(self.key_number) is not None
        )

    def since_key(self) -> Iterator[MediaPacket]:
        """What the history holds from the last key frame on, in order."""
        if self.key_number is not None:
            for number in range(self.key_number, self.highest + 1):
                packet = self.find(number)
                if packet is not None:
                    yield packet

    def forget(self) -> None:
        """Drops the history and what is missing."""
        if self._video:
            self._history = [None] * HISTORY
        self._missing.clear()
        self.key_number = None
        self.key_at = -NEVER
        self.nack_at = NEVER

    # ── time ──────────────────────────────────────────────────────────────────────────────────

    def want_key(self, now: float) -> None:
        """Asks for a key frame; not while the gate is closed."""
        if self._video and self.track.open:
            self.track.keys.want(self, now)

    def next_due(self) -> float:
        """When this layer, or its track, next has something to say to the publisher."""
        keys = self.track.keys
        return min(self.nack_at, self.report_at, keys.request_at, keys.refresh_at)
