"""A small plot as SVG, without a library: bars with their spread, and points with the line through them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from bench.figures import Spread, line_through

_COLORS: Final = ("#2a6f6b", "#b5651d", "#5b4b8a", "#7a7a7a")
_WIDTH: Final = 520
_HEIGHT: Final = 320
_LEFT: Final = 62
_RIGHT: Final = 30
_TOP: Final = 44
_BOTTOM: Final = 56


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups of bars: for each name in `groups` one bar a series, or none where a value is None."""

    title: str
    unit: str
    groups: Sequence[str]
    series: Sequence[tuple[str, Sequence[Spread | None]]]


@dataclass(frozen=True, slots=True)
class Points:
    """Points of each series; a line through those of a series that has several."""

    title: str
    across: str
    up: str
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]]


def ticks(top: float) -> list[float]:
    """Round values from 0 to at least `top`: three to six steps of 1, 2 or 5 times a power of ten."""
    if top <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(top))
    step = next(share * power for share in (0.2, 0.5, 1, 2) if top <= share * power * 6)
    found = [0.0]
    while found[-1] < top:
        found.append(round(len(found) * step, 12))
    return found


def draw(bars: Bars, points: Points) -> str:
    """Both side by side."""
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * _WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#222">'
        ),
        f"<title>{escape(bars.title)}; {escape(points.title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_bars(bars),
        f'<g transform="translate({_WIDTH} 0)">',
        *_points(points),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bars(plot: Bars) -> list[str]:
    highs = [each.high for _, values in plot.series for each in values if each is not None]
    marks = ticks(max(highs, default=0))
    parts = [*_frame(plot.title, plot.unit, marks, marks[-1]), *_legend([name for name, _ in plot.series])]
    room = (_WIDTH - _LEFT - _RIGHT) / max(1, len(plot.groups))
    wide = room * 0.7 / max(1, len(plot.series))
    for place, group in enumerate(plot.groups):
        middle = _LEFT + room * (place + 0.5)
        parts.append(_text(middle, _HEIGHT - _BOTTOM + 18, group, "middle"))
        for number, (_, values) in enumerate(plot.series):
            value = values[place]
            if value is None:
                continue
            x = middle + (number - len(plot.series) / 2) * wide
            y, low, high = (_up(each, marks[-1]) for each in (value.median, value.low, value.high))
            parts.append(
                f'<rect x="{x + 2:.1f}" y="{y:.1f}" width="{wide - 4:.1f}" height="{_up(0, marks[-1]) - y:.1f}" '
                f'fill="{_COLORS[number]}"/>'
            )
            parts.append(_stroke(x + wide / 2, low, x + wide / 2, high, "#222"))
            parts.append(_text(x + wide / 2, high - 5, f"{value.median:.1f}", "middle"))
    return parts


def _points(plot: Points) -> list[str]:
    every = [point for _, points in plot.series for point in points]
    marks = ticks(max((y for _, y in every), default=0))
    along = ticks(max((x for x, _ in every), default=0))
    parts = [*_frame(plot.title, plot.up, marks, marks[-1]), *_legend([name for name, _ in plot.series])]

    def right(x: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / along[-1]

    parts += [_text(right(mark), _HEIGHT - _BOTTOM + 18, f"{mark:,.0f}", "middle") for mark in along]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 18, plot.across, "middle"))
    for number, (_, points) in enumerate(plot.series):
        color = _COLORS[number]
        parts += [
            f'<circle cx="{right(x):.1f}" cy="{_up(y, marks[-1]):.1f}" r="3.5" fill="{color}" fill-opacity="0.7"/>'
            for x, y in points
        ]
        if len({x for x, _ in points}) > 1:
            line = line_through(points)
            last = max(x for x, _ in points)
            end = _up(line.start + line.slope * last, marks[-1])
            parts.append(_stroke(right(0), _up(max(0.0, line.start), marks[-1]), right(last), end, color))
    return parts


def _frame(title: str, unit: str, marks: Sequence[float], top: float) -> list[str]:
    parts = [f'<text x="{_LEFT}" y="18" font-size="14" font-weight="600">{escape(title)}</text>']
    for mark in marks:
        y = _up(mark, top)
        parts.append(_stroke(_LEFT, y, _WIDTH - _RIGHT, y, "#ddd" if mark else "#222"))
        parts.append(_text(_LEFT - 6, y + 4, f"{mark:g}", "end"))
    parts.append(
        f'<text transform="translate(16 {(_TOP + _HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(unit)}</text>'
    )
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts: list[str] = []
    for number, name in enumerate(names):
        x = _LEFT + number * 120
        parts.append(f'<rect x="{x}" y="26" width="10" height="10" fill="{_COLORS[number]}"/>')
        parts.append(_text(x + 15, 35, name, "start"))
    return parts


def _up(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / top


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _stroke(x: float, y: float, to_x: float, to_y: float, color: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{color}" stroke-width="1.2"/>'
