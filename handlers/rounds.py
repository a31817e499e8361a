"""The rounds: what time brings although nobody writes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from bot.clinic import enquiries, visits, waits
from bot.clinic.visits import Ended
from bot.store.database import Session
from handlers import booking, cards, clocks, digest, endings, erasures, followups
from handlers import visits as visit_cards
from handlers.desk import Desk, Owed

Happened = TypeVar("Happened")


async def make_rounds(desk: Desk) -> None:
    """Do and say what has become due, until nothing is; while the clock is in doubt, only what is urgent."""
    held = await clocks.is_held(desk)
    await _until_done(
        desk,
        lambda session, now: enquiries.make_rounds(session, desk.clinic, now, urgent_only=held),
        lambda one: cards.due(desk, one),
        enquiries.A_ROUND,
    )
    # the offers after the visits: what has expired just now is free for those who wait
    rooms = (_make_visit_rounds, booking.make_draft_rounds, followups.make_followup_rounds, _make_offers)
    for rounds in (*rooms, erasures.make_erasure_round, digest.make_digest_round):
        if desk.clock.doubt() is not None:
            return
        await rounds(desk)


async def _make_visit_rounds(desk: Desk) -> None:
    await _until_done(
        desk,
        lambda session, now: visits.make_rounds(session, desk.clinic, now),
        lambda one: endings.due(desk, one) if isinstance(one, Ended) else visit_cards.due(desk, one),
        visits.A_ROUND,
    )


async def _make_offers(desk: Desk) -> None:
    await desk.act(
        desk.staff_speech,
        lambda session, now: waits.offer(session, desk.clinic, now),
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
