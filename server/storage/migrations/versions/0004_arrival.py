"""Arriving: consents, group agreements, whereabouts, contacts; clinical leads; legal hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLES = "program_role IN ('participant', 'mentor', 'therapist', 'clinical_lead', 'admin')"


def upgrade() -> None:
    # The name that 0001 gave to its check: a convention put its own before it.
    with op.batch_alter_table("people") as people:
        people.drop_constraint(op.f("ck_people_ck_people_program_role"), type_="check")
        people.create_check_constraint(op.f("ck_people_program_role"), ROLES)
    op.add_column(
        "sessions",
        sa.Column("legal_hold", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
    )
    op.add_column("sessions", sa.Column("chat_purged_ms", sa.BigInteger()))
    op.create_table(
        "group_agreements",
        sa.Column("group_id", sa.String(64), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_group_agreements_group_id"),
        sa.PrimaryKeyConstraint("group_id", name="pk_group_agreements"),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("group_id", sa.String(64)),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("text_hash", sa.String(64), nullable=False),
        sa.Column("given_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.CheckConstraint("kind IN ('adult', 'notice', 'agreement')", name=op.f("ck_consents_kind")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_consents_person_id"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_consents_group_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_person_id_kind", "consents", ["person_id", "kind"])
    op.create_table(
        "whereabouts",
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_whereabouts_person_id"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_whereabouts_session_id"),
        sa.PrimaryKeyConstraint("person_id", "session_id", name="pk_whereabouts"),
    )
    op.create_index("ix_whereabouts_confirmed_ms", "whereabouts", ["confirmed_ms"])
    op.create_table(
        "contacts",
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("saved_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_contacts_person_id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_contacts"),
    )
