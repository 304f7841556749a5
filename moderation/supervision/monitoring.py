"""Listening, whispers and stepping in: who may, and what becomes of it. Asks the permission function first.

Silent, never secret: each start, stop and whisper is an event of the supervision stream. The room never knows.

The right to listen is that of single flags. A therapist whom one flag concerns is answered as if that flag were not
there, so that no refusal tells them of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from moderation.decision import NOT_FOUND, NOTHING, Accepted, Rejection, denied
from moderation.permissions import Action, Office, Relation, permitted
from moderation.supervision.commands import (
    Listen,
    ReviewGlass,
    RoomFacts,
    SeeWhisper,
    SendWhisper,
    SpeakTo,
    StepIn,
    StopListening,
)
from moderation.supervision.escalation import Duty, rank
from moderation.supervision.events import (
    Decision,
    GlassReviewed,
    MonitoringBegan,
    MonitoringEnded,
    SteppedIn,
    WhisperSeen,
    WhisperSent,
    WhisperSpoken,
)
from moderation.supervision.flags import relation_of
from moderation.supervision.state import Concern, Glass, Listening, SupervisionState
from protocol.errors import ErrorCode
from protocol.ids import IdentityId
from protocol.monitoring import (
    MIN_REASON,
    GlassView,
    ListeningView,
    MayListen,
    MentorView,
    MonitoringEnd,
    WhisperView,
)
from protocol.supervision import Category, Severity
from protocol.values import Millis

REVIEW_MS: Final[Millis] = 8 * 3_600_000
"""A review is due so long after the next working day begins."""

BACK_MS: Final[Millis] = 60_000
_DAY_MS: Final[Millis] = 24 * 3_600_000
MAX_WHISPERS: Final = 20
"""Shown to who whispered them, the newest of them."""


# ── rights ────────────────────────────────────────────────────────────────────────────────────


def gives_right(concern: Concern, viewer: IdentityId, capacity: Office) -> bool:
    """Whether an open flag of it lets that person listen: of `concern` or more, not technical, raised by another."""
    if concern.resolution is not None or not permitted(
        capacity, Action.MONITOR, relation_of(concern, viewer, capacity)
    ):
        return False
    return any(
        rank(flag.raised.severity) >= rank(Severity.CONCERN)
        and flag.raised.category is not Category.TECHNICAL
        and flag.raised.by != viewer
        for flag in concern.flags
    )


def may_listen(state: SupervisionState, viewer: IdentityId, capacity: Office, room: RoomFacts) -> MayListen:
    """Whether they may listen by a flag now, and if not, why."""
    if not room.live or state.ended:
        return MayListen.NOT_LIVE
    if not any(gives_right(each, viewer, capacity) for each in state.concerns.values()):
        return MayListen.NO_FLAG
    return MayListen.YES if room.consented else MayListen.NO_CONSENT


def has_part(state: SupervisionState, viewer: IdentityId, capacity: Office) -> bool:
    """Whether the session is that person's: of their groups, or something open in it has reached them."""
    if capacity is Office.ASSIGNED:
        return True
    return any(each.open and relation_of(each, viewer, capacity) is Relation.ROOM for each in state.concerns.values())


def is_concerned(state: SupervisionState, person: IdentityId) -> bool:
    """Whether an open flag is about them."""
    return any(each.flags and each.resolution is None and each.person == person for each in state.concerns.values())


# ── deciding ──────────────────────────────────────────────────────────────────────────────────


