"""Visits: drafts, requests, held time, blocked time, wishes for an earlier time, consents."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them; an enquiry may be about a visit instead of a question."""
    op.create_table(
        "blocks",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("practitioner", sa.String(length=24), nullable=True),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_blocks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blocks_ends_at", "blocks", ["ends_at"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_chat_id_purpose", "consents", ["chat_id", "purpose"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("visit_id", KEY, nullable=True),
        sa.Column("treatment", sa.String(length=24), nullable=True),
        sa.Column("practitioner", sa.String(length=24), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("starts_at", INSTANT, nullable=True),
        sa.Column("with_practitioner", sa.String(length=24), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("consent", sa.Boolean(), nullable=True),
        sa.Column("screening", sa.JSON(), nullable=False),
        sa.Column("follow_up", sa.Boolean(), nullable=True),
        sa.Column("offers", sa.Boolean(), nullable=True),
        sa.Column("asked", sa.String(length=16), nullable=True),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("nudged_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sa.UniqueConstraint("chat_id", name="uq_drafts_chat_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "slots",
        sa.Column("practitioner", sa.String(length=24), nullable=False),
        sa.Column("unit", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("practitioner", "unit", name="pk_slots"),
    )
    op.create_index("ix_slots_holder", "slots", ["holder"], unique=False)
    op.create_table(
        "visits",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("treatment", sa.String(length=24), nullable=False),
        sa.Column("practitioner", sa.String(length=24), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("kept_practitioner", sa.String(length=24), nullable=True),
        sa.Column("kept_starts_at", INSTANT, nullable=True),
        sa.Column("screening", sa.JSON(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.String(length=8), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
        sa.UniqueConstraint("code", name="uq_visits_code"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_visits_chat_id_starts_at", "visits", ["chat_id", "starts_at"], unique=False)
    op.create_index("ix_visits_due_at", "visits", ["due_at"], unique=False)
    op.create_index("ix_visits_phone", "visits", ["phone"], unique=False)
    op.create_index("ix_visits_starts_at", "visits", ["starts_at"], unique=False)
    op.create_table(
        "waits",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("visit_id", KEY, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("practitioner", sa.String(length=24), nullable=True),
        sa.Column("starts_at", INSTANT, nullable=True),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_waits"),
        sa.UniqueConstraint("visit_id", name="uq_waits_visit_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_waits_due_at", "waits", ["due_at"], unique=False)
    op.create_index("ix_waits_state", "waits", ["state"], unique=False)
    with op.batch_alter_table("enquiries") as batch:
        batch.add_column(sa.Column("visit_id", KEY, nullable=True))
        batch.alter_column("question_id", existing_type=KEY, nullable=True)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("enquiries") as batch:
        batch.alter_column("question_id", existing_type=KEY, nullable=False)
        batch.drop_column("visit_id")
    op.drop_index("ix_waits_state", table_name="waits")
    op.drop_index("ix_waits_due_at", table_name="waits")
    op.drop_table("waits")
    op.drop_index("ix_visits_starts_at", table_name="visits")
    op.drop_index("ix_visits_phone", table_name="visits")
    op.drop_index("ix_visits_due_at", table_name="visits")
    op.drop_index("ix_visits_chat_id_starts_at", table_name="visits")
    op.drop_table("visits")
    op.drop_index("ix_slots_holder", table_name="slots")
    op.drop_table("slots")
    op.drop_table("drafts")
    op.drop_index("ix_consents_chat_id_purpose", table_name="consents")
    op.drop_table("consents")
    op.drop_index("ix_blocks_ends_at", table_name="blocks")
    op.drop_table("blocks")
