"""Pages: a text and its buttons, for the menu, a category, a topic, and the reply to a question."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bot.clock import Clock
from bot.config import Clinic
from bot.delivery.markup import TEXT_LIMIT, escape, length, parse
from bot.delivery.messages import Button, Rows
from bot.wording import answers, booking, facts, front, gaps
from bot.wording.speech import Speech
from faq.content import Library, Topic
from faq.reader import Own, Understood
from faq.redflags import Level

MENU = "menu"
CATEGORY = "cat"
TOPIC = "topic"
ASK = "ask"
HELPFUL = "fb"
BOOK = "book"
"""Begins a booking."""
VISITS = "visits"
"""Lists the visits to come, below."""


@dataclass(frozen=True, slots=True)
class Page:
    """A text (Telegram HTML) and its buttons."""

    text: str
    rows: Rows = ()
    answers: tuple[str, ...] = ()
    """What the text is made of, where it is several answers."""

    def without_booking(self) -> "Page":
        """Return the page for somebody to whom nothing is offered today: without the way to a booking."""
        rows = (tuple(button for button in row if button.data != BOOK) for row in self.rows)
        return replace(self, rows=tuple(row for row in rows if row))

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text in the messages that it takes: one, or where that would be too long, one an answer."""
        fits = not self.answers or length(parse(self.text).text) <= TEXT_LIMIT
        return (self.text,) if fits else self.answers


