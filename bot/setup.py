"""`mesobot init`: a few questions, and then clinic.toml and .env are there."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from bot.config import Clinic, Settings
from bot.errors import SettingsError

TEMPLATE = """\
# What the bot knows about the clinic. `mesobot doctor` checks it; the README explains every key.

name = {name_}
zone = {zone_}
country = {country_}
currency = {currency_}
emergency = {emergency_}
language = "en"

[contact]
phone = {phone_}

[privacy]
controller = {controller_}
contact = {contact_}

# Fill in what you want patients to be told at once; what is left out goes to your staff.
#
# [address]
# text = "12 Linden Row, London N1"
# latitude = 51.53800
# longitude = -0.09900
#
# [hours]
# monday = ["09:00-13:00", "14:00-18:00"]
#
# [[closed]]
# first = 2026-12-24
# last = 2026-12-27
# reason = "Christmas"
#
# [[practitioners]]
# id = "hart"
# name = "Dr Maya Hart"
# role = "Doctor"
#
# [[treatments]]
# id = "face"
# name = "Face"
# minutes = 45
# price = 140
# interval_weeks = [2, 4]
#
# [payment]
# methods = ["card", "cash"]
"""

Ask = Callable[[str], str]

QUESTIONS = (
    ("name", "The clinic's name", ""),
    ("country", "Country, two letters", "GB"),
    ("zone", "Time zone", "Europe/London"),
    ("currency", "Currency, three letters", "GBP"),
    ("emergency", "The local emergency number", "112"),
    ("phone", "The clinic's telephone number", ""),
    ("controller", "Who is responsible for patients' data (the legal person)", ""),
    ("contact", "Where patients write about their data (an e-mail address)", ""),
)


def init(folder: Path, *, force: bool, ask: Ask = input) -> int:
    """Ask, check, and write clinic.toml and .env (mode 0600) into `folder`; raises SettingsError where they exist."""
    files = folder / "clinic.toml", folder / ".env"
    for file in files:
        if file.exists() and not force:
            raise SettingsError(f"{file} exists already: edit it, or repeat with --force to replace it")
    try:
        given = _ask_clinic(ask)
        token = _ask_token(ask)
    except EOFError:
        raise SettingsError("init asks questions: run it in a terminal; nothing was written") from None
    _write(files[0], TEMPLATE.format(**given, **{f"{key}_": _toml(value) for key, value in given.items()}))
    _write(files[1], f"MESOBOT_TOKEN={token}\n" if token else "# MESOBOT_TOKEN=123456:ABC...   from @BotFather\n")
    _say(f"Written: {files[0]} and {files[1]}.", "Next: `mesobot doctor`, then `mesobot run`.")
    return 0


def _ask_clinic(ask: Ask) -> dict[str, str]:
    given: dict[str, str] = {}
    for key, question, default in QUESTIONS:
        given[key] = _asked(ask, question, default)
    while problem := _problem(given):
        key, text = problem
        question = next(question for name, question, _ in QUESTIONS if name == key)
        _say(f"  {text}")
        given[key] = _asked(ask, question, "")
    return given


def _asked(ask: Ask, question: str, default: str) -> str:
    hint = f" [{default}]" if default else ""
    while True:
        if answer := ask(f"{question}{hint}: ").strip() or default:
            return answer


def _problem(given: dict[str, str]) -> tuple[str, str] | None:
    """Return the first answer that will not do, and why."""
    try:
        _clinic(given)
    except ValidationError as error:
        problem = error.errors()[0]
        key = str(problem["loc"][-1]) if problem["loc"] else "phone"
        return (key if key in given else "phone"), str(problem["msg"]).removeprefix("Value error, ")
    return None


def _clinic(given: dict[str, str]) -> Clinic:
    values = tomllib.loads(TEMPLATE.format(**given, **{f"{key}_": _toml(value) for key, value in given.items()}))
    return Clinic.model_validate(values)


def _ask_token(ask: Ask) -> str:
    while True:
        token = ask("The bot's token from @BotFather (empty: later): ").strip()
        if not token:
            return ""
        try:
            Settings.model_validate({"token": token})
        except ValidationError:
            _say("  expected the token that @BotFather gave you, like 123456:ABC-DEF1234...")
        else:
            return token


def _toml(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(char for char in escaped if char.isprintable())}"'


def _write(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def _say(*lines: str) -> None:
    print(*lines, sep="\n")  # noqa: T201  a conversation in a terminal
