"""The one permission function. Deny by default: what is not in the table is refused.

A row says for one action what each capacity may do it to. The table holds the whole domain description, also what no
code can carry out yet: an action is added here before any code can.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from protocol.values import Role


class Office(StrEnum):
    """What a person is outside of a room, towards its people and its records."""

    ASSIGNED = "assigned"
    """A therapist of the group that a session belongs to, not visible in its room."""
    ON_CALL = "on_call"
    """A therapist who is on call, for what was escalated."""
    CLINICAL_LEAD = "clinical_lead"
    ADMIN = "admin"
    HOLDER = "holder"
    """Whoever is signed in, towards their own account: also staff whose role nobody has approved yet."""


Capacity = Role | Office
"""In what capacity a person acts: exactly one applies to one act."""


class Action(StrEnum):
    """Everything that a person can ask for, or can be shown."""

    # One's own part in a room.
    ENTER = "enter"
    LEAVE = "leave"
    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"
    SET_DEVICES = "set_devices"
    SHARE_SCREEN = "share_screen"
    SET_LISTENING = "set_listening"
    SET_NOT_ALONE = "set_not_alone"
    SEE_NOT_ALONE = "see_not_alone"
    REACT = "react"
    POST_CHAT = "post_chat"
    RAISE_HAND = "raise_hand"
    PASS_TURN = "pass_turn"  # noqa: S105  a turn is passed, and nothing secret
    # The chat of others.
    HIDE_CHAT = "hide_chat"
    SHOW_CHAT = "show_chat"
    READ_HIDDEN_CHAT = "read_hidden_chat"
    # The door.
    SEE_LOBBY = "see_lobby"
    ADMIT = "admit"
    MOVE_TO_LOBBY = "move_to_lobby"
    REMOVE = "remove"
    # Speaking turns.
    GIVE_TURN = "give_turn"
    DENY_TURN = "deny_turn"
    CLOSE_TURN = "close_turn"
    EXTEND_TURN = "extend_turn"
    HOLD_TURN = "hold_turn"
    SET_TURN_MODE = "set_turn_mode"
    SEE_TALK_TIME = "see_talk_time"
    SEE_TURN_TIME = "see_turn_time"
    SEE_TURNS_SET = "see_turns_set"
    SET_COMPANION = "set_companion"
    # The devices of others.
    CLOSE_MICROPHONE = "close_microphone"
    CLOSE_CAMERA = "close_camera"
    CLOSE_SCREEN = "close_screen"
    ALLOW_MICROPHONE = "allow_microphone"
    SEE_CLOSED_MICROPHONE = "see_closed_microphone"
    ALLOW_SCREEN = "allow_screen"
    SEE_ALLOWED_SCREEN = "see_allowed_screen"
    OPEN_MICROPHONE = "open_microphone"
    OPEN_CAMERA = "open_camera"
    # Leading.
    ASK_FOR_COVER = "ask_for_cover"
    SEE_NEEDED_COVER = "see_needed_cover"
    END_SESSION = "end_session"
    # Flags.
    FLAG = "flag"
    REPORT = "report"
    CALL_FOR_HELP = "call_for_help"
    SEE_FLAG_RECEIVED = "see_flag_received"
    SEE_FLAG_STATUS = "see_flag_status"
    SEE_FLAG = "see_flag"
    COUNT_FLAGS = "count_flags"
    ACKNOWLEDGE_FLAG = "acknowledge_flag"
    RESOLVE_FLAG = "resolve_flag"
    EDIT_FLAG = "edit_flag"
    DELETE_FLAG = "delete_flag"
    # Supervision.
    WATCH_SESSIONS = "watch_sessions"
    SEE_TIMELINE = "see_timeline"
    BE_RESPONDER = "be_responder"
    OVERRIDE_RESPONDER = "override_responder"
    BE_ON_CALL = "be_on_call"
    MONITOR = "monitor"
    BREAK_GLASS = "break_glass"
    REVIEW_BREAK_GLASS = "review_break_glass"
    WHISPER = "whisper"
    STEP_IN = "step_in"
    HEAR_WHISPERS = "hear_whispers"
    CONFIRM_WHEREABOUTS = "confirm_whereabouts"
    READ_WHEREABOUTS = "read_whereabouts"
    # People and their accounts.
    SEE_PEOPLE = "see_people"
    INVITE = "invite"
    DISABLE_ACCOUNT = "disable_account"
    RESET_ACCOUNT = "reset_account"
    MANAGE_FACTORS = "manage_factors"
    SEE_SIGN_INS = "see_sign_ins"
    END_SIGN_INS = "end_sign_ins"
    ASK_FOR_ROLE = "ask_for_role"
    APPROVE_ROLE = "approve_role"
    REFUSE_ROLE = "refuse_role"
    TAKE_ROLE = "take_role"
    # Records.
    EXPORT_AUDIT = "export_audit"


class Relation(StrEnum):
    """How the thing acted on relates to the person who acts."""

    OWN = "own"
    """Myself, my devices, my message, the flag that I raised."""
    PARTICIPANT = "participant"
    """Another person who is here as a participant, or what is theirs."""
    STAFF = "staff"
    """Another person who is here as a mentor or therapist, or what is theirs."""
    ROOM = "room"
    """The room or session as a whole, or the flags on it that concern and come from others."""
    CONCERNS_ME = "concerns_me"
    """A flag about me, or a session in which one is open."""
    IN_MY_CRISIS = "in_my_crisis"
    """A participant whom a crisis concerns that I flagged and nobody has acknowledged."""
    ELSEWHERE = "elsewhere"
    """Of a group that I have nothing to do with."""
    ASKED_BY_ME = "asked_by_me"
    """A role that I asked for, for somebody else."""


_P, _M, _T = Role.PARTICIPANT, Role.MENTOR, Role.THERAPIST
_ASSIGNED, _ON_CALL, _LEAD, _ADMIN = Office.ASSIGNED, Office.ON_CALL, Office.CLINICAL_LEAD, Office.ADMIN
_HOLDER = Office.HOLDER
_OWN: Final = frozenset({Relation.OWN})
_ROOM: Final = frozenset({Relation.ROOM})
_PARTICIPANT: Final = frozenset({Relation.PARTICIPANT})
_ANY_PERSON: Final = frozenset({Relation.OWN, Relation.PARTICIPANT, Relation.STAFF})
_ANYONE_ELSE: Final = frozenset({Relation.PARTICIPANT, Relation.STAFF})
_ABOUT: Final = frozenset({Relation.OWN, Relation.PARTICIPANT, Relation.STAFF, Relation.ROOM})
_FLAGS: Final = frozenset({Relation.OWN, Relation.ROOM})
_ELSEWHERE: Final = frozenset({Relation.ELSEWHERE})
_ANY_GROUP: Final = frozenset({Relation.ROOM, Relation.ELSEWHERE})
_ALL_FLAGS: Final = _FLAGS | _ANY_GROUP

# A therapist in the room stream is one who joined visibly, or stepped in; silent monitors are not in it.
_TABLE: Final[dict[Action, dict[Capacity, frozenset[Relation]]]] = {
    Action.ENTER: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.LEAVE: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.PUBLISH: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.SUBSCRIBE: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.SET_DEVICES: {_P: _OWN, _M: _OWN, _T: _OWN},
    # A participant needs a mentor's leave as well: who may share is part of the room's state.
    Action.SHARE_SCREEN: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.SET_LISTENING: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.SET_NOT_ALONE: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.SEE_NOT_ALONE: {_P: _OWN, _M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.REACT: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.POST_CHAT: {_P: _ROOM, _M: _ROOM, _T: _ROOM},
    Action.RAISE_HAND: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.PASS_TURN: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.HIDE_CHAT: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.SHOW_CHAT: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.READ_HIDDEN_CHAT: {_T: _ANY_PERSON},
    Action.SEE_LOBBY: {_M: _ROOM, _T: _ROOM},
    Action.ADMIT: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.MOVE_TO_LOBBY: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.REMOVE: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.GIVE_TURN: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.DENY_TURN: {_M: _ANYONE_ELSE, _T: _ANYONE_ELSE},
    Action.CLOSE_TURN: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.EXTEND_TURN: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.HOLD_TURN: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.SET_TURN_MODE: {_M: _ROOM, _T: _ROOM},
    Action.SEE_TALK_TIME: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    # Of a turn, by whose it is: its clock, and how turns are set to go.
    Action.SEE_TURN_TIME: {_P: _OWN, _M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.SEE_TURNS_SET: {_M: _ROOM, _T: _ROOM},
    Action.SET_COMPANION: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.CLOSE_MICROPHONE: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.CLOSE_CAMERA: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    # Also of another mentor: there is one screen for the whole room.
    Action.CLOSE_SCREEN: {_M: _ANYONE_ELSE, _T: _ANYONE_ELSE},
    Action.ALLOW_SCREEN: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.SEE_ALLOWED_SCREEN: {_P: _OWN, _M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.ALLOW_MICROPHONE: {_M: _PARTICIPANT, _T: _PARTICIPANT},
    Action.SEE_CLOSED_MICROPHONE: {_P: _OWN, _M: _ANY_PERSON, _T: _ANY_PERSON},
    # Nobody, ever, opens anyone's microphone or camera from afar; a person opens their own by SET_DEVICES.
    Action.OPEN_MICROPHONE: {},
    Action.OPEN_CAMERA: {},
    Action.ASK_FOR_COVER: {_M: _OWN, _T: _OWN},
    Action.SEE_NEEDED_COVER: {_M: _ANY_PERSON, _T: _ANY_PERSON},
    Action.END_SESSION: {_M: _ROOM, _T: _ROOM},
    Action.FLAG: {_M: _ABOUT, _T: _ABOUT},
    Action.REPORT: {_P: _ABOUT, _M: _ABOUT, _T: _ABOUT},
    Action.CALL_FOR_HELP: {_P: _ABOUT, _M: _ABOUT, _T: _ABOUT},
    Action.SEE_FLAG_RECEIVED: {_P: _OWN, _M: _OWN, _T: _OWN},
    Action.SEE_FLAG_STATUS: {_M: _OWN, _T: _OWN},
    # None of what follows with the relation CONCERNS_ME: whom a flag concerns never sees, counts or touches it.
    Action.SEE_FLAG: {_T: _FLAGS, _ASSIGNED: _FLAGS, _ON_CALL: _FLAGS, _LEAD: _FLAGS},
    Action.COUNT_FLAGS: {
        _T: _FLAGS,
        _ASSIGNED: _FLAGS,
        _ON_CALL: _FLAGS,
        _LEAD: _ALL_FLAGS,
        _ADMIN: _ANY_GROUP,
    },
    Action.ACKNOWLEDGE_FLAG: {_T: _FLAGS, _ASSIGNED: _FLAGS, _ON_CALL: _FLAGS, _LEAD: _FLAGS},
    Action.RESOLVE_FLAG: {_T: _FLAGS, _ASSIGNED: _FLAGS, _ON_CALL: _FLAGS, _LEAD: _FLAGS},
    # A flag stays as it was raised, for everyone.
    Action.EDIT_FLAG: {},
    Action.DELETE_FLAG: {},
    Action.WATCH_SESSIONS: {_ASSIGNED: _ROOM, _ON_CALL: _ROOM, _LEAD: _ROOM},
    Action.SEE_TIMELINE: {_ASSIGNED: _ROOM},
    Action.BE_RESPONDER: {_ASSIGNED: _ROOM, _ON_CALL: _ROOM},
    Action.OVERRIDE_RESPONDER: {_LEAD: _ANY_GROUP},
    # Oneself; of all, who is.
    Action.BE_ON_CALL: {_ON_CALL: _OWN | _ROOM, _LEAD: _ROOM},
    # A clinical lead for what concerns a therapist, as an assigned one would.
    Action.MONITOR: {_ASSIGNED: _ROOM, _ON_CALL: _ROOM, _LEAD: _ROOM},
    Action.BREAK_GLASS: {_ASSIGNED: _ROOM, _ON_CALL: _ROOM, _LEAD: _ANY_GROUP},
    Action.REVIEW_BREAK_GLASS: {_LEAD: _ANY_GROUP},
    Action.WHISPER: {_ASSIGNED: _ROOM, _ON_CALL: _ROOM, _LEAD: _ROOM},
    Action.STEP_IN: {_ASSIGNED: _ROOM, _ON_CALL: _ROOM, _LEAD: _ROOM},
    Action.HEAR_WHISPERS: {_M: _OWN},
    Action.CONFIRM_WHEREABOUTS: {_P: _OWN},
    Action.READ_WHEREABOUTS: {
        _M: frozenset({Relation.IN_MY_CRISIS}),
        _T: _PARTICIPANT,
        _ASSIGNED: _PARTICIPANT,
        _ON_CALL: _PARTICIPANT,
        _LEAD: _PARTICIPANT,
    },
    Action.SEE_PEOPLE: {_LEAD: _ELSEWHERE, _ADMIN: _ELSEWHERE},
    Action.INVITE: {_LEAD: _ANYONE_ELSE, _ADMIN: _ANYONE_ELSE},
    # Never one's own: the last admin would lock the door from inside.
    Action.DISABLE_ACCOUNT: {_LEAD: _PARTICIPANT, _ADMIN: _ANYONE_ELSE},
    Action.RESET_ACCOUNT: {_ADMIN: _ANYONE_ELSE},
    Action.MANAGE_FACTORS: {_HOLDER: _OWN},
    Action.SEE_SIGN_INS: {_HOLDER: _OWN},
    Action.END_SIGN_INS: {_HOLDER: _OWN, _ADMIN: _ANYONE_ELSE},
    # Nobody grants themselves a role; and who asked for one does not approve it.
    Action.ASK_FOR_ROLE: {_LEAD: _ANYONE_ELSE, _ADMIN: _ANYONE_ELSE},
    Action.APPROVE_ROLE: {_LEAD: _ANYONE_ELSE, _ADMIN: _ANYONE_ELSE},
    Action.REFUSE_ROLE: {
        _LEAD: _ANYONE_ELSE | frozenset({Relation.ASKED_BY_ME}),
        _ADMIN: _ANYONE_ELSE | frozenset({Relation.ASKED_BY_ME}),
    },
    Action.TAKE_ROLE: {_LEAD: _ANYONE_ELSE, _ADMIN: _ANYONE_ELSE},
    Action.EXPORT_AUDIT: {_LEAD: _ANY_GROUP},
}


def permitted(capacity: Capacity, action: Action, relation: Relation) -> bool:
    """Whether a person in that capacity may do that to something so related to them."""
    return relation in _TABLE.get(action, {}).get(capacity, frozenset())


def relation_to(role_of_owner: Role, *, own: bool) -> Relation:
    """The relation of an actor to a person, or to what belongs to a person."""
    if own:
        return Relation.OWN
    return Relation.PARTICIPANT if role_of_owner is Role.PARTICIPANT else Relation.STAFF
