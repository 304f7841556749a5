"""A room as a therapist of its group sees it from outside. They are not in it, and it knows nothing of them."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from protocol.ids import ParticipantId
from protocol.supervision import SupervisedView
from protocol.values import Role, Snapshot
from rooms.state import RoomState
from rooms.view import Viewer, session_view, snapshot

_FROM_OUTSIDE = Viewer(ParticipantId(""), Role.THERAPIST)


_UNSEEN: Final = Viewer(ParticipantId(""), Role.PARTICIPANT)

SEEN_LINES: Final = 30
"""Lines of chat that go with what a monitor sees."""


def as_participant(state: RoomState) -> Snapshot:
    """The room as a participant would see it who is in it: what a monitor sees."""
    seen = snapshot(state, _UNSEEN)
    return replace(seen, chat=seen.chat[-SEEN_LINES:], earlier=seen.earlier or len(seen.chat) > SEEN_LINES)


def from_outside(state: RoomState) -> SupervisedView:
    """How many are there, and who leads. Who answers for it, and what it needs, is not the room's to say."""
    return SupervisedView(
        session=session_view(state, _FROM_OUTSIDE),
        people=sum(1 for _ in state.inside()),
        waiting=sum(1 for _ in state.waiting()),
        leaders=tuple(person.name for person in state.leaders()),
        paused_until_ms=state.paused_until_ms or 0,
    )
