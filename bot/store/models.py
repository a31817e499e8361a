"""The tables. Instants are aware and in UTC; Telegram's ids are 64-bit; texts from people stand only where they are
needed."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, Integer, MetaData, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as UTC; a naive datetime is refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn any aware instant into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored instant needs its zone")
        value = value.astimezone(UTC)
        # SQLite keeps no zone: the digits are UTC by this class's promise.
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant, aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Key = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only on INTEGER


class Base(DeclarativeBase):
    """The root of all tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Instant, dict[str, Any]: JSON, str: Text}


class Fact(Base):
    """One thing the installation remembers about itself, such as the staff group's id."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class Patient(Base):
    """A person who has written to the bot in a private chat."""

    __tablename__ = "patients"

    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_name: Mapped[str]
    last_name: Mapped[str | None]
    username: Mapped[str | None]
    language: Mapped[str] = mapped_column(String(16))
    payload: Mapped[str | None] = mapped_column(String(64))
    """The deep link's payload with which the person last came."""
    started_at: Mapped[datetime]
    unreachable_since: Mapped[datetime | None]
    """Set while Telegram refuses messages to this person: blocked or deactivated."""
    flagged_at: Mapped[datetime | None]
    """When the person last wrote something that may be an emergency."""
    topic: Mapped[str | None] = mapped_column(String(64))
    """What the last answer was about, so that a fragment ("and for the neck?") can be understood."""
    topic_at: Mapped[datetime | None]


class Incoming(Base):
    """An update as Telegram sent it, kept before Telegram is told that it came; its text goes once it is handled."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index("ix_inbox_new", "update_id", sqlite_where=text("state = 'new'"), postgresql_where=text("state = 'new'")),
    )

    update_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    lane: Mapped[int] = mapped_column(BigInteger)
    """The chat whose order it keeps; 0 where it belongs to none."""
    payload: Mapped[str | None]
    state: Mapped[str] = mapped_column(String(8))
    """new, done or failed."""
    attempts: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None] = mapped_column(index=True)
    error: Mapped[str | None] = mapped_column(String(128))
    """The name of what went wrong, never its words."""


class Outgoing(Base):
    """A message that is owed, and what became of it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_pending",
            "urgency",
            "due_at",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_outbox_sending",
            "id",
            sqlite_where=text("state = 'sending'"),
            postgresql_where=text("state = 'sending'"),
        ),
        Index("ix_outbox_chat_id_message_id", "chat_id", "message_id"),
        Index("ix_outbox_chat_id_state", "chat_id", "state"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    chat_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(8))
    method: Mapped[str] = mapped_column(String(32))
    params: Mapped[dict[str, Any]]
    language: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str | None] = mapped_column(String(64))
    """What it is about, as `noun:id`, so that a reply to it finds its way."""
    source: Mapped[str | None] = mapped_column(String(48), index=True)
    """The message it passes on, as `chat:message`, so that an edit of that one can follow."""
    key: Mapped[str | None] = mapped_column(String(128), unique=True)
    """Planning the same key twice is planning once."""
    urgency: Mapped[int]
    due_at: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(8))
    """pending -> sending -> sent | unknown | failed | parked | stale."""
    attempts: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int | None] = mapped_column(Key)
    """The row whose arrival is unknown and which this one repeats."""
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(255))


class Question(Base):
    """A question as it was asked in a private chat, and how it was taken."""

    __tablename__ = "questions"

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, index=True)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    language: Mapped[str] = mapped_column(String(16))
    text: Mapped[str]
    route: Mapped[str] = mapped_column(String(16))
    topic: Mapped[str | None] = mapped_column(String(64))
    suggestions: Mapped[list[str]] = mapped_column(JSON)
    personal: Mapped[bool]
    """About the person's own health: for a practitioner, and never for a text."""
    score: Mapped[float]
    helpful: Mapped[bool | None]
    """What the patient said of the answer; empty until they do."""


class Enquiry(Base):
    """A question that a patient wants a person at the clinic to answer."""

    __tablename__ = "enquiries"

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, index=True)
    question_id: Mapped[int] = mapped_column(Key, unique=True)
    urgent: Mapped[bool]
    state: Mapped[str] = mapped_column(String(8))
    """waiting -> talking -> closed; a red flag's goes on from waiting only when somebody has acknowledged it."""
    opened_at: Mapped[datetime]
    handled_by: Mapped[str | None]
    """The name of who answered or acknowledged it first."""
    closed_by: Mapped[str | None] = mapped_column(String(8))
    """patient, staff or time."""
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    """When something is to be done about it although nobody says anything."""
    reminders: Mapped[int] = mapped_column(default=0)


class OwnAnswer(Base):
    """An answer that staff wrote to a question the content did not hold; served once somebody else has approved it."""

    __tablename__ = "own_answers"

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    written_at: Mapped[datetime]
    language: Mapped[str] = mapped_column(String(16))
    phrasings: Mapped[list[str]] = mapped_column(JSON)
    """The questions it answers, as patients asked them; the first heads it."""
    body: Mapped[str]
    author_id: Mapped[int] = mapped_column(BigInteger)
    author: Mapped[str]
    state: Mapped[str] = mapped_column(String(10))
    """proposed -> approved | discarded, approved -> withdrawn."""
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class Audit(Base):
    """Who changed what, when: ids and states, never words."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[int | None] = mapped_column(BigInteger)
    """The Telegram id of who did it; empty where the program did."""
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    before: Mapped[str | None] = mapped_column(String(64))
    after: Mapped[str | None] = mapped_column(String(64))
