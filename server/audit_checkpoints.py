"""`audit verify` of checkpoints: those in the database, and those in the file outside it."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import LargeBinary, cast, select

from server.audit_findings import Finding, Kind
from server.checkpoints import SignedCheckpoint, line_hash, parse_line, public_hex
from server.storage.schema import checkpoints

LINES: Final = select(checkpoints.c.number, cast(checkpoints.c.line, LargeBinary).label("line")).order_by(
    checkpoints.c.number
)

Marks = dict[int, dict[str, int]]
"""Of one stream: at which seq which links are signed, and the number of the first checkpoint that says so."""


class SignedMarks:
    """Goes along checkpoints, and gathers the heads that they signed.

    `newest_inside`: up to which seq the database's own checkpoints know each stream.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.findings: list[Finding] = []
        self.heads: defaultdict[str, Marks] = defaultdict(dict)
        self.newest_inside: dict[str, int] = {}

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
        self.newest_inside = {stream: max(marks) for stream, marks in self.heads.items()}

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
