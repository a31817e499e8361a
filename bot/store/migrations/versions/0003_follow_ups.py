"""Follow-ups: the programme's steps, courses, calls to make, invitations, notes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLANNED = sa.text("state = 'planned'")
SENT = sa.text("state = 'sent'")


def upgrade() -> None:
    """Create them, and what patients and visits have to remember for them."""
    op.create_index("ix_outbox_chat_id_subject", "outbox", ["chat_id", "subject"], unique=False)
    op.create_table(
        "calls",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("visit_id", KEY, nullable=True),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sa.UniqueConstraint("key", name="uq_calls_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_calls_done_at", "calls", ["done_at"], unique=False)
    op.create_table(
        "courses",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("treatment", sa.String(length=24), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=True),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_courses"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_courses_chat_id", "courses", ["chat_id"], unique=False)
    op.create_table(
        "follow_ups",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("visit_id", KEY, nullable=True),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("anchor_at", INSTANT, nullable=False),
        sa.Column("planned_for", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("sent_with", KEY, nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_follow_ups"),
        sa.UniqueConstraint("key", name="uq_follow_ups_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_follow_ups_chat_id_state", "follow_ups", ["chat_id", "state"], unique=False)
    op.create_index(
        "ix_follow_ups_planned",
        "follow_ups",
        ["due_at", "id"],
        unique=False,
        sqlite_where=PLANNED,
        postgresql_where=PLANNED,
    )
    op.create_index(
        "ix_follow_ups_sent", "follow_ups", ["sent_at"], unique=False, sqlite_where=SENT, postgresql_where=SENT
    )
    op.create_index("ix_follow_ups_visit_id", "follow_ups", ["visit_id"], unique=False)
    op.create_table(
        "invites",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("visit_id", KEY, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("used_by", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_invites"),
    )
    op.create_index("ix_invites_visit_id", "invites", ["visit_id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("visit_id", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notes_visit_id", "notes", ["visit_id"], unique=False)
    with op.batch_alter_table("patients") as batch:
        batch.add_column(sa.Column("own_language", sa.String(length=16), nullable=True))
        batch.add_column(sa.Column("quiet_from", sa.Time(), nullable=True))
        batch.add_column(sa.Column("quiet_until", sa.Time(), nullable=True))
        batch.add_column(sa.Column("problem_at", INSTANT, nullable=True))
        batch.add_column(sa.Column("paused_at", INSTANT, nullable=True))
    with op.batch_alter_table("visits") as batch:
        batch.add_column(sa.Column("answered_at", INSTANT, nullable=True))
        batch.add_column(sa.Column("course_id", KEY, nullable=True))
        batch.add_column(sa.Column("session_number", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("interval_weeks", sa.Integer(), nullable=True))
    op.create_index("ix_visits_course_id", "visits", ["course_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_outbox_chat_id_subject", table_name="outbox")
    op.drop_index("ix_visits_course_id", table_name="visits")
    with op.batch_alter_table("visits") as batch:
        batch.drop_column("interval_weeks")
        batch.drop_column("session_number")
        batch.drop_column("course_id")
        batch.drop_column("answered_at")
    with op.batch_alter_table("patients") as batch:
        batch.drop_column("paused_at")
        batch.drop_column("problem_at")
        batch.drop_column("quiet_until")
        batch.drop_column("quiet_from")
        batch.drop_column("own_language")
    op.drop_index("ix_notes_visit_id", table_name="notes")
    op.drop_table("notes")
    op.drop_index("ix_invites_visit_id", table_name="invites")
    op.drop_table("invites")
    op.drop_index("ix_follow_ups_sent", table_name="follow_ups", sqlite_where=SENT, postgresql_where=SENT)
    op.drop_index("ix_follow_ups_visit_id", table_name="follow_ups")
    op.drop_index("ix_follow_ups_planned", table_name="follow_ups", sqlite_where=PLANNED, postgresql_where=PLANNED)
    op.drop_index("ix_follow_ups_chat_id_state", table_name="follow_ups")
    op.drop_table("follow_ups")
    op.drop_index("ix_courses_chat_id", table_name="courses")
    op.drop_table("courses")
    op.drop_index("ix_calls_done_at", table_name="calls")
    op.drop_table("calls")
