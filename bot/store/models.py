"""The tables. Instants are aware and in UTC; Telegram's ids are 64-bit; texts from people stand only where they are
needed."""

from datetime import UTC, date, datetime, time
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


NEVER_AGAIN = {"sqlite_autoincrement": True}
"""SQLite gives a deleted row's number to the next one; where buttons carry the number it must not."""


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


class Lease(Base):
    """What one of several programs does for all of them, until it stops saying that it still does."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    """sender, lane:NUMBER, or program:NAME for being there at all."""
    owner: Mapped[str] = mapped_column(String(32))
    """The program, as it named itself when it started."""
    until: Mapped[datetime]
    """By the database's clock; another may take it after that."""


class Patient(Base):
    """A person who has written to the bot in a private chat."""

    __tablename__ = "patients"
    __table_args__ = (
        Index(
            "ix_patients_leaving",
            "leaving_at",
            sqlite_where=text("leaving_at IS NOT NULL"),
            postgresql_where=text("leaving_at IS NOT NULL"),
        ),
    )

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
    own_language: Mapped[str | None] = mapped_column(String(16))
    """The language the person chose, where it is not that of their Telegram."""
    quiet_from: Mapped[time | None]
    quiet_until: Mapped[time | None]
    """The person's own quiet hours, where they are not the clinic's."""
    problem_at: Mapped[datetime | None]
    """Since when a problem they told of is open: nothing is sent by the programme until staff close it."""
    paused_at: Mapped[datetime | None]
    """Since when staff have paused the programme."""
    leaving_at: Mapped[datetime | None]
    """When the deletion of their data was asked for, while a possible emergency of theirs makes it wait."""


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
        Index(
            "ix_outbox_undelivered",
            "state",
            "urgency",
            sqlite_where=text("state IN ('unknown', 'failed', 'parked')"),
            postgresql_where=text("state IN ('unknown', 'failed', 'parked')"),
        ),
        Index("ix_outbox_chat_id_message_id", "chat_id", "message_id"),
        Index("ix_outbox_chat_id_subject", "chat_id", "subject"),
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
    question_id: Mapped[int | None] = mapped_column(Key, unique=True)
    visit_id: Mapped[int | None] = mapped_column(Key)
    """The visit it is about, where it is about one instead of a question."""
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
    asked_by: Mapped[list[int]] = mapped_column(JSON, default=list)
    """Who asked them first, by chat, in the same order: their words go with them. Empty for answers of before."""
    body: Mapped[str]
    author_id: Mapped[int] = mapped_column(BigInteger)
    author: Mapped[str]
    state: Mapped[str] = mapped_column(String(10))
    """proposed -> approved | discarded, approved -> withdrawn."""
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class Draft(Base):
    """A booking that a patient has begun; the next question is its first empty field."""

    __tablename__ = "drafts"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    version: Mapped[int] = mapped_column(default=1)
    """Raised with every change, so that a button of an earlier question fills nothing."""
    visit_id: Mapped[int | None] = mapped_column(Key)
    """The visit that is to be moved; empty for a new one."""
    treatment: Mapped[str | None] = mapped_column(String(24))
    practitioner: Mapped[str | None] = mapped_column(String(24))
    """Empty text where the patient does not mind."""
    day: Mapped[date | None]
    earliest: Mapped[time | None]
    """From when on a time suits, as the patient said."""
    starts_at: Mapped[datetime | None]
    with_practitioner: Mapped[str | None] = mapped_column(String(24))
    """Who is free at `starts_at`, where the patient does not mind."""
    name: Mapped[str | None]
    phone: Mapped[str | None] = mapped_column(String(32))
    consent: Mapped[bool | None]
    """To the use of the answers for this visit."""
    screening: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Answers by question: yes, no or unsure."""
    follow_up: Mapped[bool | None]
    offers: Mapped[bool | None]
    asked: Mapped[str | None] = mapped_column(String(16))
    """The field the patient wants to change, although it is filled."""
    changed_at: Mapped[datetime]
    nudged_at: Mapped[datetime | None]


class Visit(Base):
    """A visit from the request to its end; `starts_at` is the time in question."""

    __tablename__ = "visits"
    __table_args__ = (Index("ix_visits_chat_id_starts_at", "chat_id", "starts_at"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(String(8), unique=True)
    """What people call it over the telephone."""
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(10))
    """requested | proposed -> confirmed -> completed | no_show; or declined, cancelled, expired."""
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    """Empty while no chat belongs to it."""
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(String(32), index=True)
    treatment: Mapped[str] = mapped_column(String(24))
    practitioner: Mapped[str] = mapped_column(String(24))
    starts_at: Mapped[datetime] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    kept_practitioner: Mapped[str | None] = mapped_column(String(24))
    kept_starts_at: Mapped[datetime | None]
    """The confirmed time that stays the patient's until another one is decided."""
    screening: Mapped[dict[str, Any]] = mapped_column(default=dict)
    flagged: Mapped[bool] = mapped_column(default=False)
    """An answer was yes or not sure: a practitioner looks at it before it is confirmed."""
    created_at: Mapped[datetime]
    requested_at: Mapped[datetime]
    """When the clinic was last asked."""
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[int | None] = mapped_column(BigInteger)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was declined or cancelled, as the patient was told."""
    ended_by: Mapped[str | None] = mapped_column(String(8))
    """patient, staff or time."""
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    """When something is to be done about it although nobody says anything."""
    reminders: Mapped[int] = mapped_column(default=0)
    answered_at: Mapped[datetime | None]
    """When the patient confirmed that they come."""
    course_id: Mapped[int | None] = mapped_column(Key, index=True)
    session_number: Mapped[int | None]
    """Its place in the course, from 1, once it is done."""
    interval_weeks: Mapped[int | None]
    """To the next session, as staff said when it was done; 0 for none."""


class Course(Base):
    """The sessions of one treatment that belong together."""

    __tablename__ = "courses"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    chat_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    treatment: Mapped[str] = mapped_column(String(24))
    sessions: Mapped[int | None]
    """How many are planned, where that is known."""
    begun_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    """When its last session was done, or staff ended it."""


class FollowUp(Base):
    """A step of the programme that is to be sent, and what became of it."""

    __tablename__ = "follow_ups"
    __table_args__ = (
        Index(
            "ix_follow_ups_planned",
            "due_at",
            "id",
            sqlite_where=text("state = 'planned'"),
            postgresql_where=text("state = 'planned'"),
        ),
        Index(
            "ix_follow_ups_sent",
            "sent_at",
            sqlite_where=text("state = 'sent'"),
            postgresql_where=text("state = 'sent'"),
        ),
        Index("ix_follow_ups_chat_id_state", "chat_id", "state"),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(96), unique=True)
    """Visit, step and the anchor's instant: planning the same twice is planning once."""
    visit_id: Mapped[int | None] = mapped_column(Key, index=True)
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    step: Mapped[str] = mapped_column(String(24))
    kind: Mapped[str] = mapped_column(String(8))
    anchor_at: Mapped[datetime]
    planned_for: Mapped[datetime]
    """When the programme wanted it; `due_at` is when it may go."""
    due_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    """planned -> sent | cancelled | skipped | stale | refused; frozen while a problem is open or staff paused it."""
    reason: Mapped[str | None] = mapped_column(String(32))
    """Why it was not sent."""
    text: Mapped[str | None]
    """Words that staff wrote for a date, instead of a step's."""
    author: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    sent_with: Mapped[int | None] = mapped_column(Key)
    """The follow-up whose message said it: several that are due at once are one message."""
    answer: Mapped[str | None] = mapped_column(String(16))
    answered_at: Mapped[datetime | None]


