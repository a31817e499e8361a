"""A visit as a file for calendars (RFC 5545), which says nothing of anybody's health.

Calendars know an event again by its UID and take the file with the higher SEQUENCE: that is the visit's version, so a
file made after a move changes the entry that is there. A visit that is off goes out as METHOD CANCEL with STATUS
CANCELLED, which takes the entry out. It is published (PUBLISH) and not an invitation (REQUEST): nobody has to answer.
"""

from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress, vText

from bot.clinic.visits import CANCELLED, COMPLETED, CONFIRMED, DECLINED, EXPIRED, NO_SHOW, Card
from bot.config import Clinic


def invitation(clinic: Clinic, card: Card, now: datetime, *, title: str, text: str) -> bytes:
    """Return the visit as an .ics file; a time that is only asked for is tentative, a kept one counts until then."""
    is_off = card.status in (CANCELLED, DECLINED, EXPIRED, NO_SHOW)
    starts_at = card.kept_starts_at or card.starts_at
    event = Event()
    event.add("uid", f"{card.code.lower()}-{card.visit_id}@mesobot.{_domain(clinic)}")
    event.add("sequence", card.version)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", starts_at.astimezone(UTC))
    event.add("dtend", (starts_at + (card.ends_at - card.starts_at)).astimezone(UTC))
    event.add("summary", title)
    event.add("description", text)
    if clinic.address is not None:
        event.add("location", vText(clinic.address.text))
        if clinic.address.latitude is not None:
            event.add("geo", (clinic.address.latitude, clinic.address.longitude))
    organizer = vCalAddress(_organizer(clinic))
    organizer.params["cn"] = vText(clinic.name)
    event.add("organizer", organizer)
    sure = card.kept_starts_at is not None or card.status in (CONFIRMED, COMPLETED)
    event.add("status", "CANCELLED" if is_off else "CONFIRMED" if sure else "TENTATIVE")
    event.add("transp", "TRANSPARENT" if is_off else "OPAQUE")
    calendar = Calendar()
    calendar.add("prodid", "-//mesobot//visits//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if is_off else "PUBLISH")
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _domain(clinic: Clinic) -> str:
    """Return the clinic in a form that is the same for each of its files."""
    return (
        "".join(char if char.isascii() and char.isalnum() else "-" for char in clinic.name.lower()).strip("-")
        or "clinic"
    )


def _organizer(clinic: Clinic) -> str:
    """Return who publishes the event; RFC 5546 wants somebody."""
    if clinic.contact.email:
        return f"mailto:{clinic.contact.email}"
    return f"tel:{clinic.phone.replace(' ', '-')}"
