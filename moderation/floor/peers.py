"""A round as peers see it: who passed, or was denied, looks like who spoke.

They stay where they were among those to come, and are done when the round has come to their place.
"""

from __future__ import annotations

from msgspec.structs import replace

from moderation.floor.state import Floor, Order
from protocol.ids import ParticipantId


def shown_to_peers(before: Floor, after: Floor) -> Floor:
    """`after`, with what peers see of its round."""
    if after.to_come == before.to_come and after.turn is before.turn and after.over == before.over:
        return after
    over = after.over
    line = _line(after, over) if after.going else ()
    given = after.holder_id if after.turn is not before.turn else None
    if given is not None and before.to_come[:1] == (given,) and given in after.line:
        passed_by = after.line[: after.line.index(given)]
        line = tuple(who for who in line if who in after.to_come or who not in passed_by)
    seen = tuple(who for who in after.seen_done if who in over and who not in line)
    # Whose turn ended now, and then those whose places the round has passed.
    places = {who: place for place, who in enumerate(after.line)}
    new = sorted((who for who in over if who not in line and who not in seen), key=lambda who: places.get(who, -1))
    return replace(after, line=line, seen_done=(*seen, *new))


def _line(floor: Floor, over: Order) -> Order:
    """Those to come in their order, and those who are over in their old places between them."""
    to_come = list(floor.to_come)
    line: list[ParticipantId] = []
    for who in floor.line:
        if who in floor.to_come:
            line.append(to_come.pop(0))
        elif who in over and who != floor.holder_id:
            line.append(who)
    return (*line, *to_come)
