from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from server.storage.place import Place


def test_a_file_that_came_in_between_is_not_taken_for_the_one_that_was_opened(tmp_path: Path) -> None:
    file, other = tmp_path / "a.db", tmp_path / "b.db"
    file.touch()
    place = Place(file)
    place.opened()
    other.touch()
    other.replace(file)
    place.opened()
    assert not place.holds


def test_that_it_is_gone_is_said_once_and_again_when_it_was_back_meanwhile(tmp_path: Path) -> None:
    file, away = tmp_path / "a.db", tmp_path / "away.db"
    file.touch()
    place = Place(file)
    place.opened()
    with capture_logs() as logged:
        for _ in range(2):
            file.rename(away)
            for _ in range(3):
                with pytest.raises(OperationalError):
                    place.check()
            away.rename(file)
            place.check()
    assert [line["log_level"] for line in logged] == ["critical", "critical"]
