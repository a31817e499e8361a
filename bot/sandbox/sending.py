"""The Bot API's methods that send, change and delete messages."""

from collections.abc import Callable
from typing import Any

from bot.delivery.markup import Entity, Marked
from bot.sandbox import keyboards
from bot.sandbox.params import Params
from bot.sandbox.state import TYPING_SECONDS, World
from bot.sandbox.world import Chat, Json, Refusal, StoredFile, Upload

Method = Callable[[World, Params], Any]

DELETABLE_SECONDS = 48 * 3600
"""How old a message may be for a bot to delete it (Bot API: deleteMessage)."""
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
_UPLOADS = ("photo", "video", "voice", "document", "video_note")
_CHAT_ACTIONS = {"typing", "choose_sticker", "find_location", "record_video", "record_voice", "record_video_note"}
_CHAT_ACTIONS |= {f"upload_{kind}" for kind in _UPLOADS}
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
_CAPTIONED = ("photo", "document", "voice", "audio", "video", "animation")
_MEDIA = (*_CAPTIONED, "contact", "venue", "location", "sticker", "poll")
SERVICE = (
    "new_chat_members",
    "left_chat_member",
    "group_chat_created",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "pinned_message",
)
"""The fields of service messages: shown, and neither copied nor edited."""


def described(world: World, entities: tuple[Entity, ...]) -> list[Json]:
    """Return entities as the Bot API sends them, mentioned people with their names."""
    result = []
    for entity in entities:
        fields = entity.as_dict()
        if entity.user_id is not None and (user := world.users.get(entity.user_id)):
            fields["user"] = user.as_dict()
        result.append(fields)
    return result


def worded(world: World, marked: Marked, field: str = "text") -> Json:
    """Return a message's text or caption with its entities, as fields; a field without content is None."""
    entities = "entities" if field == "text" else "caption_entities"
    return {field: marked.text or None, entities: described(world, marked.entities) or None}


def without_reply(message: Json) -> Json:
    """Return a message as it stands inside another one: without the message that it answers itself."""
    return {name: value for name, value in message.items() if name != "reply_to_message"}


def _post(world: World, params: Params, content: Callable[[], Json]) -> Json:
    """Check the frame of a message (markup, chat, reply) and show it."""
    keyboard = keyboards.read(params)
    chat = world.writable_chat(params)
    return _show(world, chat, params, {**content(), **_reply(chat, params)}, keyboard)


def _show(world: World, chat: Chat, params: Params, content: Json, keyboard: Json | None) -> Json:
    fields = {name: value for name, value in content.items() if value is not None}
    if params.flag("protect_content"):
        fields["has_protected_content"] = True
    if keyboard is not None:
        keyboards.check_private(keyboard, private=chat.user is not None)
        if "inline_keyboard" in keyboard:
            fields["reply_markup"] = keyboard
    if chat.type == "channel":
        message = world.show(chat, None, {"sender_chat": chat.as_dict(), **fields})
    else:
        message = world.show(chat, world.bot_dict, fields)
    if keyboard is not None and "inline_keyboard" not in keyboard:
        chat.keyboards[message["message_id"]] = keyboard
        chat.reply_keyboard = None if "remove_keyboard" in keyboard else keyboard
    chat.typing_until = 0.0
    chat.unread += 1
    return message


def _reply(chat: Chat, params: Params) -> Json:
    wanted = params.data("reply_parameters", "ReplyParameters")
    if wanted is None:
        number, optional = params.number("reply_to_message_id"), params.flag("allow_sending_without_reply")
    elif not isinstance(wanted, dict) or not isinstance(wanted.get("message_id"), int):
        raise Refusal('can\'t find field "message_id"')
    else:
        number, optional = wanted["message_id"], bool(wanted.get("allow_sending_without_reply"))
    if not number:
        return {}
    if (replied := chat.messages.get(number)) is not None:
        return {"reply_to_message": without_reply(replied)}
    if optional:
        return {}
    raise Refusal("message to be replied not found")


def send_message(world: World, params: Params) -> Json:
    """Send text."""
    marked = params.message_text()
    return _post(world, params, lambda: worded(world, marked))


