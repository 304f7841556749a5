"""`evolve(state, event)`: how each event changes what is known. Total: an event that was stored always applies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec.structs import replace

from moderation.supervision.events import ConcernAcknowledged, ConcernPassed, ConcernRaised, Event, Held
from moderation.supervision.state import Concern, SupervisionState
from protocol.ids import ConcernId


def evolve(state: SupervisionState, event: Event) -> SupervisionState:
    """The state after `event`."""
    match event:
        case ConcernRaised() | ConcernPassed():
            return _told(replace(state, unstored=tuple(each for each in state.unstored if each != event)), event)
        case ConcernAcknowledged():
            return _concern(state, event.concern_id, acknowledged=True)
        case Held(event=held):
            return _told(replace(state, unstored=(*state.unstored, held)), held)
    assert_never(event)


def evolve_all(state: SupervisionState, events: Iterable[Event]) -> SupervisionState:
    """The state after all events, in order."""
    for event in events:
        state = evolve(state, event)
    return state


def _told(state: SupervisionState, event: ConcernRaised | ConcernPassed) -> SupervisionState:
    state = replace(state, room_seq=max(state.room_seq, event.room_seq))
    if isinstance(event, ConcernPassed):
        return _concern(state, event.concern_id, over=True)
    if event.concern_id in state.concerns:
        # It was held in memory, and is stored now. What became of it meanwhile stays.
        return state
    return replace(state, concerns={**state.concerns, event.concern_id: Concern(event)})


def _concern(state: SupervisionState, concern_id: ConcernId, **changes: Any) -> SupervisionState:
    changed = replace(state.concerns[concern_id], **changes)
    return replace(state, concerns={**state.concerns, concern_id: changed})
