"""The same conversations over real sockets: long polling, webhook, broken connections, and the process as a whole."""

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot import __main__ as command_line
from bot.app import App
from bot.clock import SystemClock
from bot.config import Clinic, Settings, load_settings
from bot.delivery.limiter import Limiter, Rate
from bot.delivery.wire import File, HttpTransport
from bot.errors import SettingsError
from bot.sandbox.faults import Kind as Fault
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Telegram
from bot.store.database import Database, parse_url
from bot.web.webhook import MOST_BYTES, serving
from faq.reader import Reader
from tests.quick import URGENT, FixedReader, hurrying, until, without_waits
from tests.story import TOKEN, Story

AGAIN = "(Sent again, because we cannot be sure that it arrived the first time.)\n"
SECRET = "only-telegram-knows-this-secret-0123456789"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def reader() -> Reader:
    return FixedReader()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    without_waits(monkeypatch)


class Impatient(HttpTransport):
    """Waits for an answer as long as a test can."""

    async def exchange(
        self, method: str, params: Mapping[str, Any], files: Mapping[str, File], seconds: float
    ) -> tuple[int, bytes]:
        """Carry one request."""
        return await super().exchange(method, params, files, seconds if method == "getUpdates" else 0.3)


@pytest_asyncio.fixture
async def story(clinic: Clinic, reader: Reader, database_file: Path) -> AsyncIterator[Story]:
    story = Story(clinic, reader, database_file)
    async with SandboxServer(story.telegram) as server:
        story.transport = Impatient(server.url, TOKEN)
        await story.open()
        yield story
        await story.close()


async def _converse(story: Story) -> None:
    (welcome,) = await story.start(story.anna)
    assert welcome.startswith("Hello Anna")
    await story.tap(story.anna, "🌿 After your visit")
    assert story.shown(story.anna.id)["text"].startswith("🌿 After your visit")
    (answer,) = await story.say(story.anna, "hair")
    assert len(answer) > 100
    await story.say(story.anna, "May I, with ä, ß, 文字 & 🙂?")
    await story.tap(story.anna, "Ask the clinic")
    card = story.shown(story.group.id)
    assert "May I, with ä, ß, 文字 & 🙂?" in card["text"]
    await story.say(story.maya, "You may <b>&amp; 🙂", chat=story.group, reply_to=card["message_id"])
    assert "Linden Skin Clinic answers:\nYou may <b>&amp; 🙂" in story.since(story.anna.id, 0)


async def test_a_conversation_by_long_polling(story: Story) -> None:
    await _converse(story)


async def test_each_fault_of_the_network_is_resolved(story: Story) -> None:
    await story.start(story.anna)
    faults: dict[Fault, tuple[bool, bool]] = {  # does the first copy arrive, is there a second one
        "429": (False, False),
        "500": (False, True),
        "502": (False, True),
        "drop": (False, True),
        "timeout": (True, True),
        "reset": (True, True),
    }
    for fault, (arrives, repeated) in faults.items():
        story.telegram.faults.add(fault, method="sendMessage", retry_after=1)
        said = await story.say(story.anna, "hair")
        plain = said[0].removeprefix(AGAIN)
        assert said == [plain] * (arrives or not repeated) + [AGAIN + plain] * repeated, fault


async def test_telegram_away_for_a_while_loses_nothing(clinic: Clinic, reader: Reader, database_file: Path) -> None:
    story = Story(clinic, reader, database_file)
    async with SandboxServer(story.telegram) as server:
        port = server.port
        story.transport = Impatient(server.url, TOKEN)
        await story.open()
        await story.start(story.anna)
    with capture_logs() as logs:
        await story.telegram.send_text(story.anna.id, "hair")
        await story.telegram.send_text(story.tom.id, "makeup")
        await until(lambda: any(log["event"] == "poll.failed" for log in logs))
        async with SandboxServer(story.telegram, port=port):
            await story.settle()
            assert len(story.since(story.anna.id, 0)) == 2
            assert len(story.since(story.tom.id, 0)) == 1
            assert not any(text.startswith(AGAIN) for text in story.since(story.anna.id, 0))
            await story.close()


