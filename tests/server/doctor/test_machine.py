from __future__ import annotations

import sys
from pathlib import Path

import pytest

from media import udp
from server.clock import SystemClock
from server.doctor.finding import State
from server.doctor.machine import (
    UDP_BUFFER,
    clock_synchronized,
    kernel_clock_synchronized,
    monotonic_clock,
    open_files,
    udp_buffers,
    wall_clock,
)
from tests.fakes import START_MS, FakeClock
from tests.server.doctor.conditions import at_most_open


class Backwards(FakeClock):
    """A clock source that is broken."""

    def monotonic(self) -> float:
        self.advance(-0.001)
        return super().monotonic()


def test_clock_after_the_newest_event_is_ok() -> None:
    assert wall_clock(FakeClock(), None).state is State.OK
    assert wall_clock(FakeClock(), START_MS - 1).state is State.OK
    assert wall_clock(FakeClock(), START_MS + 5_000).state is State.OK, "another process's event, a moment ago"


def test_clock_before_the_newest_event_is_broken() -> None:
    found = wall_clock(FakeClock(), START_MS + 7_200_000)
    assert found.state is State.BROKEN
    assert "2026-01-01 02:00:00" in found.found


def test_clock_in_a_year_before_this_software_is_broken() -> None:
    assert wall_clock(FakeClock(START_MS - 1), None).state is State.BROKEN
    assert wall_clock(FakeClock(0), None).state is State.BROKEN


def test_monotonic_clock_goes_on_and_never_back() -> None:
    assert monotonic_clock(SystemClock()).state is State.OK
    assert monotonic_clock(FakeClock()).state is State.BROKEN, "stands still"
    assert monotonic_clock(Backwards()).state is State.BROKEN


def test_clock_that_nothing_keeps_right_is_to_be_looked_at() -> None:
    assert clock_synchronized(True).state is State.OK
    assert clock_synchronized(False).state is State.LOOK
    assert (clock_synchronized(None).state, "not known" in clock_synchronized(None).found) == (State.OK, True)


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex is Linux's")
def test_kernel_is_asked_without_changing_anything() -> None:
    assert kernel_clock_synchronized() in (True, False)


@pytest.mark.parametrize(("limit", "state"), [(64, State.BROKEN), (512, State.LOOK), (1_024, State.OK)])
def test_too_few_open_files_are_said(limit: int, state: State) -> None:
    with at_most_open(limit):
        found = open_files()
    assert found.state is state
    assert f"at most {limit}" in found.found


def test_buffers_asked_for_are_those_of_the_media_plane() -> None:
    assert UDP_BUFFER == udp._BUFFER


def test_small_buffers_come_with_the_command_that_makes_them_larger(tmp_path: Path) -> None:
    (tmp_path / "rmem_max").write_text("212992\n")
    (tmp_path / "wmem_max").write_text("4194304\n")
    found = udp_buffers(tmp_path)
    assert found.state is State.LOOK
    assert "sysctl -w net.core.rmem_max=4194304," in found.advice
    (tmp_path / "rmem_max").write_text("8388608\n")
    assert udp_buffers(tmp_path).state is State.OK
    assert "not known" in udp_buffers(tmp_path / "another kernel").found
