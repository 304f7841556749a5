"""Lobbies: a note for those who wait, who answers for a session, and who may knock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("groups") as groups:
        groups.add_column(
            sa.Column("knock", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("note", sa.Text(), nullable=False, server_default=""))
        sessions.add_column(sa.Column("responder_id", sa.String(64)))
        sessions.add_column(sa.Column("responder_waived_by", sa.String(64)))
        sessions.create_foreign_key("fk_sessions_responder_id", "people", ["responder_id"], ["id"])
        sessions.create_foreign_key("fk_sessions_responder_waived_by", "people", ["responder_waived_by"], ["id"])