def _sends_file(kind: str) -> Method:
    def method(world: World, params: Params) -> Json:
        given = params.upload(kind, kind)
        marked = params.caption()
        return _post(world, params, lambda: {**_media(world, kind, given), **worded(world, marked, "caption")})

    method.__doc__ = f"Send a {kind} with an optional caption."
    return method


def _media(world: World, kind: str, given: Upload | str) -> Json:
    """Store an upload, or find the file that is sent again, and describe it as a message's field."""
    if isinstance(given, Upload):
        if kind == "photo" and not given.content.startswith(_PICTURES):
            raise Refusal("IMAGE_PROCESS_FAILED")
        stored = world.files.add(kind, given.content, given.filename, given.mime_type)
    elif (found := world.files.by_id(given)) is not None:
        stored = found
    else:
        raise Refusal("wrong file identifier/HTTP URL specified")
    return {kind: file_fields(kind, stored)}


def file_fields(kind: str, stored: StoredFile) -> Json | list[Json]:
    """Return a file as the Bot API describes it in a message."""
    fields: Json = {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.content),
    }
    match kind:
        case "photo":
            width, height = _picture_size(stored.content)
            return [{**fields, "width": width, "height": height}]
        case "voice":
            return {**fields, "duration": 3, "mime_type": "audio/ogg"}
        case "sticker":
            shape = {"width": 512, "height": 512, "is_animated": False, "is_video": False, "type": "regular"}
            return {**fields, **shape, "emoji": "🙂"}
        case _:
            return {**fields, "file_name": stored.name, "mime_type": stored.mime_type}


def _picture_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG; other pictures are taken for 800 x 600."""
    if content.startswith(_PICTURES[0]) and len(content) >= 24:
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    return 800, 600


def _album_item(world: World, params: Params, item: Json) -> Json:
    kind = item.get("type", "")
    if kind not in ("photo", "document", "video", "audio"):
        raise Refusal("can't use the media of the specified type in the album")
    caption = Params(
        {
            "caption": item.get("caption"),
            "parse_mode": item.get("parse_mode"),
            "caption_entities": item.get("caption_entities"),
        },
        {},
    ).caption()
    given = params.attached(item.get("media"), "media", kind)
    return {**_media(world, kind, given), **worded(world, caption, "caption")}


def send_media_group(world: World, params: Params) -> list[Json]:
    """Send 2 to 10 pictures or files as an album."""
    items = params.objects("media", "media")
    if not 1 <= len(items) <= 10:
        raise Refusal("there must be 1 to 10 media in the album" if items else "media is empty")
    chat = world.writable_chat(params)
    reply = _reply(chat, params)
    contents = [_album_item(world, params, item) for item in items]
    album = f"{chat.id}{world.seq}"
    return [_show(world, chat, params, {"media_group_id": album, **content, **reply}, None) for content in contents]


def send_contact(world: World, params: Params) -> Json:
    """Send a phone contact."""
    if "phone_number" not in params:
        raise Refusal("phone number is empty")
    if "first_name" not in params:
        raise Refusal("first name is empty")
    names = ("phone_number", "first_name", "last_name", "vcard")
    return _post(world, params, lambda: {"contact": {name: params.text(name) for name in names if name in params}})


def _place(params: Params) -> Json:
    latitude, longitude = params.real("latitude"), params.real("longitude")
    for name, value, limit in (("latitude", latitude, 90.0), ("longitude", longitude, 180.0)):
        if value is None:
            raise Refusal(f"{name} is empty")
        if not -limit <= value <= limit:
            raise Refusal("wrong location specified")
    return {"latitude": latitude, "longitude": longitude}


def send_location(world: World, params: Params) -> Json:
    """Send a point on the map."""
    place = _place(params)
    return _post(world, params, lambda: {"location": place})


def send_venue(world: World, params: Params) -> Json:
    """Send a place with its name and address; Telegram repeats the point as the message's location."""
    place = _place(params)
    for name in ("title", "address"):
        if name not in params:
            raise Refusal(f"venue {name} is empty" if name == "title" else "venue address is empty")
    venue = {"location": place, "title": params.text("title"), "address": params.text("address")}
    return _post(world, params, lambda: {"venue": venue, "location": place})


