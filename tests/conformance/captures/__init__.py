"""What browsers sent: a head that describes the transport, then a packet a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

EXTENSION_NAMES = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": "mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": "rid",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": "repaired_rid",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": "audio_level",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": "transport_cc",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": "abs_send_time",
}
"""Names that captures give to header extensions; others have none."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A datagram in the clear. `at` is in seconds since the first; `lost` ones never reached the engine."""

    at: float
    data: bytes
    lost: bool


@dataclass(slots=True)
class Capture:
    """What one transport received."""

    title: str
    extensions: dict[str, int] = field(default_factory=dict[str, int])
    tracks: dict[str, tuple[str, int, int | None, tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[str, int, int | None, tuple[str, ...]]]
    )
    """By mid: kind, payload type, payload type of RTX, rids."""
    packets: list[Packet] = field(default_factory=list[Packet])

    def write(self) -> str:
        """As text."""
        lines = [f"# {self.title}"]
        lines += ["ext " + " ".join(f"{name}={number}" for name, number in sorted(self.extensions.items()))]
        for mid, (kind, payload_type, rtx, rids) in self.tracks.items():
            line = f"track {mid} {kind} pt={payload_type}"
            line += f" rtx={rtx}" if rtx is not None else ""
            lines.append(line + (f" rids={','.join(rids)}" if rids else ""))
        lines += [f"{packet.at:.3f} {'x' if packet.lost else '>'} {packet.data.hex()}" for packet in self.packets]
        return "\n".join(lines) + "\n"


def read(name: str) -> Capture:
    """A capture of this folder. Raises ValueError for what is none."""
    title, *lines = (Path(__file__).parent / f"{name}.txt").read_text().splitlines()
    capture = Capture(title.removeprefix("# "))
    for line in lines:
        match line.split():
            case ["ext", *pairs]:
                capture.extensions = {key: int(number) for key, number in (pair.split("=") for pair in pairs)}
            case ["track", mid, kind, *pairs]:
                given = dict(pair.split("=") for pair in pairs)
                rids = tuple(given["rids"].split(",")) if "rids" in given else ()
                capture.tracks[mid] = (kind, int(given["pt"]), int(given["rtx"]) if "rtx" in given else None, rids)
            case [at, ">" | "x" as fate, data]:
                capture.packets.append(Packet(float(at), bytes.fromhex(data), fate == "x"))
            case _:
                raise ValueError(line)
    return capture
