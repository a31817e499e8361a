"""The dossier: everything that is held about a person, as plain values under stable names.

Each table of the database is either `EXPORTED`, under the name of its section, or `LEFT_OUT` with the reason; so is
each column of those that are exported. A new table, or one that nobody thought of, fails a test. Instants are
ISO 8601 with the clinic's offset, times of day HH:MM.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import visits
from bot.config import Clinic
from bot.delivery.markup import MarkupError, parse
from bot.store.models import (
    Audit,
    Call,
    Consent,
    Course,
    Draft,
    Enquiry,
    FollowUp,
    Invite,
    Note,
    Outgoing,
    Patient,
    Question,
    Visit,
    Wait,
)

FORMAT, VERSION = "mesobot-export", 1
"""Raised when a name in the file changes its meaning or goes; new names do not raise it."""
SUBJECT = "enquiry"
MOST_A_DAY = 3
A_DAY = timedelta(days=1)
ACTION = "data exported"

EXPORTED: dict[str, str] = {
    "patients": "profile",
    "consents": "consents",
    "visits": "visits",
    "notes": "visits",
    "courses": "courses",
    "follow_ups": "follow_ups",
    "drafts": "booking_begun",
    "waits": "waiting_for_earlier_times",
    "questions": "questions",
    "enquiries": "conversations",
    "calls": "calls",
    "invites": "links",
    "outbox": "messages_sent",
    "audit": "log",
}
"""The section of the file in which a table's rows stand; notes stand with the visit they were written about."""

LEFT_OUT: dict[str, str] = {
    "inbox": "Telegram's own updates, emptied as soon as they are handled; what was in them stands in the others",
    "slots": "numbers of held times, which the visits say in words",
    "facts": "the installation's own memory, of nobody",
    "leases": "which program does what, of nobody",
    "blocks": "the clinic's own calendar",
    "own_answers": "the clinic's texts; questions in them are not kept with who asked",
}
"""Tables that are not exported, and why."""

HIDDEN: dict[str, dict[str, str]] = {
    "visits": {
        "decided_by_id": "a member of staff's Telegram number",
        "course_id": "a number that only the database knows; the session's place in its course is exported",
        "due_at": "when the program looks at it next",
        "reminders": "how often the program reminded staff",
    },
    "notes": {"author_id": "a member of staff's Telegram number", "visit_id": "it stands with its visit"},
    "follow_ups": {"key": "the program's own name for it", "sent_with": "a number that only the database knows"},
    "drafts": {"asked": "which field the form asks"},
    "waits": {"refused": "numbers of times that were free before", "due_at": "when the program looks at it next"},
    "enquiries": {
        "due_at": "when the program looks at it next",
        "reminders": "how often the program reminded staff",
        "question_id": "its words are exported instead",
    },
    "calls": {"key": "the program's own name for it"},
    "invites": {"digest": "would let somebody guess at the link", "used_by": "the person's own number, in the profile"},
    "outbox": {
        "params": "its words are exported instead",
        "method": "the words say what it was",
        "key": "the program's own name for it",
        "source": "a number of Telegram's",
        "subject": "a number that only the database knows",
        "message_id": "a number of Telegram's",
        "urgency": "the order of sending",
        "due_at": "the time it was sent is exported",
        "valid_until": "the time it was sent is exported",
        "attempts": "how often it was tried",
        "repeats": "a number that only the database knows",
        "error": "Telegram's words to the program",
    },
    "audit": {"actor": "who of the clinic's staff it was; the file says whether the person, the clinic or the program"},
    "patients": {},
    "questions": {},
    "consents": {},
    "courses": {},
}
"""Columns that are not exported, and why. `id`, and the `chat_id` and `visit_id` that say whose it is, are not either:
the profile has the one, the visits their codes."""

_NUMBERS = frozenset({"id", "chat_id", "visit_id"})


@dataclass(frozen=True, slots=True)
class Dossier:
    """The file's content, by section."""

    content: dict[str, Any]
    language: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class TooOften:
    """The person has had as many files today as one may."""

    most: int


@dataclass(frozen=True, slots=True)
class NothingHeld:
    """Nothing is held about the person."""


ExportOutcome = Dossier | TooOften | NothingHeld


