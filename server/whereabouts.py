"""Where people are today, and whom to call: sealed, read by therapists with an entry each, erased after a day.

The place is kept for one session and 24 hours: longer only under legal hold, and while a concern about the person or
the session is open. Call-back number and emergency contact are kept apart, to be offered again, under a key of their
own; they go when they were not confirmed for as long as chats are kept, or when the person takes the notice back.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from program.sessions import find_session
from program.whereabouts import (
    SealedContact,
    SealedWhereabouts,
    contacts_to_purge,
    delete_contact,
    delete_whereabouts,
    find_contact,
    find_whereabouts,
    put_contact,
    put_whereabouts,
    whereabouts_until,
)
from protocol.ids import IdentityId, SessionId
from server.auditing import Auditor
from server.clock import Clock
from server.entries import ContactPurged, WhereaboutsConfirmed, WhereaboutsPurged, WhereaboutsRead
from server.open_concerns import Concerned, concerned
from server.storage.engine import reading, writing
from server.storage.personal import Label, Sealed, destroy_key, seal, unseal
from server.storage.vault import Vault

CONFIRMED_MS: Final = 12 * 60 * 60 * 1000
"""For so long a join asks no more."""

KEPT_MS: Final = 24 * 60 * 60 * 1000
PURGED_AT_ONCE: Final = 500

UNUSED: Final = "unused"
REVOKED: Final = "revoked"

_VISIBLE: Final = r"[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*"
_NUMBER: Final = r"[ +().-]*(?:[0-9][ +().-]*){3,}"

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^{_VISIBLE}\Z")]
Phone = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^{_NUMBER}\Z")]
LineOrNone = Annotated[str, Meta(max_length=200, pattern=rf"^(?:{_VISIBLE})?\Z")]
PhoneOrNone = Annotated[str, Meta(max_length=200, pattern=rf"^(?:{_NUMBER})?\Z")]


class Whereabouts(Struct, frozen=True, forbid_unknown_fields=True):
    """What a participant confirms before a session: also whom to call, or that there is nobody to name."""

    place: Line
    city: Line
    region: Line
    call_back: Phone
    contact_name: LineOrNone = ""
    contact_phone: PhoneOrNone = ""
    contact_relation: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")] = ""
    no_contact: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError: neither a contact nor that there is none, or both."""
        named = (self.contact_name != "", self.contact_phone != "")
        if named != (not self.no_contact,) * 2 or (self.no_contact and self.contact_relation):
            raise ValueError("contact")


class Offered(Struct, frozen=True):
    """What may be offered again; empty where nothing is known, or is known no more."""

    place: str = ""
    city: str = ""
    region: str = ""
    call_back: str = ""
    contact_name: str = ""
    contact_relation: str = ""
    contact_phone: str = ""
    no_contact: bool = False


class _Contact(Struct, frozen=True):
    call_back: str
    contact_name: str
    contact_relation: str
    contact_phone: str
    no_contact: bool = False


class _Place(Struct, frozen=True):
    place: str
    city: str
    region: str
    contact: _Contact


