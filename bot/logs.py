"""Logging: one line an event, ids only. Words of people, names, numbers and the token never reach a log."""

import logging
import sys

import structlog

QUIET = ("httpx", "httpcore", "telegram", "aiohttp", "apscheduler", "asyncio", "uvicorn", "sqlalchemy", "alembic")
"""Libraries whose lower levels print request lines (with the token), updates or parameters."""


def configure(level: str = "INFO") -> None:
    """Send the program's events at `level` and above to standard error, and the libraries' from WARNING on."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr, force=True
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def error_name(error: BaseException) -> str:
    """Return what may be logged of an error: its type, since its words may hold a person's."""
    return type(error).__name__
