"""Speaking turns in a simulated room: what people do with them, and what a stored room shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.ids import ParticipantId
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
from protocol.values import RoundOrder, TurnForm, TurnMode
from rooms.commands import RoomRequest, TurnRequest
from rooms.state import RoomState
from tests.rooms.client_model import Wire
from tests.simulation.client import Client

if TYPE_CHECKING:
    from tests.simulation.world import World

LIMITS = (0, 0, 20_000, 60_000)


def own_request(world: World, client: Client) -> RoomRequest:
    """Something that anybody may ask."""
    chance, floor, again = world.chance, _floor(client), client.request_id()
    turn: Wire = floor["turn"] or {}
    mine = turn.get("holder_id") == client.participant
    if mine and chance.random() < 0.8:
        number: int = turn["number"]
        to_come: list[str] = floor["round"] or [turn["holder_id"]]
        return chance.choice(
            (
                Pass(again, chance.random() < 0.5, number),
                EndTurn(again, number),
                PassTurnOn(again, number, ParticipantId(chance.choice(to_come))),
                SetTurnForm(again, number, chance.choice(tuple(TurnForm))),
            )
        )
    return chance.choice(
        (RaiseHand(again), RaiseHand(again), LowerHand(again), Pass(again, come_back=chance.random() < 0.5))
    )


def mentors_request(world: World, client: Client) -> RoomRequest:
    """Something that only who leads may ask."""
    chance, floor, again = world.chance, _floor(client), client.request_id()
    turn: Wire = floor["turn"] or {}
    number: int = turn.get("number", floor["newest"])
    there = list(client.model.people) if client.model is not None else []
    someone, other = (ParticipantId(chance.choice([*floor["hands"], *floor["round"], *there])) for _ in "ab")
    return chance.choice(
        (
            NextSpeaker(again, floor["newest"]),
            NextSpeaker(again, floor["newest"]),
            GiveTurn(again, floor["newest"], someone),
            GiveTurn(again, floor["newest"], someone),
            EndTurn(again, number),
            EndTurn(again, number),
            ExtendTurn(again, number, 10_000),
            HoldTime(again, number, on=chance.random() < 0.6),
            DenyTurn(again, someone),
            MoveInOrder(again, someone, chance.choice((None, other))),
            LeastHeardFirst(again),
            SetCompanion(again, someone, chance.choice((None, other))),
        )
    )


def mode_request(world: World, client: Client) -> RoomRequest:
    """How turns go from now on."""
    chance = world.chance
    mode = chance.choice(
        (TurnMode.OPEN, TurnMode.QUEUE, TurnMode.QUEUE, TurnMode.ROUND, TurnMode.ROUND, TurnMode.QUIET)
    )
    order, limit = chance.choice(tuple(RoundOrder)), chance.choice(LIMITS)
    return SetTurnMode(client.request_id(), mode, order, limit, firm=chance.random() < 0.5)


def turn_took_effect(message: TurnRequest, state: RoomState, whose: str | None) -> bool:
    """Whether the stored room shows what an acknowledged request is to do; what was late is to do nothing."""
    floor = state.floor
    match message:
        case RaiseHand():
            return whose in (*floor.hands, floor.holder_id)
        case LowerHand():
            return whose not in floor.hands
        case EndTurn(turn=number) | PassTurnOn(turn=number):
            return floor.running(number) is None
        case SetTurnForm(turn=number):
            turn = floor.running(number)
            return turn is None or turn.form is message.form
        case HoldTime(turn=number):
            turn = floor.running(number)
            return turn is None or turn.held == message.on
        case ExtendTurn(turn=number):
            turn = floor.running(number)
            return turn is None or turn.limit_ms >= message.by_ms
        case NextSpeaker(after=number):
            return floor.newest != number
        case GiveTurn(after=number):
            return floor.newest != number or floor.holder_id == message.participant_id
        case DenyTurn():
            return message.participant_id not in (*floor.hands, *floor.to_come)
        case SetTurnMode():
            as_set = (floor.order, floor.limit_ms, floor.firm) == (message.order, message.limit_ms, message.firm)
            return as_set and message.mode in (None, floor.mode)
        case SetCompanion():
            person = state.people.get(message.participant_id)
            return person is not None and person.companion_of == message.companion_of
        case Pass() | MoveInOrder() | LeastHeardFirst():
            return True


def _floor(client: Client) -> Wire:
    assert client.model is not None
    assert client.model.floor is not None
    return client.model.floor