class Call(Base):
    """Somebody whom staff have to telephone, since a message could not reach them, or may not have."""

    __tablename__ = "calls"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    visit_id: Mapped[int | None] = mapped_column(Key)
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    why: Mapped[str] = mapped_column(String(16))
    """blocked, gone, uncertain, refused, never joined, withdrawn or held back."""
    what: Mapped[str] = mapped_column(String(32))
    """The step, or kind of message."""
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None] = mapped_column(index=True)
    done_by: Mapped[str | None]


class Invite(Base):
    """A link that ties the chat of whoever opens it first to a visit that staff entered."""

    __tablename__ = "invites"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the link's secret, which is not kept."""
    visit_id: Mapped[int] = mapped_column(Key, index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[int | None] = mapped_column(BigInteger)


class Note(Base):
    """What staff wrote down about a patient."""

    __tablename__ = "notes"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    visit_id: Mapped[int] = mapped_column(Key, index=True)
    text: Mapped[str]
    author: Mapped[str]
    author_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]


class Slot(Base):
    """Five minutes of a practitioner, and what they are held for: no two things can hold them."""

    __tablename__ = "slots"

    practitioner: Mapped[str] = mapped_column(String(24), primary_key=True)
    unit: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Number of the five minutes since 1970 in UTC."""
    holder: Mapped[str] = mapped_column(String(32), index=True)
    """visit:ID, kept:ID, block:ID or wait:ID."""


class Block(Base):
    """Time in which a practitioner, or everybody, takes no visits."""

    __tablename__ = "blocks"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    practitioner: Mapped[str | None] = mapped_column(String(24))
    """Empty where it is everybody."""
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str]
    author: Mapped[str]
    author_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Wait(Base):
    """A patient's wish for an earlier time, and the time that is being offered."""

    __tablename__ = "waits"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    visit_id: Mapped[int] = mapped_column(Key, unique=True)
    chat_id: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(default=1)
    since: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8), index=True)
    """waiting -> offered -> waiting | taken | closed."""
    practitioner: Mapped[str | None] = mapped_column(String(24))
    starts_at: Mapped[datetime | None]
    """The time on offer; it is held until `due_at`."""
    refused: Mapped[list[int]] = mapped_column(JSON, default=list)
    """Units that were free when the wish was made, or have been offered since."""
    due_at: Mapped[datetime | None] = mapped_column(index=True)


class Consent(Base):
    """What a patient agreed to or refused: the newest row of a purpose counts."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_chat_id_purpose", "chat_id", "purpose"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    chat_id: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String(16))
    """visit, follow-up or offers."""
    given: Mapped[bool]
    version: Mapped[str] = mapped_column(String(16))
    """Of the sentence that was agreed to."""
    at: Mapped[datetime]


class Audit(Base):
    """Who changed what, when: ids and states, never words."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[int | None] = mapped_column(BigInteger)
    """The Telegram id of who did it; empty where the program did, 0 for a patient whose data were deleted."""
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    before: Mapped[str | None] = mapped_column(String(64))
    after: Mapped[str | None] = mapped_column(String(64))
