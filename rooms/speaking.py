"""What an event does to the speaking turns and, by them, to microphones.

Four things hold after every event, whatever it was: only who is here holds a turn or waits for one; a turn's clock
stands still while nobody leads the group; nobody has a microphone on who may not be heard; and whoever may be heard,
and might not before, is told a number that no earlier word of theirs can name.
"""

from __future__ import annotations

from msgspec.structs import replace

from moderation.floor.state import Floor
from moderation.floor.transitions import arrived, ended_for_all, gone, left_out, running_on, stopped
from protocol.ids import ParticipantId
from protocol.values import TurnMode
from rooms.events import (
    Event,
    ParticipantAdmitted,
    ParticipantEntered,
    SessionClosed,
    TurnsUnsaved,
    is_durable,
)
from rooms.state import Participant, RoomState


def spoken_for(before: RoomState, after: RoomState, event: Event) -> RoomState:
    """`after`, with turns and microphones as they follow from it."""
    if (
        after.people is before.people
        and after.floor is before.floor
        and after.paused_until_ms is before.paused_until_ms
    ):
        return after
    floor = _clocked(before, after, _attended(before, after, event), event)
    return _hushed(before, after if floor is after.floor else replace(after, floor=floor), event)


def _attended(before: RoomState, after: RoomState, event: Event) -> Floor:
    floor = after.floor
    for who in {*floor.hands, *floor.to_come, *(() if floor.turn is None else (floor.turn.holder_id,))}:
        if not after.takes_turns(after.people[who]):
            floor = gone(floor, who)
    match event:
        case ParticipantEntered(participant_id=who):
            was, now = before.people.get(who), after.people[who]
            stays = was is not None and before.takes_turns(was) and was.role is now.role
            floor = floor if stays else _came(floor, after, now)
        case ParticipantAdmitted(participant_id=who):
            floor = _came(floor, after, after.people[who])
        case SessionClosed():
            return ended_for_all(floor)
        case _:
            pass
    return _of_round(before, after, floor)


def _of_round(before: RoomState, after: RoomState, floor: Floor) -> Floor:
    """Whoever just listens is not still to come; who listened, or takes turns of their own only now, comes last."""
    for who in floor.to_come:
        if not after.would_be_in_round(after.people[who]):
            floor = left_out(floor, who)
    if not floor.going:
        return floor
    for person in after.inside():
        was = before.people.get(person.id)
        if after.would_be_in_round(person) and not (was is not None and before.would_be_in_round(was)):
            floor = arrived(floor, person.id)
    return floor


def _came(floor: Floor, state: RoomState, person: Participant) -> Floor:
    # A log that lacks their being sent out, which could not be stored, still has them where they were.
    floor = gone(floor, person.id)
    return arrived(floor, person.id) if state.would_be_in_round(person) else floor


def _clocked(before: RoomState, after: RoomState, floor: Floor, event: Event) -> Floor:
    if isinstance(event, TurnsUnsaved):
        return floor
    at_ms: int | None = getattr(event, "at_ms", None)
    if at_ms is None:
        return floor
    if after.paused_until_ms is not None:
        return stopped(floor, at_ms)
    return running_on(floor, at_ms) if before.paused_until_ms is not None else floor


def _hushed(before: RoomState, after: RoomState, event: Event) -> RoomState:
    """Closed are all who may not be heard; numbered anew all who may be heard no more, or may be heard now.

    Also where the microphone was off: a word of theirs that is still on its way, or that a page repeats later, must not
    open it in a turn that they know nothing of.
    """
    stored = is_durable(event)
    people: dict[ParticipantId, Participant] = {}
    for person in after.inside():
        heard = after.may_be_heard(person)
        anew = _changes(before, after, person, heard=heard)
        if not anew and (heard or not (person.microphone or person.screen_audio)):
            continue
        number = person.closings
        if anew or person.microphone:
            number = after.numbered_by_log(person.id) if stored else after.next_closing(person.id)
        open_still = {} if heard else {"microphone": False, "screen_audio": False}
        people[person.id] = replace(person, **open_still, closings=number)
    return replace(after, people={**after.people, **people}) if people else after


def _changes(before: RoomState, after: RoomState, person: Participant, *, heard: bool) -> bool:
    """Whether they may be heard now, and might not before, or the other way round."""
    was = before.people.get(person.id)
    if was is None or not was.inside:
        # Who comes into a room in which everyone is heard comes in as they chose at its door.
        return heard and not person.is_staff and after.floor.mode is not TurnMode.OPEN
    return heard != before.may_be_heard(was)
