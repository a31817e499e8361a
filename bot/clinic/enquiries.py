"""Questions: kept as they were asked, passed on to staff where the patient wants it, and talked over with a person.

A conversation may be about a visit instead of a question: staff begin it by answering the visit's card.

An enquiry is `waiting` until somebody at the clinic answers, then both are `talking`: what either says is passed on,
and the bot stays out of it except for red flags. Either side ends it, or a while in which nobody writes does. A
patient has one conversation at a time: an answer to another card of theirs joins it. A possible emergency opens an
urgent enquiry by itself; staff are called again until somebody says that they are on it, and then asked whether it is
settled until somebody closes it: meanwhile what else the patient writes or sends goes below its card, and nothing of
the programme is sent.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.clinic import opening, patients, problems, staffroom
from bot.clinic.patients import Person
from bot.config import Clinic
from bot.delivery import outbox
from bot.store.models import Audit, Draft, Enquiry, Patient, Question, Visit
from faq.reader import Understood

SUBJECT = "enquiry"
VISITS = ("visit", "visit-note")
"""Subjects of what is said about a visit in the staff group."""
PERSONAL = "contraindications"
"""The topic of what is for a practitioner to answer."""
WAITING, TALKING, CLOSED = "waiting", "talking", "closed"
BY_PATIENT, BY_STAFF, BY_TIME = "patient", "staff", "time"
MOST_AN_HOUR = 10
"""Questions of one patient that staff get within an hour."""
HELD_FOR = timedelta(hours=2)
"""After a red flag, for which what else its patient writes belongs to it although somebody is on it."""
ANEW_AFTER = timedelta(hours=1)
"""After a possible emergency that somebody is on, from which another red flag calls staff again."""
SELDOM = timedelta(hours=1)
"""The longest pause between two calls to a possible emergency to which nobody has come."""
CALLED_APART = timedelta(minutes=1)
"""Between two calls to one patient's possible emergency, whatever they write meanwhile."""
ASK_WHETHER_SETTLED, ASK_AGAIN = timedelta(hours=2), timedelta(hours=20)
"""After which it is asked whether a possible emergency is settled that somebody took up: first, and then each day."""
A_MOMENT = timedelta(minutes=1)
A_ROUND = 100
"""Enquiries looked after in one transaction."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person sent: its text or caption (may be empty), and whether it was a plain text message."""

    text: str
    message_id: int
    is_text: bool


@dataclass(frozen=True, slots=True)
class Card:
    """An enquiry as staff see it in their group."""

    enquiry_id: int
    staff_chat: int
    message_id: int | None
    """The card's message, once it has arrived."""
    name: str
    question: str
    urgent: bool
    state: str
    handled_by: str | None
    closed_by: str | None
    opened_at: datetime
    chat_id: int
    language: str
    visit: str | None
    """The code of the visit it is about, where it is about one instead of a question."""
    phone: str | None
    """The patient's number, where a visit of theirs or a booking they have begun holds one."""

    @property
    def subject(self) -> str:
        """What messages about it are about, so that a reply to one of them finds the patient."""
        return f"{SUBJECT}:{self.enquiry_id}"


# --- the patient's side


@dataclass(frozen=True, slots=True)
class Under:
    """What may be an emergency goes below the card of an earlier one, to which staff are called again."""

    card: Card
    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The question is kept; `alert` is there where it may be an emergency and staff can be told.

    Where one of the patient's is open, one more card tells staff nothing: it is `under` that.
    """

    question_id: int
    understood: Understood
    alert: Card | None
    under: Under | None = None
    waiting: int | None = None
    """The enquiry of the patient's that waits for an answer, to which this may belong."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """It goes to the person at the clinic with whom the patient is talking."""

    card: Card


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It holds nothing that can be read, and nobody is there to look at it."""

    waiting: int | None = None
    """The enquiry of the patient's that waits for an answer, to which this may belong."""


@dataclass(frozen=True, slots=True)
class Below:
    """It came after what may be an emergency, and belongs below its card; None where staff have no group."""

    card: Card | None


