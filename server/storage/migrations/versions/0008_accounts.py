"""Accounts: who may sign in and by what, roles that a second person approved, sign-ins on shared devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROLES = "role IN ('participant', 'mentor', 'therapist', 'clinical_lead', 'admin')"


def upgrade() -> None:
    with op.batch_alter_table("people") as people:
        people.drop_constraint(op.f("ck_people_program_role"), type_="check")
        people.create_check_constraint(
            op.f("ck_people_program_role"),
            "program_role IN ('none', 'participant', 'mentor', 'therapist', 'clinical_lead', 'admin')",
        )
    op.add_column("auth_sessions", sa.Column("stage", sa.String(16), nullable=False, server_default="done"))
    op.add_column(
        "auth_sessions",
        sa.Column("shared", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
    )
    op.add_column("auth_sessions", sa.Column("device", sa.String(64), nullable=False, server_default=""))
    op.add_column("auth_sessions", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    _accounts()
    _factors()
    _roles()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("staff", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('invited', 'active', 'disabled')", name=op.f("ck_accounts_state")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_accounts_person_id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_accounts"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
    )
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("made_by", sa.String(64)),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
        sa.CheckConstraint(
            "purpose IN ('invitation', 'link', 'account', 'reset')", name=op.f("ck_invitations_purpose")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_invitations_person_id"),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name="fk_invitations_made_by"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitations"),
    )
    op.create_index("ix_invitations_person_id", "invitations", ["person_id"])
    op.create_table(
        "known_devices",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_known_devices_person_id"),
        sa.PrimaryKeyConstraint("token_hash", "person_id", name="pk_known_devices"),
    )
    op.create_index("ix_known_devices_person_id", "known_devices", ["person_id"])


def _factors() -> None:
    op.create_table(
        "factors",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(32)),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("credential_id", sa.LargeBinary()),
        sa.Column("public_key", sa.LargeBinary()),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger()),
        sa.CheckConstraint("kind IN ('totp', 'passkey')", name=op.f("ck_factors_kind")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_factors_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_factors"),
        sa.UniqueConstraint("credential_id", name="uq_factors_credential_id"),
    )
    op.create_index("ix_factors_person_id", "factors", ["person_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_recovery_codes_person_id"),
        sa.PrimaryKeyConstraint("code_hash", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_person_id", "recovery_codes", ["person_id"])


def _roles() -> None:
    op.create_table(
        "further_roles",
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.CheckConstraint(ROLES, name=op.f("ck_further_roles_role")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_further_roles_person_id"),
        sa.PrimaryKeyConstraint("person_id", "role", name="pk_further_roles"),
    )
    op.create_table(
        "role_requests",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(64)),
        sa.Column("decided_ms", sa.BigInteger()),
        sa.Column("approved", sa.Boolean(create_constraint=False)),
        sa.CheckConstraint(ROLES, name=op.f("ck_role_requests_role")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_role_requests_person_id"),
        sa.ForeignKeyConstraint(["asked_by"], ["people.id"], name="fk_role_requests_asked_by"),
        sa.ForeignKeyConstraint(["decided_by"], ["people.id"], name="fk_role_requests_decided_by"),
        sa.PrimaryKeyConstraint("id", name="pk_role_requests"),
    )
    op.create_index("ix_role_requests_person_id", "role_requests", ["person_id"])
