"""What an installation is told: Settings from the environment and .env, and the Clinic from clinic.toml.

Both are read once, by the command line, and handed in; everything below sees plain frozen values.
"""

import io
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency
from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    Strict,
    ValidationError,
    model_validator,
)

from bot.errors import ClinicError, MesobotError, SettingsError
from bot.logs import Format
from bot.plain import Plain, and_more, did_you_mean, expected, first_problem
from bot.programme import Change, Step, overlaid, packaged

PREFIX = "MESOBOT_"
DEFAULT_API_URL = "https://api.telegram.org"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, a bracket that is not closed
        whole = False
    if not whole or re.search(r"\s", value):
        raise ValueError("expected an address that begins with https://")
    return value.rstrip("/")


def _api_root(value: str) -> str:
    url = _http_url(value)
    if re.search(r"/bot([0-9]+:[^/]*)?$", url):
        raise ValueError("expected the server's root, without /bot and the token")
    return url


def _like(pattern: str, expected: str) -> AfterValidator:
    """Return a check of the whole text against `pattern`, which says in words what was `expected`."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]{10,}", value.get_secret_value()):
        raise ValueError("expected the token that @BotFather gave you, like 123456:ABC-DEF1234...")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{32,256}", value.get_secret_value()):
        raise ValueError("expected 32 to 256 letters, digits, _ and -, as Telegram takes them")
    return value


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not re.fullmatch(r"[^:\s]+", host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("expected a host and a port, like 127.0.0.1:8080")
    return value


def _metrics_listen(value: str) -> str:
    return _listen(f"127.0.0.1:{value}" if value.isdecimal() else value)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _staff_chat(value: int) -> int:
    if value >= 0:
        raise ValueError("expected the id of a group, which is negative, like -1001234567890")
    return value


def _recipient(value: str) -> str:
    import pyrage  # noqa: PLC0415  two megabytes for those who use it

    try:
        pyrage.x25519.Recipient.from_str(value)
    except pyrage.RecipientError:
        raise ValueError("expected the public key that age-keygen printed, like age1ql3z7hjy...") from None
    return value


def _passphrase(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 12:
        raise ValueError("expected 12 or more characters, such as five words that do not belong together")
    return value


class Settings(Plain):
    """What the environment says; each field is the variable of that name with MESOBOT_ before it."""

    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    database_url: str = "sqlite:///mesobot.db"
    clinic: Path | None = None
    """clinic.toml; without one, ./clinic.toml, else the packaged sample."""
    api_url: Annotated[str, AfterValidator(_api_root)] = DEFAULT_API_URL
    staff_chat: Annotated[int, AfterValidator(_staff_chat)] | None = None
    webhook_url: Annotated[str, AfterValidator(_http_url)] | None = None
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8080"
    send_rate: Annotated[float, Field(gt=0, le=1000)] = 25.0
    """Messages a second to all chats together; Telegram allows about 30."""
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = "INFO"
    log_format: Annotated[Format, BeforeValidator(_lower)] = "text"
    metrics_listen: Annotated[str, AfterValidator(_metrics_listen)] | None = None
    """HOST:PORT, or a port of this machine alone, where /livez, /healthz and /metrics are served."""
    backup_folder: Path | None = None
    """Where `run` puts a backup a day."""
    backup_recipient: Annotated[str, AfterValidator(_recipient)] | None = None
    """Whose secret key opens the backups, which the machine that makes them need not have."""
    backup_passphrase: Annotated[SecretStr, AfterValidator(_passphrase)] | None = None

    @model_validator(mode="after")
    def _backups_are_sealed_once(self) -> Self:
        if self.backup_recipient and self.backup_passphrase:
            raise ValueError(
                "MESOBOT_BACKUP_RECIPIENT and MESOBOT_BACKUP_PASSPHRASE are both set: expected one or neither"
            )
        return self

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
    in_file = _read_env(file) if file.is_file() else {}
    in_environ = {name: value.strip() for name, value in environ.items() if name in SETTINGS and value.strip()}
    given = {name: value for name, (value, _) in in_file.items() if value} | in_environ
    try:
        return Settings.model_validate({name.removeprefix(PREFIX).lower(): value for name, value in given.items()})
    except ValidationError as error:
        problem, *others = error.errors()
        key = "".join(map(str, problem["loc"]))
        name = PREFIX + key.upper()
        place = f"{file}: line {in_file[name][1]}: " if name in in_file and name not in in_environ else ""
        said = expected(problem, secret=key in SECRETS)
        raise SettingsError(f"{place}{name + ': ' if key else ''}{said}{and_more(others)}") from None


SECRETS = frozenset({"token", "webhook_secret", "database_url", "backup_passphrase"})
"""Settings whose value is never shown."""


def _read_env(file: Path) -> dict[str, tuple[str, int]]:
    """Return value and line of each setting in `file`; raises SettingsError where a line is none, or unknown."""
    found: dict[str, tuple[str, int]] = {}
    for entry in parse_stream(io.StringIO(_read_text(file, SettingsError))):
        blank = len(entry.original.string) - len(entry.original.string.lstrip())
        line = entry.original.line + entry.original.string[:blank].count("\n")
        name = entry.key or ""
        ours = name.upper().startswith(PREFIX)
        if entry.error or (ours and entry.value is None):
            raise SettingsError(f"{file}: line {line}: expected NAME=value, with both quotes or none")
        if ours and name not in SETTINGS:
            raise SettingsError(
                f"{file}: line {line}: {name} is not a setting of mesobot{did_you_mean(name.upper(), SETTINGS)}"
            )
        if ours:
            found[name] = (entry.value or "").strip(), line
    return found


def _read_text(file: Path, kind: type[MesobotError]) -> str:
    """Return a file's text, a byte order mark left out; raises `kind` naming file and line."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise kind(f"{file} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise kind(f"{file}: line {line}: this is not UTF-8: save the file as UTF-8") from None


