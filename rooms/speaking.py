"""What an event does to the speaking turns and, by them, to microphones.

Three things hold after every event, whatever it was: only who is here holds a turn or waits for one; a turn's clock
stands still while nobody leads the group; and nobody has a microphone on who may not be heard.
"""

from __future__ import annotations

from msgspec.structs import replace

from moderation.floor.state import Floor
from moderation.floor.transitions import arrived, ended_for_all, gone, left_out, running_on, stopped
from protocol.ids import ParticipantId
from rooms.events import Event, ListeningSet, ParticipantAdmitted, ParticipantEntered, SessionClosed, TurnsUnsaved
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
    return _hushed(before, after if floor is after.floor else replace(after, floor=floor))


def _attended(before: RoomState, after: RoomState, event: Event) -> Floor:
    floor = after.floor
    for who in {*floor.hands, *floor.to_come, *(() if floor.turn is None else (floor.turn.holder_id,))}:
        if not after.people[who].takes_turns:
            floor = gone(floor, who)
    match event:
        case ParticipantEntered(participant_id=who):
            was, now = before.people.get(who), after.people[who]
            stays = was is not None and was.takes_turns and was.role is now.role
            return floor if stays else _came(floor, after, now)
        case ParticipantAdmitted(participant_id=who):
            return _came(floor, after, after.people[who])
        case ListeningSet(participant_id=who, listening=True):
            return left_out(floor, who)
        case SessionClosed():
            return ended_for_all(floor)
        case _:
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


def _hushed(before: RoomState, after: RoomState) -> RoomState:
    """Closed are all who may be heard no more, also those whose microphone was off: a word of theirs that is still on
    its way, or that a page repeats later, must not open it in a turn that they know nothing of."""
    people: dict[ParticipantId, Participant] = {}
    for person in after.inside():
        if after.may_be_heard(person):
            continue
        was = before.people.get(person.id)
        closed = person.microphone or (was is not None and was.inside and before.may_be_heard(was))
        if closed or person.screen_audio:
            number = after.next_closing(person.id) if closed else person.closings
            people[person.id] = replace(person, microphone=False, screen_audio=False, closings=number)
    return replace(after, people={**after.people, **people}) if people else after
