"""Tables of the server itself: signing in, the logs of rooms, alerts. Secrets are stored as SHA-256 only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, false

from program.account_tables import metadata

__all__ = [
    "alerts",
    "auth_sessions",
    "checkpoints",
    "data_keys",
    "events",
    "metadata",
    "payloads",
    "room_snapshots",
    "sign_in_links",
    "streams",
]

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
    # How far signing in has come (see server.auth.Stage), and how many wrong second factors it has seen.
    Column("stage", String(16), nullable=False, server_default="done"),
    # On a device that others use too.
    Column("shared", Boolean(create_constraint=False), nullable=False, server_default=false()),
    # Which kind of browser, in our words.
    Column("device", String(64), nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="0"),
    Index(None, "person_id"),
)

streams = Table(
    "streams",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("kind", String(16), nullable=False),
    # Who owns the stream: raised by each claim; an append that carries an older one is refused.
    Column("epoch", BigInteger, nullable=False),
    # seq of the newest event, 0 when there is none, and its link in the chain.
    Column("head", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    # Up to which seq signed checkpoints know of it.
    Column("checkpointed", BigInteger, nullable=False),
)

data_keys = Table(
    "data_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("stream_id", String(80), ForeignKey("streams.id"), nullable=False),
    Column("retention", String(16), nullable=False),
    Column("root_key_id", String(32), nullable=False),
    # Encrypted under the root key; NULL once it was destroyed. The row stays and tells a purge from a loss.
    Column("wrapped", LargeBinary),
    Column("destroyed_ms", BigInteger),
    Index(None, "stream_id"),
)

events = Table(
    "events",
    metadata,
    Column("stream_id", String(80), ForeignKey("streams.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("type", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("retention", String(16), nullable=False),
    Column("key_id", String(32), ForeignKey("data_keys.id"), nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    # The rows of a stream lie beside each other, and an insert touches one tree instead of two.
    sqlite_with_rowid=False,
)

payloads = Table(
    "payloads",
    metadata,
    Column("stream_id", String(80), ForeignKey("streams.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # Encrypted: the commitment's nonce, and the event as its stream's owner encoded it.
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

room_snapshots = Table(
    "room_snapshots",
    metadata,
    Column("stream_id", String(80), ForeignKey("streams.id"), primary_key=True),
    # After which event it was taken, and that event's link.
    Column("seq", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("key_id", String(32), ForeignKey("data_keys.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    # The very bytes of the line in the file outside the database.
    Column("line", LargeBinary, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    # The alert's id, and one row for each way of telling.
    Column("id", String(64), primary_key=True),
    Column("way", String(16), primary_key=True),
    Column("severity", String(16), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    # Tries that failed, and when the next one is due.
    Column("tries", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    # When it arrived. The row stays until the alert is too old to be sent: a repeat is known by it.
    Column("done_ms", BigInteger),
    Index(None, "at_ms"),
)