def listen(state: SupervisionState, command: Listen, now_ms: Millis, duty: Duty) -> Decision:
    """Stored before the first sound. Refused alike with a flag about oneself and without one."""
    by, capacity, reason = command.by, command.capacity, command.reason.strip()
    action = Action.BREAK_GLASS if reason else Action.MONITOR
    if not permitted(capacity, action, Relation.ROOM) or not has_part(state, by.identity_id, capacity):
        return denied(action)
    right = may_listen(state, by.identity_id, capacity, command.room)
    if right is MayListen.NOT_LIVE:
        return Rejection(ErrorCode.NOT_OPEN)
    if not reason and right is MayListen.NO_FLAG:
        return Rejection(ErrorCode.NO_FLAG, denied=action)
    if not command.room.consented:
        return Rejection(ErrorCode.NO_CONSENT, denied=action)
    if reason and sum(map(str.isalnum, reason)) < MIN_REASON:
        return Rejection(ErrorCode.INVALID_FIELD, "reason")
    known = state.listening.get(by.identity_id)
    if known is not None:
        # A glass that is broken is not broken again before its time is over.
        return NOTHING if known.glass_id is None or not reason else Rejection(ErrorCode.CONFLICT)
    if not reason:
        return Accepted((MonitoringBegan(now_ms, by.identity_id, by.name, capacity),))
    due = duty.working_day_ms + REVIEW_MS if duty.working_day_ms > now_ms else now_ms + _DAY_MS
    until = now_ms + duty.waits.glass
    began = MonitoringBegan(now_ms, by.identity_id, by.name, capacity, until, command.glass_id, reason, due)
    return Accepted((began,))


def stop_listening(state: SupervisionState, command: StopListening, now_ms: Millis) -> Decision:
    """Whatever the reason: it has stopped already."""
    if command.by not in state.listening:
        return NOTHING
    return Accepted((MonitoringEnded(now_ms, command.by, command.why),))


def step_in(state: SupervisionState, command: StepIn, now_ms: Millis) -> Decision:
    """They are about to come in, visibly. Whoever listened does not any more."""
    by = command.by
    if not permitted(command.capacity, Action.STEP_IN, Relation.ROOM) or not has_part(
        state, by.identity_id, command.capacity
    ):
        return denied(Action.STEP_IN)
    if state.ended:
        return Rejection(ErrorCode.SESSION_ENDED)
    stepped = SteppedIn(now_ms, by.identity_id, by.name)
    if by.identity_id not in state.listening:
        return Accepted((stepped,))
    return Accepted((MonitoringEnded(now_ms, by.identity_id, MonitoringEnd.STEPPED_IN), stepped))


def send_whisper(state: SupervisionState, command: SendWhisper, now_ms: Millis) -> Decision:
    """To somebody who leads now. A mentor whom a flag concerns is answered for as one who is not there."""
    by = command.by
    if not permitted(command.capacity, Action.WHISPER, Relation.ROOM) or not has_part(
        state, by.identity_id, command.capacity
    ):
        return denied(Action.WHISPER)
    known = next((each for each in state.whispers if each.id == command.whisper_id), None)
    if known is not None:
        told = (command.by, command.text, command.to and command.to.identity_id)
        return NOTHING if (known.by, known.text, known.to.identity_id) == told else Rejection(ErrorCode.CONFLICT)
    if command.to is None or is_concerned(state, command.to.identity_id):
        return NOT_FOUND
    to = command.to
    sent = WhisperSent(now_ms, command.whisper_id, by.identity_id, by.name, to.identity_id, to.name, command.text)
    return Accepted((sent,))


def speak_to(state: SupervisionState, command: SpeakTo, now_ms: Millis) -> Decision:
    """As for a whisper in writing. That it was done is written down, and not what was said."""
    by, to = command.by, command.to
    if not permitted(command.capacity, Action.WHISPER, Relation.ROOM) or not has_part(
        state, by.identity_id, command.capacity
    ):
        return denied(Action.WHISPER)
    if to is None or is_concerned(state, to.identity_id):
        return NOT_FOUND
    return Accepted((WhisperSpoken(now_ms, by.identity_id, by.name, to.identity_id, to.name),))


def see_whisper(state: SupervisionState, command: SeeWhisper, now_ms: Millis) -> Decision:
    """The mentor's page has shown it."""
    known = next((each for each in state.whispers if each.id == command.whisper_id), None)
    if known is None or known.to.identity_id != command.by:
        return NOT_FOUND
    return NOTHING if known.seen else Accepted((WhisperSeen(now_ms, command.whisper_id),))


