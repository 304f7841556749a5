"""Raising a flag, and what therapists do about a concern. Asks the permission function first, as `decide` does."""

from __future__ import annotations

from typing import Final

from moderation.decision import NOT_FOUND, NOTHING, Accepted, Rejection, denied
from moderation.permissions import Action, Office, Relation, permitted, relation_to
from moderation.supervision.commands import Handle, RaiseFlag, ResolveConcern, TakeConcernOver, TakeNote
from moderation.supervision.escalation import Duty, Whom, due_again, due_of_flag, earliest, highest, rank
from moderation.supervision.events import (
    ConcernAcknowledged,
    ConcernResolved,
    ConcernTaken,
    Decision,
    FlagRaised,
)
from moderation.supervision.state import Concern, SupervisionState
from protocol.errors import ErrorCode
from protocol.ids import ConcernId, IdentityId
from protocol.supervision import Category, FlagKind, Outcome, StateReport, Step
from protocol.values import Millis, Role

MAX_UNREAD: Final = 30
"""Flags of one person in one session that nobody has read. More of them would bury what others flag."""

_CALLS: Final = (FlagKind.HELP, FlagKind.CHECK_ON_ME)

ASKS: Final = {
    FlagKind.FLAG: Action.FLAG,
    FlagKind.REPORT: Action.REPORT,
    FlagKind.HELP: Action.CALL_FOR_HELP,
    FlagKind.CHECK_ON_ME: Action.CALL_FOR_HELP,
    FlagKind.LEFT_UPSET: Action.FLAG,
}


def relation_of(concern: Concern, identity: IdentityId, capacity: Office) -> Relation:
    """How a concern relates to a person who acts in that capacity. What has not reached them is elsewhere."""
    if concern.person == identity:
        return Relation.CONCERNS_ME
    audience = {Office.ON_CALL: Step.ON_CALL, Office.CLINICAL_LEAD: Step.LEAD}.get(capacity)
    if audience is not None and not concern.whom.has_reached(audience, concern.step):
        return Relation.ELSEWHERE
    return Relation.ROOM


def raise_flag(state: SupervisionState, command: RaiseFlag, now_ms: Millis, duty: Duty) -> Decision:
    """Durable before the screen confirms it: who sends one again hears only when it is stored."""
    action = ASKS[command.kind]
    about = command.about
    own = about is not None and about.identity_id == command.by.identity_id
    relation = Relation.ROOM if about is None else relation_to(about.role, own=own)
    if not permitted(command.role, action, relation):
        return denied(action)
    known = state.flags.get(command.flag_id)
    if known is not None:
        return _again(state, command, known)
    if _waiting_of(state, command) >= MAX_UNREAD:
        # Therapists are asked for this person already; a report goes out as soon as they have read the others.
        return NOTHING if command.kind in _CALLS else Rejection(ErrorCode.RATE_LIMITED)
    person = about and about.identity_id
    joined = state.joined_by(person, command.category)
    whom = Whom(person, conflicted=about is not None and about.role is Role.THERAPIST)
    step = whom.first(duty, command.severity)
    due = due_of_flag(command.kind, now_ms, command.severity, duty, ended=state.ended)
    if joined is not None and not joined.acknowledged:
        step, due = _joining(joined, command, now_ms, duty, step, due, ended=state.ended)
    elif joined is not None:
        step = _begun_anew(joined, whom, step, duty)
    raised = FlagRaised(
        now_ms,
        command.flag_id,
        # Named by its first flag: a count would have gaps for whom one concerns.
        ConcernId(command.flag_id) if joined is None else joined.id,
        command.kind,
        command.severity,
        command.category,
        command.by.identity_id,
        command.by.name,
        command.role,
        person,
        # For reading where they are: staff confirm nothing of that.
        about.participant_id if about and about.role is Role.PARTICIPANT else None,
        about.name if about else "",
        whom.conflicted,
        command.text,
        command.moment,
        step,
        due,
    )
    return Accepted((raised,))


def take_note(state: SupervisionState, command: TakeNote, now_ms: Millis) -> Decision:
    """Of what the therapist has seen: a flag that came meanwhile is not acknowledged with the others."""
    concern = _handled(state, command)
    if isinstance(concern, Rejection):
        return concern
    flags = min(command.flags, len(concern.flags))
    if concern.flags and not any(not flag.acknowledged for flag in concern.flags[:flags]):
        return NOTHING
    # Earlier ones of the same thing are noted with it: the therapist sees the newest only.
    noted = (
        each
        for each in state.concerns.values()
        if not each.acknowledged and (each is concern or (each.over and each.like(concern) and _before(each, concern)))
    )
    by = command.by
    return Accepted(tuple(ConcernAcknowledged(now_ms, each.id, by.identity_id, by.name, flags) for each in noted))


