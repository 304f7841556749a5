"""Checks: before a person joins, their sound and picture go to this server and back to them, and to nobody else.

A check is a room of exactly one person, in memory alone: no log, no keeper, no events. It takes the same way through
signaling and media as a real room; what differs is that the media plane sends this one person's tracks back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from moderation.decision import NOT_FOUND, NOTHING, Rejection
from moderation.permissions import Action, Relation, permitted
from protocol.errors import ErrorCode, Refused, raise_for
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import DevicesChanged, Leave, RoomFrame, SetDevices
from protocol.values import ParticipantView, Role, SessionStatus, SessionView, Snapshot, Source
from rooms.commands import Command, Depart, Enter, LoseConnection, Requested, RestoreConnection
from rooms.events import Decision
from rooms.view import Viewer
from server.keeper import MediaPlane, Timers
from signaling.outbox import Prepared
from signaling.ports import Admission, Hall, Listener, Room

LONGEST_S: Final = 180.0
"""Nobody needs longer; what is forgotten in a tab ends."""
MAX_PER_PERSON: Final = 2
MAX_CHECKS: Final = 200

ROLE: Final = Role.PARTICIPANT
"""In a check everyone may do what a participant may do with what is their own."""
MYSELF: Final = ParticipantId("me")
"""Who is in a check. There is nobody to tell this person from, and a new socket is the same one."""


class Checks:
    """Owns the checks of this node."""

    def __init__(
        self,
        media: MediaPlane,
        timers: Timers,
        new_id: Callable[[], str],
        *,
        unopened_s: float,
        on_over: Callable[[IdentityId, SessionId], None],
        cap: int = MAX_CHECKS,
    ) -> None:
        """`new_id` makes ids that nobody can guess; a check that nobody enters ends after `unopened_s`.

        `on_over` hears of each check that is over, and whose it was: its way in leads nowhere any more.
        """
        self._media = media
        self._timers = timers
        self._new_id = new_id
        self._unopened_s = unopened_s
        self._on_over = on_over
        self._cap = cap
        self._rooms: dict[SessionId, CheckRoom] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def begin(self, person: IdentityId) -> SessionId:
        """A new check for that person, to be entered by a join token soon.

        Raises:
            Unavailable: OVERLOADED, this person or this node has enough of them under way.
        """
        own = [room for room in self._rooms.values() if room.person == person]
        if len(own) >= MAX_PER_PERSON:
            # A page that was loaded again never enters what it asked for before.
            unopened = next((room for room in own if not room.entered), None)
            if unopened is None:
                raise raise_for(ErrorCode.OVERLOADED, "checks of this person")
            unopened.end(ErrorCode.REPLACED)
        if len(self._rooms) >= self._cap:
            raise raise_for(ErrorCode.OVERLOADED, "checks")
        check_id = SessionId(f"check-{self._new_id()}")
        self._rooms[check_id] = CheckRoom(
            check_id, person, self._media, self._timers, unopened_s=self._unopened_s, on_over=self._forget
        )
        return check_id

    def room(self, session_id: str) -> CheckRoom | None:
        """The check of that id, while it goes on."""
        return self._rooms.get(SessionId(session_id))

    def _forget(self, check_id: SessionId) -> None:
        self._on_over(self._rooms.pop(check_id).person, check_id)


class HallWithChecks:
    """The hall, with the checks beside its rooms. Implements `signaling.ports.Hall`."""

    def __init__(self, hall: Hall, checks: Checks) -> None:
        self._hall = hall
        self._checks = checks

    async def redeem(self, token: str) -> Admission:
        """Uses up a join token, for a room or for a check. Raises Refused(TOKEN_INVALID)."""
        return await self._hall.redeem(token)

    async def room(self, session_id: SessionId) -> Room:
        """The check of that id, or else the session's room. Raises HoldspaceError."""
        return self._checks.room(session_id) or await self._hall.room(session_id)


