"""`RoomHarness`: a room and its viewers in memory, under a clock that only tests move.

It does with the pure core what a keeper does, in the simplest way that is right: decide, shut gates at once, store,
evolve, tell each viewer, set the gates to what the new state lets through. Storage can be made to fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

import msgspec
from msgspec.structs import replace

from moderation.decision import Accepted, Rejection
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId, SessionId
from protocol.messages import (
    AllowMicrophone,
    AllowScreen,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Leave,
    PostChat,
    RoomFrame,
    SetDevices,
    ShareScreen,
    ShowChat,
    StopSharing,
    ViewReplaced,
)
from protocol.values import LeaveReason, Millis, Role, SessionStatus, Snapshot
from rooms.aftermath import aftermath
from rooms.commands import (
    Command,
    Depart,
    Enter,
    LoseConnection,
    OpenSession,
    PassTime,
    Requested,
    RestoreConnection,
    RoomRequest,
    WaiveResponder,
)
from rooms.decide import decide, next_deadline
from rooms.events import DurableEvent, Event, SentOut, is_durable
from rooms.evolve import evolve, evolve_all
from rooms.gates import Gate, open_gates, shut_at_once
from rooms.life import DEFAULT_RULES, Rules, consequences
from rooms.state import EMPTY, RoomState
from rooms.view import Viewer, is_sequenced, latest, project, replayed, snapshot
from tests.rooms.client_model import ClientModel, Wire, wire

GRACE_MS = 60_000
SESSION = SessionId("session-1")
HOST = "host"


class Refusal(Exception):
    """A request was refused; fails a test that did not expect it."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass
class Seat:
    """One viewer's session: the client, and what the server keeps for it.

    Attributes:
        kept: sequenced frames since the snapshot, for a resume.
        received: everything that reached this client, with its seq.
        attached: whether the socket stands now.
    """

    viewer: Viewer
    client: ClientModel
    kept: list[RoomFrame] = field(default_factory=list[RoomFrame])
    received: list[tuple[int | None, RoomFrame]] = field(default_factory=list[tuple[int | None, RoomFrame]])
    attached: bool = True

    def types(self) -> list[str]:
        """The types of all frames received."""
        return [wire(frame)["type"] for _, frame in self.received]

    def person(self, who: str) -> Wire:
        """That person as this client shows them."""
        return self.client.people[who]

    def text(self, message_id: str) -> str:
        """A message's text as this client shows it."""
        return self.client.chat[message_id]["text"]


