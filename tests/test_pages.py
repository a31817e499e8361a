"""Pages say what is so today, however long the program has been running."""

from datetime import UTC, datetime, timedelta

from bot.app import build_libraries, build_speeches
from bot.clock import MovableClock
from bot.config import load_clinic
from handlers.pages import Pages

MONDAY = datetime(2027, 6, 7, 9, 0, tzinfo=UTC)


def test_the_hours_follow_the_day() -> None:
    clinic, clock = load_clinic(None), MovableClock(MONDAY)
    pages, say = Pages(clinic, build_libraries(clinic), clock), build_speeches(clinic).default

    def marked() -> list[str]:
        page = pages.topic(say, "hours")
        return [line.partition(":")[0] for line in page.text.splitlines() if "today" in line] if page else []

    assert marked() == marked() == ["<b>Monday"]
    clock.advance(timedelta(days=1))
    assert marked() == ["<b>Tuesday"]