# the webhook


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class WebhookStory(Story):
    """A story whose updates are posted to the bot."""

    def __init__(self, clinic: Clinic, reader: Reader, database: Path, api_url: str) -> None:
        super().__init__(clinic, reader, database)
        self.listen = f"127.0.0.1:{free_port()}"
        self.hook = f"http://{self.listen}/telegram"
        self.transport = Impatient(api_url, TOKEN)
        self._serving = contextlib.AsyncExitStack()

    async def open(self) -> "WebhookStory":
        """Start the bot behind its webhook."""
        self.database = Database(parse_url(self.url))
        settings = Settings(
            token=SecretStr(TOKEN),
            staff_chat=self.group.id,
            webhook_url="https://clinic.example/hook",
            webhook_secret=SecretStr(SECRET),
            listen=self.listen,
        ).model_copy(update={"webhook_url": self.hook})
        limiter = Limiter(Rate(10_000, 10_000), hurrying())
        self.app = App(
            settings, self.clinic, self.database, self.clock, self.transport, limiter=limiter, reader=self.reader
        )
        await self._serving.enter_async_context(serving(self.listen, self.hook, SECRET, self.app.take))
        await self.app.start()
        await self.settle()
        return self

    async def close(self) -> None:
        """Stop serving, then the bot."""
        await self._serving.aclose()
        self.complaints = [one for one in self.complaints if not one.startswith("setWebhook: url")]  # no HTTPS here
        await super().close()


@pytest_asyncio.fixture
async def hooked(clinic: Clinic, reader: Reader, database_file: Path) -> AsyncIterator[WebhookStory]:
    story = WebhookStory(clinic, reader, database_file, "http://127.0.0.1:1")
    async with SandboxServer(story.telegram) as server:
        story.transport = Impatient(server.url, TOKEN)
        await story.open()
        yield story
        await story.close()


async def test_a_conversation_by_webhook(hooked: WebhookStory) -> None:
    await _converse(hooked)
    assert hooked.telegram.feed.webhook is not None
    assert "getUpdates" not in {call.method for call in hooked.telegram.calls}


async def post(hook: str, body: bytes, secret: str | None = SECRET) -> int:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with aiohttp.ClientSession() as session, session.post(hook, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status


async def test_the_webhook_takes_updates_from_telegram_only(hooked: WebhookStory) -> None:
    message = {"message_id": 70_000, "date": 1, "chat": hooked.telegram.chats[hooked.anna.id].as_dict(), "text": "hair"}
    update = json.dumps({"update_id": 5, "message": {**message, "from": hooked.anna.as_dict()}}).encode()
    hooked.anna.started = True
    for secret in (None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "ä" * 32):
        assert await post(hooked.hook, update, secret) == 403
    assert hooked.app is not None
    await hooked.app.idle()
    assert hooked.since(hooked.anna.id, 0) == []
    for _ in range(3):
        assert await post(hooked.hook, update) == 200
    await hooked.app.idle()
    assert len(hooked.since(hooked.anna.id, 0)) == 1


async def test_the_webhook_refuses_what_is_no_update(hooked: WebhookStory) -> None:
    for body in (b"", b"{", b"[]", b"null", b"5", b'"x"', b"{}", b'{"update_id": "5"}', b"\xff", b"[" * 100_000):
        assert await post(hooked.hook, body) == 400, body[:20]
    assert await post(hooked.hook, b" " * (MOST_BYTES + 1)) == 413
    assert await post(hooked.hook.replace("/telegram", "/elsewhere"), b"{}") == 404
    async with aiohttp.ClientSession() as session, session.get(hooked.hook) as answer:
        assert answer.status == 405


async def test_an_update_is_kept_before_it_is_confirmed() -> None:
    kept, confirmed, disk = [], asyncio.Event(), asyncio.Event()

    async def take(batch: list[dict[str, Any]]) -> None:
        kept.append(batch)
        await disk.wait()

    listen = f"127.0.0.1:{free_port()}"
    async with serving(listen, f"http://{listen}/hook", SECRET, take):

        async def telegram() -> int:
            status = await post(f"http://{listen}/hook", b'{"update_id": 5}')
            confirmed.set()
            return status

        posted = asyncio.create_task(telegram())
        await until(lambda: kept)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not confirmed.is_set()
        disk.set()
        assert await posted == 200


async def test_an_update_that_cannot_be_kept_is_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    async def take(_: list[dict[str, Any]]) -> None:
        raise OSError("no room for what Anna wrote")

    listen = f"127.0.0.1:{free_port()}"
    with capture_logs() as logs:
        async with serving(listen, f"http://{listen}/hook", SECRET, take):
            assert await post(f"http://{listen}/hook", b'{"update_id": 5}') == 500
    assert [(log["event"], log["error"]) for log in logs] == [("webhook.not_kept", "OSError")]
    assert "Anna" not in caplog.text


async def test_an_address_telegram_refuses_is_said_at_the_start(
    clinic: Clinic, reader: Reader, database_file: Path
) -> None:
    story = WebhookStory(clinic, reader, database_file, "http://127.0.0.1:1")
    async with SandboxServer(story.telegram) as server:
        story.transport = Impatient(server.url, TOKEN)
        story.hook = "ftp://clinic.example/hook"
        with capture_logs(), pytest.raises(SettingsError, match="An HTTPS URL must be provided"):
            await story.open()
        await story.close()


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_guessable_secret_refuses_to_start(
    secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "MESOBOT_TOKEN": TOKEN,
        "MESOBOT_WEBHOOK_URL": "https://clinic.example/hook",
        "MESOBOT_WEBHOOK_SECRET": secret,
    }
    with pytest.raises(SettingsError, match="MESOBOT_WEBHOOK_SECRET"):
        load_settings(given, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ, **given})
    monkeypatch.setattr(os, "umask", lambda _: 0)  # it is the whole test run's
    assert command_line.main(["run"]) == 2
    assert "MESOBOT_WEBHOOK_SECRET" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# the process as a whole


