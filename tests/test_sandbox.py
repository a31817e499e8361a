"""The embedded Telegram keeps Telegram's promises: real python-telegram-bot clients on both wires, and refusals."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputMediaDocument, InputMediaPhoto
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from bot.clock import MovableClock
from bot.sandbox.faults import Kind, Limits
from bot.sandbox.params import MAX_PHOTO, MAX_UPLOAD
from bot.sandbox.server import SandboxServer
from bot.sandbox.telegram import Call, Chat, ConnectionDropped, NoAnswer, Reply, Telegram, Upload, User
from bot.sandbox.wire import BASE_FILE_URL, BASE_URL, SandboxRequest
from bot.sandbox.world import Files

TOKEN = "700:AAtoken"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x07" + bytes(9)


@pytest.fixture(autouse=True)
def _retry_after_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(START)


@pytest.fixture
def telegram(clock: MovableClock) -> Telegram:
    return Telegram(TOKEN, clock)


@pytest.fixture
async def ana(telegram: Telegram) -> User:
    """A patient who has pressed Start."""
    ana = telegram.add_user("Ana", "Silva", "ana")
    await telegram.start(ana.id)
    return ana


@pytest.fixture
def rose(telegram: Telegram) -> User:
    return telegram.add_user("Rose")


@pytest.fixture
def staff(telegram: Telegram, rose: User) -> Chat:
    return telegram.add_group("Staff", [rose])


@pytest.fixture(params=["http", "direct"])
async def bot(request: pytest.FixtureRequest, telegram: Telegram) -> AsyncIterator[Bot]:
    """A real client, over a socket and without one."""
    if request.param == "direct":
        wire = SandboxRequest(telegram)
        async with Bot(TOKEN, BASE_URL, BASE_FILE_URL, wire, wire) as bot:
            yield bot
        return
    async with SandboxServer(telegram) as server, Bot(TOKEN, f"{server.url}/bot", f"{server.url}/file/bot") as bot:
        yield bot


async def ask(telegram: Telegram, method: str, files: dict[str, Upload] | None = None, **params: Any) -> Any:
    """Call a method that must succeed, and return its result."""
    reply = await telegram.call(method, params, files)
    assert reply.status == 200, reply.body
    return reply.body["result"]


async def refusal(telegram: Telegram, method: str, files: dict[str, Upload] | None = None, **params: Any) -> str:
    """Call a method that must be refused, and return Telegram's words."""
    reply = await telegram.call(method, params, files)
    assert reply.body["ok"] is False, reply.body
    assert reply.status == reply.body["error_code"]
    return str(reply.body["description"])


async def updates(telegram: Telegram, offset: int = 0, **params: Any) -> list[dict[str, Any]]:
    """Fetch what waits, without waiting."""
    result: list[dict[str, Any]] = await ask(telegram, "getUpdates", offset=offset, timeout=0, **params)
    return result


async def last_update(telegram: Telegram) -> dict[str, Any]:
    """Confirm all but the last update and return it."""
    return (await updates(telegram, -1))[0]


# with a real client, over both wires


async def test_a_conversation(telegram: Telegram, ana: User, bot: Bot) -> None:
    assert (bot.id, bot.username) == (700, "mesobot_demo_bot")
    (start,) = await bot.get_updates(timeout=0)
    assert start.message is not None
    assert (start.message.text, start.message.chat_id) == ("/start", ana.id)
    assert [entity.type for entity in start.message.entities] == ["bot_command"]

    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y")]])
    sent = await bot.send_message(ana.id, "<b>Hello</b> 🙂 &amp; welcome", parse_mode="HTML", reply_markup=keyboard)
    assert (sent.text, sent.text_html) == ("Hello 🙂 & welcome", "<b>Hello</b> 🙂 &amp; welcome")
    assert (sent.date, sent.reply_markup) == (START, keyboard)

    tap = await telegram.tap_button(ana.id, "Yes")
    (update,) = await bot.get_updates(start.update_id + 1, timeout=0)
    query = update.callback_query
    assert query is not None
    assert (query.data, query.from_user.id, query.message) == ("y", ana.id, sent)
    await query.answer("Noted", show_alert=True)
    assert tap.answer == {"text": "Noted", "show_alert": True, "url": None}
    edited = await query.edit_message_text("Thank you")
    assert isinstance(edited, type(sent))
    assert (edited.text, edited.reply_markup, edited.edit_date) == ("Thank you", None, START)
    assert [message["text"] for message in telegram.history(ana.id)] == ["/start", "Thank you"]


async def test_an_update_is_redelivered_until_confirmed(telegram: Telegram, ana: User, bot: Bot) -> None:
    await telegram.send_text(ana.id, "second")
    first = await bot.get_updates(timeout=0)
    assert await bot.get_updates(timeout=0) == first
    assert telegram.unconfirmed == 2
    assert await bot.get_updates(first[0].update_id + 1, timeout=0) == first[1:]
    assert telegram.unconfirmed == 1
    assert await bot.get_updates(first[1].update_id + 1, timeout=0) == ()
    assert telegram.unconfirmed == 0


async def test_a_long_poll_waits_for_the_next_update(telegram: Telegram, ana: User, bot: Bot) -> None:
    offset = (await bot.get_updates(timeout=0))[-1].update_id + 1
    poll = asyncio.create_task(bot.get_updates(offset, timeout=20))
    await telegram.wait_until(lambda: not telegram.unconfirmed)
    await telegram.send_text(ana.id, "here I am")
    (update,) = await poll
    assert update.message is not None
    assert update.message.text == "here I am"


async def test_a_second_poller_ends_the_first(telegram: Telegram, ana: User, bot: Bot) -> None:
    offset = (await bot.get_updates(timeout=0))[-1].update_id + 1
    first = asyncio.create_task(bot.get_updates(offset, timeout=20))
    await telegram.wait_until(lambda: not telegram.unconfirmed)
    assert await updates(telegram, offset) == []
    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        await first


async def test_errors_arrive_as_the_librarys_exceptions(telegram: Telegram, ana: User, staff: Chat, bot: Bot) -> None:
    sent = await bot.send_message(ana.id, "same")
    with pytest.raises(BadRequest, match=r"[Mm]essage is not modified: specified new message content and reply markup"):
        await bot.edit_message_text("same", ana.id, sent.message_id)
    with pytest.raises(BadRequest, match='Can\'t parse entities: unsupported start tag "p" at byte offset 0'):
        await bot.send_message(ana.id, "<p>", parse_mode="HTML")
    telegram.faults.add("429", method="sendMessage", retry_after=7)
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(ana.id, "flood")
    assert caught.value.retry_after == timedelta(seconds=7)
    await telegram.block(ana.id)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(ana.id, "hello?")
    new = await telegram.upgrade_group(staff.id)
    with pytest.raises(ChatMigrated) as migrated:
        await bot.send_message(staff.id, "hello?")
    assert migrated.value.new_chat_id == new.id
    assert (await bot.send_message(new.id, "hello")).chat.type == "supergroup"
    with pytest.raises(EndPointNotFound):
        await bot.do_api_request("sendCarrierPigeon")


