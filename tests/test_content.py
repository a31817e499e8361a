"""Content files: read, laid over each other file by file, shown as Telegram's HTML, and named when they are broken."""

from pathlib import Path

import pytest

from bot.errors import ContentError
from faq.content import TOPIC_IDS, Library, Topic, languages, load, packaged, render

TOPIC = """\
---
title: Parking
button: Parking
category: clinic
related: [location]
sources:
  - "The clinic"
approved_by: ""
approved_on:
phrasings:
  - "Where can I park?"
---
There is a car park at {clinic}.
"""
CATEGORY = "- id: basics\n  title: Basics\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "en").mkdir()
    return tmp_path


def put(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def complaint(folder: Path) -> str:
    if not (folder / "en/categories.yaml").exists():
        put(folder, "en/categories.yaml", CATEGORY)
    with pytest.raises(ContentError) as caught:
        load([folder], "en")  # without the packaged content, which would have to be read each time
    return str(caught.value)


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def english() -> Library:
    return load([packaged()], "en")


def test_the_packaged_content_has_every_topic_and_every_route(english: Library) -> None:
    assert set(TOPIC_IDS) <= set(english.topics)
    assert {route.route for route in english.routes} == {"staff", "book", "smalltalk", "off-topic", "urgent"}
    assert languages([packaged()]) == ["en"]


def test_phrasings_name_their_route_and_topic(english: Library) -> None:
    phrases = list(english.phrases())
    assert ("Prices", "answer", "price") in phrases
    assert ("What does it cost?", "answer", "price") in phrases
    assert ("How much does mesotherapy cost?", "answer", "price") in phrases
    assert {topic for _, route, topic in phrases if route == "book"} == {None}


def test_a_category_lists_its_topics_in_the_order_of_the_contract(folder: Path) -> None:
    put(folder, "en/parking.md", TOPIC)
    put(folder, "en/hidden.md", TOPIC.replace("category: clinic", "category: clinic\nlisted: false"))
    found = [topic.id for topic in load([packaged(), folder], "en").in_category("clinic")]
    assert found == [*(topic_id for topic_id in TOPIC_IDS if topic_id in found), "parking"]
    assert "price" in found


def test_a_folder_is_laid_over_file_by_file(folder: Path, english: Library) -> None:
    put(folder, "en/price.md", TOPIC)
    put(folder, "en/parking.md", TOPIC)
    put(folder, "en/routes/book.md", "---\nroute: book\nphrasings: [come in]\n---\n")
    put(folder, "en/categories.yaml", CATEGORY)
    put(folder, "pl/categories.yaml", CATEGORY)
    put(folder, "pl/what-is.md", TOPIC)
    laid = load([packaged(), folder], "en")
    assert laid.topics["price"].front.title == "Parking"
    assert laid.topics["price"].file == folder / "en/price.md"
    assert set(laid.topics) == {*english.topics, "parking"}
    assert laid.topics["hours"] == english.topics["hours"]
    assert [text for text, route, _ in laid.phrases() if route == "book"] == ["come in"]
    assert [category.id for category in laid.categories] == ["basics"]
    assert languages([packaged(), folder]) == ["en", "pl"]
    assert set(load([packaged(), folder], "pl").topics) == {"what-is"}


def test_what_is_no_content_is_left_alone(folder: Path, english: Library) -> None:
    for name in (".price.md.swp", "._price.md", "price.md~", "notes.txt", "drafts/price.md"):
        put(folder, f"en/{name}", b"\xff\xfe junk")
    assert load([packaged(), folder], "en").topics == english.topics


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TOPIC.replace("\n", "\r\n"),
        TOPIC.replace("---\n", "--- \n"),
        TOPIC.partition("There is")[0].rstrip("\n") + "\n",
    ],
    ids=["a Windows editor", "blanks behind the fences", "no body"],
)
def test_files_are_read_as_editors_write_them(folder: Path, text: str) -> None:
    put(folder, "en/parking.md", text)
    topic = load([packaged(), folder], "en").topics["parking"]
    assert topic.front.phrasings == ("Where can I park?",)
    assert topic.body in ("There is a car park at {clinic}.", "")


def test_a_body_may_hold_a_rule(folder: Path) -> None:
    put(folder, "en/parking.md", TOPIC + "\n---\n\nBring change.\n")
    assert load([packaged(), folder], "en").topics["parking"].parts == (
        "There is a car park at {clinic}.\n\nBring change.",
        "",
    )


