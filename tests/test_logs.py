"""The logs: one line an event, in two formats, and nothing in it that is somebody's words or a secret."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from bot import logs
from bot.logs import Format

SECRET = "AAE-the-part-that-nobody-may-know"


@pytest.fixture
def written() -> Iterator[Callable[[Format], io.StringIO]]:
    """Configure logging for one test, and leave the next one what it had."""
    before, root, raising = structlog.get_config(), logging.getLogger(), logging.raiseExceptions
    handlers, level = list(root.handlers), root.level

    def configure(form: Format) -> io.StringIO:
        stream = io.StringIO()
        logs.configure("DEBUG", form, secrets=[SECRET, ""], stream=stream)
        return stream

    yield configure
    structlog.configure(**before)
    root.handlers, logging.raiseExceptions = handlers, raising
    root.setLevel(level)


def fail() -> None:
    raise ValueError("canary words")


def all_kinds() -> None:
    """Log an event, and what libraries log, with words and a secret in every place there is."""
    log = structlog.get_logger()
    with logs.about(update=5):
        log.info("outbox.sent", row=7, well=True, at="two words", url=f"https://x/bot{SECRET}/getMe\nnext")
    log.warning("poll.failed", again_in=0.5)
    library = logging.getLogger("apscheduler.executors")
    library.info("canary: too low to be said")
    library.warning('Job "%s" was missed by %d s', "canary", 4)
    library.warning("canary %d", "no number")
    library.error(f"bot{SECRET}: broken\ncanary in a second line")
    try:
        fail()
    except ValueError:
        log.exception("update.failed", update=6)
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")


def test_lines_of_text(written: Callable[[Format], io.StringIO]) -> None:
    stream = written("text")
    all_kinds()
    lines = stream.getvalue().splitlines()
    place = f"test_logs.py:{fail.__code__.co_firstlineno + 1}"
    assert all(line.startswith("timestamp=20") and line.split(" ")[0].endswith("Z") for line in lines)
    assert [line.partition(" ")[2].partition(" at=test_logs.py:")[0] for line in lines[2:5]] == [
        'level=warning event=library.apscheduler said="Job \\"…\\" was missed by 4 s"',
        'level=warning event=library.apscheduler said="canary %d"',
        'level=error event=library.apscheduler said="bot[secret]: broken"',
    ]
    assert [line.partition(" ")[2] for line in (*lines[:2], lines[5])] == [
        'level=info event=outbox.sent row=7 well=true at="two words" url=https://x/bot[secret]/getMe\\nnext update=5',
        "level=warning event=poll.failed again_in=0.5",
        f"level=error event=update.failed update=6 error=ValueError at={place}",
    ]
    assert lines[6].endswith(f" error=ValueError raised_at={place}")
    assert len(lines) == 7


def test_lines_of_json(written: Callable[[Format], io.StringIO]) -> None:
    stream = written("json")
    all_kinds()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "outbox.sent"),
        ("warning", "poll.failed"),
        ("warning", "library.apscheduler"),
        ("warning", "library.apscheduler"),
        ("error", "library.apscheduler"),
        ("error", "update.failed"),
        ("error", "library.uvicorn"),
    ]
    assert {"row": 7, "well": True, "update": 5, "url": "https://x/bot[secret]/getMe\nnext"}.items() <= lines[0].items()
    assert all("timestamp" in line for line in lines)
    assert SECRET not in stream.getvalue()
    assert "canary words" not in stream.getvalue()


async def test_what_nobody_caught_is_one_line_without_words(written: Callable[[Format], io.StringIO]) -> None:
    stream = written("text")
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.note_stray)
    loop.call_soon(lambda words: fail(), "canary")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    loop.call_exception_handler({"message": "Task was destroyed but it is pending! <Task canary>"})
    lines = [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
    assert lines == [
        f"level=error event=loop.stray_error error=ValueError at=test_logs.py:{fail.__code__.co_firstlineno + 1}",
        'level=error event=loop.complaint what="Task was destroyed but it is pending!"',
    ]


async def test_the_same_stray_error_is_written_once_a_second_with_a_count(
    written: Callable[[Format], io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, now = written("text"), [100.0]
    monkeypatch.setattr("bot.logs._strays", {})
    monkeypatch.setattr("bot.logs.time.monotonic", lambda: now[0])
    loop = asyncio.get_running_loop()
    for _ in range(1000):
        logs.note_stray(loop, {"exception": OSError("canary")})
    now[0] += 1
    logs.note_stray(loop, {"exception": OSError("canary")})
    lines = [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
    assert len(lines) == 2
    assert lines[1].endswith("left_out=999")
