"""What the media bench found, as a table: ours, Janus', and the ratio of what was measured side by side. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from bench.figures import Line, Spread, line_through, percentile, ratios, spread, table
from bench.joining import PUBLISHERS, Joins
from bench.media import Found
from bench.scene import FULL, GROUP, LARGE, SMALL, Load, Window
from bench.sides import JANUS, OURS, PACKAGED

TARGET: Final = 1.4
"""CPU per forwarded packet, python engine to Janus (docs/bench.md)."""
LOADS: Final = (LARGE, SMALL, FULL)
Of = Callable[[Found, Load, str], dict[int, Window]]
SIDES: Final = (OURS, JANUS, PACKAGED)
MB_IN_MIB: Final = 1.048576


def windows(found: Found, load: Load, side: str) -> dict[int, Window]:
    """By number, those of one load at one side."""
    return {each.number: each.window for each in found.steps if each.load == load.name and each.window.side == side}


def calm_windows(found: Found, load: Load, side: str) -> dict[int, Window]:
    """As `windows`; only the calm ones, where there are any."""
    every = windows(found, load, side)
    return {number: each for number, each in every.items() if each.calm} or every


def cpu_ratio(found: Found, load: Load, other: str = JANUS) -> Spread | None:
    """CPU per forwarded packet, ours to the other's, of neighbors that were both calm; None without any.

    Where no two were: of all.
    """
    ours, theirs = windows(found, load, OURS), windows(found, load, other)
    both = sorted(ours.keys() & theirs.keys())
    calm = [number for number in both if ours[number].calm and theirs[number].calm] or both
    pairs = ratios(
        {number: ours[number].cpu_us_per_packet for number in calm},
        {number: theirs[number].cpu_us_per_packet for number in calm},
    )
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
    """MiB of resident memory by the number of groups of ten; each round begins with a fresh server."""
    return _line(found, side, lambda window: window.rss_mb)


def as_table(found: Found) -> str:
    """Markdown."""
    cells: list[Sequence[str]] = [("What", OURS, JANUS, "Ratio", PACKAGED, "Target", "Met")]
    for load in LOADS:
        if any(windows(found, load, side) for side in SIDES):
            cells += _load(found, load)
    cells += _groups(found)
    cells += _joins(found)
    cells += _around(found)
    return table(cells)


def _row(
    what: str, sides: Sequence[str], *, ratio: str = "", target: str = "", met: bool | None = None
) -> Sequence[str]:
    ours, janus, packaged = (*sides, "", "")[:3]
    return (what, ours, janus, ratio, packaged, target, {True: "yes", False: "NO", None: ""}[met])


def _load(found: Found, load: Load) -> list[Sequence[str]]:
    def tell(words: Callable[[list[Window]], str], of: Of = windows) -> list[str]:
        them = (list(of(found, load, side).values()) for side in SIDES)
        return [words(each) if each else "" for each in them]

    ratio = cpu_ratio(found, load)
    ours = list(windows(found, load, OURS).values())
    dropped = sum(sum(each.server_drops.values()) + each.server_kernel_drops for each in ours)
    return [
        _row(
            f"**{load.what}**: CPU per forwarded packet",
            tell(lambda them: _spread([each.cpu_us_per_packet for each in them], "{:.1f}", " µs"), calm_windows),
            ratio="" if ratio is None else _spread_of(ratio, "{:.2f}", "x") + f", of {ratio.count}",
            target=f"≤ {TARGET}x Janus",
            met=None if ratio is None else ratio.median <= TARGET,
        ),
        _row("calm windows", tell(lambda them: f"{sum(each.calm for each in them)} of {len(them)}")),
        _row("forwarded packets/s, share of a core", tell(_forwarded)),
        _row("added delay p50 / p99, calm windows", tell(_delay, calm_windows)),
        _row("dropped by the server", tell(_dropped), target="0", met=dropped == 0 if ours else None),
        _row("missing at the clients", tell(_missing)),
    ]


def _groups(found: Found) -> list[Sequence[str]]:
    ours, theirs = lines = [share_of_a_group(found, side) for side in (OURS, JANUS)]
    if not any(lines):
        return []
    memory = [memory_of_a_group(found, side) for side in (OURS, JANUS)]
    most = max(each.groups for each in found.steps)
    return [
        _row(
            f"**1 to {most} groups of ten**: share of a core for each",
            ["" if line is None else f"{line.slope:.1%} (R² {line.fit:.3f})" for line in lines],
            ratio="" if ours is None or theirs is None else f"{ours.slope / theirs.slope:.2f}x",
            target="linear",
        ),
        _row(
            "groups a core, if it goes on like that",
            ["" if line is None else f"{(1 - line.start) / line.slope:.0f}" for line in lines],
        ),
        _row(f"dropped by the server, with {most} groups", [_dropped_by(found, side, most) for side in (OURS, JANUS)]),
        _row(
            "memory a participant",
            ["" if line is None else f"{line.slope / GROUP.people:.2f} MiB" for line in memory],
            target="≤ 1.2 MB",
            met=None if memory[0] is None else memory[0].slope / GROUP.people * MB_IN_MIB <= 1.2,
        ),
    ]


def _joins(found: Found) -> list[Sequence[str]]:
    def tell(times: Callable[[Joins], list[float]]) -> list[str]:
        sides = ([ms for each in found.joins if each.side == side for ms in times(each)] for side in (OURS, JANUS))
        return [
            f"p50 {percentile(each, 0.5):.0f}, p95 {percentile(each, 0.95):.0f} ms ({len(each)})" if each else ""
            for each in sides
        ]

    return [
        _row("**joins**: WebSocket open → the first packet", tell(lambda joins: joins.first_ms)),
        _row(
            f"WebSocket open → all {2 * PUBLISHERS} tracks",
            tell(lambda joins: joins.all_ms),
            target="p95 < 250 ms, decoded",
        ),
    ]


def _around(found: Found) -> list[Sequence[str]]:
    def tell(values: dict[str, list[float]], form: str, unit: str) -> list[str]:
        return [_spread(values[side], form, unit) if side in values else "" for side in SIDES]

    slowest, idle = max(found.ready_s[OURS]), max(found.idle_rss_mb[OURS])
    rows = [
        _row("start → ready", tell(found.ready_s, "{:.2f}", " s"), target="≤ 2.5 s", met=slowest <= 2.5),
        _row(
            "memory, idle",
            tell(found.idle_rss_mb, "{:.0f}", " MiB"),
            target="≤ 140 MB",
            met=idle * MB_IN_MIB <= 140,
        ),
    ]
    every = [each.window for each in found.steps]
    if every:
        late, sent = sum(each.late for each in every), sum(each.sent for each in every)
        rows += [
            _row(
                "load generator",
                [f"≤ {max(each.generator_share for each in every):.0%} of a core", f"{late} of {sent:,} sent late"],
            ),
            _row(
                "other work on the machine",
                [
                    _spread([each.others_share for each in every], "{:.2f}", " cores"),
                    f"load average {_spread(found.load_average, '{:.1f}', '')}",
                ],
            ),
        ]
    return rows


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
    if them[0].side != OURS:
        told = "not told"
    return f"{told or 'engine 0'}, kernel {sum(each.server_kernel_drops for each in them)}"


def _dropped_by(found: Found, side: str, groups: int) -> str:
    them = [each.window for each in found.steps if each.groups == groups and each.window.side == side]
    return _dropped(them) if them else ""


def _missing(them: list[Window]) -> str:
    lost, received = sum(each.lost for each in them), sum(each.received for each in them)
    kernel = sum(each.client_kernel_drops for each in them)
    unread = sum(each.unread for each in them)
    forged = f", {unread} samples not authentic" if unread else ""
    return f"{lost} of {received + lost:,}, kernel {kernel}{forged}"


def _forwarded(them: list[Window]) -> str:
    packets, share = median(each.packets_per_s for each in them), median(each.server_share for each in them)
    least = min(each.received / each.due for each in them)
    # The window's edges cut packets off that are on their way.
    behind = f", only {least:.0%} in time" if least < 0.98 else ""
    return f"{packets:,.0f}, {share:.0%}{behind}"


def _delay(them: list[Window]) -> str:
    p50, p99 = median(each.delays.p50_ms for each in them), median(each.delays.p99_ms for each in them)
    return f"{p50:.2f} / {p99:.2f} ms"


def _spread(values: Sequence[float], form: str, unit: str) -> str:
    return _spread_of(spread(values), form, unit)


def _spread_of(found: Spread, form: str, unit: str) -> str:
    if found.count == 1:
        return form.format(found.median) + unit
    return f"{form.format(found.median)}{unit} ({form.format(found.low)}–{form.format(found.high)})"
