"""One participant's session in one room. It survives its sockets: a lost one is replaced, and nothing is missed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from moderation.decision import Accepted
from protocol.errors import ErrorCode, meaning
from protocol.ids import RequestId
from protocol.messages import (
    Ack,
    DevicesChanged,
    Frame,
    Goodbye,
    LayersWanted,
    MicrophoneHeld,
    NotAloneChanged,
    PauseChanged,
    PicturesResting,
    PresenceChanged,
    Reacted,
    Rejected,
    RoomFrame,
    ScreenAllowed,
    ScreenChanged,
    SpeakersChanged,
    SubscribeOffer,
    ViewReplaced,
)
from rooms.events import Decision
from rooms.view import Viewer
from signaling.outbox import History, Outbox, Prepared
from signaling.ports import Room
from signaling.rate import Allowance

REMEMBERED: Final = 64
"""Requests whose answer is kept for a repetition after a resume."""


class Connection(Protocol):
    """One socket, as the session uses it: an outbox that someone empties, and an end."""

    outbox: Outbox

    def wake(self) -> None:
        """The outbox has something to send."""
        ...

    def finish(self, code: ErrorCode) -> None:
        """Sends what waits, then closes with the code's close code."""
        ...

    def abort(self, code: ErrorCode) -> None:
        """Closes with the code's close code without sending what waits."""
        ...


