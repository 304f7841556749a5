"""What is read from the marks that browsers set."""

from __future__ import annotations

import pytest

from bench.first_picture import Joins
from bench.first_picture import rows as join_rows
from bench.lip_sync import LipSync, Skew, late_by
from bench.lip_sync import rows as skew_rows


def _marks(shown: float, **more: float) -> dict[str, float]:
    return {"door": 600.0, "clicked": 900.0, "open": 1_000.0, "shown": 1_000.0 + shown, **more}


def test_a_join_counts_from_the_open_socket_and_every_step_from_the_one_before() -> None:
    joins = Joins(marks=[_marks(200, offer=1_050.0, answered=1_080.0)] * 3, load=[1.0, 2.0])
    told = {row.what: row for row in join_rows(joins)}
    whole = told["Room's WebSocket open → first picture shown"]
    assert whole.measured == "p50 200, p95 200, max 200 ms (load 1.0 to 2.0)"
    assert whole.met
    assert told["Page asked for → Join can be tapped"].measured == "p50 600, p95 600, max 600 ms"
    without = told["Page asked for → first picture shown, without the wait for the tap"]
    assert without.measured == "p50 900, p95 900, max 900 ms"
    assert told["Tap on Join → first picture shown"].measured == "p50 300, p95 300, max 300 ms"
    assert told["of that: offer → answered"].measured == "p50 30, p95 30, max 30 ms"
    assert "of that: answered → ice" not in told
    assert "of that: open → answer" not in told


def test_one_slow_join_of_ten_misses_the_target_and_one_without_a_picture_is_told() -> None:
    joins = Joins(marks=[_marks(100)] * 9 + [_marks(900)], failed=1, load=[1.0])
    first, whole, *_ = join_rows(joins)
    assert (first.measured, first.met) == ("10 of 11", False)
    assert whole.met is False


def test_without_any_picture_there_is_nothing_to_tell_but_that() -> None:
    assert [(row.measured, row.met) for row in join_rows(Joins(failed=2))] == [("0 of 2", False)]


def test_a_flash_belongs_to_the_nearest_beep_and_one_without_a_beep_to_none() -> None:
    assert late_by([1_000, 2_050, 3_900], [990, 2_100]) == [10, -50]
    assert late_by([1_000], []) == []
    assert late_by([1_000, 2_050], [990, 2_040], 30) == [-20, -20]


@pytest.mark.parametrize(("early", "met"), [(-45.0, True), (-46.0, False)])
def test_a_picture_that_comes_early_counts_as_one_that_comes_late(early: float, met: bool) -> None:
    _, row = skew_rows(LipSync([Skew("somewhere", 640, by_reports=[0.0] * 25 + [early] * 20)]))
    assert row.met is met


def test_the_first_seconds_are_told_apart_and_not_judged() -> None:
    first, then = skew_rows(LipSync([Skew("somewhere", 640, by_reports=[-500.0] * 25 + [10.0] * 20)]))
    assert first.met is None
    assert first.measured == "|skew| p50 500, p95 500 ms; picture -500 ms, of 25"
    assert then.met


def test_what_is_seen_and_heard_is_judged_too_and_compared_with_the_reports() -> None:
    skew = Skew("somewhere", 640, by_reports=[50.0], by_looking=[80.0] * 20)
    *_, looked, off = skew_rows(LipSync([skew]))
    assert looked.met is False
    assert looked.measured == "|skew| p50 80, p95 80 ms; picture +80 ms, of 20"
    assert off.measured == "+30 ms"


def test_what_goes_without_our_server_is_not_judged() -> None:
    skew = Skew("directly", by_reports=[90.0] * 40, by_looking=[80.0] * 20, ours=False)
    assert [row.met for row in skew_rows(LipSync([skew]))] == [None] * 4
