"""`mesobot doctor`: look at every part of an installation, and say what to do about what is wrong."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bot import config
from bot.app import check_content
from bot.clinic import backups, staffroom, zones
from bot.clock import Clock
from bot.config import Clinic, Settings
from bot.delivery.wire import HttpTransport, Refusal, Wire, WireError
from bot.errors import MesobotError
from bot.store import backlog, rotation
from bot.store.backlog import Backlog
from bot.store.database import SCHEMA, Database, Session, parse_url
from bot.web import health
from faq.check import Gravity

T = TypeVar("T")

CLOCK_TOLERANCE = 60.0
"""Seconds by which the machine's clock may differ from Telegram's before reminders come noticeably wrong."""
RECENT = timedelta(hours=1)
"""A webhook's failure longer ago, with no update waiting, is over."""
STALE_HOURS = 36
"""One backup is made a day; half a day more is for a machine that was off."""
PATIENCE = 10.0
"""Seconds to wait for an answer."""
ROOM = 1024**3
"""Bytes of free disk below which it is time to look at it."""


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
        for finding in await asyncio.to_thread(_zone, settings, clinic):
            yield finding
    async for finding in _telegram(settings, clock):
        yield finding
    for finding in await asyncio.to_thread(lambda: list(_database(settings, clock))):
        yield finding
    yield await asyncio.to_thread(_backups, settings, clock)
    yield await _running(settings)


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
        async for finding in _staff(settings, wire, int(me["id"])):
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


async def _staff(settings: Settings, wire: Wire, bot_id: int) -> AsyncIterator[Finding]:
    chat_id = settings.staff_chat or await asyncio.to_thread(_asked, settings, staffroom.chat)
    if chat_id is None:
        yield Finding(
            Mark.WARNING, "staff chat", "no group is the staff group yet", "`mesobot run` prints a code to claim one"
        )
        return
    try:
        chat = await wire.call("getChat", {"chat_id": chat_id}, seconds=PATIENCE)
        member = await wire.call("getChatMember", {"chat_id": chat_id, "user_id": bot_id}, seconds=PATIENCE)
    except Refusal as refusal:
        text = f"the bot cannot see the group {chat_id} ({refusal.code})"
        advice = "add the bot to the group again, or correct MESOBOT_STAFF_CHAT"
        if refusal.migrate_to is not None:
            text, advice = f"the group {chat_id} has a new id", f"set MESOBOT_STAFF_CHAT={refusal.migrate_to}"
        yield Finding(Mark.WRONG, "staff chat", text, advice)
        return
    yield _rights(f"the group {chat.get('title', chat_id)!r}", chat, member)


RIGHTS = {"can_send_messages": "messages", "can_send_photos": "pictures", "can_send_documents": "files"}
"""What the bot has to be allowed to send to the staff group."""


def _rights(group: str, chat: Mapping[str, Any], member: Mapping[str, Any]) -> Finding:
    """Say whether the bot is in the group and may do there what it has to."""
    if member.get("status") in ("left", "kicked"):
        return Finding(Mark.WRONG, "staff chat", f"the bot is not in {group}", "add it to the group again")
    given = member if member.get("status") == "restricted" else chat.get("permissions", {})
    if member.get("status") not in ("administrator", "creator"):
        missing = [what for right, what in RIGHTS.items() if given.get(right) is False]
        if missing:
            text = f"the bot may not send {', '.join(missing)} to {group}"
            return Finding(
                Mark.WRONG, "staff chat", text, "make it an administrator, or change the group's permissions"
            )
    return Finding(Mark.OK, "staff chat", group)


def _zone(settings: Settings, clinic: Clinic) -> list[Finding]:
    """Say that the clinic's zone is not the one by which its visits were reckoned."""
    known = _asked(settings, zones.last_known)
    if known is None or known == clinic.zone:
        return []
    text = f"{clinic.zone} now, and {known} when the bot was last started"
    advice = "the next `mesobot run` lets all that is to come keep its time on the clock; make a backup first"
    return [Finding(Mark.WARNING, "zone", text, advice)]


def _asked(settings: Settings, question: Callable[[Session], T]) -> T | None:
    """Return what the database answers; None where there is none that can be asked."""
    try:
        url = parse_url(settings.database_url)
    except MesobotError:
        return None  # the database's own finding says so
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return None
    database = Database(url)
    try:
        return database.read_now(question) if database.schema() == SCHEMA else None
    except MesobotError:
        return None
    finally:
        database.close()