class WhereaboutsBook:
    """Writes and reads them."""

    def __init__(self, engine: AsyncEngine, vault: Vault, clock: Clock, auditor: Auditor) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock
        self._auditor = auditor

    async def confirm(self, person_id: IdentityId, session_id: SessionId, said: Whereabouts) -> None:
        """For this session, in place of what was said before."""
        now = self._clock.now_ms()
        contact = _Contact(
            said.call_back, said.contact_name, said.contact_relation, said.contact_phone, said.no_contact
        )
        place = _Place(said.place, said.city, said.region, contact)
        async with writing(self._engine) as connection:
            for old in (
                await find_whereabouts(connection, person_id, session_id),
                await find_contact(connection, person_id),
            ):
                if old is not None:
                    await self._destroy(connection, old.key_id)
            sealed = await self._seal(connection, _place_label(person_id, session_id), place)
            row = SealedWhereabouts(person_id, session_id, sealed.key_id, sealed.text, now)
            await put_whereabouts(connection, row)
            sealed = await self._seal(connection, _contact_label(person_id), contact)
            await put_contact(connection, SealedContact(person_id, sealed.key_id, sealed.text, now))
            await self._auditor.record(connection, WhereaboutsConfirmed(person_id, session_id))

    async def is_confirmed(self, connection: AsyncConnection, person_id: IdentityId, session_id: SessionId) -> bool:
        """Whether it need not be asked now."""
        row = await find_whereabouts(connection, person_id, session_id)
        return row is not None and self._clock.now_ms() - row.confirmed_ms < CONFIRMED_MS

    async def offered(self, connection: AsyncConnection, person_id: IdentityId, session_id: SessionId) -> Offered:
        """What this person said before, for their own eyes. Raises Unreadable.

        For a day: that it is kept for longer would tell them of a concern.
        """
        place = await self._find(connection, person_id, session_id)
        if place is not None:
            it, confirmed_ms = place
            if self._clock.now_ms() - confirmed_ms < KEPT_MS:
                return _flat(it.contact, it)
        contact = await find_contact(connection, person_id)
        if contact is None:
            return Offered()
        label, sealed = _contact_label(person_id), Sealed(contact.key_id, contact.sealed)
        plain = await connection.run_sync(lambda sync: unseal(sync, self._vault, label, sealed))
        return _flat(msgspec.json.decode(plain, type=_Contact), None)

    async def read(
        self, reader: IdentityId, person_id: IdentityId, session_id: SessionId
    ) -> tuple[Offered, int] | None:
        """What someone confirmed, and when (Unix ms); None when nothing is there. That it was read is written down
        before this returns.

        Raises:
            Unreadable: it does not decrypt.
        """
        async with writing(self._engine) as connection:
            found = await self._find(connection, person_id, session_id)
            if found is None:
                return None
            await self._auditor.record(connection, WhereaboutsRead(reader, person_id, session_id))
        place, confirmed_ms = found
        return _flat(place.contact, place), confirmed_ms

    async def purge(self) -> int:
        """Erases what is older than a day and not to be kept, key and row; how many. The journal may hold it until it
        is folded in."""
        async with reading(self._engine) as connection:
            if not await self._due(connection):
                return 0
        async with writing(self._engine) as connection:
            due = (await self._due(connection))[:PURGED_AT_ONCE]
            for person_id, session_id, key_id in due:
                await self._destroy(connection, key_id)
                await delete_whereabouts(connection, person_id, session_id)
            entries = [WhereaboutsPurged(person_id, session_id) for person_id, session_id, _ in due]
            if entries:
                await self._auditor.record(connection, *entries)
        return len(due)

    async def purge_contacts(self, unused_ms: int) -> int:
        """Erases whom to call for those who did not confirm it for so long, or took the notice back; how many."""
        until = self._clock.now_ms() - unused_ms
        async with reading(self._engine) as connection:
            if not await contacts_to_purge(connection, until, 1):
                return 0
        async with writing(self._engine) as connection:
            due = await contacts_to_purge(connection, until, PURGED_AT_ONCE)
            for each in due:
                await self._destroy(connection, each.key_id)
                await delete_contact(connection, each.person_id)
                entry = ContactPurged(each.person_id, REVOKED if each.revoked else UNUSED)
                await self._auditor.record(connection, entry)
        return len(due)

    async def _due(self, connection: AsyncConnection) -> list[tuple[IdentityId, SessionId, str]]:
        """What is older than a day, and under no hold, and nobody is concerned about."""
        old = await whereabouts_until(connection, self._clock.now_ms() - KEPT_MS)
        about: dict[SessionId, Concerned] = {}
        for _, session_id, _ in old:
            if session_id not in about:
                about[session_id] = await concerned(connection, self._vault, session_id)
        return [each for each in old if each[0] not in about[each[1]]]

    async def _is_kept(self, connection: AsyncConnection, row: SealedWhereabouts) -> bool:
        """What is to be purged is gone already, however long the purge may take to come."""
        if self._clock.now_ms() - row.confirmed_ms < KEPT_MS:
            return True
        session = await find_session(connection, row.session_id)
        if session is not None and session.legal_hold:
            return True
        return row.person_id in await concerned(connection, self._vault, row.session_id)

    async def _find(
        self, connection: AsyncConnection, person_id: IdentityId, session_id: SessionId
    ) -> tuple[_Place, int] | None:
        row = await find_whereabouts(connection, person_id, session_id)
        if row is None or not await self._is_kept(connection, row):
            return None
        label, sealed = _place_label(person_id, session_id), Sealed(row.key_id, row.sealed)
        plain = await connection.run_sync(lambda sync: unseal(sync, self._vault, label, sealed))
        return msgspec.json.decode(plain, type=_Place), row.confirmed_ms

    async def _seal(self, connection: AsyncConnection, label: Label, plain: Struct) -> Sealed:
        body = msgspec.json.encode(plain)
        return await connection.run_sync(lambda sync: seal(sync, self._vault, label, body))

    async def _destroy(self, connection: AsyncConnection, key_id: str) -> None:
        now = self._clock.now_ms()
        await connection.run_sync(lambda sync: destroy_key(sync, self._vault, key_id, now))


def _place_label(person_id: IdentityId, session_id: SessionId) -> Label:
    return Label(person_id, "whereabouts", session_id)


def _contact_label(person_id: IdentityId) -> Label:
    return Label(person_id, "contact")


def _flat(contact: _Contact, place: _Place | None) -> Offered:
    return Offered(
        place="" if place is None else place.place,
        city="" if place is None else place.city,
        region="" if place is None else place.region,
        call_back=contact.call_back,
        contact_name=contact.contact_name,
        contact_relation=contact.contact_relation,
        contact_phone=contact.contact_phone,
        no_contact=contact.no_contact,
    )