@dataclass(frozen=True)
class Pages:
    """Draws pages from the content and the clinic's facts, as they are today."""

    clinic: Clinic
    libraries: Mapping[str, Library]
    clock: Clock
    _facts: dict[str, tuple[date, Mapping[str, str]]] = field(default_factory=dict, init=False)
    """What the texts' placeholders stand for, by language, on a day: it takes longer than the rest of a page."""

    def library(self, say: Speech) -> Library:
        """Return the content in the language of `say`, or the clinic's own language where there is none."""
        return self.libraries.get(say.language) or self.libraries[self.clinic.language]

    def welcome(self, say: Speech, first_name: str) -> Page:
        """Say hello, over the categories."""
        return Page(front.welcome(say, self.clinic, first_name), (*self._categories(say), *self._book(say)))

    def menu(self, say: Speech) -> Page:
        """List the categories."""
        return Page(front.menu(say), (*self._categories(say), *self._book(say)))

    def help(self, say: Speech) -> Page:
        """Say how to use the bot."""
        return Page(front.help_text(say, self.clinic), ((_menu_button(say),),))

    def contact(self, say: Speech) -> Page:
        """Say how to reach a person."""
        today = self.clock.now().astimezone(self.clinic.tz).date()
        return Page(front.contact(say, self.clinic, today), ((_menu_button(say),),))

    def category(self, say: Speech, category_id: str) -> Page | None:
        """List a category's topics; None where there is no such category."""
        library = self.library(say)
        category = library.category(category_id)
        if category is None:
            return None
        topics = [self._topic_button(topic) for topic in library.in_category(category_id)]
        text = answers.titled(f"{category.icon} {category.title}".strip(), category.intro)
        return Page(text, (*_in_pairs(topics), (_menu_button(say),)))

    def topic(self, say: Speech, topic_id: str, question_id: int | None = None) -> Page | None:
        """Answer a topic, with its neighbours and the way back; None where there is no such topic.

        Where it was suggested to the question `question_id`, with the way to a person as well.
        """
        library = self.library(say)
        topic = library.topics.get(topic_id)
        if topic is None:
            return None
        back = library.category(topic.front.category)
        up = (Button(f"« {back.title}", f"{CATEGORY}:{back.id}"),) if back and topic.front.listed else ()
        # a treatment that must not be promoted has no way to a booking beside it
        book = self._book(say) if topic.front.listed else ()
        ways: Rows = ((*up, _menu_button(say)),)
        if question_id is not None:
            ask = Button(answers.ask_clinic_button(say), f"{ASK}:{question_id}")
            ways = (_rating(say, question_id), (ask, _menu_button(say)))
        return Page(self._answer(say, topic), (*self._related(library, topic), *book, *ways))

    def reply(self, say: Speech, understood: Understood, question_id: int | None) -> Page:  # noqa: PLR0911, PLR0912  one route, one page
        """Reply to a question; `question_id` lets the patient pass it on to a person."""
        ask = Button(answers.ask_clinic_button(say), f"{ASK}:{question_id or 0}")
        way_out = ((ask, _menu_button(say)),)
        match understood.route:
            case "urgent" if understood.level is Level.SAME_DAY:
                return Page(answers.same_day(say, self.clinic))
            case "urgent":
                return Page(answers.urgent(say, self.clinic))
            case "staff" if understood.distressed:
                return Page(answers.distressed(say, self.clinic), ((ask,),))
            case "answer" if understood.own is not None:
                return self._own(say, understood.own, question_id, ask)
            case "answer" if understood.topic is not None:
                return self._answers(say, (understood.topic, *understood.also), question_id, ask)
            case "staff" if understood.foreign:
                return Page(answers.not_our_language(say, self.clinic), way_out)
            case "staff" if understood.minor:
                return Page(answers.for_adults(say), way_out)
            case "staff" if understood.personal:
                return Page(answers.for_a_person(say), way_out)
            case "staff":
                return Page(answers.for_staff(say), way_out)
            case "book":
                return Page(answers.book(say, self.clinic), (*self._book(say), *way_out))
            case "smalltalk":
                return Page(answers.smalltalk(say), (*self._categories(say), *self._book(say)))
            case "off-topic":
                return Page(answers.off_topic(say, self.clinic), way_out)
            case _ if understood.suggestions:
                topics = self._suggested(self.library(say), understood.suggestions, question_id)
                return Page(answers.suggest(say), (*((button,) for button in topics), *way_out))
            case _:
                return Page(answers.not_understood(say), way_out)

    def not_helpful(self, say: Speech, suggestions: Iterable[str], answered: str | None, question_id: int) -> Page:
        """Offer other topics than the one that did not help, and a person."""
        library = self.library(say)
        others = [
            one for one in suggestions if one != answered and one in library.topics and library.topics[one].front.listed
        ]
        topics = tuple((button,) for button in self._suggested(library, others, question_id))
        ask = Button(answers.ask_clinic_button(say), f"{ASK}:{question_id}")
        return Page(answers.not_helpful(say), (*topics, (ask, _menu_button(say))))

    def _answers(self, say: Speech, topic_ids: Iterable[str], question_id: int | None, ask: Button) -> Page:
        library = self.library(say)
        topics = [library.topics[topic_id] for topic_id in topic_ids if topic_id in library.topics]
        texts = tuple(self._answer(say, topic) for topic in topics)
        book = self._book(say) if all(topic.front.listed for topic in topics) else ()
        rows = (*self._related(library, topics[0]), *book, _rating(say, question_id), (ask, _menu_button(say)))
        return Page("\n\n".join(texts), rows, texts if len(texts) > 1 else ())

    def _own(self, say: Speech, own: Own, question_id: int | None, ask: Button) -> Page:
        text = f"{escape(own.body)}\n\n<i>{gaps.signed(say, own.author, self.clinic.name)}</i>"
        return Page(text, (_rating(say, question_id), (ask, _menu_button(say))))

    def _answer(self, say: Speech, topic: Topic) -> str:
        today = self.clock.now().astimezone(self.clinic.tz).date()
        body = topic.answer(self._values(say, today))
        return answers.titled(topic.front.title, body or front.contact(say, self.clinic, today))

    def _values(self, say: Speech, today: date) -> Mapping[str, str]:
        day, values = self._facts.get(say.language, (None, {}))
        if day != today:
            values = facts.values(say, self.clinic, today)
            self._facts[say.language] = (today, values)
        return values

    def _categories(self, say: Speech) -> Rows:
        categories = self.library(say).categories
        return _in_pairs([Button(f"{one.icon} {one.title}".strip(), f"{CATEGORY}:{one.id}") for one in categories])

    def _book(self, say: Speech) -> Rows:
        """Return the way to a booking, where there is anything to book."""
        return ((Button(booking.book_button(say), BOOK),),) if self.clinic.treatments else ()

    def _related(self, library: Library, topic: Topic) -> Rows:
        return _in_pairs(self._buttons(library, topic.front.related))

    def _buttons(self, library: Library, topic_ids: Iterable[str]) -> list[Button]:
        return [self._topic_button(library.topics[one]) for one in topic_ids if one in library.topics]

    def _suggested(self, library: Library, topic_ids: Iterable[str], question_id: int | None) -> list[Button]:
        """Return the buttons of topics that may be meant by a question, which go on knowing the question."""
        return [
            replace(button, data=f"{button.data}:{question_id}" if question_id is not None else button.data)
            for button in self._buttons(library, topic_ids)
        ]

    def _topic_button(self, topic: Topic) -> Button:
        return Button(topic.front.button, f"{TOPIC}:{topic.id}")


def _rating(say: Speech, question_id: int | None) -> tuple[Button, ...]:
    verdicts = ((answers.helpful_button(say), 1), (answers.unhelpful_button(say), 0))
    return tuple(Button(label, f"{HELPFUL}:{question_id or 0}:{verdict}") for label, verdict in verdicts)


def _menu_button(say: Speech) -> Button:
    return Button(front.menu_button(say), MENU)


def _in_pairs(buttons: list[Button]) -> Rows:
    return tuple(tuple(buttons[place : place + 2]) for place in range(0, len(buttons), 2))
