"""What can be asked of a room: requests of people, and what the server itself observes."""

from __future__ import annotations

from typing import get_args

from msgspec import Struct

from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Leave,
    MoveToLobby,
    PostChat,
    React,
    Remove,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShareScreen,
    ShowChat,
    StopSharing,
    WithdrawCover,
)
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
from protocol.values import LeaveReason, Role, TalkTime

TurnRequest = (
    RaiseHand
    | LowerHand
    | Pass
    | PassTurnOn
    | SetTurnForm
    | NextSpeaker
    | GiveTurn
    | DenyTurn
    | EndTurn
    | ExtendTurn
    | HoldTime
    | MoveInOrder
    | LeastHeardFirst
    | SetTurnMode
    | SetCompanion
)
"""Those of them that are about speaking turns."""

RoomRequest = (
    PostChat
    | HideChat
    | ShowChat
    | SetDevices
    | CloseMicrophone
    | AllowMicrophone
    | ShareScreen
    | StopSharing
    | CloseScreen
    | AllowScreen
    | Admit
    | MoveToLobby
    | Remove
    | AskForCover
    | WithdrawCover
    | SetListening
    | SetNotAlone
    | React
    | EndSession
    | Leave
    | TurnRequest
)
"""The client messages that concern the room's state."""

ROOM_REQUESTS: tuple[type, ...] = get_args(RoomRequest)


class Requested(Struct, frozen=True):
    """A person asks for something."""

    actor: ParticipantId
    message: RoomRequest


class OpenSession(Struct, frozen=True):
    """The server opens the lobby of a session; without effect when it is open. `note`: for those who wait."""

    session_id: SessionId
    title: str
    note: str = ""


class NameResponder(Struct, frozen=True):
    """A therapist says to be reachable while the session lasts; None: nobody is, any more."""

    identity_id: IdentityId | None


class WaiveResponder(Struct, frozen=True):
    """The clinical lead lets the session begin without a responder."""

    identity_id: IdentityId


class Enter(Struct, frozen=True):
    """A person with a valid join token comes, or takes over from another page; all devices begin off.

    `enrolled`: belongs to the group, and comes in by themselves; others knock.
    """

    participant_id: ParticipantId
    identity_id: IdentityId
    name: str
    role: Role
    enrolled: bool = True


class TakeOver(Struct, frozen=True):
    """Another page of a person stands in the room now: what the page before it had on is off. Brings nobody in."""

    participant_id: ParticipantId


class LoseConnection(Struct, frozen=True):
    """The server sees that a person's socket is gone; their place is kept for `grace_ms`."""

    participant_id: ParticipantId
    grace_ms: int


class RestoreConnection(Struct, frozen=True):
    """The person's socket is back."""

    participant_id: ParticipantId


class Depart(Struct, frozen=True):
    """The server takes a person out of the room."""

    participant_id: ParticipantId
    reason: LeaveReason


class CloseSession(Struct, frozen=True):
    """The server ends the session; with `if_empty` not while anyone is present."""

    if_empty: bool


class CountTalk(Struct, frozen=True):
    """The server heard people speak, for so long each since it last said so."""

    times: tuple[TalkTime, ...]


class PassTime(Struct, frozen=True):
    """A deadline may have passed."""


Command = (
    Requested
    | OpenSession
    | NameResponder
    | WaiveResponder
    | Enter
    | TakeOver
    | LoseConnection
    | RestoreConnection
    | Depart
    | CloseSession
    | CountTalk
    | PassTime
)
