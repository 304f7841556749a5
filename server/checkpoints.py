"""Signed checkpoints: where every stream's chain ended at some minute, kept in the database and outside it.

A chain alone does not tell that its end was cut off. Each checkpoint names the streams that grew since the one before
and carries that one's hash, so that together they name the newest known head of every stream, and one cannot be
taken out of the row either.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct
from sqlalchemy import LargeBinary, Select, bindparam, cast, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.clock import Clock
from server.keys import sync_folder
from server.logs import where_it_failed
from server.storage.engine import reading, writing
from server.storage.schema import checkpoints, streams

_log = structlog.stdlib.get_logger("holdspace.audit")

MAX_HEADS: Final = 2_000
"""Streams of one checkpoint; what is more goes into the next, made at once. Keeps a line far below _TAIL."""

STREAMS_AT_ONCE: Final = 1_000
LINES_AT_ONCE: Final = 100
MAX_NUMBER: Final = 1 << 62

_TAIL: Final = 1 << 20
_DOMAIN: Final = b"holdspace checkpoint v1\n"


class Head(Struct, frozen=True, array_like=True):
    """The newest event of a stream, and its link in hexadecimal."""

    stream: str
    seq: int
    link: str


class Checkpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. `previous` is the SHA-256 of the line before (empty: the first), `key` the public key; in hex."""

    number: int
    at_ms: int
    previous: str
    heads: tuple[Head, ...]
    key: str


class SignedCheckpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file. `signature` (Ed25519, hex) covers the checkpoint's JSON as `line` writes it."""

    checkpoint: Checkpoint
    signature: str

    def line(self) -> bytes:
        """The line without its end."""
        return msgspec.json.encode(self)

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether that key signed it."""
        try:
            key.verify(bytes.fromhex(self.signature), _DOMAIN + msgspec.json.encode(self.checkpoint))
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_line(line: bytes) -> SignedCheckpoint:
    """Raises ValueError (msgspec.DecodeError is one) for what is not one, or one that is written differently."""
    found = msgspec.json.decode(line, type=SignedCheckpoint)
    if found.line() != line:
        raise ValueError("not in its canonical form")
    return found


def line_hash(line: bytes) -> str:
    """What the next checkpoint carries of this line."""
    return hashlib.sha256(line).hexdigest()


def public_hex(key: Ed25519PublicKey) -> str:
    """A public key's 32 bytes, in hexadecimal."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


_KNOWN: Final = update(streams).where(streams.c.id == bindparam("stream")).values(checkpointed=bindparam("known_head"))
_NEWEST: Final = (
    select(checkpoints.c.number, cast(checkpoints.c.line, LargeBinary).label("line"))
    # SQLite takes a text for a number, and sorts it behind all of them: no such row may be in the way.
    .where(checkpoints.c.number.between(1, MAX_NUMBER))
    .order_by(checkpoints.c.number.desc())
)


_SOUND: Final = (
    (func.length(streams.c.id) > 0)
    & streams.c.head.between(1, MAX_NUMBER)
    & (cast(streams.c.link, LargeBinary) == streams.c.link)
)
"""Rows that a checkpoint can name. SQLite takes anything for anything, and no row may stop the others' checkpoints."""


class SignedHeads:
    """Up to where signed checkpoints know each stream, by the lines themselves.

    Not by a row of the database that says so: whoever can write there could keep a stream out of all further
    checkpoints, and then cut its end off unseen.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self._newest: tuple[int, bytes] | None = None
        self._heads: dict[str, int] = {}

    async def follow(self, connection: AsyncConnection) -> None:
        """Reads the database's checkpoints, from the newest back to the newest that was read before."""
        known, found, wanted = self._newest, dict[str, int](), ""
        newest = await _lines(connection, _NEWEST.limit(1))
        rows = newest
        while rows and (known is None or known not in rows):
            # Parsing takes its time, and rooms must not wait for it.
            wanted = await asyncio.to_thread(self._take, [line for _, line in rows], wanted, found)
            rows = await _lines(connection, _NEWEST.where(checkpoints.c.number < rows[-1][0]).limit(LINES_AT_ONCE))
        if known is not None and rows:
            await asyncio.to_thread(self._take, [line for _, line in rows[: rows.index(known)]], wanted, found)
        else:
            self._heads.clear()
        for stream, seq in found.items():
            self._heads[stream] = max(seq, self.of(stream))
        self._newest = newest[0] if newest else None

    def made(self, checkpoint: Checkpoint, line: bytes) -> None:
        """That one is committed."""
        self._newest = (checkpoint.number, line)
        self._heads.update((head.stream, head.seq) for head in checkpoint.heads)

    def of(self, stream: str) -> int:
        """seq of the newest event of a stream that a checkpoint knows; 0: none does."""
        return self._heads.get(stream, 0)

    def _take(self, lines: list[bytes], wanted: str, found: dict[str, int]) -> str:
        """Newest first. Each line vouches for the one before by its hash: most signatures need not be checked."""
        for line in lines:
            try:
                signed = parse_line(line)
            except ValueError:
                wanted = ""
                continue
            if line_hash(line) != wanted and not signed.is_signed_by(self._key):
                wanted = ""
                continue
            wanted = signed.checkpoint.previous
            for head in signed.checkpoint.heads:
                found[head.stream] = max(head.seq, found.get(head.stream, 0))
        return wanted


