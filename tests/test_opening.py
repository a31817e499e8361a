"""When the clinic opens next, as staff and patients count it."""

from datetime import datetime

import pytest

from bot.clinic import opening
from bot.config import Clinic, Week


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-23 13:30", "2026-11-23 14:00"),  # the lunch break of a Monday
        ("2026-11-24 07:30", "2026-11-24 09:00"),
        ("2026-11-23 10:00", "2026-11-23 14:00"),
        ("2026-11-23 18:00", "2026-11-24 09:00"),
        ("2026-11-28 15:00", "2026-11-30 09:00"),  # closed on Sundays
        ("2026-12-23 21:00", "2026-12-28 09:00"),  # over Christmas and the weekend
    ],
)
def test_the_next_opening_may_be_today(clinic: Clinic, now: str, opens: str) -> None:
    found = opening.next_opening(clinic, datetime.fromisoformat(now).replace(tzinfo=clinic.tz))
    assert found == datetime.fromisoformat(opens).replace(tzinfo=clinic.tz)


def test_a_clinic_that_says_nothing_of_its_hours_has_no_opening(clinic: Clinic) -> None:
    silent = clinic.model_copy(update={"hours": Week()})
    assert opening.next_opening(silent, datetime(2026, 11, 23, 12, tzinfo=clinic.tz)) is None
