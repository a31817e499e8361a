"""The checker itself: it finds every planted fault, and leaves every good request alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllPrivateChats,
    InputMediaPhoto,
    KeyboardButton,
    LinkPreviewOptions,
)
from telegram import InlineKeyboardButton as Inline
from telegram import InlineKeyboardMarkup as Inlines
from telegram import ReplyKeyboardMarkup as Replies
from telegram.request import BaseRequest, RequestData

from bot.delivery.messages import Button, Edit, Message, to_call
from tests import botapi
from tests.botapi import check

Params = dict[str, Any]

STAFF = -1001234567890
TO = {"chat_id": 7001}
STICKERS = [{"sticker": "CAACAgIAAxkB", "format": "static", "emoji_list": ["🙂"]}]
MAP = "https://clinic.example/map"
ARTICLE = {"type": "article", "title": "Aftercare", "input_message_content": {"message_text": "Keep it dry."}}
HELLO = {**TO, "text": "Good morning, Ana."}
EDIT = {**TO, "message_id": 31, "text": "Confirmed."}
DOCUMENT = {**TO, "document": "attach://file0"}
CAPTION = "Your visit on <b>Tuesday</b>, 10:00 &amp; a map"


def as_form(params: Mapping[str, object]) -> dict[str, object]:
    """Encode as a form does: strings as they are, everything else as JSON."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}


def inline(*buttons: object) -> Params:
    return {"inline_keyboard": [list(buttons)]}


def button(**fields: object) -> Params:
    return {"text": "Confirm", **fields}


def keyboard(*buttons: object, **fields: object) -> Params:
    return {"keyboard": [list(buttons)], **fields}


def commands(*names: str, **fields: object) -> Params:
    return {"commands": [{"command": name, "description": "What it does"} for name in names], **fields}


