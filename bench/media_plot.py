"""The media bench's figures as a picture. Pure."""

from __future__ import annotations

from bench.figures import Spread, spread
from bench.media import Found
from bench.media_table import LOADS, SIDES, calm_windows, share_by_packets, windows
from bench.plot import Bars, Points, draw
from bench.scene import Load


def as_svg(found: Found) -> str:
    """CPU per forwarded packet by load; and the server's share of a core by forwarded packets, groups of ten."""
    sides = [side for side in SIDES if side in found.ready_s]
    loads = [load for load in LOADS if any(windows(found, load, side) for side in sides)]
    bars = Bars(
        "CPU per forwarded packet",
        "µs",
        [load.what for load in loads],
        [(side, [_cpu(found, load, side) for load in loads]) for side in sides],
    )
    points = Points(
        "Groups of ten",
        "forwarded packets/s",
        "share of a core",
        [(side, share_by_packets(found, side)) for side in sides[:2]],
    )
    return draw(bars, points)


def _cpu(found: Found, load: Load, side: str) -> Spread | None:
    values = [each.cpu_us_per_packet for each in calm_windows(found, load, side).values()]
    return spread(values) if values else None
