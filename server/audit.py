"""`audit verify`: walks every stream and every checkpoint, and tells what does not fit.

It reads one moment of the database and changes nothing. A purged payload is no finding, where the audit stream says
that it was purged: the chain over headers and commitments is whole without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import LargeBinary, cast, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.audit_checkpoints import LINES, Marks, SignedMarks
from server.audit_findings import Finding, Kind
from server.audit_purges import Purges
from server.auditing import AUDIT_STREAM
from server.checkpoints import Head, read_lines
from server.storage.chain import genesis, link
from server.storage.engine import reading
from server.storage.reading import Record, read_records
from server.storage.schema import data_keys, events, payloads, streams
from server.storage.vault import Unreadable, Vault


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
        rows = (await connection.execute(LINES)).all()
        inside = [row.line for row in rows]
        marks = SignedMarks(key)
        marks.check_inside([(row.number, row.line) for row in rows])
        marks.check_outside(lines, inside)
        # The audit first: what is missing elsewhere is missing with reason only by its word.
        audit_first = (streams.c.id != AUDIT_STREAM, streams.c.id)
        its = (streams.c.id, streams.c.kind, streams.c.head, streams.c.checkpointed)
        rows = select(*its, cast(streams.c.link, LargeBinary).label("link")).order_by(*audit_first)
        found = (await connection.execute(rows)).all()
        for row in found:
            walk.check_mark(row.id, row.checkpointed, marks.newest_inside.get(row.id, 0))
            head = Head(row.id, row.head, row.link.hex())
            try:
                await walk.stream(connection, row.id, row.kind, head, marks.heads[row.id])
            except (TypeError, ValueError):
                # SQLite takes a text for a number.
                walk.find(Kind.ROW_UNREADABLE, "a row of this stream holds what cannot be there", row.id)
        await walk.strays(connection, {row.id for row in found}, marks.heads)
        await walk.triggers(connection)
        await walk.purges.compare(connection)
    return Report(
        streams=len(found),
        events=walk.events,
        purged=walk.purged,
        checkpoints=len(inside),
        checkpoints_outside=len(lines),
        findings=(*walk.findings, *walk.purges.findings, *marks.findings),
    )


class _Walk:
    """Goes along streams."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.findings: list[Finding] = []
        self.purges = Purges(vault)
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
            self._check_payload(record)
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

    async def triggers(self, connection: AsyncConnection) -> None:
        """What would change rows behind our back. We make none."""
        if connection.dialect.name == "sqlite":
            made = text("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        else:
            made = text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname")
        for name in await connection.scalars(made):
            self.find(Kind.TRIGGER, f"the database has a trigger that is none of ours: {name!r}")

    def check_mark(self, stream_id: str, says: int, signed: int) -> None:
        """Up to where the stream's row says that checkpoints know it."""
        if says != signed:
            words = f"the stream's row says that checkpoints know it up to event {says}, and they do up to {signed}"
            self.find(Kind.CHECKPOINT_MARK, words, stream_id)

    def _check_payload(self, record: Record) -> None:
        its = record.header
        try:
            payload = record.payload(self._vault)
        except Unreadable as error:
            kind = Kind.PAYLOAD_MISSING if record.sealed is None else Kind.PAYLOAD_UNREADABLE
            self.find(kind, f"the payload {error}", its.stream_id, its.seq)
            return
        if payload is None:
            self.purged += 1
            self.purges.gone(its)
        elif its.stream_id == AUDIT_STREAM:
            self.purges.read(its, payload)

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

    def find(
        self, kind: Kind, words: str, stream_id: str | None = None, seq: int | None = None, number: int | None = None
    ) -> None:
        self.findings.append(Finding(kind, words, stream_id, seq, number))
