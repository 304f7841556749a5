"""Loads a room: from a snapshot where there is a good one, and the events after it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from moderation.floor import events as floor_events
from moderation.floor import state as floor_state
from moderation.floor import transitions
from rooms import chat, events, evolve, speaking, state
from rooms.chat import Chat, ChatMessage
from rooms.state import EMPTY, RoomState
from rooms.upcasting import UnknownEvent
from server.keeper import replay
from server.logs import where_it_failed
from server.storage.log import EventLog, StoredSnapshot, Unreadable

SNAPSHOT_EVERY: Final = 200
"""Events after which a room's snapshot is replaced."""

_MAKES_STATES: Final = (chat, events, state, evolve, speaking, floor_events, floor_state, transitions)


def _fingerprint() -> int:
    """Of the code that makes states. A wrong state is worse than a snapshot too many thrown away."""
    seen = 0
    for module in _MAKES_STATES:
        seen = zlib.crc32(Path(str(module.__file__)).read_bytes(), seen)
    return seen & 0x7FFF_FFFF


SNAPSHOT_VERSION: Final = _fingerprint()


def _plain(value: object) -> object:
    """What msgspec cannot write by itself, as what it can."""
    if isinstance(value, Chat):
        return tuple(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    raise NotImplementedError(type(value).__name__)


def _full(wanted: type, plain: object) -> object:
    """The other way round."""
    if wanted is not Chat:
        raise NotImplementedError(wanted.__name__)
    messages = Chat()
    for message in msgspec.convert(plain, list[ChatMessage]):
        messages = messages.posted(message)
    return messages


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode = msgspec.msgpack.Decoder(RoomState, dec_hook=_full).decode
_log = structlog.get_logger("rooms")


@dataclass(frozen=True, slots=True)
class LoadedRoom:
    """A room as its log tells it: the state after event `seq`, of which the snapshot covered `from_snapshot`."""

    state: RoomState
    seq: int
    from_snapshot: int


async def load_room(log: EventLog, stream_id: str) -> LoadedRoom:
    """The room as of its newest event.

    Raises:
        UnknownEvent: an event is of a form that this version does not know.
        Unreadable: an event cannot be decrypted.
        LookupError: events do not fit each other.
    """
    covered, begun = 0, EMPTY
    snapshot = await log.find_snapshot(stream_id, SNAPSHOT_VERSION)
    if snapshot is not None:
        try:
            begun, covered = _decode(snapshot.body), snapshot.seq
        except msgspec.DecodeError:
            _log.warning("snapshot_unreadable", stream=stream_id, seq=snapshot.seq)
    stored = await log.read(stream_id, after=covered)
    return LoadedRoom(replay(stored, begun), stored[-1].seq if stored else covered, covered)


class RoomSnapshots:
    """Keeps snapshots of open rooms at most about `every` events behind their logs."""

    def __init__(self, log: EventLog, every: int = SNAPSHOT_EVERY) -> None:
        self._log = log
        self._every = every
        self._covered: dict[str, int] = {}

    def watch(self, stream_id: str, covered: int) -> None:
        """From now on that room is kept covered; its snapshot is of event `covered` (0: there is none)."""
        self._covered[stream_id] = covered

    def unwatch(self, stream_id: str) -> None:
        """The room is closed."""
        self._covered.pop(stream_id, None)

    def due(self, heads: dict[str, int]) -> list[str]:
        """Which of these rooms have grown enough. Each is told of once: `take` it then."""
        grown = [each for each, head in heads.items() if head - self._covered.get(each, head) >= self._every]
        for each in grown:
            self._covered[each] = heads[each]
        return grown

    async def take(self, stream_id: str) -> None:
        """Stores a snapshot as of the newest event. What goes wrong costs time at the next loading, nothing else."""
        try:
            # Before anything is read: what is purged from here on must not come back by the snapshot.
            destroyed = await self._log.destroyed_keys(stream_id)
            room = await load_room(self._log, stream_id)
            snapshot = StoredSnapshot(room.seq, SNAPSHOT_VERSION, _encode(room.state))
            await self._log.save_snapshot(stream_id, snapshot, destroyed_keys=destroyed)
        except (SQLAlchemyError, Unreadable, UnknownEvent, LookupError) as error:
            _log.warning("snapshot_not_saved", stream=stream_id, **where_it_failed(error))
