"""`mesobot doctor`: look at every part of an installation, and say what to do about what is wrong."""

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import aiohttp

from bot import config
from bot.app import check_content
from bot.clinic import staffroom
from bot.clock import Clock
from bot.config import Clinic, Settings
from bot.delivery.wire import HttpTransport, Refusal, Wire, WireError
from bot.errors import MesobotError
from bot.store.database import SCHEMA, Database, parse_url
from faq.check import Gravity

CLOCK_TOLERANCE = 60.0
"""Seconds by which the machine's clock may differ from Telegram's before reminders come noticeably wrong."""
RECENT = timedelta(hours=1)
"""A webhook's failure longer ago, with no update waiting, is over."""
PATIENCE = 10.0
"""Seconds to wait for an answer."""


class Mark(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, how it is, and what to do about it."""

    mark: Mark
    part: str
    text: str
    advice: str = ""


async def doctor(environ: Mapping[str, str], folder: Path, clock: Clock) -> int:
    """Print the findings; returns 0 where nothing is wrong, else 1."""
    wrong = False
    async for finding in examine(environ, folder, clock):
        print(f"{finding.mark.value:<8} {finding.part}: {finding.text}")  # noqa: T201  this is a report for a terminal
        if finding.advice:
            print(f"{'':<8}   -> {finding.advice}")  # noqa: T201
        wrong = wrong or finding.mark is Mark.WRONG
    return 1 if wrong else 0


async def examine(environ: Mapping[str, str], folder: Path, clock: Clock) -> AsyncIterator[Finding]:
    """Yield what is found, part by part; what cannot be looked at is said and skipped."""
    try:
        settings = config.load_settings(environ, folder)
    except MesobotError as error:
        yield Finding(Mark.WRONG, "settings", str(error), "correct it in the environment or in .env")
        return
    yield Finding(Mark.OK, "settings", "readable")
    for finding in _permissions(settings, folder):
        yield finding
    clinic = None
    for finding, found in _clinic(settings, folder):
        yield finding
        clinic = found
    if clinic is not None:
        yield _content(clinic, clock)
    async for finding in _telegram(settings, clock):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(_database(settings))):
        yield finding


def _permissions(settings: Settings, folder: Path) -> Iterator[Finding]:
    files = [folder / ".env"]
    if settings.database_url.startswith("sqlite"):
        database = settings.database_url.partition("///")[2].partition("?")[0]
        files += [Path(database + suffix) for suffix in ("", "-wal", "-shm")]
    for file in files:
        if not file.is_file():
            continue
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            yield Finding(Mark.WRONG, "file permissions", f"others can read {file} ({mode:o})", f"chmod 600 {file}")
        else:
            yield Finding(Mark.OK, "file permissions", f"{file} is readable by its owner alone")


def _clinic(settings: Settings, folder: Path) -> Iterator[tuple[Finding, Clinic | None]]:
    try:
        file = config.find_clinic(settings, folder)
        clinic = config.load_clinic(file)
    except MesobotError as error:
        yield Finding(Mark.WRONG, "clinic.toml", str(error), "correct that file, or that setting"), None
        return
    if file is None:
        text = "there is none, so the invented sample clinic is used"
        yield Finding(Mark.WARNING, "clinic.toml", text, "run `mesobot init`"), clinic
    else:
        yield Finding(Mark.OK, "clinic.toml", f"{clinic.name}, {clinic.zone}"), clinic
    missing = [key for key in ("address", "payment") if getattr(clinic, key) is None]
    missing += [key for key in ("treatments", "practitioners") if not getattr(clinic, key)]
    if not any(clinic.hours.on(weekday) for weekday in range(7)):
        missing.append("hours")
    if missing:
        text = f"nothing under {', '.join(missing)}: such questions go to staff"
        yield Finding(Mark.WARNING, "clinic.toml", text, "fill it in, and patients are answered at once"), clinic


def _content(clinic: Clinic, clock: Clock) -> Finding:
    try:
        findings = check_content(clinic, clock)
    except MesobotError as error:
        return Finding(Mark.WRONG, "content", str(error), "correct that file, and try `mesobot content check`")
    errors = [finding for finding in findings if finding.gravity is Gravity.ERROR]
    if errors:
        first = f"{errors[0].place}: {errors[0].text}"
        return Finding(Mark.WRONG, "content", f"{len(errors)} errors, the first: {first}", "`mesobot content check`")
    unapproved = sum("not approved" in finding.text or "approval ended" in finding.text for finding in findings)
    if unapproved:
        text = f"{unapproved} texts are not approved by a clinician"
        return Finding(
            Mark.WARNING, "content", text, "`mesobot content check` lists them; the README says how to approve"
        )
    return Finding(Mark.OK, "content", "complete and approved")


async def _telegram(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    if settings.token is None:
        yield Finding(Mark.WRONG, "token", "MESOBOT_TOKEN is not set", "get one from @BotFather and run `mesobot init`")
        return
    wire = Wire(HttpTransport(settings.api_url, settings.token.get_secret_value()))
    try:
        me = await wire.call("getMe", seconds=PATIENCE)
        yield Finding(Mark.OK, "token", f"Telegram knows the bot as @{me.get('username')}")
        yield _groups(me)
        yield await _clock(settings, clock)
        yield _webhook(settings, await wire.call("getWebhookInfo", seconds=PATIENCE), clock)
        async for finding in _staff(settings, wire):
            yield finding
    except Refusal as refusal:
        yield _refused(settings, refusal)
    except WireError as error:
        text = f"{settings.api_url} cannot be reached ({type(error).__name__})"
        yield Finding(Mark.WRONG, "network", text, "check the internet connection, a firewall, or MESOBOT_API_URL")
    finally:
        await wire.close()


def _refused(settings: Settings, refusal: Refusal) -> Finding:
    if refusal.code not in (401, 404):
        text = f"{settings.api_url} answers with an error ({refusal.code})"
        return Finding(Mark.WRONG, "network", text, "try again in a few minutes")
    advice = "copy it again from @BotFather"
    if settings.api_url != config.DEFAULT_API_URL:
        advice += ", or correct MESOBOT_API_URL"
    return Finding(Mark.WRONG, "token", f"Telegram refuses it ({refusal.code})", advice)


def _groups(me: Mapping[str, Any]) -> Finding:
    if me.get("can_join_groups", True):
        return Finding(Mark.OK, "groups", "the bot may be added to a group")
    return Finding(Mark.WRONG, "groups", "the bot may not join groups", "@BotFather: /setjoingroups, Enable")


async def _clock(settings: Settings, clock: Clock) -> Finding:
    """Compare the machine's clock with the Date header of the Bot API server."""
    theirs = await _server_time(f"{settings.api_url}/")
    if theirs is None:
        text = "the Bot API server does not say what time it is"
        return Finding(Mark.WARNING, "clock", text, "check it with `date -u`")
    off = abs((clock.now() - theirs).total_seconds())
    if off > CLOCK_TOLERANCE:
        return Finding(
            Mark.WRONG,
            "clock",
            f"off by {off:.0f} seconds",
            "switch on time synchronisation (timedatectl set-ntp true)",
        )
    return Finding(Mark.OK, "clock", "agrees with Telegram's")


async def _server_time(url: str) -> datetime | None:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            header = answer.headers.get("Date", "")
            return parsedate_to_datetime(header).astimezone(UTC)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def _webhook(settings: Settings, info: Mapping[str, Any], clock: Clock) -> Finding:
    url, wanted = info.get("url") or None, settings.webhook_url
    pending = info.get("pending_update_count", 0)
    if url != wanted:
        state = f"Telegram sends updates to {url}" if url else "no webhook is set at Telegram"
        return Finding(Mark.WARNING, "webhook", f"{state}, unlike here", "`mesobot run` sets that right when it starts")
    failed = datetime.fromtimestamp(info.get("last_error_date", 0), UTC)
    if info.get("last_error_message") and (pending or clock.now() - failed < RECENT):
        text = f"Telegram's last try failed: {info['last_error_message']}; {pending} updates wait"
        return Finding(Mark.WRONG, "webhook", text, f"see that {url} is reachable and leads to {settings.listen}")
    return Finding(Mark.OK, "webhook", f"{'set' if url else 'none, the bot polls'}; {pending} updates wait")


async def _staff(settings: Settings, wire: Wire) -> AsyncIterator[Finding]:
    chat_id = settings.staff_chat or await asyncio.to_thread(_known_staff_chat, settings)
    if chat_id is None:
        yield Finding(
            Mark.WARNING, "staff chat", "no group is the staff group yet", "`mesobot run` prints a code to claim one"
        )
        return
    try:
        chat = await wire.call("getChat", {"chat_id": chat_id}, seconds=PATIENCE)
    except Refusal as refusal:
        text = f"the bot cannot see the group {chat_id} ({refusal.code})"
        advice = "add the bot to the group again, or correct MESOBOT_STAFF_CHAT"
        if refusal.migrate_to is not None:
            text, advice = f"the group {chat_id} has a new id", f"set MESOBOT_STAFF_CHAT={refusal.migrate_to}"
        yield Finding(Mark.WRONG, "staff chat", text, advice)
        return
    yield Finding(Mark.OK, "staff chat", f"the group {chat.get('title', chat_id)!r}")


def _known_staff_chat(settings: Settings) -> int | None:
    """Return the group that the database names; None where there is no database that can be asked."""
    try:
        url = parse_url(settings.database_url)
    except MesobotError:
        return None  # the database's own finding says so
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return None
    database = Database(url)
    try:
        return database.read_now(staffroom.chat) if database.schema() == SCHEMA else None
    except MesobotError:
        return None
    finally:
        database.close()


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        url = parse_url(settings.database_url)
    except MesobotError as error:
        yield Finding(Mark.WRONG, "database", str(error), "correct MESOBOT_DATABASE_URL")
        return
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        yield Finding(Mark.OK, "database", f"{url.database} is not there yet; `mesobot run` makes it")
        return
    database = Database(url)
    try:
        found = database.schema()
    except MesobotError as error:
        yield Finding(Mark.WRONG, "database", str(error), "see that it is running and that the address is right")
        return
    finally:
        database.close()
    if found == SCHEMA:
        yield Finding(Mark.OK, "database", f"{url.render_as_string()} at revision {found}")
    elif found is None or found < SCHEMA:
        yield Finding(
            Mark.WARNING,
            "database",
            f"revision {found or 'none'} of {SCHEMA}",
            "`mesobot run` or `mesobot db upgrade` brings it up to date",
        )
    else:
        yield Finding(
            Mark.WRONG,
            "database",
            f"revision {found} is newer than this program ({SCHEMA})",
            "install the newer version of mesobot",
        )
