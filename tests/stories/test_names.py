"""Names and texts that are weapons, as everything that people name and write, in a whole course and every template."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.config import Clinic
from bot.delivery import markup
from bot.delivery.edge import sound
from bot.sandbox.world import Call
from faq.reader import Reader
from tests import course
from tests.course import Course
from tests.quick import FixedReader, without_waits
from tests.story import Story

NAMES = {
    "bold": "<b>Anna</b>",
    "unclosed": "Anna <b",
    "link": '<a href="tg://user?id=1">Anna</a>',
    "entity": "Anna &lt;&#60;&amp; Co",
    "quote": 'Anna "O\'Hara" `x` _y_ *z* [a](b)',
    "override": "Anna \u202e10:00\u2069\u2066",
    "marks": "\u200e\u200fAnna\u061c \u2067Nowak",
    "arabic": "\u0633\u0644\u0645\u0649 10:00",
    "zero width": "A\u200bn\u200dn\ufeffa",
    "nothing": "\u200b\u3164",
    "long": "W" * 64,
    "long amps": "&" * 64,
    "emoji": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 4,
    "zalgo": "A" + "\u0301\u0335\u0489" * 15 + "nna",
    "lines": "Anna\n\r\u2028✅ Confirmed (Maya)",
    "lone": "Anna \ud83d Nowak",
    "null": "Anna\x00Nowak",
    "command": "/cancel @mesobot_demo_bot",
    "format": "{name} %s {0} %(x)d \\1",
    "address": "https://evil.example t.me/evil +442079460018",
}
WHOLE = bool(os.environ.get("MESOBOT_FUZZ"))
"""With it, every chapter is played with every name."""
EVIL = ("tg://user?id=1", "evil.example", "t.me/evil")

CHAPTERS = (
    course.alone, course.form, course.talk, course.reception, course.lists, course.earlier, course.arrivals,
    course.gaps, course.record, course.programme, course.clock, course.digest,
)  # fmt: skip


def played() -> list[tuple[course.Chapter, str]]:
    """Return each chapter with a name of its own and each name with a chapter, or all there are."""
    names = list(NAMES)
    if WHOLE:
        return [(chapter, name) for chapter in CHAPTERS for name in names]
    return [(CHAPTERS[place % len(CHAPTERS)], name) for place, name in enumerate(names)]


@pytest_asyncio.fixture
async def story(clinic: Clinic, database_file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    without_waits(monkeypatch)
    monkeypatch.setattr("bot.app.ROUND_SECONDS", 86_400)
    face = clinic.treatments[0].model_copy(update={"sessions": 2, "name": "Face & <i>co</i>"})
    hart = clinic.practitioners[0].model_copy(update={"name": 'Dr "M" <Hart> & Co'})
    odd = {"treatments": (face, *clinic.treatments[1:]), "practitioners": (hart, *clinic.practitioners[1:])}
    story = Story(clinic.model_copy(update={**odd, "name": "Linden <Skin> & Co"}), FixedReader(), database_file)
    yield story
    await story.close()


def harmless(call: Call) -> None:
    """Hold that a message is what a client shows as it was meant: no markup of others, nothing escaped twice."""
    for field, most in (("text", markup.TEXT_LIMIT), ("caption", markup.CAPTION_LIMIT)):
        said = call.params.get(field)
        if not isinstance(said, str) or "chat_id" not in call.params:
            continue
        try:
            marked = markup.parse(said) if call.params.get("parse_mode") == "HTML" else markup.Marked(said)
        except markup.MarkupError as error:
            pytest.fail(f"{error}: {said}")
        text, entities = marked.text, marked.entities
        assert markup.length(text) <= most
        wrong = [one for one in ("&amp;lt;", "&amp;amp;", "&amp;quot;", "&amp;gt;") if one in said]
        assert wrong == [] or "&lt;&#60;" in text, said  # which somebody is called
        assert [one for one in entities if any(bad in str(one.url) for bad in EVIL) or one.user_id == 1] == [], said
    markup_of: Any = call.params.get("reply_markup") or {}
    for row in markup_of.get("inline_keyboard", ()) if isinstance(markup_of, dict) else ():
        for button in row:
            assert button["text"].strip(), markup_of


@pytest.mark.parametrize(("chapter", "name"), played(), ids=lambda one: getattr(one, "__name__", one))
async def test_no_name_and_no_text_harms_what_is_shown(
    story: Story, reader: Reader, chapter: course.Chapter, name: str
) -> None:
    evil = sound(NAMES[name])  # as the edge lets it in
    if chapter is course.gaps:
        story.reader = reader
    for user in (story.anna, story.tom, story.maya, story.priya):
        user.first_name, user.last_name = evil, None
    story.group.title = evil
    await story.open()
    life = Course(story, None, anna_is=evil[:80], tom_is=f"Tom {evil}"[:80])
    if chapter is not course.gaps:  # which groups questions that are alike
        life.said = f"May I? {evil}"
    await life.begin()
    noted, shown = story.telegram.on_call, []
    assert noted is not None

    def look(call: Call) -> None:
        noted(call)
        shown.append(call)

    story.telegram.on_call = look
    await chapter(life)
    for call in shown:
        harmless(call)
    assert life.alive
    assert len(shown) > 5
