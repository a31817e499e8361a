"""What an installation is told: Settings from the environment and .env, and the Clinic from clinic.toml.

Both are read once, by the command line, and handed in; everything below sees plain frozen values.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from babel import Locale, UnknownLocaleError
from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from bot.errors import ClinicError, SettingsError

PREFIX = "MESOBOT_"
DEFAULT_API_URL = "https://api.telegram.org"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Plain(BaseModel):
    """A frozen value; a key it does not know is an error, since it is probably a typing mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _http_url(value: str) -> str:
    if not value.startswith(("https://", "http://")) or len(value.split("/")[2]) == 0:
        raise ValueError("expected an address that begins with https://")
    return value.rstrip("/")


def _token(value: SecretStr) -> SecretStr:
    bot_id, _, secret = value.get_secret_value().partition(":")
    if not bot_id.isdigit() or len(secret) < 10:
        raise ValueError("expected the token that @BotFather gave you, like 123456:ABC-DEF1234...")
    return value


def _staff_chat(value: int) -> int:
    if value >= 0:
        raise ValueError("expected the id of a group, which is negative, like -1001234567890")
    return value


class Settings(Plain):
    """What the environment says; each field is the variable of that name with MESOBOT_ before it."""

    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    database_url: str = "sqlite:///mesobot.db"
    clinic: Path | None = None
    """clinic.toml; without one, ./clinic.toml, else the packaged sample."""
    api_url: Annotated[str, AfterValidator(_http_url)] = DEFAULT_API_URL
    staff_chat: Annotated[int, AfterValidator(_staff_chat)] | None = None
    webhook_url: Annotated[str, AfterValidator(_http_url)] | None = None
    webhook_secret: Annotated[SecretStr, Field(min_length=32, max_length=256)] | None = None
    listen: Annotated[str, Field(pattern=r"^[^:\s]+:\d{1,5}$")] = "127.0.0.1:8080"
    send_rate: Annotated[float, Field(gt=0, le=1000)] = 25.0
    """Messages a second to all chats together; Telegram allows about 30."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _webhook_is_whole(self) -> Self:
        if self.webhook_url and not self.webhook_secret:
            raise ValueError(
                "MESOBOT_WEBHOOK_URL is set but MESOBOT_WEBHOOK_SECRET is not: expected 32 or more characters"
            )
        return self


SETTINGS = frozenset(PREFIX + name.upper() for name in Settings.model_fields)


def load_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """Read the environment, and `folder`/.env under it; raises SettingsError naming the first bad setting."""
    file = folder / ".env"
    try:
        from_file = (
            {name: value for name, value in dotenv_values(file).items() if value is not None} if file.is_file() else {}
        )
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    merged = {**from_file, **environ}
    given = {name: value.strip() for name, value in merged.items() if name.startswith(PREFIX) and value.strip()}
    for name in given.keys() - SETTINGS:
        if name in from_file:
            raise SettingsError(f"{file}: {name} is not a setting of mesobot; known are {', '.join(sorted(SETTINGS))}")
        given.pop(name)  # another program's variable, or a wrapper's: none of our business
    try:
        return Settings.model_validate({name.removeprefix(PREFIX).lower(): value for name, value in given.items()})
    except ValidationError as error:
        problem = error.errors()[0]
        key = "".join(str(part) for part in problem["loc"][:1])
        name = PREFIX + key.upper() if key else "the settings"
        place = f" (in {file})" if name in from_file and name not in environ else ""
        raise SettingsError(f"{name}{place}: {_problem(problem)}") from None


def _problem(problem: Any) -> str:
    """Say one of pydantic's findings to a person, without the value where it may be a secret."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    value = problem.get("input")
    if (
        isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and "token" not in message
        and "secret" not in str(problem["loc"])
    ):
        return f"{message}, got {value!r}"
    return message


# --- clinic.toml ------------------------------------------------------------------------------------------------------


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("expected an IANA time zone such as Europe/London")
    return value


def _span(value: Any) -> Any:
    """Read "09:00-17:30"."""
    if not isinstance(value, str):
        return value
    opens, dash, closes = value.partition("-")
    try:
        span = {"opens": time.fromisoformat(opens.strip()), "closes": time.fromisoformat(closes.strip())}
    except ValueError:
        span = {}
    if not dash or not span:
        raise ValueError('expected a span like "09:00-17:30"')
    return span


