"""Therapists who watch: which sessions are theirs, and what each of them sees of those, as it changes.

Which sessions there are is in rows. They are read when a therapist comes, when a room opens or its responder changes,
and otherwise every few seconds while anybody watches. Reading is all that watching does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, assert_never

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from moderation.decision import NOT_FOUND, Rejection
from moderation.permissions import Action, Office
from moderation.supervision.commands import Handle, ResolveConcern, TakeConcernOver, TakeNote
from moderation.supervision.commands import ReviewGlass as Review
from moderation.supervision.escalation import Someone
from moderation.supervision.events import Decision
from program.people import find_person
from program.sessions import Session, assignments_of, groups_assigned, sessions_by
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, SessionId
from protocol.monitoring import Listen, MonitoringEnd, ReviewGlass, SendWhisper, SpeakTo, StopListening
from protocol.monitoring import Monitoring as Asked
from protocol.supervision import Acknowledge, ConcernView, Handling, Resolve, SupervisedView, TakeOver
from protocol.values import SessionStatus, SessionView, WaitsFor
from rooms.outside import from_outside
from server.duty import Duties
from server.logs import where_it_failed
from server.monitoring import Monitoring
from server.storage.engine import reading
from server.stream import Timers
from server.supervising import Supervision
from server.tokens import WatchTokens
from signaling.ports import WatchAdmission, Watcher

LOOK_EVERY_S: Final = 5.0
"""How often the rows are looked at: sessions that were made meanwhile appear, others go."""

FIRST_LOOK_S: Final = 1.0
"""So long the first answer waits for concerns to be loaded. Later ones follow by themselves."""

_log = structlog.get_logger("supervision")


@dataclass(frozen=True, slots=True)
class _Theirs:
    """A session that somebody may be shown something of, and in what capacity."""

    row: Session
    responder_name: str
    capacity: Office


@dataclass(slots=True, eq=False)
class _Watch:
    """One watching page. `name`: what its person is called; `shown`: what it was sent last."""

    watcher: Watcher
    name: str
    theirs: dict[SessionId, _Theirs] = field(default_factory=dict[SessionId, _Theirs])
    shown: dict[SessionId, SupervisedView] = field(default_factory=dict[SessionId, SupervisedView])


class Watchers:
    """Owns who watches. Implements `signaling.ports.Supervision` and `server.supervising.Hears`."""

    def __init__(
        self,
        engine: AsyncEngine,
        tokens: WatchTokens,
        supervision: Supervision,
        duties: Duties,
        timers: Timers,
        *,
        monitoring: Monitoring,
        on_denied: Callable[[IdentityId, Action, SessionId], None],
        on_read: Callable[[IdentityId, SessionId, Iterable[ConcernView]], None],
    ) -> None:
        """`on_denied` hears of each request that the permission function refused, `on_read` of all that is shown."""
        self._engine = engine
        self._tokens = tokens
        self._supervision = supervision
        self._timers = timers
        self._duties = duties
        self._on_denied = on_denied
        self._on_read = on_read
        self._monitoring = monitoring
        self._watches: dict[Watcher, _Watch] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._outdated = False
        self._closed = False
        supervision.hears = self

    # ── what signaling asks (`signaling.ports.Supervision`) ──────────────────────────────────

    def admit(self, token: str) -> WatchAdmission:
        """Uses up a token. Raises Refused(TOKEN_INVALID)."""
        grant = self._tokens.redeem(token)
        return WatchAdmission(grant.person_id, grant.sign_in)

    async def begin(self, watcher: Watcher) -> tuple[SupervisedView, ...]:
        """From now on the watcher is shown every change after the views that are returned."""
        async with reading(self._engine) as connection:
            person = await find_person(connection, watcher.identity_id)
        name = "" if person is None else person.display_name
        theirs = await self._assignments(watcher.identity_id)
        for session_id in theirs:
            self._supervision.keep(session_id)
        try:
            loading = [asyncio.create_task(self._supervision.ready(session_id)) for session_id in theirs]
            if loading:
                _, late = await asyncio.wait(loading, timeout=FIRST_LOOK_S)
                for each in late:
                    each.cancel()
        except BaseException:
            for session_id in theirs:
                self._supervision.release(session_id)
            raise
        watch = self._watches[watcher] = _Watch(watcher, name, theirs)
        self._monitoring.opened(watcher)
        watch.shown = {each: view for each in theirs if (view := self._view(watch, each)) is not None}
        self._look_later()
        return tuple(watch.shown.values())

    def end(self, watcher: Watcher) -> None:
        """The watcher is shown nothing more. Idempotent."""
        watch = self._watches.pop(watcher, None)
        self._monitoring.closed(watcher)
        if watch is not None:
            for session_id in watch.theirs:
                self._supervision.release(session_id)

    def handle(self, watcher: Watcher, asked: Handling) -> asyncio.Future[Decision]:
        """The watcher does something about a concern; the answer comes when that is stored.

        What they may not do anything about is answered like one that is not there: it may concern themselves.
        """
        watch = self._watches.get(watcher)
        by, session_id = watcher.identity_id, asked.session_id
        answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        theirs = None if watch is None else watch.theirs.get(session_id)
        if watch is None or theirs is None:
            # Where is not written down: an id that a page sends may be anything.
            self._on_denied(by, _action_of(asked), SessionId(""))
            answer.set_result(NOT_FOUND)
            return answer
        if self._off_duty(theirs, by) and not any(each.id == asked.concern_id for each in self._concerns(theirs, by)):
            self._on_denied(by, _action_of(asked), session_id)
            answer.set_result(NOT_FOUND)
            return answer

        def answered(done: asyncio.Future[Decision]) -> None:
            decision = done.result()
            if isinstance(decision, Rejection) and decision.denied is not None:
                self._on_denied(by, decision.denied, session_id)
                decision = NOT_FOUND
            answer.set_result(decision)

        command = _command_of(asked, Someone(by, watch.name), theirs.capacity)
        self._supervision.handle(session_id, command).add_done_callback(answered)
        return answer

    def monitor(self, watcher: Watcher, asked: Asked) -> asyncio.Future[Decision]:
        """The watcher listens, whispers, or reviews; the answer comes when that is stored. What is no session of
        theirs is answered like one that is not there."""
        if isinstance(asked, StopListening):
            return self._monitoring.stop(watcher)
        if isinstance(asked, SpeakTo) and asked.participant_id is None:
            return self._monitoring.be_silent(watcher)
        watch = self._watches.get(watcher)
        theirs = None if watch is None else watch.theirs.get(asked.session_id)
        if watch is None or theirs is None or self._off_duty(theirs, watcher.identity_id):
            self._on_denied(watcher.identity_id, _WANTED[type(asked)], SessionId(""))
            answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
            answer.set_result(NOT_FOUND)
            return answer
        return self._told_apart(self._ask(watch, theirs, asked), watcher.identity_id, asked)

    def _ask(
        self, watch: _Watch, theirs: _Theirs, asked: Listen | SendWhisper | SpeakTo | ReviewGlass
    ) -> asyncio.Future[Decision]:
        watcher, by, capacity = watch.watcher, Someone(watch.watcher.identity_id, watch.name), theirs.capacity
        match asked:
            case Listen(session_id=session_id, reason=reason):

                def still_theirs() -> bool:
                    now = watch.theirs.get(session_id)
                    return now is not None and now.capacity is capacity and not self._off_duty(now, by.identity_id)

                return self._monitoring.listen(watcher, session_id, by, capacity, reason, still_theirs)
            case SendWhisper(session_id=session_id, participant_id=whom, whisper_id=whisper_id, text=text):
                return self._monitoring.whisper(session_id, by, capacity, whisper_id, whom, text)
            case SpeakTo(session_id=session_id, participant_id=whom):
                return self._monitoring.speak_to(watcher, session_id, by, capacity, whom)
            case ReviewGlass(session_id=session_id):
                office = Office.CLINICAL_LEAD if self._duties.is_lead(by.identity_id) else capacity
                command = Review(by, office, asked.glass_id, asked.finding, asked.note)
                return self._supervision.handle(session_id, command)
        assert_never(asked)

    def _told_apart(
        self,
        decided: asyncio.Future[Decision],
        by: IdentityId,
        asked: Listen | SendWhisper | SpeakTo | ReviewGlass,
    ) -> asyncio.Future[Decision]:
        """Each refusal is written down. Only the reasons that every therapist would be told are told."""
        answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

        def answered(done: asyncio.Future[Decision]) -> None:
            decision = done.result()
            if isinstance(decision, Rejection):
                self._on_denied(by, decision.denied or _WANTED[type(asked)], asked.session_id)
                if decision.denied is not None and decision.code is ErrorCode.NOT_ALLOWED:
                    decision = NOT_FOUND
            if not answer.done():
                answer.set_result(decision)

        decided.add_done_callback(answered)
        return answer

    async def close(self) -> None:
        """Looks no more."""
        self._closed = True
        self._monitoring.close()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))

    # ── what supervision tells (`server.supervising.Hears`) ──────────────────────────────────

    def changed(self, session_id: SessionId) -> None:
        """Shows a session to those who watch it, if it looks otherwise to them."""
        for watch in tuple(self._watches.values()):
            if session_id in watch.theirs:
                self._show(watch, session_id)
        self._monitoring.changed(session_id)

    def silenced(self, session_id: SessionId, person: IdentityId, why: MonitoringEnd) -> None:
        """That person listens to that session no more."""
        self._monitoring.silenced(session_id, person, why)

    def outdated(self) -> None:
        """Looks at the rows now."""
        self._outdated = True
        if self._looking is None and self._watches and not self._closed:
            self._looking = asyncio.create_task(self._look(), name="watchers")

    # ── rows ─────────────────────────────────────────────────────────────────────────────────

    def _look_later(self) -> None:
        if self._alarm is None and self._watches and not self._closed:
            self._alarm = self._timers.call_later(LOOK_EVERY_S, self._look_again)

    def _look_again(self) -> None:
        self._alarm = None
        self.outdated()
        self._look_later()

    async def _look(self) -> None:
        try:
            while self._outdated:
                self._outdated = False
                for watch in tuple(self._watches.values()):
                    theirs = await self._assignments(watch.watcher.identity_id)
                    if watch.watcher in self._watches:
                        self._assign(watch, theirs)
                for session_id in self._monitoring.to_look_at():
                    await self._monitoring.look_at_consents(session_id)
        except SQLAlchemyError as error:
            _log.warning("rows_not_read", **where_it_failed(error))
        finally:
            self._looking = None

    async def _assignments(self, identity_id: IdentityId) -> dict[SessionId, _Theirs]:
        """Live sessions of their groups, and whatever is open elsewhere or has ended and may reach them."""
        async with reading(self._engine) as connection:
            live = await assignments_of(connection, identity_id)
            groups = await groups_assigned(connection, identity_id)
            ended_or_others = await sessions_by(
                connection, self._supervision.open_sessions() - {each.session.id for each in live}
            )
        office = Office.CLINICAL_LEAD if self._duties.is_lead(identity_id) else Office.ON_CALL
        found = {each.session.id: _Theirs(each.session, each.responder_name, Office.ASSIGNED) for each in live}
        for each in ended_or_others:
            row, assigned = each.session, each.session.group_id in groups
            found[row.id] = _Theirs(row, each.responder_name, Office.ASSIGNED if assigned else office)
        return found

    def _assign(self, watch: _Watch, theirs: dict[SessionId, _Theirs]) -> None:
        before, watch.theirs = watch.theirs, theirs
        for heard in self._monitoring.sessions_of(watch.watcher):
            known, now = before.get(heard), theirs.get(heard)
            if known is None or now is None or known.capacity is not now.capacity:
                self._monitoring.end(watch.watcher, heard)
        for session_id in theirs.keys() - before.keys():
            self._supervision.keep(session_id)
        for session_id in before.keys() - theirs.keys():
            self._supervision.release(session_id)
        for session_id in (*theirs, *(before.keys() - theirs.keys())):
            self._show(watch, session_id)

    # ── views ────────────────────────────────────────────────────────────────────────────────

    def _show(self, watch: _Watch, session_id: SessionId) -> None:
        theirs = watch.theirs.get(session_id)
        if theirs is not None and self._off_duty(theirs, watch.watcher.identity_id):
            self._monitoring.end(watch.watcher, session_id)
        view = self._view(watch, session_id)
        if view is None:
            if watch.shown.pop(session_id, None) is not None:
                watch.watcher.hide(session_id)
        elif watch.shown.get(session_id) != view:
            watch.shown[session_id] = view
            watch.watcher.show(view)

    def _view(self, watch: _Watch, session_id: SessionId) -> SupervisedView | None:
        theirs = watch.theirs.get(session_id)
        if theirs is None:
            return None
        viewer, row = watch.watcher.identity_id, theirs.row
        ended = row.status is SessionStatus.ENDED or self._supervision.has_ended(session_id)
        concerns = self._concerns(theirs, viewer)
        assigned = theirs.capacity is Office.ASSIGNED
        listening = self._monitoring.view(row.id, viewer, theirs.capacity)
        if listening is not None and assigned and self._duties.is_lead(viewer):
            # A therapist of the group who is a clinical lead as well reviews what a colleague did.
            as_lead = self._monitoring.view(row.id, viewer, Office.CLINICAL_LEAD)
            listening = replace(listening, glass=listening.glass if as_lead is None else as_lead.glass)
        to_review = listening is not None and bool(listening.glass)
        if (ended or not assigned) and not any(is_open(each) for each in concerns) and not to_review:
            return None
        self._on_read(viewer, session_id, concerns)
        if not assigned:
            # Of a session of others, no more than to find one's way.
            status = SessionStatus.ENDED if ended else SessionStatus.LIVE
            view = SessionView(row.id, row.title, status)
            return SupervisedView(view, concerns=concerns, assigned=False, listening=listening)
        return replace(
            self._from_outside(row, ended=ended),
            responder=theirs.responder_name,
            you_respond=row.responder_id == viewer,
            concerns=concerns,
            unread=self._supervision.cannot_be_read(session_id),
            listening=listening,
        )

    def _from_outside(self, row: Session, *, ended: bool) -> SupervisedView:
        state = self._supervision.state(row.id)
        if ended:
            return SupervisedView(SessionView(row.id, row.title, SessionStatus.ENDED, row.note))
        if state is None or state.status is None:
            return SupervisedView(SessionView(row.id, row.title, SessionStatus.LOBBY, row.note, WaitsFor.LEADER))
        return from_outside(state)

    def _concerns(self, theirs: _Theirs, viewer: IdentityId) -> tuple[ConcernView, ...]:
        found = self._supervision.concerns_for(theirs.row.id, viewer, theirs.capacity)
        if self._off_duty(theirs, viewer):
            # What they made theirs while they were on call stays theirs.
            return tuple(each for each in found if each.mine)
        return found

    def _off_duty(self, theirs: _Theirs, viewer: IdentityId) -> bool:
        return theirs.capacity is Office.ON_CALL and not self._duties.is_on_call(viewer)


class MonitorCalls:
    """Listening, as signaling sees it (`signaling.ports.Monitors`): what is asked for, and the media of it."""

    def __init__(self, watchers: Watchers, monitoring: Monitoring) -> None:
        self.monitor = watchers.monitor
        self.answer = monitoring.answer
        self.resubscribe = monitoring.resubscribe
        self.look = monitoring.look
        self.publish = monitoring.publish


def is_open(concern: ConcernView) -> bool:
    """Whether it leaves a therapist something to do."""
    return not concern.acknowledged or (bool(concern.flags) and concern.resolution is None)


_WANTED: Final = {
    Listen: Action.MONITOR,
    SendWhisper: Action.WHISPER,
    SpeakTo: Action.WHISPER,
    ReviewGlass: Action.REVIEW_BREAK_GLASS,
}


def _action_of(asked: Handling) -> Action:
    return Action.RESOLVE_FLAG if isinstance(asked, Resolve) else Action.ACKNOWLEDGE_FLAG


def _command_of(asked: Handling, by: Someone, capacity: Office) -> Handle:
    match asked:
        case Acknowledge():
            return TakeNote(by, capacity, asked.concern_id, asked.flags)
        case TakeOver():
            return TakeConcernOver(by, capacity, asked.concern_id)
        case Resolve():
            return ResolveConcern(by, capacity, asked.concern_id, resolution=asked.resolution, flags=asked.flags)
    assert_never(asked)