GOOD: list[tuple[str, Params, tuple[str, ...]]] = [
    ("getMe", {}, ()),
    ("logOut", {}, ()),
    ("getWebhookInfo", {}, ()),
    ("getUpdates", {}, ()),
    (
        "getUpdates",
        {"offset": 812345, "limit": 100, "timeout": 50, "allowed_updates": ["message", "callback_query"]},
        (),
    ),
    ("getUpdates", {"offset": -1, "timeout": 0, "allowed_updates": []}, ()),
    (
        "setWebhook",
        {"url": "https://bot.clinic.example/telegram", "secret_token": "a_B-" * 12, "max_connections": 40},
        (),
    ),
    (
        "setWebhook",
        {"url": "https://bot.clinic.example:8443/t", "allowed_updates": ["my_chat_member", "poll_answer"]},
        (),
    ),
    (
        "setWebhook",
        {"url": "https://203.0.113.7/t", "certificate": "attach://pem", "drop_pending_updates": True},
        ("pem",),
    ),
    ("setWebhook", {"url": "https://203.0.113.7/t"}, ("certificate",)),
    ("setWebhook", {"url": ""}, ()),
    ("deleteWebhook", {"drop_pending_updates": False}, ()),
    ("sendMessage", HELLO, ()),
    (
        "sendMessage",
        {"chat_id": STAFF, "text": "New request", "message_thread_id": 5, "disable_notification": True},
        (),
    ),
    ("sendMessage", {"chat_id": "@clinic_news", "text": "Open on Monday"}, ()),
    ("sendMessage", {**TO, "text": "x" * 4096}, ()),
    ("sendMessage", {**TO, "text": "😀" * 2048}, ()),
    ("sendMessage", {**TO, "text": "<b>" + "x" * 4096 + "</b>", "parse_mode": "HTML"}, ()),
    ("sendMessage", {**TO, "text": "&lt;" * 4096, "parse_mode": "HTML"}, ()),
    ("sendMessage", {**TO, "text": "if a < b & c > d then <tag>"}, ()),
    ("sendMessage", {**TO, "text": "*Bold* \\- and _quiet_", "parse_mode": "MarkdownV2"}, ()),
    ("sendMessage", {**HELLO, "entities": [{"type": "bold", "offset": 0, "length": 4}]}, ()),
    ("sendMessage", {**HELLO, "link_preview_options": {"is_disabled": True}}, ()),
    ("sendMessage", {**HELLO, "reply_parameters": {"message_id": 9, "allow_sending_without_reply": True}}, ()),
    ("sendMessage", {**HELLO, "protect_content": True, "reply_markup": {"remove_keyboard": True}}, ()),
    ("sendMessage", {**HELLO, "reply_markup": {"force_reply": True, "input_field_placeholder": "Your name"}}, ()),
    (
        "sendMessage",
        {**HELLO, "reply_markup": inline(button(callback_data="b:17:3"), button(callback_data="x" * 64))},
        (),
    ),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(callback_data="é" * 32, style="success"))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(url="https://clinic.example/map?q=a%20b#here"))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(url="tg://user?id=7001"))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(url="t.me/clinic_bot?start=v17"))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(copy_text={"text": "+351 900 000 000"}))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(switch_inline_query=""))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": inline(button(web_app={"url": "https://clinic.example/app"}))}, ()),
    ("sendMessage", {**HELLO, "reply_markup": {"inline_keyboard": []}}, ()),
    ("sendMessage", {**HELLO, "reply_markup": keyboard("Yes", "No", one_time_keyboard=True)}, ()),
    ("sendMessage", {**HELLO, "reply_markup": keyboard({"text": "Share my number", "request_contact": True})}, ()),
    (
        "sendMessage",
        {**HELLO, "reply_markup": keyboard({"text": "Yes"}, "No", resize_keyboard=True, selective=False)},
        (),
    ),
    (
        "sendMessage",
        {**HELLO, "reply_markup": keyboard({"text": "x", "request_poll": {}, "request_contact": False})},
        (),
    ),
    ("editMessageText", EDIT, ()),
    ("editMessageText", {**EDIT, "text": "<i>Declined</i>", "parse_mode": "HTML", "reply_markup": inline()}, ()),
    ("editMessageText", {"inline_message_id": "BAAAA", "text": "Confirmed."}, ()),
    ("editMessageReplyMarkup", {**TO, "message_id": 31}, ()),
    ("editMessageReplyMarkup", {**TO, "message_id": 31, "reply_markup": inline(button(callback_data="b:1"))}, ()),
    ("editMessageCaption", {**TO, "message_id": 31, "caption": CAPTION, "parse_mode": "HTML"}, ()),
    ("editMessageMedia", {**TO, "message_id": 31, "media": {"type": "photo", "media": "attach://p"}}, ("p",)),
    ("answerCallbackQuery", {"callback_query_id": "4382bfdwdsb323b2d9"}, ()),
    ("answerCallbackQuery", {"callback_query_id": "43", "text": "x" * 200, "show_alert": True, "cache_time": 5}, ()),
    ("answerCallbackQuery", {"callback_query_id": "43", "text": ""}, ()),
    ("sendDocument", DOCUMENT, ("file0",)),
    ("sendDocument", {**TO, "caption": CAPTION, "parse_mode": "HTML"}, ("document",)),
    ("sendDocument", {**DOCUMENT, "thumbnail": "attach://small", "caption": "x" * 1024}, ("file0", "small")),
    ("sendDocument", {**TO, "document": "BQACAgIAAxkBAAIB"}, ()),
    ("sendPhoto", {**TO, "photo": "https://clinic.example/entrance.jpg", "caption": ""}, ()),
    ("sendPhoto", {**TO, "photo": "AgACAgIAAxkDAAIB", "has_spoiler": True, "show_caption_above_media": True}, ()),
    ("sendPhoto", {**TO, "reply_markup": inline(button(callback_data="b:1"))}, ("photo",)),
    ("sendVoice", {**TO, "voice": "AwACAgIAAxkDAAIB", "duration": 12}, ()),
    ("sendMediaGroup", {**TO, "media": [{"type": "photo", "media": f"attach://{n}"} for n in "ab"]}, ("a", "b")),
    ("sendMediaGroup", {**TO, "media": [{"type": "photo", "media": "A"}, {"type": "video", "media": "B"}]}, ()),
    ("sendLocation", {**TO, "latitude": 38.7223, "longitude": -9, "live_period": 0x7FFFFFFF}, ()),
    ("sendVenue", {**TO, "latitude": 38.7, "longitude": -9.1, "title": "Clinic", "address": "Rua A, 1"}, ()),
    ("sendContact", {**TO, "phone_number": "+351900000000", "first_name": "Clinic", "vcard": "BEGIN:VCARD"}, ()),
    (
        "sendPoll",
        {**TO, "question": "How was it?", "options": [{"text": "Good"}, {"text": "Bad"}], "type": "regular"},
        (),
    ),
    ("sendDice", {**TO, "emoji": "🎲"}, ()),
    ("sendRichMessage", {**TO, "rich_message": {"html": "<h1>Aftercare</h1>"}}, ()),
    (
        "sendMessage",
        {**HELLO, "reply_parameters": {"message_id": 9, "quote": "<b>Ana</b>", "quote_parse_mode": "HTML"}},
        (),
    ),
    ("answerInlineQuery", {"inline_query_id": "1", "results": [{**ARTICLE, "id": "x" * 64}], "cache_time": 0}, ()),
    ("copyMessage", {"chat_id": STAFF, "from_chat_id": 7001, "message_id": 12}, ()),
    (
        "copyMessage",
        {"chat_id": STAFF, "from_chat_id": 7001, "message_id": 12, "caption": "<b>A</b>", "parse_mode": "HTML"},
        (),
    ),
    ("copyMessages", {"chat_id": STAFF, "from_chat_id": 7001, "message_ids": [9, 10, 100]}, ()),
    ("forwardMessage", {"chat_id": STAFF, "from_chat_id": 7001, "message_id": 12}, ()),
    ("deleteMessage", {**TO, "message_id": 31}, ()),
    ("deleteMessages", {**TO, "message_ids": list(range(100, 0, -1))}, ()),
    ("pinChatMessage", {"chat_id": STAFF, "message_id": 31, "disable_notification": True}, ()),
    ("unpinChatMessage", {"chat_id": STAFF}, ()),
    ("setMyCommands", commands("start", "bookings", "help_2"), ()),
    ("setMyCommands", commands("start", scope={"type": "all_private_chats"}, language_code="pt"), ()),
    ("setMyCommands", commands("agenda", scope={"type": "chat", "chat_id": STAFF}), ()),
    ("setMyCommands", commands("agenda", scope={"type": "chat_member", "chat_id": STAFF, "user_id": 7001}), ()),
    ("setMyCommands", commands(scope={"type": "default"}), ()),
    ("deleteMyCommands", {"scope": {"type": "all_group_chats"}}, ()),
    ("getMyCommands", {}, ()),
    ("setMyDescription", {"description": ""}, ()),
    ("setMyShortDescription", {"short_description": "x" * 120, "language_code": "en"}, ()),
    ("setChatMenuButton", {"menu_button": {"type": "commands"}}, ()),
    ("setMessageReaction", {**TO, "message_id": 3, "reaction": [{"type": "emoji", "emoji": "👍"}]}, ()),
    ("sendChatAction", {**TO, "action": "typing"}, ()),
    ("sendChatAction", {**TO, "action": "record_video_note"}, ()),
    ("getFile", {"file_id": "BQACAgIAAxkBAAIB"}, ()),
    ("getChat", {"chat_id": "-1001234567890"}, ()),
    ("getChatMember", {"chat_id": STAFF, "user_id": 7001}, ()),
    ("getChatAdministrators", {"chat_id": STAFF}, ()),
    ("leaveChat", {"chat_id": STAFF}, ()),
    ("createForumTopic", {"chat_id": STAFF, "name": "Requests", "icon_color": 7322096}, ()),
]


