"""How fast the dispatcher empties an outbox, its limits opened wide: in waves, or one row to a commit.

`python -m tests.benchmarks.dispatch URL DATABASE COUNT WAVE FIRST_CHAT CHATS` owes COUNT messages to CHATS chats in
DATABASE, sends them to the Bot API server at URL, WAVE to a commit, and prints as JSON how many seconds that took, and
how many of this process's CPU.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.delivery import outbox
from bot.delivery.dispatcher import Dispatcher, Voice
from bot.delivery.limiter import Limiter, Rate
from bot.delivery.messages import Button, Message
from bot.delivery.wire import HttpTransport, Wire
from bot.store.database import Database, parse_url
from tests.benchmarks.load import TOKEN

TEXT = "<b>Before your visit</b>\n" + "Please come without make-up, and tell us if anything has changed. " * 4
BUTTONS = ((Button("Fine", "fine"), Button("Move it", "move")),)
WIDE = Rate(per_second=1e6, burst=1e6)


async def dispatch(url: str, database: Database, count: int, chats: range) -> dict[str, float]:
    """Return what it took from the first claim to the last record."""
    wire = Wire(HttpTransport(url, TOKEN))
    voice = Voice(repeat_mark=lambda _: "again", alarm=lambda _session, row: f"{row}")
    dispatcher = Dispatcher(database, wire, SystemClock(), voice, limiter=Limiter(WIDE))

    def owe(session: Session) -> None:
        now = datetime.now(UTC)
        for number in range(count):
            outbox.post(session, Message(chats[number % len(chats)], TEXT, BUTTONS), now=now)

    await database.transaction(owe)
    dispatcher.wake()
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(dispatcher.run())
    await dispatcher.quiet()
    took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    dispatcher.stop()
    await running
    await wire.close()
    return took


def main(url: str, database_url: str, count: int, wave: int, first_chat: int, chats: int) -> None:
    """Send, and print what it took."""
    outbox.WAVE = wave
    database = Database(parse_url(database_url))
    database.migrate()
    print(json.dumps(asyncio.run(dispatch(url, database, count, range(first_chat, first_chat + chats)))))
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
