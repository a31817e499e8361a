"""The command line, as a person uses it and misuses it: exit status, one clear line, and nothing half-started."""

import asyncio
import gc
import json
import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from bot.__main__ import main
from bot.asking import Asker
from bot.clock import MovableClock
from bot.config import Clinic, Settings, load_clinic, sample_clinic
from bot.errors import SettingsError
from bot.running import run
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Telegram
from faq.content import TOPIC_IDS
from faq.matcher import Matcher, Phrase
from faq.reader import Reader
from tests.quick import FixedReader
from tests.story import MONDAY, TOKEN

ROOT = Path(__file__).parent.parent
ROUTES = ("answer", "suggest", "urgent", "staff", "book", "smalltalk", "off-topic")
PRICE = "How much does mesotherapy cost?"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Begin in an empty folder without settings; put back what `main` changes in its process."""
    for name in [name for name in os.environ if name.startswith("MESOBOT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    umask, handlers, events = os.umask(0o022), logging.root.handlers[:], structlog.get_config()
    yield
    os.umask(umask)
    logging.root.handlers[:] = handlers
    structlog.configure(**events)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


class Shell:
    """Runs commands in this process; what they print is `out` and `err`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *argv: str) -> int:
        try:
            status = main(argv)
        except SystemExit as end:  # argparse
            status = int(str(end.code))
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def mesobot(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def _fitted(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask with the reader of the sample clinic that all tests share, since fitting one takes a while."""
    monkeypatch.setattr("bot.asking.build_reader", lambda *_: reader)


def clinic_toml(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the sample clinic.toml with one thing changed."""
    assert old in sample_clinic()
    file = folder / "clinic.toml"
    file.write_text(sample_clinic().replace(old, new), encoding="utf-8")
    return file


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


# --- what a clumsy person does ----------------------------------------------------------------------------------------


def _broken_toml(here: Path) -> str:
    return f"{clinic_toml(here, '[contact]', '[contact')}: line 11, column 9: this is not TOML: Expected ']' at the end"


def _bad_key(here: Path) -> str:
    return f"{clinic_toml(here, '[address]', '[adress]')}: adress is not a key mesobot knows (did you mean address?)"


def _bad_setting(here: Path) -> str:
    (here / ".env").write_text("MESOBOT_STAFF_CHAT=us\n", encoding="utf-8")
    return f"{here / '.env'}: line 1: MESOBOT_STAFF_CHAT: expected a whole number, got 'us'"


def _clinic_elsewhere(here: Path) -> str:
    (here / ".env").write_text("MESOBOT_CLINIC=nowhere.toml\n", encoding="utf-8")
    return "MESOBOT_CLINIC names nowhere.toml, which is not a file: run `mesobot init` to write one"


def _no_content_folder(here: Path) -> str:
    file = clinic_toml(here, "[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    return f"{file}: content.folder: {here / 'texts'} is not a folder"


def _broken_content(here: Path) -> str:
    (here / "texts/en").mkdir(parents=True)
    (here / "texts/en/price.md").write_text("---\ntitle: Price: all\n---\n", encoding="utf-8")
    clinic_toml(here, "[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    return f"{here / 'texts/en/price.md'}: line 2: mapping values are not allowed in this context"


def _broken_wording(here: Path) -> str:
    (here / "texts/pl").mkdir(parents=True)
    (here / "texts/pl/wording.po").write_text("this is no catalogue\n", encoding="utf-8")
    clinic_toml(here, "[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    return f"{here / 'texts/pl/wording.po'}: "


def _another_language(here: Path) -> str:
    clinic_toml(here, 'language = "en"', 'language = "fr"')
    return "language: there is no fr/"


def _bad_database(here: Path) -> str:
    clinic_toml(here)
    (here / ".env").write_text("MESOBOT_DATABASE_URL=mesobot.db\n", encoding="utf-8")
    return "MESOBOT_DATABASE_URL is not a database URL: expected sqlite:///FILE or postgresql://"


Mistake = Callable[[Path], str]
MISTAKES: Sequence[Mistake] = (
    _broken_toml, _bad_key, _bad_setting, _clinic_elsewhere, _no_content_folder, _broken_content, _broken_wording,
    _another_language, _bad_database,
)  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_run_says_one_line_and_leaves_nothing_behind(
    here: Path, mesobot: Shell, monkeypatch: pytest.MonkeyPatch, mistake: Mistake
) -> None:
    monkeypatch.setenv("MESOBOT_TOKEN", TOKEN)
    said = mistake(here)
    before = names(here)
    assert mesobot("run") == 2
    assert mesobot.err.startswith(f"mesobot: {said}")
    assert mesobot.err.count("\n") == 1
    assert mesobot.out == ""
    assert TOKEN not in mesobot.err
    assert names(here) == before


@pytest.mark.parametrize("mistake", MISTAKES[:-1])
@pytest.mark.parametrize("command", [("demo", "--port", "0", "--no-browser"), ("ask", PRICE), ("content", "check")])
def test_other_commands_say_the_same(here: Path, mesobot: Shell, mistake: Mistake, command: tuple[str, ...]) -> None:
    said = mistake(here)
    before = names(here)
    assert mesobot(*command) == 2
    assert mesobot.err.startswith(f"mesobot: {said}")
    assert mesobot.err.count("\n") == 1
    assert names(here) == before


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "MESOBOT_DATABASE_URL is not a database URL: expected sqlite:///FILE or postgresql://USER:"),
        ("sqlite://", "MESOBOT_DATABASE_URL names no file: a clinic's data must survive a restart; expected sqlite:"),
        (
            "sqlite:///none/x.db",
            "the folder none for the database does not exist: create it, or change MESOBOT_DATABASE",
        ),
        ("sqlite:///notes.txt", "the database at sqlite:///notes.txt cannot be used: file is not a database"),
        ("sqlite:///.", "the database file . cannot be written: Is a directory"),
        ("oracle://h/d", "MESOBOT_DATABASE_URL names the database 'oracle': expected sqlite:///FILE or"),
        (
            "postgresql://u:hush@127.0.0.1:1/d",
            "the database at postgresql+psycopg://u:***@127.0.0.1:1/d cannot be used",
        ),
    ],
)
def test_a_bad_database_url(here: Path, mesobot: Shell, monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    (here / "notes.txt").write_text("notes " * 1000, encoding="utf-8")
    monkeypatch.setenv("MESOBOT_DATABASE_URL", url)
    assert mesobot("db", "upgrade") == 2
    assert mesobot.err.startswith(f"mesobot: {said}")
    assert mesobot.err.count("\n") == 1
    assert names(here) == ["notes.txt"]


@pytest.mark.parametrize("url", ["postgresql://u:p@host:port/d", "sqlite://user@host/x.db"])
def test_a_database_url_that_sqlalchemy_cannot_read(mesobot: Shell, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MESOBOT_DATABASE_URL", url)
    assert mesobot("db", "upgrade") == 2


@pytest.mark.parametrize("command", [("ask", "hello"), ("content", "check"), ("run",)])
def test_the_clinics_language_has_a_catalogue_but_no_content(
    here: Path, mesobot: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (here / "texts/pl").mkdir(parents=True)
    (here / "texts/pl/wording.po").write_text(WORDING, encoding="utf-8")
    file = clinic_toml(here, 'language = "en"', 'language = "pl"')
    text = file.read_text(encoding="utf-8").replace("[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MESOBOT_TOKEN", TOKEN)
    monkeypatch.setattr(Matcher, "fit", lambda *_, **__: None)  # it must not come to that
    monkeypatch.setattr("bot.running._started", None)
    assert mesobot(*command) == 2
    assert "pl" in mesobot.err


def test_the_folder_is_gone(here: Path, mesobot: Shell) -> None:
    here.rmdir()
    for command in (("ask", PRICE), ("doctor",), ("init",), ("run",)):
        assert mesobot(*command) == 2
        assert mesobot.err == "mesobot: the folder you are in does not exist any more: change to another one\n"


@pytest.mark.parametrize("port", ["99999", "-1", "http", "80.5", ""])
def test_a_port_that_is_none(mesobot: Shell, port: str) -> None:
    assert mesobot("demo", f"--port={port}") == 2
    assert f"argument --port: expected a number from 0 to 65535, got {port!r}" in mesobot.err


@pytest.mark.parametrize("argv", [(), ("walk",), ("db",), ("content",), ("run", "--fast"), ("db", "backup")])
def test_a_command_that_is_none_shows_the_usage(mesobot: Shell, argv: tuple[str, ...]) -> None:
    assert mesobot(*argv) == 2
    assert mesobot.err.startswith("usage: mesobot")


# --- run and demo -----------------------------------------------------------------------------------------------------


def test_run_without_a_token_says_what_to_set(here: Path, mesobot: Shell) -> None:
    assert mesobot("run") == 2
    assert mesobot.err == (
        "mesobot: MESOBOT_TOKEN is not set.\n"
        "  1. Open @BotFather in Telegram, send /newbot, and copy the token it gives you.\n"
        "  2. Run `mesobot init`, or put a line MESOBOT_TOKEN=123456:ABC... into the file .env here.\n"
        "  To look around first, without Telegram: mesobot demo\n"
    )
    assert names(here) == []


def environment(**more: str) -> dict[str, str]:
    """What a command of its own process is given: this checkout, and no settings but `more`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


UNFITTED = (
    sys.executable,
    "-c",
    "import sys, bot.app; from tests.quick import FixedReader; bot.app.build_reader = lambda *_: FixedReader(); "
    "from bot.__main__ import main; sys.exit(main())",
)
"""The command line in a process of its own, without the time that fitting a matcher takes."""


async def begun(*argv: str, **env: str) -> Process:
    return await asyncio.create_subprocess_exec(*UNFITTED, *argv, env=environment(**env), stdout=PIPE, stderr=PIPE)


async def until(stream: asyncio.StreamReader | None, word: str) -> str:
    """Read lines up to the one with `word` in it; fails where the stream ends before."""
    assert stream is not None
    read = ""
    while word not in read:
        line = (await asyncio.wait_for(stream.readline(), 60)).decode()
        assert line, f"ended without {word!r}: {read}"
        read += line
    return read


async def stopped(process: Process) -> tuple[str, str]:
    """Ask the process to end as a service manager would; it must end well, and in time."""
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    assert "Traceback" not in err.decode()
    return out.decode(), err.decode()


async def test_run_answers_until_it_is_stopped(here: Path) -> None:
    telegram = Telegram(TOKEN, MovableClock(ticking=True))
    async with SandboxServer(telegram) as server:
        process = await begun("run", MESOBOT_TOKEN=TOKEN, MESOBOT_API_URL=server.url)
        said = await until(process.stdout, "/claim ")
        assert "@mesobot_demo_bot" in said
        anna = telegram.add_user("Anna")
        await telegram.start(anna.id)
        await telegram.wait_until(lambda: len(telegram.history(anna.id)) == 2, what="an answer")
        _, err = await stopped(process)
    code = said.split("/claim ")[1].strip()
    assert "event=bot.stopped" in err
    assert code not in err  # it is for the terminal, and logs are kept
    assert TOKEN not in err
    assert {name: stat.S_IMODE((here / name).stat().st_mode) for name in names(here)} == {"mesobot.db": 0o600}


def running(url: str, token: str, *signals: signal.Signals) -> asyncio.Task[int]:
    """`run` in this process, whose warnings about what was left open are errors."""
    return asyncio.create_task(run(Settings(token=SecretStr(token), api_url=url), load_clinic(None), stop_on=signals))


@pytest.mark.usefixtures("_unfitted")
async def test_run_is_stopped_while_telegram_cannot_be_reached() -> None:
    tried = asyncio.Event()

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        tried.set()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        task = running(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", TOKEN, signal.SIGTERM)
        await asyncio.wait_for(tried.wait(), 30)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 30) == 0
    del task
    gc.collect()  # a connection that was left open complains now


@pytest.mark.usefixtures("_unfitted")
async def test_run_with_a_token_that_telegram_does_not_know() -> None:
    async with SandboxServer(Telegram(TOKEN, MovableClock(ticking=True))) as server:
        task = running(server.url, "1234567890:not-that-token")
        with pytest.raises(SettingsError, match=r"^Telegram does not know MESOBOT_TOKEN: copy it"):
            await asyncio.wait_for(task, 30)


@pytest.fixture
def _unfitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.build_reader", lambda *_: FixedReader())


async def test_the_demo_runs_until_it_is_stopped(here: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    process = await begun("demo", "--port", "0", "--no-browser", TMPDIR=str(tmp_path / "tmp"))
    assert "mesobot demo: http://127.0.0.1:" in await until(process.stdout, "\n")
    assert len(names(tmp_path / "tmp")) == 1
    await stopped(process)
    assert names(tmp_path / "tmp") == names(here) == []


def test_a_port_that_is_taken(here: Path, mesobot: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic_toml(here)
    monkeypatch.setenv("MESOBOT_TOKEN", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert mesobot("demo", "--port", str(port), "--no-browser") == 2
        assert mesobot.err == (
            f"mesobot: port {port} cannot be used, Address already in use: "
            "stop what uses it, or choose another with --port\n"
        )
        monkeypatch.setenv("MESOBOT_WEBHOOK_URL", "https://a.example")
        monkeypatch.setenv("MESOBOT_WEBHOOK_SECRET", "s" * 32)
        monkeypatch.setenv("MESOBOT_LISTEN", f"127.0.0.1:{port}")
        assert mesobot("run") == 2
        assert mesobot.err == (
            f"mesobot: MESOBOT_LISTEN: 127.0.0.1:{port} cannot be listened on: Address already in use\n"
        )
    assert names(here) == ["clinic.toml"]


# --- init -------------------------------------------------------------------------------------------------------------


def test_init_through_a_pipe(here: Path) -> None:
    answers = ['The "Zoë" 👩‍⚕️ \\ Clinic', "GB", "", "", "999", "020 7946 0958", "Zoë Ltd", "privacy@zoe.example", ""]
    done = subprocess.run(
        [sys.executable, "-m", "bot", "init"],
        env=environment(), input="\n".join(answers) + "\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "Next: `mesobot doctor`, then `mesobot run`." in done.stdout
    assert {name: stat.S_IMODE((here / name).stat().st_mode) for name in names(here)} == {
        ".env": 0o600, "clinic.toml": 0o600,
    }  # fmt: skip
    assert load_clinic(here / "clinic.toml").name == answers[0]


@pytest.mark.parametrize("given", ["", "Linden\nGB\n"])
def test_init_at_the_end_of_its_input(here: Path, mesobot: Shell, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    lines = iter(given.splitlines())

    def ask(_: str) -> str:
        for line in lines:
            return line
        raise EOFError

    monkeypatch.setattr("bot.setup.init.__kwdefaults__", {"ask": ask})
    assert mesobot("init") == 2
    assert mesobot.err == "mesobot: init asks questions: run it in a terminal; nothing was written\n"
    assert names(here) == []


def test_init_does_not_overwrite(here: Path, mesobot: Shell) -> None:
    file = clinic_toml(here)
    assert mesobot("init") == 2
    assert mesobot.err == f"mesobot: {file} exists already: edit it, or repeat with --force to replace it\n"


# --- db ---------------------------------------------------------------------------------------------------------------


def test_a_database_is_made_copied_and_put_back(here: Path, mesobot: Shell) -> None:
    assert mesobot("db", "upgrade") == 0
    assert mesobot.out == "The database is at revision 0005.\n"
    assert mesobot("db", "upgrade") == 0
    assert mesobot("db", "backup", "copy.db") == 0
    assert mesobot.out == (
        "The database is copied to copy.db. It holds patients' data: keep it as safe as the original.\n"
        "With MESOBOT_BACKUP_RECIPIENT or MESOBOT_BACKUP_PASSPHRASE it would be encrypted.\n"
    )
    assert {name: stat.S_IMODE((here / name).stat().st_mode) for name in names(here)} == {
        "copy.db": 0o600, "mesobot.db": 0o600,
    }  # fmt: skip
    assert mesobot("db", "restore", "copy.db") == 2
    assert mesobot.err == "mesobot: mesobot.db exists: stop the bot and repeat with --force to replace it\n"
    assert mesobot("db", "restore", "copy.db", "--force") == 0
    assert mesobot.out == (
        "copy.db is now the database mesobot.db.\n"
        "Who has deleted their data since it was made is in it again: delete them once more, with /patient.\n"
    )
    assert mesobot("db", "backup", "copy.db") == 2
    assert mesobot.err == "mesobot: copy.db exists already: choose another name\n"
    assert mesobot("db", "copy", "sqlite:///mesobot.db", "sqlite:///other.db") == 0
    assert mesobot.out.endswith("        0  rows, all of them, are in other.db.\n")
    assert names(here) == ["copy.db", "mesobot.db", "other.db"]


# --- doctor and content check -----------------------------------------------------------------------------------------


def test_doctor_reports_and_its_status_says_whether_anything_is_wrong(here: Path, mesobot: Shell) -> None:
    assert mesobot("doctor") == 1
    assert "WRONG    token: MESOBOT_TOKEN is not set\n" in mesobot.out
    assert mesobot.err == ""
    assert names(here) == []


def test_content_check_counts_and_its_status_says_whether_there_are_errors(here: Path, mesobot: Shell) -> None:
    assert mesobot("content", "check") == 0
    *warnings, last = mesobot.out.splitlines()
    assert last == f"errors: 0, warnings: {len(warnings)}"
    assert {line.split(":")[0] for line in warnings} == {"warning"}
    (here / "texts/en").mkdir(parents=True)
    file = here / "texts/en/languages.md"
    file.write_text(LANGUAGES.replace("category: clinic", "category: tongues"), encoding="utf-8")
    clinic_toml(here, "[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    assert mesobot("content", "check") == 1
    assert f"error: {file}: category: 'tongues' is not in categories.yaml\n" in mesobot.out
    assert mesobot.out.splitlines()[-1].startswith("errors: 1, ")


# --- ask --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_fitted")
def test_ask_prints_the_reply_as_a_patient_sees_it(here: Path, mesobot: Shell) -> None:
    assert mesobot("ask", "--json", PRICE) == 0
    reply = json.loads(mesobot.out)["reply"]
    assert "\n• Face: £140\n• Neck and décolleté: £150\n" in reply
    assert mesobot("ask", PRICE) == 0
    assert mesobot.out.startswith(f"{reply}\n\n[")
    assert mesobot.out.endswith("\n[Ask the clinic]  [« All topics]\n")
    assert mesobot.err == (
        "mesobot: no clinic.toml here, so the invented sample clinic is used; `mesobot init` writes yours\n"
    )
    assert names(here) == []


@pytest.mark.usefixtures("_fitted")
def test_ask_json_is_one_object_of_the_contract(here: Path, mesobot: Shell) -> None:
    assert mesobot("ask", "--json", PRICE) == 0
    assert mesobot.out.count("\n") == 1
    answer = json.loads(mesobot.out)
    assert list(answer) == ["text", "route", "topic", "suggestions", "score", "lang", "reply"]
    assert (answer["text"], answer["route"], answer["topic"], answer["lang"]) == (PRICE, "answer", "price", "en")
    assert answer["reply"].startswith("What does it cost?\n\nThese are the prices at Linden Skin Clinic:")
    follows_the_contract(answer)


def follows_the_contract(answer: dict[str, Any]) -> None:
    assert list(answer) == ["text", "route", "topic", "suggestions", "score", "lang", "reply"]
    assert answer["route"] in ROUTES
    assert answer["topic"] is None or answer["topic"] in TOPIC_IDS
    assert isinstance(answer["suggestions"], list)
    assert len(answer["suggestions"]) <= 3
    assert set(answer["suggestions"]) <= set(TOPIC_IDS)
    assert isinstance(answer["score"], float)
    assert 0 <= answer["score"] <= 1
    assert isinstance(answer["reply"], str)
    assert answer["reply"].strip()


@pytest.fixture
def asker(_fitted: None, clinic: Clinic) -> Asker:
    return Asker(clinic, MovableClock(MONDAY))


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "\n\t\r", "🙂🙂🙂", "👩‍⚕️", "\0", "a\0b", "x" * 4096, "how much " * 455, "🙂" * 2048,
        "\u200f\u202e", "\ud800", "?" * 4096, "<b>price</b> &amp; {prices}", "Ile to kosztuje?", "كم السعر؟",
    ],
    ids=lambda text: ascii(text[:12]),
)  # fmt: skip
def test_any_text_gets_a_reply(asker: Asker, text: str) -> None:
    answer = asker.ask(text)
    assert answer["text"] == text
    assert answer["lang"] == "en"
    follows_the_contract(answer)
    assert asker.shown(text)


@pytest.mark.parametrize("language", [None, "fr", "en-GB", "xx", "", "../../etc", "pt_BR"])
def test_a_language_that_is_not_there_is_the_clinics(asker: Asker, language: str | None) -> None:
    answer = asker.ask(PRICE, language)
    assert (answer["lang"], answer["topic"]) == ("en", "price")


def test_a_clinic_without_prices_sends_the_question_to_staff(
    here: Path, mesobot: Shell, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    matchers = dict(reader._matchers)  # prices change what can be answered, not what is understood
    monkeypatch.setattr(Matcher, "fit", lambda *_, **__: matchers["en"])
    clinic_toml(here, "\nprice =", "\n# price =")
    assert mesobot("ask", "--json", PRICE) == 0
    answer = json.loads(mesobot.out)
    assert (answer["route"], answer["topic"]) == ("staff", "price")
    assert "£" not in answer["reply"]


@pytest.mark.parametrize("argv", [("ask",), ("ask", "one", "--batch", "two"), ("ask", "--json")])
def test_ask_wants_one_question_or_a_file(mesobot: Shell, argv: tuple[str, ...]) -> None:
    assert mesobot(*argv) == 2
    assert mesobot.err == 'mesobot: ask "a question", or ask --batch FILE\n'


@pytest.mark.usefixtures("_fitted")
def test_a_batch_is_answered_line_by_line_in_order(here: Path, mesobot: Shell) -> None:
    texts = ["Where are you?", PRICE, "", "Half \ud83d", "\0", "zażółć 🙂", PRICE]
    lines = [json.dumps({"text": text, "lang": "fr", "id": 7}) for text in texts]
    lines.insert(2, "")  # an empty line is no question
    (here / "batch.jsonl").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    assert mesobot("ask", "--batch", "batch.jsonl") == 0
    answers = [json.loads(line) for line in mesobot.out.splitlines()]
    assert [answer["text"] for answer in answers] == texts
    for answer in answers:
        follows_the_contract(answer)


BAD_LINES = [
    (b"where are you", "expected one JSON object"),
    (b"[" * 100_000, "expected one JSON object"),
    (b'["where"]', 'expected a JSON object with "text"'),
    (b'{"question": "where"}', 'expected a JSON object with "text"'),
    (b'{"text": 5}', 'expected a JSON object with "text"'),
    (b'{"text": "where", "lang": 5}', '"lang" must be a text such as "en"'),
    (b'{"text": "\xff"}', "this is not UTF-8"),
]


@pytest.mark.parametrize(("line", "said"), BAD_LINES, ids=[said + str(line[:9]) for line, said in BAD_LINES])
@pytest.mark.usefixtures("_fitted")
def test_a_bad_line_is_named_after_the_good_ones_are_answered(
    here: Path, mesobot: Shell, line: bytes, said: str
) -> None:
    clinic_toml(here)
    (here / "batch.jsonl").write_bytes(b'{"text": "price"}\n\n' + line + b'\n{"text": "price"}\n')
    assert mesobot("ask", "--batch", "batch.jsonl") == 2
    assert mesobot.out.count("\n") == 1
    assert mesobot.err == f"mesobot: batch.jsonl: line 3: {said}\n"


@pytest.mark.parametrize(("name", "said"), [("none.jsonl", "No such file or directory"), (".", "Is a directory")])
def test_a_batch_that_cannot_be_read(mesobot: Shell, name: str, said: str) -> None:
    assert mesobot("ask", "--batch", name) == 2
    assert mesobot.err == f"mesobot: {name} cannot be read: {said}\n"  # at once, before anything is fitted


def test_a_batch_through_a_pipe_is_answered_as_it_comes(here: Path) -> None:
    """The next question is sent when the last one is answered: neither side may wait for a full buffer."""
    clinic_toml(here)
    with subprocess.Popen(  # noqa: S603  the command is this checkout's
        [*UNFITTED, "ask", "--batch", "-"],
        env=environment(LC_ALL="C", PYTHONIOENCODING="ascii"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = threading.Timer(90, process.kill)  # or a buffer that is not flushed would keep this test for ever
        watchdog.start()
        for text in ("price", "Where are you? 🙂", "Half \ud83d"):
            process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["text"] == text
            follows_the_contract(answer)
        process.stdin.write(b"no question\n")
        process.stdin.close()
        assert process.wait(60) == 2
        assert process.stderr.read() == b"mesobot: standard input: line 4: expected one JSON object\n"
        watchdog.cancel()
    assert names(here) == ["clinic.toml"]


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    clinic_toml(here)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "content", "check"],
            env=environment(), stdout=gone, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


# --- a clinic's own content -------------------------------------------------------------------------------------------

LANGUAGES = """\
---
title: Languages
button: Languages
category: clinic
sources:
  - "The clinic"
phrasings:
  - "Which languages do your staff speak?"
  - "Does anybody at the clinic speak Polish?"
  - "Is there an interpreter?"
  - "languages"
  - "Can you speak to me in French?"
---
We speak Polish and French at {clinic}.
"""
POLISH = """\
---
title: Czym jest mezoterapia?
button: Mezoterapia
category: basics
sources:
  - "Klinika"
phrasings:
  - "Co to jest mezoterapia?"
  - "Na czym polega mezoterapia?"
---
To zabieg w {clinic}.
"""
WORDING = """\
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "« All topics"
msgstr "« Wszystkie tematy"

msgid "Ask the clinic"
msgstr "Zapytaj klinikę"
"""


@pytest.fixture
def own_content(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clinic's folder: one topic replaced, one added, and a further language; each is fitted only once."""
    fitted: dict[frozenset[Phrase], Matcher] = {}
    fit = Matcher.fit

    def once(phrases: Sequence[Phrase], *args: Any, **options: Any) -> Matcher:
        key = frozenset(phrases)
        fitted[key] = fitted.get(key) or fit(phrases, *args, **options)
        return fitted[key]

    monkeypatch.setattr(Matcher, "fit", once)
    texts = here / "texts"
    (texts / "en").mkdir(parents=True)
    (texts / "pl").mkdir()
    packaged = (ROOT / "faq/content/en/price.md").read_text(encoding="utf-8")
    front, _, _ = packaged.rpartition("\n---\n")
    (texts / "en/price.md").write_text(f"{front}\n---\nThe first visit is **free** at {{clinic}}.\n", encoding="utf-8")
    (texts / "en/languages.md").write_text(LANGUAGES, encoding="utf-8")
    (texts / "pl/categories.yaml").write_text("- id: basics\n  title: Podstawy\n", encoding="utf-8")
    (texts / "pl/what-is.md").write_text(POLISH, encoding="utf-8")
    (texts / "pl/routes").mkdir()
    shutil.copy(ROOT / "faq/content/en/routes/smalltalk.md", texts / "pl/routes/smalltalk.md")
    (texts / "pl/wording.po").write_text(WORDING, encoding="utf-8")
    clinic_toml(here, "[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    return texts


def test_a_clinics_own_texts_are_what_patients_are_told(here: Path, own_content: Path, mesobot: Shell) -> None:
    def ask(*argv: str) -> dict[str, Any]:
        assert mesobot("ask", "--json", *argv) == 0
        answer: dict[str, Any] = json.loads(mesobot.out)
        return answer

    assert ask(PRICE)["reply"].endswith("\n\nThe first visit is free at Linden Skin Clinic.")
    packaged = ask("Where are you?")
    assert (packaged["topic"], "12 Linden Row" in packaged["reply"]) == ("location", True)

    # Whether a few phrasings suffice for an answer, or only for a suggestion, is for the matcher to decide.
    spoken = ask("Which languages do your staff speak?")
    assert "languages" in (spoken["topic"], *spoken["suggestions"])
    assert mesobot("ask", "Which languages do your staff speak?") == 0
    assert "[Languages]" in mesobot.out or "We speak Polish and French at Linden Skin Clinic." in mesobot.out

    polish = ask("--lang", "pl", "Co to jest mezoterapia?")
    assert polish["lang"] == "pl"
    assert "what-is" in (polish["topic"], *polish["suggestions"])
    assert mesobot("ask", "--lang", "pl-PL", "Co to jest mezoterapia?") == 0
    assert "[Mezoterapia]" in mesobot.out or "To zabieg w Linden Skin Clinic." in mesobot.out
    assert "[Zapytaj klinikę]  [« Wszystkie tematy]" in mesobot.out
    assert ask("--lang", "de", PRICE)["lang"] == "en"

    (here / "batch.jsonl").write_text('{"text": "languages", "lang": "en"}\n{"text": "cześć"}\n', encoding="utf-8")
    assert mesobot("ask", "--lang", "pl", "--batch", "batch.jsonl") == 0
    assert [json.loads(line)["lang"] for line in mesobot.out.splitlines()] == ["en", "pl"]
    assert names(here) == ["batch.jsonl", "clinic.toml", "texts"]
