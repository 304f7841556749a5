"""What must hold, judged from outside: by the log's own rows, and by what reached each screen.

The judge reads every stored event as soon as it is committed, and keeps the room as of each. From the server it takes
nothing on trust.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from moderation.decision import Accepted
from moderation.floor.events import TurnEnded, TurnGiven, TurnModeSet
from protocol.errors import ErrorCode
from protocol.ids import ParticipantId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    ChatHidden,
    ChatPosted,
    ChatShown,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Leave,
    MicrophoneClosed,
    MoveToLobby,
    ParticipantJoined,
    PostChat,
    React,
    Remove,
    RoomFrame,
    SessionEnded,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShareScreen,
    ShowChat,
    StopSharing,
    ViewReplaced,
    Welcome,
    WithdrawCover,
)
from protocol.turns import EndTurn, GiveTurn, NextSpeaker, Pass, PassTurnOn, SetTurnMode
from protocol.values import Role, SessionStatus, Source
from rooms.commands import RoomRequest, TurnRequest
from rooms.events import ChatWritten
from rooms.evolve import evolve, evolve_all
from rooms.gates import open_gates
from rooms.state import EMPTY, Participant, RoomState
from rooms.turns import turn_requested
from rooms.upcasting import present_event
from rooms.view import Viewer, snapshot
from server.keeper import Keeper
from server.storage.chain import Header
from server.storage.reading import Record
from server.storage.vault import Vault, WrappedKey
from server.stream import RETRY_S
from tests.rooms.client_model import ClientModel
from tests.server.secret import vault
from tests.simulation.client import Asked, Client
from tests.simulation.network import Stamp
from tests.simulation.server import ROOM, RULES, SETTINGS
from tests.simulation.turns import turn_took_effect

if TYPE_CHECKING:
    from tests.simulation.world import World

SECRET = "~secret~"
"""Every name and every text carries it."""

NOT_YET = 1 << 40
UNLED_S = SETTINGS.silent_s + RULES.leader_grace_ms / 1000 + 5
"""After so long without anyone who leads, nobody may be heard: a connection that broke silently is noticed by then."""

_NEW_ROWS = """
    SELECT e.seq, e.at_ms, e.type, e.version, e.retention, e.key_id, e.commitment, e.link, p.sealed,
           k.root_key_id, k.wrapped
    FROM events e JOIN payloads p USING (stream_id, seq) JOIN data_keys k ON k.id = e.key_id
    WHERE e.stream_id = ? AND e.seq > ? ORDER BY e.seq
