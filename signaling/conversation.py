"""The frames of one socket, read one by one, each handed to its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import assert_never

import structlog

from moderation.decision import Rejection
from moderation.permissions import Action, Relation, permitted
from protocol.errors import ErrorCode, HoldspaceError, ProtocolError, Refused
from protocol.ids import RequestId
from protocol.messages import (
    Ack,
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    ClientMessage,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Join,
    Leave,
    MoveToLobby,
    Ping,
    PostChat,
    PublishAnswer,
    PublishOffer,
    React,
    Remove,
    RestartSubscribe,
    Resume,
    SetDevices,
    SetListening,
    SetNotAlone,
    SetView,
    ShareScreen,
    ShowChat,
    StopSharing,
    SubscribeAnswer,
    Watch,
    WithdrawCover,
    tag_of,
)
from protocol.monitoring import (
    ConfirmHeadphones,
    Listen,
    ReviewGlass,
    SawWhisper,
    SendWhisper,
    SpeakTo,
    StopListening,
)
from protocol.supervision import Acknowledge, Resolve, TakeOver
from protocol.turns import (
    DenyTurn,
    EndTurn,
    ExtendTurn,
    GiveTurn,
    HoldTime,
    LeastHeardFirst,
    LowerHand,
    MoveInOrder,
    NextSpeaker,
    Pass,
    PassTurnOn,
    RaiseHand,
    SetCompanion,
    SetTurnForm,
    SetTurnMode,
)
from rooms.commands import Requested, RoomRequest
from rooms.events import Decision
from signaling.ports import Calls, Telemetry, Whispers
from signaling.reading import Reader
from signaling.session import Session
from signaling.socket import Socket, WebSocket

_log = structlog.get_logger("signaling")


class Conversation:
    """One socket's part in a session, from the first frame after joining to the last."""

    def __init__(
        self,
        session: Session,
        ws: WebSocket,
        socket: Socket,
        calls: Calls,
        whispers: Whispers | None,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
    ) -> None:
        self._session = session
        self._reader = Reader(ws, socket, session.allowance, telemetry)
        self._socket = socket
        self._calls = calls
        self._whispers = whispers
        self._telemetry = telemetry
        self._monotonic = monotonic

    async def run(self, silent_s: float) -> None:
        """Reads until the socket ends or no longer speaks for the session. Raises as `Reader.run`."""
        await self._reader.run(
            silent_s, counts=lambda: self._session.holds(self._socket), take=self._take, refuse=self._session.send
        )

    def _take(self, message: ClientMessage) -> None:
        match message:
            case Ping():
                self._session.send(Ack(message.id))
            case Join() | Resume() | Watch():
                raise ProtocolError(ErrorCode.UNEXPECTED, "already joined")
            case SubscribeAnswer():
                self._carry_out(RequestId(""), message)
            case _:
                if self._session.is_new(message.id):
                    self._carry_out(message.id, message)

    def _carry_out(self, request_id: RequestId, message: ClientMessage) -> None:
        """Does what is asked. A refusal, or a bug in the handling, is this frame's failure and nothing else's."""
        try:
            # Who comes and goes decides how much there is to answer: what we asked for is never too much.
            if not (isinstance(message, SubscribeAnswer) and self._session.answered(message.version)):
                self._session.allowance.take(message)
            self._dispatch(message)
        except HoldspaceError as error:
            self._telemetry.frame_refused(error.code)
            self._session.reply(request_id, Rejection(error.code))
        except Exception as bug:
            _log.error("frame_failed", session=self._session.room.session_id, exc_info=bug)
            self._telemetry.frame_refused(ErrorCode.INTERNAL)
            self._session.reply(request_id, Rejection(ErrorCode.INTERNAL))

    def _dispatch(self, message: ClientMessage) -> None:
        room, who = self._session.room.session_id, self._session.viewer.participant_id
        match message:
            case PublishOffer():
                self._authorize(Action.PUBLISH, Relation.OWN)
                self._must_be_inside()
                answer = self._calls.publish(room, who, message.sdp, message.sources)
                self._session.answer(message.id, PublishAnswer(message.id, answer))
            case SubscribeAnswer():
                self._authorize(Action.SUBSCRIBE, Relation.ROOM)
                self._must_be_inside()
                self._calls.answer(room, who, message.version, message.sdp)
            case RestartSubscribe():
                self._authorize(Action.SUBSCRIBE, Relation.ROOM)
                self._must_be_inside()
                self._calls.resubscribe(room, who)
                self._session.answer(message.id, Ack(message.id))
            case SetView():
                self._authorize(Action.SUBSCRIBE, Relation.ROOM)
                self._must_be_inside()
                self._calls.view(room, who, message.tiles)
                self._session.answer(message.id, Ack(message.id))
            case SawWhisper() | ConfirmHeadphones():
                self._authorize(Action.HEAR_WHISPERS, Relation.OWN)
                self._must_be_inside()
                self._hear(message)
            case (
                PostChat()
                | HideChat()
                | ShowChat()
                | SetDevices()
                | CloseMicrophone()
                | AllowMicrophone()
                | ShareScreen()
                | StopSharing()
                | CloseScreen()
                | AllowScreen()
                | Admit()
                | MoveToLobby()
                | Remove()
                | AskForCover()
                | WithdrawCover()
                | SetListening()
                | SetNotAlone()
                | React()
                | EndSession()
                | Leave()
                | DenyTurn()
                | EndTurn()
                | ExtendTurn()
                | GiveTurn()
                | HoldTime()
                | LeastHeardFirst()
                | LowerHand()
                | MoveInOrder()
                | NextSpeaker()
                | Pass()
                | PassTurnOn()
                | RaiseHand()
                | SetCompanion()
                | SetTurnForm()
                | SetTurnMode()
            ):
                self._ask_room(message)
            case (
                Acknowledge()
                | TakeOver()
                | Resolve()
                | Listen()
                | StopListening()
                | SendWhisper()
                | SpeakTo()
                | ReviewGlass()
            ):
                raise Refused(ErrorCode.NOT_ALLOWED)
            case Join() | Resume() | Watch() | Ping():
                raise ProtocolError(ErrorCode.UNEXPECTED)
            case _:
                assert_never(message)

    def _ask_room(self, message: RoomRequest) -> None:
        """Hands a request to the room, in order; the reply follows when its effect is stored."""
        asked = self._monotonic()

        def answer(done: asyncio.Future[Decision]) -> None:
            decision = done.result()
            outcome = decision.code.value if isinstance(decision, Rejection) else "ok"
            self._telemetry.command(tag_of(message), outcome, self._monotonic() - asked)
            self._session.reply(message.id, decision)

        asked_of = Requested(self._session.viewer.participant_id, message)
        self._session.room.submit(asked_of).add_done_callback(answer)

    def _hear(self, message: SawWhisper | ConfirmHeadphones) -> None:
        room, who = self._session.room.session_id, self._session.viewer.participant_id
        if self._whispers is None:
            raise Refused(ErrorCode.NOT_ALLOWED)
        if isinstance(message, ConfirmHeadphones):
            self._whispers.wear(room, who, on=message.on)
            self._session.answer(message.id, Ack(message.id))
            return
        seen = self._whispers.saw(room, who, message.whisper_id)
        seen.add_done_callback(lambda done: self._session.reply(message.id, done.result()))

    def _must_be_inside(self) -> None:
        if not self._session.room.is_inside(self._session.viewer.participant_id):
            raise Refused(ErrorCode.NOT_ADMITTED)

    def _authorize(self, action: Action, relation: Relation) -> None:
        if not permitted(self._session.viewer.role, action, relation):
            raise Refused(ErrorCode.NOT_ALLOWED)
