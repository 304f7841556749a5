"""Supervision: hears what rooms tell, and keeps the concerns that follow from it.

A room hands over what happened and goes on; what follows happens later, in streams of their own. Nothing here can hold
a room up or end it, take up its seq or its commits. What a crash left untold is read from the room's log when the
session is next looked at: each concern says which event of the room it is from, so that none is raised twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final, Protocol

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from moderation.decision import Rejection
from moderation.permissions import Office
from moderation.supervision.commands import CoverOver, Handle, LoseRoom, Monitor, RaiseFlag, RoomFacts, StopListening
from moderation.supervision.events import Decision
from moderation.supervision.state import Concern, Listening
from moderation.supervision.upcasting import UnknownEvent as UnknownConcern
from moderation.supervision.view import OwnFlag
from protocol.errors import ErrorCode
from protocol.ids import ConcernId, IdentityId, SessionId
from protocol.monitoring import ListeningView, MonitoringEnd, WhisperView
from protocol.supervision import ConcernView, Severity, Step
from protocol.values import Millis, Role, SessionStatus
from rooms.events import Event, ResponderNamed
from rooms.state import RoomState
from rooms.upcasting import UnknownEvent, present_event
from server.claiming import ClaimedStream, NoStream
from server.clock import Clock
from server.duty import Duties
from server.known_session import KnownSession
from server.logs import where_it_failed
from server.open_supervision import mark_done, mark_open
from server.room_facts import TELLING, fact_of, sight_of
from server.room_loading import load_room
from server.storage.log import EventLog, Unreadable
from server.stream import RETRY_S, Timers
from server.supervisor import SUPERVISION, Past, Stream, Supervisor, read_past, stream_of

MAX_ENDED: Final = 1_000
"""Sessions remembered as ended: their rows follow a moment later."""

UNSAVED: Final = (ErrorCode.NOT_SAVED, ErrorCode.ROOM_FAILED)
"""What was not stored, and holds in memory if it is a flag."""

_log = structlog.get_logger("supervision")


class Hears(Protocol):
    """Who shows therapists what there is."""

    def changed(self, session_id: SessionId) -> None:
        """Something about this session may look otherwise now."""
        ...

    def outdated(self) -> None:
        """The rows of sessions may say something else now."""
        ...

    def silenced(self, session_id: SessionId, person: IdentityId, why: MonitoringEnd) -> None:
        """That person listens to that session no more: from this call on. Must not raise."""
        ...


class Escalated(Protocol):
    """Who tells the program's contact."""

    def __call__(
        self,
        session_id: SessionId,
        concern_id: ConcernId,
        step: Step,
        number: int,
        at_ms: Millis,
        severity: Severity,
        since_ms: Millis,
    ) -> None:
        """Must not block or raise. `number`: for the how manieth time, from 1; the same one may be told again.
        `since_ms`: when the first of what nobody has acknowledged was raised."""
        ...


