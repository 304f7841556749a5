"""What one source may send: as much as browsers do, and no flood."""

from __future__ import annotations

import pytest

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
    assert budget.takes(160, 3.0)
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


def test_three_layers_of_thirty_pictures_a_second_that_begin_with_their_key_frames_pass() -> None:
    budget = Budget(Kind.VIDEO)
    assert all(budget.takes(1_100, n / 10_000) for n in range(150))
    assert all(budget.takes(900, 0.1 + n / 400) for n in range(10_000))


@pytest.mark.parametrize("kind", list(Kind))
def test_who_publishes_anew_three_times_a_second_gains_little(kind: Kind) -> None:
    """As often as they may, each time under a new budget."""
    limit = LIMITS[kind]
    size = 40.0 if kind is Kind.AUDIO else 1_000.0
    taken = 0
    for offer in range(30):
        budget = Budget(kind)
        taken += sum(budget.takes(int(size), offer / 3 + n / 6_000) for n in range(2_000))
    assert taken * size < 3 * 10 * limit.octets_per_s
    assert taken < 3 * 10 * limit.packets_per_s


def test_tiny_pictures_without_end_cost_no_more_than_large_ones() -> None:
    budget = Budget(Kind.VIDEO)
    assert sum(budget.takes(20, n / 5_000) for n in range(50_000)) <= 1_000 * 12
