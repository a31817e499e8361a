"""Leases: which of several programs sends, and which handles whose updates. Patients whose deletion waits."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, the columns and the indexes."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.add_column("patients", sa.Column("leaving_at", sa.DateTime(timezone=True)))
    op.add_column("drafts", sa.Column("earliest", sa.Time()))
    asked_for = sa.text("leaving_at IS NOT NULL")
    op.create_index(
        "ix_patients_leaving", "patients", ["leaving_at"], sqlite_where=asked_for, postgresql_where=asked_for
    )
    undelivered = sa.text("state IN ('unknown', 'failed', 'parked')")
    op.create_index(
        "ix_outbox_undelivered",
        "outbox",
        ["state", "urgency"],
        sqlite_where=undelivered,
        postgresql_where=undelivered,
    )


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_index("ix_outbox_undelivered", "outbox")
    op.drop_index("ix_patients_leaving", "patients")
    op.drop_column("drafts", "earliest")
    op.drop_column("patients", "leaving_at")
    op.drop_table("leases")
