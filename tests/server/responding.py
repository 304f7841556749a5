"""Fakes around responders: rooms that are open, and an audit that can fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.ids import IdentityId, SessionId
from server.entries import Entry


@dataclass
class FakeRooms:
    """Remembers what it is told."""

    told: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    changes: int = 0

    def name_responder(self, session_id: SessionId, identity_id: IdentityId | None) -> None:
        self.told.append(("named", session_id, identity_id))

    def waive_responder(self, session_id: SessionId, identity_id: IdentityId) -> None:
        self.told.append(("waived", session_id, identity_id))

    def changed(self) -> None:
        self.changes += 1


@dataclass
class FakeAudit:
    """Keeps entries."""

    entries: list[Entry] = field(default_factory=list[Entry])
    broken: bool = False

    async def record(self, connection: AsyncConnection, *entries: Entry) -> None:
        assert connection.in_transaction()
        if self.broken:
            raise OSError("disk full")
        self.entries += entries
