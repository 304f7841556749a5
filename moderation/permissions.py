"""The one permission function. Deny by default: what is not in the table is refused.

A row says for one action what each role may do it to. Rows follow the table of roles in the domain
description; an action is added here before any code can carry it out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from protocol.messages import Role


class Action(StrEnum):
    """Everything that a person in a room can ask for, or can be shown."""

    ENTER = "enter"
    LEAVE = "leave"
    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"
    SET_DEVICES = "set_devices"
    POST_CHAT = "post_chat"
    HIDE_CHAT = "hide_chat"
    SHOW_CHAT = "show_chat"
    READ_HIDDEN_CHAT = "read_hidden_chat"
    CLOSE_MICROPHONE = "close_microphone"
    ALLOW_MICROPHONE = "allow_microphone"
    SEE_CLOSED_MICROPHONE = "see_closed_microphone"
    OPEN_MICROPHONE = "open_microphone"
    OPEN_CAMERA = "open_camera"
    END_SESSION = "end_session"
    CONFIRM_WHEREABOUTS = "confirm_whereabouts"
    READ_WHEREABOUTS = "read_whereabouts"


class Relation(StrEnum):
    """How the thing acted on relates to the person who acts."""

    OWN = "own"
    """Myself, my devices, my message."""
    PARTICIPANT = "participant"
    """Another person who is here as a participant, or what is theirs."""
    STAFF = "staff"
    """Another person who is here as a mentor or therapist, or what is theirs."""
    ROOM = "room"
    """The room as a whole."""


_P, _M, _T = Role.PARTICIPANT, Role.MENTOR, Role.THERAPIST
_OWN: Final = frozenset({Relation.OWN})
_ROOM: Final = frozenset({Relation.ROOM})
_PARTICIPANT: Final = frozenset({Relation.PARTICIPANT})
_ANY_PERSON: Final = frozenset({Relation.OWN, Relation.PARTICIPANT, Relation.STAFF})

# A therapist in the room stream is one who joined visibly, or stepped in; silent monitors are not in it.
_TABLE: Final[dict[Action, dict[Role, frozenset[Relation]]]] = {
    Action.ENTER: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.LEAVE: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.PUBLISH: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.SUBSCRIBE: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.SET_DEVICES: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.POST_CHAT: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.HIDE_CHAT: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.SHOW_CHAT: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.READ_HIDDEN_CHAT: {_T: _ANY_PERSON},
    Action.CLOSE_MICROPHONE: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.ALLOW_MICROPHONE: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.SEE_CLOSED_MICROPHONE: {_P: _OWN, _M: _ANY_PERSON, _T: _ANY_PERSON},
    # Nobody, ever, opens anyone's microphone or camera from afar; a person opens their own by SET_DEVICES.
    Action.OPEN_MICROPHONE: {},
    Action.OPEN_CAMERA: {},
    Action.END_SESSION: {_M: _ROOM, _T: _ROOM},
    Action.CONFIRM_WHEREABOUTS: {_P: _OWN},
    # A therapist who is assigned to the group, in the room or not.
    Action.READ_WHEREABOUTS: {_T: _PARTICIPANT},
}


def permitted(role: Role, action: Action, relation: Relation) -> bool:
    """Whether a person with that role in the room may do that to something so related to them."""
    return relation in _TABLE.get(action, {}).get(role, frozenset())


def relation_to(role_of_owner: Role, *, own: bool) -> Relation:
    """The relation of an actor to a person, or to what belongs to a person."""
    if own:
        return Relation.OWN
    return Relation.PARTICIPANT if role_of_owner is Role.PARTICIPANT else Relation.STAFF
