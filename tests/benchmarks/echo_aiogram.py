"""The other yardstick: the echo bot that aiogram's own guide begins with, all settings at their defaults.

`python -m tests.benchmarks.echo_aiogram URL TOKEN` runs it against the Bot API server at URL until it is stopped.
"""

import asyncio
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message


async def echo(message: Message) -> None:
    """Say what was said."""
    if message.text is not None:
        await message.answer(message.text)


async def main(url: str, token: str) -> None:
    """Run until a signal comes."""
    dispatcher = Dispatcher()
    dispatcher.message.register(echo)
    await dispatcher.start_polling(Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(url))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
