"""The WebSocket endpoint: who may come in, who comes back, and how a socket ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from msgspec import Struct
from websockets.exceptions import ConnectionClosed

from moderation.decision import Rejection
from protocol.codec import Wire, decode_client
from protocol.errors import ErrorCode, HoldspaceError, ProtocolError, Refused, raise_for
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import (
    Frame,
    Join,
    LayersWanted,
    PicturesResting,
    Resume,
    Resumed,
    SpeakersChanged,
    SubscribeOffer,
    Watch,
    Welcome,
)
from protocol.values import LeaveReason, Role
from rooms.commands import Depart, Enter, RestoreConnection, TakeOver
from rooms.events import Decision
from rooms.view import Viewer
from signaling.conversation import Conversation
from signaling.outbox import Prepared
from signaling.ports import Admission, Calls, Hall, Monitors, Room, Supervision, Telemetry, Whispers
from signaling.pulse import Pulse, Timers
from signaling.rate import Allowances, Rates
from signaling.session import Session, goodbye
from signaling.sessions import Sessions
from signaling.socket import Socket, WebSocket
from signaling.watching import WatchingSockets

_log = structlog.get_logger("signaling")


class Settings(Struct, frozen=True):
    """What signaling waits for and allows.

    Attributes:
        first_frame_s: for `join` or `resume` after the socket opened.
        ping_every_s: told to clients, which ask for a sign of life this often.
        silent_s: a client that sends nothing for so long is gone (browsers slow down the timers of hidden pages).
        staff_ping_every_s: sockets of mentors and therapists are pinged this often, by the protocol's own ping.
        staff_pong_within_s: without a pong by then their connection is lost: a group must not wait for a leader who
            is gone without a word. Such a person resumes.
        away_grace_ms: a place is kept for so long after its connection is lost.
        max_outbox_bytes: what may wait for one slow socket.
        rates: what one person may send in one room.
    """

    first_frame_s: float = 10.0
    ping_every_s: float = 5.0
    silent_s: float = 75.0
    staff_ping_every_s: float = 1.0
    staff_pong_within_s: float = 2.0
    away_grace_ms: int = 60_000
    max_outbox_bytes: int = 1_048_576
    rates: Rates = Rates()


class Endpoint:
    """Serves the WebSockets of this node."""

    def __init__(
        self,
        hall: Hall,
        calls: Calls,
        telemetry: Telemetry,
        *,
        new_token: Callable[[], str],
        new_id: Callable[[], str],
        now_ms: Callable[[], int],
        monotonic: Callable[[], float],
        settings: Settings,
        supervision: Supervision | None = None,
        monitors: Monitors | None = None,
        whispers: Whispers | None = None,
        timers: Timers | None = None,
    ) -> None:
        """`new_token` makes secrets, `new_id` ids that nobody can guess; `now_ms` is the wall clock told to clients.

        Without `supervision` nobody can watch, without `monitors` nobody listen; without `whispers` no mentor is
        whispered to; without `timers` the running loop's are used.
        """
        self._hall = hall
        self._calls = calls
        self._telemetry = telemetry
        self._new_token = new_token
        self._new_id = new_id
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._settings = settings
        self._sessions = Sessions(settings.away_grace_ms)
        self._allowances = Allowances(monotonic, settings.rates)
        self._timers = timers
        self._watching = None
        self._whispers = whispers
        if supervision is not None:
            self._watching = WatchingSockets(
                supervision,
                monitors,
                telemetry,
                self._allowances,
                now_ms=now_ms,
                monotonic=monotonic,
                sign_in_ended=self._sessions.sign_in_ended,
                ping_every_s=settings.ping_every_s,
            )
        # Of a dict the order is that of coming: a drain says goodbye in the same order each time.
        self._sockets: dict[Socket, None] = {}
        self._empty = asyncio.Event()
        self._draining = False

    # ── one socket ───────────────────────────────────────────────────────────────────────────

    async def handle(self, ws: WebSocket, wire: Wire) -> None:
        """Serves one WebSocket until it ends."""
        socket = Socket(ws, wire, self._telemetry, self._settings.max_outbox_bytes)
        self._telemetry.socket_opened()
        self._sockets[socket] = None
        sender = asyncio.create_task(socket.send_until_closed())
        reader = asyncio.create_task(self._serve(ws, socket))
        # Whatever ends one ends the other; a code that was given before stays.
        reader.add_done_callback(lambda _: socket.finish(ErrorCode.INTERNAL))
        sender.add_done_callback(lambda _: reader.cancel())
        try:
            await asyncio.wait({reader, sender})
        finally:
            sender.cancel()
            self._sockets.pop(socket, None)
            if not self._sockets:
                self._empty.set()
            self._telemetry.socket_closed()

    async def _serve(self, ws: WebSocket, socket: Socket) -> None:
        session: Session | None = None
        pulse: Pulse | None = None
        begun = False
        try:
            first = await self._first(ws, socket)
            if isinstance(first, Watch):
                begun = True
                await self._watch(first, ws, socket)
                return
            session = await self._begin(first, socket)
            ws.know()
            pulse = self._pulse(session, ws, socket)
            await self._converse(session, ws, socket)
        except HoldspaceError as error:
            self._telemetry.frame_refused(error.code)
            self._end(socket, error.code)
        except TimeoutError:
            socket.finish(ErrorCode.TOO_SLOW if begun or session is not None else ErrorCode.TOKEN_INVALID)
        except ConnectionClosed:
            socket.abort(ErrorCode.LEFT)
        except Exception as bug:
            _log.error("socket_failed", exc_info=bug)
            self._end(socket, ErrorCode.INTERNAL)
        finally:
            if pulse is not None:
                pulse.stop()
            if session is not None:
                self._unbind(session, socket)

    async def _first(self, ws: WebSocket, socket: Socket) -> Join | Resume | Watch:
        if self._draining:
            raise Refused(ErrorCode.DRAINING)
        async with asyncio.timeout(self._settings.first_frame_s):
            data = await ws.recv()
        match decode_client(data, socket.wire):
            case (Join() | Resume() | Watch()) as first:
                return first
            case _:
                raise ProtocolError(ErrorCode.UNEXPECTED, "first frame")

    async def _begin(self, first: Join | Resume, socket: Socket) -> Session:
        if isinstance(first, Resume):
            return await self._resume(first, socket)
        endings = self._sessions.endings
        return await self._join(await self._hall.redeem(first.token), socket, endings)

    async def _watch(self, first: Watch, ws: WebSocket, socket: Socket) -> None:
        if self._watching is None:
            raise ProtocolError(ErrorCode.UNEXPECTED, "first frame")
        await self._watching.serve(first.token, ws, socket, self._settings.silent_s)

    def _pulse(self, session: Session, ws: WebSocket, socket: Socket) -> Pulse | None:
        """Of those with whom a group is not alone."""
        if session.viewer.role is Role.PARTICIPANT:
            return None

        def lost() -> None:
            # The room hears it now: to close the socket of a peer that does not answer takes its time.
            socket.abort(ErrorCode.TOO_SLOW)
            self._unbind(session, socket)

        return Pulse(
            ws,
            self._timers or asyncio.get_running_loop(),
            every_s=self._settings.staff_ping_every_s,
            within_s=self._settings.staff_pong_within_s,
            on_lost=lost,
        )

    def _unbind(self, session: Session, socket: Socket) -> None:
        if session.unbind(socket):
            self._sessions.tell(session.room, session.viewer.participant_id)

    async def _converse(self, session: Session, ws: WebSocket, socket: Socket) -> None:
        conversation = Conversation(session, ws, socket, self._calls, self._whispers, self._telemetry, self._monotonic)
        await conversation.run(self._settings.silent_s)

    def _end(self, socket: Socket, code: ErrorCode) -> None:
        socket.outbox.put(Prepared(goodbye(code)))
        socket.finish(code)

    # ── coming in, and coming back ───────────────────────────────────────────────────────────

    async def _join(self, admission: Admission, socket: Socket, endings: int) -> Session:
        """`endings`: how many people's presence had been ended before the token was looked at."""
        allowance = self._allowances.of(admission.identity_id, admission.session_id)
        allowance.came()
        room = await self._hall.room(admission.session_id)
        who = room.participant_of(admission.identity_id) or ParticipantId(self._new_id())
        entering = room.submit(Enter(who, admission.identity_id, admission.name, admission.role, admission.enrolled))
        try:
            accepted(await asyncio.shield(entering))
            if self._sessions.sign_in_ended(admission.sign_in):
                self._depart(room, who)
                raise Refused(ErrorCode.SIGNED_OUT)
            ended = self._sessions.person_ended_since(admission.identity_id, endings)
            if ended is not None:
                self._depart(room, who)
                raise Refused(ended)
            session = Session(
                room,
                admission.sign_in,
                Viewer(who, admission.role),
                allowance,
                self._new_token,
                self._sessions.discard,
            )
            # Nothing is awaited between snapshot and welcome: no frame comes before it, and none is missed after it.
            snapshot = room.attach(session)
            older = self._sessions.add(session)
            if older is not None:
                older.dismiss(ErrorCode.REPLACED)
            self._bind(session, socket)
            session.send(Welcome(snapshot, session.resume_token, self._time_in(room), self._settings.ping_every_s))
            if room.is_inside(who):
                self._calls.begin(room.session_id, who, mentor=admission.role is Role.MENTOR)
                self._arrived(room, who)
            elif older is not None:
                self._calls.end(room.session_id, who)
            # While this page came in, the one before it may have turned something on, or left: then this one has, too.
            room.submit(TakeOver(who))
        finally:
            self._tell_when(entering, room, who)
        return session

    def _time_in(self, room: Room) -> int:
        told = room.now_ms()
        return self._now_ms() if told is None else told

    async def _resume(self, message: Resume, socket: Socket) -> Session:
        session = self._sessions.claim(message.resume_token)
        if session is None or not session.can_resume(message.seq):
            raise Refused(ErrorCode.RESYNC)
        session.allowance.came()
        room, who = session.room, session.viewer.participant_id
        restoring = room.submit(RestoreConnection(who))
        try:
            decision = await asyncio.shield(restoring)
            if isinstance(decision, Rejection) or not session.can_resume(message.seq):
                raise Refused(ErrorCode.RESYNC)
            self._bind(session, socket)
            session.send(Resumed(session.resume_token, self._time_in(room)))
            session.catch_up(message.seq)
            self._arrived(room, who)
        finally:
            self._tell_when(restoring, room, who)
        return session

    def _arrived(self, room: Room, who: ParticipantId) -> None:
        if self._whispers is not None:
            self._whispers.arrived(room.session_id, who)

    def _tell_when(self, stored: asyncio.Future[Decision], room: Room, who: ParticipantId) -> None:
        """Whatever became of this socket meanwhile: once stored, the room hears who is connected in truth."""
        stored.add_done_callback(lambda _: self._sessions.tell(room, who))

    def _bind(self, session: Session, socket: Socket) -> None:
        session.bind(socket)
        self._sessions.expect(session)

    def _depart(self, room: Room, who: ParticipantId) -> None:
        """Takes a person out. Should that not be stored now, the end of their grace does it, and tries until it is."""
        self._calls.end(room.session_id, who)
        self._tell_when(room.submit(Depart(who, LeaveReason.LEFT)), room, who)

    # ── from the rest of the server ──────────────────────────────────────────────────────────

    def end_sign_in(self, sign_in: str) -> None:
        """A sign-in ended: its pages are closed now, and its person leaves every room they are in by it."""
        if self._watching is not None:
            self._watching.end_sign_in(sign_in)
        for session in self._sessions.end_sign_in(sign_in):
            session.dismiss(ErrorCode.SIGNED_OUT)
            self._depart(session.room, session.viewer.participant_id)

    def sign_ins_in_use(self) -> frozenset[str]:
        """The sign-ins that have a page connected now."""
        in_rooms = self._sessions.sign_ins_in_use()
        return in_rooms if self._watching is None else in_rooms | self._watching.sign_ins_in_use()

    def end_person(self, identity: IdentityId, code: ErrorCode) -> None:
        """A person may be in no room any more: they leave all of them now, and their pages close with that code."""
        for session in self._sessions.end_person(identity, code):
            session.dismiss(code)
            self._depart(session.room, session.viewer.participant_id)

    def offer(self, room: SessionId, participant: ParticipantId, offer: SubscribeOffer) -> None:
        """Passes on a subscribe offer of the media plane."""
        session = self._sessions.of(room, participant)
        if session is not None:
            session.offer(offer)

    def tell(self, room: SessionId, participant: ParticipantId, frame: Frame) -> None:
        """Something for the page of one person in a room alone. One that is not connected misses it."""
        session = self._sessions.of(room, participant)
        if session is not None:
            session.send(frame)

    def pictures(self, room: SessionId, participant: ParticipantId, frame: LayersWanted | PicturesResting) -> None:
        """Tells a publisher which layers of their picture are needed, or a viewer which pictures rest."""
        session = self._sessions.of(room, participant)
        if session is not None:
            session.pictures(frame)

    def speakers(self, room: SessionId, participants: tuple[ParticipantId, ...]) -> None:
        """Tells everyone in a room who is heard. Who waits in its lobby is told nothing of it."""
        frame = SpeakersChanged(participants)
        for session in self._sessions.of_room(room):
            if session.room.is_inside(session.viewer.participant_id):
                session.speakers(frame)

    async def drain(self) -> None:
        """Refuses new sockets and says goodbye on the present ones; returns when all are closed."""
        self._draining = True
        for socket in tuple(self._sockets):
            self._end(socket, ErrorCode.DRAINING)
        if self._sockets:
            self._empty.clear()
            await self._empty.wait()


def accepted(decision: Decision) -> None:
    """Raises the error of a decision that is none."""
    if isinstance(decision, Rejection):
        raise raise_for(decision.code, decision.detail)