@pytest.mark.parametrize(("method", "params", "files"), GOOD)
def test_good_request_passes_as_json_and_as_form(method: str, params: Params, files: tuple[str, ...]) -> None:
    assert check(method, params, files) == []
    assert check(method, as_form(params), files) == []


def said(**fields: object) -> tuple[str, Params]:
    return "sendMessage", {**HELLO, **fields}


def shown(*buttons: object) -> tuple[str, Params]:
    return said(reply_markup=inline(*buttons))


FAULTS: list[tuple[tuple[str, Params], str]] = [
    (("sendMesage", HELLO), "sendMesage: unknown method"),
    (("kickChatMember", {"chat_id": STAFF, "user_id": 1}), "unknown method"),
    (said(reply_to_message_id=4), "reply_to_message_id: unknown parameter"),
    (said(disable_web_page_preview=True), "disable_web_page_preview: unknown parameter"),
    (("sendMessage", {"text": "Hello"}), "chat_id: missing"),
    (("sendMessage", TO), "text: missing"),
    (("sendDocument", TO), "document: missing"),
    (("editMessageText", {**TO, "text": "x"}), "message_id: missing, required without inline_message_id"),
    (("editMessageReplyMarkup", {"message_id": 1}), "chat_id: missing, required without inline_message_id"),
    (("setMyCommands", {"commands": [{"command": "start"}]}), "commands[0].description: missing"),
    (("setMyCommands", commands("start", scope={"type": "chat"})), "scope.chat_id: missing"),
    (said(chat_id="clinic"), "chat_id: 'clinic' is neither a number nor an @username"),
    (said(disable_notification="perhaps"), "disable_notification: expected Boolean, got 'perhaps'"),
    (("deleteMessage", {**TO, "message_id": "last"}), "message_id: expected Integer, got 'last'"),
    (("deleteMessage", {**TO, "message_id": 1.5}), "message_id: expected Integer, got 1.5"),
    (("deleteMessage", {**TO, "message_id": None}), "message_id: expected Integer, got None"),
    (("deleteMessage", {**TO, "message_id": True}), "message_id: expected Integer, got True"),
    (("deleteMessages", {**TO, "message_ids": 5}), "message_ids: expected Array of Integer, got 5"),
    (("deleteMessages", {**TO, "message_ids": [1, "2"]}), "message_ids[1]: expected Integer, got '2'"),
    (("deleteMessages", {**TO, "message_ids": [[1]]}), "message_ids[0]: expected Integer, got [1]"),
    (said(reply_markup="inline"), "reply_markup: expected InlineKeyboardMarkup or"),
    (said(link_preview_options=True), "link_preview_options: expected LinkPreviewOptions, got True"),
    (said(link_preview_options={"disabled": True}), "link_preview_options.disabled: unknown parameter"),
    (said(reply_parameters={"message_id": "9"}), "reply_parameters.message_id: expected Integer"),
    (said(entities=[{"type": "fat", "offset": 0, "length": 1}]), "entities[0].type: 'fat' is not one of"),
    (said(text=""), "text: 0 characters (blank), allowed are 1-4096"),
    (said(text=" \n\u200b "), "text: 4 characters (blank)"),
    (said(text="<b> </b>", parse_mode="HTML"), "text: 0 characters (blank)"),
    (said(text="x" * 4097), "text: 4097 characters, allowed are 1-4096"),
    (said(text="😀" * 2049), "text: 4098 characters"),
    (said(text="<b>" + "x" * 4097 + "</b>", parse_mode="HTML"), "text: 4097 characters"),
    (("editMessageText", {**EDIT, "text": "x" * 4097}), "text: 4097 characters"),
    (said(text="1 < 2", parse_mode="HTML"), "text: Bad Request: can't parse entities: Unsupported start tag"),
    (said(text="<b>Ana", parse_mode="HTML"), "Can't find end tag"),
    (said(text="a<br>b", parse_mode="HTML"), 'Unsupported start tag "br"'),
    (("sendPhoto", {**TO, "photo": "A", "caption": "</i>", "parse_mode": "HTML"}), "caption: Bad Request: can't parse"),
    (said(parse_mode="html5"), "parse_mode: 'html5' is not one of HTML"),
    (said(parse_mode="Markdown"), "parse_mode: 'Markdown' is not one of HTML, MarkdownV2"),
    (said(parse_mode="HTML", entities=[]), "entities: not to be used together with parse_mode"),
    (("sendPhoto", {**TO, "photo": "A", "caption": "x" * 1025}), "caption: 1025 characters, allowed are 0-1024"),
    (("answerCallbackQuery", {"callback_query_id": "1", "text": "x" * 201}), "text: 201 characters, allowed are 0-200"),
    (("answerCallbackQuery", {"text": "Done"}), "callback_query_id: missing"),
    (shown(button()), "reply_markup.inline_keyboard[0][0]: needs exactly one of callback_data, callback_game,"),
    (shown(button(callback_data="a", url="https://a.example")), "has callback_data and url"),
    (shown({"callback_data": "a"}), "inline_keyboard[0][0].text: missing"),
    (shown(button(text=" ", callback_data="a")), "a button without a text is not shown"),
    (shown(button(callback_data="x" * 65)), "callback_data: 65 bytes, allowed are 1-64"),
    (shown(button(callback_data="é" * 33)), "callback_data: 66 bytes"),
    (shown(button(callback_data="")), "callback_data: 0 bytes"),
    (shown(button(callback_data=17)), "callback_data: expected String, got 17"),
    (shown(button(callback_data="a", color="red")), "inline_keyboard[0][0].color: unknown parameter"),
    (shown(button(callback_data="a", style="red")), "style: 'red' is not one of danger, success, primary"),
    (shown(button(url="http://localhost/map")), "url: 'http://localhost/map' is no URL: Wrong HTTP URL"),
    (shown(button(url="ftp://clinic.example/map")), "is no URL: Unsupported URL protocol"),
    (shown(button(web_app={"url": "http://clinic.example"})), "web_app.url: 'http://clinic.example' is no HTTPS URL"),
    (shown("Confirm"), "inline_keyboard[0][0]: expected InlineKeyboardButton, got 'Confirm'"),
    (
        said(reply_markup={"inline_keyboard": [button(callback_data="a")]}),
        "expected Array of InlineKeyboardButton, got",
    ),
    (said(reply_markup={**inline(button(callback_data="a")), "resize_keyboard": True}), "resize_keyboard: unknown"),
    (
        said(reply_markup=keyboard({"text": "A", "request_contact": True, "request_location": True})),
        "needs at most one of",
    ),
    (
        said(reply_markup=keyboard({"text": "A", "callback_data": "b"})),
        "keyboard[0][0].callback_data: unknown parameter",
    ),
    (shown(button(callback_data="\ud83d")), "callback_data: not encoded in UTF-8"),
    (said(reply_markup=keyboard("A", " ")), "keyboard[0][1]: a button without a text is not shown"),
    (said(reply_markup=keyboard({"text": ""})), "keyboard[0][0].text: a button without a text is not shown"),
    (said(reply_markup=keyboard("A", input_field_placeholder="x" * 65)), "input_field_placeholder: 65 characters"),
    (said(reply_markup=keyboard("A", one_time_keyboard="yes")), "one_time_keyboard: expected Boolean, got 'yes'"),
    (("sendDocument", DOCUMENT), "document: attach://file0 names no file of this request"),
    (("sendDocument", {**TO, "document": ""}), "document: an empty string names no file"),
    (("sendDocument", {**TO, "document": "A", "thumbnail": "B"}), "thumbnail: must be uploaded as a new file"),
    (("setWebhook", {"url": "https://a.example", "certificate": "A"}), "certificate: must be uploaded as a new file"),
    (("sendVideoNote", {**TO, "video_note": "https://a.example/v"}), "video_note: cannot be sent by a URL"),
    (("sendMediaGroup", {**TO, "media": [{"type": "photo", "media": "A"}]}), "media: 1 items, allowed are 2-10"),
    (
        ("editMessageMedia", {**TO, "message_id": 31, "media": {"type": "gif", "media": "A"}}),
        "media.type: 'gif' is not",
    ),
    (
        ("editMessageMedia", {**TO, "message_id": 31, "media": {"media": "A"}}),
        "media.type: None is not one of animation",
    ),
    (("setMyCommands", commands("start", scope={"type": "patients"})), "scope.type: 'patients' is not one of default,"),
    (("setMyCommands", commands("Start")), "commands[0].command: 'Start' has characters outside [a-z0-9_]"),
    (("setMyCommands", commands("x" * 33)), "command: 33 characters, allowed are 1-32"),
    (("setMyCommands", commands("")), "command: 0 characters"),
    (("setMyCommands", commands(*(f"c{n}" for n in range(101)))), "commands: 101 items, allowed are 0-100"),
    (("sendChatAction", {**TO, "action": "thinking"}), "action: 'thinking' is not one of typing, upload_photo,"),
    (("getUpdates", {"limit": 101}), "limit: 101 is not within 1-100"),
    (("getUpdates", {"limit": 0}), "limit: 0 is not within 1-100"),
    (("getUpdates", {"allowed_updates": ["messages"]}), "allowed_updates: 'messages' is not a type of update"),
    (("getUpdates", {"allowed_updates": "message"}), "allowed_updates: expected Array of String, got 'message'"),
    (("setWebhook", {"url": "http://a.example"}), "url: 'http://a.example' is no HTTPS URL"),
    (("setWebhook", {"url": "https://a.example", "secret_token": "a b"}), "secret_token: 'a b' has characters outside"),
    (("setWebhook", {"url": "https://a.example", "secret_token": "x" * 257}), "secret_token: 257 characters"),
    (
        ("sendLocation", {**TO, "latitude": 1, "longitude": 2, "live_period": 59}),
        "live_period: 59 is not within 60-86400",
    ),
    (("sendLocation", {**TO, "latitude": "north", "longitude": 2}), "latitude: expected Float, got 'north'"),
    (("sendRichMessage", {**TO, "rich_message": {}}), "rich_message: needs exactly one of html, markdown; has none"),
    (
        said(reply_parameters={"message_id": 9, "quote": "<b>", "quote_parse_mode": "HTML"}),
        "quote: Bad Request: can't parse",
    ),
    (("answerInlineQuery", {"inline_query_id": "1", "results": [{**ARTICLE, "id": "x" * 65}]}), "id: 65 bytes"),
    (("sendPoll", {**TO, "question": "?", "options": [{"text": "a"}], "type": "vote"}), "is not one of quiz, regular"),
    (
        ("createNewStickerSet", {"user_id": 1, "name": "a-b", "title": "A", "stickers": STICKERS}),
        "name: 'a-b' has char",
    ),
    (("sendDice", {**TO, "emoji": "🎈"}), "emoji: '🎈' is not one of"),
    (("copyMessages", {"chat_id": 1, "from_chat_id": 2, "message_ids": [10, 9]}), "not in strictly increasing order"),
    (("deleteMessages", {**TO, "message_ids": []}), "message_ids: 0 items, allowed are 1-100"),
]
"""A request with one thing wrong, whether sent as JSON or as a form, and words of the one complaint about it."""


