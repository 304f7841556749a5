"""The room as a client keeps it: a snapshot, completed by frames. Written from the wire's declaration alone.

It works on plain maps, as they arrive on the wire with defaults left out, and knows nothing of `rooms`. It is strict:
a frame about someone or something it does not know is a fault of the server, and fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from protocol.messages import RoomFrame
from protocol.values import Snapshot

Wire = dict[str, Any]

PERSON = {
    "microphone": False,
    "camera": False,
    "connected": True,
    "microphone_closed": False,
    "closings": 0,
    "listening": False,
    "not_alone": False,
    "needs_cover": False,
    "screen": False,
    "screen_audio": False,
    "may_share": False,
    "companion_of": "",
}
TURN = {
    "form": "spoken",
    "since_ms": 0,
    "limit_ms": 0,
    "ends_ms": 0,
    "left_ms": 0,
    "held": False,
    "held_by": "",
    "firm": False,
    "grace": False,
}
FLOOR = {
    "mode": "open",
    "turn": None,
    "newest": 0,
    "hands": [],
    "round": [],
    "later": [],
    "done": [],
    "passed": [],
    "order": "list",
    "limit_ms": 0,
    "firm": False,
    "unsaved": False,
    "mode_number": 0,
}
WAITING = {"expected": False}
SESSION = {"note": "", "waits_for": "nothing", "late": False}
MESSAGE = {"hidden": False, "turn": False}


class ClientModel:
    """What one client shows. `seq` is the number of the last sequenced frame taken."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.seq = 0
        self._begin(wire(snapshot))

    def _begin(self, view: Wire) -> None:
        self.you: str = view["you"]
        self.session: Wire = SESSION | view["session"]
        self.earlier: bool = view.get("earlier", False)
        self.waiting: bool = view.get("waiting", False)
        self.paused_until_ms: int = view.get("paused_until_ms", 0)
        self.floor = _floor(view.get("floor"))
        self.talk = _talk(view.get("talk", ()))
        self.people: dict[str, Wire] = {}
        self.chat: dict[str, Wire] = {}
        self.lobby: dict[str, Wire] = {}
        for person in view["participants"]:
            assert person["id"] not in self.people
            self.people[person["id"]] = PERSON | person
        for person in view.get("lobby", ()):
            assert person["id"] not in self.lobby
            self.lobby[person["id"]] = WAITING | person
        for message in view["chat"]:
            assert message["id"] not in self.chat
            self.chat[message["id"]] = MESSAGE | message

    def take(self, seq: int | None, frame: RoomFrame) -> None:
        """Completes the room by one frame."""
        body = wire(frame)
        if seq is not None:
            follows = seq > self.seq if body["type"] == "view_replaced" else seq == self.seq + 1
            assert follows, "a sequenced frame is missing, or came twice"
            self.seq = seq
        match body["type"]:
            case "view_replaced":
                self._begin(body["snapshot"])
            case "session_changed":
                self.session = SESSION | body["session"]
            case "participant_joined":
                person = PERSON | body["participant"]
                self.people[person["id"]] = person
                self.lobby.pop(person["id"], None)
            case "lobby_joined":
                person = WAITING | body["person"]
                self.people.pop(person["id"], None)
                self.lobby[person["id"]] = person
            case "lobby_left":
                del self.lobby[body["participant_id"]]
            case "listening_changed":
                self._change(body, listening=body["listening"])
            case "floor_changed":
                self.floor = _floor(body["floor"])
                if self.you in self.people:
                    self.people[self.you]["closings"] = body.get("closings", 0)
            case "talk_time_changed":
                self.talk = _talk(body["times"])
            case "not_alone_changed":
                self._change(body, not_alone=body["on"])
            case "cover_changed":
                self._change(body, needs_cover=body["needed"])
            case "reacted":
                assert body["participant_id"] in self.people
            case "pause_changed":
                self.paused_until_ms = body["until_ms"]
                if self.you in self.people:
                    self.people[self.you]["closings"] = body.get("closings", 0)
                if self.paused_until_ms:
                    for person in self.people.values():
                        if person["role"] == "participant":
                            person.update(microphone=False, screen=False, screen_audio=False)
            case "participant_left":
                del self.people[body["participant_id"]]
            case "chat_posted":
                message = MESSAGE | body["message"]
                assert message["id"] not in self.chat, "a message was posted twice"
                self.chat[message["id"]] = message
            case "chat_hidden" | "chat_shown":
                message = MESSAGE | body["message"]
                # One older than what this client was given stays unknown to it.
                assert self.earlier or message["id"] in self.chat
                if message["id"] in self.chat:
                    self.chat[message["id"]] = message
            case "microphone_closed":
                self._change(body, microphone=False, microphone_closed=True, closings=body.get("closings", 0))
            case "microphone_allowed":
                self._change(body, microphone_closed=False)
            case "microphone_held":
                self._change(body, microphone_closed=body["held"], closings=body.get("closings", 0))
                if body["held"]:
                    self._change(body, microphone=False)
            case "devices_changed":
                self._change(body, microphone=body["microphone"], camera=body["camera"])
            case "screen_changed":
                self._change(body, screen=body["screen"], screen_audio=body.get("screen_audio", False))
            case "screen_allowed":
                self._change(body, may_share=body["allowed"])
            case "presence_changed":
                self._change(body, connected=body["connected"])
            case "session_ended":
                self.session = self.session | {"status": "ended", "waits_for": "nothing", "late": False}
                self.people = {}
                self.lobby = {}
                self.floor = None
                self.paused_until_ms = 0
                self.waiting = False
            case other:
                raise AssertionError(other)

    def _change(self, body: Wire, **changes: Any) -> None:
        self.people[body["participant_id"]].update(changes)

    def shows(self) -> Wire:
        """All that is on the screen, people by place."""
        return {
            "you": self.you,
            "session": self.session,
            "waiting": self.waiting,
            "paused_until_ms": self.paused_until_ms,
            "participants": sorted(self.people.values(), key=lambda person: person["place"]),
            "lobby": sorted(self.lobby.values(), key=lambda person: (person["since_ms"], person["id"])),
            "chat": list(self.chat.values()),
            "floor": self.floor,
            "talk": self.talk,
        }


def _floor(floor: Wire | None) -> Wire | None:
    if floor is None:
        return None
    turn: Wire | None = floor.get("turn")
    return FLOOR | floor | {"turn": None if turn is None else TURN | turn}


def _talk(times: Iterable[Wire]) -> Wire:
    return {each["participant_id"]: each["ms"] for each in times}


def wire(value: Snapshot | RoomFrame) -> Wire:
    """The value as it arrives at a client."""
    return msgspec.json.decode(msgspec.json.encode(value))