def _language(value: str) -> str:
    try:
        Locale.parse(value)
    except (UnknownLocaleError, ValueError):
        raise ValueError('expected a language such as "en" or "pt_BR"') from None
    return value


Text = Annotated[str, Field(min_length=1, max_length=300)]
Weeks = Annotated[int, Field(ge=1, le=52)]
Hours = Annotated[int, Field(ge=0, le=24 * 60)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,23}$")]
Url = Annotated[str, AfterValidator(_http_url)]


class Span(Plain):
    """Open from `opens` to `closes`, the clinic's wall time."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("a span must close after it opens, on the same day")
        return self


def _apart(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    ordered = tuple(sorted(spans, key=lambda span: span.opens))
    if any(first.closes > second.opens for first, second in pairwise(ordered)):
        raise ValueError("the spans of a day must not overlap")
    return ordered


Spans = Annotated[tuple[Annotated[Span, BeforeValidator(_span)], ...], AfterValidator(_apart)]


class Week(Plain):
    """Opening hours by weekday; a day without spans is closed."""

    monday: Spans = ()
    tuesday: Spans = ()
    wednesday: Spans = ()
    thursday: Spans = ()
    friday: Spans = ()
    saturday: Spans = ()
    sunday: Spans = ()

    def on(self, weekday: int) -> tuple[Span, ...]:
        """Return the spans of a weekday, Monday being 0."""
        spans: tuple[Span, ...] = getattr(self, WEEKDAYS[weekday])
        return spans


class Closed(Plain):
    """Days on which the clinic is closed, both included."""

    first: date
    last: date
    reason: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("the first closed day must not be after the last")
        return self


class Contact(Plain):
    """How to reach the clinic without the bot."""

    phone: Text
    urgent_phone: Text | None = None
    """The line for complications, where it is another one."""
    email: Text | None = None
    website: Url | None = None


class Address(Plain):
    """Where the clinic is."""

    text: Text
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    map: Url | None = None
    """A map link of the clinic's own choice, instead of OpenStreetMap at the coordinates."""
    directions: Annotated[str, Field(max_length=600)] = ""

    @property
    def map_url(self) -> str | None:
        """The link to show, or None where the clinic gave neither a link nor coordinates."""
        if self.map or self.latitude is None or self.longitude is None:
            return self.map
        at = f"{self.latitude:.5f}/{self.longitude:.5f}"
        return f"https://www.openstreetmap.org/?mlat={self.latitude:.5f}&mlon={self.longitude:.5f}#map=17/{at}"


class Practitioner(Plain):
    """Somebody who treats patients."""

    id: Slug
    name: Text
    role: Text
    about: Annotated[str, Field(max_length=600)] = ""


class Treatment(Plain):
    """A treatment area that can be booked."""

    id: Slug
    name: Text
    minutes: Annotated[int, Field(ge=5, le=480)]
    price: Annotated[Decimal, Field(ge=0, decimal_places=2)] | None = None
    """In the clinic's currency; without one, the price is asked of the clinic."""
    price_note: Annotated[str, Field(max_length=120)] = ""
    interval_weeks: tuple[Weeks, Weeks] = (2, 4)
    """Shortest and longest time between two sessions of a course (packaged default: the article's 2 to 4 weeks)."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.interval_weeks[0] > self.interval_weeks[1]:
            raise ValueError("interval_weeks must be the shortest, then the longest")
        return self


class Payment(Plain):
    """How patients pay."""

    methods: tuple[Text, ...]
    note: Annotated[str, Field(max_length=600)] = ""


class Aftercare(Plain):
    """How long to leave off what, in hours; clinics disagree, so each number is the clinic's own."""

    touching: Hours = 24
    makeup: Hours = 24
    sport: Hours = 48
    alcohol: Hours = 24
    heat: Hours = 72
    swimming: Hours = 72
    massage: Hours = 48
    peels: Hours = 14 * 24


class Privacy(Plain):
    """Who answers for patients' data, and how long it is kept."""

    controller: Text
    """The legal person."""
    contact: Text
    policy: Url | None = None
    chat_days: Annotated[int, Field(ge=1, le=730)] = 90
    """Days after which questions and messages are deleted."""


class Visits(Plain):
    """Rules about visits."""

    notice_hours: Annotated[int, Field(ge=0, le=168)] = 24
    """A visit is moved or cancelled at the latest this long before it."""


