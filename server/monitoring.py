"""Who listens, through which page, and who whispers: between what is decided and stored, and the media plane.

Media follow the record: nobody hears anything before it is stored that they listen, and they hear nothing more in the
moment in which it is decided that they do not. No room is asked for anything; what a monitor sees of one is made from
what supervision hears of it anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from moderation.decision import Accepted, Rejection
from moderation.permissions import Office
from moderation.supervision.commands import (
    Listen,
    Mentor,
    RoomFacts,
    SeeWhisper,
    SendWhisper,
    SpeakTo,
    StepIn,
    StopListening,
)
from moderation.supervision.escalation import Someone
from moderation.supervision.events import Decision, WhisperSent
from protocol.errors import ErrorCode, HoldspaceError, Refused
from protocol.ids import GlassId, IdentityId, ParticipantId, SessionId, WhisperId
from protocol.messages import Frame, SpeakersChanged, SubscribeOffer
from protocol.monitoring import (
    ListeningView,
    Monitored,
    MonitoringEnd,
    MonitoringOver,
    Whispered,
    WhisperSpeaking,
    WhisperView,
)
from protocol.values import Role, SessionStatus, Snapshot, Source, Tile
from rooms.outside import as_participant
from rooms.state import Participant, RoomState
from server.logs import where_it_failed
from server.supervising import Supervision
from signaling.ports import Watcher

_log = structlog.get_logger("supervision")

Consented = Callable[[frozenset[IdentityId]], Awaitable[bool]]
"""Whether all of these people have accepted the notice as it is now. Raises SQLAlchemyError."""


class Media(Protocol):
    """What listening asks of the media plane; `media.plane.MediaPlane` is it, and says what each raises."""

    def add_monitor(
        self,
        monitor: str,
        on_offer: Callable[[SubscribeOffer], None],
        on_failed: Callable[[Literal["publish", "subscribe"]], None],
    ) -> None: ...
    def remove_monitor(self, monitor: str) -> None: ...
    def listen(self, monitor: str, room: str | None) -> None: ...
    def answer_monitor(self, monitor: str, version: int, sdp: str) -> None: ...
    def resubscribe_monitor(self, monitor: str) -> None: ...
    def view_monitor(self, monitor: str, tiles: Sequence[Tile]) -> None: ...
    def publish_monitor(self, monitor: str, sdp: str, sources: Mapping[str, Source]) -> str: ...
    def speak_to(self, monitor: str, room: str, participant: str | None) -> None: ...
    def set_headphones(self, room: str, participant: str, on: bool) -> None: ...


@dataclass(slots=True, eq=False)
class _Page:
    """One page of a therapist that watches. `monitor`: its name in the media plane, "" before it needed one."""

    watcher: Watcher
    monitor: str = ""
    session_id: SessionId | None = None
    asked: int = 0
    """Counts what was asked for last: to listen, or to stop. An older wish does not come true after it."""
    shown: Snapshot | None = None
    speaks_to: tuple[SessionId, ParticipantId] | None = None
    wished: int = 0
    """As `asked`, for whom to speak to."""
    by_name: str = ""
    """As whom they speak."""


class Monitoring:
    """Owns which page listens to what, and whose headphones are on. Implements `signaling.ports.Whispers`."""

    def __init__(
        self,
        supervision: Supervision,
        media: Media,
        *,
        new_id: Callable[[], str],
        consented: Consented,
        tell: Callable[[SessionId, ParticipantId, Frame], None],
    ) -> None:
        """`tell` sends something to one participant's page alone, if there is one."""
        self._supervision = supervision
        self._media = media
        self._new_id = new_id
        self._consented = consented
        self._tell = tell
        self._pages: dict[Watcher, _Page] = {}
        self._headphones: set[tuple[SessionId, ParticipantId]] = set()
        self._unconsented: set[SessionId] = set()
        self._taken_back = 0
        """How often somebody took their agreement back."""

    # ── pages ────────────────────────────────────────────────────────────────────────────────

    def opened(self, watcher: Watcher) -> None:
        """A therapist's page watches."""
        self._pages[watcher] = _Page(watcher)

    def closed(self, watcher: Watcher) -> None:
        """And does no more. Idempotent."""
        page = self._pages.pop(watcher, None)
        if page is not None:
            self._hush(page)
            self._end(page, MonitoringEnd.CONNECTION)
            if page.monitor:
                self._media.remove_monitor(page.monitor)

    def close(self) -> None:
        """Nobody listens any more."""
        for page in tuple(self._pages.values()):
            self._hush(page)
            self._end(page, MonitoringEnd.SERVER)

    # ── what is seen ─────────────────────────────────────────────────────────────────────────

    def view(self, session_id: SessionId, viewer: IdentityId, capacity: Office) -> ListeningView | None:
        """What that therapist may do about a session besides its concerns."""
        return self._supervision.listening_view(session_id, viewer, capacity, self.facts(session_id))

    def facts(self, session_id: SessionId) -> RoomFacts:
        """What is seen of a session's room from outside, now."""
        state = self._supervision.state(session_id)
        if state is None or state.status is not SessionStatus.LIVE or not any(state.inside()):
            return RoomFacts()
        mentors = tuple(
            Mentor(each.identity_id, each.id, each.name, (session_id, each.id) in self._headphones)
            for each in state.inside()
            if each.role is Role.MENTOR
        )
        return RoomFacts(True, session_id not in self._unconsented, mentors)

    def changed(self, session_id: SessionId) -> None:
        """Something about that session may look otherwise now."""
        mentors = {each.participant_id for each in self.facts(session_id).mentors}
        for page in tuple(self._pages.values()):
            if page.session_id == session_id:
                self._show(page)
            if page.speaks_to is not None and page.speaks_to[0] == session_id:
                whom = page.speaks_to[1]
                if whom not in mentors or self._is_concerned(session_id, whom):
                    self._hush(page)
        self._headphones = {each for each in self._headphones if each[0] != session_id or each[1] in mentors}

    def speakers(self, session_id: SessionId, participants: tuple[ParticipantId, ...]) -> None:
        """Who is heard in a room now."""
        for page in self._pages.values():
            if page.session_id == session_id:
                page.watcher.tell(SpeakersChanged(participants), latest=True)

    def _show(self, page: _Page) -> None:
        state = None if page.session_id is None else self._supervision.state(page.session_id)
        if state is None:
            return
        seen = as_participant(state)
        if seen != page.shown:
            page.shown = seen
            page.watcher.tell(Monitored(seen), latest=True)

    # ── listening ────────────────────────────────────────────────────────────────────────────

    def listen(
        self,
        watcher: Watcher,
        session_id: SessionId,
        by: Someone,
        capacity: Office,
        reason: str,
        still_theirs: Callable[[], bool],
    ) -> asyncio.Future[Decision]:
        """The answer comes when it is stored, and then the media begin. `still_theirs`: whether the session is theirs
        in that capacity then."""
        page = self._pages.get(watcher)
        if page is not None:
            page.asked += 1
        return asyncio.ensure_future(self._listen(watcher, session_id, by, capacity, reason, still_theirs))

    async def _listen(
        self,
        watcher: Watcher,
        session_id: SessionId,
        by: Someone,
        capacity: Office,
        reason: str,
        still_theirs: Callable[[], bool],
    ) -> Decision:
        page = self._pages.get(watcher)
        asked, taken_back = 0 if page is None else page.asked, self._taken_back
        if not await self.look_at_consents(session_id):
            return Rejection(ErrorCode.NOT_SAVED)
        glass = GlassId(self._new_id())
        command = Listen(by=by, capacity=capacity, room=self.facts(session_id), reason=reason, glass_id=glass)
        decision = await self._supervision.handle(session_id, command)
        if isinstance(decision, Rejection):
            return decision
        if self._supervision.listens(session_id, by.identity_id) is None:
            # What gave the right is gone again.
            return Rejection(ErrorCode.NO_FLAG)
        why = self._outdated(page, watcher, asked, taken_back, still_theirs)
        if page is None or why is not None:
            self._stop(session_id, by.identity_id, why or MonitoringEnd.CONNECTION)
            return decision if why is MonitoringEnd.STOPPED else Rejection(ErrorCode.NO_FLAG)
        for other in tuple(self._pages.values()):
            if other.watcher.identity_id == by.identity_id and other.session_id is not None:
                if other.session_id != session_id:
                    self._end(other, MonitoringEnd.ELSEWHERE)
                elif other.watcher is not watcher:
                    self._take_from(other)
        try:
            self._hear(page, session_id)
        except Exception as bug:  # noqa: BLE001  whatever it is, the record must not say that they listen
            _log.error("not_heard", **where_it_failed(bug))
            self._stop(session_id, by.identity_id, MonitoringEnd.SERVER)
            return Rejection(ErrorCode.INTERNAL)
        self._show(page)
        return decision

    def _outdated(
        self, page: _Page | None, watcher: Watcher, asked: int, taken_back: int, still_theirs: Callable[[], bool]
    ) -> MonitoringEnd | None:
        """Why what was stored meanwhile must not begin."""
        if page is None or self._pages.get(watcher) is not page:
            return MonitoringEnd.CONNECTION
        if taken_back != self._taken_back:
            return MonitoringEnd.CONSENT
        if not still_theirs():
            return MonitoringEnd.RIGHT_ENDED
        return None if page.asked == asked else MonitoringEnd.STOPPED

    def _hear(self, page: _Page, session_id: SessionId) -> None:
        if not page.monitor:
            self._connect(page)
        try:
            self._media.listen(page.monitor, session_id)
        except Refused:
            # A fault ended it. Another one begins.
            self._connect(page)
            self._media.listen(page.monitor, session_id)
        page.session_id, page.shown = session_id, None

    def stop(self, watcher: Watcher) -> asyncio.Future[Decision]:
        """The therapist listens no more."""
        page = self._pages.get(watcher)
        if page is not None:
            page.asked += 1
        if page is None or page.session_id is None:
            return _answered(Accepted())
        session_id = page.session_id
        self._silence(page, MonitoringEnd.STOPPED)
        return self._supervision.handle(session_id, StopListening(watcher.identity_id, MonitoringEnd.STOPPED))

    def end(self, watcher: Watcher, session_id: SessionId) -> None:
        """That session is theirs no more: they neither hear it nor speak to anybody in it."""
        page = self._pages.get(watcher)
        if page is None:
            return
        if page.session_id == session_id:
            self._end(page, MonitoringEnd.RIGHT_ENDED)
        if page.speaks_to is not None and page.speaks_to[0] == session_id:
            self._hush(page)

    def sessions_of(self, watcher: Watcher) -> frozenset[SessionId]:
        """The session that this page listens to, and the one that it speaks into."""
        page = self._pages.get(watcher)
        if page is None:
            return frozenset()
        spoken = () if page.speaks_to is None else (page.speaks_to[0],)
        return frozenset((*spoken, *(() if page.session_id is None else (page.session_id,))))

    def came_in(self, session_id: SessionId, person: IdentityId) -> None:
        """They are about to join, visibly: none of their pages hears or speaks any more."""
        for page in tuple(self._pages.values()):
            if page.watcher.identity_id == person:
                self._hush(page)
                if page.session_id == session_id:
                    self._end(page, MonitoringEnd.STEPPED_IN)

    def silenced(self, session_id: SessionId, person: IdentityId, why: MonitoringEnd) -> None:
        """It was decided that they listen no more."""
        for page in tuple(self._pages.values()):
            if page.session_id == session_id and page.watcher.identity_id == person:
                self._silence(page, why)

    def consent_ended(self, person: IdentityId) -> None:
        """Somebody took their agreement back: nobody listens where they are, from this call on."""
        self._taken_back += 1
        for page in tuple(self._pages.values()):
            state = None if page.session_id is None else self._supervision.state(page.session_id)
            # Their page may have left the room a moment before it says why.
            if state is not None and any(each.identity_id == person for each in state.people.values()):
                self._end(page, MonitoringEnd.CONSENT)

    async def look_at_consents(self, session_id: SessionId) -> bool:
        """Whether everyone present has consented is known from now on; False when that cannot be read."""
        state = self._supervision.state(session_id)
        try:
            everyone = state is None or await self._consented(_present(state))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("rows_not_read", **where_it_failed(error))
            return False
        if everyone is (session_id in self._unconsented):
            (self._unconsented.discard if everyone else self._unconsented.add)(session_id)
            self._supervision.look_again(session_id)
        if not everyone:
            for page in tuple(self._pages.values()):
                if page.session_id == session_id:
                    self._end(page, MonitoringEnd.CONSENT)
        return True

    def to_look_at(self) -> frozenset[SessionId]:
        """The sessions whose people's consent is to be looked at: those that anybody listens to, or was refused."""
        heard = (page.session_id for page in self._pages.values())
        return frozenset((*(each for each in heard if each is not None), *self._unconsented))

    def _end(self, page: _Page, why: MonitoringEnd) -> None:
        session_id = page.session_id
        self._silence(page, why)
        if session_id is not None:
            self._stop(session_id, page.watcher.identity_id, why)

    def _stop(self, session_id: SessionId, person: IdentityId, why: MonitoringEnd) -> None:
        self._supervision.handle(session_id, StopListening(person, why))

    def _silence(self, page: _Page, why: MonitoringEnd) -> None:
        """Nothing more leaves, before anything else happens."""
        session_id = page.session_id
        if session_id is None:
            return
        page.session_id, page.shown = None, None
        self._media.listen(page.monitor, None)
        page.watcher.tell(MonitoringOver(session_id, why))

    def _take_from(self, page: _Page) -> None:
        """Another page of the same person listens to the same session: the record goes on."""
        self._silence(page, MonitoringEnd.ELSEWHERE)

    # ── media ────────────────────────────────────────────────────────────────────────────────

    def answer(self, watcher: Watcher, version: int, sdp: str) -> None:
        """Raises Refused."""
        self._media.answer_monitor(self._monitor(watcher), version, sdp)

    def resubscribe(self, watcher: Watcher) -> None:
        """Raises Refused."""
        page, monitor = self._pages.get(watcher), self._monitor(watcher)
        try:
            self._media.resubscribe_monitor(monitor)
        except Refused:
            if page is None or page.session_id is None:
                raise
            # A fault ended it.
            self._connect(page)
            self._media.listen(page.monitor, page.session_id)

    def look(self, watcher: Watcher, tiles: Sequence[Tile]) -> None:
        """The pictures that the page shows now. Raises Refused."""
        self._media.view_monitor(self._monitor(watcher), tiles)

    def publish(self, watcher: Watcher, sdp: str, sources: Mapping[str, Source]) -> str:
        """The therapist's own voice. Raises Refused."""
        page = self._pages.get(watcher)
        if page is None:
            raise Refused(ErrorCode.NOT_FOUND)
        if not page.monitor:
            self._connect(page)
        return self._media.publish_monitor(page.monitor, sdp, sources)

    def _monitor(self, watcher: Watcher) -> str:
        page = self._pages.get(watcher)
        if page is None or not page.monitor:
            raise Refused(ErrorCode.NOT_FOUND)
        return page.monitor

    def _connect(self, page: _Page) -> None:
        page.monitor = self._new_id()
        self._media.add_monitor(page.monitor, page.watcher.tell, partial(self._failed, page))

    def _failed(self, page: _Page, end: Literal["publish", "subscribe"]) -> None:
        """Of the subscribe side the page asks for another, or its socket ends; a voice that is gone is gone."""
        if end == "publish":
            self._hush(page)

    # ── whispers ─────────────────────────────────────────────────────────────────────────────

    def whisper(
        self,
        session_id: SessionId,
        by: Someone,
        capacity: Office,
        whisper_id: WhisperId,
        participant_id: ParticipantId,
        text: str,
    ) -> asyncio.Future[Decision]:
        """Stored, then delivered to that mentor's page alone."""
        mentor = self._mentor(session_id, participant_id)
        to = None if mentor is None else Someone(mentor.identity_id, mentor.name)
        asked = self._supervision.handle(session_id, SendWhisper(by, capacity, whisper_id, to, text))

        def stored(done: asyncio.Future[Decision]) -> None:
            decision = done.result()
            if isinstance(decision, Accepted):
                for event in decision.events:
                    if isinstance(event, WhisperSent):
                        view = WhisperView(event.whisper_id, event.by_name, event.text, event.at_ms)
                        self._tell(session_id, participant_id, Whispered(view))

        asked.add_done_callback(stored)
        return asked

    def speak_to(
        self,
        watcher: Watcher,
        session_id: SessionId,
        by: Someone,
        capacity: Office,
        participant_id: ParticipantId | None,
    ) -> asyncio.Future[Decision]:
        """One mentor alone hears the therapist, once that is stored; without one, nobody, at once."""
        page = self._pages.get(watcher)
        if page is None or not page.monitor:
            return _answered(Rejection(ErrorCode.NOT_FOUND))
        self._hush(page)
        if participant_id is None:
            return _answered(Accepted())
        if any(each.speaks_to == (session_id, participant_id) for each in self._pages.values()):
            return _answered(Rejection(ErrorCode.CONFLICT))
        return asyncio.ensure_future(self._speak(page, page.wished, session_id, by, capacity, participant_id))

    async def _speak(
        self,
        page: _Page,
        wished: int,
        session_id: SessionId,
        by: Someone,
        capacity: Office,
        participant_id: ParticipantId,
    ) -> Decision:
        mentor = self._mentor(session_id, participant_id)
        to = None if mentor is None else Someone(mentor.identity_id, mentor.name)
        if mentor is not None and not mentor.headphones:
            return Rejection(ErrorCode.NOT_ALLOWED)
        decision = await self._supervision.handle(session_id, SpeakTo(by, capacity, to))
        if isinstance(decision, Rejection) or page.watcher not in self._pages or page.wished != wished:
            return decision
        self._hush(page)
        try:
            self._media.speak_to(page.monitor, session_id, participant_id)
        except HoldspaceError as refused:
            return Rejection(refused.code)
        page.speaks_to, page.by_name = (session_id, participant_id), by.name
        self._tell(session_id, participant_id, WhisperSpeaking(by.name))
        return decision

    def be_silent(self, watcher: Watcher) -> asyncio.Future[Decision]:
        """Nobody hears them any more: that needs no right, and takes no waiting."""
        page = self._pages.get(watcher)
        if page is not None:
            self._hush(page)
        return _answered(Accepted())

    def _hush(self, page: _Page) -> None:
        """Nobody hears them, and what is being stored meanwhile does not come true."""
        page.wished += 1
        if page.speaks_to is None:
            return
        (session_id, participant_id), page.speaks_to = page.speaks_to, None
        self._media.speak_to(page.monitor, session_id, None)
        self._tell(session_id, participant_id, WhisperSpeaking(""))

    # ── of a mentor (`signaling.ports.Whispers`) ─────────────────────────────────────────────

    def arrived(self, room: SessionId, participant: ParticipantId) -> None:
        """A new page of a mentor, or one that came back: what they have not seen is sent to it."""
        person = self._person(room, participant)
        if person is not None and person.role is Role.MENTOR:
            for whisper in self._supervision.unseen_by(room, person.identity_id):
                self._tell(room, participant, Whispered(whisper))
            speaking = (each.by_name for each in self._pages.values() if each.speaks_to == (room, participant))
            self._tell(room, participant, WhisperSpeaking(next(speaking, "")))

    def saw(self, room: SessionId, participant: ParticipantId, whisper_id: WhisperId) -> asyncio.Future[Decision]:
        """Their page has shown it."""
        person = self._person(room, participant)
        if person is None:
            return _answered(Rejection(ErrorCode.NOT_FOUND))
        return self._supervision.handle(room, SeeWhisper(person.identity_id, whisper_id))

    def wear(self, room: SessionId, participant: ParticipantId, *, on: bool) -> None:
        """They say that nobody else would hear a whisper, or that somebody would. Raises Refused."""
        self._media.set_headphones(room, participant, on)
        self._wear(room, participant, on=on)

    def began_anew(self, room: SessionId, participant: ParticipantId) -> None:
        """Their subscribe connection did: what they said of headphones is forgotten."""
        if (room, participant) in self._headphones:
            self._wear(room, participant, on=False)

    def _wear(self, room: SessionId, participant: ParticipantId, *, on: bool) -> None:
        (self._headphones.add if on else self._headphones.discard)((room, participant))
        if not on:
            for page in self._pages.values():
                if page.speaks_to == (room, participant):
                    self._hush(page)
        self._supervision.look_again(room)

    # ── stepping in ──────────────────────────────────────────────────────────────────────────

    async def step_in(self, session_id: SessionId, by: Someone, capacity: Office) -> Decision:
        """Whoever listened or spoke does not any more; they join as everyone does."""
        self.came_in(session_id, by.identity_id)
        self._supervision.keep(session_id)
        try:
            await self._supervision.ready(session_id)
            return await self._supervision.handle(session_id, StepIn(by, capacity))
        finally:
            self._supervision.release(session_id)

    def _person(self, session_id: SessionId, participant_id: ParticipantId) -> Participant | None:
        state = self._supervision.state(session_id)
        return None if state is None else state.people.get(participant_id)

    def _is_concerned(self, session_id: SessionId, participant_id: ParticipantId) -> bool:
        person = self._person(session_id, participant_id)
        return person is not None and self._supervision.is_concerned(session_id, person.identity_id)

    def _mentor(self, session_id: SessionId, participant_id: ParticipantId) -> Mentor | None:
        mentors: Iterable[Mentor] = self.facts(session_id).mentors
        return next((each for each in mentors if each.participant_id == participant_id), None)


def _present(state: RoomState) -> frozenset[IdentityId]:
    return frozenset(each.identity_id for each in state.inside())


def _answered(decision: Decision) -> asyncio.Future[Decision]:
    answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
    answer.set_result(decision)
    return answer