# --- what is broken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("---\ntitle", "title", "line 1: expected ---, and then the front matter (title, category, ...)"),
        ("---\nThere", "There", "the line --- that ends the front matter is missing"),
        ("title: Parking", "title: Parking: where", "line 2: mapping values are not allowed in this context"),
        ("related: [location]", "related: [location", "line 6: did not find expected ',' or ']'"),
        ('  - "The clinic"', '\t- "The clinic"', "line 7: found character that cannot start any token"),
        ("title: Parking", "title: Park\x01ing", "line 2: control characters are not allowed"),
        ("title: Parking", "title: !!python/name:os.system", "line 2: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/name:os.system'"),
        ("approved_on:\n", "approved_on: 2026-02-31\n", "line 9: 2026-02-31: day is out of range for month"),
        ("button: Parking", "button: Parking\ntitle: Cars", "line 4: title is given twice"),
        ("title: Parking", "titel: Parking", "titel is not a key mesobot knows (did you mean title?) (and 1 more)"),
        ("title: Parking", "title: Parking\nxyz: 1", "xyz is not a key mesobot knows; known are approved_by, "
         "approved_on, button, category, listed, phrasings, related, review_by, route, sources, title"),
        ("title: Parking\n", "", "title is missing"),
        ("title: Parking\nbutton: Parking\n", "", "title is missing (and 1 more)"),
        ("title: Parking", "title: 24", "title: expected a text: put quotes around it, got 24"),
        ("title: Parking", "title: ''", "title: expected a text that is not empty"),
        ("button: Parking", "button: " + "P" * 29, "button: expected at most 28 characters, got 29"),
        ("category: clinic", "category: The clinic", "category: expected at most 32 small letters, digits and dashes, "
         "such as results-last, got 'The clinic'"),
        ("related: [location]", "related: location", "related: expected a list: one line each, beginning with -, "
         "got 'location'"),
        ("related: [location]", "route: nowhere", "route: expected 'answer' or 'staff', got 'nowhere'"),
        ("related: [location]", "listed: perhaps", "listed: expected true or false, got 'perhaps'"),
        ("approved_on:\n", "approved_on: 24.12.2026\n", "approved_on: expected a date like 2026-12-24, "
         "got '24.12.2026'"),
        ('  - "The clinic"\n', "  []\n", "sources: expected a list of at least 1"),
        ('  - "Where can I park?"', "  - ok\n  - no", "phrasings, entry 2: expected a text: put quotes around it, "
         "got false"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_topic_is_named(folder: Path, old: str, new: str, said: str) -> None:
    assert TOPIC.count(old) >= 1
    file = put(folder, "en/parking.md", TOPIC.replace(old, new, 1))
    assert complaint(folder) == f"{file}: {said}"


def test_an_empty_front_matter_is_named(folder: Path) -> None:
    file = put(folder, "en/parking.md", "---\n---\nBody\n")
    assert complaint(folder) == f"{file}: expected keys and values, such as title: What is it?"


@pytest.mark.parametrize("name", ["en/parking.md", "en/categories.yaml"])
def test_a_file_that_is_not_utf_8_is_named_with_its_line(folder: Path, name: str) -> None:
    file = put(folder, name, b"---\n\xff")
    assert complaint(folder) == f"{file}: line 2: this is not UTF-8: save the file as UTF-8"


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "en/parking.md").mkdir()
    assert complaint(folder) == f"{folder / 'en/parking.md'} cannot be read: Is a directory"


@pytest.mark.parametrize("name", ["Where to park.md", "a" * 33 + ".md", "Price.md"])
def test_a_files_name_is_a_topics_id(folder: Path, name: str) -> None:
    file = put(folder, f"en/{name}", TOPIC)
    assert complaint(folder) == (
        f"{file}: the file's name is the topic's id: expected at most 32 small letters, digits and dashes, "
        "such as results-last"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("basics: Basics\n", "expected a list of categories, each beginning with - id:"),
        ("- id: a\n  title: A\n- id: b\n  titel: B\n", "entry 2: titel is not a key mesobot knows "
         "(did you mean title?) (and 1 more)"),
        ("- id: a\n  title: A\n- b\n", "entry 2: expected keys and values, such as title: What is it?, got 'b'"),
        ("- id: a\n  title: A\n- id: a\n  title: B\n", "the id 'a' is given twice"),
        ("- id: a\n title: A\n", "line 2: did not find expected '-' indicator"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_categories_is_named(folder: Path, text: str, said: str) -> None:
    file = put(folder, "en/categories.yaml", text)
    assert complaint(folder) == f"{file}: {said}"


def test_a_route_needs_phrasings(folder: Path) -> None:
    file = put(folder, "en/routes/book.md", "---\nroute: book\nphrasings: []\n---\n")
    assert complaint(folder) == f"{file}: phrasings: expected a list of at least 1"


def test_a_language_without_categories_is_named(folder: Path) -> None:
    with pytest.raises(ContentError, match=r"^there is no fr/categories\.yaml in "):
        load([packaged(), folder], "fr")


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("One\ntwo.\n\nThree.", "One two.\n\nThree."),
        ("**bold** *italic* `a < b`", "<b>bold</b> <i>italic</i> <code>a &lt; b</code>"),
        ("<b>raw</b> & co", "&lt;b&gt;raw&lt;/b&gt; &amp; co"),
        ("- one\n- two\n\nThen.", "• one\n• two\n\nThen."),
        ("1. one\n2. two", "1. one\n2. two"),
        ("[here](https://a.example/?b=1&c=2)", '<a href="https://a.example/?b=1&amp;c=2">here</a>'),
        ("# Title\n\n> quoted\n\n![a picture](https://a.example/x.png)", "Title\n\nquoted\n\na picture"),
        ("```\na < b\n```", "a &lt; b"),
        ("one  \ntwo", "one\ntwo"),
    ],
)
def test_markdown_becomes_telegrams_html(markdown: str, html: str) -> None:
    assert render(markdown) == html


def topic(english: Library, body: str) -> Topic:
    known = english.topics["price"]
    return Topic("price", "en", known.front, body, known.file)


def test_an_answer_is_short_with_the_rest_in_a_quotation(english: Library) -> None:
    long = topic(english, "Call {phone}.\n\n<!-- more -->\n\nAt {clinic}: {phone}, {unknown}.")
    assert long.answer({"phone": "1", "clinic": "<b>{phone}</b>"}) == (
        "Call 1.\n<blockquote expandable>At <b>{phone}</b>: 1, {unknown}.</blockquote>"
    )
    assert topic(english, "Call {phone}.").answer({"phone": "1"}) == "Call 1."


def test_a_topic_whose_block_the_clinic_left_empty_has_no_answer(english: Library) -> None:
    assert topic(english, "We charge: {prices}").answer({"prices": ""}) is None
    assert topic(english, "We charge: {prices}").answer({}) is None
    assert topic(english, "Call {phone}.").answer({"phone": ""}) == "Call ."  # only a block can be empty