class Session:
    """Owns a participant's outbox history and resume token; implements `signaling.ports.Listener`."""

    def __init__(
        self,
        room: Room,
        sign_in: str,
        viewer: Viewer,
        allowance: Allowance,
        new_token: Callable[[], str],
        on_over: Callable[[Session], None],
    ) -> None:
        """`sign_in` is what the session hangs on: it ends with it. `allowance` is its person's, whatever page they use.

        `new_token` makes unguessable resume tokens; `on_over` hears when the session is over for good.
        """
        self.room = room
        self.sign_in = sign_in
        self._viewer = viewer
        self.allowance = allowance
        self._new_token = new_token
        self._on_over = on_over
        self._history = History()
        self._connection: Connection | None = None
        self._offer: SubscribeOffer | None = None
        self._speakers = SpeakersChanged(())
        self._pictures: dict[object, Frame] = {}
        self._answers: OrderedDict[RequestId, Frame | None] = OrderedDict()
        self.over = False
        self.resume_token = new_token()

    @property
    def viewer(self) -> Viewer:
        """Who this session belongs to."""
        return self._viewer

    @property
    def connected(self) -> bool:
        """Whether a socket stands."""
        return self._connection is not None

    def holds(self, connection: Connection) -> bool:
        """Whether that socket still speaks for this session: what an older one says no longer counts."""
        return not self.over and self._connection is connection

    # ── sockets come and go ──────────────────────────────────────────────────────────────────

    def bind(self, connection: Connection) -> None:
        """Takes a socket; an older one of the same session is let go."""
        older, self._connection = self._connection, connection
        if older is not None:
            older.abort(ErrorCode.REPLACED)
        self.resume_token = self._new_token()

    def unbind(self, connection: Connection) -> bool:
        """The socket is gone. Returns whether it was the present one."""
        if self._connection is not connection:
            return False
        self._connection = None
        return True

    def can_resume(self, seq: int) -> bool:
        """Whether every frame after `seq` is still here."""
        return not self.over and self._history.after(seq) is not None

    def catch_up(self, seq: int) -> None:
        """Sends again all sequenced frames after `seq`, then the latest ephemeral values and the open offer."""
        connection = self._connection
        missed = self._history.after(seq)
        if connection is None or missed is None:
            return
        if missed and isinstance(missed[0][1].frame, ViewReplaced):
            # It is made anew, as of now: what came after it is in it.
            missed = ((missed[-1][0], missed[0][1]),)
        for number, frame in missed:
            again = self.room.replayed(frame.frame, self._viewer)
            connection.outbox.put(Prepared(again), number)
        latest: Iterable[Frame] = (*self.room.latest(self._viewer), self._speakers, *self._pictures.values())
        for value in latest:
            connection.outbox.put(Prepared(value), latest_of=_key(value))
        if self._offer is not None:
            self.send(self._offer)
        self._flush()

    # ── frames towards the client ────────────────────────────────────────────────────────────

    def deliver(self, frame: Prepared[RoomFrame], *, sequenced: bool) -> None:
        """Takes a frame of the room: numbers and keeps a sequenced one, passes on an ephemeral one."""
        if self.over:
            return
        seq = self._history.add(frame) if sequenced else None
        if isinstance(frame.frame, ViewReplaced):
            self._forget_media()
        if self._connection is None:
            return
        self._connection.outbox.put(frame, seq, latest_of=None if sequenced else _key(frame.frame))
        self._flush()

    def send(self, message: Frame) -> None:
        """Sends something that is not a room event: a reply, or media set-up."""
        if self._connection is not None:
            self._connection.outbox.put(Prepared(message))
            self._flush()

    def is_new(self, request_id: RequestId) -> bool:
        """Whether a request is asked for the first time. A repeated one is answered as before, and not done again."""
        if request_id not in self._answers:
            self._answers[request_id] = None
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
            return True
        answer = self._answers[request_id]
        if answer is not None:
            self.send(answer)
        return False

    def answer(self, request_id: RequestId, answer: Frame) -> None:
        """Answers a request, and its repetitions."""
        if request_id in self._answers:
            self._answers[request_id] = answer
        self.send(answer)

    def reply(self, request_id: RequestId, decision: Decision) -> None:
        """Answers a request with the outcome of its command.

        A refusal of the moment is remembered as well: carried out later, by a repetition, an older word would undo a
        newer one. Who still wants it asks anew.
        """
        if isinstance(decision, Accepted):
            self.answer(request_id, Ack(request_id))
            return
        self.answer(request_id, Rejected(request_id, decision.code, meaning(decision.code).text))

    def offer(self, offer: SubscribeOffer) -> None:
        """Sends a subscribe offer, and again after a resume until it is answered."""
        self._offer = offer
        self.send(offer)

    def pictures(self, frame: LayersWanted | PicturesResting) -> None:
        """What is to be known of pictures now; only the latest of each counts, after a resume too."""
        self._pictures[_key(frame)] = frame
        if self._connection is not None:
            self._connection.outbox.put(Prepared(frame), latest_of=_key(frame))
            self._flush()

    def answered(self, version: int) -> bool:
        """The offer of that version is answered, well or not. Whether it was still open: each is once."""
        if self._offer is None or self._offer.version != version:
            return False
        self._offer = None
        return True

    def speakers(self, frame: SpeakersChanged) -> None:
        """Who is heard now; only the latest counts."""
        self._speakers = frame
        self.deliver(Prepared(frame), sequenced=False)

    def _forget_media(self) -> None:
        """Whoever comes into the room or goes out of it begins anew; what was offered before counts no more."""
        self._offer = None
        self._speakers = SpeakersChanged(())
        self._pictures = {}

    def dismiss(self, code: ErrorCode) -> None:
        """Ends the session for good and says why."""
        if self.over:
            return
        self.over = True
        self.room.detach(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.outbox.put(Prepared(goodbye(code)))
            connection.finish(code)
        self._on_over(self)

    def _flush(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.outbox.overfull:
            # Nothing is lost: the history has it, and the client comes back for it.
            connection.abort(ErrorCode.TOO_SLOW)
        else:
            connection.wake()


def goodbye(code: ErrorCode) -> Goodbye:
    """The last frame of a connection."""
    means = meaning(code)
    return Goodbye(code, means.text, means.then)


def _key(value: Frame) -> object:
    match value:
        case DevicesChanged() | PresenceChanged() | NotAloneChanged() | ScreenChanged() | ScreenAllowed() | Reacted():
            return (type(value), value.participant_id)
        # To hold, and to pause, turns microphones off as well: taking it back does not stand for it.
        case MicrophoneHeld():
            return (type(value), value.participant_id, value.held)
        case PauseChanged():
            return (type(value), value.until_ms > 0)
        case LayersWanted():
            return (type(value), value.source)
        case _:
            return type(value)
