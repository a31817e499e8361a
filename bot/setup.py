"""`mesobot init`: a few questions, and then clinic.toml and .env are there."""

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import ValidationError

from bot.config import Clinic, Settings
from bot.errors import SettingsError
from bot.plain import first_problem

TEMPLATE = """\
# What the bot knows about the clinic. `mesobot doctor` checks it.
# The sample in the project, bot/clinic.sample.toml, shows every key.

name = {name}
zone = {zone}
country = {country}
currency = {currency}
emergency = {emergency}
language = "en"

[contact]
phone = {phone}

[privacy]
controller = {controller}
contact = {contact}

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
"""Key, question, and what an empty answer means in the United Kingdom."""

EXAMPLE = {
    "name": "Clinic", "country": "GB", "zone": "Europe/London", "currency": "GBP", "emergency": "112",
    "phone": "+44 20 7946 0958", "controller": "Clinic", "contact": "Clinic",
}  # fmt: skip
"""Stands for what is not answered yet, so that each answer can be checked when it is given."""


def init(folder: Path, *, force: bool, ask: Ask = input) -> int:
    """Ask, check, and write clinic.toml and .env (mode 0600) into `folder`; raises SettingsError where they exist."""
    files = folder / "clinic.toml", folder / ".env"
    for file in files:
        if file.is_dir():
            raise SettingsError(f"{file} is a folder: move it away, the bot needs a file of that name")
        if file.exists() and not force:
            raise SettingsError(f"{file} exists already: edit it, or repeat with --force to replace it")
    try:
        clinic = _clinic_toml(_ask_clinic(ask))
        token = _ask_token(ask)
    except EOFError:
        raise SettingsError("init asks questions: run it in a terminal; nothing was written") from None
    except UnicodeDecodeError:
        raise SettingsError("init reads UTF-8, and an answer was something else; nothing was written") from None
    settings = f"MESOBOT_TOKEN={token}\n" if token else "# MESOBOT_TOKEN=123456:ABC...   from @BotFather\n"
    settings += "MESOBOT_METRICS_LISTEN=9464\n"  # by which `mesobot doctor` can ask the running bot how it is
    _write(dict(zip(files, (clinic, settings), strict=True)))
    _say(f"Written: {files[0]} and {files[1]}.", "Next: `mesobot doctor`, then `mesobot run`.")
    return 0


def _ask_clinic(ask: Ask) -> dict[str, str]:
    given = dict(EXAMPLE)
    for key, question, default in QUESTIONS:
        here = default if given["country"] == "GB" else ""
        hint = f" [{here}]" if here else ""
        problem: str | None = "?"
        while problem:
            answer = ask(f"{question}{hint}: ").strip() or here
            given[key] = answer.upper() if key in ("country", "currency") else answer
            problem = _problem(given)
            if problem:
                _say(f"  {problem}")
    return given


def _problem(given: Mapping[str, str]) -> str | None:
    """Say why the clinic with these answers cannot be read."""
    try:
        Clinic.model_validate(tomllib.loads(_clinic_toml(given)))
    except ValidationError as error:
        return first_problem(error, Clinic)
    return None


def _clinic_toml(given: Mapping[str, str]) -> str:
    return TEMPLATE.format(**{key: _toml(value) for key, value in given.items()})


def _toml(value: str) -> str:
    """Return a TOML string: JSON's is one, but for the one control character that JSON lets stand."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


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


def _write(texts: Mapping[Path, str]) -> None:
    """Write all the files, readable by their owner alone, or none; raises SettingsError."""
    fresh: dict[Path, Path] = {}
    try:
        for file, text in texts.items():
            with NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as out:
                fresh[file] = Path(out.name)
                out.write(text)
        for file, new in fresh.items():
            new.replace(file)
    except OSError as error:
        for new in fresh.values():
            new.unlink(missing_ok=True)
        raise SettingsError(f"{' and '.join(map(str, texts))} cannot be written: {error.strerror}") from None


def _say(*lines: str) -> None:
    print(*lines, sep="\n")  # noqa: T201  a conversation in a terminal