def _backups(settings: Settings, clock: Clock) -> Finding:
    folder = settings.backup_folder
    if folder is None:
        return Finding(Mark.WARNING, "backups", "none are made", "set MESOBOT_BACKUP_FOLDER, best on another disk")
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = f"see that {folder} is a folder that this user can write into, and that its disk is there"
        return Finding(Mark.WRONG, "backups", f"{folder} cannot be written", advice)
    if _asked(settings, backups.has_failed):
        advice = f"the bot's log says why; under systemd it may write into {folder} only if ReadWritePaths= says so"
        return Finding(Mark.WRONG, "backups", "the last try failed", advice)
    return _made(folder, clock)


def _made(folder: Path, clock: Clock) -> Finding:
    found = rotation.backups(os.listdir(folder))
    if not found:
        return Finding(Mark.WARNING, "backups", f"none in {folder} yet", "`mesobot run` makes one soon after it starts")
    newest = found[0]
    hours = (clock.now() - newest.at) / timedelta(hours=1)
    text = f"{len(found)} in {folder}, the newest {hours:.0f} hours old and {'' if newest.sealed else 'not '}encrypted"
    if hours > STALE_HOURS:
        return Finding(Mark.WRONG, "backups", text, "see that `mesobot run` is running; its log says why one failed")
    if not newest.sealed:
        return Finding(Mark.WARNING, "backups", text, "set MESOBOT_BACKUP_RECIPIENT or MESOBOT_BACKUP_PASSPHRASE")
    return Finding(Mark.OK, "backups", text)


def _database(settings: Settings, clock: Clock) -> Iterator[Finding]:
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
        now = clock.now()
        waiting = database.read_now(lambda session: backlog.count(session, now)) if found == SCHEMA else None
    except MesobotError as error:
        yield Finding(Mark.WRONG, "database", str(error), "see that it is running and that the address is right")
        return
    finally:
        database.close()
    if (free := health.free_bytes(database)) is not None:
        yield _disk(free)
    if waiting is not None:
        yield _waiting(waiting, now)
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


def _disk(free: int) -> Finding:
    text, advice = f"{free // 1024**2} MB are free for the database", "make room, or move the database to a larger disk"
    if free < health.LEAST_BYTES:
        return Finding(Mark.WRONG, "disk", text, advice)
    return Finding(Mark.WARNING, "disk", text, advice) if free < ROOM else Finding(Mark.OK, "disk", text)


def _waiting(waiting: Backlog, now: datetime) -> Finding:
    """Say what waits in the queues, and whether it has for too long."""
    numbers = dict.fromkeys(("pending", *backlog.UNDELIVERED), 0)
    for (state, _), number in waiting.messages.items():
        numbers[state] = numbers.get(state, 0) + number
    counts = ", ".join(f"{number} {state}" for state, number in numbers.items())
    text = f"{waiting.updates} updates wait; messages: {counts}"
    late = [since for since in (waiting.oldest.update, waiting.oldest.due) if since and now - since > health.LATE]
    if late:
        text += f"; the oldest has waited for {(now - min(late)).total_seconds() // 60:.0f} minutes"
        return Finding(Mark.WRONG, "queues", text, "see that the bot runs, and what its log says")
    return Finding(Mark.OK, "queues", text)


async def _running(settings: Settings) -> Finding:
    """Ask the bot that runs here how it is; what keeps it from fetching, such as another program, it knows best."""
    if settings.metrics_listen is None:
        text = "whether a bot runs here cannot be asked"
        return Finding(Mark.WARNING, "running", text, "MESOBOT_METRICS_LISTEN=9464 in .env lets it be")
    address = settings.metrics_listen.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  where it listens everywhere
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session,
            session.get(f"http://{address}/healthz") as answer,
        ):
            report = await answer.json(content_type=None)
            wrong = "; ".join(f"{part}: {text}" for part, text in report["wrong"].items())
            text = f"version {report['version']} since {report['since']}"
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, AttributeError):
        text = f"no bot answers at {address}"
        return Finding(Mark.WARNING, "running", text, "`mesobot run` starts it; if it should run, look at its log")
    if wrong:
        return Finding(Mark.WRONG, "running", f"{text}, and is not well: {wrong}", "its log says more")
    if report["version"] != metadata.version("mesobot"):
        return Finding(Mark.WARNING, "running", f"{text}, not the version that is installed", "start it again")
    return Finding(Mark.OK, "running", text)
