"""`mesobot content check`: clean on the packaged content, and each kind of mistake is found."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot.app import build_speeches, check_content
from bot.clock import MovableClock
from bot.config import Clinic
from bot.wording import facts
from faq.check import IN_A_CATEGORY, Finding, Gravity, check
from faq.content import MORE, PLACEHOLDERS, Category, Front, Library, load, packaged
from tests.story import MONDAY

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def library() -> Library:
    """The packaged content, as if a clinician had approved all of it."""
    english = load([packaged()], "en")
    approved = {"approved_by": "Dr Hart", "approved_on": date(2026, 1, 1), "review_by": date(2027, 1, 1)}
    topics = {
        name: replace(topic, front=topic.front.model_copy(update=approved)) for name, topic in english.topics.items()
    }
    return replace(english, topics=topics)


@pytest.fixture(scope="module")
def values(clinic: Clinic) -> Mapping[str, str]:
    return facts.values(build_speeches(clinic).default, clinic, TODAY)


def changed(library: Library, topic_id: str, *, body: str | None = None, **front: Any) -> Library:
    topic = library.topics[topic_id]
    fresh = replace(
        topic,
        front=Front.model_validate(topic.front.model_dump() | front),
        body=topic.body if body is None else body,
    )
    return replace(library, topics={**library.topics, topic_id: fresh})


def errors(library: Library, values: Mapping[str, str]) -> list[str]:
    found = check(library, values, TODAY)
    return [finding.text for finding in found if finding.gravity is Gravity.ERROR]


def warnings(library: Library, values: Mapping[str, str]) -> list[Finding]:
    return [finding for finding in check(library, values, TODAY) if finding.gravity is Gravity.WARNING]


def test_the_packaged_content_has_no_errors(clinic: Clinic) -> None:
    found = check_content(clinic, MovableClock(MONDAY))
    assert [finding for finding in found if finding.gravity is Gravity.ERROR] == []


def test_approved_content_has_no_findings(library: Library, values: Mapping[str, str]) -> None:
    assert check(library, values, TODAY) == []


def test_a_missing_topic(library: Library, values: Mapping[str, str]) -> None:
    fewer = replace(library, topics={name: topic for name, topic in library.topics.items() if name != "history"})
    found = [finding for finding in check(fewer, values, TODAY) if finding.place == "en/history.md"]
    assert found == [Finding(Gravity.ERROR, "en/history.md", "this topic is missing")]


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ({"category": "nowhere"}, "category: 'nowhere' is not in categories.yaml"),
        ({"related": ("parking",)}, "related: 'parking' is not another topic"),
        ({"related": ("hours",)}, "related: 'hours' is not another topic"),
        ({"approved_on": date(2026, 11, 24)}, "approved_on is in the future"),
    ],
)
def test_mistakes_in_the_front_matter(
    library: Library, values: Mapping[str, str], front: dict[str, Any], said: str
) -> None:
    assert errors(changed(library, "hours", **front), values) == [said]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Call {telephone}.", f"{{telephone}} is not a placeholder; known are {', '.join(sorted(PLACEHOLDERS))}"),
        ("Call {Phone}.", f"{{Phone}} is not a placeholder; known are {', '.join(sorted(PLACEHOLDERS))}"),
        ("Call {phone.", f"{{ is not a placeholder; known are {', '.join(sorted(PLACEHOLDERS))}"),
        ("It is <b>safe</b>.", f"<b> is shown as text: use Markdown, and {MORE} once"),
        ("It is <!-- not --> safe.", f"<!-- not --> is shown as text: use Markdown, and {MORE} once"),
        (f"One.\n\n{MORE}\n\nTwo.\n\n{MORE}\n\nThree.", f"{MORE} is shown as text: use Markdown, and {MORE} once"),
        (f"{MORE}\n\nThe rest.", "there is no short answer"),
        ("", "there is no short answer"),
        ("See [this](page).", "a link leads nowhere, and Telegram would drop it: expected an address such as "
         "https://example.com"),
        ("x" * 4077, "4097 characters are too long for a message of 4096"),
        ("🙂" * 2039, "4098 characters are too long for a message of 4096"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_mistakes_in_the_body(library: Library, values: Mapping[str, str], body: str, said: str) -> None:
    assert errors(changed(library, "hours", body=body), values) == [said]


@pytest.mark.parametrize(
    "body",
    ["x" * 4076, "Under 18, or BMI < 18.", "See <https://a.example>.", "Call {phone}, or [us](https://a.example)."],
)
def test_what_looks_like_a_mistake_and_is_none(library: Library, values: Mapping[str, str], body: str) -> None:
    assert errors(changed(library, "hours", body=body), values) == []


def test_html_that_comes_from_the_clinics_own_words(library: Library, values: Mapping[str, str]) -> None:
    found = errors(library, {**values, "clinic": "<b>Linden"})
    assert {text.partition(": ")[0] for text in found} == {"Telegram would refuse it"}
    assert len(found) == sum("clinic" in topic.placeholders for topic in library.topics.values())


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ({"approved_by": ""}, "not approved: a clinician fills in approved_by and approved_on"),
        ({"approved_on": None}, "not approved: a clinician fills in approved_by and approved_on"),
        ({"review_by": date(2026, 11, 22)}, "its approval ended on 2026-11-22"),
        ({"phrasings": ()}, "there are no phrasings: only its title will be understood"),
    ],
)
def test_what_is_for_the_clinic_to_decide(
    library: Library, values: Mapping[str, str], front: dict[str, Any], said: str
) -> None:
    odd = changed(library, "hours", **front)
    assert warnings(odd, values) == [Finding(Gravity.WARNING, str(library.topics["hours"].file), said)]


def test_approval_lasts_through_its_last_day(library: Library, values: Mapping[str, str]) -> None:
    assert check(changed(library, "hours", review_by=TODAY), values, TODAY) == []


def test_a_category_is_neither_empty_nor_too_long(library: Library, values: Mapping[str, str]) -> None:
    empty = replace(library, categories=(*library.categories, Category(id="empty", title="Empty")))
    assert errors(empty, values) == [f"empty: 0 topics; a menu shows 1 to {IN_A_CATEGORY}"]
    topic = library.topics["price"]
    several = {f"price-{number}": replace(topic, id=f"price-{number}") for number in range(IN_A_CATEGORY)}
    full = replace(library, topics={**library.topics, **several})
    count = len(library.in_category("clinic")) + IN_A_CATEGORY
    assert errors(full, values) == [f"clinic: {count} topics; a menu shows 1 to {IN_A_CATEGORY}"]


def test_a_phrasing_that_stands_in_two_topics(library: Library, values: Mapping[str, str]) -> None:
    twice = changed(library, "hours", phrasings=("how MUCH ",))
    assert warnings(twice, values) == [
        Finding(Gravity.WARNING, "en: 'how much'", "this phrasing stands in hours, price")
    ]