class Content(Plain):
    """Where the clinic's own texts are."""

    folder: Path | None = None
    """Laid over the packaged content, file by file; relative to clinic.toml."""


class Clinic(Plain):
    """Everything the bot knows about the clinic that runs it."""

    name: Text
    zone: Annotated[str, AfterValidator(_zone)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    emergency: Annotated[str, Field(pattern=r"^\d{2,6}$")]
    """The local emergency number, such as 112."""
    language: Annotated[str, AfterValidator(_language)] = "en"
    """For staff, and for patients whose own language is not there."""
    contact: Contact
    address: Address | None = None
    hours: Week = Week()
    closed: tuple[Closed, ...] = ()
    practitioners: tuple[Practitioner, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    payment: Payment | None = None
    aftercare: Aftercare = Aftercare()
    visits: Visits = Visits()
    privacy: Privacy
    content: Content = Content()

    @model_validator(mode="after")
    def _phones_and_ids(self) -> Self:
        for key in ("phone", "urgent_phone"):
            if (number := getattr(self.contact, key)) and not _is_phone(number, self.country):
                problem = f"{number!r} is not a telephone number in {self.country}"
                raise ValueError(f"contact.{key}: {problem}; expected one like +44 20 7946 0958")
        for noun, things in (("practitioners", self.practitioners), ("treatments", self.treatments)):
            ids = [thing.id for thing in things]
            if twice := {one for one in ids if ids.count(one) > 1}:
                raise ValueError(f"{noun}: the id {twice.pop()!r} is given twice")
        return self

    @property
    def tz(self) -> ZoneInfo:
        """The clinic's zone."""
        return ZoneInfo(self.zone)

    @property
    def phone(self) -> str:
        """The clinic's number in the international form, which Telegram makes tappable."""
        return international(self.contact.phone, self.country)

    @property
    def urgent_phone(self) -> str:
        """The number for complications, in the international form."""
        return international(self.contact.urgent_phone or self.contact.phone, self.country)

    def open_on(self, day: date) -> tuple[Span, ...]:
        """Return the spans in which the clinic is open on `day`; none on a closed day."""
        return () if self.closure(day) else self.hours.on(day.weekday())

    def closure(self, day: date) -> Closed | None:
        """Return why `day` is closed although it is an ordinary weekday, if it is."""
        return next((closed for closed in self.closed if closed.first <= day <= closed.last), None)

    def next_opening(self, after: date, days: int = 30) -> date | None:
        """Return the next day after `after` on which the clinic opens, within `days`."""
        later = (after + timedelta(days=ahead) for ahead in range(1, days + 1))
        return next((day for day in later if self.open_on(day)), None)


def _is_phone(number: str, country: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False


def international(number: str, country: str) -> str:
    """Return a telephone number as +44 20 7946 0958."""
    return phonenumbers.format_number(phonenumbers.parse(number, country), phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def sample_clinic() -> str:
    """Return the packaged sample clinic.toml."""
    return resources.files("bot").joinpath("clinic.sample.toml").read_text(encoding="utf-8")


def find_clinic(settings: Settings, folder: Path) -> Path | None:
    """Return the clinic.toml to read; None for the packaged sample. Raises ClinicError where a named file is
    missing."""
    if settings.clinic is not None:
        if not settings.clinic.is_file():
            raise ClinicError(
                f"MESOBOT_CLINIC names {settings.clinic}, which is not a file: run `mesobot init` to write one"
            )
        return settings.clinic
    file = folder / "clinic.toml"
    return file if file.is_file() else None


def load_clinic(file: Path | None) -> Clinic:
    """Read clinic.toml, or the packaged sample for None; raises ClinicError naming file and key or line."""
    name = str(file) if file else "the packaged sample clinic.toml"
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8") if file else sample_clinic())
    except (OSError, UnicodeDecodeError) as error:
        raise ClinicError(f"{name} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ClinicError(f"{name} is not valid TOML: {error}") from error
    try:
        clinic = Clinic.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ClinicError(f"{name}: {key + ': ' if key else ''}{_problem(problem)}{more}") from None
    folder = clinic.content.folder
    if folder is None:
        return clinic
    absolute = folder if folder.is_absolute() or file is None else file.parent / folder
    if not absolute.is_dir():
        raise ClinicError(f"{name}: content.folder: {absolute} is not a folder")
    return clinic.model_copy(update={"content": Content(folder=absolute)})
