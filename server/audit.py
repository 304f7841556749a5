"""`audit verify`: walks every stream and every checkpoint, and tells what does not fit.

It reads one moment of the database and changes nothing. A purged payload is no finding: its key was destroyed, and
the chain over headers and commitments is whole without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import LargeBinary, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.checkpoints import Head, SignedCheckpoint, line_hash, parse_line, public_hex, read_lines
from server.storage.chain import genesis, link
from server.storage.engine import reading
from server.storage.reading import read_records
from server.storage.schema import checkpoints, data_keys, events, payloads, streams
from server.storage.vault import Unreadable, Vault


class Kind(StrEnum):
    """What can be wrong."""

    BROKEN_LINK = "broken_link"
    GAP = "gap"
    MISSING_TAIL = "missing_tail"
    ROW_UNREADABLE = "row_unreadable"
    HEAD_DIFFERS = "head_differs"
    STREAM_MISSING = "stream_missing"
    PAYLOAD_MISSING = "payload_missing"
    PAYLOAD_UNREADABLE = "payload_unreadable"
    PAYLOAD_LEFT = "payload_left"
    REWRITTEN = "rewritten"
    CHECKPOINT_UNREADABLE = "checkpoint_unreadable"
    CHECKPOINT_SIGNATURE = "checkpoint_signature"
    CHECKPOINT_CHAIN = "checkpoint_chain"
    CHECKPOINT_MISSING = "checkpoint_missing"


class Finding(Struct, frozen=True):
    """Something that does not fit. `stream`, `seq` and `checkpoint` say where, as far as they apply."""

    kind: Kind
    words: str
    stream: str | None = None
    seq: int | None = None
    checkpoint: int | None = None


class Report(Struct, frozen=True):
    """What was looked at, and what was found."""

    streams: int
    events: int
    purged: int
    checkpoints: int
    checkpoints_outside: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether everything fits."""
        return not self.findings


async def verify(engine: AsyncEngine, vault: Vault, key: Ed25519PublicKey, outside: Path) -> Report:
    """Checks the whole log; `outside` is the file of checkpoints, `key` the one that signs them."""
    walk = _Walk(vault)
    # Before the database: of a running server, the file follows it.
    lines = list(read_lines(outside))
    async with reading(engine) as connection:
        rows = (await connection.execute(_LINES)).all()
        inside = [row.line for row in rows]
        marks = _Checkpoints(key)
        marks.check_inside([(row.number, row.line) for row in rows])
        marks.check_outside(lines, inside)
        found = (await connection.execute(select(streams).order_by(streams.c.id))).all()
        for row in found:
            head = Head(row.id, row.head, row.link.hex())
            try:
                await walk.stream(connection, row.id, row.kind, head, marks.heads[row.id])
            except (TypeError, ValueError):
                # SQLite takes a text for a number.
                walk.find(Kind.ROW_UNREADABLE, "a row of this stream holds what cannot be there", row.id)
        await walk.strays(connection, {row.id for row in found}, marks.heads)
    return Report(
        streams=len(found),
        events=walk.events,
        purged=walk.purged,
        checkpoints=len(inside),
        checkpoints_outside=len(lines),
        findings=(*walk.findings, *marks.findings),
    )


_LINES: Final = select(checkpoints.c.number, cast(checkpoints.c.line, LargeBinary).label("line")).order_by(
    checkpoints.c.number
)

Marks = dict[int, dict[str, int]]
"""Of one stream: at which seq which links are signed, and the number of the first checkpoint that says so."""