HearOutcome = Asked | Relayed | Unreadable


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Staff get the question; where it `waits`, they cannot be reached at present."""

    card: Card
    waits: bool = False


@dataclass(frozen=True, slots=True)
class AlreadyPassedOn:
    """Staff have the question."""


@dataclass(frozen=True, slots=True)
class NobodyToAsk:
    """No staff group is connected."""


@dataclass(frozen=True, slots=True)
class NoSuchQuestion:
    """The question is not there, or is somebody else's."""


@dataclass(frozen=True, slots=True)
class AskedEnough:
    """Staff have got so many questions of the patient within the hour that they would read nothing else."""


PassOnOutcome = PassedOn | AlreadyPassedOn | NobodyToAsk | NoSuchQuestion


def hear(
    session: Session, clinic: Clinic, person: Person, said: Said, understood: Understood | None, now: datetime
) -> HearOutcome:
    """Take what a patient said: a red flag before anything else, then an open conversation, then a question."""
    patient = patients.meet(session, person, now)
    if understood is not None and understood.route == "urgent":
        patient.flagged_at, patient.topic = now, None
        problems.report(session, person.chat_id, now)
        question = _keep(session, person.chat_id, said.text, understood, now)
        alert = _alert(session, person.chat_id)
        if alert is not None and (_is_heeded(alert) or now - alert.opened_at < ANEW_AFTER):
            if alert.handled_by is None:
                _call_again(clinic, alert, now)
            return Asked(question.id, understood, None, Under(_card(session, alert), said.text))
        due = now + timedelta(minutes=clinic.alerts.ping_minutes)
        return Asked(question.id, understood, _open(session, question, now, urgent=True, due_at=due))
    if (enquiry := _talking(session, person.chat_id)) is not None:
        enquiry.due_at = now + timedelta(minutes=clinic.enquiries.rest_minutes)
        return Relayed(_card(session, enquiry))
    waiting = _waiting(session, person.chat_id)
    if understood is None:
        return Unreadable(waiting)
    question = _keep(session, person.chat_id, said.text, understood, now)
    if understood.personal:  # what follows from it is personal as well
        patient.topic, patient.topic_at = PERSONAL, now
    elif understood.route == "answer":
        patient.topic, patient.topic_at = understood.topic, now
    elif understood.route != "smalltalk":
        patient.topic = None
    return Asked(question.id, understood, None, waiting=waiting)


def below(session: Session, person: Person, now: datetime) -> Below | None:
    """Return where what a patient writes after a possible emergency belongs; None where there is none to speak of."""
    patient, alert = session.get(Patient, person.chat_id), _alert(session, person.chat_id)
    is_flagged = patient is not None and patient.flagged_at is not None and now - patient.flagged_at < HELD_FOR
    if alert is not None and (is_flagged or _is_heeded(alert)):
        return Below(_card(session, alert))
    return Below(None) if is_flagged and staffroom.chat(session) is None else None


def ask(session: Session, clinic: Clinic, question_id: int, chat_id: int, now: datetime) -> PassOnOutcome | AskedEnough:
    """Pass the patient's question on to staff, unless they got very many of the patient's within the hour."""
    lately = (Enquiry.chat_id == chat_id, Enquiry.opened_at > now - timedelta(hours=1), Enquiry.urgent.is_(False))
    if (session.scalar(select(func.count()).select_from(Enquiry).where(*lately)) or 0) >= MOST_AN_HOUR:
        return AskedEnough()
    return pass_on(session, clinic, question_id, chat_id, now)


def pass_on(session: Session, clinic: Clinic, question_id: int, chat_id: int, now: datetime) -> PassOnOutcome:
    """Pass the patient's question on to staff, once."""
    question = session.get(Question, question_id)
    if question is None or question.chat_id != chat_id:
        return NoSuchQuestion()
    if session.scalar(select(Enquiry.id).where(Enquiry.question_id == question_id)) is not None:
        return AlreadyPassedOn()
    due = opening.after(clinic, now, timedelta(minutes=clinic.enquiries.remind_minutes))
    card = _open(session, question, now, urgent=False, due_at=due)
    return PassedOn(card, waits=staffroom.closed_since(session) is not None) if card else NobodyToAsk()


