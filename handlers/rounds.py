"""The rounds: what time brings although nobody writes."""

from collections.abc import Iterator

from bot.clinic import enquiries
from bot.clinic.enquiries import A_ROUND, Due
from handlers import cards
from handlers.desk import Desk, Owed


async def make_rounds(desk: Desk) -> None:
    """Do and say what has become due, until nothing is."""

    def render(happened: list[Due]) -> Iterator[Owed]:
        for one in happened:
            yield from cards.due(desk, one)

    while True:
        happened = await desk.act(
            desk.staff_speech, lambda session, now: enquiries.make_rounds(session, desk.clinic, now), render
        )
        if len(happened) < A_ROUND:
            return
