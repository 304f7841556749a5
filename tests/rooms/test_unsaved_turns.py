"""A closing by the turns that could not be saved stays, until a mentor's word that is stored says who is heard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.errors import ErrorCode
from protocol.ids import ParticipantId
from protocol.messages import Leave, SetDevices
from protocol.turns import EndTurn, NextSpeaker, Pass, PassTurnOn, SetCompanion, SetTurnMode
from protocol.values import RoundOrder, Source, TurnMode
from rooms.commands import RoomRequest
from tests.rooms.harness import RoomHarness, Seat
from tests.rooms.test_turns import ANA, BEN, ID, MINUTE, OPEN, QUEUE, QUIET, give, heard, holder, round_of, taps


def lost(room: RoomHarness, message: RoomRequest, by: str = "mia") -> None:
    """It is asked for, and cannot be stored."""
    room.storage_down = True
    assert room.refusal(by, message) is ErrorCode.NOT_SAVED
    room.storage_down = False


def may_be_heard(room: RoomHarness) -> set[ParticipantId]:
    """Of the participants."""
    return {p.id for p in room.state.inside() if not p.is_staff and room.state.may_be_heard(p)}


@pytest.mark.parametrize("end", [lambda n: EndTurn(ID, n), lambda n: Pass(ID, turn=n)])
def test_in_an_open_room_a_holders_own_end_does_not_undo_a_quiet_that_was_not_saved(
    room: RoomHarness, mia: Seat, end: Callable[[int], RoomRequest]
) -> None:
    number = give(room, ANA)
    lost(room, QUIET)

    room.request("ana", end(number))

    assert holder(room) is None
    assert may_be_heard(room) == set()
    room.request("mia", OPEN)
    assert may_be_heard(room) == {ANA, BEN}


def test_time_alone_does_not_undo_a_quiet_that_was_not_saved(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", SetTurnMode(ID, TurnMode.OPEN, limit_ms=MINUTE, firm=True))
    give(room, ANA)
    lost(room, QUIET)

    room.wait(MINUTE)
    room.wait(MINUTE)

    assert holder(room) is None
    assert may_be_heard(room) == set()


@pytest.mark.parametrize("going", ["ends", "leaves"])
def test_a_round_waits_while_a_quiet_was_not_saved(room: RoomHarness, mia: Seat, going: str) -> None:
    room.request("mia", round_of())
    lost(room, QUIET)

    room.request("ana", EndTurn(ID, 1) if going == "ends" else Leave(ID))

    assert holder(room) is None
    assert may_be_heard(room) == set()
    room.request("mia", NextSpeaker(ID, 1))
    assert may_be_heard(room) == {BEN}


def test_nobody_passes_a_turn_on_while_a_closing_was_not_saved(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", round_of(RoundOrder.PASSED_ON))
    lost(room, QUIET)

    assert room.refusal("ana", PassTurnOn(ID, 1, BEN)) is ErrorCode.UNEXPECTED
    assert may_be_heard(room) == set()


def test_a_turns_end_that_was_not_saved_is_settled_by_any_end_of_it(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", round_of(limit_ms=MINUTE, firm=True))
    taps(room, ANA)
    lost(room, EndTurn(ID, 1))
    assert heard(room) == set()

    room.request("ana", Pass(ID, turn=1))

    assert may_be_heard(room) == {BEN}, "the round goes on, as it would have"


def test_whose_turns_end_was_not_saved_settles_it_by_leaving(room: RoomHarness, mia: Seat) -> None:
    room.request("mia", round_of())
    lost(room, EndTurn(ID, 1))

    room.request("ana", Leave(ID))

    assert may_be_heard(room) == {BEN}


def test_a_quiet_that_was_not_saved_after_a_turns_end_that_was_not_either_is_not_settled_by_it(
    room: RoomHarness, mia: Seat
) -> None:
    room.request("mia", round_of())
    lost(room, EndTurn(ID, 1))
    lost(room, QUIET)

    room.request("ana", EndTurn(ID, 1))

    assert may_be_heard(room) == set()


def test_participants_are_told_that_nobody_is_heard(room: RoomHarness, mia: Seat, ana: Seat) -> None:
    lost(room, QUIET)

    floor = ana.client.shows()["floor"]
    assert (floor["mode"], floor["unsaved"]) == ("open", True)


def test_a_companion_whom_a_lost_leaving_closed_opens_by_a_tap_and_not_by_a_word_from_before(
    room: RoomHarness, mia: Seat, ana: Seat
) -> None:
    room.request("mia", SetCompanion(ID, BEN, ANA))
    room.request("mia", QUEUE)
    give(room, ANA)
    ben = room.attach("ben")
    known = room.state.people[BEN].closings
    taps(room, BEN)

    lost(room, Leave(ID), by="ana")

    assert (BEN, Source.MICROPHONE) not in room.gates
    word = SetDevices(ID, microphone=True, camera=False, closings=known)
    assert room.refusal("ben", word) is ErrorCode.MICROPHONE_CLOSED
    assert ben.person("ben")["closings"] == room.state.people[BEN].closings
    assert ana.person("ben")["microphone"] is False
    taps(room, BEN)
    assert (BEN, Source.MICROPHONE) in room.gates
