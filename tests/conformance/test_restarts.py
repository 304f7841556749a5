"""What Hypothesis seldom puts together: everything open and watched for long, and sources that restart meanwhile."""

from __future__ import annotations

from random import Random

import pytest

from tests.conformance.test_machine import EngineMachine


@pytest.mark.parametrize("seed", range(6))
def test_a_long_call_in_which_sources_restart_again_and_again_stays_in_order(seed: int) -> None:
    for run in range(5):
        rng, machine = Random(5 * seed + run), EngineMachine()
        machine.begin()
        for turn in range(30):
            place = rng.randrange(2)
            machine.stretch(place, rng.randint(2, 8), True, rng.randint(4, 12), 2, rng.randrange(3), 0)
            machine.what_came_out_is_in_order()
            match rng.randrange(8):
                case 0 | 1:
                    machine.other_ssrc(
                        rng.randrange(4),
                        rng.randrange(2),
                        rng.choice((7, 15)),
                        rng.randrange(65_536),
                        rng.random() < 0.3,
                    )
                case 2:
                    machine.late(rng.randrange(4), rng.random() < 0.5, rng.random() < 0.5)
                case 3:
                    machine.names(rng.randrange(4), rng.randrange(2), rng.random() < 0.3)
                case 4:
                    machine.route(rng.randrange(6), rng.randrange(2), rng.random() < 0.5)
                case 5:
                    machine.gate(rng.randrange(4), False)
                case 6:
                    machine.time(rng.choice((0.1, 0.7, 3.0)))
                case _:
                    machine.prime(rng.randrange(6))
            machine.what_came_out_is_in_order()
            if turn % 3 == 0:
                for which in range(4):
                    machine.gate(which, True)
            for which in range(4):
                machine.late_of_another_ssrc(which, rng.randrange(2))
            machine.little_is_said_unasked()
