"""What signaling needs of the rest of the server, as narrow ports that `server` fills in."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from moderation.decision import Accepted, Rejection
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId, WhisperId
from protocol.messages import Frame, RoomFrame
from protocol.monitoring import Monitoring
from protocol.supervision import Handling, SupervisedView
from protocol.values import Role, Snapshot, Source, Tile
from rooms.commands import Command
from rooms.events import Decision
from rooms.view import Viewer
from signaling.outbox import Prepared


class Admission(Struct, frozen=True):
    """What a redeemed join token says: who may enter which session, and as what."""

    session_id: SessionId
    identity_id: IdentityId
    name: str
    role: Role
    enrolled: bool
    """Belongs to the group; whoever does not has to knock."""
    sign_in: str
    """What this hangs on: when that sign-in ends, so does everything that it opened."""


class Listener(Protocol):
    """Someone who receives a room's frames."""

    @property
    def viewer(self) -> Viewer:
        """Who looks."""
        ...

    def deliver(self, frame: Prepared[RoomFrame], *, sequenced: bool) -> None:
        """Takes one frame, in the room's order. Must not block or raise."""
        ...

    def dismiss(self, code: ErrorCode) -> None:
        """The room is over for this listener."""
        ...


class Room(Protocol):
    """One room, as seen by the sessions in it."""

    @property
    def session_id(self) -> SessionId:
        """Which session's room it is."""
        ...

    def participant_of(self, identity: IdentityId) -> ParticipantId | None:
        """The participant id that this person has, or is about to have, in this room."""
        ...

    def is_inside(self, participant_id: ParticipantId) -> bool:
        """Whether that person is in the room itself, and does not wait in its lobby."""
        ...

    def submit(self, command: Command) -> Future[Decision]:
        """Decides at once, in call order; the answer comes when its events are stored."""
        ...

    def attach(self, listener: Listener) -> Snapshot:
        """From now on the listener receives every frame after the snapshot that is returned.

        Raises Refused(NOT_FOUND) when the viewer is not present.
        """
        ...

    def detach(self, listener: Listener) -> None:
        """The listener receives no more. Idempotent."""
        ...

    def latest(self, viewer: Viewer) -> tuple[RoomFrame, ...]:
        """Ephemeral values as of now, for a viewer who resumes."""
        ...

    def replayed(self, frame: RoomFrame, viewer: Viewer) -> RoomFrame:
        """A frame as it may be sent to that viewer again now: nothing hidden since is repeated."""
        ...

    def now_ms(self) -> int | None:
        """The time by which the room decides, in Unix ms; None: it tells no times.

        Steps of the machine's clock are not in it.
        """
        ...


class Hall(Protocol):
    """Where sessions find their room."""

    async def redeem(self, token: str) -> Admission:
        """Uses up a join token. Raises Refused(TOKEN_INVALID)."""
        ...

    async def room(self, session_id: SessionId) -> Room:
        """The session's room, loaded from its log when needed. Raises HoldspaceError."""
        ...


class WatchAdmission(Struct, frozen=True):
    """What a redeemed token says: who watches, and what that hangs on."""

    identity_id: IdentityId
    sign_in: str


class Watcher(Protocol):
    """Someone who is shown sessions from outside."""

    @property
    def identity_id(self) -> IdentityId:
        """Who looks."""
        ...

    def show(self, view: SupervisedView) -> None:
        """Takes a session as it is now. Must not block or raise."""
        ...

    def hide(self, session_id: SessionId) -> None:
        """A session is over, or no longer theirs. Must not block or raise."""
        ...

    def tell(self, frame: Frame, *, latest: bool = False) -> None:
        """Takes a frame; of a `latest` one, older ones of its kind need not arrive. Must not block or raise."""
        ...


class Supervision(Protocol):
    """The sessions of groups, for their therapists. Nothing done here shows in any room."""

    def admit(self, token: str) -> WatchAdmission:
        """Uses up a token. Raises Refused(TOKEN_INVALID)."""
        ...

    async def begin(self, watcher: Watcher) -> tuple[SupervisedView, ...]:
        """From now on the watcher is shown every change after the views that are returned."""
        ...

    def end(self, watcher: Watcher) -> None:
        """The watcher is shown nothing more. Idempotent."""
        ...

    def handle(self, watcher: Watcher, asked: Handling) -> Future[Accepted[Any] | Rejection]:
        """The watcher does something about a concern; the answer comes when that is stored."""
        ...


class Monitors(Protocol):
    """Listening to sessions, and what that takes of media. Nothing done here shows in any room."""

    def monitor(self, watcher: Watcher, asked: Monitoring) -> Future[Accepted[Any] | Rejection]:
        """The watcher listens, whispers, or reviews; the answer comes when that is stored."""
        ...

    def answer(self, watcher: Watcher, version: int, sdp: str) -> None:
        """Takes the answer to a subscribe offer. Raises Refused."""
        ...

    def resubscribe(self, watcher: Watcher) -> None:
        """Offers a fresh subscribe connection. Raises Refused."""
        ...

    def look(self, watcher: Watcher, tiles: Sequence[Tile]) -> None:
        """The pictures that this page shows now. Raises Refused."""
        ...

    def publish(self, watcher: Watcher, sdp: str, sources: Mapping[str, Source]) -> str:
        """Takes an offer of the therapist's voice, returns the answer. Raises Refused."""
        ...


class Whispers(Protocol):
    """What a mentor's page hears of therapists, and says to them. Nobody else in the room is told any of it."""

    def arrived(self, room: SessionId, participant: ParticipantId) -> None:
        """A new page of somebody, or one that came back."""
        ...

    def saw(
        self, room: SessionId, participant: ParticipantId, whisper_id: WhisperId
    ) -> Future[Accepted[Any] | Rejection]:
        """Their page has shown a whisper."""
        ...

    def wear(self, room: SessionId, participant: ParticipantId, *, on: bool) -> None:
        """They say that they wear headphones, or do not any more. Raises Refused."""
        ...


class Calls(Protocol):
    """The media side of a participant."""

    def begin(self, room: str, participant: str, *, mentor: bool) -> None:
        """Drops this participant's peer connections, if any, and begins to offer the others' tracks."""
        ...

    def end(self, room: str, participant: str) -> None:
        """Drops this participant's peer connections. Idempotent."""
        ...

    def publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Takes an offer, returns the answer. Raises Refused(SDP_REJECTED)."""
        ...

    def answer(self, room: str, participant: str, version: int, sdp: str) -> None:
        """Takes the answer to a subscribe offer. Raises Refused(SDP_REJECTED)."""
        ...

    def resubscribe(self, room: str, participant: str) -> None:
        """Offers a fresh subscribe connection."""
        ...

    def view(self, room: str, participant: str, tiles: Sequence[Tile]) -> None:
        """The pictures that this participant's page shows now. Raises Refused(INVALID_FIELD)."""
        ...


class Telemetry(Protocol):
    """What signaling counts. Carries no ids, names or texts."""

    def socket_opened(self) -> None:
        """A WebSocket was accepted."""
        ...

    def socket_closed(self) -> None:
        """A WebSocket ended."""
        ...

    def frame_refused(self, code: str) -> None:
        """A client's frame was answered with an error."""
        ...

    def command(self, kind: str, outcome: str, seconds: float) -> None:
        """A room request was answered: its type, "ok" or an error code, and how long it took."""
        ...

    def frames_sent(self, frames: int, size: int) -> None:
        """Frames were handed to a socket; `size` in bytes."""
        ...