@dataclass(frozen=True, slots=True)
class Detail:
    """Something that the patient sent belongs to their enquiry; `text` is None where it was no text."""

    card: Card
    text: str | None


def add_detail(session: Session, enquiry_id: int, question_id: int, chat_id: int) -> Detail | None:
    """Let what was taken for a question, or was no text (0), belong to an enquiry; None where that is over."""
    enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None or enquiry.chat_id != chat_id or enquiry.state == CLOSED:
        return None
    question = session.get(Question, question_id) if question_id else None
    if question_id and (question is None or question.chat_id != chat_id):
        return None
    text = question.text if question else None
    asked = session.scalar(select(Enquiry.id).where(Enquiry.question_id == question_id).limit(1))
    if question is not None and asked is None:
        session.delete(question)  # staff have it, and it is nothing to write a text about
    return Detail(_card(session, enquiry), text)


@dataclass(frozen=True, slots=True)
class Corrected:
    """The question reads anew; `card` is there where staff have it."""

    card: Card | None


def correct(session: Session, question_id: int, chat_id: int, text: str) -> Corrected:
    """Let a question, and the card of it, read as its writer changed it."""
    question = session.get(Question, question_id)
    if question is None or question.chat_id != chat_id or question.text == text:
        return Corrected(None)
    question.text = text
    open_ones = (Enquiry.question_id == question_id, Enquiry.state != CLOSED)
    enquiry = session.scalar(select(Enquiry).where(*open_ones))
    return Corrected(_card(session, enquiry) if enquiry else None)


def words_of(session: Session, question_id: int) -> str | None:
    """Return the words of a question that was taken for a possible emergency whose card is open."""
    question = session.get(Question, question_id)
    if question is None or question.route != "urgent":
        return None
    open_ones = select(Enquiry.id).where(Enquiry.chat_id == question.chat_id, Enquiry.urgent, Enquiry.state != CLOSED)
    return question.text if session.scalar(open_ones.limit(1)) is not None else None


def suggested(session: Session, question_id: int, chat_id: int, topic: str) -> None:
    """Take the patient's question for one about the topic that they chose among those suggested."""
    question = session.get(Question, question_id)
    if question is not None and question.chat_id == chat_id and not question.personal:
        question.route, question.topic, question.helpful = "answer", topic, None


def rate(session: Session, question_id: int, chat_id: int, *, helpful: bool) -> Question | None:
    """Keep what the patient says of an answer; None where it is not theirs, or they have said it before."""
    question = session.get(Question, question_id)
    if question is None or question.chat_id != chat_id or question.helpful is not None:
        return None
    question.helpful = helpful
    return question


# --- staff's side


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's message is to go to the patient; `first` where it opens the conversation."""

    card: Card
    first: bool
    also: tuple[Card, ...] = ()
    """Other cards of the patient's whose state it has changed."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The patient has blocked the bot, or has no chat with it; `phone` is known from a visit."""

    name: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class NotACard:
    """The message is about no enquiry, or not in the staff group."""


AnswerOutcome = Answered | Unreachable | NotACard


@dataclass(frozen=True, slots=True)
class Changed:
    """The enquiry is in a new state; `silent` where the patient knows of nothing that could have ended."""

    card: Card
    silent: bool = False
    goes_on: bool = False
    """Messages that were held back while a problem was open are sent again."""
    also: tuple[Card, ...] = ()
    """Other cards of the patient's whose state it has changed."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Somebody was first."""

    card: Card


ChangeOutcome = Changed | Unchanged | NotACard


@dataclass(frozen=True, slots=True)
class About:
    """What a message in the staff group is about; `version` where it asks something of one version of a visit."""

    noun: str = ""
    number: int = 0
    version: int = 0
    is_unknown: bool = field(default=False, kw_only=True)
    """True for a message that is not known to have arrived: nobody knows what it is about."""


