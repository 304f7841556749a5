"""The pipe to an engine in another process carries whatever the scripts need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conformance.player import play
from tests.conformance.remote import RemoteEngine

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture
def engine() -> RemoteEngine:
    return RemoteEngine([sys.executable, "-m", "tests.conformance.remote"])


@pytest.mark.parametrize("script", ["26-dtls", "31-layers-up-and-down", "35-the-loudest", "38-replay"])
def test_a_script_plays_through_the_pipe(script: str, engine: RemoteEngine) -> None:
    play((SCRIPTS / f"{script}.txt").read_text(), engine)
    engine.close()
