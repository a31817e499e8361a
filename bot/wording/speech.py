"""A language: its catalogue of sentences, and how it writes dates, times, numbers and money.

Sentences are written in English where they are used and looked up by gettext. A language is there once its folder
holds a
wording.po; no code names one. Catalogues are compiled in memory when they are loaded, so nothing needs a build step.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import negotiate_locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta, get_day_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_currency

from bot.errors import ContentError

SOURCE_LANGUAGE = "en"
"""The language the sentences are written in; it needs no catalogue."""

CATALOGUE = "wording.po"


class Speech:
    """Says things in one language, with the clinic's wall time."""

    def __init__(self, language: str, translations: NullTranslations, zone: ZoneInfo, *, country: str = "") -> None:
        self.language = language
        self.zone = zone
        self._translations = translations
        self._country = country

    @cached_property
    def locale(self) -> Locale:
        """How dates and numbers are written: the language as the clinic's country writes it, where there is such a
        way."""
        name = negotiate_locale([f"{self.language}_{self._country}", self.language], _locale_names())
        return Locale.parse(name or SOURCE_LANGUAGE)

    def _(self, sentence: str) -> str:
        """Return `sentence` in this language."""
        return self._translations.gettext(sentence)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the sentence for `count` things, by this language's plural rule."""
        return self._translations.ngettext(one, many, count)

    def day(self, day: date) -> str:
        """Return a date as "Friday, 4 December"."""
        return format_date(day, "EEEE, d MMMM", self.locale)

    def weekday(self, number: int) -> str:
        """Return a weekday's name, Monday being 0."""
        name: str = get_day_names("wide", "stand-alone", self.locale)[number]
        return name[:1].upper() + name[1:]

    def clock(self, at: time) -> str:
        """Return a wall time as this language writes it."""
        return format_time(at, "short", locale=self.locale)

    def instant(self, at: datetime) -> str:
        """Return an instant in the clinic's zone, with its day."""
        return format_datetime(at, "EEEE, d MMMM, HH:mm", self.zone, self.locale)

    def hours(self, hours: int) -> str:
        """Return a length of time: hours up to two days, days beyond where they come out even."""
        unit: Literal["day", "hour"] = "day" if hours > 48 and hours % 24 == 0 else "hour"
        return format_timedelta(timedelta(hours=hours), granularity=unit, threshold=10_000, locale=self.locale)

    def money(self, amount: Decimal, currency: str) -> str:
        """Return an amount with its currency, without empty cents."""
        digits = "¤#,##0" if amount == amount.to_integral_value() else None
        return format_currency(amount, currency, digits, self.locale, currency_digits=digits is None)

    def listed(self, items: Sequence[str]) -> str:
        """Return "a, b and c"."""
        return format_list(items, locale=self.locale)


class Speeches:
    """The languages an installation speaks."""

    def __init__(self, default: str, folders: Iterable[Path], zone: ZoneInfo, *, country: str = "") -> None:
        catalogues = _catalogues([packaged(), *folders])
        self._speeches = {
            language: Speech(language, translations, zone, country=country)
            for language, translations in catalogues.items()
        }
        if default not in self._speeches:
            raise ContentError(
                f"language: there is no {default}/{CATALOGUE}; there are {', '.join(sorted(self._speeches))}"
            )
        self.default = self._speeches[default]

    def __iter__(self) -> Iterator[Speech]:
        """Yield every language."""
        return iter(self._speeches.values())

    def of(self, code: str | None) -> Speech:
        """Return the best language for a client's code such as "pt-br"; the clinic's own where there is none."""
        if code is None:
            return self.default
        known = negotiate_locale([code.replace("-", "_")], list(self._speeches))
        return self._speeches[known] if known else self.default


def packaged() -> Path:
    """Return the folder of the packaged catalogues."""
    return Path(str(resources.files("bot").joinpath("wording")))


def _catalogues(folders: Iterable[Path]) -> dict[str, NullTranslations]:
    found: dict[str, NullTranslations] = {SOURCE_LANGUAGE: NullTranslations()}
    for folder in folders:
        for file in sorted(folder.glob(f"*/{CATALOGUE}")):
            found[file.parent.name] = _compiled(file, fallback=found.get(file.parent.name))
    return found


def _compiled(file: Path, fallback: NullTranslations | None) -> NullTranslations:
    try:
        with file.open("rb") as text:
            catalogue = read_po(text, locale=file.parent.name, abort_invalid=True)
    except (OSError, ValueError, PoFileError) as error:
        raise ContentError(f"{file}: {error}") from error
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    translations = GNUTranslations(compiled)
    if fallback is not None:
        translations.add_fallback(fallback)
    return translations


def _locale_names() -> list[str]:
    from babel.localedata import locale_identifiers  # noqa: PLC0415  reads a folder: only when a language is first used

    return locale_identifiers()
