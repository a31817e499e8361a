"""The first tables: inbox, outbox, patients, questions, enquiries, audit, facts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW = sa.text("state = 'new'")
PENDING = sa.text("state = 'pending'")
SENDING = sa.text("state = 'sending'")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "audit",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=True),
        sa.Column("after", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["subject"], unique=False)
    op.create_table(
        "enquiries",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("question_id", KEY, nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("closed_by", sa.String(length=8), nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_enquiries"),
        sa.UniqueConstraint("question_id", name="uq_enquiries_question_id"),
    )
    op.create_index("ix_enquiries_chat_id", "enquiries", ["chat_id"], unique=False)
    op.create_index("ix_enquiries_due_at", "enquiries", ["due_at"], unique=False)
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )
    op.create_table(
        "inbox",
        sa.Column("update_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("error", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("update_id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_new", "inbox", ["update_id"], unique=False, sqlite_where=NEW, postgresql_where=NEW)
    op.create_index("ix_inbox_settled_at", "inbox", ["settled_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=48), nullable=True),
        sa.Column("key", sa.String(length=128), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("repeats", KEY, nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_chat_id_message_id", "outbox", ["chat_id", "message_id"], unique=False)
    op.create_index("ix_outbox_chat_id_state", "outbox", ["chat_id", "state"], unique=False)
    op.create_index("ix_outbox_source", "outbox", ["source"], unique=False)
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["urgency", "due_at", "id"],
        unique=False,
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_index("ix_outbox_sending", "outbox", ["id"], unique=False, sqlite_where=SENDING, postgresql_where=SENDING)
    op.create_table(
        "own_answers",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("phrasings", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_own_answers"),
    )
    op.create_table(
        "patients",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.String(length=64), nullable=True),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("unreachable_since", INSTANT, nullable=True),
        sa.Column("flagged_at", INSTANT, nullable=True),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("topic_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("chat_id", name="pk_patients"),
    )
    op.create_table(
        "questions",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("route", sa.String(length=16), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("suggestions", sa.JSON(), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
    )
    op.create_index("ix_questions_asked_at", "questions", ["asked_at"], unique=False)
    op.create_index("ix_questions_chat_id", "questions", ["chat_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_questions_chat_id", table_name="questions")
    op.drop_index("ix_questions_asked_at", table_name="questions")
    op.drop_table("questions")
    op.drop_table("patients")
    op.drop_table("own_answers")
    op.drop_index("ix_outbox_sending", table_name="outbox", sqlite_where=SENDING, postgresql_where=SENDING)
    op.drop_index("ix_outbox_pending", table_name="outbox", sqlite_where=PENDING, postgresql_where=PENDING)
    op.drop_index("ix_outbox_source", table_name="outbox")
    op.drop_index("ix_outbox_chat_id_state", table_name="outbox")
    op.drop_index("ix_outbox_chat_id_message_id", table_name="outbox")
    op.drop_table("outbox")
    op.drop_index("ix_inbox_settled_at", table_name="inbox")
    op.drop_index("ix_inbox_new", table_name="inbox", sqlite_where=NEW, postgresql_where=NEW)
    op.drop_table("inbox")
    op.drop_table("facts")
    op.drop_index("ix_enquiries_due_at", table_name="enquiries")
    op.drop_index("ix_enquiries_chat_id", table_name="enquiries")
    op.drop_table("enquiries")
    op.drop_index("ix_audit_subject", table_name="audit")
    op.drop_index("ix_audit_at", table_name="audit")
    op.drop_table("audit")
