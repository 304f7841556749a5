"""Rooms as tests find them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protocol.values import Role
from tests.rooms.harness import RoomHarness, Seat


@pytest.fixture
def room() -> Iterator[RoomHarness]:
    """An open, empty room. After the test, every attached client shows what a fresh snapshot would."""
    harness = RoomHarness()
    yield harness
    for seat in harness.seats:
        if seat.attached:
            harness.assert_up_to_date(seat)


@pytest.fixture
def ana(room: RoomHarness) -> Seat:
    """A participant."""
    return room.enter("ana")


@pytest.fixture
def ben(room: RoomHarness, ana: Seat) -> Seat:
    """Another participant, who came later."""
    return room.enter("ben")


@pytest.fixture
def mia(room: RoomHarness, ben: Seat) -> Seat:
    """The mentor, who came third."""
    return room.enter("mia", Role.MENTOR)


@pytest.fixture
def theo(room: RoomHarness, mia: Seat) -> Seat:
    """A visible therapist, who came fourth."""
    return room.enter("theo", Role.THERAPIST)
