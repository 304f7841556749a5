"""What the tests of the media plane share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.media.stage import Stage


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Here nobody waits between two offers; `test_subscriber` is about that."""
    monkeypatch.setattr("media.subscriber.SPACING_S", 0.0)
    made = Stage()
    await made.plane.start()
    yield made
    await made.plane.close()
    assert made.engine.closed
    assert made.engine.transports == set()
