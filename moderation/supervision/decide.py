"""`decide(state, command, now_ms, duty)`: what a command makes happen, or why it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from moderation.decision import NOTHING, Accepted, Rejection
from moderation.supervision.commands import (
    Command,
    CoverAsked,
    CoverOver,
    Fact,
    GroupReturned,
    Listen,
    LobbyUnattended,
    LoseRoom,
    PassTime,
    PersonRemoved,
    RaiseFlag,
    ResolveConcern,
    ReviewGlass,
    SeeRoom,
    SeeWhisper,
    SendWhisper,
    SessionLed,
    SessionOver,
    SpeakTo,
    StepIn,
    StopListening,
    TakeConcernOver,
    TakeNote,
)
from moderation.supervision.escalation import NEVER, Duty, Someone, Whom, due_after, due_again
from moderation.supervision.events import (
    ConcernEscalated,
    ConcernPassed,
    ConcernRaised,
    Decision,
    Event,
    Held,
    MonitoringEnded,
    is_told,
)
from moderation.supervision.events import SessionOver as EndNoted
from moderation.supervision.evolve import evolve, evolve_all
from moderation.supervision.flags import raise_flag, resolve, take_note, take_over
from moderation.supervision.monitoring import (
    endings,
    listen,
    review_glass,
    see_whisper,
    send_whisper,
    speak_to,
    step_in,
    stop_listening,
)
from moderation.supervision.state import Concern, SupervisionState
from protocol.ids import ConcernId
from protocol.supervision import ConcernKind, Severity
from protocol.values import Millis

SEVERITY: Final = {
    ConcernKind.LEADER_LOST: Severity.URGENT,
    ConcernKind.COVER_NEEDED: Severity.URGENT,
    ConcernKind.LOBBY_UNATTENDED: Severity.URGENT,
    ConcernKind.NOBODY_ANSWERS: Severity.URGENT,
    ConcernKind.REMOVED: Severity.CONCERN,
}

AGREE_MS: Final[Millis] = 3_600_000
"""Times further apart are not of the same clock."""

_NOW: Final[Millis] = 0
"""A deadline that has passed."""

_NEED_A_LEADER: Final = (ConcernKind.LEADER_LOST, ConcernKind.COVER_NEEDED, ConcernKind.LOBBY_UNATTENDED)


def decide(state: SupervisionState, command: Command, now_ms: Millis, duty: Duty) -> Decision:
    """Decides one command. What holds in memory only is stored before anything that builds on it."""
    decision = _decide(state, command, now_ms, duty)
    if isinstance(decision, Accepted):
        over = tuple(endings(evolve_all(state, decision.events), now_ms))
        decision = Accepted((*decision.events, *over)) if over else decision
    if isinstance(decision, Rejection) or not state.unstored or not (decision.events or command == PassTime()):
        return decision
    new = tuple(event for event in decision.events if event not in state.unstored)
    return Accepted((*state.unstored, *new))


def next_deadline(state: SupervisionState, after_ms: Millis = -1) -> Millis | None:
    """When passing time has something to do, later than at `after_ms`; None when it never has."""
    dues = [each.due_ms for each in state.concerns.values() if each.runs and each.due_ms != NEVER]
    dues += (each.until_ms for each in state.listening.values() if each.glass_id is not None)
    return min((due for due in (*dues, *((_NOW,) if state.unstored else ())) if due > after_ms), default=None)


def aftermath(state: SupervisionState, lost: Iterable[Event]) -> tuple[Event, ...]:
    """What of the events that could not be stored holds nevertheless: all but what therapists did.

    Nobody may believe in an acknowledgement that a restart forgets. A flag, and that it went on, hold: help does not
    wait for a disk.
    """
    kept: list[Event] = []
    for event in lost:
        told = event.event if isinstance(event, Held) else event
        if not is_told(told) or told in state.unstored:
            continue
        if isinstance(told, MonitoringEnded) and told.by not in state.listening:
            # The start is lost as well: nobody has listened.
            continue
        state = evolve(state, Held(told))
        kept.append(Held(told))
    return tuple(kept)


def _decide(state: SupervisionState, command: Command, now_ms: Millis, duty: Duty) -> Decision:
    match command:
        case SeeRoom():
            return Accepted(tuple(_seen(state, command, now_ms, duty)))
        case LoseRoom():
            # What waits for the end of a session that nobody can follow would wait for ever.
            over = EndNoted(now_ms, state.room_seq)
            return NOTHING if state.ended else Accepted((over, *_after_the_end(state, now_ms, duty)))
        case RaiseFlag():
            return raise_flag(state, command, now_ms, duty)
        case TakeNote():
            return take_note(state, command, now_ms)
        case TakeConcernOver():
            return take_over(state, command, now_ms)
        case ResolveConcern():
            return resolve(state, command, now_ms)
        case Listen():
            return listen(state, command, now_ms, duty)
        case StopListening():
            return stop_listening(state, command, now_ms)
        case StepIn():
            return step_in(state, command, now_ms)
        case SendWhisper():
            return send_whisper(state, command, now_ms)
        case SpeakTo():
            return speak_to(state, command, now_ms)
        case SeeWhisper():
            return see_whisper(state, command, now_ms)
        case ReviewGlass():
            return review_glass(state, command, now_ms)
        case PassTime():
            due = (each for each in state.concerns.values() if each.runs and is_due(each, now_ms, duty))
            return Accepted(tuple(_escalated(each, now_ms, duty) for each in due))
        case _:
            # The same event of the room, told again after a crash.
            if command.room_seq <= state.room_seq:
                return NOTHING
            return Accepted(tuple(_told(state, command, now_ms, duty)))


def _told(state: SupervisionState, fact: Fact, now_ms: Millis, duty: Duty) -> Iterable[Event]:
    seq = fact.room_seq
    match fact:
        case CoverAsked(who=who):
            # Whom it concerns is who asked: another therapist answers it.
            asked = _noticed(state, ConcernKind.COVER_NEEDED, seq, now_ms, duty, who, who)
            lasting = state.lasting(ConcernKind.COVER_NEEDED)
            return () if any(each.person == asked.person for each in lasting) else (asked,)
        case CoverOver(identity_id=who):
            own = (each for each in state.lasting(ConcernKind.COVER_NEEDED) if each.person == who)
            return _passed(own, seq, now_ms)
        case LobbyUnattended():
            return _raised(state, ConcernKind.LOBBY_UNATTENDED, seq, now_ms, duty)
        case GroupReturned():
            # Should the pause before it not have been seen.
            return _raised(state, ConcernKind.LEADER_LOST, seq, now_ms, duty)
        case PersonRemoved(who=who, by=by):
            return (_noticed(state, ConcernKind.REMOVED, seq, now_ms, duty, who, by),)
        case SessionLed():
            return _passed(state.lasting(*_NEED_A_LEADER), seq, now_ms)
        case SessionOver():
            return _ended(state, seq, now_ms, duty)
    assert_never(fact)


def _seen(state: SupervisionState, seen: SeeRoom, now_ms: Millis, duty: Duty) -> Iterable[Event]:
    seq = seen.room_seq
    if seen.led:
        yield from _passed(state.lasting(*_NEED_A_LEADER), seq, now_ms)
    elif not seen.paused and not seen.late:
        yield from _passed(state.lasting(ConcernKind.LOBBY_UNATTENDED), seq, now_ms)
    if not seen.unanswered:
        yield from _passed(state.lasting(ConcernKind.NOBODY_ANSWERS), seq, now_ms)
    # One at most: a pause has nobody who leads. One that began by asking for cover is told of as that.
    if seen.paused and any(each.room_seq == seq for each in state.lasting(ConcernKind.COVER_NEEDED)):
        return
    if seen.paused:
        yield from _raised(state, ConcernKind.LEADER_LOST, seq, now_ms, duty)
    elif seen.unanswered:
        yield from _raised(state, ConcernKind.NOBODY_ANSWERS, seq, now_ms, duty)


def _raised(state: SupervisionState, kind: ConcernKind, seq: int, now_ms: Millis, duty: Duty) -> Iterable[Event]:
    """Of the session as such, unless one lasts."""
    return () if any(state.lasting(kind)) else (_noticed(state, kind, seq, now_ms, duty),)


def _noticed(
    state: SupervisionState,
    kind: ConcernKind,
    seq: int,
    now_ms: Millis,
    duty: Duty,
    who: Someone | None = None,
    by: Someone | None = None,
) -> ConcernRaised:
    severity, person = SEVERITY[kind], who and who.identity_id
    # No count over all concerns: a gap in it would tell whom one concerns that it is there.
    alike = sum(1 for each in state.concerns.values() if (each.kind, each.room_seq) == (kind, seq))
    return ConcernRaised(
        now_ms,
        seq,
        ConcernId(f"{kind}.{seq}.{alike}"),
        kind,
        severity,
        person,
        who.name if who else "",
        by and by.identity_id,
        by.name if by else "",
        Whom(person).first(duty, severity),
        due_after(now_ms, severity, duty, ended=state.ended),
    )


def _passed(concerns: Iterable[Concern], seq: int, now_ms: Millis) -> Iterable[Event]:
    return (ConcernPassed(now_ms, seq, each.id) for each in concerns)


def _ended(state: SupervisionState, seq: int, now_ms: Millis, duty: Duty) -> Iterable[Event]:
    """What was to be acknowledged by the session's end goes on now."""
    yield from _passed(state.lasting(*_NEED_A_LEADER, ConcernKind.NOBODY_ANSWERS), seq, now_ms)
    yield EndNoted(now_ms, seq)
    yield from _after_the_end(state, now_ms, duty)


def _after_the_end(state: SupervisionState, now_ms: Millis, duty: Duty) -> Iterable[Event]:
    for each in state.concerns.values():
        if each.runs and each.due_ms == NEVER and each.pressing is Severity.CONCERN:
            yield _escalated(each, now_ms, duty)


def is_due(concern: Concern, now_ms: Millis, duty: Duty) -> bool:
    """Whether it goes on now. What is due later than anything so pressing ever waits is from a clock that was wrong."""
    if concern.due_ms == NEVER or concern.due_ms <= now_ms:
        return concern.due_ms != NEVER
    longest = due_after(now_ms, concern.pressing, duty, ended=True)
    return concern.pressing is not Severity.NOTE and concern.due_ms > longest + AGREE_MS


def _escalated(concern: Concern, now_ms: Millis, duty: Duty) -> ConcernEscalated:
    step = concern.whom.after(concern.step, duty)
    return ConcernEscalated(now_ms, concern.id, step, due_again(step, now_ms, concern.pressing, duty))