def send_chat_action(world: World, params: Params) -> bool:
    """Show "typing…" for five seconds, or until a message arrives."""
    if params.text("action").lower() not in _CHAT_ACTIONS:
        raise Refusal("wrong parameter action in request")
    chat = world.writable_chat(params)
    chat.typing_until = world.clock.now().timestamp() + TYPING_SECONDS
    world.changed(chat)
    return True


def _original(world: World, params: Params, purpose: str) -> Json:
    source = world.chat_of(params, "from_chat_id")
    message = source.messages.get(params.message_id())
    if message is None:
        raise Refusal(f"message to {purpose} not found")
    if any(field in message for field in SERVICE):
        raise Refusal(f"message can't be {'copied' if purpose == 'copy' else 'forwarded'}")
    return message


def _content(message: Json) -> Json:
    kept = ("text", "entities", "caption", "caption_entities", *_MEDIA)
    return {name: message[name] for name in kept if name in message}


def copy_message(world: World, params: Params) -> Json:
    """Send a message again as the bot's own, with another caption if one is given; returns its id only."""
    original = _original(world, params, "copy")
    content = _content(original)
    if "caption" in params and any(kind in original for kind in _CAPTIONED):
        content |= worded(world, params.caption(), "caption")
    return {"message_id": _post(world, params, lambda: content)["message_id"]}


def forward_message(world: World, params: Params) -> Json:
    """Send a message again, saying who wrote it."""
    original = _original(world, params, "forward")
    if original.get("has_protected_content"):
        raise Refusal("message can't be forwarded")
    if author := original.get("from"):
        origin = {"type": "user", "sender_user": author, "date": original["date"]}
    else:
        origin = {"type": "channel", "chat": original["chat"], "date": original["date"]}
        origin["message_id"] = original["message_id"]
    return _post(world, params, lambda: {**_content(original), "forward_origin": origin})


# changing


def _edit(world: World, params: Params, content: Callable[[Json], Json]) -> Json:
    """Change one of the bot's messages; its inline keyboard is the given one, or goes."""
    keyboard = keyboards.read_inline(params)
    if "inline_message_id" in params:
        raise Refusal("MESSAGE_ID_INVALID")
    chat = world.writable_chat(params)
    message = world.own_message(chat, params.message_id(), "edit")
    if message["message_id"] in chat.keyboards:
        raise Refusal("message can't be edited")  # Bot API, "Updating messages": only without or with inline keyboards
    fresh = {**content(message), "reply_markup": keyboard}
    if all(message.get(name) == value for name, value in fresh.items()):
        raise Refusal(_NOT_MODIFIED)
    number = message["message_id"]
    chat.relabelled.discard(number)
    if all(message.get(name) == value for name, value in fresh.items() if name != "reply_markup"):
        chat.relabelled.add(number)
    return world.replace(chat, message, **fresh, edit_date=world.now())


def edit_message_text(world: World, params: Params) -> Json:
    """Change a message's text."""
    marked = params.message_text()

    def content(message: Json) -> Json:
        if "text" not in message:
            raise Refusal("there is no text in the message to edit")
        return worded(world, marked)

    return _edit(world, params, content)


def edit_message_caption(world: World, params: Params) -> Json:
    """Change or remove the caption of a picture or file."""
    marked = params.caption()

    def content(message: Json) -> Json:
        if not any(kind in message for kind in _CAPTIONED):
            raise Refusal("there is no caption in the message to edit")
        return worded(world, marked, "caption")

    return _edit(world, params, content)


def edit_message_reply_markup(world: World, params: Params) -> Json:
    """Change or remove a message's inline keyboard."""
    return _edit(world, params, lambda message: {})


def edit_message_media(world: World, params: Params) -> Json:
    """Put another picture or file, with its caption, in the place of a message's own."""
    item = params.data("media", "InputMedia")
    if not isinstance(item, dict):
        raise Refusal("media is empty" if item is None else "can't parse InputMedia: Object expected")
    fresh = _album_item(world, params, item)

    def content(message: Json) -> Json:
        if any(kind in message for kind in ("contact", "location", "venue", "poll")):
            raise Refusal("message can't be edited")
        return {**dict.fromkeys((*_CAPTIONED, "text", "entities")), **fresh}

    return _edit(world, params, content)


