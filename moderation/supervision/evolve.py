"""`evolve(state, event)`: how each event changes what is known. Total: an event that was stored always applies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec.structs import replace

from moderation.supervision.escalation import NEVER, Someone, highest
from moderation.supervision.events import (
    ConcernAcknowledged,
    ConcernEscalated,
    ConcernPassed,
    ConcernRaised,
    ConcernResolved,
    ConcernTaken,
    Event,
    FlagRaised,
    GlassReviewed,
    Held,
    MonitoringBegan,
    MonitoringEnded,
    SessionOver,
    SteppedIn,
    Told,
    WhisperSeen,
    WhisperSent,
    WhisperSpoken,
    is_told,
)
from moderation.supervision.state import Concern, Flag, Glass, Listening, SupervisionState, Whisper
from protocol.ids import ConcernId, GlassId
from protocol.supervision import ConcernKind


def evolve(state: SupervisionState, event: Event) -> SupervisionState:
    """The state after `event`."""
    if is_told(event) and event in state.unstored:
        # It holds already, and so does what became of it since: now it is stored, too.
        held = state.unstored.index(event)
        return replace(state, unstored=(*state.unstored[:held], *state.unstored[held + 1 :]))
    match event:
        case Held(event=told):
            return replace(_told(state, told), unstored=(*state.unstored, told))
        case ConcernAcknowledged():
            return _acknowledged(state, event)
        case ConcernTaken():
            return _concern(state, event.concern_id, holder=Someone(event.by, event.by_name), held_ms=event.at_ms)
        case MonitoringBegan() | SteppedIn() | WhisperSent() | WhisperSpoken() | WhisperSeen() | GlassReviewed():
            return _monitored(state, event)
        case ConcernResolved():
            return _concern(state, event.concern_id, resolution=event.resolution, resolved_ms=event.at_ms, due_ms=NEVER)
        case _:
            return _told(state, event)


def adds(state: SupervisionState, event: Told) -> bool:
    """Whether an event that was told tells that state something: it may know of it already, or of what came after."""
    match event:
        case FlagRaised():
            return event.flag_id not in state.flags
        case ConcernRaised():
            return event.concern_id not in state.concerns
        case ConcernEscalated():
            concern = state.concerns.get(event.concern_id)
            if concern is None or not concern.runs:
                return False
            at = concern.whom.chain.index
            return (at(event.step), event.due_ms) > (at(concern.step), concern.due_ms)
        case ConcernPassed():
            passed = state.concerns.get(event.concern_id)
            return passed is not None and not passed.over
        case SessionOver():
            return not state.ended
        case MonitoringEnded():
            return event.by in state.listening
    assert_never(event)


def evolve_all(state: SupervisionState, events: Iterable[Event]) -> SupervisionState:
    """The state after all events, in order."""
    for event in events:
        state = evolve(state, event)
    return state


def _told(state: SupervisionState, event: Told) -> SupervisionState:
    match event:
        case ConcernRaised():
            raised = Concern(
                event.concern_id,
                event.kind,
                event.severity,
                event.at_ms,
                event.room_seq,
                event.person,
                person_name=event.person_name,
                by=event.by,
                by_name=event.by_name,
                step=event.step,
                due_ms=event.due_ms,
            )
            return _heard(_with(state, raised), event.room_seq)
        case FlagRaised():
            return _flagged(state, event)
        case ConcernEscalated():
            return _concern(state, event.concern_id, step=event.step, due_ms=event.due_ms)
        case ConcernPassed():
            return _heard(_concern(state, event.concern_id, over=True, due_ms=NEVER), event.room_seq)
        case SessionOver():
            return _heard(replace(state, ended=True), event.room_seq)
        case MonitoringEnded():
            return _silent(state, event)
    assert_never(event)


def _monitored(
    state: SupervisionState,
    event: MonitoringBegan | SteppedIn | WhisperSent | WhisperSpoken | WhisperSeen | GlassReviewed,
) -> SupervisionState:
    match event:
        case MonitoringBegan():
            began = Listening(event.at_ms, event.capacity, event.until_ms, event.glass_id)
            state = replace(state, listening={**state.listening, event.by: began})
            if event.glass_id is None:
                return state
            glass = Glass(event.glass_id, Someone(event.by, event.by_name), event.reason, event.at_ms, event.due_ms)
            return replace(state, glass={**state.glass, glass.id: glass})
        case SteppedIn() | WhisperSpoken():
            return state
        case WhisperSent():
            by, to = Someone(event.by, event.by_name), Someone(event.person, event.person_name)
            whisper = Whisper(event.whisper_id, by, to, event.text, event.at_ms)
            return replace(state, whispers=(*state.whispers, whisper))
        case WhisperSeen():
            return replace(
                state,
                whispers=tuple(
                    replace(each, seen=True) if each.id == event.whisper_id else each for each in state.whispers
                ),
            )
        case GlassReviewed():
            return _glass(state, event.glass_id, reviewed=True)
    assert_never(event)


def _silent(state: SupervisionState, event: MonitoringEnded) -> SupervisionState:
    over = state.listening.get(event.by)
    state = replace(state, listening={who: each for who, each in state.listening.items() if who != event.by})
    if over is None or over.glass_id is None:
        return state
    return _glass(state, over.glass_id, until_ms=event.at_ms)


def _glass(state: SupervisionState, glass_id: GlassId, **changes: Any) -> SupervisionState:
    return replace(state, glass={**state.glass, glass_id: replace(state.glass[glass_id], **changes)})


def _flagged(state: SupervisionState, event: FlagRaised) -> SupervisionState:
    before = state.concerns.get(event.concern_id)
    flags = (*(before.flags if before else ()), Flag(event))
    if before is None:
        before = Concern(
            event.concern_id,
            ConcernKind.FLAGGED,
            event.severity,
            event.at_ms,
            person=event.person,
            participant_id=event.participant_id,
            person_name=event.person_name,
            conflicted=event.conflicted,
        )
    concern = replace(
        before,
        severity=highest(before.severity, event.severity),
        flags=flags,
        acknowledged=False,
        step=event.step,
        due_ms=event.due_ms,
    )
    return replace(_with(state, concern), flags={**state.flags, event.flag_id: event.concern_id})


def _acknowledged(state: SupervisionState, event: ConcernAcknowledged) -> SupervisionState:
    concern = state.concerns[event.concern_id]
    flags = tuple(
        replace(flag, acknowledged=True) if number < event.flags else flag for number, flag in enumerate(concern.flags)
    )
    all_of_it = all(flag.acknowledged for flag in flags)
    return _concern(
        state,
        concern.id,
        flags=flags,
        acknowledged=all_of_it,
        holder=Someone(event.by, event.by_name),
        held_ms=event.at_ms,
        due_ms=NEVER if all_of_it else concern.due_ms,
    )


def _heard(state: SupervisionState, room_seq: int) -> SupervisionState:
    return replace(state, room_seq=max(state.room_seq, room_seq))


def _with(state: SupervisionState, concern: Concern) -> SupervisionState:
    return replace(state, concerns={**state.concerns, concern.id: concern})


def _concern(state: SupervisionState, concern_id: ConcernId, **changes: Any) -> SupervisionState:
    return _with(state, replace(state.concerns[concern_id], **changes))