@pytest.mark.parametrize(
    ("level", "form", "mode"),
    [
        ("DEBUG", "text", "polling"),
        ("DEBUG", "json", "webhook"),
        ("INFO", "text", "webhook"),
        ("INFO", "json", "polling"),
    ],
)
async def test_no_log_or_counter_of_a_whole_run_holds_a_persons_words_or_the_token(
    tmp_path: Path, level: str, form: str, mode: str
) -> None:
    telegram = Telegram(TOKEN, SystemClock())
    anna = telegram.add_user("Canaryfirst", "Canarylast", "canaryname")
    maya = telegram.add_user("Canarystaff")
    group = telegram.add_group("Canarygroup", [maya])
    output = tmp_path / "output"
    async with SandboxServer(telegram) as server:
        environment = {
            **os.environ,
            "MESOBOT_TOKEN": TOKEN,
            "MESOBOT_API_URL": server.url,
            "MESOBOT_DATABASE_URL": f"sqlite:///{tmp_path}/mesobot.db",
            "MESOBOT_STAFF_CHAT": str(group.id),
            "MESOBOT_LOG_LEVEL": level,
            "MESOBOT_LOG_FORMAT": form,
            "MESOBOT_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
            "PYTHONPATH": str(ROOT),
        }
        if mode == "webhook":
            listen = f"127.0.0.1:{free_port()}"
            environment["MESOBOT_WEBHOOK_URL"] = f"http://{listen}/hook"
            environment["MESOBOT_WEBHOOK_SECRET"] = SECRET
            environment["MESOBOT_LISTEN"] = listen
        with output.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.quick", "run", cwd=tmp_path, env=environment, stdout=file, stderr=file
            )
        try:
            await _chirp(telegram, anna.id, maya.id, group.id)
            seen = await _look(environment["MESOBOT_METRICS_LISTEN"])
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    printed = output.read_text("utf-8")
    assert "bot.started" in printed
    assert "bot.stopped" in printed
    assert "update.failed" in printed
    assert "outbox.uncertain" in printed
    for secret in ("canary", TOKEN, TOKEN.partition(":")[2], SECRET, "Traceback"):
        assert secret.lower() not in printed.lower()
        assert secret.lower() not in seen.lower()
    logged = [line for line in printed.splitlines() if not line.startswith("mesobot: ")]
    assert all(json.loads(line)["event"] if form == "json" else " event=" in line for line in logged)
    assert any("handler.done" in line and "update" in line for line in logged) is (level == "DEBUG")
    labels = set(re.findall(r'(\w+)="([^"]*)"', seen))
    ids = {str(one) for one in (anna.id, maya.id, group.id)}
    assert {value for name, value in labels if name not in ("le", "version", "schema", "python")}.isdisjoint(ids)
    assert all(re.fullmatch(r"[a-z_-]+", value) for name, value in labels if name in ("route", "conversation", "state"))
    assert 'mesobot_updates_total{result="put_aside"} 2.0' in seen
    assert (tmp_path / "mesobot.db").stat().st_mode & 0o777 == 0o600