async def test_files_travel_both_ways(telegram: Telegram, ana: User, bot: Bot) -> None:
    sent = await bot.send_document(
        ana.id, b"BEGIN:VCALENDAR", filename="visit.ics", caption="<i>Yours</i>", parse_mode="HTML"
    )
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size, sent.caption_html) == ("visit.ics", 15, "<i>Yours</i>")
    assert bytes(await (await sent.document.get_file()).download_as_bytearray()) == b"BEGIN:VCALENDAR"
    again = await bot.send_document(ana.id, sent.document.file_id)
    assert again.document == sent.document

    photo = await bot.send_photo(ana.id, PNG)
    assert [(size.width, size.height) for size in photo.photo] == [(5, 7)]
    album = await bot.send_media_group(ana.id, [InputMediaPhoto(PNG, caption="one"), InputMediaPhoto(PNG)])
    assert [(item.media_group_id, item.caption) for item in album] == [
        (album[0].media_group_id, "one"),
        (album[0].media_group_id, None),
    ]
    swapped = await bot.edit_message_media(InputMediaDocument(b"new", filename="n.txt"), ana.id, photo.message_id)
    assert not isinstance(swapped, bool)
    assert swapped.document is not None
    assert not swapped.photo

    await telegram.send_file(ana.id, "photo", b"a swollen lip", caption="look")
    update = (await bot.get_updates(-1, timeout=0))[0]
    assert update.message is not None
    copy = await bot.copy_message(ana.id, ana.id, update.message.message_id)
    shown = telegram.history(ana.id)[-1]
    assert (shown["message_id"], shown["caption"]) == (copy.message_id, "look")
    assert bytes(await (await update.message.photo[-1].get_file()).download_as_bytearray()) == b"a swollen lip"


async def test_the_rest_of_what_a_bot_says(telegram: Telegram, ana: User, bot: Bot) -> None:
    venue = await bot.send_venue(ana.id, 51.5, -0.1, "Clinic", "1 High Street")
    assert venue.venue is not None
    assert venue.venue.title == "Clinic"
    location = await bot.send_location(ana.id, 51.5, -0.1)
    assert location.location == venue.venue.location
    contact = await bot.send_contact(ana.id, "+442079460000", "Clinic")
    assert contact.contact is not None
    assert contact.contact.phone_number == "+442079460000"
    forwarded = await bot.forward_message(ana.id, ana.id, contact.message_id)
    assert forwarded.forward_origin is not None
    assert await bot.send_chat_action(ana.id, "typing")
    assert await bot.pin_chat_message(ana.id, contact.message_id)
    assert (await bot.get_chat(ana.id)).pinned_message == contact
    assert await bot.unpin_chat_message(ana.id)
    assert await bot.set_message_reaction(ana.id, contact.message_id, "👍")
    assert await bot.delete_messages(ana.id, [venue.message_id, location.message_id, 999])
    assert [m["message_id"] for m in telegram.history(ana.id)][1:] == [contact.message_id, forwarded.message_id]


async def test_what_a_bot_sets_about_itself(telegram: Telegram, ana: User, staff: Chat, rose: User, bot: Bot) -> None:
    assert await bot.set_my_commands([("book", "Book a visit")])
    assert await bot.set_my_commands([("book", "Записаться")], language_code="ru")
    assert [command.description for command in await bot.get_my_commands(language_code="ru")] == ["Записаться"]
    assert await bot.delete_my_commands(language_code="ru")
    assert await bot.get_my_commands(language_code="ru") == ()
    assert [command.command for command in await bot.get_my_commands()] == ["book"]
    assert await bot.set_my_description("We answer.")
    assert (await bot.get_my_description("de")).description == "We answer."
    assert await bot.set_my_short_description("Short")
    assert await bot.set_my_name("Clinic")
    assert (await bot.get_me()).first_name == "Clinic"
    assert await bot.set_chat_menu_button()
    assert (await bot.get_chat_menu_button()).type == "default"
    assert (await bot.get_chat_member(staff.id, rose.id)).status == "creator"
    assert (await bot.get_chat_member(staff.id, ana.id)).status == "left"
    assert [member.user.id for member in await bot.get_chat_administrators(staff.id)] == [rose.id]
    assert await bot.get_chat_member_count(staff.id) == 2
    await telegram.promote(staff.id, bot.id)
    assert (await bot.get_chat_member(staff.id, bot.id)).status == "administrator"


@pytest.mark.parametrize(
    ("kind", "error", "performed"),
    [
        ("429", RetryAfter, False),
        ("500", NetworkError, False),
        ("502", NetworkError, False),
        ("drop", NetworkError, False),
        ("timeout", TimedOut, True),
        ("reset", NetworkError, True),
        ("slow", None, True),
    ],
)
async def test_planted_faults(
    telegram: Telegram, ana: User, bot: Bot, *, kind: Kind, error: type[Exception] | None, performed: bool
) -> None:
    telegram.faults.add(kind, method="sendMessage", seconds=0.01)
    if error is None:
        await bot.send_message(ana.id, "hello")
    else:
        with pytest.raises(error):
            await bot.send_message(ana.id, "hello", read_timeout=0.2)
    texts = [message["text"] for message in telegram.history(ana.id)]
    assert ("hello" in texts) is performed
    assert (await bot.send_message(ana.id, "again")).text == "again"  # a fault strikes once


# the page's and the webhook's side of the server


async def test_a_webhook_gets_every_update_in_order_until_it_says_200(telegram: Telegram, ana: User) -> None:
    telegram.feed.backoff = lambda attempt: 0.0
    got: list[tuple[str | None, str]] = []
    answers = iter([500, 503, 200])

    async def hook(request: web.Request) -> web.Response:
        update = await request.json()
        got.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), update["message"]["text"]))
        return web.Response(status=next(answers, 200))

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with SandboxServer(telegram):
        await ask(telegram, "setWebhook", url=f"http://{host}:{port}/hook", secret_token="s3cret")
        assert await refusal(telegram, "getUpdates") == (
            "Conflict: can't use getUpdates method while webhook is active; "
            "use deleteWebhook to delete the webhook first"
        )
        await telegram.send_text(ana.id, "second")
        await telegram.wait_until(lambda: not telegram.unconfirmed)
        info = await ask(telegram, "getWebhookInfo")
        assert (info["pending_update_count"], info["last_error_message"]) == (0, "Wrong response from the webhook: 503")
        assert got == [("s3cret", "/start")] * 3 + [("s3cret", "second")]
        await ask(telegram, "deleteWebhook")
        await telegram.send_text(ana.id, "third")
        assert [update["message"]["text"] for update in await updates(telegram)] == ["third"]
    await runner.cleanup()