def take_over(state: SupervisionState, command: TakeConcernOver, now_ms: Millis) -> Decision:
    """What one therapist has acknowledged becomes another's."""
    concern = _handled(state, command)
    if isinstance(concern, Rejection):
        return concern
    if concern.holder is None or not concern.open:
        return Rejection(ErrorCode.UNEXPECTED)
    by = command.by
    if concern.holder.identity_id == by.identity_id:
        return NOTHING
    return Accepted((ConcernTaken(now_ms, concern.id, by.identity_id, by.name),))


def resolve(state: SupervisionState, command: ResolveConcern, now_ms: Millis) -> Decision:
    """Once, and for good: only of what was acknowledged, with everything that was flagged."""
    concern = _handled(state, command)
    if isinstance(concern, Rejection):
        return concern
    resolution = command.resolution
    if concern.resolution is not None:
        return NOTHING if concern.resolution == resolution else Rejection(ErrorCode.CONFLICT)
    if not concern.flags or not concern.acknowledged:
        return Rejection(ErrorCode.UNEXPECTED)
    if command.flags != len(concern.flags):
        return Rejection(ErrorCode.CONFLICT)
    # No flag discharges a legal duty: whether it was reported is asked where a law may want it.
    asked = any(flag.raised.category is Category.ABUSE_OR_NEGLECT for flag in concern.flags)
    if asked == (resolution.report is StateReport.NONE_DUE):
        return Rejection(ErrorCode.INVALID_FIELD)
    # What was done, and when it goes on, is nowhere else.
    if resolution.outcome is not Outcome.NO_ACTION and not resolution.note.strip():
        return Rejection(ErrorCode.INVALID_FIELD)
    by = command.by
    return Accepted((ConcernResolved(now_ms, concern.id, by.identity_id, by.name, resolution),))


def _waiting_of(state: SupervisionState, command: RaiseFlag) -> int:
    """How many of the raiser's flags wait. A call counts only against calls that press as much."""
    return sum(
        raised.by == command.by.identity_id
        and (command.kind not in _CALLS or (raised.kind in _CALLS and rank(raised.severity) >= rank(command.severity)))
        for concern in state.concerns.values()
        for raised in concern.unread
    )


def _again(state: SupervisionState, command: RaiseFlag, concern_id: ConcernId) -> Decision:
    """The same flag, sent again; another one under its id is refused."""
    raised = next(each.raised for each in state.concerns[concern_id].flags if each.raised.flag_id == command.flag_id)
    about = command.about and command.about.identity_id
    told = (raised.by, raised.kind, raised.severity, raised.category, raised.text)
    same = told == (command.by.identity_id, command.kind, command.severity, command.category, command.text)
    # About the session, once of the two: its room could not be read then, so that nobody could say who that is.
    if not same or (None not in (raised.person, about) and raised.person != about):
        return Rejection(ErrorCode.CONFLICT)
    # Tried again now, if it is not stored: who asks wants to hear that it is.
    return Accepted((raised,)) if raised in state.unstored else NOTHING


def _joining(
    joined: Concern,
    command: RaiseFlag,
    now_ms: Millis,
    duty: Duty,
    step: Step,
    due: Millis,
    *,
    ended: bool,
) -> tuple[Step, Millis]:
    """The highest severity, and the earliest clock; nobody whom it had reached is left out again."""
    chain = joined.whom.chain
    if chain.index(joined.step) > chain.index(step):
        step = joined.step
        again = due_again(step, now_ms, highest(joined.pressing, command.severity), duty)
        return step, earliest(joined.due_ms, again)
    if rank(command.severity) > rank(joined.pressing):
        since = min((flag.at_ms for flag in joined.unread), default=now_ms)
        due = earliest(due, max(now_ms, due_of_flag(command.kind, since, command.severity, duty, ended=ended)))
    return step, earliest(joined.due_ms, due)


def _begun_anew(joined: Concern, whom: Whom, step: Step, duty: Duty) -> Step:
    """From the first step, but never without whoever holds it: they would see it no more."""
    holder = joined.holder
    if holder is None or any(each.identity_id == holder.identity_id for each in whom.reached(step, duty)):
        return step
    before_contact = min(whom.chain.index(joined.step), len(whom.chain) - 2)
    return whom.chain[max(before_contact, whom.chain.index(step))]


def _handled(state: SupervisionState, command: Handle) -> Concern | Rejection:
    concern = state.concerns.get(command.concern_id)
    if concern is None:
        return NOT_FOUND
    action = Action.RESOLVE_FLAG if isinstance(command, ResolveConcern) else Action.ACKNOWLEDGE_FLAG
    if not permitted(command.capacity, action, relation_of(concern, command.by.identity_id, command.capacity)):
        return denied(action)
    return concern


def _before(one: Concern, other: Concern) -> bool:
    return one.at_ms <= other.at_ms