def alert_of(session: Session, chat_id: int) -> Card | None:
    """Return the patient's newest possible emergency of which nobody at the clinic talks with them yet."""
    waiting = select(Enquiry).where(Enquiry.chat_id == chat_id, Enquiry.urgent, Enquiry.state == WAITING)
    enquiry = session.scalar(waiting.order_by(Enquiry.id.desc()).limit(1))
    return _card(session, enquiry) if enquiry else None


def of_card(session: Session, chat_id: int, message_id: int) -> Card | None:
    """Return the enquiry that a message in the staff group is about."""
    about = what_about(session, chat_id, message_id)
    enquiry = session.get(Enquiry, about.number) if about.noun == SUBJECT else None
    return _card(session, enquiry) if enquiry else None


def what_about(session: Session, chat_id: int, message_id: int) -> About:
    """Return what a message of the bot in the staff group is about; an empty noun for nothing."""
    if staffroom.chat(session) != chat_id:
        return About()
    subject = outbox.about(session, chat_id, message_id)
    if subject is None:
        return About(is_unknown=not outbox.is_known(session, chat_id, message_id))
    noun, *numbers = subject.split(":")
    return About(noun, *map(int, numbers))


def answer(
    session: Session, clinic: Clinic, staff_chat: int, replied_to: int, actor: int | None, name: str, now: datetime
) -> AnswerOutcome:
    """Take a staff member's reply to a card, or to a message that was passed on, as said to its patient."""
    about = what_about(session, staff_chat, replied_to)
    if about.noun in VISITS:
        visit = session.get(Visit, about.number)
        if visit is None:
            return NotACard()
        patient = session.get(Patient, visit.chat_id) if visit.chat_id is not None else None
        if patient is None or patient.unreachable_since is not None:
            return Unreachable(visit.name, visit.phone)
        enquiry = _about_visit(session, visit.id, patient.chat_id, now)
    else:
        found = session.get(Enquiry, about.number) if about.noun == SUBJECT else None
        if found is None:
            return NotACard()
        enquiry = found
        patient = session.get_one(Patient, enquiry.chat_id)
        if patient.unreachable_since is not None:
            return Unreachable(patients.display_name(patient), None)
    also: list[Enquiry] = []
    # who answers in a conversation that goes on has the patient's alert before them; who answers a question may not
    if enquiry.state == TALKING or (enquiry.urgent and enquiry.state != CLOSED):
        also += _take_alerts(session, patient.chat_id, actor, name, now)
    talking = _talking(session, patient.chat_id)
    if talking is not None and talking.id != enquiry.id and enquiry.state != TALKING:
        also += _join(session, enquiry, actor, name, now)
        enquiry = talking
    first = enquiry.state != TALKING
    if first:
        _change(session, enquiry, TALKING, actor, now)
        enquiry.handled_by = enquiry.handled_by or name
        enquiry.closed_by = None
    enquiry.due_at = now + timedelta(minutes=clinic.enquiries.rest_minutes)
    others = {one.id: one for one in also if one.id != enquiry.id}
    return Answered(_card(session, enquiry), first, tuple(_card(session, one) for one in others.values()))


def _join(session: Session, enquiry: Enquiry, actor: int | None, name: str, now: datetime) -> list[Enquiry]:
    """Let an enquiry be answered within the conversation that is open with its patient."""
    if enquiry.urgent or enquiry.state == CLOSED:
        return [enquiry]
    _change(session, enquiry, CLOSED, actor, now)
    enquiry.handled_by, enquiry.closed_by, enquiry.due_at = enquiry.handled_by or name, BY_STAFF, None
    return [enquiry]


