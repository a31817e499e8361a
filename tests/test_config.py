"""clinic.toml and the settings: what is wrong is named with its file and its key or line, and what was expected."""

import re
from datetime import date, time
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.clinic.rehearsal import look_through
from bot.config import SETTINGS, Clinic, Settings, Span, find_clinic, load_clinic, load_settings, sample_clinic
from bot.errors import ClinicError, SettingsError
from faq.check import Gravity

TOKEN = "1234567890:AAsecret-secret_secret"
MONDAY = 'monday = ["09:00-13:00", "14:00-18:00"]'
FACE = 'name = "Face"\nminutes = 45'


def written(folder: Path, old: str = "", new: str = "") -> Path:
    """The sample clinic.toml, with one thing changed."""
    assert old in sample_clinic()
    file = folder / "clinic.toml"
    file.write_text(sample_clinic().replace(old, new, 1), encoding="utf-8")
    return file


def complaint(file: Path) -> str:
    with pytest.raises(ClinicError) as caught:
        load_clinic(file)
    return str(caught.value)


def test_what_the_sample_shows_as_a_comment_can_be_taken_as_it_stands(tmp_path: Path) -> None:
    shown = re.compile(r"^# (?=\[|[a-z_]+ = )", re.MULTILINE)
    file = tmp_path / "clinic.toml"
    file.write_text(shown.sub("", sample_clinic()), encoding="utf-8")
    clinic = load_clinic(file)
    steps = {step.id: step for step in clinic.steps("face")}
    assert steps["check-1-day"].at == time(18)
    assert "late-4-weeks" not in steps
    assert steps["bring-list"].buttons == ("changed",)
    assert (clinic.followups.quiet_from, clinic.followups.quiet_until) == (time(21), time(8))
    assert clinic.followups.review is not None
    assert clinic.treatments[0].sessions == 3
    assert [one for one in look_through(clinic) if one.gravity is Gravity.ERROR] == []


# --- clinic.toml ------------------------------------------------------------------------------------------------------