"""


class Judge:
    """`states[n]` is the room after its n-th stored event."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._vault: Vault = vault()
        self.states: list[RoomState] = [EMPTY]
        self._places: dict[str, int] = {}
        """Of messages: where in the log they were posted."""
        self._last_inside: dict[str, int] = {}
        """Of identities: the newest event after which they were in the room, and not in its lobby."""
        self.staff_at = 0.0
        """When the server last had a socket of somebody who leads."""
        self._known: list[tuple[float, int]] = [(0.0, 0)]
        """Since when the server has known of which head."""
        self._uncertain = False
        self._order = 0
        self._orders: list[tuple[float, int]] = [(0.0, 0)]
        """When there were how many requests and frames."""
        self._lost_at = 0
        self._turned_on: dict[tuple[str, Source], int] = {}
        self._turned_off: dict[tuple[str, Source], int] = {}
        self._closings: dict[str, dict[int, bool]] = {}
        """Of participants: closings that were answered, by their order, and whether they are stored."""
        self._allowances: dict[str, dict[int, int]] = {}
        """Of participants: when each allowance was asked for, and when nothing more could come of it."""
        self._unsaved = False
        """Turns closed somebody, and that could not be stored."""
        self.checked = 0

    @property
    def head(self) -> int:
        """How many events are stored."""
        return len(self.states) - 1

    # ── the log ──────────────────────────────────────────────────────────────────────────────

    def committed(self) -> None:
        """Something was committed."""
        for (
            seq,
            at_ms,
            kind,
            version,
            retention,
            key_id,
            commitment,
            link,
            sealed,
            root,
            wrapped,
        ) in self._world.disk.raw.execute(_NEW_ROWS, (ROOM, self.head)).fetchall():
            header = Header(ROOM, seq, at_ms, kind, version, retention, key_id)
            record = Record(header, commitment, link, sealed, WrappedKey(key_id, ROOM, retention, root, wrapped))
            payload = record.payload(self._vault)
            assert payload is not None
            assert seq == self.head + 1, "the log has a gap"
            event = present_event(kind, version, payload)
            if isinstance(event, ChatWritten):
                assert event.message_id not in self._places, "a message was stored twice"
                self._places[event.message_id] = seq
            self.states.append(evolve(self.states[-1], event))
            if isinstance(event, TurnGiven | TurnEnded | TurnModeSet):
                self._unsaved = False
            for person in self.states[-1].inside():
                self._last_inside[person.identity_id] = seq
                assert not person.removed, "who was removed is back"
            self._world.tell(f"stored {seq} {kind}")

    def answered_by_disk(self) -> None:
        """The server learned how its transaction ended."""
        if not self._uncertain:
            self._known.append((self._world.loop.time(), self.head))

    def commit_uncertain(self, uncertain: bool) -> None:
        """The server does not know whether its events are stored; or knows it now."""
        self._uncertain = uncertain
        self.answered_by_disk()

    def _surely(self, now: float | None = None) -> list[RoomState]:
        """The states that may be the newest one the server knows of, when everything known has been taken up."""
        now, known = self._world.loop.time() if now is None else now, 0
        for at, head in reversed(self._known):
            if at < now:
                known = head
                break
        return self.states[known:]

    # ── what was asked and answered ──────────────────────────────────────────────────────────

    def _next(self) -> int:
        self._order += 1
        self._orders.append((self._world.loop.time(), self._order))
        return self._order

    def _orders_by(self, at: float) -> int:
        return self._orders[bisect_right(self._orders, at, key=lambda order: order[0]) - 1][1]

    def asked(self, client: Client, message: RoomRequest) -> int:
        """A client asks for something; the place of that among everything asked."""
        order = self._next()
        match message:
            case SetDevices(microphone=on, camera=also) if client.participant is not None:
                for source, wanted in ((Source.MICROPHONE, on), (Source.CAMERA, also)):
                    if wanted:
                        self._turned_on[client.participant, source] = order
            case ShareScreen(sound=sound) if client.participant is not None:
                for source in (Source.SCREEN, Source.SCREEN_AUDIO) if sound else (Source.SCREEN,):
                    self._turned_on[client.participant, source] = order
            case AllowMicrophone(participant_id=whose):
                self._allowances.setdefault(whose, {})[order] = NOT_YET
            case _:
                pass
        return order

    def dropped(self, asked: Asked) -> None:
        """Nobody waits for that answer any more; what is under way may still arrive for a while."""
        match asked.message:
            case AllowMicrophone(participant_id=whose):
                self._world.loop.call_later(15.0, self._settled, whose, asked.order)
            case _:
                pass

    def _settled(self, whose: str, order: int) -> None:
        self._allowances[whose][order] = self._next()

    def answered(self, client: Client, asked: Asked, code: ErrorCode | None, stamp: Stamp) -> None:
        """An answer arrives; without a code it acknowledges."""
        head = stamp.head
        message, whose = asked.message, client.participant
        if isinstance(message, AllowMicrophone):
            self._settled(message.participant_id, asked.order)
        if code in (None, ErrorCode.NOT_SAVED):
            match message:
                case CloseMicrophone(participant_id=target):
                    # What could not be stored holds as long as that room.
                    if code is None or stamp.order > self._lost_at:
                        self._closings.setdefault(target, {})[asked.order] = code is None
                case EndTurn() | GiveTurn() | NextSpeaker() | PassTurnOn() | Pass() | SetTurnMode() if (
                    code is not None and stamp.order > self._lost_at
                ):
                    if all(self._would_close(state, whose, message) for state in self.states[asked.head : head + 1]):
                        self._unsaved = True
                case SetDevices(microphone=on, camera=also) if whose is not None:
                    off = [source for source, on in ((Source.MICROPHONE, on), (Source.CAMERA, also)) if not on]
                    self._turn_off(whose, off, asked.order)
                case StopSharing() if whose is not None:
                    self._turn_off(whose, (Source.SCREEN, Source.SCREEN_AUDIO), asked.order)
                case ShareScreen(sound=False) if whose is not None:
                    self._turn_off(whose, (Source.SCREEN_AUDIO,), asked.order)
                case SetNotAlone(on=True) if whose is not None and code is None:
                    self._turn_off(whose, Source, asked.order)
                case _:
                    pass
        if code is None:
            self.checked += 1
            states = self.states[asked.head : head + 1]
            assert any(_took_effect(message, state, whose) for state in states), (
                f"acknowledged to {client} and not stored: {type(message).__name__} {message.id}"
            )

    def _turn_off(self, whose: str, sources: Iterable[Source], order: int) -> None:
        for source in sources:
            self._turned_off[whose, source] = max(self._turned_off.get((whose, source), 0), order)

    def room_was_lost(self) -> None:
        """The server, or its keeper of the room, is gone, with what it could not store."""
        self._lost_at = self._next()
        self._unsaved = False
        for closings in self._closings.values():
            for order in [order for order, stored in closings.items() if not stored]:
                del closings[order]

    # ── what is shown ────────────────────────────────────────────────────────────────────────

    def sending(self, client: Client, opened_at: int, data: bytes, since: float) -> Stamp:
        """Bytes leave for a socket that was opened when the log had `opened_at` events; they may wait `since` then."""
        if client.who.role is not Role.PARTICIPANT:
            self.staff_at = self._world.loop.time()
        if SECRET.encode() in data:
            try:
                self._may_learn(client, opened_at, data, since)
            except AssertionError as violation:
                # The server would take it for a bug of its own.
                self._world.loop.violation = violation
        return Stamp(self.head, self._next(), self._orders_by(since))

    def _may_learn(self, client: Client, opened_at: int, data: bytes, since: float) -> None:
        keeper = self._world.server.keeper()
        if keeper is not None and not self._owns(keeper):
            return
        last = self._last_inside.get(client.who.identity, -1)
        surely = self._surely(since)
        # Who waits may be told their own name, and nothing else.
        if SECRET.encode() in data.replace(client.who.name.encode(), b""):
            assert last >= opened_at, f"{client} is not admitted and learns a name"
            outside = all(not _is_inside(state, client.who.identity) for state in surely)
            assert not outside, f"{client} is no longer admitted and learns a name"
        for message_id, place in self._places.items():
            if place > last:
                text = self.states[place].chat[message_id].text  # type: ignore[index]
                assert text.encode() not in data, f"{client} has gone and learns what was written since"
        if client.who.role is not Role.THERAPIST:
            for message in surely[-1].chat:
                if all((m := state.chat.get(message.id)) is not None and m.hidden_by is not None for state in surely):
                    assert message.text.encode() not in data, f"{client} learns a text that is hidden"

    def welcomed(self, client: Client, frame: Welcome, stamp: Stamp) -> None:
        """A snapshot arrives."""
        self.checked += 1
        head = stamp.head
        # Another page opens its own microphone and camera, or does not.
        self._turn_off(frame.snapshot.you, Source, stamp.made)
        state = self.states[head]
        assert any(p.identity_id == client.who.identity and p.id == frame.snapshot.you for p in state.people.values())
        client.latest_shown = 0
        for message in frame.snapshot.chat:
            self._in_order(client, message.id, head)
        for person in frame.snapshot.participants:
            assert person.id in state.people, "a name is shown that is not stored"

    def shown(self, client: Client, seq: int | None, frame: RoomFrame, head: int) -> None:
        """A frame arrives that was sent when the log had `head` events."""
        if seq is None:
            return
        self.checked += 1
        state, ever = self.states[head], self.states[: head + 1]
        match frame:
            case ChatPosted(message=message):
                self._in_order(client, message.id, head)
            case ChatHidden(message=message) | ChatShown(message=message):
                assert state.chat.get(message.id) is not None
            case ParticipantJoined(participant=person):
                known = state.people.get(person.id)
                assert known is not None
                # Who waits is told no place, not even their own.
                assert known.role is person.role
                assert known.place == person.place or known.identity_id == client.who.identity
            case ViewReplaced(snapshot=view):
                client.latest_shown = 0
                for message in view.chat:
                    self._in_order(client, message.id, head)
            case MicrophoneClosed(participant_id=who):
                assert any(who in each.people and each.people[who].shut for each in ever), "closed, and not stored"
            case SessionEnded():
                assert state.status is SessionStatus.ENDED
            case _:
                pass

    def _in_order(self, client: Client, message_id: str, head: int) -> None:
        place = self._places.get(message_id, NOT_YET)
        assert place <= head, f"{client} is shown a message that is not stored"
        assert place > client.latest_shown, f"{client} is shown messages in another order"
        client.latest_shown = place

    # ── sound ────────────────────────────────────────────────────────────────────────────────

    def listen(self) -> None:
        """Everyone who has a connection sends, as a client would that does not obey. Nothing closed comes out."""
        sound = self._world.server.sound
        here = sound.visitors(ROOM)
        surely = self._surely()
        keeper = self._world.server.keeper()
        if keeper is not None and not self._owns(keeper):
            return
        # The end of a session shuts what is open once it is stored.
        deciding = keeper is not None and keeper._writer.pending.status is not SessionStatus.ENDED
        decided = open_gates(keeper._writer.pending) if keeper is not None and deciding else None
        if keeper is not None:
            self._is_led(keeper)
        sharing: set[str] = set()
        for who in here:
            for source in Source:
                heard_by = sound.say(ROOM, who, source)
                assert heard_by <= set(here) - {who}
                if heard_by:
                    if source is Source.SCREEN:
                        sharing.add(who)
                    why = self._silent(who, source, surely)
                    unled = self._world.loop.time() > self.staff_at + UNLED_S
                    if why is None and unled and source is not Source.CAMERA and self._is_participant(who):
                        why = "nobody leads"
                    if why is None and decided is not None and (who, source) not in decided:
                        why = "closed by what was decided"
                    assert why is None, f"{source} of {who} is heard: {why}"
        assert len(sharing) <= 1, f"two screens are seen: {sharing}"

    def _may_be_heard(self, state: RoomState, person: Participant) -> bool:
        # What could not be stored holds all the same.
        return person.is_staff or (state.may_be_heard(person) and not self._unsaved)

    def _would_close(self, state: RoomState, whose: str | None, message: TurnRequest) -> bool:
        actor = state.people.get(ParticipantId(whose or ""))
        if actor is None or not actor.inside:
            return False
        decision = turn_requested(state, actor, message, self._world.clock.now_ms())
        if not isinstance(decision, Accepted):
            return False
        after = evolve_all(state, decision.events)
        return any(
            state.may_be_heard(person) and not after.may_be_heard(after.people[person.id])
            for person in state.inside()
            if not person.is_staff
        )

    def _is_participant(self, who: str) -> bool:
        person = self.states[-1].people.get(ParticipantId(who))
        return person is not None and person.role is Role.PARTICIPANT

    def _silent(self, who: str, source: Source, surely: list[RoomState]) -> str | None:
        """Why nothing may be heard or seen of someone; None when something may."""
        if self._turned_off.get((who, source), 0) > self._turned_on.get((who, source), 0):
            return "turned off by themselves"
        people = [state.people.get(who) for state in surely]  # type: ignore[call-overload]
        if all(person is not None and not person.inside for person in people):
            return "is not in the room"
        unallowed = (person is not None and not (person.is_staff or person.may_share) for person in people)
        if source in (Source.SCREEN, Source.SCREEN_AUDIO) and all(unallowed):
            return "shared without leave"
        if source in (Source.MICROPHONE, Source.SCREEN_AUDIO) and all(
            person is not None and person.inside and not self._may_be_heard(state, person)
            for state, person in zip(surely, people, strict=True)
        ):
            return "it is not their turn"
        if source is Source.MICROPHONE:
            if all(person is not None and person.shut for person in people):
                return "closed by a mentor"
            allowed = max(self._allowances.get(who, {}).values(), default=0)
            if any(order > allowed for order in self._closings.get(who, {})):
                return "closed by a mentor, who was told so"
        return None

    @staticmethod
    def _is_led(keeper: Keeper) -> None:
        """A live room is led, or pauses, but for the moment in which a connection may come back."""
        state, now_ms = keeper._writer.pending, keeper._writer.now_ms()
        if state.status is not SessionStatus.LIVE or state.paused_until_ms is not None or any(state.leaders()):
            return
        lost = [p.lost_ms for p in state.inside() if p.is_staff and not p.needs_cover and p.lost_ms is not None]
        assert lost, "a live room is left without anyone who leads"
        assert now_ms <= max(lost) + RULES.leader_grace_ms + RETRY_S * 1000 + 100, (
            "a live room waits too long for who leads"
        )

    # ── at rest ──────────────────────────────────────────────────────────────────────────────

    def compare(self) -> None:
        """When nothing is on its way to the disk, what the room shows is what the log says."""
        keeper = self._world.server.keeper()
        if keeper is not None and not keeper._writer.busy and self._owns(keeper):
            shown, stored = _durable(keeper.state), _durable(self.states[-1])
            # Whom a mentor sent out stays outside, though that could not be saved.
            for who, person in stored.people.items():
                if person.inside and who in shown.people and shown.people[who].waiting:
                    stored.people[who] = replace(person, waiting=True)
            # So does the leave to share that was taken back: the log may forget it later than the room.
            for who, person in keeper.state.people.items():
                if person.share_held and who in stored.people:
                    stored.people[who] = replace(stored.people[who], may_share=person.may_share)
            if any(person.sent_out for person in keeper.state.people.values()):
                # They hold no turn and no place in one any more; the log forgets that later.
                stored = replace(stored, floor=shown.floor)
            assert shown == stored, "the room is not what its log says"

    def _owns(self, keeper: Keeper) -> bool:
        """Whether nobody took the room from it: another server that is believed dead may, and it hears so late."""
        if len(self._world.servers) == 1:
            return True
        (epoch,) = self._world.disk.raw.execute("SELECT epoch FROM streams WHERE id = ?", (ROOM,)).fetchone()
        return keeper._writer._epoch == epoch

    def final(self, clients: list[Client], *, long_after: bool) -> None:
        """Everyone has caught up: each screen shows the room, and those who are on are heard.

        `long_after`: whoever went away did so longer ago than a place is kept.
        """
        keeper = self._world.server.keeper()
        inside = [client for client in clients if client.connected]
        assert keeper is not None or not inside
        if keeper is None or not self._owns(keeper):
            return
        sound = self._world.server.sound
        visitors = set(sound.visitors(ROOM))
        present = {person.id for person in keeper.state.present()}
        assert visitors <= {person.id for person in keeper.state.inside()}, "a connection outlives its person"
        if long_after:
            assert present == {client.participant for client in inside}, "a place is kept for ever"
        for client in inside:
            model = client.model
            assert model is not None
            viewer = Viewer(model.you, client.who.role)  # type: ignore[arg-type]
            fresh = ClientModel(snapshot(keeper.state, viewer)).shows()
            shown = model.shows()
            differs = [f"{shown[part]} and not {fresh[part]}" for part in fresh if shown[part] != fresh[part]]
            assert not differs, f"{client} shows {'; '.join(differs)}"
            if model.waiting:
                assert model.you not in visitors
                continue
            assert list(model.chat) == [message.id for message in self.states[-1].chat]
            me = model.people[model.you]
            for source in Source:
                heard_by = sound.say(ROOM, model.you, source)
                assert heard_by == (visitors - {model.you} if me[source] else set()), f"{source} of {client}"


