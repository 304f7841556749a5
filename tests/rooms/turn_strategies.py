"""What anyone may ask about speaking turns, and what nobody is told who may not be."""

from __future__ import annotations

from hypothesis import strategies as st

from protocol.ids import ParticipantId, RequestId
from protocol.turns import (
    DenyTurn,
    EndTurn,
    ExtendTurn,
    GiveTurn,
    HoldTime,
    LeastHeardFirst,
    LowerHand,
    MoveInOrder,
    NextSpeaker,
    Pass,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
    SetTurnMode,
)
from protocol.values import RoundOrder, TalkTime, TurnForm, TurnMode
from rooms.commands import CountTalk, RoomRequest
from tests.rooms.client_model import Wire

ID = RequestId("r")
LIMITS = st.sampled_from([0, 60_000, 180_000])


def modes(*among: TurnMode) -> st.SearchStrategy[SetTurnMode]:
    """Ways to set how turns go."""
    return st.builds(
        SetTurnMode,
        st.just(ID),
        st.sampled_from(among or (*TurnMode, None)),
        st.sampled_from(RoundOrder),
        LIMITS,
        firm=st.booleans(),
        after=st.none() | st.integers(0, 3),
    )


def about_turns(
    people: st.SearchStrategy[ParticipantId], numbers: st.SearchStrategy[int]
) -> st.SearchStrategy[RoomRequest]:
    """Any request about turns."""
    return st.one_of(
        st.just(RaiseHand(ID)),
        st.just(LowerHand(ID)),
        st.builds(Pass, st.just(ID), st.booleans(), numbers),
        st.builds(PassTurnOn, st.just(ID), numbers, people),
        st.builds(SetTurnForm, st.just(ID), numbers, st.sampled_from(TurnForm)),
        st.builds(NextSpeaker, st.just(ID), numbers),
        st.builds(GiveTurn, st.just(ID), numbers, people),
        st.builds(DenyTurn, st.just(ID), people),
        st.builds(EndTurn, st.just(ID), numbers),
        st.builds(ExtendTurn, st.just(ID), numbers, st.sampled_from([1_000, 60_000])),
        st.builds(HoldTime, st.just(ID), numbers, on=st.booleans()),
        st.builds(MoveInOrder, st.just(ID), people, st.none() | people),
        st.just(LeastHeardFirst(ID)),
        modes(),
        st.builds(SetCompanion, st.just(ID), people, st.none() | people),
    )


def talk(people: st.SearchStrategy[ParticipantId]) -> st.SearchStrategy[CountTalk]:
    """What the server heard."""
    return st.lists(st.builds(TalkTime, people, st.integers(0, 9_000)), max_size=2).map(
        lambda times: CountTalk(tuple(times))
    )


NEVER_AGAIN = (Pass, ExtendTurn)
"""What means something else the second time: then the hand is lowered; and longer is longer each time."""

TIMES = ("since_ms", "limit_ms", "ends_ms", "left_ms", "held", "firm", "grace")


def assert_peers_learn_no_time(you: str, body: Wire) -> None:
    """`body`: a frame or a snapshot for a participant."""
    seen = body.get("snapshot", body)
    floor: Wire = seen.get("floor") or {}
    turn: Wire = floor.get("turn") or {}
    assert not floor.get("passed")
    assert not seen.get("talk")
    assert body.get("type") != "talk_time_changed"
    if turn.get("holder_id") != you:
        assert not any(turn.get(each) for each in TIMES)
        assert not any(floor.get(each) for each in ("limit_ms", "firm"))
        assert floor.get("order", "list") == "list"
