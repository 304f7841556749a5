"""A supervision stream's state: a frozen value, rebuilt from its log by `evolve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from moderation.supervision.events import ConcernPassed, ConcernRaised
from protocol.ids import ConcernId
from protocol.values import ConcernKind


class Concern(Struct, frozen=True):
    """Something that therapists have to know of. `over`: it has passed; `acknowledged`: one has taken note."""

    raised: ConcernRaised
    over: bool = False
    acknowledged: bool = False

    def like(self, other: Concern) -> bool:
        """Whether both tell of the same thing, at different times."""
        return (self.raised.kind, self.raised.person) == (other.raised.kind, other.raised.person)


class SupervisionState(Struct, frozen=True):
    """All that the stream knows.

    Attributes:
        concerns: all of the session, the oldest first.
        room_seq: the newest of the room's events that anything here is from.
        unstored: what holds in memory only, in order.
    """

    concerns: Mapping[ConcernId, Concern] = MappingProxyType({})
    room_seq: int = 0
    unstored: tuple[ConcernRaised | ConcernPassed, ...] = ()

    def lasting(self, *kinds: ConcernKind) -> Iterator[Concern]:
        """Those of these kinds that have not passed."""
        return (each for each in self.concerns.values() if not each.over and each.raised.kind in kinds)


EMPTY = SupervisionState()
