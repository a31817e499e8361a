"""The rounds: what time brings although nobody writes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from bot.clinic import enquiries, visits, waits
from bot.clinic.visits import Ended
from bot.store.database import Session
from handlers import booking, cards, endings, followups
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed

Happened = TypeVar("Happened")


async def make_rounds(desk: Desk) -> None:
    """Do and say what has become due, until nothing is."""
    clinic = desk.clinic
    await _until_done(
        desk,
        lambda session, now: enquiries.make_rounds(session, clinic, now),
        lambda one: cards.due(desk, one),
        enquiries.A_ROUND,
    )
    await _until_done(
        desk,
        lambda session, now: visits.make_rounds(session, clinic, now),
        lambda one: endings.due(desk, one) if isinstance(one, Ended) else visit_cards.due(desk, one),
        visits.A_ROUND,
    )
    await booking.make_draft_rounds(desk)
    await followups.make_followup_rounds(desk)
    # last: what has expired just now is free for those who wait
    await desk.act(
        desk.staff_speech,
        lambda session, now: waits.offer(session, clinic, now),
        lambda offers: [owed for offer in offers for owed in visit_cards.offered(desk, offer)],
    )


async def _until_done(
    desk: Desk,
    use_case: Callable[[Session, datetime], list[Happened]],
    say: Callable[[Happened], Iterable[Owed]],
    most: int,
) -> None:
    """Run rounds of at most `most` things each until one is not full."""

    def render(happened: list[Happened]) -> Iterator[Owed]:
        for one in happened:
            yield from say(one)

    while True:
        happened = await desk.act(desk.staff_speech, use_case, render)
        if len(happened) < most:
            return
