"""Supervision: hears what rooms tell, and keeps the concerns that follow from it.

A room hands over what happened and goes on; what follows happens later, in streams of their own. Nothing here can hold
a room up or end it, take up its seq or its commits. What a crash left untold is read from the room's log when the
session is next looked at: each concern says which event of the room it is from, so that none is raised twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from moderation.decision import Rejection
from moderation.permissions import Office
from moderation.supervision.commands import CoverOver, Fact, Handle, SeeRoom
from moderation.supervision.escalation import Duty
from moderation.supervision.events import Decision
from moderation.supervision.upcasting import UnknownEvent as UnknownConcern
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, SessionId
from protocol.supervision import ConcernView
from protocol.values import SessionStatus
from rooms.events import DurableEvent, Event, ResponderNamed, is_durable
from rooms.state import RoomState
from rooms.upcasting import UnknownEvent, present_event
from server.clock import Clock
from server.logs import where_it_failed
from server.room_facts import TELLING, fact_of, sight_of
from server.room_loading import load_room
from server.storage.log import EventLog, Unreadable
from server.stream import RETRY_S, Timers
from server.supervisor import SUPERVISION, Supervisor, replay, stream_of

MAX_ENDED: Final = 1_000
"""Sessions remembered as ended: their rows follow a moment later."""

_log = structlog.get_logger("supervision")


class Hears(Protocol):
    """Who shows therapists what there is."""

    def changed(self, session_id: SessionId) -> None:
        """Something about this session may look otherwise now."""
        ...

    def outdated(self) -> None:
        """The rows of sessions may say something else now."""
        ...


class _Session:
    """What is known of one session's room, and its supervisor once that is loaded."""

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
        self.opening: asyncio.Task[None] | None = None
        self.unreadable = False
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
        self.state, self.seq, self.closing = state, before + self._since, False

    def told(self) -> Iterator[Fact]:
        """What was heard since the last time, in order."""
        heard, self.facts = self.facts, []
        if self.state is not None:
            people = self.state.people
            facts = (fact_of(event, seq, people) for seq, event in heard)
            yield from (fact for fact in facts if fact is not None)

    @property
    def wanted(self) -> bool:
        """Whether its room is open here, or a therapist looks."""
        return self.state is not None or self.watchers > 0


