"""What is asked of a person before they join: their name, what they agree to, where they are.

Each change and its audit entry are one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.agreements import agreement_of
from program.consents import ADULT_VERSION, Consent, ConsentKind, give, revoke, standing
from program.groups import names_around
from program.names import folded, is_name
from program.notices import FALLBACK, Agreement, Notice, TextsError, load_notices, text_hash
from program.people import find_person, rename_person
from program.sessions import Session, find_session
from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.auditing import Auditor
from server.clock import Clock
from server.config import Config, ConfigError
from server.entries import ConsentGiven, ConsentRevoked, NameChanged
from server.storage.engine import reading, writing
from server.storage.vault import Vault
from server.whereabouts import Offered, Whereabouts, WhereaboutsBook

T = TypeVar("T", Notice, Agreement)
Texts = Mapping[str, Notice] | Mapping[str, Agreement]


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """A text as it is shown to someone, and whether they agree to it as it is now."""

    text: T
    language: str
    agreed: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far someone has come on their way into a session. `confirmed` and `offered` are of participants only."""

    adult: bool
    notice: Shown[Notice]
    agreement: Shown[Agreement] | None
    confirmed: bool
    offered: Offered | None

    @property
    def ready(self) -> bool:
        """Whether everything that a join asks for is there."""
        return (
            self.adult and self.notice.agreed and (self.agreement is None or self.agreement.agreed) and self.confirmed
        )


