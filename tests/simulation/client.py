"""One page of one person: joins, resumes, keeps the room by its frames, repeats what it got no answer for."""

from __future__ import annotations

from asyncio import TimerHandle
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol.codec import Wire, decode_server, encode_client
from protocol.errors import ErrorCode, HoldspaceError, Next
from protocol.ids import ParticipantId, RequestId
from protocol.messages import (
    Ack,
    ClientMessage,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    Goodbye,
    Join,
    LayersWanted,
    Leave,
    PicturesResting,
    Ping,
    PostChat,
    PublishAnswer,
    Rejected,
    Resume,
    Resumed,
    SetDevices,
    SpeakersChanged,
    SubscribeOffer,
    Welcome,
)
from protocol.monitoring import Monitored, MonitoringOver, Whispered, WhisperSpeaking
from protocol.supervision import Supervised, Unsupervised, Watching
from protocol.values import Role
from rooms.commands import RoomRequest
from tests.rooms.client_model import ClientModel
from tests.rooms.client_model import Wire as Plain
from tests.simulation.network import SimSocket, Stamp

if TYPE_CHECKING:
    from tests.simulation.world import World

AGAIN_ON_ANOTHER_SESSION = (PostChat, Leave, EndSession, CloseMicrophone, CloseScreen)
"""What is safe to repeat where the server remembers nothing; see ARCHITECTURE.md."""

TRY_AGAIN = (ErrorCode.NOT_SAVED, ErrorCode.OVERLOADED, ErrorCode.RATE_LIMITED, ErrorCode.INTERNAL)
"""Refusals of the moment, after which people send their words again."""

PATIENCE_S = 12.0


@dataclass(frozen=True)
class Who:
    """A person of the program."""

    identity: str
    name: str
    role: Role
    enrolled: bool = True


@dataclass(frozen=True)
class Asked:
    """A request on its way. `head` is the log's, `order` the place among everything asked, as it was first sent."""

    message: RoomRequest
    head: int
    order: int


