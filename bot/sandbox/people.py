"""Acting as a person: what somebody does in a Telegram app, and the update that the bot gets of it."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from bot.delivery import markup
from bot.sandbox.params import with_found
from bot.sandbox.sending import described, file_fields, without_reply
from bot.sandbox.state import World
from bot.sandbox.world import ANONYMOUS_ADMIN, Chat, Json, User

TAP_SECONDS = 60
"""How long a tap can be answered. Telegram does not publish its limit; apps stop waiting within a minute."""


@dataclass(slots=True)
class Tap:
    """A tapped button; `answer` holds text, show_alert and url once the bot has answered."""

    id: str
    at: int
    answer: Json | None = None


class People(World):
    """What people do: every action changes the chat at once and queues the update that Telegram would."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands: dict[tuple[str, str], list[Json]] = {}
        self.texts: dict[tuple[str, str], str] = {}
        self.menu_buttons: dict[int, Json] = {}
        self._taps: dict[str, Tap] = {}
        self._tap_ids = count(4_400_000_000_000_000_001)

    # talking

    async def send_text(
        self, user_id: int, text: str, *, chat_id: int | None = None, reply_to: int | None = None
    ) -> Json:
        """Write `text` into a chat (the private one with the bot by default) and return the message."""
        return self._say(user_id, chat_id, self._typed(text), reply_to)

    async def start(self, user_id: int, payload: str = "") -> Json:
        """Press Start (a deep link's `payload` rides along), which also lifts a block; returns the message."""
        await self.unblock(user_id)
        return await self.send_text(user_id, f"/start {payload}".strip())

    async def edit_text(self, user_id: int, chat_id: int, message_id: int, text: str) -> Json:
        """Change one's own message and return it."""
        chat = self.chats[chat_id]
        message = chat.messages[message_id]
        if message.get("from", {}).get("id") != user_id:
            raise ValueError("people edit only their own messages")
        marked = with_found(markup.tidy(text))
        field = "text" if "text" in message else "caption"
        entities = "entities" if field == "text" else "caption_entities"
        changed = self.replace(
            chat,
            message,
            **{field: marked.text, entities: described(self, marked.entities) or None, "edit_date": self.now()},
        )
        self.notify_message(chat, changed, "edited_message")
        return changed

    async def send_file(
        self,
        user_id: int,
        kind: str,
        content: bytes = b"content",
        *,
        name: str = "",
        mime_type: str = "",
        caption: str = "",
        chat_id: int | None = None,
        reply_to: int | None = None,
        details: Json | None = None,
    ) -> Json:
        """Send a photo, voice, document or sticker (that is `kind`) and return the message; `details` are fields of
        a voice or sticker that differ from the usual, such as its duration or emoji.
        """
        if kind not in ("photo", "voice", "document", "sticker"):
            raise ValueError(f"people here send no {kind}")
        usual = {"photo": "image/jpeg", "voice": "audio/ogg", "sticker": "image/webp"}.get(kind, "")
        described_file = file_fields(kind, self.files.add(kind, content, name, mime_type or usual))
        if isinstance(described_file, dict) and details:
            described_file |= details
        fields: Json = {kind: described_file}
        if caption:
            fields["caption"] = caption
        return self._say(user_id, chat_id, fields, reply_to)

    async def send_location(
        self, user_id: int, latitude: float, longitude: float, *, chat_id: int | None = None
    ) -> Json:
        """Send a point on the map and return the message."""
        return self._say(user_id, chat_id, {"location": {"latitude": latitude, "longitude": longitude}}, None)

    async def send_poll(self, user_id: int, question: str, options: list[str], *, chat_id: int | None = None) -> Json:
        """Send a poll and return the message."""
        poll = {
            "id": f"{self.seq}",
            "question": question,
            "options": [
                {"text": option, "voter_count": 0, "persistent_id": str(place)} for place, option in enumerate(options)
            ],
            "total_voter_count": 0,
            "is_closed": False,
            "is_anonymous": True,
            "type": "regular",
            "allows_multiple_answers": False,
            "allows_revoting": True,
            "members_only": False,
        }
        return self._say(user_id, chat_id, {"poll": poll}, None)

    async def share_contact(self, user_id: int, phone_number: str | None = None, *, of: User | None = None) -> Json:
        """Share one's own number, or with `of` somebody else's contact, and return the message."""
        person = of or self.user(user_id)
        contact: Json = {"phone_number": phone_number or person.phone_number, "first_name": person.first_name}
        if person.last_name:
            contact["last_name"] = person.last_name
        contact["user_id"] = person.id
        return self._say(user_id, None, {"contact": contact}, None)

    async def press(self, user_id: int, label: str, *, chat_id: int | None = None) -> Json:
        """Press a button of the reply keyboard that the chat shows; raises LookupError when there is none such."""
        chat = self.chats[chat_id or user_id]
        rows = (chat.reply_keyboard or {}).get("keyboard", [])
        button = next((button for row in rows for button in row if button["text"] == label), None)
        if button is None:
            shown = [button["text"] for row in rows for button in row]
            raise LookupError(f"the keyboard shows {shown}, not {label!r}")
        if chat.reply_keyboard and chat.reply_keyboard.get("one_time_keyboard"):
            chat.reply_keyboard = None
        if button.get("request_contact"):
            return await self.share_contact(user_id)
        if button.get("request_location"):
            return await self.send_location(user_id, 51.5, -0.12, chat_id=chat.id)
        return await self.send_text(user_id, label, chat_id=chat.id)

    async def send_anonymously(self, chat_id: int, text: str, *, reply_to: int | None = None) -> Json:
        """Write into a group as an administrator who stays anonymous, and return the message."""
        chat = self.chats[chat_id]
        content = {"sender_chat": chat.as_dict(), **self._typed(text)}
        return self._speak(chat, ANONYMOUS_ADMIN, content, reply_to)

    async def post(self, chat_id: int, text: str) -> Json:
        """Post into a channel and return the message."""
        chat = self.chats[chat_id]
        message = self.show(chat, None, {"sender_chat": chat.as_dict(), **self._typed(text)})
        self.notify_message(chat, message, "channel_post")
        return message

    def send_raw_update(self, update: Json) -> int:
        """Queue an update as it stands, however broken, and return its id (given one unless it has one)."""
        return self.feed.add_raw(update)

    def _typed(self, text: str) -> Json:
        """Return text as somebody typed it: trimmed, with the entities that Telegram finds by itself."""
        marked = with_found(markup.tidy(text))
        if not marked.text:
            raise ValueError("an app sends no empty message")
        if not marked.entities:
            return {"text": marked.text}
        return {"text": marked.text, "entities": described(self, marked.entities)}

    def _say(self, user_id: int, chat_id: int | None, content: Json, reply_to: int | None) -> Json:
        user, chat = self.user(user_id), self.chats[chat_id or user_id]
        if chat.migrated_to is not None:
            chat = self.chats[chat.migrated_to]
        if chat.user is not None and (user.blocked or chat.user is not user):
            raise ValueError("the app lets nobody write here: unblock the bot first, or choose one's own chat")
        if chat.status_of(user_id) in ("left", "kicked"):
            raise ValueError(f"{user_id} is not in the chat {chat.id}")
        user.started = user.started or chat.user is user
        return self._speak(chat, user.as_dict(), content, reply_to)

    def _speak(self, chat: Chat, sender: Json, content: Json, reply_to: int | None) -> Json:
        if reply_to is not None:
            content = {**content, "reply_to_message": without_reply(chat.messages[reply_to])}
        message = self.show(chat, sender, content)
        self.notify_message(chat, message)
        return message

    # buttons

    async def tap(self, user_id: int, chat_id: int, message_id: int, data: str) -> Tap:
        """Tap an inline button. The data is not compared with the message's buttons: old keyboards and altered
        apps send what they like, and a message deleted meanwhile arrives as inaccessible.
        """
        user, chat = self.user(user_id), self.chats[chat_id]
        tap = Tap(str(next(self._tap_ids)), self.now())
        while self._taps and not self._is_open(next(iter(self._taps.values()))):
            del self._taps[next(iter(self._taps))]  # the oldest come first; looking at all of them would add up
        self._taps[tap.id] = tap
        message = chat.messages.get(message_id)
        if message is None:
            message = {"chat": chat.as_dict(), "message_id": message_id, "date": 0}
        query: Json = {
            "id": tap.id,
            "from": user.as_dict(),
            "message": message,
            "chat_instance": str(-7_000_000_000_000_000_000 - chat.id),
            "data": data,
        }
        self.feed.add("callback_query", query)
        self.changed(chat)
        return tap

    async def tap_button(self, user_id: int, label: str, *, chat_id: int | None = None) -> Tap:
        """Tap the newest inline button with this label; raises LookupError when no message shows one."""
        chat = self.chats[chat_id or user_id]
        message_id, data = self.find_button(chat.id, label)
        return await self.tap(user_id, chat.id, message_id, data)

    def find_button(self, chat_id: int, label: str) -> tuple[int, str]:
        """Return message id and data of the newest inline button with this label; raises LookupError for none."""
        shown: list[str] = []
        for message in reversed(self.chats[chat_id].messages.values()):
            for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
                for button in row:
                    if button["text"] == label and "callback_data" in button:
                        return message["message_id"], button["callback_data"]
                    shown.append(button["text"])
        raise LookupError(f"no inline button {label!r} among {shown}")

    def open_tap(self, tap_id: str) -> Tap | None:
        """Return the tap with this id if it can still be answered."""
        tap = self._taps.get(tap_id)
        return tap if tap is not None and self._is_open(tap) else None

    def _is_open(self, tap: Tap) -> bool:
        return tap.answer is None and self.now() - tap.at <= TAP_SECONDS

    # blocking, leaving, joining

    async def block(self, user_id: int) -> None:
        """Stop the bot: it is told, and can write no more."""
        self._set_blocked(user_id, blocked=True)

    async def unblock(self, user_id: int) -> None:
        """Let the bot write again; nothing happens when it was not blocked."""
        self._set_blocked(user_id, blocked=False)

    def _set_blocked(self, user_id: int, *, blocked: bool) -> None:
        user = self.user(user_id)
        if user.blocked == blocked:
            return
        user.blocked = blocked
        before, after = ("member", "kicked") if blocked else ("kicked", "member")
        self.member_update("my_chat_member", self.chats[user_id], user, self.bot, before=before, after=after)

    async def deactivate(self, user_id: int) -> None:
        """Delete the person's account; the bot is not told."""
        self.user(user_id).deactivated = True
        self.changed(state=True)

    async def join(self, chat_id: int, user_id: int) -> None:
        """Add a person, or the bot, to a group."""
        chat = self.chats[chat_id]
        member = self.bot if user_id == self.bot_id else self.user(user_id)
        by = self._someone(chat)
        before = chat.status_of(user_id)
        chat.members[user_id] = "member"
        self._tell_membership(chat, by, member, before, "member")
        message = self.service(chat, by, new_chat_members=[member.as_dict()])
        self.notify_message(chat, message)

    async def leave(self, chat_id: int, user_id: int, *, kicked: bool = False) -> None:
        """Take a person, or the bot, out of a group."""
        chat = self.chats[chat_id]
        member = self.bot if user_id == self.bot_id else self.user(user_id)
        by = self._someone(chat) if kicked or member is self.bot else member
        before = chat.status_of(user_id)
        message = self.service(chat, by, left_chat_member=member.as_dict())
        self.notify_message(chat, message)
        after = "kicked" if kicked or member is self.bot else "left"
        chat.members[user_id] = after
        self._tell_membership(chat, by, member, before, after)

    async def promote(self, chat_id: int, user_id: int) -> None:
        """Make a member, or the bot, an administrator."""
        chat = self.chats[chat_id]
        member = self.bot if user_id == self.bot_id else self.user(user_id)
        before = chat.status_of(user_id)
        chat.members[user_id] = "administrator"
        self._tell_membership(chat, self._someone(chat), member, before, "administrator")

    def _tell_membership(self, chat: Chat, by: User, member: User, before: str, after: str) -> None:
        if member is self.bot:
            self.member_update("my_chat_member", chat, by, member, before=before, after=after)
        elif chat.is_admin(self.bot_id):  # Telegram tells only administrators about others
            self.member_update("chat_member", chat, by, member, before=before, after=after)
        else:
            self.changed(chat, state=True)

    def _someone(self, chat: Chat) -> User:
        """Return who acts for the group: its creator, else anybody in it."""
        people = sorted(
            (user_id for user_id in chat.members if user_id in self.users), key=lambda i: not chat.is_admin(i)
        )
        return self.users[people[0]] if people else self.bot

    async def upgrade_group(self, chat_id: int) -> Chat:
        """Turn a group into a supergroup with a new id, as Telegram does by itself; returns the new chat."""
        old = self.chats[chat_id]
        new = self._new_chat("supergroup", old.title or "")
        new.members = dict(old.members)
        by = self._someone(old)
        self.notify_message(old, self.service(old, by, migrate_to_chat_id=new.id))
        old.migrated_to = new.id
        message = self.show(new, ANONYMOUS_ADMIN, {"sender_chat": new.as_dict(), "migrate_from_chat_id": old.id})
        self.notify_message(new, message)
        return new