class CheckRoom:
    """One person's check. Implements `signaling.ports.Room`; ends with its socket, and nothing of it remains."""

    def __init__(
        self,
        check_id: SessionId,
        person: IdentityId,
        media: MediaPlane,
        timers: Timers,
        *,
        unopened_s: float,
        on_over: Callable[[SessionId], None],
    ) -> None:
        self._id = check_id
        self.person = person
        self._media = media
        self._timers = timers
        self._on_over = on_over
        self._listeners: list[Listener] = []
        self._name = ""
        self._microphone = self._camera = False
        self._over = False
        self.entered = False
        self._alarm = timers.call_later(unopened_s, lambda: self.end(ErrorCode.SESSION_ENDED))

    @property
    def session_id(self) -> SessionId:
        """The id under which the media plane knows it."""
        return self._id

    def participant_of(self, identity: IdentityId) -> ParticipantId | None:
        """Always the same one, for the one person whose check it is."""
        return MYSELF if identity == self.person else None

    def is_inside(self, participant_id: ParticipantId) -> bool:
        """Whether that is the one person whose check it is: there is no lobby."""
        return self.entered and participant_id == MYSELF

    def submit(self, command: Command) -> asyncio.Future[Decision]:
        """Decides at once: there is nothing to store."""
        reply: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        reply.set_result(self._decide(command))
        return reply

    def attach(self, listener: Listener) -> Snapshot:
        """From now on the listener hears of its own devices, and of the end. Raises Refused(NOT_FOUND)."""
        if self._over or not self.entered:
            raise Refused(ErrorCode.NOT_FOUND)
        self._listeners.append(listener)
        me = ParticipantView(MYSELF, self._name, ROLE, 0, self._microphone, self._camera)
        return Snapshot(SessionView(self._id, "", SessionStatus.LIVE), MYSELF, (me,), ())

    def detach(self, listener: Listener) -> None:
        """The listener hears no more. Idempotent."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def latest(self, viewer: Viewer) -> tuple[RoomFrame, ...]:  # noqa: ARG002 - a port's signature
        """Nothing: nobody resumes a check."""
        return ()

    def replayed(self, frame: RoomFrame, viewer: Viewer) -> RoomFrame:  # noqa: ARG002 - a port's signature
        """The frame as it was: nothing in a check is ever hidden."""
        return frame

    def now_ms(self) -> int | None:
        """None: a check tells no times."""
        return None

    def end(self, code: ErrorCode) -> None:
        """Ends the check, and tells its person why. Idempotent."""
        if self._over:
            return
        self._over = True
        self._alarm.cancel()
        self._media.close_room(self._id)
        self._on_over(self._id)
        for listener in tuple(self._listeners):
            listener.dismiss(code)

    def _decide(self, command: Command) -> Decision:
        if self._over:
            return NOT_FOUND
        match command:
            case Enter():
                return self._enter(command)
            case RestoreConnection():
                return NOTHING
            case LoseConnection(who) | Depart(who) if who == MYSELF:
                self.end(ErrorCode.RESYNC)
                return NOTHING
            case Requested(message=SetDevices() as wanted) if permitted(ROLE, Action.SET_DEVICES, Relation.OWN):
                self._set_devices(wanted)
                return NOTHING
            case Requested(message=Leave()) if permitted(ROLE, Action.LEAVE, Relation.OWN):
                self.end(ErrorCode.LEFT)
                return NOTHING
            case _:
                # Whatever else can be asked of a room, here is nobody and nothing to ask it of.
                return Rejection(ErrorCode.NOT_ALLOWED)

    def _enter(self, command: Enter) -> Decision:
        if command.identity_id != self.person:
            return NOT_FOUND
        if not self.entered:
            self.entered = True
            self._name = command.name
            self._alarm.cancel()
            self._alarm = self._timers.call_later(LONGEST_S, lambda: self.end(ErrorCode.SESSION_ENDED))
        return NOTHING

    def _set_devices(self, wanted: SetDevices) -> None:
        self._microphone, self._camera = wanted.microphone, wanted.camera
        self._media.set_gate(self._id, MYSELF, Source.MICROPHONE, wanted.microphone)
        self._media.set_gate(self._id, MYSELF, Source.CAMERA, wanted.camera)
        for listener in self._listeners:
            listener.deliver(Prepared(DevicesChanged(MYSELF, wanted.microphone, wanted.camera)), sequenced=False)
