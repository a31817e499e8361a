"""Whatever comes in, nothing is raised but what is announced, and work grows no faster than the text does.

MESOBOT_FUZZ=<number> makes each test try that many examples.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.clinic import drafts
from bot.config import load_clinic, sample_clinic
from bot.delivery import markup
from bot.delivery.edge import Edge, PoisonError, sound
from bot.delivery.inbox import Kept
from bot.delivery.wire import Wire
from bot.errors import ClinicError
from faq import dates, redflags, text
from faq.reader import Reader
from tests.quick import Scripted
from tests.story import MONDAY, TOKEN

EXAMPLES = int(os.environ.get("MESOBOT_FUZZ", "40"))
often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = (
    "tomorrow", "next", "friday", "31.02.", "25:99", "half", "past", "at", "before", "in 3 weeks", "1/1/0", "noon", "-",
    "swelling", "can't", "breathe", "not", "my", "lip", "blind", "999", "&", "\u202e", "\x00", "\ud83d", "Ⅷ", "٣", "²",
)  # fmt: skip
ANY = st.text(max_size=400)
SPOKEN = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=40).map(" ".join)


@often
@given(said=st.one_of(ANY, SPOKEN))
@example(said="\ud83d")
@example(said="٣" * 4000)
def test_any_words_are_read(reader: Reader, said: str) -> None:
    whole = sound(said)
    text.normalise(whole)
    text.parts(whole)
    redflags.check(whole)
    reader.is_urgent(whole, "en")
    assert reader.read(whole, "en").route


@often
@given(said=st.one_of(ANY, SPOKEN), country=st.sampled_from(["GB", "US", "DE", "XX", ""]))
def test_any_words_may_name_a_day(said: str, country: str) -> None:
    when = dates.find(sound(said), MONDAY, country=country, language="en")
    assert when.day is None or when.day.year < 10_000


@often
@given(said=st.one_of(ANY, st.text("+0123456789 ()-./;ext=#*٠١²", max_size=80)))
def test_any_words_may_be_a_number(said: str) -> None:
    number = drafts.clean_phone(sound(said), "GB")
    assert number is None or (number.startswith("+") and number[1:].isascii() and number[1:].isdigit())


@often
@given(said=st.one_of(ANY, st.text("<>/&;#abi \"'=x0tg-spoile", max_size=60)))
def test_markup_is_read_or_refused_and_what_is_escaped_is_read_as_it_was(said: str) -> None:
    with contextlib.suppress(markup.MarkupError):
        markup.parse(said)
    whole = sound(said)
    assert markup.parse(markup.escape(whole)).entities == ()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
USER = {"id": 5, "is_bot": False, "first_name": "Anna", "language_code": "en"}
CHAT = {"id": 5, "type": "private", "first_name": "Anna"}
MESSAGE = {
    "message_id": 7, "date": 1_790_000_000, "chat": CHAT, "from": USER, "text": "/start v_x",
    "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    "photo": [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}],
    "contact": {"phone_number": "+44", "first_name": "Anna", "user_id": 5},
    "reply_to_message": {"message_id": 6, "date": 0, "chat": CHAT},
}  # fmt: skip
REAL: tuple[dict[str, Any], ...] = (
    {"update_id": 1, "message": MESSAGE},
    {"update_id": 1, "edited_message": MESSAGE},
    {"update_id": 1, "callback_query": {"id": "1", "from": USER, "message": MESSAGE, "chat_instance": "1",
     "data": "x"}},
    {"update_id": 1, "my_chat_member": {"chat": CHAT, "from": USER, "date": 1, "old_chat_member": {"user": USER,
     "status": "member"}, "new_chat_member": {"user": USER, "status": "kicked", "until_date": 0}}},
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Return a real update in which something is something else, or missing."""

    def change(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(JSON)
        match value:
            case dict():
                kept = {key: change(one) for key, one in value.items() if draw(st.integers(0, 14))}
                return kept | (draw(st.dictionaries(st.text(max_size=6), JSON, max_size=1)))
            case list():
                return [change(one) for one in value] * draw(st.integers(0, 2))
            case _:
                return value

    update = draw(st.sampled_from(REAL))
    return {key: change(value) for key, value in update.items()}


@often
@given(payload=st.one_of(mutated(), st.dictionaries(st.text(max_size=8), JSON, max_size=3)))
def test_no_update_raises_anything_but_that_it_is_poison(payload: dict[str, Any]) -> None:
    async def handle() -> None:
        bot = {"ok": True, "result": USER | {"is_bot": True, "username": "b"}}
        edge = Edge(Wire(Scripted(lambda *_: bot)), TOKEN, [])
        await edge.open()
        with contextlib.suppress(PoisonError):
            await edge.handle(Kept(1, 1, payload))
        await edge.close()

    asyncio.run(handle())


@often
@given(where=st.integers(0, 10**6), length=st.integers(0, 40), instead=st.text(max_size=12))
def test_a_broken_clinic_file_is_explained(tmp_path: Path, where: int, length: int, instead: str) -> None:
    sample = sample_clinic()
    place = where % len(sample)
    file = tmp_path / "clinic.toml"
    file.write_bytes((sample[:place] + instead + sample[place + length :]).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ClinicError):
        load_clinic(file)


BOMBS = (
    "my lip is swelling and ", "not ", "a" * 30 + " ", "1.1.", "12:", "in 3 weeks ", "can't breathe, ", "no no not ",
    "next friday at half past ", "\u0301a", "- ", "()", "++44 ",
)  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("work", ["red flags", "dates", "normal"])
def test_a_text_of_twice_the_length_is_no_bomb(bomb: str, work: str) -> None:
    """Twice the text may be a little more than four times the work; where a rule goes astray, it is far more."""
    run: Callable[[str], object] = {
        "red flags": redflags.check,
        "dates": lambda said: dates.find(said, MONDAY, country="GB", language="en"),
        "normal": lambda said: text.parts(text.normalise(said)),
    }[work]

    def cost(length: int) -> float:
        said = (bomb * (length // len(bomb) + 1))[:length]
        least = []
        for _ in range(3):
            began = time.process_time()
            run(said)
            least.append(time.process_time() - began)
        return min(least)

    cost(64)  # what is built once
    assert cost(markup.TEXT_LIMIT) <= 6 * max(cost(markup.TEXT_LIMIT // 2), 0.002)
