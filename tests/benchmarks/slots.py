"""How long it takes to find a month's free days, with five practitioners and a year of bookings, on SQLite.

`python -m tests.benchmarks.slots` fills a database in the current folder: ten visits on each of 250 days for each of
the five. It then asks in turn for a month's free days, for a day's free times, and for the bookings of that same month
by a plain query of their rows, and prints as JSON how many seconds each took (the median), what the first call of all
took, and how many rows there are.
"""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import median

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bot.clinic import slots
from bot.config import WEEKDAYS, Booking, Clinic, Practitioner, Treatment, Week, load_clinic
from bot.store.database import Database, parse_url
from bot.store.models import Slot

TURNS = 15
TEAM, DAYS, VISITS = 5, 250, 10
FACE = Treatment(id="face", name="Face", minutes=45)
YEAR = date(2027, 1, 4)
NOW = datetime(2027, 6, 1, 6, 0, tzinfo=UTC)
FIRST, LAST = date(2027, 6, 1), date(2027, 6, 30)


def busy_clinic() -> Clinic:
    """Return a clinic open ten hours on weekdays: ten visits a day leave one time free, the day's last."""
    return load_clinic(None).model_copy(
        update={
            "hours": Week.model_validate(dict.fromkeys(WEEKDAYS[:5], ("08:00-18:00",))),
            "practitioners": tuple(Practitioner(id=f"p{n}", name=f"P {n}", role="Doctor") for n in range(TEAM)),
            "treatments": (FACE,),
            "closed": (),
            "booking": Booking(),
        }
    )


def fill(session: Session, clinic: Clinic) -> None:
    """Hold ten visits on each of 250 weekdays for each of the team."""
    weekdays = [day for ahead in range(365) if (day := YEAR + timedelta(days=ahead)).weekday() < 5][:DAYS]
    length, rows = slots.length(clinic, FACE), []
    for day in weekdays:
        opens = slots.unit(datetime(day.year, day.month, day.day, 8, tzinfo=clinic.tz))
        for one in clinic.team:
            for number in range(VISITS * length):
                holder = f"visit:{day:%m%d}{number // length}"
                rows.append({"practitioner": one.id, "unit": opens + number, "holder": holder})
    session.execute(insert(Slot), rows)


def measure(database: Database) -> dict[str, float]:
    """Return seconds for each, and the number of the month's rows."""
    clinic = busy_clinic()
    with Session(database._writer) as session, session.begin():
        fill(session, clinic)
    span = range(*(slots.unit(datetime(2027, month, 1, tzinfo=clinic.tz)) for month in (6, 7)))
    of_month = select(Slot.practitioner, Slot.unit).where(
        Slot.practitioner.in_([one.id for one in clinic.team]), Slot.unit >= span.start, Slot.unit < span.stop
    )
    rows = database.read_now(lambda session: len(session.execute(of_month).all()))

    def days(session: Session) -> int:
        return len(slots.free_days(session, clinic, FACE, None, FIRST, LAST, NOW))

    def times(session: Session) -> int:
        return len(slots.free_times(session, clinic, FACE, None, LAST, NOW))

    acts: dict[str, tuple[Callable[[Session], int], int]] = {
        "days": (days, 22),
        "times": (times, 1),
        "query": (lambda session: len(session.execute(of_month).all()), rows),
    }
    first, _ = timed(database, days)
    took: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(TURNS):
        for name in sorted(acts, reverse=bool(turn % 2)):
            seconds, found = timed(database, acts[name][0])
            if found != acts[name][1]:
                raise SystemExit(f"{name}: found {found}, not {acts[name][1]}")
            took[name].append(seconds)
    return {"first": first, "rows": rows, **{name: median(seconds) for name, seconds in took.items()}}


def timed(database: Database, work: Callable[[Session], int]) -> tuple[float, int]:
    """Return the seconds that `work` took in a transaction of its own, and what it found."""
    began = time.perf_counter()
    found = database.read_now(work)
    return time.perf_counter() - began, found


def main() -> None:
    """Measure, and print what it took."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        database = Database(parse_url(f"sqlite:///{folder}/slots.db"))
        database.migrate()
        print(json.dumps(measure(database)))
        database.close()


if __name__ == "__main__":
    main()
