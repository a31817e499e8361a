"""A row in every table, made from the tables themselves, so that a new table or column is not forgotten."""

from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Time,
    insert,
    select,
)
from sqlalchemy.orm import Session

from bot.store.models import Base, Instant, Lease

TABLES = [table for table in Base.metadata.sorted_tables if table.name != Lease.__tablename__]
AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
WORDS = "Zoë 🙂 ’quoted’ \\ %s\n"
LARGE = 2**62 + 1


def value(column: Column[Any], number: int) -> Any:
    """Return a value of the column's type that a careless copy would change; `number` keeps rows apart."""
    kind = column.type
    if isinstance(kind, String):
        return f"{number}{WORDS}"[: kind.length]
    if isinstance(kind, Integer):
        return number if column.primary_key or not isinstance(kind, BigInteger) else LARGE + number
    odd = {Instant: AT, Boolean: bool(number % 2), JSON: {"deep": [WORDS, None, 1.5, number], "": {}},
           Float: 0.1 + number, Date: date(2024, 2, 29), Time: time(23, 59, 59)}  # fmt: skip
    return next(one for kind_of, one in odd.items() if isinstance(kind, kind_of))


def rows(table: Table, count: int = 2) -> list[dict[str, Any]]:
    """Return whole rows, and one in which nothing is that may be missing."""
    whole = [{column.name: value(column, number) for column in table.c} for number in range(1, count + 1)]
    bare = {column.name: None if column.nullable else value(column, 1000) for column in table.c}
    return [*whole, bare]


def fill(session: Session) -> None:
    """Put rows into every table."""
    for table in TABLES:
        session.execute(insert(table), rows(table))


def content(session: Session, metadata: MetaData = Base.metadata) -> dict[str, list[Any]]:
    """Return what every table holds."""
    return {
        table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
        for table in metadata.sorted_tables
        if table.name != Lease.__tablename__
    }
