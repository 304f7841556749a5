"""A room's state: a frozen value, rebuilt from its log by `evolve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import Millis, Role, SessionStatus
from rooms.chat import Chat


class Participant(Struct, frozen=True):
    """A person's presence. Whoever was here once stays in the state, so that a place is kept.

    Attributes:
        place: order of first arrival, from 0.
        present: in the room, connected or with a place kept.
        away_until_ms: the connection is lost and the place is kept until then; None when connected.
        microphone: the person's microphone is on (by their own word).
        camera: the person's camera is on (by their own word).
        shut: a mentor closed the microphone.
        held: a closing took effect but is not saved yet; works like `shut`.
        closings: how often it was shut or held; a client must know the latest before it may open.
    """

    id: ParticipantId
    identity_id: IdentityId
    name: str
    role: Role
    place: int
    present: bool = True
    away_until_ms: Millis | None = None
    microphone: bool = False
    camera: bool = False
    shut: bool = False
    held: bool = False
    closings: int = 0

    @property
    def connected(self) -> bool:
        """Whether the person's connection stands."""
        return self.away_until_ms is None

    @property
    def microphone_closed(self) -> bool:
        """Whether the microphone may not be opened now."""
        return self.shut or self.held


class RoomState(Struct, frozen=True):
    """All that the room stream knows.

    Attributes:
        people: everyone who was ever here, in order of first arrival.
        chat: messages in the room's one order.
    """

    session_id: SessionId = SessionId("")
    title: str = ""
    status: SessionStatus | None = None
    people: Mapping[ParticipantId, Participant] = MappingProxyType({})
    chat: Chat = Chat()

    def present(self) -> Iterator[Participant]:
        """Those who are here, by place."""
        return (p for p in self.people.values() if p.present)

    def here(self, participant_id: ParticipantId) -> Participant | None:
        """That person, if present."""
        person = self.people.get(participant_id)
        return person if person is not None and person.present else None


EMPTY = RoomState()
