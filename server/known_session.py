"""A session as supervision knows it: what its room told last, and what waits for its concerns to be loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from moderation.supervision.commands import Fact, Handle, Monitor, RaiseFlag, SeeRoom
from moderation.supervision.events import Decision
from protocol.ids import FlagId, SessionId
from rooms.events import DurableEvent, Event, is_durable
from rooms.state import RoomState
from server.room_facts import TELLING, fact_of
from server.supervisor import Supervisor


class KnownSession:
    """What is known of one session's room, and its supervisor once that is loaded. `server.supervising` owns it."""

    def __init__(self, session_id: SessionId) -> None:
        self.id = session_id
        self.state: RoomState | None = None
        self.seq = 0
        self.facts: list[tuple[int, DurableEvent]] = []
        self.sight: SeeRoom | None = None
        self.due = False
        self.closing = False
        self.watchers = 0
        self.supervisor: Supervisor | None = None
        self.meanwhile: Supervisor | None = None
        """Goes on in memory while the log cannot be read or written: since `supervisor` failed."""
        self.opening: asyncio.Task[None] | None = None
        self.not_loaded = False
        """The last try to load its concerns failed; it is tried again."""
        self.unreadable = False
        self.room_unreadable = False
        self.resumed = False
        """Something of it may have been open when this node started."""
        self.known: RoomState | None = None
        """The room as it was heard last, open here or not any more."""
        self.asked: list[tuple[RaiseFlag, asyncio.Future[Decision]]] = []
        """Flags that wait for its concerns to be loaded."""
        self.handling: list[tuple[Handle | Monitor, asyncio.Future[Decision]]] = []
        """What therapists did meanwhile."""
        self.flags: dict[FlagId, RaiseFlag] = {}
        """Flags that are not known to be stored."""
        self.was_open = False
        self._before = -1
        self._since = 0

    def hear(self, event: Event, state: RoomState, before: int) -> None:
        """`before`: seq of the newest event that was stored before the command of which this is one event."""
        if before != self._before:
            self._before, self._since = before, 0
        if is_durable(event):
            self._since += 1
            if isinstance(event, TELLING):
                self.facts.append((before + self._since, event))
        self.state = self.known = state
        self.seq, self.closing = before + self._since, False

    def told(self) -> Iterator[Fact]:
        """What was heard since the last time, in order."""
        heard, self.facts = self.facts, []
        if self.state is not None:
            people = self.state.people
            facts = (fact_of(event, seq, people) for seq, event in heard)
            yield from (fact for fact in facts if fact is not None)

    @property
    def standing(self) -> Supervisor | None:
        """Who says what therapists and raisers see."""
        return self.supervisor or self.meanwhile

    @property
    def wanted(self) -> bool:
        """Whether its room is open here, a therapist looks, or something waits for one."""
        if self.state is not None or self.watchers > 0 or self.resumed or self.asked or self.handling or self.flags:
            return True
        return self.standing is not None and self.standing.has_open

    @property
    def has_open(self) -> bool:
        """Whether it leaves a therapist something to do, or may."""
        if self.asked or self.flags or self.resumed:
            return True
        return self.standing is not None and self.standing.has_open