class RoomHarness:
    """A room, its log, its gates and its viewers."""

    def __init__(self, *, opened: bool = True, hosted: bool = True, rules: Rules = DEFAULT_RULES) -> None:
        self.rules = rules
        self.now_ms: Millis = 1_000_000
        self.state: RoomState = EMPTY
        self.log: list[bytes] = []
        self.gates: frozenset[Gate] = frozenset()
        self.sent_out: set[ParticipantId] = set()
        self.seats: list[Seat] = []
        self.storage_down = False
        self._request_ids = (RequestId(f"r{n}") for n in count(1))
        self._message_ids = (MessageId(f"m{n}") for n in count(1))
        if opened:
            self.open()
        if opened and hosted:
            self.host()

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def do(self, command: Command) -> tuple[Event, ...]:
        """Carries out one command; its events, or `Refusal`."""
        decision = decide(self.state, command, self.now_ms, self.rules)
        if isinstance(decision, Rejection):
            raise Refusal(decision.code, decision.detail)
        after = evolve_all(self.state, decision.events)
        assert consequences(after, self.now_ms, self.rules) == (), "something follows that was not decided"
        for event in decision.events:
            self.gates -= shut_at_once(event)
        if after.status is not SessionStatus.ENDED:
            self.gates &= open_gates(after)
        if self.storage_down and any(is_durable(event) for event in decision.events):
            open_before_storing = self.gates
            self.lose_events(decision.events)
            assert self.gates <= open_before_storing, "what was closed and could not be stored is open again"
            raise Refusal(ErrorCode.NOT_SAVED, "")
        for event in decision.events:
            self.happen(event)
        self.gates = open_gates(self.state)
        return decision.events

    def do_and_lose(self, commands: Iterable[Command]) -> tuple[Event, ...]:
        """Commands are decided one upon the other, and then the first cannot be stored; all that they decided."""
        pending = self.state
        lost: list[Event] = []
        for command in commands:
            decision = decide(pending, command, self.now_ms, self.rules)
            if isinstance(decision, Accepted):
                pending = evolve_all(pending, decision.events)
                lost.extend(decision.events)
        self.lose_events(tuple(lost))
        return tuple(lost)

    def lose_events(self, lost: tuple[Event, ...]) -> None:
        """What was decided does not come to pass; what must outlive that does."""
        for event in aftermath(self.state, lost):
            assert not is_durable(event)
            self.happen(event)
        self.gates = open_gates(self.state)

    def happen(self, event: Event) -> None:
        """An event takes effect and every attached client hears of it."""
        before, self.state = self.state, evolve(self.state, event)
        if is_durable(event):
            self.log.append(msgspec.json.encode(event))
        if isinstance(event, SentOut):
            self.sent_out.add(event.participant_id)
        for seat in self.seats:
            for frame in project(event, before, self.state, seat.viewer):
                self._send(seat, frame)
        # Whoever is gone is told nothing more.
        self.seats = [seat for seat in self.seats if not self._is_gone(seat)]

    def _is_gone(self, seat: Seat) -> bool:
        person = self.state.people.get(seat.viewer.participant_id)
        return person is not None and not person.present

    def _send(self, seat: Seat, frame: RoomFrame) -> None:
        self.check_lobby(seat, wire(frame))
        seq = None
        if is_sequenced(frame):
            seat.kept.append(frame)
            seq = len(seat.kept)
        if seat.attached:
            seat.received.append((seq, frame))
            seat.client.take(seq, frame)

    def check_lobby(self, seat: Seat, body: Wire) -> None:
        """Who waits is told nothing of anyone else: no name, no id, no text."""
        me = self.state.here(seat.viewer.participant_id)
        if me is None or not me.waiting:
            return
        seen = msgspec.json.encode(body).decode()
        for person in self.state.people.values():
            if person.id != me.id and person.name not in {me.name, self.state.title}:
                assert f'"{person.name}"' not in seen
                assert f'"{person.id}"' not in seen
        for message in self.state.chat:
            assert message.id not in seen or message.id == me.id

    def open(self, note: str = "") -> None:
        """The session's lobby opens."""
        self.do(OpenSession(SESSION, "Tuesday group", note))

    def host(self, who: str = HOST) -> None:
        """Someone leads, without a seat, and the clinical lead lets the session begin."""
        self.do(WaiveResponder(IdentityId("identity-lead")))
        self.do(Enter(ParticipantId(who), IdentityId(f"identity-{who}"), who.capitalize(), Role.MENTOR))

    def enter(self, who: str, role: Role = Role.PARTICIPANT, name: str | None = None, *, enrolled: bool = True) -> Seat:
        """A person comes and takes a new seat."""
        self.do(Enter(ParticipantId(who), IdentityId(f"identity-{who}"), name or who.capitalize(), role, enrolled))
        return self.attach(who, role)

    def lose(self, who: str, grace_ms: int = GRACE_MS) -> None:
        """A person's connection is lost."""
        self.do(LoseConnection(ParticipantId(who), grace_ms))

    def restore(self, who: str) -> None:
        """A person's connection is back."""
        self.do(RestoreConnection(ParticipantId(who)))

    def depart(self, who: str, reason: LeaveReason = LeaveReason.CONNECTION_LOST) -> None:
        """The server takes a person out."""
        self.do(Depart(ParticipantId(who), reason))

    def wait(self, ms: int) -> tuple[Event, ...]:
        """Time passes."""
        self.now_ms += ms
        return self.do(PassTime())

    def request(self, who: str, message: RoomRequest) -> tuple[Event, ...]:
        """A person asks for something."""
        return self.do(Requested(ParticipantId(who), message))

    def post(self, who: str, text: str, message_id: str | None = None) -> str:
        """A person writes in the chat; the message's id."""
        which = next(self._message_ids) if message_id is None else MessageId(message_id)
        self.request(who, PostChat(self.request_id(), which, text))
        return which

    def hide(self, who: str, message_id: str) -> tuple[Event, ...]:
        """A person hides a message."""
        return self.request(who, HideChat(self.request_id(), MessageId(message_id)))

    def show(self, who: str, message_id: str) -> tuple[Event, ...]:
        """A person shows a hidden message again."""
        return self.request(who, ShowChat(self.request_id(), MessageId(message_id)))

    def devices(
        self, who: str, *, microphone: bool = False, camera: bool = False, closings: int = 0
    ) -> tuple[Event, ...]:
        """A person says what is on."""
        return self.request(who, SetDevices(self.request_id(), microphone, camera, closings))

    def close_microphone(self, who: str, whose: str) -> tuple[Event, ...]:
        """A person closes someone's microphone."""
        return self.request(who, CloseMicrophone(self.request_id(), ParticipantId(whose)))

    def allow_microphone(self, who: str, whose: str) -> tuple[Event, ...]:
        """A person lets someone open the microphone again."""
        return self.request(who, AllowMicrophone(self.request_id(), ParticipantId(whose)))

    def share(self, who: str, *, sound: bool = False) -> tuple[Event, ...]:
        """A person shares their screen."""
        person = self.state.people.get(ParticipantId(who))
        return self.request(who, ShareScreen(self.request_id(), sound, person.closings if person else 0))

    def stop_sharing(self, who: str) -> tuple[Event, ...]:
        """A person stops sharing."""
        return self.request(who, StopSharing(self.request_id()))

    def close_screen(self, who: str, whose: str) -> tuple[Event, ...]:
        """A person ends someone's share."""
        return self.request(who, CloseScreen(self.request_id(), ParticipantId(whose)))

    def allow_screen(self, who: str, whose: str) -> tuple[Event, ...]:
        """A person lets someone share."""
        return self.request(who, AllowScreen(self.request_id(), ParticipantId(whose)))

    def leave(self, who: str) -> tuple[Event, ...]:
        """A person leaves."""
        return self.request(who, Leave(self.request_id()))

    def end(self, who: str) -> tuple[Event, ...]:
        """A person ends the session."""
        return self.request(who, EndSession(self.request_id()))

    def request_id(self) -> RequestId:
        """A fresh request id."""
        return next(self._request_ids)

    def refusal(self, who: str, message: RoomRequest) -> ErrorCode | None:
        """Why a person's request is refused; None when it is accepted."""
        try:
            self.request(who, message)
        except Refusal as refused:
            return refused.code
        return None

    # ── viewers ───────────────────────────────────────────────────────────────────────────────

    def attach(self, who: str, role: Role = Role.PARTICIPANT) -> Seat:
        """A new session of that person: begins with a snapshot."""
        viewer = Viewer(ParticipantId(who), role)
        seen = snapshot(self.state, viewer)
        seat = Seat(viewer, ClientModel(seen))
        self.check_lobby(seat, wire(seen))
        self.seats.append(seat)
        return seat

    def resume(self, seat: Seat) -> list[RoomFrame]:
        """The seat's socket is back: kept frames after its seq, then latest values; the frames sent."""
        assert not seat.attached
        seat.attached = True
        missed = list(enumerate(seat.kept[seat.client.seq :], seat.client.seq + 1))
        if any(isinstance(frame, ViewReplaced) for _, frame in missed):
            # Made anew, as of now, it stands for all of them.
            missed = [(missed[-1][0], ViewReplaced(snapshot(self.state, seat.viewer)))]
        missed = [(seq, replayed(frame, self.state, seat.viewer)) for seq, frame in missed]
        values = list(latest(self.state, seat.viewer))
        for seq, frame in missed:
            seat.received.append((seq, frame))
            seat.client.take(seq, frame)
        for frame in values:
            assert not is_sequenced(frame)
            seat.received.append((None, frame))
            seat.client.take(None, frame)
        return [*(frame for _, frame in missed), *values]

    def fresh_snapshot(self, seat: Seat) -> Snapshot:
        """What that viewer would be sent on coming in now."""
        return snapshot(self.state, seat.viewer)

    def fresh(self, seat: Seat) -> Wire:
        """What a new session of the same viewer would show."""
        return ClientModel(snapshot(self.state, seat.viewer)).shows()

    # ── questions ─────────────────────────────────────────────────────────────────────────────

    def assert_up_to_date(self, seat: Seat) -> None:
        """What the client shows is a fresh snapshot; of the chat it may have kept more than one carries."""
        shown, fresh = seat.client.shows(), self.fresh(seat)
        known, carried = len(shown["chat"]), len(fresh["chat"])
        assert known >= carried or seat.client.earlier, "only a client that was told so lacks older messages"
        both = min(known, carried)
        kept, shown_anew = ((chat[-both:] if both else []) for chat in (shown["chat"], fresh["chat"]))
        assert {**shown, "chat": kept} == {**fresh, "chat": shown_anew}

    @property
    def deadline_ms(self) -> Millis | None:
        """When time next matters."""
        return next_deadline(self.state, self.rules)

    def events(self) -> list[DurableEvent]:
        """The log, read back from its stored form."""
        return [msgspec.json.decode(stored, type=DurableEvent) for stored in self.log]

    def replay(self) -> RoomState:
        """The state out of the log alone."""
        return evolve_all(EMPTY, self.events())

    def reload(self) -> None:
        """The server ends, and its next loading of the room has what the log has: nobody is connected."""
        self.state = replace(self.replay(), life=self.state.life + 1)
        self.gates = frozenset()
        self.sent_out.clear()
        self.seats.clear()
        for person in tuple(self.state.present()):
            self.lose(person.id)

    def roster(self) -> list[str]:
        """Who is in the room beside the host, by place."""
        return [person.id for person in self.state.inside() if person.id != HOST]

    def lobby(self) -> list[str]:
        """Who waits, the longest first."""
        return [person.id for person in self.state.waiting()]
