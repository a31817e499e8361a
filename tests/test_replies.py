"""The rules behind answers to follow-ups: which words stop messages, which signs are how urgent, what a programme must
not say."""

from datetime import time

import pytest

from bot.app import build_speeches, check_content
from bot.clinic import drafts, replies
from bot.clinic.rehearsal import look_through
from bot.clock import MovableClock
from bot.config import Clinic
from bot.programme import Change
from bot.wording import booking as booking_words
from bot.wording import followups as words
from faq import arriving, redflags
from faq.check import Gravity
from faq.redflags import Level
from faq.stopping import GENERAL, what_to_stop
from tests.story import MONDAY


@pytest.mark.parametrize(
    "text",
    [
        "stop", "STOP", "Stop!", "please stop", "stop it", "unsubscribe", "opt out", "leave me alone",
        "no more messages", "stop texting me", "stop these messages", "I don't want any more messages",
        "don't message me again",
        "Please don’t send me reminders", "turn off notifications", "how do I stop these messages?",
        "enough of these texts", "stop spamming me", "take me off your list", "stop sending me offers please",
        "I don't want your promotions", "quit bothering me", "Do not contact me", "can you stop the messages",
        "I do not want to receive any more texts", "hi, please stop messaging me", "no more texts please",
        "stop bugging me", "stop these", "pls stop it's annoying", "no messages please", "I'd like to opt out",
        "I no longer wish to receive these messages", "I don't want to hear from you", "enough already",
        "please do not send me anything anymore", "I want to stop getting these messages", "stop sending these",
        "I don't want these", "stop sending me stuff", "please leave me in peace", "no more of these please",
    ],
)  # fmt: skip
def test_these_words_stop_messages(text: str) -> None:
    assert what_to_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "can I stop taking aspirin?", "should I stop smoking before it", "stop retinol?", "do I have to stop make-up",
        "don't stop sending me reminders", "why did you stop sending reminders?", "I stopped getting messages",
        "when does the redness stop", "is there a bus stop near you", "no more swelling", "no more pain",
        "can I text you a photo", "I did not get any messages", "what offers do you have", "cancel my appointment",
        "I don't need more sessions", "send me a reminder", "I have no more questions", "cancel", "",
        "without texting first can I come?", "the needle stopped hurting", "stop " * 100,
        "Can you cancel the follow up on Friday", "I don't need any offers, what is the price", "no more", "enough",
        "I'm tired of texting you, call me", "please don't stop the reminders", "can I stop the course after two",
    ],
)  # fmt: skip
def test_these_words_do_not(text: str) -> None:
    assert not what_to_stop(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("please stop the reminders", {"reminders"}),
        ("no more offers please, but reminders are ok", {"offers"}),
        ("stop the check-ins and reminders", {"care", "reminders"}),
        ("stop promo", {"offers"}),
        ("stop", GENERAL),
        ("stop sending me these messages", GENERAL),
    ],
)
def test_only_the_messages_that_are_named_stop(text: str, named: set[str]) -> None:
    assert what_to_stop(text) == named


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I'm stuck in traffic, 15 min late", "late"), ("sorry I am running 20 minutes late", "late"),
        ("I'll be a bit late", "late"), ("running late!", "late"), ("we are 10 mins late", "late"),
        ("I can't come today", "off"), ("sorry, I won't make it", "off"), ("not able to come tomorrow", "off"),
        ("I need to cancel", "off"), ("I am not coming", "off"),
        ("I'll be there", "coming"), ("yes I will come", "coming"), ("On my way!", "coming"),
        ("see you tomorrow", "coming"),
        ("what if I am late?", None), ("how late are you open", None), ("is it too late to book", None),
        ("can I come with a cold?", None), ("will there be a nurse", None), ("what is the fee if I can't come", None),
        ("late periods and mesotherapy", None), ("can I come earlier", None), ("Hello", None), ("", None),
    ],
)  # fmt: skip
def test_what_people_write_shortly_before_a_visit(text: str, said: str | None) -> None:
    assert arriving.read(text) == said


def test_no_sign_reads_as_a_wish_to_stop_and_each_is_as_urgent_as_its_words(clinic: Clinic) -> None:
    say = build_speeches(clinic).default
    signs = dict(words.signs(say))
    assert set(signs) == set(replies.SIGNS)
    assert not any(what_to_stop(text) for text in signs.values())
    for name, text in signs.items():
        flag = redflags.check(text)
        assert (flag.level if flag else Level.SAME_DAY) is replies.SIGNS[name], text