def review_glass(state: SupervisionState, command: ReviewGlass, now_ms: Millis) -> Decision:
    """By another person than who listened, and once."""
    known = state.glass.get(command.glass_id)
    allowed = permitted(command.capacity, Action.REVIEW_BREAK_GLASS, Relation.ROOM)
    if not allowed or (known is not None and known.by.identity_id == command.by.identity_id):
        return denied(Action.REVIEW_BREAK_GLASS)
    if known is None:
        return NOT_FOUND
    if known.reviewed:
        return NOTHING
    if not known.until_ms:
        return Rejection(ErrorCode.UNEXPECTED)
    by = command.by
    return Accepted((GlassReviewed(now_ms, known.id, by.identity_id, by.name, command.finding, command.note),))


def endings(state: SupervisionState, now_ms: Millis) -> Iterator[MonitoringEnded]:
    """Who listens, and must not any longer: the session is over, the time, or what gave the right is resolved."""
    for identity, each in state.listening.items():
        why = _over(state, identity, each, now_ms)
        if why is not None:
            yield MonitoringEnded(now_ms, identity, why)


def _over(state: SupervisionState, identity: IdentityId, each: Listening, now_ms: Millis) -> MonitoringEnd | None:
    if state.ended:
        return MonitoringEnd.SESSION_ENDED
    if each.glass_id is not None:
        # A clock that went back gives no more time.
        over = each.until_ms <= now_ms or now_ms < each.since_ms - BACK_MS
        return MonitoringEnd.TIME_OVER if over else None
    rights = (gives_right(concern, identity, each.capacity) for concern in state.concerns.values())
    return None if any(rights) else MonitoringEnd.RIGHT_ENDED


# ── views ─────────────────────────────────────────────────────────────────────────────────────


def listening_view(
    told: SupervisionState, stored: SupervisionState, viewer: IdentityId, capacity: Office, room: RoomFacts
) -> ListeningView:
    """What that person may do about a session besides its concerns. `told`, `stored`: as for concerns."""
    part = has_part(told, viewer, capacity)
    live = part and room.live and not told.ended
    listening = stored.listening.get(viewer)
    return ListeningView(
        may_listen(told, viewer, capacity, room) if part else MayListen.NOT_LIVE,
        live and room.consented and permitted(capacity, Action.BREAK_GLASS, Relation.ROOM),
        0 if listening is None else listening.since_ms,
        0 if listening is None else listening.until_ms,
        live and permitted(capacity, Action.STEP_IN, Relation.ROOM),
        tuple(
            MentorView(each.participant_id, each.name, each.headphones)
            for each in (room.mentors if live and permitted(capacity, Action.WHISPER, Relation.ROOM) else ())
            if each.identity_id != viewer and not is_concerned(told, each.identity_id)
        ),
        tuple(
            WhisperView(each.id, each.to.name, each.text, each.at_ms, each.seen)
            for each in stored.whispers
            if each.by.identity_id == viewer
        )[-MAX_WHISPERS:],
        tuple(
            GlassView(each.id, each.by.name, each.reason, each.since_ms, each.until_ms, each.due_ms, _is(each, viewer))
            for each in stored.glass.values()
            if not each.reviewed and (_is(each, viewer) or _may_review(each, viewer, capacity))
        ),
    )


def unseen_by(state: SupervisionState, person: IdentityId) -> tuple[WhisperView, ...]:
    """Whispers to that person which their page has not shown, the oldest first. None to whom a flag concerns by now."""
    if is_concerned(state, person):
        return ()
    return tuple(
        WhisperView(each.id, each.by.name, each.text, each.at_ms)
        for each in state.whispers
        if each.to.identity_id == person and not each.seen
    )


def _is(glass: Glass, viewer: IdentityId) -> bool:
    return glass.by.identity_id == viewer


def _may_review(glass: Glass, viewer: IdentityId, capacity: Office) -> bool:
    return not _is(glass, viewer) and permitted(capacity, Action.REVIEW_BREAK_GLASS, Relation.ROOM)
