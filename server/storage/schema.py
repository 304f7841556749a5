"""Tables of the server itself: signing in, and the logs of rooms. Secrets are stored as SHA-256 only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from program.tables import metadata

__all__ = ["auth_sessions", "events", "metadata", "sign_in_links", "streams"]

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("reusable", Boolean(create_constraint=False), nullable=False),
    Column("used_ms", BigInteger),
    Index(None, "person_id"),
)

auth_sessions = Table(
    "auth_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Index(None, "person_id"),
)

streams = Table(
    "streams",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("kind", String(16), nullable=False),
    # Who owns the stream: raised by each claim; an append that carries an older one is refused.
    Column("epoch", BigInteger, nullable=False),
    # seq of the newest event, 0 when there is none.
    Column("head", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("stream_id", String(80), ForeignKey("streams.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("type", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    # The rows of a stream lie beside each other, and an insert touches one tree instead of two.
    sqlite_with_rowid=False,
)
