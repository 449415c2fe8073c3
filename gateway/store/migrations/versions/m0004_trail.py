"""The trail and its marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_trail"
down_revision = "0003_audits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trail",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("call", sa.String(64)),
        sa.Column("user", sa.String(64)),
        sa.Column("source", sa.String(200)),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("node", "seq", name="pk_trail"),
        sa.UniqueConstraint("id", name="uq_trail_id"),
    )
    for column in ("at", "call", "user"):
        op.create_index(f"ix_trail_{column}", "trail", [column])
    op.create_table(
        "trail_marks",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("mark", sa.String(8), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.String(24), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("node", "mark", name="pk_trail_marks"),
    )


def downgrade() -> None:
    op.drop_table("trail_marks")
    op.drop_table("trail")
