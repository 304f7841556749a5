"""The hall: which rooms are open on this node, and the way into them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.decision import Rejection
from moderation.permissions import Action
from program.people import find_person
from program.sessions import end_session, find_session
from protocol.errors import ErrorCode, Refused, Unavailable
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.values import LeaveReason, Role, SessionStatus, TalkTime
from rooms.commands import CloseSession, CountTalk, Depart, NameResponder, OpenSession, PassTime, WaiveResponder
from rooms.events import Event
from rooms.life import Rules
from rooms.state import Participant, RoomState
from rooms.upcasting import UnknownEvent
from server.clock import Clock
from server.keeper import Keeper, MediaPlane, Timers
from server.logs import where_it_failed
from server.room_loading import LoadedRoom, RoomSnapshots, load_room
from server.storage.engine import reading, writing
from server.storage.log import EventLog, Synced, Unreadable
from server.tokens import JoinTokens
from signaling.ports import Admission

ROOM_STREAM = "room"

Arrived = Callable[[AsyncConnection, IdentityId, SessionId, Role], Awaitable[bool]]

UNLOAD_AFTER_S = 60.0
"""An empty room stays in memory for so long, for those who come back."""

_log = structlog.get_logger("hall")


class Follows(Protocol):
    """Who follows rooms from outside. Must not block or raise: a room's writer calls in the middle of its work."""

    def happened(self, session_id: SessionId, event: Event, state: RoomState, seq: int) -> None:
        """See `server.keeper.RoomHears`."""
        ...

    def closed(self, session_id: SessionId) -> None:
        """The room is not open here any more."""
        ...