def _took_effect(message: RoomRequest, state: RoomState, whose: str | None) -> bool:
    """Whether the stored room shows what an acknowledged request is to do. Devices are never stored."""
    match message:
        case PostChat():
            posted = state.chat.get(message.message_id)
            return posted is not None and (posted.author_id, posted.text) == (whose, message.text)
        case HideChat() | ShowChat():
            known = state.chat.get(message.message_id)
            return known is not None and (known.hidden_by is not None) == isinstance(message, HideChat)
        case CloseMicrophone() | AllowMicrophone():
            person = state.people.get(message.participant_id)
            return person is not None and person.shut == isinstance(message, CloseMicrophone)
        case AllowScreen() | CloseScreen():
            person = state.people.get(message.participant_id)
            return person is not None and person.may_share == isinstance(message, AllowScreen)
        case Admit() | MoveToLobby() | Remove():
            person = state.people.get(message.participant_id)
            if person is None or isinstance(message, Remove):
                return person is not None and person.removed
            return person.present and person.waiting == isinstance(message, MoveToLobby)
        case AskForCover() | WithdrawCover():
            me = state.people.get(whose)  # type: ignore[arg-type]
            return me is not None and me.needs_cover == isinstance(message, AskForCover)
        case SetListening():
            me = state.people.get(whose)  # type: ignore[arg-type]
            return me is not None and me.listening == message.on
        case Leave():
            return whose is not None and state.here(whose) is None  # type: ignore[arg-type]
        case EndSession():
            return state.status is SessionStatus.ENDED
        case SetDevices() | SetNotAlone() | React() | ShareScreen() | StopSharing():
            return True
        case _:
            return turn_took_effect(message, state, whose)


def _is_inside(state: RoomState, identity: str) -> bool:
    return any(person.identity_id == identity for person in state.inside())


def _durable(state: RoomState) -> Any:
    def plain(person: Participant) -> Participant:
        return replace(
            person,
            away_until_ms=None,
            lost_ms=None,
            since_ms=0,
            sent_out=False,
            expected=True,
            microphone=False,
            camera=False,
            screen=False,
            screen_audio=False,
            share_held=False,
            held=False,
            closings=0,
            not_alone=False,
        )

    people = {who: plain(person) for who, person in state.people.items()}
    # Whoever was not saved is not heard meanwhile, and a pause that the log knows nothing of stops the clock.
    turn = state.floor.turn
    turn = None if turn is None else replace(turn, ends_ms=None, left_ms=0)
    floor = replace(state.floor, unsaved=False, unsaved_turn=0, turn=turn)
    return replace(state, people=people, paused_until_ms=None, unattended_ms=None, life=0, floor=floor)