class _Walk:
    """Goes along streams."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.findings: list[Finding] = []
        self.events = 0
        self.purged = 0

    async def stream(self, connection: AsyncConnection, stream_id: str, kind: str, head: Head, marks: Marks) -> None:
        """One stream: chain, payloads, head, and what checkpoints say of it."""
        seq, previous, broken = 0, genesis(stream_id, kind), False
        async for record in read_records(connection, stream_id):
            self.events += 1
            its = record.header
            if its.seq != seq + 1:
                self.find(Kind.GAP, f"events {seq + 1} to {its.seq - 1} are missing", stream_id, seq + 1)
            elif not broken and link(previous, its.canonical(), record.commitment) != record.link:
                # The first only: what follows hangs on it, or was changed by the same hand.
                broken = True
                self.find(
                    Kind.BROKEN_LINK, "the chain breaks: this event or one before was changed", stream_id, its.seq
                )
            seq, previous = its.seq, record.link
            self._check_marks(marks.pop(seq, {}), stream_id, seq, record.link)
            try:
                self.purged += record.payload(self._vault) is None
            except Unreadable as error:
                missing = record.sealed is None
                kind_found = Kind.PAYLOAD_MISSING if missing else Kind.PAYLOAD_UNREADABLE
                self.find(kind_found, f"the payload {error}", stream_id, seq)
        if head.seq > seq:
            self.find(
                Kind.MISSING_TAIL, f"the log ends at event {seq}, and should go on to {head.seq}", stream_id, seq + 1
            )
        elif (head.seq, head.link) != (seq, previous.hex()):
            self.find(Kind.HEAD_DIFFERS, "the newest event is not the one the stream names", stream_id, seq)
        self._check_beyond(marks, stream_id, seq)

    async def strays(self, connection: AsyncConnection, known: set[str], heads: Iterable[str]) -> None:
        """What belongs to no stream, and payloads that no event owns."""
        for stream_id in sorted(set(heads) - known):
            self.find(Kind.STREAM_MISSING, "a checkpoint names this stream, and it is gone", stream_id)
        for table in (events, data_keys):
            for [stream_id] in await connection.execute(select(table.c.stream_id).distinct()):
                if stream_id not in known:
                    self.find(Kind.STREAM_MISSING, f"{table.name} are left of a stream that is gone", stream_id)
        ownerless = (
            select(payloads.c.stream_id, payloads.c.seq)
            .outerjoin(events, (events.c.stream_id == payloads.c.stream_id) & (events.c.seq == payloads.c.seq))
            .where(events.c.seq.is_(None))
        )
        for stream_id, seq in await connection.execute(ownerless):
            self.find(Kind.PAYLOAD_LEFT, "a payload is left of an event that is gone", stream_id, seq)

    def _check_marks(self, signed: dict[str, int], stream_id: str, seq: int, its_link: bytes) -> None:
        for wanted, number in signed.items():
            if wanted != its_link.hex():
                words = f"checkpoint {number} signed another event here: the log was rewritten"
                self.find(Kind.REWRITTEN, words, stream_id, seq, number)

    def _check_beyond(self, marks: Marks, stream_id: str, last: int) -> None:
        beyond = max(marks, default=0)
        if beyond > last:
            number = min(marks[beyond].values())
            words = f"checkpoint {number} signed event {beyond}, and the log ends at {last}"
            self.find(Kind.MISSING_TAIL, words, stream_id, last + 1, number)

    def find(self, kind: Kind, words: str, stream_id: str, seq: int | None = None, number: int | None = None) -> None:
        self.findings.append(Finding(kind, words, stream_id, seq, number))


class _Checkpoints:
    """Goes along checkpoints, and gathers the heads that they signed."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.findings: list[Finding] = []
        self.heads: defaultdict[str, Marks] = defaultdict(dict)

    def check_inside(self, lines: list[tuple[int, bytes]]) -> None:
        """The database's: signed, and each the successor of the one before."""
        previous = ""
        for place, (number, line) in enumerate(lines, start=1):
            signed = self._read(line, number, "in the database")
            its = None if signed is None else signed.checkpoint
            if number != place or (its is not None and (its.number, its.previous) != (number, previous)):
                words = (
                    f"checkpoint {number} in the database does not follow the one before: some are missing or exchanged"
                )
                self._find(Kind.CHECKPOINT_CHAIN, words, number)
            previous = line_hash(line)

    def check_outside(self, lines: list[bytes], inside: list[bytes]) -> None:
        """The file's: the same as the database's, which may not lack any of them."""
        known = frozenset(inside)
        for place, line in enumerate(lines, start=1):
            # Half a line, left by a crash while it was written, follows whole.
            if line in known or any(whole.startswith(line) for whole in (*lines[place : place + 1], *inside[-1:])):
                continue
            signed = self._read(line, None, f"on line {place} of the file")
            if signed is not None:
                number = signed.checkpoint.number
                words = f"checkpoint {number} of the file is not in the database: the database was set back or changed"
                self._find(Kind.CHECKPOINT_MISSING, words, number)
        written = frozenset(lines)
        # The newest may be stored and not written yet.
        lacking = [number for number, line in enumerate(inside[:-1], start=1) if line not in written]
        if lacking:
            words = f"{len(lacking)} checkpoints of the database are missing in the file, the first is {lacking[0]}"
            self._find(Kind.CHECKPOINT_MISSING, words, lacking[0])

    def _read(self, line: bytes, number: int | None, where: str) -> SignedCheckpoint | None:
        try:
            signed = parse_line(line)
        except ValueError:
            self._find(Kind.CHECKPOINT_UNREADABLE, f"a checkpoint {where} cannot be read", number)
            return None
        number = signed.checkpoint.number
        if signed.checkpoint.key != public_hex(self._key):
            self._find(Kind.CHECKPOINT_SIGNATURE, f"checkpoint {number} {where} names another key", number)
        elif not signed.is_signed_by(self._key):
            self._find(Kind.CHECKPOINT_SIGNATURE, f"checkpoint {number} {where} has a wrong signature", number)
        else:
            for head in signed.checkpoint.heads:
                self.heads[head.stream].setdefault(head.seq, {}).setdefault(head.link, number)
        return signed

    def _find(self, kind: Kind, words: str, number: int | None) -> None:
        self.findings.append(Finding(kind, words, checkpoint=number))
