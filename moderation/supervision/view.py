"""What a therapist sees of a session's concerns: the only place that decides it."""

from __future__ import annotations

from typing import Final

from moderation.permissions import Action, Office, Relation, permitted
from moderation.supervision.state import Concern, SupervisionState
from protocol.ids import IdentityId
from protocol.values import ConcernView

MAX_ACKNOWLEDGED: Final = 20
"""Acknowledged concerns that are shown, the newest of them. Of those not acknowledged none is left out."""


def relation_of(concern: Concern, identity: IdentityId) -> Relation:
    """How a concern relates to a person."""
    return Relation.CONCERNS_ME if concern.raised.person == identity else Relation.ROOM


def concerns_for(
    told: SupervisionState, stored: SupervisionState, viewer: IdentityId, capacity: Office
) -> tuple[ConcernView, ...]:
    """What that therapist sees: not acknowledged ones first, then the newest.

    Args:
        told: with what is not stored yet: a therapist is told at once.
        stored: says what was acknowledged; that counts once it is stored.
        viewer: who looks; nobody sees what concerns themselves.
        capacity: in what capacity.
    """
    open_ones: list[ConcernView] = []
    noted: list[ConcernView] = []
    seen: list[Concern] = []
    for concern in reversed(tuple(told.concerns.values())):
        raised = concern.raised
        if not permitted(capacity, Action.SEE_FLAG, relation_of(concern, viewer)):
            continue
        known = stored.concerns.get(raised.concern_id)
        acknowledged = known is not None and known.acknowledged
        view = ConcernView(
            raised.concern_id,
            raised.kind,
            raised.severity,
            raised.at_ms,
            raised.person_name,
            raised.by_name,
            concern.over,
            acknowledged,
        )
        if acknowledged:
            noted.append(view)
        elif not any(concern.like(newer) for newer in seen):
            # Of a thing that comes and goes, the newest is shown, and noted with all before it.
            seen.append(concern)
            open_ones.append(view)
    return (*open_ones, *noted[:MAX_ACKNOWLEDGED])