class Client:
    """A page. `model` is what it shows; None before the room was ever shown, or after it was left for good."""

    def __init__(self, world: World, who: Who, label: str, wire: Wire) -> None:
        self.world = world
        self.who = who
        self.label = label
        self.wire = wire
        self.wants_in = False
        self.model: ClientModel | None = None
        self.pending: dict[str, Asked] = {}
        self.unsaved: list[PostChat] = []
        """What the person was told is not saved, and may send again."""
        self.socket: SimSocket | None = None
        self.welcomed = False
        """On the present socket."""
        self.latest_shown = 0
        """Place in the log of the newest chat message shown."""
        self._resume_token = ""
        self._goodbye: Next | None = None
        self._timer: TimerHandle | None = None
        self._heard_at = 0.0
        self._pinged_at = 0.0
        self._numbers = 0

    def __repr__(self) -> str:
        return self.label

    @property
    def connected(self) -> bool:
        """Whether frames of the room arrive."""
        return self.socket is not None and self.welcomed

    @property
    def me(self) -> Plain | None:
        """This person as the page shows them; None when it shows them not."""
        return None if self.model is None else self.model.people.get(self.model.you)

    @property
    def participant(self) -> ParticipantId | None:
        return None if self.model is None else ParticipantId(self.model.you)

    # ── what the person does ─────────────────────────────────────────────────────────────────

    def come(self) -> None:
        """Opens the page."""
        if not self.wants_in:
            self.wants_in = True
            self._connect_in(0.01)

    def knock(self, first: ClientMessage) -> None:
        """Opens a socket and says something that gives no right to anything."""
        self.socket = self.world.open_socket(self, self.wire)
        self.socket.say(encode_client(first, self.wire))

    def reload(self) -> None:
        """Everything the page knew is gone; it joins anew."""
        self._drop_socket()
        self._forget()
        self._connect_in(0.1)

    def close(self) -> None:
        """Closes the page without a word."""
        self.wants_in = False
        self._drop_socket()
        self._forget()

    def ask(self, message: RoomRequest) -> None:
        """Asks the room for something."""
        asked = Asked(message, self.world.judge.head, self.world.judge.asked(self, message))
        self.pending[message.id] = asked
        self.world.tell(f"{self} asks {message.id} {type(message).__name__}")
        self.send(message)

    def request_id(self) -> RequestId:
        self._numbers += 1
        return RequestId(f"{self.label}-{self._numbers}")

    def send(self, message: ClientMessage) -> None:
        """Sends a frame, if there is a socket."""
        self.say(encode_client(message, self.wire))

    def say(self, data: bytes) -> None:
        """Sends bytes, if there is a socket."""
        if self.socket is not None and self.welcomed:
            self.socket.say(data)

    # ── sockets come and go ──────────────────────────────────────────────────────────────────

    def _connect_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.world.loop.call_later(seconds, self._connect)

    def _connect(self) -> None:
        server = self.world.server
        if not self.wants_in or self.socket is not None:
            return
        if not server.accepts:
            self._connect_in(0.8)
            return
        if self._resume_token and self.model is not None:
            first: ClientMessage = Resume(self._resume_token, self.model.seq)
        else:
            try:
                first = Join(server.issue(self.who.identity, self.who.role, enrolled=self.who.enrolled))
            except HoldspaceError:
                self._connect_in(1.0)
                return
        self.socket = self.world.open_socket(self, self.wire)
        self.welcomed = False
        self._goodbye = None
        self.world.tell(f"{self} {type(first).__name__.lower()}s")
        self.socket.say(encode_client(first, self.wire))
        self._wait_for_signs_of_life()

    def _wait_for_signs_of_life(self) -> None:
        self._heard_at = self._pinged_at = self.world.loop.time()
        self._tick_in(PATIENCE_S)

    def _tick_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.world.loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        if self.socket is None:
            return
        if self._heard_at <= self._pinged_at or not self.welcomed:
            self.world.tell(f"{self} hears nothing")
            self._drop_socket()
            self._connect_in(0.2)
            return
        self._pinged_at = self.world.loop.time()
        self.send(Ping(RequestId("ping" + str(self.world.loop.steps))))
        self._tick_in(PATIENCE_S)

    def _drop_socket(self) -> None:
        socket, self.socket, self.welcomed = self.socket, None, False
        if socket is not None:
            socket.hang_up()

    def _forget(self) -> None:
        self.model, self._resume_token, self.latest_shown = None, "", 0
        self.unsaved.clear()
        for asked in tuple(self.pending.values()):
            if not isinstance(asked.message, AGAIN_ON_ANOTHER_SESSION) or not self.wants_in:
                del self.pending[asked.message.id]
                self.world.judge.dropped(asked)

    def closed(self, socket: SimSocket, code: int) -> None:
        """The socket ended, by the server's word or by none."""
        if socket is not self.socket:
            return
        self.world.tell(f"{self} closed {code}")
        self.socket, self.welcomed = None, False
        match self._goodbye:
            case Next.STOP:
                self.wants_in = False
                self._forget()
            case Next.REJOIN:
                self._forget()
                self._connect_in(0.3)
            case _:
                self._connect_in(0.2)

    # ── frames ───────────────────────────────────────────────────────────────────────────────

    def take(self, socket: SimSocket, data: bytes, stamp: Stamp) -> None:
        """A frame arrives."""
        if socket is not self.socket:
            return
        seq, frame = decode_server(data.decode() if self.wire is Wire.JSON else data, self.wire)
        self._heard_at = self.world.loop.time()
        match frame:
            case Welcome():
                self.world.tell(f"{self} welcome")
                self.model = ClientModel(frame.snapshot)
                self._resume_token, self.welcomed = frame.resume_token, True
                self.world.judge.welcomed(self, frame, stamp)
                self._again()
            case Resumed():
                self.world.tell(f"{self} resumed")
                self._resume_token, self.welcomed = frame.resume_token, True
                self._again()
            case Ack(id=which):
                self._answered(which, None, stamp)
            case Rejected(id=which, code=code):
                self._answered(which, code, stamp)
            case Goodbye():
                self.world.tell(f"{self} goodbye {frame.code}")
                self._goodbye = frame.then
            case SpeakersChanged():
                pass
            case (
                Watching()
                | Supervised()
                | Unsupervised()
                | PublishAnswer()
                | SubscribeOffer()
                | LayersWanted()
                | PicturesResting()
                | Monitored()
                | MonitoringOver()
                | Whispered()
                | WhisperSpeaking()
            ):
                raise AssertionError(f"nobody asked for {type(frame).__name__}")
            case _:
                assert self.model is not None, "a frame of the room before the room"
                self.world.tell(f"{self} {seq} {type(frame).__name__}")
                self.world.judge.shown(self, seq, frame, stamp.head)
                self.model.take(seq, frame)

    def _again(self) -> None:
        """As the client does: of what is on, only the newest word is said again, or an older one would undo it."""
        newest = [asked for asked in self.pending.values() if isinstance(asked.message, SetDevices)][-1:]
        for asked in tuple(self.pending.values()):
            if isinstance(asked.message, SetDevices) and asked not in newest:
                del self.pending[asked.message.id]
                self.world.judge.dropped(asked)
            else:
                self.send(asked.message)

    def _answered(self, which: str, code: ErrorCode | None, stamp: Stamp) -> None:
        asked = self.pending.pop(which, None)
        if asked is None:
            return
        self.world.tell(f"{self} {which} {code or 'ok'}")
        self.world.judge.answered(self, asked, code, stamp)
        if code in TRY_AGAIN and isinstance(asked.message, PostChat):
            self.unsaved.append(asked.message)