async def _lines(connection: AsyncConnection, wanted: Select[Any, bytes]) -> list[tuple[int, bytes]]:
    return [(row.number, bytes(row.line)) for row in await connection.execute(wanted)]


class Checkpointer:
    """Makes checkpoints while anything changes, and one more at the stop."""

    def __init__(
        self, engine: AsyncEngine, clock: Clock, key: Ed25519PrivateKey, path: Path, *, every_s: float
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._key = key
        self._signed = SignedHeads(key.public_key())
        self._path = path
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Brings the file up to the database, and begins."""
        await self._attempt()
        self._task = asyncio.create_task(self._run(), name="checkpoints")

    async def stop(self) -> None:
        """Makes the last one. The log must have stopped before, so that it covers everything."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
            await self._attempt()

    async def checkpoint(self) -> Checkpoint | None:
        """Makes one, None when no stream has grown; then brings the file up to the database.

        Raises:
            SQLAlchemyError: it was not stored.
            OSError: it was stored, and is missing in the file; the next time both are written.
        """
        made: Checkpoint | None = None
        while grown := await self._grown():
            # The writing lock stops the rooms: it is taken only when there is something to write.
            async with writing(self._engine) as connection:
                made, line = await self._store(connection, grown)
            self._signed.made(made, line)
        await self._bring_file_up()
        return made

    async def _grown(self) -> list[str]:
        """Streams with events that no checkpoint knows, at most as many as go into one."""
        grown: list[str] = []
        last, more = "", True
        async with reading(self._engine) as connection:
            await self._signed.follow(connection)
            while more and len(grown) < MAX_HEADS:
                # A part at a time: there is a stream or two for each session that ever was.
                some = select(streams.c.id, streams.c.head).where(streams.c.id > last, _SOUND).order_by(streams.c.id)
                rows = (await connection.execute(some.limit(STREAMS_AT_ONCE))).all()
                grown.extend(row.id for row in rows if row.head > self._signed.of(row.id))
                more = len(rows) == STREAMS_AT_ONCE
                last = rows[-1].id if rows else last
        return grown[:MAX_HEADS]

    async def _store(self, connection: AsyncConnection, grown: list[str]) -> tuple[Checkpoint, bytes]:
        its = select(streams.c.id, streams.c.head, streams.c.link).where(streams.c.id.in_(grown), _SOUND)
        found = await connection.execute(its.order_by(streams.c.id).with_for_update())
        heads = tuple(Head(stream, seq, link.hex()) for stream, seq, link in found)
        last = (await connection.execute(_NEWEST.limit(1))).one_or_none()
        made = Checkpoint(
            number=1 if last is None else last.number + 1,
            at_ms=self._clock.now_ms(),
            previous="" if last is None else line_hash(bytes(last.line)),
            heads=heads,
            key=public_hex(self._key.public_key()),
        )
        signed = SignedCheckpoint(made, self._key.sign(_DOMAIN + msgspec.json.encode(made)).hex())
        line = signed.line()
        await connection.execute(insert(checkpoints).values(number=made.number, at_ms=made.at_ms, line=line))
        await connection.execute(_KNOWN, [{"stream": head.stream, "known_head": head.seq} for head in heads])
        return made, line

    async def _bring_file_up(self) -> None:
        written = await asyncio.to_thread(last_number, self._path)
        async with reading(self._engine) as connection:
            missing = _NEWEST.where(checkpoints.c.number > written).order_by(None).order_by(checkpoints.c.number)
            lines = [line for _, line in await _lines(connection, missing)]
            newest = await _lines(connection, _NEWEST.limit(1))
        known = newest[0][0] if newest else 0
        if written > known:
            _log.error("checkpoint file is ahead of the database", file=written, database=known)
        if lines:
            await asyncio.to_thread(append_lines, self._path, lines)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._attempt()

    async def _attempt(self) -> None:
        try:
            await self.checkpoint()
        except Exception as error:
            # Whatever it is, it must not be the last: without checkpoints an end can be cut off unseen.
            _log.error("checkpoint failed", **where_it_failed(error))


def read_lines(path: Path) -> Iterator[bytes]:
    """The file's lines without their ends, empty ones left out; none when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield line.rstrip(b"\n")


def last_number(path: Path) -> int:
    """Number of the newest checkpoint in the file, 0 when there is none."""
    newest = 0
    for line in _last_lines(path):
        try:
            newest = max(newest, parse_line(line).checkpoint.number)
        except ValueError:
            # Half a line, from a crash while it was written: it follows whole.
            continue
    return newest


def append_lines(path: Path, lines: list[bytes]) -> None:
    """Adds lines, and returns when they are on disk."""
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "rb+") as file:
        # A crash may have left half a line. It is ended and not cut off: the file may allow appending only.
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            file.write(b"\n")
        file.write(b"".join(line + b"\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folder(path.parent)


def _last_lines(path: Path) -> list[bytes]:
    """The lines in the file's last bytes; the first of them may be half a line."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        return file.read().split(b"\n")
