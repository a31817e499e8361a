"""`mesobot init`: a conversation at a terminal that ends with two files that can be used, or with none."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config import load_clinic, load_settings
from bot.errors import SettingsError
from bot.setup import init

TOKEN = "1234567890:AAsecret-secret_secret"
ANSWERS = ["Linden Skin", "GB", "", "", "999", "020 7946 0958", "Linden Ltd", "privacy@linden.example", TOKEN]


class Person:
    """Answers one line after the other, and hangs up after the last."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)


def test_two_files_that_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(*ANSWERS)
    assert init(tmp_path, force=False, ask=person) == 0
    clinic, settings = load_clinic(tmp_path / "clinic.toml"), load_settings({}, tmp_path)
    assert (clinic.name, clinic.zone, clinic.country, clinic.currency, clinic.emergency) == (
        "Linden Skin", "Europe/London", "GB", "GBP", "999",
    )  # fmt: skip
    assert (clinic.phone, clinic.privacy.controller, clinic.privacy.contact) == (
        "+44 20 7946 0958", "Linden Ltd", "privacy@linden.example",
    )  # fmt: skip
    assert settings.token is not None
    assert settings.token.get_secret_value() == TOKEN
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert files == {"clinic.toml": 0o600, ".env": 0o600}
    assert person.asked == [
        "The clinic's name: ",
        "Country, two letters [GB]: ",
        "Time zone [Europe/London]: ",
        "Currency, three letters [GBP]: ",
        "The local emergency number [112]: ",
        "The clinic's telephone number: ",
        "Who is responsible for patients' data (the legal person): ",
        "Where patients write about their data (an e-mail address): ",
        "The bot's token from @BotFather (empty: later): ",
    ]
    said = capsys.readouterr().out
    assert said == (
        f"Written: {tmp_path / 'clinic.toml'} and {tmp_path / '.env'}.\nNext: `mesobot doctor`, then `mesobot run`.\n"
    )


def test_a_bad_answer_is_asked_again_at_once_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person(
        "", "Klinika", "UK", "pl", "Warsaw", "Europe/Warsaw", "zloty", "pln", "call us", "112",
        "12", "22 123 45 67", " ", "Klinika", "rodo@klinika.example", "my token", "",
    )  # fmt: skip
    init(tmp_path, force=False, ask=person)
    assert capsys.readouterr().out.splitlines()[:-2] == [
        "  name: must not be empty",
        "  country: expected the two capital letters of a country, such as GB for the United Kingdom, got 'UK'",
        "  zone: expected an IANA time zone such as Europe/London, got 'Warsaw'",
        "  currency: expected the three capital letters of a currency, such as GBP or EUR, got 'ZLOTY'",
        "  emergency: expected the digits of a telephone number, such as 112, got 'call us'",
        "  contact.phone: '12' is not a telephone number in PL; expected one like +44 20 7946 0958",
        "  privacy.controller: must not be empty",
        "  expected the token that @BotFather gave you, like 123456:ABC-DEF1234...",
    ]
    clinic = load_clinic(tmp_path / "clinic.toml")
    assert (clinic.country, clinic.zone, clinic.currency, clinic.phone) == (
        "PL", "Europe/Warsaw", "PLN", "+48 22 123 45 67",
    )  # fmt: skip
    assert load_settings({}, tmp_path).token is None


def test_what_holds_in_one_country_is_not_offered_in_another(tmp_path: Path) -> None:
    person = Person("Klinika", "PL", "Europe/Warsaw", "PLN", "112", "22 123 45 67", "K", "k@k.example", "")
    init(tmp_path, force=False, ask=person)
    assert person.asked[2:5] == ["Time zone: ", "Currency, three letters: ", "The local emergency number: "]


@pytest.mark.parametrize(
    "name",
    [
        'The "Best" Clinic',
        "Back\\slash \\n \\u0041",
        "Line\nbreak",
        "Tab\there",
        "Zoë's 👩‍⚕️ Clinic ✨",
        "{name} {0} {",
        "\"\"\"''' # = []",
        "Ünï\u00a0cödé \u200fclinic",
    ],
)
def test_every_name_survives(tmp_path: Path, name: str) -> None:
    init(tmp_path, force=False, ask=Person(name, *ANSWERS[1:6], name, name, TOKEN))
    clinic = load_clinic(tmp_path / "clinic.toml")
    assert (clinic.name, clinic.privacy.controller, clinic.privacy.contact) == (name, name, name)


@pytest.mark.parametrize("name", ["Nul\0", "Bell\x07", "Delete\x7f", "Half \ud83d"])
def test_what_telegram_cannot_show_is_asked_again(tmp_path: Path, name: str) -> None:
    init(tmp_path, force=False, ask=Person(name, *ANSWERS))
    assert load_clinic(tmp_path / "clinic.toml").name == "Linden Skin"


@pytest.mark.parametrize("answers", range(len(ANSWERS)))
def test_hanging_up_writes_nothing(tmp_path: Path, answers: int) -> None:
    with pytest.raises(SettingsError, match="nothing was written"):
        init(tmp_path, force=False, ask=Person(*ANSWERS[:answers]))
    assert list(tmp_path.iterdir()) == []


def _interrupted(_: str) -> str:
    raise KeyboardInterrupt


def _not_utf_8(_: str) -> str:
    return b"\xff".decode()


@pytest.mark.parametrize(("ask", "error"), [(_interrupted, KeyboardInterrupt), (_not_utf_8, SettingsError)])
def test_breaking_off_writes_nothing(tmp_path: Path, ask: Callable[[str], str], error: type[BaseException]) -> None:
    with pytest.raises(error):
        init(tmp_path, force=False, ask=ask)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["clinic.toml", ".env"])
def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("mine", encoding="utf-8")
    file.chmod(0o644)
    person = Person(*ANSWERS)
    with pytest.raises(SettingsError) as caught:
        init(tmp_path, force=False, ask=person)
    assert str(caught.value) == f"{file} exists already: edit it, or repeat with --force to replace it"
    assert person.asked == []
    assert file.read_text(encoding="utf-8") == "mine"
    init(tmp_path, force=True, ask=person)
    assert load_clinic(tmp_path / "clinic.toml").name == "Linden Skin"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_in_the_way_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    person = Person(*ANSWERS)
    with pytest.raises(SettingsError) as caught:
        init(tmp_path, force=True, ask=person)
    assert str(caught.value) == f"{tmp_path / '.env'} is a folder: move it away, the bot needs a file of that name"
    assert person.asked == []


def test_both_files_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the second file is written."""
    (tmp_path / "clinic.toml").write_text("mine", encoding="utf-8")
    real = tempfile.NamedTemporaryFile
    made: list[object] = []

    def full(*args: Any, **options: Any) -> Any:
        made.append(args)
        if len(made) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **options)

    monkeypatch.setattr("bot.setup.NamedTemporaryFile", full)
    with pytest.raises(SettingsError) as caught:
        init(tmp_path, force=True, ask=Person(*ANSWERS))
    files = f"{tmp_path / 'clinic.toml'} and {tmp_path / '.env'}"
    assert str(caught.value) == f"{files} cannot be written: No space left on device"
    assert [file.name for file in tmp_path.iterdir()] == ["clinic.toml"]
    assert (tmp_path / "clinic.toml").read_text(encoding="utf-8") == "mine"