# --- clinic.toml ------------------------------------------------------------------------------------------------------


def _zone(value: str) -> str:
    zones = available_timezones()
    if value not in zones:
        likely = next((zone for zone in zones if zone.casefold() == value.casefold()), "Europe/London")
        raise ValueError(f"expected an IANA time zone such as {likely}")
    return value


def _country(value: str) -> str:
    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("expected the two capital letters of a country, such as GB for the United Kingdom")
    return value


def _currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError("expected the three capital letters of a currency, such as GBP or EUR")
    return value


def _printable(value: str) -> str:
    """Refuse control characters, which Telegram does not take, other than line breaks and tabs."""
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in value):
        raise ValueError("expected a text without control characters")
    return value


_SPAN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\s*")


def _span(value: Any) -> Any:
    """Read "09:00-17:30"."""
    if isinstance(value, dict | Span):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    try:
        first, then, last, end = map(int, match.groups() if match else ())
        return {"opens": time(first, then), "closes": time(last, end)}
    except ValueError:
        raise ValueError('expected a span like "09:00-17:30"') from None


def _pair(value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("expected the shortest and the longest time in weeks, like [2, 4]")
    return value


def _language(value: str) -> str:
    try:
        Locale.parse(value)
    except (UnknownLocaleError, ValueError):
        raise ValueError('expected a language such as "en" or "pt_BR"') from None
    return value


Text = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]
Note = Annotated[str, Field(max_length=120), AfterValidator(_printable)]
Story = Annotated[str, Field(max_length=600), AfterValidator(_printable)]
Whole = Annotated[int, Strict()]
"""In a TOML file a number has no quotes, and true is none."""
Weeks = Annotated[Whole, Field(ge=1, le=52)]
Hours = Annotated[Whole, Field(ge=0, le=24 * 60)]
Slug = Annotated[
    str, _like(r"[a-z0-9][a-z0-9-]{0,23}", "at most 24 small letters, digits and dashes, such as face-neck")
]
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
    reason: Note = ""

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
    directions: Story = ""

    @model_validator(mode="after")
    def _both_coordinates(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("expected both latitude and longitude, or neither")
        return self

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
    about: Story = ""
    hours: Week | None = None
    """Where they differ from the clinic's; a break is the time between two spans."""
    treatments: tuple[Slug, ...] = ()
    """Ids of what they do; everything, if empty."""
    away: tuple[Closed, ...] = ()

    def does(self, treatment: str) -> bool:
        """True where this practitioner does the treatment of that id."""
        return not self.treatments or treatment in self.treatments


class Treatment(Plain):
    """A treatment area that can be booked."""

    id: Slug
    name: Text
    minutes: Annotated[Whole, Field(ge=5, le=480)]
    price: Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=2)] | None = None
    """In the clinic's currency; without one, the price is asked of the clinic."""
    price_note: Note = ""
    interval_weeks: Annotated[tuple[Weeks, Weeks], BeforeValidator(_pair)] = (2, 4)
    """Shortest and longest time between two sessions of a course (packaged default: the article's 2 to 4 weeks)."""
    sessions: Annotated[Whole, Field(ge=1, le=50)] | None = None
    """Of a usual course; without it, staff say when a course is over."""
    programme: tuple[Change, ...] = ()
    """Follow-ups that this treatment wants otherwise than the clinic."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.interval_weeks[0] > self.interval_weeks[1]:
            raise ValueError("interval_weeks must be the shortest, then the longest")
        return self


class Payment(Plain):
    """How patients pay."""

    methods: tuple[Text, ...]
    note: Story = ""


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


Days = Annotated[Whole, Field(ge=1, le=3650)]
Months = Annotated[Whole, Field(ge=1, le=600)]


class Privacy(Plain):
    """Who answers for patients' data, and how long it is kept. Months are the calendar's."""

    controller: Text
    """The legal person."""
    contact: Text
    policy: Url | None = None
    chat_days: Annotated[Whole, Field(ge=1, le=730)] = 90
    """Questions, conversations, and messages that were sent."""
    unbooked_days: Days = 30
    """Somebody without a visit, since they last wrote; and a booking left unfinished."""
    answers_days: Days = 30
    """Answers about health, after the visit."""
    called_off_days: Days = 90
    """A visit that did not take place, after its time."""
    keep_treatments: bool = True
    """Whether treatments carried out stay when a patient has their data deleted: without name and number."""
    treatment_months: Months = 24
    """A treatment carried out, its course with it; a clinic's law may ask for longer."""
    note_months: Months = 24
    """What staff wrote down."""
    follow_up_days: Annotated[Whole, Field(ge=100, le=3650)] = 180
    """Follow-ups and the answers to them; the last check comes after 12 weeks."""
    call_days: Days = 90
    """Calls that were made."""
    invite_days: Days = 30
    """Links to a visit, once they are used or have ended."""
    consent_months: Months = 24
    """Answers that a newer one has replaced; the newest stays for as long as the patient does."""
    audit_months: Months = 24
    """Who did what, by numbers and without words."""
    backup_days: Days = 30
    """How long the clinic keeps backups: patients are told so, and whoever makes the backups sees to it."""


