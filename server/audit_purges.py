"""`audit verify` of what is missing with reason: payloads are purged only where the audit stream says so.

Whoever can write to the database can delete payloads and keys, and make it look like a purge. What they cannot write
is an entry of the audit stream: it is sealed under the root key, as of its place there. An entry names the stream, the
class, how many payloads went, and the keys that were destroyed; each event's header, which is part of the chain, names
its key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from program.tables import sessions
from protocol.ids import SessionId
from rooms.retention import Retention
from server.audit_findings import Finding, Kind
from server.auditing import AUDIT_STREAM
from server.entries import ChatPurged, Entry, LegalHoldSet, UnknownEntry, present_entry
from server.storage.chain import Header
from server.storage.schema import data_keys
from server.storage.vault import Vault, WrappedKey

PURGEABLE: Final = frozenset({Retention.CHAT.value})
"""Retention classes that are ever purged. Payloads of any other are never gone with reason."""


@dataclass(slots=True)
class _Said:
    """What entries say of one stream's class."""

    payloads: int = 0
    keys: set[str] = field(default_factory=set[str])
    unnamed: bool = False


@dataclass(slots=True)
class _Gone:
    """Which payloads of one stream's class are gone as if purged."""

    first: int
    payloads: int = 0
    unexplained: list[int] = field(default_factory=list[int])
    """seqs of those whose key no entry names."""


class Purges:
    """Holds what is gone against what the audit says. The audit stream is walked first."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.findings: list[Finding] = []
        self._said: defaultdict[tuple[str, str], _Said] = defaultdict(_Said)
        self._gone: dict[tuple[str, str], _Gone] = {}
        self._held: set[SessionId] = set()

    def read(self, header: Header, payload: bytes) -> None:
        """An event of the audit stream, whose payload decrypted: nobody without the root key has written it."""
        try:
            entry = present_entry(header.type, header.version, payload)
        except UnknownEntry as error:
            self._find(Kind.ENTRY_UNREADABLE, str(error), AUDIT_STREAM, header.seq)
        else:
            self._heed(entry, header.seq)

    def gone(self, header: Header) -> None:
        """An event whose payload and key are both gone."""
        place = (header.stream_id, header.retention)
        said = self._said[place] if header.retention in PURGEABLE else _Said()
        its = self._gone.setdefault(place, _Gone(header.seq))
        its.payloads += 1
        if not (said.unnamed or header.key_id in said.keys):
            its.unexplained.append(header.seq)

    async def compare(self, connection: AsyncConnection) -> None:
        """What does not fit, once every stream was walked."""
        self.findings.extend(self._forged())
        await self._check_keys(connection)
        await self._check_holds(connection)

    def _heed(self, entry: Entry, seq: int) -> None:
        match entry:
            case ChatPurged():
                if entry.session in self._held and entry.payloads:
                    words = f"session {entry.session} was purged while it was under legal hold"
                    self._find(Kind.HOLD_BROKEN, words, AUDIT_STREAM, seq)
                said = self._said[entry.stream, entry.retention]
                said.payloads += entry.payloads
                said.keys.update(entry.keys or ())
                said.unnamed |= entry.keys is None
            case LegalHoldSet(hold=True):
                self._held.add(entry.session)
            case LegalHoldSet():
                self._held.discard(entry.session)
            case _:
                pass

    def _forged(self) -> Iterator[Finding]:
        for (stream, retention), its in sorted(self._gone.items()):
            said = self._said[stream, retention]
            if retention not in PURGEABLE:
                words = f"{its.payloads} payloads of class {retention} are gone with their key: it is never purged"
                yield Finding(Kind.FORGED_PURGE, words, stream, its.first)
            elif its.unexplained:
                words = (
                    f"{len(its.unexplained)} payloads of class {retention} are gone with their key, and the audit "
                    "knows of no such purge"
                )
                yield Finding(Kind.FORGED_PURGE, words, stream, its.unexplained[0])
            elif its.payloads > said.payloads:
                words = (
                    f"{its.payloads} payloads of class {retention} are gone, and the audit says that "
                    f"{said.payloads} were purged"
                )
                yield Finding(Kind.FORGED_PURGE, words, stream, its.first)

    async def _check_keys(self, connection: AsyncConnection) -> None:
        torn = select(data_keys.c.id, data_keys.c.stream_id, data_keys.c.wrapped, data_keys.c.destroyed_ms).where(
            or_(
                data_keys.c.wrapped.is_(None) & data_keys.c.destroyed_ms.is_(None),
                data_keys.c.wrapped.is_not(None) & data_keys.c.destroyed_ms.is_not(None),
            )
        )
        for row in await connection.execute(torn.order_by(data_keys.c.stream_id, data_keys.c.id)):
            words = "is destroyed, and nobody wrote down when" if row.wrapped is None else "is there, and is destroyed"
            self._find(Kind.KEY_DIFFERS, f"by its row, the key {row.id} {words}", row.stream_id)
        named = {key for said in self._said.values() for key in said.keys}
        living = (
            select(data_keys).where(data_keys.c.wrapped.is_not(None)).order_by(data_keys.c.stream_id, data_keys.c.id)
        )
        for row in await connection.execute(living):
            key = WrappedKey(row.id, row.stream_id, row.retention, row.root_key_id, row.wrapped)
            if key.id in named:
                words = f"the key {key.id} was destroyed by a purge, and is there again"
                self._find(Kind.PURGE_UNDONE, words, key.stream_id)
            elif not self._vault.unwraps(key):
                self._find(Kind.KEY_DIFFERS, f"the key {key.id} was changed, or belongs elsewhere", key.stream_id)

    async def _check_holds(self, connection: AsyncConnection) -> None:
        held = await connection.scalars(select(sessions.c.id).where(sessions.c.legal_hold.is_(True)))
        for session in sorted({SessionId(each) for each in held} ^ self._held):
            says = "is" if session in self._held else "is not"
            words = f"session {session} {says} under legal hold by the audit, and its row says otherwise"
            self._find(Kind.HOLD_DIFFERS, words)

    def _find(self, kind: Kind, words: str, stream: str | None = None, seq: int | None = None) -> None:
        self.findings.append(Finding(kind, words, stream, seq))