class Page:
    """The page's requests; each returns the status and the JSON, or the bytes of anything else."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._client.get(self._url + path) as answer:
            return answer.status, await self._content(answer)

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        async with self._client.post(self._url + path, json=body, headers=headers) as answer:
            return answer.status, await self._content(answer)

    async def _content(self, answer: aiohttp.ClientResponse) -> Any:
        return await answer.json() if answer.content_type == "application/json" else await answer.read()


class Control:
    """A hand on the test's clock."""

    zone = "Europe/London"

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self.due: datetime | None = START + timedelta(days=1)

    def now(self) -> datetime:
        return self._clock.now()

    async def advance(self, seconds: float) -> None:
        self._clock.advance(timedelta(seconds=seconds))

    async def next_due(self) -> datetime | None:
        return self.due


@pytest.fixture
async def page(telegram: Telegram, clock: MovableClock) -> AsyncIterator[Page]:
    async with (
        SandboxServer(telegram, control=Control(clock)) as server,
        aiohttp.ClientSession() as client,
    ):
        yield Page(client, server.url)


async def test_the_page_sees_and_acts(telegram: Telegram, ana: User, page: Page) -> None:
    _, state = await page.get("/sandbox/state")
    assert [(user["first_name"], user["blocked"]) for user in state["users"]] == [("Ana", False)]
    assert [(chat["id"], chat["title"], chat["members"]) for chat in state["chats"]] == [
        (ana.id, "Ana Silva", [ana.id])
    ]
    keyboard = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    sent = await ask(telegram, "sendMessage", chat_id=ana.id, text="Sure?", reply_markup=keyboard)

    waiting = asyncio.create_task(page.get(f"/sandbox/events?after={telegram.seq}"))
    acting = asyncio.create_task(
        page.post("/sandbox/act", {"user": ana.id, "do": "tap", "message_id": sent["message_id"], "data": "y"})
    )
    await telegram.wait_until(lambda: telegram.unconfirmed == 2)
    query = (await updates(telegram))[-1]["callback_query"]
    await ask(telegram, "answerCallbackQuery", callback_query_id=query["id"], text="Noted")
    assert await acting == (200, {"ok": True, "answer": {"text": "Noted", "show_alert": False, "url": None}})
    assert (await waiting)[1]["chats"] == [ana.id]

    assert (await page.post("/sandbox/act", {"user": ana.id, "do": "photo", "caption": "look"}))[0] == 200
    assert (await page.post("/sandbox/act", {"user": ana.id, "do": "text", "text": "and?", "reply_to": 2}))[0] == 200
    _, shown = await page.get(f"/sandbox/chats/{ana.id}/messages")
    assert [message.get("text", message.get("caption")) for message in shown["messages"]] == [
        "/start",
        "Sure?",
        "look",
        "and?",
    ]
    assert shown["messages"][1]["reply_markup"] == keyboard
    assert shown["messages"][2]["media"]["kind"] == "photo"
    assert (await page.get(shown["messages"][2]["media"]["url"]))[0] == 200
    assert shown["messages"][3]["reply_to_message"]["text"] == "Sure?"
    assert (await page.post("/sandbox/act", {"user": ana.id, "do": "juggle"}))[0] == 400
    assert (await page.post("/sandbox/users", {"first_name": "Bo"}))[1]["first_name"] == "Bo"


async def test_everything_the_page_can_do(telegram: Telegram, ana: User, page: Page) -> None:
    keyboard = {"keyboard": [["Yes", {"text": "Here", "request_location": True}]]}
    await ask(telegram, "sendMessage", chat_id=ana.id, text="Well?", reply_markup=keyboard)
    assert (await page.get(f"/sandbox/chats/{ana.id}/messages"))[1]["reply_keyboard"]["keyboard"][0][0]["text"] == "Yes"
    said = await telegram.send_text(ana.id, "helo")
    wav = {"content": base64.b64encode(b"RIFF").decode(), "mime_type": "audio/wav", "file_name": "v.wav", "duration": 2}
    for order in (
        {"do": "press", "text": "Yes"},
        {"do": "press", "text": "Here"},
        {"do": "edit", "message_id": said["message_id"], "text": "hello"},
        {"do": "contact"},
        {"do": "location", "latitude": 1.5, "longitude": 2.5},
        {"do": "voice", **wav},
        {"do": "document"},
        {"do": "sticker", "emoji": "🌿"},
        {"do": "block"},
        {"do": "unblock"},
        {"do": "start", "payload": "visit-7"},
    ):
        assert await page.post("/sandbox/act", {"user": ana.id, **order}) == (200, {"ok": True, "answer": None})
    _, shown = await page.get(f"/sandbox/chats/{ana.id}/messages")
    media = [message["media"] for message in shown["messages"] if message["media"]]
    kinds = ["location", "contact", "location", "voice", "document", "sticker"]
    assert [item["kind"] for item in media] == kinds
    assert (media[3]["duration"], media[5]["emoji"]) == (2, "🌿")
    assert (await page.get(media[3]["url"])) == (200, b"RIFF")
    texts = [message.get("text") for message in shown["messages"] if not message["media"]]
    assert texts == ["/start", "Well?", "hello", "Yes", "/start visit-7"]
    assert not ana.blocked
    for wrong in ({"do": "press", "text": "No"}, {"do": "photo", "content": "?"}, {"do": "text", "text": " "}, {}):
        assert (await page.post("/sandbox/act", {"user": ana.id, **wrong}))[0] == 400
    assert (await page.get("/sandbox/chats/1/messages"))[0] == 400
    assert (await page.get("/sandbox/files/gone"))[0] == 404
    assert (await page.get("/"))[0] == 200


async def test_the_page_learns_that_the_server_is_another(telegram: Telegram, ana: User, page: Page) -> None:
    assert (await page.get(f"/sandbox/events?after={telegram.seq + 100}"))[1]["state"] is True