def _check_deletable(world: World, chat: Chat, message: Json) -> None:
    own = message.get("from", {}).get("id") == world.bot_id
    if not own and chat.user is None and not chat.is_admin(world.bot_id):
        raise Refusal("message can't be deleted")
    if world.now() - message["date"] > DELETABLE_SECONDS:
        raise Refusal("message can't be deleted for everyone")


def delete_message(world: World, params: Params) -> bool:
    """Delete a message within 48 hours: the bot's own, any in a private chat, any where the bot administers."""
    chat = world.chat_of(params)
    number = params.message_id()
    if (message := chat.messages.get(number)) is None:
        raise Refusal("message to delete not found")
    _check_deletable(world, chat, message)
    world.remove(chat, number)
    return True


def delete_messages(world: World, params: Params) -> bool:
    """Delete 1 to 100 messages; those that are not found are skipped."""
    chat = world.chat_of(params)
    numbers = params.data("message_ids", "message identifiers")
    if not isinstance(numbers, list) or not numbers:
        raise Refusal("message identifiers are not specified")
    if len(numbers) > 100:
        raise Refusal("too many message identifiers specified")
    found = [chat.messages[number] for number in numbers if number in chat.messages]
    for message in found:
        _check_deletable(world, chat, message)
    for message in found:
        world.remove(chat, message["message_id"])
    return True


def pin_chat_message(world: World, params: Params) -> bool:
    """Pin a message; in a group the bot must be an administrator."""
    chat = world.chat_of(params)
    _check_pins(world, chat)
    number = params.message_id()
    if number not in chat.messages:
        raise Refusal("message to pin not found")
    if number not in chat.pinned:
        chat.pinned.append(number)
        world.changed(chat)
    return True


def unpin_chat_message(world: World, params: Params) -> bool:
    """Unpin a message, the latest pinned one by default."""
    chat = world.chat_of(params)
    _check_pins(world, chat)
    number = params.number("message_id", chat.pinned[-1] if chat.pinned else 0)
    if number not in chat.pinned:
        raise Refusal("message to unpin not found")
    chat.pinned.remove(number)
    world.changed(chat)
    return True


def unpin_all_chat_messages(world: World, params: Params) -> bool:
    """Unpin everything."""
    chat = world.chat_of(params)
    _check_pins(world, chat)
    chat.pinned.clear()
    world.changed(chat)
    return True


def _check_pins(world: World, chat: Chat) -> None:
    if chat.user is None and not chat.is_admin(world.bot_id):
        raise Refusal("not enough rights to manage pinned messages in the chat")


def set_message_reaction(world: World, params: Params) -> bool:
    """React to a message with at most one emoji, or take the reaction back."""
    chat = world.chat_of(params)
    number = params.message_id()
    if number not in chat.messages:
        raise Refusal("message to react not found")
    reactions = params.objects("reaction", "ReactionType")
    if len(reactions) > 1 or any(not item.get("emoji") for item in reactions):
        raise Refusal("REACTION_INVALID")
    chat.reactions[number] = [item["emoji"] for item in reactions]
    world.changed(chat)
    return True


METHODS: dict[str, Method] = {
    "sendmessage": send_message,
    "sendphoto": _sends_file("photo"),
    "senddocument": _sends_file("document"),
    "sendvoice": _sends_file("voice"),
    "sendmediagroup": send_media_group,
    "sendcontact": send_contact,
    "sendlocation": send_location,
    "sendvenue": send_venue,
    "sendchataction": send_chat_action,
    "copymessage": copy_message,
    "forwardmessage": forward_message,
    "editmessagetext": edit_message_text,
    "editmessagecaption": edit_message_caption,
    "editmessagereplymarkup": edit_message_reply_markup,
    "editmessagemedia": edit_message_media,
    "deletemessage": delete_message,
    "deletemessages": delete_messages,
    "pinchatmessage": pin_chat_message,
    "unpinchatmessage": unpin_chat_message,
    "unpinallchatmessages": unpin_all_chat_messages,
    "setmessagereaction": set_message_reaction,
}
"""Methods by their names in small letters: the Bot API does not care about case."""

COUNTED = frozenset(
    ("sendmessage", "sendphoto", "senddocument", "sendvoice", "sendmediagroup", "sendcontact", "sendlocation")
) | {"sendvenue", "copymessage", "forwardmessage"}
"""The methods that flood control counts as messages."""
