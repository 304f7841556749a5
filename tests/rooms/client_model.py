"""The room as a client keeps it: a snapshot, completed by frames. Written from the wire's declaration alone.

It works on plain maps, as they arrive on the wire with defaults left out, and knows nothing of `rooms`. It is strict:
a frame about someone or something it does not know is a fault of the server, and fails.
"""

from __future__ import annotations

from typing import Any

import msgspec

from protocol.messages import RoomFrame
from protocol.values import Snapshot

Wire = dict[str, Any]

PERSON = {"microphone": False, "camera": False, "connected": True, "microphone_closed": False, "closings": 0}
MESSAGE = {"hidden": False}


class ClientModel:
    """What one client shows. `seq` is the number of the last sequenced frame taken."""

    def __init__(self, snapshot: Snapshot) -> None:
        welcome = wire(snapshot)
        self.seq = 0
        self.you: str = welcome["you"]
        self.session: Wire = welcome["session"]
        self.earlier: bool = welcome.get("earlier", False)
        self.people: dict[str, Wire] = {}
        self.chat: dict[str, Wire] = {}
        for person in welcome["participants"]:
            assert person["id"] not in self.people
            self.people[person["id"]] = PERSON | person
        for message in welcome["chat"]:
            assert message["id"] not in self.chat
            self.chat[message["id"]] = MESSAGE | message

    def take(self, seq: int | None, frame: RoomFrame) -> None:
        """Completes the room by one frame."""
        if seq is not None:
            assert seq == self.seq + 1, "a sequenced frame is missing, or came twice"
            self.seq = seq
        body = wire(frame)
        match body["type"]:
            case "participant_joined":
                person = PERSON | body["participant"]
                self.people[person["id"]] = person
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
            case "presence_changed":
                self._change(body, connected=body["connected"])
            case "session_ended":
                self.session = self.session | {"status": "ended"}
                self.people = {}
            case other:
                raise AssertionError(other)

    def _change(self, body: Wire, **changes: Any) -> None:
        self.people[body["participant_id"]].update(changes)

    def shows(self) -> Wire:
        """All that is on the screen, people by place."""
        return {
            "you": self.you,
            "session": self.session,
            "participants": sorted(self.people.values(), key=lambda person: person["place"]),
            "chat": list(self.chat.values()),
        }


def wire(value: Snapshot | RoomFrame) -> Wire:
    """The value as it arrives at a client."""
    return msgspec.json.decode(msgspec.json.encode(value))
