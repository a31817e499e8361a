"""Notices: what programs on one PostgreSQL database tell each other, in the transaction that it is about.

A notice only saves time: whoever missed one finds the same in the tables a little later.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

CHANNEL = "mesobot"

KEEPALIVES: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""A connection on which little is said must find out that the other side is gone."""


def say(session: Session, text: str) -> None:
    """Tell all programs `text`, at most 8,000 bytes, once this transaction is committed."""
    session.execute(select(func.pg_notify(CHANNEL, text)))


async def listen(url: URL, on_open: Callable[[], None], on_notice: Callable[[str], None]) -> None:
    """Hand on each notice until the connection ends; `on_open` is called once none is missed any more.

    Raises psycopg.Error where the database cannot be reached, or is gone.
    """
    import psycopg  # noqa: PLC0415  a tenth of a second of each start, which SQLite need not wait for

    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True, **KEEPALIVES) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        on_open()
        async for notice in connection.notifies():
            on_notice(notice.payload)
