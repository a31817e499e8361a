"""A changed programme: what is planned around visits follows it at the next start."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import plans, timing, visits
from bot.config import Clinic
from bot.store.models import Fact, FollowUp, Visit

KNOWN = "programme"
"""The programme by which what is stored was planned, as a digest."""
A_BATCH = 100
"""Visits planned anew in one transaction."""


@dataclass(frozen=True, slots=True)
class Batch:
    """So many steps are planned, or called off, otherwise now; `last` is the visit to go on from, None at the end."""

    steps: int
    last: int | None


def follow(session: Session, clinic: Clinic, after: int, now: datetime) -> Batch:
    """Plan anew a batch of the visits behind `after`, where the programme is another one than at the last start."""
    known, digest = session.get(Fact, KNOWN), _digest(clinic)
    if known is not None and known.value == digest:
        return Batch(0, None)
    found = _visits(session, clinic, after, now) if known is not None else []
    if not found:
        session.merge(Fact(name=KNOWN, value=digest))
        return Batch(0, None)
    ids = [visit.id for visit in found]
    before = _planned(session, ids)
    for visit in found:
        plans.plan(session, clinic, visit, now)
    session.flush()
    return Batch(len({key for key, _ in before ^ _planned(session, ids)}), ids[-1])


def _visits(session: Session, clinic: Clinic, after: int, now: datetime) -> list[Visit]:
    """Return visits after which, or before which, something may still be sent, in order."""
    longest = max((_length(clinic, now, place) for place in _places(clinic)), default=timedelta(0))
    to_come = Visit.status.in_(visits.LIVE) & (Visit.ends_at > now)
    over = (Visit.status == visits.COMPLETED) & (Visit.ends_at > now - longest)
    batch = select(Visit).where(Visit.id > after, to_come | over).order_by(Visit.id).limit(A_BATCH)
    return list(session.scalars(batch))


def _length(clinic: Clinic, now: datetime, treatment: str | None) -> timedelta:
    """Return how long after a visit something may still be sent by the programme; an interval is a year at most."""
    ends = [
        timing.valid_until(step, now, due_at) - now
        for step in clinic.steps(treatment)
        if (due_at := timing.due(step, now, clinic.tz, 52)) is not None
    ]
    return max(ends, default=timedelta(0))


def _places(clinic: Clinic) -> Iterator[str | None]:
    yield None
    yield from (treatment.id for treatment in clinic.treatments)


def _planned(session: Session, visit_ids: list[int]) -> set[tuple[str, datetime]]:
    open_ones = (FollowUp.visit_id.in_(visit_ids), FollowUp.state.in_(plans.OPEN))
    found = session.execute(select(FollowUp.key, FollowUp.planned_for).where(*open_ones))
    return {(row.key, row.planned_for) for row in found}


def _digest(clinic: Clinic) -> str:
    """Return what stands for all that a plan is made of, but for the visits themselves."""
    whole: list[Any] = [[treatment.id, treatment.interval_weeks] for treatment in clinic.treatments]
    whole += [[place, *(step.model_dump(mode="json") for step in clinic.steps(place))] for place in _places(clinic)]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
