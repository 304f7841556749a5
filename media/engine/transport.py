"""One client's ICE component and DTLS association, as the engine keeps it."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from media.engine.binding import Rebindings
from media.engine.egress import Slot
from media.engine.inbound import InboundPace, InboundSources
from media.engine.ingress import Layer
from media.engine.interface import EngineStats, ExtensionIds, TransportId
from media.engine.key_frames import NEVER
from media.engine.replaying import Replay
from media.engine.rtp import RtpPacket
from media.engine.srtp import Cipher
from media.engine.track import Track
from media.engine.twcc import ArrivalLog

MAX_PATHS: Final = 8
MAX_CHECKS: Final = 128
MAX_ELDER: Final = 1 << 18
"""Octets: a day of checks."""

MAX_DTLS_WAITING: Final = 32
SILENT_S: Final = 15.0


class Path(NamedTuple):
    """Where a datagram came from, the local address it came to ('' when unknown), and by which way.

    `via` is the shell's number of a socket or of a connection; here it only tells ways apart.
    """

    host: str
    port: int
    local: str = ""
    via: int = 0


class Transport:
    """State of one transport."""

    __slots__ = (
        "arrivals",
        "checks",
        "cipher",
        "clock_shift",
        "dtls_waiting",
        "due",
        "elder",
        "feedback_at",
        "heard_at",
        "id",
        "ids",
        "inbound",
        "key",
        "loss_told_at",
        "monitor",
        "octets_told",
        "outbox",
        "pace",
        "path",
        "paths",
        "rebindings",
        "reduced_rtcp",
        "replays",
        "reported",
        "silent_at",
        "slots",
        "sources",
        "stats",
        "tracks",
        "ufrag",
        "waiting",
    )

    def __init__(
        self,
        handle: TransportId,
        ufrag: str,
        key: bytes,
        now: float,
        outbox: list[tuple[bytes, Path]],
        stats: EngineStats,
        *,
        monitor: bool = False,
    ) -> None:
        self.id = handle
        self.monitor = monitor
        self.stats = stats
        """Where what it does is counted."""
        self.ufrag = ufrag
        self.key = key
        self.path: Path | None = None
        """Where we send: the nominated address, or the first that passed a check."""
        self.paths: dict[Path, float] = {}
        """Every address that passed an authenticated check, oldest first, and when it was last heard from."""
        self.checks: dict[bytes, Path] = {}
        """Transaction ids of the newest authentic checks, and where each first came from."""
        self.elder = bytearray()
        """What is kept of the transaction ids of all older ones."""
        self.outbox = outbox
        """Where its datagrams wait for the next poll."""
        self.cipher: Cipher | None = None
        self.inbound = InboundSources()
        self.pace = InboundPace()
        self.rebindings = Rebindings()
        self.ids = ExtensionIds()
        self.reduced_rtcp = False
        """Feedback may come without a report and a name before it."""
        self.tracks: dict[str, Track] = {}
        self.sources: dict[int, tuple[Layer, bool]] = {}
        """SSRC to layer, and whether it is the layer's RTX."""
        self.slots: dict[int, Slot] = {}
        """By SSRC."""
        self.waiting: deque[tuple[RtpPacket, float]] = deque()
        """Packets, with their times of arrival, whose layer is not known yet."""
        self.replays: deque[Replay] = deque()
        """One after the other."""
        self.reported: tuple[float, int] = (0.0, 0)
        """Packets lost, of how many, on the way from it or, as it reports, to it, since that was last told."""
        self.clock_shift: int | None = None
        """What is added to the clock (NTP) of its sender reports; None before the first."""
        self.loss_told_at = -NEVER
        self.octets_told = 0
        """What its slots had sent when loss was last told."""
        self.arrivals = ArrivalLog()
        self.feedback_at = NEVER
        self.heard_at = now
        self.silent_at = now + SILENT_S
        self.dtls_waiting = 0
        self.due = NEVER

    def next_due(self) -> float:
        """When the transport next has something to do unasked."""
        due = min(self.feedback_at, self.silent_at)
        for track in self.tracks.values():
            for layer in track.layers.values():
                due = min(due, layer.next_due())
        return due
