"""What one source may send: as much as browsers do, and no flood."""

from __future__ import annotations

from media.engine.budget import LIMITS, Budget
from media.engine.interface import Kind


def test_sound_at_twice_the_usual_pace_passes_for_ever() -> None:
    budget = Budget(Kind.AUDIO)
    assert all(budget.takes(320, n / 100) for n in range(6_000))


def test_a_flood_of_sound_is_cut_to_the_lasting_rate() -> None:
    budget = Budget(Kind.AUDIO)
    taken = sum(budget.takes(1_000, n / 2_000) for n in range(20_000))
    assert taken <= LIMITS[Kind.AUDIO].octets_per_s * (10 + LIMITS[Kind.AUDIO].burst_s) / 1_000
    assert sum(budget.takes(1, 10 + n / 5_000) for n in range(50_000)) <= LIMITS[Kind.AUDIO].packets_per_s * 12


def test_what_a_browser_held_back_for_a_second_passes_at_once() -> None:
    budget = Budget(Kind.AUDIO)
    assert all(budget.takes(160, 5.0) for _ in range(100))
    assert all(budget.takes(160, 5.0 + n / 50) for n in range(500))


def test_who_flooded_is_heard_again_with_the_next_ordinary_packet() -> None:
    budget = Budget(Kind.AUDIO)
    for n in range(10_000):
        budget.takes(1_200, n / 10_000)
    assert budget.takes(160, 1.1)


def test_a_screen_in_motion_passes() -> None:
    budget = Budget(Kind.VIDEO)
    assert all(budget.takes(1_200, n / 600) for n in range(20_000))