class Supervision:
    """Owns the supervisors of this node. Implements `server.hall.Follows`: what rooms tell comes in by it."""

    def __init__(self, log: EventLog, clock: Clock, timers: Timers) -> None:
        self.hears: Hears | None = None
        self._log = log
        self._clock = clock
        self._timers = timers
        self._sessions: dict[SessionId, _Session] = {}
        self._ended: OrderedDict[SessionId, None] = OrderedDict()
        self._closed = False

    # ── what rooms tell ──────────────────────────────────────────────────────────────────────

    def happened(self, session_id: SessionId, event: Event, state: RoomState, seq: int) -> None:
        """Something happened in a room. Only noted here: the room's writer is in the middle of its work."""
        try:
            session = self._session(session_id)
            if session.state is None or isinstance(event, ResponderNamed):
                self._rows_outdated()
            session.hear(event, state, seq)
            if state.status is SessionStatus.ENDED:
                self._remember_end(session_id)
            self._follow_soon(session)
        except Exception as bug:
            _log.error("not_heard", session=session_id, **where_it_failed(bug))

    def closed(self, session_id: SessionId) -> None:
        """A room is not open here any more."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.closing = True
            self._follow_soon(session)

    # ── what watchers ask ────────────────────────────────────────────────────────────────────

    def keep(self, session_id: SessionId) -> None:
        """A therapist looks at that session from now on."""
        session = self._session(session_id)
        session.watchers += 1
        self._follow_soon(session)

    def release(self, session_id: SessionId) -> None:
        """And not any more."""
        session = self._session(session_id)
        session.watchers -= 1
        self._let_go(session)

    async def ready(self, session_id: SessionId) -> None:
        """Waits until the concerns of a session are there, or cannot be read."""
        session = self._session(session_id)
        self._follow(session)
        while session.opening is not None:
            await asyncio.shield(session.opening)

    def state(self, session_id: SessionId) -> RoomState | None:
        """The room as it was last heard; None when it is not open here."""
        session = self._sessions.get(session_id)
        return None if session is None else session.state

    def has_ended(self, session_id: SessionId) -> bool:
        """Whether its room said that it ended; the row may not say so yet."""
        return session_id in self._ended

    def concerns_for(self, session_id: SessionId, viewer: IdentityId, capacity: Office) -> tuple[ConcernView, ...]:
        """What that therapist sees of its concerns."""
        session = self._sessions.get(session_id)
        if session is None or session.supervisor is None:
            return ()
        return session.supervisor.concerns_for(viewer, capacity)

    def cannot_be_read(self, session_id: SessionId) -> bool:
        """Whether its concerns are unknown here: its stream is damaged, or of a newer version."""
        session = self._sessions.get(session_id)
        return session is not None and session.unreadable

    def handle(self, session_id: SessionId, command: Handle) -> asyncio.Future[Decision]:
        """A therapist does something about a concern; the answer comes when that is stored."""
        session = self._sessions.get(session_id)
        if session is not None and session.supervisor is not None:
            return session.supervisor.handle(command)
        reply: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        reply.set_result(Rejection(ErrorCode.NOT_SAVED))
        return reply

    async def close(self) -> None:
        """Waits until everything decided has landed."""
        self._closed = True
        for session in tuple(self._sessions.values()):
            self._follow(session)
            if session.opening is not None:
                session.opening.cancel()
                await asyncio.wait((session.opening,))
            if session.supervisor is not None:
                await session.supervisor.close()

    # ── what follows ─────────────────────────────────────────────────────────────────────────

    def _session(self, session_id: SessionId) -> _Session:
        return self._sessions.setdefault(session_id, _Session(session_id))

    def _follow_soon(self, session: _Session) -> None:
        if not session.due:
            session.due = True
            asyncio.get_running_loop().call_soon(self._follow, session)

    def _follow(self, session: _Session) -> None:
        """Tells the supervisor what was heard, and watchers what it looks like."""
        session.due = False
        try:
            if session.supervisor is None:
                self._open(session)
            else:
                self._tell(session, session.supervisor)
            if session.closing:
                session.state, session.sight, session.closing = None, None, False
            if self.hears is not None:
                self.hears.changed(session.id)
            self._let_go(session)
        except Exception as bug:
            _log.error("not_followed", session=session.id, **where_it_failed(bug))

    def _tell(self, session: _Session, supervisor: Supervisor) -> None:
        cover_over = False
        for fact in session.told():
            supervisor.tell(fact)
            cover_over |= isinstance(fact, CoverOver)
        if session.state is None:
            return
        sight = sight_of(session.state, session.seq)
        known, session.sight = session.sight, sight
        # A pause for which cover was asked is another one when who asked has gone.
        if known is None or cover_over or replace(known, room_seq=sight.room_seq) != sight:
            supervisor.tell(sight)

    def _open(self, session: _Session) -> None:
        if session.opening is None and session.wanted and not (session.unreadable or self._closed):
            session.opening = asyncio.create_task(self._load(session), name="supervision")

    async def _load(self, session: _Session) -> None:
        try:
            supervisor = await self._loaded(session)
        except (UnknownConcern, UnknownEvent, Unreadable, LookupError) as error:
            _log.error("log_unreadable", session=session.id, **where_it_failed(error))
            session.unreadable = True
            if self.hears is not None:
                self.hears.changed(session.id)
        except Exception as error:
            _log.warning("not_loaded", session=session.id, **where_it_failed(error))
            self._timers.call_later(RETRY_S, lambda: self._follow(session))
        else:
            session.supervisor, session.sight = supervisor, None
            self._follow_soon(session)
        finally:
            session.opening = None

    async def _loaded(self, session: _Session) -> Supervisor:
        """From its log, and told all that its room's log has had to tell since."""
        claim = await self._log.claim(stream_of(session.id), SUPERVISION)
        supervisor = Supervisor(
            session.id,
            replay(await self._log.read(stream_of(session.id))),
            claim,
            self._log,
            self._clock,
            self._timers,
            duty=Duty,
            on_changed=lambda: self._follow_soon(session),
            on_failed=lambda: self._failed(session),
        )
        read = supervisor.room_seq
        while True:
            stored = await self._log.read(session.id, after=read)
            events = [(e.seq, present_event(e.type, e.version, e.payload)) for e in stored if e.payload is not None]
            telling = [(seq, event) for seq, event in events if isinstance(event, TELLING)]
            if telling:
                people = (await load_room(self._log, session.id)).state.people
                for seq, event in telling:
                    fact = fact_of(event, seq, people)
                    if fact is not None:
                        supervisor.tell(fact)
            read = stored[-1].seq if stored else read
            # What was heard while reading is in the log: heard means stored.
            if session.seq <= read:
                session.facts.clear()
                return supervisor

    def _failed(self, session: _Session) -> None:
        session.supervisor = None
        self._timers.call_later(RETRY_S, lambda: self._follow(session))

    def _let_go(self, session: _Session) -> None:
        """Forgets a session that nobody needs, once all of it is stored."""
        if session.wanted or session.opening is not None or self._closed:
            return
        if session.supervisor is not None:
            if not session.supervisor.idle:
                return
            session.supervisor.retire()
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]

    def _rows_outdated(self) -> None:
        if self.hears is not None:
            self.hears.outdated()

    def _remember_end(self, session_id: SessionId) -> None:
        self._ended[session_id] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
