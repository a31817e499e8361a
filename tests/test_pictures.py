"""Pictures: what is drawn for whom, and that everything the words may hold can be drawn."""

from dataclasses import replace

import pytest

from bot import pictures
from bot.pictures import Bar, Column, Week

WEEK = Week(
    "16–22 Nov",
    "Linden Skin Clinic",
    [Bar("Requests", 14, 9, "14", "9"), Bar("Expired", 0, 0, "0", "0")],
    "Visits, week by week",
    "done",
    "no-shows",
    [Column("9/11", 3, 1, "3", "1"), Column("16/11", 4, 0, "4", "0")],
    8,
)
PNG = b"\x89PNG\r\n\x1a\n"


def size(picture: bytes | None) -> tuple[int, int]:
    assert picture is not None
    assert picture.startswith(PNG)
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


def drawn(**changes: object) -> bytes:
    picture = pictures.week(replace(WEEK, **changes))  # type: ignore[arg-type]  # a field of a Week
    assert picture is not None
    return picture


@pytest.mark.parametrize(
    "word",
    ["Αιτήματα ΐΰ Ά", "Подтверждено ёЁ їґ", "İptal ğüşıöç ĞÜŞ", "Đã xác nhận", "Größe Œuvre ẞ", "30 Nov – 6 Dec"],
)
def test_each_letter_of_a_word_is_drawn(word: str) -> None:
    pictures_of = [drawn(title=word[:end]) for end in range(1, len(word) + 1) if not word[end - 1].isspace()]
    assert len(set(pictures_of)) == len(pictures_of)


@pytest.mark.parametrize("word", ["皮膚科", "عيادة", "מרפאה", "ა", "Clinic 🌿", "a\u202eb"])
def test_what_cannot_be_drawn_is_not(word: str) -> None:
    assert pictures.week(replace(WEEK, note=word)) is None


def test_words_that_look_like_markup_are_words() -> None:
    assert size(drawn(title='<script>&"')) == size(drawn(title="Nail"))
    assert drawn(title="<b>x") != drawn(title="x")


def test_telegram_takes_it() -> None:
    empty = [Bar("Requests", 0, 0, "0", "0")] * 6
    huge = [Bar("R" * 80, 10**9, 10**9, "1,000,000,000", "1,000,000,000")] * 6
    for bars in (empty, huge):
        for columns in ([], [Column("16/11", 0, 0, "0", "0")], [Column("16/11", 10**6, 1, "1,000,000", "1")] * 8):
            picture = drawn(bars=bars, columns=columns)
            width, height = size(picture)
            assert width == 900
            assert height < 20 * width
            assert width + height <= 10_000
            assert len(picture) < 150_000
