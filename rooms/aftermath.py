"""What outlives a failure to store: whatever had been shut stays shut, and who is connected stays known."""

from __future__ import annotations

from moderation.floor.events import FloorEvent, TurnEnded, TurnModeSet, TurnsUnsaved
from protocol.ids import ParticipantId
from protocol.values import SessionStatus
from rooms.events import (
    ConnectionLost,
    ConnectionRestored,
    DevicesSet,
    Event,
    FloorPaused,
    MicrophoneHoldSet,
    MicrophoneShut,
    MicrophoneSilenced,
    NotAloneSet,
    ParticipantDeparted,
    ParticipantEntered,
    ParticipantMoved,
    ParticipantRemoved,
    ScreenHeld,
    ScreenSet,
    ScreenShut,
    SentOut,
    SessionReturned,
)
from rooms.evolve import evolve, evolve_all
from rooms.requests import screen_off
from rooms.state import Participant, RoomState


def aftermath(state: RoomState, lost: tuple[Event, ...]) -> tuple[Event, ...]:
    """Ephemeral events that keep what must outlive a failure to store: all that `shut_at_once` had shut, and who is
    connected.

    Args:
        state: the room without the lost events.
        lost: what was decided and did not come to pass, in order: durable events that were not stored, and whatever
            waited behind them.
    """
    kept: list[Event] = []
    decided = state
    for event in lost:
        before, decided = decided, evolve(decided, event)
        unheard = frozenset(who for who in _heard(before) - _heard(decided) if decided.people[who].inside)
        for more in (_outlives, _unheard):
            again = more(state, event, unheard)
            state = evolve_all(state, again)
            kept.extend(again)
    return tuple(kept)


def _heard(state: RoomState) -> frozenset[ParticipantId]:
    return frozenset(person.id for person in state.inside() if state.may_be_heard(person))


def _unheard(state: RoomState, event: Event, people: frozenset[ParticipantId]) -> tuple[Event, ...]:
    """Keeps closed whom it closed by the speaking turns: for all until a stored word on turns, or until they tap."""
    if isinstance(event, TurnModeSet) and state.floor.unsaved and event.mode is not state.floor.mode:
        # Another mode was to be, too: no turn's end settles that.
        return (TurnsUnsaved(),)
    people &= _heard(state)
    if not people:
        return ()
    if isinstance(event, FloorEvent):
        return (TurnsUnsaved(event.number if isinstance(event, TurnEnded) else 0),)
    # The companions of someone who left, and who is no companion any more.
    return tuple(MicrophoneSilenced(who) for who in sorted(people))


def _outlives(state: RoomState, event: Event, _: frozenset[ParticipantId]) -> tuple[Event, ...]:
    match event:
        case MicrophoneShut(participant_id=who) | MicrophoneHoldSet(participant_id=who, held=True):
            # Absent people, too: they may have come back in what was lost, and will come again.
            person = state.people.get(who)
            return () if person is None or person.microphone_closed else (MicrophoneHoldSet(who, held=True),)
        case (
            ParticipantMoved(participant_id=who) | ParticipantRemoved(participant_id=who) | SentOut(participant_id=who)
        ):
            person = state.here(who)
            return (SentOut(event.at_ms, who),) if person is not None and person.inside else ()
        case FloorPaused():
            if state.status is not SessionStatus.LIVE or state.paused_until_ms is not None:
                return ()
            closed = tuple(person.id for person in state.inside() if not person.is_staff)
            return (FloorPaused(event.at_ms, event.until_ms, closed),)
        case SessionReturned(moved=people):
            # They stay where the group pauses, until the way back to the lobby can be stored.
            return tuple(off for who in people for off in _all_off(state.here(who)))
        case ParticipantDeparted(participant_id=who) | ParticipantEntered(participant_id=who):
            return _all_off(state.here(who))
        case ScreenShut(participant_id=who) | ScreenHeld(participant_id=who):
            person = state.people.get(who)
            return (ScreenHeld(who),) if person is not None and (person.screen or person.allowed_to_share) else ()
        case ScreenSet(participant_id=who):
            person = state.here(who)
            if person is None:
                return ()
            kept = ScreenSet(who, person.screen and event.screen, person.screen_audio and event.screen_audio)
            return () if (kept.screen, kept.screen_audio) == (person.screen, person.screen_audio) else (kept,)
        case DevicesSet(participant_id=who):
            return _turned_off(state.here(who), microphone=not event.microphone, camera=not event.camera)
        case NotAloneSet(participant_id=who):
            person = state.here(who)
            return (event,) if person is not None and person.inside and person.not_alone != event.on else ()
        case ConnectionLost(participant_id=who):
            person = state.here(who)
            return (event,) if person is not None and person.connected else ()
        case ConnectionRestored(participant_id=who):
            person = state.here(who)
            return (event,) if person is not None and not person.connected else ()
        case _:
            return ()


def _all_off(person: Participant | None) -> tuple[Event, ...]:
    unshared = () if person is None else screen_off(person)
    return (*_turned_off(person, microphone=True, camera=True), *unshared)


def _turned_off(person: Participant | None, *, microphone: bool, camera: bool) -> tuple[Event, ...]:
    if person is None or not ((microphone and person.microphone) or (camera and person.camera)):
        return ()
    return (DevicesSet(person.id, person.microphone and not microphone, person.camera and not camera),)