async def _look(address: str) -> str:
    """Read everything that the bot tells whoever watches over it."""
    async with aiohttp.ClientSession() as session:
        texts = []
        for path in ("livez", "healthz", "metrics"):
            async with session.get(f"http://{address}/{path}") as answer:
                texts.append(await answer.text())
        return "\n".join(texts)


async def test_a_bot_that_waits_for_telegram_lives_and_is_not_ready(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "MESOBOT_TOKEN": TOKEN,
        "MESOBOT_API_URL": "http://127.0.0.1:1",
        "MESOBOT_METRICS_LISTEN": listen,
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "30000000",
        "PYTHONPATH": str(ROOT),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor, (tmp_path / "output").open("wb") as file:
        supervisor.bind(environment["NOTIFY_SOCKET"])
        supervisor.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.quick", "run", cwd=tmp_path, env=environment, stdout=file, stderr=file
        )
        try:
            async with asyncio.timeout(60):
                heard = [await asyncio.get_running_loop().sock_recv(supervisor, 1000) for _ in range(2)]
                seen = await _look(listen)
                process.send_signal(signal.SIGTERM)
                heard.append(await asyncio.get_running_loop().sock_recv(supervisor, 1000))
                assert await process.wait() == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    lines = seen.splitlines()
    assert lines[0] == "alive"
    assert list(json.loads(lines[2])["wrong"]) == ["start"]
    assert "mesobot_ready 0.0" in seen
    assert heard[0].startswith(b"READY=1")
    assert heard[1] == b"WATCHDOG=1"
    assert heard[2].startswith(b"STOPPING=1")


async def _chirp(telegram: Telegram, anna: int, maya: int, group: int) -> None:
    """Say canary words in every way there is, with every kind of misfortune."""
    said = telegram.history

    async def answered(chat_id: int, count: int) -> None:
        await telegram.wait_until(
            lambda: sum(one["from"]["id"] == telegram.bot_id for one in said(chat_id)) >= count, 40, "an answer"
        )

    await telegram.start(anna)
    await answered(anna, 1)
    telegram.faults.add("500", method="sendMessage")
    await telegram.send_text(anna, "canary question?")
    await answered(anna, 2)
    await telegram.tap_button(anna, "Ask the clinic")
    await answered(group, 1)
    card = next(one for one in said(group) if "canary question?" in one.get("text", ""))
    await telegram.send_text(maya, "canary answer", chat_id=group, reply_to=card["message_id"])
    await telegram.wait_until(lambda: any("canary answer" in str(one) for one in said(anna)), 40, "it")
    chat = telegram.chats[anna].as_dict()
    message = {"message_id": 70_000, "date": 1, "chat": chat, "from": telegram.users[anna].as_dict()}
    telegram.send_raw_update({"message": {**message, "text": {"canary": "poison"}}})
    telegram.send_raw_update({"message": {**message, "text": "canary", "entities": [{"canary": "x"}]}})
    await telegram.send_file(anna, "photo", caption=f"canary {URGENT}")
    await telegram.tap(anna, anna, 1, "canary:1")
    telegram.faults.add("drop", method="editMessageText")
    await telegram.tap(anna, anna, 1, "menu")
    await telegram.wait_until(lambda: "Possible emergency" in str(said(group)[-1]), 40, "the alert")
    await telegram.wait_until(lambda: telegram.unconfirmed == 0, 40, "all to be taken")
    await telegram.block(anna)
    await telegram.wait_until(lambda: telegram.unconfirmed == 0, 40, "the block to be taken")
