"""The programme looked through before it is used: what would never be said, or not as it is meant."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from bot.clinic import timing
from bot.clinic.timing import Quiet
from bot.config import Clinic, Treatment
from bot.programme import Step
from bot.wording.followups import PLACEHOLDERS
from faq.check import Finding, Gravity

OF_A_VISIT = frozenset({"confirm", "move", "cancel", "changed", "coming", "late"})
"""Answers that only make sense before a visit."""
_BRACES = re.compile(r"\{[^{}\n]*\}|[{}]")
_A_DAY = date(2026, 6, 1)
"""A Monday without a change of the clocks anywhere near."""


def look_through(clinic: Clinic) -> list[Finding]:
    """Return what is wrong with the clinic's programme, and with that of each treatment where it differs."""
    usual = clinic.steps(None)
    found = [one for step in usual for one in _step(clinic, f"programme: {step.id}", step, clinic.treatments)]
    for treatment in clinic.treatments:
        own = [step for step in clinic.steps(treatment.id) if step not in usual]
        place = f"treatments: {treatment.id}: programme"
        found += [one for step in own for one in _step(clinic, f"{place}: {step.id}", step, (treatment,))]
    return found


def _step(clinic: Clinic, place: str, step: Step, treatments: tuple[Treatment, ...]) -> Iterator[Finding]:
    for braces in sorted(set(_BRACES.findall(step.text or "")) - {f"{{{name}}}" for name in PLACEHOLDERS}):
        known = ", ".join(sorted(PLACEHOLDERS))
        yield Finding(Gravity.ERROR, place, f"{braces} is not a placeholder; known are {known}")
    if step.anchor != "visit" and (wrong := sorted(OF_A_VISIT.intersection(step.buttons))):
        yield Finding(Gravity.ERROR, place, f"{wrong[0]!r} is an answer about a visit to come, and this comes after it")
    if step.kind != "offer" and "times" in step.buttons:
        yield Finding(Gravity.WARNING, place, "it offers times, so its kind should be offer: not everybody wants those")
    if step.anchor == "visit" and step.until is not None and step.until > timedelta(0):
        yield Finding(Gravity.WARNING, place, "until is after the visit has begun, so a reminder may come too late")
    yield from _times(clinic, place, step)
    if step.interval:
        yield from _interval(place, step, treatments)


def _interval(place: str, step: Step, treatments: tuple[Treatment, ...]) -> Iterator[Finding]:
    for treatment in treatments:
        first, last = treatment.interval_weeks
        if step.lasts is not None and timedelta(weeks=last - first) > step.lasts:
            text = f"the interval of {treatment.id} is longer than lasts: after {_days(step.lasts)} nobody gets it"
            yield Finding(Gravity.WARNING, place, text)


def _times(clinic: Clinic, place: str, step: Step) -> Iterator[Finding]:
    """Try the step with visits at each full hour of a usual day."""
    anchors = [timing.instant(_A_DAY, time(hour), clinic.tz) for hour in _hours(clinic)]
    quiet = Quiet(clinic.followups.quiet_from, clinic.followups.quiet_until)
    late, swallowed = 0, 0
    for anchor in anchors:
        due_at = timing.due(step, anchor, clinic.tz, 2)
        if due_at is None:
            continue
        until = timing.valid_until(step, anchor, due_at)
        late += due_at > until
        swallowed += due_at <= until and _is_swallowed(clinic, step, anchor, due_at, until, quiet)
    if late == len(anchors):
        yield Finding(Gravity.ERROR, place, "it is never sent: it would be due only after it may not be sent any more")
    elif late:
        yield Finding(
            Gravity.WARNING, place, f"it is not sent for {late} of {len(anchors)} hours of a day at which visits begin"
        )
    if swallowed == len(anchors):
        yield Finding(Gravity.ERROR, place, "it is never sent: quiet hours swallow it")
    elif swallowed:
        text = f"quiet hours swallow it for {swallowed} of {len(anchors)} hours of a day at which visits begin"
        yield Finding(Gravity.WARNING, place, text)


def _is_swallowed(
    clinic: Clinic, step: Step, anchor: datetime, due_at: datetime, until: datetime, quiet: Quiet
) -> bool:
    """True where quiet hours leave no time for what comes after its anchor: it cannot come before it instead."""
    goes_at = timing.polite(due_at, until, quiet, clinic.tz, "")
    return goes_at < due_at and step.anchor != "visit" and goes_at <= anchor


def _hours(clinic: Clinic) -> range:
    spans = [span for weekday in range(7) for span in clinic.hours.on(weekday)]
    if not spans:
        return range(9, 18)
    return range(min(span.opens.hour for span in spans), max(max(span.closes.hour, 1) for span in spans))


def _days(length: timedelta) -> str:
    return f"{length.days} days" if length.days else f"{length.seconds // 3600} hours"