MISTAKES = [
    # a key that is not there, or not known
    ('name = "Linden Skin Clinic"', "", "name is missing"),
    ('phone = "+44 20 7946 0958"\n', "", "contact.phone is missing"),
    (FACE, 'name = "Face"', "treatments, entry 1: minutes is missing"),
    ("[address]", "[adress]", "adress is not a key mesobot knows (did you mean address?)"),
    ('\nphone = "', '\nphne = "', "contact.phne is not a key mesobot knows (did you mean phone?) (and 1 more)"),
    (FACE, FACE + "\ncolour = 1", "treatments, entry 1: colour is not a key mesobot knows; known are "
     "id, interval_weeks, minutes, name, price, price_note, programme, sessions"),
    # a wrong type
    ('emergency = "999"', "emergency = 999", "emergency: expected a text in quotes, got 999"),
    ("minutes = 45", "minutes = 45.5",
     "treatments, entry 1: minutes: expected a whole number, without quotes, got 45.5"),
    ("minutes = 45", 'minutes = "45"',
     "treatments, entry 1: minutes: expected a whole number, without quotes, got '45'"),
    ("touching = 24", "touching = true", "aftercare.touching: expected a whole number, without quotes, got true"),
    (MONDAY, 'monday = "09:00-13:00"', "hours.monday: expected a list, such as [\"one\", \"two\"], got '09:00-13:00'"),
    ("[[closed]]", "[closed]", "closed: expected a list: write its heading as [[closed]]"),
    ("[contact]", "[[contact]]", "contact: expected one section: write its heading as [contact]"),
    ("interval_weeks = [2, 4]", "interval_weeks = 4",
     "treatments, entry 1: interval_weeks: expected the shortest and the longest time in weeks, like [2, 4], got 4"),
    ('methods = ["card", "bank transfer", "cash"]', 'methods = ["card", 2]',
     "payment.methods, entry 2: expected a text in quotes, got 2"),
    # a value that cannot be
    ('name = "Linden Skin Clinic"', 'name = " "', "name: must not be empty"),
    ("name = \"Linden", f'name = "{"x" * 300}', "name: expected at most 300 characters, got 312"),
    ("name = \"Linden", 'name = "\\u0000', "name: expected a text without control characters, got '\\x00 Skin Clinic'"),
    ("Europe/London", "GMT+1", "zone: expected an IANA time zone such as Europe/London, got 'GMT+1'"),
    ("Europe/London", "europe/warsaw", "zone: expected an IANA time zone such as Europe/Warsaw, got 'europe/warsaw'"),
    ('country = "GB"', 'country = "UK"', "country: expected the two capital letters of a country, such as GB for the "
     "United Kingdom, got 'UK'"),
    ('"GBP"', '"£"', "currency: expected the three capital letters of a currency, such as GBP or EUR, got '£'"),
    ('"999"', '"call us"', "emergency: expected the digits of a telephone number, such as 112, got 'call us'"),
    ('language = "en"', 'language = "English"',
     'language: expected a language such as "en" or "pt_BR", got \'English\''),
    ("+44 20 7946 0958", "{ask}", "contact.phone: '{ask}' is not a telephone number in GB; "
     "expected one like +44 20 7946 0958"),
    ("+44 20 7946 0999", "12", "contact.urgent_phone: '12' is not a telephone number in GB; "
     "expected one like +44 20 7946 0958"),
    ("https://linden.example", "linden.example", "contact.website: expected an address that begins with https://, "
     "got 'linden.example'"),
    ("latitude = 51.53800", "latitude = 151", "address.latitude: expected a number of at most 90, got 151"),
    ("latitude = 51.53800", "", "address: expected both latitude and longitude, or neither"),
    (MONDAY, 'monday = ["9 to 5"]', 'hours.monday, entry 1: expected a span like "09:00-17:30", got \'9 to 5\''),
    (MONDAY, 'monday = ["09:00-25:00"]',
     'hours.monday, entry 1: expected a span like "09:00-17:30", got \'09:00-25:00\''),
    (MONDAY, 'monday = ["18:00-09:00"]', "hours.monday, entry 1: a span must close after it opens, on the same day"),
    (MONDAY, 'monday = ["09:00-15:00", "14:00-18:00"]', "hours.monday: the spans of a day must not overlap"),
    ("2026-12-24", '"24.12.2026"', "closed, entry 1: first: expected a date like 2026-12-24, got '24.12.2026'"),
    ("2026-12-24", "2026-12-29", "closed, entry 1: the first closed day must not be after the last"),
    ("price = 140", 'price = "£140"', "treatments, entry 1: price: expected a number such as 140 or 99.50, got '£140'"),
    ("price = 140", "price = 1.234",
     "treatments, entry 1: price: expected at most 2 digits after the point, got 1.234"),
    ("price = 140", "price = -1", "treatments, entry 1: price: expected a number of at least 0, got -1"),
    ("interval_weeks = [2, 4]", "interval_weeks = [4, 2]",
     "treatments, entry 1: interval_weeks must be the shortest, then the longest"),
    ('id = "hands"', 'id = "Hände"', "treatments, entry 3: id: expected at most 24 small letters, digits and dashes, "
     "such as face-neck, got 'Hände'"),
    ('id = "hands"', 'id = "face"', "treatments: the id 'face' is given twice"),
    ('id = "ozan"', 'id = "hart"', "practitioners: the id 'hart' is given twice"),
    ("[privacy]", "[content]\nfolder = 5\n[privacy]", "content.folder: expected a path in quotes, got 5"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[said[:45] for _, _, said in MISTAKES])
def test_a_mistake_is_named_with_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = written(tmp_path, old, new)
    assert complaint(file) == f"{file}: {said}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "Linden Skin Clinic"', "name = Linden", "line 4, column 8: this is not TOML: Invalid value"),
        ('"GBP"', '"GBP', "line 7, column 16: this is not TOML: Illegal character '\\n'"),
        ("[contact]", "[contact", "line 11, column 9: this is not TOML: Expected ']'"),
    ],
)
def test_broken_toml_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = written(tmp_path, old, new)
    assert complaint(file).startswith(f"{file}: {said}")


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "clinic.toml"
    file.write_bytes(b'name = "Linden"\nzone = "\xff"\n')
    assert complaint(file) == f"{file}: line 2: this is not UTF-8: save the file as UTF-8"


def test_what_windows_editors_write_is_read(tmp_path: Path) -> None:
    file = tmp_path / "clinic.toml"
    file.write_bytes(b"\xef\xbb\xbf" + sample_clinic().replace("\n", "\r\n").encode())
    assert load_clinic(file) == load_clinic(None)


def test_a_pasted_token_is_not_repeated(tmp_path: Path) -> None:
    said = complaint(written(tmp_path, '"999"', f'"{TOKEN}"'))
    assert said.endswith("got '(a token)'")


