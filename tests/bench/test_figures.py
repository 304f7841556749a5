from __future__ import annotations

import pytest

from bench.figures import (
    Row,
    Spread,
    as_markdown,
    drops,
    grown,
    line_through,
    metric,
    parse_metrics,
    percentile,
    ratios,
    spread,
)

METRICS = """\
# HELP holdspace_commands_total Commands by type and outcome
# TYPE holdspace_commands_total counter
holdspace_commands_total{outcome="ok",type="post_chat"} 20.0
holdspace_commands_total{outcome="ok",type="leave"} 2.0
holdspace_media_engine_packets_forwarded 1.180e+03
holdspace_media_engine_dropped_gate_closed 3.0
holdspace_media_engine_dropped_malformed 0.0
"""


def test_half_of_all_values_are_at_or_below_the_median() -> None:
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile([1, 2, 3, 4], 0.5) == 2


def test_the_95th_percentile_of_twenty_values_leaves_one_above() -> None:
    assert percentile(list(range(1, 21)), 0.95) == 19


def test_the_last_percentile_is_the_largest_value_and_the_first_the_smallest() -> None:
    assert percentile([3.0, 9.0, 7.0], 1) == 9.0
    assert percentile([3.0, 9.0, 7.0], 0) == 3.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="needs values"):
        percentile([], 0.5)


def test_metrics_that_differ_in_labels_only_are_added_up() -> None:
    assert parse_metrics(METRICS)["holdspace_commands_total"] == 22


def test_a_metric_is_found_by_its_ending() -> None:
    assert metric(parse_metrics(METRICS), "_packets_forwarded") == 1_180


def test_a_metric_that_is_missing_or_ambiguous_is_an_error() -> None:
    with pytest.raises(LookupError):
        metric(parse_metrics(METRICS), "_nonsense")
    with pytest.raises(LookupError):
        metric({"a_sent": 1.0, "b_sent": 2.0}, "_sent")


def test_only_reasons_that_dropped_something_are_told() -> None:
    assert drops(parse_metrics(METRICS)) == {"gate_closed": 3}


def test_growth_is_counted_from_zero_for_a_counter_that_is_new() -> None:
    assert grown({"a": 2.0}, {"a": 5.0, "b": 1.0}) == {"a": 3.0, "b": 1.0}


def test_the_table_is_markdown_with_aligned_columns_and_a_verdict() -> None:
    table = as_markdown([Row("Start", "3.1 s", "≤ 2.5 s", met=False), Row("Joins", "30")]).splitlines()
    assert table[0].startswith("| What ")
    assert set(table[1]) <= set("|-")
    assert "| NO " in table[2]
    assert len({len(line) for line in table}) == 1


def test_a_line_through_points_on_a_line_fits_them_wholly() -> None:
    line = line_through([(1, 5), (2, 7), (4, 11)])
    assert line.slope == pytest.approx(2)
    assert line.start == pytest.approx(3)
    assert line.fit == pytest.approx(1)


def test_points_that_bend_away_fit_less() -> None:
    assert line_through([(0, 0), (1, 1), (2, 4), (3, 9)]).fit == pytest.approx(0.918, abs=0.001)


def test_points_at_one_place_make_no_line() -> None:
    with pytest.raises(ValueError, match="two different points"):
        line_through([(1, 1), (1, 2)])
    with pytest.raises(ValueError, match="two different points"):
        line_through([])


def test_a_spread_names_middle_and_ends() -> None:
    assert spread([9.0, 1.0, 4.0]) == Spread(4.0, 1.0, 9.0, 3)
    assert spread([1.0, 4.0]).median == 2.5
    with pytest.raises(ValueError, match="needs values"):
        spread([])


def test_only_what_was_measured_in_the_same_round_is_compared() -> None:
    assert ratios({0: 3.0, 1: 8.0, 2: 5.0}, {1: 4.0, 2: 10.0, 3: 1.0}) == [2.0, 0.5]
    assert ratios({0: 3.0}, {}) == []