@pytest.mark.parametrize(("request_", "words"), FAULTS)
def test_planted_fault_is_the_one_complaint_as_json_and_as_form(request_: tuple[str, Params], words: str) -> None:
    method, params = request_
    (complaint,) = check(method, params)
    assert complaint.startswith(f"{method}: ")
    assert words in complaint
    assert check(method, as_form(params)) == [complaint]


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (said(text=5), "sendMessage: text: expected String, got 5"),
        (said(text=None), "sendMessage: text: expected String, got None"),
        (said(chat_id=7001.0), "sendMessage: chat_id: expected Integer or String, got 7001.0"),
        (said(chat_id=[7001]), "sendMessage: chat_id: expected Integer or String, got [7001]"),
        (("sendDocument", {**TO, "document": {}}), "sendDocument: document: expected InputFile or String, got {}"),
        (said(reply_markup="{"), "sendMessage: reply_markup: expected InlineKeyboardMarkup or ReplyKeyboardMarkup or "
         "ReplyKeyboardRemove or ForceReply, got '{'"),
    ],
)  # fmt: skip
def test_fault_that_only_one_encoding_can_have_is_found(request_: tuple[str, Params], complaint: str) -> None:
    assert check(*request_) == [complaint]


def test_every_fault_of_a_request_is_told() -> None:
    markup = inline(button(callback_data="x" * 65), button())
    params = {
        "chat_id": "clinic",
        "text": "<b>",
        "parse_mode": "HTML",
        "reply_to_message_id": 4,
        "reply_markup": markup,
    }
    complaints = check("sendMessage", params, ["photo"])
    paths = [complaint.split(": ")[1] for complaint in complaints]
    assert paths == [
        "reply_to_message_id",
        "chat_id",
        "text",
        "reply_markup.inline_keyboard[0][0].callback_data",
        "reply_markup.inline_keyboard[0][1]",
        "file 'photo' is sent, but nothing refers to it",
    ]


