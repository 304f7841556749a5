"""The WebSocket endpoint: joins and resumes, reads frames, and hands each to its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import assert_never

import structlog
from msgspec import Struct
from websockets.exceptions import ConnectionClosed

from moderation.permissions import Action, Relation, permitted
from protocol.codec import Wire, decode_client, request_id_of
from protocol.errors import ErrorCode, HoldspaceError, ProtocolError, Refused, meaning
from protocol.ids import IdentityId, ParticipantId, RequestId, SessionId
from protocol.messages import (
    Ack,
    AllowMicrophone,
    ClientMessage,
    CloseMicrophone,
    EndSession,
    HideChat,
    Join,
    Leave,
    LeaveReason,
    Ping,
    PostChat,
    PublishAnswer,
    PublishOffer,
    Rejected,
    RestartSubscribe,
    Resume,
    Resumed,
    SetDevices,
    ShowChat,
    SpeakersChanged,
    SubscribeAnswer,
    SubscribeOffer,
    Welcome,
    tag_of,
)
from rooms.commands import Depart, Enter, LoseConnection, Requested, RestoreConnection, RoomRequest
from rooms.decide import Decision, Rejection
from rooms.view import Viewer
from signaling.outbox import Prepared
from signaling.ports import Calls, Hall, Telemetry
from signaling.rate import Allowance
from signaling.session import Session, goodbye
from signaling.socket import Socket, WebSocket

_log = structlog.get_logger("signaling")


class Settings(Struct, frozen=True):
    """What signaling waits for and allows.

    Attributes:
        first_frame_s: for `join` or `resume` after the socket opened.
        ping_every_s: told to clients, which ask for a sign of life this often.
        silent_s: a client that sends nothing for so long is gone (browsers slow down the timers of hidden pages).
        away_grace_ms: a place is kept for so long after its connection is lost.
        frames_per_s, frames_burst: what one connection may send (see `signaling.rate`).
        max_outbox_bytes: what may wait for one slow socket.
    """

    first_frame_s: float = 10.0
    ping_every_s: float = 5.0
    silent_s: float = 75.0
    away_grace_ms: int = 60_000
    frames_per_s: float = 30.0
    frames_burst: int = 60
    max_outbox_bytes: int = 1_048_576


class Endpoint:
    """Owns all sessions of this node."""

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
    ) -> None:
        """`new_token` makes secrets, `new_id` ids that nobody can guess; `now_ms` is the wall clock told to clients."""
        self._hall = hall
        self._calls = calls
        self._telemetry = telemetry
        self._new_token = new_token
        self._new_id = new_id
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._settings = settings
        self._by_token: dict[str, Session] = {}
        self._by_person: dict[tuple[SessionId, ParticipantId], Session] = {}
        self._sockets: set[Socket] = set()
        self._empty = asyncio.Event()
        self._draining = False

    # ── one socket ───────────────────────────────────────────────────────────────────────────

    async def handle(self, ws: WebSocket, wire: Wire) -> None:
        """Serves one WebSocket until it ends."""
        socket = Socket(ws, wire, self._telemetry, self._settings.max_outbox_bytes)
        self._telemetry.socket_opened()
        self._sockets.add(socket)
        sender = asyncio.create_task(socket.send_until_closed())
        session: Session | None = None
        try:
            async with asyncio.timeout(self._settings.first_frame_s):
                session = await self._begin(ws, socket)
            await self._read(ws, socket, session)
        except HoldspaceError as error:
            self._telemetry.frame_refused(error.code)
            socket.outbox.put(Prepared(goodbye(error.code)))
            socket.finish(error.code)
        except TimeoutError:
            socket.finish(ErrorCode.TOKEN_INVALID if session is None else ErrorCode.TOO_SLOW)
        except ConnectionClosed:
            socket.abort(ErrorCode.LEFT)
        except Exception as bug:
            _log.error("socket_failed", exc_info=_where(bug))
            socket.outbox.put(Prepared(goodbye(ErrorCode.INTERNAL)))
            socket.finish(ErrorCode.INTERNAL)
        finally:
            if session is not None and session.unbind(socket):
                self._lost(session)
            # Whatever ended the reading ends the sending; a code that was given before stays.
            socket.finish(ErrorCode.INTERNAL)
            await sender
            self._sockets.discard(socket)
            if not self._sockets:
                self._empty.set()
            self._telemetry.socket_closed()

    async def _begin(self, ws: WebSocket, socket: Socket) -> Session:
        if self._draining:
            raise Refused(ErrorCode.DRAINING)
        message = decode_client(await ws.recv(), socket.wire)
        match message:
            case Join():
                return await self._join(message, socket)
            case Resume():
                return await self._resume(message, socket)
            case _:
                raise ProtocolError(ErrorCode.UNEXPECTED, "first frame")

    async def _join(self, message: Join, socket: Socket) -> Session:
        admission = await self._hall.redeem(message.token)
        room = await self._hall.room(admission.session_id)
        who = room.participant_of(admission.identity_id) or ParticipantId(self._new_id())
        decision = await room.submit(Enter(who, admission.identity_id, admission.name, admission.role))
        if isinstance(decision, Rejection):
            raise Refused(decision.code, decision.detail)
        session = Session(room, admission.identity_id, Viewer(who, admission.role), self._new_token, self._over)
        key = (room.session_id, who)
        older = self._by_person.get(key)
        if older is not None:
            older.dismiss(ErrorCode.REPLACED)
        self._by_person[key] = session
        session.bind(socket)
        self._by_token[session.resume_token] = session
        # Nothing is awaited between snapshot and welcome, so that no frame comes before it or is missed after it.
        snapshot = room.attach(session)
        session.send(Welcome(snapshot, session.resume_token, self._now_ms(), self._settings.ping_every_s))
        self._calls.begin(room.session_id, who)
        return session

    async def _resume(self, message: Resume, socket: Socket) -> Session:
        session = self._by_token.pop(message.resume_token, None)
        if session is None or not session.can_resume(message.seq):
            raise Refused(ErrorCode.RESYNC)
        who = session.viewer.participant_id
        decision = await session.room.submit(RestoreConnection(who))
        if isinstance(decision, Rejection) or not session.can_resume(message.seq):
            raise Refused(ErrorCode.RESYNC)
        session.bind(socket)
        self._by_token[session.resume_token] = session
        session.send(Resumed(session.resume_token, self._now_ms()))
        session.catch_up(message.seq)
        return session

    def _lost(self, session: Session) -> None:
        """The socket of a session that goes on is gone: the place is kept for a while."""
        who = session.viewer.participant_id
        session.room.submit(LoseConnection(who, self._settings.away_grace_ms))

    def _over(self, session: Session) -> None:
        self._by_token.pop(session.resume_token, None)
        key = (session.room.session_id, session.viewer.participant_id)
        if self._by_person.get(key) is session:
            del self._by_person[key]

    # ── frames ───────────────────────────────────────────────────────────────────────────────

    async def _read(self, ws: WebSocket, socket: Socket, session: Session) -> None:
        allowance = Allowance(self._monotonic, self._settings.frames_per_s, self._settings.frames_burst)
        while True:
            async with asyncio.timeout(self._settings.silent_s):
                data = await ws.recv()
            try:
                message = decode_client(data, socket.wire)
                allowance.take(message)
                self._dispatch(session, message)
            except HoldspaceError as error:
                self._refuse(socket, session, data, error.code)
            except Exception as bug:
                # A bug in the handling of one frame is that frame's failure, not the room's.
                _log.error("frame_failed", session=session.room.session_id, exc_info=_where(bug))
                self._refuse(socket, session, data, ErrorCode.INTERNAL)

    def _refuse(self, socket: Socket, session: Session, data: str | bytes, code: ErrorCode) -> None:
        self._telemetry.frame_refused(code)
        session.send(Rejected(RequestId(request_id_of(data, socket.wire)), code, meaning(code).text))

    def _dispatch(self, session: Session, message: ClientMessage) -> None:
        room, who = session.room.session_id, session.viewer.participant_id
        match message:
            case Ping():
                session.send(Ack(message.id))
            case PublishOffer():
                self._authorize(session, Action.PUBLISH, Relation.OWN)
                answer = self._calls.publish(room, who, message.sdp, message.sources)
                session.send(PublishAnswer(message.id, answer))
            case SubscribeAnswer():
                self._authorize(session, Action.SUBSCRIBE, Relation.ROOM)
                self._calls.answer(room, who, message.version, message.sdp)
                session.answered(message.version)
            case RestartSubscribe():
                self._authorize(session, Action.SUBSCRIBE, Relation.ROOM)
                self._calls.resubscribe(room, who)
                session.send(Ack(message.id))
            case Join() | Resume():
                raise ProtocolError(ErrorCode.UNEXPECTED, "already joined")
            case (
                PostChat()
                | HideChat()
                | ShowChat()
                | SetDevices()
                | CloseMicrophone()
                | AllowMicrophone()
                | EndSession()
                | Leave()
            ):
                self._request(session, message)
            case _:
                assert_never(message)

    def _request(self, session: Session, message: RoomRequest) -> None:
        """Hands a request to the room, in order; the reply follows when its effect is stored."""
        asked = self._monotonic()

        def answer(done: asyncio.Future[Decision]) -> None:
            decision = done.result()
            outcome = decision.code.value if isinstance(decision, Rejection) else "ok"
            self._telemetry.command(tag_of(message), outcome, self._monotonic() - asked)
            session.reply(message.id, decision)

        session.room.submit(Requested(session.viewer.participant_id, message)).add_done_callback(answer)

    def _authorize(self, session: Session, action: Action, relation: Relation) -> None:
        if not permitted(session.viewer.role, action, relation):
            raise Refused(ErrorCode.NOT_ALLOWED)

    # ── from the rest of the server ──────────────────────────────────────────────────────────

    def signed_out(self, identity: IdentityId) -> None:
        """A person signed out: they leave every room, on whatever page they are in it."""
        for session in tuple(self._by_person.values()):
            if session.identity == identity:
                session.room.submit(Depart(session.viewer.participant_id, LeaveReason.LEFT))

    def offer(self, room: SessionId, participant: ParticipantId, offer: SubscribeOffer) -> None:
        """Passes on a subscribe offer of the media plane."""
        session = self._by_person.get((room, participant))
        if session is not None:
            session.offer(offer)

    def speakers(self, room: SessionId, participants: tuple[ParticipantId, ...]) -> None:
        """Tells everyone in a room who is heard."""
        frame = SpeakersChanged(participants)
        for (session_id, _), session in self._by_person.items():
            if session_id == room:
                session.speakers(frame)

    async def drain(self) -> None:
        """Refuses new sockets and says goodbye on the present ones; returns when all are closed."""
        self._draining = True
        for socket in tuple(self._sockets):
            socket.outbox.put(Prepared(goodbye(ErrorCode.DRAINING)))
            socket.finish(ErrorCode.DRAINING)
        if self._sockets:
            self._empty.clear()
            await self._empty.wait()


def _where(bug: Exception) -> tuple[type[Exception], None, TracebackType | None]:
    """Where it happened, without the message: it may quote what a person wrote."""
    return type(bug), None, bug.__traceback__
