"""Arithmetic on what was measured, and the table that is printed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

_SAMPLE: Final = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{[^}]*\})? ([^ ]+)(?: \d+)?$")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or `share` is out of range.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError("a percentile needs values, and a share between 0 and 1")
    ranked = sorted(values)
    rank = -(-len(ranked) * round(share * 1000) // 1000)
    return ranked[max(1, rank) - 1]


def parse_metrics(text: str) -> dict[str, float]:
    """Samples of Prometheus' text format; those that differ in labels only are added up."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        sample = _SAMPLE.match(line)
        if sample:
            found[sample[1]] = found.get(sample[1], 0.0) + float(sample[2])
    return found


def metric(metrics: Mapping[str, float], ending: str) -> float:
    """The one metric whose name ends so.

    Raises:
        LookupError: there is none, or more than one.
    """
    names = [name for name in metrics if name.endswith(ending)]
    if len(names) != 1:
        raise LookupError(f"metrics that end in {ending}: {', '.join(names) or 'none'}")
    return metrics[names[0]]


def drops(metrics: Mapping[str, float]) -> dict[str, float]:
    """Why the engine took packets no further, and how many, without those that were none."""
    return {
        name.rpartition("dropped_")[2]: value for name, value in metrics.items() if "_dropped_" in name and value > 0
    }


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each counter has grown by."""
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `met` is None where there is no target, or it cannot be judged here."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, readable as it stands."""
    verdicts = {True: "yes", False: "NO", None: ""}
    cells = [(row.what, row.measured, row.target, verdicts[row.met]) for row in rows]
    return table([("What", "Measured", "Target", "Met"), *cells])


def table(cells: Sequence[Sequence[str]]) -> str:
    """Markdown, readable as it stands; the first line is the heading."""
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through points, by least squares. `fit` is R²: 1 when all points lie on it."""

    slope: float
    start: float
    fit: float


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """The line.

    Raises:
        ValueError: fewer than two points, or all at one place.
    """
    count = len(points)
    middle_x = sum(x for x, _ in points) / max(1, count)
    middle_y = sum(y for _, y in points) / max(1, count)
    across = sum((x - middle_x) ** 2 for x, _ in points)
    if count < 2 or across == 0:
        raise ValueError("a line needs two different points")
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / across
    start = middle_y - slope * middle_x
    total = sum((y - middle_y) ** 2 for _, y in points)
    left = sum((y - start - slope * x) ** 2 for x, y in points)
    return Line(slope, start, 1.0 if total == 0 else 1 - left / total)


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Median (of an even number: the mean of the middle two), smallest, largest.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("a spread needs values")
    return Spread(median(values), min(values), max(values), len(values))


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Of each number that both have: ours to theirs, which were measured next to each other."""
    return [ours[number] / theirs[number] for number in sorted(ours.keys() & theirs.keys()) if theirs[number]]