def _take_alerts(session: Session, chat_id: int, actor: int | None, name: str, now: datetime) -> list[Enquiry]:
    """Note that somebody looks after all of the patient's possible emergencies to which nobody had come."""
    unheard = (Enquiry.chat_id == chat_id, Enquiry.urgent, Enquiry.state == WAITING, Enquiry.handled_by.is_(None))
    taken = list(session.scalars(select(Enquiry).where(*unheard).order_by(Enquiry.id)))
    for enquiry in taken:
        session.add(_audit(actor, "alert acknowledged", enquiry, enquiry.state, enquiry.state, now))
        enquiry.handled_by, enquiry.due_at = name, now + ASK_WHETHER_SETTLED
    return taken


def _about_visit(session: Session, visit_id: int, chat_id: int, now: datetime) -> Enquiry:
    """Return the conversation that is open with the patient, or else the one about the visit, new if need be."""
    if (talking := _talking(session, chat_id)) is not None:
        return talking
    enquiry = session.scalar(select(Enquiry).where(Enquiry.visit_id == visit_id))
    if enquiry is None:
        enquiry = Enquiry(
            chat_id=chat_id, visit_id=visit_id, urgent=False, state=WAITING, opened_at=now, due_at=None, reminders=0
        )
        session.add(enquiry)
        session.flush()
    return enquiry


def acknowledge(
    session: Session, enquiry_id: int, staff_chat: int, actor: int, name: str, now: datetime
) -> ChangeOutcome:
    """Note that a staff member is looking after a patient's possible emergencies; the calls end."""
    enquiry = _staffs(session, enquiry_id, staff_chat)
    if enquiry is None:
        return NotACard()
    taken = _take_alerts(session, enquiry.chat_id, actor, name, now) if enquiry.handled_by is None else []
    if enquiry not in taken:
        return Unchanged(_card(session, enquiry))
    others = tuple(_card(session, one) for one in taken if one is not enquiry)
    return Changed(_card(session, enquiry), also=others)


def close(session: Session, enquiry_id: int, staff_chat: int, actor: int, now: datetime) -> ChangeOutcome:
    """Let a staff member end an enquiry."""
    enquiry = _staffs(session, enquiry_id, staff_chat)
    return _closed(session, enquiry, BY_STAFF, actor, now) if enquiry else NotACard()


def end(session: Session, enquiry_id: int, chat_id: int, now: datetime) -> ChangeOutcome:
    """Let the patient end the conversation, whichever message of it the button stands below."""
    enquiry = session.get(Enquiry, enquiry_id)
    if enquiry is None or enquiry.chat_id != chat_id:
        return NotACard()
    return _closed(session, _talking(session, chat_id) or enquiry, BY_PATIENT, chat_id, now)


# --- what time brings


@dataclass(frozen=True, slots=True)
class Pinged:
    """Nobody has acknowledged a possible emergency; where `tell_patient`, it is time to say so."""

    card: Card
    tell_patient: bool


@dataclass(frozen=True, slots=True)
class Reminded:
    """A question waits."""

    card: Card


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No answer came in time."""

    card: Card


@dataclass(frozen=True, slots=True)
class Rested:
    """Nobody wrote for a while, so the conversation is over."""

    card: Card


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Somebody took up a possible emergency, and nobody has closed it."""

    card: Card


Due = Pinged | Reminded | GivenUp | Rested | Unsettled


def alarms(session: Session, staff_chat: int) -> list[Card]:
    """Return the possible emergencies that nobody has closed, the oldest first."""
    if staffroom.chat(session) != staff_chat:
        return []
    open_ones = select(Enquiry).where(Enquiry.urgent, Enquiry.state != CLOSED).order_by(Enquiry.id)
    return [_card(session, enquiry) for enquiry in session.scalars(open_ones)]


def make_rounds(session: Session, clinic: Clinic, now: datetime, *, urgent_only: bool = False) -> list[Due]:
    """Do what has become due about enquiries, at most `A_ROUND` at a time; or only call staff to what is urgent."""
    due = select(Enquiry).where(Enquiry.due_at <= now)
    if urgent_only:
        due = due.where(Enquiry.urgent.is_(True), Enquiry.state == WAITING, Enquiry.handled_by.is_(None))
    rows = session.scalars(due.order_by(Enquiry.due_at).limit(A_ROUND))
    found = [_look_after(session, clinic, enquiry, now) for enquiry in rows.all()]
    return [one for one in found if one is not None]


