"""The clinic's own facts as blocks of text: prices, hours with today's marked, address, practitioners, payment."""

from collections.abc import Mapping
from datetime import date, timedelta

from bot.config import Clinic, Span
from bot.delivery.markup import escape
from bot.wording.speech import Speech


def values(say: Speech, clinic: Clinic, today: date) -> Mapping[str, str]:
    """Return what each placeholder of a topic's text stands for, as HTML; empty where the clinic has not said."""
    return {
        "clinic": escape(clinic.name),
        "phone": clinic.phone,
        "urgent": clinic.urgent_phone,
        "emergency": clinic.emergency,
        "prices": prices(say, clinic),
        "hours": hours(say, clinic, today),
        "address": address(say, clinic),
        "practitioners": practitioners(clinic),
        "payment": payment(say, clinic),
        "durations": durations(say, clinic),
        "interval": interval(say, clinic),
        "notice": say.hours(clinic.visits.notice_hours),
        **{f"aftercare.{what}": say.hours(time) for what, time in clinic.aftercare.model_dump().items()},
    }


def prices(say: Speech, clinic: Clinic) -> str:
    """List the treatments that have a price."""
    lines = []
    for treatment in clinic.treatments:
        if treatment.price is not None:
            note = f" ({escape(treatment.price_note)})" if treatment.price_note else ""
            lines.append(
                f"• {escape(treatment.name)}: <b>{escape(say.money(treatment.price, clinic.currency))}</b>{note}"
            )
    return "\n".join(lines)


def durations(say: Speech, clinic: Clinic) -> str:
    """List how long each treatment takes."""
    return "\n".join(
        say.ngettext("• {name}: about {count} minute", "• {name}: about {count} minutes", treatment.minutes).format(
            name=escape(treatment.name), count=treatment.minutes
        )
        for treatment in clinic.treatments
    )


def interval(say: Speech, clinic: Clinic) -> str:
    """Say how far apart two sessions are, over all treatments; the article's 2 to 4 weeks where there are none."""
    spans = [treatment.interval_weeks for treatment in clinic.treatments] or [(2, 4)]
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    if first == last:
        return say.ngettext("{count} week", "{count} weeks", first).format(count=first)
    return say._("{first} to {last} weeks").format(first=first, last=last)


def hours(say: Speech, clinic: Clinic, today: date) -> str:
    """List the week's opening hours, today's in bold, with closed days of the next two weeks."""
    if not any(clinic.hours.on(weekday) for weekday in range(7)):
        return ""
    lines = []
    for weekday in range(7):
        line = f"{say.weekday(weekday)}: {_spans(say, clinic.hours.on(weekday))}"
        if weekday == today.weekday():
            now = _spans(say, clinic.open_on(today))
            line = f"<b>{say.weekday(weekday)}: {now}</b> – {say._('today')}"
        lines.append(line)
    for closed in clinic.closed:
        if closed.first <= today + timedelta(days=14) and closed.last >= today:
            lines.append(_closure(say, closed.first, closed.last, closed.reason))
    return "\n".join(lines)


def _closure(say: Speech, first: date, last: date, reason: str) -> str:
    why = f" ({escape(reason)})" if reason else ""
    if first == last:
        return say._("Closed on {day}").format(day=say.day(first)) + why
    return say._("Closed from {first} to {last}").format(first=say.day(first), last=say.day(last)) + why


def _spans(say: Speech, spans: tuple[Span, ...]) -> str:
    if not spans:
        return say._("closed")
    return ", ".join(f"{say.clock(span.opens)}–{say.clock(span.closes)}" for span in spans)


def address(say: Speech, clinic: Clinic) -> str:
    """Say where the clinic is, with a link to a map."""
    place = clinic.address
    if place is None:
        return ""
    lines = [escape(place.text)]
    if place.map_url:
        lines.append(f'<a href="{escape(place.map_url)}">{say._("Show on the map")}</a>')
    if place.directions:
        lines.append(escape(place.directions))
    return "\n".join(lines)


def contact(say: Speech, clinic: Clinic) -> str:
    """Say how to reach the clinic."""
    lines = [say._("Telephone: {phone}").format(phone=clinic.phone)]
    if clinic.urgent_phone != clinic.phone:
        lines.append(say._("If something looks wrong after a treatment: {phone}").format(phone=clinic.urgent_phone))
    if clinic.contact.email:
        lines.append(say._("E-mail: {email}").format(email=escape(clinic.contact.email)))
    if clinic.contact.website:
        lines.append(escape(clinic.contact.website))
    return "\n".join(lines)


def practitioners(clinic: Clinic) -> str:
    """List who treats patients."""
    return "\n".join(
        f"• <b>{escape(person.name)}</b>, {escape(person.role)}"
        + (f"\n  {escape(person.about)}" if person.about else "")
        for person in clinic.practitioners
    )


def payment(say: Speech, clinic: Clinic) -> str:
    """Say how patients pay."""
    if clinic.payment is None or not clinic.payment.methods:
        return ""
    methods = say._("We take: {methods}.").format(methods=escape(say.listed(clinic.payment.methods)))
    return f"{methods}\n{escape(clinic.payment.note)}".strip()
