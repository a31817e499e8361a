"""The clinic's own facts, word for word as a patient reads them."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.config import Address, Clinic, Closed, Payment, Practitioner, Treatment, Week
from bot.delivery.markup import parse
from bot.wording import facts
from bot.wording.speech import Speech, Speeches

MONDAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def say(clinic: Clinic) -> Speech:
    return Speeches("en", [], clinic.tz, country="GB").default


def bare(clinic: Clinic, **update: Any) -> Clinic:
    """A clinic that has filled in nothing but what it must, and `update`."""
    empty = {"address": None, "hours": Week(), "closed": (), "practitioners": (), "treatments": (), "payment": None}
    return clinic.model_copy(update=empty | update)


def test_prices(clinic: Clinic, say: Speech) -> None:
    assert facts.prices(say, clinic) == (
        "• Face: <b>£140</b>\n• Neck and décolleté: <b>£150</b>\n• Hands: <b>£95</b>\n• Scalp: <b>£130</b>"
    )


def test_prices_with_pence_notes_and_gaps(clinic: Clinic, say: Speech) -> None:
    treatments = (
        Treatment(id="a", name="Face & <neck>", minutes=45, price=Decimal("99.50"), price_note="first visit < £50"),
        Treatment(id="b", name="Hands", minutes=30),
        Treatment(id="c", name="Scalp", minutes=30, price=Decimal("1250.00")),
    )
    assert facts.prices(say, bare(clinic, treatments=treatments)) == (
        "• Face &amp; &lt;neck&gt;: <b>£99.50</b> (first visit &lt; £50)\n• Scalp: <b>£1,250</b>"
    )


def test_durations(clinic: Clinic, say: Speech) -> None:
    assert facts.durations(say, clinic) == (
        "• Face: about 45 minutes\n• Neck and décolleté: about 45 minutes\n"
        "• Hands: about 30 minutes\n• Scalp: about 40 minutes"
    )


@pytest.mark.parametrize(
    ("intervals", "said"),
    [([(2, 4), (3, 6)], "2 to 6 weeks"), ([(1, 1)], "1 week"), ([(3, 3), (3, 3)], "3 weeks"), ([], "2 to 4 weeks")],
)
def test_the_time_between_sessions(clinic: Clinic, say: Speech, intervals: list[tuple[int, int]], said: str) -> None:
    treatments = tuple(
        Treatment(id=f"t{number}", name="Face", minutes=45, interval_weeks=weeks)
        for number, weeks in enumerate(intervals)
    )
    assert facts.interval(say, bare(clinic, treatments=treatments)) == said


WEEK = [
    "Monday: 09:00–13:00, 14:00–18:00",
    "Tuesday: 09:00–13:00, 14:00–18:00",
    "Wednesday: 09:00–13:00, 14:00–20:00",
    "Thursday: 09:00–13:00, 14:00–18:00",
    "Friday: 09:00–13:00, 14:00–17:00",
    "Saturday: 10:00–14:00",
    "Sunday: closed",
]


@pytest.mark.parametrize("weekday", range(7))
def test_hours_with_todays_marked(clinic: Clinic, say: Speech, weekday: int) -> None:
    expected = list(WEEK)
    expected[weekday] = f"<b>{WEEK[weekday]}</b> – today"
    assert facts.hours(say, clinic, MONDAY + timedelta(days=weekday)).splitlines() == expected


def test_hours_on_a_closed_day(clinic: Clinic, say: Speech) -> None:
    lines = facts.hours(say, clinic, date(2026, 12, 25)).splitlines()
    assert lines[4] == "<b>Friday: closed</b> – today"
    assert lines[0] == WEEK[0]
    assert lines[7:] == ["Closed from Thursday, 24 December to Sunday, 27 December (Christmas)"]


@pytest.mark.parametrize(("day", "told"), [(9, False), (10, True), (27, True), (28, False)])
def test_a_closure_is_told_two_weeks_ahead_until_it_is_over(
    clinic: Clinic, say: Speech, day: int, *, told: bool
) -> None:
    assert ("Closed from" in facts.hours(say, clinic, date(2026, 12, day))) is told


def test_a_closure_of_one_day_without_a_reason(clinic: Clinic, say: Speech) -> None:
    closed = (Closed(first=date(2026, 12, 1), last=date(2026, 12, 1)),)
    clinic = clinic.model_copy(update={"closed": closed})
    assert facts.hours(say, clinic, MONDAY).splitlines()[7:] == ["Closed on Tuesday, 1 December"]


def test_the_address(clinic: Clinic, say: Speech) -> None:
    assert facts.address(say, clinic) == (
        "12 Linden Row, London N1\n"
        '<a href="https://www.openstreetmap.org/?mlat=51.53800&amp;mlon=-0.09900#map=17/51.53800/-0.09900">'
        "Show on the map</a>\n"
        "Four minutes on foot from the station; step-free entrance in the courtyard."
    )
    assert facts.address(say, bare(clinic, address=Address(text="1 A&B Street"))) == "1 A&amp;B Street"


def test_contact(clinic: Clinic, say: Speech) -> None:
    assert facts.contact(say, clinic) == (
        "Telephone: +44 20 7946 0958\n"
        "If something looks wrong after a treatment: +44 20 7946 0999\n"
        "E-mail: hello@linden.example\n"
        "https://linden.example"
    )
    only = clinic.contact.model_copy(update={"urgent_phone": None, "email": None, "website": None})
    assert facts.contact(say, bare(clinic, contact=only)) == "Telephone: +44 20 7946 0958"


def test_practitioners(clinic: Clinic) -> None:
    people = (*clinic.practitioners[:1], Practitioner(id="b", name="Bo <b>", role="Nurse & prescriber"))
    assert facts.practitioners(bare(clinic, practitioners=people)) == (
        "• <b>Dr Maya Hart</b>, Doctor\n  Sees every new patient for a consultation before the first session.\n"
        "• <b>Bo &lt;b&gt;</b>, Nurse &amp; prescriber"
    )


@pytest.mark.parametrize(
    ("payment", "said"),
    [
        (Payment(methods=("card", "cash"), note="After each session."), "We take: card and cash.\nAfter each session."),
        (Payment(methods=("card", "bank transfer", "cash")), "We take: card, bank transfer and cash."),
        (Payment(methods=("cash",)), "We take: cash."),
        (Payment(methods=()), ""),
        (None, ""),
    ],
)
def test_payment(clinic: Clinic, say: Speech, payment: Payment | None, said: str) -> None:
    assert facts.payment(say, bare(clinic, payment=payment)) == said


def test_what_the_clinic_has_not_said_is_empty(clinic: Clinic, say: Speech) -> None:
    values = facts.values(say, bare(clinic), MONDAY)
    empty = {name for name, value in values.items() if not value}
    assert empty == {"prices", "hours", "address", "practitioners", "payment", "durations"}


def test_the_values_of_care_texts(clinic: Clinic, say: Speech) -> None:
    values: Mapping[str, str] = facts.values(say, clinic, MONDAY)
    assert {name: values[name] for name in ("clinic", "phone", "emergency", "notice", "interval")} == {
        "clinic": "Linden Skin Clinic",
        "phone": "+44 20 7946 0958",
        "emergency": "999",
        "notice": "24 hours",
        "interval": "2 to 4 weeks",
    }
    assert {name: value for name, value in values.items() if name.startswith("aftercare.")} == {
        "aftercare.touching": "24 hours",
        "aftercare.makeup": "24 hours",
        "aftercare.sport": "48 hours",
        "aftercare.alcohol": "24 hours",
        "aftercare.heat": "3 days",
        "aftercare.swimming": "3 days",
        "aftercare.massage": "48 hours",
        "aftercare.peels": "14 days",
    }


def test_hostile_words_of_a_clinic_stay_words(clinic: Clinic, say: Speech) -> None:
    odd = '</b><a href="x">&amp;"\u202e'
    hostile = bare(
        clinic,
        name=odd,
        address=Address(text=odd, directions=odd),
        practitioners=(Practitioner(id="a", name=odd, role=odd, about=odd),),
        treatments=(Treatment(id="a", name=odd, minutes=5, price=Decimal(1), price_note=odd),),
        payment=Payment(methods=(odd,), note=odd),
        hours=clinic.hours,
        closed=(Closed(first=MONDAY, last=MONDAY, reason=odd),),
    )
    shown = odd.replace("\u202e", "")  # Telegram drops overrides of the direction
    for name, value in facts.values(say, hostile, MONDAY).items():
        expected = name in ("clinic", "address", "practitioners", "prices", "durations", "payment", "hours")
        assert (shown in parse(value).text) is expected, name
