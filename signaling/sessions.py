"""All sessions of this node, by resume token and by room; and what rooms are told of who is connected."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from moderation.decision import Rejection
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId
from rooms.commands import LoseConnection, RestoreConnection
from rooms.events import Decision
from signaling.ports import Room
from signaling.session import Session

MAX_ENDED: Final = 10_000
"""Sign-ins and people remembered as ended, for joins that were on their way; a join token lives a minute."""


class Sessions:
    """At most one session a participant: a later one takes over."""

    def __init__(self, away_grace_ms: int) -> None:
        """`away_grace_ms`: how long a place is kept after its connection is lost."""
        self._away_grace_ms = away_grace_ms
        self._by_token: dict[str, Session] = {}
        self._by_room: dict[SessionId, dict[ParticipantId, Session]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        # Whose presence was ended, why, and by which of these endings.
        self._people_ended: OrderedDict[IdentityId, tuple[int, ErrorCode]] = OrderedDict()
        self.endings = 0
        """How often a person's presence was ended so far, on this node."""

    def add(self, session: Session) -> Session | None:
        """Takes a session in; the one that it takes over from, if any."""
        room = self._by_room.setdefault(session.room.session_id, {})
        older = room.get(session.viewer.participant_id)
        room[session.viewer.participant_id] = session
        return older

    def discard(self, session: Session) -> None:
        """Forgets a session that is over. Idempotent."""
        self._by_token.pop(session.resume_token, None)
        room = self._by_room.get(session.room.session_id, {})
        if room.get(session.viewer.participant_id) is session:
            del room[session.viewer.participant_id]
            if not room:
                del self._by_room[session.room.session_id]

    def expect(self, session: Session) -> None:
        """Its present resume token is good from now on."""
        self._by_token[session.resume_token] = session

    def claim(self, resume_token: str) -> Session | None:
        """The session of a resume token, which is used up."""
        return self._by_token.pop(resume_token, None)

    def of(self, room: SessionId, participant: ParticipantId) -> Session | None:
        """That participant's session."""
        return self._by_room.get(room, {}).get(participant)

    def of_room(self, room: SessionId) -> Iterator[Session]:
        """All sessions in a room."""
        yield from tuple(self._by_room.get(room, {}).values())

    def end_sign_in(self, sign_in: str) -> tuple[Session, ...]:
        """The sessions that hang on a sign-in which ended; none can come to hang on it any more."""
        self._ended[sign_in] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        return tuple(
            session for room in self._by_room.values() for session in room.values() if session.sign_in == sign_in
        )

    def sign_ins_in_use(self) -> frozenset[str]:
        """The sign-ins that have a page connected now."""
        return frozenset(s.sign_in for room in self._by_room.values() for s in room.values() if s.connected)

    def sign_in_ended(self, sign_in: str) -> bool:
        """Whether that sign-in ended a short while ago."""
        return sign_in in self._ended

    def end_person(self, identity: IdentityId, code: ErrorCode) -> tuple[Session, ...]:
        """The sessions of a person whose presence ends everywhere. Unlike a sign-in, they may begin anew."""
        self.endings += 1
        self._people_ended.pop(identity, None)
        self._people_ended[identity] = (self.endings, code)
        if len(self._people_ended) > MAX_ENDED:
            self._people_ended.popitem(last=False)
        return tuple(
            session
            for room in self._by_room.values()
            for session in room.values()
            if session.room.participant_of(identity) == session.viewer.participant_id
        )

    def person_ended_since(self, identity: IdentityId, endings: int) -> ErrorCode | None:
        """Why that person's presence was ended after so many `endings`; None when it was not."""
        ending, code = self._people_ended.get(identity, (0, ErrorCode.LEFT))
        return code if ending > endings else None

    def tell(self, room: Room, participant: ParticipantId) -> None:
        """Tells a room whether a participant is connected now. Said after each change, and harmless when nothing did.

        What counts is whether a session with a socket stands at this moment, not which socket came or went: joins,
        resumes and losses of one person may be under way together, in any order.
        """
        session = self.of(room.session_id, participant)
        here = session is not None and session.connected
        said = RestoreConnection(participant) if here else LoseConnection(participant, self._away_grace_ms)

        def heard(decided: asyncio.Future[Decision]) -> None:
            # It was decided on top of something that was not stored, such as a leave: there it meant nothing.
            decision = decided.result()
            if isinstance(decision, Rejection) and decision.code is ErrorCode.NOT_SAVED:
                self.tell(room, participant)

        room.submit(said).add_done_callback(heard)