class Supervision:
    """Owns the supervisors of this node. Implements `server.hall.Follows`: what rooms tell comes in by it."""

    def __init__(
        self, log: EventLog, clock: Clock, timers: Timers, duties: Duties, on_escalated: Escalated | None = None
    ) -> None:
        """`on_escalated` hears of each time that a concern reaches the program's contact; after a restart again, of
        those that nobody had acknowledged."""
        self.hears: Hears | None = None
        self._duties = duties
        duties.on_changed = self._duty_changed
        self._on_escalated = on_escalated
        self._errands: set[asyncio.Task[None]] = set()
        self._log = log
        self._clock = clock
        self._timers = timers
        self._sessions: dict[SessionId, KnownSession] = {}
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

    def look_again(self, session_id: SessionId) -> None:
        """Something about it that is not its own looks otherwise now."""
        if session_id in self._sessions:
            self._follow_soon(self._sessions[session_id])

    def wake(self, session_id: SessionId) -> None:
        """Something of that session may be open: its clocks run from now on."""
        session = self._session(session_id)
        session.resumed = session.supervisor is None
        self._follow_soon(session)

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
        if session is None or session.standing is None:
            return ()
        return session.standing.concerns_for(viewer, capacity)

    def cannot_be_read(self, session_id: SessionId) -> bool:
        """Whether concerns may be missing here: its stream is damaged, or of a newer version, or storage does not
        answer."""
        session = self._sessions.get(session_id)
        return session is not None and (session.unreadable or session.room_unreadable or session.not_loaded)

    def listening_view(
        self, session_id: SessionId, viewer: IdentityId, capacity: Office, room: RoomFacts
    ) -> ListeningView | None:
        """What that person may do besides; None while its concerns are not known here."""
        session = self._sessions.get(session_id)
        if session is None or session.standing is None:
            return None
        return session.standing.listening_view(viewer, capacity, room)

    def listens(self, session_id: SessionId, person: IdentityId) -> Listening | None:
        """Whether, and how, that person listens to that session, as it is stored."""
        session = self._sessions.get(session_id)
        return None if session is None or session.standing is None else session.standing.listening.get(person)

    def is_concerned(self, session_id: SessionId, person: IdentityId) -> bool:
        """Whether an open flag of that session is about them."""
        session = self._sessions.get(session_id)
        return session is not None and session.standing is not None and session.standing.is_concerned(person)

    def unseen_by(self, session_id: SessionId, person: IdentityId) -> tuple[WhisperView, ...]:
        """Whispers to that person that their page has not shown."""
        session = self._sessions.get(session_id)
        return () if session is None or session.standing is None else session.standing.unseen_by(person)

    def handle(self, session_id: SessionId, command: Handle | Monitor) -> asyncio.Future[Decision]:
        """A therapist does something about a concern, listens or whispers; the answer comes when that is stored."""
        session = self._sessions.get(session_id)
        if session is not None and session.supervisor is not None:
            return session.supervisor.handle(command)
        reply: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        if session is None or session.not_loaded or session.unreadable:
            reply.set_result(Rejection(ErrorCode.NOT_SAVED))
        else:
            session.handling.append((command, reply))
            self._follow_soon(session)
        return reply

    def open_sessions(self) -> frozenset[SessionId]:
        """The sessions that leave a therapist something to do, or may."""
        return frozenset(each.id for each in self._sessions.values() if each.wanted and each.has_open)

    def has_open(self, session_id: SessionId) -> bool:
        """Whether a session is one of them."""
        session = self._sessions.get(session_id)
        return session is not None and session.has_open

    def known_room(self, session_id: SessionId) -> RoomState | None:
        """The room as it was heard last, though it may have failed since."""
        session = self._sessions.get(session_id)
        return None if session is None else session.known

    def concerns_shown(self, session_id: SessionId, viewer: IdentityId, capacity: Office) -> tuple[Concern, ...]:
        """Those of its concerns that this person may see."""
        session = self._sessions.get(session_id)
        if session is None or session.standing is None:
            return ()
        return session.standing.shown_to(viewer, capacity)

    # ── what people flag ─────────────────────────────────────────────────────────────────────

    def raise_flag(self, session_id: SessionId, flag: RaiseFlag) -> asyncio.Future[Decision]:
        """Therapists are told at once; the answer comes when it is stored. What could not be stored (NOT_SAVED,
        ROOM_FAILED) holds in memory and is tried again."""
        session = self._session(session_id)
        reply: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        if session.supervisor is None and session.unreadable:
            session.supervisor = self._supervisor(session, read_past(()), NoStream())
        if session.supervisor is None:
            session.asked.append((flag, reply))
            if session.meanwhile is not None:
                self._raise(session, session.meanwhile, flag, None)
            self._follow_soon(session)
        else:
            self._raise(session, session.supervisor, flag, reply)
        return reply

    def flags_of(self, session_id: SessionId, raiser: IdentityId, role: Role) -> tuple[OwnFlag, ...]:
        """The flags that this person raised in that session, the newest first."""
        session = self._sessions.get(session_id)
        if session is None:
            return ()
        return () if session.standing is None else session.standing.flags_of(raiser, role)

    def unanswered_crisis(self, session_id: SessionId, raiser: IdentityId) -> tuple[Millis, tuple[str, ...]] | None:
        """See `server.supervisor`."""
        session = self._sessions.get(session_id)
        if session is None or session.standing is None:
            return None
        return session.standing.unanswered_crisis(raiser)

    def in_unanswered_crisis(self, session_id: SessionId, raiser: IdentityId) -> frozenset[IdentityId]:
        """Whom that person's flags of a crisis concern that nobody has acknowledged."""
        session = self._sessions.get(session_id)
        if session is None or session.standing is None:
            return frozenset()
        return session.standing.in_unanswered_crisis(raiser)

    def _raise(
        self, session: KnownSession, supervisor: Supervisor, flag: RaiseFlag, reply: asyncio.Future[Decision] | None
    ) -> None:
        known = session.flags.setdefault(flag.flag_id, flag)

        def answered(done: asyncio.Future[Decision]) -> None:
            decision = done.result()
            unsaved = isinstance(decision, Rejection) and decision.code in UNSAVED
            if not unsaved and known is flag:
                session.flags.pop(flag.flag_id, None)
            if reply is not None and not reply.done():
                reply.set_result(decision)

        supervisor.raise_flag(flag).add_done_callback(answered)

    async def close(self) -> None:
        """Waits until everything decided has landed."""
        self._closed = True
        for session in tuple(self._sessions.values()):
            self._follow(session)
            if session.opening is not None:
                session.opening.cancel()
                await asyncio.wait((session.opening,))
            if session.standing is not None:
                await session.standing.close()
        if self._errands:
            await asyncio.wait(tuple(self._errands))

    # ── what follows ─────────────────────────────────────────────────────────────────────────

    def _session(self, session_id: SessionId) -> KnownSession:
        return self._sessions.setdefault(session_id, KnownSession(session_id))

    def _follow_soon(self, session: KnownSession) -> None:
        if not session.due:
            session.due = True
            asyncio.get_running_loop().call_soon(self._follow, session)

    def _follow(self, session: KnownSession) -> None:
        """Tells the supervisor what was heard, and watchers what it looks like."""
        session.due = False
        try:
            self._forget_stored(session)
            if session.supervisor is None:
                self._open(session)
            else:
                self._tell(session, session.supervisor)
            if session.closing:
                session.state, session.sight, session.closing = None, None, False
            if session.was_open != session.has_open:
                session.was_open = not session.was_open
                self._rows_outdated()
            if self.hears is not None:
                self.hears.changed(session.id)
            self._let_go(session)
        except Exception as bug:
            _log.error("not_followed", session=session.id, **where_it_failed(bug))

    def _tell(self, session: KnownSession, supervisor: Supervisor) -> None:
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

    def _open(self, session: KnownSession) -> None:
        if session.opening is None and session.wanted and not (session.unreadable or self._closed):
            session.opening = asyncio.create_task(self._load(session), name="supervision")

    async def _load(self, session: KnownSession) -> None:
        try:
            supervisor = await self._loaded(session)
        except (UnknownConcern, UnknownEvent, Unreadable, LookupError) as error:
            _log.error("log_unreadable", session=session.id, **where_it_failed(error))
            session.unreadable, session.resumed = True, False
            self._refuse_handling(session)
            if session.meanwhile is not None:
                self._loaded_anew(session, session.meanwhile)
            elif session.asked or session.flags:
                self._loaded_anew(session, self._supervisor(session, read_past(()), NoStream()))
            if self.hears is not None:
                self.hears.changed(session.id)
        except Exception as error:
            _log.warning("not_loaded", session=session.id, **where_it_failed(error))
            session.not_loaded = True
            self._refuse_handling(session)
            if self.hears is not None:
                self.hears.changed(session.id)
            self._timers.call_later(RETRY_S, lambda: self._follow(session))
        else:
            self._loaded_anew(session, supervisor)
        finally:
            session.opening = None

    async def _loaded(self, session: KnownSession) -> Supervisor:
        """From its log, and told all that its room's log has had to tell since."""
        await self._duties.learn(session.id)
        stored = await self._log.read(stream_of(session.id))
        head = max((each.seq for each in stored), default=0)
        stream = ClaimedStream(
            self._log,
            stream_of(session.id),
            SUPERVISION,
            head,
            also=lambda connection: mark_open(connection, session.id),
            on_settled=lambda: self._follow_soon(session),
        )
        supervisor = self._supervisor(session, read_past(stored, session.meanwhile), stream)
        try:
            await self._catch_up(session, supervisor)
        except (UnknownEvent, Unreadable, LookupError) as error:
            # What people flagged is kept, and goes on, without its room.
            _log.error("room_unreadable", session=session.id, **where_it_failed(error))
            session.room_unreadable = True
            supervisor.tell(LoseRoom())
        else:
            session.room_unreadable = False
        return supervisor

    async def _catch_up(self, session: KnownSession, supervisor: Supervisor) -> None:
        """Tells all that its room's log has had to tell since."""
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
                return

    def _supervisor(self, session: KnownSession, past: Past, stream: Stream) -> Supervisor:
        return Supervisor(
            session.id,
            past,
            stream,
            self._clock,
            self._timers,
            duty=lambda: self._duties.of(session.id, self._is_engaged),
            on_contact=partial(self._escalated, session.id),
            on_changed=lambda: self._follow_soon(session),
            on_failed=lambda: self._failed(session),
            on_silent=partial(self._silenced, session.id),
        )

    def _loaded_anew(self, session: KnownSession, supervisor: Supervisor) -> None:
        if session.meanwhile is not None and session.meanwhile is not supervisor:
            session.meanwhile.retire()
        session.supervisor, session.meanwhile, session.sight = supervisor, None, None
        session.resumed = session.not_loaded = False
        # Those from before first: they were raised first.
        for flag in tuple(session.flags.values()):
            self._raise(session, supervisor, flag, None)
        asked, session.asked = session.asked, []
        for flag, reply in asked:
            self._raise(session, supervisor, flag, reply)
        handling, session.handling = session.handling, []
        for command, reply in handling:
            _pass_on(supervisor.handle(command), reply)
        supervisor.begin()
        # Whoever listened listened through another process, or another writer.
        for who in tuple(supervisor.listening):
            supervisor.handle(StopListening(who, MonitoringEnd.SERVER))
        self._follow_soon(session)

    @staticmethod
    def _refuse_handling(session: KnownSession) -> None:
        handling, session.handling = session.handling, []
        for _, reply in handling:
            reply.set_result(Rejection(ErrorCode.NOT_SAVED))

    def _silenced(self, session_id: SessionId, person: IdentityId, why: MonitoringEnd) -> None:
        if self.hears is not None:
            self.hears.silenced(session_id, person, why)

    def _is_engaged(self, person: IdentityId) -> bool:
        """Whether that person has an open crisis, or is being asked about one."""
        for session in self._sessions.values():
            for holder, whom in () if session.standing is None else session.standing.crises:
                # Whom it concerns is not asked about it, and must not learn of it by what goes past them.
                if whom == person:
                    continue
                if holder == person or (holder is None and self._duties.answers(person, session.id)):
                    return True
        return False

    def _escalated(
        self,
        session_id: SessionId,
        concern_id: ConcernId,
        step: Step,
        number: int,
        at_ms: Millis,
        severity: Severity,
        since_ms: Millis,
    ) -> None:
        _log.warning("escalated", session=session_id, concern=concern_id, step=step.value, number=number)
        if self._on_escalated is not None:
            self._on_escalated(session_id, concern_id, step, number, at_ms, severity, since_ms)

    def _forget_stored(self, session: KnownSession) -> None:
        if session.supervisor is not None:
            session.flags = {
                each: flag for each, flag in session.flags.items() if not session.supervisor.is_stored(each)
            }

    def _failed(self, session: KnownSession) -> None:
        """Its log is read again. Until that works, what therapists were told stands, and its clocks run, in memory."""
        failed, session.supervisor = session.supervisor, None
        if failed is not None:
            for who in failed.listening:
                self._silenced(session.id, who, MonitoringEnd.SERVER)
            session.meanwhile = self._supervisor(session, failed.past, NoStream())
            for flag in tuple(session.flags.values()):
                self._raise(session, session.meanwhile, flag, None)
            session.meanwhile.begin()
        self._timers.call_later(RETRY_S, lambda: self._follow(session))

    def _let_go(self, session: KnownSession) -> None:
        """Forgets a session that nobody needs, once all of it is stored."""
        if session.wanted or session.opening is not None or self._closed:
            return
        if session.supervisor is not None:
            if not session.supervisor.idle:
                return
            done, epoch = session.supervisor.done, session.supervisor.epoch
            session.supervisor.retire()
            if done and epoch:
                self._run(self._mark_done(session.id, epoch))
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]
            self._duties.forget(session.id)

    async def _mark_done(self, session_id: SessionId, epoch: int) -> None:
        try:
            await self._log.run(lambda connection: mark_done(connection, session_id, stream_of(session_id), epoch))
        except SQLAlchemyError as error:
            # It is loaded once more after a restart, and found to be done.
            _log.warning("not_marked_done", session=session_id, **where_it_failed(error))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        errand = asyncio.ensure_future(work)
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    def _duty_changed(self) -> None:
        """Who would be told next is part of what therapists see, and in what capacity they are told of it."""
        self._rows_outdated()
        for session in tuple(self._sessions.values()):
            self._follow_soon(session)

    def _rows_outdated(self) -> None:
        if self.hears is not None:
            self.hears.outdated()

    def _remember_end(self, session_id: SessionId) -> None:
        self._ended[session_id] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)


def _pass_on(decided: asyncio.Future[Decision], reply: asyncio.Future[Decision]) -> None:
    decided.add_done_callback(lambda done: reply.done() or reply.set_result(done.result()))
