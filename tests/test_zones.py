"""The clinic's zone changes: all that is to come keeps its wall time, and what has happened stays as it was."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clinic import blocks, calls, timing, visits, waits, zones
from bot.clinic.blocks import Blocked
from bot.clinic.visits import Card, Changed
from bot.clinic.zones import Moved
from bot.config import Clinic
from bot.store.models import Block, Call, Draft, FollowUp, Slot, Visit, Wait
from tests.story import Story
from tests.test_followups import ANNA, DAY, HOUR, MAYA, STAFF, Diary, everywhere

ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Australia/Lord_Howe", "Europe/Berlin"]
LONDON = "Europe/London"


@pytest.fixture
def diary(any_database: str, clinic: Clinic) -> Iterator[Diary]:
    diary = Diary(any_database, clinic, datetime(2026, 11, 16, 10, tzinfo=UTC))
    assert follow(diary, LONDON) is None, "the first start only remembers it"
    yield diary
    diary.database.close()


def follow(diary: Diary, zone: str) -> Moved | None:
    """Start with this zone in clinic.toml."""
    diary.clinic = everywhere(diary.clinic, zone)
    return diary.run(lambda s: zones.follow(s, diary.clinic, diary.now))


def walls(diary: Diary) -> dict[str, list[object]]:
    """Return the wall times of all that is to come."""
    zone = diary.clinic.tz

    def wall(at: datetime | None) -> str | None:
        return at.astimezone(zone).strftime("%d.%m. %H:%M") if at is not None else None

    def look(session: Session) -> dict[str, list[object]]:
        live = session.scalars(select(Visit).where(Visit.status.in_(visits.LIVE)).order_by(Visit.id))
        steps = select(FollowUp).where(FollowUp.state.in_(("planned", "frozen"))).order_by(FollowUp.id)
        units = select(Slot).order_by(Slot.holder, Slot.unit)
        return {
            "visits": [(wall(one.starts_at), wall(one.ends_at), wall(one.kept_starts_at)) for one in live],
            "due": [wall(one.due_at) for one in session.scalars(select(Visit)) if one.status == visits.CONFIRMED],
            "steps": [(one.step, wall(one.planned_for)) for one in session.scalars(steps)],
            "slots": [
                (one.holder, wall(datetime.fromtimestamp(one.unit * 300, UTC))) for one in session.scalars(units)
            ],
            "blocks": [(wall(one.starts_at), wall(one.ends_at)) for one in session.scalars(select(Block))],
            "drafts": [wall(one.starts_at) for one in session.scalars(select(Draft))],
            "waits": [wall(one.starts_at) for one in session.scalars(select(Wait))],
        }

    return diary.run(look)


def full(diary: Diary) -> Card:
    """A confirmed visit, one that is to be moved, a block, an offer, a draft: a bit of everything to come."""
    card = diary.confirmed(datetime(2026, 11, 26, 10, tzinfo=UTC))
    moving = diary.confirmed(datetime(2026, 11, 27, 10, tzinfo=UTC))
    asked = diary.run(
        lambda s: visits.propose(
            s, diary.clinic, moving.visit_id, moving.version, STAFF, "hart", moving.starts_at + HOUR, MAYA, diary.now
        )
    )
    assert isinstance(asked, Changed)
    starts = datetime(2026, 11, 25, 12, tzinfo=UTC)
    blocked = diary.run(
        lambda s: blocks.add(s, diary.clinic, "hart", starts, starts + HOUR, "lunch", STAFF, MAYA, diary.now)
    )
    assert isinstance(blocked, Blocked)

    def more(session: Session) -> None:
        offered = datetime(2026, 11, 24, 14, tzinfo=UTC)
        wait = Wait(visit_id=card.visit_id, chat_id=ANNA, version=1, since=diary.now, state=waits.OFFERED,
                    practitioner="hart", starts_at=offered, due_at=diary.now + HOUR, refused=[])  # fmt: skip
        session.add(wait)
        session.flush()
        session.add(Slot(practitioner="hart", unit=int(offered.timestamp()) // 300, holder=f"wait:{wait.id}"))
        session.add(Draft(chat_id=ANNA, version=1, starts_at=offered + DAY, screening={}, changed_at=diary.now))

    diary.run(more)
    return card


@pytest.mark.parametrize("zone", ZONES)
def test_wall_times_stay(diary: Diary, zone: str) -> None:
    full(diary)
    before = walls(diary)
    assert all(before.values())
    moved = follow(diary, zone)
    assert moved is not None
    offsets = [step for step in before["steps"] if isinstance(step, tuple) and step[0] != "before-2-hours"]
    after = walls(diary)
    assert [step for step in after["steps"] if isinstance(step, tuple) and step[0] != "before-2-hours"] == offsets
    assert {name: after[name] for name in after if name != "steps"} == {
        name: before[name] for name in before if name != "steps"
    }
    assert (moved.before, moved.after, len(moved.visits), moved.blocks) == (LONDON, zone, 2, 1)
    assert (moved.shifted, moved.overlapping) == ([], [])
    assert moved.steps == (len(before["steps"]) if zone != "UTC" else 0), "in winter London's clock is UTC"
    assert follow(diary, zone) is None, "the next start finds nothing to do"
    assert walls(diary) == after


@pytest.mark.parametrize("zone", ZONES)
def test_there_and_back_is_as_before(diary: Diary, zone: str) -> None:
    full(diary)
    before = walls(diary)
    rows = diary.run(
        lambda s: [(row.key, row.due_at, row.valid_until, row.state) for row in s.scalars(select(FollowUp))]
    )
    assert follow(diary, zone) is not None
    assert follow(diary, LONDON) is not None
    assert walls(diary) == before
    again = diary.run(
        lambda s: [(row.key, row.due_at, row.valid_until, row.state) for row in s.scalars(select(FollowUp))]
    )
    assert again == rows


def test_what_was_sent_is_not_sent_again_and_can_be_answered(diary: Diary) -> None:
    card = diary.confirmed(datetime(2026, 11, 26, 10, tzinfo=UTC))
    diary.until(datetime(2026, 11, 23, 10, 5, tzinfo=UTC))
    (sent,) = diary.run(lambda s: list(s.scalars(select(FollowUp).where(FollowUp.state == "sent"))))
    follow(diary, "America/New_York")  # five hours later, so that three days before is to come once more
    row = diary.run(lambda s: s.get_one(FollowUp, sent.id))
    assert (row.state, row.sent_at, row.planned_for, row.due_at) == (
        "sent",
        sent.sent_at,
        sent.planned_for,
        sent.due_at,
    )
    visit = diary.run(lambda s: s.get_one(Visit, card.visit_id))
    assert row.anchor_at == visit.starts_at == datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert [steps for _, steps in diary.until(visit.starts_at)] == [["before-1-day"], ["before-2-hours"]]


def test_what_comes_after_a_visit_that_is_over_goes_by_the_new_zone(diary: Diary) -> None:
    done = diary.treated(datetime(2026, 11, 26, 10, tzinfo=UTC))
    follow(diary, "America/New_York")
    visit = diary.run(lambda s: s.get_one(Visit, done.card.visit_id))
    assert visit.starts_at == datetime(2026, 11, 26, 10, tzinfo=UTC), "what has happened stays"
    planned = diary.planned()
    assert planned["care-card"] == done.card.ends_at + 2 * HOUR or planned["care-card"].hour == 13, "not in the night"
    assert planned["check-1-day"] == datetime(2026, 11, 27, 15, tzinfo=UTC)


def test_a_visit_may_be_over_by_the_new_zone(diary: Diary) -> None:
    card = diary.confirmed(datetime(2026, 11, 26, 10, tzinfo=UTC))
    diary.until(datetime(2026, 11, 26, 9, tzinfo=UTC))
    moved = follow(diary, "Asia/Tokyo")  # there it is 18:00, and 10:00 was eight hours ago
    assert moved is not None
    assert moved.visits == []
    ended = diary.run(lambda s: visits.make_rounds(s, diary.clinic, diary.now))
    assert [one.card.visit_id for one in ended] == [card.visit_id]
    assert diary.rounds() == []


def test_a_time_that_the_new_zone_skips_is_shifted_and_said(any_database: str, clinic: Clinic) -> None:
    diary = Diary(any_database, everywhere(clinic, "UTC"), datetime(2027, 3, 8, 10, tzinfo=UTC))
    follow(diary, "UTC")
    gap = datetime(2027, 3, 14, 2, 30, tzinfo=UTC)  # New York skips 02:00 to 03:00

    def add(session: Session) -> None:
        for number, start in enumerate((gap, gap + HOUR / 2)):
            visit = Visit(code=f"GAP{number}", chat_id=ANNA, name="Anna", phone="+442079460000", treatment="face",
                          practitioner="hart", status="confirmed", starts_at=start, ends_at=start + HOUR / 2,
                          created_at=diary.now, requested_at=diary.now)  # fmt: skip
            session.add(visit)
            session.flush()
            units = range(int(start.timestamp()) // 300, int((start + HOUR / 2).timestamp()) // 300)
            session.add_all(Slot(practitioner="hart", unit=unit, holder=f"visit:{visit.id}") for unit in units)

    diary.run(add)
    moved = follow(diary, "America/New_York")
    assert moved is not None
    at_three = datetime(2027, 3, 14, 7, tzinfo=UTC)
    assert [(card.code, card.starts_at) for card in moved.shifted] == [("GAP0", at_three)]
    assert [card.starts_at for card in moved.visits] == [at_three, at_three]
    assert [card.code for card in moved.overlapping] == ["GAP1"], "who comes second has no time left"
    assert diary.run(lambda s: {slot.holder for slot in s.scalars(select(Slot))}) == {"visit:1"}
    diary.database.close()


def test_two_steps_may_change_places(diary: Diary) -> None:
    """A visit that was once at the wall time which another zone makes of its time now."""
    card = diary.confirmed(datetime(2026, 11, 26, 15, tzinfo=UTC))
    moved = diary.run(
        lambda s: visits.propose(
            s, diary.clinic, card.visit_id, card.version, STAFF, "hart", card.starts_at - 5 * HOUR, MAYA, diary.now
        )
    )
    assert isinstance(moved, Changed)
    accepted = diary.run(lambda s: visits.accept(s, diary.clinic, card.visit_id, moved.card.version, ANNA, diary.now))
    assert isinstance(accepted, Changed)
    follow(diary, "America/New_York")
    states = diary.run(lambda s: [(row.anchor_at.hour, row.state) for row in s.scalars(select(FollowUp))])
    assert sorted(set(states)) == [(15, "planned"), (20, "cancelled")]


def test_a_call_that_was_made_stays_made(diary: Diary) -> None:
    card = diary.confirmed(datetime(2026, 11, 17, 15, tzinfo=UTC))
    diary.run(lambda s: s.query(Visit).update({"chat_id": None}))
    diary.run(lambda s: calls.tick(s, diary.clinic, card.visit_id, 0, STAFF, MAYA, diary.now))
    follow(diary, "America/New_York")
    listed = diary.run(lambda s: calls.listed(s, diary.clinic, STAFF, diary.now))
    assert isinstance(listed, calls.CallList)
    assert (listed.open, len(listed.made)) == ([], 1)
    assert diary.run(lambda s: s.query(Call).count()) == 1


async def test_staff_are_told_what_went_along(any_story: Story) -> None:
    story = any_story
    assert story.database is not None
    start = timing.instant(date(2026, 11, 27), time(10), ZoneInfo(LONDON))

    def add(session: Session) -> None:
        session.add(Visit(code="ABCDE", name="Anna <Nowak>", phone="+442079460000", treatment="face", version=1,
                          practitioner="hart", status="confirmed", starts_at=start, ends_at=start + HOUR,
                          created_at=start, requested_at=start))  # fmt: skip

    await story.database.transaction(add)
    seen = story._last(story.group.id)
    await story.restart()
    assert story.since(story.group.id, seen) == []
    story.clinic = everywhere(story.clinic, "America/New_York")
    await story.restart()
    (told,) = story.since(story.group.id, seen)
    assert told.splitlines()[:2] == [
        "🌍 The clinic's time zone is America/New_York now (it was Europe/London).",
        "All times on the clock stay as they were agreed: a visit at 10:00 is at 10:00.",
    ]
    assert "• Friday, 27 November, 10:00 · Anna <Nowak> · ABCDE" in told
    await story.restart()
    assert story.since(story.group.id, seen) == [told]