class Arrivals:
    """Asks, and keeps what was said."""

    def __init__(self, engine: AsyncEngine, vault: Vault, clock: Clock, notices: Mapping[str, Notice]) -> None:
        """`notices`: the present notice, by language."""
        self._engine = engine
        self._clock = clock
        self._notices = notices
        self._auditor = Auditor(vault, clock)
        self.whereabouts = WhereaboutsBook(engine, vault, clock, self._auditor)

    async def arrival(
        self, connection: AsyncConnection, person_id: IdentityId, session: Session, role: Role, language: str
    ) -> Arrival:
        """What is asked of that person, in that language where there is such a text. Raises Unreadable."""
        asked = role is Role.PARTICIPANT
        notice = self._notices.get(language)
        agreements = await agreement_of(connection, session.group_id)
        agreement = agreements.get(language) or agreements.get(FALLBACK)
        notice_agreed, agreement_agreed = await self._agreed(connection, person_id, session.group_id, agreements)
        return Arrival(
            adult=not asked or await self._is_adult(connection, person_id),
            notice=Shown(
                notice or self._notices[FALLBACK], FALLBACK if notice is None else language, agreed=notice_agreed
            ),
            agreement=None
            if agreement is None
            else Shown(agreement, language if language in agreements else FALLBACK, agreed=agreement_agreed),
            confirmed=not asked or await self.whereabouts.is_confirmed(connection, person_id, session.id),
            offered=await self.whereabouts.offered(connection, person_id, session.id) if asked else None,
        )

    async def is_ready(self, connection: AsyncConnection, person_id: IdentityId, session: Session, role: Role) -> bool:
        """Whether that person may join now, as far as arriving goes."""
        agreements = await agreement_of(connection, session.group_id)
        if not all(await self._agreed(connection, person_id, session.group_id, agreements)):
            return False
        if role is not Role.PARTICIPANT:
            return True
        confirmed = await self.whereabouts.is_confirmed(connection, person_id, session.id)
        return confirmed and await self._is_adult(connection, person_id)

    async def may_enter(
        self, connection: AsyncConnection, person_id: IdentityId, session_id: SessionId, role: Role
    ) -> bool:
        """The same for who comes with a join token: since it was issued, they may have taken their word back."""
        session = await find_session(connection, session_id)
        return session is not None and await self.is_ready(connection, person_id, session, role)

    async def agree(
        self, person_id: IdentityId, session: Session, kind: ConsentKind, *, version: str, language: str
    ) -> None:
        """Keeps that someone agreed to what they were shown. Saying it again changes nothing.

        Raises:
            Refused: CONFLICT, that is not the present version, or there is nothing of that kind to agree to.
            ProtocolError: INVALID_FIELD, there is no such text in that language.
        """
        group_id = session.group_id if kind is ConsentKind.AGREEMENT else None
        async with writing(self._engine) as connection:
            shown = await self._shown(connection, session, kind, version, language)
            said = await standing(connection, person_id, kind, group_id)
            if any((each.version, each.text_hash) == (version, shown) for each in said):
                return
            now = self._clock.now_ms()
            await give(connection, Consent(person_id, kind, version, language, shown, now, group_id))
            entry = ConsentGiven(person_id, kind, version, language, shown, group_id)
            await self._auditor.record(connection, entry)

    async def revoke_notice(self, person_id: IdentityId) -> None:
        """From the commit on that person joins nothing. Those who hold them in rooms are told by the caller."""
        async with writing(self._engine) as connection:
            if await revoke(connection, person_id, ConsentKind.NOTICE, self._clock.now_ms()):
                await self._auditor.record(connection, ConsentRevoked(person_id, ConsentKind.NOTICE))

    async def rename(self, person_id: IdentityId, name: str) -> str:
        """What that person is called from the next join on; the name as it is kept.

        It must not pass for someone's who leads, whom everybody trusts, nor for that of anyone in a group of theirs.
        Somebody who only knocks is not told of the others: their names are not compared.

        Raises:
            ProtocolError: INVALID_FIELD.
            Refused: NAME_TAKEN.
        """
        name = name.strip()
        if not is_name(name):
            raise raise_for(ErrorCode.INVALID_FIELD, "name")
        async with writing(self._engine) as connection:
            known = await find_person(connection, person_id)
            if known is not None and known.display_name == name:
                # As the program named them: two people may be called alike, and both come in.
                return name
            if folded(name) in {folded(other) for other in await names_around(connection, person_id)}:
                raise raise_for(ErrorCode.NAME_TAKEN)
            if await rename_person(connection, person_id, name):
                await self._auditor.record(connection, NameChanged(person_id))
        return name

    async def confirm(self, person_id: IdentityId, session_id: SessionId, said: Whereabouts) -> None:
        """Keeps where that participant is, for this session."""
        await self.whereabouts.confirm(person_id, session_id, said)

    async def have_consented(self, people: frozenset[IdentityId]) -> bool:
        """Whether all of them have accepted the notice as it is now. Raises SQLAlchemyError."""
        async with reading(self._engine) as connection:
            for each in sorted(people):
                if not _holds(await standing(connection, each, ConsentKind.NOTICE), self._notices):
                    return False
        return True

    async def _agreed(
        self,
        connection: AsyncConnection,
        person_id: IdentityId,
        group_id: str,
        agreements: Mapping[str, Agreement],
    ) -> tuple[bool, bool]:
        """Whether what they agreed to is the present notice, and the present agreement (true when there is none)."""
        notice = _holds(await standing(connection, person_id, ConsentKind.NOTICE), self._notices)
        if not agreements:
            return notice, True
        said = await standing(connection, person_id, ConsentKind.AGREEMENT, group_id)
        return notice, _holds(said, agreements)

    @staticmethod
    async def _is_adult(connection: AsyncConnection, person_id: IdentityId) -> bool:
        return bool(await standing(connection, person_id, ConsentKind.ADULT))

    async def _shown(
        self, connection: AsyncConnection, session: Session, kind: ConsentKind, version: str, language: str
    ) -> str:
        """The hash of what is agreed to."""
        if kind is ConsentKind.ADULT:
            if version != ADULT_VERSION:
                raise raise_for(ErrorCode.CONFLICT)
            # A statement of theirs and no text of ours.
            return hashlib.sha256(ADULT_VERSION.encode()).hexdigest()
        texts: Texts = self._notices if kind is ConsentKind.NOTICE else await agreement_of(connection, session.group_id)
        if not texts or texts[FALLBACK].version != version:
            raise raise_for(ErrorCode.CONFLICT)
        if language not in texts:
            raise raise_for(ErrorCode.INVALID_FIELD, "language")
        return text_hash(texts[language])


def _holds(said: list[Consent], texts: Texts) -> bool:
    """Whether one of these is to a text as it stands now."""
    present = {(text.version, language): text_hash(text) for language, text in texts.items()}
    return any(present.get((each.version, each.language)) == each.text_hash for each in said)


def notices_of(config: Config) -> dict[str, Notice]:
    """The notice as these settings make it, by language.

    Raises:
        ConfigError: a text cannot be used.
    """
    program = config.program
    fill_in = {
        "program": program.name,
        "contact": program.contact,
        "patient_advocate": program.patient_advocate,
        "complaints": program.complaints,
        "chat_days": str(config.retention.chat_days),
    }
    try:
        return load_notices(Path(config.texts.folder) if config.texts.folder else None, fill_in)
    except TextsError as error:
        raise ConfigError(f"texts.folder: {error}") from None