def test_hours_are_read_as_people_write_them(tmp_path: Path) -> None:
    clinic = load_clinic(written(tmp_path, MONDAY, 'monday = ["14:00 – 18:00", "9:00-13:00"]'))
    assert clinic.hours.monday == (
        Span(opens=time(9), closes=time(13)),
        Span(opens=time(14), closes=time(18)),
    )


def test_the_contents_folder_is_relative_to_clinic_toml(tmp_path: Path) -> None:
    file = written(tmp_path, "[privacy]", '[content]\nfolder = "texts"\n[privacy]')
    assert complaint(file) == f"{file}: content.folder: {tmp_path / 'texts'} is not a folder"
    (tmp_path / "texts").mkdir()
    assert load_clinic(file).content.folder == tmp_path / "texts"


def test_the_clinic_toml_that_is_read(tmp_path: Path) -> None:
    assert find_clinic(Settings(), tmp_path) is None
    file = written(tmp_path)
    assert find_clinic(Settings(), tmp_path) == file
    other = tmp_path / "other.toml"
    with pytest.raises(
        ClinicError, match=r"^MESOBOT_CLINIC names .*other\.toml, which is not a file: run `mesobot init`"
    ):
        find_clinic(Settings(clinic=other), tmp_path)
    other.touch()
    assert find_clinic(Settings(clinic=other), tmp_path) == other


def test_telephone_numbers_are_shown_so_that_they_can_be_tapped(clinic: Clinic) -> None:
    national = clinic.contact.model_copy(update={"phone": "020 7946 0958", "urgent_phone": None})
    shown = clinic.model_copy(update={"contact": national})
    assert (shown.phone, shown.urgent_phone) == ("+44 20 7946 0958", "+44 20 7946 0958")
    assert clinic.urgent_phone == "+44 20 7946 0999"


def test_the_days_the_clinic_is_open(clinic: Clinic) -> None:
    wednesday, christmas, sunday = date(2026, 12, 23), date(2026, 12, 25), date(2026, 11, 29)
    assert [span.opens for span in clinic.open_on(wednesday)] == [time(9), time(14)]
    assert clinic.open_on(christmas) == ()
    assert clinic.open_on(sunday) == ()
    closure = clinic.closure(christmas)
    assert closure is not None
    assert closure.reason == "Christmas"
    assert clinic.closure(sunday) is None
    assert [day for day in range(20, 31) if clinic.closure(date(2026, 12, day))] == [24, 25, 26, 27]


def test_the_map_link(clinic: Clinic) -> None:
    assert clinic.address is not None
    assert clinic.address.map_url == (
        "https://www.openstreetmap.org/?mlat=51.53800&mlon=-0.09900#map=17/51.53800/-0.09900"
    )
    own = clinic.address.model_copy(update={"map": "https://maps.example/x"})
    assert own.map_url == "https://maps.example/x"
    nowhere = clinic.address.model_copy(update={"latitude": None, "longitude": None})
    assert nowhere.map_url is None


# --- settings ---------------------------------------------------------------------------------------------------------


