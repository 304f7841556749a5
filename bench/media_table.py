"""What the media bench found, as a table: ours, Janus', and the ratio of what was measured side by side. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from bench.figures import Line, Spread, line_through, percentile, ratios, spread, table
from bench.joining import PUBLISHERS
from bench.media import Found
from bench.scene import FULL, GROUP, LARGE, SMALL, Load, Window
from bench.sides import JANUS, OURS

TARGET: Final = 1.4
"""CPU per forwarded packet, python engine to Janus (docs/bench.md)."""
LOADS: Final = (LARGE, SMALL, FULL)
_NONE: Final = "–"


def windows(found: Found, load: Load, side: str) -> dict[int, Window]:
    """By round, those of one load at one side."""
    return {each.number: each.window for each in found.steps if each.load == load.name and each.window.side == side}


def cpu_ratio(found: Found, load: Load) -> Spread | None:
    """CPU per forwarded packet, ours to Janus'; None without both."""
    ours, theirs = (
        {number: each.cpu_us_per_packet for number, each in windows(found, load, side).items()}
        for side in (OURS, JANUS)
    )
    pairs = ratios(ours, theirs)
    return spread(pairs) if pairs else None


def share_by_packets(found: Found, side: str) -> list[tuple[float, float]]:
    """For each number of groups of ten: forwarded packets a second, and the server's share of a core."""
    return [
        (each.window.packets_per_s, each.window.server_share)
        for each in found.steps
        if each.groups and each.window.side == side
    ]


def share_of_a_group(found: Found, side: str) -> Line | None:
    """The server's share of a core by the number of groups of ten; None without two different numbers."""
    return _line(found, side, lambda window: window.server_share)


def memory_of_a_group(found: Found, side: str) -> Line | None:
    """MiB of resident memory by the number of groups of ten, in the first round (memory once taken may stay)."""
    return _line(found, side, lambda window: window.rss_mb)


def as_table(found: Found) -> str:
    """Markdown."""
    cells: list[Sequence[str]] = [("What", "Holdspace", "Janus", "Ratio", "Target", "Met")]
    for load in LOADS:
        if any(windows(found, load, side) for side in (OURS, JANUS)):
            cells += _load(found, load)
    cells += _groups(found)
    cells += _joins(found)
    cells += _around(found)
    return table(cells)


def _load(found: Found, load: Load) -> list[Sequence[str]]:
    def both(tell: Callable[[list[Window]], str]) -> list[str]:
        sides = (list(windows(found, load, side).values()) for side in (OURS, JANUS))
        return [tell(each) if each else _NONE for each in sides]

    ratio = cpu_ratio(found, load)
    ours = list(windows(found, load, OURS).values())
    dropped = sum(sum(each.server_drops.values()) + each.server_kernel_drops for each in ours)
    return [
        (
            f"**{load.what}**: CPU per forwarded packet",
            *both(lambda them: _spread(spread([each.cpu_us_per_packet for each in them]), "{:.1f}", " µs")),
            _NONE if ratio is None else _spread(ratio, "{:.2f}", "x"),
            f"≤ {TARGET}x Janus",
            "" if ratio is None else _verdict(ratio.median <= TARGET),
        ),
        (
            "forwarded packets/s, share of a core",
            *both(lambda them: f"{_mean(them, 'packets_per_s'):,.0f}, {_mean(them, 'server_share'):.0%}"),
            *("", "", ""),
        ),
        (
            "added delay p50 / p99",
            *both(lambda them: f"{_delay(them, 'p50_ms')} / {_delay(them, 'p99_ms')} ms"),
            *("", "", ""),
        ),
        ("dropped by the server", *both(_dropped), "", "0", _verdict(dropped == 0) if ours else ""),
        ("missing at the clients", *both(_missing), "", "", ""),
    ]