def test_what_excludes_each_other_is_told_of_both() -> None:
    poll = {**TO, "question": "When?", "options": [{"text": "10:00"}], "open_period": 5, "close_date": 1900000000}
    assert check("sendPoll", poll) == [
        "sendPoll: open_period: not to be used together with close_date",
        "sendPoll: close_date: not to be used together with open_period",
    ]


def test_an_edit_names_its_message() -> None:
    assert check("editMessageText", {"text": "Confirmed."}) == [
        "editMessageText: chat_id: missing, required without inline_message_id",
        "editMessageText: message_id: missing, required without inline_message_id",
        "editMessageText: inline_message_id: missing, required without chat_id and message_id",
    ]


def test_a_message_is_not_edited_to_a_reply_keyboard() -> None:
    assert check("editMessageText", {**EDIT, "reply_markup": keyboard("Yes")}) == [
        "editMessageText: reply_markup.keyboard: unknown parameter",
        "editMessageText: reply_markup.inline_keyboard: missing",
    ]


def test_a_file_goes_under_a_name_that_the_request_gives() -> None:
    assert check("sendDocument", DOCUMENT, ["file0"]) == []
    assert check("sendDocument", DOCUMENT, ["file1"]) == [
        "sendDocument: document: attach://file0 names no file of this request",
        "sendDocument: file 'file1' is sent, but nothing refers to it",
    ]
    assert check("sendMessage", HELLO, ["text"]) == ["sendMessage: file 'text' is sent, but nothing refers to it"]


