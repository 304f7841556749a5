"""Every script, against the engine under test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.engine import factory
from tests.conformance.player import play
from tests.conformance.script import read

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_engine_does_what_a_script_expects(script: Path) -> None:
    play(script.read_text(), factory()())


def test_every_script_says_what_it_is_about() -> None:
    assert SCRIPTS
    for script in SCRIPTS:
        title, _ = read(script.read_text())
        assert title.endswith("."), script.name
