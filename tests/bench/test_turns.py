"""What the table of turns says of what was measured."""

from __future__ import annotations

from bench.turns import Turns, rows


def verdicts(found: Turns) -> list[bool]:
    return [row.met for row in rows(found) if row.met is not None]


def test_the_table_judges_the_99th_percentile_what_came_late_and_a_limit_that_is_off_either_way() -> None:
    good = Turns([0.0, 12.0], [49.9], [30.0], firm_ms=[-18.0, 40.0], firm_told_ms=[20.0])
    assert verdicts(good) == [True, True, True, True]
    bad = Turns([0.0], [50.1], [30.0], 1, 1, firm_ms=[-60.0, 0.0], firm_told_ms=[20.0])
    assert verdicts(bad) == [False, False, False, False]
