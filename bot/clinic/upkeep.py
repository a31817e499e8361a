"""Upkeep: what has been kept long enough goes, a batch in a transaction, so that nobody who writes waits for it.

The periods are the clinic's (`[privacy]` in clinic.toml), and patients read them in /privacy.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from bot.clinic import erasure, slots, timing, visits
from bot.clinic.erasure import Whose
from bot.config import Clinic
from bot.store.models import (
    Audit,
    Block,
    Call,
    Consent,
    Draft,
    Enquiry,
    FollowUp,
    Incoming,
    Invite,
    Note,
    Outgoing,
    Patient,
    Question,
    Slot,
    Visit,
)

INBOX_DAYS = 2
"""Telegram redelivers an update for a day at most."""
BATCH = 500
"""Rows deleted in one transaction: some milliseconds."""
PEOPLE = 20
"""People, and visits, forgotten in one transaction."""
CALLED_OFF = (visits.DECLINED, visits.CANCELLED, visits.EXPIRED, visits.NO_SHOW)

Step = Callable[[Session, Clinic, datetime], bool]
"""Deletes one batch of one kind; returns True where there may be more."""


def batch(step: Step, clinic: Clinic, now: datetime) -> Callable[[Session], bool]:
    """Return one batch of a step as work for a transaction."""
    return lambda session: step(session, clinic, now)


def prune(session: Session, clinic: Clinic, now: datetime) -> None:
    """Delete all that is due in one transaction, as where nobody else writes."""
    for step in STEPS:
        while step(session, clinic, now):
            pass


def _updates(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Incoming, Incoming.settled_at < now - timedelta(days=INBOX_DAYS))


def _messages(session: Session, clinic: Clinic, now: datetime) -> bool:
    old = Outgoing.settled_at < _days(now, clinic.privacy.chat_days)
    return _delete(session, Outgoing, old, Outgoing.state.not_in(("pending", "sending")))


def _files(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Empty files that were never sent and are not to be any more."""
    over = or_(Outgoing.state == "stale", and_(Outgoing.state == "parked", Outgoing.valid_until < now))
    files = (Outgoing.method.in_(("sendDocument", "sendPhoto")), cast(Outgoing.params, String) != "{}")
    mine = select(Outgoing.id).where(over, *files).limit(BATCH)
    emptied = session.execute(update(Outgoing).where(Outgoing.id.in_(mine)).values(params={}, state="stale"))
    return _is_full(emptied)