def next_due(session: Session) -> datetime | None:
    """Return when something is to be done about an enquiry."""
    return session.scalar(select(func.min(Enquiry.due_at)))


def _look_after(session: Session, clinic: Clinic, enquiry: Enquiry, now: datetime) -> Due | None:
    if enquiry.state == TALKING:
        _closed(session, enquiry, BY_TIME, None, now)
        return Rested(_card(session, enquiry))
    if enquiry.urgent and enquiry.handled_by is not None:
        open_again = opening.after(clinic, now, A_MOMENT)
        if open_again > now + A_MOMENT:  # it has been looked after: that need not be said at night
            enquiry.due_at = open_again
            return None
        enquiry.due_at = opening.after(clinic, now + ASK_AGAIN, A_MOMENT)
        return Unsettled(_card(session, enquiry))
    if enquiry.urgent:
        enquiry.reminders += 1
        enquiry.due_at = now + _pause(clinic, enquiry.reminders)
        if enquiry.reminders >= clinic.alerts.most_pings and (opens := opening.next_opening(clinic, now)) is not None:
            enquiry.due_at = min(enquiry.due_at, opens)
        return Pinged(_card(session, enquiry), enquiry.reminders == clinic.alerts.tell_patient_after)
    rules = clinic.enquiries
    end = opening.after(clinic, enquiry.opened_at, timedelta(hours=rules.give_up_hours))
    if end <= now:
        _closed(session, enquiry, BY_TIME, None, now)
        return GivenUp(_card(session, enquiry))
    enquiry.reminders += 1
    pause = timedelta(minutes=rules.remind_minutes * 2**enquiry.reminders)  # each reminder after twice the time
    enquiry.due_at = min(end, opening.after(clinic, now, pause))
    return Reminded(_card(session, enquiry))


def _keep(session: Session, chat_id: int, text: str, understood: Understood, now: datetime) -> Question:
    question = Question(
        chat_id=chat_id,
        asked_at=now,
        language=understood.language,
        text=text,
        route=understood.route,
        topic=understood.topic,
        suggestions=list(understood.suggestions),
        personal=understood.personal,
        score=understood.score,
    )
    session.add(question)
    session.flush()
    return question


def _open(session: Session, question: Question, now: datetime, *, urgent: bool, due_at: datetime) -> Card | None:
    if staffroom.chat(session) is None:
        return None
    enquiry = Enquiry(
        chat_id=question.chat_id,
        question_id=question.id,
        urgent=urgent,
        state=WAITING,
        opened_at=now,
        due_at=due_at,
        reminders=0,
    )
    session.add(enquiry)
    session.flush()
    return _card(session, enquiry)


def _alert(session: Session, chat_id: int) -> Enquiry | None:
    """Return the patient's newest possible emergency that is open."""
    open_ones = select(Enquiry).where(Enquiry.chat_id == chat_id, Enquiry.urgent, Enquiry.state != CLOSED)
    return session.scalar(open_ones.order_by(Enquiry.id.desc()).limit(1))


def _is_heeded(alert: Enquiry) -> bool:
    """True for a possible emergency at which staff look now: they are called to it, or talk with the patient."""
    return alert.handled_by is None or alert.state == TALKING


def _waiting(session: Session, chat_id: int) -> int | None:
    """Return the patient's newest question that staff have got and not answered."""
    open_ones = (Enquiry.chat_id == chat_id, Enquiry.urgent.is_(False), Enquiry.state == WAITING)
    asked = select(Enquiry.id).where(*open_ones, Enquiry.question_id.is_not(None))
    return session.scalar(asked.order_by(Enquiry.id.desc()).limit(1))


