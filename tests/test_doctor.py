"""`mesobot doctor`: each part of an installation, well and ill, and what to do about it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.clinic import staffroom
from bot.clock import MovableClock
from bot.config import sample_clinic
from bot.delivery import outbox
from bot.delivery.messages import Message
from bot.doctor import Finding, Mark, doctor, examine
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Chat, Telegram
from bot.store.database import SCHEMA, Database, parse_url
from bot.web.health import Health, serving
from bot.web.metrics import Counters
from tests.quick import refused
from tests.stories.test_over_http import free_port
from tests.story import MONDAY, TOKEN

README = "`mesobot content check` lists them; the README says how to approve"


class Installation:
    """A folder with everything in order; a test then breaks one thing."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self.folder = folder
        self.clock = MovableClock(MONDAY)
        self.database = folder / "mesobot.db"
        self.environ = {
            "MESOBOT_TOKEN": TOKEN,
            "MESOBOT_API_URL": api_url,
            "MESOBOT_DATABASE_URL": f"sqlite:///{self.database}",
        }
        (folder / "clinic.toml").write_text(sample_clinic(), encoding="utf-8")

    async def findings(self, part: str) -> list[Finding]:
        """What is found about one part."""
        with pytest.MonkeyPatch.context() as patch:
            if part != "content":  # looking through all texts takes a while
                patch.setattr("bot.doctor.check_content", lambda clinic, clock: [])
            return [one async for one in examine(self.environ, self.folder, self.clock) if one.part == part]

    async def finding(self, part: str) -> Finding:
        """The only finding about one part."""
        (found,) = await self.findings(part)
        return found

    def change(self, old: str, new: str) -> None:
        assert old in sample_clinic()
        (self.folder / "clinic.toml").write_text(sample_clinic().replace(old, new), encoding="utf-8")

    def topic(self, name: str, text: str) -> Path:
        """Give the clinic a content folder with one topic."""
        file = self.folder / "texts" / "en" / name
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        self.change("[privacy]", '[content]\nfolder = "texts"\n[privacy]')
        return file


@pytest.fixture
def telegram() -> Telegram:
    return Telegram(TOKEN, MovableClock(MONDAY))


@pytest.fixture
def group(telegram: Telegram) -> Chat:
    return telegram.add_group("Clinic staff", [telegram.add_user("Maya")])


@pytest.fixture
async def place(telegram: Telegram, database_file: Path) -> AsyncIterator[Installation]:
    made(database_file, 0o600)
    async with SandboxServer(telegram) as server:
        yield Installation(database_file.parent, server.url)


@pytest.fixture(autouse=True)
def _enough_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.health.free_bytes", lambda _: 5000 * 1024**2)