def refused(folder: Path, env: str | bytes, environ: dict[str, str] | None = None) -> str:
    (folder / ".env").write_bytes(env if isinstance(env, bytes) else env.encode())
    with pytest.raises(SettingsError) as caught:
        load_settings(environ or {}, folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("# mine\n\nMESOBOT_TOKN=1", "line 3: MESOBOT_TOKN is not a setting of mesobot (did you mean MESOBOT_TOKEN?)"),
        ("mesobot_token=1", "line 1: mesobot_token is not a setting of mesobot (did you mean MESOBOT_TOKEN?)"),
        ("A=1\nMESOBOT_XYZZY=1", "line 2: MESOBOT_XYZZY is not a setting of mesobot; known are "
         + ", ".join(sorted(SETTINGS))),
        ("MESOBOT_TOKEN", "line 1: expected NAME=value, with both quotes or none"),
        ("\nMESOBOT_TOKEN: 1:x", "line 2: expected NAME=value, with both quotes or none"),
        (f'MESOBOT_TOKEN="{TOKEN}\n', "line 1: expected NAME=value, with both quotes or none"),
        (b"A=1\nMESOBOT_TOKEN=\xff", "line 2: this is not UTF-8: save the file as UTF-8"),
        ("MESOBOT_TOKEN=bot" + TOKEN, "line 1: MESOBOT_TOKEN: expected the token that @BotFather gave you, "
         "like 123456:ABC-DEF1234..."),
        ("MESOBOT_STAFF_CHAT=staff", "line 1: MESOBOT_STAFF_CHAT: expected a whole number, got 'staff'"),
        ("MESOBOT_STAFF_CHAT=" + TOKEN, "line 1: MESOBOT_STAFF_CHAT: expected a whole number, got '(a token)'"),
        ("MESOBOT_STAFF_CHAT=12", "line 1: MESOBOT_STAFF_CHAT: expected the id of a group, which is negative, "
         "like -1001234567890, got '12'"),
        ("MESOBOT_API_URL=api.telegram.org", "line 1: MESOBOT_API_URL: expected an address that begins with https://, "
         "got 'api.telegram.org'"),
        ("MESOBOT_API_URL=https://host:port", "line 1: MESOBOT_API_URL: expected an address that begins with https://, "
         "got 'https://host:port'"),
        (f"MESOBOT_API_URL=https://api.telegram.org/bot{TOKEN}", "line 1: MESOBOT_API_URL: expected the server's root, "
         "without /bot and the token, got 'https://api.telegram.org/bot(a token)'"),
        ("MESOBOT_WEBHOOK_URL=https://a.example/hook", "MESOBOT_WEBHOOK_URL is set but MESOBOT_WEBHOOK_SECRET is not: "
         "expected 32 or more characters"),
        ("MESOBOT_WEBHOOK_SECRET=short", "line 1: MESOBOT_WEBHOOK_SECRET: expected 32 to 256 letters, digits, _ and -, "
         "as Telegram takes them"),
        ("MESOBOT_WEBHOOK_SECRET=" + "!" * 40, "line 1: MESOBOT_WEBHOOK_SECRET: expected 32 to 256 letters, digits, "
         "_ and -, as Telegram takes them"),
        ("MESOBOT_LISTEN=8080", "line 1: MESOBOT_LISTEN: expected a host and a port, like 127.0.0.1:8080, got '8080'"),
        ("MESOBOT_LISTEN=h:99999",
         "line 1: MESOBOT_LISTEN: expected a host and a port, like 127.0.0.1:8080, got 'h:99999'"),
        ("MESOBOT_SEND_RATE=fast", "line 1: MESOBOT_SEND_RATE: expected a number, got 'fast'"),
        ("MESOBOT_SEND_RATE=0", "line 1: MESOBOT_SEND_RATE: expected a number above 0, got '0'"),
        ("MESOBOT_LOG_LEVEL=loud",
         "line 1: MESOBOT_LOG_LEVEL: expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR', got 'LOUD'"),
        ("MESOBOT_LISTEN=x\nMESOBOT_TOKEN=y", "line 2: MESOBOT_TOKEN: expected the token that @BotFather gave you, "
         "like 123456:ABC-DEF1234... (and 1 more)"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named_with_its_line(tmp_path: Path, env: str | bytes, said: str) -> None:
    place = "" if said.startswith("MESOBOT") else f"{tmp_path / '.env'}: "
    assert refused(tmp_path, env) == f"{place}{said}"


def test_the_environment_wins_over_the_file_and_is_named_when_it_is_wrong(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MESOBOT_SEND_RATE=x\nMESOBOT_LOG_LEVEL=debug\n", encoding="utf-8")
    settings = load_settings({"MESOBOT_SEND_RATE": "5", "MESOBOT_LOG_LEVEL": ""}, tmp_path)
    assert (settings.send_rate, settings.log_level) == (5.0, "DEBUG")  # an empty variable says nothing
    assert refused(tmp_path, "", {"MESOBOT_SEND_RATE": "y"}) == "MESOBOT_SEND_RATE: expected a number, got 'y'"


def test_what_other_programs_need_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOKEN=x\nexport PATH='/bin'\n", encoding="utf-8")
    assert load_settings({"MESOBOT_WRAPPER": "x", "HOME": "/"}, tmp_path) == Settings()


def test_the_file_is_read_as_people_write_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(
        b"\xef\xbb\xbfexport MESOBOT_TOKEN='" + TOKEN.encode() + b"' # from @BotFather\r\n"
        b"MESOBOT_DATABASE_URL = postgresql://u:p${HOME}@h/d\r\nMESOBOT_STAFF_CHAT=\r\n"
    )
    settings = load_settings({"HOME": "/root"}, tmp_path)
    assert settings.token == SecretStr(TOKEN)
    assert settings.database_url == "postgresql://u:p${HOME}@h/d"  # a password is taken as it stands
    assert settings.staff_chat is None
    assert TOKEN not in repr(settings)
