"""Whom a session's open concerns are about: what would help to reach someone is kept while one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation.supervision.upcasting import UnknownEvent
from protocol.ids import IdentityId, SessionId
from server.logs import where_it_failed
from server.storage.reading import read_events
from server.storage.vault import Unreadable, Vault
from server.supervisor import replay, stream_of

_log = structlog.stdlib.get_logger("holdspace.whereabouts")


@dataclass(frozen=True, slots=True)
class Concerned:
    """`people`: a concern about them is open. `everyone`: one about the session itself is."""

    people: frozenset[IdentityId]
    everyone: bool

    def __contains__(self, person_id: IdentityId) -> bool:
        return self.everyone or person_id in self.people


ALL: Final = Concerned(frozenset(), everyone=True)


async def concerned(connection: AsyncConnection, vault: Vault, session_id: SessionId) -> Concerned:
    """By the concerns that have not passed, and leave a therapist something to do. In doubt, everyone."""
    try:
        stored = [event async for event in read_events(connection, vault, stream_of(session_id))]
        state = replay(stored)
    except (Unreadable, UnknownEvent, LookupError) as error:
        _log.error("concerns unreadable", session=session_id, **where_it_failed(error))
        return ALL
    about = [each.person for each in state.concerns.values() if each.open and not each.over]
    return Concerned(frozenset(who for who in about if who is not None), everyone=None in about)