class Api:
    """A Bot API server of few words: `answers` says what each method gets, `date` what time it is there."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "getMe": {"ok": True, "result": {"id": 1, "username": "linden_bot"}},
            "getWebhookInfo": {"ok": True, "result": {"url": "", "pending_update_count": 0}},
        }
        self.date: str | None = None
        self.url = ""

    async def __aenter__(self) -> "Api":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path == "/":
            raise web.HTTPFound("http://127.0.0.1:1/nowhere", headers={"Date": self.date or "later"})
        answer = self.answers[request.path.rpartition("/")[2]]
        return web.json_response(answer, status=answer.get("error_code", 200))


@pytest.fixture
async def api(place: Installation) -> AsyncIterator[Api]:
    async with Api() as api:
        place.environ["MESOBOT_API_URL"] = api.url
        yield api


# --- the whole --------------------------------------------------------------------------------------------------------


async def test_a_sound_installation(place: Installation, group: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    place.environ["MESOBOT_STAFF_CHAT"] = str(group.id)
    assert await doctor(place.environ, place.folder, place.clock) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok       settings: readable",
        f"ok       file permissions: {place.database} is readable by its owner alone",
        "ok       clinic.toml: Linden Skin Clinic, Europe/London",
        "warning  content: 37 texts are not approved by a clinician",
        f"           -> {README}",
        "ok       token: Telegram knows the bot as @mesobot_demo_bot",
        "ok       groups: the bot may be added to a group",
        "warning  clock: the Bot API server does not say what time it is",
        "           -> check it with `date -u`",
        "ok       webhook: none, the bot polls; 2 updates wait",
        "ok       staff chat: the group 'Clinic staff'",
        "ok       disk: 5000 MB are free for the database",
        "ok       queues: 0 updates wait; messages: 0 pending, 0 unknown, 0 failed, 0 parked",
        f"ok       database: sqlite:///{place.database} at revision {SCHEMA}",
        "warning  backups: none are made",
        "           -> set MESOBOT_BACKUP_FOLDER, best on another disk",
        "warning  running: whether a bot runs here cannot be asked",
        "           -> MESOBOT_METRICS_LISTEN=9464 in .env lets it be",
    ]


async def test_one_wrong_part_is_exit_status_1_and_the_others_are_still_looked_at(
    place: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.folder / "clinic.toml").write_text("name = ", encoding="utf-8")
    place.environ["MESOBOT_DATABASE_URL"] = "nonsense"
    assert await doctor(place.environ, place.folder, place.clock) == 1
    wrong = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("WRONG")]
    assert wrong == ["WRONG    clinic.toml", "WRONG    database"]


async def test_every_finding_that_is_not_well_says_what_to_do(place: Installation) -> None:
    place.environ |= {"MESOBOT_DATABASE_URL": "nonsense", "MESOBOT_STAFF_CHAT": "-1"}
    place.change("[payment]\nmethods", "[payments]\nmethods")
    async for finding in examine(place.environ, place.folder, place.clock):
        assert bool(finding.advice) is (finding.mark is not Mark.OK), finding


async def test_settings_that_cannot_be_read(place: Installation) -> None:
    (place.folder / ".env").write_text("MESOBOT_TOKN=x", encoding="utf-8")
    found = [one async for one in examine(place.environ, place.folder, place.clock)]
    text = f"{place.folder / '.env'}: line 1: MESOBOT_TOKN is not a setting of mesobot (did you mean MESOBOT_TOKEN?)"
    assert found == [Finding(Mark.WRONG, "settings", text, "correct it in the environment or in .env")]


# --- files ------------------------------------------------------------------------------------------------------------


def made(file: Path, mode: int) -> Path:
    file.touch()
    file.chmod(mode)
    return file


async def test_files_that_others_can_read(place: Installation) -> None:
    env, wal = made(place.folder / ".env", 0o644), made(place.folder / "mesobot.db-wal", 0o640)
    assert await place.findings("file permissions") == [
        Finding(Mark.WRONG, "file permissions", f"others can read {env} (644)", f"chmod 600 {env}"),
        Finding(Mark.OK, "file permissions", f"{place.database} is readable by its owner alone"),
        Finding(Mark.WRONG, "file permissions", f"others can read {wal} (640)", f"chmod 600 {wal}"),
    ]


async def test_there_is_no_clinic_toml(place: Installation) -> None:
    (place.folder / "clinic.toml").unlink()
    text = "there is none, so the invented sample clinic is used"
    assert await place.finding("clinic.toml") == Finding(Mark.WARNING, "clinic.toml", text, "run `mesobot init`")


async def test_another_zone_than_at_the_last_start(place: Installation) -> None:
    assert await place.findings("zone") == []
    execute(place.database, "INSERT INTO facts VALUES ('zone', 'Europe/London')")
    assert await place.findings("zone") == []
    place.change('zone = "Europe/London"', 'zone = "Europe/Lisbon"')
    found = await place.finding("zone")
    assert (found.mark, found.text) == (
        Mark.WARNING,
        "Europe/Lisbon now, and Europe/London when the bot was last started",
    )
    assert "make a backup first" in found.advice


async def test_a_backup_that_only_the_bot_could_not_make(place: Installation) -> None:
    """Under systemd the bot may not write where whoever asks the doctor may."""
    folder = place.folder / "backups"
    folder.mkdir()
    place.environ["MESOBOT_BACKUP_FOLDER"] = str(folder)
    assert (await place.finding("backups")).text == f"none in {folder} yet"
    execute(place.database, "INSERT INTO facts VALUES ('backups fail', '')")
    found = await place.finding("backups")
    assert (found.mark, found.text) == (Mark.WRONG, "the last try failed")
    assert "ReadWritePaths=" in found.advice


async def test_a_broken_clinic_toml(place: Installation) -> None:
    place.change('country = "GB"', 'country = "UK"')
    text = (
        f"{place.folder / 'clinic.toml'}: country: expected the two capital letters of a country, such as GB for the "
        "United Kingdom, got 'UK'"
    )
    assert await place.finding("clinic.toml") == Finding(
        Mark.WRONG, "clinic.toml", text, "correct that file, or that setting"
    )
    assert await place.findings("content") == []


async def test_a_clinic_that_says_little(place: Installation) -> None:
    init = sample_clinic()
    start, end = init.index("[address]"), init.index("[visits]")
    place.change(init[start:end], "")
    assert await place.findings("clinic.toml") == [
        Finding(Mark.OK, "clinic.toml", "Linden Skin Clinic, Europe/London"),
        Finding(
            Mark.WARNING,
            "clinic.toml",
            "nothing under address, payment, treatments, practitioners, hours: such questions go to staff",
            "fill it in, and patients are answered at once",
        ),
    ]


async def test_content_that_is_not_approved(place: Installation) -> None:
    text = "37 texts are not approved by a clinician"
    assert await place.finding("content") == Finding(Mark.WARNING, "content", text, README)


async def test_content_that_is_approved(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.doctor.check_content", lambda clinic, clock: [])
    assert await place.finding("content") == Finding(Mark.OK, "content", "complete and approved")


TOPIC = "---\ntitle: Parking\nbutton: Parking\ncategory: {}\nsources: [us]\nphrasings: [car park]\n---\nBehind us.\n"


async def test_content_with_an_error(place: Installation) -> None:
    file = place.topic("parking.md", TOPIC.format("nowhere"))
    text = f"1 errors, the first: {file}: category: 'nowhere' is not in categories.yaml"
    assert await place.finding("content") == Finding(Mark.WRONG, "content", text, "`mesobot content check`")


async def test_content_that_cannot_be_read(place: Installation) -> None:
    file = place.topic("parking.md", "Behind us.\n")
    text = f"{file}: line 1: expected ---, and then the front matter (title, category, ...)"
    advice = "correct that file, and try `mesobot content check`"
    assert await place.finding("content") == Finding(Mark.WRONG, "content", text, advice)


# --- Telegram ---------------------------------------------------------------------------------------------------------


async def test_no_token(place: Installation) -> None:
    del place.environ["MESOBOT_TOKEN"]
    text = "MESOBOT_TOKEN is not set"
    advice = "get one from @BotFather and run `mesobot init`"
    assert await place.finding("token") == Finding(Mark.WRONG, "token", text, advice)
    assert await place.findings("staff chat") == []


async def test_a_token_that_telegram_does_not_know(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    place.environ["MESOBOT_TOKEN"] = "1234567890:another-token-altogether"
    text, advice = "Telegram refuses it (401)", "copy it again from @BotFather"
    assert await place.finding("token") == Finding(Mark.WRONG, "token", text, f"{advice}, or correct MESOBOT_API_URL")
    monkeypatch.setattr("bot.config.DEFAULT_API_URL", place.environ["MESOBOT_API_URL"])
    assert await place.finding("token") == Finding(Mark.WRONG, "token", text, advice)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (refused(429, "Too Many Requests", retry_after=5), "{url} answers with an error (429)"),
        (refused(502, "Bad Gateway"), "{url} cannot be reached (Uncertain)"),
        ({"error_code": 200, "hello": "world"}, "{url} cannot be reached (Uncertain)"),
    ],
)
async def test_telegram_has_a_bad_day(place: Installation, api: Api, answer: dict[str, Any], text: str) -> None:
    api.answers["getMe"] = answer
    found = await place.finding("network")
    assert (found.mark, found.text) == (Mark.WRONG, text.format(url=api.url))
    assert found.advice
    assert await place.findings("token") == []


async def test_the_server_is_not_there(place: Installation) -> None:
    place.environ["MESOBOT_API_URL"] = "http://127.0.0.1:1"
    text = "http://127.0.0.1:1 cannot be reached (Unsent)"
    advice = "check the internet connection, a firewall, or MESOBOT_API_URL"
    assert await place.finding("network") == Finding(Mark.WRONG, "network", text, advice)


async def test_the_token_is_never_printed(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    for url in (place.environ["MESOBOT_API_URL"], "http://127.0.0.1:1", f"http://127.0.0.1:1/bot{TOKEN}"):
        await doctor({**place.environ, "MESOBOT_API_URL": url}, place.folder, place.clock)
    assert TOKEN.partition(":")[2] not in capsys.readouterr().out


async def test_a_bot_that_may_not_join_groups(place: Installation, api: Api) -> None:
    api.answers["getMe"]["result"]["can_join_groups"] = False
    advice = "@BotFather: /setjoingroups, Enable"
    assert await place.finding("groups") == Finding(Mark.WRONG, "groups", "the bot may not join groups", advice)


@pytest.mark.parametrize(
    ("off", "mark", "text"),
    [
        (0, Mark.OK, "agrees with Telegram's"),
        (59, Mark.OK, "agrees with Telegram's"),
        (61, Mark.WRONG, "off by 61 seconds"),
        (-3600, Mark.WRONG, "off by 3600 seconds"),
    ],
)
async def test_the_clock(place: Installation, api: Api, off: int, mark: Mark, text: str) -> None:
    api.date = format_datetime(MONDAY + timedelta(seconds=off), usegmt=True)
    found = await place.finding("clock")
    assert (found.mark, found.text) == (mark, text)


async def test_a_server_that_does_not_tell_the_time(place: Installation, api: Api) -> None:
    text, advice = "the Bot API server does not say what time it is", "check it with `date -u`"
    assert await place.finding("clock") == Finding(Mark.WARNING, "clock", text, advice)


HOOK = "https://linden.example/hook"
SETS = "`mesobot run` sets that right when it starts"
AN_HOUR = timedelta(hours=1)


def hooked(place: Installation) -> None:
    place.environ |= {"MESOBOT_WEBHOOK_URL": HOOK, "MESOBOT_WEBHOOK_SECRET": "s" * 32}


@pytest.mark.parametrize(
    ("url", "wanted", "mark", "text", "advice"),
    [
        ("", False, Mark.OK, "none, the bot polls; 3 updates wait", ""),
        (HOOK, True, Mark.OK, "set; 3 updates wait", ""),
        (HOOK, False, Mark.WARNING, f"Telegram sends updates to {HOOK}, unlike here", SETS),
        ("", True, Mark.WARNING, "no webhook is set at Telegram, unlike here", SETS),
        ("https://old.example", True, Mark.WARNING, "Telegram sends updates to https://old.example, unlike here", SETS),
    ],
)
async def test_where_updates_go(
    place: Installation, api: Api, url: str, *, wanted: bool, mark: Mark, text: str, advice: str
) -> None:
    if wanted:
        hooked(place)
    api.answers["getWebhookInfo"]["result"] = {"url": url, "pending_update_count": 3}
    assert await place.finding("webhook") == Finding(mark, "webhook", text, advice)


@pytest.mark.parametrize(
    ("ago", "pending", "mark"),
    [
        (timedelta(minutes=5), 0, Mark.WRONG),
        (timedelta(days=9), 1, Mark.WRONG),
        (AN_HOUR, 0, Mark.OK),  # long ago, and nothing waits: it works again
    ],
)
async def test_a_webhook_that_cannot_be_reached(
    place: Installation, api: Api, ago: timedelta, pending: int, mark: Mark
) -> None:
    hooked(place)
    failed = int((MONDAY - ago).timestamp())
    problem = {"last_error_date": failed, "last_error_message": "Connection refused"}
    api.answers["getWebhookInfo"]["result"] = {"url": HOOK, "pending_update_count": pending, **problem}
    found = await place.finding("webhook")
    assert found.mark is mark
    if mark is Mark.WRONG:
        assert found.text == f"Telegram's last try failed: Connection refused; {pending} updates wait"
        assert found.advice == f"see that {HOOK} is reachable and leads to 127.0.0.1:8080"


# --- staff ------------------------------------------------------------------------------------------------------------

CLAIM = Finding(
    Mark.WARNING, "staff chat", "no group is the staff group yet", "`mesobot run` prints a code to claim one"
)


async def test_no_staff_group_yet(place: Installation) -> None:
    assert await place.finding("staff chat") == CLAIM
    place.database.unlink()
    assert await place.finding("staff chat") == CLAIM


async def test_the_group_that_claimed(place: Installation, group: Chat) -> None:
    database = Database(parse_url(place.environ["MESOBOT_DATABASE_URL"]))
    await database.transaction(lambda session: staffroom.appoint(session, group.id, MONDAY))
    database.close()
    assert await place.finding("staff chat") == Finding(Mark.OK, "staff chat", "the group 'Clinic staff'")


async def test_the_bot_is_no_longer_in_the_group(place: Installation, telegram: Telegram, group: Chat) -> None:
    place.environ["MESOBOT_STAFF_CHAT"] = str(group.id)
    await telegram.call("leaveChat", {"chat_id": group.id})
    text = f"the bot cannot see the group {group.id} (403)"
    advice = "add the bot to the group again, or correct MESOBOT_STAFF_CHAT"
    assert await place.finding("staff chat") == Finding(Mark.WRONG, "staff chat", text, advice)
    place.environ["MESOBOT_STAFF_CHAT"] = "-42"
    assert (await place.finding("staff chat")).text == "the bot cannot see the group -42 (400)"


async def test_the_group_became_a_supergroup(place: Installation, api: Api) -> None:
    place.environ["MESOBOT_STAFF_CHAT"] = "-42"
    api.answers["getChat"] = refused(400, "group chat was upgraded", migrate_to_chat_id=-10042)
    text, advice = "the group -42 has a new id", "set MESOBOT_STAFF_CHAT=-10042"
    assert await place.finding("staff chat") == Finding(Mark.WRONG, "staff chat", text, advice)


@pytest.mark.parametrize(
    ("permissions", "member", "text"),
    [
        ({}, {"status": "member"}, None),
        ({"can_send_messages": False}, {"status": "administrator"}, None),
        ({"can_send_messages": False}, {"status": "member"}, "the bot may not send messages to the group 'Staff'"),
        (
            {},
            {"status": "restricted", "can_send_messages": True, "can_send_photos": False, "can_send_documents": False},
            "the bot may not send pictures, files to the group 'Staff'",
        ),
        ({}, {"status": "left"}, "the bot is not in the group 'Staff'"),
    ],
)
async def test_what_the_bot_may_do_in_the_group(
    place: Installation, api: Api, permissions: dict[str, bool], member: dict[str, Any], text: str | None
) -> None:
    place.environ["MESOBOT_STAFF_CHAT"] = "-42"
    api.answers["getChat"] = {"ok": True, "result": {"id": -42, "title": "Staff", "permissions": permissions}}
    api.answers["getChatMember"] = {"ok": True, "result": member}
    found = await place.finding("staff chat")
    assert (found.mark, found.text) == ((Mark.WRONG, text) if text else (Mark.OK, "the group 'Staff'"))


# --- the running bot --------------------------------------------------------------------------------------------------


async def test_a_bot_that_runs_is_asked_how_it_is(place: Installation) -> None:
    listen = f"127.0.0.1:{free_port()}"
    place.environ["MESOBOT_METRICS_LISTEN"] = listen
    found = await place.finding("running")
    assert (found.mark, found.text) == (Mark.WARNING, f"no bot answers at {listen}")
    database = Database(parse_url(place.environ["MESOBOT_DATABASE_URL"]))
    counters = Counters("0.0.9", SCHEMA)
    looks = Health(database, place.clock, counters, version="0.0.9", polls=True)
    async with serving(listen, looks):
        found = await place.finding("running")
        assert found.mark is Mark.WRONG
        assert found.text == (
            "version 0.0.9 since 2026-11-23T10:30:00+00:00, and is not well: "
            "start: Telegram has not been reached yet, or the texts are still being read"
        )
        counters.started("linden_bot")
        found = await place.finding("running")
    assert (found.mark, found.advice) == (Mark.WARNING, "start it again")
    database.close()


async def test_what_has_waited_for_too_long(place: Installation) -> None:
    database = Database(parse_url(place.environ["MESOBOT_DATABASE_URL"]))
    await database.transaction(lambda session: outbox.post(session, Message(5, "hello"), now=MONDAY) and None)
    database.close()
    text = "0 updates wait; messages: 1 pending, 0 unknown, 0 failed, 0 parked"
    place.clock.advance(timedelta(minutes=5))
    assert await place.finding("queues") == Finding(Mark.OK, "queues", text)
    place.clock.advance(timedelta(minutes=2))
    advice = "see that the bot runs, and what its log says"
    late = f"{text}; the oldest has waited for 7 minutes"
    assert await place.finding("queues") == Finding(Mark.WRONG, "queues", late, advice)


@pytest.mark.parametrize(("megabytes", "mark"), [(99, Mark.WRONG), (100, Mark.WARNING), (1024, Mark.OK)])
async def test_room_for_the_database(
    place: Installation, monkeypatch: pytest.MonkeyPatch, megabytes: int, mark: Mark
) -> None:
    monkeypatch.setattr("bot.web.health.free_bytes", lambda _: megabytes * 1024**2)
    found = await place.finding("disk")
    assert (found.mark, found.text) == (mark, f"{megabytes} MB are free for the database")


# --- database ---------------------------------------------------------------------------------------------------------


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


async def test_a_database_that_is_not_there_yet_is_not_made(place: Installation) -> None:
    place.database.unlink()
    text = f"{place.database} is not there yet; `mesobot run` makes it"
    assert await place.finding("database") == Finding(Mark.OK, "database", text)
    assert not place.database.exists()


@pytest.mark.parametrize(
    ("statement", "mark", "text", "advice"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", Mark.WARNING, f"revision 0000 of {SCHEMA}",
         "`mesobot run` or `mesobot db upgrade` brings it up to date"),
        ("DROP TABLE alembic_version", Mark.WARNING, f"revision none of {SCHEMA}",
         "`mesobot run` or `mesobot db upgrade` brings it up to date"),
        ("UPDATE alembic_version SET version_num = '9999'", Mark.WRONG,
         f"revision 9999 is newer than this program ({SCHEMA})", "install the newer version of mesobot"),
    ],
)  # fmt: skip
async def test_another_revision(place: Installation, statement: str, mark: Mark, text: str, advice: str) -> None:
    execute(place.database, statement)
    execute(place.database, "DROP TABLE facts")
    assert await place.finding("database") == Finding(mark, "database", text, advice)
    assert await place.finding("staff chat") == CLAIM  # tables of another revision are not read


async def test_a_file_that_is_no_database(place: Installation) -> None:
    place.database.write_text("notes " * 1000, encoding="utf-8")
    text = f"the database at sqlite:///{place.database} cannot be used: file is not a database"
    advice = "see that it is running and that the address is right"
    assert await place.finding("database") == Finding(Mark.WRONG, "database", text, advice)
    assert await place.finding("staff chat") == CLAIM


async def test_an_address_that_is_none(place: Installation) -> None:
    place.environ["MESOBOT_DATABASE_URL"] = "mesobot.db"
    text = "MESOBOT_DATABASE_URL is not a database URL: expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    advice = "correct MESOBOT_DATABASE_URL"
    assert await place.finding("database") == Finding(Mark.WRONG, "database", text, advice)
    assert await place.finding("staff chat") == CLAIM


async def test_a_database_that_does_not_answer_hides_its_password(place: Installation) -> None:
    place.environ["MESOBOT_DATABASE_URL"] = "postgresql://mesobot:hush-hush@127.0.0.1:1/mesobot"
    found = await place.finding("database")
    assert found.mark is Mark.WRONG
    assert "hush-hush" not in found.text
