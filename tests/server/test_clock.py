from __future__ import annotations

import structlog

from server.clock import SystemClock
from tests.fakes import START_MS

HOUR_S = 3_600


class Machine:
    """A wall clock that can be set, and the time that passes."""

    def __init__(self) -> None:
        self.wall_ns = START_MS * 1_000_000
        self.passed_ns = 7 * 10**9

    def passes(self, seconds: float) -> None:
        self.wall_ns += round(seconds * 10**9)
        self.passed_ns += round(seconds * 10**9)

    def is_set(self, seconds: float) -> None:
        self.wall_ns += round(seconds * 10**9)

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall_ns, lambda: self.passed_ns)


def test_time_goes_on_with_the_machine() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock.now_ms() == START_MS
    for _ in range(10):
        machine.passes(0.5)
        clock.now_ms()
    assert clock.now_ms() == START_MS + 5_000


def test_a_step_back_is_not_followed_and_a_step_ahead_only_little_by_little() -> None:
    for hours in (-2, 2):
        machine = Machine()
        clock = machine.clock()
        machine.is_set(hours * HOUR_S)
        assert clock.now_ms() == START_MS
        machine.passes(60)
        assert clock.now_ms() == START_MS + 60_000 + (3_000 if hours > 0 else 0)


def test_a_step_ahead_is_made_up_in_the_end_and_not_passed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.is_set(2 * HOUR_S)
    for _ in range(41):
        before = clock.now_ms()
        machine.passes(HOUR_S)
        assert HOUR_S * 1000 <= clock.now_ms() - before <= 1.05 * HOUR_S * 1000
    assert clock.now_ms() == machine.wall_ns // 1_000_000


def test_a_clock_that_was_wrong_by_more_than_a_day_is_set_right_at_once() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.is_set(90 * 24 * HOUR_S)
    assert clock.now_ms() == machine.wall_ns // 1_000_000


def test_a_restart_after_a_step_back_goes_on_from_the_newest_event() -> None:
    machine = Machine()
    machine.is_set(-2 * HOUR_S)
    clock = machine.clock()
    clock.not_before(START_MS + 500)
    assert clock.now_ms() == START_MS + 500
    machine.passes(1)
    assert clock.now_ms() == START_MS + 1_500
    clock.not_before(None)
    clock.not_before(START_MS)
    assert clock.now_ms() == START_MS + 1_500


def test_an_event_of_a_time_that_cannot_be_true_is_said_and_not_followed() -> None:
    clock = Machine().clock()
    with structlog.testing.capture_logs() as logged:
        clock.not_before(START_MS + 10 * 24 * HOUR_S * 1000)
    assert clock.now_ms() == START_MS
    assert [entry["log_level"] for entry in logged] == ["error"]


def test_each_step_is_logged_once() -> None:
    machine = Machine()
    clock = machine.clock()
    with structlog.testing.capture_logs() as logged:
        for seconds in (0, 2 * HOUR_S, 0, 0, -4 * HOUR_S, 0):
            machine.is_set(seconds)
            machine.passes(60)
            clock.now_ms()
    assert [entry["by_s"] for entry in logged] == [2.0 * HOUR_S, -4.0 * HOUR_S]


def test_the_machines_own_clocks_agree() -> None:
    clock = SystemClock()
    assert abs(clock.now_ms() - SystemClock().now_ms()) < 1_000
    assert clock.monotonic() <= clock.monotonic()