class Hall:
    """Owns the keepers of this node. Implements `signaling.ports.Hall`."""

    def __init__(
        self,
        engine: AsyncEngine,
        log: EventLog,
        tokens: JoinTokens,
        media: MediaPlane,
        clock: Clock,
        timers: Timers,
        *,
        arrived: Arrived,
        away_grace_ms: int,
        rules: Rules,
        on_rooms: Callable[[int], None],
        on_failed: Callable[[], None],
        on_denied: Callable[[IdentityId, Action, SessionId], None],
        follows: Follows | None = None,
    ) -> None:
        """`arrived` says whether a person has done what a join asks for.

        `on_rooms` hears the number of open rooms whenever it changes, `on_failed` of each room that a bug ended,
        `on_denied` of each request that the permission function refused.
        """
        self._engine = engine
        self._log = log
        self._snapshots = RoomSnapshots(log)
        self._tokens = tokens
        self._media = media
        self._clock = clock
        self._timers = timers
        self._arrived = arrived
        self._away_grace_ms = away_grace_ms
        self._rules = rules
        self._on_rooms = on_rooms
        self._on_failed = on_failed
        self._on_denied = on_denied
        self._follows = follows
        self._keepers: dict[SessionId, asyncio.Task[Keeper]] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._closed = False

    async def redeem(self, token: str) -> Admission:
        """Uses up a join token. Raises Refused: TOKEN_INVALID, ARRIVAL_INCOMPLETE."""
        grant = self._tokens.redeem(token)
        async with reading(self._engine) as connection:
            person = await find_person(connection, grant.person_id)
            arrived = await self._arrived(connection, grant.person_id, grant.session_id, grant.role)
        if person is None:
            raise Refused(ErrorCode.TOKEN_INVALID)
        if not arrived:
            raise Refused(ErrorCode.ARRIVAL_INCOMPLETE)
        return Admission(
            grant.session_id, grant.person_id, person.display_name, grant.role, grant.enrolled, grant.sign_in
        )

    async def room(self, session_id: SessionId) -> Keeper:
        """The session's room, loaded from its log when needed.

        Raises:
            Refused: NOT_FOUND, there is no such session.
            Unavailable: NOT_SAVED, its opening cannot be stored; ROOM_FAILED, its log cannot be read.
        """
        loading = self._keepers.get(session_id)
        if loading is None:
            loading = asyncio.create_task(self._load(session_id))
            self._keepers[session_id] = loading
            loading.add_done_callback(lambda done: self._loaded(session_id, done))
        # Shielded: one person who goes away while the room loads must not stop it for the others.
        return await asyncio.shield(loading)

    async def participant(self, session_id: SessionId, participant_id: ParticipantId) -> Participant | None:
        """Who stands behind a participant's id, if they were ever in that room. A room that is not open stays so.

        Raises:
            Unavailable: ROOM_FAILED, its log cannot be read.
        """
        return (await self.room_state(session_id)).people.get(participant_id)

    async def room_state(self, session_id: SessionId) -> RoomState:
        """A session's room as it is stored. One that is not open stays so.

        Raises:
            Unavailable: ROOM_FAILED, its log cannot be read.
        """
        task = self._keepers.get(session_id)
        return (await asyncio.shield(task)).state if task is not None else (await self._stored(session_id)).state

    def removed(self, session_id: SessionId, identity: IdentityId) -> bool:
        """Whether a mentor removed that person from that session. No room is loaded for it: one that is not open says
        so to those who come to it.
        """
        task = self._keepers.get(session_id)
        if task is None or not task.done() or task.exception() is not None:
            return False
        return any(person.removed and person.identity_id == identity for person in task.result().state.people.values())

    def depart(self, identity: IdentityId) -> None:
        """Takes a person out of every open room, also where they have a place kept and no page."""
        for keeper in self._open():
            who = keeper.participant_of(identity)
            if who is not None:
                keeper.submit(Depart(who, LeaveReason.LEFT))

    async def end(self, session_id: SessionId, *, if_empty: bool) -> None:
        """The server ends a session; with `if_empty` not while anyone is present.

        Raises:
            Refused: NOT_FOUND.
            Unavailable: its room cannot be loaded, or the end could not be stored.
        """
        decided = await (await self.room(session_id)).submit(CloseSession(if_empty))
        if isinstance(decided, Rejection):
            raise Unavailable(decided.code)

    def open_rooms(self) -> frozenset[SessionId]:
        """The rooms that are open, or are just being opened."""
        return frozenset(self._keepers)

    def participants(self) -> int:
        """How many people are present in the rooms of this node."""
        return sum(sum(1 for _ in keeper.state.present()) for keeper in self._open())

    def name_responder(self, session_id: SessionId, identity_id: IdentityId | None) -> None:
        """Who answers for a session has changed; a room that is not open hears of it when it is."""
        self._tell(session_id, NameResponder(identity_id))

    def waive_responder(self, session_id: SessionId, identity_id: IdentityId) -> None:
        """The clinical lead lets a session begin without a responder."""
        self._tell(session_id, WaiveResponder(identity_id))

    def count_talk(self, session_id: SessionId, times: Mapping[ParticipantId, int]) -> None:
        """The media plane heard people speak, for so many ms each since it last said so. A check counts nothing."""
        self._tell(session_id, CountTalk(tuple(TalkTime(who, ms) for who, ms in sorted(times.items()))))

    def _tell(self, session_id: SessionId, command: NameResponder | WaiveResponder | CountTalk) -> None:
        task = self._keepers.get(session_id)
        if task is not None:
            # A room that is just being loaded may have read the row before it changed.
            task.add_done_callback(lambda done: _submit(done, command))

    def synced(self, group: Synced) -> None:
        """More of these rooms is on disk: some have grown enough for a new snapshot."""
        if self._closed:
            return
        for session_id in self._snapshots.due(group.heads):
            self._run(self._snapshots.take(session_id))

    async def close(self) -> None:
        """Waits until every room's decided commands have landed, those of rooms that are just being loaded, too."""
        if self._keepers:
            await asyncio.wait(tuple(self._keepers.values()))
        await asyncio.gather(*(keeper.close() for keeper in self._open()))
        self._closed = True
        if self._errands:
            await asyncio.wait(tuple(self._errands))

    def _open(self) -> list[Keeper]:
        return [task.result() for task in self._keepers.values() if task.done() and not task.exception()]

    async def _load(self, session_id: SessionId) -> Keeper:
        async with reading(self._engine) as connection:
            session = await find_session(connection, session_id)
        if session is None:
            raise Refused(ErrorCode.NOT_FOUND)
        try:
            claim = await self._log.claim(session_id, ROOM_STREAM)
        except DBAPIError as error:
            # A full or busy disk: the room cannot be opened now, and those who knock try again by themselves.
            _log.error("room_not_claimed", session=session_id, **where_it_failed(error))
            raise Unavailable(ErrorCode.NOT_SAVED) from error
        loaded = await self._stored(session_id)
        keeper = Keeper(
            session_id,
            loaded.state,
            claim,
            self._log,
            self._media,
            self._clock,
            self._timers,
            self,
            self._rules,
        )
        if session.status is SessionStatus.LIVE:
            opened = await keeper.submit(OpenSession(session_id, session.title, session.note))
            if isinstance(opened, Rejection):
                # Its deadlines must not go on beside the keeper that takes its place.
                keeper.retire()
                raise Unavailable(opened.code)
            keeper.submit(NameResponder(session.responder_id))
            if session.responder_waived_by is not None:
                keeper.submit(WaiveResponder(session.responder_waived_by))
        keeper.recover(self._away_grace_ms)
        keeper.submit(PassTime())
        self._snapshots.watch(session_id, loaded.from_snapshot)
        if loaded.state.status is SessionStatus.ENDED:
            self.ended(session_id)
        return keeper

    async def _stored(self, session_id: SessionId) -> LoadedRoom:
        """The room as its log tells it. Raises Unavailable(ROOM_FAILED)."""
        try:
            return await load_room(self._log, session_id)
        except (UnknownEvent, Unreadable, LookupError) as error:
            _log.error("log_unreadable", session=session_id, bug=type(error).__name__)
            raise Unavailable(ErrorCode.ROOM_FAILED) from error

    def _loaded(self, session_id: SessionId, done: asyncio.Task[Keeper]) -> None:
        failed = done.cancelled() or done.exception() is not None
        # A keeper that failed in the midst of it is dropped already, and another may be loading.
        if failed and self._keepers.get(session_id) is done:
            del self._keepers[session_id]
        self._on_rooms(len(self._keepers))

    # ── what rooms tell (`server.keeper.RoomHears`) ──────────────────────────────────────────

    def emptied(self, session_id: SessionId) -> None:
        """Nobody is there any more: the room is unloaded after a while."""
        self._timers.call_later(UNLOAD_AFTER_S, lambda: self._unload(session_id))

    def _unload(self, session_id: SessionId) -> None:
        task = self._keepers.get(session_id)
        if task is None or not task.done() or task.exception() is not None:
            return
        keeper = task.result()
        if keeper.idle:
            keeper.retire()
            self._media.close_room(session_id)
            self._drop(session_id)

    def failed(self, session_id: SessionId) -> None:
        """A bug ended the room; it is loaded again when somebody comes."""
        self._on_failed()
        self._drop(session_id)

    def _drop(self, session_id: SessionId) -> None:
        self._keepers.pop(session_id, None)
        self._snapshots.unwatch(session_id)
        self._on_rooms(len(self._keepers))
        if self._follows is not None:
            self._follows.closed(session_id)

    def happened(self, session_id: SessionId, event: Event, state: RoomState, seq: int) -> None:
        """Something happened in a room."""
        if self._follows is not None:
            self._follows.happened(session_id, event, state, seq)

    def denied(self, session_id: SessionId, identity_id: IdentityId, action: Action) -> None:
        """Someone in a room asked for what they may not do."""
        self._on_denied(identity_id, action, session_id)

    def ended(self, session_id: SessionId) -> None:
        """The room's log says that the session ended: its row follows, and the keeper may go."""
        self._drop(session_id)
        self._run(self._mark_ended(session_id))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        errand = asyncio.ensure_future(work)
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _mark_ended(self, session_id: SessionId) -> None:
        try:
            async with writing(self._engine) as connection:
                await end_session(connection, session_id, self._clock.now_ms())
        except DBAPIError as error:
            # The log knows; the row follows when somebody next asks for the room.
            _log.warning("end_not_marked", session=session_id, **where_it_failed(error))


def _submit(loaded: asyncio.Task[Keeper], command: NameResponder | WaiveResponder | CountTalk) -> None:
    if not loaded.cancelled() and loaded.exception() is None:
        loaded.result().submit(command)
