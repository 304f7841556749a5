"""Who is on call, and the sessions of whose concerns somebody may still have to hear."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "on_call_shifts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("offered_to", sa.String(64)),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_on_call_shifts_person_id"),
        sa.ForeignKeyConstraint(["offered_to"], ["people.id"], name="fk_on_call_shifts_offered_to"),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_shifts"),
    )
    op.create_index("ix_on_call_shifts_until_ms", "on_call_shifts", ["until_ms"])
    op.create_table(
        "open_supervision",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_open_supervision_session_id"),
        sa.PrimaryKeyConstraint("session_id", name="pk_open_supervision"),
    )
    # Of sessions from before there was a clock, concerns may be open.
    op.execute(
        "INSERT INTO open_supervision (session_id)"
        " SELECT sessions.id FROM sessions JOIN streams ON streams.id = sessions.id || '/supervision'"
    )
