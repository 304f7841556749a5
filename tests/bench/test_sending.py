from __future__ import annotations

from bench.sending import phases


def test_moments_are_spread_over_the_period_however_many_there_are() -> None:
    for count in (4, 10, 25, 60):
        moments = sorted(phases(count))
        gaps = [b - a for a, b in zip(moments, [*moments[1:], moments[0] + 1], strict=True)]
        assert max(gaps) < 3 / count
        assert min(gaps) > 0.3 / count


def test_who_is_there_keeps_their_moment_when_others_come() -> None:
    assert phases(20)[:7] == phases(7)