def test_the_documentation_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert check("sendMessage", shown(button(callback_data="a"))[1]) == []
    monkeypatch.setattr(botapi, "DATA", tmp_path / "gone.json")
    assert check("sendMessage", shown(button(callback_data="a"))[1]) == []


@pytest.mark.parametrize(
    "message",
    [
        Message(7001, "Good morning, <b>Ana &amp; Rui</b>.", ((Button("Confirm", "b:17:3"), Button("Map", url=MAP)),)),
        Message(STAFF, "Noted.", reply_to=31),
        Edit(STAFF, 31, "<i>Confirmed by Marta</i>", ((Button("Undo", "u:17:4"),),)),
    ],
)
def test_the_products_own_messages_pass(message: Message | Edit) -> None:
    call = to_call(message)
    assert check(call.method, call.params) == []


class Wire(BaseRequest):
    """Stands for the network under python-telegram-bot, and checks what it would send."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.methods: list[str] = []

    @property
    def read_timeout(self) -> float | None:
        return None

    async def initialize(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *timeouts: object, **more: object
    ) -> tuple[int, bytes]:
        called = url.rsplit("/", 1)[1]
        data = request_data or RequestData()
        self.methods.append(called)
        self.complaints += check(called, data.json_parameters, data.multipart_data or ())
        user = {"id": 1, "is_bot": True, "first_name": "Clinic", "username": "clinic_bot"}
        message = {"message_id": 1, "date": 0, "chat": {"id": 7001, "type": "private"}}
        album = [message, message]
        result = {"getMe": user, "sendMediaGroup": album, "getUpdates": []}.get(
            called, message if called.startswith(("send", "edit")) else True
        )
        return 200, json.dumps({"ok": True, "result": result}).encode()


async def test_what_the_library_sends_passes() -> None:
    wire = Wire()
    bot = Bot("1:token", request=wire, get_updates_request=wire)
    async with bot:
        await bot.send_message(
            7001,
            "<b>Hello</b>",
            parse_mode="HTML",
            reply_markup=Inlines([[Inline("Yes", callback_data="y"), Inline("Map", url=MAP)]]),
            link_preview_options=LinkPreviewOptions(is_disabled=True),
            reply_to_message_id=5,
        )
        share = Replies([[KeyboardButton("Share my number", request_contact=True), "No"]], resize_keyboard=True)
        await bot.send_message(7001, "Your number?", reply_markup=share, disable_notification=True)
        await bot.edit_message_text("Confirmed.", 7001, 31, reply_markup=Inlines([]))
        await bot.send_document(7001, b"BEGIN:VCALENDAR", filename="visit.ics", caption="Your visit", thumbnail=b"jpeg")
        await bot.send_photo(7001, b"png")
        await bot.send_media_group(
            7001, [InputMediaPhoto(b"a", caption="<i>A</i>", parse_mode="HTML"), InputMediaPhoto("B")]
        )
        await bot.set_my_commands([BotCommand("start", "Begin")], scope=BotCommandScopeAllPrivateChats())
        await bot.answer_callback_query("43", "Done", show_alert=True)
        await bot.set_webhook("https://bot.clinic.example/t", certificate=b"pem", secret_token="x" * 32)
        await bot.get_updates(offset=5, timeout=10, allowed_updates=["message", "callback_query"])
        await bot.delete_messages(7001, [3, 4])
    assert wire.complaints == []
    assert len(wire.methods) == 12


async def test_what_the_library_sends_amiss_is_found() -> None:
    wire = Wire()
    async with Bot("1:token", request=wire, get_updates_request=wire) as bot:
        await bot.send_message(7001, "x" * 4097, reply_markup=Inlines([[Inline("Yes")]]))
    text, markup = wire.complaints
    assert text == "sendMessage: text: 4097 characters, allowed are 1-4096"
    assert markup.startswith("sendMessage: reply_markup.inline_keyboard[0][0]: needs exactly one of")
