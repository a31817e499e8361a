"""Logging: one line an event, ids only. Words of people, names, numbers and secrets never reach a log.

The libraries' own lines, from WARNING on, look like the program's. Of an exception only its type and place are said,
and of what a library puts into its sentences only numbers: the rest may be somebody's words.
"""

import asyncio
import contextlib
import logging
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

QUIET = ("httpx", "httpcore", "telegram", "aiohttp", "apscheduler", "asyncio", "uvicorn", "sqlalchemy", "alembic")
"""Libraries whose lower levels print request lines (with the token), updates or parameters."""

Format = Literal["text", "json"]

log = structlog.get_logger()


def configure(
    level: str = "INFO", form: Format = "text", *, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Write the program's events at `level` and above, and the libraries' from WARNING on, as lines without `secrets`.

    They go to `stream`, or to standard error.
    """
    out = stream or sys.stderr
    finish: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _renderer(form),
        _without(secrets),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Foreign(finish))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a line that cannot be written must not print its record instead
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_traceback,
            *finish,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


def about(**ids: int | str) -> AbstractContextManager[None]:
    """Put `ids` into every line that is logged inside, by this task."""
    return structlog.contextvars.bound_contextvars(**ids)


def place(error: BaseException) -> str:
    """Return where an error was raised: file and line, never its words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


_strays: dict[str, tuple[float, int]] = {}
"""When each line about a stray error was written last, and how many like it were left out since."""


def note_stray(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the event loop reports that nobody caught; asyncio's own way prints objects, and words with them.
    The same line comes once a second, with how many were left out: a full one has thousands."""
    error = context.get("exception")
    line = place(error) if error is not None else str(context.get("message", ""))[:40]
    since, left_out = _strays.get(line, (0.0, 0))
    if since and time.monotonic() - since < 1.0:
        _strays[line] = since, left_out + 1
        return
    if len(_strays) >= 100:
        _strays.clear()
    _strays[line] = time.monotonic(), 0
    more = {"left_out": left_out} if left_out else {}
    if error is None:  # asyncio's own sentence, such as "Task was destroyed but it is pending!"
        log.error("loop.complaint", what=str(context.get("message", "")).partition("<")[0].strip()[:80], **more)
    else:
        log.error("loop.stray_error", error=type(error).__name__, at=line, **more)


class _Foreign(logging.Formatter):
    """Makes the same line of a library's record."""

    def __init__(self, finish: Iterable[Processor]) -> None:
        super().__init__()
        self._finish = tuple(finish)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        event: Any = {
            "level": record.levelname.lower(),
            "event": f"library.{record.name.partition('.')[0]}",
            "said": _sentence(record),
            "at": f"{record.filename}:{record.lineno}",
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            event |= {"error": type(error).__name__, "raised_at": place(error)}
        for process in self._finish:
            event = process(None, record.levelname, event)
        return str(event)


def _sentence(record: logging.LogRecord) -> str:
    """Return the first line of a library's sentence, with numbers filled in and everything else left out."""
    said = str(record.msg)
    if record.args:
        given = record.args if isinstance(record.args, tuple) else (record.args,)
        with contextlib.suppress(TypeError, ValueError):  # unfilled, it still says what happened
            said %= tuple(one if isinstance(one, int | float) else "…" for one in given)
    return said.strip().partition("\n")[0][:200]


def _renderer(form: Format) -> Processor:
    match form:
        case "json":
            return structlog.processors.JSONRenderer()
        case "text":
            return structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)


def _without_traceback(_: Any, __: str, event: EventDict) -> EventDict:
    """Say of an exception that is being logged what it was and where; its words may be a person's."""
    error = event.pop("exc_info", None)
    error = sys.exc_info()[1] if error is True else error
    if isinstance(error, BaseException):
        event.update(error=type(error).__name__, at=place(error))
    return event


def _without(secrets: Iterable[str]) -> Processor:
    """Return a last look at each line: whatever put a secret there, it does not get out."""
    known = tuple(one for one in secrets if one)

    def redact(_: Any, __: str, line: Any) -> str:
        for one in known:
            line = line.replace(one, "[secret]")
        return str(line)

    return redact
