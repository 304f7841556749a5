from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from bench.figures import Spread
from bench.plot import Bars, Points, draw, ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("top", [0.004, 0.3, 1, 7.2, 28.3, 96, 100, 6_719, 31_000])
def test_marks_are_few_evenly_apart_and_reach_the_top(top: float) -> None:
    marks = ticks(top)
    assert marks[0] == 0
    assert marks[-2] < top <= marks[-1]
    assert 4 <= len(marks) <= 8
    assert all(b - a == pytest.approx(marks[1]) for a, b in pairwise(marks))


def test_nothing_measured_still_has_a_scale() -> None:
    assert ticks(0) == [0.0, 1.0]


def test_each_value_is_a_bar_and_a_missing_one_is_none() -> None:
    bars = Bars("CPU", "µs", ["a", "b"], [("<ours>", [Spread(2, 1, 3, 3), Spread(4, 4, 4, 1)]), ("x", [None, None])])
    root = ET.fromstring(draw(bars, Points("t", "x", "y", [])))
    # Besides the ground and the legend's squares.
    heights = [
        float(each) for bar in root.findall(f"{SVG}rect") if (each := bar.get("height", "")) not in {"100%", "10"}
    ]
    assert len(heights) == 2
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)


def test_points_that_spread_get_a_line_and_a_single_one_does_not() -> None:
    def lines(points: list[tuple[float, float]]) -> int:
        root = ET.fromstring(draw(Bars("t", "u", [], []), Points("t", "x", "y", [("ours", points)])))
        inner = root.find(f"{SVG}g")
        assert inner is not None
        colored = [line for line in inner.findall(f"{SVG}line") if line.get("stroke") == "#2a6f6b"]
        assert len(inner.findall(f"{SVG}circle")) == len(points)
        return len(colored)

    assert lines([(1, 1), (2, 2), (3, 3)]) == 1
    assert lines([(1, 1)]) == 0