def export(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> ExportOutcome:
    """Gather everything that is held about who has this chat, and keep that it was."""
    subject = f"chat:{chat_id}"
    since = (Audit.subject == subject, Audit.action == ACTION, Audit.at > now - A_DAY)
    if (session.scalar(select(func.count()).select_from(Audit).where(*since)) or 0) >= MOST_A_DAY:
        return TooOften(MOST_A_DAY)
    content = gather(session, clinic, chat_id, now)
    if content is None:
        return NothingHeld()
    session.add(Audit(at=now, actor=chat_id, action=ACTION, subject=subject, before=None, after=None))
    patient = session.get(Patient, chat_id)
    return Dossier(content, patient.language if patient else clinic.language, now)


def gather(session: Session, clinic: Clinic, chat_id: int, now: datetime) -> dict[str, Any] | None:
    """Return what is held about a chat and the visits that belong to it; None for nothing."""
    this = _Gathering(session, clinic, chat_id)
    patient = session.get(Patient, chat_id)
    mine = list(session.scalars(select(Visit).where(Visit.chat_id == chat_id).order_by(Visit.starts_at, Visit.id)))
    this.codes = {visit.id: visit.code for visit in mine}
    sections: dict[str, Any] = {
        "profile": {"chat_id": chat_id, **this.plain(patient)} if patient else {"chat_id": chat_id},
        "consents": this.listed(Consent),
        "visits": [this.visit(visit) for visit in mine],
        "courses": this.listed(Course),
        "follow_ups": this.listed(FollowUp, Visit),
        "booking_begun": this.listed(Draft),
        "waiting_for_earlier_times": this.listed(Wait, Visit),
        "questions": this.listed(Question),
        "conversations": [this.conversation(row) for row in this.rows(Enquiry)],
        "calls": this.listed(Call, Visit),
        "links": this.listed(Invite, Visit),
        "messages_sent": [this.message(row) for row in this.rows(Outgoing)],
        "log": this.log({f"chat:{chat_id}"}),
    }
    if patient is None and not any(rows for name, rows in sections.items() if name != "profile"):
        return None
    head = {
        "format": FORMAT,
        "version": VERSION,
        "made_at": this.value(now),
        "zone": clinic.zone,
        "clinic": {
            "name": clinic.name,
            "controller": clinic.privacy.controller,
            "contact": clinic.privacy.contact,
            "phone": clinic.phone,
        },
        "kept_for": clinic.privacy.model_dump(mode="json", exclude={"controller", "contact", "policy"}),
    }
    return head | sections


class _Gathering:
    """Turns rows into plain values."""

    def __init__(self, session: Session, clinic: Clinic, chat_id: int) -> None:
        self._session = session
        self._zone = clinic.tz
        self._chat_id = chat_id
        self.codes: dict[int, str] = {}

    def rows(self, table: Any, *, by_visit: bool = False) -> list[Any]:
        """Return the person's rows of a table, in order."""
        columns = table.__table__.c
        theirs = columns.visit_id.in_(self.codes) if by_visit else columns.chat_id == self._chat_id
        if by_visit and "chat_id" in columns:
            theirs |= columns.chat_id == self._chat_id
        order = columns.created_at if "id" not in columns else columns.id
        return list(self._session.scalars(select(table).where(theirs).order_by(order)))

    def listed(self, table: Any, also: Any = None) -> list[dict[str, Any]]:
        """Return the person's rows of a table; those that hang on their visits as well where `also` says so."""
        return [self.plain(row) for row in self.rows(table, by_visit=also is Visit)]

    def plain(self, row: Any) -> dict[str, Any]:
        """Return a row's columns, but for those that are hidden; the visit it is about by its code."""
        name, columns = row.__tablename__, [column.key for column in row.__table__.columns]
        found = {"visit": self.codes.get(row.visit_id)} if "visit_id" in columns and name != "notes" else {}
        hidden = _NUMBERS | HIDDEN[name].keys()
        return found | {column: self.value(getattr(row, column)) for column in columns if column not in hidden}

    def visit(self, visit: Visit) -> dict[str, Any]:
        """Return a visit with its history, and what staff noted about it."""
        notes = self._session.scalars(select(Note).where(Note.visit_id == visit.id).order_by(Note.id))
        history = self.log({f"{visits.SUBJECT}:{visit.id}"})
        return {**self.plain(visit), "history": history, "notes": [self.plain(note) for note in notes]}

    def conversation(self, row: Enquiry) -> dict[str, Any]:
        """Return a conversation with the question it began with."""
        question = self._session.get(Question, row.question_id) if row.question_id is not None else None
        history = self.log({f"{SUBJECT}:{row.id}"})
        return {**self.plain(row), "question": question.text if question else None, "history": history}

    def message(self, row: Outgoing) -> dict[str, Any]:
        """Return a message that was sent, or is to be: its words without markup, and its buttons."""
        keyboard = row.params.get("reply_markup", {}).get("inline_keyboard", [])
        return {
            **self.plain(row),
            "text": _words(row.params),
            "buttons": [button["text"] for line in keyboard for button in line],
        }

    def log(self, subjects: Collection[str]) -> list[dict[str, Any]]:
        """Return what the audit holds about these."""
        rows: Iterable[Audit] = self._session.scalars(
            select(Audit).where(Audit.subject.in_(subjects)).order_by(Audit.id)
        )
        return [
            {
                "at": self.value(row.at),
                "by": "you" if row.actor == self._chat_id else "program" if row.actor is None else "clinic",
                "action": row.action,
                "before": row.before,
                "after": row.after,
            }
            for row in rows
        ]

    def value(self, value: Any) -> Any:
        """Return what JSON can hold."""
        match value:
            case datetime():
                return value.astimezone(self._zone).isoformat()
            case time():
                return f"{value:%H:%M}"
            case date():
                return value.isoformat()
            case _:
                return value


def _words(params: dict[str, Any]) -> str:
    html = str(params.get("text") or params.get("caption") or "")
    try:
        return parse(html).text if params.get("parse_mode") == "HTML" else html
    except MarkupError:
        return html
