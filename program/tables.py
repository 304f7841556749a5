"""Tables of the program: who is who, in which group, and which sessions there are.

All times are whole milliseconds since the Unix epoch.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Of the whole database; `server.storage.schema` adds its tables to it."""

people = Table(
    "people",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("program_role", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint(
        "program_role IN ('none', 'participant', 'mentor', 'therapist', 'clinical_lead', 'admin')", name="program_role"
    ),
)

groups = Table(
    "groups",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # People of the program who do not belong to it may knock at its sessions.
    Column("knock", Boolean(create_constraint=False), nullable=False, server_default=false()),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", String(64), ForeignKey("groups.id"), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    CheckConstraint("role IN ('participant', 'mentor', 'therapist')", name="role"),
    Index(None, "person_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("group_id", String(64), ForeignKey("groups.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    # The mentor's words for those who wait in the lobby.
    Column("note", Text, nullable=False, server_default=""),
    # The therapist who said to be reachable while it lasts; or the clinical lead who lets it begin without one.
    Column("responder_id", String(64), ForeignKey("people.id")),
    Column("responder_waived_by", String(64), ForeignKey("people.id")),
    # Nothing of this session is purged while it is set.
    Column("legal_hold", Boolean(create_constraint=False), nullable=False, server_default=false()),
    Column("chat_purged_ms", BigInteger),
    # Since when the server is to end it, whoever is there.
    Column("end_asked_ms", BigInteger),
    CheckConstraint("status IN ('live', 'ended')", name="status"),
    Index(None, "group_id", "status"),
)

group_agreements = Table(
    "group_agreements",
    metadata,
    Column("group_id", String(64), ForeignKey("groups.id"), primary_key=True),
    Column("version", String(32), nullable=False),
    # By language; see program.agreements.
    Column("texts", JSON, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    # Of an agreement only.
    Column("group_id", String(64), ForeignKey("groups.id")),
    Column("version", String(32), nullable=False),
    Column("language", String(8), nullable=False),
    # SHA-256, in hexadecimal, of what was shown.
    Column("text_hash", String(64), nullable=False),
    Column("given_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    CheckConstraint("kind IN ('adult', 'notice', 'agreement')", name="kind"),
    Index(None, "person_id", "kind"),
)
"""One row each time that someone agrees; rows are never deleted, and changed only by revoking."""

whereabouts = Table(
    "whereabouts",
    metadata,
    Column("person_id", String(64), ForeignKey("people.id"), primary_key=True),
    Column("session_id", String(64), ForeignKey("sessions.id"), primary_key=True),
    # Encrypted under a key of this row's own.
    Column("key_id", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("confirmed_ms", BigInteger, nullable=False),
    Index(None, "confirmed_ms"),
)

on_call_shifts = Table(
    "on_call_shifts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person_id", String(64), ForeignKey("people.id"), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    # To whom it is offered; until they accept, it stays where it is.
    Column("offered_to", String(64), ForeignKey("people.id")),
    Index(None, "until_ms"),
)

open_supervision = Table(
    "open_supervision",
    metadata,
    Column("session_id", String(64), ForeignKey("sessions.id"), primary_key=True),
)
"""Sessions of which a therapist may still have to hear: their clocks run from the start of a server on. A row too many
does no harm."""

contacts = Table(
    "contacts",
    metadata,
    Column("person_id", String(64), ForeignKey("people.id"), primary_key=True),
    Column("key_id", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("saved_ms", BigInteger, nullable=False),
)
"""Call-back number and emergency contact, to be offered again. Encrypted."""