class Visits(Plain):
    """Rules about visits."""

    notice_hours: Annotated[Whole, Field(ge=0, le=168)] = 24
    """A visit is moved or cancelled at the latest this long before it."""


def _grid(value: int) -> int:
    if value % 5:
        raise ValueError("expected a multiple of 5 minutes, such as 15")
    return value


class Booking(Plain):
    """How visits are booked. Minutes and hours of waiting count only while the clinic is open."""

    grid_minutes: Annotated[Whole, Field(ge=5, le=240), AfterValidator(_grid)] = 15
    """Visits begin at multiples of this after an opening."""
    buffer_minutes: Annotated[Whole, Field(ge=0, le=120)] = 10
    """Between two visits of a practitioner."""
    days_ahead: Annotated[Whole, Field(ge=1, le=365)] = 60
    """How far ahead a visit can be booked."""
    lead_minutes: Annotated[Whole, Field(ge=0, le=10_080)] = 120
    """How short before a visit it can be booked, on the clock."""
    most_open: Annotated[Whole, Field(ge=1, le=50)] = 5
    """Requests and visits to come that one patient may have."""
    remind_minutes: Annotated[Whole, Field(ge=1, le=1440)] = 30
    """Until staff are reminded of a request."""
    escalate_minutes: Annotated[Whole, Field(ge=1, le=2880)] = 120
    """Until they are called by name."""
    expire_hours: Annotated[Whole, Field(ge=1, le=240)] = 8
    """Until a request nobody decided ends, and its time is free again."""
    answer_hours: Annotated[Whole, Field(ge=1, le=240)] = 24
    """On the clock: how long another time that staff offered is held for the patient."""
    offer_minutes: Annotated[Whole, Field(ge=5, le=1440)] = 45
    """On the clock: how long an earlier time is held for each who asked for one."""
    nudge_hours: Annotated[Whole, Field(ge=1, le=168)] = 4
    """On the clock: until a patient is asked about a booking left unfinished."""
    drop_days: Annotated[Whole, Field(ge=1, le=30)] = 3
    """On the clock: until it is dropped."""
    escalate_to: tuple[Annotated[str, _like(r"@[A-Za-z][A-Za-z0-9_]{3,31}", "a Telegram name such as @maya")], ...] = ()
    """Whom to call by name; if empty, those who decided last."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.remind_minutes < self.escalate_minutes < self.expire_hours * 60:
            raise ValueError("expected remind_minutes below escalate_minutes, and that below expire_hours")
        return self


class FollowUps(Plain):
    """When patients are written to unasked."""

    quiet_from: time = time(21)
    quiet_until: time = time(8)
    """Wall times between which nobody is written to unasked; patients can set their own."""
    review: Url | None = None
    """Where a happy patient may write a review."""


class Enquiries(Plain):
    """How long a question to staff may wait, and how long a conversation may rest."""

    remind_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """Of opening hours, after which staff are reminded of a question nobody has answered."""
    give_up_hours: Annotated[int, Field(ge=1, le=240)] = 16
    """Of opening hours, after which the patient is told that no answer came."""
    rest_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """After which a conversation in which nobody writes ends by itself."""


class Alerts(Plain):
    """How a possible emergency is brought to staff's attention."""

    ping_minutes: Annotated[int, Field(ge=1, le=60)] = 3
    """Until somebody has acknowledged it, staff are called again this often, at any hour."""
    tell_patient_after: Annotated[int, Field(ge=1, le=20)] = 2
    """Calls after which the patient is told that nobody has seen the message."""
    most_pings: Annotated[int, Field(ge=1, le=100)] = 20
    """Calls after which they grow rarer, up to one an hour, and one whenever the clinic opens."""