def test_every_question_but_the_age_can_have_another_answer(clinic: Clinic) -> None:
    say = build_speeches(clinic).default
    assert set(words.change_labels(say)) == set(replies.CHANGES) == set(drafts.QUESTIONS) - {drafts.UNDER_AGE}
    assert set(replies.CHANGES) < set(booking_words.questions(say))


def test_labels_fit_on_a_telephone(clinic: Clinic) -> None:
    say = build_speeches(clinic).default
    assert max(map(len, words.signs(say).values())) <= 48
    assert max(map(len, words.change_labels(say).values())) <= 28


# --- the programme, looked through


def programme(clinic: Clinic, **change: object) -> list[tuple[Gravity, str, str]]:
    changed = clinic.model_copy(update={"programme": (Change.model_validate(change),)})
    return [(one.gravity, one.place, one.text) for one in look_through(changed)]


def test_the_packaged_programme_is_in_order(clinic: Clinic) -> None:
    assert look_through(clinic) == []
    assert not any(one.place.startswith("programme") for one in check_content(clinic, MovableClock(MONDAY)))


def test_an_unknown_placeholder_is_an_error_of_the_content_check(clinic: Clinic) -> None:
    one = {"id": "hello", "anchor": "visit", "day": -1, "until": "-3h", "kind": "visit", "text": "Hello {name}, {time}"}
    problem = (
        Gravity.ERROR, "programme: hello",
        "{name} is not a placeholder; known are clinic, day, emergency, phone, time",
    )  # fmt: skip
    assert programme(clinic, **one) == [problem]
    changed = clinic.model_copy(update={"programme": (Change.model_validate(one),)})
    assert problem in [(f.gravity, f.place, f.text) for f in check_content(changed, MovableClock(MONDAY))]


def test_a_step_that_is_never_sent_is_an_error(clinic: Clinic) -> None:
    found = programme(clinic, id="before-1-day", until="-30h")
    assert [(gravity, text[:19]) for gravity, _, text in found] == [(Gravity.ERROR, "it is never sent: i")]


def test_a_step_that_some_visits_do_not_get_is_a_warning(clinic: Clinic) -> None:
    noon = {"id": "noon", "anchor": "visit", "day": 0, "at": "12:00", "until": "-1h", "kind": "visit", "text": "Soon"}
    ((gravity, _, text),) = programme(clinic, **noon)
    assert (gravity, text) == (
        Gravity.WARNING, "it is not sent for 4 of 11 hours of a day at which visits begin",
    )  # fmt: skip


def test_quiet_hours_that_swallow_a_step_are_found(clinic: Clinic) -> None:
    followups = clinic.followups.model_copy(update={"quiet_from": time(8), "quiet_until": time(7)})
    changed = clinic.model_copy(update={"followups": followups})
    assert {(one.gravity, one.text) for one in look_through(changed) if one.place == "programme: care-card"} == {
        (Gravity.WARNING, "quiet hours swallow it for 8 of 11 hours of a day at which visits begin")
    }


def test_answers_at_the_wrong_place_and_an_interval_longer_than_it_lasts(clinic: Clinic) -> None:
    late = {"id": "x", "anchor": "done", "offset": "+3h", "lasts": "4h", "kind": "care", "text": "Well?"}
    assert [text[:30] for _, _, text in programme(clinic, **late, buttons=["confirm", "times"])] == [
        "'confirm' is an answer about a",
        "it offers times, so its kind s",
    ]
    assert all("longer than lasts" in text for _, _, text in programme(clinic, id="next-session", lasts="7d"))
    assert len(programme(clinic, id="next-session", lasts="7d")) == len(clinic.treatments)


def test_a_treatments_own_step_is_named_with_it(clinic: Clinic) -> None:
    own = Change.model_validate({"id": "check-1-day", "text": "How is {it}?"})
    scalp = clinic.treatments[3].model_copy(update={"programme": (own,)})
    changed = clinic.model_copy(update={"treatments": (*clinic.treatments[:3], scalp)})
    assert [one.place for one in look_through(changed)] == ["treatments: scalp: programme: check-1-day"]
