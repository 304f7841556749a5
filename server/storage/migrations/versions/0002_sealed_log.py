"""The log as an audit: encrypted payloads, chained headers, data keys, snapshots, checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM events")):
        raise CommandError(
            "its rooms were written by a development version, in plain text. They cannot be taken along: "
            "move the database file away and start again"
        )
    # Without events there is nothing in these two that a start does not make again.
    op.drop_table("events")
    op.drop_table("streams")
    op.create_table(
        "streams",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("checkpointed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_streams"),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("stream_id", sa.String(80), nullable=False),
        sa.Column("retention", sa.String(16), nullable=False),
        sa.Column("root_key_id", sa.String(32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary()),
        sa.Column("destroyed_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_data_keys_stream_id"),
        sa.PrimaryKeyConstraint("id", name="pk_data_keys"),
    )
    op.create_index("ix_data_keys_stream_id", "data_keys", ["stream_id"])
    op.create_table(
        "events",
        sa.Column("stream_id", sa.String(80), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(16), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_events_stream_id"),
        sa.ForeignKeyConstraint(["key_id"], ["data_keys.id"], name="fk_events_key_id"),
        sa.PrimaryKeyConstraint("stream_id", "seq", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payloads",
        sa.Column("stream_id", sa.String(80), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_payloads_stream_id"),
        sa.PrimaryKeyConstraint("stream_id", "seq", name="pk_payloads"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "room_snapshots",
        sa.Column("stream_id", sa.String(80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["streams.id"], name="fk_room_snapshots_stream_id"),
        sa.ForeignKeyConstraint(["key_id"], ["data_keys.id"], name="fk_room_snapshots_key_id"),
        sa.PrimaryKeyConstraint("stream_id", name="pk_room_snapshots"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_checkpoints"),
    )