class Digest(Plain):
    """The week in numbers, for staff."""

    weekly: bool = True
    """Sent by itself; without it, only when somebody asks."""
    day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    at: time = time(8, 30)
    """The clinic's wall time; on a day on which it is closed, the next one on which it is open."""


class Content(Plain):
    """Where the clinic's own texts are."""

    folder: Path | None = None
    """Laid over the packaged content, file by file; relative to clinic.toml."""


class Clinic(Plain):
    """Everything the bot knows about the clinic that runs it."""

    name: Text
    zone: Annotated[str, AfterValidator(_zone)]
    country: Annotated[str, AfterValidator(_country)]
    currency: Annotated[str, AfterValidator(_currency)]
    emergency: Annotated[str, _like(r"[0-9]{2,6}", "the digits of a telephone number, such as 112")]
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
    booking: Booking = Booking()
    followups: FollowUps = FollowUps()
    programme: tuple[Change, ...] = ()
    privacy: Privacy
    enquiries: Enquiries = Enquiries()
    alerts: Alerts = Alerts()
    digest: Digest = Digest()
    content: Content = Content()

    @model_validator(mode="after")
    def _phones_and_ids(self) -> Self:
        for key in ("phone", "urgent_phone"):
            if (number := getattr(self.contact, key)) and not _is_phone(number, self.country):
                problem = f"{number!r} is not a telephone number in {self.country}"
                raise ValueError(f"contact.{key}: {problem}; expected one like +44 20 7946 0958")
        treatments = {treatment.id for treatment in self.treatments}
        for one in self.practitioners:
            if unknown := set(one.treatments) - treatments:
                raise ValueError(f"practitioners: {one.id} does {unknown.pop()!r}, which is no treatment's id")
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

    @model_validator(mode="after")
    def _programme_is_whole(self) -> Self:
        for place, treatment in (("programme", None), *((f"treatments: {one.id}", one.id) for one in self.treatments)):
            try:
                self.steps(treatment)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from None
        return self

    def steps(self, treatment_id: str | None) -> tuple[Step, ...]:
        """Return the follow-ups of a treatment: the packaged ones, changed by the clinic, then by the treatment."""
        steps = overlaid(packaged(), self.programme)
        treatment = self.treatment(treatment_id) if treatment_id else None
        return overlaid(steps, treatment.programme) if treatment else steps

    @property
    def team(self) -> tuple[Practitioner, ...]:
        """Those who can be booked: the practitioners, or the clinic itself where none are named."""
        return self.practitioners or (Practitioner(id="clinic", name=self.name, role=self.name),)

    def practitioner(self, practitioner_id: str) -> Practitioner | None:
        """Return who has that id, if anybody still does."""
        return next((one for one in self.team if one.id == practitioner_id), None)

    def treatment(self, treatment_id: str) -> Treatment | None:
        """Return the treatment of that id, if it is still there."""
        return next((one for one in self.treatments if one.id == treatment_id), None)

    def works_on(self, practitioner: Practitioner, day: date) -> tuple[Span, ...]:
        """Return the spans in which the practitioner can be booked on `day`."""
        if self.closure(day) or any(away.first <= day <= away.last for away in practitioner.away):
            return ()
        return (practitioner.hours or self.hours).on(day.weekday())

    def open_on(self, day: date) -> tuple[Span, ...]:
        """Return the spans in which the clinic is open on `day`; none on a closed day."""
        return () if self.closure(day) else self.hours.on(day.weekday())

    def closure(self, day: date) -> Closed | None:
        """Return why `day` is closed although it is an ordinary weekday, if it is."""
        return next((closed for closed in self.closed if closed.first <= day <= closed.last), None)


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
    text = _read_text(file, ClinicError) if file else sample_clinic()
    try:
        clinic = Clinic.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        said, _, place = str(error).removesuffix(")").rpartition(" (at ")
        raise ClinicError(f"{name}: {place}: this is not TOML: {said}") from None
    except ValidationError as error:
        raise ClinicError(f"{name}: {first_problem(error, Clinic)}") from None
    folder = clinic.content.folder
    if folder is None:
        return clinic
    absolute = folder if folder.is_absolute() or file is None else file.parent / folder
    if not absolute.is_dir():
        raise ClinicError(f"{name}: content.folder: {absolute} is not a folder")
    return clinic.model_copy(update={"content": Content(folder=absolute)})