async def test_groups_as_the_page_shows_them(telegram: Telegram, ana: User, staff: Chat, page: Page) -> None:
    await telegram.join(staff.id, ana.id)
    await telegram.leave(staff.id, ana.id)
    new = await telegram.upgrade_group(staff.id)
    _, shown = await page.get(f"/sandbox/chats/{staff.id}/messages")
    assert [message["service"] for message in shown["messages"]] == [
        "Rose created the group",
        "Rose added Ana",
        "Ana left the group",
        "The group became a supergroup",
    ]
    _, state = await page.get("/sandbox/state")
    assert [chat["id"] for chat in state["chats"] if chat["type"] != "private"] == [new.id]


async def test_the_page_moves_the_clock_and_plants_faults(telegram: Telegram, ana: User, page: Page) -> None:
    _, moved = await page.post("/sandbox/clock", {"advance_seconds": 3600})
    assert moved == {"now": "2026-03-02T10:00:00+00:00", "next": "2026-03-03T09:00:00+00:00"}
    assert (await page.post("/sandbox/clock", {"to": "next"}))[1]["now"] == "2026-03-03T09:00:00+00:00"
    assert (await page.post("/sandbox/faults", {"kind": "earthquake"}))[0] == 400
    _, planted = await page.post("/sandbox/faults", {"kind": "502", "method": "sendMessage", "times": 2})
    assert [fault["kind"] for fault in planted["faults"]] == ["502"]
    assert await refusal(telegram, "sendMessage", chat_id=ana.id, text="x") == "Bad Gateway"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_other_sites_may_not_act(telegram: Telegram, ana: User, page: Page, headers: dict[str, str]) -> None:
    status, _ = await page.post("/sandbox/act", {"user": ana.id, "do": "block"}, headers)
    assert status == 403
    assert not ana.blocked


