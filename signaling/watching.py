"""A therapist's socket that watches: sessions of their groups, from outside. It takes part in none of them.

It has no seq and no way back: only the latest of each session counts, and a lost socket is begun anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from moderation.decision import Accepted, Rejection
from protocol.errors import ErrorCode, HoldspaceError, ProtocolError, Refused
from protocol.ids import IdentityId, RequestId, SessionId
from protocol.messages import (
    Ack,
    ClientMessage,
    Frame,
    Ping,
    PublishAnswer,
    PublishOffer,
    RestartSubscribe,
    SetView,
    SubscribeAnswer,
    tag_of,
)
from protocol.monitoring import Listen, Monitoring, ReviewGlass, SendWhisper, SpeakTo, StopListening
from protocol.supervision import (
    Acknowledge,
    Handling,
    Resolve,
    Supervised,
    SupervisedView,
    TakeOver,
    Unsupervised,
    Watching,
)
from signaling.outbox import Prepared
from signaling.ports import Monitors, Supervision, Telemetry, WatchAdmission
from signaling.rate import Allowance, Allowances
from signaling.reading import Reader, rejected
from signaling.session import goodbye
from signaling.socket import Socket, WebSocket

_log = structlog.get_logger("signaling")


class WatchingSocket:
    """One socket that watches. Implements `signaling.ports.Watcher`."""

    def __init__(self, admission: WatchAdmission, socket: Socket, allowance: Allowance) -> None:
        self.sign_in = admission.sign_in
        self._identity_id = admission.identity_id
        self.allowance = allowance
        self._socket = socket

    @property
    def identity_id(self) -> IdentityId:
        """Who looks."""
        return self._identity_id

    def show(self, view: SupervisedView) -> None:
        """The latest of a session takes the place of one that still waits for the socket."""
        self.send(Supervised(view), latest_of=view.session.id)

    def hide(self, session_id: SessionId) -> None:
        """Likewise: what was to be shown of it need not be."""
        self.send(Unsupervised(session_id), latest_of=session_id)

    def tell(self, frame: Frame, *, latest: bool = False) -> None:
        """Takes a frame of its own."""
        self.send(frame, latest_of=type(frame) if latest else None)

    def send(self, frame: Frame, *, latest_of: object = None) -> None:
        """Queues a frame. A socket that is too slow even for the latest is closed, and begins anew."""
        self._socket.outbox.put(Prepared(frame), latest_of=latest_of)
        if self._socket.outbox.overfull:
            self._socket.abort(ErrorCode.TOO_SLOW)
        else:
            self._socket.wake()

    def dismiss(self, code: ErrorCode) -> None:
        """Ends the socket and says why."""
        self._socket.outbox.put(Prepared(goodbye(code)))
        self._socket.finish(code)


class WatchingSockets:
    """Owns the sockets that watch."""

    def __init__(
        self,
        supervision: Supervision,
        monitors: Monitors | None,
        telemetry: Telemetry,
        allowances: Allowances,
        *,
        now_ms: Callable[[], int],
        monotonic: Callable[[], float],
        sign_in_ended: Callable[[str], bool],
        ping_every_s: float,
    ) -> None:
        """`sign_in_ended` says whether a sign-in ended a short while ago."""
        self._supervision = supervision
        self._listening = monitors
        self._telemetry = telemetry
        self._allowances = allowances
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._sign_in_ended = sign_in_ended
        self._ping_every_s = ping_every_s
        self._watching: set[WatchingSocket] = set()

    async def serve(self, token: str, ws: WebSocket, socket: Socket, silent_s: float) -> None:
        """One socket, from its token to its end. Raises as `Reader.run`, and Refused: TOKEN_INVALID, SIGNED_OUT."""
        admission = self._supervision.admit(token)
        allowance = self._allowances.of(admission.identity_id, None)
        allowance.came()
        ws.know()
        socket.counted = False  # more of it would tell that somebody listens
        watching = WatchingSocket(admission, socket, allowance)
        self._watching.add(watching)
        try:
            sessions = await self._supervision.begin(watching)
            if self._sign_in_ended(watching.sign_in):
                raise Refused(ErrorCode.SIGNED_OUT)
            # Nothing is awaited in between: no change comes before this frame, and none is missed after it.
            watching.send(Watching(sessions, self._now_ms(), self._ping_every_s))
            await Reader(ws, socket, allowance, self._telemetry).run(
                silent_s,
                counts=lambda: True,
                take=lambda message: self._take(watching, message),
                refuse=watching.send,
            )
        finally:
            self._watching.discard(watching)
            self._supervision.end(watching)

    @property
    def _monitors(self) -> Monitors:
        if self._listening is None:
            raise Refused(ErrorCode.NOT_ALLOWED)
        return self._listening

    def sign_ins_in_use(self) -> frozenset[str]:
        """The sign-ins that have a page watching now."""
        return frozenset(watching.sign_in for watching in self._watching)

    def end_sign_in(self, sign_in: str) -> None:
        """A sign-in ended, and its sockets with it."""
        for watching in tuple(self._watching):
            if watching.sign_in == sign_in:
                watching.dismiss(ErrorCode.SIGNED_OUT)

    def _take(self, watching: WatchingSocket, message: ClientMessage) -> None:
        match message:
            case Ping():
                watching.send(Ack(message.id))
            case Acknowledge() | TakeOver() | Resolve():
                self._handle(watching, message, lambda: self._supervision.handle(watching, message))
            case Listen() | StopListening() | SendWhisper() | SpeakTo() | ReviewGlass():
                self._handle(watching, message, lambda: self._monitors.monitor(watching, message))
            case SubscribeAnswer():
                self._media(watching, message, RequestId(""), lambda: self._answer(watching, message))
            case RestartSubscribe():
                self._media(watching, message, message.id, lambda: self._monitors.resubscribe(watching))
            case SetView():
                self._media(watching, message, message.id, lambda: self._monitors.look(watching, message.tiles))
            case PublishOffer():
                self._media(watching, message, message.id, lambda: self._publish(watching, message))
            case _:
                raise ProtocolError(ErrorCode.UNEXPECTED, "on a socket that watches")

    def _answer(self, watching: WatchingSocket, message: SubscribeAnswer) -> None:
        self._monitors.answer(watching, message.version, message.sdp)

    def _publish(self, watching: WatchingSocket, message: PublishOffer) -> PublishAnswer:
        return PublishAnswer(message.id, self._monitors.publish(watching, message.sdp, message.sources))

    def _media(
        self,
        watching: WatchingSocket,
        message: ClientMessage,
        request_id: RequestId,
        act: Callable[[], PublishAnswer | None],
    ) -> None:
        try:
            watching.allowance.take(message)
            answer = act()
        except HoldspaceError as error:
            watching.send(rejected(request_id, error.code))
        except Exception as bug:
            _log.error("frame_failed", exc_info=bug)
            watching.send(rejected(request_id, ErrorCode.INTERNAL))
        else:
            if request_id:
                watching.send(answer or Ack(request_id))

    def _handle(
        self,
        watching: WatchingSocket,
        message: Handling | Monitoring,
        ask: Callable[[], asyncio.Future[Accepted[Any] | Rejection]],
    ) -> None:
        # Whoever can read the numbers learns of nobody who listens.
        counted = not isinstance(message, Monitoring)
        try:
            watching.allowance.take(message)
            asked = ask()
        except HoldspaceError as error:
            if counted:
                self._telemetry.frame_refused(error.code)
            watching.send(rejected(message.id, error.code))
            return
        except Exception as bug:
            _log.error("frame_failed", exc_info=bug)
            watching.send(rejected(message.id, ErrorCode.INTERNAL))
            return
        since = self._monotonic()

        def answer(done: asyncio.Future[Accepted[Any] | Rejection]) -> None:
            decision = done.result()
            refused = decision.code if isinstance(decision, Rejection) else None
            if counted:
                self._telemetry.command(tag_of(message), refused or "ok", self._monotonic() - since)
            watching.send(Ack(message.id) if refused is None else rejected(message.id, refused))

        asked.add_done_callback(answer)
