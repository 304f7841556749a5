from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from server.doctor.disk import LITTLE_BYTES, NOTHING_BYTES, TIMES, free_space, sync_time
from server.doctor.finding import State
from tests.server.doctor.conditions import not_to_be_written, open_to_all, small_disk, writes_fail


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (LITTLE_BYTES, State.OK),
        (LITTLE_BYTES - 1, State.LOOK),
        (NOTHING_BYTES, State.LOOK),
        (NOTHING_BYTES - 1, State.BROKEN),
        (0, State.BROKEN),
    ],
)
def test_little_space_is_said_before_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(free))
    found = free_space(tmp_path / "not/yet/there")
    assert found.state is state


def test_space_is_that_of_the_disk_the_database_is_on(tmp_path: Path) -> None:
    with small_disk(tmp_path, megabytes=1) as mounted:
        found = free_space(tmp_path)
        if mounted:
            assert found.state is State.BROKEN
            assert "1 MB free" in found.found
        # Where nothing may be mounted, it is the disk of the tests.
        assert "free beside the database" in found.found


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


def test_real_disk_is_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    found = sync_time(tmp_path)
    assert found.state in (State.OK, State.LOOK)
    assert f"median of {TIMES}" in found.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("seconds", "state"), [(0.004, State.OK), (0.049, State.OK), (0.051, State.LOOK)])
def test_slow_disk_is_said(tmp_path: Path, seconds: float, state: State) -> None:
    ticks = ticking(seconds)
    found = sync_time(tmp_path, lambda: next(ticks))
    assert found.state is state
    assert f"{seconds * 1000:.1f} ms" in found.found


def test_disk_that_takes_nothing_is_broken(tmp_path: Path) -> None:
    with writes_fail():
        found = sync_time(tmp_path)
    assert (found.state, "failed" in found.found) == (State.BROKEN, True)
    assert list(tmp_path.iterdir()) == []


def test_folder_of_others_is_broken() -> None:
    with open_to_all() as folder, not_to_be_written(folder):
        found = sync_time(folder)
    assert (found.state, "Permission denied" in found.found) == (State.BROKEN, True)
