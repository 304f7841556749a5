"""What each person sees of a session's concerns: the only place that decides it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from moderation.permissions import Action, Capacity, Office, Relation, permitted
from moderation.supervision.escalation import NEVER, Duty
from moderation.supervision.events import FlagRaised
from moderation.supervision.flags import relation_of
from moderation.supervision.state import Concern, Flag, SupervisionState
from protocol.ids import FlagId, IdentityId, ParticipantId
from protocol.supervision import ConcernView, FlagKind, FlagStatus, FlagView, Severity
from protocol.values import Millis

MAX_DONE: Final = 20
"""Concerns that are shown although nothing is left to do about them, the newest of them. No open one is left out."""


class OwnFlag(Struct, frozen=True):
    """A flag as its raiser sees it.

    Attributes:
        about: the name of whom it concerns.
        unstored: not stored yet.
        told: the names of those whom it has reached at first, while none of them has read it.
    """

    id: FlagId
    kind: FlagKind
    severity: Severity
    at_ms: Millis
    about: str
    status: FlagStatus
    unstored: bool = False
    told: tuple[str, ...] = ()


def concerns_for(
    told: SupervisionState, stored: SupervisionState, viewer: IdentityId, capacity: Office, duty: Duty
) -> tuple[ConcernView, ...]:
    """What that person sees: not acknowledged ones first, then the newest.

    Args:
        told: with what is not stored yet: a therapist is told at once.
        stored: says what was acknowledged, taken over and resolved; that counts once it is stored.
        viewer: who looks; nobody sees what concerns themselves.
        capacity: in what capacity. Who is on call, or a clinical lead, sees what has reached them.
        duty: who would be told next.
    """
    waiting: list[ConcernView] = []
    taken: list[ConcernView] = []
    done: list[ConcernView] = []
    newer: list[Concern] = []
    for concern in reversed(tuple(visible_to(told, viewer, capacity))):
        known = stored.concerns.get(concern.id)
        view = _view(concern, known, viewer, duty, stored)
        if not view.acknowledged:
            # Of a thing that comes and goes, the newest is shown, and noted with all before it.
            if not any(concern.like(each) for each in newer):
                waiting.append(view)
            newer.append(concern)
        elif view.flags and view.resolution is None:
            taken.append(view)
        else:
            done.append(view)
    return (*waiting, *taken, *done[:MAX_DONE])


def visible_to(state: SupervisionState, viewer: IdentityId, capacity: Office) -> Iterator[Concern]:
    """The concerns that this person may see, the oldest first."""
    return (
        each
        for each in state.concerns.values()
        if permitted(capacity, Action.SEE_FLAG, relation_of(each, viewer, capacity))
    )


def flags_of(
    told: SupervisionState, stored: SupervisionState, raiser: IdentityId, role: Capacity, duty: Duty
) -> tuple[OwnFlag, ...]:
    """The flags that this person raised, the newest first: whether one was read, and to staff what came of it."""
    if not permitted(role, Action.SEE_FLAG_RECEIVED, Relation.OWN):
        return ()
    staff = permitted(role, Action.SEE_FLAG_STATUS, Relation.OWN)
    own = [
        OwnFlag(
            flag.raised.flag_id,
            flag.raised.kind,
            flag.raised.severity,
            flag.raised.at_ms,
            concern.person_name,
            _status(stored.concerns.get(concern.id), number, staff=staff),
            _unstored(stored, flag.raised.flag_id),
            () if _acknowledged(stored.concerns.get(concern.id), number) else _told_first(concern, duty),
        )
        for concern in told.concerns.values()
        for number, flag in enumerate(concern.flags)
        if flag.raised.by == raiser
    ]
    return tuple(sorted(own, key=lambda each: each.at_ms, reverse=True))


def in_unanswered_crisis(told: SupervisionState, raiser: IdentityId) -> frozenset[IdentityId]:
    """Whom those flags of this person concern that say `crisis` and that no therapist has acknowledged."""
    return frozenset(
        concern.person
        for concern in told.concerns.values()
        for raised in concern.unread
        if concern.person is not None and raised.by == raiser and raised.severity is Severity.CRISIS
    )


def unanswered_crisis(
    told: SupervisionState, raiser: IdentityId, duty: Duty, now_ms: Millis
) -> tuple[Millis, tuple[str, ...]] | None:
    """Since when flags of this person that say `crisis` wait for a therapist, and who is asked; None: none do.

    Named are those whom their own flags alone would have reached by now. That a concern has come further, because of
    what others flagged or because somebody has another crisis, would tell them of it.
    """
    since, names = list[Millis](), dict[str, None]()
    for concern in told.concerns.values():
        own = [each.at_ms for each in concern.unread if each.by == raiser and each.severity is Severity.CRISIS]
        if own:
            since += own
            alone = concern.whom.alone(Severity.CRISIS, max(0, now_ms - min(own)), duty)
            # A server that was away tells the next a little later than they were due.
            step = min(alone, concern.step, key=concern.whom.chain.index)
            names.update((each.name, None) for each in concern.whom.reached(step, duty))
    return (min(since), tuple(names)) if since else None


def _view(
    concern: Concern,
    known: Concern | None,
    viewer: IdentityId,
    duty: Duty,
    stored: SupervisionState,
) -> ConcernView:
    flags = tuple(_flag(flag, known, number, stored) for number, flag in enumerate(concern.flags))
    acknowledged = known is not None and known.acknowledged and len(known.flags) == len(concern.flags)
    holder = known and known.holder
    runs = concern.runs and concern.due_ms != NEVER
    then = concern.whom.after(concern.step, duty) if runs else None
    return ConcernView(
        concern.id,
        concern.kind,
        concern.severity,
        min((flag.at_ms for flag in concern.unread), default=concern.at_ms),
        concern.person_name,
        concern.participant_id or ParticipantId(""),
        concern.by_name,
        concern.over,
        acknowledged,
        flags,
        concern.step,
        concern.due_ms if runs else NEVER,
        then,
        tuple(each.name for each in concern.whom.at(then, duty)) if then else (),
        any(each.identity_id == viewer for each in concern.whom.reached(concern.step, duty)),
        holder.name if holder else "",
        known.held_ms if known else NEVER,
        holder is not None and holder.identity_id == viewer,
        known is None or any(flag.unstored for flag in flags),
        known and known.resolution,
        known.resolved_ms if known else NEVER,
    )


def _flag(flag: Flag, known: Concern | None, number: int, stored: SupervisionState) -> FlagView:
    raised = flag.raised
    return FlagView(
        raised.flag_id,
        raised.kind,
        raised.severity,
        raised.category,
        raised.at_ms,
        raised.by_name,
        raised.by_role,
        raised.by == raised.person,
        raised.text,
        raised.moment,
        _acknowledged(known, number),
        _unstored(stored, raised.flag_id),
    )


def _status(known: Concern | None, number: int, *, staff: bool) -> FlagStatus:
    if known is None or not _acknowledged(known, number):
        return FlagStatus.RECEIVED
    if not staff:
        return FlagStatus.READ
    return FlagStatus.ACKNOWLEDGED if known.resolution is None else FlagStatus.RESOLVED


def _acknowledged(known: Concern | None, number: int) -> bool:
    return known is not None and number < len(known.flags) and known.flags[number].acknowledged


def _told_first(concern: Concern, duty: Duty) -> tuple[str, ...]:
    """By the group alone: how far it has gone, or who is busy, would tell of what others flagged."""
    return tuple(each.name for each in concern.whom.reached(concern.whom.first(duty, Severity.NOTE), duty))


def _unstored(stored: SupervisionState, flag_id: FlagId) -> bool:
    held = (event.flag_id for event in stored.unstored if isinstance(event, FlagRaised))
    return flag_id not in stored.flags or flag_id in held