def _groups(found: Found) -> list[Sequence[str]]:
    lines = [share_of_a_group(found, side) for side in (OURS, JANUS)]
    if not any(lines):
        return []
    memory = [memory_of_a_group(found, side) for side in (OURS, JANUS)]
    most = max(each.groups for each in found.steps)
    ours = memory[0]
    a_person = None if ours is None else ours.slope / GROUP.people
    return [
        (
            f"**1 to {most} groups of ten**: share of a core for each",
            *(_NONE if line is None else f"{line.slope:.1%} (R² {line.fit:.3f})" for line in lines),
            _NONE if lines[0] is None or lines[1] is None else f"{lines[0].slope / lines[1].slope:.2f}x",
            "linear",
            "",
        ),
        (
            "groups a core, if it goes on like that",
            *(_NONE if line is None else f"{(1 - line.start) / line.slope:.0f}" for line in lines),
            *("", "", ""),
        ),
        (
            f"dropped by the server, with {most} groups",
            *(_dropped_by(found, side, most) for side in (OURS, JANUS)),
            *("", "", ""),
        ),
        (
            "memory a participant",
            *(_NONE if line is None else f"{line.slope / GROUP.people:.2f} MiB" for line in memory),
            "",
            "≤ 1.2 MB",
            "" if a_person is None else _verdict(a_person * 1.048576 <= 1.2),
        ),
    ]


def _joins(found: Found) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = []
    for what, tell in (("the first packet", _first), (f"all {2 * PUBLISHERS} tracks", _all)):
        cells: list[str] = []
        for side in (OURS, JANUS):
            times = [ms for each in found.joins if each.side == side for ms in tell(each.first_ms, each.all_ms)]
            cells.append(
                f"p50 {percentile(times, 0.5):.0f}, p95 {percentile(times, 0.95):.0f} ms ({len(times)})"
                if times
                else _NONE
            )
        target = "p95 < 250 ms, decoded" if tell is _all else ""
        lines.append((f"WebSocket open → {what}", *cells, "", target, ""))
    return lines


def _around(found: Found) -> list[Sequence[str]]:
    every = [each.window for each in found.steps]
    slowest = max(found.ready_s[OURS])
    idle = max(found.idle_rss_mb[OURS])

    def both(values: dict[str, list[float]], form: str, unit: str) -> list[str]:
        return [_spread(spread(values[side]), form, unit) if side in values else _NONE for side in (OURS, JANUS)]

    lines: list[Sequence[str]] = [
        ("start → ready", *both(found.ready_s, "{:.2f}", " s"), "", "≤ 2.5 s", _verdict(slowest <= 2.5)),
        (
            "memory, idle",
            *both(found.idle_rss_mb, "{:.0f}", " MiB"),
            "",
            "≤ 140 MB",
            _verdict(idle * 1.048576 <= 140),
        ),
    ]
    if every:
        lines.append(
            (
                "load generator",
                f"≤ {max(each.generator_share for each in every):.0%} of a core",
                f"{sum(each.late for each in every)} of {sum(each.sent for each in every):,} sent late",
                *("", "", ""),
            )
        )
        lines.append(
            (
                "other work on the machine",
                _spread(spread([each.others_share for each in every]), "{:.2f}", " cores"),
                f"load average {_spread(spread(found.load_average), '{:.1f}', '')}",
                *("", "", ""),
            )
        )
    return lines


def _line(found: Found, side: str, tell: Callable[[Window], float]) -> Line | None:
    points = [
        (float(each.groups), tell(each.window)) for each in found.steps if each.groups and each.window.side == side
    ]
    return line_through(points) if len({x for x, _ in points}) > 1 else None


def _dropped(them: list[Window]) -> str:
    reasons: Counter[str] = Counter()
    for each in them:
        reasons.update({reason: int(value) for reason, value in each.server_drops.items()})
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    return f"{told or 'engine 0' if them[0].side == OURS else 'not told'}, kernel {sum(w.server_kernel_drops for w in them)}"


def _dropped_by(found: Found, side: str, groups: int) -> str:
    them = [each.window for each in found.steps if each.groups == groups and each.window.side == side]
    return _dropped(them) if them else _NONE


def _missing(them: list[Window]) -> str:
    lost, received = sum(each.lost for each in them), sum(each.received for each in them)
    kernel = sum(each.client_kernel_drops for each in them)
    return f"{lost} of {received + lost:,}, kernel {kernel}"


def _mean(them: list[Window], name: str) -> float:
    return median(getattr(each, name) for each in them)


def _delay(them: list[Window], name: str) -> str:
    return f"{median(getattr(each.delays, name) for each in them):.2f}"


def _first(first_ms: list[float], _all_ms: list[float]) -> list[float]:
    return first_ms


def _all(_first_ms: list[float], all_ms: list[float]) -> list[float]:
    return all_ms


def _spread(found: Spread, form: str, unit: str) -> str:
    if found.count == 1:
        return form.format(found.median) + unit
    return f"{form.format(found.median)}{unit} ({form.format(found.low)}–{form.format(found.high)})"


def _verdict(met: bool) -> str:
    return "yes" if met else "NO"