async def test_all_four_ways_of_passing_parameters(
    telegram: Telegram, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SandboxServer(telegram) as server, aiohttp.ClientSession() as client:
        url = f"{server.url}/bot{TOKEN}/SENDmessage"
        markup = json.dumps({"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]})
        form = aiohttp.FormData(
            {"chat_id": str(ana.id), "text": "four", "reply_markup": markup}, default_to_multipart=True
        )
        for call in (
            client.get(url, params={"chat_id": ana.id, "text": "one", "reply_markup": markup}),
            client.post(url, data={"chat_id": ana.id, "text": "two", "reply_markup": markup}),
            client.post(url, json={"chat_id": ana.id, "text": "three", "reply_markup": json.loads(markup)}),
            client.post(url, data=form),
        ):
            async with call as answer:
                assert answer.status == 200, await answer.text()
        async with client.get(f"{server.url}/bot1:wrong/getMe") as answer:
            assert await answer.json() == {"ok": False, "error_code": 401, "description": "Unauthorized"}
        async with client.post(url, data="{", headers={"Content-Type": "application/json"}) as answer:
            assert (await answer.json())["description"] == "Bad Request: can't parse JSON object"
        async with client.post(url, json=[]) as answer:
            assert answer.status == 400
        monkeypatch.setattr("bot.sandbox.server._MAX_BODY", 1000)
        async with client.post(url, data=bytes(1001)) as answer:
            assert (await answer.json())["description"] == "Request Entity Too Large"
        async with client.get(f"{server.url}/file/bot{TOKEN}/gone") as answer:
            assert answer.status == 404
        async with client.post(f"{server.url}/bot{TOKEN}/nothing") as answer:
            assert await answer.json() == {"ok": False, "error_code": 404, "description": "Not Found"}
    history = telegram.history(ana.id)[1:]
    assert [message["text"] for message in history] == ["one", "two", "three", "four"]
    assert all(message["reply_markup"] == json.loads(markup) for message in history)


async def test_a_dropped_connection_answers_nothing(telegram: Telegram, ana: User) -> None:
    async with SandboxServer(telegram) as server, aiohttp.ClientSession() as client:
        telegram.faults.add("drop")
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await client.post(f"{server.url}/bot{TOKEN}/getMe")


async def test_the_server_stops_while_requests_hang(telegram: Telegram, ana: User) -> None:
    async with aiohttp.ClientSession() as client:
        async with SandboxServer(telegram) as server:
            offset = (await updates(telegram))[-1]["update_id"] + 1
            poll = asyncio.create_task(client.get(f"{server.url}/bot{TOKEN}/getUpdates?timeout=50&offset={offset}"))
            await telegram.wait_until(lambda: not telegram.unconfirmed)
            telegram.faults.add("timeout", method="getMe")
            held = asyncio.create_task(client.get(f"{server.url}/bot{TOKEN}/getMe"))
            await telegram.wait_until(lambda: telegram.calls[-1].method == "getMe")
            page = asyncio.create_task(client.get(f"{server.url}/sandbox/events?after={telegram.seq}"))
            while not telegram.waiting:  # noqa: ASYNC110 - that a request has arrived is no event of Telegram's
                await asyncio.sleep(0)
        assert (await (await poll).json())["result"] == []
        assert (await page).status == 200
        with pytest.raises(aiohttp.ClientError):
            await held


# refusals


async def test_refused_texts(telegram: Telegram, ana: User) -> None:
    async def said(**params: Any) -> str:
        return await refusal(telegram, "sendMessage", **{"chat_id": ana.id, **params})

    assert await said() == "Bad Request: message text is empty"
    assert await said(text="") == "Bad Request: message text is empty"
    assert await said(text=" \n ") == "Bad Request: text must be non-empty"
    assert await said(text="<b> </b>", parse_mode="HTML") == "Bad Request: text must be non-empty"
    assert await said(text="x" * 4097) == "Bad Request: message is too long"
    assert await said(text="🙂" * 2049) == "Bad Request: message is too long"
    assert await said(text="x", parse_mode="XML") == "Bad Request: unsupported parse_mode"
    assert await said(text="<b>x", parse_mode="html") == (
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\""
    )
    assert await said(text="x", chat_id="") == "Bad Request: chat_id is empty"
    assert await said(text="x", chat_id=12345) == "Bad Request: chat not found"
    assert await said(text="x", chat_id="@nobody") == "Bad Request: chat not found"
    assert await said(text="x", reply_parameters={"message_id": 99}) == "Bad Request: message to be replied not found"
    assert await said(text="x", reply_parameters={"quote": "a"}) == 'Bad Request: can\'t find field "message_id"'
    bold = {"type": "bold", "offset": 0, "length": 9}
    assert await said(text="hello", entities=[bold]) == (
        "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 9"
    )
    assert await said(text="hello", entities=json.dumps([{**bold, "type": "loud"}])) == (
        "Bad Request: can't parse MessageEntity: Unsupported type specified"
    )
    document = {"document": Upload("a.txt", b"a")}
    assert await refusal(telegram, "sendDocument", document, chat_id=ana.id, caption="x" * 1025) == (
        "Bad Request: message caption is too long"
    )
    limit = "<b>" + "🙂" * 2048 + "</b>"
    assert (await ask(telegram, "sendMessage", chat_id=ana.id, text=limit, parse_mode="HTML"))["text"] == "🙂" * 2048
    unreplied = {"message_id": 99, "allow_sending_without_reply": True}
    assert "reply_to_message" not in await ask(
        telegram, "sendMessage", chat_id=str(ana.id), text="x", reply_parameters=json.dumps(unreplied)
    )


@pytest.mark.parametrize(
    ("button", "said"),
    [
        ({"text": "x"}, "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        (
            {"text": "x", "callback_data": ""},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        ({"callback_data": "x"}, "can't parse inline keyboard button: Can't find field \"text\""),
        ({"text": 5, "callback_data": "x"}, 'can\'t parse inline keyboard button: Field "text" must be of type String'),
        ({"text": " ", "callback_data": "x"}, "inline keyboard button text must be non-empty"),
        ({"text": "x", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        (
            {"text": "x", "url": "tel:+441234"},
            "inline keyboard button URL 'tel:+441234' is invalid: Wrong HTTP URL",
        ),
        (
            {"text": "x", "url": "ftp://a.b"},
            "inline keyboard button URL 'ftp://a.b' is invalid: Unsupported URL protocol",
        ),
        (
            {"text": "x", "web_app": {"url": "http://a.b"}},
            "inline keyboard button Web App URL 'http://a.b' is invalid: Only HTTPS links are allowed",
        ),
        ({"text": "x", "copy_text": {"text": "c" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "x", "pay": True}, "BUTTON_TYPE_INVALID"),
        ("x", "can't parse inline keyboard button: InlineKeyboardButton must be an Object"),
    ],
)
async def test_refused_buttons(telegram: Telegram, ana: User, button: Any, said: str) -> None:
    markup = {"inline_keyboard": [[button]]}
    assert (
        await refusal(telegram, "sendMessage", chat_id=ana.id, text="x", reply_markup=markup) == f"Bad Request: {said}"
    )


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("{", "can't parse reply keyboard markup JSON object"),
        ([], "object expected as reply markup"),
        ({"inline_keyboard": "x"}, 'field "inline_keyboard" must be of type Array'),
        ({"inline_keyboard": [{}]}, 'field "inline_keyboard" must be an Array of Arrays'),
        ({"inline_keyboard": [[{"text": "x", "callback_data": "x"}] * 9]}, "reply markup is too long"),
        ({"inline_keyboard": [[{"text": "x", "callback_data": "x"}]] * 101}, "reply markup is too long"),
        ({"keyboard": "x"}, 'field "keyboard" must be of type Array'),
        ({"keyboard": [["x"]], "resize_keyboard": "yes"}, 'field "resize_keyboard" must be of type Boolean'),
        ({"force_reply": "yes"}, 'field "force_reply" must be of type Boolean'),
        ({"remove_keyboard": 1}, 'field "remove_keyboard" must be of type Boolean'),
    ],
)
async def test_refused_markups(telegram: Telegram, ana: User, markup: Any, said: str) -> None:
    assert (
        await refusal(telegram, "sendMessage", chat_id=ana.id, text="x", reply_markup=markup) == f"Bad Request: {said}"
    )


async def test_a_button_with_two_actions_is_refused(telegram: Telegram, ana: User) -> None:
    markup = {"inline_keyboard": [[{"text": "x", "callback_data": "x", "url": "https://a.b"}]]}
    assert "exactly one of" in await refusal(telegram, "sendMessage", chat_id=ana.id, text="x", reply_markup=markup)


async def test_refused_changes(telegram: Telegram, ana: User, clock: MovableClock) -> None:
    said = await ask(telegram, "sendMessage", chat_id=ana.id, text="x")
    place = {"chat_id": ana.id, "message_id": said["message_id"]}
    (hers,) = [m["message_id"] for m in telegram.history(ana.id) if m["from"]["id"] == ana.id]
    assert await refusal(telegram, "editMessageText", **{**place, "message_id": 99}, text="y") == (
        "Bad Request: message to edit not found"
    )
    assert await refusal(telegram, "editMessageText", **{**place, "message_id": hers}, text="y") == (
        "Bad Request: message can't be edited"
    )
    assert await refusal(telegram, "editMessageText", chat_id=ana.id, text="y") == (
        "Bad Request: message identifier is not specified"
    )
    reply_keyboard = {"keyboard": [["A"]]}
    assert await refusal(telegram, "editMessageText", **place, text="y", reply_markup=reply_keyboard) == (
        "Bad Request: inline keyboard expected"
    )
    asked = await ask(telegram, "sendMessage", chat_id=ana.id, text="A?", reply_markup=reply_keyboard)
    assert await refusal(telegram, "editMessageText", chat_id=ana.id, message_id=asked["message_id"], text="y") == (
        "Bad Request: message can't be edited"
    )
    assert (await refusal(telegram, "editMessageReplyMarkup", **place)).startswith(
        "Bad Request: message is not modified"
    )
    assert await refusal(telegram, "editMessageCaption", **place, caption="y") == (
        "Bad Request: there is no caption in the message to edit"
    )
    document = await ask(telegram, "sendDocument", {"document": Upload("a", b"a")}, chat_id=ana.id)
    assert await refusal(telegram, "editMessageText", chat_id=ana.id, message_id=document["message_id"], text="y") == (
        "Bad Request: there is no text in the message to edit"
    )
    assert await refusal(telegram, "deleteMessage", chat_id=ana.id, message_id=99) == (
        "Bad Request: message to delete not found"
    )
    clock.advance(timedelta(hours=48, seconds=1))
    assert await refusal(telegram, "deleteMessage", **place) == "Bad Request: message can't be deleted for everyone"
    assert telegram.history(ana.id)[1]["text"] == "x"


async def test_what_may_be_deleted(telegram: Telegram, ana: User, rose: User, staff: Chat) -> None:
    said = await telegram.send_text(ana.id, "my secret")
    assert await ask(telegram, "deleteMessage", chat_id=ana.id, message_id=said["message_id"])
    talk = await telegram.send_text(rose.id, "morning", chat_id=staff.id)
    place = {"chat_id": staff.id, "message_id": talk["message_id"]}
    assert await refusal(telegram, "deleteMessage", **place) == "Bad Request: message can't be deleted"
    await telegram.promote(staff.id, telegram.bot_id)
    assert await ask(telegram, "deleteMessage", **place)


async def test_refused_files(telegram: Telegram, ana: User) -> None:
    async def said(method: str, **files: Upload) -> str:
        return await refusal(telegram, method, files, chat_id=ana.id)

    assert await said("sendDocument") == "Bad Request: there is no document in the request"
    assert await said("sendDocument", document=Upload("a", b"")) == "Bad Request: file must be non-empty"
    assert await said("sendDocument", document=Upload("a", bytes(MAX_UPLOAD + 1))) == "Request Entity Too Large"
    assert await said("sendPhoto", photo=Upload("a", PNG + bytes(MAX_PHOTO))) == "Request Entity Too Large"
    assert await said("sendPhoto", photo=Upload("a.png", b"no picture")) == "Bad Request: IMAGE_PROCESS_FAILED"
    assert await refusal(telegram, "sendDocument", chat_id=ana.id, document="gone") == (
        "Bad Request: wrong file identifier/HTTP URL specified"
    )
    assert await refusal(telegram, "getFile", file_id="gone") == "Bad Request: invalid file_id"


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("sendContact", {"first_name": "A"}, "phone number is empty"),
        ("sendContact", {"phone_number": "1"}, "first name is empty"),
        ("sendLocation", {"latitude": 1}, "longitude is empty"),
        ("sendLocation", {"latitude": 91, "longitude": 0}, "wrong location specified"),
        ("sendVenue", {"latitude": 1, "longitude": 1, "title": "A"}, "venue address is empty"),
        ("sendChatAction", {"action": "sleeping"}, "wrong parameter action in request"),
        ("sendMediaGroup", {}, "media is empty"),
        ("sendMediaGroup", {"media": [{"type": "photo"}] * 11}, "there must be 1 to 10 media in the album"),
        ("sendMediaGroup", {"media": [{"type": "voice"}]}, "can't use the media of the specified type in the album"),
        ("sendMediaGroup", {"media": [{"type": "photo", "media": "attach://x"}]}, "there is no photo in the request"),
        ("sendPhoto", {"photo": "https://a.bc/d.png"}, "failed to get HTTP URL content"),
        ("sendMessage", {"text": "\ud83d"}, "strings must be encoded in UTF-8"),
        ("sendMessage", {"text": "&" * 35_001, "parse_mode": "HTML"}, "message is too long"),
        ("sendMessage", {"text": "x", "entities": {}}, "expected an Array of MessageEntity"),
        ("sendMessage", {"text": "x", "entities": [5]}, "can't parse MessageEntity: Object expected"),
        ("copyMessage", {"from_chat_id": "{ana}", "message_id": 99}, "message to copy not found"),
        ("copyMessage", {"from_chat_id": "{staff}", "message_id": 1}, "message can't be copied"),
        ("forwardMessage", {"from_chat_id": "{ana}", "message_id": 99}, "message to forward not found"),
        ("editMessageText", {"inline_message_id": "1", "text": "x"}, "MESSAGE_ID_INVALID"),
        ("editMessageMedia", {"message_id": 1}, "media is empty"),
        ("deleteMessages", {}, "message identifiers are not specified"),
        ("deleteMessages", {"message_ids": list(range(101))}, "too many message identifiers specified"),
        ("pinChatMessage", {"message_id": 99}, "message to pin not found"),
        ("unpinChatMessage", {}, "message to unpin not found"),
        (
            "pinChatMessage",
            {"chat_id": "{staff}", "message_id": 1},
            "not enough rights to manage pinned messages in the chat",
        ),
        ("setMessageReaction", {"message_id": 99, "reaction": []}, "message to react not found"),
        ("setMessageReaction", {"message_id": 2, "reaction": [{"type": "emoji"}]}, "REACTION_INVALID"),
        ("setMyCommands", {"commands": [{"command": "Book", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": [{"command": "book", "description": ""}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ("setMyCommands", {"commands": [{}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ("setMyCommands", {"scope": {}}, "can't parse BotCommandScope: Can't find field \"type\""),
        ("setMyShortDescription", {"short_description": "x" * 121}, "bot short description is too long"),
        ("setChatMenuButton", {"menu_button": {"type": "bell"}}, "can't parse menu button: Unsupported type specified"),
        ("setWebhook", {"url": "ftp://a.bc"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ("setWebhook", {"url": "https://a.bc", "secret_token": "a b"}, "secret token contains unallowed characters"),
        ("getChatMember", {"user_id": 5}, "user not found"),
        ("getChatAdministrators", {}, "there are no administrators in the private chat"),
        ("leaveChat", {}, "chat member status can't be changed in private chats"),
        ("getFile", {}, "file_id not specified"),
    ],
)
async def test_other_refusals(
    telegram: Telegram, staff: Chat, ana: User, *, method: str, params: dict[str, Any], said: str
) -> None:
    ids = {"{ana}": ana.id, "{staff}": staff.id}
    known: dict[str, Any] = {name: ids.get(str(value), value) for name, value in params.items()}
    assert await refusal(telegram, method, **{"chat_id": ana.id, **known}) == f"Bad Request: {said}"


async def test_accepts_every_kind_of_markup_and_entity(telegram: Telegram, ana: User) -> None:
    markups: list[dict[str, Any]] = [
        {"force_reply": True, "input_field_placeholder": "Name", "selective": True},
        {"remove_keyboard": True},
        {"keyboard": [[{"text": "Here", "request_location": True}]], "is_persistent": True},
        {"inline_keyboard": []},
        {
            "inline_keyboard": [
                [{"text": "site", "url": "https://a.bc/"}, {"text": "app", "web_app": {"url": "https://a.bc"}}],
                [{"text": "copy", "copy_text": {"text": "c"}}, {"text": "find", "switch_inline_query": ""}],
                [{"text": "me", "url": f"tg://user?id={ana.id}"}],
            ]
        },
    ]
    for markup in markups:
        sent = await ask(telegram, "sendMessage", chat_id=ana.id, text="x", reply_markup=markup)
        assert sent.get("reply_markup", {}) == (markup if markup.get("inline_keyboard") else {})
    entities = [
        {"type": "text_link", "offset": 0, "length": 1, "url": "http://a.bc/"},
        {"type": "text_mention", "offset": 2, "length": 1, "user": ana.as_dict()},
        {"type": "pre", "offset": 4, "length": 1, "language": "c"},
        {"type": "custom_emoji", "offset": 6, "length": 1, "custom_emoji_id": "7"},
    ]
    sent = await ask(telegram, "sendMessage", chat_id=ana.id, text="a b c d", entities=json.dumps(entities))
    assert sent["entities"] == entities


async def test_old_files_give_way(telegram: Telegram, ana: User) -> None:
    telegram.files = Files(limit=10)
    first = await telegram.send_file(ana.id, "document", b"12345678", name="a.txt")
    second = await telegram.send_file(ana.id, "document", b"12345678", name="b.txt")
    assert await refusal(telegram, "getFile", file_id=first["document"]["file_id"]) == "Bad Request: invalid file_id"
    assert (await ask(telegram, "getFile", file_id=second["document"]["file_id"]))["file_size"] == 8


async def test_a_tap_is_answered_once_and_in_time(telegram: Telegram, ana: User, clock: MovableClock) -> None:
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    tap = await telegram.tap(ana.id, ana.id, 1, "data")
    assert await refusal(telegram, "answerCallbackQuery", callback_query_id=tap.id, text="x" * 201) == (
        "Bad Request: MESSAGE_TOO_LONG"
    )
    assert await ask(telegram, "answerCallbackQuery", callback_query_id=tap.id)
    assert await refusal(telegram, "answerCallbackQuery", callback_query_id=tap.id) == too_old
    assert await refusal(telegram, "answerCallbackQuery", callback_query_id="1") == too_old
    late = await telegram.tap(ana.id, ana.id, 1, "data")
    clock.advance(timedelta(minutes=2))
    assert await refusal(telegram, "answerCallbackQuery", callback_query_id=late.id) == too_old


async def test_who_cannot_be_written_to(telegram: Telegram, ana: User, staff: Chat) -> None:
    stranger = telegram.add_user("Cy")
    initiate = "Forbidden: bot can't initiate conversation with a user"
    assert await refusal(telegram, "sendMessage", chat_id=stranger.id, text="x") == initiate
    await telegram.block(ana.id)
    assert (await last_update(telegram))["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    assert await refusal(telegram, "sendMessage", chat_id=ana.id, text="x") == "Forbidden: bot was blocked by the user"
    with pytest.raises(ValueError, match="unblock"):
        await telegram.send_text(ana.id, "x")
    await telegram.start(ana.id, "visit-7")
    assert (await last_update(telegram))["message"]["text"] == "/start visit-7"
    assert await ask(telegram, "sendMessage", chat_id=ana.id, text="x")
    await telegram.deactivate(ana.id)
    assert await refusal(telegram, "sendMessage", chat_id=ana.id, text="x") == "Forbidden: user is deactivated"
    await telegram.leave(staff.id, telegram.bot_id)
    assert await refusal(telegram, "sendMessage", chat_id=staff.id, text="x") == (
        "Forbidden: bot was kicked from the group chat"
    )


async def test_a_reply_keyboard_asks_for_a_number_only_in_private(telegram: Telegram, ana: User, staff: Chat) -> None:
    keyboard = {"keyboard": [[{"text": "My number", "request_contact": True}], ["Skip"]], "one_time_keyboard": True}
    ask_number: dict[str, Any] = {"text": "Your number?", "reply_markup": keyboard}
    assert await refusal(telegram, "sendMessage", chat_id=staff.id, **ask_number) == (
        "Bad Request: phone number can be requested in private chats only"
    )
    sent = await ask(telegram, "sendMessage", chat_id=ana.id, **ask_number)
    assert "reply_markup" not in sent  # Telegram returns inline keyboards only
    assert telegram.history(ana.id)[-1]["reply_markup"]["keyboard"][1] == [{"text": "Skip"}]
    with pytest.raises(LookupError, match="My number"):
        await telegram.press(ana.id, "Nope")
    await telegram.press(ana.id, "My number")
    assert (await last_update(telegram))["message"]["contact"] == {
        "phone_number": ana.phone_number,
        "first_name": "Ana",
        "last_name": "Silva",
        "user_id": ana.id,
    }
    with pytest.raises(LookupError):
        await telegram.press(ana.id, "Skip")  # one_time_keyboard


# people and groups


async def test_a_group_hides_talk_from_a_bot_in_privacy_mode(telegram: Telegram, rose: User, staff: Chat) -> None:
    card = await ask(telegram, "sendMessage", chat_id=staff.id, text="A request")

    async def heard(text: str, reply_to: int | None = None) -> bool:
        await telegram.send_text(rose.id, text, chat_id=staff.id, reply_to=reply_to)
        found = await last_update(telegram) if telegram.unconfirmed else {}
        return bool(found.get("message", {}).get("text") == text)

    assert not await heard("good morning")
    assert not await heard("good morning @mesobot_demo_bot")
    assert not await heard("/today@another_bot")
    assert await heard("/today")
    assert await heard("/today@mesobot_demo_bot")
    assert await heard("we can do that", reply_to=card["message_id"])
    await telegram.promote(staff.id, telegram.bot_id)
    assert await heard("an administrator hears everything")


async def test_group_life_reaches_the_bot(telegram: Telegram, ana: User, rose: User, staff: Chat) -> None:
    await telegram.join(staff.id, ana.id)
    await telegram.leave(staff.id, ana.id)
    await telegram.promote(staff.id, telegram.bot_id)
    await ask(telegram, "getUpdates", allowed_updates=["message", "my_chat_member", "chat_member"], offset=-1)
    await telegram.join(staff.id, ana.id)
    await telegram.send_anonymously(staff.id, "signed by nobody")
    new = await telegram.upgrade_group(staff.id)
    await telegram.send_text(rose.id, "/today", chat_id=staff.id)
    waiting = await updates(telegram)
    kinds = [next(key for key in update if key != "update_id") for update in waiting]
    assert kinds == ["my_chat_member", "chat_member", *["message"] * 5]
    anonymous, migrated, arrived, talk = (update["message"] for update in waiting[3:])
    assert (anonymous["from"]["username"], anonymous["sender_chat"]["id"]) == ("GroupAnonymousBot", staff.id)
    assert (migrated["chat"]["id"], migrated["migrate_to_chat_id"]) == (staff.id, new.id)
    assert (arrived["chat"]["id"], arrived["migrate_from_chat_id"]) == (new.id, staff.id)
    assert talk["chat"]["id"] == new.id


async def test_every_kind_of_update_parses(telegram: Telegram, ana: User, staff: Chat) -> None:
    """What people do here is what the library can read."""
    channel = telegram.add_channel("News", ana)
    await telegram.post(channel.id, "news")
    await telegram.send_file(ana.id, "voice")
    await telegram.send_file(ana.id, "sticker")
    await telegram.send_file(ana.id, "document", name="a.pdf")
    await telegram.send_location(ana.id, 1.5, 2.5)
    await telegram.send_poll(ana.id, "Which?", ["this", "that"])
    await telegram.share_contact(ana.id)
    said = await telegram.send_text(ana.id, "see https://a.bc and write to a@b.cd")
    await telegram.edit_text(ana.id, ana.id, said["message_id"], "changed")
    await telegram.tap(ana.id, ana.id, 999, "gone")
    wire = SandboxRequest(telegram)
    async with Bot(TOKEN, BASE_URL, BASE_FILE_URL, wire, wire) as bot:
        found = await bot.get_updates(timeout=0)
    assert not any(update.api_kwargs for update in found)
    last = found[-1].callback_query
    assert last is not None
    assert last.message is not None
    assert not last.message.is_accessible
    edited = found[-2].edited_message
    assert edited is not None
    assert (edited.text, edited.edit_date) == ("changed", START)
    talked = found[-3].message
    assert talked is not None
    assert [entity.type for entity in talked.entities] == ["url", "email"]


async def test_a_poison_update_stays_until_confirmed(telegram: Telegram, ana: User) -> None:
    number = telegram.send_raw_update({"message": {"message_id": "not a number"}})
    await telegram.send_text(ana.id, "behind it")
    wire = SandboxRequest(telegram)
    async with Bot(TOKEN, BASE_URL, BASE_FILE_URL, wire, wire) as bot:
        with pytest.raises((TypeError, KeyError)):
            await bot.get_updates(number, timeout=0)
        assert telegram.unconfirmed == 2
        (update,) = await bot.get_updates(number + 1, timeout=0)
    assert update.message is not None
    assert update.message.text == "behind it"


async def test_updates_are_kept_for_a_day(telegram: Telegram, ana: User, clock: MovableClock) -> None:
    clock.advance(timedelta(hours=20))
    await telegram.send_text(ana.id, "later")
    clock.advance(timedelta(hours=5))
    assert [update["message"]["text"] for update in await updates(telegram)] == ["later"]


async def test_only_wanted_updates_are_queued(telegram: Telegram, ana: User) -> None:
    first = await updates(telegram, allowed_updates=json.dumps(["callback_query"]))
    assert len(first) == 1  # what waited already comes nevertheless
    await telegram.send_text(ana.id, "unheard")
    await telegram.tap(ana.id, ana.id, 1, "heard")
    assert "callback_query" in (await updates(telegram, first[0]["update_id"] + 1))[0]


# limits, faults, logs, waiting


async def test_flood_control_holds_back_what_is_too_much(telegram: Telegram, ana: User, staff: Chat) -> None:
    now = 0.0
    telegram.limits = Limits(per_chat=1.0, chat_burst=2, group_per_minute=3, overall=30, monotonic=lambda: now)

    async def send(chat_id: int) -> int:
        reply: Reply = await telegram.call("sendMessage", {"chat_id": chat_id, "text": "x"})
        return int(reply.body.get("parameters", {}).get("retry_after", 0))

    assert [await send(ana.id) for _ in range(3)] == [0, 0, 1]
    now = 1.0
    assert [await send(ana.id) for _ in range(2)] == [0, 1]
    in_group = []
    for _ in range(4):
        now += 1.0
        in_group.append(await send(staff.id))
    assert in_group == [0, 0, 0, 17]  # one in twenty seconds, three of them gone by
    assert len(telegram.history(ana.id)) == 4


async def test_faults_strike_what_they_were_planted_for(telegram: Telegram, ana: User, rose: User) -> None:
    await telegram.start(rose.id)
    telegram.faults.add("500", chat_id=rose.id, times=2)
    assert await ask(telegram, "sendMessage", chat_id=ana.id, text="x")
    for _ in range(2):
        assert await refusal(telegram, "sendMessage", chat_id=str(rose.id), text="x") == "Internal Server Error"
    assert await ask(telegram, "sendMessage", chat_id=rose.id, text="x")
    telegram.faults.add("drop")
    assert await updates(telegram)  # a fault for any method spares the poll
    with pytest.raises(ConnectionDropped):
        await telegram.call("sendMessage", {"chat_id": ana.id, "text": "lost"})
    telegram.faults.add("timeout", rate=1.0)
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await telegram.call("sendMessage", {"chat_id": ana.id, "text": "kept"})
    assert [message["text"] for message in telegram.history(ana.id)][-2:] == ["kept", "kept"]
    assert [fault["kind"] for fault in telegram.faults.as_list()] == ["timeout"]
    telegram.faults.clear()
    assert await ask(telegram, "getMe")
    telegram.faults.add("502", rate=0.5)
    statuses = [(await telegram.call("getMe", {})).status for _ in range(40)]
    assert set(statuses) == {200, 502}


async def test_calls_are_logged_and_shown_to_the_hook(telegram: Telegram, ana: User) -> None:
    seen: list[Call] = []
    telegram.on_call = seen.append
    await ask(telegram, "sendMessage", chat_id=ana.id, text="x")
    await refusal(telegram, "sendMessage", chat_id=ana.id)
    await updates(telegram, 10**9)  # a poll that brings nothing is not worth a line
    assert [(call.method, call.status, call.at) for call in telegram.calls] == [
        ("sendMessage", 200, START.timestamp()),
        ("sendMessage", 400, START.timestamp()),
    ]
    assert seen == telegram.calls
    telegram.record_calls = False
    await ask(telegram, "getMe")
    assert (len(seen), len(telegram.calls)) == (3, 2)


async def test_waiting_wakes_on_every_change(telegram: Telegram, ana: User) -> None:
    async def later(action: Callable[[], Awaitable[object]]) -> None:
        await action()

    waiting = asyncio.create_task(telegram.wait_until(lambda: len(telegram.history(ana.id)) == 3))
    for text in ("one", "two"):
        assert not waiting.done()
        await later(lambda text=text: telegram.send_text(ana.id, text))  # type: ignore[misc]  # mypy wants one type more
    await waiting


async def test_waiting_in_vain_shows_the_chats(telegram: Telegram, ana: User) -> None:
    with pytest.raises(AssertionError, match=r"(?s)waited 0 s for a miracle.*1 updates unconfirmed.*Ana: /start"):
        await telegram.wait_until(lambda: False, timeout=0, what="a miracle")


def test_a_token_is_a_number_and_a_secret(clock: MovableClock) -> None:
    with pytest.raises(ValueError, match="token"):
        Telegram("secret", clock)
