"""Audits of calls and the moments marked in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.tables.metadata import Instant

revision = "0003_audits"
down_revision = "0002_floor"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("auditor", sa.String(64), nullable=False),
        sa.Column("auditor_name", sa.String(200), nullable=False),
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("advisor", sa.JSON, nullable=False),
        sa.Column("call_started_at", sa.String(40)),
        sa.Column("form", sa.JSON, nullable=False),
        sa.Column("answers", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("finished_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_audits"),
    )
    op.create_index("ix_audits_team_created_at", "audits", ["team", "created_at"])
    op.create_index("ix_audits_auditor_created_at", "audits", ["auditor", "created_at"])
    op.create_table(
        "audit_markers",
        sa.Column("audit", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("media_time_ms", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("audit", "number", name="pk_audit_markers"),
        sa.ForeignKeyConstraint(["audit"], ["audits.id"], name="fk_audit_markers_audit", ondelete="CASCADE"),
    )


def downgrade() -> None:
    for table in ("audit_markers", "audits"):
        op.drop_table(table)