def _shown_to_staff(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Empty what is not to be shown to the staff group any more."""
    over = (Outgoing.chat_id < 0, Outgoing.state == "stale", cast(Outgoing.params, String) != "{}")
    mine = select(Outgoing.id).where(*over).limit(BATCH)
    return _is_full(session.execute(update(Outgoing).where(Outgoing.id.in_(mine)).values(params={})))


def _conversations(session: Session, clinic: Clinic, now: datetime) -> bool:
    old = Enquiry.opened_at < _days(now, clinic.privacy.chat_days)
    return _delete(session, Enquiry, old, Enquiry.state == erasure.CLOSED)


def _questions(session: Session, clinic: Clinic, now: datetime) -> bool:
    in_use = exists().where(Enquiry.question_id == Question.id)
    return _delete(session, Question, Question.asked_at < _days(now, clinic.privacy.chat_days), ~in_use)


def _drafts(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Draft, Draft.changed_at < _days(now, clinic.privacy.unbooked_days))


def _answers(session: Session, clinic: Clinic, now: datetime) -> bool:
    old = Visit.ends_at < _days(now, clinic.privacy.answers_days)
    has_any = or_(cast(Visit.screening, String) != "{}", Visit.flagged)
    mine = select(Visit.id).where(old, has_any).limit(BATCH)
    return _is_full(session.execute(update(Visit).where(Visit.id.in_(mine)).values(screening={}, flagged=False)))


def _follow_ups(session: Session, clinic: Clinic, now: datetime) -> bool:
    old = func.coalesce(FollowUp.sent_at, FollowUp.valid_until) < _days(now, clinic.privacy.follow_up_days)
    return _delete(session, FollowUp, old, FollowUp.valid_until < now)


def _calls(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Call, Call.done_at < _days(now, clinic.privacy.call_days))


def _invites(session: Session, clinic: Clinic, now: datetime) -> bool:
    ended = func.coalesce(Invite.used_at, Invite.expires_at) < _days(now, clinic.privacy.invite_days)
    return _delete(session, Invite, ended)


def _notes(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Note, Note.at < _months(clinic, now, clinic.privacy.note_months))


def _blocks(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Block, Block.ends_at < _days(now, clinic.privacy.called_off_days))


def _held_times(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Slot, Slot.unit < slots.unit(_days(now, clinic.privacy.called_off_days)))


def _consents(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Delete answers that a newer one has replaced, counted from then."""
    newer = select(Consent).subquery()
    since = select(func.min(newer.c.at)).where(
        newer.c.chat_id == Consent.chat_id, newer.c.purpose == Consent.purpose, newer.c.id > Consent.id
    )
    return _delete(session, Consent, since.scalar_subquery() < _months(clinic, now, clinic.privacy.consent_months))


def _log(session: Session, clinic: Clinic, now: datetime) -> bool:
    return _delete(session, Audit, Audit.at < _months(clinic, now, clinic.privacy.audit_months))


def _visits(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Forget visits that did not take place, and treatments of long ago, with all that hangs on them."""
    not_held = and_(Visit.status.in_(CALLED_OFF), Visit.ends_at < _days(now, clinic.privacy.called_off_days))
    treated = Visit.ends_at < _months(clinic, now, clinic.privacy.treatment_months)
    found = session.scalars(select(Visit.id).where(or_(not_held, treated)).order_by(Visit.id).limit(PEOPLE)).all()
    if found:
        erasure.remove(session, Whose(None, tuple(found)))
    return len(found) == PEOPLE


def _enquirers(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Forget people without a visit who have not written for a while, with all that is theirs."""
    since = _days(now, clinic.privacy.unbooked_days)
    idle = (
        Patient.started_at < since,
        ~exists().where(Visit.chat_id == Patient.chat_id),
        ~exists().where(Draft.chat_id == Patient.chat_id),
        ~exists().where(Question.chat_id == Patient.chat_id, Question.asked_at >= since),
        ~exists().where(Enquiry.chat_id == Patient.chat_id, Enquiry.state != erasure.CLOSED),
        ~exists().where(Enquiry.chat_id == Patient.chat_id, Enquiry.opened_at >= since),
        ~exists().where(Consent.chat_id == Patient.chat_id, Consent.at >= since),
        ~exists().where(Outgoing.chat_id == Patient.chat_id, Outgoing.created_at >= since),
    )
    found = session.scalars(select(Patient.chat_id).where(*idle).order_by(Patient.chat_id).limit(PEOPLE)).all()
    for chat_id in found:
        erasure.remove(session, Whose(chat_id))
    return len(found) == PEOPLE


STEPS: tuple[Step, ...] = (
    _updates,
    _messages,
    _files,
    _shown_to_staff,
    _conversations,
    _questions,
    _drafts,
    _answers,
    _follow_ups,
    _calls,
    _invites,
    _notes,
    _visits,
    _blocks,
    _held_times,
    _consents,
    _enquirers,
    _log,
)
"""In this order: what hangs on something goes before it."""


def _days(now: datetime, count: int) -> datetime:
    return now - timedelta(days=count)


def _months(clinic: Clinic, now: datetime, count: int) -> datetime:
    wall = now.astimezone(clinic.tz)
    return timing.instant(timing.months_later(wall.date(), -count), wall.time(), clinic.tz)


def _delete(session: Session, table: Any, *which: ColumnElement[bool]) -> bool:
    keys = list(table.__table__.primary_key)
    chosen = select(*keys).where(*which).limit(BATCH)
    return _is_full(session.execute(delete(table).where(tuple_(*keys).in_(chosen))))


def _is_full(result: Any) -> bool:
    """True where a statement found a whole batch, so that there may be more."""
    return bool(result.rowcount >= BATCH)