def _pause(clinic: Clinic, calls: int) -> timedelta:
    """Return for how long staff are not called again after that many calls: ever longer, once many were in vain."""
    pause = timedelta(minutes=clinic.alerts.ping_minutes)
    in_vain = max(calls - clinic.alerts.most_pings + 1, 0)
    return min(pause * (1 << min(in_vain, 8)), max(pause, SELDOM))


def _call_again(clinic: Clinic, enquiry: Enquiry, now: datetime) -> None:
    """Call staff soon to what may be an emergency, and often again where the calls had become few; not twice in a
    minute."""
    if enquiry.due_at is None:  # as it was left by a version in which the calls came to an end
        enquiry.due_at, enquiry.reminders = now, 0
        return
    if enquiry.due_at - now > CALLED_APART:
        called_at = enquiry.due_at - _pause(clinic, enquiry.reminders)
        enquiry.due_at = max(now, called_at + CALLED_APART)
    rules = clinic.alerts  # the patient is told once, and again where it has been long
    is_long = enquiry.reminders >= rules.most_pings
    enquiry.reminders = 0 if is_long else min(enquiry.reminders, rules.tell_patient_after)


def _talking(session: Session, chat_id: int) -> Enquiry | None:
    open_ones = select(Enquiry).where(Enquiry.chat_id == chat_id, Enquiry.state == TALKING)
    return session.scalar(open_ones.order_by(Enquiry.id.desc()).limit(1))


def _staffs(session: Session, enquiry_id: int, staff_chat: int) -> Enquiry | None:
    return session.get(Enquiry, enquiry_id) if staffroom.chat(session) == staff_chat else None


def _closed(session: Session, enquiry: Enquiry, by: str, actor: int | None, now: datetime) -> ChangeOutcome:
    if enquiry.state == CLOSED:
        return Unchanged(_card(session, enquiry))
    # what may be an emergency is over when staff say so: the conversation ends, the card stays open
    state = WAITING if enquiry.urgent and by != BY_STAFF else CLOSED
    silent = enquiry.urgent and enquiry.state != TALKING
    _change(session, enquiry, state, actor, now)
    enquiry.closed_by, enquiry.due_at = by, None if state == CLOSED else now + ASK_WHETHER_SETTLED
    goes_on = state == CLOSED and enquiry.urgent and problems.settle(session, enquiry.chat_id, now)
    return Changed(_card(session, enquiry), silent, goes_on)


def _change(session: Session, enquiry: Enquiry, state: str, actor: int | None, now: datetime) -> None:
    session.add(_audit(actor, f"enquiry {state}", enquiry, enquiry.state, state, now))
    enquiry.state = state


def _audit(actor: int | None, action: str, enquiry: Enquiry, before: str, after: str, now: datetime) -> Audit:
    return Audit(at=now, actor=actor, action=action, subject=f"{SUBJECT}:{enquiry.id}", before=before, after=after)


def _card(session: Session, enquiry: Enquiry) -> Card:
    patient = session.get_one(Patient, enquiry.chat_id)
    question = session.get(Question, enquiry.question_id) if enquiry.question_id is not None else None
    visit = session.get(Visit, enquiry.visit_id) if enquiry.visit_id is not None else None
    staff_chat = staffroom.chat(session) or 0
    return Card(
        enquiry.id,
        staff_chat,
        outbox.card(session, staff_chat, f"{SUBJECT}:{enquiry.id}"),
        patients.display_name(patient),
        question.text if question else "",
        enquiry.urgent,
        enquiry.state,
        enquiry.handled_by,
        enquiry.closed_by,
        enquiry.opened_at,
        patient.chat_id,
        patient.language,
        visit.code if visit else None,
        phone(session, enquiry.chat_id),
    )


def phone(session: Session, chat_id: int) -> str | None:
    """Return the number under which a patient can be called, as far as it is known."""
    visited = select(Visit.phone).where(Visit.chat_id == chat_id).order_by(Visit.id.desc()).limit(1)
    return session.scalar(visited) or session.scalar(select(Draft.phone).where(Draft.chat_id == chat_id))
