"""Tables of accounts: who may sign in, and by what. All times are whole milliseconds since the Unix epoch.

E-mail addresses are in `accounts` alone: nothing that a room reads joins it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from program.tables import metadata

ROLES = "role IN ('participant', 'mentor', 'therapist', 'clinical_lead', 'admin')"

accounts = Table(
    "accounts",
    metadata,
    Column("person_id", String(64), ForeignKey("people.id"), primary_key=True),
    # Folded (see program.accounts): two spellings of one address are one account.
    Column("email", String(254), nullable=False),
    # Staff sign in with a password and a second factor, all others by link.
    Column("staff", Boolean(create_constraint=False), nullable=False),
    Column("password_hash", Text),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('invited', 'active', 'disabled')", name="state"),
    UniqueConstraint("email"),
)

factors = Table(
    "factors",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    # What its owner calls it.
    Column("label", Text, nullable=False),
    # Of a TOTP: its secret, encrypted under a key of its own.
    Column("key_id", String(32)),
    Column("sealed", LargeBinary),
    # Of a passkey.
    Column("credential_id", LargeBinary),
    Column("public_key", LargeBinary),
    # Of a TOTP the last step that was used, of a passkey its signature counter: neither is taken twice.
    Column("counter", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # Since when it counts; a TOTP counts once a first code was right.
    Column("confirmed_ms", BigInteger),
    CheckConstraint("kind IN ('totp', 'passkey')", name="kind"),
    UniqueConstraint("credential_id"),
    Index(None, "person_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Index(None, "person_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("purpose", String(16), nullable=False),
    # NULL: the person themselves, or the command line.
    Column("made_by", String(64), ForeignKey("people.id")),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    CheckConstraint("purpose IN ('invitation', 'link', 'account', 'reset')", name="purpose"),
    Index(None, "person_id"),
)

further_roles = Table(
    "further_roles",
    metadata,
    Column("person_id", String(64), ForeignKey("people.id"), primary_key=True),
    Column("role", String(16), primary_key=True),
    CheckConstraint(ROLES, name="role"),
)
"""What a person is besides `people.program_role`."""

role_requests = Table(
    "role_requests",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("asked_by", String(64), ForeignKey("people.id"), nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("decided_by", String(64), ForeignKey("people.id")),
    Column("decided_ms", BigInteger),
    Column("approved", Boolean(create_constraint=False)),
    CheckConstraint(ROLES, name="role"),
    Index(None, "person_id"),
)

known_devices = Table(
    "known_devices",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False),
    Index(None, "person_id"),
)
"""Browsers that somebody has signed in with: floods of guesses from elsewhere do not count against these."""
