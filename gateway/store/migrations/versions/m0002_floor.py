"""What is open on the floor: duty, requests for help."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.tables.metadata import Instant

revision = "0002_floor"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "floor",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("node", "kind", "id", name="pk_floor"),
    )


def downgrade() -> None:
    op.drop_table("floor")
